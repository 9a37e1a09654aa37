package faults

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gdc/cluster/lab"
)

// away is how long something is away: longer than the 60 s after which an address goes that nobody refreshes.
func away() time.Duration {
	if *long {
		return 10 * time.Minute
	}
	return 75 * time.Second
}

// afterwards is how long is looked at what comes back: longer than a lease.
const afterwards = 8 * time.Second

// nothing happens to sessions, floating IPs and connections while something is away, and when it is back.
func nothing(t *testing.T, what string, vanish, back func(*world)) {
	each(t, func(t *testing.T, v, o fabric.Version) {
		w := together(t, v, o)
		at := time.Now()
		vanish(w)
		time.Sleep(away())
		s := w.w.Since(at)
		w.sees(what, s)
		w.untouched(s, all())
		w.reachable(s)
		back(w)
		w.settled("n1", "n4", "n5")
		time.Sleep(afterwards)
		s = w.w.Since(at)
		w.sees(what+", and back", s)
		w.untouched(s, all())
		w.reachable(s)
		require.Equal(t, "n4", w.Holder(first))
		require.Equal(t, "n5", w.Holder(second))
	})
}

func TestAPIServerAway(t *testing.T) {
	nothing(t, "API server away",
		func(w *world) { w.AllProcesses(func(p *lab.Process) { p.Gate.Shut() }) },
		func(w *world) { w.AllProcesses(func(p *lab.Process) { p.Gate.Open() }) })
}

func TestManagersAway(t *testing.T) {
	nothing(t, "managers away",
		func(w *world) {
			for _, m := range w.Managers() {
				m.Kill(w.t)
			}
		},
		func(w *world) {
			for _, m := range w.Managers() {
				m.Start(w.t)
			}
		})
}

// One gateway can't reach the API server: its lease runs out, another is named, and sees that it is there still.
func TestGatewayCutOffFromTheAPIServer(t *testing.T) {
	nothing(t, "gateway cut off from the API server",
		func(w *world) { w.Agent("n4").Gate.Hold() },
		func(w *world) { w.Agent("n4").Gate.Open() })
}
