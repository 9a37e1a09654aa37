package faults

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// What may be expected on a busy machine; what is seen on a quiet one stands in docs/performance.md.
const (
	plannedMove = 6 * time.Second
	crashMove   = 15 * time.Second
	giveUp      = 15 * time.Second // after which a holder without LAN or bgpd lets go
	settle      = 3 * time.Second  // two holders that see each other
)

// The gateways take no traffic themselves, so nothing at all may be lost, whatever becomes of one of them.
func TestGateway(t *testing.T) {
	each(t, func(t *testing.T, v, o fabric.Version) {
		apart(t, v, o).steps([]step{
			{name: "moved by an edit", do: (*world).movedByAnEdit},
			{name: "drained", do: (*world).drained},
			{name: "agent crashed", do: (*world).agentCrashed},
			{name: "bgpd crashed", do: (*world).bgpdCrashed},
			{name: "bgpd crashed for good", do: (*world).bgpdGone},
			{name: "node crashed", do: (*world).nodeCrashed},
			{name: "cut off from the routers", do: (*world).cutFromRouters},
			{name: "cut off from the LAN", do: (*world).cutFromLAN},
			{name: "cut off from everything", do: (*world).cutFromEverything},
			{name: "agent hung while another took over", do: (*world).agentHung},
			{name: "agent hung", do: (*world).agentHungAlone, long: true},
			{name: "agent crashed for good", do: (*world).agentGone, long: true},
			{name: "cut off from the LAN behind a switch", do: (*world).deafLAN, long: true},
		})
	})
}

func (w *world) movedByAnEdit() {
	at := time.Now()
	w.Move(first, "n5")
	held, up := w.moved(at, first, "n5")
	w.Settled()
	s := w.w.Since(at)
	w.sees("moved by an edit", s, "held after ", held, ", sessions after ", up)
	w.untouched(s, map[string]string{second: "n5"})
	w.reachable(s)
	require.Zero(w.t, s.Twice(first))
	require.Less(w.t, up, plannedMove)
}

func (w *world) drained() {
	at := time.Now()
	w.Drain("n4")
	held, up := w.moved(at, first, "n5")
	w.Settled()
	s := w.w.Since(at)
	w.sees("drained", s, "held after ", held, ", sessions after ", up)
	w.untouched(s, map[string]string{second: "n5"})
	w.reachable(s)
	require.Zero(w.t, s.Twice(first))
	require.Less(w.t, up, plannedMove)
	w.Undrain("n4")
}

// Nothing hears of an agent that is killed and started again.
func (w *world) agentCrashed() {
	at := time.Now()
	w.Agent("n4").Kill(w.t)
	time.Sleep(2 * time.Second) // as long as a kubelet takes
	w.Agent("n4").Start(w.t)
	w.Settled()
	time.Sleep(6 * time.Second) // longer than a lease
	s := w.w.Since(at)
	w.sees("agent crashed", s)
	w.untouched(s, all())
	w.reachable(s)
}

// watchfrr starts bgpd again; the floating IP waits for it.
func (w *world) bgpdCrashed() {
	at := w.CrashFRR("n4")
	time.Sleep(2 * time.Second) // as long as watchfrr takes
	w.StartFRR("n4")
	held, up := w.moved(at, first, "n4")
	require.Zero(w.t, held)
	w.Settled()
	s := w.w.Since(at)
	w.sees("bgpd crashed", s, "sessions after ", up)
	require.True(w.t, s.AlwaysAt(first, "n4"), "it moves nowhere")
	w.untouched(s, map[string]string{second: "n5"})
	w.reachable(s)
}

func (w *world) bgpdGone() {
	at := w.CrashFRR("n4")
	held, up := w.moved(at, first, "n5")
	s := w.w.Since(at)
	w.sees("bgpd crashed for good", s, "held after ", held, ", sessions after ", up)
	w.untouched(s, map[string]string{second: "n5"})
	w.reachable(s)
	require.Zero(w.t, s.Twice(first))
	require.Less(w.t, up, giveUp+plannedMove)
	w.StartFRR("n4")
}

