package source

import (
	"slices"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// placeTable holds the sets of nodes that slices and Services have endpoints on, each once: Services on the same nodes share one. The methods may be called
// of nil, where nobody asks for nodes.
type placeTable struct{ sets map[string]*placeSet }

// placeSet is one of them. The names are parts of its key.
type placeSet struct {
	key    string
	places snapshot.Places
	uses   int
}

// placeSeparator is in no name of a node.
const placeSeparator = "\n"

// of is the set of a slice's nodes, to be released; nil: there is none.
func (t *placeTable) of(slice *discoveryv1.EndpointSlice) *placeSet {
	if t == nil {
		return nil
	}
	nodes, _ := snapshot.PlacesOf(slice)
	return t.take(nodes)
}

func (t *placeTable) take(nodes []string) *placeSet {
	if len(nodes) == 0 {
		return nil
	}
	key := strings.Join(nodes, placeSeparator)
	set := t.sets[key]
	if set == nil {
		set = &placeSet{key: key, places: snapshot.Places{Nodes: strings.Split(key, placeSeparator)}}
		t.sets[key] = set
	}
	set.uses++
	return set
}

func (t *placeTable) release(set *placeSet) {
	if set == nil {
		return
	}
	if set.uses--; set.uses == 0 {
		delete(t.sets, set.key)
	}
}

// servicePlaces are those of one Service. The methods may be called of nil.
type servicePlaces struct {
	// slices are the sets of its slices, with repetitions.
	slices []*placeSet
	// shown is what results tell, or will when the shelf is settled.
	shown *placeSet
}

func (p *servicePlaces) count(set *placeSet, comes bool) {
	switch {
	case p == nil || set == nil:
	case comes:
		p.slices = append(p.slices, set)
	default:
		i := slices.Index(p.slices, set)
		p.slices = slices.Delete(p.slices, i, i+1)
	}
}

// show has results tell of the nodes that are known now, none where the Service is not ours; it tells whether they are others.
func (p *servicePlaces) show(t *placeTable, ours bool) bool {
	if p == nil {
		return false
	}
	var now *placeSet
	if ours {
		now = p.all(t)
	}
	t.release(p.shown)
	changed := now != p.shown
	p.shown = now
	return changed
}

// all is the set of the nodes of all slices, to be released.
func (p *servicePlaces) all(t *placeTable) *placeSet {
	if len(p.slices) == 1 {
		p.slices[0].uses++
		return p.slices[0]
	}
	var nodes []string
	for _, set := range p.slices {
		nodes = append(nodes, set.places.Nodes...)
	}
	slices.Sort(nodes)
	return t.take(slices.Compact(nodes))
}

// told is what results tell; nil: nothing.
func (p *servicePlaces) told() *snapshot.Places {
	if p == nil || p.shown == nil {
		return nil
	}
	return &p.shown.places
}
