package snapshot

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/frr-renderer/frr-renderer/internal/gateway"
)

// GatewayInput is what GDC's objects, and those that they go with, are to gateway.Assign; ok is false where none of them asks for anything. Objects must have
// EndpointSlices: the sums that a source for one node has in place of them don't tell which nodes there are endpoints on. Leases and
// AssumeSubnets are the caller's to set.
func GatewayInput(objects Objects, options Options) (in gateway.Input, ok bool) {
	g := objects.GDC
	if len(g.Clusters)+len(g.GatewayGroups)+len(g.LoadBalancers)+len(g.Peers) == 0 {
		return gateway.Input{}, false
	}
	return gateway.Input{
		Clusters: g.Clusters, Groups: g.GatewayGroups, LoadBalancers: g.LoadBalancers, Peers: g.Peers, Reports: g.GatewayNodes, Sessions: g.Sessions,
		Nodes: objects.Nodes, Pools: oldestFirst(objects.Pools, cmp.Or(options.Namespace, DefaultNamespace)), Services: gatewayServices(objects, options),
		IgnoreExcludeLabel: options.IgnoreExcludeLabel,
	}, true
}

func gatewayServices(objects Objects, options Options) []gateway.Service {
	endpoints := endpointNodes(objects.EndpointSlices)
	out := make([]gateway.Service, 0, len(objects.Services))
	for _, s := range objects.Services {
		if options.Skips(s) != "" {
			continue
		}
		at := endpoints[types.NamespacedName{Namespace: s.Namespace, Name: s.Name}]
		out = append(out, gateway.Service{
			Namespace:     s.Namespace,
			Name:          s.Name,
			Ingress:       ingress(s),
			LocalOnly:     s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal,
			Endpoints:     at.any,
			EndpointNodes: at.nodes,
		})
	}
	return out
}

// endpointPlaces tells whether a Service has an endpoint, and on which nodes.
type endpointPlaces struct {
	any   bool
	nodes []string
}

func endpointNodes(slices []*discoveryv1.EndpointSlice) map[types.NamespacedName]endpointPlaces {
	out := make(map[types.NamespacedName]endpointPlaces, len(slices))
	for _, slice := range slices {
		service := slice.Labels[discoveryv1.LabelServiceName]
		if service == "" {
			continue
		}
		k := types.NamespacedName{Namespace: slice.Namespace, Name: service}
		at := out[k]
		for i := range slice.Endpoints {
			e := &slice.Endpoints[i]
			if !usable(e) {
				continue
			}
			at.any = true
			if e.NodeName != nil {
				at.nodes = append(at.nodes, *e.NodeName)
			}
		}
		out[k] = at
	}
	return out
}
