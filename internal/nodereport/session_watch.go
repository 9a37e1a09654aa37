package nodereport

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"

	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
)

// watch keeps the node's sessions up to date until ctx ends.
func (s *sessionWriter) watch(ctx context.Context) {
	kubewatch.Watch{Name: "BGPSession", Lists: kubewatch.Objects(s.objects, ""), Store: &feed{ctx, s}, Listed: s.outage.Seen}.Run(ctx)
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
