package cluster

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/cluster/lab"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// withBFD has a ToR that keeps BFD sessions with node1 which are not tied to its BGP, so that a drop can only be the node's doing; tor2 has none.
func withBFD(v, other fabric.Version) fabric.Topology {
	top := oneNode(v, other)
	top.Nodes[1].Config += "bfd\n peer 10.0.0.11 interface eth0\n exit\n peer fd00::11 interface eth0\n exit\nexit\n"
	return top
}

// BFD profiles: MetalLB's bgp.go. In each the sessions stay when another Service is added, and when the profile changes.
func TestBFD(t *testing.T) {
	both := service("web", "Cluster", on("node1"), "192.0.2.10", "2001:db8::10")
	four, six := peer("tor1", "10.0.0.1", 64501, "bfdProfile: fast"), peer("six", "fd00::1", 64501, "bfdProfile: fast")
	plain := peer("tor2", "10.0.0.2", 64502)
	comesUp := func(fields, peers string, neighbors ...string) func(*testing.T, *lab.Lab) {
		return func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, both, spec("BFDProfile", "fast", fields), peers, plain)
			l.Up("node1", append([]string{"10.0.0.2"}, neighbors...)...)
			l.Stable("node1")
			l.Undisturbed(func() {
				l.Apply(service("more", "Cluster", on("node1"), "192.0.2.20", "2001:db8::20"))
				l.Announced("tor2", "192.0.2.20/32", "node1")
				l.Patch("BFDProfile", "fast", `{spec: {receiveInterval: 450, detectMultiplier: 7}}`)
				for _, n := range neighbors {
					_, err := l.Node("node1").WaitBFD(l.Within(), "", n, func(b fabric.BFDPeer) bool {
						return b.ReceiveInterval == 450 && b.DetectMultiplier == 7 && b.Status == "up"
					})
					require.NoError(t, err)
				}
			})
		}
	}
	family(t, withBFD, []scenario{
		{"default-profile", comesUp("", four, "10.0.0.1")},
		{"full-profile", comesUp("receiveInterval: 400, transmitInterval: 410, detectMultiplier: 5, minimumTtl: 254", four, "10.0.0.1")},
		{"echo", comesUp("echoMode: true, echoInterval: 400", four, "10.0.0.1")},
		{"ipv6", comesUp("receiveInterval: 400", six, "fd00::1")},
		{"dual-stack", comesUp("receiveInterval: 400", four+six, "10.0.0.1", "fd00::1")},
		{"a-full-profile-in-the-running-configuration-and-its-removal", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, web, plain, spec("BFDProfile", "fast",
				"receiveInterval: 401, transmitInterval: 402, detectMultiplier: 6, minimumTtl: 250, echoInterval: 403, passiveMode: true"), four)
			for _, line := range []string{"profile fast", "receive-interval 401", "transmit-interval 402", "detect-multiplier 6", "minimum-ttl 250", "echo", "403", "passive-mode", "neighbor 10.0.0.1 bfd profile fast"} {
				l.Runs("node1", line)
			}
			l.Up("node1", "10.0.0.1", "10.0.0.2")
			l.Stable("node1")
			l.Undisturbed(func() {
				l.Apply(peer("tor1", "10.0.0.1", 64501))
				l.Delete("BFDProfile", "fast")
				l.RunsNot("node1", "profile")
				l.RunsNot("node1", " bfd")
				l.NoProblem("node1")
				l.Apply(web2)
				l.Announced("tor1", "192.0.2.20/32", "node1")
			})
		}},
		// 10.3 begins no session while it knows that BFD is down: docs/frr.md.
		{"a-router-without-bfd", func(t *testing.T, l *lab.Lab) {
			without := func(fields string) string { return peer("tor2", "10.0.0.2", 64502, "bfdProfile: fast"+fields) }
			begins := func(s fabric.Session) bool { return s.State == "Established" && s.BFD == "Down" }
			l.Apply(pool, adv, web, spec("BFDProfile", "fast", ""), toTor1, without(""))
			l.Announced("tor1", "192.0.2.10/32", "node1")
			l.Session("node1", "10.0.0.2", func(s fabric.Session) bool { return s.BFD == "Down" })
			_, err := l.Node("node1").Vtysh(t.Context(), "-c", "clear bgp 10.0.0.2")
			require.NoError(t, err)
			if l.Node("node1").Version == fabric.V84 {
				l.Session("node1", "10.0.0.2", begins)
			} else {
				l.Session("node1", "10.0.0.2", func(s fabric.Session) bool { return s.State == "Idle" && s.BFD == "Down" })
			}
			l.Forget() // that was the test's own hand
			// Mostly that is one turn, in which FRR has the neighbor already, and its BFD.
			l.Delete("BGPPeer", "tor2")
			l.Apply(without(", enableGracefulRestart: true"))
			l.Runs("node1", "neighbor 10.0.0.2 graceful-restart")
			l.Announced("tor2", "192.0.2.10/32", "node1")
			l.Runs("node1", "neighbor 10.0.0.2 bfd profile fast")
			l.Undisturbed(func() {
				l.Session("node1", "10.0.0.2", begins)
				l.Apply(web2)
				l.Announced("tor2", "192.0.2.20/32", "node1")
			})
			l.Session("node1", "10.0.0.2", begins)
		}},
		{"a-profile-that-is-edited-in-every-field", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, web, plain, spec("BFDProfile", "fast", ""), four)
			l.Up("node1", "10.0.0.1", "10.0.0.2")
			l.Stable("node1")
			l.Undisturbed(func() {
				for field, line := range map[string]string{"receiveInterval: 500": "receive-interval 500", "transmitInterval: 510": "transmit-interval 510", "detectMultiplier: 9": "detect-multiplier 9"} {
					l.Patch("BFDProfile", "fast", fmt.Sprintf("{spec: {%s}}", field))
					l.Runs("node1", line)
				}
				l.Apply(web2)
				l.Announced("tor1", "192.0.2.20/32", "node1")
			})
		}},
	})
}
