package main

import (
	"os"
	"path/filepath"
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
	out := string(roles([]rights.Right{{Scope: rights.Cluster, Resource: "pods", Verbs: []string{"get"}, If: "a.b", Why: "a reason"}}))
	require.Contains(t, out, "{{- if .Values.a.b }}\n# a reason\n- apiGroups: [\"\"]\n  resources: [\"pods\"]\n  verbs: [\"get\"]\n{{- end }}\n")
}

func TestATableNeedsItsMarks(t *testing.T) {
	_, err := withTable("nothing", "table")
	require.ErrorContains(t, err, "rights: begin")
	out, err := withTable("a\n"+begin+"old"+end+"\nz", "new\n")
	require.NoError(t, err)
	require.Equal(t, "a\n"+begin+"new\n"+end+"\nz", out)
}
