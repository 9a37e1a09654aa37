package manager

import (
	"context"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
)

// Patience is for how long something has to be so without a break until it is acted upon; 0: it never is.
type Patience struct {
	// GiveBack: all floating IPs of a group are on one node, and another could hold one.
	GiveBack time.Duration
	// NoSession: all sessions of a node are down.
	NoSession time.Duration
	// LostLeases: more nodes that hold floating IPs are lost than live, by their leases and by their kubelets.
	LostLeases time.Duration
}

const (
	// awaitAtMost is how long a floating IP waits for its first node, once there is one, for the sake of others that have not reported.
	awaitAtMost = 10 * time.Second
	// A floating IP that was moved for want of sessions is not moved for that again before so many times NoSession, and nothing is given back to the node that it
	// left before so many times GiveBack: a router that lets no session come up from there would have it move to and fro.
	restAfterNoSession = 10
	barredFor          = 12
	// dueAgain is how long after an attempt that came to nothing the next one comes.
	dueAgain = 5 * time.Second
)

// offers are what was offered, and since when, by this manager's own clock. A new leader begins anew.
type offers struct {
	Patience
	now      func() time.Time
	leases   map[string]gateway.Lease
	since    map[gateway.Offer]time.Time
	taken    []gateway.Offer
	awaiting map[string]*wait
	// moved is when a floating IP was moved for want of sessions, by address, left when one left a node for that, by node.
	moved, left map[string]time.Time
}

// wait is that of a floating IP for its first node.
type wait struct {
	since time.Time
	over  bool
}

func newOffers(p Patience, now func() time.Time) *offers {
	return &offers{Patience: p, now: now, since: map[gateway.Offer]time.Time{}, awaiting: map[string]*wait{}, moved: map[string]time.Time{}, left: map[string]time.Time{}}
}

// tell puts into an input what time has to say.
func (o *offers) tell(in *gateway.Input) {
	now := o.now()
	in.Await, in.Awaited, in.Barred = true, map[string]bool{}, map[string]bool{}
	for address, one := range o.awaiting {
		one.over = one.over || now.Sub(one.since) >= awaitAtMost
		in.Awaited[address] = one.over
	}
	for node, at := range o.left {
		in.Barred[node] = now.Sub(at) < barredFor*o.GiveBack
	}
}

// note takes in what is offered now. What is not offered any more begins anew when it is, and so does all where a lease is another: what is done without
// need is done when nothing has happened for a while. idle are the nodes that say with each renewal that no session of theirs is up.
func (o *offers) note(in gateway.Input, out gateway.Assignment, leases map[string]gateway.Lease, idle map[string]bool) {
	now, holders := o.now(), holdersOf(in.Groups)
	for _, one := range o.taken {
		if address := one.Address.String(); one.Why == gateway.NoSession && holders[address] == one.To {
			o.moved[address], o.left[one.From] = now, now
		}
	}
	o.taken = nil
	if !maps.Equal(leases, o.leases) {
		o.forget()
	}
	o.leases = leases
	before := o.since
	o.since = map[gateway.Offer]time.Time{}
	for _, one := range out.Offers {
		if one.Why == gateway.NoSession && !idle[one.From] {
			continue
		}
		since, was := before[one]
		if !was {
			since = now
		}
		o.since[one] = since
	}
	maps.DeleteFunc(o.awaiting, func(address string, _ *wait) bool { return holders[address] != "" })
	for _, ip := range out.Awaiting {
		if _, was := o.awaiting[ip.String()]; !was {
			o.awaiting[ip.String()] = &wait{since: now}
		}
	}
}

// forget lets everything that is offered begin anew.
func (o *offers) forget() { clear(o.since) }

// holdersOf are the nodes of all floating IPs, by the groups' status.
func holdersOf(groups []*networking.NetworkGatewayGroup) map[string]string {
	out := map[string]string{}
	for _, g := range groups {
		maps.Copy(out, g.Status.FloatingIPs)
	}
	return out
}

