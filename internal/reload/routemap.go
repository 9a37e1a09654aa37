package reload

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// entryID is an entry of a route-map: its name and sequence number.
type entryID struct{ name, sequence string }

// entry is an entry as it stands.
type entry struct {
	id     entryID
	action string
	block  *block
}

// entries lists the route-map entries of a configuration.
func entries(c *config) (list []entry, byID map[entryID]entry) {
	byID = map[entryID]entry{}
	for _, b := range c.of("route-map ") {
		words := strings.Fields(b.context[0])
		if len(words) != 4 {
			continue
		}
		e := entry{entryID{words[1], words[3]}, words[2], b}
		list = append(list, e)
		byID[e.id] = e
	}
	return list, byID
}

// routeMapKey is what a line of an entry is a value of: FRR holds one match of a type, one set of a type.
func routeMapKey(line string) string {
	words := strings.Fields(strings.TrimPrefix(line, "no "))
	switch {
	case len(words) > 2 && words[0] == "match" && (words[1] == "ip" || words[1] == "ipv6" || words[1] == "evpn"):
		if len(words) > 3 {
			switch words[3] {
			case "prefix-list", "prefix-len", "type", "address":
				return strings.Join(words[:4], " ")
			}
		}
		return strings.Join(words[:3], " ")
	case len(words) > 2 && words[0] == "set" && (words[1] == "extcommunity" || words[1] == "evpn"):
		return strings.Join(words[:3], " ")
	case len(words) > 3 && words[0] == "set" && (words[1] == "comm-list" || words[1] == "large-comm-list" || words[1] == "extended-comm-list"):
		return strings.Join(words[:2], " ")
	case len(words) > 3 && words[0] == "set" && words[1] == "ipv6" && words[2] == "next-hop":
		return strings.Join(words[:4], " ")
	case len(words) > 2 && words[0] == "set" && (words[1] == "ip" || words[1] == "ipv6" || words[1] == "as-path"):
		return strings.Join(words[:3], " ")
	case len(words) > 1 && (words[0] == "match" || words[0] == "set"):
		return strings.Join(words[:2], " ")
	case len(words) > 0:
		return words[0]
	}
	return line
}

// zebras begin lines of route-maps that zebra knows and bgpd does not: those for "ip protocol ... route-map".
var zebras = []string{
	"match ip address prefix-len ", "match ip next-hop prefix-len ", "match ipv6 address prefix-len ", "match ipv6 next-hop prefix-len ",
	"match source-protocol ", "match source-instance ", "set src ",
}

// grafted is bgpd's configuration with the lines that only zebra holds.
func grafted(bgp, zebra *config) *config {
	out := bgp
	list, _ := entries(zebra)
	_, mine := entries(bgp)
	for _, e := range list {
		m, ok := mine[e.id]
		if !ok || m.action != e.action {
			continue
		}
		var more []string
		for _, l := range e.block.lines {
			if begins(l, zebras) && !slices.Contains(m.block.lines, l) {
				more = append(more, l)
			}
		}
		if len(more) == 0 {
			continue
		}
		if out == bgp { // which others read too
			out = bgp.copied()
		}
		both := &block{m.block.context, slices.Concat(m.block.lines, more)}
		out.blocks[slices.Index(out.blocks, m.block)] = both
		out.byKey[strings.Join(both.context, "\n")] = both
	}
	return out
}

// changes is what a plan does to policies, for the commands that make it effective.
type changes struct {
	// tags holds the tags of entries that were added, changed or removed, by map; an entry without a tag is "".
	tags map[string]map[string]bool
	// lists are the names of lists that change.
	lists map[string]bool
	// entries are those of each map of a configuration, when they are asked for.
	entries map[*config]map[string][]entry
}

func newChanges() *changes {
	return &changes{map[string]map[string]bool{}, map[string]bool{}, map[*config]map[string][]entry{}}
}

