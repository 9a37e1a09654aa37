package snapshot

import (
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
)

// Usable is MetalLB's rule: an endpoint counts while it is ready or still serving, so that a pod which terminates gracefully keeps
// its route. Both conditions are true when a controller leaves ready out (Kubernetes API, EndpointConditions).
func Usable(e *discoveryv1.Endpoint) bool {
	serving := e.Conditions.Serving != nil && *e.Conditions.Serving
	return len(e.Addresses) > 0 && (Ready(e) || serving)
}

// Ready tells whether new connections may go to an endpoint.
func Ready(e *discoveryv1.Endpoint) bool { return e.Conditions.Ready == nil || *e.Conditions.Ready }

// NodeOf is the node of an endpoint; empty: it has none, and counts for no node's local policy.
func NodeOf(e *discoveryv1.Endpoint) string {
	if e.NodeName == nil {
		return ""
	}
	return *e.NodeName
}

// PlacesOf are the nodes that a slice has usable endpoints on, sorted; any tells whether there are any at all.
func PlacesOf(slice *discoveryv1.EndpointSlice) (nodes []string, any bool) {
	for i := range slice.Endpoints {
		e := &slice.Endpoints[i]
		if !Usable(e) {
			continue
		}
		any = true
		if node := NodeOf(e); node != "" && (len(nodes) == 0 || nodes[len(nodes)-1] != node) {
			nodes = append(nodes, node)
		}
	}
	slices.Sort(nodes)
	return slices.Compact(nodes), any
}
