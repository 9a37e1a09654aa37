package role

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/observe"
)

// call takes in that a router is called.
func (n *node) call(_ context.Context, neighbors []string) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	require.Equal(n.t, []string{"10.8.0.10 view gw-10.0.1.100"}, neighbors)
	n.called++
}

func (n *node) calls(during time.Duration) int {
	n.mutex.Lock()
	before := n.called
	n.mutex.Unlock()
	time.Sleep(during)
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.called - before
}

func TestRoutersThatRefuseAFloatingIPThatHasComeAreCalledAgain(t *testing.T) {
	simulate(t, func(n *node) {
		time.Sleep(5 * time.Second)
		n.place(map[netip.Addr]string{fip: "n1"})
		require.Greater(t, n.calls(6*time.Second), 8)
		n.set(func() { n.sessions[0].State = "OpenSent" })
		time.Sleep(time.Second)
		require.Zero(t, n.calls(2*time.Second), "who answers is not disturbed")
		n.set(func() { n.sessions[0].State = "Idle" })
		time.Sleep(4 * time.Second)
		require.Zero(t, n.calls(time.Minute), "a router that is away")
	}, idle)
}

func TestRoutersOfAFloatingIPThatHasBeenHereAreNotCalled(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1"})
		require.Zero(t, n.calls(time.Minute))
	}, idle, func(n *node) { n.on[fip] = true })
}

func idle(n *node) {
	s := session(fip, false)
	s.State = "Idle"
	n.sessions = []observe.Session{s}
}
