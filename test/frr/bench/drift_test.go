package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// BenchmarkDrift reports what one background comparison costs when nobody changed anything: ms of processor time of ours and of bgpd, less
// what both take without it. Real time counts for nothing here.
func BenchmarkDrift(b *testing.B) {
	for _, v := range fabric.Versions() {
		for _, n := range []int{1000, 10000} {
			b.Run(fmt.Sprintf("frr=%s/services=%d", v, n), func(b *testing.B) { drift(b, v, n) })
		}
	}
}

func drift(b *testing.B, v fabric.Version, n int) {
	const interval, comparisons = 250 * time.Millisecond, 40
	s := newStand(b, v, n, 1)
	resident := 0.0
	measure := func(drift time.Duration) (ours, bgpd time.Duration) {
		agent := s.run(b, "--drift-interval", drift.String())
		s.whole(b, n)
		time.Sleep(time.Second) // the first apply, and what it left to be swept
		pid := s.node.PID("bgpd")
		ours, bgpd = -processorTime(b, agent.PID()), -processorTime(b, pid)
		time.Sleep(interval * comparisons)
		ours, bgpd = ours+processorTime(b, agent.PID()), bgpd+processorTime(b, pid)
		resident = memory(b, agent.PID(), "VmRSS:")
		stop(agent)
		return ours, bgpd
	}
	for b.Loop() {
		idleOurs, idleBGPD := measure(time.Hour)
		ours, bgpd := measure(interval)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(ms(ours-idleOurs)/comparisons, "ms-ours/comparison")
		b.ReportMetric(ms(bgpd-idleBGPD)/comparisons, "ms-bgpd/comparison")
		b.ReportMetric(resident, "MiB-rss")
	}
}

// processorTime is what all threads of a process have taken so far.
func processorTime(b *testing.B, pid int) time.Duration {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	require.NoError(b, err)
	var sum time.Duration
	for _, file := range threads {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		require.NoError(b, err)
		sum += time.Duration(ns)
	}
	return sum
}
