package cluster

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/cluster/lab"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// secured are two ToRs that ask for the password "right", and a third that asks for none.
func secured(v, other fabric.Version) fabric.Topology {
	return lab.Rack(v, 1, lab.Tor(other, 64501, "password right"), lab.Tor(v, 64502, "password right"), lab.Tor(other, 64503))
}

func secret(name, password string) string {
	return object("Secret", name, fmt.Sprintf("type: kubernetes.io/basic-auth\nstringData: {password: %q}", password))
}

// Peers and their fields: MetalLB's bgp.go and TestPasswordForSession.
func TestPeers(t *testing.T) {
	const prefix = "192.0.2.10/32"
	family(t, twoNodes, []scenario{
		{"one-by-one", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, web)
			l.Apply(toTor1)
			l.Announced("tor1", prefix, "node1", "node2")
			before := l.Sessions("tor1")
			l.Apply(toTor2)
			l.Announced("tor2", prefix, "node1", "node2")
			l.Apply(peer("six", "fd00::1", 64501))
			l.Up("node1", "10.0.0.1", "10.0.0.2", "fd00::1")
			l.Up("node2", "10.0.0.1", "10.0.0.2", "fd00::1")
			l.Delete("BGPPeer", "tor2")
			l.Table("tor2")
			l.Announced("tor1", prefix, "node1", "node2")
			for _, s := range before {
				if s.State == "Established" {
					now := l.Session("tor1", s.Neighbor, nil)
					require.Equal(t, s.ConnectionsDropped, now.ConnectionsDropped, "the session with %s", s.Neighbor)
				}
			}
		}},
		{"router-id", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, web, peer("tor1", "10.0.0.1", 64501, "routerID: 10.1.1.1", onNode("node1")), peer("tor1-two", "10.0.0.1", 64501, "routerID: 10.1.1.2", onNode("node2")))
			l.Announced("tor1", prefix, "node1", "node2")
			for i, neighbor := range []string{"10.0.0.11", "10.0.0.12"} {
				var said struct{ RemoteRouterID string }
				require.NoError(t, json.Unmarshal(l.Session("tor1", neighbor, nil).Raw, &said))
				require.Equal(t, fmt.Sprint("10.1.1.", i+1), said.RemoteRouterID)
			}
		}},
		{"local-asn", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, web, peer("tor1", "10.0.0.1", 64501, "localASN: 65010"), toTor2)
			l.Route("tor1", prefix, lab.From("node1"), lab.Path("65010"))
			l.Route("tor1", prefix, lab.From("node2"), lab.Path("65010"))
			l.Route("tor2", prefix, lab.From("node1"), lab.Path(""))
			before := l.Session("tor2", "10.0.0.11", nil)
			l.Apply(peer("tor1", "10.0.0.1", 64501))
			l.Route("tor1", prefix, lab.From("node1"), lab.Path("64500"))
			require.Equal(t, before.ConnectionsDropped, l.Session("tor2", "10.0.0.11", nil).ConnectionsDropped)
		}},
		{"dynamic-asn", func(t *testing.T, l *lab.Lab) {
			dynamic := func(name, address, mode string) string {
				return spec("BGPPeer", name, fmt.Sprintf("myASN: 64500, dynamicASN: %s, peerAddress: %s, connectTime: 1s", mode, address))
			}
			l.Apply(pool, adv, web, dynamic("tor1", "10.0.0.1", "external"), dynamic("tor2", "10.0.0.2", "internal"))
			l.Announced("tor1", prefix, "node1", "node2")
			l.Announced("tor2", prefix, "node1", "node2")
			// The wrong way round, neither may speak to the other.
			l.Apply(dynamic("tor1", "10.0.0.1", "internal"), dynamic("tor2", "10.0.0.2", "external"))
			l.Table("tor1")
			l.Table("tor2")
			l.Ready()
			l.Eventually("a session is refused for its AS", func() error {
				if s := l.Session("node1", "10.0.0.1", func(fabric.Session) bool { return true }); !strings.Contains(string(s.Raw), "Bad Peer AS") {
					return fmt.Errorf("last reset %q", s.LastReset)
				}
				return nil
			})
			require.Contains(t, l.Refused(dynamic("tor3", "10.0.0.3", "either")), "dynamicASN")
		}},
		{"timers", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, web, peer("tor1", "10.0.0.1", 64501, "holdTime: 30s, keepaliveTime: 10s"))
			l.Announced("tor1", prefix, "node1", "node2")
			s := l.Session("tor1", "10.0.0.11", nil)
			require.Equal(t, []time.Duration{30 * time.Second, 10 * time.Second}, []time.Duration{s.HoldTime, s.KeepAlive})
			l.Undisturbed(func() {
				l.Apply(peer("tor1", "10.0.0.1", 64501, "holdTime: 60s"))
				l.Runs("node1", "neighbor 10.0.0.1 timers 20 60")
				l.Apply(peer("tor1", "10.0.0.1", 64501))
				l.RunsNot("node1", "neighbor 10.0.0.1 timers 20 60")
			})
		}},
		// What graceful restart is good for, and that traffic flows meanwhile, is shown by the faults' scenarios.
		{"graceful-restart", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, web, peer("tor1", "10.0.0.1", 64501, "enableGracefulRestart: true"))
			l.Announced("tor1", prefix, "node1", "node2")
			l.Runs("node1", "neighbor 10.0.0.1 graceful-restart")
			l.Runs("node1", "bgp graceful-restart preserve-fw-state")
			require.Contains(t, l.Refused(peer("tor1", "10.0.0.1", 64501, "enableGracefulRestart: false")), "enableGracefulRestart")
			before := l.Sessions("tor1")
			l.Apply(web2)
			l.Announced("tor1", "192.0.2.20/32", "node1", "node2")
			require.Empty(t, fabric.Disturbed(before, l.Sessions("tor1")))
		}},
		{"connect-time", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, web, toTor1)
			l.Announced("tor1", prefix, "node1", "node2")
			l.Runs("node1", "neighbor 10.0.0.1 timers connect 1")
			before := l.Session("tor1", "10.0.0.11", nil)
			_, err := l.Node("tor1").Vtysh(t.Context(), "-c", "clear bgp 10.0.0.11")
			require.NoError(t, err)
			l.Session("tor1", "10.0.0.11", func(s fabric.Session) bool {
				return s.State == "Established" && s.ConnectionsEstablished > before.ConnectionsEstablished
			})
			l.Announced("tor1", prefix, "node1", "node2")
			l.Forget() // the ToR has ended it
			l.Undisturbed(func() {
				l.Patch("BGPPeer", "tor1", `{spec: {connectTime: 7s}}`)
				l.Runs("node1", "neighbor 10.0.0.1 timers connect 7")
			})
			require.Contains(t, l.Refused(spec("BGPPeer", "other", "myASN: 64500, peerASN: 64501, peerAddress: 10.0.0.9, connectTime: 100ms")), "connectTime")
		}},
		{"incoming-routes-are-rejected-unless-extras-permit-them", func(t *testing.T, l *lab.Lab) {
			said, err := l.Node("tor1").Load(t.Context(), "router bgp 64501\n no bgp network import-check\n address-family ipv4 unicast\n  network 203.0.113.0/24\n exit-address-family\nexit\n")
			require.NoError(t, err)
			require.Empty(t, said)
			defer func() {
				_, err := l.Node("tor1").Load(t.Context(), "router bgp 64501\n address-family ipv4 unicast\n  no network 203.0.113.0/24\n exit-address-family\nexit\n")
				require.NoError(t, err)
			}()
			extras := object("ConfigMap", "bgpextras", "data: {extras: \"route-map 10.0.0.1-in permit 20\\n\"}")
			learned := func(want int) {
				l.Eventually(fmt.Sprint("routes of node1 from tor1: ", want), func() error {
					routes, err := l.Node("node1").Routes(t.Context(), "", "203.0.113.0/24")
					if err == nil && len(routes) != want {
						err = fmt.Errorf("there are %d", len(routes))
					}
					return err
				})
			}
			l.Apply(pool, adv, web, toTor1)
			l.Announced("tor1", prefix, "node1", "node2")
			learned(0)
			l.Undisturbed(func() {
				l.Apply(extras)
				learned(1)
				l.Delete("ConfigMap", "bgpextras")
				learned(0)
			})
			// The extras first, and then what they add to.
			l.Delete("BGPPeer", "tor1")
			l.Table("tor1", "203.0.113.0/24")
			l.Apply(extras)
			l.Apply(toTor1)
			learned(1)
			l.Undisturbed(func() {
				l.Apply(object("ConfigMap", "bgpextras", "data: {extras: \"this is no configuration\\n\"}"))
				l.Problem("node1", "ConfigMap", "bgpextras", "ExtrasRefused")
				l.Apply(web2)
				l.Announced("tor1", "192.0.2.20/32", "node1", "node2")
			})
		}},
	})
}

