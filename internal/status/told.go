package status

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
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
	// objects are the keys of marks that are no Services', of which there may be thousands.
	objects map[string]bool
}

// keepTold is how often the file is written at most; what takes long to write is written less often, so that it takes a thousandth of the time.
const (
	keepTold   = 5 * time.Second
	keepFactor = 1000
)

// readTold reads what an earlier run has left. What can't be read is as if nothing had been told: then something is told twice.
func readTold(file string, log *slog.Logger) *told {
	t := &told{file: file, log: log, marks: map[string]string{}, objects: map[string]bool{}}
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
	for key := range t.marks {
		t.note(key)
	}
	return t
}

// note sorts a key that has come.
func (t *told) note(key string) {
	if strings.HasPrefix(key, objectKeys) {
		t.objects[key] = true
	}
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
		delete(t.objects, key)
	} else {
		t.marks[key] = mark
		t.note(key)
	}
}

// servicesTold are the keys of Services, objectsTold those of other objects.
func (t *told) servicesTold() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]string, 0, len(t.marks))
	for key := range t.marks {
		if strings.HasPrefix(key, serviceKeys) {
			out = append(out, key)
		}
	}
	return out
}

func (t *told) objectsTold() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Keys(t.objects))
}

// forget forgets all.
func (t *told) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.marks)
	clear(t.objects)
}

// keepUntil writes the file whenever it is another, until ctx ends.
func (t *told) keepUntil(ctx context.Context) {
	for wait := keepTold; restFor(ctx, wait); {
		started := time.Now()
		t.keep()
		wait = max(keepTold, keepFactor*time.Since(started))
	}
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
