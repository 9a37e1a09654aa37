package snapshot

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/frr-renderer/frr-renderer/internal/gateway"
)

// GatewayInput is what GDC's objects, and those that they go with, are to gateway.Assign; ok is false where none of them asks for anything. Who
// reads an API server for one node needs Places of the endpoints. Namespace, Leases, Before, Placed and AssumeSubnets are the caller's to
// set.
func GatewayInput(objects Objects, options Options) (in gateway.Input, ok bool) {
	g := objects.GDC
	if len(g.Clusters)+len(g.GatewayGroups)+len(g.LoadBalancers)+len(g.Peers) == 0 && !slices.ContainsFunc(options.Unread, gateway.Asks) {
		return gateway.Input{}, false
	}
	return gateway.Input{
		Clusters: g.Clusters, Groups: g.GatewayGroups, LoadBalancers: g.LoadBalancers, Peers: g.Peers, Reports: g.GatewayNodes, Sessions: g.Sessions,
		CIDRConfigs: g.CIDRConfigs, Unread: options.Unread, Incomplete: options.Incomplete,
		Nodes: objects.Nodes, Pools: oldestFirst(objects.Pools, cmp.Or(options.Namespace, DefaultNamespace)), Services: gatewayServices(objects, options),
		IgnoreExcludeLabel: options.IgnoreExcludeLabel,
	}, true
}

func gatewayServices(objects Objects, options Options) []gateway.Service {
	endpoints := endpointPlaces(objects)
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

// places tells whether a Service has an endpoint, and on which nodes.
type places struct {
	any   bool
	nodes []string
}

func endpointPlaces(objects Objects) map[types.NamespacedName]places {
	out := make(map[types.NamespacedName]places, len(objects.Endpoints)+len(objects.EndpointSlices))
	for _, e := range objects.Endpoints {
		at := places{any: e.Any}
		if e.Places != nil {
			at.nodes = slices.Clip(e.Places.Nodes) // they are shared
		}
		out[types.NamespacedName{Namespace: e.Namespace, Name: e.Service}] = at
	}
	for _, slice := range objects.EndpointSlices {
		service := slice.Labels[discoveryv1.LabelServiceName]
		if service == "" {
			continue
		}
		k := types.NamespacedName{Namespace: slice.Namespace, Name: service}
		nodes, any := PlacesOf(slice)
		at := out[k]
		out[k] = places{at.any || any, append(at.nodes, nodes...)}
	}
	return out
}
