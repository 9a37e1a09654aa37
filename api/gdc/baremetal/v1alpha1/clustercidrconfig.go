package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClusterCIDRConfigSpec says out of which ranges nodes get the addresses of their pods. One family is needed at least.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ClusterCIDRConfigSpec struct {
	// NodeSelector names the nodes that it is for. Left out or empty: those that no other is for.
	// +optional
	NodeSelector *metav1.LabelSelector `json:"nodeSelector,omitempty"`

	// IPv4 range.
	// +optional
	IPv4 *CIDRConfig `json:"ipv4,omitempty"`

	// IPv6 range.
	// +optional
	IPv6 *CIDRConfig `json:"ipv6,omitempty"`
}

// CIDRConfig is a range that is divided among nodes.
//
// +kubebuilder:pruning:PreserveUnknownFields
type CIDRConfig struct {
	// CIDR is the range, such as 192.168.0.0/16.
	// +kubebuilder:validation:MaxLength:=64
	CIDR string `json:"cidr"`

	// PerNodeMaskSize is the length of a node's prefix in bits: at least the range's, at most 32 or 128.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=128
	PerNodeMaskSize int32 `json:"perNodeMaskSize"`
}

// ClusterCIDRConfig says out of which ranges nodes get the addresses of their pods.
//
// +kubebuilder:object:root=true
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ClusterCIDRConfig struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec ClusterCIDRConfigSpec `json:"spec,omitempty"`

	// Status is kept as it is.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	Status ClusterCIDRConfigStatus `json:"status,omitempty"`
}

// ClusterCIDRConfigStatus is nothing that matters here.
type ClusterCIDRConfigStatus struct{}

// ClusterCIDRConfigList is a list of ClusterCIDRConfigs.
//
// +kubebuilder:object:root=true
type ClusterCIDRConfigList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClusterCIDRConfig `json:"items"`
}
