package faults

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

func TestProductKilledAtAnyPoint(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.atPoints(6, func() { l.end(unix.SIGKILL); l.cut() }, func() { l.settleDown(); l.run() })
	})
}

// No gate, and no line at which to break: the product is killed at moments, also while it writes its files.
func TestProductKilledAtAnyMoment(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		a, b := l.learn()
		r := rand.New(rand.NewPCG(*seed, 7))
		to := b
		for range max(4, *points) {
			l.put(to.objects)
			time.Sleep(time.Duration(r.IntN(60)) * time.Millisecond)
			l.end(unix.SIGKILL)
			l.safe("killed")
			require.NotEmpty(t, l.kept(), "frr.conf is whole")
			l.run()
			l.comesTo(to.runs, 15*time.Second)
			to = map[*state]*state{a: b, b: a}[to]
		}
		l.eventually("nothing is left of files that were being written", 5*time.Second, func() bool {
			left, _ := filepath.Glob(filepath.Join(l.node.ConfDir(), ".frr*"))
			return len(left) == 0
		})
	})
}

// A vtysh that is killed while it loads a file leaves bgpd holding back new neighbors for ten minutes.
func TestVtyshKilledWithinATransaction(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		_, b := l.learn()
		l.end(unix.SIGKILL)
		person := l.person("bgpd")
		person.types("enable", "configure terminal", "XFRR_start_configuration")
		person.Close()
		l.put(b.objects)
		l.run()
		l.comesTo(b.runs, 15*time.Second)
		l.hear(b.hears)
	})
}
