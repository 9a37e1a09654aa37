package role

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/floating"
)

// comingTime is how long an address that is to come, and that another host has still, counts as one that comes: the other is told the same at about the same
// time. Afterwards the node waits for it as for any other holder.
const comingTime = 3 * time.Second

// expect notes since when addresses that are not here are to be, and has the agent asked anew when that has taken too long. With the mutex.
func (r *Role) expect() {
	before := len(r.comes())
	for _, ip := range r.word.Wanted {
		if _, known := r.coming[ip]; !known && r.wanted(ip) && !r.on(ip) {
			r.coming[ip] = time.Now()
		}
	}
	maps.DeleteFunc(r.coming, func(ip netip.Addr, since time.Time) bool { return !r.wanted(ip) || r.on(ip) })
	for ip, since := range r.coming {
		if time.Since(since) >= comingTime && !r.probes(ip) {
			r.coming[ip] = time.Time{}
		}
	}
	if len(r.comes()) != before {
		r.poke()
	}
}

// comes are the addresses that may be here in a moment. With the mutex.
func (r *Role) comes() []netip.Addr {
	var out []netip.Addr
	for ip, since := range r.coming {
		if !since.IsZero() {
			out = append(out, ip)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

// probes tells whether nothing is known against an address that is to come.
func (r *Role) probes(ip netip.Addr) bool {
	for _, f := range r.facts.Addresses {
		if f.Address == ip {
			return f.State == floating.Probing
		}
	}
	return true
}
