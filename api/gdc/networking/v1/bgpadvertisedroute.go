package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// BGPAdvertisedRouteSpec is a route that is announced.
type BGPAdvertisedRouteSpec struct {
	// Prefix that is announced, such as 203.0.113.1/32 or 2001:db8::1/128.
	// +kubebuilder:validation:MaxLength:=64
	Prefix string `json:"prefix"`

	// Metric is the route's MED (RFC 4271, 5.1.4), 0 to 4294967295; left out: none is set.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=4294967295
	// +kubebuilder:validation:Format=int64
	Metric *uint32 `json:"metric,omitempty"`

	// NextHops are addresses of the nodes that traffic may come to, sorted, all of the prefix' family. A router that does not receive several
	// paths is told one of them a session. The documents don't name the field.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:items:MaxLength:=64
	NextHops []string `json:"nextHops,omitempty"`
}

// BGPAdvertisedRoute is a route that is announced to the peers. That of a Service is named BGPLOADBALANCER-NAMESPACE-SERVICE, with -ipv6 after
// it for the second family of a dual-stack Service. We write it, people read it.
//
// +kubebuilder:object:root=true
// +kubebuilder:printcolumn:name="Prefix",type=string,JSONPath=`.spec.prefix`
// +kubebuilder:printcolumn:name="Metric",type=integer,JSONPath=`.spec.metric`
type BGPAdvertisedRoute struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec BGPAdvertisedRouteSpec `json:"spec"`
}

// BGPAdvertisedRouteList is a list of BGPAdvertisedRoutes.
//
// +kubebuilder:object:root=true
type BGPAdvertisedRouteList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []BGPAdvertisedRoute `json:"items"`
}
