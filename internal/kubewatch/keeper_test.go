package kubewatch

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// kept keeps Services by name.
type kept map[string]*corev1.Service

// Put implements Keeper.
func (k kept) Put(o runtime.Object) {
	s := o.(*corev1.Service)
	k[s.Namespace+"/"+s.Name] = s
}

// Remove implements Keeper.
func (k kept) Remove(o runtime.Object) {
	s := o.(*corev1.Service)
	delete(k, s.Namespace+"/"+s.Name)
}

// Replace implements Keeper.
func (k kept) Replace(all []runtime.Object, _ string) {
	clear(k)
	for _, o := range all {
		k.Put(o)
	}
}

func (k kept) names() []string { return slices.Sorted(maps.Keys(k)) }

// A Reflector that was told to end may still have something in its hand.
func TestAWatchThatHasEndedHandsNothingOver(t *testing.T) {
	kept := kept{}
	ctx, cancel := context.WithCancel(t.Context())
	store := store{ctx, kept}
	require.NoError(t, store.Add(service("a")))
	require.NoError(t, store.Update(service("b")))
	require.Equal(t, []string{"shop/a", "shop/b"}, kept.names())
	require.NoError(t, store.Delete(service("a")))
	require.NoError(t, store.Replace([]any{service("b"), service("c")}, "2"))
	cancel()
	require.NoError(t, store.Add(service("d")))
	require.NoError(t, store.Delete(service("b")))
	require.NoError(t, store.Replace(nil, "3"))
	require.Equal(t, []string{"shop/b", "shop/c"}, kept.names())
}
