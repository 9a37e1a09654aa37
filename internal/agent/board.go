package agent

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

// historyLength is how many applies are kept to show.
const historyLength = 20

// deferredLength is how many deferred settings are kept to show.
const deferredLength = 200

// Report is what an agent says of itself. It holds no secret.
type Report struct {
	Node     string            `json:"node"`
	Services int               `json:"services"`
	Problems []problem.Problem `json:"problems"`
	// Digest is that of the document that FRR runs, verified; empty before the first.
	Digest string `json:"digest,omitempty"`
	// Drained tells that FRR asks its neighbors to prefer other nodes (RFC 8326).
	Drained bool `json:"drained,omitempty"`
	// Failure says why FRR could not be brought to the last document; empty when it was.
	Failure string `json:"failure,omitempty"`
	// Held is what waits to be allowed since it would reset sessions; nil when nothing does.
	Held *Held `json:"held,omitempty"`
	// Deferred are settings that neighbors take up with their next session, the latest last. Pending tells which still wait.
	Deferred []Deferred      `json:"deferred,omitempty"`
	Applies  []reload.Result `json:"applies"`
	Updated  time.Time       `json:"updated"`
	// Waiting says what the first objects wait for; empty when they are there.
	Waiting string `json:"waiting,omitempty"`
	// CutOff tells since when the objects' source can't be read; nil when it can.
	CutOff *CutOff `json:"cutOff,omitempty"`
	// Gateway is the node's part in GDC mode; nil: it is in no such mode.
	Gateway *status.Gateway `json:"gateway,omitempty"`
}

// CutOff is a source that can't be read. What it said last stays in use.
type CutOff struct {
	Since time.Time `json:"since"`
	Why   string    `json:"why"`
}

// Source tells how the source of the objects fares.
type Source interface {
	// Waiting says what the first objects wait for; empty when they were delivered.
	Waiting() string
	// CutOff tells since when the source can't be read, and why; the zero time when it can.
	CutOff() (since time.Time, why string)
	// Synced tells how far the objects of each kind are known.
	Synced() []source.Synced
}

// Deferred is a setting that is configured since a moment, and in force in sessions that came up later.
type Deferred struct {
	Since   time.Time      `json:"since"`
	Command reload.Command `json:"command"`
}

// Pending returns the settings that wait for the next session of a neighbor, each with its neighbors that are up since before.
func (r Report) Pending(state observe.State, now time.Time) []Deferred {
	var out []Deferred
	for _, d := range r.Deferred {
		older := observe.State{}
		for _, s := range state.Sessions {
			// FRR tells the age of a session in whole seconds.
			if s.Uptime > now.Sub(d.Since)+time.Second {
				older.Sessions = append(older.Sessions, s)
			}
		}
		if d.Command.Neighbors = EstablishedOf(d.Command.Neighbors, older); len(d.Command.Neighbors) > 0 {
			out = append(out, d)
		}
	}
	return out
}

// setting is what a command gives a value to, near enough to show its last value alone.
func setting(c reload.Command) string {
	words := strings.Fields(strings.TrimPrefix(c.Line.Reveal(), "no "))
	return fmt.Sprint(c.Context, words[:min(3, len(words))])
}

// Held is a plan that would reset Established sessions.
type Held struct {
	// Digest lets exactly this plan through, as the value of the annotation AllowResets of the node, for an hour.
	Digest    string      `json:"digest"`
	Neighbors []string    `json:"neighbors"`
	Plan      reload.Plan `json:"plan"`
}

// Ready tells whether FRR runs what was asked for last.
func (r Report) Ready() bool { return r.Digest != "" && r.Failure == "" }

// Board holds an agent's report, for others to read while it works, and counts what metrics count.
type Board struct {
	mu      sync.Mutex
	report  Report
	now     func() time.Time
	metrics *status.Metrics
	source  Source // nil: one that is always there
	denials func() []problem.Problem
	gateway func() *status.Gateway // nil: no GDC mode
}

