package gdc

import (
	"fmt"
	"os"
	"os/exec"
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
	"github.com/frr-renderer/frr-renderer/test/frr/golden"
	"github.com/frr-renderer/frr-renderer/test/frr/product"
)

func TestMain(m *testing.M) {
	product.SideBySide(4)
	os.Exit(product.Main(m))
}

// node is what a case comes to on one node.
type node struct {
	name     string
	document render.Document
	problems string
}

// nodes are those of a case: in.yaml is a cluster, NODE.conf and NODE.problems.txt are what it comes to on each node.
func nodes(t *testing.T, c golden.Case) []node {
	t.Helper()
	read, err := source.Read([]string{c.Input()}, source.Options{})
	require.NoError(t, err)
	return come(t, read, c)
}

// come is what objects come to on each node.
func come(t *testing.T, read source.Result, c golden.Case) []node {
	t.Helper()
	in, ok := snapshot.GatewayInput(read.Objects, snapshot.Options{Unread: read.Unread, Incomplete: read.Incomplete})
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
			fmt.Fprintln(&problems, c.Anywhere(p.String()))
		}
		out = append(out, node{name, document, problems.String()})
	}
	return out
}

func TestCases(t *testing.T) {
	for _, c := range golden.Cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			for _, n := range nodes(t, c) {
				c.Compare(t, n.name+".conf", n.document.Text)
				c.Compare(t, n.name+".problems.txt", n.problems)
			}
		})
	}
}

// TestRenderIsTheSame asks the program.
func TestRenderIsTheSame(t *testing.T) {
	c := golden.Case{Name: "example-10-all-nodes-same-peers", Dir: "cases/example-10-all-nodes-same-peers"}
	for _, n := range nodes(t, c) {
		text, _ := fabric.Run(t, productCommand(t, "render", "-f", c.Input(), "--node", n.name))
		require.Contains(t, text, n.document.Text)
	}
}

// TestCasesInFRR loads each golden frr.conf into an empty FRR: not a word, and a plan against what FRR runs is empty. Nodes that get the same are one.
func TestCasesInFRR(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		bare, seen := fabric.NewBare(t, v), map[string]bool{}
		for _, c := range golden.Cases(t) {
			for _, n := range nodes(t, c) {
				if seen[n.document.Text] {
					continue
				}
				seen[n.document.Text] = true
				golden.InFRR(t, bare, v, n.document, n.name+" of "+c.Name)
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
		for _, c := range golden.Cases(t) {
			for _, n := range nodes(t, c) {
				result, err := engine.Apply(t.Context(), n.document)
				require.NoError(t, err, "%s of %s", n.name, c.Name)
				require.Empty(t, result.Refused, "%s of %s: FRR refuses lines", n.name, c.Name)
				require.True(t, result.Verified(), "%s of %s: FRR runs something else:\n%s\nafter\n%s", n.name, c.Name, result.Remaining, result.Plan)
			}
		}
	})
}

func eachVersion(t *testing.T, f func(*testing.T, fabric.Version)) {
	fabric.EachVersion(t, func(t *testing.T, v, _ fabric.Version) { f(t, v) })
}

// productCommand runs the program on this machine.
func productCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), product.Path(t), args...)
}
