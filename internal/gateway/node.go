package gateway

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/iprange"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

const (
	excludeLabel = "node.kubernetes.io/exclude-from-external-load-balancers"
	// maintenanceKey is GDC's taint, and its annotation once the node is drained.
	maintenanceKey = "baremetal.cluster.gke.io/maintenance"
	// networkStatus is GDC's annotation of a node with its subnets, as JSON.
	networkStatus = "networking.gke.io/network-status"
	// assumedBits is the length of an assumed subnet.
	assumedBits = 24
)

// ReadsAnnotation tells whether an annotation of a Node matters here; others may be dropped.
func ReadsAnnotation(key string) bool { return key == maintenanceKey || key == networkStatus }

// ReadsTaint tells the same of a taint.
func ReadsTaint(key string) bool { return key == maintenanceKey }

// node is what matters of one node.
type node struct {
	name   string
	labels labels.Set
	// addresses are all its own; ipv4 and ipv6 are those that it is a next hop with, zero where it has none.
	addresses  []netip.Addr
	ipv4, ipv6 netip.Addr
	// subnets of the node. Unknown where nobody tells them.
	subnets []netip.Prefix

	ready, maintenance, unavailable, excluded bool
	lease                                     Lease
	// unwell tells that the node itself says that it can't hold floating IPs.
	unwell bool
	// answers are the floating IPs that it says it answers for.
	answers map[netip.Addr]bool
	// conflicts are those that another host answers for, with its hardware address.
	conflicts map[netip.Addr]string
	// refuses are those that it can't hold, or could not lately, with the reason.
	refuses map[netip.Addr]string
	// floating counts the floating IPs that it has.
	floating int
}

// nodes of the cluster, sorted by name.
type nodes struct {
	all     []*node
	byName  map[string]*node
	byAddr  map[netip.Addr]*node
	assumed []string // nodes whose subnet is assumed
}

// nodes reads the nodes and what they tell of themselves.
func (a *assigner) nodes() *nodes {
	reports := make(map[string]*networking.NetworkGatewayNode, len(a.Reports))
	for _, r := range a.Reports {
		reports[r.Name] = r
	}
	out := &nodes{byName: make(map[string]*node, len(a.Nodes)), byAddr: make(map[netip.Addr]*node, len(a.Nodes))}
	for _, n := range a.Nodes {
		if out.byName[n.Name] == nil {
			one := a.node(n, reports[n.Name], out)
			out.all, out.byName[n.Name] = append(out.all, one), one
		}
	}
	slices.SortFunc(out.all, func(x, y *node) int { return strings.Compare(x.name, y.name) })
	slices.Sort(out.assumed)
	for _, n := range out.all {
		for _, addr := range n.addresses {
			if out.byAddr[addr] == nil {
				out.byAddr[addr] = n
			}
		}
	}
	return out
}

func (a *assigner) node(n *corev1.Node, report *networking.NetworkGatewayNode, all *nodes) *node {
	out := &node{name: n.Name, labels: n.Labels, lease: a.Leases[n.Name], ready: true, maintenance: inMaintenance(n)}
	for _, c := range n.Status.Conditions {
		switch c.Type {
		case corev1.NodeReady:
			out.ready = c.Status == corev1.ConditionTrue
		case corev1.NodeNetworkUnavailable:
			out.unavailable = c.Status == corev1.ConditionTrue
		}
	}
	_, excluded := n.Labels[excludeLabel]
	out.excluded = excluded && !a.IgnoreExcludeLabel
	for _, at := range n.Status.Addresses {
		if at.Type == corev1.NodeInternalIP || at.Type == corev1.NodeExternalIP {
			out.address(at.Address, at.Type == corev1.NodeInternalIP)
		}
	}
	if a.Placed {
		return out
	}
	if report != nil {
		out.told(report)
	}
	if len(out.subnets) == 0 {
		a.annotated(out, n)
	}
	if len(out.subnets) == 0 && a.AssumeSubnets && out.ipv4.IsValid() {
		out.subnets = []netip.Prefix{netip.PrefixFrom(out.ipv4, assumedBits).Masked()}
		all.assumed = append(all.assumed, out.name)
	}
	return out
}

