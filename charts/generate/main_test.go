package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/rights"
)

const root = "../.."

func TestGeneratedFilesAreUpToDate(t *testing.T) {
	files, err := generate(root)
	require.NoError(t, err)
	for name, want := range files {
		have, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(have), `%s is out of date: run "make generate"`, name)
	}
}

func TestARightWithoutItsValueIsNotInTheRole(t *testing.T) {
	out := string(roles(account{component: "x", helper: "name", condition: ".Values.x", rights: []rights.Right{
		{Scope: rights.Cluster, Resource: "pods", Verbs: []string{"get"}, If: "a.b", Why: "a reason"},
		{Scope: rights.Cluster, Resource: "nodes", Verbs: []string{"get"}, Why: "another"},
	}}))
	require.Contains(t, out, "{{- if .Values.a.b }}\n# a reason\n- apiGroups: [\"\"]\n  resources: [\"pods\"]\n  verbs: [\"get\"]\n{{- end }}\n")
	require.Equal(t, 1, strings.Count(out, "kind: ClusterRole\nmetadata"))
	require.NotContains(t, out, "kind: Role\n", "a role without rules would be of no use")
}

func TestARoleOfWhichNothingIsNeededIsNotThere(t *testing.T) {
	out := string(roles(account{component: "x", helper: "name", condition: ".Values.x", rights: []rights.Right{
		{Scope: rights.Reports, Resource: "pods", Verbs: []string{"get"}, If: "a.b", Why: "a reason"},
	}}))
	head, role, found := strings.Cut(out, "{{- if .Values.a.b }}\n---\n")
	require.True(t, found, out)
	require.NotContains(t, head, "kind:")
	require.Contains(t, role, "kind: Role\nmetadata:\n  name: {{ include \"frr-renderer.fullname\" . }}-x-reports\n  namespace: \"kube-system\"\n")
	require.Contains(t, role, "rules:\n# a reason\n- apiGroups")
}

func TestATableNeedsItsMarks(t *testing.T) {
	_, err := withTable("nothing", "rights", "table")
	require.ErrorContains(t, err, "rights: begin")
	const begin, end = "<!-- rights: begin -->\n", "<!-- rights: end -->"
	out, err := withTable("a\n"+begin+"old"+end+"\nz", "rights", "new\n")
	require.NoError(t, err)
	require.Equal(t, "a\n"+begin+"new\n"+end+"\nz", out)
}

func TestEachGroupOfCRDsHasItsValue(t *testing.T) {
	dir := t.TempDir()
	const crd = "---\nkind: CustomResourceDefinition\nmetadata:\n  annotations:\n    a: b\n  name: %s\n"
	put := func(name string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(fmt.Sprintf(crd, name)), 0o600))
	}
	put("metallb.io_bgppeers.yaml")
	put("networking.gke.io_bgppeers.yaml")
	out, err := crdTemplate(dir)
	require.NoError(t, err)
	const kept = "    helm.sh/resource-policy: keep\n    a: b\n  name: "
	require.Contains(t, string(out), "{{- if .Values.crds.enabled }}\n")
	metallb, gdc, found := strings.Cut(string(out), "{{- end }}\n{{- if .Values.crds.gdc }}\n")
	require.True(t, found, string(out))
	require.Contains(t, metallb, kept+"metallb.io_bgppeers.yaml\n")
	require.Contains(t, gdc, kept+"networking.gke.io_bgppeers.yaml\n")
	put("example.org_others.yaml")
	_, err = crdTemplate(dir)
	require.ErrorContains(t, err, "example.org_others.yaml is of group example.org, which no value of the chart installs")
}
