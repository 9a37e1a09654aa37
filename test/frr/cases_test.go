package frr

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/translate"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

var update = flag.Bool("update", false, "write the expected files of the golden cases anew")

// caseNode is the node that the golden cases are rendered for.
const caseNode = "node1"

// golden is one golden case.
type golden struct {
	name string
	dir  string
}

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

// come is what the objects of a case come to: frr.conf and problems, one a line.
func (g golden) come(t *testing.T) (render.Document, string) {
	t.Helper()
	read, err := source.Read([]string{filepath.Join(g.dir, "in.yaml")}, source.Options{})
	require.NoError(t, err)
	snap, err := snapshot.New(read.Objects, caseNode, snapshot.Options{})
	require.NoError(t, err)
	result := translate.Translate(snap, translate.LastGood{})
	renderer, err := render.New(nil)
	require.NoError(t, err)
	document, err := renderer.Render(result.Config)
	require.NoError(t, err)
	var problems strings.Builder
	for _, p := range problem.Sort(append(read.Problems, result.Problems...)) {
		// A case may lie anywhere.
		fmt.Fprintln(&problems, strings.ReplaceAll(p.String(), filepath.Join(g.dir, "in.yaml"), "in.yaml"))
	}
	return document, problems.String()
}

func TestCases(t *testing.T) {
	for _, g := range goldens(t) {
		t.Run(g.name, func(t *testing.T) {
			document, problems := g.come(t)
			g.compare(t, "frr.conf", document.Text)
			g.compare(t, "problems.txt", problems)
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

// remarks are what FRR says beside success: it took the line, and tells something of it.
func remark(line string) bool {
	return strings.Contains(line, "MGMTD: No changes found to be committed!") || // a line that is the default there
		strings.Contains(line, "Graceful restart configuration changed, reset this peer to take effect") ||
		strings.Contains(line, "Echo mode works correctly for IPv4, but only works when the peer is also FRR")
}

func complaints(said []string) []string {
	var out []string
	for _, line := range said {
		if !remark(line) {
			out = append(out, line)
		}
	}
	return out
}

// TestCasesInFRR loads each golden frr.conf into an empty FRR: not a word, and a plan against what FRR runs is empty.
func TestCasesInFRR(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		bare := fabric.NewBare(t, v)
		for _, g := range goldens(t) {
			t.Run(g.name, func(t *testing.T) {
				text, err := os.ReadFile(filepath.Join(g.dir, "frr.conf"))
				require.NoError(t, err)
				said, running, err := bare.Check(t.Context(), string(text))
				require.NoError(t, err)
				require.Empty(t, complaints(said), "FRR complains")
				plan := reload.Diff(reload.Running{BGPD: running, BFDD: running, Others: map[vtysh.Daemon]string{vtysh.Zebra: running}, Previous: string(text), Version: productVersion(v)},
					render.Document{Text: string(text)})
				require.True(t, plan.Empty(), "FRR runs something else:\n%s", plan)
			})
		}
	})
}

// TestCasesOneAfterTheOther brings one FRR from each case to the next, over the sockets and (each fifth case) by the vtysh binary, and asks
// it each time whether it runs the document.
func TestCasesOneAfterTheOther(t *testing.T) {
	transports := []struct {
		name   string
		client func(*fabric.Bare) vtysh.Client
		every  int
	}{
		{"socket", func(b *fabric.Bare) vtysh.Client {
			return vtysh.NewAuto(vtysh.NewSocket(b.VtyDir()), vtysh.NewExec("", b.VtyshPath()))
		}, 1},
		{"exec", func(b *fabric.Bare) vtysh.Client { return vtysh.NewExec("", b.VtyshPath()) }, 5},
	}
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		for _, transport := range transports {
			t.Run(transport.name, func(t *testing.T) {
				bare := fabric.NewBare(t, v)
				t.Cleanup(bare.Dirty)
				client := transport.client(bare)
				t.Cleanup(func() { _ = client.Close() })
				engine := reload.New(client, reload.Options{Now: time.Now})
				for i, g := range goldens(t) {
					if i%transport.every != 0 {
						continue
					}
					document, _ := g.come(t)
					result, err := engine.Apply(t.Context(), document)
					require.NoError(t, err, g.name)
					require.Empty(t, result.Refused, "%s: FRR refuses lines", g.name)
					require.True(t, result.Verified(), "%s: FRR runs something else:\n%s\nafter\n%s", g.name, result.Remaining, result.Plan)
				}
				result, err := engine.Apply(t.Context(), render.Document{})
				require.NoError(t, err)
				require.True(t, result.Verified(), "FRR can't be emptied:\n%s\n%v", result.Remaining, result.Refused)
			})
		}
	})
}

// TestBadFileFails shows that the checks above can fail.
func TestBadFileFails(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		said, _, err := fabric.NewBare(t, v).Check(t.Context(), "router bgp 65000\n neighbor 10.0.0.1 remote-as nonsense\nexit\n")
		require.NoError(t, err)
		require.NotEmpty(t, complaints(said))
	})
}

func eachVersion(t *testing.T, f func(*testing.T, fabric.Version)) {
	for _, v := range []fabric.Version{fabric.V84, fabric.V103} {
		t.Run(string(v), func(t *testing.T) {
			fabric.Require(t, v)
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

// within bounds a wait.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
