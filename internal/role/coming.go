package role

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/floating"
	"github.com/frr-renderer/frr-renderer/internal/observe"
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

// comes are the addresses that may be here in a moment, and that the node is not to begin to wait for: FRR refuses a neighbor with an address of the node's own.
// One that it waits for already stays, and its removal is part of the apply that brings the view: until then another may hold the address, and have a
// session with this node. With the mutex.
func (r *Role) comes() []netip.Addr {
	var out []netip.Addr
	for ip, since := range r.coming {
		if !since.IsZero() && !r.waitsFor(ip) {
			out = append(out, ip)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

// waitsFor tells whether FRR has the neighbor with which the node waits for the holder of a floating IP; before it is known what FRR runs, whether bgpd told of it.
// With the mutex.
func (r *Role) waitsFor(ip netip.Addr) bool {
	if r.views.known {
		return r.views.waits[ip]
	}
	return slices.ContainsFunc(r.sessions, func(s observe.Session) bool { return s.VRF == observe.DefaultVRF && s.Neighbor == ip.String() })
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
