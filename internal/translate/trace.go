package translate

import (
	"slices"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// Fate is what became of an object on a node.
type Fate string

const (
	InUse        Fate = "inUse"
	LastGoodForm Fate = "lastGoodForm" // the object can't be used as it is; its last good form is
	LeftOut      Fate = "leftOut"      // it can't be used, and never could
	OtherNodes   Fate = "otherNodes"   // its nodeSelectors don't select the node
)

// trace notes by which rules a translation decides, for Explain. A nil trace notes nothing: every rule is asked once, whoever listens.
type trace struct {
	fates map[problem.Object]Fate
	// pools and adverts are those in use; allPools are the pools as they are written, as far as they can be read.
	pools    []pool
	adverts  []advert
	allPools []pool
	// services are the snapshot's, in its order.
	services []judged
	classes  []class
	// routes are what is announced, and classOf the class of each of their kinds.
	routes  []route
	classOf map[kind]int
	// notHop is why the node is no next hop in GDC mode, whatever the cluster's Assignment says.
	notHop string
}

// judged is a Service and what was decided.
type judged struct {
	*snapshot.Service
	decision
}

func (t *trace) fate(o problem.Object, f Fate) {
	if t != nil {
		t.fates[o] = f
	}
}

func (t *trace) noNextHop(why string) {
	if t != nil {
		t.notHop = why
	}
}

func fateOf[F any](s *settled[F]) Fate {
	switch {
	case s == nil:
		return LeftOut
	case s.stale:
		return LastGoodForm
	}
	return InUse
}

func (t *trace) written(p pool) {
	if t != nil {
		t.allPools = append(t.allPools, p)
	}
}

func (t *trace) forms(pools []pool, adverts []advert) {
	if t != nil {
		t.pools, t.adverts = pools, adverts
	}
}

func (t *trace) service(s *snapshot.Service, d decision) {
	if t != nil {
		d.places = slices.Clone(d.places) // the caller's buffer
		t.services = append(t.services, judged{s, d})
	}
}

func (t *trace) announces(classes []class, routes []route, classOf map[kind]int) {
	if t != nil {
		t.classes, t.routes, t.classOf = classes, routes, classOf
	}
}
