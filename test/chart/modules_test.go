package chart

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/skip"
)

// module is a Go module of somebody else, whose files are read, not built: it comes as any module does, and stays in Go's own cache.
type module struct{ path, version, sum string }

var (
	// MetalLB's chart is among the files of its module: the newest, and the last one whose default was FRR mode.
	metallb    = module{"go.universe.tf/metallb", "v0.16.2", "h1:RCSAGoZmqcvTg0e56+Okbwz8iTuQVX30JpKX5mYEPUM="}
	metallbFRR = module{"go.universe.tf/metallb", "v0.15.2", "h1:r7KDgJtk3KZe3qb36zRVrVCYHxLR03nPGT+qFXOomJM="}
	prometheus = module{"github.com/prometheus-operator/prometheus-operator", "v0.85.0", "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s="}
	metallbs   = []module{metallb, metallbFRR}
)

// dir is where the module's files are.
func (m module) dir(t testing.TB) string {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", m.path+"@"+m.version)
	cmd.Dir = t.TempDir() // outside of our own module, which does not require it
	cmd.Stderr = &said
	out, err := cmd.Output()
	var got struct{ Dir, Sum, Error string }
	_ = json.Unmarshal(out, &got)
	if err != nil || got.Dir == "" {
		without(t, fmt.Errorf("module %s %s can't be had: %s %s", m.path, m.version, got.Error, said.String()), "A Go module proxy has it")
	}
	require.Equal(t, m.sum, got.Sum)
	return got.Dir
}

// without ends a test that lacks a part: a failure where the parts are required, otherwise a skip that nobody overlooks.
func without(t testing.TB, err error, mend string) {
	t.Helper()
	skip.Test(t, skip.KUBE, fmt.Errorf("%w: %s", err, mend))
}
