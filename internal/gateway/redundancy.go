package gateway

import (
	"fmt"
	"slices"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// tellRedundancy tells of a group with two floating IPs or more that one node has them all.
func (a *assigner) tellRedundancy(p placer, g *group) {
	on := g.only()
	if on == nil {
		return
	}
	var all []string
	for _, f := range g.list {
		all = append(all, f.addr.String())
	}
	what := fmt.Sprintf("%s are all on node %q: no session is left while they move if that node fails", some(all), on.name)
	others := a.couldHold(p, g, on)
	if len(others) == 0 {
		a.mark(g.object, Redundant, problem.NoRedundancy, what+", and no other node is known to live that could hold one")
		return
	}
	what += fmt.Sprintf("; %s could hold one: a manager moves it there after a while (--give-back-after), or write another node into status.floatingIPs", some(others))
	a.warn(g.object, "spec.floatingIPs", problem.NoRedundancy, what)
	a.mark(g.object, Redundant, problem.NoRedundancy, what)
}

// only is the node that has all of a group's floating IPs, of two or more; nil where there is no such node.
func (g *group) only() *node {
	if len(g.list) < 2 || slices.ContainsFunc(g.list, func(f *floatingIP) bool { return f.node != g.list[0].node }) {
		return nil
	}
	return g.list[0].node
}

// couldHold are the nodes beside one that could hold any of the group's floating IPs.
func (a *assigner) couldHold(p placer, g *group, but *node) []string {
	if g.refused {
		return nil
	}
	var out []string
	for _, n := range p.nodes.all {
		if n != but && a.lives(n) && slices.ContainsFunc(g.list, func(f *floatingIP) bool { return p.obstacle(f, n) == "" }) {
			out = append(out, fmt.Sprintf("node %q", n.name))
		}
	}
	return out
}

// lives tells whether a node is known to live, as far as anybody watches leases.
func (a *assigner) lives(n *node) bool {
	return n.lease == LeaseLive || a.Leases == nil
}
