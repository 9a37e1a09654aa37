package agent

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

// AllowResets is the annotation of a node that lets a held plan through: its value is the digest of the plan, and it counts for an hour
// from when it is first seen.
const AllowResets = "frr-renderer.io/allow-resets"

const allowedFor = time.Hour

// guard keeps sessions: it holds resets back, and takes changes back that lose sessions.
type guard struct {
	// allowed is the digest that the node's annotation lets through, first seen at since.
	allowed string
	since   time.Time
	// through is the digest of the last plan that it has let through.
	through string
	// lasting are Problems that stay until the next apply.
	lasting []problem.Problem

	// An apply that is to be confirmed: the sessions and the configuration before, what was applied, and when its time is over.
	before  observe.State
	back    render.Document
	applied render.Document
	timer   *time.Timer
	timed   string // the digest of the document that the timer was started for
	resumed bool   // before and back are what an earlier run has noted
	noted   []byte // what lies in the file of what is not confirmed
	// rejected is the digest of a document that was rolled back, and why; it is not applied again.
	rejected, why string
	fallback      render.Document
}

// allowed is the digest in the annotation of the node.
func (a *Agent) allowed() string {
	for _, n := range a.objects.Objects.Nodes {
		if n.Name == a.Node {
			return n.Annotations[AllowResets]
		}
	}
	return ""
}

// lets tells whether a plan may reset sessions.
func (a *Agent) lets(plan reload.Plan) bool {
	return a.guard.allowed != "" && a.guard.allowed == plan.Digest() && a.Now().Sub(a.guard.since) < allowedFor
}

// gate is the reload.Gate of the agent's engine. The sessions of a plan that goes through are counted as reset; a bgpd that can't say which
// are Established stops none.
func (a *Agent) gate(ctx context.Context, plan reload.Plan) ([]string, error) {
	allowed := a.RefuseResets && a.lets(plan)
	state, err := observe.Read(ctx, a.Client)
	if a.RefuseResets && !allowed {
		return EstablishedOf(plan.Resets(), state), err
	}
	if allowed {
		a.guard.through = a.guard.allowed
	}
	if a.Confirm > 0 && a.guard.rejected == "" {
		a.guard.note(a, unconfirmed{Before: a.guard.before}) // before it is sent
	}
	if err == nil {
		a.status.metrics.Reset(established(plan.Resets(), state))
	}
	return nil, nil
}

// hold shows what is held back, and announces it when it is another than before.
func (a *Agent) hold(outcome reload.Result) {
	if outcome.Held.Empty() {
		if before := a.status.held(nil); before != nil {
			a.release(*before)
		}
		return
	}
	digest := outcome.Held.Digest()
	held := &Held{Digest: digest, Neighbors: outcome.HeldNeighbors, Plan: outcome.Held}
	if before := a.status.held(held); before == nil || before.Digest != digest {
		a.Announcer.Held(held.told())
	}
	a.guard.lasting = append(a.guard.lasting, a.problem(problem.Warning, problem.ResetsHeld, fmt.Sprintf(
		"held back: it would reset %s; to let it through, annotate the node with %s=%s", strings.Join(outcome.HeldNeighbors, ", "), AllowResets, digest)))
}

// release announces what became of a plan that was held.
func (a *Agent) release(plan Held) {
	if a.guard.through == plan.Digest {
		a.Announcer.LetThrough(plan.told())
		return
	}
	a.Announcer.Gone(plan.told())
}

func (h Held) told() status.Held {
	return status.Held{Digest: h.Digest, Neighbors: h.Neighbors, Allow: AllowResets + "=" + h.Digest}
}

// silence announces nothing: there is no API server.
type silence struct{}

func (silence) Held(status.Held)       {}
func (silence) LetThrough(status.Held) {}
func (silence) Gone(status.Held)       {}

// begin remembers what is before an apply that is to be confirmed. A roll-back is not.
func (g *guard) begin(ctx context.Context, a *Agent, document render.Document) error {
	if a.Confirm <= 0 || g.rejected != "" {
		return nil
	}
	g.applied = document
	if g.timer != nil || g.resumed {
		return nil // the one before is not confirmed yet: what was before it counts
	}
	var err error
	if g.before, err = observe.Read(ctx, a.Client); err != nil {
		return err
	}
	if a.good != nil {
		g.back = *a.good
		return nil
	}
	g.back, err = a.engine.Snapshot(ctx)
	return err
}

// watch starts the time to confirm when lines went to FRR, however the apply has ended. What is tried again, and a change that resets nothing,
// does not prolong it: it would never be over.
func (g *guard) watch(a *Agent, outcome reload.Result, err error) {
	if a.Confirm <= 0 || g.rejected != "" {
		return
	}
	switch {
	case g.resumed && (err == nil || outcome.Sent), g.timer == nil && outcome.Sent,
		g.timer != nil && outcome.Plan.Effect() == reload.Reset && g.timed != g.applied.Digest:
		g.prolong(a)
		g.timed, g.resumed = g.applied.Digest, false
	}
	if g.timer != nil {
		g.note(a, unconfirmed{Before: g.before})
	}
}

// prolong gives all of the time to confirm.
func (g *guard) prolong(a *Agent) {
	if g.timer != nil {
		g.timer.Stop()
	}
	g.timer = time.NewTimer(a.Confirm)
}

// expired fires when the time to confirm is over.
func (g *guard) expired() <-chan time.Time {
	if g.timer == nil {
		return nil
	}
	return g.timer.C
}

// confirm looks for sessions that were lost, and has the document before applied again when there are any. The turn that follows writes
// frr.conf.
func (a *Agent) confirm(ctx context.Context) {
	g := &a.guard
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(a.Timeout, defaultTimeout))
	defer cancel()
	now, err := observe.Read(ctx, a.Client)
	if err != nil {
		// FRR is not there: nothing can be said of its sessions, and nothing be rolled back. Ask again.
		g.timer.Reset(a.Confirm)
		return
	}
	g.timer = nil
	var lost []string
	for _, s := range Lost(g.before, now, g.applied) {
		lost = append(lost, s.String())
	}
	if len(lost) == 0 {
		a.Log.Info("every session is back: the change is confirmed", "digest", g.applied.Digest)
		return
	}
	g.rejected, g.fallback = g.applied.Digest, g.back
	g.why = fmt.Sprintf("rolled back: %s after the change, no longer Established: %s; the change is left out until the objects change", a.Confirm, strings.Join(lost, ", "))
	g.note(a, unconfirmed{Rejected: g.rejected, Why: g.why})
	a.Log.Error("sessions are lost: the change is rolled back", "lost", lost, "digest", g.applied.Digest)
}

// instead is the document to apply: the one before, when this one was rolled back.
func (g *guard) instead(node string, document render.Document) (render.Document, []problem.Problem) {
	if g.rejected == "" || g.rejected != document.Digest {
		g.rejected = ""
		return document, nil
	}
	return g.fallback, []problem.Problem{{
		Severity: problem.Error, Object: problem.Object{Kind: "Node", Name: node}, Reason: problem.RolledBack, Message: g.why,
	}}
}
