package role

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/floating"
)

// unfit is how long a node is not given a floating IP again that it could not hold: what is missing (a right, a sysctl) does not come by itself, and each try
// costs a move.
const unfit = 5 * time.Minute

// refusals are the floating IPs that the node can't hold, or could not lately. Whether it can hold others is another question: a right that is missing concerns
// all of them, a sysctl those of one LAN, an address that somebody put on the host by hand one.
type refusals map[netip.Addr]*refusal

type refusal struct {
	why string
	// since is when it began to be refused; zero: it is not at this moment.
	since time.Time
	// until is how long it counts, once it has lasted.
	until time.Time
}

// note takes in what became of the floating IPs. While bgpd does not answer nothing is known of what else is amiss.
func (r refusals) note(f floating.Facts, now time.Time) {
	refused := map[netip.Addr]string{}
	for _, a := range f.Addresses {
		switch {
		case a.State == floating.Held:
			delete(r, a.Address)
		case a.State == floating.Refused && a.Reason != floating.NoBGPD:
			refused[a.Address] = a.Reason
		}
	}
	for ip, one := range r {
		if refused[ip] == "" {
			one.since = time.Time{}
		}
	}
	for ip, why := range refused {
		if r[ip] == nil {
			r[ip] = &refusal{}
		}
		if r[ip].since.IsZero() {
			r[ip].since = now
		}
		r[ip].why = why
	}
}

// count are those that count now, with their reasons: what is refused has to last before anything moves for it, and is remembered when it was moved. It is
// for each second.
func (r refusals) count(now time.Time) map[netip.Addr]string {
	out := map[netip.Addr]string{}
	for ip, one := range r {
		refused := !one.since.IsZero()
		if refused && now.Sub(one.since) >= floating.Patience {
			one.until = now.Add(unfit)
		}
		switch {
		case now.Before(one.until):
			out[ip] = one.why
		case !refused:
			delete(r, ip)
		}
	}
	return out
}

// refuse finds out which refusals count now. Without a manager nobody goes by them. With the mutex.
func (r *Role) refuse() {
	if r.Alone {
		return
	}
	if now := r.refusals.count(time.Now()); !maps.Equal(now, r.refused) {
		r.refused = now
		r.poke()
	}
}

// remembered are the floating IPs that count as refused, though the node does not try to hold them, by address. With the mutex.
func (r *Role) remembered() []floating.Fact {
	var out []floating.Fact
	for _, ip := range slices.SortedFunc(maps.Keys(r.refused), netip.Addr.Compare) {
		if !slices.ContainsFunc(r.facts.Addresses, func(f floating.Fact) bool { return f.Address == ip }) {
			out = append(out, floating.Fact{Address: ip, State: floating.Refused, Reason: r.refused[ip]})
		}
	}
	return out
}
