package reload

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

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

// putCopies gives zebra the lists and route-maps that its own lines refer to, where bgpd has them already and zebra, or mgmtd for it, does not: a
// reload that was killed between two daemons leaves that.
func putCopies(b *builder, running Running, wanted *config) {
	if !running.Whole {
		return
	}
	d := vtysh.Zebra
	if _, managed := running.Others[vtysh.Mgmtd]; managed {
		d = vtysh.Mgmtd
	}
	text, runs := running.Others[d]
	used := zebraUses(wanted)
	if !runs || len(used) == 0 {
		return
	}
	held, reached := running.texts.read(text), b.reach()
	add := func(context []string, line string) {
		b.add(Command{Daemon: d, Context: lines(context), Line: vtysh.Line(line), Effect: Soft, Filter: true, Note: "bgpd has it already"})
	}
	has := map[string]bool{}
	for _, l := range filters(held) {
		has[l], has[withoutNumber(l)] = true, true
	}
	for _, l := range filters(wanted) {
		if used[filterName(l)] && begins(l, zebraLists) && !has[l] && !has[withoutNumber(l)] && !reached[filterKey(l)] {
			add(nil, l)
		}
	}
	_, holds := entries(held)
	list, _ := entries(wanted)
	for _, w := range list {
		if !used[w.id.name] {
			continue
		}
		var lack []string
		h, exists := holds[w.id]
		for _, l := range conditionsFirst(w.block.lines) {
			if begins(l, zebraTakes) && !(exists && slices.Contains(h.block.lines, l)) && !reached[w.block.header()+"\n"+routeMapKey(l)] {
				lack = append(lack, l)
			}
		}
		if exists && h.action == w.action && len(lack) == 0 || reached[w.header()] {
			continue
		}
		during := w.denying() // as long as it may lack conditions
		for _, l := range lack {
			add([]string{during.header()}, l)
		}
		if w.action != during.action || len(lack) == 0 {
			add(nil, w.header())
		}
	}
}

// zebraLists and zebraTakes begin the lines of lists and of route-maps' entries that bgpd and zebra both know, and that decide in zebra (seen on
// 8.4, and on 10.3 in mgmtd).
var (
	zebraLists = []string{"ip prefix-list ", "ipv6 prefix-list ", "access-list ", "ipv6 access-list "}
	zebraTakes = []string{
		"match interface ", "match ip address ", "match ip next-hop prefix-l", "match ipv6 address ", "match metric ", "match source-protocol ",
		"match source-instance ", "match tag ", "set src ", "call ", "on-match ",
	}
)

// zebraUses are the words of zebra's own lines that may name a route-map, and of the route-maps that those name.
func zebraUses(wanted *config) map[string]bool {
	own := parse("")
	for _, l := range wanted.top {
		if isZebraPolicy(l) {
			own.top = append(own.top, l)
		}
	}
	for _, block := range wanted.blocks {
		if strings.HasPrefix(block.context[0], "route-map ") || strings.HasPrefix(block.context[0], "vrf ") && slices.ContainsFunc(block.lines, isZebraPolicy) {
			own.blocks = append(own.blocks, block)
		}
	}
	if len(own.top) == 0 && !slices.ContainsFunc(own.blocks, func(o *block) bool { return strings.HasPrefix(o.context[0], "vrf ") }) {
		return nil
	}
	return usedNames(own)
}

// isZebraPolicy tells the lines that name a route-map for what zebra installs, or for next-hop tracking.
func isZebraPolicy(l string) bool {
	words := strings.Fields(strings.TrimPrefix(l, "no "))
	return len(words) > 3 && (words[0] == "ip" || words[0] == "ipv6") && (words[1] == "protocol" || words[1] == "nht") && slices.Contains(words, "route-map")
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
