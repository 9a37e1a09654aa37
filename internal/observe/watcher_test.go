package observe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	summary = "bgpd show bgp vrf all summary json"
	ofView  = "bgpd show bgp view %s neighbors json"
)

// bgpdOf answers as a bgpd with one neighbor in each of its views does.
type bgpdOf struct {
	*daemons
	now time.Time
	*Watcher
}

func newBGPD(t *testing.T, views ...string) *bgpdOf {
	b := &bgpdOf{daemons: newDaemons(t), now: time.Now()}
	b.Watcher = NewWatcher(b.daemons, func() time.Time { return b.now })
	b.is(views, "Established", 1, 0, 0)
	return b
}

// is says how the neighbor of each view is. A view whose name begins with "empty" has none.
func (b *bgpdOf) is(views []string, state string, cameUp, dropped, up int) {
	var short, long []string
	for _, v := range views {
		if strings.HasPrefix(v, "empty") {
			short, long = append(short, fmt.Sprintf(`%q: {}`, v)), append(long, fmt.Sprintf(`%q: {"vrfId": 0}`, v))
			b.answers[fmt.Sprintf(ofView, v)] = `{}`
			continue
		}
		counted := fmt.Sprintf(`"connectionsEstablished": %d, "connectionsDropped": %d`, cameUp, dropped)
		peers := fmt.Sprintf(`{"peers": {"10.0.0.1": {"remoteAs": 65002, "state": %q, "peerUptimeMsec": %d, "pfxSnt": 3, "pfxRcd": 1, %s}}}`, state, up, counted)
		short = append(short, fmt.Sprintf(`%q: {"ipv4Unicast": %[2]s, "ipv6Unicast": %[2]s}`, v, peers))
		one := fmt.Sprintf(`"10.0.0.1": {"remoteAs": 65002, "bgpState": %q, "bgpTimerUpMsec": %d, "lastResetDueTo": "why", %s,
			"neighborCapabilities": {"addPath": {"ipv4Unicast": {"rxReceived": true}}}}`, state, up, counted)
		// A neighbor without a family is in no short answer.
		long = append(long, fmt.Sprintf(`%q: {"vrfId": 0, %s, "10.0.0.2": {}}`, v, one))
		b.answers[fmt.Sprintf(ofView, v)] = `{` + one + `, "10.0.0.2": {}}`
	}
	b.answers[summary], b.answers[neighbors] = "{"+strings.Join(short, ",")+"}", "{"+strings.Join(long, ",")+"}"
}

// look returns the sessions, and what bgpd was asked beside the short question.
func (b *bgpdOf) look() ([]Session, []string) {
	b.t.Helper()
	b.last = nil
	sessions, err := b.Sessions(b.t.Context())
	require.NoError(b.t, err)
	require.Equal(b.t, strings.TrimPrefix(summary, "bgpd "), b.last[0])
	return sessions, b.last[1:]
}

func one(view string) string { return strings.TrimPrefix(fmt.Sprintf(ofView, view), "bgpd ") }

func TestAWatcherAsksMoreOnlyOfWhatHasChanged(t *testing.T) {
	views := []string{"a", "b", "empty"}
	b := newBGPD(t, views...)
	sessions, more := b.look()
	require.ElementsMatch(t, []string{one("a"), one("b"), one("empty")}, more)
	require.Len(t, sessions, 2)
	require.Equal(t, AddPath{PeerReceives: true}, sessions[0].AddPath["ipv4Unicast"])

	b.now = b.now.Add(time.Hour)
	b.is(views, "Established", 1, 0, 7000)
	sessions, more = b.look()
	require.Empty(t, more)
	require.Equal(t, 7*time.Second, sessions[0].Uptime)
	require.Equal(t, 6, sessions[0].PrefixesSent, "of both families")
	require.Equal(t, map[string]int{"ipv4Unicast": 3, "ipv6Unicast": 3}, sessions[0].Sent)
	require.Equal(t, 2, sessions[0].PrefixesReceived)
	require.Equal(t, AddPath{PeerReceives: true}, sessions[0].AddPath["ipv4Unicast"], "what does not change stays known")

	for _, change := range []struct {
		name        string
		state       string
		cameUp, off int
		up          int
	}{
		{"went down and came up between two questions", "Established", 2, 1, 7000},
		{"went down", "Idle", 2, 2, 0},
		{"came up", "Established", 3, 2, 5000},
		{"bgpd was restarted, and its counters stand where they did", "Established", 3, 2, 1000},
	} {
		t.Run(change.name, func(t *testing.T) {
			b.is(views, change.state, change.cameUp, change.off, change.up)
			sessions, more := b.look()
			require.ElementsMatch(t, []string{one("a"), one("b")}, more)
			require.Equal(t, change.state, sessions[0].State)
			_, more = b.look()
			require.Empty(t, more)
		})
	}
	b.is(views[1:], "Established", 3, 2, 1000)
	sessions, more = b.look()
	require.Empty(t, more)
	require.Len(t, sessions, 1, "what is gone is forgotten")
	b.is(nil, "", 0, 0, 0)
	sessions, _ = b.look()
	require.Empty(t, sessions)
}

func TestAWatcherAsksOnceForMany(t *testing.T) {
	var views []string
	for i := range atOnce {
		views = append(views, fmt.Sprint("v", i), fmt.Sprint("empty", i))
	}
	b := newBGPD(t, views...)
	sessions, more := b.look()
	require.Equal(t, []string{strings.TrimPrefix(neighbors, "bgpd ")}, more)
	require.Len(t, sessions, atOnce)
	_, more = b.look()
	require.Empty(t, more)
}

// Why a session is down may be another reason later, but routers that are away are no reason to ask for everything again and again.
func TestAWatcherAsksAgainWhileASessionIsDownOneInstanceAtATime(t *testing.T) {
	views := []string{"a", "b"}
	b := newBGPD(t, views...)
	b.is(views, "Active", 0, 0, 0)
	b.look()
	_, more := b.look()
	require.Empty(t, more)
	b.is(views, "Connect", 0, 0, 0)
	_, more = b.look()
	require.Empty(t, more, "attempts to connect are no change")
	b.now = b.now.Add(lookAgain)
	_, first := b.look()
	require.Len(t, first, 1)
	_, second := b.look()
	require.Len(t, second, 1)
	require.NotEqual(t, first, second)
	_, more = b.look()
	require.Empty(t, more)
}

func TestAWatcherTellsABGPDThatIsAwayFromOneThatIsOdd(t *testing.T) {
	b := newBGPD(t, "a", "b")
	b.answers[fmt.Sprintf(ofView, "a")] = `{"10.0.0.1": {"bgpState": 7}}`
	sessions, err := b.Sessions(t.Context())
	require.ErrorIs(t, err, ErrUnreadable)
	require.ErrorContains(t, err, "10.0.0.1")
	require.Len(t, sessions, 1)

	b.answers[summary] = `%`
	_, err = b.Sessions(t.Context())
	require.ErrorIs(t, err, ErrUnreadable)
	delete(b.answers, summary) // it hangs
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.Sessions(ctx)
	require.Error(t, err)
	require.False(t, errors.Is(err, ErrUnreadable))
}