// of returns the entries of a map of a configuration.
func (m *changes) of(c *config, name string) []entry {
	if m.entries[c] == nil {
		m.entries[c] = map[string][]entry{}
		list, _ := entries(c)
		for _, e := range list {
			m.entries[c][e.id.name] = append(m.entries[c][e.id.name], e)
		}
	}
	return m.entries[c][name]
}

func (m *changes) empty() bool { return len(m.tags)+len(m.lists) == 0 }

func (m *changes) note(e entry, lists ...[]string) {
	if m.tags[e.id.name] == nil {
		m.tags[e.id.name] = map[string]bool{}
	}
	for _, lines := range lists {
		m.tags[e.id.name][matchedTag(lines)] = true
	}
}

func (m *changes) noteLists(lists ...[]string) {
	for _, lines := range lists {
		for _, l := range lines {
			m.lists[filterName(l)] = true
		}
	}
}

// reach tells whether anything changes that a route-map refers to: lists, and maps that it calls.
func (m *changes) reach(c *config, name string) bool {
	if len(m.lists) == 0 && len(m.tags) < 2 && m.tags[name] != nil {
		return false
	}
	seen := map[string]bool{name: true}
	for todo := []string{name}; len(todo) > 0; todo = todo[1:] {
		for _, e := range m.of(c, todo[0]) {
			for _, l := range e.block.lines {
				words := strings.Fields(l)
				if called := words[len(words)-1]; words[0] == "call" && !seen[called] {
					if m.tags[called] != nil {
						return true
					}
					seen[called] = true
					todo = append(todo, called)
				}
				if len(words) > 2 && (words[0] == "match" || strings.HasSuffix(words[1], "comm-list")) {
					for _, w := range words[2:] {
						if m.lists[w] {
							return true
						}
					}
				}
			}
		}
	}
	return false
}

func matchedTag(lines []string) string {
	for _, l := range lines {
		if tag, ok := strings.CutPrefix(l, "match tag "); ok {
			return tag
		}
	}
	return ""
}

// putRouteMaps adds and changes entries, before anything refers to them. An entry without all of its conditions matches too much: one of a
// map that may be in use denies until it has them.
func putRouteMaps(b *builder, running, wanted *config, changes *changes) {
	_, now := entries(running)
	want, _ := entries(wanted)
	used := mapsInUse(running)
	for _, e := range want {
		old, exists := now[e.id]
		if !exists {
			from := len(b.commands)
			b.newEntry(e, used[e.id.name])
			for i := range b.commands[from:] {
				b.commands[from+i].AtOnce = used[e.id.name]
			}
			changes.note(e, e.block.lines)
			continue
		}
		put, drop := difference(old.block.lines, e.block.lines, routeMapKey)
		if old.action != e.action || meaning(put) || meaning(drop) {
			changes.note(e, old.block.lines, e.block.lines)
		}
		b.changeEntry(old, e, put, drop)
	}
	b.commands, b.last = append(b.commands, b.last...), nil
}

// mapsInUse are the names of route-maps that anything refers to, and of those that exist.
func mapsInUse(c *config) map[string]bool {
	used := map[string]bool{}
	list, _ := entries(c)
	for _, e := range list {
		used[e.id.name] = true
		for _, l := range e.block.lines {
			if name, ok := strings.CutPrefix(l, "call "); ok {
				used[name] = true
			}
		}
	}
	for _, b := range c.of("router bgp") {
		for _, l := range b.lines {
			for rest := l; ; {
				_, after, ok := strings.Cut(rest, "route-map ")
				if !ok {
					break
				}
				name, _, _ := strings.Cut(after, " ")
				used[name], rest = true, after
			}
		}
	}
	return used
}

// newEntry makes an entry.
func (b *builder) newEntry(e entry, used bool) {
	// Entering an entry makes it; an entry with no lines has no other command.
	if len(e.block.lines) == 0 {
		b.filter(nil, e.block.header(), None)
		return
	}
	if !used || e.action == "deny" || !conditional(e.block.lines) {
		for _, l := range conditionsFirst(e.block.lines) {
			b.entryLine(e, l, None)
		}
		return
	}
	b.closed(e, None, func() {
		for _, l := range conditionsFirst(e.block.lines) {
			if !strings.HasPrefix(l, "on-match ") {
				b.entryLine(e.denying(), l, None)
			}
		}
	})
	for _, l := range e.block.lines {
		if strings.HasPrefix(l, "on-match ") {
			b.last = append(b.last, e.command(b, l, None))
		}
	}
}

