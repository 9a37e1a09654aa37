package frr

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gobgp"
)

// long is for what takes a moment on a machine that is not busy.
const long = time.Minute

// annotated adds annotations of ours, "name: value" each, to the first object of a manifest.
func annotated(manifest string, annotations ...string) string {
	words := make([]string, len(annotations))
	for i, a := range annotations {
		name, value, _ := strings.Cut(a, ": ")
		words[i] = fmt.Sprintf("frr-renderer.io/%s: %q", name, value)
	}
	return strings.Replace(manifest, "metadata: {", "metadata: {annotations: {"+strings.Join(words, ", ")+"}, ", 1)
}

// sees waits until a router has a route that is as it should be.
func (l *lab) sees(at, vrf, prefix string, ok func(fabric.Route) bool) {
	l.t.Helper()
	_, err := l.Node(at).WaitRoute(within(l.t, long), vrf, prefix, ok)
	require.NoError(l.t, err, "%s at %s", prefix, at)
}

// hears waits until a gobgp peer has a path that is as it should be.
func hears(t *testing.T, p *gobgp.Peer, prefix string, ok func(gobgp.Path) bool) {
	t.Helper()
	_, err := p.WaitPath(within(t, long), netip.MustParsePrefix(prefix), ok)
	require.NoError(t, err)
}

// says waits until the log of this step has these words.
func (l *lab) says(words string) {
	l.t.Helper()
	l.eventually("log: "+words, long, func() bool { return strings.Contains(l.read()[l.mark:], words) })
}

func TestScenarioPrependAndMED(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		shown := fabric.NodeSpec{Version: v, Config: "router bgp 64503\n no bgp ebgp-requires-policy\n" +
			" neighbor 10.0.0.11 remote-as 64599\n neighbor 10.0.0.11 passive\nexit\n"}
		l := prepare(t, rack(v, tor(other, 64501), tester, shown), map[string]string{
			"base": pool + web + toTor1 + peer("inside", "10.0.0.2", 64500) + peer("tor3", "10.0.0.3", 64503, "localASN: 64599"),
			"adv":  adv,
		})
		inside := l.gobgp("tor2", "10.0.0.2", 64500)
		l.run()
		const prefix = "192.0.2.10/32"
		// as waits until each neighbor sees the path so many times longer than it is, with this MED.
		as := func(longer int, med uint32, hasMED bool) {
			path := func(asn string) string { return strings.TrimSpace(strings.Repeat(asn+" ", 1+longer)) }
			l.sees("tor1", "", prefix, func(r fabric.Route) bool { return r.ASPath == path("64500") && r.MED == med })
			l.sees("tor3", "", prefix, func(r fabric.Route) bool { return r.ASPath == path("64599") && r.MED == med })
			hears(t, inside, prefix, func(p gobgp.Path) bool { return len(p.ASPath) == 0 && p.MED == med && (p.HasMED || !hasMED) })
		}
		as(0, 0, false)
		before := inside.Sessions()
		l.undisturbed(func() {
			l.put("adv", annotated(adv, "as-path-prepend: 3", "med: 50"))
			as(3, 50, true)
			l.step()
			l.put("adv", annotated(adv, "as-path-prepend: 11", "med: 50"))
			l.says("write a number from 1 to 10")
			as(3, 50, true)
			l.put("adv", annotated(adv, "as-path-prepend: 1", "med: 4294967295"))
			as(1, 4294967295, true)
			l.put("adv", annotated(adv, "med: 0"))
			as(0, 0, true)
			l.put("adv", adv)
			as(0, 0, false)
		})
		require.Equal(t, before, inside.Sessions(), "the session inside")
	})
}

