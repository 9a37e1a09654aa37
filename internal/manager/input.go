package manager

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// objects are what an Assignment depends on, and those that it is written to, as they are.
type objects struct {
	gateway.Input
	groups    map[key]version[*networking.NetworkGatewayGroup]
	balancers map[key]version[*networking.BGPLoadBalancer]
	peers     map[key]version[*networking.BGPPeer]
	sessions  map[key]version[*networking.BGPSession]
	routes    map[key]version[*networking.BGPAdvertisedRoute]
	unread    unreadObjects
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
	known := snapshot.Objects{
		Nodes:          list(all[*corev1.Node](s, nodeKind)),
		Services:       list(all[*corev1.Service](s, serviceKind)),
		EndpointSlices: list(all[*discoveryv1.EndpointSlice](s, endpointsKind)),
		Pools:          list(all[*v1beta1.IPAddressPool](s, poolKind)),
		GDC: snapshot.GDC{
			Clusters:      list(all[*baremetal.Cluster](s, clusterKind)),
			GatewayGroups: list(out.groups),
			LoadBalancers: list(out.balancers),
			Peers:         list(out.peers),
			GatewayNodes:  list(all[*networking.NetworkGatewayNode](s, gatewayNodeKind)),
		},
	}
	for _, v := range out.sessions {
		if v.object.Labels[gateway.ManagedBy] == gateway.Manager {
			known.GDC.Sessions = append(known.GDC.Sessions, v.object)
		}
	}
	out.unread = m.unread()
	out.Input, _ = snapshot.GatewayInput(known, snapshot.Options{
		Unread: out.unread.without, Namespace: m.options.Namespace, LoadBalancerClass: m.options.LoadBalancerClass, IgnoreExcludeLabel: m.options.IgnoreExcludeLabel,
	})
	out.Namespace, out.Leases = m.options.ClusterNamespace, leases
	return out
}
