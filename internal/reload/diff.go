package reload

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// Running is what FRR runs, as its daemons tell.
type Running struct {
	// BGPD and BFDD are their "show running-config".
	BGPD string
	BFDD string
	// Zebra is zebra's, of which only "ip nht" counts here.
	Zebra string
	// Previous is the document that was applied before, empty when none is known. Lines that are no daemon's of ours (static routes,
	// interfaces) are compared with it.
	Previous string
	Version  vtysh.Version
}

// Format implements fmt.Formatter: what runs may hold passwords, so only its size is printed.
func (r Running) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "running configuration of FRR %s (%d bytes)", r.Version, len(r.BGPD)+len(r.BFDD))
}

// MarshalJSON implements json.Marshaler, without the texts.
func (r Running) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprint(r)) }

// Diff returns what brings FRR to the document. It is empty when FRR runs it.
//
// The order: BFD profiles; lists and route-maps that are new or changed; instances that go; instances, with neighbors getting their
// route-maps before they are activated; then route-maps, lists and profiles that nothing refers to any more; last, what makes changed
// policies effective.
func Diff(running Running, document render.Document) Plan {
	wanted := parse(document.Text)
	bgp, bfd := parse(running.BGPD), parse(running.BFDD)
	b := builder{version: running.Version}
	changes := mapChanges{tags: map[string]map[string]bool{}}

	putNexthopTracking(&b, running, wanted)
	putOthers(&b, parse(running.Previous), wanted)
	putGlobals(&b, bgp, wanted)
	putBFD(&b, bfd, wanted)
	putLists, dropLists := filterDifference(bgp, wanted)
	putFilters(&b, putLists)
	putRouteMaps(&b, bgp, wanted, &changes)
	noteDropped(bgp, wanted, &changes)
	gone := dropInstances(&b, bgp, wanted)
	putInstances(&b, bgp, wanted, gone)
	dropRouteMaps(&b, bgp, wanted)
	dropFilters(&b, dropLists)
	dropBFD(&b, bfd, wanted)
	makeEffective(&b, bgp, wanted, gone, changes, len(putLists)+len(dropLists) > 0)
	return Plan{b.commands}
}

// putGlobals sets what bgpd has once for all instances: the delay timer of ours, and what an administrator's extras add.
func putGlobals(b *builder, running, wanted *config) {
	const timer = "bgp route-map delay-timer "
	globals := func(list []string) []string {
		var out []string
		for _, l := range list {
			if strings.HasPrefix(l, "bgp ") && !isFilter(l) {
				out = append(out, l)
			}
		}
		return out
	}
	key := func(l string) string {
		if strings.HasPrefix(l, timer) {
			return timer
		}
		return l
	}
	put, drop := difference(globals(running.top), globals(wanted.top), key)
	add := func(l, line string) {
		c := Command{Daemon: vtysh.BGPD, Line: vtysh.Line(line), Effect: None}
		if !strings.HasPrefix(l, timer) {
			c.Effect, c.Note = Soft, "not a line that this program knows"
		}
		b.add(c)
	}
	for _, l := range put {
		add(l, l)
	}
	for _, l := range drop {
		add(l, negated(l))
	}
}

// putNexthopTracking lets neighbors be reached by the default route. FRR does so by itself since 9.1, and does not print it.
func putNexthopTracking(b *builder, running Running, wanted *config) {
	if running.Version.AtLeast(9, 1) {
		return
	}
	now := parse(running.Zebra).top
	for _, l := range wanted.top {
		if isNexthopTracking(l) && !slices.Contains(now, l) {
			b.add(Command{Daemon: vtysh.Zebra, Line: vtysh.Line(l), Effect: None})
		}
	}
}

func isNexthopTracking(line string) bool {
	return strings.HasPrefix(line, "ip nht ") || strings.HasPrefix(line, "ipv6 nht ")
}

// keptWords begin lines that take effect when FRR reads its file, or that belong to whoever runs FRR: they are never sent.
var keptWords = map[string]bool{
	"frr": true, "hostname": true, "domainname": true, "log": true, "service": true, "password": true, "enable": true, "username": true,
	"line": true, "agentx": true, "zebra": true, "Building": true, "Current": true,
}