// inMaintenance tells of a node that is drained, or about to be: what it holds is better moved now than lost later.
func inMaintenance(n *corev1.Node) bool {
	return n.Spec.Unschedulable || n.Annotations[maintenanceKey] != "" && n.Annotations[maintenanceKey] != "false" ||
		slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.Key == maintenanceKey })
}

// address notes an address of the node; the first of each family that can be one is its next hop.
func (n *node) address(text string, hop bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return
	}
	addr = addr.Unmap()
	if !slices.Contains(n.addresses, addr) {
		n.addresses = append(n.addresses, addr)
	}
	switch {
	case !hop || !addr.IsGlobalUnicast(): // a link-local address is no next hop for a router several hops away
	case addr.Is4() && !n.ipv4.IsValid():
		n.ipv4 = addr
	case addr.Is6() && !n.ipv6.IsValid():
		n.ipv6 = addr
	}
}

// told notes what the node's agent tells.
func (n *node) told(report *networking.NetworkGatewayNode) {
	n.unwell = report.Status.State == networking.GatewayNotHealthy
	for _, s := range report.Status.Subnets {
		n.address(s.Address, false) // not everybody who decides hears of it
		n.subnet(s.Prefix)
	}
	n.answers, n.conflicts, n.refuses = map[netip.Addr]bool{}, map[netip.Addr]string{}, map[netip.Addr]string{}
	for _, f := range report.Status.FloatingIPs {
		addr, err := netip.ParseAddr(f.Address)
		switch { // states that are not known mean nothing: an agent may be newer
		case err != nil:
		case f.State == networking.FloatingIPHeld:
			n.answers[addr] = true
		case f.State == networking.FloatingIPConflict:
			n.conflicts[addr] = f.ConflictMAC
		case f.State == networking.FloatingIPRefused:
			n.refuses[addr] = cmp.Or(f.Message, "it does not say why")
		}
	}
}

func (n *node) subnet(text string) bool {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return false
	}
	if prefix = prefix.Masked(); !slices.Contains(n.subnets, prefix) {
		n.subnets = append(n.subnets, prefix)
	}
	return true
}

// edge returns the subnet of which the address is the first or the last, which no host can have (RFC 1122, 3.2.1.3); of a subnet with two addresses or one
// hosts have all (RFC 3021), and of one that is assumed nobody knows where it ends.
func (ns *nodes) edge(addr netip.Addr) (subnet netip.Prefix, found bool) {
	for _, n := range ns.all {
		if slices.Contains(ns.assumed, n.name) {
			continue
		}
		for _, p := range n.subnets {
			switch {
			case !p.Contains(addr):
			case p.Bits() < addr.BitLen()-1 && (addr == p.Addr() || addr == iprange.Last(p)):
				subnet, found = p, true
			default:
				return netip.Prefix{}, false
			}
		}
	}
	return subnet, found
}

// annotated reads the annotation of a node's subnets.
func (a *assigner) annotated(out *node, n *corev1.Node) {
	text := n.Annotations[networkStatus]
	if text == "" {
		return
	}
	var list []struct {
		IPv4 string `json:"ipv4-subnet"`
		IPv6 string `json:"ipv6-subnet"`
	}
	field := fmt.Sprintf("metadata.annotations[%s]", networkStatus)
	where := problem.Object{Kind: "Node", Name: n.Name}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		a.warn(where, field, problem.InvalidValue, `not a JSON list of subnets, as in [{"name":"default","ipv4-subnet":"10.0.1.0/24"}]; it is not used`)
		return
	}
	for i, one := range list {
		for _, s := range []string{one.IPv4, one.IPv6} {
			if s != "" && !out.subnet(s) {
				a.warn(where, field, problem.InvalidValue, fmt.Sprintf("entry %d: %q is not a prefix such as 10.0.1.0/24; it is not used", i, s))
			}
		}
	}
}

// in tells whether the address lies in a subnet of the node; known is false where nobody tells its subnets.
func (n *node) in(addr netip.Addr) (inside, known bool) {
	return slices.ContainsFunc(n.subnets, func(p netip.Prefix) bool { return p.Contains(addr) }), len(n.subnets) > 0
}
