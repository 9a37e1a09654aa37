package reload

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// split takes the name of a neighbor in a plan apart: "10.0.0.1", "10.0.0.1 vrf red", "10.0.0.1 view blue".
func split(name string) (id, vrf string) {
	id, vrf, _ = strings.Cut(name, " ")
	return id, vrf
}

// Session names the session of a neighbor in a plan as FRR's "show bgp neighbors" does: neighbor and VRF or view, "default" for the
// default instance.
func Session(name string) (neighbor, vrf string) {
	id, instance := split(name)
	if _, vrf, ok := strings.Cut(instance, " "); ok {
		return id, vrf
	}
	return id, "default"
}

// hold returns the wanted configuration with the neighbors to keep, named as in plans, as they run now, and with all that they refer to.
// What else the document asks for stays.
func hold(running Running, wanted *config, keep []string) *config {
	bgp, bfd := running.texts.read(running.BGPD), running.texts.read(running.BFDD)
	out := wanted
	for range 3 {
		for _, name := range keep {
			id, vrf := split(name)
			out = holdNeighbor(bgp, out, id, vrf)
		}
		out = bringAlong(bgp, bfd, out)
		plan := diff(running, out)
		still := slices.DeleteFunc(plan.Resets(), func(r string) bool { return !slices.Contains(keep, r) })
		if len(still) == 0 {
			return out
		}
		// It is a line of the instance that resets them.
		out = holdLines(bgp, out, plan, still)
	}
	return out
}

// copyOf is a configuration whose blocks can be changed.
func (c *config) copyOf(replace func(*block) []string) *config {
	out := &config{top: slices.Clone(c.top), byKey: map[string]*block{}, notations: c.notations}
	for _, b := range c.blocks {
		n := out.block(b.context...)
		n.lines = replace(b)
	}
	return out
}

func holdNeighbor(running, wanted *config, id, vrf string) *config {
	_, now := instances(running)
	_, want := instances(wanted)
	old, in := now[vrf], want[vrf]
	if old == nil {
		return wanted
	}
	if in == nil || old.madeAnew(in) {
		return holdInstance(running, wanted, vrf, old)
	}
	held := old.unit(id)
	concerned := func(l string) bool { return held[neighborOf(l)] || held[rangeGroup(l)] }
	ranges := map[string]bool{} // which may be another group's in the wanted configuration
	for _, l := range old.block.lines {
		if held[rangeGroup(l)] {
			ranges[routerKey(l)] = true
		}
	}
	out := wanted.copyOf(func(b *block) []string {
		if b.context[0] != in.header {
			return b.lines
		}
		lines := slices.DeleteFunc(slices.Clone(b.lines), func(l string) bool { return concerned(l) || ranges[routerKey(l)] })
		for _, l := range running.get(b.context...).lines {
			if concerned(l) {
				lines = append(lines, l)
			}
		}
		return lines
	})
	for _, f := range old.families() {
		context := in.within(f)
		if out.has(context...) {
			continue
		}
		for _, l := range old.family(f) {
			if held[neighborOf(l)] {
				out.move(l, context...)
			}
		}
	}
	return out
}

// unit is what is held with a neighbor: the group that it is in, and the members of that.
func (in *instance) unit(id string) map[string]bool {
	groups := in.memberships()
	held := map[string]bool{id: true}
	if group := groups[id]; group != "" {
		held[group] = true
	}
	for _, l := range in.block.lines {
		if group := rangeGroup(l); group != "" && strings.Fields(l)[3] == id {
			held[group] = true
		}
	}
	for member, group := range groups {
		if held[group] {
			held[member] = true
		}
	}
	return held
}

// rangeGroup is the group of a listen range, empty for other lines.
func rangeGroup(l string) string {
	if !strings.HasPrefix(l, "bgp listen range ") {
		return ""
	}
	words := strings.Fields(l)
	if len(words) < 6 {
		return ""
	}
	return words[5]
}

// holdInstance keeps the header and the neighbors of an instance as they run, and what resets them. What it announces is as wanted, where the
// instance is.
func holdInstance(running, wanted *config, vrf string, old *instance) *config {
	_, all := instances(wanted)
	in := all[vrf]
	if in == nil {
		in = old
	}
	keeps := func(l string) bool {
		effect, _ := instanceEffect(l)
		return in == old || neighborOf(l) != "" || rangeGroup(l) != "" || effect == Reset
	}
	out := &config{top: slices.Clone(wanted.top), byKey: map[string]*block{}, notations: map[string]string{}}
	maps.Copy(out.notations, wanted.notations)
	out.notations[old.header] = running.notations[old.header]
	for _, b := range wanted.blocks {
		if b.context[0] != in.header {
			out.block(b.context...).lines = b.lines
			continue
		}
		n := out.block(append([]string{old.header}, b.context[1:]...)...)
		n.lines = slices.DeleteFunc(slices.Clone(b.lines), keeps)
	}
	for _, b := range running.blocks {
		if b.context[0] != old.header {
			continue
		}
		n := out.block(b.context...)
		for _, l := range b.lines {
			if keeps(l) {
				n.lines = append(n.lines, l)
			}
		}
	}
	return out
}

