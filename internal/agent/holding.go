package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

// AllowResets is the annotation of a node that lets through what is held, or was rolled back: its value is the digest of that, and it counts
// for an hour from when it is first seen.
const AllowResets = "frr-renderer.io/allow-resets"

const allowedFor = time.Hour

// allowance is what the node's annotation lets through.
type allowance struct {
	digest string
	since  time.Time
	// through is the digest of the last plan that it has let through.
	through string
	// spent is a digest that was rolled back although it was allowed: it counts when it is given once more.
	spent string
}

// readAllowance takes the annotation of the node, and tells whether it is another.
func (a *Agent) readAllowance() bool {
	now := ""
	for _, n := range a.objects.Objects.Nodes {
		if n.Name == a.Node {
			now = n.Annotations[AllowResets]
		}
	}
	if now == a.allowance.digest {
		return false
	}
	a.allowance.digest, a.allowance.since = now, a.Now()
	if now != a.allowance.spent {
		a.allowance.spent = ""
	}
	return true
}

// allows tells whether a digest is let through now.
func (a *Agent) allows(digest string) bool {
	return digest != "" && a.allowance.digest == digest && a.Now().Sub(a.allowance.since) < allowedFor
}

// lets tells that of a plan, whose digest costs time.
func (a *Agent) lets(plan reload.Plan) bool {
	return a.allowance.digest != "" && a.allows(plan.Digest())
}

// allowsAgain tells that of what was rolled back.
func (a *Agent) allowsAgain(digest string) bool {
	return a.allows(digest) && a.allowance.spent != digest
}

// gate is the reload.Gate of the agent's engine. The sessions of a plan that goes through are counted as reset; a bgpd that can't say which
// are Established stops none.
func (a *Agent) gate(ctx context.Context, plan reload.Plan) ([]string, error) {
	state, err := observe.Read(ctx, a.Client)
	up := slices.DeleteFunc(EstablishedOf(plan.Resets(), state), follows(plan, a.part))
	if a.guard.Rejected != nil {
		return up, err // a roll-back takes no session down that is well
	}
	if a.RefuseResets {
		if !a.lets(plan) {
			if err == nil && len(up) == 0 {
				a.status.metrics.Reset(established(plan.Resets(), state)) // what follows from GDC mode
			}
			return up, err
		}
		a.allowance.through = a.allowance.digest
	}
	if a.Confirm > 0 {
		a.guard.disturbed = a.guard.disturbed || len(up) > 0
		a.guard.note(a, true) // before it is sent
	}
	if err == nil {
		a.status.metrics.Reset(established(plan.Resets(), state))
	}
	return nil, nil
}

// hold shows what is held back, and announces it when it is another than before. What a roll-back leaves as it is is not held.
func (a *Agent) hold(outcome reload.Result) {
	if outcome.Held.Empty() || a.guard.Rejected != nil {
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
	a.lasting = append(a.lasting, a.problem(problem.Warning, problem.ResetsHeld, fmt.Sprintf(
		"held back: it would reset %s; to let it through, annotate the node with %s=%s", strings.Join(outcome.HeldNeighbors, ", "), AllowResets, digest)))
}

// release announces what became of a plan that was held.
func (a *Agent) release(plan Held) {
	if a.allowance.through == plan.Digest {
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
