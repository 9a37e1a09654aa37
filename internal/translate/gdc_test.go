package translate

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/internal/frrconf"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// crowd is a snapshot of the first of many nodes, with the first floating IP.
func crowd(t testing.TB, nodes, services, floating int) *snapshot.Snapshot {
	t.Helper()
	var a gateway.Assignment
	a.ASN = 65001
	for i := range floating {
		address := netip.AddrFrom4([4]byte{10, 1, 255, byte(i)})
		a.FloatingIPs = append(a.FloatingIPs, gateway.FloatingIP{Address: address, Group: "default", Node: fmt.Sprintf("n%03d", i)})
		a.Sessions = append(a.Sessions, gateway.Session{
			PeerIP: netip.MustParseAddr("10.8.0.1"), PeerASN: 65002, LocalASN: 65001, FloatingIP: address, Node: fmt.Sprintf("n%03d", i),
		})
	}
	var all []int
	for i := range nodes {
		a.LoadBalancers = append(a.LoadBalancers, gateway.NextHop{Node: fmt.Sprintf("n%03d", i), IPv4: netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})})
		all = append(all, i)
	}
	for i := range services {
		v := gateway.VIP{Address: netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), NextHops: all}
		for f := range floating {
			v.Single = append(v.Single, gateway.Single{NextHop: (i*7 + f) % nodes, Reserve: (i*7 + f + 1) % nodes})
		}
		a.VIPs = append(a.VIPs, v)
	}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n000"},
		Status:     corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.1.0.0"}}},
	}
	snap, err := snapshot.New(snapshot.Objects{Nodes: []*corev1.Node{node}}, "n000", snapshot.Options{})
	require.NoError(t, err)
	snap.Gateway = &a
	return snap
}

func TestEveryRouteOfGDCHasARank(t *testing.T) {
	snap := crowd(t, 20, 200, 4)
	config := Translate(snap, LastGood{}).Config
	require.Len(t, config.Instances, 2)
	own, view := config.Instances[0], config.Instances[1]
	require.Equal(t, "gw-10.1.255.0", view.View.String())
	require.Len(t, own.IPv4.Networks, 200)
	require.Len(t, view.IPv4.Networks, 200)
	require.Len(t, view.Neighbors, 1+19, "the router, and the other nodes")
	require.Len(t, own.Neighbors, 3, "the other floating IPs")
	for i, v := range snap.Gateway.VIPs {
		class := entries(t, config, own.IPv4.Networks[i].RouteMap)[0]
		for f := 1; f < 4; f++ {
			to := entries(t, config, gdcTo(snap.Gateway.FloatingIPs[f].Address))
			j := slices.IndexFunc(to, func(e frrconf.RouteMapEntry) bool { return e.MatchTag == class.SetTag })
			require.GreaterOrEqual(t, j, 0)
			require.Equal(t, preference(v.Single[f]), to[j].LocalPreference)
		}
		here := entries(t, config, view.IPv4.Networks[i].RouteMap)[0]
		require.Equal(t, preference(v.Single[0]), here.LocalPreference)
		require.Zero(t, *here.Weight)
	}
}

// preference is that of the first node.
func preference(s gateway.Single) uint32 {
	switch {
	case s.NextHop == 0:
		return 102
	case s.Reserve == 0:
		return 101
	}
	return 100
}

func entries(t *testing.T, c frrconf.Config, name frrconf.Name) []frrconf.RouteMapEntry {
	t.Helper()
	i := slices.IndexFunc(c.RouteMaps, func(m frrconf.RouteMap) bool { return m.Name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return c.RouteMaps[i].Entries
}

// A floating IP that comes or goes must not move the classes of those that stay.
func TestAFloatingIPMovesNoClassThatItDoesNotMatterTo(t *testing.T) {
	three, four := Translate(crowd(t, 20, 200, 3), LastGood{}).Config, Translate(crowd(t, 20, 200, 4), LastGood{}).Config
	same := 0
	for i, n := range three.Instances[0].IPv4.Networks {
		if four.Instances[0].IPv4.Networks[i] == n {
			same++
		}
	}
	require.GreaterOrEqual(t, same, 160, "all but those that the node is preferred for there")
}

// FRR refuses a neighbor with an address of the node's own.
func TestAFloatingIPThatIsOnTheNodeStillIsNotWaitedFor(t *testing.T) {
	snap := crowd(t, 3, 2, 3)
	snap.Gateway.FloatingIPs[0].Node = "n001"
	snap.Floating = []netip.Addr{snap.Gateway.FloatingIPs[0].Address}
	config := Translate(snap, LastGood{}).Config
	require.Len(t, config.Instances, 1, "its view is gone")
	require.Len(t, config.Instances[0].Neighbors, 2)
	snap.Floating = nil
	require.Len(t, Translate(snap, LastGood{}).Config.Instances[0].Neighbors, 3)
}

func TestExtrasLeaveGDCAlone(t *testing.T) {
	for text, taken := range map[string]bool{
		"router bgp 65001 view mine\n neighbor 10.8.0.1 remote-as 1\n":                                                            true,
		"bgp large-community-list standard mine seq 5 permit 1:1:1\n":                                                             true,
		"router bgp 65001\n neighbor 10.1.255.1 soft-reconfiguration inbound\n":                                                   true,
		"router bgp 65001\n neighbor 10.1.255.1 shutdown\n":                                                                       false,
		"router bgp 65001\n address-family ipv4 unicast\n  network 203.0.0.0/32\n":                                                false,
		"router bgp 65001 view gw-10.1.255.0\n address-family ipv4 unicast\n  neighbor 10.8.0.1 addpath-tx-all-paths\n":           false,
		"router bgp 65001 view gw-10.1.255.0\n address-family ipv4 unicast\n  exit-address-family\n neighbor 10.8.0.1 shutdown\n": false,
		"router bgp 65009 view gw-10.1.255.0\n":                                                                                   false,
		"bgp large-community-list standard gdc-services seq 9 permit 1:1:1\n":                                                     false,
		"route-map gdc-to-routers permit 7\n":                                                                                     false,
		"route-map gdc-deny permit 7\n":                                                                                           false,
	} {
		t.Run(text, func(t *testing.T) {
			snap := crowd(t, 3, 2, 2)
			snap.Extras = snapshot.Extras{Name: "bgpextras", Text: text}
			result := Translate(snap, LastGood{})
			require.Equal(t, taken, len(result.Config.Extras.Lines()) > 0, "%v", result.Problems)
		})
	}
}

// BenchmarkGateway is a node with one of four floating IPs among 200 nodes that take traffic for 2,000 Services; goal: 150 ms.
func BenchmarkGateway(b *testing.B) {
	snap := crowd(b, 200, 2000, 4)
	renderer, err := render.New(nil)
	require.NoError(b, err)
	started := time.Now()
	for b.Loop() {
		_, err := renderer.Render(Translate(snap, LastGood{}).Config)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(time.Since(started).Milliseconds())/float64(b.N), "ms/render")
}
