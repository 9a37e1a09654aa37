package source

import (
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// endpointKinds is the set of kinds of endpoints that there are, a bit each: all that a node asks of a Service's endpoints is whether there is
// one that is here or elsewhere, ready, serving. So a slice of a thousand endpoints weighs as much as that of one, and pods that come and go
// change nothing as long as others like them stay.
type endpointKinds uint8

// What an endpoint is, as the number of its bit.
const (
	endpointServing = 1 << iota
	endpointReady
	endpointHere
	endpointNumbers
)

// endpointKindsOf tells what kinds of endpoints a slice has, as seen by a node. Endpoints that are neither ready nor serving are none
// (Kubernetes API, EndpointConditions: ready is true when a controller leaves it out).
func endpointKindsOf(slice *discoveryv1.EndpointSlice, node string) endpointKinds {
	var out endpointKinds
	for i := range slice.Endpoints {
		e := &slice.Endpoints[i]
		kind := 0
		if e.Conditions.Ready == nil || *e.Conditions.Ready {
			kind |= endpointReady
		}
		if e.Conditions.Serving != nil && *e.Conditions.Serving {
			kind |= endpointServing
		}
		if kind == 0 || len(e.Addresses) == 0 {
			continue
		}
		if e.NodeName != nil && *e.NodeName == node {
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
		ready, serving := kind&endpointReady != 0, kind&endpointServing != 0
		e := discoveryv1.Endpoint{Addresses: someAddress, Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &serving}}
		if kind&endpointHere != 0 {
			e.NodeName = node
		}
		out = append(out, e)
	}
	return out
}

// someAddress stands for the addresses of an endpoint: only that there is any matters.
var someAddress = []string{"0.0.0.0"}

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
type key struct{ namespace, name string }

// endpointShelf holds what is known of the endpoints of all Services, in a few bytes each: the slices of a Service come before it is known to
// be one of ours as often as after. Only Services that are read get an EndpointSlice in results, one each, whatever it was put together from.
type endpointShelf struct {
	forms    *endpointForms
	slices   map[key]shelved
	services map[key]*serviceEndpoints
}

// shelved is one slice.
type shelved struct {
	service string
	kinds   endpointKinds
}

// serviceEndpoints counts the slices of a Service that have endpoints of each kind.
type serviceEndpoints struct {
	slices [endpointNumbers]uint32
	// shown is what results tell of it.
	shown endpointKinds
}

func newEndpointShelf(node string) *endpointShelf {
	return &endpointShelf{forms: newEndpointForms(node), slices: map[key]shelved{}, services: map[key]*serviceEndpoints{}}
}

// put takes in a slice and returns the Services that it is or was of.
func (s *endpointShelf) put(slice *discoveryv1.EndpointSlice) []key {
	k := key{slice.Namespace, slice.Name}
	now := shelved{slice.Labels[discoveryv1.LabelServiceName], endpointKindsOf(slice, s.forms.node)}
	before, had := s.slices[k]
	if had && before == now {
		return nil
	}
	changed := s.remove(k)
	s.slices[k] = now
	return append(changed, s.count(k.namespace, now, 1))
}

// remove forgets a slice and returns the Service that it was of.
func (s *endpointShelf) remove(k key) []key {
	before, had := s.slices[k]
	if !had {
		return nil
	}
	delete(s.slices, k)
	return []key{s.count(k.namespace, before, ^uint32(0))}
}

func (s *endpointShelf) count(namespace string, slice shelved, by uint32) key {
	k := key{namespace, slice.service}
	service := s.services[k]
	if service == nil {
		service = &serviceEndpoints{}
		s.services[k] = service
	}
	for kind := range endpointNumbers {
		if slice.kinds&(1<<kind) != 0 {
			service.slices[kind] += by
		}
	}
	return k
}

// show returns the EndpointSlice of a Service, nil for none, and whether it is another than was shown before.
func (s *endpointShelf) show(k key, ours bool) (entry, bool) {
	service := s.services[k]
	if service == nil {
		return entry{}, false
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
	changed := now != service.shown
	service.shown = now
	if kinds == 0 {
		delete(s.services, k)
	}
	e := entry{identity: sliceIdentity(k)}
	if now != 0 {
		e.object = &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: k.namespace, Name: k.name, Labels: map[string]string{discoveryv1.LabelServiceName: k.name}},
			Endpoints:  s.forms.forms[now],
		}
	}
	return e, changed
}

func sliceIdentity(k key) problem.Object {
	return problem.Object{Group: discoveryv1.GroupName, Kind: "EndpointSlice", Namespace: k.namespace, Name: k.name}
}
