package gdc

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/translate"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/product"
)

var update = flag.Bool("update", false, "write the expected files of the golden cases anew")

func TestMain(m *testing.M) {
	product.SideBySide(4)
	os.Exit(product.Main(m))
}

// golden is one golden case: in.yaml is a cluster, NODE.conf and NODE.problems.txt are what it comes to on each node.
type golden struct{ name, dir string }

func goldens(t *testing.T) []golden {
	t.Helper()
	dirs, err := filepath.Glob("cases/*")
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	var out []golden
	for _, dir := range dirs {
		out = append(out, golden{filepath.Base(dir), dir})
	}
	return out
}

// node is what a case comes to on one node.
type node struct {
	name     string
	document render.Document
	problems string
}

func (g golden) nodes(t *testing.T) []node {
	t.Helper()
	file := filepath.Join(g.dir, "in.yaml")
	read, err := source.Read([]string{file}, source.Options{})
	require.NoError(t, err)
	return come(t, read, file)
}

// come is what objects come to on each node.
func come(t *testing.T, read source.Result, file string) []node {
	t.Helper()
	in, ok := snapshot.GatewayInput(read.Objects, snapshot.Options{})
	require.True(t, ok, "the case is about GDC")
	assignment := gateway.Assign(in)
	renderer, err := render.New(nil)
	require.NoError(t, err)
	var out []node
	for _, name := range snapshot.Nodes(read.Objects) {
		snap, err := snapshot.New(read.Objects, name, snapshot.Options{})
		require.NoError(t, err)
		snap.Gateway = &assignment
		result := translate.Translate(snap, translate.LastGood{})
		document, err := renderer.Render(result.Config)
		require.NoError(t, err)
		var problems strings.Builder
		for _, p := range problem.Sort(append(read.Problems, result.Problems...)) {
			fmt.Fprintln(&problems, strings.ReplaceAll(p.String(), file, "in.yaml"))
		}
		out = append(out, node{name, document, problems.String()})
	}
	return out
}

func TestCases(t *testing.T) {
	for _, g := range goldens(t) {
		t.Run(g.name, func(t *testing.T) {
			for _, n := range g.nodes(t) {
				g.compare(t, n.name+".conf", n.document.Text)
				g.compare(t, n.name+".problems.txt", n.problems)
			}
		})
	}
}

func (g golden) compare(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join(g.dir, file)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "no expected file: run make golden, and read what it writes")
	require.Equal(t, string(want), got, "%s differs: read the difference; make golden takes it over", file)
}

// TestRenderIsTheSame asks the program.
func TestRenderIsTheSame(t *testing.T) {
	g := golden{"example-10-all-nodes-same-peers", "cases/example-10-all-nodes-same-peers"}
	for _, n := range g.nodes(t) {
		text, _ := fabric.Run(t, productCommand(t, "render", "-f", filepath.Join(g.dir, "in.yaml"), "--node", n.name))
		require.Contains(t, text, n.document.Text)
	}
}

// TestCasesInFRR loads each golden frr.conf into an empty FRR: not a word, and a plan against what FRR runs is empty.
func TestCasesInFRR(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		bare := fabric.NewBare(t, v)
		for _, g := range goldens(t) {
			for _, n := range g.nodes(t) {
				said, running, err := bare.Check(t.Context(), n.document.Text)
				require.NoError(t, err)
				require.Empty(t, complaints(said), "%s of %s: FRR complains", n.name, g.name)
				plan := reload.Diff(reload.Running{
					BGPD: running, BFDD: running, Others: map[vtysh.Daemon]string{vtysh.Zebra: running}, Previous: n.document.Text, Version: productVersion(v),
				}, n.document)
				require.True(t, plan.Empty(), "%s of %s: FRR runs something else:\n%s", n.name, g.name, plan)
			}
		}
	})
}

// TestCasesOneAfterTheOther brings one FRR from each node of each case to the next, and asks it each time whether it runs the document.
func TestCasesOneAfterTheOther(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		bare := fabric.NewBare(t, v)
		t.Cleanup(bare.Dirty)
		client := vtysh.NewAuto(vtysh.NewSocket(bare.VtyDir()), vtysh.NewExec("", bare.VtyshPath()))
		t.Cleanup(func() { _ = client.Close() })
		engine := reload.New(client, reload.Options{Now: time.Now})
		for _, g := range goldens(t) {
			for _, n := range g.nodes(t) {
				result, err := engine.Apply(t.Context(), n.document)
				require.NoError(t, err, "%s of %s", n.name, g.name)
				require.Empty(t, result.Refused, "%s of %s: FRR refuses lines", n.name, g.name)
				require.True(t, result.Verified(), "%s of %s: FRR runs something else:\n%s\nafter\n%s", n.name, g.name, result.Remaining, result.Plan)
			}
		}
	})
}

// complaints are what FRR says beside success.
func complaints(said []string) []string {
	var out []string
	for _, line := range said {
		if !strings.Contains(line, "MGMTD: No changes found to be committed!") { // a line that is the default there
			out = append(out, line)
		}
	}
	return out
}

func eachVersion(t *testing.T, f func(*testing.T, fabric.Version)) {
	t.Parallel()
	for _, v := range fabric.Versions() {
		t.Run(string(v), func(t *testing.T) {
			fabric.Require(t, v)
			t.Parallel()
			f(t, v)
		})
	}
}

func productVersion(v fabric.Version) vtysh.Version {
	if v == fabric.V84 {
		return vtysh.Version{Major: 8, Minor: 4, Patch: 4}
	}
	return vtysh.Version{Major: 10, Minor: 3}
}

// productCommand runs the program on this machine.
func productCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), product.Path(t), args...)
}
