package faults

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

func TestBGPDKilledAtAnyPointAndStartedByHand(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.atPoints(1, func() { l.kill("bgpd") }, func() { l.start("bgpd") })
	})
}

// What watchfrr does: the daemon is started, and "vtysh -b" gives it frr.conf while the product does its own work.
func TestBGPDKilledAtAnyPointAndStartedByWatchfrr(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.atPoints(2, func() { l.kill("bgpd") }, func() {
			l.start("bgpd")
			loaded := make(chan error)
			go func() {
				_, err := l.node.Boot(t.Context())
				loaded <- err
			}()
			l.release()
			require.NoError(t, <-loaded)
		})
	})
}

func TestBFDDKilledAtAnyPoint(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.atPoints(3, func() { l.kill("bfdd") }, func() { l.start("bfdd") })
	})
}

func TestZebraKilledAtAnyPoint(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.atPoints(4, func() { l.kill("zebra") }, func() { l.start("zebra") })
	})
}

// Routes don't wait for a bfdd that is away.
func TestBFDDStaysAway(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		a, b := l.learn()
		l.step()
		l.kill("bfdd")
		l.put(b.objects)
		l.hear(b.hears)
		l.says("lines differ after the apply")
		require.Contains(t, l.said(), "bfdd.vty")
		l.safe("without bfdd")
		l.eventually("frr.conf has the new configuration", seconds(5), func() bool { return l.kept() == "after" })
		l.put(a.objects)
		l.hear(a.hears)
		l.put(b.objects)
		l.hear(b.hears)
		l.start("bfdd")
		l.comesTo(b.runs, seconds(15))
	})
}

// The connection breaks, and bgpd lives on with what it has got.
func TestConnectionsCutAtAnyPoint(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.atPoints(5, l.cut, l.settleDown)
	})
}
