package faults

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gdc/cluster/lab"
)

// What -long expects of a machine that does nothing else; what was seen stands in docs/performance.md.
const (
	plannedMove = 1500 * time.Millisecond // until sessions are Established again
	crashed     = 8 * time.Second         // until another node has what a dead one held
	crashMove   = 10 * time.Second        // until sessions are Established again: routers believe in the old ones for up to 9 s
	giveUp      = 15 * time.Second        // after which a holder without LAN or bgpd lets go
	settle      = 2 * time.Second         // two holders that see each other

	// confirmed is who has renewed its lease as lately: it is renewed each 1.3 s, and holds for 4 s.
	confirmed = 3 * time.Second
)

// The gateways take no traffic themselves, so nothing at all may be lost, whatever becomes of one of them.
func TestGateway(t *testing.T) {
	each(t, func(t *testing.T, v, o fabric.Version) {
		apart(t, v, o).steps([]step{
			{name: "moved by an edit", do: (*world).movedByAnEdit},
			{name: "drained", do: (*world).drained},
			{name: "bgpd crashed", do: (*world).bgpdCrashed},
			{name: "bgpd crashed for good", do: (*world).bgpdGone},
			{name: "node crashed", do: (*world).nodeCrashed},
			{name: "cut off from the routers", do: (*world).cutFromRouters},
			{name: "cut off from the LAN", do: (*world).cutFromLAN},
			{name: "cut off from everything", do: (*world).cutFromEverything},
			{name: "one of two refused", do: (*world).oneRefused},
			{name: "agent hung while another took over", do: (*world).agentHung},
			{name: "agent hung", do: (*world).agentHungAlone, long: true},
			{name: "agent crashed for good", do: (*world).agentGone, long: true},
			{name: "cut off from the LAN behind a switch", do: (*world).deafLAN, long: true},
		})
	})
}

// Connections that last go on through the router with ADD-PATH, which has the same next hops before, meanwhile and after. The other one has another next hop of each
// session.
func (w *world) movedByAnEdit() {
	lasting, ofOne := w.Last(web1, 40, w.traffic...), w.Last(web2, 40, w.traffic...)
	at := time.Now()
	w.Move(first, "n5")
	held, up := w.moved(at, first, "n5")
	w.Settled()
	s := w.w.Since(at)
	died := lasting.End()
	w.sees("moved by an edit", s, "held after ", held, ", sessions after ", up, "; through tor1 ", died, ", through tor2 ", ofOne.End())
	w.planned(s)
	require.Zero(w.t, died.Dead, "through the router with ADD-PATH")
	w.atMost(plannedMove, up)
}

func (w *world) drained() {
	at := time.Now()
	w.Drain("n4")
	held, up := w.moved(at, first, "n5")
	w.Settled()
	s := w.w.Since(at)
	w.sees("drained", s, "held after ", held, ", sessions after ", up)
	w.planned(s)
	w.atMost(plannedMove, up)
	w.Undrain("n4")
}

// planned shows that first has moved to n5, and nothing else has happened.
func (w *world) planned(s lab.Span) {
	w.t.Helper()
	w.othersGoOn(s)
	require.Zero(w.t, s.Twice(first))
}

// watchfrr starts bgpd again; the floating IP waits for it.
func (w *world) bgpdCrashed() {
	at := w.CrashFRR("n4")
	time.Sleep(2 * time.Second) // as long as watchfrr takes
	w.StartFRR("n4")
	held, up := w.moved(at, first, "n4")
	w.Settled()
	s := w.w.Since(at)
	w.sees("bgpd crashed", s, "sessions after ", up)
	w.othersGoOn(s)
	require.Zero(w.t, held)
	require.True(w.t, s.AlwaysAt(first, "n4"), "it moves nowhere")
}

func (w *world) bgpdGone() {
	at := w.CrashFRR("n4")
	held, up := w.moved(at, first, "n5")
	s := w.w.Since(at)
	w.sees("bgpd crashed for good", s, "held after ", held, ", sessions after ", up)
	w.othersGoOn(s)
	require.Zero(w.t, s.Twice(first))
	w.atMost(giveUp+plannedMove, up)
	w.StartFRR("n4")
}

func (w *world) nodeCrashed() {
	at := w.Crash("n4")
	held, up := w.moved(at, first, "n5")
	s := w.w.Since(at)
	w.sees("node crashed", s, "held after ", held, ", sessions after ", up)
	w.othersGoOn(s)
	w.atMost(crashed, held)
	w.atMost(crashMove, up)
	w.Settled()
	w.Boot("n4")
}

// The sessions of that gateway go, and it is told; nothing can be better elsewhere that anybody knew of.
func (w *world) cutFromRouters() {
	at := time.Now()
	mend := w.CutFromRouters("n4")
	w.told("n4", "NotEstablished")
	s := w.w.Since(at)
	w.sees("cut off from the routers", s)
	w.othersGoOn(s)
	mend()
	w.Settled()
	w.reachable(w.w.Since(at))
}

