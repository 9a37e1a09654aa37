package gateway

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// story is a cluster to which one thing happens after the other, each Assignment carried out before the next.
type story struct {
	t  *testing.T
	in Input
	Assignment
}

// begin is the cluster of the cases, with three nodes in one subnet, a floating IP for each of the first two, and leases that live.
func begin(t *testing.T) *story {
	in := readCase(t, "testdata/cases/three-nodes-in-one-subnet/in.yaml")
	s := &story{t: t, in: in}
	s.then()
	return s
}

// then lets time go by: what was decided is carried out, and what follows is decided.
func (s *story) then() *story {
	s.t.Helper()
	s.Assignment = Assign(s.in)
	requireSound(s.t, s.in, s.Assignment)
	s.in = carriedOut(s.in, s.Assignment)
	return s
}

func (s *story) lease(l Lease, nodes ...string) *story {
	for _, n := range nodes {
		s.in.Leases[n] = l
	}
	return s
}

// back tells that a node came back after an address was given to another.
func (s *story) back(floating string, nodes ...string) *story {
	s.in.Back = map[string][]string{floating: nodes}
	return s
}

// node changes a node.
func (s *story) node(name string, change func(*corev1.Node)) *story {
	for i, n := range s.in.Nodes {
		if n.Name == name {
			s.in.Nodes[i] = n.DeepCopy()
			change(s.in.Nodes[i])
		}
	}
	return s
}

// answers lets nodes report the floating IPs that they answer for.
func (s *story) answers(node string, floating ...string) *story {
	s.in.Reports = slices.DeleteFunc(slices.Clone(s.in.Reports), func(r *networking.NetworkGatewayNode) bool { return r.Name == node })
	r := &networking.NetworkGatewayNode{}
	r.Name, r.Status.State = node, networking.GatewayUp
	for _, f := range floating {
		r.Status.FloatingIPs = append(r.Status.FloatingIPs, networking.NodeFloatingIP{Address: f, State: networking.FloatingIPHeld})
	}
	s.in.Reports = append(s.in.Reports, r)
	return s
}

func (s *story) holders() map[string]string {
	out := map[string]string{}
	for _, f := range s.FloatingIPs {
		out[f.Address.String()] = f.Node
	}
	return out
}

func (s *story) names() []string {
	var out []string
	for _, one := range s.Sessions {
		out = append(out, one.Name)
	}
	return out
}

func (s *story) warns(reason problem.Reason) bool { return warns(s.Assignment, reason) }

// refuses lets a node report a floating IP that it can't hold, beside those that it answers for.
func (s *story) refuses(node, floating, why string, answers ...string) *story {
	s.answers(node, answers...)
	r := s.in.Reports[len(s.in.Reports)-1]
	r.Status.FloatingIPs = append(r.Status.FloatingIPs, networking.NodeFloatingIP{Address: floating, State: networking.FloatingIPRefused, Message: why})
	return s
}

// assigned is the condition of the group.
func (s *story) assigned() Condition {
	i := slices.IndexFunc(s.Conditions, func(c Condition) bool { return c.Type == Assigned })
	return s.Conditions[i]
}

const a, b = "10.0.1.100", "10.0.1.101"

func TestANodeDiesAndComesBack(t *testing.T) {
	s := begin(t)
	require.Equal(t, map[string]string{a: "n1", b: "n2"}, s.holders())

	s.lease(LeaseExpired, "n1").then()
	require.Equal(t, map[string]string{a: "n3", b: "n2"}, s.holders(), "the node with none takes it")
	s.lease(LeaseLive, "n1").then()
	require.Equal(t, map[string]string{a: "n3", b: "n2"}, s.holders(), "nothing moves back")

	s.lease(LeaseExpired, "n2").then()
	require.Equal(t, map[string]string{a: "n3", b: "n1"}, s.holders())
}

