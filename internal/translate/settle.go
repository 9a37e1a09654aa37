package translate

import "github.com/frr-renderer/frr-renderer/internal/problem"

// contender is an object that may exclude others of its kind: its form now, and its last good form.
type contender[F any] struct {
	object problem.Object
	found  issues
	// now is nil when the object can't be used as it is.
	now *F
	// good is nil when the object was never applied.
	good *F
	// unchanged tells that now is good.
	unchanged bool
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
// conflicts too, or there is none, it is left out. accept says what speaks against a form besides those accepted before, or takes it.
func settle[F any](t *translation, contenders []contender[F], accept func(F) *issue) []*settled[F] {
	out := make([]*settled[F], len(contenders))
	for phase := range 3 {
		for i, c := range contenders {
			if c.phase() == phase {
				out[i] = c.settle(t, accept)
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

func (c contender[F]) settle(t *translation, accept func(F) *issue) *settled[F] {
	found := c.found
	if c.now != nil {
		against := accept(*c.now)
		if against == nil {
			t.report(c.object, found, "")
			return &settled[F]{form: *c.now}
		}
		found = append(found, *against)
	}
	if c.good != nil && !c.unchanged {
		against := accept(*c.good)
		if against == nil {
			t.report(c.object, found, keptGood)
			return &settled[F]{form: *c.good, stale: true}
		}
		against.message = "its last good form: " + against.message
		found = append(found, *against)
	}
	t.report(c.object, found, leftOut)
	return nil
}
