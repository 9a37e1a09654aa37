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
		Name: kind, Lists: consistent(kubewatch.Objects(s.of(kind), "")), Keeper: &copyFeed{s, kind}, Trim: trimSpec,
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

// copyFeed hands what was read to the store.
type copyFeed struct {
	side *copySide
	kind string
}

// Put implements kubewatch.Keeper.
func (f *copyFeed) Put(object runtime.Object) {
	f.side.health.event(f.kind)
	f.side.store.put(f.kind, unread(object))
}

// Remove implements kubewatch.Keeper.
func (f *copyFeed) Remove(object runtime.Object) {
	f.side.health.event(f.kind)
	o := object.(metav1.Object)
	f.side.store.remove(f.kind, kubewatch.KeyOf(o), o.GetResourceVersion())
}

// Replace implements kubewatch.Keeper.
func (f *copyFeed) Replace(objects []runtime.Object, version string) {
	f.side.health.event(f.kind)
	listed := make([]metav1.Object, 0, len(objects))
	for _, o := range objects {
		listed = append(listed, unread(o))
	}
	f.side.store.replace(f.kind, listed, nil, version)
}

// unread is an object that the store may take the version off: the Reflector reads that later.
func unread(o runtime.Object) metav1.Object { return o.(*unstructured.Unstructured).DeepCopy() }
