package gateway

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// awaits tells whether a floating IP that was never placed is left without a node for a moment, since nodes that may be better places are about to be
// heard of. Agents that start report one after the other: the first would get every floating IP, and what works stays where it is.
func (a *assigner) awaits(p placer, f *floatingIP) bool {
	if !a.Await || f.placed || f.group.refused || a.Awaited[f.addr.String()] {
		return false
	}
	best := p.best(f, "")
	if best == nil {
		return false
	}
	for _, n := range p.nodes.all {
		if _, known := n.in(f.addr); !known && p.mayReport(f, n) || p.obstacle(f, n) == "" && best.lease == LeaseLive && n.lease == LeaseUnknown && n.floating < best.floating {
			f.awaited = append(f.awaited, n.name)
		}
	}
	return len(f.awaited) > 0
}

// mayReport tells whether a node could take a floating IP if it lies in a subnet of it, which nobody knows yet.
func (p placer) mayReport(f *floatingIP, n *node) bool {
	return p.fault(f, n) == "" && n.lease != LeaseExpired && n.ready && !n.unavailable
}

// awaiting are the floating IPs that wait, sorted.
func awaiting(g *groups) []netip.Addr {
	var out []netip.Addr
	for _, f := range g.usable {
		if len(f.awaited) > 0 {
			out = append(out, f.addr)
		}
	}
	return out
}

// markAwaiting tells of those that wait, and whether there are any.
func (a *assigner) markAwaiting(g *group) bool {
	all := g.waiting()
	if len(all) == 0 {
		return false
	}
	a.mark(g.object, Assigned, problem.Unassigned, fmt.Sprintf("%s waits a moment for what nodes %s tell of themselves", all[0].addr, some(all[0].awaited)))
	return true
}

// waiting are those of a group that wait.
func (g *group) waiting() []*floatingIP {
	return slices.DeleteFunc(slices.Clone(g.list), func(f *floatingIP) bool { return len(f.awaited) == 0 })
}
