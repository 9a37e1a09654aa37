package frr

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gobgp"
)

// The OpenShift example: a peer in a VRF of its own, here with a password.
func TestScenarioVRFWithPassword(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		top := fabric.Topology{
			Nodes: []fabric.NodeSpec{
				{Name: "node1", Version: v, VRFs: []string{"ens4vrf"}, BGPDArgs: []string{"-p", "0"}},
				{Name: "tor1", Version: other, Config: "router bgp 200\n no bgp ebgp-requires-policy\n neighbor 192.168.130.11 remote-as 100\n" +
					" neighbor 192.168.130.11 passive\n neighbor 192.168.130.11 password s3cret\nexit\n"},
			},
			Links: []fabric.Link{{Ends: []fabric.End{
				{Node: "node1", Interface: "ens4", VRF: "ens4vrf", Addresses: []string{"192.168.130.11/24"}},
				{Node: "tor1", Interface: "eth0", Addresses: []string{"192.168.130.1/24"}},
			}}},
		}
		viaVRF := func(fields string) string {
			return spec("BGPPeer", "frrviavrf", "myASN: 100, peerASN: 200, peerAddress: 192.168.130.1, vrf: ens4vrf, connectTime: 1s"+fields)
		}
		l := start(t, top, map[string]string{
			"peer": viaVRF(", password: wrong"),
			"base": spec("IPAddressPool", "first-pool", "addresses: [192.169.10.0/32]") +
				spec("BGPAdvertisement", "first-adv", "ipAddressPools: [first-pool], peers: [frrviavrf]") + service("server1", "", "192.169.10.0"),
		})
		l.said("applied the configuration")
		time.Sleep(1500 * time.Millisecond)
		l.down("tor1", "192.168.130.11")
		l.put("peer", viaVRF(", password: s3cret"))
		l.arrives("tor1", "192.169.10.0/32", nil)

		l.remove("peer")
		l.vanishes("tor1", "192.169.10.0/32")
		l.eventually("the VRF's instance is gone", 5*time.Second, func() bool { return len(l.sessions(l.node)) == 0 })
		l.put("peer", viaVRF(", password: s3cret"))
		l.arrives("tor1", "192.169.10.0/32", nil)
	})
}

func TestScenarioAggregationAndDualStack(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		tor1 := tor(other, 64501)
		tor1.Config += "router bgp 64501\n address-family ipv6 unicast\n  neighbor 10.0.0.11 activate\n exit-address-family\nexit\n"
		six := fabric.NodeSpec{Version: v, Config: "router bgp 64500\n bgp router-id 10.0.0.2\n neighbor fd00::11 remote-as 64500\n neighbor fd00::11 passive\n" +
			" address-family ipv6 unicast\n  neighbor fd00::11 activate\n exit-address-family\nexit\n"}
		l := start(t, rack(v, tor1, six), map[string]string{
			"base": pool + service("web", "", "192.0.2.10", "2001:db8::17") +
				peer("tor1", "10.0.0.1", 64501, "dualStackAddressFamily: true") + peer("six", "fd00::2", 64500),
			"adv": spec("BGPAdvertisement", "wide", "aggregationLength: 24, aggregationLengthV6: 124"),
		})
		l.arrives("tor1", "192.0.2.0/24", nil)
		l.arrives("tor1", "2001:db8::10/124", nil)
		l.absent("tor1", "192.0.2.10/32")
		r := l.arrives("tor2", "2001:db8::10/124", nil)
		require.Contains(t, r.NextHops, netip.MustParseAddr("fd00::11"))
		l.absent("tor2", "192.0.2.0/24")

		l.undisturbed(func() {
			l.put("adv", adv)
			l.arrives("tor1", "192.0.2.10/32", nil)
			l.arrives("tor2", "2001:db8::17/128", nil)
			l.vanishes("tor1", "192.0.2.0/24")
			l.vanishes("tor2", "2001:db8::10/124")
		})
	})
}

func TestScenarioUnnumbered(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		unnumbered := fabric.NodeSpec{Version: other, Config: "router bgp 64501\n bgp router-id 10.0.0.1\n no bgp ebgp-requires-policy\n" +
			" neighbor eth0 interface remote-as external\n neighbor eth0 timers connect 1\nexit\n"}
		top := rack(v, unnumbered)
		top.Nodes[0].BGPDArgs = nil
		ra := "interface eth0\n ipv6 nd ra-interval 1\n no ipv6 nd suppress-ra\nexit\n"
		top.Nodes[1].Config += ra
		l := start(t, top, map[string]string{"base": basics + spec("BGPPeer", "tor1", "myASN: 64500, peerASN: 64501, interface: eth0, connectTime: 1s")})
		r, err := l.Node("tor1").WaitRoute(within(t, 20*time.Second), "", "192.0.2.10/32", nil)
		require.NoError(t, err)
		require.Equal(t, "64500", r.ASPath)
	})
}

