package source

import (
	"maps"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// endpointKinds is the set of kinds of endpoints that there are, a bit each: all that a node asks of a Service's endpoints is whether there is
// one that is here or elsewhere, ready, serving. So a slice of a thousand endpoints weighs as much as that of one, and pods that come and go
// change nothing as long as others like them stay.
type endpointKinds uint8

// What an endpoint that counts is, as the number of its bit; one that is not ready is serving.
const (
	endpointReady = 1 << iota
	endpointHere
	endpointNumbers
)

// endpointKindsOf tells what kinds of endpoints a slice has, as seen by a node.
func endpointKindsOf(slice *discoveryv1.EndpointSlice, node string) endpointKinds {
	var out endpointKinds
	for i := range slice.Endpoints {
		e := &slice.Endpoints[i]
		if !snapshot.Usable(e) {
			continue
		}
		kind := 0
		if snapshot.Ready(e) {
			kind |= endpointReady
		}
		if snapshot.NodeOf(e) == node {
			kind |= endpointHere
		}
		out |= 1 << kind
	}
	return out
}

// endpoints is one endpoint of each kind.
func (k endpointKinds) endpoints(node *string) []discoveryv1.Endpoint {
	var out []discoveryv1.Endpoint
	for kind := range endpointNumbers {
		if k&(1<<kind) == 0 {
			continue
		}
		e := anEndpoint(kind&endpointReady != 0)
		if kind&endpointHere != 0 {
			e.NodeName = node
		}
		out = append(out, e)
	}
	return out
}

// anEndpoint is one that counts, on no node.
func anEndpoint(ready bool) discoveryv1.Endpoint {
	serving := true
	return discoveryv1.Endpoint{Addresses: kubewatch.SomeAddress, Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &serving}}
}

// distinctEndpoints is one endpoint of those that are alike for any node.
func distinctEndpoints(slice *discoveryv1.EndpointSlice) []discoveryv1.Endpoint {
	type kind struct {
		node  string
		ready bool
	}
	var out []discoveryv1.Endpoint
	had := map[kind]bool{}
	for i := range slice.Endpoints {
		e := &slice.Endpoints[i]
		k := kind{snapshot.NodeOf(e), snapshot.Ready(e)}
		if !snapshot.Usable(e) || had[k] {
			continue
		}
		had[k] = true
		one := anEndpoint(k.ready)
		one.NodeName = e.NodeName
		out = append(out, one)
	}
	return out
}

// endpointForms are the endpoints of each set of kinds, as one node sees them, made once and shared by all slices.
type endpointForms struct {
	node  string
	forms [1 << endpointNumbers][]discoveryv1.Endpoint
}

func newEndpointForms(node string) *endpointForms {
	f := &endpointForms{node: node}
	for k := range f.forms {
		f.forms[k] = endpointKinds(k).endpoints(&f.node)
	}
	return f
}

// key names an object in a namespace.
type key = kubewatch.Key

// endpointShelf holds what is known of the endpoints of all Services, in a few bytes each: the slices of a Service come before it is known to
// be one of ours as often as after. Only Services that are read are in results.
type endpointShelf struct {
	forms *endpointForms
	// places are the nodes that there are endpoints on; nil: nobody asks.
	places   *placeTable
	slices   map[key]shelved
	services map[key]*serviceEndpoints
	// shown is what results tell, by namespace and Service; nobody changes it. changes are what it lacks.
	shown   []snapshot.Endpoints
	changes map[key]snapshot.Endpoints
}

// shelved is one slice.
type shelved struct {
	service string
	kinds   endpointKinds
	places  *placeSet
}

// serviceEndpoints counts the slices of a Service that have endpoints of each kind.
type serviceEndpoints struct {
	slices [endpointNumbers]uint32
	// shown is what results tell of it, or will when the shelf is settled.
	shown endpointKinds
	// places are nil where nobody asks.
	places *servicePlaces
}

func newEndpointShelf(node string, places bool) *endpointShelf {
	s := &endpointShelf{
		forms: newEndpointForms(node), slices: map[key]shelved{}, services: map[key]*serviceEndpoints{}, changes: map[key]snapshot.Endpoints{},
	}
	if places {
		s.places = &placeTable{sets: map[string]*placeSet{}}
	}
	return s
}

