package status

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	eventsclient "k8s.io/client-go/kubernetes/typed/events/v1"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// pinboard keeps Events.
type pinboard struct {
	eventsclient.EventsV1Interface
	eventsclient.EventInterface
	all []*eventsv1.Event
}

func (p *pinboard) Events(string) eventsclient.EventInterface { return p }

func (p *pinboard) Create(_ context.Context, e *eventsv1.Event, _ metav1.CreateOptions) (*eventsv1.Event, error) {
	p.all = append(p.all, e)
	return e, nil
}

// take returns what came since it was asked last, as REASON KIND/NAME.
func (p *pinboard) take() []string {
	out := []string{}
	for _, e := range p.all {
		out = append(out, e.Reason+" "+e.Regarding.Kind+"/"+e.Regarding.Name)
	}
	p.all = nil
	return out
}

// telling runs ObjectEvents in simulated time.
func telling(t *testing.T, story func(e *ObjectEvents, p *pinboard)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &pinboard{}
		e := newObjectEvents(p, ObjectEventsOptions{
			Identity: "manager-1_abc", PerMinute: 12, Log: slog.New(slog.DiscardHandler), Now: time.Now,
			Self: corev1.ObjectReference{APIVersion: "coordination.k8s.io/v1", Kind: "Lease", Namespace: "metallb-system", Name: "frr-renderer-manager"},
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); e.Run(ctx) }()
		// What comes before the writer waits may be written one by one while the rest is still being said.
		synctest.Wait()
		story(e, p)
		stop()
		<-ended
	})
}

func service(name string) problem.Problem {
	return problem.Problem{
		Severity: problem.Warning, Object: problem.Object{Kind: "Service", Namespace: "shop", Name: name}, Field: "status.loadBalancer.ingress[0].ip",
		Reason: problem.NotInAnyPool, Message: "198.18.0.1 lies in no pool",
	}
}

func here(o problem.Object) (types.UID, bool) { return types.UID("uid-of-" + o.Name), true }

func TestAManagerTellsOfAProblemOnceAndThatItIsMended(t *testing.T) {
	telling(t, func(e *ObjectEvents, p *pinboard) {
		e.Found([]problem.Problem{service("web")}, here)
		synctest.Wait()
		require.Len(t, p.all, 1)
		one := p.all[0]
		require.Equal(t, "frr-renderer.io/manager", one.ReportingController)
		require.Equal(t, "frr-renderer.io/manager-manager-1_abc", one.ReportingInstance)
		require.Equal(t, types.UID("uid-of-web"), one.Regarding.UID)
		require.Equal(t, "shop", one.Namespace)
		require.Equal(t, "status.loadBalancer.ingress[0].ip: 198.18.0.1 lies in no pool (NotInAnyPool)", one.Note)
		require.Equal(t, []string{"NotInAnyPool Service/web"}, p.take())

		for range 10 { // each decision tells anew
			e.Found([]problem.Problem{service("web")}, here)
			time.Sleep(time.Minute)
		}
		require.Empty(t, p.take())
		e.Found(nil, here)
		synctest.Wait()
		require.Equal(t, []string{"Mended Service/web"}, p.take())

		e.Found([]problem.Problem{service("gone")}, here)
		synctest.Wait()
		require.Equal(t, []string{"NotInAnyPool Service/gone"}, p.take())
		e.Found(nil, func(problem.Object) (types.UID, bool) { return "", false })
		synctest.Wait()
		require.Empty(t, p.take(), "it was deleted")
	})
}

// Who is elected no more has nothing to say; another may say it by now.
func TestAManagerThatIsElectedNoMoreIsSilent(t *testing.T) {
	telling(t, func(e *ObjectEvents, p *pinboard) {
		var many []problem.Problem
		for i := range 2 * heraldBurst {
			many = append(many, service(string(rune('a'+i%26))+string(rune('a'+i/26))))
		}
		e.Found(many, here)
		synctest.Wait()
		require.Len(t, p.take(), heraldBurst, "the burst")
		e.Hush()
		time.Sleep(time.Hour)
		require.LessOrEqual(t, len(p.take()), 1, "the one that was being written")
		e.Found(many[:1], here)
		time.Sleep(time.Minute)
		require.Equal(t, []string{"NotInAnyPool Service/" + many[0].Object.Name}, p.take(), "elected again it knows nothing of what was told")
	})
}

func TestWhatAManagerDoesNotTellIsCounted(t *testing.T) {
	telling(t, func(e *ObjectEvents, p *pinboard) {
		var many []problem.Problem
		for i := range 1000 {
			many = append(many, service("s"+time.Duration(i).String()))
		}
		e.Found(many, here)
		time.Sleep(time.Hour)
		var summary *eventsv1.Event
		for _, one := range p.all {
			if one.Reason == eventsLeftOut {
				summary = one
			}
		}
		require.NotNil(t, summary)
		require.Equal(t, "Lease", summary.Regarding.Kind)
		require.Equal(t, "metallb-system", summary.Namespace)
		require.Contains(t, summary.Note, "from the manager also: 940 objects with problems")
		require.LessOrEqual(t, len(p.all), heraldBurst+heraldWaiting+1)
	})
}
