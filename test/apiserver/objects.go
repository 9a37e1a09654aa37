package apiserver

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// MakeNamespaces makes namespaces that are not there.
func (s *Server) MakeNamespaces(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		_, err := s.Client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
}

// Objects may do everything with objects of all kinds, as often as it likes: the API server has a limit of its own.
func (s *Server) Objects(t testing.TB) dynamic.Interface {
	t.Helper()
	config := rest.CopyConfig(s.Config)
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	require.NoError(t, err)
	return client
}

// WithoutSchemas has the API server take anything as an object of the groups' kinds, as it does where somebody installed definitions without their schemas.
func (s *Server) WithoutSchemas(t testing.TB, groups ...string) {
	t.Helper()
	definitions := s.Objects(t).Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	all, err := definitions.List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, d := range all.Items {
		if group, _, _ := unstructured.NestedString(d.Object, "spec", "group"); !slices.Contains(groups, group) {
			continue
		}
		versions, _, err := unstructured.NestedSlice(d.Object, "spec", "versions")
		require.NoError(t, err)
		for _, v := range versions {
			v.(map[string]any)["schema"] = map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}
		}
		require.NoError(t, unstructured.SetNestedSlice(d.Object, versions, "spec", "versions"))
		_, err = definitions.Update(t.Context(), &d, metav1.UpdateOptions{})
		require.NoError(t, err)
	}
}

// Apply makes an object, or changes it, with its status.
func Apply(t testing.TB, at dynamic.ResourceInterface, o *unstructured.Unstructured) {
	t.Helper()
	status, told := o.Object["status"]
	delete(o.Object, "status")
	_, err := at.Apply(t.Context(), o.GetName(), o, metav1.ApplyOptions{FieldManager: "test", Force: true})
	require.NoError(t, err)
	if told {
		text, err := json.Marshal(map[string]any{"status": status})
		require.NoError(t, err)
		_, err = at.Patch(t.Context(), o.GetName(), types.MergePatchType, text, metav1.PatchOptions{}, "status")
		require.NoError(t, err)
	}
}