// Two of three nodes die, one after the other. The last one has all sessions, and gives none away when the others come back, but for the
// sake of different nodes where a router asks for two.
func TestTheLastNodeHasAllSessions(t *testing.T) {
	s := begin(t).lease(LeaseExpired, "n1").then().lease(LeaseExpired, "n2")
	require.Equal(t, map[string]string{a: "n3", b: "n2"}, s.holders())
	s.then()
	require.Equal(t, map[string]string{a: "n3", b: "n3"}, s.holders())
	require.Equal(t, []string{"10.8.0.10-n3", "10.8.0.10-n3-" + b, "10.8.0.11-n3", "10.8.0.11-n3-" + b}, s.names(), "who was there keeps the plain name")
	s.lease(LeaseLive, "n1", "n2").then()
	require.Equal(t, map[string]string{a: "n3", b: "n3"}, s.holders())
}

// Nodes that hold something vanish at once: nothing moves, for minutes or for hours; when they are heard of again nothing has happened.
func TestTheAPIServerIsAway(t *testing.T) {
	s := begin(t)
	before, names := s.holders(), s.names()
	for range 3 {
		s.lease(LeaseExpired, "n1", "n2").then()
		require.Equal(t, before, s.holders())
		require.True(t, s.warns(problem.LeasesLost))
	}
	s.lease(LeaseExpired, "n3").then()
	require.Equal(t, before, s.holders())
	s.lease(LeaseUnknown, "n1", "n2", "n3").then()
	require.Equal(t, before, s.holders())
	s.lease(LeaseLive, "n1", "n2", "n3").then()
	require.Equal(t, before, s.holders())
	require.Equal(t, names, s.names())
	require.False(t, s.warns(problem.LeasesLost))
}

// A node that is cut off from the API server alone goes on answering for its address, so the one that is named instead never takes it. When it is heard
// of again it is named again: no session went down.
func TestANodeIsCutOffFromTheAPIServerAlone(t *testing.T) {
	s := begin(t).answers("n1", a).answers("n2", b).answers("n3").then()
	s.lease(LeaseExpired, "n1").then()
	require.Equal(t, "n3", s.holders()[a])
	s.then()
	require.Equal(t, "n3", s.holders()[a], "as long as it is not heard of")
	s.lease(LeaseLive, "n1").back(a, "n1").then()
	require.Equal(t, map[string]string{a: "n1", b: "n2"}, s.holders())

	// Where the other did take it, it stays there.
	s = begin(t).answers("n1", a).lease(LeaseExpired, "n1").then().answers("n3", a).lease(LeaseLive, "n1").back(a, "n1").then()
	require.Equal(t, "n3", s.holders()[a])
}

// A node that holds one address can't hold another, and then none can, and then one can again.
func TestAnAddressIsRefusedByOneNodeAfterTheOther(t *testing.T) {
	s := begin(t).answers("n1", a).answers("n2", b).answers("n3").then()
	s.in.Groups[0] = s.in.Groups[0].DeepCopy()
	s.in.Groups[0].Status.FloatingIPs[a] = "n2"
	require.Equal(t, map[string]string{a: "n2", b: "n2"}, s.answers("n1").then().holders())

	s.refuses("n2", a, "it is on eth0", b).then()
	require.Equal(t, map[string]string{a: "n1", b: "n2"}, s.holders(), "the other one stays")
	require.Equal(t, metav1.ConditionTrue, s.assigned().Status)
	require.Contains(t, s.assigned().Message, `node "n2" (it is on eth0)`)

	s.refuses("n1", a, "no right").then()
	require.Equal(t, map[string]string{a: "n3", b: "n2"}, s.holders())
	s.refuses("n3", a, "arp_ignore is 8")
	for range 3 {
		require.Equal(t, map[string]string{a: "n3", b: "n2"}, s.then().holders(), "there is nowhere to go, so it goes nowhere")
		require.Equal(t, string(problem.NotHeld), s.assigned().Reason)
		for _, why := range []string{"it is on eth0", "no right", "arp_ignore is 8", `stays with node "n3"`} {
			require.Contains(t, s.assigned().Message, why)
		}
	}

	s.answers("n2", b).then() // it forgets after a while
	require.Equal(t, map[string]string{a: "n2", b: "n2"}, s.holders())
	s.answers("n2", a, b).answers("n1").answers("n3").then()
	require.Equal(t, map[string]string{a: "n2", b: "n2"}, s.holders(), "nothing moves back")
	require.Equal(t, Condition{s.assigned().Object, Assigned, metav1.ConditionTrue, Assigned, ""}, s.assigned())
}

