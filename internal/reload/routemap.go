package reload

import (
	"fmt"
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
	case len(words) > 2 && words[0] == "match" && (words[1] == "ip" || words[1] == "ipv6"):
		return strings.Join(words[:3], " ")
	case len(words) > 2 && words[0] == "set" && (words[1] == "ip" || words[1] == "ipv6" || words[1] == "as-path"):
		return strings.Join(words[:3], " ")
	case len(words) > 1 && (words[0] == "match" || words[0] == "set"):
		return strings.Join(words[:2], " ")
	case len(words) > 0:
		return words[0]
	}
	return line
}

// mapChanges is what a plan does to route-maps, for the commands that make it effective.
type mapChanges struct {
	// tags holds the tags of entries that were added, changed or removed, by map; an entry without a tag is "".
	tags map[string]map[string]bool
}

func (m *mapChanges) note(e entry, lists ...[]string) {
	if m.tags[e.id.name] == nil {
		m.tags[e.id.name] = map[string]bool{}
	}
	for _, lines := range lists {
		m.tags[e.id.name][matchedTag(lines)] = true
	}
}

func matchedTag(lines []string) string {
	for _, l := range lines {
		if tag, ok := strings.CutPrefix(l, "match tag "); ok {
			return tag
		}
	}
	return ""
}

// putRouteMaps adds and changes entries, before anything refers to them.
func putRouteMaps(b *builder, running, wanted *config, changes *mapChanges) {
	_, now := entries(running)
	want, _ := entries(wanted)
	for _, e := range want {
		old, exists := now[e.id]
		context := lines(e.block.context)
		if !exists || old.action != e.action {
			// Conditions first: an entry without any matches every route.
			put := conditionsFirst(e.block.lines)
			// Entering an entry makes it; an entry with no lines has no other command.
			if len(put) == 0 {
				b.add(Command{Daemon: vtysh.BGPD, Line: context[0], Effect: None})
			}
			for _, l := range put {
				b.add(Command{Daemon: vtysh.BGPD, Context: context, Line: vtysh.Line(l), Effect: None})
			}
			if exists {
				// FRR changes the action and keeps the lines; those that are not wanted go in the next pass.
				changes.note(e, old.block.lines, e.block.lines)
			} else {
				changes.note(e, e.block.lines)
			}
			continue
		}
		put, drop := difference(old.block.lines, e.block.lines, routeMapKey)
		for _, l := range put {
			b.add(Command{Daemon: vtysh.BGPD, Context: context, Line: vtysh.Line(l), Effect: effectOf(l)})
		}
		for _, l := range drop {
			line := negated(l)
			if strings.HasPrefix(l, "description ") {
				line = "no description" // it takes no argument
			}
			b.add(Command{Daemon: vtysh.BGPD, Context: context, Line: vtysh.Line(line), Effect: effectOf(l)})
		}
		if meaning(put) || meaning(drop) {
			changes.note(e, old.block.lines, e.block.lines)
		}
	}
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
func noteDropped(running, wanted *config, changes *mapChanges) {
	now, _ := entries(running)
	_, want := entries(wanted)
	for _, e := range now {
		if _, ok := want[e.id]; !ok {
			changes.note(e, e.block.lines)
		}
	}
}

// dropRouteMaps removes what nothing refers to any more.
func dropRouteMaps(b *builder, running, wanted *config) {
	now, _ := entries(running)
	want, byID := entries(wanted)
	kept := map[string]bool{}
	for _, e := range want {
		kept[e.id.name] = true
	}
	gone := map[string]bool{}
	for _, e := range now {
		switch _, ok := byID[e.id]; {
		case ok:
		case kept[e.id.name]:
			b.add(Command{Daemon: vtysh.BGPD, Line: vtysh.Line(fmt.Sprintf("no route-map %s %s %s", e.id.name, e.action, e.id.sequence)), Effect: Soft})
		case !gone[e.id.name]:
			gone[e.id.name] = true
			b.add(Command{Daemon: vtysh.BGPD, Line: vtysh.Line("no route-map " + e.id.name), Effect: None})
		}
	}
}
