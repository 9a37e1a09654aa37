package nodereport

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
)

// watch keeps the node's sessions up to date until ctx ends.
func (s *sessionWriter) watch(ctx context.Context) {
	kubewatch.Watch{Name: "BGPSession", Lists: kubewatch.Objects(s.objects, ""), Keeper: feed{s}, Listed: s.outage.Seen}.Run(ctx)
}

// feed hands what was read to the writer.
type feed struct{ writer *sessionWriter }

// Put implements kubewatch.Keeper.
func (f feed) Put(object runtime.Object) { f.writer.put(object.(*unstructured.Unstructured)) }

// Remove implements kubewatch.Keeper.
func (f feed) Remove(object runtime.Object) { f.writer.gone(object.(*unstructured.Unstructured)) }

// Replace implements kubewatch.Keeper.
func (f feed) Replace(objects []runtime.Object, version string) {
	all := make([]*unstructured.Unstructured, 0, len(objects))
	for _, object := range objects {
		all = append(all, object.(*unstructured.Unstructured))
	}
	f.writer.replace(all, version)
}
