package faults

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// All of FRR goes down in the middle, and comes up with what frr.conf says: the last good configuration.
func TestFRRRestartedAtAnyPointWithTheOldConfiguration(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.atPoints(8, func() { l.kill() }, func() {
			require.NoError(t, l.node.Restart(t.Context()))
			require.NoError(t, l.boot())
			l.safe("started from frr.conf")
			l.release()
		})
	})
}

// The product is not there at all: FRR comes back alone, with what it ran.
func TestFRRRestartedWithoutTheProduct(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		a, b := l.learn()
		l.eventually("frr.conf is kept", seconds(5), func() bool { return l.kept() == "before" })
		l.end(kill)
		l.put(b.objects)
		require.NoError(t, l.node.Restart(t.Context()))
		require.NoError(t, l.boot())
		l.comesTo(a.runs, seconds(5))
		l.hear(a.hears)
		l.run()
		l.comesTo(b.runs, seconds(10))
		l.hear(b.hears)
		l.safe("after all")
	})
}
