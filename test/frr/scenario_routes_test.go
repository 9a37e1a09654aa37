package frr

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gobgp"
)

// tester is where a gobgp peer runs.
var tester = fabric.NodeSpec{Version: fabric.None}

func (l *lab) gobgp(at, address string, asn uint32) *gobgp.Peer {
	l.t.Helper()
	return gobgp.Start(l.t, l.Node(at), gobgp.Config{AS: asn, Address: netip.MustParseAddr(address), Neighbor: netip.MustParseAddr("10.0.0.11")})
}

// FRR's route-map delay timer would send everything again five seconds after a new class.
func TestScenarioFirstServiceOfANewClass(t *testing.T) {
	scenario(t, func(t *testing.T, v, _ fabric.Version) {
		var many strings.Builder
		for i := range 1000 {
			many.WriteString(service(fmt.Sprint("s", i), "app: plain", fmt.Sprintf("198.51.%d.%d", i/250, i%250)))
		}
		l := prepare(t, rack(v, tester, tester), map[string]string{"base": basics + toTor1 + toTor2, "many": many.String()})
		peers := []*gobgp.Peer{l.gobgp("tor1", "10.0.0.1", 64501), l.gobgp("tor2", "10.0.0.2", 64502)}
		l.run()
		for _, p := range peers {
			_, err := p.WaitTable(t.Context(), 1001)
			require.NoError(t, err)
		}
		time.Sleep(time.Second) // what the first load sends twice is not of interest
		marks := []int{peers[0].Mark(), peers[1].Mark()}

		l.put("gold", spec("BGPAdvertisement", "gold", "serviceSelectors: [{matchLabels: {app: gold}}], communities: ['65000:7']")+
			service("gold", "app: gold", "192.0.2.77"))
		gold := netip.MustParsePrefix("192.0.2.77/32")
		for _, p := range peers {
			path, err := p.WaitPath(within(t, 5*time.Second), gold, nil)
			require.NoError(t, err)
			require.Equal(t, []string{"65000:7"}, path.Communities, "the first UPDATE has it")
		}
		time.Sleep(6 * time.Second)
		for i, p := range peers {
			updates := p.Since(marks[i])
			require.Equal(t, 1, len(updates), "UPDATEs: nothing is sent again")
			require.Len(t, updates[0].Announced, 1)
			require.Equal(t, 1, p.Sessions())
		}
	})
}

func TestScenarioCommunitiesAndLocalPref(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		// tor1 has a router behind it, which must not hear of what the node says to tor1 alone.
		tor1 := tor(other, 64501, "neighbor 10.1.0.9 remote-as 64509", "neighbor 10.1.0.9 timers connect 1")
		top := rack(v, tor1, tor(v, 64500))
		top.Nodes = append(top.Nodes, fabric.NodeSpec{Name: "behind", Version: v, Config: "router bgp 64509\n no bgp ebgp-requires-policy\n" +
			" neighbor 10.1.0.1 remote-as 64501\n neighbor 10.1.0.1 timers connect 1\nexit\n"})
		top.Links = append(top.Links, fabric.Link{Ends: []fabric.End{
			{Node: "tor1", Interface: "eth1", Addresses: []string{"10.1.0.1/24"}}, {Node: "behind", Interface: "eth0", Addresses: []string{"10.1.0.9/24"}},
		}})
		class := func(app, fields string) string {
			return spec("BGPAdvertisement", app, fmt.Sprintf("serviceSelectors: [{matchLabels: {app: %s}}], %s", app, fields))
		}
		l := start(t, top, map[string]string{
			"base": pool + toTor1 + peer("inside", "10.0.0.2", 64500) +
				spec("Community", "names", "communities: [{name: silver, value: '65000:2'}]") +
				service("web", "app: web", "192.0.2.10") + service("here", "app: here", "192.0.2.11"),
			"web":  class("web", "localPref: 150, communities: ['65000:1', silver, 'large:65000:1:2']"),
			"here": class("here", "communities: ['65535:65282']"),
		})
		l.up("tor1", "tor2")

		r := l.arrives("tor1", "192.0.2.10/32", nil)
		require.ElementsMatch(t, []string{"65000:1", "65000:2"}, r.Communities)
		require.Equal(t, []string{"65000:1:2"}, r.LargeCommunities)
		require.Zero(t, r.LocalPref, "not over eBGP")
		r = l.arrives("tor2", "192.0.2.10/32", nil)
		require.EqualValues(t, 150, r.LocalPref, "over iBGP")
		require.ElementsMatch(t, []string{"65000:1", "65000:2"}, r.Communities)

		r = l.arrives("tor1", "192.0.2.11/32", nil)
		require.Equal(t, []string{"no-advertise"}, r.Communities)
		l.arrives("behind", "192.0.2.10/32", nil)
		l.absent("behind", "192.0.2.11/32")

		l.undisturbed(func() {
			edited := time.Now()
			l.put("web", class("web", "localPref: 200, communities: ['65000:9']"))
			l.arrives("tor2", "192.0.2.10/32", func(r fabric.Route) bool { return r.LocalPref == 200 })
			l.arrives("tor1", "192.0.2.10/32", func(r fabric.Route) bool {
				return slices.Equal(r.Communities, []string{"65000:9"}) && len(r.LargeCommunities) == 0
			})
			require.Less(t, time.Since(edited), 4*time.Second, "FRR itself waits 5 s (route-map delay-timer)")
			l.put("here", class("here", "localPref: 50"))
			l.arrives("behind", "192.0.2.11/32", nil)
		})
	})
}
