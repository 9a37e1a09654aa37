package snapshot

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	baremetalv1 "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networkingv1 "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

func TestObjectsAreFoundInWhateverOrderTheyCome(t *testing.T) {
	var objects Objects
	for _, name := range []string{"c", "a", "b"} {
		objects.Services = append(objects.Services, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name)}})
	}
	find := objects.Finder()
	for _, name := range []string{"a", "b", "c"} {
		uid, exists := find(problem.Object{Kind: "Service", Namespace: "shop", Name: name})
		require.True(t, exists, name)
		require.Equal(t, types.UID("uid-"+name), uid)
	}
	for _, o := range []problem.Object{{Kind: "Service", Namespace: "shop", Name: "d"}, {Kind: "Service", Namespace: "a", Name: "a"}, {Kind: "Foreign", Name: "a"}} {
		_, exists := find(o)
		require.False(t, exists, o)
	}
	require.Equal(t, "c", objects.Services[0].Name, "what is shared stays as it is")
}

func TestGDCsObjectsAreFoundByTheirGroup(t *testing.T) {
	meta := func(uid types.UID) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "a", Name: "tor", UID: uid} }
	objects := Objects{Peers: []*v1beta2.BGPPeer{{ObjectMeta: meta("metallb")}}, GDC: GDC{
		Peers: []*networkingv1.BGPPeer{{ObjectMeta: meta("gdc")}}, Clusters: []*baremetalv1.Cluster{{ObjectMeta: meta("cluster")}},
	}}
	find := objects.Finder()
	for object, want := range map[problem.Object]types.UID{
		{Group: "metallb.io", Kind: "BGPPeer", Namespace: "a", Name: "tor"}:               "metallb",
		{Group: "networking.gke.io", Kind: "BGPPeer", Namespace: "a", Name: "tor"}:        "gdc",
		{Group: "baremetal.cluster.gke.io", Kind: "Cluster", Namespace: "a", Name: "tor"}: "cluster",
	} {
		uid, exists := find(object)
		require.True(t, exists, object)
		require.Equal(t, want, uid)
	}
	_, exists := find(problem.Object{Kind: "Cluster", Namespace: "a", Name: "tor"})
	require.False(t, exists)
}

func TestASnapshotHasGDCsObjectsOldestFirst(t *testing.T) {
	young, old := &networkingv1.BGPPeer{}, &networkingv1.BGPPeer{}
	young.Namespace, young.Name, young.CreationTimestamp = "a", "a", metav1.Unix(2, 0)
	old.Namespace, old.Name, old.CreationTimestamp = "b", "b", metav1.Unix(1, 0)
	objects := Objects{GDC: GDC{Peers: []*networkingv1.BGPPeer{young, old}}}
	require.False(t, objects.Empty())
	s, err := New(objects, "node1", Options{})
	require.NoError(t, err)
	require.Equal(t, []*networkingv1.BGPPeer{old, young}, s.GDC.Peers)
	require.Same(t, young, objects.GDC.Peers[0], "what is shared stays as it is")
}
