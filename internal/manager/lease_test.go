package manager

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
)

// watchtower hears of leases, by a clock of its own.
type watchtower struct {
	*leases
	t   *testing.T
	at  time.Time
	say map[string]time.Time // what holders' clocks tell
	// without are nodes that say that no session of theirs is up.
	without map[string]bool
	woken   bool // by the last that was heard
	// holders are the nodes that hold a floating IP.
	holders map[string]bool
}

func newWatchtower(t *testing.T) *watchtower {
	w := &watchtower{t: t, at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), say: map[string]time.Time{}}
	w.leases = newLeases(func() time.Time { return w.at })
	return w
}

// bring tells of a Lease of 6 s whose renewTime is any time.
func (w *watchtower) bring(node string) {
	term := int32(6)
	l := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: gateway.LeaseName(node)},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &node, LeaseDurationSeconds: &term, RenewTime: &metav1.MicroTime{Time: w.say[node]}},
	}
	if w.without[node] {
		l.Annotations = map[string]string{gateway.SessionsNote: gateway.NoSessions}
	}
	w.woken = w.hear(l)
}

func (w *watchtower) renew(nodes ...string) {
	for _, node := range nodes {
		w.say[node] = w.say[node].Add(time.Second)
		w.bring(node)
	}
}

// pass lets time pass, in which nodes renew every second.
func (w *watchtower) pass(seconds int, nodes ...string) {
	for range seconds {
		w.at = w.at.Add(time.Second)
		w.renew(nodes...)
	}
}

func (w *watchtower) requires(node string, state gateway.Lease) {
	w.t.Helper()
	states, _ := w.states(w.holders)
	require.Equal(w.t, state, states[node], node)
}

func TestALeaseIsLiveOnceItsRenewalWasSeen(t *testing.T) {
	w := newWatchtower(t)
	w.requires("n1", gateway.LeaseUnknown)
	w.renew("n1")
	w.requires("n1", gateway.LeaseUnknown) // it may be years old
	w.pass(1, "n1")
	w.requires("n1", gateway.LeaseLive)
}

func TestALeaseSaysThatItsNodeHasNoSession(t *testing.T) {
	w := newWatchtower(t)
	w.without = map[string]bool{"n1": true}
	w.renew("n1", "n2")
	require.Empty(t, w.idle(), "it may be years old")
	w.pass(1, "n2", "n1")
	require.Equal(t, map[string]bool{"n1": true}, w.idle())
	w.pass(1, "n1")
	require.False(t, w.woken, "nothing is new")
	w.without = nil
	w.pass(1, "n1")
	require.True(t, w.woken)
	require.Empty(t, w.idle())
	w.without = map[string]bool{"n1": true}
	w.pass(1, "n1")
	require.True(t, w.woken)
	require.Equal(t, map[string]bool{"n1": true}, w.idle())
}

func TestALeaseExpiresAfterATermWithoutARenewal(t *testing.T) {
	w := newWatchtower(t)
	w.pass(3, "n1", "n2")
	w.pass(5, "n2")
	w.requires("n1", gateway.LeaseLive)
	_, next := w.states(w.holders)
	require.Equal(t, time.Second, next)
	w.pass(1, "n2")
	w.requires("n1", gateway.LeaseExpired)
	w.requires("n2", gateway.LeaseLive)
	w.renew("n1")
	w.requires("n1", gateway.LeaseLive)
}

func TestAManagerThatHasJustStartedKnowsNothingForATerm(t *testing.T) {
	w := newWatchtower(t)
	w.bring("dead")
	w.pass(5, "n2")
	w.requires("dead", gateway.LeaseUnknown)
	w.pass(1, "n2")
	w.requires("dead", gateway.LeaseExpired)
}

func TestWhileNothingIsHeardNothingIsKnown(t *testing.T) {
	w := newWatchtower(t)
	w.pass(3, "n1", "n2")
	w.pass(3)
	w.requires("n1", gateway.LeaseLive)
	w.pass(1)
	w.requires("n1", gateway.LeaseUnknown)
	w.pass(1000)
	w.requires("n1", gateway.LeaseUnknown)
	_, next := w.states(w.holders)
	require.Equal(t, never, next)
	w.renew("n2") // the first of what comes late
	w.requires("n1", gateway.LeaseUnknown)
	w.requires("n2", gateway.LeaseLive)
	w.pass(5, "n2")
	w.requires("n1", gateway.LeaseUnknown)
	w.pass(1, "n2")
	w.requires("n1", gateway.LeaseExpired)
}

// A watch that stands still from any moment on makes no lease expire whose agent renews every third of its term.
func TestAWatchThatStandsStillExpiresNoLease(t *testing.T) {
	for after := range 12 {
		w := newWatchtower(t)
		w.pass(4, "n1", "n2")
		for i := range after {
			w.at = w.at.Add(time.Second)
			w.renew("other")
			if i%2 == 1 {
				w.renew("n1")
			}
			if i%2 == 0 {
				w.renew("n2")
			}
		}
		for range 20 {
			w.pass(1)
			states, _ := w.states(w.holders)
			require.NotEqual(t, gateway.LeaseExpired, states["n1"])
			require.NotEqual(t, gateway.LeaseExpired, states["n2"])
		}
		w.renew("other")
		w.requires("n1", gateway.LeaseUnknown)
	}
}

