package agent

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// later stands in frr.conf before lines that FRR shall not be started with.
const later = "! when the session is up: "

// Whole is the text of a frr.conf with the lines that FRR shall not be started with.
func Whole(frrConf string) string { return strings.ReplaceAll(frrConf, " "+later, " ") }

// Waiting is a document without the BFD that waits for sessions of this FRR to come up: run gives it to them then.
func Waiting(d render.Document, state observe.State) render.Document {
	return withoutBFD(d, slices.DeleteFunc(concerned(d), func(n string) bool {
		s := find(state, n)
		return s.State == "" || s.Established() || s.BFD != ""
	}))
}

// bfdLines are the lines of BFD with one neighbor; instance is the first line of its instance.
type bfdLines struct {
	instance   string
	unnumbered bool
	mark       string // what the line is about that says that BFD waits; the last, if two do
	lines      []string
}

func (b *bfdLines) block() vtysh.Block {
	out := vtysh.Block{Context: []vtysh.Line{vtysh.Line(b.instance)}}
	for _, l := range b.lines {
		out.Lines = append(out.Lines, vtysh.Line(l))
	}
	return out
}

// patient are the neighbors of a configuration whose BFD waits for BGP, by session, with their lines of BFD: those with graceful restart, and interfaces.
func patient(text string) map[string]*bfdLines {
	all, out, block := map[string][]string{}, map[string]*bfdLines{}, ""
	if strings.Count(text, " graceful-restart") == strings.Count(text, " bgp graceful-restart") && !strings.Contains(text, " interface ") {
		return out // as most do: a long text is not taken apart for each change
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, " ") {
			block = strings.TrimSpace(line)
			continue
		}
		name, word := neighborLine(block, strings.TrimSpace(line))
		switch word {
		case "bfd":
			all[name] = append(all[name], strings.TrimSpace(line))
		case "graceful-restart", "interface":
			b := cmp.Or(out[name], &bfdLines{instance: block})
			b.mark, b.unnumbered = word, b.unnumbered || word == "interface"
			out[name] = b
		}
	}
	for n, b := range out {
		b.lines = all[n]
	}
	return out
}

// neighborLine takes a line of a neighbor apart: its session, and what the line is about. Both are empty for other lines.
func neighborLine(block, line string) (name, word string) {
	if !strings.HasPrefix(line, "neighbor ") || !strings.HasPrefix(block, "router bgp ") {
		return "", ""
	}
	words := strings.Fields(line)
	if len(words) < 3 {
		return "", ""
	}
	return session(block, words[1]), words[2]
}

// session names the session of a neighbor as observe.Session does. block is the first line of its instance.
func session(block, neighbor string) string {
	if words := strings.Fields(block); len(words) > 4 && words[3] == "vrf" { // router bgp 65000 vrf red
		return observe.Session{Neighbor: neighbor, VRF: words[4]}.String()
	}
	return neighbor
}

// concerned are the neighbors that have BFD, and whose BFD waits, sorted.
func concerned(d render.Document) []string { return slices.Sorted(maps.Keys(withBFDLines(d))) }

func withBFDLines(d render.Document) map[string]*bfdLines {
	all := patient(d.Text)
	maps.DeleteFunc(all, func(_ string, b *bfdLines) bool { return len(b.lines) == 0 })
	return all
}

func withoutBFD(d render.Document, names []string) render.Document {
	return editBFD(d, names, func(string) []string { return nil })
}

// commented is the document with lines of BFD as comments.
func commented(d render.Document, names []string) render.Document {
	return editBFD(d, names, func(line string) []string { return []string{later + line} })
}

func editBFD(d render.Document, names []string, edit func(line string) []string) render.Document {
	if len(names) == 0 {
		return d
	}
	return d.Edit(func(block, line string) []string {
		if name, word := neighborLine(block, line); word == "bfd" && slices.Contains(names, name) {
			return edit(line)
		}
		return []string{line}
	})
}

// withBFD adds lines to the neighbors whose BFD waits, where they have none.
func withBFD(d render.Document, add map[string]*bfdLines) render.Document {
	if len(add) == 0 {
		return d
	}
	have := patient(d.Text)
	return d.Edit(func(block, line string) []string {
		name, word := neighborLine(block, line)
		if have[name] == nil || word != have[name].mark || add[name] == nil || len(have[name].lines) > 0 {
			return []string{line}
		}
		return append([]string{line}, add[name].lines...)
	})
}
