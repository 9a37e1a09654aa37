package frr

import (
	"context"
	"fmt"
	"os"
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
	"github.com/frr-renderer/frr-renderer/test/frr/golden"
)

// caseNode is the node that the golden cases are rendered for.
const caseNode = "node1"

// come is what the objects of a case come to: frr.conf and problems, one a line.
func come(t *testing.T, c golden.Case) (render.Document, string) {
	t.Helper()
	read, err := source.Read([]string{c.Input()}, source.Options{})
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
		fmt.Fprintln(&problems, c.Anywhere(p.String()))
	}
	return document, problems.String()
}

func TestCases(t *testing.T) {
	for _, c := range golden.Cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			document, problems := come(t, c)
			c.Compare(t, "frr.conf", document.Text)
			c.Compare(t, "problems.txt", problems)
		})
	}
}

// TestCasesInFRR loads each golden frr.conf into an empty FRR: not a word, and a plan against what FRR runs is empty. Cases that come to the same file are one:
// nearly half, which have the same left out for many reasons.
func TestCasesInFRR(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		bare, seen := fabric.NewBare(t, v), map[string]bool{}
		for _, c := range golden.Cases(t) {
			text, err := os.ReadFile(c.File("frr.conf"))
			require.NoError(t, err)
			if seen[string(text)] {
				continue
			}
			seen[string(text)] = true
			t.Run(c.Name, func(t *testing.T) {
				golden.InFRR(t, bare, v, render.Document{Text: string(text)}, c.Name)
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
				for i, c := range golden.Cases(t) {
					if i%transport.every != 0 {
						continue
					}
					document, _ := come(t, c)
					result, err := engine.Apply(t.Context(), document)
					require.NoError(t, err, c.Name)
					require.Empty(t, result.Refused, "%s: FRR refuses lines", c.Name)
					require.True(t, result.Verified(), "%s: FRR runs something else:\n%s\nafter\n%s", c.Name, result.Remaining, result.Plan)
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
		require.NotEmpty(t, golden.Complaints(said))
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

// within bounds a wait.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
