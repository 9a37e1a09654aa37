package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/frr-renderer/frr-renderer/test/apiserver"
)

// The same objects have the same answer, wherever they are read.
func TestExplainReadsGDCsKindsFromTheAPIServer(t *testing.T) {
	server := apiserver.Start(t)
	server.MakeNamespaces(t, "shop", "cluster-bm")
	kubeconfig := apiserver.Kubeconfig(t, rest.CopyConfig(server.Config), server.Address)
	explain := func(args ...string) (int, string) {
		t.Helper()
		code, stdout, stderr := do(t, append([]string{"explain"}, args...)...)
		require.Empty(t, stderr)
		return code, stdout
	}
	_, before := explain("node", "n1", "--kubeconfig", kubeconfig)
	require.NotContains(t, before, "GDC")
	require.NotContains(t, before, "networking.gke.io", "nobody who has no such kinds is told of them")

	require.NoError(t, server.ServeGDC())
	for _, file := range []string{explainedGDC, gdcReports} {
		makeAll(t, dynamic.NewForConfigOrDie(server.Config), file)
	}
	for _, args := range [][]string{{"service", "shop/web"}, {"service", "shop/local"}, {"node", "n1"}} {
		wantCode, want := explain(append(args, "-f", explainedGDC, "-f", gdcReports)...)
		gotCode, got := explain(append(args, "--kubeconfig", kubeconfig)...)
		require.Equal(t, wantCode, gotCode)
		require.Equal(t, args[0] == "service", strings.Contains(got, "n1, held"), got)
		require.Equal(t, untilProblems(want), untilProblems(got), "MetalLB's kinds are not served here, which is a problem")
	}
}

// What is checked, rendered and compared is what a node with --gdc does, wherever the objects are read.
func TestOtherCommandsReadGDCsKindsFromTheAPIServer(t *testing.T) {
	server := apiserver.Start(t)
	server.MakeNamespaces(t, "shop", "cluster-bm")
	require.NoError(t, server.ServeGDC())
	for _, file := range []string{explainedGDC, gdcReports} {
		makeAll(t, dynamic.NewForConfigOrDie(server.Config), file)
	}
	files := []string{"-f", explainedGDC, "-f", gdcReports}
	live := []string{"--kubeconfig", apiserver.Kubeconfig(t, rest.CopyConfig(server.Config), server.Address)}

	_, want, _ := do(t, append([]string{"render", "--node", "n1"}, files...)...)
	require.Contains(t, want, "view gw-")
	_, got, _ := do(t, append([]string{"render", "--node", "n1"}, live...)...)
	require.Equal(t, want, got)

	conf := filepath.Join(t.TempDir(), "frr.conf")
	require.NoError(t, os.WriteFile(conf, []byte(want), 0o600))
	_, plan, _ := do(t, append([]string{"diff", "--node", "n1", "--to", conf}, live...)...)
	require.Empty(t, plan)

	_, want, _ = do(t, append([]string{"validate"}, files...)...)
	require.Contains(t, want, "NoGlobalAddress")
	_, got, _ = do(t, append([]string{"validate"}, live...)...)
	require.Equal(t, want, got)
}

func untilProblems(text string) string {
	text, _, _ = strings.Cut(text, "\nOther problems")
	text, _, _ = strings.Cut(text, "\nProblems")
	return text
}

// makeAll makes the objects of a file, each with its status.
func makeAll(t *testing.T, client dynamic.Interface, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(&object.Object); errors.Is(err, io.EOF) {
			return
		} else {
			require.NoError(t, err)
		}
		if object.GetKind() == "Service" {
			require.NoError(t, unstructured.SetNestedSlice(object.Object, []any{map[string]any{"port": int64(80)}}, "spec", "ports"))
		}
		kind := object.GroupVersionKind()
		var of dynamic.ResourceInterface = client.Resource(schema.GroupVersionResource{Group: kind.Group, Version: kind.Version, Resource: strings.ToLower(kind.Kind) + "s"})
		if object.GetNamespace() != "" {
			of = of.(dynamic.NamespaceableResourceInterface).Namespace(object.GetNamespace())
		}
		made, err := of.Create(t.Context(), object, metav1.CreateOptions{})
		require.NoError(t, err, "%s %s", kind.Kind, object.GetName())
		if status := object.Object["status"]; status != nil {
			made.Object["status"] = status
			_, err := of.UpdateStatus(t.Context(), made, metav1.UpdateOptions{})
			require.NoError(t, err, "%s %s", kind.Kind, object.GetName())
		}
	}
}
