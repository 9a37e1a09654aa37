package source

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// Health is how a source at an API server fares, for others to read while it works.
type Health struct {
	now func() time.Time

	mu      sync.Mutex
	log     *slog.Logger
	waiting string
	// failing are the feeds that can't be read for now, with the reason.
	failing map[feed]string
	// told are the feeds of which it was logged that they are forbidden while everything waits for them.
	told  map[feed]bool
	feeds map[feed]Synced
	since time.Time
	why   string
}

// NewHealth is that of a source that has not begun.
func NewHealth(now func() time.Time) *Health {
	return &Health{now: now, log: slog.New(slog.DiscardHandler), failing: map[feed]string{}, told: map[feed]bool{}, feeds: map[feed]Synced{}, waiting: "waiting for the API server"}
}

// Waiting says what the first result waits for; empty when that was delivered.
func (h *Health) Waiting() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting
}

// CutOff tells since when the API server, or a part of it, can't be read, and why; the zero time when all is well. What was read before
// stays in use meanwhile.
func (h *Health) CutOff() (since time.Time, why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.since, h.why
}

func (h *Health) tell(log *slog.Logger) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log = log
}

// await takes in what the first result waits for.
func (h *Health) await(waiting string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if waiting == "" && h.waiting != "" {
		h.log.Info("everything was read from the API server")
	}
	h.waiting = waiting
}

// failed takes in that a feed could not be read, so that its changes don't come.
func (h *Health) failed(f feed, err error) {
	h.unreachable(f, err)
	h.lost(f)
}

// unreachable takes in that something could not be read, be it a feed or what tells which there are.
func (h *Health) unreachable(f feed, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.failing) == 0 {
		h.since, h.why = h.now(), err.Error()
		h.log.Warn("the API server can't be read; what it said last stays in use", "kind", f.String(), "error", err)
	}
	h.failing[f] = err.Error()
}

// refused takes in that the API server forbids a feed. Once something was delivered, a problem tells of it; until then this does, once.
func (h *Health) refused(f feed, why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting == "" || !f.vital() || h.told[f] {
		return
	}
	h.told[f] = true
	h.log.Warn("nothing is applied before everything was read, and the API server forbids a part of it", "kind", f.String(), "why", why)
}

// worked takes in that a feed can be read.
func (h *Health) worked(f feed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	why, failed := h.failing[f]
	if !failed {
		return
	}
	delete(h.failing, f)
	if len(h.failing) > 0 && h.why == why {
		h.why = slices.Min(slices.Collect(maps.Values(h.failing)))
	}
	if len(h.failing) == 0 {
		h.log.Info("the API server can be read again", "away", h.now().Sub(h.since).Round(time.Millisecond))
		h.since, h.why = time.Time{}, ""
	}
}