func TestScenarioCommunitiesOfServices(t *testing.T) {
	scenario(t, func(t *testing.T, v, _ fabric.Version) {
		asks := func(name, address string, words ...string) string {
			s := service(name, "", address)
			if len(words) > 0 {
				s = annotated(s, "communities: "+strings.Join(words, ", "))
			}
			return s
		}
		allowing := func(list string) string {
			return annotated(spec("BGPAdvertisement", "all", "communities: ['65000:1']"), "service-communities: "+list)
		}
		l := prepare(t, rack(v, tester), map[string]string{
			"base": pool + toTor1 + spec("Community", "names", "communities: [{name: blue, value: '65000:100'}]"),
			"adv":  allowing("65000:1*, large:64500:1:*"),
			"web":  asks("web", "192.0.2.10", "blue", "large:64500:1:7"),
			"api":  asks("api", "192.0.2.20"),
		})
		tor1 := l.gobgp("tor1", "10.0.0.1", 64501)
		l.run()
		has := func(prefix string, communities ...string) {
			t.Helper()
			hears(t, tor1, prefix, func(p gobgp.Path) bool {
				return slices.Equal(slices.Sorted(slices.Values(slices.Concat(p.Communities, p.LargeCommunities))), communities)
			})
		}
		has("192.0.2.10/32", "64500:1:7", "65000:1", "65000:100")
		has("192.0.2.20/32", "65000:1")
		sessions := tor1.Sessions()

		l.step()
		mark := tor1.Mark()
		l.put("api", asks("api", "192.0.2.20", "large:64500:1:7", "65000:100"))
		has("192.0.2.20/32", "64500:1:7", "65000:1", "65000:100")
		l.says(`"applied the configuration"`)
		require.Len(t, l.lines(), 1, "a Service that asks for what another one has is one line")
		for _, u := range tor1.Since(mark) {
			require.NotContains(t, u.Announced, netip.MustParsePrefix("192.0.2.10/32"), "the other Service is not sent again")
		}

		l.step()
		l.put("api", asks("api", "192.0.2.20", "65000:150", "65000:2", "65535:65281", "no-advertise"))
		l.says("65000:2 65535:65281: not in annotation frr-renderer.io/service-communities of BGPAdvertisement all")
		has("192.0.2.20/32", "65000:1", "65000:150")

		l.put("adv", allowing("65000:100"))
		has("192.0.2.20/32", "65000:1")
		has("192.0.2.10/32", "65000:1", "65000:100")
		l.put("web", asks("web", "192.0.2.10"))
		has("192.0.2.10/32", "65000:1")
		require.Equal(t, sessions, tor1.Sessions())
	})
}

// A node is drained, in both its VRFs, towards external and internal neighbors, and taken back. A cordon means nothing, nor does a restart.
func TestScenarioGracefulShutdown(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		top := rack(v, tor(other, 64501), tester)
		top.Nodes[0].VRFs = []string{"red"}
		top.Nodes = append(top.Nodes, fabric.NodeSpec{Name: "tor3", Version: other, Config: "router bgp 64503\n no bgp ebgp-requires-policy\n" +
			" neighbor 10.3.0.11 remote-as 64600\n neighbor 10.3.0.11 passive\nexit\n"})
		top.Links = append(top.Links, fabric.Link{Ends: []fabric.End{
			{Node: "node1", Interface: "eth1", VRF: "red", Addresses: []string{"10.3.0.11/24"}}, {Node: "tor3", Interface: "eth0", Addresses: []string{"10.3.0.1/24"}},
		}})
		l := prepare(t, top, map[string]string{
			"base": pool + spec("BGPAdvertisement", "all", "localPref: 150, communities: ['65000:1']") + web + toTor1 + peer("inside", "10.0.0.2", 64500) +
				spec("BGPPeer", "red", "myASN: 64600, peerASN: 64503, peerAddress: 10.3.0.1, vrf: red, connectTime: 1s"),
			"node": node(""),
		})
		inside := l.gobgp("tor2", "10.0.0.2", 64500)
		l.run()
		drained := func(prefix string) {
			t.Helper()
			external := func(r fabric.Route) bool {
				return slices.Contains(r.Communities, "graceful-shutdown") && slices.Contains(r.Communities, "65000:1")
			}
			l.sees("tor1", "", prefix, external)
			l.sees("tor3", "", prefix, external)
			hears(t, inside, prefix, func(p gobgp.Path) bool { return p.HasLocalPref && p.LocalPref == 0 })
		}
		served := func(prefix string) {
			t.Helper()
			external := func(r fabric.Route) bool { return slices.Equal(r.Communities, []string{"65000:1"}) }
			l.sees("tor1", "", prefix, external)
			l.sees("tor3", "", prefix, external)
			hears(t, inside, prefix, func(p gobgp.Path) bool { return p.LocalPref == 150 && slices.Equal(p.Communities, []string{"65000:1"}) })
		}
		served("192.0.2.10/32")
		sessions := inside.Sessions()
		l.undisturbed(func() {
			l.put("node", annotated(node(""), "graceful-shutdown: true"))
			drained("192.0.2.10/32")
			l.eventually("status tells", long, func() bool {
				out, _ := l.cli("status", "--health-addr", "127.0.0.1:17472")
				return strings.Contains(out, "drained: ")
			})
			l.put("api", service("api", "", "192.0.2.20"))
			drained("192.0.2.20/32")

			l.stop()
			l.run()
			l.put("web2", service("web2", "", "192.0.2.21"))
			drained("192.0.2.21/32")
			drained("192.0.2.10/32")

			l.put("node", node("")+"spec: {unschedulable: true}\n")
			for _, prefix := range []string{"192.0.2.10/32", "192.0.2.20/32", "192.0.2.21/32"} {
				served(prefix)
			}
		})
		require.Equal(t, sessions, inside.Sessions(), "the session inside")
	})
}

