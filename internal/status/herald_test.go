package status

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	eventsclient "k8s.io/client-go/kubernetes/typed/events/v1"
)

// board takes Events, but for those in a namespace of which refuses says why not.
type board struct {
	eventsclient.EventsV1Interface
	refuses func(namespace string) error

	mu    sync.Mutex
	about []string
}

type pinned struct {
	eventsclient.EventInterface
	*board
}

func (b *board) Events(string) eventsclient.EventInterface { return pinned{nil, b} }

func (p pinned) Create(_ context.Context, e *eventsv1.Event, _ metav1.CreateOptions) (*eventsv1.Event, error) {
	if err := p.refuses(e.Namespace); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.board.about = append(p.board.about, e.Regarding.Namespace+"/"+e.Regarding.Name)
	return e, nil
}

func (b *board) has(about string) bool { return b.turnOf(about) != -1 }

func (b *board) turnOf(about string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Index(b.about, about)
}

// heralding runs a herald that writes as fast as it may, until the test ends.
func heralding(t *testing.T, refuses func(namespace string) error) (*herald, *board, func()) {
	t.Helper()
	b := &board{refuses: refuses}
	h := newHerald("node1", b, 60_000, slog.New(slog.DiscardHandler), time.Now, func(string, string) {}, func() {})
	h.retry = time.Millisecond
	return h, b, func() {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { defer close(ended); h.run(ctx) }()
		t.Cleanup(func() { cancel(); <-ended })
	}
}

func sayOf(namespace, name string) saying {
	return saying{about: serviceReference(namespace, name, ""), kind: corev1.EventTypeNormal, reason: nodeAssigned, action: "Announce", sort: "announced", mark: "x"}
}

func eventuallyHas(t *testing.T, b *board, about string) {
	t.Helper()
	require.Eventually(t, func() bool { return b.has(about) }, time.Minute, time.Millisecond)
}

// What there is no room for is that of the namespace that has the most to say.
func TestOneNamespaceLeavesRoomForOthers(t *testing.T) {
	h, b, run := heralding(t, func(string) error { return nil })
	for i := range 1000 {
		name := fmt.Sprintf("s%d", i)
		h.say(serviceKey("loud", name), sayOf("loud", name))
	}
	h.say(serviceKey("quiet", "web"), sayOf("quiet", "web"))
	h.flush()
	require.Equal(t, 1001-heraldBurst-heraldWaiting, h.counted["announced"])
	run()
	eventuallyHas(t, b, "quiet/web")
	require.LessOrEqual(t, b.turnOf("quiet/web"), 2, "it comes after one of the others, and the summary")
	eventuallyHas(t, b, "loud/s0")
}

// Who has always something older to say does not always come first.
func TestNamespacesTakeTurns(t *testing.T) {
	h, _, _ := heralding(t, func(string) error { return nil })
	for i := range heraldWaiting {
		h.say(serviceKey("loud", fmt.Sprint(i)), sayOf("loud", fmt.Sprint(i)))
	}
	h.say(serviceKey("quiet", "web"), sayOf("quiet", "web"))
	h.flush()
	var turns []string
	for range 4 {
		key, s, ok := h.next()
		require.True(t, ok)
		turns = append(turns, s.about.Namespace)
		h.served(s.about.Namespace)
		h.done(key, s)
		h.say(serviceKey("loud", "again"+fmt.Sprint(len(turns))), sayOf("loud", "again"))
		h.flush()
	}
	require.Equal(t, []string{"loud", "quiet", "loud", "loud"}, turns)
}

// A namespace that ends, or is over its quota, takes no Events.
func TestANamespaceThatTakesNoEventsKeepsNobodyWaiting(t *testing.T) {
	terminating := apierrors.NewForbidden(schema.GroupResource{Resource: "events"}, "", fmt.Errorf("it is being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	for name, err := range map[string]error{
		"ends":       terminating,
		"over quota": apierrors.NewForbidden(schema.GroupResource{Resource: "events"}, "", fmt.Errorf("exceeded quota")),
	} {
		t.Run(name, func(t *testing.T) {
			h, b, run := heralding(t, func(namespace string) error {
				if namespace == "full" {
					return err
				}
				return nil
			})
			h.say(serviceKey("full", "a"), sayOf("full", "a"))
			h.say(serviceKey("full", "b"), sayOf("full", "b"))
			h.say(serviceKey("shop", "web"), sayOf("shop", "web"))
			h.flush()
			run()
			eventuallyHas(t, b, "shop/web")
			if name == "ends" {
				require.Eventually(t, func() bool { _, _, waits := h.next(); return !waits }, time.Minute, time.Millisecond, "nobody will ever read it")
			}
		})
	}
}
