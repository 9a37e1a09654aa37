package role

import (
	"net/netip"
	"slices"
	"time"
)

const (
	// mercyTime is how long a node whose lease is live again keeps what it holds though another was given it meanwhile. It was cut off from the API server alone,
	// or its agent was away: nobody else has taken the address as long as it answers for it, and the manager gives it back when it hears that the node lives.
	// Where the manager does not, the address goes, by a planned move. A lease that was never live is not waited for.
	mercyTime = 5 * time.Second
	// behindTime is how long after a lapse of the lease the objects may tell of the past: who can't reach the API server waits up to 12 s before a watch is tried
	// again, or 30 s for a connection first, and a watch that goes on brings all that was missed, one after the other.
	behindTime = time.Minute
)

// ordered is what the API server has said last, which may not count yet.
type ordered struct {
	told   bool
	wanted []netip.Addr
	until  time.Time // of the lease
	back   time.Time // when the lease was live again, after it had run out; zero: it never did
	mercy  time.Time // until when what is held is kept; zero: nothing is kept against orders
	// outdated tells that wanted is what the objects say, and that these may be behind what was listed.
	outdated bool
	// unsure tells that something is kept against orders: a list settles that soonest.
	unsure bool
}

// renew takes in that the lease is live until then. Where it was not, the manager hears only now that the node lives.
func (o *ordered) renew(until, now time.Time) {
	if now.After(o.until) {
		if !o.until.IsZero() {
			o.back = now
		}
		o.mercy = time.Time{}
	}
	o.until = until
}

// judge decides what of the orders counts. Until a node that comes back is shown no mercy any more, its lease counts for nothing: should another have the
// address all the same, this one gives way. With the mutex.
func (r *Role) judge() {
	o := &r.ordered
	if o.told && !r.looked && !r.Alone && !r.blind() {
		return // it is not known what is held
	}
	kept := r.kept()
	switch now := time.Now(); {
	case len(kept) == 0:
		o.mercy = time.Time{}
	case !o.until.IsZero() && now.After(o.until):
		// Either its lease can't be renewed, so nobody can know that it lives, or what it is to hold can't be listed, so it can't know what they say to that.
		// As long as it answers nobody else takes the address.
		o.mercy = time.Time{}
	case o.mercy.IsZero():
		r.Log.Info("another node was given what this one holds: it keeps that for a moment, until the manager knows that it is back", "addresses", kept, "for", mercyTime)
		o.mercy = now.Add(mercyTime)
	case !now.Before(o.mercy):
		kept = nil
	}
	if o.unsure = len(kept) > 0; !o.unsure {
		r.word.LeaseUntil = o.until
	}
	if o.told {
		r.word.Told, r.word.Wanted = true, slices.Concat(o.wanted, kept)
		r.mark()
	}
}

// kept are the addresses that the node holds against orders which it may have missed, or which may be old. With the mutex.
func (r *Role) kept() []netip.Addr {
	if r.Alone || !r.ordered.told || !r.ordered.outdated && time.Now().Before(r.word.LeaseUntil) {
		return nil
	}
	return slices.DeleteFunc(r.floating(), func(ip netip.Addr) bool {
		return slices.Contains(r.ordered.wanted, ip) || r.leaving[ip] != nil
	})
}