func TestScenarioEndpointPolicy(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		web := func(conditions string, annotations ...string) string {
			s := strings.Replace(service("web", "", "192.0.2.10"), "conditions: {ready: true}", "conditions: {"+conditions+"}", 1)
			if len(annotations) > 0 {
				s = annotated(s, annotations...)
			}
			return s
		}
		const serving = "ready: false, serving: true, terminating: true"
		l := start(t, rack(v, tor(other, 64501), tor(v, 64502)), map[string]string{
			"base": pool + toTor1 + toTor2 + annotated(spec("BGPAdvertisement", "ready", "peers: [tor1]"), "endpoint-policy: ReadyOnly") +
				spec("BGPAdvertisement", "serving", "peers: [tor2]"),
			"web": web("ready: true"),
		})
		l.sees("tor1", "", "192.0.2.10/32", nil)
		l.sees("tor2", "", "192.0.2.10/32", nil)
		gone := func(at string) {
			t.Helper()
			require.NoError(t, l.Node(at).WaitNoRoute(within(t, long), "", "192.0.2.10/32"))
		}
		l.undisturbed(func() {
			l.put("web", web(serving))
			gone("tor1")
			l.sees("tor2", "", "192.0.2.10/32", nil)

			l.put("web", web(serving, "endpoint-policy: ReadyOrServing"))
			l.sees("tor1", "", "192.0.2.10/32", nil)
			l.put("web", web(serving, "endpoint-policy: ReadyOnly"))
			gone("tor1")
			gone("tor2")
			l.put("web", web("ready: true", "endpoint-policy: ReadyOnly"))
			l.sees("tor1", "", "192.0.2.10/32", nil)
			l.sees("tor2", "", "192.0.2.10/32", nil)
		})
	})
}

// A neighbor that sends with a TTL of 1 is not heard once the node wants to know that it is near, until it says so too.
func TestScenarioTTLSecurity(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		near := annotated(toTor1, "ttl-security-hops: 1")
		l := start(t, rack(v, tor(other, 64501), tor(v, 64502)), map[string]string{"base": basics + toTor2, "tor1": toTor1})
		l.sees("tor1", "", "192.0.2.10/32", nil)
		l.sees("tor2", "", "192.0.2.10/32", nil)
		before := l.sessions(l.Node("tor2"))

		next := filepath.Join(t.TempDir(), "next.yaml")
		require.NoError(t, os.WriteFile(next, []byte(basics+toTor2+near), 0o644))
		out, _ := l.cli("diff", "-f", next, "--node", "node1")
		require.Regexp(t, `neighbor 10\.0\.0\.1 ttl-security hops 1 .*resets 10\.0\.0\.1\)`, out)
		l.step()
		l.put("tor1", near)
		l.says("ttl-security hops 1")
		l.eventually("the session ends", long, func() bool { return l.state("tor1", "10.0.0.11") != "Established" })
		established := func() int {
			s, err := l.node.Session(t.Context(), "", "10.0.0.1")
			require.NoError(t, err)
			return s.ConnectionsEstablished
		}
		count := established()

		// From here on the router's packets count.
		_, err := l.Node("tor1").Vtysh(t.Context(), "-c", "configure terminal", "-c", "router bgp 64501", "-c", "neighbor 10.0.0.11 ttl-security hops 1")
		require.NoError(t, err)
		_, err = l.node.WaitEstablished(within(t, long), "", "10.0.0.1")
		require.NoError(t, err)
		l.sees("tor1", "", "192.0.2.10/32", nil)
		require.Equal(t, count+1, established(), "it was not up meanwhile")
		require.Empty(t, fabric.Disturbed(before, l.sessions(l.Node("tor2"))), "the other session")
	})
}
