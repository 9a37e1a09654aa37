package frr

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gobgp"
)

// Each password of a character that FRR's command line could take for its own brings up a session with a peer that knows nothing of FRR.
func TestScenarioPasswordCharacters(t *testing.T) {
	passwords := []string{"plain", "wow!", "!", "#x", `a"b`, "a|b?c", `back\slash`, "'quoted'", strings.Repeat("8characs", 10)}
	scenario(t, func(t *testing.T, v, _ fabric.Version) {
		var tors []fabric.NodeSpec
		var peers strings.Builder
		for i, p := range passwords {
			tors = append(tors, tester)
			peers.WriteString(peer(fmt.Sprint("tor", i+1), fmt.Sprint("10.0.0.", 101+i), 64501, "password: "+strconv.Quote(p)))
		}
		top := rack(v, tors...)
		for i := range tors {
			top.Links[0].Ends[i+1].Addresses = []string{fmt.Sprintf("10.0.0.%d/24", 101+i)}
		}
		l := prepare(t, top, map[string]string{"base": basics + peers.String()})
		var all []*gobgp.Peer
		for i, p := range passwords {
			all = append(all, gobgp.Start(t, l.Node(fmt.Sprint("tor", i+1)), gobgp.Config{
				AS: 64501, Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(101 + i)}), Neighbor: netip.MustParseAddr("10.0.0.11"), Password: p,
			}))
		}
		l.run()
		for i, p := range all {
			require.NoError(t, p.WaitEstablished(within(t, 10*time.Second)), "password %q", passwords[i])
		}
		for _, p := range passwords[5:] { // the others are found in any text
			require.NotContains(t, l.read(), p, "a password in the log")
		}
	})
}

func TestScenarioPasswordWrongAndCorrected(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		secret := func(password string) string {
			return object("Secret", "md5", fmt.Sprintf("type: kubernetes.io/basic-auth\nstringData: {password: %q}", password))
		}
		l := start(t, rack(v, tor(other, 64501, "neighbor 10.0.0.11 password right"), tor(v, 64502, "neighbor 10.0.0.11 password right")), map[string]string{
			"base":   basics + peer("tor2", "10.0.0.2", 64502, "passwordSecret: {name: md5}"),
			"tor1":   peer("tor1", "10.0.0.1", 64501, "password: wrong"),
			"secret": secret("right"),
		})
		l.up2("10.0.0.2")
		time.Sleep(2 * time.Second)
		l.down("tor1", "10.0.0.11")

		l.put("tor1", peer("tor1", "10.0.0.1", 64501, "password: right"))
		l.up("tor1", "tor2")
		l.step()
		l.put("secret", secret("wrong"))
		l.eventually("a session with the old password ends", 10*time.Second, func() bool { return l.state("tor2", "10.0.0.11") != "Established" })
		l.put("secret", secret("right"))
		l.up("tor1", "tor2")
	})
}

// up2 waits for one session of node1.
func (l *lab) up2(neighbor string) fabric.Session {
	l.t.Helper()
	s, err := l.node.WaitEstablished(within(l.t, 15*time.Second), "", neighbor)
	require.NoError(l.t, err)
	return s
}

func (l *lab) state(at, neighbor string) string {
	l.t.Helper()
	s, err := l.Node(at).Session(l.t.Context(), "", neighbor)
	require.NoError(l.t, err)
	return s.State
}

func (l *lab) down(at, neighbor string) {
	l.t.Helper()
	s, err := l.Node(at).Session(l.t.Context(), "", neighbor)
	require.NoError(l.t, err)
	require.NotEqual(l.t, "Established", s.State)
	require.Zero(l.t, s.ConnectionsEstablished, "it never was up")
}

func TestScenarioBFD(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		profile := func(fields string) string { return spec("BFDProfile", "fast", fields) }
		// The router's BFD is not tied to its BGP, so that a drop can only be node1's doing.
		tor1 := tor(other, 64501)
		tor1.Config += "bfd\n peer 10.0.0.11 interface eth0\n exit\nexit\n"
		l := start(t, rack(v, tor1), map[string]string{"base": basics, "tor1": toTor1})
		l.eventually("BGP is up", 10*time.Second, func() bool { return l.state("tor1", "10.0.0.11") == "Established" })

		l.put("fast", profile("receiveInterval: 200, transmitInterval: 200"))
		l.put("tor1", peer("tor1", "10.0.0.1", 64501, "bfdProfile: fast"))
		before, err := l.node.WaitBFD(within(t, 15*time.Second), "", "10.0.0.1", nil)
		require.NoError(t, err)
		l.up("tor1")

		l.undisturbed(func() {
			l.put("fast", profile("receiveInterval: 250, transmitInterval: 260, detectMultiplier: 5"))
			after, err := l.node.WaitBFD(within(t, 5*time.Second), "", "10.0.0.1", func(b fabric.BFDPeer) bool { return b.ReceiveInterval == 250 })
			require.NoError(t, err)
			require.Equal(t, []int{260, 5}, []int{after.TransmitInterval, after.DetectMultiplier})
			require.Equal(t, before.ID, after.ID, "the same BFD session")
			require.Equal(t, "up", after.Status)
		})
		l.undisturbed(func() {
			l.put("tor1", toTor1)
			l.remove("fast")
			l.eventually("BFD is gone", 5*time.Second, func() bool {
				peers, err := l.node.BFDPeers(t.Context())
				require.NoError(t, err)
				return len(peers) == 0
			})
			time.Sleep(2 * time.Second) // longer than any detection time
			running, err := l.node.RunningConfig(t.Context())
			require.NoError(t, err)
			require.NotContains(t, running, "profile")
			require.NotContains(t, running, " bfd")
		})
	})
}
