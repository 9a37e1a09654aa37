package manager

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
)

// ownerLabel marks the BGPSessions and BGPAdvertisedRoutes that the manager made, and may change and delete.
const (
	ownerLabel = "app.kubernetes.io/managed-by"
	owner      = "frr-renderer-manager"
)

// objects are what an Assignment depends on, and those that it is written to, as they are.
type objects struct {
	gateway.Input
	groups    map[key]version[*networking.NetworkGatewayGroup]
	balancers map[key]version[*networking.BGPLoadBalancer]
	peers     map[key]version[*networking.BGPPeer]
	sessions  map[key]version[*networking.BGPSession]
	routes    map[key]version[*networking.BGPAdvertisedRoute]
}

// input is what is known now.
func (m *Manager) input(leases map[string]gateway.Lease) objects {
	s := m.store
	out := objects{
		groups:    all[*networking.NetworkGatewayGroup](s, groupKind),
		balancers: all[*networking.BGPLoadBalancer](s, loadBalancerKind),
		peers:     all[*networking.BGPPeer](s, peerKind),
		sessions:  all[*networking.BGPSession](s, sessionKind),
		routes:    all[*networking.BGPAdvertisedRoute](s, routeKind),
	}
	out.Input = gateway.Input{
		Namespace:     m.options.ClusterNamespace,
		Clusters:      list(all[*baremetal.Cluster](s, clusterKind)),
		Groups:        list(out.groups),
		LoadBalancers: list(out.balancers),
		Peers:         list(out.peers),
		Pools:         list(all[*v1beta1.IPAddressPool](s, poolKind)),
		Nodes:         list(all[*corev1.Node](s, nodeKind)),
		Services:      m.services(),
		Reports:       list(all[*networking.NetworkGatewayNode](s, gatewayNodeKind)),
		Leases:        leases, IgnoreExcludeLabel: m.options.IgnoreExcludeLabel,
	}
	for _, v := range out.sessions {
		if v.object.Labels[ownerLabel] == owner {
			out.Sessions = append(out.Sessions, v.object)
		}
	}
	return out
}

// services are those that may be announced, with where their endpoints are.
func (m *Manager) services() []gateway.Service {
	services := all[*corev1.Service](m.store, serviceKind)
	out := make(map[key]*gateway.Service, len(services))
	for k, v := range services {
		one := &gateway.Service{
			Namespace: k.namespace, Name: k.name, LocalOnly: v.object.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal,
		}
		for _, i := range v.object.Status.LoadBalancer.Ingress {
			one.Ingress = append(one.Ingress, cmp.Or(i.IP, i.Hostname))
		}
		out[k] = one
	}
	for k, v := range all[*discoveryv1.EndpointSlice](m.store, endpointsKind) {
		if of := out[key{k.namespace, v.object.Labels[discoveryv1.LabelServiceName]}]; of != nil {
			addEndpoints(of, v.object)
		}
	}
	sorted := make([]gateway.Service, 0, len(out))
	for _, one := range out {
		sorted = append(sorted, *one)
	}
	slices.SortFunc(sorted, func(a, b gateway.Service) int {
		return key{a.Namespace, a.Name}.compare(key{b.Namespace, b.Name})
	})
	return sorted
}

// addEndpoints tells a Service of a trimmed slice of its endpoints.
func addEndpoints(s *gateway.Service, slice *discoveryv1.EndpointSlice) {
	for i := range slice.Endpoints {
		s.Endpoints = true
		if node := nodeOf(&slice.Endpoints[i]); node != "" && s.LocalOnly {
			s.EndpointNodes = append(s.EndpointNodes, node)
		}
	}
}