// sameKey is the line that another one takes the place of.
func sameKey(lines []string, line string) string {
	key := routeMapKey(line)
	for _, l := range lines {
		if routeMapKey(l) == key {
			return l
		}
	}
	return ""
}

// kindOfLine tells apart what FRR keeps in different places: it takes the new line, and does what one of the other kind said, or keeps both.
func kindOfLine(l string, version vtysh.Version) string {
	words := strings.Fields(l)
	value := words[len(words)-1]
	switch {
	case strings.HasPrefix(l, "set metric ") && !version.AtLeast(10, 0):
		return strings.TrimRight(value, "0123456789")
	case strings.HasPrefix(l, "set as-path prepend ") && !version.AtLeast(10, 0):
		return strconv.FormatBool(words[3] == "last-as")
	case (strings.HasPrefix(l, "set community ") || strings.HasPrefix(l, "set large-community ")) && !version.AtLeast(10, 0):
		return strconv.FormatBool(value == "none")
	case strings.HasPrefix(l, "match peer ") && !version.AtLeast(10, 0):
		return kindOfPeer(value)
	case strings.HasPrefix(l, "set ip next-hop "):
		return strconv.FormatBool(strings.Contains(value, "."))
	}
	return ""
}

// kindOfPeer is what a peer is matched by.
func kindOfPeer(value string) string {
	peer, err := netip.ParseAddr(value)
	switch {
	case value == "local":
		return value
	case err != nil:
		return "interface"
	}
	return strconv.Itoa(peer.BitLen())
}

// changeEntry changes an entry from old to e. FRR changes the action and keeps the lines, but an entry that denies goes nowhere on a match.
func (b *builder) changeEntry(old, e entry, put, drop []string) {
	goesFirst := func(l string) string {
		before := sameKey(old.block.lines, l)
		if before != "" && kindOfLine(before, b.version) != kindOfLine(l, b.version) {
			return before
		}
		return ""
	}
	unconditional := slices.ContainsFunc(put, func(l string) bool { return conditional([]string{goesFirst(l)}) })
	lines := func(e entry) {
		for _, l := range put {
			if before := goesFirst(l); before != "" {
				// To bgpd alone, since vtysh would make one transaction of this and what follows.
				undo := e.command(b, undoMapLine(before), effectOf(before))
				undo.Daemon, undo.Filter = vtysh.BGPD, false
				b.add(undo)
			}
			b.entryLine(e, l, effectOf(l))
		}
		for _, l := range drop {
			b.entryLine(e, undoMapLine(l), effectOf(l))
		}
	}
	leaves := func(list []string) bool {
		return slices.ContainsFunc(list, func(l string) bool { return strings.HasPrefix(l, "on-match ") })
	}
	switch {
	case old.action == "permit" && e.action == "deny":
		for _, l := range old.block.lines {
			if strings.HasPrefix(l, "on-match ") {
				b.entryLine(old, undoMapLine(l), Soft)
			}
		}
		b.filter(nil, e.block.header(), Soft)
		lines(e)
	case old.action == "deny" && e.action == "permit" && leaves(put):
		b.filter(nil, e.block.header(), Soft)
		lines(e)
	case old.action == "deny" && e.action == "permit":
		lines(e.denying())
		b.complete(e, Soft)
	case e.action == "permit" && (len(put)+len(drop) > 1 || unconditional) && (conditional(put) || conditional(drop)) && !leaves(old.block.lines) && !leaves(put):
		b.closed(e, Soft, func() { lines(e.denying()) })
	default:
		lines(e)
	}
}

