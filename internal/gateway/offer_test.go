package gateway

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// settle lets every node hold what it has by the last Assignment, and tell of it.
func (s *story) settle() *story {
	held := map[string][]string{"n1": nil, "n2": nil, "n3": nil}
	for f, n := range s.holders() {
		held[n] = append(held[n], f)
	}
	for n, all := range held {
		s.answers(n, all...)
	}
	return s
}

// tells lets nodes tell of all their sessions.
func (s *story) tells(state networking.SessionState, nodes ...string) *story {
	return s.tellsOf(state, func(one networking.BGPSessionSpec) bool { return slices.Contains(nodes, one.NodeName) })
}

func (s *story) tellsOf(state networking.SessionState, which func(networking.BGPSessionSpec) bool) *story {
	s.in.Sessions = slices.Clone(s.in.Sessions)
	for i, one := range s.in.Sessions {
		if which(one.Spec) {
			one = one.DeepCopy()
			one.Status.State, one.Status.LastReportTime = state, &metav1.Time{}
			*one.Status.LastReportTime = metav1.Unix(1, 0)
			s.in.Sessions[i] = one
		}
	}
	return s
}

func (s *story) offered() []string {
	out := []string{}
	for _, o := range s.Offers {
		out = append(out, fmt.Sprintf("%s %s %s to %s", o.Why, o.Address, o.From, o.To))
	}
	return out
}

// take takes what is offered.
func (s *story) take() *story {
	s.in.Taken = s.Offers
	return s.then()
}

const up, down = networking.SessionEstablished, networking.SessionNotEstablished

// onOne is the cluster after n1 has died: n3 is cordoned, n2 has both floating IPs, and n1 is back.
func onOne(t *testing.T) *story {
	s := begin(t).node("n3", func(n *corev1.Node) { n.Spec.Unschedulable = true }).lease(LeaseExpired, "n1").then()
	require.Equal(t, map[string]string{a: "n2", b: "n2"}, s.holders())
	require.Empty(t, s.offered(), "there is nowhere to go")
	require.False(t, s.warns(problem.NoRedundancy))
	return s.lease(LeaseLive, "n1").settle().tells(up, "n2").then()
}

func TestRedundancyComesBack(t *testing.T) {
	s := onOne(t)
	require.True(t, s.warns(problem.NoRedundancy))
	require.Equal(t, []string{"GiveBack " + b + " n2 to n1"}, s.offered(), "the last of the list")
	s.then().then()
	require.Equal(t, map[string]string{a: "n2", b: "n2"}, s.holders(), "it is only offered")
	s.take()
	require.Equal(t, map[string]string{a: "n2", b: "n1"}, s.holders())
	s.then()
	require.Empty(t, s.offered())
	require.False(t, s.warns(problem.NoRedundancy))
}

func TestNothingIsGivenBackWhere(t *testing.T) {
	for name, change := range map[string]func(*story){
		"the other's lease is not known":    func(s *story) { s.lease(LeaseUnknown, "n1") },
		"the other's lease has expired":     func(s *story) { s.lease(LeaseExpired, "n1") },
		"the holder's lease is not known":   func(s *story) { s.lease(LeaseUnknown, "n2") },
		"all leases are not known":          func(s *story) { s.lease(LeaseUnknown, "n1", "n2", "n3") },
		"an agent of a Ready node was lost": func(s *story) { s.lease(LeaseExpired, "n3") },
		"the other is not Ready": func(s *story) {
			s.node("n1", func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown })
		},
		"the other is cordoned": func(s *story) { s.node("n1", func(n *corev1.Node) { n.Spec.Unschedulable = true }) },
		"the other is not healthy": func(s *story) {
			s.in.Reports[slices.IndexFunc(s.in.Reports, byName("n1"))].Status.State = networking.GatewayNotHealthy
		},
		"the other lost its sessions lately": func(s *story) { s.in.Barred = map[string]bool{"n1": true} },
		"the other refuses another address": func(s *story) {
			s.in.Reports[slices.IndexFunc(s.in.Reports, byName("n1"))].Status.FloatingIPs = []networking.NodeFloatingIP{{Address: "10.0.1.199", State: networking.FloatingIPRefused}}
		},
		"the holder does not answer for one yet":    func(s *story) { s.answers("n2", a) },
		"another answers for one still":             func(s *story) { s.answers("n1", b) },
		"the only sessions that are up are its own": func(s *story) { s.tells(down, "n2").tellsOf(up, of(b)).tellsOf(up, of(a)).only(b) },
	} {
		t.Run(name, func(t *testing.T) {
			s := onOne(t)
			change(s)
			s.then()
			require.NotContains(t, s.offered(), "GiveBack "+b+" n2 to n1")
			s.in.Taken = []Offer{{Why: GiveBack, Address: s.FloatingIPs[1].Address, From: "n2", To: "n1"}}
			s.then()
			require.Equal(t, map[string]string{a: "n2", b: "n2"}, s.holders(), "what is offered no more is not taken")
		})
	}
}

