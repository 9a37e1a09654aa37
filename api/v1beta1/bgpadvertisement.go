package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// BGPAdvertisementSpec says which Service addresses are announced, to whom, from where, and with which attributes.
//
// +kubebuilder:validation:XValidation:message="serviceSelectors need single addresses: leave aggregationLength at 32 and aggregationLengthV6 at 128",rule="!has(self.serviceSelectors) || self.serviceSelectors.size() == 0 || ((!has(self.aggregationLength) || self.aggregationLength == 32) && (!has(self.aggregationLengthV6) || self.aggregationLengthV6 == 128))"
type BGPAdvertisementSpec struct {
	// AggregationLength is the IPv4 prefix length that a Service address is announced with, 1 to 32.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:default:=32
	AggregationLength *int32 `json:"aggregationLength,omitempty"`

	// AggregationLengthV6 is the IPv6 prefix length that a Service address is announced with, 1 to 128.
	// +optional
	// +kubebuilder:default:=128
	AggregationLengthV6 *int32 `json:"aggregationLengthV6,omitempty"`

	// LocalPref is the LOCAL_PREF attribute (RFC 4271, 5.1.5), seen by iBGP neighbors only. 0: not set.
	// +optional
	// +kubebuilder:validation:Format=int64
	LocalPref uint32 `json:"localPref,omitempty"`

	// Communities to attach: 65000:1 (RFC 1997), large:64500:1:2 (RFC 8092), or the name of an alias in a Community object.
	// +optional
	Communities []string `json:"communities,omitempty"`

	// IPAddressPools to announce, by name. Empty, and no selector: all pools.
	// +optional
	IPAddressPools []string `json:"ipAddressPools,omitempty"`

	// IPAddressPoolSelectors choose pools by label, besides those named.
	// +optional
	IPAddressPoolSelectors []metav1.LabelSelector `json:"ipAddressPoolSelectors,omitempty"`

	// NodeSelectors choose the nodes that announce; a node that matches any of them does. Empty: every node.
	// +optional
	NodeSelectors []metav1.LabelSelector `json:"nodeSelectors,omitempty"`

	// Peers to announce to, by BGPPeer name. Empty: all.
	// +optional
	Peers []string `json:"peers,omitempty"`

	// ServiceSelectors choose Services by label; a Service that matches any of them is announced. Empty: all.
	// +optional
	ServiceSelectors []metav1.LabelSelector `json:"serviceSelectors,omitempty"`
}

// BGPAdvertisementStatus is empty: MetalLB's definition of the kind keeps no state here.
type BGPAdvertisementStatus struct{}

// BGPAdvertisement announces the Service addresses of pools over BGP.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="IPAddressPools",type=string,JSONPath=`.spec.ipAddressPools`
// +kubebuilder:printcolumn:name="IPAddressPool Selectors",type=string,JSONPath=`.spec.ipAddressPoolSelectors`
// +kubebuilder:printcolumn:name="Peers",type=string,JSONPath=`.spec.peers`
// +kubebuilder:printcolumn:name="Node Selectors",type=string,priority=10,JSONPath=`.spec.nodeSelectors`
type BGPAdvertisement struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   BGPAdvertisementSpec   `json:"spec,omitempty"`
	Status BGPAdvertisementStatus `json:"status,omitempty"`
}

// BGPAdvertisementList is a list of BGPAdvertisements.
//
// +kubebuilder:object:root=true
type BGPAdvertisementList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []BGPAdvertisement `json:"items"`
}
