package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/frr-renderer/frr-renderer/test/frr/gdc/network"
)

// look is the time between two looks at kernels and routers: what is measured is true to this.
const look = 30 * time.Millisecond

// Watch sees what becomes of traffic, sessions, next hops and floating IPs, from the moment at which it began.
type Watch struct {
	l    *Lab
	stop chan struct{}
	wait sync.WaitGroup

	flows    map[string]*flow                         // by VIP
	sessions map[string]map[string]*timeline[session] // by router and floating IP
	hops     map[string]map[string]*timeline[string]  // by router and VIP
	holders  map[string]*timeline[string]             // by floating IP
	named    map[string]*timeline[string]             // by floating IP: the node that the manager names
	renewed  map[string]*timeline[string]             // by node: the time that its Lease tells
	through  map[string]string                        // VIP to router
}

// session is what a router says of one with a floating IP.
type session struct {
	up          bool
	established int // how often it has been
}

// Watch opens connections to VIPs, each through a router, and watches the rest of the lab, until the test ends or End is called.
func (l *Lab) Watch(through map[string]string) *Watch {
	l.t.Helper()
	w := &Watch{
		l: l, stop: make(chan struct{}), through: through,
		flows: map[string]*flow{}, sessions: map[string]map[string]*timeline[session]{}, hops: map[string]map[string]*timeline[string]{}, holders: map[string]*timeline[string]{},
		named: map[string]*timeline[string]{}, renewed: map[string]*timeline[string]{},
	}
	for _, f := range l.Spec.Floating {
		w.holders[f], w.named[f] = &timeline[string]{}, &timeline[string]{}
	}
	for _, m := range l.Spec.Machines {
		w.renewed[m.Name] = &timeline[string]{}
	}
	w.followAPI()
	for vip, tor := range through {
		l.Through(tor, vip)
		f := &flow{to: netip.AddrPortFrom(netip.MustParseAddr(vip), network.Port)}
		w.flows[vip] = f
		w.wait.Go(func() {
			if err := f.run(l.Node("client"), w.stop); err != nil {
				l.t.Errorf("open connections to %s: %v", vip, err)
			}
		})
	}
	for _, r := range l.Spec.Tors {
		w.sessions[r.Name], w.hops[r.Name] = map[string]*timeline[session]{}, map[string]*timeline[string]{}
		for _, f := range l.Spec.Floating {
			w.sessions[r.Name][f] = &timeline[session]{}
		}
		for vip := range through {
			w.hops[r.Name][vip] = &timeline[string]{}
		}
		w.wait.Go(func() { w.each(func() { w.lookAtSessions(r.Name) }) })
		w.wait.Go(func() { w.each(func() { w.lookAtHops(r.Name) }) })
	}
	w.wait.Go(func() { w.each(w.lookAtHolders) })
	l.t.Cleanup(w.End)
	return w
}

// End ends it; what was seen stays.
func (w *Watch) End() {
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	w.wait.Wait()
}

func (w *Watch) each(do func()) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		do()
		select {
		case <-w.stop:
			return
		case <-tick.C:
		}
	}
}

func (w *Watch) lookAtSessions(router string) {
	var summary struct {
		Peers map[string]struct {
			State                  string
			ConnectionsEstablished int
		}
	}
	if err := w.l.Node(router).ShowJSON(w.l.t.Context(), "bgpd", "show bgp ipv4 unicast summary json", &summary); err != nil {
		return // what was, is, until it can be asked
	}
	now := time.Now()
	for f, line := range w.sessions[router] {
		p := summary.Peers[f]
		line.put(now, session{p.State == "Established", p.ConnectionsEstablished})
	}
}

func (w *Watch) lookAtHops(router string) {
	n := w.l.Node(router)
	for vip, line := range w.hops[router] {
		a := netip.MustParseAddr(vip)
		if hops, err := network.Hops(n, netip.PrefixFrom(a, a.BitLen())); err == nil {
			line.put(time.Now(), fmt.Sprint(hops))
		}
	}
}

const noHop = "[]"

