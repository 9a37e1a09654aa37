package agent

import (
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

// asking looks up what each problem is about, as one that writes Events does.
type asking struct {
	unseen
	found int
}

func (a *asking) Judged(problems []problem.Problem, find status.Lookup) {
	for _, p := range problems {
		if _, exists := find(p.Object); exists {
			a.found++
		}
	}
}

// Whoever may create Services may make tens of thousands of problems: a turn compares and looks up each of them, not each with each.
func TestManyProblemsDelayNobody(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	few, many := costOfProblems(t, 5_000), costOfProblems(t, 40_000)
	t.Logf("5,000 problems took %v, 40,000 %v", few, many)
	require.Less(t, many, 24*max(few, time.Millisecond), "eight times as many; each with each would be 64 times the work")
}

// costOfProblems is the processor time that two turns with so many problems take.
func costOfProblems(t *testing.T, many int) time.Duration {
	reporter := &asking{}
	a, err := New(Config{
		Node: "node1", FRRConf: "none", StateFile: "none", Now: time.Now, Log: slog.New(slog.DiscardHandler), Reporter: reporter,
	}, NewBoard(time.Now, status.NewMetrics()))
	require.NoError(t, err)
	a.objects = &source.Result{}
	var problems []problem.Problem
	for i := range many {
		name := fmt.Sprintf("service-%d", i)
		a.objects.Objects.Services = append(a.objects.Objects.Services, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}})
		problems = append(problems, problem.Problem{
			Severity: problem.Warning, Object: problem.Object{Kind: "Service", Namespace: "shop", Name: name}, Reason: problem.NotInAnyPool,
			Message: "192.0.2.1 lies in no usable IPAddressPool",
		})
	}
	runtime.GC()
	before := threadTime(t)
	a.tell(problems, many)
	a.tell(problems[1:], many)
	cost := threadTime(t) - before
	require.Equal(t, 2*many-1, reporter.found)
	return cost
}

// threadTime is the processor time of this thread: what other programs do on a busy machine does not count.
func threadTime(t *testing.T) time.Duration {
	var usage unix.Rusage
	require.NoError(t, unix.Getrusage(unix.RUSAGE_THREAD, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
