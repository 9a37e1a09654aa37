package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// BGPPeerSpec is a router outside of the cluster, and how many sessions to hold with it.
//
// +kubebuilder:validation:XValidation:message="localASN and peerASN are the same: sessions are eBGP only, peerASN is the router's own AS number",rule="self.localASN != self.peerASN"
type BGPPeerSpec struct {
	// LocalASN is the AS number of the cluster (RFC 6793), 1 to 4294967295: that of the Cluster (spec.loadBalancer.localASN).
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4294967295
	// +kubebuilder:validation:Format=int64
	LocalASN uint32 `json:"localASN"`

	// PeerASN is the AS number of the router, 1 to 4294967295, and another than localASN.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4294967295
	// +kubebuilder:validation:Format=int64
	PeerASN uint32 `json:"peerASN"`

	// PeerIP is the router's IPv4 address. It may be several hops away.
	// +kubebuilder:validation:MaxLength:=64
	// +kubebuilder:validation:XValidation:message="peerIP is an IPv4 address such as 10.0.1.254: sessions are IPv4 only, IPv6 routes go over them, too",rule="self.matches('^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$')"
	PeerIP string `json:"peerIP"`

	// Sessions is how many sessions to hold with the router, each from a node of its own while there are enough. Two or more are recommended,
	// so that one node may fail. Left out: as many as nodes hold floating IPs (the documents name no default).
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	Sessions *int32 `json:"sessions,omitempty"`

	// Selectors restrict from where the sessions start.
	// +optional
	Selectors *BGPPeerSelectors `json:"selectors,omitempty"`
}

// BGPPeerSelectors restrict from where sessions start.
type BGPPeerSelectors struct {
	// GatewayRefs are names of NetworkGatewayGroups of the same namespace: sessions start from their floating IPs only. Empty: from any.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems:=64
	// +kubebuilder:validation:items:MaxLength:=253
	// +kubebuilder:validation:XValidation:message="each of gatewayRefs is the name of a NetworkGatewayGroup, such as default",rule="self.all(n, n.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$'))"
	// +kubebuilder:validation:XValidation:message="a name stands twice in gatewayRefs: delete one",rule="self.all(a, self.exists_one(b, b == a))"
	GatewayRefs []string `json:"gatewayRefs,omitempty"`
}

// BGPPeerStatus tells whether the object can be used. The documents don't describe it; it is ours.
type BGPPeerStatus struct {
	// Conditions tell whether the object can be used, and what is amiss.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// BGPPeer is a router outside of the cluster. It is used when its labels are those that a BGPLoadBalancer asks for (spec.peerSelector).
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Local ASN",type=integer,JSONPath=`.spec.localASN`
// +kubebuilder:printcolumn:name="Peer ASN",type=integer,JSONPath=`.spec.peerASN`
// +kubebuilder:printcolumn:name="Peer IP",type=string,JSONPath=`.spec.peerIP`
// +kubebuilder:printcolumn:name="Sessions",type=integer,JSONPath=`.spec.sessions`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type BGPPeer struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   BGPPeerSpec   `json:"spec"`
	Status BGPPeerStatus `json:"status,omitempty"`
}

// BGPPeerList is a list of BGPPeers.
//
// +kubebuilder:object:root=true
type BGPPeerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []BGPPeer `json:"items"`
}
