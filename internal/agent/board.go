package agent

import (
	"sync"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/reload"
)

// historyLength is how many applies are kept to show.
const historyLength = 20

// Report is what an agent says of itself. It holds no secret.
type Report struct {
	Node     string            `json:"node"`
	Services int               `json:"services"`
	Problems []problem.Problem `json:"problems"`
	// Digest is that of the document that FRR runs, verified; empty before the first.
	Digest string `json:"digest,omitempty"`
	// Failure says why FRR could not be brought to the last document; empty when it was.
	Failure string `json:"failure,omitempty"`
	// Held is what waits to be allowed since it would reset sessions; nil when nothing does.
	Held    *Held           `json:"held,omitempty"`
	Applies []reload.Result `json:"applies"`
	Updated time.Time       `json:"updated"`
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

// Board holds an agent's report, for others to read while it works.
type Board struct {
	mu     sync.Mutex
	report Report
	now    func() time.Time
}

// NewBoard returns an empty board.
func NewBoard(now func() time.Time) *Board { return &Board{now: now} }

// Report returns what the agent said last.
func (b *Board) Report() Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.report
	out.Problems = append([]problem.Problem{}, b.report.Problems...)
	out.Applies = append([]reload.Result{}, b.report.Applies...)
	return out
}

func (b *Board) change(f func(*Report)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.report)
	b.report.Updated = b.now()
}

func (b *Board) problems(node string, problems []problem.Problem, services int) {
	b.change(func(r *Report) { r.Node, r.Problems, r.Services = node, problems, services })
}

func (b *Board) failed(err error) { b.change(func(r *Report) { r.Failure = err.Error() }) }

func (b *Board) verified(digest string) {
	b.change(func(r *Report) { r.Digest, r.Failure = digest, "" })
}

// applied tells whether FRR was last seen running this document.
func (b *Board) applied(digest string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.report.Digest == digest && b.report.Failure == ""
}

func (b *Board) record(result reload.Result) {
	b.change(func(r *Report) {
		r.Applies = append(r.Applies, result)
		if n := len(r.Applies); n > historyLength {
			r.Applies = r.Applies[n-historyLength:]
		}
	})
}

func (b *Board) held(h *Held) { b.change(func(r *Report) { r.Held = h }) }

// holds tells whether anything waits to be allowed.
func (b *Board) holds() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.report.Held != nil
}
