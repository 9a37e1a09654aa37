package cluster

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/cluster/lab"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// unnumbered is node1 on a cable to a ToR that speaks to whoever calls at the other end.
func unnumbered(v, other fabric.Version) fabric.Topology {
	return cable(v, other, " neighbor eth0 passive\n")
}

// unnumberedBFD is the same with BFD. The ToR waits to be called.
func unnumberedBFD(v, other fabric.Version) fabric.Topology {
	return cable(v, other, " neighbor eth0 passive\n neighbor eth0 bfd\n")
}

// bothCall is the same where the ToR calls, too, and so knows that BFD is down: 10.3 then takes no calls until BFD is up.
func bothCall(v, other fabric.Version) fabric.Topology {
	return cable(v, other, " neighbor eth0 bfd\n")
}

func cable(v, other fabric.Version, line string) fabric.Topology {
	tor := fabric.NodeSpec{Version: other, Config: "router bgp 64501\n bgp router-id 10.0.0.1\n no bgp ebgp-requires-policy\n" +
		" neighbor eth0 interface remote-as external\n neighbor eth0 timers connect 1\n" + line +
		" address-family ipv6 unicast\n  neighbor eth0 activate\n exit-address-family\nexit\n" +
		"interface eth0\n ipv6 nd ra-interval 1\n no ipv6 nd suppress-ra\nexit\n"}
	top := lab.Rack(v, 1, tor)
	top.Links[0].Bridge = false
	return top
}

// onCable is the ToR as a peer without an address.
func onCable(fields string) string {
	return spec("BGPPeer", "tor1", "myASN: 64500, peerASN: 64501, interface: eth0, connectTime: 1s"+fields)
}

// Peers that are an interface: MetalLB's unnumbered.go.
func TestUnnumbered(t *testing.T) {
	family(t, unnumbered, []scenario{
		{"both-families", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, service("web", "Cluster", on("node1"), "192.0.2.10", "2001:db8::10"), onCable(""))
			l.Table("tor1", "192.0.2.10/32", "2001:db8::10/128")
			l.Route("tor1", "192.0.2.10/32", lab.Path("64500"))
			l.Undisturbed(func() {
				l.Apply(web2)
				l.Table("tor1", "192.0.2.10/32", "192.0.2.20/32", "2001:db8::10/128")
				l.Delete("Service", "web")
				l.Table("tor1", "192.0.2.20/32")
			})
		}},
	})
}

func TestUnnumberedWithBFD(t *testing.T) {
	family(t, unnumberedBFD, []scenario{
		{"both-families", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, service("web", "Cluster", on("node1"), "192.0.2.10", "2001:db8::10"), spec("BFDProfile", "fast", "receiveInterval: 400"), onCable(", bfdProfile: fast"))
			l.Table("tor1", "192.0.2.10/32", "2001:db8::10/128")
			l.Up("node1", "eth0")
			l.Stable("node1")
			peers, err := l.Node("node1").BFDPeers(t.Context())
			require.NoError(t, err)
			require.Len(t, peers, 1)
			require.Equal(t, "up", peers[0].Status)
			l.Undisturbed(func() {
				l.Apply(web2)
				l.Table("tor1", "192.0.2.10/32", "192.0.2.20/32", "2001:db8::10/128")
			})
		}},
	})
}

func TestUnnumberedWithBFDWhereBothCall(t *testing.T) {
	family(t, bothCall, []scenario{
		{"both-families", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, service("web", "Cluster", on("node1"), "192.0.2.10", "2001:db8::10"), spec("BFDProfile", "fast", "receiveInterval: 400"), onCable(", bfdProfile: fast"))
			l.Table("tor1", "192.0.2.10/32", "2001:db8::10/128")
			l.Up("node1", "eth0")
			l.Stable("node1")
			// The router stays, and has a BFD session that is down when FRR comes back.
			for range 2 {
				node := l.Node("node1")
				require.NoError(t, node.Restart(t.Context()))
				_, err := node.Boot(t.Context())
				require.NoError(t, err)
				l.Session("node1", "eth0", func(s fabric.Session) bool { return s.State == "Established" && s.BFD == "Up" })
				l.Table("tor1", "192.0.2.10/32", "2001:db8::10/128")
			}
			l.Forget() // that was the test's own hand
		}},
	})
}
