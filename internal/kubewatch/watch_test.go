package kubewatch

import (
	"context"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// api is an API server of Services that can't stream lists, and chooses none.
type api struct {
	refuse  bool // to choose
	events  *apiwatch.FakeWatcher
	cut     int // so many watches end before they are answered
	lists   int
	watches int
}

func (a *api) lw(choose func(*metav1.ListOptions)) cache.ListWatch {
	return cache.ListWatch{
		ListWithContextFunc: func(_ context.Context, o metav1.ListOptions) (runtime.Object, error) {
			a.lists++
			if choose(&o); a.refuse && o.FieldSelector != "" {
				return nil, apierrors.NewBadRequest("field label not supported: spec.type")
			}
			return &corev1.ServiceList{ListMeta: metav1.ListMeta{ResourceVersion: "1"}, Items: []corev1.Service{*service("a")}}, nil
		},
		WatchFuncWithContext: func(_ context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
			if o.SendInitialEvents != nil {
				return nil, apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("ListOptions").GroupKind(), "", nil)
			}
			if a.watches++; a.watches <= a.cut {
				return apiwatch.NewEmptyWatch(), nil
			}
			return a.events, nil
		},
	}
}

func service(name string) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, ResourceVersion: "1", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}}}
}

// What can't be chosen is read whole at once, everything is trimmed when it arrives, and a watch that was cut off is one that failed.
func TestAWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &api{refuse: true, events: apiwatch.NewFake(), cut: 1}
		var balanced LoadBalancers
		kept := kept{}
		var listed, watched []error
		changed := 0
		ctx, cancel := context.WithCancel(t.Context())
		w := Watch{
			Name: "Service", Lists: a.lw(balanced.Choose), Keeper: kept,
			Trim:   func(o runtime.Object) { TrimService(o.(*corev1.Service)) },
			Again:  balanced.Refused,
			Listed: func(_ context.Context, err error) { listed = append(listed, err) },
			Watched: func(_ context.Context, err error, streams bool) {
				if !streams {
					watched = append(watched, err)
				}
			},
			Changed: func() { changed++ },
		}
		done := make(chan struct{})
		go func() { w.Run(ctx); close(done) }()
		time.Sleep(time.Minute)
		require.Equal(t, []string{"shop/a"}, kept.names())
		require.Equal(t, []error{nil}, listed, "the refusal to choose is none to read")
		require.Equal(t, 2, a.lists)
		require.Len(t, watched, 2)
		require.ErrorIs(t, watched[0], syscall.ECONNREFUSED)
		require.NoError(t, watched[1])

		a.events.Add(service("b"))
		a.events.Modify(service("b"))
		synctest.Wait()
		require.Equal(t, 3, changed, "a list and two events")
		for _, o := range kept {
			require.Empty(t, o.ManagedFields)
		}
		a.events.Delete(service("b"))
		synctest.Wait()
		require.Equal(t, []string{"shop/a"}, kept.names())
		cancel()
		<-done
	})
}

// Who is told takes a context that is over for the end of the watch, and says nothing.
func TestAListThatTakesTooLongIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var over []error
		hangs := cache.ListWatch{ListWithContextFunc: func(ctx context.Context, _ metav1.ListOptions) (runtime.Object, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		w := Watch{Name: "Service", Lists: hangs, Listed: func(ctx context.Context, err error) {
			require.Error(t, err)
			over = append(over, ctx.Err())
		}}
		ctx, cancel := context.WithCancel(t.Context())
		_, err := w.list(ctx, metav1.ListOptions{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		cancel()
		_, err = w.list(ctx, metav1.ListOptions{})
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, []error{nil, context.Canceled}, over)
	})
}

func TestThatNothingCanBeChosenIsLearntOnce(t *testing.T) {
	var l LoadBalancers
	var o metav1.ListOptions
	l.Choose(&o)
	require.Equal(t, Balanced, o.FieldSelector)
	require.False(t, l.Refused(nil))
	require.False(t, l.Refused(apierrors.NewBadRequest("something else")))
	require.True(t, l.Refused(apierrors.NewBadRequest("field label not supported: spec.type")))
	require.False(t, l.Refused(apierrors.NewBadRequest("field label not supported: spec.type")))
	o = metav1.ListOptions{}
	l.Choose(&o)
	require.Empty(t, o.FieldSelector)
}
