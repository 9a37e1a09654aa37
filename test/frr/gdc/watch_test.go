package gdc

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gobgp"
)

// watched asks bgpd of a node as an agent does.
func watched(t *testing.T, client vtysh.Client) func() []observe.Session {
	// An hour a question: nobody waits for what is looked at now and then only.
	now := time.Now()
	w := observe.NewWatcher(client, func() time.Time { return now })
	return func() []observe.Session {
		t.Helper()
		now = now.Add(time.Hour)
		sessions, err := w.Sessions(t.Context())
		require.NoError(t, err)
		return sessions
	}
}

// sameAsRead compares with the answer to the long question, while nothing changes.
func sameAsRead(t *testing.T, client vtysh.Client, sessions []observe.Session) {
	t.Helper()
	whole, err := observe.Read(t.Context(), client)
	require.NoError(t, err)
	require.Len(t, sessions, len(whole.Sessions))
	for i, s := range whole.Sessions {
		require.Equal(t, s.String(), sessions[i].String())
		require.Equal(t, s.State, sessions[i].State, s)
		require.Equal(t, s.AddPath, sessions[i].AddPath, s)
		require.Equal(t, s.LocalAddress, sessions[i].LocalAddress, s)
		require.Equal(t, s.PrefixesSent, sessions[i].PrefixesSent, s)
		require.Equal(t, s.PrefixesReceived, sessions[i].PrefixesReceived, s)
	}
}

// waitFor asks until a session of the view is as wanted.
func waitFor(t *testing.T, look func() []observe.Session, view, neighbor string, ok func(observe.Session) bool) observe.Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		sessions := look()
		i := slices.IndexFunc(sessions, func(s observe.Session) bool { return s.VRF == view && s.Neighbor == neighbor })
		if i >= 0 && ok(sessions[i]) {
			return sessions[i]
		}
		select {
		case <-ctx.Done():
			require.Fail(t, "the session is not as wanted", "%+v", sessions)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestSessionsOfViewsAreSeenWithWhatWasNegotiated(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		const view = "gw-10.0.0.100"
		l := learn(t, v, bgp.BGP_ADD_PATH_RECEIVE, "")
		load := func(config string) {
			t.Helper()
			said, err := l.gw.Load(t.Context(), config)
			require.NoError(t, err)
			require.Empty(t, said)
		}
		client := vtysh.NewSocket(l.gw.VtyDir())
		defer client.Close()
		look := watched(t, client)
		established := observe.Session.Established
		s := waitFor(t, look, view, "10.0.0.1", established)
		require.Equal(t, "10.0.0.100", s.LocalAddress)
		require.Equal(t, map[string]observe.AddPath{"ipv4Unicast": {PeerReceives: true}}, s.AddPath)
		require.Empty(t, waitFor(t, look, view, "10.0.0.12", established).AddPath, "a node receives one")

		for i, p := range []*gobgp.Peer{l.n2, l.n3} {
			require.NoError(t, p.Announce(gobgp.Path{LocalPref: uint32(100 + i), HasLocalPref: true}, vip))
		}
		waitFor(t, look, view, "10.0.0.1", func(s observe.Session) bool { return s.PrefixesSent == 1 })
		load("router bgp 65001 view gw-10.0.0.100\n address-family ipv4 unicast\n  neighbor 10.0.0.1 addpath-tx-all-paths\n exit-address-family\nexit\n")
		s = waitFor(t, look, view, "10.0.0.1", func(s observe.Session) bool { return s.Established() && s.Dropped == 1 })
		require.Equal(t, map[string]observe.AddPath{"ipv4Unicast": {Configured: true, PeerReceives: true, Sending: true}}, s.AddPath)
		waitFor(t, look, view, "10.0.0.1", func(s observe.Session) bool { return s.PrefixesSent == 2 }) // paths are counted, then
		sameAsRead(t, client, look())

		// A view that has left its neighbors, and one whose router does not want this AS number, from an address that is not there.
		load("router bgp 65001\nexit\nrouter bgp 65001 view gw-10.0.0.200\n bgp router-id 10.0.0.200\n no bgp default ipv4-unicast\nexit\n")
		require.False(t, slices.ContainsFunc(look(), func(s observe.Session) bool { return s.VRF == "gw-10.0.0.200" }))
		load("router bgp 65001 view gw-10.0.0.200\n neighbor 10.0.0.1 remote-as 65002\n neighbor 10.0.0.1 update-source 10.0.0.200\n" +
			" neighbor 10.0.0.1 timers connect 1\n address-family ipv4 unicast\n  neighbor 10.0.0.1 activate\n exit-address-family\nexit\n")
		s = waitFor(t, look, "gw-10.0.0.200", "10.0.0.1", func(s observe.Session) bool { return s.LocalAddress == "10.0.0.200" && s.Trouble != "" })
		require.Equal(t, "Socket Error", s.Trouble)
		require.Empty(t, s.LastReset)

		// The session goes.
		load("router bgp 65001 view gw-10.0.0.100\n neighbor 10.0.0.1 shutdown\nexit\n")
		s = waitFor(t, look, view, "10.0.0.1", func(s observe.Session) bool { return !s.Established() })
		require.Equal(t, map[string]observe.AddPath{"ipv4Unicast": {Configured: true}}, s.AddPath)
		require.NotEmpty(t, s.Trouble)
		require.Equal(t, "10.0.0.100", s.LocalAddress)
	})
}
