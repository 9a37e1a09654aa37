package reload

import (
	"cmp"
	"slices"
	"strings"
)

// roster is what the lines of an instance's own block tell of its neighbors. They are read once, since each neighbor asks: an instance is made when
// its block will not change any more.
type roster struct {
	ids     []string            // neighbors and groups, in order
	known   map[string]bool     // the same
	kinds   map[string]kind     // of what there is any line about
	groups  map[string]string   // of members
	members map[string][]string // of groups, in no order
	ranges  map[string][]string // that dynamic neighbors of a group come from
	comesBy map[string]string   // the group of a range
	modes   map[string]string   // of graceful restart, "" being the instance
	timers  map[string]string   // of BFD, by who has a line for it
	bfd     map[string]bool     // who has BFD, also by the group
	profile map[string]string   // of BFD, by who has a line for it
	lines   map[string][]int    // where the lines of each stand
}

// kind is what a neighbor is.
type kind struct {
	word          string // "interface", "interface v6only", "group", or empty
	group, remote bool   // a group by the very line; it has an AS number of its own
}

// roster reads the lines of the block once.
func (in *instance) roster() *roster {
	in.once.Do(func() { in.read = readRoster(in.block.lines) })
	return in.read
}

func readRoster(lines []string) *roster {
	r := &roster{
		known: map[string]bool{}, kinds: map[string]kind{}, groups: map[string]string{}, members: map[string][]string{}, ranges: map[string][]string{},
		comesBy: map[string]string{}, modes: map[string]string{}, timers: map[string]string{}, bfd: map[string]bool{}, profile: map[string]string{},
		lines: map[string][]int{},
	}
	for i, l := range lines {
		words := strings.Fields(l)
		switch {
		case rangeGroup(l) != "":
			group := rangeGroup(l)
			r.ranges[group], r.comesBy[words[3]] = append(r.ranges[group], words[3]), group
		case len(words) == 2 && words[0] == "bgp" && setsMode(l):
			r.modes[""] = cmp.Or(r.modes[""], words[1])
		case len(words) > 2 && words[0] == "neighbor":
			r.lines[words[1]] = append(r.lines[words[1]], i)
			r.line(l, words)
		}
	}
	for id := range r.timers {
		r.bfd[id] = true
	}
	for member, group := range r.groups {
		r.members[group] = append(r.members[group], member)
		if _, has := r.timers[group]; has {
			r.bfd[member] = true
		}
	}
	return r
}

// line reads a line about a neighbor.
func (r *roster) line(l string, words []string) {
	id, n := words[1], len(words)
	if defined, makes := definesNeighbor(l); makes && !r.known[defined] {
		r.known[defined] = true
		r.ids = append(r.ids, defined)
	}
	if n > 3 && words[n-2] == "peer-group" && (n == 4 || ofInterface(words)) {
		r.groups[id] = words[n-1]
	}
	if bfd, timers, is := bfdOfNeighbor(l); is {
		r.timers[bfd] = cmp.Or(timers, defaultTimers)
	}
	if n == 3 && setsMode(l) {
		r.modes[id] = cmp.Or(r.modes[id], words[2])
	}
	if profile, is := strings.CutPrefix(l, "neighbor "+id+" bfd profile "); is {
		r.profile[id] = cmp.Or(r.profile[id], profile)
	}
	k := r.kinds[id]
	switch {
	case words[2] == "interface" && ofInterface(words) && slices.Contains(words, "v6only"):
		k.word = "interface v6only"
	case words[2] == "interface" && ofInterface(words):
		k.word = "interface"
	case words[2] == "peer-group" && n == 3:
		k.word, k.group = "group", true
	case words[2] == "remote-as":
		k.remote = true
	}
	r.kinds[id] = k
}

// about are the lines of neighbors, in the order in which they stand.
func (in *instance) about(ids ...string) []string {
	var at []int
	for _, id := range ids {
		at = append(at, in.roster().lines[id]...)
	}
	slices.Sort(at)
	at = slices.Compact(at)
	out := make([]string, len(at))
	for i, n := range at {
		out[i] = in.block.lines[n]
	}
	return out
}

// place are the lines of a block that are about neighbors, to be looked up.
type place struct {
	has map[string]bool
	of  map[string][]string // by neighbor
}

func newPlace(lines []string) place {
	p := place{map[string]bool{}, map[string][]string{}}
	for _, l := range lines {
		if id := neighborOf(l); id != "" {
			p.has[l] = true
			p.of[id] = append(p.of[id], l)
		}
	}
	return p
}

// places are what stands in a place of the instance now, and what is wanted there.
func (c *change) places(context []string) (old, want place) {
	key := strings.Join(context, "\n")
	if _, seen := c.read[key]; !seen {
		c.read[key] = [2]place{newPlace(c.runningOf(context)), newPlace(c.want.config.get(context...).lines)}
	}
	return c.read[key][0], c.read[key][1]
}

// setOf are lines to be looked up.
func setOf(lines []string) map[string]bool {
	out := make(map[string]bool, len(lines))
	for _, l := range lines {
		out[l] = true
	}
	return out
}
