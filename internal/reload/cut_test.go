package reload

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// TestCutLines compares configurations whose lines end early, as a person writes them in extras or a file: a plan comes out, whatever FRR says
// of it.
func TestCutLines(t *testing.T) {
	files, err := filepath.Glob("../../test/frr/differential/testdata/pairs/*/[ab].conf")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	numbers := regexp.MustCompile(`[0-9]+`)
	seen := map[string]bool{} // lines without their numbers: each kind is cut once
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		whole := strings.Split(string(text), "\n")
		type cut struct{ line, words int }
		var cuts []cut
		for i, line := range whole {
			words := strings.Fields(line)
			for n := 1; n < len(words); n++ {
				if kind := numbers.ReplaceAllString(strings.Join(words[:n], " "), "N"); !seen[kind] {
					seen[kind] = true
					cuts = append(cuts, cut{i, n})
				}
			}
		}
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			for _, c := range cuts {
				lines := slices.Clone(whole)
				line := lines[c.line]
				lines[c.line] = line[:len(line)-len(strings.TrimLeft(line, " \t"))] + strings.Join(strings.Fields(line)[:c.words], " ")
				for _, version := range []vtysh.Version{frr84, frr103} {
					survives(t, lines[c.line], string(text), strings.Join(lines, "\n"), version)
					survives(t, lines[c.line], strings.Join(lines, "\n"), string(text), version)
				}
			}
		})
	}
}

// survives plans from one text to another, and with each session held that the plan would reset.
func survives(t *testing.T, line, from, to string, version vtysh.Version) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%q: %v", line, p)
		}
	}()
	running := Running{BGPD: from, BFDD: from, Whole: true, Others: map[vtysh.Daemon]string{vtysh.Zebra: from}, Version: version}
	plan := Diff(running, render.Document{Text: to})
	if keep := plan.Resets(); len(keep) > 0 {
		hold(running, read(to), keep)
	}
}