// holdLines keeps lines of bgpd as they run, of instances and at the top, where changing them would reset the sessions.
func holdLines(running, wanted *config, plan Plan, still []string) *config {
	keys := map[string]bool{}
	for _, c := range plan.Commands {
		if c.Effect != Reset || c.Daemon != vtysh.BGPD || !slices.ContainsFunc(c.Neighbors, func(n string) bool { return slices.Contains(still, n) }) {
			continue
		}
		header := ""
		if len(c.Context) > 0 {
			header = c.Context[0].Reveal()
		}
		keys[header+"\n"+routerKey(c.Line.Reveal())] = true
	}
	global := func(l string) bool { return strings.HasPrefix(l, "bgp ") && keys["\n"+routerKey(l)] }
	out := wanted.copyOf(func(b *block) []string {
		concerned := func(l string) bool { return keys[b.context[0]+"\n"+routerKey(l)] }
		lines := slices.DeleteFunc(slices.Clone(b.lines), concerned)
		if r := running.byKey[strings.Join(b.context, "\n")]; r != nil {
			for _, l := range r.lines {
				if concerned(l) {
					lines = append(lines, l)
				}
			}
		}
		return lines
	})
	out.top = slices.DeleteFunc(out.top, global)
	for _, l := range running.top {
		if global(l) {
			out.top = append(out.top, l)
		}
	}
	return out
}

// bringAlong adds the route-maps, lists and profiles that run, that the configuration refers to, and that it has not.
func bringAlong(bgp, bfd, c *config) *config {
	out := c.copyOf(func(b *block) []string { return b.lines })
	for range 4 { // maps call maps, and name lists
		refers := map[string]bool{}
		for _, b := range out.blocks {
			if !strings.HasPrefix(b.context[0], "router bgp") && !strings.HasPrefix(b.context[0], "route-map ") {
				continue
			}
			for _, l := range b.lines {
				if strings.HasPrefix(l, "network ") { // nearly all
					refers[networkMap(l)] = true
					continue
				}
				for _, w := range strings.Fields(l) {
					refers[w] = true
				}
			}
		}
		has := map[string]bool{}
		list, _ := entries(out)
		for _, e := range list {
			has["map "+e.id.name] = true
		}
		for _, l := range filters(out) {
			has["list "+filterName(l)] = true
		}
		old, _ := entries(bgp)
		for _, e := range old {
			if refers[e.id.name] && !has["map "+e.id.name] {
				out.block(e.block.context...).lines = e.block.lines
			}
		}
		for _, l := range filters(bgp) {
			if name := filterName(l); refers[name] && !has["list "+name] {
				out.top = append(out.top, l)
			}
		}
		for _, b := range bfd.of("bfd") {
			if name, ok := strings.CutPrefix(b.header(), "profile "); ok && refers[name] && !out.has(b.context...) {
				out.block(b.context...).lines = b.lines
			}
		}
	}
	return out
}

// Asked returns what tells whether a document asks for the session with a neighbor of FRR's "show bgp neighbors": it has the neighbor, or a listen
// range that it may come from (then it is dynamic), and does not shut it down.
func Asked(document render.Document) func(neighbor, vrf string) (asked, dynamic bool) {
	all, _ := instances(read(document.Text))
	return func(neighbor, vrf string) (asked, dynamic bool) {
		for _, in := range all {
			if _, name := Session(in.named("x")); name == vrf {
				return in.asks(neighbor)
			}
		}
		return false, false
	}
}

func (in *instance) asks(neighbor string) (asked, dynamic bool) {
	shut := func(id string) bool {
		return slices.ContainsFunc(in.block.lines, func(l string) bool {
			return l == "neighbor "+id+" shutdown" || strings.HasPrefix(l, "neighbor "+id+" shutdown ") || l == "bgp shutdown"
		})
	}
	if slices.Contains(in.neighbors(), neighbor) && !in.isGroup(neighbor) {
		return !shut(neighbor) && !shut(in.memberships()[neighbor]), false
	}
	addr, err := netip.ParseAddr(neighbor)
	if err != nil {
		return false, false
	}
	for _, l := range in.block.lines {
		group := rangeGroup(l)
		if group == "" || shut(group) {
			continue
		}
		if p, err := netip.ParsePrefix(strings.Fields(l)[3]); err == nil && p.Contains(addr) {
			return true, true
		}
	}
	return false, false
}
