package gdc

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gobgp"
)

// The facts about ADD-PATH (RFC 7911) that docs/gdc.md states and the product is built on.

var vip = netip.MustParsePrefix("192.0.2.1/32")

// learner is a view with two nodes and one router, which GoBGP plays all.
type learner struct {
	t             *testing.T
	gw            *fabric.Node
	n2, n3, route *gobgp.Peer
}

// learn builds it; lines are added to the family of the router.
func learn(t *testing.T, v fabric.Version, mode bgp.BGPAddPathMode, lines string) *learner {
	t.Helper()
	config := `router bgp 65001 view gw-10.0.0.100
 bgp router-id 10.0.0.100
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
`
	for _, peer := range []struct {
		address string
		asn     int
		lines   string
	}{
		{"10.0.0.1", 65002, " neighbor 10.0.0.1 ebgp-multihop\n"},
		{"10.0.0.12", 65001, " neighbor 10.0.0.12 port 1790\n"},
		{"10.0.0.13", 65001, " neighbor 10.0.0.13 port 1790\n"},
	} {
		config += fmt.Sprintf(" neighbor %[1]s remote-as %[2]d\n neighbor %[1]s update-source 10.0.0.100\n neighbor %[1]s timers connect 1\n%[3]s",
			peer.address, peer.asn, peer.lines)
	}
	config += " address-family ipv4 unicast\n  neighbor 10.0.0.12 activate\n  neighbor 10.0.0.13 activate\n  neighbor 10.0.0.1 activate\n" +
		"  neighbor 10.0.0.1 attribute-unchanged next-hop\n" + lines + " exit-address-family\nexit\n"
	end := func(node string, last int, more ...string) fabric.End {
		return fabric.End{Node: node, Interface: "eth0", Addresses: append([]string{fmt.Sprintf("10.0.0.%d/24", last)}, more...)}
	}
	f := fabric.New(t, fabric.Topology{
		Nodes: []fabric.NodeSpec{{Name: "gw", Version: v, BGPDArgs: []string{"-p", "1790"}, Config: config}, {Name: "n2"}, {Name: "n3"}, {Name: "tor"}},
		Links: []fabric.Link{{Ends: []fabric.End{end("gw", 11, "10.0.0.100/24"), end("n2", 12), end("n3", 13), end("tor", 1)}}},
	})
	peer := func(node, address string, asn uint32, port uint16, mode bgp.BGPAddPathMode) *gobgp.Peer {
		p := gobgp.Start(t, f.Node(node), gobgp.Config{
			AS: asn, Address: netip.MustParseAddr(address), Neighbor: netip.MustParseAddr("10.0.0.100"), Port: port, AddPath: mode,
			Families: []bgp.Family{bgp.RF_IPv4_UC},
		})
		require.NoError(t, p.WaitEstablished(t.Context()))
		return p
	}
	return &learner{
		t: t, gw: f.Node("gw"),
		n2:    peer("n2", "10.0.0.12", 65001, 1790, bgp.BGP_ADD_PATH_NONE),
		n3:    peer("n3", "10.0.0.13", 65001, 1790, bgp.BGP_ADD_PATH_NONE),
		route: peer("tor", "10.0.0.1", 65002, 179, mode),
	}
}

// steps make the better path go and come again, and tell after each what the view takes for best and what the router was told.
func (l *learner) steps() (best, told []netip.Addr) {
	l.t.Helper()
	announce := func(p *gobgp.Peer, preference uint32) {
		require.NoError(l.t, p.Announce(gobgp.Path{LocalPref: preference, HasLocalPref: true}, vip))
	}
	look := func(p *gobgp.Peer) {
		_, err := l.gw.WaitRoute(l.t.Context(), "gw-10.0.0.100", vip.String(), func(r fabric.Route) bool { return r.Best && r.NextHops[0] == p.Config.Address })
		require.NoError(l.t, err)
		best = append(best, p.Config.Address)
		// What FRR has to tell it tells within 50 ms; a router that is told nothing has to be waited for.
		time.Sleep(time.Second)
		var hop netip.Addr // none
		for _, path := range l.route.Paths(vip) {
			hop = path.NextHop
		}
		told = append(told, hop)
	}
	announce(l.n3, 101)
	_, err := l.route.WaitPath(l.t.Context(), vip, nil) // the first takes its time
	require.NoError(l.t, err)
	look(l.n3)
	for range 2 {
		announce(l.n2, 102)
		look(l.n2)
		require.NoError(l.t, l.n2.Withdraw(0, vip))
		look(l.n3)
	}
	return best, told
}

