package gobgp

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

var (
	frr4, frr6   = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")
	peer4, peer6 = netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fd00::2")
)

func lab(t *testing.T, v fabric.Version, config string) (frr, host *fabric.Node) {
	f := fabric.New(t, fabric.Topology{
		Nodes: []fabric.NodeSpec{{Name: "frr", Version: v, Config: config}, {Name: "host"}},
		Links: []fabric.Link{{Ends: []fabric.End{
			{Node: "frr", Interface: "eth0", Addresses: []string{"10.0.0.1/24", "fd00::1/64"}},
			{Node: "host", Interface: "eth0", Addresses: []string{"10.0.0.2/24", "fd00::2/64", "10.0.0.3/24"}},
		}}},
	})
	return f.Node("frr"), f.Node("host")
}

const ebgp = `bgp route-map delay-timer 0
route-map OUT permit 10
 match ip address prefix-list PRIVATE
 set community 65535:65282 65001:7
 set large-community 65001:1:2
 set metric 50
route-map OUT permit 20
route-map IN permit 10
exit
ip prefix-list PRIVATE seq 5 permit 192.0.2.1/32
router bgp 65001
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.0.0.2 remote-as 65002
 neighbor 10.0.0.2 password s3cret!
 neighbor 10.0.0.2 timers connect 1
 neighbor fd00::2 remote-as 65002
 neighbor fd00::2 timers connect 1
 neighbor fd00::2 password s3cret6
 address-family ipv4 unicast
  network 192.0.2.1/32
  network 192.0.2.2/32
  neighbor 10.0.0.2 route-map OUT out
  no neighbor fd00::2 activate
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8::1/128
  neighbor fd00::2 activate
 exit-address-family
exit
`

func TestThePeerSeesEveryUpdateWithItsAttributes(t *testing.T) {
	for _, v := range fabric.Versions() {
		t.Run(string(v), func(t *testing.T) {
			ctx := t.Context()
			frr, host := lab(t, v, ebgp)
			four := Start(t, host, Config{AS: 65002, Address: peer4, Neighbor: frr4, NeighborAS: 65001, Password: "s3cret!"})
			six := Start(t, host, Config{AS: 65002, Address: peer6, Neighbor: frr6, NeighborAS: 65001, Password: "s3cret6"})
			require.NoError(t, four.WaitEstablished(ctx))
			require.NoError(t, six.WaitEstablished(ctx))

			path, err := four.WaitPath(ctx, netip.MustParsePrefix("192.0.2.1/32"), nil)
			require.NoError(t, err)
			require.Equal(t, []uint32{65001}, path.ASPath)
			require.Equal(t, frr4, path.NextHop)
			require.Equal(t, []string{"65001:7", "65535:65282"}, path.Communities)
			require.Equal(t, []string{"65001:1:2"}, path.LargeCommunities)
			require.EqualValues(t, 50, path.MED)
			require.False(t, path.HasLocalPref)
			path, err = six.WaitPath(ctx, netip.MustParsePrefix("2001:db8::1/128"), nil)
			require.NoError(t, err)
			require.Equal(t, frr6, path.NextHop)
			_, err = four.WaitTable(ctx, 2)
			require.NoError(t, err)
			_, err = four.WaitEndOfRIB(ctx, bgp.RF_IPv4_UC)
			require.NoError(t, err)

			// One more network: one UPDATE, within a moment, and nothing again.
			mark, start := four.Mark(), time.Now()
			complaints, err := frr.Load(ctx, "router bgp 65001\n address-family ipv4 unicast\n  network 192.0.2.3/32\n")
			require.NoError(t, err)
			require.Empty(t, complaints)
			update, err := four.WaitUpdate(ctx, mark, func(u Update) bool { return len(u.Announced) > 0 })
			require.NoError(t, err)
			require.Equal(t, "192.0.2.3/32", update.Announced[0].Prefix.String())
			t.Logf("announced to UPDATE: %s", update.Time.Sub(start))
			require.Len(t, four.Since(mark), 1)
			_, err = frr.Load(ctx, "router bgp 65001\n address-family ipv4 unicast\n  no network 192.0.2.1/32\n")
			require.NoError(t, err)
			require.NoError(t, four.WaitNoPath(ctx, netip.MustParsePrefix("192.0.2.1/32")))

			// What the peer announces arrives.
			require.NoError(t, four.Announce(Path{ASPath: []uint32{65009}, MED: 7, Communities: []string{"1:2"}, LargeCommunities: []string{"1:2:3"}},
				netip.MustParsePrefix("198.51.100.0/24")))
			got, err := frr.WaitRoute(ctx, "", "198.51.100.0/24", nil)
			require.NoError(t, err)
			require.Equal(t, "65002 65009", got.ASPath)
			require.Equal(t, []string{"1:2"}, got.Communities)
			require.Equal(t, []string{"1:2:3"}, got.LargeCommunities)
			require.EqualValues(t, 7, got.MED)
			require.NoError(t, six.Announce(Path{}, netip.MustParsePrefix("2001:db8:1::/48")))
			_, err = frr.WaitRoute(ctx, "", "2001:db8:1::/48", nil)
			require.NoError(t, err)
			require.NoError(t, four.Withdraw(0, netip.MustParsePrefix("198.51.100.0/24")))
			require.NoError(t, frr.WaitNoRoute(ctx, "", "198.51.100.0/24"))

			require.Equal(t, 1, four.Sessions())
			require.Empty(t, four.Notifications())
			_, err = frr.Vtysh(ctx, "-c", "clear bgp 10.0.0.2")
			require.NoError(t, err)
			require.NoError(t, four.wait(ctx, "a second session", func() bool { return four.sessions == 2 }))
			require.Len(t, four.Notifications(), 1)
			require.Len(t, four.Opens(), 2)
		})
	}
}

