package reload

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// Ends begins the note of a command at which bgpd dies of a fault of its own. Nothing else brings it to what is wanted, so the command is sent, and
// bgpd started again reads what it left out.
const Ends = "bgpd of this version ends itself over "

// promiseEnds marks the commands over which bgpd ends itself: all sessions are reset.
func promiseEnds(b *builder, running, wanted *config) {
	list, _ := instances(running)
	_, want := instances(wanted)
	ends := func(i int, over string) {
		var all []string
		for _, in := range list {
			for _, id := range in.neighbors() {
				all = append(all, strings.Clone(in.named(id)))
			}
		}
		b.commands[i].Effect, b.commands[i].Neighbors, b.commands[i].Note = Reset, all, Ends+over
	}
	for _, in := range list {
		var suppressed map[string]bool
		if b.version.Major == 10 {
			suppressed = in.suppressed(want[in.vrf])
		}
		origins := in.originRanges()
		if len(suppressed)+len(origins) == 0 {
			continue
		}
		for i, c := range b.commands {
			within := len(c.Context) > 0 && c.Context[0].Reveal() == in.header
			words := strings.Fields(strings.TrimPrefix(c.Line.Reveal(), "no "))
			updates := within && len(c.Context) == 2 && len(words) > 1 && words[0] == "network" && suppressed[words[1]]
			changes := within && len(words) > 2 && words[0] == "neighbor" && words[2] == "soo" && origins[words[1]] != nil
			switch {
			case updates || len(suppressed) > 0 && looksAtNetworks(c, in.header):
				ends(i, "a network that an aggregate suppresses")
			case changes || c.Effect == Reset && slices.ContainsFunc(c.Neighbors, func(n string) bool { return resetsOrigin(origins, n) }):
				ends(i, "a session that came from a listen range, and whose group has a site of origin")
			}
		}
	}
}

// originRanges are the listen ranges of groups with "soo", by group, as plans name them: bgpd dies when one who came from such a range goes, or is
// given another site of origin (seen on 8.4 and 10.3).
func (in *instance) originRanges() map[string][]string {
	out := map[string][]string{}
	for _, family := range in.families() {
		for _, l := range neighborLines(in.family(family)) {
			words := strings.Fields(l)
			if len(words) < 3 || words[2] != "soo" {
				continue
			}
			for _, r := range in.ranges(words[1]) {
				out[words[1]] = append(out[words[1]], in.named(r))
			}
		}
	}
	return out
}

func resetsOrigin(origins map[string][]string, neighbor string) bool {
	for _, ranges := range origins {
		if slices.Contains(ranges, neighbor) {
			return true
		}
	}
	return false
}

// suppressed are the networks that an aggregate, as it is or will be, keeps from being announced.
func (in *instance) suppressed(will *instance) map[string]bool {
	out := map[string]bool{}
	for _, family := range in.families() {
		lines := in.family(family)
		aggregates := suppressing(lines)
		if will != nil && slices.Contains(will.families(), family) {
			aggregates = append(aggregates, suppressing(will.family(family))...)
		}
		if len(aggregates) == 0 {
			continue
		}
		for _, l := range lines {
			words := strings.Fields(l)
			if len(words) < 2 || words[0] != "network" {
				continue
			}
			p, err := netip.ParsePrefix(words[1])
			if err == nil && slices.ContainsFunc(aggregates, func(a netip.Prefix) bool { return a.Bits() < p.Bits() && a.Contains(p.Addr()) }) {
				out[words[1]] = true
			}
		}
	}
	return out
}