// when is the moment at which an offer is taken; false: never.
func (o *offers) when(one gateway.Offer) (time.Time, bool) {
	switch one.Why {
	case gateway.GiveBack:
		return o.since[one].Add(o.GiveBack), o.GiveBack > 0
	case gateway.LostLeases:
		return o.since[one].Add(o.LostLeases), o.LostLeases > 0
	}
	at := o.since[one].Add(o.NoSession)
	if moved, was := o.moved[one.Address.String()]; was {
		at = later(at, moved.Add(restAfterNoSession*o.NoSession))
	}
	return at, o.NoSession > 0
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// due are the offers that were made for long enough.
func (o *offers) due() []gateway.Offer {
	var out []gateway.Offer
	for one := range o.since {
		if at, ever := o.when(one); ever && !o.now().Before(at) {
			out = append(out, one)
		}
	}
	slices.SortFunc(out, func(x, y gateway.Offer) int { return x.Address.Compare(y.Address) })
	return out
}

// over tells whether time alone makes a difference by now: an offer is due, or a floating IP has waited for long enough.
func (o *offers) over() bool { return o.rest() <= 0 }

// next is when to look again if nothing changes.
func (o *offers) next() time.Duration {
	if rest := o.rest(); rest > 0 {
		return rest
	}
	return dueAgain
}

// rest is how long it takes until time alone makes a difference.
func (o *offers) rest() time.Duration {
	now, out := o.now(), never
	for one := range o.since {
		if at, ever := o.when(one); ever {
			out = min(out, at.Sub(now))
		}
	}
	for _, one := range o.awaiting {
		if !one.over {
			out = min(out, one.since.Add(awaitAtMost).Sub(now))
		}
	}
	return out
}

// take does what was offered for long enough, if it is offered still once everything that it depends on was read from the API server itself: what the watches have
// brought may be old, and nothing that works may be moved for that. It returns what to do instead.
func (m *Manager) take(ctx context.Context, before *writing) *writing {
	if len(m.offers.due()) == 0 || len(before.Unread) > 0 || len(before.unread.stale) > 0 { // who knows what those say now
		return before
	}
	if !m.readAnew(ctx) {
		m.offers.forget()
		return before
	}
	judged := m.leases.now()
	leases, _ := m.leases.states(m.holders())
	after := m.decide(ctx, judged, leases)
	due := m.offers.due()
	if len(due) == 0 {
		return after
	}
	for _, one := range due {
		m.log.Warn(takenFor[one.Why], "address", one.Address, "from", one.From, "to", one.To)
	}
	after.Taken = due
	after.out = gateway.Assign(after.Input)
	m.offers.taken = due
	return after
}

var takenFor = map[gateway.OfferReason]string{
	gateway.GiveBack:   "all floating IPs of a group were on one node for long enough: one moves, so that one node may fail",
	gateway.NoSession:  "all sessions of a node were down for long enough: a floating IP moves",
	gateway.LostLeases: "too many gateways at once have lost their leases and are not Ready for long enough: they count as dead",
}

// readAnew reads from the API server itself what says how nodes are.
func (m *Manager) readAnew(ctx context.Context) bool {
	for _, kind := range []string{groupKind, gatewayNodeKind, sessionKind} {
		if m.store.serves(kind) && !m.refresh(ctx, kind) {
			return false
		}
	}
	return m.refreshNodes(ctx)
}

func (m *Manager) refreshNodes(ctx context.Context) bool {
	k := m.watched[nodeKind]
	ctx, cancel := context.WithTimeout(ctx, kubewatch.ListTimeout)
	defer cancel()
	fresh, err := m.clients.Core.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		m.heard(ctx, k, err)
		return false
	}
	objects := make([]runtime.Object, 0, len(fresh.Items))
	for i := range fresh.Items {
		k.trim(&fresh.Items[i])
		objects = append(objects, &fresh.Items[i])
	}
	(&feed{m, k}).replace(objects, fresh.ResourceVersion)
	return true
}
