package faults

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// The product is there before FRR, whose sockets appear one after the other.
func TestSocketsAppearLate(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		a, _ := l.learn()
		l.end(kill)
		l.kill()
		l.step()
		l.run()
		l.says("FRR is not running")
		for _, d := range l.node.Daemons() {
			l.start(d)
			time.Sleep(300 * time.Millisecond)
			l.safe("after the start of " + d)
		}
		l.comesTo(a.runs, seconds(10))
		l.hear(a.hears)
		l.safe("in the end")
	})
}

func TestReloadWithoutFRR(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.kill("bgpd")
		file := l.file("router bgp 64500\n")
		out, code := l.cli("reload", file, "--frr-conf", "none")
		require.Equal(t, 1, code, out)
		require.Contains(t, out, "bgpd")
		require.Contains(t, out, "FRR is not running")
		l.start("bgpd")
		out, code = l.cli("reload", file, "--frr-conf", "none")
		require.Zero(t, code, out)
	})
}