// One node with peers of which each has another field set.
func TestScenarioPeerFields(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		hold := func(fields string) string { return peer("tor4", "10.0.0.4", 64504, fields) }
		far := fabric.NodeSpec{Version: fabric.None}
		top := rack(v,
			tor(other, 64501), // dynamicASN external
			tor(other, 64502), // dynamicASN internal, which it is not
			fabric.NodeSpec{Version: v, Config: "router bgp 64503\n no bgp ebgp-requires-policy\n neighbor 10.0.0.11 remote-as 65010\n neighbor 10.0.0.11 passive\nexit\n"},
			tor(v, 64504), // timers
			far,           // port 1179
			fabric.NodeSpec{Version: other, Config: "router bgp 64506\n no bgp ebgp-requires-policy\n neighbor 10.0.0.12 remote-as 64500\n neighbor 10.0.0.12 passive\nexit\n"},
			fabric.NodeSpec{Version: other, Config: "router bgp 64507\n no bgp ebgp-requires-policy\n neighbor 10.0.0.11 remote-as 64500\n neighbor 10.0.0.11 passive\n" +
				" neighbor 10.0.0.11 ebgp-multihop\n neighbor 10.0.0.11 update-source 172.16.0.7\nexit\n"},
		)
		top.Links[0].Ends[0].Addresses = append(top.Links[0].Ends[0].Addresses, "10.0.0.12/24")
		l := prepare(t, top, map[string]string{
			"base": basics +
				spec("BGPPeer", "tor1", "myASN: 64500, dynamicASN: external, peerAddress: 10.0.0.1, connectTime: 1s") +
				spec("BGPPeer", "tor2", "myASN: 64500, dynamicASN: internal, peerAddress: 10.0.0.2, connectTime: 1s") +
				peer("tor3", "10.0.0.3", 64503, "localASN: 65010") +
				peer("tor5", "10.0.0.5", 64505, "peerPort: 1179") +
				peer("tor6", "10.0.0.6", 64506, "sourceAddress: 10.0.0.12") +
				peer("tor7", "172.16.0.7", 64507, "ebgpMultiHop: true"),
			"tor4": hold("holdTime: 30s, keepaliveTime: 10s"),
		})
		require.NoError(t, l.Node("tor7").AddAddress("", "lo", "172.16.0.7/32"))
		_, err := l.node.Exec(t.Context(), "ip", "route", "add", "172.16.0.7/32", "via", "10.0.0.7")
		require.NoError(t, err)
		port := gobgp.Start(t, l.Node("tor5"), gobgp.Config{AS: 64505, Address: netip.MustParseAddr("10.0.0.5"), Neighbor: netip.MustParseAddr("10.0.0.11"), Port: 1179})
		l.run()

		l.arrives("tor1", "192.0.2.10/32", nil)
		require.Equal(t, "65010", l.arrives("tor3", "192.0.2.10/32", nil).ASPath, "the ToR sees localASN and nothing else")
		require.NoError(t, port.WaitEstablished(within(t, 8*time.Second)))
		l.arrives("tor6", "192.0.2.10/32", nil)
		l.arrives("tor7", "192.0.2.10/32", nil)
		l.down("tor2", "10.0.0.11")

		s, err := l.Node("tor4").WaitEstablished(within(t, 8*time.Second), "", "10.0.0.11")
		require.NoError(t, err)
		require.Equal(t, []time.Duration{30 * time.Second, 10 * time.Second}, []time.Duration{s.HoldTime, s.KeepAlive})
		before := l.sessions(l.Node("tor4"))
		l.step()
		l.put("tor4", hold("holdTime: 60s, keepaliveTime: 20s"))
		require.Len(t, l.applied(), 1)
		require.Empty(t, fabric.Disturbed(before, l.sessions(l.Node("tor4"))), "timers wait for the next session")
	})
}

func TestScenarioGracefulRestart(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l := start(t, rack(v, tor(other, 64501)), map[string]string{
			"base": basics + peer("tor1", "10.0.0.1", 64501, "enableGracefulRestart: true"),
		})
		l.up("tor1")
		l.arrives("tor1", "192.0.2.10/32", nil)
		time.Sleep(time.Second) // both End-of-RIBs
		l.stop()

		require.NoError(t, l.node.Kill(t.Context(), unix.SIGKILL, "bgpd"))
		l.arrives("tor1", "192.0.2.10/32", func(r fabric.Route) bool { return r.Stale })
		require.NoError(t, l.node.Start(t.Context(), "bgpd"))
		_, err := l.node.Boot(t.Context())
		require.NoError(t, err)
		for fresh := false; !fresh; time.Sleep(50 * time.Millisecond) {
			routes, err := l.Node("tor1").Routes(within(t, 20*time.Second), "", "192.0.2.10/32")
			require.NoError(t, err)
			require.NotEmpty(t, routes, "the route never vanishes")
			fresh = !routes[0].Stale
		}
	})
}

// A router keeps the routes of a peer with graceful restart when it takes the end of the session for a restart: a BGPPeer that is deleted must
// not look like one, whether others stay in its "router bgp" or it was the last.
func TestScenarioPeerWithGracefulRestartIsDeleted(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l := start(t, rack(v, tor(other, 64501), tor(v, 64502), tor(other, 64503), tor(v, 64504)), map[string]string{
			"base": basics, "node": node(""),
			"tor1": peer("tor1", "10.0.0.1", 64501, "enableGracefulRestart: true"),
			"tor2": peer("tor2", "10.0.0.2", 64502, "enableGracefulRestart: true"),
			"tor3": peer("tor3", "10.0.0.3", 64503, "enableGracefulRestart: true"),
			"tor4": peer("tor4", "10.0.0.4", 64504, "enableGracefulRestart: true"),
		})
		l.up("tor1", "tor2", "tor3", "tor4")
		everywhere := func(fabric.Route) bool { return true }
		for _, name := range []string{"tor1", "tor2", "tor3", "tor4"} {
			l.arrives(name, "192.0.2.10/32", everywhere)
		}
		for _, name := range []string{"tor1", "tor2"} {
			l.remove(name)
			l.vanishes(name, "192.0.2.10/32")
		}
		l.remove("tor3")
		l.remove("tor4")
		l.vanishes("tor3", "192.0.2.10/32")
		l.vanishes("tor4", "192.0.2.10/32")
	})
}