func TestClocksOfOtherMachinesMeanNothing(t *testing.T) {
	w := newWatchtower(t)
	w.say["n1"] = w.at.Add(1000 * time.Hour)
	w.say["n2"] = w.at.Add(-1000 * time.Hour)
	w.pass(2, "n1", "n2", "n3")
	w.say["n1"] = w.at.Add(-time.Hour) // set back
	w.pass(5, "n1", "n3")
	w.requires("n1", gateway.LeaseLive)
	w.pass(1, "n1", "n3")
	w.requires("n2", gateway.LeaseExpired)
}

func TestALeaseThatIsDeletedIsUnknown(t *testing.T) {
	w := newWatchtower(t)
	w.pass(2, "n1", "n2")
	w.forget(gateway.LeaseName("n1"))
	w.requires("n1", gateway.LeaseUnknown)
}

func TestOtherLeasesOfTheNamespaceOnlyTellThatTheWatchWorks(t *testing.T) {
	w := newWatchtower(t)
	holder := "n1"
	for range 3 {
		w.pass(1, "n2")
		w.hear(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder}})
		w.hear(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: ElectionLease}})
	}
	states, _ := w.states(w.holders)
	require.Equal(t, map[string]gateway.Lease{"n2": gateway.LeaseLive}, states)
}

// An agent that is no longer one of those that renew gives its lease back: nobody may think that it died.
func TestALeaseThatIsGivenBackIsUnknown(t *testing.T) {
	w := newWatchtower(t)
	w.pass(2, "n1", "n2")
	nobody := ""
	w.hear(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: gateway.LeaseName("n1")}, Spec: coordinationv1.LeaseSpec{HolderIdentity: &nobody}})
	w.requires("n1", gateway.LeaseUnknown)
	w.pass(10, "n2")
	w.requires("n1", gateway.LeaseUnknown)
	w.pass(1, "n1", "n2")
	w.requires("n1", gateway.LeaseUnknown) // it may be old
	w.pass(1, "n1", "n2")
	w.requires("n1", gateway.LeaseLive)
}

// A node that comes back after its address was given to another may not have heard of it; one that was there all the time has.
func TestWhoComesBackAfterHisAddressWasGivenAway(t *testing.T) {
	w := newWatchtower(t)
	m := &Manager{leases: w.leases}
	back := func(holder string) map[string][]string {
		g, foreign := &networking.NetworkGatewayGroup{}, &networking.NetworkGatewayGroup{}
		g.Namespace, foreign.Namespace = "cluster-bm", "mallory"
		g.Status.FloatingIPs, foreign.Status.FloatingIPs = map[string]string{"10.0.1.100": holder}, map[string]string{"10.0.1.100": "n9"}
		return m.back([]*networking.NetworkGatewayGroup{g, foreign}, g.Namespace)
	}
	w.pass(3, "n1", "n2", "n3")
	require.Empty(t, back("n1"))
	w.pass(3, "n1", "n2", "n3")
	require.Empty(t, back("n2"), "somebody has moved it, and n1 is there")
	w.pass(3, "n1", "n2", "n3")
	require.Empty(t, back("n2"))
	w.pass(7, "n2", "n3")
	w.requires("n1", gateway.LeaseExpired)
	require.Empty(t, back("n2"))
	w.pass(1, "n1", "n2", "n3")
	require.Equal(t, map[string][]string{"10.0.1.100": {"n1"}}, back("n2"))
	w.pass(1, "n1", "n2", "n3")
	require.Empty(t, back("n3"), "n1 is there when it goes from n2 to n3")

	// The manager itself gives it away, and the holder is heard of while that is being written.
	w.pass(6, "n1", "n2")
	judged := w.at
	w.requires("n3", gateway.LeaseExpired)
	w.pass(1, "n1", "n2", "n3")
	m.gave(map[string]string{"10.0.1.100": "n2"}, judged)
	w.pass(1, "n1", "n2", "n3")
	require.Equal(t, map[string][]string{"10.0.1.100": {"n3"}}, back("n2"))
}

// A node that was given a floating IP while its agent was not there, and never came, would keep it for good otherwise.
func TestAHolderThatNeverHadALeaseIsDeadAfterAMinute(t *testing.T) {
	w := newWatchtower(t)
	w.holders = map[string]bool{"n1": true}
	w.pass(1, "n2")
	w.requires("n1", gateway.LeaseUnknown)
	w.requires("n3", gateway.LeaseUnknown)
	w.pass(59, "n2")
	w.requires("n1", gateway.LeaseUnknown)
	w.pass(1, "n2")
	w.requires("n1", gateway.LeaseExpired)
	w.requires("n3", gateway.LeaseUnknown) // it holds nothing, so nobody waits for it
	w.pass(2, "n1", "n2")
	w.requires("n1", gateway.LeaseLive)
	w.forget(gateway.LeaseName("n1"))
	w.requires("n1", gateway.LeaseUnknown)
}

func TestTheMinuteOfAHolderWithoutALeasePassesOnlyWhileTheWatchIsHeard(t *testing.T) {
	w := newWatchtower(t)
	w.holders = map[string]bool{"n1": true}
	w.pass(1, "n2")
	w.requires("n1", gateway.LeaseUnknown)
	w.pass(50, "n2")
	w.pass(100)
	w.requires("n1", gateway.LeaseUnknown)
	w.pass(1, "n2")
	w.requires("n1", gateway.LeaseUnknown)
	w.pass(59, "n2")
	w.requires("n1", gateway.LeaseUnknown)
	w.pass(1, "n2")
	w.requires("n1", gateway.LeaseExpired)
}
