package manager

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
)

// trouble tells of each thing that goes wrong once, and once when it is over.
type trouble struct {
	log *slog.Logger

	mu   sync.Mutex
	told map[string]told
}

// told is a message, and the same with its values.
type told struct{ message, all string }

func newTrouble(log *slog.Logger) *trouble { return &trouble{log: log, told: map[string]told{}} }

// tell notes that something is wrong. what names it; what is told is told again only when it has become another.
func (t *trouble) tell(what, message string, values ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.told[what].message
	t.told[what] = told{message, sentence(message, values)}
	if was != message {
		t.log.Warn(message, values...)
	}
}

// over notes that something is well.
func (t *trouble) over(what, message string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, was := t.told[what]; was {
		delete(t.told, what)
		t.log.Info(message, "what", what)
	}
}

// report is what is wrong now, sorted.
func (t *trouble) report() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for _, what := range slices.Sorted(maps.Keys(t.told)) {
		out = append(out, t.told[what].all)
	}
	return out
}

// forget drops what was told of things of one sort, without a word.
func (t *trouble) forget(sort string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.told, func(what string, _ told) bool { return what == sort || strings.HasPrefix(what, sort+" ") })
}

// sentence is a message with its values, as slog takes them.
func sentence(message string, values []any) string {
	var b strings.Builder
	b.WriteString(message)
	for i := 0; i+1 < len(values); i += 2 {
		fmt.Fprintf(&b, " %v=%v", values[i], values[i+1])
	}
	return b.String()
}
