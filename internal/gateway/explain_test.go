package gateway

import (
	"net/netip"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// What is explained is what is assigned, in every case there is.
func TestExplainSaysWhatIsAssigned(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*/in.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			in := readCase(t, file)
			e := Explain(in)
			require.Equal(t, dump(Assign(in)), dump(e.Assignment))
			for _, s := range in.Services {
				answer, known := e.Service(s.Namespace, s.Name)
				require.True(t, known)
				requireExplained(t, e, s, answer)
			}
			for _, n := range in.Nodes {
				answer, known := e.Node(n.Name)
				require.True(t, known)
				requireNodeExplained(t, e, answer)
			}
		})
	}
}

func requireExplained(t *testing.T, e *Explanation, s Service, answer ServiceAnswer) {
	t.Helper()
	i := slices.Index(e.Services, Announcement{s.Namespace, s.Name, answer.Verdict})
	require.NotEqual(t, -1, i, "%s/%s is %s", s.Namespace, s.Name, answer.Verdict)
	require.Equal(t, answer.Verdict == Announced, answer.Why == "", "who is left out is told why: %+v", answer)
	for _, a := range answer.Addresses {
		require.Equal(t, a.Verdict == Announced, a.Why == "", "%+v", a)
		if a.Verdict != Announced {
			require.Empty(t, a.Nodes)
			continue
		}
		require.NotEmpty(t, a.Pool)
		v := e.VIPs[slices.IndexFunc(e.VIPs, func(v VIP) bool { return v.Address == netip.MustParseAddr(a.Address).Unmap() })]
		var hops []netip.Addr
		for _, n := range a.Nodes {
			require.Equal(t, n.Reason == IsNextHop, n.NextHop.IsValid(), "%+v", n)
			if n.Reason == IsNextHop {
				hops = append(hops, n.NextHop)
			} else {
				require.NotEmpty(t, n.Why)
			}
		}
		var want []netip.Addr
		for _, i := range v.NextHops {
			want = append(want, e.LoadBalancers[i].Address(v))
		}
		require.Equal(t, want, hops)
		require.Len(t, a.Sessions, len(e.Sessions))
		for _, tell := range a.Sessions {
			require.True(t, tell.All || tell.First != "" || tell.Why != "", "%+v", tell)
		}
	}
}

func requireNodeExplained(t *testing.T, e *Explanation, answer NodeAnswer) {
	t.Helper()
	require.Equal(t, slices.ContainsFunc(e.LoadBalancers, func(n NextHop) bool { return n.Node == answer.Node }), answer.Traffic == IsNextHop)
	require.Len(t, answer.FloatingIPs, len(e.FloatingIPs))
	for i, f := range answer.FloatingIPs {
		require.Equal(t, e.FloatingIPs[i].Node, f.Holder)
		require.Equal(t, f.Can, f.Why == "")
	}
	count := 0
	for _, names := range answer.Services {
		count += len(names)
	}
	require.Equal(t, len(e.Services), count)
}

// explained is a cluster in which each node has another reason not to be a next hop.
func explained(t *testing.T) Input {
	t.Helper()
	in := readCase(t, "testdata/cases/example-10-all-nodes-same-peers/in.yaml")
	in.Nodes = nil
	node := func(name string, change func(n *corev1.Node)) {
		n := &corev1.Node{}
		n.Name, n.Labels = name, map[string]string{controlPlaneLabel: ""}
		n.Status.Addresses = []corev1.NodeAddress{
			{Type: corev1.NodeInternalIP, Address: "10.0.1." + name[1:]}, {Type: corev1.NodeInternalIP, Address: "fd01::" + name[1:]},
		}
		n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
		change(n)
		in.Nodes = append(in.Nodes, n)
	}
	node("n10", func(*corev1.Node) {})
	node("n11", func(*corev1.Node) {})
	node("n12", func(n *corev1.Node) { n.Labels[excludeLabel] = "" })
	node("n13", func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown })
	node("n14", func(n *corev1.Node) {
		n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: corev1.NodeNetworkUnavailable, Status: corev1.ConditionTrue})
	})
	node("n15", func(n *corev1.Node) { n.Status.Addresses = n.Status.Addresses[:1] })
	node("n16", func(n *corev1.Node) { n.Labels = nil })
	in.AssumeSubnets = true
	in.Services = []Service{
		{Namespace: "shop", Name: "web", Ingress: []string{"203.0.113.1", "2001:db8::1", "198.51.100.1"}, Endpoints: true},
		{Namespace: "shop", Name: "local", Ingress: []string{"203.0.113.2"}, LocalOnly: true, Endpoints: true, EndpointNodes: []string{"n10", "n12"}},
		{Namespace: "shop", Name: "also", Ingress: []string{"203.0.113.2"}, LocalOnly: true, Endpoints: true, EndpointNodes: []string{"n11"}},
	}
	return in
}

