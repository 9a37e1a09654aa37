package gdc

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gdc/network"
)

const excludeLabel = "node.kubernetes.io/exclude-from-external-load-balancers"

// changeNode edits the object of a node.
func (l *lab) changeNode(name string, change func(*corev1.Node)) {
	l.t.Helper()
	i := slices.IndexFunc(l.objects.Nodes, func(n *corev1.Node) bool { return n.Name == name })
	l.objects.Nodes = slices.Clone(l.objects.Nodes)
	l.objects.Nodes[i] = l.objects.Nodes[i].DeepCopy()
	change(l.objects.Nodes[i])
}

// endpoints says on which nodes a Service has its endpoints.
func (l *lab) endpoints(service string, nodes ...string) {
	l.t.Helper()
	i := slices.IndexFunc(l.objects.EndpointSlices, func(s *discoveryv1.EndpointSlice) bool { return s.Labels[discoveryv1.LabelServiceName] == service })
	require.GreaterOrEqual(l.t, i, 0)
	l.objects.EndpointSlices = slices.Clone(l.objects.EndpointSlices)
	slice := l.objects.EndpointSlices[i].DeepCopy()
	slice.Endpoints = nil
	for _, node := range nodes {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{"192.168.0.1"}, NodeName: &node})
	}
	l.objects.EndpointSlices[i] = slice
}

// explained are the nodes of an address, those that are no next hops with the reason.
func (l *lab) explained(service, address string) map[string]gateway.Reason {
	l.t.Helper()
	in, ok := snapshot.GatewayInput(l.objects, snapshot.Options{})
	require.True(l.t, ok)
	answer, known := gateway.Explain(in).Service("default", service)
	require.True(l.t, known)
	out := map[string]gateway.Reason{}
	for _, a := range answer.Addresses {
		for _, h := range a.Nodes {
			if a.Address == address {
				out[h.Node] = h.Reason
			}
		}
	}
	return out
}

// Labels and conditions of nodes, and endpoints, decide who is a next hop; routers hear of it, and no other session does.
func TestScenarioWhoIsANextHop(t *testing.T) {
	const yes = gateway.IsNextHop
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		tors := twoTors(v)
		l := newLab(t, v, threeMachines, tors, twoFloating)
		l.read("example-10-all-nodes-same-peers")
		l.apply()
		l.up()
		l.seen()
		l.place(map[string]string{"10.0.1.100": "n1", "10.0.2.100": "n3"})
		l.apply()
		l.up()
		// whose are the sessions with a node inside the cluster, which come and go with its being a next hop.
		whose := func(name, address string) func(string, fabric.Session) bool {
			return func(node string, s fabric.Session) bool { return node == name && s.VRF == "" || s.Neighbor == address }
		}
		for _, step := range []struct {
			name      string
			change    func()
			but       func(string, fabric.Session) bool
			web, near map[string]gateway.Reason // of 203.0.113.1, and of 203.0.113.9 with the policy Local
		}{
			{
				"the label excludes n2", func() { l.changeNode("n2", func(n *corev1.Node) { n.Labels[excludeLabel] = "" }) }, whose("n2", "10.0.1.11"),
				map[string]gateway.Reason{"n1": yes, "n2": gateway.NodeExcluded, "n3": yes}, map[string]gateway.Reason{"n1": yes, "n2": gateway.NodeExcluded, "n3": yes},
			},
			{
				"and does so no more", func() { l.changeNode("n2", func(n *corev1.Node) { delete(n.Labels, excludeLabel) }) }, whose("n2", "10.0.1.11"),
				map[string]gateway.Reason{"n1": yes, "n2": yes, "n3": yes}, map[string]gateway.Reason{"n1": yes, "n2": gateway.NoEndpointHere, "n3": yes},
			},
			{
				// It holds a floating IP, and goes on holding it.
				"n3 has no network", func() {
					l.changeNode("n3", func(n *corev1.Node) {
						n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: corev1.NodeNetworkUnavailable, Status: corev1.ConditionTrue})
					})
				}, whose("n3", "10.0.2.10"),
				map[string]gateway.Reason{"n1": yes, "n2": yes, "n3": gateway.NodeNetworkUnavailable},
				map[string]gateway.Reason{"n1": yes, "n2": gateway.NoEndpointHere, "n3": gateway.NodeNetworkUnavailable},
			},
			{
				"n3 has one, and n1 is not Ready", func() {
					l.changeNode("n3", func(n *corev1.Node) { n.Status.Conditions = n.Status.Conditions[:1] })
					l.changeNode("n1", func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown })
				}, func(node string, s fabric.Session) bool {
					return whose("n1", "10.0.1.10")(node, s) || whose("n3", "10.0.2.10")(node, s)
				},
				map[string]gateway.Reason{"n1": gateway.NodeNotReady, "n2": yes, "n3": yes},
				map[string]gateway.Reason{"n1": gateway.NodeNotReady, "n2": gateway.NoEndpointHere, "n3": yes},
			},
			{
				"n1 is Ready, and the only local endpoint is on n2", func() {
					l.changeNode("n1", func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionTrue })
					l.endpoints("local", "n2")
				}, whose("n1", "10.0.1.10"),
				map[string]gateway.Reason{"n1": yes, "n2": yes, "n3": yes},
				map[string]gateway.Reason{"n1": gateway.NoEndpointHere, "n2": yes, "n3": gateway.NoEndpointHere},
			},
			{
				"no Service has an endpoint", func() { l.endpoints("local"); l.endpoints("web1") }, nobody,
				map[string]gateway.Reason{}, map[string]gateway.Reason{},
			},
			{
				"both have one on n3", func() { l.endpoints("local", "n3"); l.endpoints("web1", "n3") }, nobody,
				map[string]gateway.Reason{"n1": yes, "n2": yes, "n3": yes},
				map[string]gateway.Reason{"n1": gateway.NoEndpointHere, "n2": gateway.NoEndpointHere, "n3": yes},
			},
		} {
			t.Log(step.name)
			step.change()
			l.undisturbed(step.but, func() {
				l.apply()
				l.up()
				for _, r := range tors {
					l.told(r)
				}
			})
			require.Equal(t, step.web, l.explained("web1", "203.0.113.1"), step.name)
			require.Equal(t, step.near, l.explained("local", "203.0.113.9"), step.name)
			require.Equal(t, "n1", l.at[netip.MustParseAddr("10.0.1.100")])
			require.Equal(t, "n3", l.at[netip.MustParseAddr("10.0.2.100")])
			for address, hops := range map[string]map[string]gateway.Reason{"203.0.113.1": step.web, "203.0.113.9": step.near} {
				l.toldOnly(tors, netip.MustParseAddr(address), hops)
			}
		}
		l.noRoutes()
	})
}

