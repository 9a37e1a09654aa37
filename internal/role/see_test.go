package role

import (
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/floating"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

var (
	seenHere, seenThere = netip.MustParseAddr("10.0.1.100"), netip.MustParseAddr("10.0.2.100")
	seenTor             = netip.MustParseAddr("10.8.0.10")
)

// seeing is node n1 with one floating IP, beside n2, which has the other; both take traffic.
func seeing() *Role {
	r := New(Config{Node: "n1", Log: slog.New(slog.DiscardHandler)})
	r.looked, r.word.Told, r.word.Wanted, r.word.BGPDAnswered = true, true, []netip.Addr{seenHere}, time.Now()
	r.facts.Addresses = []floating.Fact{{Address: seenHere, State: floating.Held}}
	r.assignment = &gateway.Assignment{
		ASN:         65001,
		FloatingIPs: []gateway.FloatingIP{{Address: seenHere, Group: "default", Node: "n1"}, {Address: seenThere, Group: "default", Node: "n2"}},
		Sessions: []gateway.Session{
			{Peer: "tor", PeerIP: seenTor, PeerASN: 65002, FloatingIP: seenHere, Node: "n1", ManyIPv4: true},
			{Peer: "tor", PeerIP: seenTor, PeerASN: 65002, FloatingIP: seenThere, Node: "n2"},
		},
		LoadBalancers: []gateway.NextHop{{Node: "n1", IPv4: netip.MustParseAddr("10.0.1.10")}, {Node: "n2", IPv4: netip.MustParseAddr("10.0.1.11")}, {Node: "n3"}},
		VIPs:          []gateway.VIP{{NextHops: []int{0, 1}}, {NextHops: []int{1}}},
	}
	r.sessions = []observe.Session{
		{
			Neighbor: "10.8.0.10", VRF: "gw-10.0.1.100", State: "Established", Uptime: time.Minute, PrefixesSent: 2, PrefixesReceived: 1,
			AddPath: map[string]observe.AddPath{ipv4: {Configured: true, PeerReceives: true, Sending: true}},
		},
		{Neighbor: "10.8.0.10", VRF: "gw-10.0.9.100", State: "Established"}, // of a floating IP that is none of ours
	}
	return r
}

func TestWhatANodeDoesInGDCModeIsSeen(t *testing.T) {
	r := seeing()
	seen := r.See()
	require.Equal(t, []status.FloatingIP{{Address: seenHere, Group: "default", State: status.FloatingIPHeld, Wanted: true}}, seen.FloatingIPs)
	require.Equal(t, []status.GatewaySession{
		{
			FloatingIP: seenHere, Instance: "gw-10.0.1.100", With: status.WithRouter, Name: "tor", Peer: seenTor, ASN: 65002, State: "Established", Up: time.Minute, Sent: 2, Received: 1,
			AddPath: []status.SessionAddPath{{Family: "ipv4", Wanted: true, Configured: true, PeerReceives: true, Sending: true}},
		},
		{
			FloatingIP: seenHere, Instance: "gw-10.0.1.100", With: status.WithNode, Name: "n2", Peer: netip.MustParseAddr("10.0.1.11"), ASN: 65001,
			State: status.SessionMissing,
		},
		{FloatingIP: seenThere, Instance: "default", With: status.WithHolder, Name: "n2", Peer: seenThere, ASN: 65001, State: status.SessionMissing},
	}, seen.Sessions)
	require.Equal(t, &status.Traffic{IPv4: netip.MustParseAddr("10.0.1.10"), Addresses: 1, Of: 2}, seen.Traffic)

	r.word.BGPDAnswered = time.Now().Add(-time.Minute)
	for _, s := range r.See().Sessions {
		require.Equal(t, status.SessionUnknown, s.State, "what bgpd said long ago is not told")
		require.False(t, s.Established())
	}
}

// FRR keeps the empty view of a floating IP that has left: the node has no part in it any more.
func TestAFloatingIPThatLeftIsNotSeen(t *testing.T) {
	r := seeing()
	r.leaving[seenHere] = &leave{}
	seen := r.See()
	require.True(t, seen.FloatingIPs[0].Leaving)
	require.Len(t, seen.Sessions, 1)
	require.Equal(t, seenThere, seen.Sessions[0].FloatingIP, "the view of the other goes, and nobody waits for its next holder yet")
	r.word.Wanted, r.assignment.FloatingIPs[0].Node = nil, "n2"
	r.became(floating.Facts{})
	seen = r.See()
	require.Empty(t, seen.FloatingIPs)
	require.Len(t, seen.Sessions, 2)
	require.Equal(t, status.WithHolder, seen.Sessions[0].With)
	require.EqualValues(t, 1, seen.Left)
	require.Zero(t, seen.Taken)
}

func TestWhatANodeCantHoldIsSeenWithItsReason(t *testing.T) {
	r := seeing()
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 7}
	r.word.Wanted = []netip.Addr{seenHere, seenThere}
	r.facts.Addresses = []floating.Fact{{Address: seenHere, State: floating.Conflict, MAC: mac, Reason: "another host answers"}}
	seen := r.See()
	require.Equal(t, []status.FloatingIP{
		{Address: seenHere, Group: "default", State: status.FloatingIPConflict, MAC: "02:00:00:00:00:07", Reason: "another host answers", Wanted: true},
		{Address: seenThere, Group: "default", State: status.FloatingIPWaiting, Wanted: true},
	}, seen.FloatingIPs)
	r.listening.refusal = "bgpd listens on port 179"
	require.Equal(t, "bgpd listens on port 179", r.See().Unwell)
	r.assignment = nil
	seen = r.See()
	require.Empty(t, seen.Sessions)
	require.Nil(t, seen.Traffic)
}
