package gdc

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gdc/network"
)

// TestRunAMoveTakesOneCall: the next holder calls with all families at once, and loses no session on the way. -count gives more moves to measure; how
// long they take is logged.
func TestRunAMoveTakesOneCall(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		tors := twoTors(v)
		r := run(t, newLab(t, v, threeMachines, tors, twoFloating), "example-09-dual-stack", placed)
		r.bothFamilies(tors)
		for i, to := range []string{"n2", "n1", "n2", "n1"} {
			start := time.Now()
			r.put(map[string]string{"10.0.1.100": to, "10.0.2.100": "n3"})
			for _, s := range r.assignment.Sessions {
				if s.FloatingIP.String() == "10.0.1.100" {
					_, err := r.Node(to).WaitEstablished(t.Context(), "gw-10.0.1.100", s.PeerIP.String())
					require.NoError(t, err)
				}
			}
			t.Logf("planned move to %s: all sessions with routers Established again after %s", to, time.Since(start).Round(time.Millisecond))
			r.bothFamilies(tors)
			if i == 0 {
				continue // n2 has yet to learn, at the price of a reset, that a router receives several paths
			}
			for _, s := range r.sessions(r.Node(to)) {
				if s.VRF == "gw-10.0.1.100" {
					r.calledOnce(s)
				}
			}
		}
	})
}

// bothFamilies waits as several does, where sessions carry IPv6, too.
func (r *running) bothFamilies(tors []network.Tor) {
	r.t.Helper()
	r.up()
	r.eventually(func() bool { return r.seen() == 2*len(r.assignment.FloatingIPs) }, func() string { return "one of two routers receives several paths, in both families" })
	r.assign()
	for _, tor := range tors {
		r.told(tor)
	}
}

// calledOnce shows that a session came up at once, with both families, and stayed.
func (r *running) calledOnce(s fabric.Session) {
	r.t.Helper()
	var said struct {
		ConnectionsDropped int
		MessageStats       struct{ NotificationsSent, NotificationsRecv int }
		AddressFamilyInfo  map[string]any
	}
	require.NoError(r.t, json.Unmarshal(s.Raw, &said))
	require.Zero(r.t, said.ConnectionsDropped, s.Neighbor)
	require.Zero(r.t, said.MessageStats.NotificationsSent, s.Neighbor)
	require.Zero(r.t, said.MessageStats.NotificationsRecv, s.Neighbor)
	require.Contains(r.t, said.AddressFamilyInfo, "ipv4Unicast", s.Neighbor)
	require.Contains(r.t, said.AddressFamilyInfo, "ipv6Unicast", s.Neighbor)
}
