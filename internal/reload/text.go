package reload

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/render"
)

// document is the configuration as a frr.conf with its digest.
func (c *config) document() render.Document {
	text := c.text()
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text)))
	return render.Document{Text: render.DigestComment + digest + "\n" + text, Digest: digest}
}

// text is the configuration as a frr.conf.
func (c *config) text() string {
	var out strings.Builder
	c = c.copyOf(func(b *block) []string { return slices.Clone(b.lines) })
	list, _ := instances(c)
	for _, in := range list {
		groups := in.memberships()
		on := defaultFamilies(in.block.lines)
		for _, f := range slices.Sorted(maps.Keys(on)) {
			has := setOf(neighborLines(in.family(f)))
			for _, id := range in.neighbors() {
				if active := "neighbor " + id + " activate"; on[f] && groups[id] == "" && !has[active] {
					c.move("no "+active, in.within(f)...)
				}
			}
		}
		in.groupsFirst()
	}
	out.WriteString("frr defaults traditional\n") // what the profile datacenter has otherwise is written out
	for _, l := range c.top {
		if strings.HasPrefix(l, "frr defaults ") {
			continue
		}
		out.WriteString(l + "\n")
	}
	for _, b := range c.blocks {
		for depth, header := range b.context {
			out.WriteString(strings.Repeat(" ", depth) + header)
			if notation := c.notations[header]; depth == 0 && notation != "" {
				out.WriteString(" as-notation " + notation)
			}
			out.WriteString("\n")
		}
		for _, l := range b.lines {
			out.WriteString(strings.Repeat(" ", len(b.context)) + l + "\n")
		}
		for depth := len(b.context) - 1; depth >= 0; depth-- {
			out.WriteString(strings.Repeat(" ", depth) + exit(b.context[depth]) + "\n") // vtysh reads "end" over
		}
	}
	return out.String()
}

// groupsFirst orders the lines of an instance as FRR prints them: its own, those of groups, of other neighbors, and listen ranges.
func (in *instance) groupsFirst() {
	groups := map[string]bool{}
	for _, id := range in.neighbors() {
		groups[id] = in.isGroup(id)
	}
	rank := func(l string) int {
		group, known := groups[neighborOf(l)]
		switch {
		case rangeGroup(l) != "":
			return 3
		case known && !group:
			return 2
		case known:
			return 1
		}
		return 0
	}
	for _, b := range in.config.blocks {
		if b.context[0] == in.header {
			slices.SortStableFunc(b.lines, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
		}
	}
}

// exit is the word that leaves a block and nothing else.
func exit(header string) string {
	switch first, _, _ := strings.Cut(header, " "); first {
	case "address-family", "vni", "link-params", "vrf":
		return "exit-" + first
	}
	return "exit"
}

// isNumber tells whether a word is a decimal number.
func isNumber(word string) bool {
	return word != "" && strings.Trim(word, "0123456789") == ""
}
