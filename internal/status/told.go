package status

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/reload"
)

// told is what Events have told of each object, also across restarts: what was announced before is not announced once more.
type told struct {
	file string // reload.NoFile keeps none
	log  *slog.Logger

	mu    sync.Mutex
	marks map[string]string
	dirty bool
}

// keepTold is how often the file is written at most.
const keepTold = 5 * time.Second

// readTold reads what an earlier run has left. What can't be read is as if nothing had been told: then something is told twice.
func readTold(file string, log *slog.Logger) *told {
	t := &told{file: file, log: log, marks: map[string]string{}}
	if file == reload.NoFile {
		return t
	}
	reload.Sweep(file)
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &t.marks)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("what Events have told can't be read; some are written once more", "file", file, "error", err)
	}
	if t.marks == nil || err != nil {
		t.marks = map[string]string{}
	}
	return t
}

func (t *told) of(key string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.marks[key]
}

// set remembers a mark; the empty one forgets the key.
func (t *told) set(key, mark string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.marks[key] == mark {
		return
	}
	t.dirty = true
	if mark == "" {
		delete(t.marks, key)
	} else {
		t.marks[key] = mark
	}
}

func (t *told) keys() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Keys(t.marks))
}

// keep writes the file where it is another.
func (t *told) keep() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.dirty || t.file == reload.NoFile {
		return
	}
	data, err := json.Marshal(t.marks)
	if err == nil {
		err = reload.WriteFile(t.file, data, 0o600)
	}
	if err != nil {
		t.log.Warn("what Events have told can't be kept; after a restart some are written once more", "file", t.file, "error", err)
	}
	t.dirty = false
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
