package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// book is the table as far as it is measured. A file keeps it, a line a row, so that the table can be made in parts; a row that was
// disturbed is measured again when its line is taken out.
type book struct {
	file  string
	lines map[string]string // by key
}

func openBook(t *testing.T, file string) *book {
	b := &book{file, map[string]string{}}
	if file == "" {
		return b
	}
	text, err := os.ReadFile(file)
	if !errors.Is(err, fs.ErrNotExist) {
		require.NoError(t, err)
	}
	for line := range strings.Lines(string(text)) {
		if cells := strings.SplitN(line, "|", 6); len(cells) == 6 {
			b.lines[strings.Join(cells[:5], "|")+"|"] = strings.TrimSpace(line)
		}
	}
	return b
}

// has tells whether a row is measured. frr-reload.py having been given up sooner than it is now does not count.
func (b *book) has(r row) bool {
	line, ok := b.lines[r.key()]
	return ok && (!strings.Contains(line, "| > ") || b.gaveUp(r))
}

func (b *book) gaveUp(r row) bool { return strings.Contains(b.lines[r.key()], "| "+gaveUp()) }

// hopeless tells whether frr-reload.py was given up on the same change of a configuration that is not larger.
func (b *book) hopeless(r row) bool {
	for _, n := range sizes {
		for _, p := range peers {
			if n <= r.prefixes && p <= r.peers && b.gaveUp(row{r.frr, n, p, r.change}) {
				return true
			}
		}
	}
	return false
}

func (b *book) add(t *testing.T, r row, rest string) {
	line := r.key() + rest
	b.lines[r.key()] = line
	t.Log(line)
	if b.file == "" {
		return
	}
	f, err := os.OpenFile(b.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	_, err = fmt.Fprintln(f, line)
	require.NoError(t, errors.Join(err, f.Close()))
}

// String is the table, in the order of its columns.
func (b *book) String() string {
	var out strings.Builder
	out.WriteString(header)
	for _, v := range fabric.Versions() {
		for _, n := range sizes {
			for _, p := range peers {
				for _, c := range changes(n, p) {
					if line := b.lines[(row{v, n, p, c.name}).key()]; line != "" {
						out.WriteString(line + "\n")
					}
				}
			}
		}
	}
	return out.String()
}

func TestTheTableGoesOnWhereItEnded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "table.md")
	one := row{fabric.V84, 1000, 4, "one prefix added"}
	slow := row{fabric.V84, 1000, 4, "half of the prefixes re-classed"}
	sooner := row{fabric.V84, 10, 1, "half of the prefixes re-classed"}
	b := openBook(t, file)
	b.add(t, one, " 1 | 0.4 ms | 2.0 ms | 35 ms | 599 ms | 17 |")
	b.add(t, slow, " 500 | 0.6 ms | 16 ms | 81 ms | "+gaveUp()+" |  |")
	b.add(t, sooner, " 5 | 0.1 ms | 1.0 ms | 30 ms | > 20.0 s |  |")

	b = openBook(t, file)
	require.True(t, b.has(one))
	require.True(t, b.has(slow))
	require.False(t, b.has(sooner), "it was given up sooner than it is now")
	require.True(t, b.hopeless(row{fabric.V84, 10000, 16, slow.change}))
	for _, r := range []row{{fabric.V84, 10000, 1, slow.change}, {fabric.V84, 10, 16, slow.change}, {fabric.V103, 10000, 16, slow.change}, {fabric.V84, 10000, 16, one.change}} {
		require.False(t, b.hopeless(r), r)
	}
	require.Equal(t, []string{b.lines[sooner.key()], b.lines[one.key()], b.lines[slow.key()]}, strings.Split(strings.TrimSpace(b.String()), "\n")[2:])
}
