package gdc

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gdc/network"
)

// nobody is disturbed.
func nobody(string, fabric.Session) bool { return false }

func other(v fabric.Version) fabric.Version {
	if v == fabric.V84 {
		return fabric.V103
	}
	return fabric.V84
}

var (
	threeMachines = []network.Machine{{Name: "n1", Subnet: 1, Host: 10}, {Name: "n2", Subnet: 1, Host: 11}, {Name: "n3", Subnet: 2, Host: 10}}
	twoFloating   = []string{"10.0.1.100", "10.0.2.100"}
)

// twoTors are those of examples 09 and 10: one takes many paths for a prefix, the other one.
func twoTors(v fabric.Version) []network.Tor { return network.TwoTors(v, other(v)) }

// nodesOf are the names of the nodes that take traffic for a VIP.
func (l *lab) nodesOf(v gateway.VIP) []string {
	var out []string
	for _, at := range v.NextHops {
		out = append(out, l.assignment.LoadBalancers[at].Node)
	}
	return out
}

func TestScenarioExample10(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		tors := twoTors(v)
		l := newLab(t, v, threeMachines, tors, twoFloating)
		l.read("example-10-all-nodes-same-peers")
		l.apply()
		l.up()
		require.Len(t, l.assignment.Sessions, 4)
		for _, r := range tors {
			l.told(r) // one next hop a session, since nobody knows what they receive
		}

		// The sessions with the router that receives many paths start anew, once, and no other.
		require.Equal(t, 2, l.seen(), "both sessions with tor1")
		l.undisturbed(func(node string, s fabric.Session) bool { return node == "tor1" || s.Neighbor == "10.8.0.10" }, func() {
			l.apply()
			l.up()
			for _, r := range tors {
				l.told(r)
			}
		})
		web := l.assignment.VIPs[0]
		require.Len(t, l.hops(web, tors[0]), 6, "three nodes by each of two sessions")
		require.Len(t, l.hops(web, tors[1]), 2, "one node by each session")
		local := l.assignment.VIPs[slices.IndexFunc(l.assignment.VIPs, func(v gateway.VIP) bool { return v.Address == netip.MustParseAddr("203.0.113.9") })]
		require.Equal(t, []string{"n1", "n3"}, l.nodesOf(local))
		l.noRoutes()

		l.serve(web)
		require.ElementsMatch(t, []string{"n1", "n2", "n3"}, slices.Collect(maps.Keys(l.connect(web, "tor1", 60))), "through tor1 every node is reached")
		require.Len(t, l.connect(web, "tor2", 60), 2, "through tor2 one node of each session")
		l.undisturbed(nobody, l.apply)
	})
}

func TestScenarioAFloatingIPMoves(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		tors := twoTors(v)
		l := newLab(t, v, threeMachines, tors, twoFloating)
		l.begin("example-10-all-nodes-same-peers")
		for _, to := range []string{"n2", "n1"} {
			// The other gateway's sessions stay, with the routers and with all nodes.
			l.undisturbed(func(_ string, s fabric.Session) bool { return s.VRF == "gw-10.0.1.100" || s.Neighbor == "10.0.1.100" }, func() {
				l.place(map[string]string{"10.0.1.100": to, "10.0.2.100": "n3"})
				l.apply()
				require.Equal(t, to, l.assignment.FloatingIPs[0].Node)
				l.up()
				for _, r := range tors {
					l.told(r)
				}
			})
		}
		l.noRoutes()
	})
}

func TestScenarioExample09(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		tors := twoTors(v)
		l := newLab(t, v, threeMachines, tors, twoFloating)
		l.begin("example-09-dual-stack")
		for _, r := range tors {
			l.told(r)
		}
		l.noRoutes()
		web := l.assignment.VIPs[slices.IndexFunc(l.assignment.VIPs, func(v gateway.VIP) bool { return v.Address.Is6() })]
		require.Equal(t, []string{"n1", "n2", "n3"}, l.nodesOf(web))
		l.serve(web)
		require.Len(t, l.connect(web, "tor1", 60), 3, "through tor1 every node is reached")

		// tor1 speaks from the subnet of a floating IP: an FRR there is told the holder's link-local address, if there is one where the session starts, and sends all
		// traffic of IPv6 to the holder then.
		tors[0].Address = "10.0.1.2"
		l.reload("tor1", " neighbor 10.0.1.100 update-source 10.0.1.2\n neighbor 10.0.2.100 update-source 10.0.1.2\n")
		l.objects.GDC.Clusters[0].Spec.LoadBalancer.BGPPeers[0].IP = tors[0].Address
		l.apply()
		l.up()
		l.seen()
		l.apply()
		l.up()
		l.told(tors[0])
		require.NotContains(t, l.toldOfIPv6("tor1"), "fe80::")
		l.IP("n1", "addr", "del", "10.0.1.100/32", "dev", "lo")
		l.IP("n1", "addr", "add", "10.0.1.100/32", "dev", "eth0")
		_, err := l.Node("n1").Vtysh(t.Context(), "-c", "clear bgp view gw-10.0.1.100 *")
		require.NoError(t, err)
		l.eventually(func() bool { return strings.Contains(l.toldOfIPv6("tor1"), "fe80::") }, func() string { return "FRR tells no link-local next hop: was it mended?" })
	})
}

