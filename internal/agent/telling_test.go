package agent

import (
	"fmt"
	"log/slog"
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
	const many = 40_000
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
	began := worked(t)
	a.tell(problems, many)
	a.tell(problems[1:], many)
	require.Less(t, worked(t)-began, 5*time.Second)
	require.Equal(t, 2*many-1, reporter.found)
}

// worked is how long the processors have worked for this process: that is the same on a machine that is busy with others.
func worked(t *testing.T) time.Duration {
	var usage unix.Rusage
	require.NoError(t, unix.Getrusage(unix.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano())
}
