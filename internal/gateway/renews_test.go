package gateway

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
)

var rack1, rack2 = netip.MustParsePrefix("10.0.1.0/24"), netip.MustParsePrefix("10.0.2.0/24")

// racks is a cluster of two racks, with so many nodes each: a00, a01 ... and b00, b01 ...; a floating IP in each.
func racks(nodes int) Input {
	in := Input{Groups: []*networking.NetworkGatewayGroup{{
		ObjectMeta: metav1.ObjectMeta{Name: "default"},
		Spec:       networking.NetworkGatewayGroupSpec{FloatingIPs: []string{"10.0.1.200", "10.0.2.200"}},
	}}}
	for i := range nodes {
		for rack, name := range []string{"a", "b"} {
			n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s%02d", name, i), Labels: map[string]string{"rack": name}}}
			n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("10.0.%d.%d", rack+1, i+1)}}
			n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
			in.Nodes = append(in.Nodes, n)
		}
	}
	return in
}

// renewing are the nodes that renew, where each knows its own subnet.
func renewing(in Input) []string {
	var out []string
	for _, n := range in.Nodes {
		own := []netip.Prefix{rack1}
		if n.Name[0] == 'b' {
			own = []netip.Prefix{rack2}
		}
		if Renews(in, n.Name, own) {
			out = append(out, n.Name)
		}
	}
	return out
}

func TestTheFirstNodesOfEachRackRenewBeforeAnythingIsPlaced(t *testing.T) {
	require.Equal(t, []string{"a00", "b00", "a01", "b01", "a02", "b02", "a03", "b03"}, renewing(racks(20)))
	require.Len(t, renewing(racks(3)), 6)
}

func TestHoldersRenewAndSparesBesideThem(t *testing.T) {
	in := racks(20)
	in.Groups[0].Status.FloatingIPs = map[string]string{"10.0.1.200": "a01", "10.0.2.200": "b15"}
	require.Equal(t, []string{"a00", "b00", "a01", "b01", "a02", "b02", "a03", "b03", "a04", "b15"}, renewing(in))
}

func TestWhoCannotTakeAFloatingIPDoesNotRenewUnlessItHoldsOne(t *testing.T) {
	in := racks(20)
	in.Nodes[0].Status.Conditions[0].Status = corev1.ConditionFalse // a00
	in.Nodes[1].Spec.Unschedulable = true                           // b00
	in.Nodes[2].Status.Conditions = append(in.Nodes[2].Status.Conditions, corev1.NodeCondition{Type: corev1.NodeNetworkUnavailable, Status: corev1.ConditionTrue})
	require.Equal(t, []string{"b01", "a02", "b02", "a03", "b03", "a04", "b04", "a05"}, renewing(in))
	in.Groups[0].Status.FloatingIPs = map[string]string{"10.0.1.200": "a00", "10.0.2.200": "b00"}
	require.Equal(t, []string{"a00", "b00", "b01", "a02", "b02", "a03", "b03", "a04", "b04", "a05"}, renewing(in))
	in.Groups[0].Spec.NodeSelector = networking.MatchLabels(map[string]string{"rack": "b"})
	require.Equal(t, []string{"a00", "b00", "b01", "b02", "b03", "b04"}, renewing(in))
}

func TestANodeWhoseSubnetsAreUnknownOrOthersDoesNotRenew(t *testing.T) {
	in := racks(3)
	require.False(t, Renews(in, "a00", nil))
	require.False(t, Renews(in, "a00", []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}))
	require.False(t, Renews(in, "none", []netip.Prefix{rack1}))
	in.Nodes[0].Annotations = map[string]string{networkStatus: `[{"ipv4-subnet":"10.0.1.0/24"}]`}
	require.True(t, Renews(in, "a00", nil))
}

// Floating IPs out of a second network, which no Node's address tells of: nobody knows who else is in it, so all count, and few renew all the same.
func TestFloatingIPsOfASecondNetworkAreNotRenewedByAll(t *testing.T) {
	in := racks(500)
	in.Groups[0].Spec.FloatingIPs = []string{"172.16.0.200"}
	second := []netip.Prefix{netip.MustParsePrefix("172.16.0.0/16")}
	count := 0
	for _, n := range in.Nodes[:100] {
		if Renews(in, n.Name, second) {
			count++
		}
	}
	require.Equal(t, Spares, count)
}

func BenchmarkRenews(b *testing.B) {
	in := racks(500)
	for b.Loop() {
		Renews(in, "a499", []netip.Prefix{rack1})
	}
}
