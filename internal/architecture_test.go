package internal

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/frr-renderer/frr-renderer/"

// mayImport is the table of docs/architecture.md: which rooms of ours a room may know. "*" is all.
var mayImport = map[string][]string{
	"cmd/frr-renderer": {"*"},
	"api":              {},
	"api/v1beta1":      {"api/v1beta2"},
	"api/v1beta2":      {},
	// GDC's kinds.
	"api/gdc/networking/v1":      {},
	"api/gdc/baremetal/v1":       {},
	"api/gdc/baremetal/v1alpha1": {},
	"templates":                  {},
	"internal/problem":           {},
	"internal/iprange":           {},
	"internal/frrconf":           {},
	"internal/vtysh":             {},
	// For tests of other rooms, none of which may import it otherwise.
	"internal/vtysh/vtyshtest": {"internal/vtysh"},
	"internal/snapshot":        {"api/v1beta1", "api/v1beta2", "api/gdc/networking/v1", "api/gdc/baremetal/v1", "api/gdc/baremetal/v1alpha1", "internal/gateway", "internal/problem"},
	"internal/kubewatch":       {"internal/gateway", "internal/snapshot"},
	"internal/source": {
		"api/v1beta1", "api/v1beta2", "api/gdc/networking/v1", "api/gdc/baremetal/v1", "api/gdc/baremetal/v1alpha1", "internal/gateway", "internal/kubewatch",
		"internal/snapshot", "internal/problem",
	},
	"internal/translate": {
		"api/v1beta1", "api/v1beta2", "api/gdc/networking/v1", "api/gdc/baremetal/v1", "internal/snapshot", "internal/gateway", "internal/frrconf", "internal/problem",
		"internal/iprange",
	},
	"internal/render":     {"internal/frrconf", "templates"},
	"internal/reload":     {"internal/render", "internal/vtysh"},
	"internal/observe":    {"internal/vtysh"},
	"internal/status":     {"api/v1beta1", "api/v1beta2", "internal/translate", "internal/reload", "internal/observe", "internal/problem", "internal/rights"},
	"internal/gateway":    {"api/gdc/networking/v1", "api/gdc/baremetal/v1", "api/gdc/baremetal/v1alpha1", "api/v1beta1", "internal/iprange", "internal/problem"},
	"internal/rights":     {},
	"internal/hostnet":    {},
	"internal/manager":    {"api/gdc/networking/v1", "api/gdc/baremetal/v1", "api/v1beta1", "internal/gateway", "internal/kubewatch", "internal/problem", "internal/snapshot"},
	"internal/floating":   {"internal/hostnet"},
	"internal/nodereport": {"api/gdc/networking/v1", "internal/gateway", "internal/kubewatch", "internal/problem", "internal/status"},
	"internal/role": {
		"api/gdc/networking/v1", "api/gdc/baremetal/v1", "internal/gateway", "internal/floating", "internal/hostnet", "internal/nodereport", "internal/observe", "internal/problem",
		"internal/snapshot", "internal/source", "internal/status",
	},
	"internal/agent": {"*"},
}

func TestARoomKnowsOnlyItsNeighbors(t *testing.T) {
	seen := map[string]bool{}
	for _, top := range []string{"../cmd", "../api", "../templates", "."} {
		require.NoError(t, filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			room := roomOf(t, path)
			seen[room] = true
			allowed, known := mayImport[room]
			require.True(t, known, "%s is a new room: give it a line in docs/architecture.md and in this test", room)
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			require.NoError(t, err)
			for _, i := range file.Imports {
				imported, err := strconv.Unquote(i.Path.Value)
				require.NoError(t, err)
				if of, ours := strings.CutPrefix(imported, module); ours && !slices.Contains(allowed, "*") {
					require.Contains(t, allowed, of, "%s imports %s", path, of)
				}
			}
			return nil
		}))
	}
	for room := range mayImport {
		require.True(t, seen[room], "%s is in the table, but there is no such room", room)
		if room == "cmd/frr-renderer" {
			continue
		}
		_, err := os.Stat(filepath.Join("..", room, "doc.go"))
		require.NoError(t, err, "a room says in doc.go what comes in, what goes out and what it must not know")
	}
}

func roomOf(t *testing.T, path string) string {
	t.Helper()
	absolute, err := filepath.Abs(filepath.Dir(path))
	require.NoError(t, err)
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	room, err := filepath.Rel(root, absolute)
	require.NoError(t, err)
	return room
}
