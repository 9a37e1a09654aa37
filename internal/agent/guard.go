package agent

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
)

// guard watches over a change until it is confirmed ("run --confirm"). When the time is over, and sessions are lost, something is rolled back
// for them, and the time begins anew; when that does not bring them back, it was not the change, and what was rolled back is taken up again.
// For each session that is done once.
type guard struct {
	// before are the sessions before the change, back the configuration then, and wanted is what the objects ask for.
	before observe.State
	back   render.Document
	wanted render.Document
	timer  *time.Timer // nil when nothing waits to be confirmed
	// runs, timed and confirmed are digests: of what was applied last, when the timer was started last, and when it was confirmed last. They are
	// empty for an apply that has ended with an error.
	runs, timed, confirmed string
	disturbed              bool   // the apply resets Established sessions
	resumed                bool   // before and back are what an earlier run has noted
	noted                  []byte // what lies in the file of what is not confirmed

	rolledBack
	from     render.Document // what spared neighbors stay as
	fallback render.Document // what is applied in place of what is rejected
	sparing  sparing
}

// rolledBack is what was rolled back, and for which sessions. They are named as observe.Session does.
type rolledBack struct {
	// Spared are the neighbors, as plans name them, that stay as they were before.
	Spared map[string]*spared `json:"spared,omitempty"`
	// Rejected is a document that was rolled back as a whole.
	Rejected *rejected `json:"rejected,omitempty"`
	// Charged are the sessions that something was rolled back for since the change began. When they are lost, it is not the change's fault.
	Charged []string `json:"charged,omitempty"`
	// Suspects are those of them that came back when a document was rejected: it is rejected once more when it loses them again.
	Suspects []string `json:"suspects,omitempty"`
}

// spared is what was rolled back for one neighbor.
type spared struct {
	// Left is the digest of what is left out, Why what happened, and For are the sessions that it was done for.
	Left string   `json:"left"`
	Why  string   `json:"why"`
	For  []string `json:"for"`
	// Trying tells that it is not known yet whether it brings them back.
	Trying bool `json:"trying,omitempty"`
}

// rejected is a document that was rolled back as a whole.
type rejected struct {
	Digest string   `json:"digest"`
	Why    string   `json:"why"`
	For    []string `json:"for"`
	// Again tells that the document has lost a session twice, and stays out when that comes back again.
	Again bool `json:"again,omitempty"`
}

// begin remembers what is before an apply, unless something waits to be confirmed: what was before that counts.
func (g *guard) begin(ctx context.Context, a *Agent, wanted render.Document) error {
	if a.Confirm <= 0 {
		return nil
	}
	g.wanted, g.disturbed = wanted, false
	if g.timer != nil || g.resumed || g.Rejected != nil {
		return nil
	}
	var err error
	if g.before, err = observe.Read(ctx, a.Client); err != nil {
		return err
	}
	g.Charged, g.Suspects = nil, nil
	if a.ran != nil {
		g.back = *a.ran
		return nil
	}
	running, err := a.engine.Snapshot(ctx)
	g.back = a.late.before(running)
	return err
}

// watch starts the time to confirm when lines went to FRR, however the apply has ended. It starts anew when Established sessions were reset. What
// is tried again or repaired starts nothing: the time would never be over.
func (g *guard) watch(a *Agent, ran render.Document, outcome reload.Result, err error) {
	if a.Confirm <= 0 {
		return
	}
	g.runs = ran.Digest
	if err != nil {
		g.runs = "" // a part of it
	}
	switch {
	case g.resumed && (err == nil || outcome.Sent):
		g.resumed = false
		g.prolong(a)
	case g.Rejected != nil:
	case g.timer != nil && g.disturbed && g.runs != g.timed, g.timer == nil && outcome.Sent && (err != nil || g.runs != g.confirmed):
		g.prolong(a)
	case g.timer == nil && err == nil:
		g.confirmed = g.runs // it ran already
	}
	if g.Rejected != nil && err == nil {
		g.fallback = ran // with the sessions that it had to leave as they are
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
	g.timer, g.timed = time.NewTimer(a.Confirm), g.runs
}

// settled tells that nothing waits to be confirmed, and nothing is rejected: frr.conf and the last good objects are what was before, until then.
func (g *guard) settled() bool { return g.timer == nil && g.Rejected == nil }

// expired fires when the time to confirm is over.
func (g *guard) expired() <-chan time.Time {
	if g.timer == nil {
		return nil
	}
	return g.timer.C
}

// confirm looks for lost sessions when the time is over. The turn that follows applies what it decides, and writes frr.conf.
func (a *Agent) confirm(ctx context.Context) {
	g := &a.guard
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(a.Timeout, defaultTimeout))
	defer cancel()
	more, err := g.judge(ctx, a)
	switch {
	case err != nil:
		// FRR is not there: nothing can be said of its sessions, and nothing be rolled back. Ask again.
		g.timer.Reset(a.Confirm)
	case more:
		g.prolong(a)
		g.note(a, true)
	default:
		g.timer = nil
		if g.Rejected != nil {
			g.note(a, false)
		}
	}
}

