package faults

import (
	"testing"
	"time"

	"github.com/frr-renderer/frr-renderer/test/frr/clock"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// jumps are how far a clock is off, one after the other: hours and days, forth and back.
var jumps = []time.Duration{3 * time.Hour, -3 * time.Hour, 40 * 24 * time.Hour, -40 * 24 * time.Hour, 0}

// The clock of the product jumps: no session ends, no route goes, and what changes gets through, also after a start with a wrong clock.
func TestOurClockJumps(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newFaultLab(t, v, "--drift-interval", "1s")
		w := l.listen()
		c := clock.Of(t, l.pid())
		for i, off := range jumps {
			c.Set(t, off)
			l.working(20 + i)
			l.proxy.Cut()
			l.working(20 + i)
		}
		l.quietBut(w, 20, 20+len(jumps))
		l.restart()
		clock.Of(t, l.pid()).Set(t, -365*24*time.Hour)
		l.working(30)
		l.restart()
		l.working(31)
		l.quietBut(w, 20, 32)
	})
}

// quietBut shows that only routes of some Services came or went.
func (l *faultLab) quietBut(w watched, from, to int) {
	l.t.Helper()
	var some = addresses(from, to)
	w.heardOnly(some, some)
}

// The clocks of FRR jump: its timers are monotonic, and the product neither takes it for restarted nor sends anything again.
func TestFRRsClockJumps(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newFaultLab(t, v, "--drift-interval", "1s")
		w := l.listen()
		var clocks []*clock.Clock
		for _, daemon := range l.node.Daemons() {
			clocks = append(clocks, clock.Of(t, l.node.PID(daemon)))
		}
		for i, off := range jumps {
			for _, c := range clocks {
				c.Set(t, off)
			}
			l.working(20 + i)
		}
		l.quietBut(w, 20, 20+len(jumps))
	})
}
