package gateway

import (
	"cmp"
	"slices"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
)

// floatingIPs lists them for the Assignment.
func floatingIPs(g *groups) []FloatingIP {
	out := make([]FloatingIP, 0, len(g.usable))
	for _, f := range g.usable {
		one := FloatingIP{Address: f.addr, Group: f.group.name}
		if f.node != nil {
			one.Node = f.node.name
		}
		out = append(out, one)
	}
	return out
}

// states are what the groups' status shall say.
func (a *assigner) states(g *groups, nodes *nodes) []Group {
	out := make([]Group, 0, len(g.all))
	for _, one := range g.all {
		state := Group{Namespace: one.object.Namespace, Name: one.name, FloatingIPs: map[string]string{}, Nodes: map[string]networking.GatewayState{}}
		for _, f := range one.list {
			if f.node != nil {
				state.FloatingIPs[f.addr.String()] = f.node.name
			}
		}
		for _, n := range nodes.all {
			if one.mayUse(n) {
				state.Nodes[n.name] = n.state()
			}
		}
		out = append(out, state)
	}
	slices.SortFunc(out, func(x, y Group) int { return cmp.Compare(x.Name, y.Name) })
	return out
}

// mayUse tells whether a node may hold any of the group's floating IPs, as far as that does not change by the minute.
func (g *group) mayUse(n *node) bool {
	return g.selector.Matches(n.labels) && slices.ContainsFunc(g.list, func(f *floatingIP) bool {
		inside, _ := n.in(f.addr)
		return inside || f.node == n
	})
}

func (n *node) state() networking.GatewayState {
	if n.unwell || n.lease == LeaseExpired || !n.ready && n.lease != LeaseLive {
		return networking.GatewayNotHealthy
	}
	return networking.GatewayUp
}
