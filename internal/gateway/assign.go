package gateway

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	"github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1alpha1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// Input is everything that an Assignment depends on. Assign changes none of it.
type Input struct {
	// Namespace of the cluster's objects; those of other namespaces are left out. Empty: that of the oldest Cluster, where there is none that
	// of the oldest NetworkGatewayGroup.
	Namespace     string
	Clusters      []*baremetal.Cluster
	Groups        []*networking.NetworkGatewayGroup
	LoadBalancers []*networking.BGPLoadBalancer
	Peers         []*networking.BGPPeer
	// CIDRConfigs are only checked, where they are read at all.
	CIDRConfigs []*v1alpha1.ClusterCIDRConfig
	// Pools of MetalLB, of whatever namespace the caller reads: addresses of Services beside the Cluster's addressPools.
	Pools    []*v1beta1.IPAddressPool
	Nodes    []*corev1.Node
	Services []Service
	// Unread are objects that are there, can't be read, and have no form from before; Incomplete tells that there may be more. Routers that nobody meant are told nothing in
	// their place, and sessions that they may ask for stay as they are.
	Unread     []problem.Object
	Incomplete bool

	// Reports are what nodes tell of themselves, Sessions those that there were. Who holds what stands in the status of the Groups.
	Reports  []*networking.NetworkGatewayNode
	Sessions []*networking.BGPSession
	// Before are the sessions that Assign has chosen last, where no Sessions tell of them. They tell which routers are spoken with, and from where; those of objects that
	// are as they should be are chosen without them, since other nodes may remember others.
	Before []Session
	// Leases tell by node whether its agent lives. A node that is not there is Unknown.
	Leases map[string]Lease
	// Back are, by floating IP, nodes whose agents came back after the address was given to another node: they may not know of it, and go on holding it.
	Back map[string][]string

	// Await leaves a floating IP that was never placed without a node for a moment, where nodes that may be better places are about to be heard of
	// (Assignment.Awaiting): for those who decide again. Those of Awaited have waited for long enough.
	Await   bool
	Awaited map[string]bool
	// Taken are offers that were made for long enough (Assignment.Offers): what is offered still is done.
	Taken []Offer
	// Barred are nodes whose sessions did not come up lately: nothing is given back to them.
	Barred map[string]bool

	// Placed leaves every floating IP where the status of its group says, and gives none to a node: for those who follow what a manager has placed. Then
	// Reports, Leases and subnets mean nothing, and nothing is said of where floating IPs are.
	Placed bool
	// AssumeSubnets takes a /24 around a node's IPv4 address as its subnet where nobody tells it: for manifests, never for a live cluster.
	AssumeSubnets bool
	// IgnoreExcludeLabel takes nodes labelled node.kubernetes.io/exclude-from-external-load-balancers as next hops all the same.
	IgnoreExcludeLabel bool
}

// Service is one Service of type LoadBalancer that is ours to announce.
type Service struct {
	Namespace string
	Name      string
	// Ingress are the addresses that MetalLB's controller gave to it, as its status lists them; a host name where it lists one.
	Ingress []string
	// LocalOnly is externalTrafficPolicy Local: only nodes with an endpoint are next hops.
	LocalOnly bool
	// Endpoints tells whether any endpoint is ready or serving, EndpointNodes on which nodes there is one; order and repetition mean nothing. The
	// latter may be left out where LocalOnly is not set.
	Endpoints     bool
	EndpointNodes []string
}

// Assignment is what the cluster shall do.
type Assignment struct {
	// ASN of the cluster; 0 where no object tells it.
	ASN uint32
	// FloatingIPs that can be used, sorted by address.
	FloatingIPs []FloatingIP
	// Groups are the NetworkGatewayGroups by name, each with what its status shall say.
	Groups []Group
	// Sessions sorted by peer, then by floating IP.
	Sessions []Session
	// LoadBalancers are the nodes that take traffic for Services, sorted by name.
	LoadBalancers []NextHop
	// VIPs are the addresses that are announced, sorted.
	VIPs []VIP
	// Services tell for each Service what was decided, sorted by namespace and name.
	Services []Announcement
	// Unsure tells that VIPs are not known, since the only Cluster can't be read: who has announced any goes on.
	Unsure bool

	// Awaiting are the floating IPs that wait for their first node, Offers what may be done if it is offered for long enough.
	Awaiting []netip.Addr
	Offers   []Offer

	Problems   []problem.Problem
	Conditions []Condition
}

// FloatingIP is one address that sessions start from, and where it is.
type FloatingIP struct {
	Address netip.Addr
	// Group is the NetworkGatewayGroup that it belongs to.
	Group string
	// Node that holds it, or shall; empty: there is none that can.
	Node string
}

// Group is what the status of one NetworkGatewayGroup shall say.
type Group struct {
	Namespace   string
	Name        string
	FloatingIPs map[string]string
	Nodes       map[string]networking.GatewayState
}

// Assign decides who does what.
func Assign(in Input) Assignment { return assign(in, nil) }

// assign is Assign; seen, if there is any, notes the rules as they are asked.
func assign(in Input, seen *trace) Assignment {
	a := newAssigner(in)
	a.seen = seen
	c := a.cluster()
	nodes := a.nodes()
	a.checkControlPlane(c, nodes)
	pools := a.pools(c)
	a.checkVIPs(c, pools)
	a.checkDualStack(c, pools)
	groups := a.groups(c, nodes, pools)
	a.place(groups, nodes)
	peers := (&peerReader{a, c, groups, nodes}).peers()
	sessions := a.sessions(peers, groups)
	a.settle(groups, sessions)
	out := Assignment{
		ASN:         c.localASN(peers),
		FloatingIPs: floatingIPs(groups),
		Groups:      a.states(groups, nodes),
		Sessions:    sessions,
		Unsure:      len(c.unread) > 0,
		Awaiting:    awaiting(groups),
		Offers:      sortedOffers(a.offers),
	}
	announcer := announcer{assigner: a, cluster: c, pools: pools, balancers: a.balancers(c, nodes), reserved: c.reserved(nodes, groups.usable, out.Sessions)}
	out.LoadBalancers = announcer.balancers.nodes
	out.VIPs, out.Services = announcer.vips(groups.usable)
	a.seen.decided(nodes, groups, announcer)
	out.Conditions = a.conditions()
	out.Problems = problem.Sort(a.problems)
	return out
}
