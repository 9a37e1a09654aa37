package snapshot

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

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
}

// Empty tells that there is no object at all: more likely a mount that is not there yet than a wish.
func (o Objects) Empty() bool {
	return len(o.Nodes)+len(o.Namespaces)+len(o.Services)+len(o.EndpointSlices)+len(o.Endpoints)+len(o.Secrets)+len(o.ConfigMaps)+
		len(o.Peers)+len(o.Pools)+len(o.Advertisements)+len(o.BFDProfiles)+len(o.Communities) == 0
}
