package role

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cutOff has a node hold an address, and the API server away for longer than a lease; then it hears that another was given the address.
func cutOff(n *node) {
	n.place(map[netip.Addr]string{fip: "n1"})
	time.Sleep(5 * time.Second)
	n.set(func() { n.away = true })
	time.Sleep(10 * time.Second)
	require.Len(n.t, n.told(), 2)
	n.decide(map[netip.Addr]string{fip: "n2"})
	n.listed() // comes with the first renewal
	n.set(func() { n.away = false })
	n.place(map[netip.Addr]string{fip: "n2"})
	time.Sleep(4 * time.Second)
	require.Len(n.t, n.told(), 2, "it stays for a moment")
	require.True(n.t, held(n.last().Floating[0]), "and is told to the manager")
}

// outdated has the same, and the watch does not come back with the lease: the manager is to give the address back, and the objects go on telling what was.
func outdated(n *node) {
	n.place(map[netip.Addr]string{fip: "n1"})
	time.Sleep(5 * time.Second)
	n.set(func() { n.away = true })
	time.Sleep(10 * time.Second)
	n.decide(map[netip.Addr]string{fip: "n2"})
	n.listed() // comes with the first renewal
	n.set(func() { n.away = false })
	time.Sleep(100 * time.Millisecond)
	require.True(n.t, n.last().Unsure)
}

func TestANodeWhoseWatchComesLateHearsOfItsReturnByAList(t *testing.T) {
	simulate(t, func(n *node) {
		outdated(n)
		n.decide(map[netip.Addr]string{fip: "n1"})
		time.Sleep(10 * time.Second)
		require.Len(t, n.told(), 2)
		require.False(t, n.last().Unsure)
		require.LessOrEqual(t, n.lists(), 2, "nothing is listed any more")

		// The watch brings what was missed, one after the other.
		n.watched(map[netip.Addr]string{fip: "n2"})
		time.Sleep(500 * time.Millisecond)
		n.watched(map[netip.Addr]string{fip: "n1"})
		time.Sleep(20 * time.Second)
		n.watched(map[netip.Addr]string{fip: "n2"})
		time.Sleep(20 * time.Second)
		require.Len(t, n.told(), 2)
		require.LessOrEqual(t, n.lists(), 4, "a list settles it")

		// And who is moved on purpose soon after obeys with the next renewal.
		n.place(map[netip.Addr]string{fip: "n2"})
		time.Sleep(1200 * time.Millisecond)
		require.Equal(t, []string{"no view of 10.0.1.100", "took 10.0.1.100"}, n.told()[2:])
	})
}

func TestANodeThatComesBackObeysWhatIsListedInTheEnd(t *testing.T) {
	simulate(t, func(n *node) {
		outdated(n)
		time.Sleep(4 * time.Second)
		require.Len(t, n.told(), 2)
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"no view of 10.0.1.100", "took 10.0.1.100"}, n.told()[2:])
		require.False(t, n.last().Unsure)
		require.LessOrEqual(t, n.lists(), 6)
	})
}

// The lease is renewed, and what to hold can't be listed: what was listed first is no proof of anything later.
func TestANodeThatComesBackObeysNoListThatIsOld(t *testing.T) {
	simulate(t, func(n *node) {
		outdated(n)
		n.set(func() { n.server = nil })
		time.Sleep(time.Minute)
		require.Len(t, n.told(), 2)
		n.decide(map[netip.Addr]string{fip: "n1"})
		time.Sleep(time.Minute)
		require.Len(t, n.told(), 2)
		require.False(t, n.last().Unsure)
	})
}

func TestANodeThatComesBackGivesWayToWhoHasTheAddress(t *testing.T) {
	simulate(t, func(n *node) {
		outdated(n)
		n.set(func() { n.rival = true })
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"no view of 10.0.1.100", "took 10.0.1.100"}, n.told()[2:])
	})
}

func TestANodeThatComesBackKeepsWhatItIsGivenBack(t *testing.T) {
	simulate(t, func(n *node) {
		cutOff(n)
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(time.Minute)
		require.Len(t, n.told(), 2)
		n.place(map[netip.Addr]string{fip: "n2"})
		time.Sleep(200 * time.Millisecond)
		require.Equal(t, []string{"no view of 10.0.1.100", "took 10.0.1.100"}, n.told()[2:], "who is there obeys at once")
	})
}

func TestANodeThatComesBackGivesUpWhatStaysWithAnother(t *testing.T) {
	simulate(t, func(n *node) {
		cutOff(n)
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"no view of 10.0.1.100", "took 10.0.1.100"}, n.told()[2:])
	})
}

// The API server is slow: the node hears what it is to do, and can't renew its lease.
func TestANodeWhoseLeaseCantBeRenewedKeepsWhatItHolds(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(5 * time.Second)
		n.set(func() { n.away = true })
		time.Sleep(10 * time.Second)
		n.place(map[netip.Addr]string{fip: "n2"})
		time.Sleep(time.Minute)
		require.Len(t, n.told(), 2)
		n.set(func() { n.away = false })
		time.Sleep(4 * time.Second)
		require.Len(t, n.told(), 2)
		time.Sleep(3 * time.Second)
		require.Equal(t, []string{"no view of 10.0.1.100", "took 10.0.1.100"}, n.told()[2:])
	})
}

func TestAnAgentThatStartsAnewIsShownTheSameMercy(t *testing.T) {
	simulate(t, func(n *node) {
		n.listed()
		n.place(map[netip.Addr]string{fip: "n2"})
		time.Sleep(4 * time.Second)
		require.Equal(t, []string{"view of 10.0.1.100"}, n.told())
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"view of 10.0.1.100", "no view of 10.0.1.100", "took 10.0.1.100"}, n.told())
	}, func(n *node) { n.on[fip] = true })
}

func TestANodeWithoutALeaseIsShownTheSameMercy(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n2"})
		time.Sleep(4 * time.Second)
		require.Equal(t, []string{"view of 10.0.1.100"}, n.told())
		time.Sleep(3 * time.Second)
		require.Equal(t, []string{"view of 10.0.1.100", "no view of 10.0.1.100", "took 10.0.1.100"}, n.told())
	}, func(n *node) { n.on[fip], n.away = true, true })
}
