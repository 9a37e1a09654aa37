package status

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	eventsclient "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/rest"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/reload"
)

// managerController is the reportingController of a manager's Events.
const managerController = "frr-renderer.io/manager"

// ObjectEvents writes Events about objects that something is wrong with, for a whole cluster: under the same limits as a node does, and what was
// mended is told, too. Who tells it something never waits.
type ObjectEvents struct {
	chronicle *chronicle

	mu       sync.Mutex
	fresh    bool
	problems []problem.Problem
	find     Lookup
	wake     chan struct{}
}

// ObjectEventsOptions say who writes.
type ObjectEventsOptions struct {
	// Identity of the manager.
	Identity string
	// Self is what is told of that is no single object's: how many Events were left out.
	Self      corev1.ObjectReference
	PerMinute float64
	Log       *slog.Logger
	Now       func() time.Time
}

// NewObjectEvents writes to the API server of config while Run runs.
func NewObjectEvents(config *rest.Config, o ObjectEventsOptions) (*ObjectEvents, error) {
	client, err := eventsclient.NewForConfig(limited(config, eventQPS, heraldBurst))
	if err != nil {
		return nil, fmt.Errorf("use the API server: %w", err)
	}
	return newObjectEvents(client, o), nil
}

func newObjectEvents(client eventsclient.EventsV1Interface, o ObjectEventsOptions) *ObjectEvents {
	e := &ObjectEvents{wake: make(chan struct{}, 1)}
	told := readTold(reload.NoFile, o.Log)
	herald := newHerald(o.Identity, client, o.PerMinute, o.Log, o.Now, told.set, e.again)
	herald.speaks = voice{managerController, o.Self, "the manager"}
	e.chronicle = &chronicle{node: o.Identity, told: told, objects: herald, alone: true}
	return e
}

// Run writes until ctx ends.
func (e *ObjectEvents) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { e.chronicle.objects.run(ctx) })
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
			e.hand()
		}
	}
}

// hand compares the newest with what was told.
func (e *ObjectEvents) hand() {
	e.mu.Lock()
	defer e.mu.Unlock() // not to tell what was hushed meanwhile
	if e.fresh {
		e.fresh = false
		e.chronicle.finds(e.problems, e.find)
	}
}

// Found takes all problems as they are now, in place of those before. find is asked later: its UID, and whether an object is there.
func (e *ObjectEvents) Found(problems []problem.Problem, find func(problem.Object) (types.UID, bool)) {
	e.mu.Lock()
	e.problems, e.find, e.fresh = problems, find, true
	e.mu.Unlock()
	e.rouse()
}

// Hush takes back what was not written yet, and forgets what was.
func (e *ObjectEvents) Hush() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.problems, e.find, e.fresh = nil, nil, false
	e.chronicle.objects.hush()
	e.chronicle.told.forget()
}

// again has the newest compared once more.
func (e *ObjectEvents) again() {
	e.mu.Lock()
	e.fresh = e.find != nil
	e.mu.Unlock()
	e.rouse()
}

func (e *ObjectEvents) rouse() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}