func reasonsOf(a AddressAnswer) map[string]Reason {
	out := map[string]Reason{}
	for _, n := range a.Nodes {
		out[n.Node] = n.Reason
	}
	return out
}

func TestEachNodeThatIsNoNextHopIsToldWhy(t *testing.T) {
	e := Explain(explained(t))
	web, _ := e.Service("shop", "web")
	require.Equal(t, map[string]Reason{
		"n10": IsNextHop, "n11": IsNextHop, "n12": NodeExcluded, "n13": NodeNotReady, "n14": NodeNetworkUnavailable, "n15": IsNextHop, "n16": OtherNodes,
	}, reasonsOf(web.Addresses[0]))
	require.Equal(t, NoGlobalAddress, reasonsOf(web.Addresses[1])["n15"])
	require.Equal(t, netip.MustParseAddr("fd01::10"), web.Addresses[1].Nodes[0].NextHop)
	require.Equal(t, IPNotAllowed, web.Addresses[2].Verdict)
	require.Contains(t, web.Addresses[2].Why, "lies in no pool")

	local, _ := e.Service("shop", "local")
	require.Equal(t, map[string]Reason{
		"n10": IsNextHop, "n11": IsNextHop, "n12": NodeExcluded, "n13": NodeNotReady, "n14": NodeNetworkUnavailable, "n15": NoEndpointHere, "n16": OtherNodes,
	}, reasonsOf(local.Addresses[0]))
	require.Equal(t, []string{"shop/also"}, local.Addresses[0].Shared)
	require.Contains(t, local.Addresses[0].Nodes[1].Why, "another Service")
}

func TestWhereNoNodeTakesTrafficNoAddressOfNodesIsAskedFor(t *testing.T) {
	e := Explain(readCase(t, "testdata/cases/balancers-whose-addresses-no-node-has/in.yaml"))
	web, _ := e.Service("default", "web")
	require.Equal(t, "no node takes traffic for Services; see the problems", web.Addresses[0].Why)
	require.Equal(t, web.Why, web.Addresses[0].Why)
}

func TestEachSessionIsExplained(t *testing.T) {
	in := explained(t)
	e := Explain(in)
	web, _ := e.Service("shop", "web")
	require.NotEmpty(t, web.Addresses[0].Sessions)
	for i, s := range web.Addresses[0].Sessions {
		v := e.VIPs[0]
		at := slices.IndexFunc(e.FloatingIPs, func(f FloatingIP) bool { return f.Address == s.FloatingIP })
		require.Equal(t, e.LoadBalancers[v.Single[at].NextHop].Node, s.First)
		require.Equal(t, e.LoadBalancers[v.Single[at].Reserve].Node, s.Reserve)
		require.Equal(t, e.Sessions[i].PeerIP, s.PeerIP)
	}
	holder := web.Addresses[0].Sessions[0].Node
	i := slices.IndexFunc(in.Nodes, func(n *corev1.Node) bool { return n.Name == holder })
	in.Nodes[i] = in.Nodes[i].DeepCopy()
	in.Nodes[i].Status.Addresses = in.Nodes[i].Status.Addresses[:1]
	web, _ = Explain(in).Service("shop", "web")
	require.Contains(t, web.Addresses[1].Sessions[0].Why, "no global IPv6 address")
	require.Empty(t, web.Addresses[1].Sessions[0].First)
}

func TestANodeIsToldWhatItCouldHold(t *testing.T) {
	e := Explain(explained(t))
	for node, why := range map[string]string{"n12": "", "n13": notReady, "n14": unavailable} {
		answer, ok := e.Node(node)
		require.True(t, ok)
		require.NotEmpty(t, answer.FloatingIPs)
		require.Equal(t, why, answer.FloatingIPs[0].Why, "n12 takes no traffic, and may hold floating IPs all the same")
	}
	answer, _ := Explain(readCase(t, "testdata/cases/floating-ip-that-its-holder-refuses-goes-to-another/in.yaml")).Node("n1")
	require.Equal(t, refusing, answer.FloatingIPs[0].Why)
	require.Equal(t, "10.0.1.100/32 is on eth0: take it off there, or choose another floating IP", answer.FloatingIPs[0].Refusal)
	answer, _ = e.Node("n15")
	require.Equal(t, IsNextHop, answer.Traffic)
	require.False(t, answer.IPv6.IsValid())
	require.Equal(t, map[string][]string{"nextHop": {"shop/web"}, "noLocalEndpoints": {"shop/also", "shop/local"}}, answer.Services)
	_, ok := e.Node("nobody")
	require.False(t, ok)
}
