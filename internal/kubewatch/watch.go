package kubewatch

import (
	"context"
	"fmt"
	"reflect"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// Watch keeps what is listed up to date. What may be nil is told so.
type Watch struct {
	// Name is for people.
	Name   string
	Lists  cache.ListWatch
	Keeper Keeper
	// Trim drops in place what nobody reads, as soon as an object has arrived; nil: nothing.
	Trim func(runtime.Object)
	// Again tells whether to list once more at once, for what is asked was changed; nil: never.
	Again func(err error) bool
	// Listed is told how each list went, Watched how each request to watch went; streams tells that the watch was to bring the first list, too: where it can't, a
	// list comes next. Their ctx is that of Run, so one that is over means that nobody needs to know. Watched may be nil.
	Listed  func(ctx context.Context, err error)
	Watched func(ctx context.Context, err error, streams bool)
	// Changed is told that objects have come; nil: nobody is.
	Changed func()
}

// ListTimeout is how long an API server may take for one answer.
const ListTimeout = time.Minute

const (
	backoffFirst  = 500 * time.Millisecond
	backoffMost   = 8 * time.Second
	backoffJitter = 0.5
)

// Run watches until ctx ends. client-go's Reflector streams the first list where the API server can (WatchList), reads it in pages elsewhere,
// goes on where a watch ended, lists anew when the API server has forgotten where that was, and tries again after a pause: so a kind that is not
// served is picked up within backoffMost of being served.
//
// The last call of the Keeper may go on after that: Run does not wait for a Reflector that sleeps out its pause.
func (w Watch) Run(ctx context.Context) {
	silent := logr.Discard()
	reflector := cache.NewReflectorWithOptions(w.supervised(), nil, store{ctx, w.Keeper}, cache.ReflectorOptions{
		Name: w.Name, TypeDescription: w.Name, Logger: &silent,
		Backoff: &wait.Backoff{Duration: backoffFirst, Cap: backoffMost, Steps: 1000, Factor: 2, Jitter: backoffJitter},
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		reflector.RunWithContext(ctx)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// supervised lists and watches, trims, and tells how that went.
func (w Watch) supervised() *cache.ListWatch {
	return &cache.ListWatch{ListWithContextFunc: w.list, WatchFuncWithContext: w.watch}
}

func (w Watch) list(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
	limited, cancel := context.WithTimeout(ctx, ListTimeout)
	defer cancel()
	list, err := w.Lists.ListWithContext(limited, o)
	if err != nil && w.Again != nil && w.Again(err) {
		list, err = w.Lists.ListWithContext(limited, o)
	}
	w.Listed(ctx, err)
	if err != nil {
		return nil, err
	}
	w.changed()
	if w.Trim == nil {
		return list, nil
	}
	return list, meta.EachListItem(list, func(item runtime.Object) error { w.Trim(item); return nil })
}

func (w Watch) watch(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
	events, err := w.Lists.WatchWithContext(ctx, o)
	if err == nil && reflect.TypeOf(events) == cutOff {
		err = errCut
	}
	if w.Watched != nil {
		w.Watched(ctx, err, o.SendInitialEvents != nil)
	}
	if err != nil {
		return nil, err
	}
	return apiwatch.Filter(events, func(e apiwatch.Event) (apiwatch.Event, bool) {
		switch e.Type {
		case apiwatch.Added, apiwatch.Modified, apiwatch.Deleted:
			if w.Trim != nil {
				w.Trim(e.Object)
			}
			w.changed()
		}
		return e, true
	}), nil
}

func (w Watch) changed() {
	if w.Changed != nil {
		w.Changed()
	}
}

// cutOff is what client-go returns without an error when the connection ends before the API server has answered: a watch that is over.
var cutOff = reflect.TypeOf(apiwatch.NewEmptyWatch())

// errCut is a Reflector's reason to try the same watch again later, and to list nothing anew.
var errCut = fmt.Errorf("the API server ends the connection before it answers: %w", syscall.ECONNREFUSED)
