package translate

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// contender is an object that may exclude others of its kind: its form now, and its last good form.
type contender[F any] struct {
	object problem.Object
	found  issues
	// now is nil when the object can't be used as it is.
	now *F
	// dangling is the form of an object that is refused for what it refers to alone: what else speaks against it is told at once.
	dangling *F
	// good is nil when the object was never applied.
	good *F
	// unchanged tells that now is good.
	unchanged bool
}

// rules say which objects of a kind go together.
type rules[F any] struct {
	// conflict says what speaks against a form beside those that were taken; nil: nothing.
	conflict func(F) *issue
	take     func(F)
	// partly tells that a form which conflicts is taken all the same where there is no better: whoever uses it keeps it out of what it
	// conflicts over.
	partly bool
}

// settled is a contender's form that is used.
type settled[F any] struct {
	form F
	// stale tells that it is the last good form, not the object as it is.
	stale bool
}

const (
	leftOut  = "left out"
	keptGood = "its last good form stays in use"
)

// settle chooses the form of each contender that is used, nil for those left out, in the order of contenders (oldest first).
//
// What works stays: first come the objects that have not changed and the last good forms of those that became invalid, then changed
// objects, then new ones; within each, the older first. An object that conflicts falls back to its last good form; where that
// conflicts too, or there is none, it is left out, or used as far as it conflicts with nothing.
func settle[F any](t *translation, contenders []contender[F], r rules[F]) []*settled[F] {
	out := make([]*settled[F], len(contenders))
	for phase := range 3 {
		for i, c := range contenders {
			if c.phase() == phase {
				out[i] = c.settle(t, r)
				t.seen.fate(c.object, fateOf(out[i]))
			}
		}
	}
	return out
}

func (c contender[F]) phase() int {
	switch {
	case c.good != nil && (c.unchanged || c.now == nil):
		return 0
	case c.good != nil:
		return 1
	}
	return 2
}

func (c contender[F]) settle(t *translation, r rules[F]) *settled[F] {
	found := c.found
	if c.now != nil {
		against := r.conflict(*c.now)
		if against == nil || r.partly && !c.fallsBack(r) {
			r.take(*c.now)
			t.report(c.object, found, "")
			return &settled[F]{form: *c.now}
		}
		found = append(found, *against)
	}
	if c.good != nil && !c.unchanged {
		against := r.conflict(*c.good)
		if against == nil || r.partly {
			r.take(*c.good)
			t.report(c.object, found, keptGood)
			return &settled[F]{form: *c.good, stale: true}
		}
		against.message = "its last good form: " + against.message
		found = append(found, *against)
	}
	if c.good == nil && c.dangling != nil {
		if against := r.conflict(*c.dangling); against != nil {
			found = append(found, *against)
		}
	}
	t.report(c.object, found, leftOut)
	return nil
}

// fallsBack tells whether there is a last good form, another than the object as it is, that conflicts with nothing.
func (c contender[F]) fallsBack(r rules[F]) bool {
	return c.good != nil && !c.unchanged && r.conflict(*c.good) == nil
}

// remember returns the forms that are used, and puts what each was made of into the next last good. goods are what the contenders are made of
// as they are now.
func remember[F, G any](contenders []contender[F], chosen []*settled[F], goods []G, last, next map[string]G) []F {
	var out []F
	for i, s := range chosen {
		if s == nil {
			continue
		}
		name := contenders[i].object.Name
		out = append(out, s.form)
		next[name] = goods[i]
		if s.stale {
			next[name] = last[name]
		}
	}
	return out
}

// phases are those of the forms that are used: a last good form has not changed.
func phases[F any](contenders []contender[F], chosen []*settled[F]) []int {
	var out []int
	for i, s := range chosen {
		switch {
		case s == nil:
		case s.stale:
			out = append(out, 0)
		default:
			out = append(out, contenders[i].phase())
		}
	}
	return out
}

// lost returns the last good objects of a kind that are not among the snapshot's and may be there all the same, sorted by name: their
// documents can't be read. They were not deleted, so their last good form stays.
func lost[V any, O metav1.Object](t *translation, kind string, good map[string]V, here []O) []problem.Object {
	var out []problem.Object
	for _, name := range slices.Sorted(maps.Keys(good)) {
		object := problem.Object{Kind: kind, Group: groupMetalLB, Namespace: t.snap.Namespace, Name: name}
		if t.snap.MayExist(object) && !slices.ContainsFunc(here, func(o O) bool { return o.GetName() == name }) {
			out = append(out, object)
		}
	}
	return out
}