func byName(name string) func(*networking.NetworkGatewayNode) bool {
	return func(r *networking.NetworkGatewayNode) bool { return r.Name == name }
}

func of(floating string) func(networking.BGPSessionSpec) bool {
	return func(s networking.BGPSessionSpec) bool { return s.FloatingIP == floating }
}

// only lets no other floating IP have sessions that are up.
func (s *story) only(floating string) *story {
	return s.tellsOf(down, func(one networking.BGPSessionSpec) bool { return one.FloatingIP != floating })
}

// The one goes that costs the fewest routers their only session, then the fewest sessions.
func TestTheOneThatCostsLeastIsGivenBack(t *testing.T) {
	s := onOne(t)
	s.tellsOf(down, func(one networking.BGPSessionSpec) bool { return one.FloatingIP == a && one.PeerIP == "10.8.0.10" }).then()
	require.Equal(t, []string{"GiveBack " + a + " n2 to n1"}, s.offered(), "b has the only session with 10.8.0.10")
	s.tells(down, "n2").then()
	require.NotContains(t, s.offered(), "GiveBack "+a+" n2 to n1")
}

// n1 is cut off from the routers, n2 is not.
func TestAHolderWithoutSessionsLosesWhatIsOfNoUse(t *testing.T) {
	s := begin(t).settle().tells(up, "n2").tells(down, "n1").then()
	require.Equal(t, []string{"NoSession " + a + " n1 to n2"}, s.offered(), "n2 is proven, n3 is not")
	s.then()
	require.Equal(t, map[string]string{a: "n1", b: "n2"}, s.holders())
	s.take()
	require.Equal(t, map[string]string{a: "n2", b: "n2"}, s.holders())
	s.in.Barred = map[string]bool{"n1": true}
	s.settle().tells(up, "n2").then()
	require.Equal(t, []string{"GiveBack " + b + " n2 to n3"}, s.offered())
}

func TestAHolderKeepsItsFloatingIPsWhere(t *testing.T) {
	for name, change := range map[string]func(*story){
		"the others' sessions are down as well": func(s *story) { s.tells(down, "n2") },
		"one of its sessions is up": func(s *story) {
			s.tellsOf(up, func(one networking.BGPSessionSpec) bool { return one.NodeName == "n1" && one.PeerIP == "10.8.0.11" })
		},
		"nobody but the manager has told of one": func(s *story) { s.in.Sessions[0].Status.LastReportTime = nil },
		"its lease is not known":                 func(s *story) { s.lease(LeaseUnknown, "n1") },
		"it has expired with all others":         func(s *story) { s.lease(LeaseExpired, "n1", "n2", "n3") },
		"the other that has sessions is dead":    func(s *story) { s.lease(LeaseUnknown, "n2") },
		"it does not hold its address":           func(s *story) { s.answers("n1") },
		"another holds it":                       func(s *story) { s.answers("n3", a) },
		"no other lives": func(s *story) {
			s.lease(LeaseUnknown, "n3").node("n2", func(n *corev1.Node) { n.Spec.Unschedulable = true }).then().settle()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t).settle().tells(up, "n2").tells(down, "n1")
			change(s)
			s.then()
			for _, one := range s.Offers {
				require.NotEqual(t, NoSession, one.Why, "%v", one)
			}
		})
	}
}

// One node has all floating IPs, and no session. Whether it is the node or the routers nobody knows: one goes to see, and the other only if that has helped.
func TestOneFloatingIPGoesToSee(t *testing.T) {
	s := onOne(t).tells(down, "n2").then()
	require.Equal(t, []string{"NoSession " + b + " n2 to n1"}, s.offered())
	s.take()
	require.Equal(t, map[string]string{a: "n2", b: "n1"}, s.holders())
	s.settle().then()
	require.Empty(t, s.offered(), "n1 has told nothing yet")
	s.tells(down, "n1", "n2").then()
	require.Empty(t, s.offered(), "it is the routers")
	s.tells(up, "n1").then()
	require.Equal(t, []string{"NoSession " + a + " n2 to n1"}, s.offered(), "it was the node")
}