// Somebody moves an address by writing another node into the status. The one before answers until it has heard of it.
func TestAnAddressIsMovedByHand(t *testing.T) {
	s := begin(t).answers("n1", a).answers("n2", b).answers("n3").then()
	s.in.Groups[0] = s.in.Groups[0].DeepCopy()
	s.in.Groups[0].Status.FloatingIPs[a] = "n3"
	require.Equal(t, map[string]string{a: "n3", b: "n2"}, s.then().holders())
	s.answers("n1").answers("n3", a).then()
	require.Equal(t, map[string]string{a: "n3", b: "n2"}, s.then().holders())
}

// Nodes are drained one after the other, as for an upgrade: each floating IP moves ahead of the drain, and none is ever without a node.
func TestNodesAreDrainedOneByOne(t *testing.T) {
	s := begin(t)
	for _, name := range []string{"n1", "n2", "n3"} {
		s.node(name, func(n *corev1.Node) { n.Spec.Unschedulable = true }).then()
		for f, at := range s.holders() {
			require.NotEqual(t, name, at, "%s is drained", f)
			require.NotEmpty(t, at)
		}
		s.node(name, func(n *corev1.Node) { n.Spec.Unschedulable = false }).then()
	}
	for _, name := range []string{"n1", "n2", "n3"} {
		s.node(name, func(n *corev1.Node) { n.Spec.Unschedulable = true })
	}
	before := s.holders()
	require.Equal(t, before, s.then().holders(), "there is nowhere to go")
	require.True(t, s.warns(problem.NotMoved))
}

// The kubelets are heard of no more, but the agents are: nobody takes anything from a holder that works.
func TestKubeletsFallSilent(t *testing.T) {
	s := begin(t)
	before := s.holders()
	for _, name := range []string{"n1", "n2", "n3"} {
		s.node(name, func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown })
	}
	s.then()
	require.Equal(t, before, s.holders())
	require.Len(t, s.LoadBalancers, 3, "nor are all next hops taken away")
}

// A session that goes on where it is comes before one whose floating IP has just moved.
func TestASessionThatWorksIsNotGivenUpForOneThatMoved(t *testing.T) {
	s := begin(t)
	group := s.in.Groups[0].DeepCopy()
	group.Spec.FloatingIPs = []string{a, b, "10.0.1.102"}
	s.in.Groups[0] = group
	two := int32(2)
	s.in.LoadBalancers = []*networking.BGPLoadBalancer{{Spec: networking.BGPLoadBalancerSpec{PeerSelector: map[string]string{"use": "true"}}}}
	s.in.LoadBalancers[0].Name, s.in.LoadBalancers[0].Namespace = "default", "cluster-bm"
	s.in.Peers = []*networking.BGPPeer{{Spec: networking.BGPPeerSpec{LocalASN: 65001, PeerASN: 65002, PeerIP: "10.8.0.20", Sessions: &two}}}
	s.in.Peers[0].Name, s.in.Peers[0].Namespace, s.in.Peers[0].Labels = "tor", "cluster-bm", map[string]string{"use": "true"}
	s.then()
	require.Equal(t, map[string]string{a: "n1", b: "n2", "10.0.1.102": "n3"}, s.holders())
	require.Equal(t, []string{"10.8.0.20-n1", "10.8.0.20-n2"}, s.names())

	s.lease(LeaseExpired, "n1").then()
	require.Equal(t, map[string]string{a: "n2", b: "n2", "10.0.1.102": "n3"}, s.holders())
	require.Equal(t, []string{"10.8.0.20-n2", "10.8.0.20-n3"}, s.names())
	require.Equal(t, b, s.Sessions[0].FloatingIP.String(), "n2 keeps the session that it had")
}