func (w *world) nodeCrashed() {
	at := w.Crash("n4")
	held, up := w.moved(at, first, "n5")
	s := w.w.Since(at)
	w.sees("node crashed", s, "held after ", held, ", sessions after ", up)
	w.untouched(s, map[string]string{second: "n5"})
	w.reachable(s)
	require.Less(w.t, up, crashMove)
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
	w.untouched(s, map[string]string{second: "n5"})
	w.reachable(s)
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
	w.untouched(s, map[string]string{second: "n5"})
	w.reachable(s)
	require.Less(w.t, up, giveUp+crashMove)
	w.Port("n4", fabric.Plugged)
	w.Settled()
	s = w.w.Since(at)
	w.untouched(s, map[string]string{second: "n5"})
	w.reachable(s)
}

// The node knows of nothing, and keeps its address while another takes it: when they see each other, the one that the manager has named stays.
func (w *world) cutFromEverything() {
	at := time.Now()
	w.Agent("n4").Gate.Hold()
	w.Port("n4", fabric.Deaf)
	held, up := w.moved(at, first, "n5")
	s := w.w.Since(at)
	w.sees("cut off from everything", s, "held after ", held, ", sessions after ", up)
	w.untouched(s, map[string]string{second: "n5"})
	w.reachable(s)
	require.Less(w.t, up, crashMove)
	w.backWithTwo(first, func() {
		w.Port("n4", fabric.Plugged)
		w.Agent("n4").Gate.Open()
	})
}

// backWithTwo mends a LAN on which n4 and n5 both have an address, and shows that n5 alone has it soon.
func (w *world) backWithTwo(f string, mend func()) {
	w.t.Helper()
	at := time.Now()
	mend()
	w.Settled()
	time.Sleep(3 * time.Second) // who comes back too late
	s := w.w.Since(at)
	gone, ok := s.GoneFrom(f, "n4")
	w.sees("two answered", s, "settled after ", gone)
	require.True(w.t, ok)
	require.LessOrEqual(w.t, s.Twice(f), settle)
	require.Equal(w.t, "n5", w.Holder(f))
	w.untouched(s, map[string]string{second: "n5"})
	w.reachable(s)
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
	w.untouched(s, map[string]string{second: "n5"})
	w.reachable(s)
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
	w.untouched(s, map[string]string{second: "n5"})
	w.reachable(s)
}

// A switch that lets nothing through, and has a carrier: the node sounds well to everybody but the routers.
func (w *world) deafLAN() {
	at := time.Now()
	w.Port("n4", fabric.Deaf)
	w.told("n4", "NotEstablished")
	time.Sleep(20 * time.Second)
	s := w.w.Since(at)
	w.sees("cut off from the LAN behind a switch", s)
	w.untouched(s, map[string]string{second: "n5"})
	w.reachable(s)
	w.Port("n4", fabric.Plugged)
	w.Settled()
	w.reachable(w.w.Since(at))
}

// A gateway that takes traffic dies: routers go on sending it its part until they hear that it is no next hop, which BGP's hold time bounds. All else arrives.
func TestGatewayThatTakesTrafficCrashes(t *testing.T) {
	each(t, func(t *testing.T, v, o fabric.Version) {
		w := together(t, v, o)
		at := w.Crash("n4")
		held, up := w.moved(at, first, "n5")
		for _, vip := range []string{web1, web2} {
			w.Told(vip, "n1", "n5")
		}
		s := w.w.Since(at)
		w.sees("node that takes traffic crashed", s, "held after ", held, ", sessions after ", up)
		w.untouched(s, map[string]string{second: "n5"})
		for _, vip := range []string{web1, web2} {
			// Of two next hops at least one lives.
			require.Less(t, s.Connections(vip).Run, 100, "some are answered all the time: %s\n%s", vip, s)
			for _, r := range w.Spec.Tors {
				require.Zero(t, s.WithoutHop(r.Name, vip))
			}
		}
		for _, r := range w.Spec.Tors {
			require.Zero(t, s.WithoutSession(r.Name, ""))
		}
		require.Less(t, up, crashMove)
		after := time.Now()
		time.Sleep(time.Second)
		w.reachable(w.w.Since(after))
		w.Boot("n4")
		w.settled("n1", "n4", "n5")
	})
}
