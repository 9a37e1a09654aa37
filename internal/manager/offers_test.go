package manager

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
)

// judge is an offers with a clock that only tests move.
type judge struct {
	*offers
	at     time.Time
	leases map[string]gateway.Lease
	idle   map[string]bool
	in     gateway.Input
}

func newJudge(p Patience) *judge {
	j := &judge{at: time.Unix(1e9, 0), leases: map[string]gateway.Lease{"n1": gateway.LeaseLive, "n2": gateway.LeaseLive}, idle: map[string]bool{"n1": true, "n2": true}}
	j.offers = newOffers(p, func() time.Time { return j.at })
	return j
}

// after lets time go by; then these are offered.
func (j *judge) after(d time.Duration, offered ...gateway.Offer) []gateway.Offer {
	j.at = j.at.Add(d)
	j.tell(&j.in)
	j.note(j.in, gateway.Assignment{Offers: offered}, j.leases, j.idle)
	return j.due()
}

// does takes what is due, and has it written.
func (j *judge) does(o gateway.Offer) {
	j.taken = []gateway.Offer{o}
	g := &networking.NetworkGatewayGroup{}
	g.Status.FloatingIPs = map[string]string{o.Address.String(): o.To}
	j.in.Groups = []*networking.NetworkGatewayGroup{g}
	j.after(0)
}

var (
	someIP  = netip.MustParseAddr("10.0.1.100")
	back    = gateway.Offer{Why: gateway.GiveBack, Address: someIP, From: "n1", To: "n2"}
	without = gateway.Offer{Why: gateway.NoSession, Address: someIP, From: "n1", To: "n2"}
	lost    = gateway.Offer{Why: gateway.LostLeases, From: "n1,n2", To: "n3"}
	usual   = Patience{GiveBack: 5 * time.Minute, NoSession: 30 * time.Second, LostLeases: 5 * time.Minute}
)

func TestAnOfferIsTakenOnceItWasMadeForLongEnough(t *testing.T) {
	for one, patience := range map[gateway.Offer]time.Duration{back: 5 * time.Minute, without: 30 * time.Second, lost: 5 * time.Minute} {
		j := newJudge(usual)
		require.Empty(t, j.after(0, one))
		require.Equal(t, patience, j.next())
		require.Empty(t, j.after(patience-time.Second, one))
		require.False(t, j.over())
		require.Equal(t, []gateway.Offer{one}, j.after(time.Second, one))
		require.True(t, j.over())
	}
}

func TestAnOfferBeginsAnew(t *testing.T) {
	for name, happens := range map[string]func(j *judge){
		"once it was made no more": func(j *judge) { j.after(time.Second) },
		"where it is another": func(j *judge) {
			j.after(time.Second, gateway.Offer{Why: gateway.GiveBack, Address: someIP, From: "n1", To: "n3"})
		},
		"where a lease was not known meanwhile": func(j *judge) {
			j.leases = map[string]gateway.Lease{"n1": gateway.LeaseLive}
			j.after(time.Second, back)
		},
		"where the API server could not be asked":    func(j *judge) { j.forget() },
		"with another manager, which has seen of it": func(j *judge) { j.offers = newOffers(usual, j.now) },
	} {
		t.Run(name, func(t *testing.T) {
			j := newJudge(usual)
			j.after(0, back)
			j.after(4*time.Minute, back)
			happens(j)
			j.leases = map[string]gateway.Lease{"n1": gateway.LeaseLive, "n2": gateway.LeaseLive}
			require.Empty(t, j.after(time.Second, back))
			require.Empty(t, j.after(299*time.Second, back))
			require.Equal(t, []gateway.Offer{back}, j.after(2*time.Second, back))
		})
	}
}

// A BGPSession may be old where an API server takes nothing but renewals of leases.
func TestANodeItselfSaysWithEachRenewalThatItHasNoSession(t *testing.T) {
	j := newJudge(usual)
	j.idle = nil
	j.after(0, without)
	require.Empty(t, j.after(time.Hour, without))
	j.idle = map[string]bool{"n1": true}
	j.after(time.Second, without)
	j.after(29*time.Second, without)
	j.idle = map[string]bool{"n2": true}
	j.after(0, without)
	j.idle = map[string]bool{"n1": true}
	require.Empty(t, j.after(time.Second, without), "it begins anew")
	require.Equal(t, []gateway.Offer{without}, j.after(30*time.Second, without))
}

func TestPatienceOfNothingIsForever(t *testing.T) {
	j := newJudge(Patience{})
	j.after(0, back, without, lost)
	require.Empty(t, j.after(24*time.Hour, back, without, lost))
	require.Equal(t, never, j.next())
}

// A floating IP that was moved for want of sessions stays for five minutes, and nothing is given back to the node that it has left for an hour.
func TestAFloatingIPDoesNotMoveToAndFro(t *testing.T) {
	j := newJudge(usual)
	j.after(0, without)
	j.after(30*time.Second, without)
	j.does(without)
	again := gateway.Offer{Why: gateway.NoSession, Address: someIP, From: "n2", To: "n1"}
	require.Empty(t, j.after(time.Second, again))
	require.Empty(t, j.after(298*time.Second, again))
	require.Equal(t, []gateway.Offer{again}, j.after(time.Second, again))
	require.True(t, j.in.Barred["n1"])
	j.after(54*time.Minute, again)
	require.True(t, j.in.Barred["n1"])
	j.after(time.Minute)
	require.False(t, j.in.Barred["n1"])

	j = newJudge(usual) // what could not be written was not moved
	j.after(0, without)
	j.after(30*time.Second, without)
	j.taken = []gateway.Offer{without}
	require.Equal(t, []gateway.Offer{without}, j.after(time.Second, without))
}

func TestAFloatingIPWaitsForItsFirstNodeForTenSeconds(t *testing.T) {
	j := newJudge(usual)
	waits := gateway.Assignment{Awaiting: []netip.Addr{someIP}}
	j.tell(&j.in)
	require.True(t, j.in.Await)
	j.note(j.in, waits, j.leases, j.idle)
	require.Equal(t, awaitAtMost, j.next())
	j.at = j.at.Add(9 * time.Second)
	j.note(j.in, waits, j.leases, j.idle)
	require.Equal(t, time.Second, j.next())
	j.at = j.at.Add(time.Second)
	require.True(t, j.over())
	j.tell(&j.in)
	require.True(t, j.in.Awaited[someIP.String()])
	j.note(j.in, gateway.Assignment{}, j.leases, j.idle)
	require.Equal(t, never, j.next(), "whether it can be written is not told by time")
	j.tell(&j.in)
	require.True(t, j.in.Awaited[someIP.String()], "it could not be")
	g := &networking.NetworkGatewayGroup{}
	g.Status.FloatingIPs = map[string]string{someIP.String(): "n1"}
	j.in.Groups = []*networking.NetworkGatewayGroup{g}
	j.note(j.in, gateway.Assignment{}, j.leases, j.idle)
	j.tell(&j.in)
	require.Empty(t, j.in.Awaited)
}