// lookAtHolders asks one node after the other, so an address that moves meanwhile may seem to be on two nodes, or on none: what is not on one node counts
// when two looks say the same.
func (w *Watch) lookAtHolders() {
	at, ok := w.ask()
	again := at
	if ok && slices.ContainsFunc(w.l.Spec.Floating, func(f string) bool { return len(at[f]) != 1 }) {
		again, ok = w.ask()
	}
	if !ok {
		return // what was, is, until all can be asked
	}
	for f, line := range w.holders {
		switch {
		case len(at[f]) == 1:
			line.put(time.Now(), at[f][0])
		case len(again[f]) == 1, slices.Equal(at[f], again[f]):
			line.put(time.Now(), strings.Join(again[f], " "))
		}
	}
}

// ask asks all nodes which addresses they have; false: one of them does not tell.
func (w *Watch) ask() (map[string][]string, bool) {
	at := map[string][]string{}
	for _, m := range w.l.Spec.Machines {
		all, err := addresses(w.l.Node(m.Name))
		if err != nil {
			return nil, false
		}
		for a := range all {
			at[a] = append(at[a], m.Name)
		}
	}
	return at, true
}

// Span is a time between two moments of a Watch.
type Span struct {
	w        *Watch
	From, To time.Time
}

// Until is the time from a moment until now.
func (w *Watch) Until(from time.Time) Span { return Span{w, from, time.Now()} }

// Since is Until, but that connections that are under way are waited for.
func (w *Watch) Since(from time.Time) Span {
	to := time.Now()
	time.Sleep(giveUp + 2*look) // the last connections' answers, or none
	return Span{w, from, to}
}

// Connections are those to a VIP.
func (s Span) Connections(vip string) Lost { return s.w.flows[vip].lost(s.From, s.To) }

// WithoutSession is for how long a router had no session with a floating IP; with "" for how long with none at all.
func (s Span) WithoutSession(router, floating string) time.Duration {
	down := func(x session) bool { return !x.up }
	if floating != "" {
		return s.w.sessions[router][floating].total(s.From, s.To, down)
	}
	all := &timeline[bool]{}
	var moments []time.Time
	for _, line := range s.w.sessions[router] {
		line.mu.Lock()
		for _, p := range line.points {
			moments = append(moments, p.at)
		}
		line.mu.Unlock()
	}
	slices.SortFunc(moments, time.Time.Compare)
	for _, at := range moments {
		none := true
		for _, line := range s.w.sessions[router] {
			none = none && line.total(at, at.Add(1), down) > 0
		}
		all.put(at, none)
	}
	return all.total(s.From, s.To, func(none bool) bool { return none })
}

// WithoutHop is for how long the kernel of a router had no next hop for a VIP.
func (s Span) WithoutHop(router, vip string) time.Duration {
	return s.w.hops[router][vip].total(s.From, s.To, func(hops string) bool { return hops == noHop })
}

// HeldBy is how long after the beginning a floating IP was on a node for the first time.
func (s Span) HeldBy(floating, node string) (time.Duration, bool) {
	at, ok := s.w.holders[floating].first(s.From, func(h string) bool { return slices.Contains(strings.Fields(h), node) })
	return at.Sub(s.From), ok
}

// GoneFrom is how long after the beginning a floating IP was not on a node for the first time.
func (s Span) GoneFrom(floating, node string) (time.Duration, bool) {
	at, ok := s.w.holders[floating].first(s.From, func(h string) bool { return !slices.Contains(strings.Fields(h), node) })
	return at.Sub(s.From), ok
}

// Twice is for how long a floating IP was on several nodes.
func (s Span) Twice(floating string) time.Duration {
	return s.w.holders[floating].total(s.From, s.To, func(h string) bool { return len(strings.Fields(h)) > 1 })
}

// Nowhere is for how long a floating IP was on no node.
func (s Span) Nowhere(floating string) time.Duration {
	return s.w.holders[floating].total(s.From, s.To, func(h string) bool { return h == "" })
}

// AlwaysAt tells whether a floating IP was on one node, and no other, all the time.
func (s Span) AlwaysAt(floating, node string) bool {
	return s.w.holders[floating].total(s.From, s.To, func(h string) bool { return h != node }) == 0
}

// SessionAgain is how long after the beginning a router had a new session with a floating IP; false: it has had none.
func (s Span) SessionAgain(router, floating string) (time.Duration, bool) {
	line := s.w.sessions[router][floating]
	before := 0
	line.first(s.From, func(x session) bool { before = x.established; return true })
	at, ok := line.first(s.From, func(x session) bool { return x.up && x.established > before })
	return at.Sub(s.From), ok
}

