package gateway

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// NextHop is a node that takes traffic for Services. IPv4 and IPv6 are the addresses it is told to routers with; zero where it has none,
// IPv6 also where it has no IPv4.
type NextHop struct {
	Node       string
	IPv4, IPv6 netip.Addr
}

// Labels of nodes that say what they are for, where no Cluster lists them.
const (
	balancerLabel     = "node-role.kubernetes.io/load-balancer"
	controlPlaneLabel = "node-role.kubernetes.io/control-plane"
)

// balancers are the nodes that take traffic for Services, sorted by name.
type balancers struct {
	nodes  []NextHop
	byNode map[string]int
	// v4 and v6 are the indexes of those that have an address of the family.
	v4, v6 []int
}

// balancers chooses them: the pool that the Cluster names for it, otherwise the control plane's nodes; of these the ones that are Ready, have a network,
// and are not taken out by their label.
func (a *assigner) balancers(c clusterForm, nodes *nodes) *balancers {
	out := &balancers{byNode: map[string]int{}}
	if !c.balances || len(nodes.all) == 0 {
		return out
	}
	pool, field := a.balancerPool(c, nodes)
	unready := a.unready(c, pool, field)
	var excluded []string
	for _, n := range pool {
		why := n.outOfTraffic(unready)
		a.seen.inPool(n, why)
		switch why {
		case "":
			out.add(n)
		case NodeExcluded:
			excluded = append(excluded, n.name)
		}
	}
	if len(out.nodes) > 0 {
		return out
	}
	why := "the control plane has no node; name nodes in nodePoolSpec, or label them " + controlPlaneLabel
	switch {
	case len(excluded) > 0:
		why = fmt.Sprintf("%s carry the label %s, which kubeadm puts on control-plane nodes; take it off, or name other nodes in nodePoolSpec", some(excluded), excludeLabel)
	case len(pool) > 0:
		why = fmt.Sprintf("none of %d nodes is up with a network; see their conditions", len(pool))
	case c.lists():
		why = "none of the nodes that it lists is there; correct their addresses"
	}
	a.warnCluster(c, field, problem.NoLoadBalancerNode, "no node takes traffic for Services: "+why)
	return out
}

// outOfTraffic is why no traffic comes to a node of the pool; empty: it does.
func (n *node) outOfTraffic(unready map[*node]bool) Reason {
	switch {
	case n.excluded:
		return NodeExcluded
	case n.unavailable:
		return NodeNetworkUnavailable
	case unready[n]:
		return NodeNotReady
	}
	return ""
}

func (b *balancers) add(n *node) {
	i := len(b.nodes)
	b.byNode[n.name] = i
	hop := NextHop{Node: n.name, IPv4: n.ipv4}
	if n.ipv4.IsValid() { // without it no session reaches the node, for neither family
		hop.IPv6 = n.ipv6
		b.v4 = append(b.v4, i)
	}
	if hop.IPv6.IsValid() {
		b.v6 = append(b.v6, i)
	}
	b.nodes = append(b.nodes, hop)
}

// unready are the nodes that are left out for not being Ready. Where that are more than half, it is more likely that nobody hears of them than that
// they are down: then all stay, and BGP itself tells which are there.
func (a *assigner) unready(c clusterForm, pool []*node, field string) map[*node]bool {
	out := map[*node]bool{}
	var names []string
	for _, n := range pool {
		if !n.ready {
			out[n], names = true, append(names, n.name)
		}
	}
	if 2*len(out) <= len(pool) {
		return out
	}
	a.warnCluster(c, field, problem.NotMoved, fmt.Sprintf(
		"%d of %d nodes that take traffic for Services are not Ready (%s), which is more than half: they are announced all the same; see whether they are up",
		len(out), len(pool), some(names)))
	return nil
}

// warnCluster warns of what no single object is to blame for, at the Cluster or, where there is none, at the oldest object of ours.
func (a *assigner) warnCluster(c clusterForm, field string, reason problem.Reason, message string) {
	if c.found != nil {
		a.warn(c.object, field, reason, message)
		return
	}
	told := false
	a.eachObject(func(o problem.Object) {
		if !told {
			a.warn(o, "", reason, message)
		}
		told = true
	})
}

// balancerPool are the nodes of the pool, sorted by name, and the field that says so.
func (a *assigner) balancerPool(c clusterForm, nodes *nodes) ([]*node, string) {
	if c.found != nil {
		lb, cp := c.found.Spec.LoadBalancer.NodePoolSpec, c.found.Spec.ControlPlane.NodePoolSpec
		switch {
		case lb != nil && len(lb.Nodes) > 0:
			a.seen.pool("the Cluster's spec.loadBalancer.nodePoolSpec does not list it")
			return a.listed(c, nodes, lb.Nodes, "spec.loadBalancer.nodePoolSpec"), "spec.loadBalancer.nodePoolSpec"
		case len(cp.Nodes) > 0:
			a.seen.pool("the Cluster's spec.controlPlane.nodePoolSpec does not list it")
			return a.listed(c, nodes, cp.Nodes, "spec.controlPlane.nodePoolSpec"), "spec.controlPlane.nodePoolSpec"
		}
		a.seen.pool("the node has no label " + controlPlaneLabel)
		return nodes.labelled(controlPlaneLabel), "spec.loadBalancer.nodePoolSpec"
	}
	if pool := nodes.labelled(balancerLabel); len(pool) > 0 {
		a.seen.pool("the node has no label " + balancerLabel)
		return pool, ""
	}
	a.seen.pool("the node has no label " + controlPlaneLabel)
	return nodes.labelled(controlPlaneLabel), ""
}

// lists tells whether the Cluster itself names the nodes that take traffic.
func (c clusterForm) lists() bool {
	if c.found == nil {
		return false
	}
	lb := c.found.Spec.LoadBalancer.NodePoolSpec
	return lb != nil && len(lb.Nodes) > 0 || len(c.found.Spec.ControlPlane.NodePoolSpec.Nodes) > 0
}

func (n *nodes) labelled(key string) []*node {
	var out []*node
	for _, one := range n.all {
		if _, ok := one.labels[key]; ok {
			out = append(out, one)
		}
	}
	return out
}

// listed finds the nodes of a list of machines by their addresses.
func (a *assigner) listed(c clusterForm, nodes *nodes, list []baremetal.PoolNode, field string) []*node {
	found := map[*node]bool{}
	var out []*node
	for i, machine := range list {
		n := nodes.at(machine)
		switch {
		case n == nil:
			a.warn(c.object, fmt.Sprintf("%s.nodes[%d].address", field, i), problem.UnknownNode, fmt.Sprintf(
				"no node has the address %q; it is no next hop until one has", machine.NodeIP()))
		case !found[n]:
			found[n] = true
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(x, y *node) int { return cmp.Compare(x.name, y.name) })
	return out
}

func (n *nodes) at(machine baremetal.PoolNode) *node {
	for _, text := range []string{machine.NodeIP(), machine.Address} {
		if addr, err := netip.ParseAddr(text); err == nil && n.byAddr[addr] != nil {
			return n.byAddr[addr]
		}
	}
	return nil
}
