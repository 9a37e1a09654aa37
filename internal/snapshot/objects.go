package snapshot

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	baremetalv1 "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	"github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1alpha1"
	networkingv1 "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/api/v1beta2"
)

// Objects is everything that a source knows at one moment, of any node. It holds Secrets as Kubernetes' own type, which formats and encodes
// its data in the clear: never log or encode it.
//
// The objects are shared and must not be changed.
// Sources deliver each object once, in any order. v1beta1 BGPPeers are delivered as v1beta2.
type Objects struct {
	Nodes          []*corev1.Node
	Namespaces     []*corev1.Namespace
	Services       []*corev1.Service
	EndpointSlices []*discoveryv1.EndpointSlice
	// Endpoints are what a source for one node has in place of EndpointSlices: each Service once, by namespace and name.
	Endpoints  []Endpoints
	Secrets    []*corev1.Secret
	ConfigMaps []*corev1.ConfigMap // only those named bgpextras

	Peers          []*v1beta2.BGPPeer
	Pools          []*v1beta1.IPAddressPool
	Advertisements []*v1beta1.BGPAdvertisement
	BFDProfiles    []*v1beta1.BFDProfile
	Communities    []*v1beta1.Community

	GDC GDC
}

// GDC are the objects of networking.gke.io and baremetal.cluster.gke.io. The BGPPeer of the first is not MetalLB's.
type GDC struct {
	GatewayGroups    []*networkingv1.NetworkGatewayGroup
	GatewayNodes     []*networkingv1.NetworkGatewayNode
	LoadBalancers    []*networkingv1.BGPLoadBalancer
	Peers            []*networkingv1.BGPPeer
	Sessions         []*networkingv1.BGPSession
	AdvertisedRoutes []*networkingv1.BGPAdvertisedRoute
	Clusters         []*baremetalv1.Cluster
	NodePools        []*baremetalv1.NodePool
	CIDRConfigs      []*v1alpha1.ClusterCIDRConfig
}

// Empty tells that there is no object at all.
func (g GDC) Empty() bool {
	return len(g.GatewayGroups)+len(g.GatewayNodes)+len(g.LoadBalancers)+len(g.Peers)+len(g.Sessions)+len(g.AdvertisedRoutes)+
		len(g.Clusters)+len(g.NodePools)+len(g.CIDRConfigs) == 0
}

// oldestFirst are the same objects in the order in which those of a Snapshot are, of all namespaces.
func (g GDC) oldestFirst() GDC {
	return GDC{
		GatewayGroups: byAge(g.GatewayGroups), GatewayNodes: byAge(g.GatewayNodes), LoadBalancers: byAge(g.LoadBalancers), Peers: byAge(g.Peers),
		Sessions: byAge(g.Sessions), AdvertisedRoutes: byAge(g.AdvertisedRoutes), Clusters: byAge(g.Clusters), NodePools: byAge(g.NodePools),
		CIDRConfigs: byAge(g.CIDRConfigs),
	}
}

// Empty tells that there is no object at all: more likely a mount that is not there yet than a wish.
func (o Objects) Empty() bool {
	return len(o.Nodes)+len(o.Namespaces)+len(o.Services)+len(o.EndpointSlices)+len(o.Endpoints)+len(o.Secrets)+len(o.ConfigMaps)+
		len(o.Peers)+len(o.Pools)+len(o.Advertisements)+len(o.BFDProfiles)+len(o.Communities) == 0 && o.GDC.Empty()
}
