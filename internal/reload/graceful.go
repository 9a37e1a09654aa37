package reload

import (
	"cmp"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// Modes of graceful restart (RFC 4724), as FRR's lines call them. A neighbor has its own, that of its group, or that of its instance.
const (
	restartMode  = "graceful-restart"
	helperMode   = "graceful-restart-helper"
	disabledMode = "graceful-restart-disable"
)

// setsMode tells the lines that set a mode, for an instance or a neighbor. 8.4 takes it at the next session, 10.3 resets a session whose mode
// changes (seen running; which version began is not known, so everything after 8 counts as 10.3).
func setsMode(line string) bool {
	words := strings.Fields(strings.TrimPrefix(line, "no "))
	switch words[len(words)-1] {
	case restartMode, helperMode, disabledMode:
		return len(words) == 2 && words[0] == "bgp" || len(words) == 3 && words[0] == "neighbor"
	}
	return false
}

// ownMode is the mode that lines give a neighbor, itself or by its group; empty when none does.
func (in *instance) ownMode(id string) string {
	modes := in.roster().modes
	if group := in.memberships()[id]; group != "" {
		return cmp.Or(modes[id], modes[group])
	}
	if id == "" {
		return ""
	}
	return modes[id]
}

// mode is the mode of an instance.
func (in *instance) mode() string { return cmp.Or(in.roster().modes[""], helperMode) }

// sayGoodbye removes the neighbors with graceful restart before an instance that goes for good: bgpd 10.3 ends their sessions without a word
// when it is removed as a whole, so they take it for a restart and keep the routes for minutes (seen running; RFC 8538 has a hard reset for it).
func sayGoodbye(b *builder, in *instance) {
	for _, id := range in.neighbors() {
		if in.isGroup(id) || cmp.Or(in.ownMode(id), in.mode()) != restartMode {
			continue
		}
		b.add(Command{
			Daemon: vtysh.BGPD, Context: lines([]string{in.header}), Line: vtysh.Line(removal(in, id)), Effect: Reset, Neighbors: []string{in.named(id)},
		})
	}
}

// hasMode tells whether a neighbor, named as in plans, has a mode of its own or of its instance.
func (in *instance) hasMode(name string) bool {
	id, _ := split(name)
	return in.ownMode(id) != "" || in.roster().modes[""] != ""
}

// printsMode tells a mode that 10.3 prints with a member of a group, and that is its instance's: the member had it from its group, which has lost it.
// FRR follows the instance then, and does not take the line back.
func (c *change) printsMode(line string) bool {
	id := neighborOf(line)
	return setsMode(line) && c.b.version.AtLeast(9, 0) && strings.HasSuffix(line, " "+c.want.mode()) && c.old.mode() == c.want.mode() &&
		c.old.memberships()[id] != "" && c.want.ownMode(id) == ""
}

// backToGroupMode gives members that lose a mode of their own that of their group: 10.3 gives them the instance's. What a member prints that is its
// group's is left out when FRR is read.
func (c *change) backToGroupMode(put, drop []string) (with, without []string) {
	if !c.b.version.AtLeast(9, 0) {
		return put, drop
	}
	for _, l := range drop {
		id := neighborOf(l)
		if c.want.memberships()[id] != "" && setsMode(l) && c.want.ownMode(id) != "" {
			put = append(put, "neighbor "+id+" "+c.want.ownMode(id))
		} else {
			without = append(without, l)
		}
	}
	return put, without
}

// modeChanges are the neighbors whose mode a line changes: lines of the instance come first, then those of neighbors.
func (c *change) modeChanges(line string) []string {
	resolve := func(own, general string) string {
		if own != "" {
			return own
		}
		return general
	}
	id := neighborOf(line)
	concerned := c.old.neighbors()
	if id != "" {
		concerned = append([]string{id}, c.old.roster().members[id]...)
	}
	var out []string
	for _, n := range concerned {
		if c.fresh[n] || c.removed[n] || !c.old.roster().known[n] {
			continue
		}
		before, after := resolve(c.old.ownMode(n), c.old.mode()), resolve(c.old.ownMode(n), c.want.mode())
		if id == "" && c.old.isGroup(n) {
			before, after = c.old.mode(), c.want.mode() // who comes from a range has the instance's, whatever its group says (10.3)
		}
		if id != "" {
			before, after = after, resolve(c.want.ownMode(n), c.want.mode())
		}
		switch {
		case before == after:
		case c.old.isGroup(n):
			for _, r := range c.old.ranges(n) {
				out = append(out, c.old.named(r))
			}
		default:
			out = append(out, c.old.named(n))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// groupModes sends the modes of groups that stay before that of the instance, and returns the other lines. 8.4 takes another mode, and says nothing,
// when a group is given the mode that the instance has just got (seen for each pair of modes; this way round it takes all of them).
func (c *change) groupModes(context, put, drop []string) (otherPut, otherDrop []string) {
	early := func(l string) bool {
		id := neighborOf(l)
		return setsMode(l) && c.old.isGroup(id) && !c.fresh[id] && !c.removed[id]
	}
	for _, l := range put {
		if early(l) {
			c.line(context, l)
		}
	}
	for _, l := range drop {
		if early(l) {
			c.line(context, undo(l))
		}
	}
	return slices.DeleteFunc(slices.Clone(put), early), slices.DeleteFunc(slices.Clone(drop), early)
}