// Both holders die at once, their kubelets with them. One that lives is given what it can hold, once that was so for long enough.
func TestLostLeasesAreBelievedWhereNodesAreNotReadyEither(t *testing.T) {
	s := begin(t).settle().lease(LeaseExpired, "n1", "n2").then()
	require.Empty(t, s.offered(), "the kubelets are heard of: it is the way of the agents to the API server")
	dead := func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown }
	s.node("n1", dead).then()
	require.Empty(t, s.offered())
	s.node("n2", dead).then().then()
	require.Equal(t, []string{"LostLeases invalid IP n1,n2 to n3"}, s.offered())
	require.True(t, s.warns(problem.LeasesLost))
	require.Equal(t, map[string]string{a: "n1", b: "n2"}, s.holders())

	alone := *s
	alone.lease(LeaseExpired, "n3").then()
	require.Empty(t, alone.offered(), "nobody lives")
	s.lease(LeaseLive, "n3")
	s.then().take()
	require.Equal(t, map[string]string{a: "n3", b: "n3"}, s.holders())

	// They were not dead, but cut off, and have kept their addresses.
	s.lease(LeaseLive, "n1", "n2")
	s.in.Back = map[string][]string{a: {"n1"}, b: {"n2"}}
	s.then()
	require.Equal(t, map[string]string{a: "n1", b: "n2"}, s.holders())
}

// Whatever gateways are in, an offer takes nothing from who works that others don't go on with.
func TestRandomOffers(t *testing.T) {
	base := begin(t).in
	seen := map[OfferReason]int{}
	r := rand.New(rand.NewPCG(1, 2))
	nodes, rarely := []string{"n1", "n2", "n3"}, func() bool { return r.IntN(8) == 0 }
	for range 1000 {
		s := &story{t: t, in: base}
		s.in.Leases, s.in.Nodes = map[string]Lease{}, slices.Clone(base.Nodes)
		s.in.Groups = []*networking.NetworkGatewayGroup{base.Groups[0].DeepCopy()}
		s.in.Groups[0].Status.FloatingIPs = map[string]string{a: nodes[r.IntN(3)], b: nodes[r.IntN(3)]}
		for _, n := range nodes {
			s.lease([]Lease{LeaseLive, LeaseLive, LeaseLive, LeaseExpired, LeaseExpired, LeaseUnknown}[r.IntN(6)], n)
			if s.in.Leases[n] == LeaseExpired && !rarely() || rarely() {
				s.node(n, func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown })
			}
		}
		s.in = carriedOut(s.in, Assign(s.in))
		s.Assignment = Assign(s.in)
		s.settle()
		if rarely() {
			s.answers(nodes[r.IntN(3)], a)
		}
		s.tellsOf(up, func(networking.BGPSessionSpec) bool { return !rarely() })
		s.tellsOf(down, func(networking.BGPSessionSpec) bool { return r.IntN(4) == 0 })
		for _, n := range nodes {
			if r.IntN(3) == 0 {
				s.tells(down, n)
			}
		}
		out := Assign(s.in)
		requireOffers(t, s.in, out)
		for _, o := range out.Offers {
			seen[o.Why]++
			s.requireHarmless(o)
		}
	}
	for _, why := range []OfferReason{GiveBack, NoSession, LostLeases} {
		require.Greater(t, seen[why], 10, "%v", seen)
	}
}

// requireHarmless holds an offer to what nobody may lose by it.
func (s *story) requireHarmless(o Offer) {
	s.t.Helper()
	if o.Why == LostLeases {
		return
	}
	mine, others := 0, 0
	for _, one := range s.in.Sessions {
		works := one.Status.State == up && s.in.Leases[one.Spec.NodeName] == LeaseLive
		switch {
		case works && o.Why == NoSession && one.Spec.NodeName == o.From, works && one.Spec.FloatingIP == o.Address.String():
			mine++
		case works:
			others++
		}
	}
	if o.Why == NoSession {
		require.Zero(s.t, mine, "%v", o)
	}
	require.True(s.t, mine == 0 || others > 0, "%v leaves no session", o)
	for node, lease := range s.in.Leases {
		if node == o.From || node == o.To {
			require.Equal(s.t, LeaseLive, lease, "%v", o)
		}
	}
	require.Empty(s.t, Assign(following(s.in)).Offers, "who follows offers nothing")
}
