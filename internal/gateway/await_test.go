package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
)

// coldStart is a cluster whose nodes tell nothing yet, and whose floating IPs are nowhere.
func coldStart(t *testing.T) *story {
	s := &story{t: t, in: readCase(t, "testdata/cases/three-nodes-in-one-subnet/in.yaml")}
	s.in.Leases, s.in.Await, s.in.Awaited = map[string]Lease{}, true, map[string]bool{}
	for _, name := range []string{"n1", "n2", "n3"} {
		s.node(name, func(n *corev1.Node) { delete(n.Annotations, networkStatus) })
	}
	return s.then()
}

// reports lets a node tell its subnet.
func (s *story) reports(name, prefix string) *story {
	r := &networking.NetworkGatewayNode{}
	r.Name, r.Status.State = name, networking.GatewayUp
	r.Status.Subnets = []networking.NodeSubnet{{Interface: "eth0", Prefix: prefix}}
	s.in.Reports = append(s.in.Reports, r)
	return s
}

func (s *story) waits() bool { return len(s.Awaiting) > 0 }

var nowhere = map[string]string{a: "", b: ""}

func TestAgentsThatReportOneAfterTheOtherShareTheFloatingIPs(t *testing.T) {
	s := coldStart(t)
	require.False(t, s.waits(), "no node could have one")
	s.reports("n2", "10.0.1.0/24").then()
	require.Equal(t, nowhere, s.holders())
	require.True(t, s.waits())
	s.reports("n3", "10.0.2.0/24").then()
	require.Equal(t, nowhere, s.holders(), "n1 may be in the subnet")
	s.reports("n1", "10.0.1.0/24").then()
	require.Equal(t, map[string]string{a: "n1", b: "n2"}, s.holders())
	require.False(t, s.waits())
}

// The lease of the first is seen to be renewed before that of the others, which live as well.
func TestAgentsWhoseLeasesComeOneAfterTheOther(t *testing.T) {
	s := coldStart(t).reports("n1", "10.0.1.0/24").reports("n2", "10.0.1.0/24").reports("n3", "10.0.1.0/24").lease(LeaseLive, "n1").then()
	require.Equal(t, map[string]string{a: "n1", b: ""}, s.holders())
	s.lease(LeaseLive, "n2").then()
	require.Equal(t, map[string]string{a: "n1", b: "n2"}, s.holders())
}

func TestNobodyWaitsForWhatDoesNotComeOrCanNotHelp(t *testing.T) {
	for name, change := range map[string]func(*story){
		"it has waited for long enough": func(s *story) { s.in.Awaited = map[string]bool{a: true, b: true} },
		"nobody decides again":          func(s *story) { s.in.Await = false },
		"the others are not Ready": func(s *story) {
			for _, n := range []string{"n1", "n3"} {
				s.node(n, func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionFalse })
			}
		},
		"the others are cordoned": func(s *story) {
			for _, n := range []string{"n1", "n3"} {
				s.node(n, func(n *corev1.Node) { n.Spec.Unschedulable = true })
			}
		},
		"the others are not selected": func(s *story) {
			s.node("n2", func(n *corev1.Node) { n.Labels["gateway"] = "yes" })
			s.in.Groups[0].Spec.NodeSelector = &networking.NodeSelector{Raw: []byte(`{"gateway":"yes"}`)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := coldStart(t)
			change(s)
			s.reports("n2", "10.0.1.0/24").then()
			require.Equal(t, map[string]string{a: "n2", b: "n2"}, s.holders())
		})
	}
}

// What has a holder never waits: neither for a manager that starts anew, nor when that holder dies, nor when its Node is deleted.
func TestWhatWasPlacedNeverWaits(t *testing.T) {
	s := coldStart(t).reports("n1", "10.0.1.0/24").reports("n2", "10.0.1.0/24")
	s.in.Groups[0] = s.in.Groups[0].DeepCopy()
	s.in.Groups[0].Status.FloatingIPs = map[string]string{a: "n1", b: "n2"}
	require.Equal(t, map[string]string{a: "n1", b: "n2"}, s.then().holders())
	s.lease(LeaseExpired, "n1").lease(LeaseLive, "n2").then()
	require.Equal(t, map[string]string{a: "n2", b: "n2"}, s.holders())
	s.in.Groups[0] = s.in.Groups[0].DeepCopy()
	s.in.Groups[0].Status.FloatingIPs = map[string]string{a: "gone", b: "n2"}
	require.Equal(t, map[string]string{a: "n2", b: "n2"}, s.then().holders())
}
