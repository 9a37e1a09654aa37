package manager

import (
	"log/slog"
	"sync"
)

// trouble tells of each thing that goes wrong once, and once when it is over.
type trouble struct {
	log *slog.Logger

	mu   sync.Mutex
	told map[string]string
}

func newTrouble(log *slog.Logger) *trouble { return &trouble{log: log, told: map[string]string{}} }

// tell notes that something is wrong. what names it; what is told is told again only when it has become another.
func (t *trouble) tell(what, message string, values ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.told[what] != message {
		t.told[what] = message
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
