package manager

import (
	"context"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// watch keeps a kind up to date until ctx ends, and tells how that went.
func (m *Manager) watch(ctx context.Context, k kind) {
	kubewatch.Watch{
		Name: k.name, Lists: k.lists, Keeper: &feed{m, k}, Trim: k.trim,
		Again:  func(err error) bool { return m.unselects(k, err) },
		Listed: func(ctx context.Context, err error) { m.heard(ctx, k, err) },
		Watched: func(ctx context.Context, err error, streams bool) {
			if err == nil || !streams { // a list comes next otherwise, and tells
				m.heard(ctx, k, err)
			}
		},
	}.Run(ctx)
}

// unselects takes in that the API server can't choose Services by their type: all of them are read then.
func (m *Manager) unselects(k kind, err error) bool {
	if k.name != serviceKind || !m.balanced.Refused(err) {
		return false
	}
	m.log.Warn("the API server can't choose Services by their type: all are read, which costs more; newer versions can",
		"selector", kubewatch.Balanced, "error", err.Error())
	return true
}

// heard takes in how a request went.
func (m *Manager) heard(ctx context.Context, k kind, err error) {
	switch {
	case ctx.Err() == context.Canceled, apierrors.IsResourceExpired(err), apierrors.IsGone(err):
	case err == nil:
		m.health.opened(k.name)
		m.trouble.over("watch "+k.name, "the API server can be read again")
	case apierrors.IsNotFound(err) && k.defined:
		m.health.lost(k.name)
		m.missing(ctx, k)
	default:
		m.health.lost(k.name)
		m.trouble.tell("watch "+k.name, "the API server can't be read; what it said last stays in use", "kind", k.name, "error", err.Error())
	}
}

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// missing takes in that a kind is not served. Only where it is not defined either there are no objects of it: an API server that starts does not serve
// all that it has. Where that can't be asked, what was read stays, and what never was counts as not there.
func (m *Manager) missing(ctx context.Context, k kind) {
	ctx, cancel := context.WithTimeout(ctx, kubewatch.ListTimeout)
	defer cancel()
	_, err := m.clients.Dynamic.Resource(definitions).Get(ctx, k.definition(), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		m.health.absent(k.name)
		m.store.absent(k.name)
	case apierrors.IsForbidden(err) && !m.store.hasRead(k.name):
		m.health.absent(k.name)
		m.trouble.tell("define "+k.name, "it can't be asked whether a kind that is not served is defined, so it counts as not there", "definition", k.definition(), "error", err.Error())
		m.store.absent(k.name)
	case err != nil:
		m.trouble.tell("define "+k.name, "it can't be asked whether a kind that is not served is defined; its objects stay as they were", "definition", k.definition(), "error", err.Error())
	}
}

// feed hands what was read to the store.
type feed struct {
	manager *Manager
	kind    kind
}

// Put implements kubewatch.Keeper.
func (f *feed) Put(object runtime.Object) {
	f.manager.health.event(f.kind.name)
	if l, ok := object.(*coordinationv1.Lease); ok {
		f.manager.hear(l)
		return
	}
	o, ours, err := f.read(object)
	switch {
	case err != nil: // its last form stays
		f.manager.store.unreadable(f.kind.name, kubewatch.KeyOf(object.(metav1.Object)), err)
	case ours:
		f.manager.store.put(f.kind.name, o)
	default:
		f.Remove(object) // it may have been
	}
}

// Remove implements kubewatch.Keeper.
func (f *feed) Remove(object runtime.Object) {
	f.manager.health.event(f.kind.name)
	o := object.(metav1.Object)
	if f.kind.name == leaseKind {
		f.manager.leases.forget(o.GetName())
		f.manager.store.changed()
		return
	}
	f.manager.store.remove(f.kind.name, kubewatch.KeyOf(o), o.GetResourceVersion())
}

// Replace implements kubewatch.Keeper.
func (f *feed) Replace(objects []runtime.Object, version string) {
	f.manager.health.event(f.kind.name)
	if f.kind.name == leaseKind {
		f.manager.hearAll(objects)
		f.manager.store.replace(leaseKind, nil, nil, version)
		return
	}
	f.replace(objects, version)
}

// replace takes in all objects of the kind as they were at a version.
func (f *feed) replace(objects []runtime.Object, version string) {
	all, stay := make([]metav1.Object, 0, len(objects)), map[key]bool{}
	for _, object := range objects {
		o, ours, err := f.read(object)
		switch {
		case err != nil:
			k := kubewatch.KeyOf(object.(metav1.Object))
			stay[k] = true
			f.manager.store.unreadable(f.kind.name, k, err)
		case ours:
			all = append(all, o)
		}
	}
	f.manager.store.replace(f.kind.name, all, stay, version)
}

// read makes the object that is kept, and tells whether it is ours. An error is told; the last form of the object stays.
func (f *feed) read(object runtime.Object) (o metav1.Object, ours bool, err error) {
	if s, ok := object.(*corev1.Service); ok && (snapshot.Options{LoadBalancerClass: f.manager.options.LoadBalancerClass}).Skips(s) != "" {
		return s, false, nil
	}
	o, err = f.kind.read(object)
	m := object.(metav1.Object)
	what := "read " + f.kind.name + " " + m.GetNamespace() + "/" + m.GetName()
	if err != nil {
		f.manager.trouble.tell(what, "an object can't be read; its last form stays in use, if there is one",
			"kind", f.kind.name, "namespace", m.GetNamespace(), "name", m.GetName(), "error", err.Error())
		return nil, false, err
	}
	f.manager.trouble.over(what, "the object can be read")
	return o, true, nil
}

// hear takes in one Lease.
func (m *Manager) hear(l *coordinationv1.Lease) {
	if m.leases.hear(l) {
		m.store.changed()
	}
}

// hearAll takes in all Leases that there are.
func (m *Manager) hearAll(objects []runtime.Object) {
	here := map[string]bool{}
	for _, object := range objects {
		l := object.(*coordinationv1.Lease)
		here[l.Name] = true
		m.hear(l)
	}
	for _, name := range m.leases.names() {
		if !here[name] {
			m.leases.forget(name)
			m.store.changed()
		}
	}
}
