package faults

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// A bgpd that is there and says nothing: the apply is given up, told, and tried again.
func TestBGPDHangs(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.timeout = "2s"
		_, b := l.learn()
		l.step()
		require.NoError(t, unix.Kill(l.node.PID("bgpd"), unix.SIGSTOP))
		t.Cleanup(func() { _ = unix.Kill(l.node.PID("bgpd"), unix.SIGCONT) })
		l.put(b.objects)
		l.says("FRR does not answer in time")
		file := l.file("router bgp 64500\n")
		began := time.Now()
		out, code := l.cli("reload", file, "--frr-conf", "none", "--timeout", "1s")
		require.Equal(t, 1, code, out)
		require.Less(t, time.Since(began), seconds(5))
		require.Contains(t, out, "bgpd does not answer: --timeout 1s is over; ")
		out, code = l.cli("status", "--health-addr", "")
		require.Equal(t, 1, code, out)
		require.Equal(t, "bgpd does not answer: 5s are over\n", out)
		require.NoError(t, unix.Kill(l.node.PID("bgpd"), unix.SIGCONT))
		l.comesTo(b.runs, seconds(10))
		l.hear(b.hears)
		l.safe("after it has woken up")
	})
}

// What arrives while an apply waits is not lost, and the newest counts.
func TestBGPDAnswersLateAtAnyPoint(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.atPoints(10, func() {}, func() { time.Sleep(200 * time.Millisecond) })
	})
}