// put takes in a slice and returns the Services that it is or was of.
func (s *endpointShelf) put(slice *discoveryv1.EndpointSlice) []key {
	k := key{Namespace: slice.Namespace, Name: slice.Name}
	now := shelved{slice.Labels[discoveryv1.LabelServiceName], endpointKindsOf(slice, s.forms.node), s.places.of(slice)}
	before, had := s.slices[k]
	if had && before == now {
		s.places.release(now.places)
		return nil
	}
	changed := s.remove(k)
	s.slices[k] = now
	return append(changed, s.count(k.Namespace, now, 1))
}

// remove forgets a slice and returns the Service that it was of.
func (s *endpointShelf) remove(k key) []key {
	before, had := s.slices[k]
	if !had {
		return nil
	}
	delete(s.slices, k)
	defer s.places.release(before.places)
	return []key{s.count(k.Namespace, before, ^uint32(0))}
}

func (s *endpointShelf) count(namespace string, slice shelved, by uint32) key {
	k := key{Namespace: namespace, Name: slice.service}
	service := s.services[k]
	if service == nil {
		service = &serviceEndpoints{}
		if s.places != nil {
			service.places = &servicePlaces{}
		}
		s.services[k] = service
	}
	for kind := range endpointNumbers {
		if slice.kinds&(1<<kind) != 0 {
			service.slices[kind] += by
		}
	}
	service.places.count(slice.places, by == 1)
	return k
}

// show has results tell of a Service's endpoints what is known now, and nothing where it is none of ours.
func (s *endpointShelf) show(k key, ours bool) {
	service := s.services[k]
	if service == nil {
		return
	}
	var kinds endpointKinds
	for kind, n := range service.slices {
		if n > 0 {
			kinds |= 1 << kind
		}
	}
	now := kinds
	if !ours {
		now = 0
	}
	moved := service.places.show(s.places, ours)
	if now != service.shown || moved {
		service.shown, s.changes[k] = now, now.of(k, service.places.told())
	}
	if kinds == 0 {
		delete(s.services, k)
	}
}

// settle brings shown up to date, and tells whether it is another now.
func (s *endpointShelf) settle() bool {
	if len(s.changes) == 0 {
		return false
	}
	out, old, changed := make([]snapshot.Endpoints, 0, len(s.shown)+len(s.changes)), s.shown, false
	for _, k := range slices.SortedFunc(maps.Keys(s.changes), key.Compare) {
		i, found := slices.BinarySearchFunc(old, k, func(e snapshot.Endpoints, k key) int { return key{Namespace: e.Namespace, Name: e.Service}.Compare(k) })
		out = append(out, old[:i]...)
		old = old[i:]
		now := s.changes[k]
		switch {
		case found && sameEndpoints(old[0], now):
			now = old[0]
		case found || now.Any:
			changed = true
		}
		if found {
			old = old[1:]
		}
		if now.Any {
			out = append(out, now)
		}
	}
	s.changes = map[key]snapshot.Endpoints{} // a map that was cleared keeps what it once held room for
	if changed {
		s.shown = append(out, old...)
	}
	return changed
}

// sameEndpoints compares the nodes, too: a set that was given up in between is another pointer.
func sameEndpoints(a, b snapshot.Endpoints) bool {
	if a.Places != nil && b.Places != nil && slices.Equal(a.Places.Nodes, b.Places.Nodes) {
		b.Places = a.Places
	}
	return a == b
}

// of is what these kinds of endpoints come to for a Service.
func (k endpointKinds) of(service key, places *snapshot.Places) snapshot.Endpoints {
	out := snapshot.Endpoints{Namespace: service.Namespace, Service: service.Name, Places: places}
	for kind := range endpointNumbers {
		if k&(1<<kind) != 0 {
			out.Add(kind&endpointHere != 0, kind&endpointReady != 0)
		}
	}
	return out
}

func sliceIdentity(k key) problem.Object {
	return problem.Object{Group: discoveryv1.GroupName, Kind: "EndpointSlice", Namespace: k.Namespace, Name: k.Name}
}
