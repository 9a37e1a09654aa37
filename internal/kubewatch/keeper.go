package kubewatch

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"
)

// Keeper keeps what was read. Its objects are those of a Watch's Lists, trimmed.
type Keeper interface {
	// Put takes in an object that is new or has changed, Remove one that was deleted, as it was last.
	Put(object runtime.Object)
	Remove(object runtime.Object)
	// Replace takes in all objects that there are, as they were at a version.
	Replace(all []runtime.Object, version string)
}

// store hands what a Reflector has read to a Keeper until ctx ends: what it keeps may be another Watch's then.
type store struct {
	ctx    context.Context
	keeper Keeper
}

var _ cache.ReflectorStore = store{}

// Add implements cache.ReflectorStore.
func (s store) Add(object any) error { return s.Update(object) }

// Update implements cache.ReflectorStore.
func (s store) Update(object any) error {
	if s.ctx.Err() == nil {
		s.keeper.Put(object.(runtime.Object))
	}
	return nil
}

// Delete implements cache.ReflectorStore.
func (s store) Delete(object any) error {
	if s.ctx.Err() == nil {
		s.keeper.Remove(object.(runtime.Object))
	}
	return nil
}

// Replace implements cache.ReflectorStore.
func (s store) Replace(objects []any, version string) error {
	if s.ctx.Err() != nil {
		return nil
	}
	all := make([]runtime.Object, 0, len(objects))
	for _, object := range objects {
		all = append(all, object.(runtime.Object))
	}
	s.keeper.Replace(all, version)
	return nil
}

// Resync implements cache.ReflectorStore.
func (store) Resync() error { return nil }