// Passwords and the Secrets that hold them.
func TestPasswords(t *testing.T) {
	const prefix = "192.0.2.10/32"
	toTor3 := peer("tor3", "10.0.0.3", 64503)
	family(t, secured, []scenario{
		{"password", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, web, toTor3, peer("tor1", "10.0.0.1", 64501, "password: wrong"))
			l.Announced("tor3", prefix, "node1")
			l.Runs("node1", "neighbor 10.0.0.1 password")
			l.Patch("BGPPeer", "tor1", `{spec: {password: right}}`)
			l.Announced("tor1", prefix, "node1")
		}},
		{"a-secret-that-comes-later", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, web, toTor3, peer("tor1", "10.0.0.1", 64501, "passwordSecret: {name: md5}"))
			l.Announced("tor3", prefix, "node1")
			l.Problem("node1", "BGPPeer", "tor1", "UnknownSecret", "left out")
			others := l.Sessions("tor3")
			l.Apply(secret("md5", "right"))
			l.Announced("tor1", prefix, "node1")
			l.NoProblem("node1")
			require.Empty(t, fabric.Disturbed(others, l.Sessions("tor3")))
		}},
		{"a-secret-is-rotated-and-only-its-session-resets", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, web, toTor3, secret("one", "wrong"), secret("two", "right"),
				peer("tor1", "10.0.0.1", 64501, "passwordSecret: {name: one}"), peer("tor2", "10.0.0.2", 64502, "passwordSecret: {name: two}"))
			l.Announced("tor2", prefix, "node1")
			l.Announced("tor3", prefix, "node1")
			two, three := l.Sessions("tor2"), l.Sessions("tor3")
			l.Apply(secret("one", "right"))
			l.Announced("tor1", prefix, "node1")
			require.Empty(t, fabric.Disturbed(two, l.Sessions("tor2")))
			require.Empty(t, fabric.Disturbed(three, l.Sessions("tor3")))
		}},
		{"a-secret-is-deleted-and-the-session-stays", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, web, secret("md5", "right"), peer("tor1", "10.0.0.1", 64501, "passwordSecret: {name: md5}"))
			l.Announced("tor1", prefix, "node1")
			l.Undisturbed(func() {
				l.Delete("Secret", "md5")
				l.Problem("node1", "BGPPeer", "tor1", "UnknownSecret", "last good form")
				l.Apply(web2)
				l.Announced("tor1", "192.0.2.20/32", "node1")
				l.Apply(secret("md5", "right"))
				l.NoProblem("node1")
			})
		}},
		{"a-secret-that-is-not-referenced-is-not-looked-at", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, web, toTor3, secret("md5", "right"))
			l.Announced("tor3", prefix, "node1")
			l.Undisturbed(func() {
				l.Apply(secret("md5", "other"))
				l.Delete("Secret", "md5")
				l.Apply(web2)
				l.Announced("tor3", "192.0.2.20/32", "node1")
				l.NoProblem("node1")
			})
		}},
		{"no-password-is-in-the-log", func(t *testing.T, l *lab.Lab) {
			canaries := []string{"Canary-in-spec", "Canary-in-secret", "Canary-rotated"}
			l.Apply(pool, adv, web, toTor3, secret("md5", canaries[1]), peer("tor1", "10.0.0.1", 64501, "password: "+canaries[0]), peer("tor2", "10.0.0.2", 64502, "passwordSecret: {name: md5}"))
			l.Runs("node1", canaries[0])
			l.Runs("node1", canaries[1])
			l.Apply(secret("md5", canaries[2]))
			l.Runs("node1", canaries[2])
			status, err := l.Node("node1").HTTP(t.Context(), "http://127.0.0.1:17472/status")
			require.NoError(t, err)
			for _, c := range canaries {
				require.NotContains(t, l.Sidecar("node1").Log(), c)
				require.NotContains(t, status, c)
			}
		}},
	})
}