// putOthers adds and removes lines that are neither bgpd's nor bfdd's: an administrator's extras. They are compared with the document
// before, not with what runs: what others keep in FRR is theirs.
func putOthers(b *builder, previous, wanted *config) {
	now, want := others(previous), others(wanted)
	has := func(list []other, o other) bool {
		return slices.ContainsFunc(list, func(p other) bool { return p.line == o.line && slices.Equal(p.context, o.context) })
	}
	const note = "not a line that this program knows; sent to every daemon that takes it"
	for _, o := range now {
		if !has(want, o) {
			b.add(Command{Daemon: vtysh.All, Context: lines(o.context), Line: vtysh.Line(negated(o.line)), Effect: Soft, Note: note})
		}
	}
	for _, o := range want {
		if !has(now, o) {
			b.add(Command{Daemon: vtysh.All, Context: lines(o.context), Line: vtysh.Line(o.line), Effect: Soft, Note: note})
		}
	}
}

type other struct {
	context []string
	line    string
}

func others(c *config) []other {
	var out []other
	for _, l := range c.top {
		first, _, _ := strings.Cut(l, " ")
		if !keptWords[first] && !isFilter(l) && !isNexthopTracking(l) && !strings.HasPrefix(l, "bgp ") && !strings.HasPrefix(l, "no ip") {
			out = append(out, other{nil, l})
		}
	}
	for _, block := range c.blocks {
		header := block.context[0]
		if strings.HasPrefix(header, "router bgp ") || strings.HasPrefix(header, "route-map ") || header == "bfd" || strings.HasPrefix(header, "line ") {
			continue
		}
		for _, l := range block.lines {
			out = append(out, other{block.context, l})
		}
	}
	return out
}

// makeEffective has bgpd evaluate changed policies for just the neighbors that they concern: with a delay timer of 0 it would never do so
// by itself, and by its default it would after 5 seconds, for every neighbor, sending all routes again.
func makeEffective(b *builder, running, wanted *config, gone map[string]bool, changes mapChanges, lists bool) {
	_, now := instances(running)
	want, _ := instances(wanted)
	// A route that comes or goes is evaluated by itself: only what is announced before and after is concerned.
	old, next := announcedTags(running), announcedTags(wanted)
	for _, w := range want {
		if now[w.vrf] == nil || gone[w.vrf] {
			continue
		}
		established := now[w.vrf].neighbors()
		for _, family := range w.families() {
			for _, l := range wanted.get(w.header, family).lines {
				words := strings.Fields(l)
				if len(words) != 5 || words[0] != "neighbor" || words[2] != "route-map" || !slices.Contains(established, words[1]) {
					continue
				}
				id, name, direction := words[1], words[3], words[4]
				bound := slices.Contains(running.get(w.header, family).lines, l)
				if !bound {
					continue // a new binding is evaluated by itself
				}
				concerned := direction == "in" && (len(changes.tags[name]) > 0 || lists && hasConditions(wanted, name)) ||
					direction == "out" && concerns(changes.tags[name], old[w.vrf], next[w.vrf])
				if !concerned {
					continue
				}
				b.add(Command{
					Daemon: vtysh.BGPD, Exec: true, Effect: Soft, Neighbors: []string{w.named(id)},
					Line: vtysh.Line(strings.Join(strings.Fields("clear bgp "+w.vrf+" "+strings.TrimPrefix(family, "address-family ")+" "+id+" soft "+direction), " ")),
				})
			}
		}
	}
}

// concerns tells whether any route that is announced before and after has one of the tags; a change of an entry without a tag concerns
// every route.
func concerns(changed, before, after map[string]bool) bool {
	for tag := range changed {
		if tag == "" || before[tag] && after[tag] {
			return true
		}
	}
	return false
}

// hasConditions tells whether a map has more than its last entry.
func hasConditions(c *config, name string) bool {
	list, _ := entries(c)
	n := 0
	for _, e := range list {
		if e.id.name == name {
			n++
		}
	}
	return n > 1
}

// announcedTags are the tags of the routes that each instance announces, as it runs.
func announcedTags(c *config) map[string]map[string]bool {
	tagOf := map[string]string{}
	list, _ := entries(c)
	for _, e := range list {
		for _, l := range e.block.lines {
			if tag, ok := strings.CutPrefix(l, "set tag "); ok {
				tagOf[e.id.name] = tag
			}
		}
	}
	out := map[string]map[string]bool{}
	all, _ := instances(c)
	for _, in := range all {
		tags := map[string]bool{}
		for _, family := range in.families() {
			for _, l := range c.get(in.header, family).lines {
				if words := strings.Fields(l); len(words) == 4 && words[0] == "network" && words[2] == "route-map" {
					tags[tagOf[words[3]]] = true
				}
			}
		}
		out[in.vrf] = tags
	}
	return out
}
