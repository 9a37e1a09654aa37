package agent

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
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

	// An apply that is to be confirmed: the sessions and the configuration before, what was wanted and what was applied, and when its time is
	// over.
	before  observe.State
	back    render.Document
	wanted  render.Document
	applied render.Document
	timer   *time.Timer
	timed   string // the digest of the document that the timer was started for
	resumed bool   // before and back are what an earlier run has noted
	noted   []byte // what lies in the file of what is not confirmed

	// spared are the neighbors that a change was rolled back for, as plans name them: they stay as from has them.
	spared map[string]rollback
	from   render.Document
	// rejected is the digest of a document that was rolled back as a whole, to fallback.
	rejected string
	fallback render.Document
	why      string
	// tried is what was allowed when something was rolled back last: it counts when it is given once more.
	tried string
}

// rollback is what was rolled back for one neighbor.
type rollback struct {
	// Left is the digest of what is left out, and Why what happened.
	Left string `json:"left"`
	Why  string `json:"why"`
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
		a.guard.note(a, true) // before it is sent
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
func (g *guard) begin(ctx context.Context, a *Agent, wanted, document render.Document) error {
	if a.Confirm <= 0 || g.rejected != "" {
		return nil
	}
	g.wanted, g.applied = wanted, document
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
		g.note(a, true)
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

// confirm looks for sessions that were lost. The first time what reset them is rolled back for them alone, when that was in the plan; when
// they don't come back, or it was not, all of the change is; and when that does not bring them back either, it was not the change. The turn
// that follows applies, and writes frr.conf.
func (a *Agent) confirm(ctx context.Context) {
	g := &a.guard
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(a.Timeout, defaultTimeout))
	defer cancel()
	now, err := observe.Read(ctx, a.Client)
	var lost []observe.Session
	var spared map[string]rollback
	if err == nil {
		if lost = Lost(g.before, now, g.applied); len(lost) > 0 && g.rejected == "" {
			spared, err = g.spare(ctx, a, lost)
		}
	}
	if err != nil {
		// FRR is not there: nothing can be said of its sessions, and nothing be rolled back. Ask again.
		g.timer.Reset(a.Confirm)
		return
	}
	g.timer = nil
	var names []string
	for _, s := range lost {
		names = append(names, s.String())
	}
	why := fmt.Sprintf("rolled back: %s after the change, no longer Established: %s; ", a.Confirm, strings.Join(names, ", "))
	switch {
	case len(lost) == 0 && g.rejected == "":
		a.Log.Info("every session is back: the change is confirmed", "digest", g.applied.Digest)
		return
	case len(lost) == 0:
		a.Log.Info("every session is back", "rolled back", g.rejected)
		g.note(a, false)
		return
	case g.rejected != "":
		a.Log.Error("the change was rolled back, and the sessions are lost all the same: it is applied once more", "lost", names, "digest", g.rejected)
		g.rejected, g.spared = "", nil
		g.note(a, false)
		return
	case spared != nil:
		a.Log.Error("sessions are lost: the change is rolled back for them", "lost", names, "digest", g.applied.Digest)
		g.spared, g.from = spared, g.back
	default:
		a.Log.Error("sessions are lost: the change is rolled back", "lost", names, "digest", g.applied.Digest)
		g.rejected, g.fallback = g.wanted.Digest, g.back
		g.why = why + "the change is left out until the objects change"
	}
	g.tried = g.allowed
	g.prolong(a)
	g.note(a, true)
}

// spare returns the neighbors to spare when that is to bring all of the lost sessions back: the change has reset them, and they were not
// spared yet. It returns nil otherwise.
func (g *guard) spare(ctx context.Context, a *Agent, lost []observe.Session) (map[string]rollback, error) {
	state := observe.State{Sessions: lost} // as they were before
	var names []string
	_, left, err := a.engine.Spare(ctx, g.back, g.wanted, func(resets []string) []string {
		names = EstablishedOf(resets, state)
		return slices.Compact(slices.Sorted(slices.Values(slices.Concat(names, slices.Collect(maps.Keys(g.spared))))))
	})
	again := slices.ContainsFunc(names, func(n string) bool { _, is := g.spared[n]; return is })
	if err != nil || again || established(names, state) < len(lost) {
		return nil, err
	}
	out := map[string]rollback{}
	for n, digest := range left {
		out[n] = rollback{digest, g.spared[n].Why}
	}
	for _, n := range names {
		out[n] = rollback{left[n], fmt.Sprintf("%s after the change, %s was not Established any more", a.Confirm, n)}
	}
	return out, nil
}

// instead is the document to apply: without what was rolled back, as long as the objects ask for just that.
func (g *guard) instead(ctx context.Context, a *Agent, wanted render.Document) (render.Document, []problem.Problem, error) {
	if g.rejected != "" && g.rejected == wanted.Digest {
		return g.fallback, []problem.Problem{a.problem(problem.Error, problem.RolledBack, g.why)}, nil
	}
	g.rejected = ""
	for len(g.spared) > 0 {
		document, left, err := a.engine.Spare(ctx, g.from, wanted, func(resets []string) []string {
			return slices.Sorted(maps.Keys(g.spared))
		})
		if err != nil {
			return wanted, nil, err
		}
		again := false
		for name, r := range g.spared {
			allowed := g.allowed == r.Left && g.allowed != g.tried && a.Now().Sub(g.since) < allowedFor
			if left[name] != r.Left || allowed {
				delete(g.spared, name)
				again = true
			}
		}
		if again {
			continue // the others alone
		}
		var problems []problem.Problem
		for _, name := range slices.Sorted(maps.Keys(g.spared)) {
			r := g.spared[name]
			problems = append(problems, a.problem(problem.Error, problem.RolledBack, fmt.Sprintf(
				"rolled back: %s; what resets it is left out until its objects change, or the node is annotated with %s=%s", r.Why, AllowResets, r.Left)))
		}
		return document, problems, nil
	}
	return wanted, nil, nil
}
