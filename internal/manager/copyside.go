package manager

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"

	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
)

// copySide is one of the two API servers: what it has of the kinds that are copied, in the cluster's namespace.
type copySide struct {
	// sort and lost are what is told when it can't be read.
	sort, lost string
	client     dynamic.Interface
	namespace  string
	store      *store
	health     *health
	trouble    *trouble
}

func newCopySide(sort, lost, namespace string, client dynamic.Interface, t *trouble) *copySide {
	return &copySide{sort, lost, client, namespace, newStore(copiedKinds), newHealth(copiedKinds), t}
}

// unheard are the kinds of which no changes come now, or that were never read.
func (s *copySide) unheard() []string {
	out := s.store.waiting()
	for _, w := range s.health.report() {
		if w.Since.IsZero() && s.store.hasRead(w.Kind) {
			out = append(out, w.Kind)
		}
	}
	return out
}

func (s *copySide) objects() copyObjects {
	out := copyObjects{}
	for _, kind := range copiedKinds {
		for k, v := range all[*unstructured.Unstructured](s.store, kind) {
			out[copyKey{kind, k.Name}] = v
		}
	}
	return out
}

func (s *copySide) of(kind string) dynamic.ResourceInterface {
	return s.client.Resource(copiedResources[kind]).Namespace(s.namespace)
}

// watch keeps a kind up to date until ctx ends.
func (s *copySide) watch(ctx context.Context, kind string) {
	kubewatch.Watch{
		Name: kind, Lists: consistent(kubewatch.Objects(s.of(kind), "")), Store: &copyFeed{ctx, s, kind}, Trim: trimCopy,
		Listed: func(ctx context.Context, err error) { s.heard(ctx, kind, err) },
		Watched: func(ctx context.Context, err error, streams bool) {
			if err == nil || !streams {
				s.heard(ctx, kind, err)
			}
		},
	}.Run(ctx)
}

// consistent lists what there is now: a Reflector takes what an API server last knew at first, which may be long ago at one of several.
func consistent(l cache.ListWatch) cache.ListWatch {
	list := l.ListWithContextFunc
	l.ListWithContextFunc = func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		if o.ResourceVersion == "0" {
			o.ResourceVersion, o.ResourceVersionMatch = "", ""
		}
		return list(ctx, o)
	}
	return l
}

func (s *copySide) heard(ctx context.Context, kind string, err error) {
	what := "copy " + s.sort + " " + kind
	switch {
	case ctx.Err() == context.Canceled, apierrors.IsResourceExpired(err), apierrors.IsGone(err):
		return
	case err == nil:
		s.health.opened(kind)
		s.trouble.over(what, "the kind can be read again")
	default:
		s.health.lost(kind)
		s.trouble.tell(what, s.lost, "kind", kind, "namespace", s.namespace, "error", err.Error())
	}
	s.store.changed()
}

// trimCopy drops what is not compared.
func trimCopy(o runtime.Object) {
	trimUnstructured(o)
	if u, ok := o.(*unstructured.Unstructured); ok {
		delete(u.Object, "status")
		unstructured.RemoveNestedField(u.Object, "metadata", "generation")
	}
}

// copyFeed hands what a Reflector has read to the store, until ctx ends.
type copyFeed struct {
	ctx  context.Context
	side *copySide
	kind string
}

var _ cache.ReflectorStore = (*copyFeed)(nil)

// Add implements cache.ReflectorStore.
func (f *copyFeed) Add(object any) error { return f.Update(object) }

// Update implements cache.ReflectorStore.
func (f *copyFeed) Update(object any) error {
	if f.ctx.Err() == nil {
		f.side.health.event(f.kind)
		f.side.store.put(f.kind, object.(*unstructured.Unstructured).DeepCopy()) // the Reflector reads its version later
	}
	return nil
}

// Delete implements cache.ReflectorStore.
func (f *copyFeed) Delete(object any) error {
	if f.ctx.Err() == nil {
		f.side.health.event(f.kind)
		u := object.(*unstructured.Unstructured)
		f.side.store.remove(f.kind, kubewatch.KeyOf(u), u.GetResourceVersion())
	}
	return nil
}

// Replace implements cache.ReflectorStore.
func (f *copyFeed) Replace(objects []any, version string) error {
	if f.ctx.Err() != nil {
		return nil
	}
	f.side.health.event(f.kind)
	listed := make([]metav1.Object, 0, len(objects))
	for _, o := range objects {
		listed = append(listed, o.(*unstructured.Unstructured).DeepCopy())
	}
	f.side.store.replace(f.kind, listed, nil, version)
	return nil
}

// Resync implements cache.ReflectorStore.
func (f *copyFeed) Resync() error { return nil }