// suppressing are the aggregates that suppress what they contain.
func suppressing(lines []string) []netip.Prefix {
	var out []netip.Prefix
	for _, l := range lines {
		if !strings.HasPrefix(l, "aggregate-address ") {
			continue
		}
		words := strings.Fields(l)
		if !slices.Contains(words, "summary-only") && !slices.Contains(words, "suppress-map") {
			continue
		}
		if p, err := netip.ParsePrefix(words[1]); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// withdrawBackdoors has bgpd take back the backdoor networks that it announces by mistake when it looks at all networks again: it does not
// withdraw them by itself, and not even when they are removed (seen on 8.4 and 10.3).
func withdrawBackdoors(b *builder, running, wanted *config) {
	list, _ := instances(running)
	_, want := instances(wanted)
	for _, in := range list {
		if !slices.ContainsFunc(b.commands, func(c Command) bool { return looksAtNetworks(c, in.header) }) {
			continue
		}
		for _, family := range in.families() {
			context := lines(in.within(family))
			put := func(line string) Command {
				return Command{Daemon: vtysh.BGPD, Context: context, Line: vtysh.Line(line), Effect: Soft, Note: "a backdoor network, which bgpd would announce", Again: true}
			}
			for _, l := range in.family(family) {
				network, backdoor := strings.CutSuffix(l, " backdoor")
				if !backdoor || !strings.HasPrefix(network, "network ") {
					continue
				}
				gone := slices.IndexFunc(b.commands, func(c Command) bool {
					return slices.Equal(c.Context, context) && c.Line.Reveal() == undo(l)
				})
				if gone >= 0 {
					b.commands = slices.Insert(b.commands, gone, put(network))
				} else if w := want[in.vrf]; w != nil && slices.Contains(w.family(family), l) {
					b.commands = append(b.commands, put(network), put(l))
				}
			}
		}
	}
}

// shareRedistribution sees to what the default instance and views both redistribute: zebra counts them as one, so that bgpd does not ask where
// a view has asked, and gives all up when a view does. So views give up first, and the default instance asks once more. Views never hear of
// routes.
func shareRedistribution(b *builder, running, wanted *config) {
	list, now := instances(running)
	_, want := instances(wanted)
	finds := func(in *instance, family, key string) bool {
		return in != nil && slices.ContainsFunc(in.family(family), func(l string) bool { return routerKey(l) == key })
	}
	asked, givenUp := map[string]bool{}, map[string]bool{}
	var early []Command
	for _, in := range list {
		if !strings.HasPrefix(in.vrf, "view ") {
			continue
		}
		for _, family := range in.families() {
			for _, l := range in.family(family) {
				if !strings.HasPrefix(l, "redistribute ") {
					continue
				}
				key := routerKey(l)
				if finds(want[in.vrf], family, key) && !in.madeAnew(want[in.vrf]) {
					asked[family+key] = true
					continue
				}
				givenUp[family+key] = true
				c := Command{Daemon: vtysh.BGPD, Context: lines(in.within(family)), Line: vtysh.Line(undo(l)), Effect: Soft}
				b.commands = slices.DeleteFunc(b.commands, func(o Command) bool { return sameCommand(c, o) })
				early = append(early, c)
			}
		}
	}
	old, w := now[""], want[""]
	if len(asked)+len(givenUp) == 0 {
		return // no need to look through its networks
	}
	first := slices.IndexFunc(b.commands, func(c Command) bool {
		return len(c.Context) > 0 && strings.HasPrefix(c.Context[0].Reveal(), "router bgp ") || strings.HasPrefix(c.Line.Reveal(), "no router bgp ")
	})
	b.commands = slices.Insert(b.commands, max(0, first), early...)
	if w == nil {
		return
	}
	for _, family := range w.families() {
		for _, l := range w.family(family) {
			if !strings.HasPrefix(l, "redistribute ") {
				continue
			}
			key := routerKey(l)
			had := finds(old, family, key) && !old.madeAnew(w)
			again := Command{Daemon: vtysh.BGPD, Context: lines(w.within(family)), Effect: Soft, Note: "a view had asked for these routes", Again: true}
			if asked[family+key] && !had {
				again.Line = vtysh.Line(undo(l))
				b.add(again)
			}
			if asked[family+key] && !had || givenUp[family+key] && had {
				again.Line = vtysh.Line(l)
				b.add(again)
			}
		}
	}
}

// looksAtNetworks tells whether a command has bgpd look at all networks of an instance.
func looksAtNetworks(c Command, header string) bool {
	line := strings.TrimPrefix(c.Line.Reveal(), "no ")
	return line == "bgp graceful-shutdown" && len(c.Context) == 0 ||
		(line == "bgp graceful-shutdown" || line == "bgp network import-check") && len(c.Context) == 1 && c.Context[0].Reveal() == header
}

// lookAgain has bgpd look at its routes once more where eBGP routes come to need a policy (RFC 8212), or no longer, where the MED is to be the
// highest, and where those without a local preference get another one: by itself it looks at those only that change.
func lookAgain(b *builder, running *config) {
	list, _ := instances(running)
	for _, in := range list {
		look := map[string]bool{}
		for _, c := range b.commands {
			if len(c.Context) != 1 || c.Context[0].Reveal() != in.header {
				continue
			}
			switch line := strings.TrimPrefix(c.Line.Reveal(), "no "); {
			case line == "bgp ebgp-requires-policy":
				look["in"], look["out"] = true, true
			case strings.HasPrefix(line, "bgp max-med "), strings.HasPrefix(line, "bgp default local-preference"):
				look["out"] = true
			}
		}
		for _, direction := range []string{"in", "out"} {
			if look[direction] {
				b.add(Command{Daemon: vtysh.BGPD, Exec: true, Line: in.clearing("", "*", direction), Effect: Soft})
			}
		}
	}
}

// learnAgain ends the sessions of an instance that comes to have routes wait for the FIB: 8.4 knows of no route that was there before whether it is, and
// takes it back from each neighbor to which it announces it again. Later versions end them by themselves.
func learnAgain(b *builder, running *config) {
	if b.version.AtLeast(9, 0) {
		return
	}
	const setting = "bgp " + suppressPending
	list, _ := instances(running)
	for _, in := range list {
		begins := slices.ContainsFunc(b.commands, func(c Command) bool {
			return c.Line == setting && (len(c.Context) == 0 || len(c.Context) == 1 && c.Context[0].Reveal() == in.header)
		})
		if neighbors := in.all(); begins && len(neighbors) > 0 {
			b.add(Command{
				Daemon: vtysh.BGPD, Exec: true, Effect: Reset, Neighbors: neighbors,
				Line: clearBGP(in.vrf, "*"), Note: "8.4 knows only of routes that come from now on whether they are in the FIB",
			})
		}
	}
}

// pathsAgain ends the sessions of neighbors that come to be sent a number of best paths: 10.3 keeps the number when the line goes, takes another one
// in place of it, and the session would go on without ADD-PATH (RFC 7911). Where there was no number FRR ends them by itself.
func pathsAgain(b *builder, running *config) {
	list, _ := instances(running)
	for _, in := range list {
		seen := map[string]bool{}
		for _, c := range b.commands {
			line := c.Line.Reveal()
			id := neighborOf(line)
			if strings.HasPrefix(line, "neighbor "+id+" addpath-tx-best-selected ") && c.Effect == Reset && c.Context[0].Reveal() == in.header && !seen[id] {
				seen[id] = true
				whom := []string{id}
				if in.isGroup(id) {
					whom = []string{"peer-group", id}
				}
				b.add(Command{
					Daemon: vtysh.BGPD, Exec: true, Effect: Reset, Neighbors: c.Neighbors,
					Line: clearBGP(in.vrf, whom...), Note: "10.3 may have the number of before, and not send several paths",
				})
			}
		}
	}
}

// remakeDynamic ends the sessions of those that came from a listen range when their group is activated in a family: 8.4 and 10.3 have announced
// IPv4 to them by default, so that nothing happens, and they would never get the group's settings. The next one that comes gets them.
func remakeDynamic(b *builder, running, wanted *config) {
	list, _ := instances(running)
	_, want := instances(wanted)
	for _, in := range list {
		w := want[in.vrf]
		if w == nil {
			continue
		}
		seen := map[string]bool{}
		for _, c := range b.commands {
			id, on, is := activation(c.Line.Reveal())
			if !is || !on || seen[id] || c.Effect != Reset || c.Context[0].Reveal() != in.header || !w.isGroup(id) || len(in.ranges(id)) == 0 {
				continue
			}
			seen[id] = true
			b.add(Command{
				Daemon: vtysh.BGPD, Exec: true, Effect: Reset, Neighbors: c.Neighbors,
				Line: clearBGP(in.vrf, "peer-group", id), Note: "who came from a range has settings of then",
			})
		}
	}
}

// keepsBFD returns the neighbors that are left without a family while they have BFD, or get it: bgpd ends the session, and has bfdd go on
// with the neighbor's for ever. They are made anew, which starts none.
func keepsBFD(old, want *instance) map[string]bool {
	had, gets := old.withBFD(), want.withBFD()
	if len(had)+len(gets) == 0 {
		return nil
	}
	before, after, out := old.active(), want.active(), map[string]bool{}
	for _, id := range old.neighbors() {
		if (had[id] || gets[id]) && before[id] && !after[id] && !old.isGroup(id) {
			out[id] = true
		}
	}
	return out
}

// withBFD are the neighbors and groups that have BFD, by lines of their own or of their group. They are not to be changed.
func (in *instance) withBFD() map[string]bool { return in.roster().bfd }

// active are the neighbors and groups that have a family. Members say only what their group does not.
func (in *instance) active() map[string]bool {
	out, groups := map[string]bool{}, in.memberships()
	for _, f := range in.families() {
		said := map[string]bool{}
		for _, l := range in.family(f) {
			if id, on, is := activation(l); is {
				said[id] = on
				out[id] = out[id] || on
			}
		}
		for member, group := range groups {
			if _, own := said[member]; !own && said[group] {
				out[member] = true
			}
		}
	}
	return out
}
