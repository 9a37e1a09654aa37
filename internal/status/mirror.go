package status

import (
	"context"
	"log/slog"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/gentype"
	"k8s.io/client-go/tools/cache"
)

// object is a pointer to a kind of ours.
type object interface {
	runtime.Object
	metav1.Object
}

// believed is how long the answer to a write counts while the watch does not show it.
const believed = time.Minute

// mirror is what the API server holds of one kind: what a watch has told, and newer than that, what our own writes were answered. So nothing
// is written twice because the watch lags behind.
type mirror[T object] struct {
	informer cache.SharedIndexInformer
	now      func() time.Time
	outage   *Outage
	// changed is told of each object that is another than before, also by our own hand.
	changed func(T)

	mu    sync.Mutex
	wrote map[string]written[T]
}

type written[T object] struct {
	object T
	at     time.Time
}

// indexed is the name of the mirror's only index.
const indexed = "key"

// newMirror watches the objects that a selector chooses. key groups them.
func newMirror[T object, L runtime.Object](client *gentype.ClientWithList[T, L], kind T, choose func(*metav1.ListOptions), key func(T) string,
	log *slog.Logger, now func() time.Time) *mirror[T] {
	m := &mirror[T]{now: now, wrote: map[string]written[T]{}, changed: func(T) {}, outage: NewOutage(log)}
	lw := cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			choose(&o)
			list, err := client.List(ctx, o)
			if err != nil {
				return nil, err // never a typed nil
			}
			return list, nil
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			choose(&o)
			return client.Watch(ctx, o)
		},
	}
	m.informer = cache.NewSharedIndexInformer(&lw, kind, 0, cache.Indexers{indexed: func(o any) ([]string, error) { return []string{key(o.(T))}, nil }})
	return m
}

// run watches until ctx ends. synced is called when everything is known for the first time.
func (m *mirror[T]) run(ctx context.Context, synced func()) {
	// Objects of these kinds have thousands of lines of managed fields in common, and nobody here reads them.
	_ = m.informer.SetTransform(func(o any) (any, error) {
		if one, ok := o.(T); ok {
			one.SetManagedFields(nil)
		}
		return o, nil
	})
	_ = m.informer.SetWatchErrorHandlerWithContext(func(ctx context.Context, _ *cache.Reflector, err error) { m.outage.Seen(ctx, err) })
	_, _ = m.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { m.saw(o, false) },
		UpdateFunc: func(before, o any) {
			m.saw(o, false)
			if one, ok := before.(T); ok {
				m.changed(one) // its key may be another one now
			}
		},
		DeleteFunc: func(o any) { m.saw(o, true) },
	})
	go m.informer.RunWithContext(ctx)
	if cache.WaitForCacheSync(ctx.Done(), m.informer.HasSynced) {
		m.outage.Over()
		synced()
	}
}

// saw takes what the watch tells.
func (m *mirror[T]) saw(o any, deleted bool) {
	m.outage.Over()
	if gone, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = gone.Obj
	}
	one, ok := o.(T)
	if !ok {
		return
	}
	m.mu.Lock()
	if w, ok := m.wrote[one.GetName()]; ok && (deleted && w.object.GetUID() == one.GetUID() || !newer(w.object, one)) {
		delete(m.wrote, one.GetName())
	}
	m.mu.Unlock()
	m.changed(one)
}

// answered takes what the API server has answered to a write; it is what counts until the watch shows the same or something newer.
func (m *mirror[T]) answered(one T) {
	one.SetManagedFields(nil)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wrote[one.GetName()] = written[T]{one, m.now()}
}

// forget takes an object out that was deleted.
func (m *mirror[T]) forget(one T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.wrote, one.GetName())
	_ = m.informer.GetStore().Delete(one)
}

// of returns the objects of a key. Nobody may change them.
func (m *mirror[T]) of(key string, keyOf func(T) string) []T {
	known, _ := m.informer.GetIndexer().ByIndex(indexed, key)
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []T
	seen := map[string]bool{}
	for _, k := range known {
		one := k.(T)
		if w, ok := m.fresh(one.GetName()); ok && newer(w, one) {
			one = w
		}
		seen[one.GetName()] = true
		out = append(out, one)
	}
	for name := range m.wrote {
		if w, ok := m.fresh(name); ok && !seen[name] && keyOf(w) == key {
			out = append(out, w)
		}
	}
	return out
}

func (m *mirror[T]) fresh(name string) (T, bool) {
	w, ok := m.wrote[name]
	if ok && m.now().Sub(w.at) > believed {
		delete(m.wrote, name)
		ok = false
	}
	return w.object, ok
}

func newer(a, b metav1.Object) bool {
	c, err := resourceversion.CompareResourceVersion(a.GetResourceVersion(), b.GetResourceVersion())
	return err == nil && c > 0
}
