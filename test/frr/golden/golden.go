// Package golden has what the packages with golden cases share: directories of cases, files that are compared or written anew (-update), and an FRR
// that judges a document. What a case comes to is each package's own. It must not know what is in a document.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

var update = flag.Bool("update", false, "write the expected files of the golden cases anew")

// Input is the file of a case that has its objects.
const Input = "in.yaml"

// Case is a directory with objects and what they come to.
type Case struct{ Name, Dir string }

// Cases are those of the directory cases of a package.
func Cases(t testing.TB) []Case {
	t.Helper()
	dirs, err := filepath.Glob("cases/*")
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	var out []Case
	for _, dir := range dirs {
		out = append(out, Case{filepath.Base(dir), dir})
	}
	return out
}

// File is the path of one of the case's files.
func (c Case) File(name string) string { return filepath.Join(c.Dir, name) }

// Input is the path of the case's objects.
func (c Case) Input() string { return c.File(Input) }

// Anywhere is a text without the place that the case lies at.
func (c Case) Anywhere(text string) string { return strings.ReplaceAll(text, c.Input(), Input) }

// Compare fails when one of the case's files is not what it should be; with -update it makes it so.
func (c Case) Compare(t testing.TB, file, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(c.File(file), []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(c.File(file))
	require.NoError(t, err, "no expected file: run make golden, and read what it writes")
	require.Equal(t, string(want), got, "%s differs: read the difference; make golden takes it over", file)
}

// InFRR loads a document into an empty FRR, which says not a word, and runs what the document says.
func InFRR(t testing.TB, bare *fabric.Bare, v fabric.Version, document render.Document, about string) {
	t.Helper()
	said, running, err := bare.Check(t.Context(), document.Text)
	require.NoError(t, err, about)
	require.Empty(t, Complaints(said), "%s: FRR complains about\n%s", about, document.Text)
	plan := reload.Diff(Running(v, running, document.Text), document)
	require.True(t, plan.Empty(), "%s: FRR runs something else:\n%s", about, plan)
}

// Running is an FRR all of whose daemons say the same of what they run; previous is the document that it was given before.
func Running(v fabric.Version, text, previous string) reload.Running {
	return reload.Running{BGPD: text, BFDD: text, Others: map[vtysh.Daemon]string{vtysh.Zebra: text}, Previous: previous, Version: number(v)}
}

func number(v fabric.Version) vtysh.Version {
	if v == fabric.V84 {
		return vtysh.Version{Major: 8, Minor: 4, Patch: 4}
	}
	return vtysh.Version{Major: 10, Minor: 3}
}

// Complaints are what FRR says beside success and remarks.
func Complaints(said []string) []string {
	var out []string
	for _, line := range said {
		if !remark(line) {
			out = append(out, line)
		}
	}
	return out
}

// remark tells that FRR took the line, and tells something of it.
func remark(line string) bool {
	return strings.Contains(line, "MGMTD: No changes found to be committed!") || // a line that is the default there
		strings.Contains(line, "Graceful restart configuration changed, reset this peer to take effect") ||
		strings.Contains(line, "Echo mode works correctly for IPv4, but only works when the peer is also FRR")
}