// With addpath-tx-all-paths towards a router that does not receive several paths, 8.4 and 10.3 leave the router with paths that are not the best, or are
// gone (FRR issue 18222). So the product configures it only where the router was seen to receive. Where this test fails, FRR was mended.
func TestFRRMisleadsARouterThatDoesNotReceiveManyPaths(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		best, told := learn(t, v, bgp.BGP_ADD_PATH_NONE, "  neighbor 10.0.0.1 addpath-tx-all-paths\n").steps()
		require.NotEqual(t, best, told)
		t.Logf("best %v, told %v", best, told)
	})
}

func TestARouterThatDoesNotReceiveManyPathsIsToldTheBest(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		best, told := learn(t, v, bgp.BGP_ADD_PATH_NONE, "").steps()
		require.Equal(t, best, told)
	})
}

// What a router receives is seen on a session without ADD-PATH; to begin with it, the session starts anew, once.
func TestWhatARouterReceivesIsSeenBeforeItIsUsed(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		for _, mode := range []bgp.BGPAddPathMode{bgp.BGP_ADD_PATH_NONE, bgp.BGP_ADD_PATH_RECEIVE, bgp.BGP_ADD_PATH_SEND, bgp.BGP_ADD_PATH_BOTH} {
			t.Run(mode.String(), func(t *testing.T) {
				l := learn(t, v, mode, "")
				receives := mode&bgp.BGP_ADD_PATH_RECEIVE != 0
				require.Equal(t, receives, receivesMany(t, l.gw, "gw-10.0.0.100", "10.0.0.1", "ipv4Unicast"))
				if mode != bgp.BGP_ADD_PATH_RECEIVE {
					return
				}
				for i, p := range []*gobgp.Peer{l.n2, l.n3} {
					require.NoError(t, p.Announce(gobgp.Path{LocalPref: uint32(100 + i), HasLocalPref: true}, vip))
				}
				_, err := l.route.WaitTable(t.Context(), 1)
				require.NoError(t, err)
				said, err := l.gw.Load(t.Context(), "router bgp 65001 view gw-10.0.0.100\n address-family ipv4 unicast\n"+
					"  neighbor 10.0.0.1 addpath-tx-all-paths\n exit-address-family\nexit\n")
				require.NoError(t, err)
				require.Empty(t, said)
				_, err = l.route.WaitTable(t.Context(), 2)
				require.NoError(t, err)
				require.Equal(t, 2, l.route.Sessions())
				require.Equal(t, 1, l.n2.Sessions())
				hops := []netip.Addr{l.route.Paths(vip)[0].NextHop, l.route.Paths(vip)[1].NextHop}
				slices.SortFunc(hops, netip.Addr.Compare)
				require.Equal(t, []netip.Addr{l.n2.Config.Address, l.n3.Config.Address}, hops)
			})
		}
	})
}

// receivesMany tells what FRR says of a neighbor: 8.4 has the words that are true, 10.3 has all.
func receivesMany(t *testing.T, n *fabric.Node, view, neighbor, family string) bool {
	t.Helper()
	var all map[string]struct {
		NeighborCapabilities struct {
			AddPath map[string]struct{ RxReceived, RxAdvertisedAndReceived bool }
		}
	}
	require.NoError(t, n.ShowJSON(t.Context(), "bgpd", "show bgp view "+view+" neighbors "+neighbor+" json", &all))
	a := all[neighbor].NeighborCapabilities.AddPath[family]
	return a.RxReceived || a.RxAdvertisedAndReceived
}
