package source

import (
	"cmp"
	"slices"
	"time"
)

// Synced is how far the objects of one kind are known.
type Synced struct {
	Kind string
	// Since is when the request was answered that brings changes now; zero while none does.
	Since time.Time
	// Event is when an object was last seen to change, or all were read; zero before the first.
	Event time.Time
}

// Synced tells how far each kind that is watched is known, sorted by kind. Of a kind that several watches bring (Secrets, one by one) it is
// the worst.
func (h *Health) Synced() []Synced {
	h.mu.Lock()
	defer h.mu.Unlock()
	kinds := map[string]Synced{}
	for f, s := range h.feeds {
		s.Kind = f.kindName()
		if before, known := kinds[s.Kind]; known {
			s.Since, s.Event = worse(before.Since, s.Since), later(before.Event, s.Event)
		}
		kinds[s.Kind] = s
	}
	out := make([]Synced, 0, len(kinds))
	for _, s := range kinds {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Synced) int { return cmp.Compare(a.Kind, b.Kind) })
	return out
}

// opened takes in that a feed's changes come, or that all of it was read.
func (h *Health) opened(f feed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.feeds[f]
	if s.Since.IsZero() {
		s.Since = h.now()
	}
	h.feeds[f] = s
}

// lost takes in that a feed's changes don't come.
func (h *Health) lost(f feed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.feeds[f]
	s.Since = time.Time{}
	h.feeds[f] = s
}

// changed takes in that an object of a feed was read.
func (h *Health) changed(f feed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.feeds[f]
	s.Event = h.now()
	h.feeds[f] = s
}

// ended forgets a feed that is not watched any more.
func (h *Health) ended(f feed) {
	h.worked(f)
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.feeds, f)
}

// worse is the moment since when both hold; never, when one does not.
func worse(a, b time.Time) time.Time {
	if a.IsZero() || b.IsZero() {
		return time.Time{}
	}
	return later(a, b)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
