package agent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/render"
)

// sparing is what a wanted document became last with what is left out for spared neighbors, and the digests of that.
type sparing struct {
	wanted   string
	names    []string
	document render.Document
	left     map[string]string
}

// instead is the document to apply: without what was rolled back, as long as the objects ask for just that and nobody allows it.
func (g *guard) instead(ctx context.Context, a *Agent, wanted render.Document) (render.Document, []problem.Problem, error) {
	switch r := g.Rejected; {
	case r == nil:
	case r.Digest != wanted.Digest:
		g.Rejected = nil
	case a.allowsAgain(r.left()):
		g.acquit(r.For)
		g.Rejected = nil
	}
	document, err := g.without(ctx, a, wanted)
	if err != nil {
		return wanted, nil, err
	}
	var problems []problem.Problem
	for _, name := range g.sparedAnd() {
		s := g.Spared[name]
		problems = append(problems, a.leftOut(s.Why, "what resets it is left out until its objects change", s.Left))
	}
	if r := g.Rejected; r != nil {
		document = g.fallback
		until := "the change is left out until the objects change"
		if !r.Again {
			until = fmt.Sprintf("the change is left out for another %s", a.Confirm)
		}
		problems = append(problems, a.leftOut(r.Why, until, r.left()))
	}
	return document, problems, nil
}

// leftOut tells what was rolled back, until when, and what lets it through.
func (a *Agent) leftOut(why, until, digest string) problem.Problem {
	how := "the node is annotated"
	if a.allowance.digest == digest {
		how = "the annotation, which counts once, is removed and the node annotated again"
	}
	return a.problem(problem.Error, problem.RolledBack, fmt.Sprintf("rolled back: %s; %s, or %s with %s=%s", why, until, how, AllowResets, digest))
}

// left is the digest that lets the document through.
func (r *rejected) left() string {
	_, digest, _ := strings.Cut(r.Digest, ":")
	return digest[:min(24, len(digest))]
}

// without is the wanted document with the spared neighbors as they were. It forgets those whose objects ask for something else now, and those
// that somebody allows.
func (g *guard) without(ctx context.Context, a *Agent, wanted render.Document) (render.Document, error) {
	for len(g.Spared) > 0 {
		if keep := g.sparedAnd(); g.sparing.wanted != wanted.Digest || !slices.Equal(g.sparing.names, keep) {
			document, left, err := a.engine.Spare(ctx, g.from, wanted, keep)
			if err != nil {
				return wanted, err
			}
			g.sparing = sparing{wanted.Digest, keep, document, left}
		}
		forgotten := false
		for name, s := range g.Spared {
			if g.sparing.left[name] != s.Left || a.allowsAgain(s.Left) {
				g.acquit(s.For)
				delete(g.Spared, name)
				forgotten = true
			}
		}
		if !forgotten {
			return g.sparing.document, nil
		}
	}
	return wanted, nil
}

// acquit forgets that something was rolled back for sessions: it was for another change of them.
func (g *guard) acquit(sessions []string) {
	g.Charged = less(g.Charged, sessions)
}

// sparedAnd are the neighbors that are spared, and others, sorted.
func (g *guard) sparedAnd(others ...string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.AppendSeq(others, maps.Keys(g.Spared)))))
}