func TestAddPathIBGPAndDialling(t *testing.T) {
	const config = `router bgp 65001
 no bgp network import-check
 neighbor 10.0.0.2 remote-as 65001
 neighbor 10.0.0.2 passive
 neighbor 10.0.0.3 remote-as 65001
 neighbor 10.0.0.3 passive
 address-family ipv4 unicast
  network 192.0.2.1/32
  neighbor 10.0.0.2 route-reflector-client
  neighbor 10.0.0.3 route-reflector-client
  neighbor 10.0.0.2 addpath-tx-all-paths
 exit-address-family
exit
`
	for _, v := range fabric.Versions() {
		t.Run(string(v), func(t *testing.T) {
			ctx := t.Context()
			_, host := lab(t, v, config)
			both := bgp.BGP_ADD_PATH_BOTH
			second := netip.MustParseAddr("10.0.0.3")
			one := Start(t, host, Config{AS: 65001, Address: peer4, Neighbor: frr4, Dial: true, AddPath: both})
			two := Start(t, host, Config{AS: 65001, Address: second, Neighbor: frr4, Dial: true, AddPath: both, RouterID: second})
			require.NoError(t, one.WaitEstablished(ctx))
			require.NoError(t, two.WaitEstablished(ctx))
			require.NoError(t, two.Announce(Path{PathID: 5, LocalPref: 200}, netip.MustParsePrefix("192.0.2.1/32")))
			path, err := one.WaitPath(ctx, netip.MustParsePrefix("192.0.2.1/32"), func(p Path) bool { return p.LocalPref == 200 })
			require.NoError(t, err)
			require.Equal(t, second, path.NextHop)
			_, err = one.WaitTable(ctx, 2)
			require.NoError(t, err)
			paths := one.Paths(netip.MustParsePrefix("192.0.2.1/32"))
			require.Len(t, paths, 2, "with ADD-PATH both paths arrive")
			require.NotEqual(t, paths[0].PathID, paths[1].PathID)
		})
	}
}

func TestAWrongPasswordOrASIsNoSession(t *testing.T) {
	frr, host := lab(t, fabric.V84, ebgp)
	four := Start(t, host, Config{AS: 65002, Address: peer4, Neighbor: frr4, Password: "wrong", Dial: true})
	six := Start(t, host, Config{AS: 65003, Address: peer6, Neighbor: frr6, Password: "s3cret6", Dial: true})
	require.NoError(t, six.wait(t.Context(), "a NOTIFICATION", func() bool { return len(six.notifications) > 0 }))
	require.Contains(t, six.Notifications()[0].String(), "received NOTIFICATION 2/2")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	err := four.WaitEstablished(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Zero(t, four.Sessions())
	s, err := frr.Session(t.Context(), "", "10.0.0.2")
	require.NoError(t, err)
	require.NotEqual(t, "Established", s.State)
}
