package reload

import (
	"maps"
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
	numbers := regexp.MustCompile(`[0-9]+`)
	seen := map[string]bool{} // lines without their numbers: each kind is cut once
	kept := keptConfigurations(t)
	for _, file := range slices.Sorted(maps.Keys(kept)) {
		text := kept[file]
		whole := strings.Split(text, "\n")
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
					survives(t, lines[c.line], text, strings.Join(lines, "\n"), version)
					survives(t, lines[c.line], strings.Join(lines, "\n"), text, version)
				}
			}
		})
	}
}

// keptConfigurations are those of the pairs that failed once, by file.
func keptConfigurations(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../test/frr/differential/testdata/pairs/*/[ab].conf")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	out := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		out[file] = string(text)
	}
	return out
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
