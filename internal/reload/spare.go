package reload

import (
	"context"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// Between is the plan from one document to another, whatever FRR runs now.
func (e *Engine) Between(ctx context.Context, before, wanted render.Document) (Plan, error) {
	running, err := e.asIf(ctx, before)
	if err != nil {
		return Plan{}, err
	}
	return diff(running, e.texts.read(wanted.Text)), nil
}

// Spare returns the wanted document with some neighbors, named as in plans, as another document has them, with their groups and what they
// refer to. left are the digests of what that leaves out of each neighbor, empty for nothing.
func (e *Engine) Spare(ctx context.Context, before, wanted render.Document, keep []string) (out render.Document, left map[string]string, err error) {
	running, err := e.asIf(ctx, before)
	if err != nil {
		return wanted, nil, err
	}
	want := e.texts.read(wanted.Text)
	held := hold(running, want, keep).document()
	left = map[string]string{}
	for _, name := range keep {
		alone := held
		if len(keep) > 1 {
			alone = hold(running, want, []string{name}).document()
		}
		left[name] = e.leftOut(name, running, alone.Text, want)
	}
	return held, left, nil
}

// asIf is an FRR that runs a document.
func (e *Engine) asIf(ctx context.Context, document render.Document) (Running, error) {
	running := Running{BGPD: document.Text, BFDD: document.Text, Previous: document.Text, texts: &e.texts}
	var err error
	if running.Version, err = vtysh.ReadVersion(ctx, e.client, vtysh.BGPD); err != nil {
		return running, err
	}
	running.RouterIDs = e.routerIDs(ctx, document.Text)
	return running, nil
}

// leftOut is the digest of what is left out of a neighbor that is held. Passwords make digests slow: that of last time counts where the
// commands are the same.
func (e *Engine) leftOut(name string, running Running, held string, want *config) string {
	old := running.texts.read(running.BGPD)
	running.BGPD, running.BFDD, running.Previous = held, held, held
	plan := diff(running, want).about(name, old, want)
	if last := e.left[name]; !slices.EqualFunc(last.commands, plan.Commands, sameCommand) {
		if e.left == nil {
			e.left = map[string]leftOut{}
		}
		e.left[name] = leftOut{plan.Commands, plan.Digest()}
	}
	return e.left[name].digest
}

// leftOut are commands that are left out of a neighbor, and their digest.
type leftOut struct {
	commands []Command
	digest   string
}

// about are the commands of a plan that name a neighbor or a group of its, or reset it, and those of the confederation. Their context tells
// the AS number of the instance. What is announced is not among them: Services come and go.
func (p Plan) about(name string, old, want *config) Plan {
	id, vrf := split(name)
	ids, headers := map[string]bool{id: true}, map[string]bool{}
	for _, c := range []*config{old, want} {
		_, all := instances(c)
		in := all[vrf]
		if in == nil {
			continue
		}
		headers[in.header] = true
		ids[in.memberships()[id]] = true
		for _, l := range in.block.lines {
			if group := rangeGroup(l); group != "" && strings.Fields(l)[3] == id {
				ids[group] = true
			}
		}
	}
	delete(ids, "")
	return Plan{slices.DeleteFunc(slices.Clone(p.Commands), func(c Command) bool {
		line := strings.TrimPrefix(c.Line.Reveal(), "no ")
		here := len(c.Context) > 0 && headers[c.Context[0].Reveal()]
		switch {
		case c.Exec, c.Again, strings.HasPrefix(line, "network "):
			return true
		case neighborOf(line) != "":
			return !here || !ids[neighborOf(line)]
		case rangeGroup(line) != "" && strings.Fields(line)[3] == id, strings.HasPrefix(line, "bgp confederation "):
			return !here
		}
		return c.Effect != Reset || !slices.Contains(c.Neighbors, name)
	})}
}
