package faults

import (
	"testing"
	"time"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gdc/cluster/lab"
	"github.com/frr-renderer/frr-renderer/test/skip"
)

// A manager that waits for seconds, where others wait for minutes, brings redundancy back, and leaves a gateway that no router hears.
func TestRedundancy(t *testing.T) {
	if !*long {
		skip.Test(t, "", "where the machine stands still for 3 s, a manager that waits for as long moves what it need not; make test-long does (-long)")
	}
	each(t, func(t *testing.T, v, o fabric.Version) {
		build(t, lab.Spec{
			Version: v, Tors: lab.TwoTors(v, o), ManagerFlags: []string{"--give-back-after=4s", "--no-session-after=3s"},
			Machines: []lab.Machine{{Name: "n1", Subnet: 1, Host: 10}, {Name: "n4", Subnet: 3, Host: 10}, {Name: "n5", Subnet: 3, Host: 11}},
		}, "n1").steps([]step{
			{name: "given back", do: (*world).givenBack},
			{name: "cut off from the routers", do: (*world).leftForWantOfSessions},
			{name: "cut off from the routers with both", do: (*world).leftWithBoth},
		})
	})
}

// A gateway dies and comes back. It is given one floating IP again, the last of the list; the other goes on meanwhile.
func (w *world) givenBack() {
	at := w.Crash("n4")
	w.moved(at, first, "n5")
	w.Settled()
	w.Boot("n4")
	booted := time.Now()
	_, up := w.moved(booted, second, "n4")
	w.Settled()
	s := w.w.Since(booted)
	w.sees("given back", s, "sessions after ", up)
	w.untouched(s, map[string]string{first: "n5"})
	w.reachable(w.w.Since(at))
}

// Its address is of no use where it is; what the other gateway holds is not touched.
func (w *world) leftForWantOfSessions() {
	at := time.Now()
	mend := w.CutFromRouters("n4")
	_, up := w.moved(at, first, "n5")
	w.Settled()
	s := w.w.Since(at)
	w.sees("left for want of sessions", s, "sessions after ", up)
	w.othersGoOn(s)
	mend()
	w.Settled()
}

// Nobody else speaks with the routers: one address goes, be it to give redundancy back before the sessions are lost, or to see after that; the other follows.
func (w *world) leftWithBoth() {
	at := time.Now()
	w.Move(second, "n4")
	mend := w.CutFromRouters("n4")
	for _, f := range floating {
		w.moved(at, f, "n5")
	}
	w.Settled()
	w.sees("left for want of sessions, with both", w.w.Since(at))
	mend()
	again := time.Now()
	time.Sleep(time.Second)
	w.reachable(w.w.Since(again))
}