// NewBoard returns an empty board.
func NewBoard(now func() time.Time, metrics *status.Metrics) *Board {
	return &Board{now: now, metrics: metrics}
}

// Report returns what the agent said last.
func (b *Board) Report() Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.report
	out.Problems = append([]problem.Problem{}, b.report.Problems...)
	out.Applies = append([]reload.Result{}, b.report.Applies...)
	out.Deferred = slices.Clone(b.report.Deferred)
	if b.denials != nil {
		out.Problems = problem.Sort(append(out.Problems, b.denials()...))
	}
	if b.gateway != nil {
		out.Gateway = b.gateway()
	}
	if b.source == nil {
		return out
	}
	out.Waiting = b.source.Waiting()
	if since, why := b.source.CutOff(); !since.IsZero() {
		out.CutOff = &CutOff{since, why}
	}
	return out
}

// Follow has reports and metrics tell how the source fares.
func (b *Board) Follow(from Source) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.source = from
	b.metrics.Sources(func() []status.Synced {
		var out []status.Synced
		for _, s := range from.Synced() {
			out = append(out, status.Synced(s))
		}
		return out
	})
}

// Denials says whom to ask for the rights that are missing to write and to ask, for each report.
func (b *Board) Denials(from func() []problem.Problem) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.denials = from
}

// Gateway has reports and metrics tell of the node's part in GDC mode.
func (b *Board) Gateway(from func() *status.Gateway) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gateway = from
	b.metrics.Gateway(from, b.now)
}

// expects tells where neighbors listen by a document that FRR has, or is to get, before it was brought to any.
func (b *Board) expects(document render.Document) {
	var out []status.NeighborPort
	for _, p := range reload.Ports(document) {
		out = append(out, status.NeighborPort(p))
	}
	b.metrics.Expects(out)
}

func (b *Board) change(f func(*Report)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.report)
	b.report.Updated = b.now()
}

func (b *Board) problems(node string, problems []problem.Problem, services int) {
	b.change(func(r *Report) { r.Node, r.Problems, r.Services = node, problems, services })
	b.metrics.Problems(problems)
}

func (b *Board) failed(err error) {
	b.change(func(r *Report) { r.Failure = err.Error() })
	b.metrics.Failed()
}

func (b *Board) verified(digest string) {
	b.change(func(r *Report) { r.Digest, r.Failure = digest, "" })
	b.metrics.Succeeded(b.now())
}

// applied tells whether FRR was last seen running this document.
func (b *Board) applied(digest string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.report.Digest == digest && b.report.Failure == ""
}

func (b *Board) record(result reload.Result) {
	b.metrics.Applied(result)
	result.Settled = nil
	b.change(func(r *Report) {
		r.Applies = append(r.Applies, result)
		for _, c := range result.Plan.Commands {
			if c.Effect == reload.Deferred {
				r.Deferred = slices.DeleteFunc(r.Deferred, func(d Deferred) bool { return setting(d.Command) == setting(c) })
				r.Deferred = append(r.Deferred, Deferred{result.Started, c})
			}
		}
		if n := len(r.Deferred); n > deferredLength {
			r.Deferred = slices.Clone(r.Deferred[n-deferredLength:])
		}
		if n := len(r.Applies); n > historyLength {
			r.Applies = r.Applies[n-historyLength:]
		}
	})
}

// drifted counts that FRR was found changed by hand, and what became of that.
func (b *Board) drifted(repair reload.Result) {
	b.metrics.DriftFound()
	if repair.Verified() {
		b.metrics.DriftRepaired()
	}
}

// held shows what waits to be allowed now, nil for nothing, and returns what did before.
func (b *Board) held(h *Held) *Held {
	var before *Held
	b.change(func(r *Report) { before, r.Held = r.Held, h })
	if h == nil {
		b.metrics.Held(nil)
	} else {
		b.metrics.Held(h.Neighbors)
	}
	return before
}

// holds tells whether anything waits to be allowed.
func (b *Board) holds() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.report.Held != nil
}
