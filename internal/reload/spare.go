package reload

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// Spare returns the wanted document with some neighbors as another document has them, with their groups and what they refer to: what has been
// of them before goes on, and everything else is as wanted. Which neighbors is asked for with those, as plans name them, that a change from
// one document to the other would reset. left are the digests of the plans that are left out, by neighbor.
func (e *Engine) Spare(ctx context.Context, before, wanted render.Document, which func(resets []string) []string) (out render.Document, left map[string]string, err error) {
	running := Running{BGPD: before.Text, BFDD: before.Text, Previous: before.Text, texts: &e.texts}
	if running.Version, err = vtysh.ReadVersion(ctx, e.client, vtysh.BGPD); err != nil {
		return wanted, nil, err
	}
	running.RouterIDs = e.routerIDs(ctx, before.Text)
	want := e.texts.read(wanted.Text)
	keep := which(diff(running, want).Resets())
	if len(keep) == 0 {
		return wanted, nil, nil
	}
	left = map[string]string{}
	for _, name := range keep {
		one := running
		one.BGPD = hold(running, want, []string{name}).text()
		one.BFDD, one.Previous = one.BGPD, one.BGPD
		left[name] = diff(one, want).Digest()
	}
	text := hold(running, want, keep).text()
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text)))
	return render.Document{Text: render.DigestComment + digest + "\n" + text, Digest: digest}, left, nil
}

// text is the configuration as a frr.conf.
func (c *config) text() string {
	var out strings.Builder
	c = c.copyOf(func(b *block) []string { return slices.Clone(b.lines) })
	list, _ := instances(c)
	for _, in := range list {
		groups := in.memberships()
		for f, on := range defaultFamilies(in.block.lines) {
			for _, id := range in.neighbors() {
				if active := "neighbor " + id + " activate"; on && groups[id] == "" && !slices.Contains(in.family(f), active) {
					c.move("no "+active, in.within(f)...)
				}
			}
		}
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

// exit is the word that leaves a block and nothing else.
func exit(header string) string {
	switch first, _, _ := strings.Cut(header, " "); first {
	case "address-family", "vni", "link-params", "vrf":
		return "exit-" + first
	}
	return "exit"
}
