package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// BGPLoadBalancerSpec says which routers Services are announced to.
type BGPLoadBalancerSpec struct {
	// PeerSelector are labels: the BGPPeers that have all of them are used, those of the same namespace. At least one is needed.
	// +kubebuilder:validation:MaxProperties:=16
	// +kubebuilder:validation:XValidation:message="peerSelector needs at least one label of the BGPPeers to use; without a BGPLoadBalancer the control plane's peers are used",rule="size(self) > 0"
	// +kubebuilder:validation:XValidation:message="a key of peerSelector is no label key: a name such as flat, or example.com/flat with a prefix",rule="self.all(k, size(k) <= 317 && k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))"
	// +kubebuilder:validation:XValidation:message="a value of peerSelector is longer than the 63 characters of a label value",rule="self.all(k, size(self[k]) <= 63)"
	PeerSelector map[string]string `json:"peerSelector"`
}

// BGPLoadBalancerStatus tells whether the object can be used. The documents don't describe it; it is ours.
type BGPLoadBalancerStatus struct {
	// Conditions tell whether the object can be used, and what is amiss.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// BGPLoadBalancer chooses the BGPPeers that Services are announced to. There is at most one in a cluster, named "default". Where it, or any
// BGPPeer, is missing, Services are announced to the control plane's peers (Cluster, spec.loadBalancer.bgpPeers).
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:validation:XValidation:message="a BGPLoadBalancer is named default: set metadata.name to default",rule="self.metadata.name == 'default'"
type BGPLoadBalancer struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   BGPLoadBalancerSpec   `json:"spec"`
	Status BGPLoadBalancerStatus `json:"status,omitempty"`
}

// BGPLoadBalancerList is a list of BGPLoadBalancers.
//
// +kubebuilder:object:root=true
type BGPLoadBalancerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []BGPLoadBalancer `json:"items"`
}
