package role

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

const (
	// callTime is how long the routers of a floating IP that has come are called again and again: until the hold time of their sessions with the node before,
	// which may be dead, is over (9 s).
	callTime  = 12 * time.Second
	callEvery = 500 * time.Millisecond
)

// arrive notes which floating IPs have just come. With the mutex.
func (r *Role) arrive(before []netip.Addr) {
	for _, ip := range r.floating() {
		if !slices.Contains(before, ip) {
			r.arrived[ip] = time.Now()
		}
	}
	for ip, at := range r.arrived {
		if !r.on(ip) || time.Since(at) >= callTime {
			delete(r.arrived, ip)
		}
	}
}

// call has bgpd call the routers that have refused the session of a floating IP that has just come, and tells whether some have no session with one yet. Each
// refuses it as long as it believes in its session with the node before; bgpd waits 1, 2, 4 s after such refusals.
func (r *Role) call(ctx context.Context) (missing bool) {
	var idle []string
	r.mutex.Lock()
	for _, s := range r.sessions {
		ip, _, ok := sessionOf(s)
		if at, came := r.arrived[ip]; !ok || s.Established() || !came || time.Since(at) >= callTime || !r.holds(ip) {
			continue
		}
		missing = true
		if s.State == "Idle" {
			idle = append(idle, s.Neighbor+" view "+s.VRF)
		}
	}
	r.mutex.Unlock()
	if len(idle) > 0 {
		r.Call(ctx, idle)
	}
	return missing
}
