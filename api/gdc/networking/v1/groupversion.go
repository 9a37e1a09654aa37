package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is networking.gke.io/v1.
var GroupVersion = schema.GroupVersion{Group: "networking.gke.io", Version: "v1"}

// DefaultName is the name of the one BGPLoadBalancer of a cluster, and of the NetworkGatewayGroup that it cannot do without.
const DefaultName = "default"

// ReportNamespace is where BGPSessions and BGPAdvertisedRoutes are.
const ReportNamespace = "kube-system"

// AddToScheme registers the kinds of this package.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&NetworkGatewayGroup{}, &NetworkGatewayGroupList{},
		&NetworkGatewayNode{}, &NetworkGatewayNodeList{},
		&BGPLoadBalancer{}, &BGPLoadBalancerList{},
		&BGPPeer{}, &BGPPeerList{},
		&BGPSession{}, &BGPSessionList{},
		&BGPAdvertisedRoute{}, &BGPAdvertisedRouteList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
