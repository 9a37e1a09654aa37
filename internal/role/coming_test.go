package role

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/observe"
)

// A gateway that can't reach the API server works on, and another is named: as long as the one answers, the other is its next hop.
func TestANodeThatIsNamedWhileTheHolderAnswersGoesOnWaitingForIt(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n2"})
		time.Sleep(time.Second)
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(10 * time.Second)
		require.Equal(t, []string{"waits for 10.0.1.100", "waits for 10.0.1.101"}, n.waited())
		require.Empty(t, n.told())
		n.set(func() { n.rival = false })
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"put 10.0.1.100", "view of 10.0.1.100"}, n.told())
		require.Equal(t, "no more for 10.0.1.100", n.waited()[2], "with the view")
	}, func(n *node) { n.rival = true })
}

// The same where its agent has just started: bgpd tells whom it waits for.
func TestAnAgentThatStartsAnewGoesOnWaitingForTheHolder(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(150 * time.Millisecond)
		require.Equal(t, []string{"waits for 10.0.1.100", "waits for 10.0.1.101"}, n.waited())
		time.Sleep(10 * time.Second)
		require.Len(t, n.waited(), 2)
	}, func(n *node) {
		n.rival = true
		n.sessions = []observe.Session{{Neighbor: fip.String(), VRF: "default", State: "Established"}}
	})
}

// FRR would refuse the neighbor if the address came first.
func TestANodeDoesNotBeginToWaitForWhatComes(t *testing.T) {
	for _, rival := range []bool{false, true} {
		simulate(t, func(n *node) {
			n.place(map[netip.Addr]string{fip: "n1"})
			time.Sleep(2 * time.Second)
			require.Equal(t, []string{"waits for 10.0.1.101"}, n.waited())
			time.Sleep(5 * time.Second)
			if rival {
				require.Equal(t, "waits for 10.0.1.100", n.waited()[1], "it does not come")
				return
			}
			require.Len(t, n.waited(), 1)
		}, func(n *node) { n.rival = rival })
	}
}