// closed has an entry deny while it is made or changed.
func (b *builder) closed(e entry, effect Effect, change func()) {
	b.add(Command{Daemon: b.filters, Line: vtysh.Line(e.denying().header()), Effect: effect, Filter: true, Of: e.block.header()})
	change()
	b.complete(e, effect)
}

// complete has an entry permit, after all other entries were made and changed: whether FRR took them is looked at once.
func (b *builder) complete(e entry, effect Effect) {
	b.last = append(b.last, Command{Daemon: b.filters, Line: vtysh.Line(e.header()), Effect: effect, Filter: true, Of: e.block.header(), Completes: true})
}

// entryLine emits a line of an entry.
func (b *builder) entryLine(e entry, line string, effect Effect) { b.add(e.command(b, line, effect)) }

func (e entry) command(b *builder, line string, effect Effect) Command {
	return Command{Daemon: b.filters, Context: lines([]string{e.header()}), Line: vtysh.Line(line), Effect: effect, Filter: true, Of: e.block.header()}
}

// header is the line that enters the entry with its action.
func (e entry) header() string {
	return "route-map " + e.id.name + " " + e.action + " " + e.id.sequence
}

// denying is the entry with the other action, as long as it is not complete.
func (e entry) denying() entry {
	e.action = "deny"
	return e
}

// conditional tells whether any line says which routes an entry is for.
func conditional(list []string) bool {
	return slices.ContainsFunc(list, func(l string) bool { return strings.HasPrefix(l, "match ") || strings.HasPrefix(l, "call ") })
}

// filter emits a line of a list or a route-map.
func (b *builder) filter(context []vtysh.Line, line string, effect Effect) {
	b.add(Command{Daemon: b.filters, Context: context, Line: vtysh.Line(line), Effect: effect, Filter: true})
}

// undoMapLine takes a line of an entry back; some take no argument then.
func undoMapLine(l string) string {
	words := strings.Fields(l)
	switch {
	case words[0] == "description":
		return "no description"
	case words[0] == "on-match":
		return "no " + strings.Join(words[:min(2, len(words))], " ")
	case len(words) > 3 && words[1] == "as-path" && words[2] == "prepend":
		return "no set as-path prepend"
	case len(words) == 3 && words[0] == "set" && words[1] == "table":
		return "no set table" // 8.4 takes no number
	case len(words) == 3 && words[1] == "probability":
		return "no match probability" // nor 100 here
	}
	return negated(l)
}

func conditionsFirst(list []string) []string {
	var match, rest []string
	for _, l := range list {
		if strings.HasPrefix(l, "match ") {
			match = append(match, l)
		} else {
			rest = append(rest, l)
		}
	}
	return append(match, rest...)
}

func effectOf(line string) Effect {
	if strings.HasPrefix(line, "description ") {
		return None
	}
	return Soft
}

// meaning tells whether any line changes what the map does.
func meaning(lines []string) bool {
	for _, l := range lines {
		if !strings.HasPrefix(l, "description ") {
			return true
		}
	}
	return false
}

// noteDropped notes the entries that dropRouteMaps will remove.
func noteDropped(running, wanted *config, changes *changes) {
	now, _ := entries(running)
	_, want := entries(wanted)
	for _, e := range now {
		if _, ok := want[e.id]; !ok {
			changes.note(e, e.block.lines)
		}
	}
}

func mapNames(list []entry) map[string]bool {
	names := map[string]bool{}
	for _, e := range list {
		names[e.id.name] = true
	}
	return names
}

// dropRouteMaps removes what nothing refers to any more.
func dropRouteMaps(b *builder, running, wanted *config) {
	now, _ := entries(running)
	want, byID := entries(wanted)
	kept := mapNames(want)
	gone := map[string]bool{}
	for _, e := range now {
		switch _, ok := byID[e.id]; {
		case ok:
		case kept[e.id.name]:
			b.filter(nil, fmt.Sprintf("no route-map %s %s %s", e.id.name, e.action, e.id.sequence), Soft)
		case !gone[e.id.name]:
			gone[e.id.name] = true
			b.filter(nil, "no route-map "+e.id.name, None)
		}
	}
}
