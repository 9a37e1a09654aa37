package manager

import (
	"maps"
	"slices"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"

	"github.com/frr-renderer/frr-renderer/internal/gateway"
)

const (
	// shortestTerm is the shortest leaseDurationSeconds that counts: the gap of it has to be longer than retryPeriod.
	shortestTerm = 4 * time.Second
	defaultTerm  = 15 * time.Second
	// noAgent is how long a node that has been given a floating IP may have no Lease. Its agent renews one within seconds, if there is an agent; it may be
	// starting. A node without one would keep the address for good, since nothing is known of it.
	noAgent = time.Minute
)

// leases tell which nodes' agents live, by when their renewals are seen to come, with this machine's clock alone: times of other machines are
// compared with nothing, only with what they were before.
//
// Time passes for a lease only while the watch is known to bring what happens. It brings the renewals of all Leases of the namespace, those of the
// manager's own among them, every retryPeriod. Where it brings none for two thirds of a lease's term, nothing is known of that lease, and it starts anew
// with the next thing heard: so a watch that stands still makes no live lease expire, as long as agents renew at least every third of the term.
type leases struct {
	now func() time.Time

	mu     sync.Mutex
	heard  time.Time // when the watch last brought anything
	byName map[string]*lease
	absent map[string]time.Time // since when nodes that hold something have no lease, by node
}

// lease is that of one node, as seen from here.
type lease struct {
	node    string
	renewed string // its renewTime, which nobody reads as a time
	term    time.Duration
	since   time.Time // when the renewal was seen, or when nothing was known
	live    bool      // a renewal was seen since nothing was known
	began   time.Time // when it was seen to be live, and had not been
	idle    bool      // by the last renewal no session of the node is up
}

func newLeases(now func() time.Time) *leases {
	return &leases{now: now, byName: map[string]*lease{}, absent: map[string]time.Time{}}
}

// gap is for how long nothing may be heard until nothing is known.
func gap(term time.Duration) time.Duration { return term * 2 / 3 }

// hear takes in one Lease as the watch brings it. It tells whether a node may be live that was not, or has lost its last session, or has its first.
func (l *leases) hear(o *coordinationv1.Lease) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.wakeUp(now)
	if !ofGateway(o) {
		delete(l.byName, o.Name) // the node gave it back
		return false
	}
	seen := &lease{node: *o.Spec.HolderIdentity, term: termOf(o), since: now, idle: o.Annotations[gateway.SessionsNote] == gateway.NoSessions}
	if o.Spec.RenewTime != nil {
		seen.renewed = o.Spec.RenewTime.UTC().String()
	}
	before := l.byName[o.Name]
	l.byName[o.Name] = seen
	if before == nil || before.node != seen.node {
		return false // it may be old
	}
	if seen.renewed == before.renewed {
		seen.since, seen.live, seen.began = before.since, before.live, before.began
		return false
	}
	again := !before.live || now.Sub(before.since) >= before.term
	seen.live, seen.began = true, before.began
	if again {
		seen.began = now
	}
	return again || seen.idle != before.idle
}

// forget takes in that a Lease was deleted.
func (l *leases) forget(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wakeUp(l.now())
	delete(l.byName, name)
}

// wakeUp notes that something was heard. What was not heard of for too long starts anew.
func (l *leases) wakeUp(now time.Time) {
	for _, one := range l.byName {
		if now.Sub(l.heard) >= gap(one.term) {
			one.since, one.live = now, false
		}
	}
	if now.Sub(l.heard) >= gap(shortestTerm) {
		clear(l.absent)
	}
	l.heard = now
}

// states are the leases by node, and in how long they may be others if nothing is heard. holders are the nodes that hold a floating IP.
func (l *leases) states(holders map[string]bool) (map[string]gateway.Lease, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	out, next := make(map[string]gateway.Lease, len(l.byName)), never
	turns := func(at time.Time) { next = min(next, at.Sub(now)) }
	for _, one := range l.byName {
		switch {
		case now.Sub(l.heard) >= gap(one.term):
			out[one.node] = gateway.LeaseUnknown
			continue
		case now.Sub(one.since) >= one.term:
			out[one.node] = gateway.LeaseExpired
		case one.live:
			out[one.node] = gateway.LeaseLive
			turns(one.since.Add(one.term))
		default:
			out[one.node] = gateway.LeaseUnknown
			turns(one.since.Add(one.term))
		}
		turns(l.heard.Add(gap(one.term)))
	}
	for node, since := range l.without(holders, now) {
		if now.Sub(since) >= noAgent {
			out[node] = gateway.LeaseExpired
		} else {
			turns(since.Add(noAgent))
		}
	}
	return out, next
}

// idle are the nodes that say with each renewal of a live lease that no session of theirs is up.
func (l *leases) idle() map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]bool{}
	for _, one := range l.byName {
		if one.live && one.idle {
			out[one.node] = true
		}
	}
	return out
}

// began tells by node when its lease was seen to be live, and had not been before.
func (l *leases) began() map[string]time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[string]time.Time, len(l.byName))
	for _, one := range l.byName {
		if one.live {
			out[one.node] = one.began
		}
	}
	return out
}

// silent tells since when nothing is heard of a node whose lease has expired.
func (l *leases) silent(node string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one := l.byName[gateway.LeaseName(node)]; one != nil {
		return one.since
	}
	return l.absent[node]
}

// without are the holders that have no lease, and since when that is known; none where nothing is heard. Holding the lock.
func (l *leases) without(holders map[string]bool, now time.Time) map[string]time.Time {
	if now.Sub(l.heard) >= gap(shortestTerm) {
		return nil
	}
	has := make(map[string]bool, len(l.byName))
	for _, one := range l.byName {
		has[one.node] = true
	}
	maps.DeleteFunc(l.absent, func(node string, _ time.Time) bool { return has[node] || !holders[node] })
	for node := range holders {
		if _, known := l.absent[node]; !known && !has[node] {
			l.absent[node] = now
		}
	}
	return l.absent
}

// ofGateway tells the Leases of gateway nodes from others of the namespace.
func ofGateway(o *coordinationv1.Lease) bool {
	return o.Spec.HolderIdentity != nil && *o.Spec.HolderIdentity != "" && o.Name == gateway.LeaseName(*o.Spec.HolderIdentity)
}

func termOf(o *coordinationv1.Lease) time.Duration {
	if o.Spec.LeaseDurationSeconds == nil {
		return defaultTerm
	}
	return max(shortestTerm, time.Duration(*o.Spec.LeaseDurationSeconds)*time.Second)
}

// names are those of all Leases that are known.
func (l *leases) names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.byName))
}
