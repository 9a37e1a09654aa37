package role

import (
	"net/netip"
	"slices"
	"time"
)

// mercyTime is how long a node whose lease is live again keeps what it holds though another was given it meanwhile. It was cut off from the API server alone, or its
// agent was away: nobody else has taken the address as long as it answers for it, and the manager gives it back when it hears that the node lives. Where the manager
// does not, the address goes, by a planned move. A lease that was never live is not waited for.
const mercyTime = 5 * time.Second

// ordered is what the API server has said last, which may not count yet.
type ordered struct {
	told   bool
	wanted []netip.Addr
	until  time.Time // of the lease
	mercy  time.Time // until when what is held is kept; zero: nothing is kept against orders
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
		// Its lease can't be renewed, so nobody can know that it lives. As long as it answers nobody else takes the address.
		o.mercy = time.Time{}
	case o.mercy.IsZero():
		r.Log.Info("another node was given what this one holds: it keeps that for a moment, until the manager knows that it is back", "addresses", kept, "for", mercyTime)
		o.mercy = now.Add(mercyTime)
		time.AfterFunc(mercyTime, r.rejudge)
	case !now.Before(o.mercy):
		kept = nil
	}
	if len(kept) == 0 {
		r.word.LeaseUntil = o.until
	}
	if o.told {
		r.word.Told, r.word.Wanted = true, slices.Concat(o.wanted, kept)
		r.mark()
	}
}

// kept are the addresses that the node holds against orders which it may have missed. With the mutex.
func (r *Role) kept() []netip.Addr {
	if r.Alone || !r.ordered.told || time.Now().Before(r.word.LeaseUntil) {
		return nil
	}
	return slices.DeleteFunc(r.floating(), func(ip netip.Addr) bool {
		return slices.Contains(r.ordered.wanted, ip) || r.leaving[ip] != nil
	})
}

func (r *Role) rejudge() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.judge()
	r.tell()
}
