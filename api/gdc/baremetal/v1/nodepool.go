package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// NodePool is a set of machines of a cluster. Their Nodes carry its name as the label NodePoolLabel.
//
// +kubebuilder:object:root=true
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type NodePool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec NodePoolSpec `json:"spec,omitempty"`

	// Status is kept as it is.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	Status NodePoolStatus `json:"status,omitempty"`
}

// NodePoolStatus is nothing that matters here.
type NodePoolStatus struct{}

// NodePoolList is a list of NodePools.
//
// +kubebuilder:object:root=true
type NodePoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NodePool `json:"items"`
}
