package nodereport_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/internal/nodereport"
)

var (
	crowd     = flag.Int("crowd", 8, "nodes whose cost is measured")
	crowdTime = flag.Duration("crowd-time", time.Second, "how long each measurement takes")
)

// TestWhatNodesCostTheAPIServer measures the processor time of API server and etcd: at rest, for nodes that renew leases, for those that list groups with it,
// and for nodes' reports. docs/manager.md has what it said.
func TestWhatNodesCostTheAPIServer(t *testing.T) {
	l := newLab(t)
	l.room(0).place(t, map[string]string{"10.0.1.100": "crowd0", "10.0.1.101": "crowd1"})
	watch, err := l.objects.Resource(leaseResource).Namespace(ownSpace).Watch(t.Context(), metav1.ListOptions{}) // as a manager does
	require.NoError(t, err)
	defer watch.Stop()
	go func() {
		for range watch.ResultChan() {
		}
	}()
	idle := l.measure(t, func() int { return 0 }, 0)

	all := make([]*runner, *crowd)
	l.each(func(i int) {
		name := fmt.Sprintf("crowd%d", i)
		l.makeNode(t, name)
		all[i] = l.run(t, name)
		all[i].Tell(nodereport.Report{Subnets: []nodereport.Subnet{lan}, Gateway: true})
	})
	renewals := func() (n int) {
		for _, w := range all {
			n += w.renewals()
		}
		return n
	}
	until(t, "a renewal of each", func() bool {
		for _, w := range all {
			if w.renewals() == 0 {
				return false
			}
		}
		return true
	})
	renewing := l.measure(t, renewals, 1)
	for _, w := range all {
		w.neverLapsed(t)
		w.Tell(nodereport.Report{Subnets: []nodereport.Subnet{lan}, Gateway: true, Unsure: true})
	}
	until(t, "a list of each", func() bool {
		return !slices.ContainsFunc(all, func(w *runner) bool { return len(w.handed()) < 2 })
	})
	listing := l.measure(t, renewals, 1)
	for _, w := range all {
		w.kill()
	}

	reporting := make([]*runner, *crowd)
	l.each(func(i int) {
		reporting[i] = l.run(t, fmt.Sprintf("crowd%d", i), func(c *nodereport.Config) { c.NodeBeat = time.Second })
		reporting[i].Tell(nodereport.Report{Subnets: []nodereport.Subnet{lan, ipv6LAN}})
	})
	telling := l.measure(t, func() (n int) {
		for _, w := range reporting {
			n += w.patches("networkgatewaynodes")
		}
		return n
	}, 1)
	t.Logf("at rest: %v", idle)
	t.Logf("%d nodes that renew: %v", *crowd, renewing)
	t.Logf("%d nodes that renew and list: %v", *crowd, listing)
	t.Logf("%d nodes that report each second: %v", *crowd, telling)
}

// each does something for each node of the crowd, some at once.
func (l *lab) each(do func(i int)) {
	var work sync.WaitGroup
	room := make(chan struct{}, 8)
	for i := range *crowd {
		room <- struct{}{}
		work.Go(func() {
			do(i)
			<-room
		})
	}
	work.Wait()
}

// cost is what was used in a while.
type cost struct {
	took              time.Duration
	writes            int
	server, etcd, own time.Duration
}

func (c cost) String() string {
	each := ""
	if c.writes > 0 {
		each = fmt.Sprintf("; a write costs %.2f ms of both", float64(c.server+c.etcd)/float64(time.Millisecond)/float64(c.writes))
	}
	percent := func(d time.Duration) float64 { return 100 * float64(d) / float64(c.took) }
	return fmt.Sprintf("%.1f writes/s, kube-apiserver %.1f %% of a core, etcd %.1f %%, all nodes and the test %.1f %%%s",
		float64(c.writes)/c.took.Seconds(), percent(c.server), percent(c.etcd), percent(c.own), each)
}

// measure measures while time passes, and until there are some writes: nodes that began together write together.
func (l *lab) measure(t *testing.T, writes func() int, least int) cost {
	t.Helper()
	begun, w := time.Now(), writes()
	server, etcd, own := used(t, "kube-apiserver"), used(t, "etcd"), usedBy(t, os.Getpid())
	time.Sleep(*crowdTime)
	until(t, "a write", func() bool { return writes() >= w+least })
	return cost{time.Since(begun), writes() - w, used(t, "kube-apiserver") - server, used(t, "etcd") - etcd, usedBy(t, os.Getpid()) - own}
}

// used is the processor time of a program that this process has started.
func used(t *testing.T, program string) time.Duration {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, path := range all {
		line, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(line, []byte("("+program+")")) {
			continue
		}
		_, rest, _ := strings.Cut(string(line), ") ")
		if fields := strings.Fields(rest); fields[1] == strconv.Itoa(os.Getpid()) {
			return ticks(t, fields)
		}
	}
	t.Fatalf("%s does not run", program)
	return 0
}

func usedBy(t *testing.T, pid int) time.Duration {
	t.Helper()
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(line), ") ")
	return ticks(t, strings.Fields(rest))
}

// ticks are user and system time of a process, in hundredths of a second each (proc_pid_stat(5), fields 14 and 15).
func ticks(t *testing.T, fields []string) time.Duration {
	t.Helper()
	user, err := strconv.Atoi(fields[11])
	require.NoError(t, err)
	system, err := strconv.Atoi(fields[12])
	require.NoError(t, err)
	return time.Duration(user+system) * 10 * time.Millisecond
}
