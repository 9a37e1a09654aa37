package gateway

import (
	"fmt"
	"net/netip"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// groups are the NetworkGatewayGroups and their floating IPs.
type groups struct {
	all    []*group // oldest first
	byName map[string]*group
	// order is that of all floating IPs that can be used, group by group as their lists have them; usable are the same sorted by address.
	order, usable []*floatingIP
}

// group is a NetworkGatewayGroup.
type group struct {
	object   problem.Object
	made     metav1.Object
	name     string
	selector labels.Selector
	// refused groups get no new node for their floating IPs; those that have one keep it.
	refused bool
	// given is how many floating IPs it lists.
	given int
	list  []*floatingIP
	// unread are the names of the groups that this one stands for, which can't be read; nil: it is one by itself.
	unread map[string]bool
}

// floatingIP is one that can be used.
type floatingIP struct {
	addr  netip.Addr
	group *group
	field string
	// index in groups.order.
	index int
	// was is the node that holds it, as the group's status says; node is the one that shall.
	was  string
	node *node
	// refusal tells which nodes refuse it, and why; empty: none does.
	refusal string
	// spoken are the routers that there are sessions with from it, where no group tells that can be read.
	spoken map[netip.Addr]bool
	// silence tells that it stays on a node without a sign of life, and why; empty: it does not.
	silence string
	// placed: the status names a node, whatever has become of that. awaited are the nodes for whose sake it waits for its first one.
	placed  bool
	awaited []string
}

// groups chooses the floating IPs that can be used. What works stays: one that has a node keeps it whatever other objects say, until that is mended.
func (a *assigner) groups(c clusterForm, nodes *nodes, pools *pools) *groups {
	out := &groups{byName: map[string]*group{}}
	if c.admin {
		return out
	}
	taken, routers := map[netip.Addr]*floatingIP{}, a.routers(c)
	hasDefault := slices.ContainsFunc(a.Groups, func(g *networking.NetworkGatewayGroup) bool { return g.Name == networking.DefaultName }) ||
		slices.ContainsFunc(a.unread("NetworkGatewayGroup"), func(o problem.Object) bool { return o.Name == networking.DefaultName })
	for _, g := range a.Groups {
		one := a.group(g, hasDefault, nodes)
		out.all, out.byName[g.Name] = append(out.all, one), one
		was := Placed(g.Status.FloatingIPs)
		for i, text := range g.Spec.FloatingIPs {
			f := &floatingIP{group: one, field: fmt.Sprintf("spec.floatingIPs[%d]", i), index: len(out.order)}
			if !a.readFloatingIP(f, text) {
				continue
			}
			f.was = nodes.holding(was[f.addr], f.addr)
			f.placed = was[f.addr] != ""
			other := taken[f.addr]
			if other != nil {
				a.twice(f, other)
				continue
			}
			if reason, why := f.inUse(c, nodes, pools, routers); !a.usable(f, reason, why) {
				continue
			}
			taken[f.addr] = f
			one.list, out.order = append(one.list, f), append(out.order, f)
		}
	}
	out.keep(a.keptGroup(nodes, routers))
	if len(a.Groups) == 0 && len(a.unread("NetworkGatewayGroup")) == 0 && c.balances {
		a.warnCluster(c, "", problem.Required,
			"there is no NetworkGatewayGroup to use, so no session has an address to start from, and no Service is announced; make one named default, with floating IPs")
	}
	a.redundant(out)
	if len(nodes.assumed) > 0 && len(out.all) > 0 {
		a.warn(out.all[0].object, "spec.floatingIPs", problem.UnknownSubnets, fmt.Sprintf(
			"nobody tells the subnets of nodes %s, so a /%d around their addresses is assumed; annotation %s of a Node tells them", some(nodes.assumed), assumedBits, networkStatus))
	}
	out.usable = slices.SortedFunc(slices.Values(out.order), func(x, y *floatingIP) int { return x.addr.Compare(y.addr) })
	return out
}

// keep adds the group that stands for those that can't be read, if there are any. It is told nothing.
func (g *groups) keep(one *group) {
	if one == nil {
		return
	}
	for name := range one.unread {
		g.byName[name] = one
	}
	for _, f := range one.list {
		f.index = len(g.order)
		g.order = append(g.order, f)
	}
}

// group reads what concerns all floating IPs of a group.
func (a *assigner) group(g *networking.NetworkGatewayGroup, hasDefault bool, nodes *nodes) *group {
	out := &group{object: networkingObject("NetworkGatewayGroup", g), made: g, name: g.Name, given: len(g.Spec.FloatingIPs), selector: labels.Everything()}
	if !hasDefault {
		out.refused = true
		a.refuse(out.object, "metadata.name", problem.NotDefault,
			"no NetworkGatewayGroup of the cluster is named default, and the first has to be; name it default, others beside it may have other names")
	}
	if out.given == 0 {
		a.refuse(out.object, "spec.floatingIPs", problem.Required, "the group has no address; write at least one IPv4 address out of a subnet of the nodes")
	}
	selector, err := g.Spec.NodeSelector.Selector()
	switch {
	case err != nil:
		out.refused = true
		a.refuse(out.object, "spec.nodeSelector", problem.InvalidValue, fmt.Sprintf(
			"%v; write labels such as key: value, or matchLabels and matchExpressions; floating IPs get no node until then, and keep one that they have", err))
	case len(nodes.all) > 0 && !slices.ContainsFunc(nodes.all, func(n *node) bool { return selector.Matches(n.labels) }):
		out.selector = selector
		a.refuse(out.object, "spec.nodeSelector", problem.NothingSelected, fmt.Sprintf(
			"%q matches none of %d nodes; label those that may hold the floating IPs, or change the selector; floating IPs get no node until then, and keep one that they have",
			selector, len(nodes.all)))
	default:
		out.selector = selector
	}
	return out
}

// Placed are the floating IPs of a group's status, each with its node. What is no address is left out.
func Placed(status map[string]string) map[netip.Addr]string {
	out := make(map[netip.Addr]string, len(status))
	for text, node := range status {
		if addr, err := netip.ParseAddr(text); err == nil {
			out[addr] = node
		}
	}
	return out
}

// holding is the name of a node that is said to hold an address; empty where it can't: it is gone, or in other subnets.
func (n *nodes) holding(name string, addr netip.Addr) string {
	one := n.byName[name]
	if one == nil {
		return ""
	}
	if inside, known := one.in(addr); known && !inside {
		return ""
	}
	return name
}

// readFloatingIP checks what can be said of the address alone.
func (a *assigner) readFloatingIP(f *floatingIP, text string) bool {
	addr, reason, why := readIPv4(text)
	if reason != "" {
		a.refuse(f.group.object, f.field, reason, why+"; it is left out: write an IPv4 address out of a subnet of the nodes")
		return false
	}
	f.addr = addr
	return true
}

// readIPv4 reads an address of one end of a session.
func readIPv4(text string) (netip.Addr, problem.Reason, string) {
	addr, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		return addr, problem.InvalidValue, fmt.Sprintf("%q is not an IP address", text)
	case !addr.Is4():
		return addr, problem.IPv4Only, fmt.Sprintf("%s is an IPv6 address, and sessions are IPv4 only (IPv6 routes go over them, too)", addr)
	case !addr.IsGlobalUnicast():
		return addr, problem.InvalidValue, fmt.Sprintf("%s is not an address that a host can have", addr)
	}
	return addr, "", ""
}