// judge decides what is rolled back, and what is taken up again. more tells that the time begins anew.
func (g *guard) judge(ctx context.Context, a *Agent) (more bool, err error) {
	now, err := observe.Read(ctx, a.Client)
	if err != nil {
		return false, err
	}
	change, err := a.engine.Between(ctx, g.back, g.wanted)
	if err != nil {
		return false, err
	}
	lost := Lost(g.before, now, g.wanted, change.Resets())
	away := names(lost)
	if g.Rejected != nil {
		return g.judgeRejected(a, away), nil
	}
	more = g.takeUp(a, away)
	fresh := slices.DeleteFunc(slices.Clone(lost), func(s observe.Session) bool { return slices.Contains(g.Charged, s.String()) })
	spares, err := g.spare(ctx, a, change.Resets(), fresh, now)
	if err != nil || spares {
		return spares, err
	}
	again := less(away, less(away, g.Suspects)) // those that are in both
	switch blamed := slices.Concat(names(fresh), again); {
	case len(blamed) > 0:
		g.reject(a, blamed, len(again) > 0)
		return true, nil
	case more:
		return true, nil
	case len(lost) > 0:
		a.Log.Warn("the change is confirmed: what was rolled back for sessions that are lost did not bring them back", "lost", away, "digest", g.runs)
	default:
		a.Log.Info("every session is back: the change is confirmed", "digest", g.runs)
	}
	g.confirmed = g.runs
	return false, nil
}

// judgeRejected is judge where the whole document was rolled back. A session that is back may be so by itself, since its router was only
// restarting, and no Service shall wait for ever for such: the document is tried once more.
func (g *guard) judgeRejected(a *Agent, away []string) (more bool) {
	r := g.Rejected
	back := less(r.For, away)
	switch {
	case len(back) == 0:
		a.Log.Error("sessions are lost all the same: the change is applied once more", "lost", r.For, "digest", r.Digest)
	case r.Again:
		a.Log.Info("sessions are back: the change stays out", "digest", r.Digest)
		return false
	default:
		a.Log.Info("sessions are back: the change is tried once more", "back", back, "digest", r.Digest)
	}
	g.Rejected, g.Suspects = nil, back
	return true
}

// takeUp takes up again what was rolled back for neighbors in vain, and tells whether there is any.
func (g *guard) takeUp(a *Agent, away []string) (any bool) {
	for name, s := range g.Spared {
		if s.Trying && len(less(s.For, away)) == 0 {
			a.Log.Error("sessions are lost all the same: what was rolled back for a neighbor is applied once more", "neighbor", name, "lost", s.For)
			delete(g.Spared, name)
			any = true
		}
		s.Trying = false
	}
	return any
}

// spare rolls the change back for the neighbors of those lost sessions that it has reset, for them alone. It does nothing when that would take
// down as many sessions that are well, as where the whole instance has another AS number.
func (g *guard) spare(ctx context.Context, a *Agent, resets []string, lost []observe.Session, now observe.State) (done bool, err error) {
	resets = slices.DeleteFunc(slices.Clone(resets), func(n string) bool { return g.Spared[n] != nil })
	concerned := EstablishedOf(resets, observe.State{Sessions: lost}) // they were
	if len(concerned) == 0 {
		return false, nil
	}
	document, left, err := a.engine.Spare(ctx, g.back, g.wanted, g.sparedAnd(concerned...))
	if err != nil {
		return false, err
	}
	plan, err := a.engine.Plan(ctx, document)
	if err != nil || established(plan.Resets(), now) >= established(concerned, observe.State{Sessions: lost}) {
		return false, err
	}
	for _, name := range concerned {
		of := names(sessionsOf(name, lost))
		if left[name] == "" {
			continue // nothing that could be left out
		}
		if g.Spared == nil {
			g.Spared = map[string]*spared{}
		}
		g.Spared[name] = &spared{
			Left: left[name], For: of, Trying: true, Why: fmt.Sprintf("%s after the change, %s was not Established any more", a.Confirm, strings.Join(of, ", ")),
		}
		g.Charged = append(g.Charged, of...)
		a.Log.Error("sessions are lost: the change is rolled back for them", "lost", of, "digest", g.runs)
		done = true
	}
	if done {
		g.from, g.sparing, a.allowance.spent = g.back, sparing{}, a.allowance.digest
	}
	return done, nil
}

// reject rolls the whole change back.
func (g *guard) reject(a *Agent, lost []string, again bool) {
	a.Log.Error("sessions are lost: the change is rolled back", "lost", lost, "digest", g.runs)
	g.Rejected = &rejected{
		Digest: g.wanted.Digest, For: lost, Again: again, Why: fmt.Sprintf("%s after the change, no longer Established: %s", a.Confirm, strings.Join(lost, ", ")),
	}
	g.fallback, g.Suspects, a.allowance.spent = g.back, nil, a.allowance.digest
	g.Charged = slices.Compact(slices.Sorted(slices.Values(slices.Concat(g.Charged, lost))))
}

// less are the names of a list that are not in another.
func less(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(n string) bool { return slices.Contains(others, n) })
}

func names(sessions []observe.Session) []string {
	var out []string
	for _, s := range sessions {
		out = append(out, s.String())
	}
	return out
}