// A peer in a VRF of its own.
func TestVRFs(t *testing.T) {
	eachVersion(t, func(t *testing.T, v, other fabric.Version) {
		top := oneNode(v, other)
		top.Nodes[0].VRFs = []string{"red"}
		top.Links = append(top.Links, fabric.Link{Ends: []fabric.End{
			{Node: "node1", Interface: "eth1", VRF: "red", Addresses: []string{"10.1.0.11/24"}}, {Node: "tor2", Interface: "eth1", Addresses: []string{"10.1.0.2/24"}},
		}})
		top.Nodes[2].Config += "router bgp 64502\n neighbor 10.1.0.11 remote-as external\n neighbor 10.1.0.11 passive\nexit\n"
		l := lab.New(t, top)
		l.Run()
		red := spec("BGPPeer", "red", "myASN: 64999, peerASN: 64502, peerAddress: 10.1.0.2, vrf: red, connectTime: 1s")
		l.Apply(pool, adv, web, toTor1, red)
		l.Announced("tor1", "192.0.2.10/32", "node1")
		l.Route("tor2", "192.0.2.10/32", lab.Path("64999"))
		before := l.Sessions("tor1")
		l.Delete("BGPPeer", "red")
		l.Table("tor2")
		l.Apply(red, web2)
		l.Table("tor2", "192.0.2.10/32", "192.0.2.20/32")
		require.Empty(t, fabric.Disturbed(before, l.Sessions("tor1")))
	})
}