func (w *world) cutFromLAN() {
	at := time.Now()
	w.Port("n4", fabric.Cut)
	held, up := w.moved(at, first, "n5")
	s := w.w.Since(at)
	w.sees("cut off from the LAN", s, "held after ", held, ", sessions after ", up)
	w.othersGoOn(s)
	w.atMost(giveUp+crashMove, up)
	w.Port("n4", fabric.Plugged)
	w.Settled()
	s = w.w.Since(at)
	w.othersGoOn(s)
}

// The node knows of nothing, and keeps its address while another takes it: when they see each other, the one that the manager has named stays.
func (w *world) cutFromEverything() {
	at := time.Now()
	w.Agent("n4").Gate.Hold()
	w.Port("n4", fabric.Deaf)
	held, up := w.moved(at, first, "n5")
	s := w.w.Since(at)
	w.sees("cut off from everything", s, "held after ", held, ", sessions after ", up)
	w.othersGoOn(s)
	w.atMost(crashed, held)
	w.atMost(crashMove, up)
	w.backWithTwo(first, func() {
		w.Port("n4", fabric.Plugged)
		w.Agent("n4").Gate.Open()
	})
}

// The node holds both, and somebody makes one of them impossible for it: that one goes to the other node. Nothing moves back by itself.
func (w *world) oneRefused() {
	w.Move(second, "n4")
	w.Held(second, "n4")
	w.Settled()
	at := time.Now()
	vacate := w.Occupy("n4", first)
	held, up := w.moved(at, first, "n5")
	w.Settled()
	s := w.w.Since(at)
	w.sees("one of two refused", s, "held after ", held, ", sessions after ", up)
	require.Zero(w.t, s.Twice(first))
	w.untouched(s, map[string]string{second: "n4"})
	w.reachable(s)
	w.atMost(giveUp+settle+plannedMove, up)
	w.refusal("n4", first, "10.0.3.100/32 is on eth0: take it off there")

	at = time.Now()
	vacate()
	w.Agent("n4").Kill(w.t) // a new one remembers nothing, and need not be waited for
	w.Agent("n4").Start(w.t)
	w.refusal("n4", first, "")
	w.renewed(time.Now(), "n4")
	s = w.w.Since(at)
	w.untouched(s, map[string]string{first: "n5", second: "n4"})
	w.reachable(s)
}

// backWithTwo mends a LAN on which n4 and n5 both have an address, and shows that one of them has it soon: n5, whose orders are the newer ones, unless nobody
// has confirmed those lately, since the machine is too busy.
func (w *world) backWithTwo(f string, mend func()) {
	w.t.Helper()
	at, before := time.Now(), w.gaveWay("n4", f)
	mend()
	w.renewed(at, "n4")
	w.Settled()
	time.Sleep(3 * time.Second) // who comes back too late
	s := w.w.Since(at)
	gone, ok := s.GoneFrom(f, "n4")
	w.sees("two answered", s, "settled after ", gone)
	if s.Unrenewed("n5") < confirmed {
		require.True(w.t, ok, "n4 still has it\n%s", s)
		require.Equal(w.t, "n5", w.Holder(f), "%s", s)
		require.Greater(w.t, w.gaveWay("n4", f), before, "n4 had to see n5: orders would have come much later\n%s", s)
	}
	w.atMost(settle, s.Twice(f))
	w.othersGoOn(s)
}

func (w *world) agentHung() {
	w.Agent("n4").Hang(w.t)
	at := time.Now()
	w.Port("n4", fabric.Deaf)
	_, up := w.moved(at, first, "n5")
	s := w.w.Since(at)
	w.sees("agent hung, LAN cut", s, "sessions after ", up)
	w.reachable(s)
	w.backWithTwo(first, func() {
		w.Port("n4", fabric.Plugged)
		w.Agent("n4").Continue(w.t)
	})
}

// With the LAN whole, the kernel answers for the address until its lifetime is over; nobody takes it before, and the sessions are up as long.
func (w *world) agentHungAlone() {
	at := time.Now()
	w.Agent("n4").Hang(w.t)
	w.takenAfterItsLifetime(at)
	w.Agent("n4").Continue(w.t)
	w.Settled()
	s := w.w.Since(at)
	require.Zero(w.t, s.Twice(first))
	w.othersGoOn(s)
}

func (w *world) agentGone() {
	at := time.Now()
	w.Agent("n4").Kill(w.t)
	w.takenAfterItsLifetime(at)
	w.Agent("n4").Start(w.t)
}

func (w *world) takenAfterItsLifetime(at time.Time) {
	w.t.Helper()
	held, up := w.moved(at, first, "n5")
	s := w.w.Since(at)
	w.sees("agent away", s, "held after ", held, ", sessions after ", up)
	require.Greater(w.t, held, 38*time.Second, "its last refresh was 20 s before, at most")
	require.Zero(w.t, s.Twice(first))
	w.othersGoOn(s)
}

// A switch that lets nothing through, and has a carrier: the node sounds well to everybody but the routers.
func (w *world) deafLAN() {
	at := time.Now()
	w.Port("n4", fabric.Deaf)
	w.told("n4", "NotEstablished")
	time.Sleep(20 * time.Second)
	s := w.w.Since(at)
	w.sees("cut off from the LAN behind a switch", s)
	w.othersGoOn(s)
	w.Port("n4", fabric.Plugged)
	w.Settled()
	w.reachable(w.w.Since(at))
}
