package reload

import (
	"fmt"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// instance is a "router bgp" block.
type instance struct {
	header string
	asn    string
	// vrf is "vrf NAME" or "view NAME", empty for the default instance.
	vrf    string
	block  *block
	config *config
}

const (
	ipv4Unicast = "address-family ipv4 unicast"
	ipv6Unicast = "address-family ipv6 unicast"
)

// instances lists the router blocks of a configuration, by VRF.
func instances(c *config) (list []*instance, byVRF map[string]*instance) {
	byVRF = map[string]*instance{}
	for _, b := range c.of("router bgp ") {
		words := strings.Fields(b.context[0])
		vrf := ""
		if len(words) >= 5 {
			vrf = words[3] + " " + words[4]
		}
		if byVRF[vrf] != nil {
			continue
		}
		in := &instance{header: b.context[0], asn: words[2], vrf: vrf, block: c.get(b.context[0]), config: c}
		list = append(list, in)
		byVRF[vrf] = in
	}
	return list, byVRF
}

// families are the address-family headers of an instance.
func (in *instance) families() []string {
	var out []string
	for _, b := range in.config.blocks {
		if len(b.context) == 2 && b.context[0] == in.header {
			out = append(out, b.context[1])
		}
	}
	return out
}

// neighbors lists the neighbors that an instance defines, in order.
func (in *instance) neighbors() []string {
	var out []string
	for _, l := range in.block.lines {
		if id, ok := definesNeighbor(l); ok && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// definesNeighbor tells whether a line makes a neighbor, and which.
func definesNeighbor(line string) (string, bool) {
	words := strings.Fields(line)
	if len(words) >= 3 && words[0] == "neighbor" && (words[2] == "remote-as" || words[2] == "interface" || words[2] == "peer-group") {
		return words[1], true
	}
	return "", false
}

// named is how plans name a neighbor of the instance.
func (in *instance) named(id string) string {
	if in.vrf == "" {
		return id
	}
	return id + " " + in.vrf
}

// routerKey is what a line of a router block is a value of.
func routerKey(line string) string {
	words := strings.Fields(strings.TrimPrefix(line, "no "))
	switch {
	case len(words) >= 3 && words[0] == "neighbor":
		attribute := words[2]
		switch attribute {
		case "timers":
			if len(words) > 3 && words[3] == "connect" {
				attribute = "timers connect"
			}
		case "bfd":
			if len(words) > 3 {
				attribute = "bfd " + words[3]
			}
		case "interface":
			attribute = "remote-as"
		case "route-map", "prefix-list", "filter-list", "distribute-list", "capability":
			attribute += " " + words[len(words)-1]
		}
		return "neighbor " + words[1] + " " + attribute
	case len(words) >= 2 && (words[0] == "network" || words[0] == "aggregate-address" || words[0] == "redistribute"):
		return words[0] + " " + words[1]
	case len(words) >= 2 && words[0] == "bgp" && (words[1] == "router-id" || words[1] == "cluster-id"):
		return "bgp " + words[1]
	case len(words) >= 1 && (words[0] == "coalesce-time" || words[0] == "maximum-paths" || words[0] == "timers"):
		return words[0]
	}
	return strings.Join(words, " ")
}

// neighborEffect is what changing a setting of an established neighbor does (reference: bgpd's peer_flag_action_list and its callers).
func neighborEffect(line string, version vtysh.Version) (Effect, string) {
	words := strings.Fields(strings.TrimPrefix(line, "no "))
	if len(words) < 3 {
		return Reset, "not a setting that this program knows"
	}
	switch words[2] {
	case "description":
		return None, ""
	case "bfd":
		if len(words) == 3 && strings.HasPrefix(line, "no ") {
			return Reset, "where the router ties its BGP to BFD; take BFD out there first"
		}
		return None, ""
	case "graceful-restart", "graceful-restart-disable":
		return gracefulRestartEffect(version), ""
	case "timers", "graceful-restart-helper", "advertisement-interval", "maximum-prefix":
		return Deferred, ""
	case "route-map", "prefix-list", "filter-list", "distribute-list", "send-community", "next-hop-self", "attribute-unchanged",
		"remove-private-AS", "as-override", "soft-reconfiguration", "allowas-in", "weight", "default-originate":
		return Soft, ""
	case "remote-as", "interface", "password", "update-source", "local-as", "ebgp-multihop", "ttl-security", "passive", "shutdown",
		"capability", "disable-connected-check", "local-role", "port", "activate", "route-reflector-client", "route-server-client",
		"addpath-tx-all-paths", "addpath-tx-bestpath-per-AS", "disable-addpath-rx", "peer-group":
		return Reset, ""
	}
	return Reset, "not a setting that this program knows"
}

// gracefulRestartEffect tells versions apart: 8.4 takes a changed flag at the next session, 10.3 resets the session at once (seen running;
// which one began is not known, so everything after 8 counts as 10.3).
func gracefulRestartEffect(version vtysh.Version) Effect {
	if version.AtLeast(9, 0) {
		return Reset
	}
	return Deferred
}

// instanceEffect is what changing a line of a router block, or of a family, does that names no neighbor.
func instanceEffect(line string, version vtysh.Version) (Effect, string) {
	words := strings.Fields(strings.TrimPrefix(line, "no "))
	switch words[0] {
	case "network", "coalesce-time", "maximum-paths":
		return None, ""
	case "aggregate-address", "redistribute":
		return Soft, ""
	case "timers":
		return Deferred, ""
	case "bgp":
		if len(words) > 1 {
			switch words[1] {
			case "router-id", "cluster-id", "confederation":
				return Reset, ""
			case "graceful-restart":
				if len(words) > 2 {
					return Deferred, ""
				}
				return gracefulRestartEffect(version), ""
			case "network", "ebgp-requires-policy", "default", "log-neighbor-changes", "bestpath", "deterministic-med", "enforce-first-as":
				return Soft, ""
			}
		}
	}
	return Soft, "not a line that this program knows"
}

// dropInstances removes the instances that are not wanted, or whose AS number is another: those of VRFs first.
func dropInstances(b *builder, running, wanted *config) (gone map[string]bool) {
	now, _ := instances(running)
	_, want := instances(wanted)
	gone = map[string]bool{}
	slices.SortStableFunc(now, func(a, c *instance) int { return -strings.Compare(a.vrf, c.vrf) })
	for _, in := range now {
		if w := want[in.vrf]; w != nil && w.asn == in.asn {
			continue
		}
		gone[in.vrf] = true
		b.add(Command{
			Daemon: vtysh.BGPD, Line: vtysh.Line("no " + in.header), Effect: Reset, Neighbors: in.all(),
		})
	}
	return gone
}

func (in *instance) all() []string {
	var out []string
	for _, id := range in.neighbors() {
		out = append(out, in.named(id))
	}
	return out
}

// putInstances makes the wanted instances, changes what differs, and takes out what is not wanted.
func putInstances(b *builder, running, wanted *config, gone map[string]bool) {
	_, now := instances(running)
	want, _ := instances(wanted)
	for _, w := range want {
		old := now[w.vrf]
		if old == nil || gone[w.vrf] {
			old = &instance{header: w.header, vrf: w.vrf, block: &block{}, config: parse("")}
		}
		putInstance(b, old, w)
	}
}

func putInstance(b *builder, old, want *instance) {
	context := []string{want.header}
	had, wants := old.neighbors(), want.neighbors()
	added, removed, kept := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, id := range wants {
		if slices.Contains(had, id) {
			kept[id] = true
		} else {
			added[id] = true
		}
	}
	for _, id := range had {
		if !kept[id] {
			removed[id] = true
		}
	}
	emit := func(context []string, line string) {
		c := Command{Daemon: vtysh.BGPD, Context: lines(context), Line: vtysh.Line(line)}
		if id := neighborOf(line); id != "" {
			c.Effect, c.Note = neighborEffect(line, b.version)
			if added[id] {
				// The session is not there yet: nothing can disturb it.
				c.Effect, c.Note = None, ""
			} else if c.Effect == Reset {
				c.Neighbors = []string{want.named(id)}
			}
		} else if c.Effect, c.Note = instanceEffect(line, b.version); len(had) == 0 {
			c.Effect = None // there is no session yet
		} else if c.Effect == Reset {
			c.Neighbors = old.all()
		}
		b.add(c)
	}

	// The lines of the instance itself come first: they are in force when neighbors come.
	put, drop := difference(old.block.lines, want.block.lines, routerKey)
	put, drop = rewriteNeighbors(put, removed), rewriteNeighbors(drop, removed)
	if len(old.block.lines) == 0 && old.block.context == nil && len(put) == 0 {
		b.add(Command{Daemon: vtysh.BGPD, Line: vtysh.Line(want.header), Effect: None})
	}
	emitOwn(emit, context, put, drop)
	for _, id := range had {
		if removed[id] {
			b.add(Command{Daemon: vtysh.BGPD, Context: lines(context), Line: vtysh.Line(removal(old, id)), Effect: Reset, Neighbors: []string{old.named(id)}})
		}
	}
	for _, l := range put {
		if neighborOf(l) != "" {
			emit(context, l)
		}
	}
	for _, l := range neighborDrops(drop) {
		emit(context, l)
	}
	putFamilies(old, want, removed, emit)
}

// emitOwn emits the lines of a block that name no neighbor.
func emitOwn(emit func(context []string, line string), context, put, drop []string) {
	for _, l := range put {
		if neighborOf(l) == "" {
			emit(context, l)
		}
	}
	for _, l := range drop {
		if neighborOf(l) == "" {
			emit(context, negated(l))
		}
	}
}

// putFamilies brings the address families of an instance up to date. Prefixes come before neighbors are activated: a session must not
// tell its end of routes (RFC 4724) before they are there. A neighbor has its route-maps before it is activated.
func putFamilies(old, want *instance, removed map[string]bool, emit func(context []string, line string)) {
	families := want.families()
	for _, f := range old.families() {
		if !slices.Contains(families, f) {
			families = append(families, f)
		}
	}
	for _, f := range families {
		context := []string{want.header, f}
		put, drop := difference(old.config.get(old.header, f).lines, want.config.get(want.header, f).lines, routerKey)
		put, drop = rewriteNeighbors(put, removed), rewriteNeighbors(drop, removed)
		emitOwn(emit, context, put, drop)
		activations := func(l string) bool { return strings.HasSuffix(l, " activate") && !strings.HasPrefix(l, "no ") }
		for _, l := range drop {
			if neighborOf(l) != "" && activations(l) {
				emit(context, negated(l))
			}
		}
		for _, l := range put {
			if neighborOf(l) != "" && !activations(l) {
				emit(context, l)
			}
		}
		for _, l := range drop {
			if neighborOf(l) != "" && !activations(l) {
				emit(context, negated(l))
			}
		}
		for _, l := range put {
			if neighborOf(l) != "" && activations(l) {
				emit(context, l)
			}
		}
	}
}

// neighborOf is the neighbor that a line is about, empty for others.
func neighborOf(line string) string {
	words := strings.Fields(strings.TrimPrefix(line, "no "))
	if len(words) > 1 && words[0] == "neighbor" {
		return words[1]
	}
	return ""
}

// rewriteNeighbors leaves out the lines of neighbors that are removed as a whole.
func rewriteNeighbors(list []string, removed map[string]bool) []string {
	out := list[:0:0]
	for _, l := range list {
		if id := neighborOf(l); id == "" || !removed[id] {
			out = append(out, l)
		}
	}
	return out
}

// neighborDrops are the commands that take settings of neighbors back. "no neighbor X bfd" ends BFD; the profile goes before it, or it
// would stay behind and bring BFD back (BZ#2050824).
func neighborDrops(drop []string) []string {
	var first, rest []string
	for _, l := range drop {
		switch {
		case neighborOf(l) == "":
		case strings.Contains(l, " bfd profile "):
			first = append(first, negated(l))
		default:
			rest = append(rest, negated(l))
		}
	}
	return append(first, rest...)
}

// removal is the one line that removes a neighbor with all its settings.
func removal(in *instance, id string) string {
	for _, l := range in.block.lines {
		words := strings.Fields(l)
		if len(words) > 2 && words[0] == "neighbor" && words[1] == id {
			switch words[2] {
			case "interface":
				return fmt.Sprintf("no neighbor %s interface", id)
			case "peer-group":
				if len(words) == 3 {
					return fmt.Sprintf("no neighbor %s peer-group", id)
				}
			}
		}
	}
	return "no neighbor " + id
}