// toldOnly shows that routers have next hops of these nodes only, and none where no node is one.
func (l *lab) toldOnly(tors []network.Tor, a netip.Addr, hops map[string]gateway.Reason) {
	l.t.Helper()
	for _, r := range tors {
		if len(hops) == 0 {
			require.NoError(l.t, l.Node(r.Name).WaitNoRoute(l.t.Context(), "", netip.PrefixFrom(a, a.BitLen()).String()))
			continue
		}
		i := slices.IndexFunc(l.assignment.VIPs, func(v gateway.VIP) bool { return v.Address == a })
		require.GreaterOrEqual(l.t, i, 0)
		for _, name := range l.nodesOf(l.assignment.VIPs[i]) {
			require.Equal(l.t, gateway.IsNextHop, hops[name])
		}
	}
}

// A node without an IPv6 address is no next hop for IPv6, and the sessions of the floating IP that it holds carry IPv4 alone.
func TestScenarioANodeWithoutIPv6(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		tors := twoTors(v)
		l := newLab(t, v, threeMachines, tors, twoFloating)
		l.IP("n3", "-6", "addr", "flush", "dev", "eth0", "scope", "global")
		l.read("dual-stack-and-a-node-without-ipv6")
		l.apply()
		l.up()
		require.Equal(t, 3, l.seen(), "tor1 receives several paths: for IPv4 of both floating IPs, for IPv6 of the one on a node with IPv6")
		l.apply()
		l.up()
		for _, r := range tors {
			l.told(r)
		}
		six := l.assignment.VIPs[slices.IndexFunc(l.assignment.VIPs, func(v gateway.VIP) bool { return v.Address.Is6() })]
		require.Equal(t, []string{"n1", "n2"}, l.nodesOf(six))
		require.Equal(t, gateway.NoGlobalAddress, l.explained("web", six.Address.String())["n3"])
		require.Len(t, l.hops(six, tors[0]), 2, "of one session")
		require.Len(t, l.hops(six, tors[1]), 1)
		l.noRoutes()
		l.serve(six)
		require.Len(t, l.connect(six, "tor1", 40), 2, "through tor1 both nodes are reached")

		l.undisturbed(nobody, l.apply)
	})
}
