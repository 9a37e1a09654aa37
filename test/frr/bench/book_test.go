package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
