package snapshot

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// services are those that the node could announce, sorted.
func services(objects Objects, node, class string) []Service {
	out := make([]Service, 0, len(objects.Services))
	for _, s := range objects.Services {
		if (Options{LoadBalancerClass: class}).Skips(s) != "" {
			continue
		}
		out = append(out, Service{
			Namespace:   s.Namespace,
			Name:        s.Name,
			UID:         s.UID,
			Labels:      s.Labels,
			Ingress:     ingress(s),
			LocalOnly:   s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal,
			Annotations: Annotations(s.Annotations),
			Created:     s.CreationTimestamp,
		})
	}
	compare := func(a, b Service) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	}
	if !slices.IsSortedFunc(out, compare) {
		slices.SortFunc(out, compare)
	}
	join(out, objects.Endpoints)
	join(out, endpointsOf(objects.EndpointSlices, node))
	return out
}

// join tells Services of their endpoints; both are sorted.
func join(services []Service, endpoints []Endpoints) {
	i := 0
	for _, e := range endpoints {
		for i < len(services) && e.compare(services[i].Namespace, services[i].Name) > 0 {
			i++
		}
		if i == len(services) {
			return
		}
		if s := &services[i]; s.Namespace == e.Namespace && s.Name == e.Service {
			s.Endpoints, s.LocalEndpoints = s.Endpoints || e.Any, s.LocalEndpoints || e.Local
			s.Ready, s.LocalReady = s.Ready || e.Ready, s.LocalReady || e.LocalReady
		}
	}
}

// Skip is why a Service is none that a node could announce. The words are MetalLB's where it has one.
type Skip string

const (
	NotLoadBalancer Skip = "notLoadBalancer"
	OtherClass      Skip = "otherLoadBalancerClass"
)

// Skips says why a Service is left alone; empty: it is not.
func (o Options) Skips(s *corev1.Service) Skip {
	class := s.Spec.LoadBalancerClass
	switch {
	case s.Spec.Type != corev1.ServiceTypeLoadBalancer:
		return NotLoadBalancer
	case class == nil && o.LoadBalancerClass != "", class != nil && *class != o.LoadBalancerClass:
		return OtherClass
	}
	return ""
}

func ingress(s *corev1.Service) []string {
	if len(s.Status.LoadBalancer.Ingress) == 0 {
		return nil
	}
	out := make([]string, 0, len(s.Status.LoadBalancer.Ingress))
	for _, i := range s.Status.LoadBalancer.Ingress {
		out = append(out, cmp.Or(i.IP, i.Hostname))
	}
	return out
}

// Endpoints are what endpoints of one Service come to on one node.
type Endpoints struct {
	Namespace string
	Service   string
	// Any and Local tell whether any endpoint, and any on the node, is ready or serving.
	Any   bool
	Local bool
	// Ready and LocalReady tell the same of endpoints that are ready.
	Ready      bool
	LocalReady bool
	// Places are the nodes that there is any on; nil where a source does not tell.
	Places *Places
}

// Places are nodes, by name. A source shares them among Services that have endpoints on the same nodes: nobody may change them.
type Places struct{ Nodes []string }

// Add counts an endpoint that is ready, or serving at least.
func (e *Endpoints) Add(local, ready bool) {
	e.Any, e.Local = true, e.Local || local
	if ready {
		e.Ready, e.LocalReady = true, e.LocalReady || local
	}
}

func (e *Endpoints) compare(namespace, service string) int {
	return cmp.Or(cmp.Compare(e.Namespace, namespace), cmp.Compare(e.Service, service))
}

// endpointsOf sums each slice up, sorted by Service.
func endpointsOf(list []*discoveryv1.EndpointSlice, node string) []Endpoints {
	out := make([]Endpoints, 0, len(list))
	for _, slice := range list {
		sum := Endpoints{Namespace: slice.Namespace, Service: slice.Labels[discoveryv1.LabelServiceName]}
		for i := range slice.Endpoints {
			if e := &slice.Endpoints[i]; Usable(e) {
				sum.Add(NodeOf(e) == node, Ready(e))
			}
		}
		if sum.Service != "" && sum.Any {
			out = append(out, sum)
		}
	}
	slices.SortFunc(out, func(a, b Endpoints) int { return a.compare(b.Namespace, b.Service) })
	return out
}
