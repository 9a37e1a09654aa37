package cluster

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/cluster/lab"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gobgp"
)

// What a peer that writes every UPDATE down gets of changes at the API server: of those that don't matter nothing, of a Service its own route. The peer is asked
// after a Service that came later, so nothing is still on its way.
func TestAPeerHearsOnlyWhatChanged(t *testing.T) {
	eachVersion(t, func(t *testing.T, v, _ fabric.Version) {
		l := lab.New(t, lab.Rack(v, 1, fabric.NodeSpec{Version: fabric.None}))
		p := gobgp.Start(t, l.Node("tor1"), gobgp.Config{AS: 64501, Address: netip.MustParseAddr("10.0.0.1"), Neighbor: netip.MustParseAddr("10.0.0.11")})
		texts := []string{pool, toTor1, advert("all", "communities: ['65000:1']")}
		for i := range 20 {
			texts = append(texts, service(fmt.Sprint("s", i), "Cluster", on("node1"), fmt.Sprint("192.0.2.", i)))
		}
		l.Apply(texts...)
		l.Run()
		_, err := p.WaitTable(l.Within(), 20)
		require.NoError(t, err)

		next, before := 100, []string(nil)
		// hears does something and returns the prefixes of which the peer heard before it heard of a Service that came afterwards.
		hears := func(do func()) []string {
			t.Helper()
			mark := p.Mark()
			do()
			canary := fmt.Sprint("192.0.2.", next)
			next++
			l.Apply(service("canary-"+fmt.Sprint(next), "Cluster", on("node1"), canary))
			_, err := p.WaitPath(l.Within(), netip.MustParsePrefix(canary+"/32"), nil)
			require.NoError(t, err)
			var out []string
			for _, u := range p.Since(mark) {
				for _, path := range u.Announced {
					out = append(out, "+"+path.Prefix.String())
				}
				for _, path := range u.Withdrawn {
					out = append(out, "-"+path.Prefix.String())
				}
			}
			// bgpd may send a route once more, by a timer of its own, a step later.
			out = slices.DeleteFunc(out, func(s string) bool { return s == "+"+canary+"/32" || slices.Contains(before, s) })
			slices.Sort(out)
			out = slices.Compact(out)
			before = append(slices.Clone(out), "+"+canary+"/32")
			return out
		}
		require.Empty(t, hears(func() {
			l.Patch("Node", "node1", `{metadata: {annotations: {example.com/heartbeat: "1"}}}`)
			l.Label("Node", "node1", "example.com/some", "label")
			l.Label("Service", "s1", "example.com/some", "label")
			l.Patch("Service", "s2", `{metadata: {annotations: {example.com/some: annotation}}}`)
			l.Apply(slice("s3", on("node1", "node2")))
			l.Apply(spec("BFDProfile", "unused", ""), spec("Community", "unused", "communities: [{name: unused, value: '65000:99'}]"), secret("unused", "x"))
			l.Apply(spec("BGPPeer", "elsewhere", "myASN: 64500, peerASN: 64509, peerAddress: 10.0.0.9, "+onNode("node2")))
		}))
		require.Equal(t, []string{"-192.0.2.7/32"}, hears(func() { l.Delete("Service", "s7") }))
		require.Equal(t, []string{"+192.0.2.70/32"}, hears(func() { l.Apply(service("s70", "Cluster", on("node1"), "192.0.2.70")) }))
		require.Equal(t, []string{"+192.0.2.71/32", "-192.0.2.70/32"}, hears(func() {
			l.PatchStatus("Service", "s70", `{status: {loadBalancer: {ingress: [{ip: 192.0.2.71}]}}}`)
		}))
		// A new class is sent for the Services that have it, and for no other.
		require.Equal(t, []string{"+192.0.2.5/32"}, hears(func() {
			l.Label("Service", "s5", "tier", "gold")
			l.Apply(advert("gold", "serviceSelectors: [{matchLabels: {tier: gold}}], communities: ['65000:7']"))
			_, err := p.WaitPath(l.Within(), netip.MustParsePrefix("192.0.2.5/32"), func(path gobgp.Path) bool { return slices.Contains(path.Communities, "65000:7") })
			require.NoError(t, err)
		}))
		require.Equal(t, 1, p.Sessions())
	})
}
