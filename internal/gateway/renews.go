package gateway

import (
	"net/netip"
	"slices"
)

// Spares is how many nodes that hold no floating IP renew a lease, for each floating IP that they could take: so many are known to be alive when a holder dies.
// Leases cost the API server a write each every second or so, so it is few of a thousand nodes; and it is more than one, so that two holders that die at once
// are still fewer than those that live (believed).
const Spares = 4

// Renews tells whether the agent of a node should renew its lease: the node holds a floating IP by the status of a group, or is one of the first
// Spares, by name, of those without any that could take one. own are the node's subnets, by its own knowledge. A node that is not told the subnets
// of another takes it for a rival if that one's address is in the same subnet, and if its own address tells nothing either, in any case: at worst
// fewer nodes renew than could, and then a floating IP goes to one of which nobody knows whether it lives.
//
// Reports, Leases and Services of the Input do not matter, nor whether it is Placed.
func Renews(in Input, name string, own []netip.Prefix) bool {
	in.Reports, in.Leases, in.Services, in.Placed, in.AssumeSubnets = nil, nil, nil, false, false
	a := newAssigner(in)
	c, nodes := a.cluster(), a.nodes()
	me := nodes.byName[name]
	if me == nil {
		return false
	}
	holds := a.named()
	if holds[name] {
		return true
	}
	if len(own) > 0 {
		me.subnets = own
	}
	return slices.ContainsFunc(a.groups(c, nodes, a.pools(c)).order, func(f *floatingIP) bool { return nodes.spare(f, me, holds) })
}

// named are the nodes that hold a floating IP by the status of a group.
func (a *assigner) named() map[string]bool {
	out := map[string]bool{}
	for _, g := range a.Groups {
		for _, node := range Placed(g.Status.FloatingIPs) {
			out[node] = true
		}
	}
	return out
}

// spare tells whether a node is one of the first that could take a floating IP.
func (n *nodes) spare(f *floatingIP, me *node, holds map[string]bool) bool {
	if inside, _ := me.in(f.addr); !inside || !f.suits(me) {
		return false
	}
	before := 0
	for _, o := range n.all { // by name
		switch {
		case o == me:
			return true
		case !holds[o.name] && f.suits(o) && rivals(f, me, o):
			before++
		}
		if before == Spares {
			return false
		}
	}
	return false
}

// suits tells whether a node could take a floating IP, wherever it is.
func (f *floatingIP) suits(n *node) bool {
	return !f.group.refused && f.group.selector.Matches(n.labels) && n.ready && !n.maintenance && !n.unavailable
}

// rivals tells whether another node is in the subnet of a floating IP as well, as far as the one that asks can tell.
func rivals(f *floatingIP, me, other *node) bool {
	if inside, known := other.in(f.addr); known {
		return inside
	}
	for _, s := range me.subnets {
		if s.Contains(f.addr) && s.Contains(me.ipv4) {
			return s.Contains(other.ipv4)
		}
	}
	return true
}