// routers are the addresses of all peers, whether they can be used or not: nobody wants to answer for one of them.
func (a *assigner) routers(c clusterForm) map[string]string {
	out := map[string]string{}
	if c.found != nil {
		for _, p := range c.found.Spec.LoadBalancer.BGPPeers {
			out[p.IP] = "one of the Cluster's bgpPeers"
		}
	}
	for _, p := range slices.Backward(a.Peers) {
		out[p.Spec.PeerIP] = fmt.Sprintf("BGPPeer %q", p.Name)
	}
	return out
}

// inUse tells what else has the address. Where a floating IP works it is the router's address that is wrong, and is told there.
func (f *floatingIP) inUse(c clusterForm, nodes *nodes, pools *pools, routers map[string]string) (problem.Reason, string) {
	if n := nodes.byAddr[f.addr]; n != nil {
		return problem.AddressInUse, fmt.Sprintf("%s is the address of node %q itself; reserve one that no host has", f.addr, n.name)
	}
	if vip := c.ownAddress(f.addr); vip != "" {
		return problem.AddressInUse, fmt.Sprintf("%s is the Cluster's %s; reserve another", f.addr, vip)
	}
	if subnet, edge := nodes.edge(f.addr); edge {
		return problem.InvalidValue, fmt.Sprintf("%s is the first or the last address of subnet %s, which no host can have; reserve one between them", f.addr, subnet)
	}
	if in, ok := pools.find(f.addr); ok {
		return problem.AddressInUse, fmt.Sprintf("%s lies in %s, out of which Services get addresses; take it out of the pool or reserve another", f.addr, in)
	}
	if router := routers[f.addr.String()]; router != "" && f.was == "" {
		return problem.AddressInUse, fmt.Sprintf("%s is the address of %s; reserve another", f.addr, router)
	}
	return "", ""
}

// usable reports why a floating IP should not be used, and tells whether it is all the same.
func (a *assigner) usable(f *floatingIP, reason problem.Reason, why string) bool {
	switch {
	case reason != "" && f.was != "":
		a.refuse(f.group.object, f.field, reason, fmt.Sprintf("%s; it stays on node %q, where it is, until then", why, f.was))
	case reason != "":
		a.refuse(f.group.object, f.field, reason, why+"; it is left out until then")
		return false
	}
	return !f.group.refused || f.was != ""
}

// twice reports an address that an older entry has.
func (a *assigner) twice(f, other *floatingIP) {
	if f.group == other.group {
		a.refuse(f.group.object, f.field, problem.DuplicateEntry, fmt.Sprintf(
			"%s is in the list already, and counts once: write another address, or take it out", f.addr))
		return
	}
	a.refuse(f.group.object, f.field, problem.AddressInUse, fmt.Sprintf(
		"%s is a floating IP of NetworkGatewayGroup %q already, %s; it is left out here: delete one of the two", f.addr, other.group.name, ahead(other.group.made, f.group.made)))
}

// redundant warns where one failure takes all sessions.
func (a *assigner) redundant(g *groups) {
	if one := g.byName[networking.DefaultName]; one != nil && len(g.order) == 1 && one.given == 1 {
		a.warn(one.object, "spec.floatingIPs", problem.NoRedundancy, "there is one floating IP only: while it moves there is no session; reserve two or more")
	}
}
