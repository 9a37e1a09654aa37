package reload

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// filterPrefixes begin the lines of lists at the top that bgpd holds.
var filterPrefixes = []string{
	"ip prefix-list ", "ipv6 prefix-list ", "access-list ", "ipv6 access-list ", "bgp as-path access-list ", "bgp community-list ",
	"bgp large-community-list ", "bgp extcommunity-list ",
}

func isFilter(line string) bool {
	for _, p := range filterPrefixes {
		if strings.HasPrefix(line, p) {
			return true
		}
	}
	return false
}

// filterKey is what a line gives a value to: a number of a list, or its remark. FRR overwrites it in place.
func filterKey(line string) string {
	words := strings.Fields(line)
	for i, w := range words {
		switch w {
		case "seq":
			return strings.Join(words[:min(i+2, len(words))], " ")
		case "description", "remark":
			return strings.Join(words[:i+1], " ")
		case "permit", "deny":
			return line
		}
	}
	return line
}

func filters(c *config) []string {
	var out []string
	for _, l := range c.top {
		if isFilter(l) {
			out = append(out, l)
		}
	}
	return out
}

func putFilters(b *builder, put []string) {
	for _, l := range put {
		b.filter(nil, l, Soft)
	}
}

func dropFilters(b *builder, drop []string) {
	for _, l := range drop {
		b.filter(nil, undoFilter(l), Soft)
	}
}

// undoFilter takes an entry back. A description takes no argument then.
func undoFilter(l string) string {
	words := strings.Fields(l)
	if i := slices.Index(words, "description"); i == 3 && words[1] == "prefix-list" {
		words = words[:4]
	}
	return "no " + strings.Join(words, " ")
}

// filterName is the name of the list that a line belongs to.
func filterName(l string) string {
	words := strings.Fields(l)
	for i, w := range words {
		switch w {
		case "prefix-list", "access-list", "standard", "expanded":
			if i+1 < len(words) && words[i+1] != "standard" && words[i+1] != "expanded" {
				return words[i+1]
			}
		}
	}
	return words[min(2, len(words)-1)]
}

// mgmtds are the daemons that have their filters from mgmtd, where it runs.
var mgmtds = map[vtysh.Daemon]bool{vtysh.Zebra: true, vtysh.Staticd: true, "ripd": true, "ripngd": true}

// dropCopies removes what other daemons hold of lists and route-maps that are not wanted: "vtysh -b" gives them to every daemon at FRR's start,
// and those who look at FRR would see them for ever. What a daemon's own configuration refers to stays, unless that is the document's too.
func dropCopies(b *builder, running Running, wanted *config) {
	holders := maps.Clone(running.Others)
	if holders == nil {
		holders = map[vtysh.Daemon]string{}
	}
	if running.BFDD != running.BGPD { // a file stands for all daemons
		holders[vtysh.BFDD] = running.BFDD
	}
	_, managed := holders[vtysh.Mgmtd]
	want, lists := map[string]bool{}, map[string]bool{}
	for _, l := range filters(wanted) {
		want[l] = true
		want[withoutNumber(l)] = true
		lists[listOf(l)] = true
	}
	reached := b.reach()
	for _, d := range slices.Sorted(maps.Keys(holders)) {
		if managed && mgmtds[d] {
			continue
		}
		held := running.texts.read(holders[d])
		var used map[string]bool
		if !running.Whole {
			used = usedNames(held)
			if d == vtysh.Mgmtd {
				for m := range mgmtds {
					maps.Copy(used, usedNames(running.texts.read(holders[m])))
				}
			}
		}
		seen := map[string]bool{}
		for _, l := range filters(held) {
			if want[l] || want[withoutNumber(l)] || reached.takes(l) || used[filterName(l)] {
				continue
			}
			gone := l
			if name := listOf(l); !lists[name] && northboundList(name) {
				gone = name
			}
			if !seen[gone] {
				seen[gone] = true
				b.add(Command{Daemon: d, Line: vtysh.Line(undoFilter(gone)), Effect: None, Filter: true})
			}
		}
		b.dropMapCopies(d, held, wanted, reached, used)
	}
}

// usedNames are the words of a daemon's lines that are no filters, and of the route-maps that those name.
func usedNames(c *config) map[string]bool {
	used := map[string]bool{}
	use := func(lines ...string) {
		for _, l := range lines {
			for _, w := range strings.Fields(l) {
				used[w] = true
			}
		}
	}
	for _, l := range c.top {
		if !isFilter(l) {
			use(l)
		}
	}
	for _, b := range c.blocks {
		if !strings.HasPrefix(b.context[0], "route-map ") {
			use(b.lines...)
		}
	}
	list, _ := entries(c)
	for range 4 { // maps call maps
		for _, e := range list {
			if used[e.id.name] {
				use(e.block.lines...)
			}
		}
	}
	return used
}

// reach is what the plan sends to all daemons: each line, and what it gives a value to, in a list or, after its entry's name, in a route-map.
type reach map[string]bool

func (b *builder) reach() reach {
	out := reach{}
	for _, c := range b.commands {
		if !c.Filter || c.Daemon != vtysh.All {
			continue
		}
		line := c.Line.Reveal()
		out[line] = true
		if len(c.Context) > 0 {
			out[c.Of+"\n"+routeMapKey(line)] = true
		} else {
			out[filterKey(line)] = true
		}
	}
	return out
}

// takes tells whether one of them takes the place of an entry, or removes it.
func (r reach) takes(l string) bool {
	return len(r) > 0 && (r[filterKey(l)] || r[undoFilter(l)] || r[undoFilter(listOf(l))])
}

// dropMapCopies removes entries that are not wanted, and lines of entries that are.
func (b *builder) dropMapCopies(d vtysh.Daemon, held, wanted *config, reached reach, used map[string]bool) {
	list, _ := entries(held)
	want, byID := entries(wanted)
	names := mapNames(want)
	gone := map[string]bool{}
	for _, e := range list {
		if used[e.id.name] {
			continue
		}
		w, ok := byID[e.id]
		switch whole, one := "no route-map "+e.id.name, fmt.Sprintf("no route-map %s %s %s", e.id.name, e.action, e.id.sequence); {
		case !ok && !names[e.id.name]:
			if !gone[whole] && !reached[whole] {
				gone[whole] = true
				b.add(Command{Daemon: d, Line: vtysh.Line(whole), Effect: None, Filter: true})
			}
		case !ok || w.action != e.action:
			if !reached[one] && !reached[w.headerOr()] {
				b.add(Command{Daemon: d, Line: vtysh.Line(one), Effect: None, Filter: true})
			}
		default:
			for _, l := range e.block.lines {
				if slices.Contains(w.block.lines, l) || reached[w.block.header()+"\n"+routeMapKey(l)] {
					continue
				}
				b.add(Command{Daemon: d, Context: lines(w.block.context), Line: vtysh.Line(undoMapLine(l)), Effect: None, Filter: true})
			}
		}
	}
}

func (e entry) headerOr() string {
	if e.block == nil {
		return ""
	}
	return e.block.header()
}

// withoutNumber is an entry of a list without its sequence number.
func withoutNumber(l string) string {
	words := strings.Fields(l)
	if i := slices.Index(words, "seq"); i > 0 && i+1 < len(words) {
		words = slices.Delete(words, i, i+2)
	}
	return strings.Join(words, " ")
}