// toldOfIPv6 is what a router knows of the VIP of IPv6.
func (l *lab) toldOfIPv6(router string) string {
	l.t.Helper()
	out, err := l.Node(router).Vtysh(l.t.Context(), "-c", "show bgp ipv6 unicast 2001:db8::10/128")
	require.NoError(l.t, err)
	return out
}

// reload has a router run lines.
func (l *lab) reload(router, lines string) {
	l.t.Helper()
	said, err := l.Node(router).Load(l.t.Context(), "router bgp 65002\n"+lines+"exit\n")
	require.NoError(l.t, err)
	require.Empty(l.t, said)
}

// The routers are on the subnet of the floating IPs, whose holders take no traffic themselves.
func TestScenarioExample12(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		floating := []string{"10.0.3.100", "10.0.3.101"}
		r := network.Tor{Name: "tor", Version: other(v), Host: 254, Address: "10.0.3.254", ASN: 65002}
		machines := []network.Machine{
			{Name: "n1", Subnet: 1, Host: 10}, {Name: "n2", Subnet: 1, Host: 11}, {Name: "n3", Subnet: 2, Host: 11},
			{Name: "n4", Subnet: 3, Host: 10}, {Name: "n5", Subnet: 3, Host: 11},
		}
		l := newLab(t, v, machines, []network.Tor{r}, floating)
		l.read("example-12-separate-control-and-data-plane")
		l.apply()
		l.up()
		require.Len(t, l.assignment.Sessions, 2)
		l.told(r)
		l.seen()
		l.apply()
		l.up()
		l.told(r)
		require.Len(t, l.hops(l.assignment.VIPs[0], r), 6)
		l.noRoutes()

		// Both on one node, the other gone: both sessions.
		l.place(map[string]string{"10.0.3.100": "n4", "10.0.3.101": "n4"})
		l.undisturbed(func(_ string, s fabric.Session) bool { return s.VRF == "gw-10.0.3.101" || s.Neighbor == "10.0.3.101" }, func() {
			l.apply()
			l.up()
			l.told(r)
		})
		require.Len(t, l.assignment.Sessions, 2)

		// A BGPPeer may show the router another AS than the cluster's.
		l.reload("tor", " neighbor 10.0.3.100 remote-as 64999\n neighbor 10.0.3.101 remote-as 64999\n")
		l.objects.GDC.Peers[0].Spec.LocalASN = 64999
		l.apply()
		l.up()
		for _, v := range l.assignment.VIPs {
			_, err := l.Node("tor").WaitRoute(t.Context(), "", v.Prefix().String(), func(r fabric.Route) bool { return r.ASPath == "64999" })
			require.NoError(t, err)
		}
	})
}

// A router of MetalLB's hears what MetalLB's objects ask for, from the instance that has the cluster's neighbors too.
func TestScenarioTogetherWithMetalLB(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		tors := twoTors(v)
		metal := network.Tor{Name: "metal", Version: other(v), Host: 1, Address: "10.0.1.1", ASN: 64512, Passive: true, Neighbors: []string{"10.0.1.10"}}
		l := newLab(t, v, threeMachines, append(slices.Clone(tors), metal), twoFloating)
		l.read("metallb-in-the-same-as")
		l.apply()
		l.up()
		for _, r := range tors {
			l.told(r)
		}
		for _, address := range []string{"203.0.113.1", "203.0.113.2", "203.0.113.3"} {
			r, err := l.Node("metal").WaitRoute(t.Context(), "", address+"/32", nil)
			require.NoError(t, err)
			require.Equal(t, []string{"65001:7"}, r.Communities)
			require.Empty(t, r.LargeCommunities)
			require.Equal(t, []netip.Addr{netip.MustParseAddr("10.0.1.10")}, r.NextHops)
		}
		prefixes, err := l.Node("metal").Prefixes(t.Context(), "", "ipv4")
		require.NoError(t, err)
		require.Len(t, prefixes, 3, "the fourth is in none of MetalLB's pools")

		// A node that goes changes the ranks of the others.
		l.objects.Nodes = slices.Clone(l.objects.Nodes)
		at := slices.IndexFunc(l.objects.Nodes, func(n *corev1.Node) bool { return n.Name == "n2" })
		gone := l.objects.Nodes[at].DeepCopy()
		gone.Labels["node.kubernetes.io/exclude-from-external-load-balancers"] = ""
		l.objects.Nodes[at] = gone
		l.undisturbed(func(node string, s fabric.Session) bool { return node == "n2" || s.Neighbor == "10.0.1.11" }, func() {
			l.apply()
			for _, r := range tors {
				l.told(r)
			}
		})
	})
}
