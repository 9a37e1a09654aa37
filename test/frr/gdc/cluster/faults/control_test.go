package faults

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gdc/cluster/lab"
)

const (
	// lapse is the time in which a lease runs out that nobody renews.
	lapse = 5 * time.Second
	// afterwards is how long is looked at what comes back: longer than a lease.
	afterwards = 6 * time.Second
)

// Who decides is killed, or cut off; gateways n4 and n5 take traffic themselves, and each step but the last leaves them at work.
func TestControl(t *testing.T) {
	steps := []step{
		{name: "agent crashed", do: (*world).agentCrashed},
		{name: "API server away", do: (*world).apiServerAway},
		{name: "managers away", do: (*world).managersAway},
		{name: "gateway cut off from the API server", do: (*world).gatewayCutOff},
		{name: "gateway that takes traffic crashed", do: (*world).trafficCrashed},
	}
	each(t, func(t *testing.T, v, o fabric.Version) {
		if !*long {
			together(t, v, o).steps(steps)
			return
		}
		for _, s := range steps { // some of which take ten minutes
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				together(t, v, o).steps([]step{s})
			})
		}
	})
}

// Nothing hears of an agent that is killed and started again: at once, or when its lease has run out and another was named.
func (w *world) agentCrashed() {
	at := time.Now()
	for _, late := range []bool{false, true} {
		w.Agent("n4").Kill(w.t)
		if late {
			w.named(first, "n5")
		}
		started := time.Now()
		w.Agent("n4").Start(w.t)
		w.renewed(started, "n4")
		w.Settled()
	}
	time.Sleep(afterwards)
	s := w.w.Since(at)
	w.sees("agent crashed", s)
	w.nothing(s)
}

func (w *world) apiServerAway() {
	w.away(fault{
		what:   "API server away",
		vanish: func() { w.AllProcesses(func(p *lab.Process) { p.Gate.Shut() }) },
		last:   w.last,
		back:   func() { w.AllProcesses(func(p *lab.Process) { p.Gate.Open() }) },
	})
}

// Managers that are started at once are away for 15 s all the same: they wait until the Lease of the one before is over.
func (w *world) managersAway() {
	f := fault{
		what: "managers away",
		vanish: func() {
			for _, m := range w.Managers() {
				m.Kill(w.t)
			}
		},
		back: func() {
			for _, m := range w.Managers() {
				m.Start(w.t)
			}
		},
	}
	if *long {
		f.last = w.last
	}
	w.away(f)
}

// One gateway can't reach the API server: its lease runs out, another is named, and sees that it is there still. Both go on telling it for what they take traffic.
func (w *world) gatewayCutOff() {
	sessions := func(node string) []fabric.Session {
		all, err := w.Node(node).Sessions(w.t.Context())
		require.NoError(w.t, err)
		return all
	}
	before := map[string][]fabric.Session{"n4": sessions("n4"), "n5": sessions("n5")}
	w.away(fault{
		what:   "gateway cut off from the API server",
		vanish: func() { w.Agent("n4").Gate.Hold(); w.named(first, "n5") },
		last:   w.last,
		back:   func() { w.Agent("n4").Gate.Open() },
	})
	for node, b := range before {
		require.Empty(w.t, fabric.Disturbed(b, sessions(node)), "sessions of %s", node)
	}
}

// fault is something that vanishes, lasts (nil: no longer than it takes to come back), and is over.
type fault struct {
	what               string
	vanish, last, back func()
}

// away shows that nothing happens to sessions, floating IPs and connections while something is away, and when it is back.
func (w *world) away(f fault) {
	at := time.Now()
	f.vanish()
	if f.last != nil {
		f.last()
		s := w.w.Since(at)
		w.sees(f.what, s)
		w.nothing(s)
	}
	opened := time.Now()
	f.back()
	w.LeaderSince(opened)
	w.renewed(opened, "n4", "n5")
	w.settled()
	time.Sleep(afterwards)
	s := w.w.Since(at)
	w.sees(f.what+", and back", s)
	w.nothing(s)
	w.Held(first, "n4")
	w.Held(second, "n5")
}

// last lets a fault last until leases have run out, and every floating IP was refreshed in spite of that: the kernel ends one that is not within a minute.
func (w *world) last() {
	w.t.Helper()
	time.Sleep(lapse)
	w.refreshed(all())
	if *long {
		time.Sleep(10 * time.Minute)
	}
}

// nothing has happened to anything.
func (w *world) nothing(s lab.Span) {
	w.t.Helper()
	w.untouched(s, all())
	w.reachable(s)
}

// A gateway that takes traffic dies: routers go on sending it its part until they hear that it is no next hop, which BGP's hold time bounds. All else arrives.
func (w *world) trafficCrashed() {
	at := w.Crash("n4")
	held, up := w.moved(at, first, "n5")
	for _, vip := range []string{web1, web2} {
		w.Told(vip, "n1", "n5")
	}
	s := w.w.Since(at)
	w.sees("node that takes traffic crashed", s, "held after ", held, ", sessions after ", up)
	w.untouched(s, map[string]string{second: "n5"})
	w.routed(s)
	for _, vip := range []string{web1, web2} {
		// Of two next hops at least one lives.
		require.Less(w.t, s.Connections(vip).Run, 100, "some are answered all the time: %s\n%s", vip, s)
	}
	w.atMost(crashed, held)
	w.atMost(crashMove, up)
	after := time.Now()
	time.Sleep(time.Second)
	w.reachable(w.w.Since(after))
	w.Boot("n4")
	w.settled()
}
