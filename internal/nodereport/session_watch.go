package nodereport

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

const (
	listTimeout  = time.Minute
	backoffFirst = 500 * time.Millisecond
	backoffMost  = 8 * time.Second
)

// watch keeps the node's sessions up to date until ctx ends.
func (s *sessionWriter) watch(ctx context.Context) {
	silent := logr.Discard()
	lists := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			ctx, cancel := context.WithTimeout(ctx, listTimeout)
			defer cancel()
			all, err := s.objects.List(ctx, o)
			s.outage.Seen(ctx, err)
			if err != nil {
				return nil, err
			}
			return all, nil
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
			return s.objects.Watch(ctx, o)
		},
	}
	reflector := cache.NewReflectorWithOptions(lists, nil, &feed{ctx, s}, cache.ReflectorOptions{
		Name: "BGPSession", TypeDescription: "BGPSession", Logger: &silent,
		Backoff: &wait.Backoff{Duration: backoffFirst, Cap: backoffMost, Steps: 1000, Factor: 2, Jitter: 0.5},
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		reflector.RunWithContext(ctx)
	}()
	select {
	case <-ended:
	case <-ctx.Done(): // it sleeps out its pause before it looks, and its store takes nothing any more
	}
}

// feed hands what a Reflector has read to the writer, until ctx ends.
type feed struct {
	ctx    context.Context
	writer *sessionWriter
}

var _ cache.ReflectorStore = (*feed)(nil)

// Add implements cache.ReflectorStore.
func (f *feed) Add(object any) error { return f.Update(object) }

// Update implements cache.ReflectorStore.
func (f *feed) Update(object any) error {
	if u, ok := object.(*unstructured.Unstructured); ok && f.ctx.Err() == nil {
		f.writer.put(u)
	}
	return nil
}

// Delete implements cache.ReflectorStore.
func (f *feed) Delete(object any) error {
	if u, ok := object.(*unstructured.Unstructured); ok && f.ctx.Err() == nil {
		f.writer.gone(u)
	}
	return nil
}

// Replace implements cache.ReflectorStore.
func (f *feed) Replace(objects []any, version string) error {
	if f.ctx.Err() != nil {
		return nil
	}
	all := make([]*unstructured.Unstructured, 0, len(objects))
	for _, o := range objects {
		if u, ok := o.(*unstructured.Unstructured); ok {
			all = append(all, u)
		}
	}
	f.writer.replace(all, version)
	return nil
}

// Resync implements cache.ReflectorStore.
func (f *feed) Resync() error { return nil }
