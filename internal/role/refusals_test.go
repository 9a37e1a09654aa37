package role

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/floating"
	"github.com/frr-renderer/frr-renderer/internal/nodereport"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

var (
	errRight = errors.New("operation not permitted")
	notOurs  = errors.New("it is on eth0: take it off there")
)

// What is told of fip.
func tellsRefused(why string) nodereport.FloatingIP {
	return nodereport.FloatingIP{Address: fip, State: networking.FloatingIPRefused, Reason: why}
}

func tellsReason(why string) nodereport.FloatingIP {
	return nodereport.FloatingIP{Address: fip, Reason: why}
}

var tellsProbing, tellsHeld = nodereport.FloatingIP{Address: fip, State: networking.FloatingIPProbing}, nodereport.FloatingIP{Address: fip, State: networking.FloatingIPHeld}

func TestANodeThatHoldsOneAddressMayRefuseAnother(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1", fip2: "n1"})
		time.Sleep(14 * time.Second)
		require.Equal(t, []nodereport.FloatingIP{{}, tellsProbing, tellsReason(notOurs.Error())}, n.tells(fip), "it may be mended in a moment")
		require.Contains(t, n.now().texts(), "floating IP 10.0.1.100 can't be held here: it is on eth0")
		time.Sleep(3 * time.Second)
		require.Equal(t, tellsRefused(notOurs.Error()), n.last().Floating[0])
		require.True(t, held(n.last().Floating[1]))
		require.Empty(t, n.last().Unwell)
		require.Equal(t, []string{"put 10.0.1.101", "view of 10.0.1.101"}, n.told())

		n.place(map[netip.Addr]string{fip: "n2", fip2: "n1"}) // it goes elsewhere
		time.Sleep(4 * time.Minute)
		require.Contains(t, n.last().Floating, tellsRefused(notOurs.Error()), "it would come back otherwise")
		require.Contains(t, n.now().texts(), "floating IP 10.0.1.100 is not given to this node for some minutes, since it could not be held here: it is on eth0")
		require.Equal(t, status.FloatingIP{Address: fip, Group: "default", State: status.FloatingIPRefused, Reason: notOurs.Error()}, n.See().FloatingIPs[0])
		time.Sleep(2 * time.Minute)
		require.Len(t, n.last().Floating, 1)
		require.Empty(t, n.now().Problems)
		require.Len(t, n.See().FloatingIPs, 1)
		require.Equal(t, []nodereport.FloatingIP{{}, tellsProbing, tellsReason(notOurs.Error()), tellsRefused(notOurs.Error()), {}}, n.tells(fip), "each costs a write")
		require.Len(t, n.told(), 2, "and the other one has heard of nothing")
	}, func(n *node) { n.refuses = map[netip.Addr]error{fip: notOurs} })
}

func TestAMissingRightConcernsEachAddress(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1", fip2: "n1"})
		time.Sleep(20 * time.Second)
		for i, ip := range []netip.Addr{fip, fip2} {
			require.Equal(t, nodereport.FloatingIP{Address: ip, State: networking.FloatingIPRefused, Reason: errRight.Error()}, n.last().Floating[i])
		}
		require.Empty(t, n.last().Unwell, "the manager asks all others first")
	}, func(n *node) { n.cannot = errRight })
}

// All candidates refuse the address: it comes back to the first one while that still remembers, or right after that.
func TestAnAddressThatComesBackIsRefusedUntilItIsHeld(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(20 * time.Second)
		n.place(map[netip.Addr]string{fip: "n2"})
		time.Sleep(time.Minute)
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(10 * time.Minute)
		require.Equal(t, []nodereport.FloatingIP{{}, tellsProbing, tellsReason(errRight.Error()), tellsRefused(errRight.Error())}, n.tells(fip), "nothing new in eleven minutes")

		n.set(func() { n.cannot = nil })
		time.Sleep(4 * time.Second)
		require.Equal(t, []string{"put 10.0.1.100", "view of 10.0.1.100"}, n.told(), "it is tried again and again")
		require.Equal(t, tellsHeld, n.last().Floating[0])
		n.place(map[netip.Addr]string{fip: "n2"})
		time.Sleep(10 * time.Second)
		require.Empty(t, n.last().Floating, "what was held is not refused any more")
	}, func(n *node) { n.cannot = errRight })
}

func TestWhatIsRefusedForAMomentMovesNothing(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(13 * time.Second)
		n.set(func() { n.cannot = nil })
		time.Sleep(time.Minute)
		require.Equal(t, []nodereport.FloatingIP{{}, tellsProbing, tellsReason(errRight.Error()), tellsHeld}, n.tells(fip))
	}, func(n *node) { n.cannot = errRight })
}

// bgpd is away before the node has the address, and what else is amiss shows when it is back: that has to last, too.
func TestABGPDThatIsAwayRefusesNothing(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(14 * time.Second)
		require.Equal(t, []nodereport.FloatingIP{{}, tellsReason(floating.NoBGPD)}, n.tells(fip))
		n.set(func() { n.bgpd, n.cannot = nil, errRight })
		time.Sleep(13 * time.Second)
		require.Equal(t, tellsReason(errRight.Error()), n.last().Floating[0])
		n.set(func() { n.cannot = nil })
		time.Sleep(10 * time.Second)
		require.Equal(t, tellsHeld, n.last().Floating[0])
		require.NotContains(t, n.tells(fip), tellsRefused(errRight.Error()))
		require.NotContains(t, n.tells(fip), tellsRefused(floating.NoBGPD))
	}, func(n *node) { n.bgpd = errAway })
}

// One that was refused, and that bgpd alone keeps away now, goes on being told with what is to be mended.
func TestABGPDThatGoesAwayForgetsNoRefusal(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(20 * time.Second)
		n.set(func() { n.bgpd = errAway })
		time.Sleep(time.Minute)
		require.Equal(t, tellsRefused(errRight.Error()), n.last().Floating[0])
		require.Contains(t, n.last().Unwell, "bgpd has not answered")
	}, func(n *node) { n.cannot = errRight })
}

func TestWithoutAManagerNobodyGoesByRefusals(t *testing.T) {
	n := newNode(t, true)
	n.refusals[fip] = &refusal{why: "no right", until: time.Now().Add(unfit)}
	n.refuse()
	require.Empty(t, n.remembered())
}
