package snapshot

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// key names a namespaced object.
type key struct{ namespace, name string }

// endpointState is what the endpoints of one Service come to on one node.
type endpointState struct{ any, local, ready, localReady bool }

func services(objects Objects, node, class string) []Service {
	endpoints := endpointStates(objects.EndpointSlices, node)
	out := make([]Service, 0, len(objects.Services))
	for _, s := range objects.Services {
		if (Options{LoadBalancerClass: class}).Skips(s) != "" {
			continue
		}
		state := endpoints[key{s.Namespace, s.Name}]
		out = append(out, Service{
			Namespace:      s.Namespace,
			Name:           s.Name,
			UID:            s.UID,
			Labels:         s.Labels,
			Ingress:        ingress(s),
			LocalOnly:      s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal,
			Endpoints:      state.any,
			LocalEndpoints: state.local,
			Ready:          state.ready,
			LocalReady:     state.localReady,
			Annotations:    Annotations(s.Annotations),
			Created:        s.CreationTimestamp,
		})
	}
	slices.SortFunc(out, func(a, b Service) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out
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

func endpointStates(slices []*discoveryv1.EndpointSlice, node string) map[key]endpointState {
	out := make(map[key]endpointState, len(slices))
	for _, slice := range slices {
		service := slice.Labels[discoveryv1.LabelServiceName]
		if service == "" {
			continue
		}
		k := key{slice.Namespace, service}
		state := out[k]
		for i := range slice.Endpoints {
			e := &slice.Endpoints[i]
			if !usable(e) {
				continue
			}
			// An endpoint without a node counts for no node's local policy.
			local := e.NodeName != nil && *e.NodeName == node
			state.any, state.local = true, state.local || local
			if ready(e) {
				state.ready, state.localReady = true, state.localReady || local
			}
		}
		out[k] = state
	}
	return out
}

// usable is MetalLB's rule: an endpoint counts while it is ready or still serving, so that a pod which terminates gracefully keeps
// its route. Both conditions are true when a controller leaves ready out (Kubernetes API, EndpointConditions).
func usable(e *discoveryv1.Endpoint) bool {
	serving := e.Conditions.Serving != nil && *e.Conditions.Serving
	return len(e.Addresses) > 0 && (ready(e) || serving)
}

func ready(e *discoveryv1.Endpoint) bool { return e.Conditions.Ready == nil || *e.Conditions.Ready }