// SameSession tells whether a router has had one session with a floating IP all the time.
func (s Span) SameSession(router, floating string) bool {
	_, again := s.SessionAgain(router, floating)
	return !again && s.WithoutSession(router, floating) == 0
}

// String is the account for people.
func (s Span) String() string {
	var b strings.Builder
	round := func(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }
	fmt.Fprintf(&b, "%s:", round(s.To.Sub(s.From)))
	for _, f := range s.w.l.Spec.Floating {
		fmt.Fprintf(&b, "\n  %s: on no node for %s, on several for %s", f, round(s.Nowhere(f)), round(s.Twice(f)))
		for _, r := range s.w.l.Spec.Tors {
			fmt.Fprintf(&b, "; %s without a session for %s", r.Name, round(s.WithoutSession(r.Name, f)))
			if again, ok := s.SessionAgain(r.Name, f); ok {
				fmt.Fprintf(&b, ", a new one after %s", round(again))
			}
		}
	}
	for _, r := range s.w.l.Spec.Tors {
		fmt.Fprintf(&b, "\n  %s: without any session for %s", r.Name, round(s.WithoutSession(r.Name, "")))
		for vip := range s.w.hops[r.Name] {
			fmt.Fprintf(&b, "; without a next hop for %s for %s", vip, round(s.WithoutHop(r.Name, vip)))
		}
	}
	for vip, tor := range s.w.through {
		fmt.Fprintf(&b, "\n  %s through %s: %s", vip, tor, s.Connections(vip))
	}
	all := append(s.w.Events(s.From), s.said()...)
	slices.SortStableFunc(all, func(a, b Event) int { return a.At.Compare(b.At) })
	for _, e := range all {
		if e.At.Before(s.To) {
			fmt.Fprintf(&b, "\n  %6.2f s  %s", e.At.Sub(s.From).Seconds(), e.What)
		}
	}
	return b.String()
}

// Event is something that has changed.
type Event struct {
	At   time.Time
	What string
}

// Events are what has changed after a moment, in the order of time.
func (w *Watch) Events(after time.Time) []Event {
	var out []Event
	for f, line := range w.holders {
		out = append(out, events(line, after, func(_, now string) string {
			if now == "" {
				return f + " is on no node"
			}
			return f + " is on " + strings.ReplaceAll(now, " ", " and ")
		})...)
	}
	for r, lines := range w.sessions {
		for f, line := range lines {
			out = append(out, events(line, after, func(before, now session) string {
				switch {
				case !now.up:
					return r + " has lost its session with " + f
				case before.up:
					return r + " has a new session with " + f + " in place of the one before"
				}
				return r + " has a session with " + f
			})...)
		}
	}
	for r, lines := range w.hops {
		for vip, line := range lines {
			out = append(out, events(line, after, func(_, now string) string {
				return r + " sends " + vip + " to " + strings.Trim(strings.ReplaceAll(now, " ", ", "), "[]")
			})...)
		}
	}
	slices.SortStableFunc(out, func(a, b Event) int { return a.At.Compare(b.At) })
	return out
}

func events[T comparable](line *timeline[T], after time.Time, tell func(before, now T) string) []Event {
	line.mu.Lock()
	defer line.mu.Unlock()
	var out []Event
	for i, p := range line.points {
		if i > 0 && p.at.After(after) {
			out = append(out, Event{p.at, tell(line.points[i-1].what, p.what)})
		}
	}
	return out
}

// Steady shows that connections are answered through every router before anything is broken.
func (w *Watch) Steady() {
	w.l.t.Helper()
	w.l.Eventually("connections are answered", func() error {
		from := time.Now()
		time.Sleep(10 * pace)
		for vip := range w.flows {
			if lost := (Span{w, from, time.Now()}).Connections(vip); lost.Tried == 0 || lost.Lost > 0 {
				return fmt.Errorf("%s: %s", vip, lost)
			}
		}
		for _, r := range w.l.Spec.Tors {
			for f, line := range w.sessions[r.Name] {
				if !line.last().up {
					return fmt.Errorf("%s has no session with %s", r.Name, f)
				}
			}
		}
		return nil
	})
}
