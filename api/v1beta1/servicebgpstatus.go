package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ServiceBGPStatusSpec is empty: the kind is all status.
type ServiceBGPStatusSpec struct{}

// MetalLBServiceBGPStatus names the peers that one node announces one Service to.
type MetalLBServiceBGPStatus struct {
	// Node that announces.
	// +optional
	// +kubebuilder:validation:XValidation:message="node can't be changed",rule="self == oldSelf"
	Node string `json:"node,omitempty"`

	// ServiceName is the name of the Service.
	// +optional
	// +kubebuilder:validation:XValidation:message="serviceName can't be changed",rule="self == oldSelf"
	ServiceName string `json:"serviceName,omitempty"`

	// ServiceNamespace is the namespace of the Service.
	// +optional
	// +kubebuilder:validation:XValidation:message="serviceNamespace can't be changed",rule="self == oldSelf"
	ServiceNamespace string `json:"serviceNamespace,omitempty"`

	// Peers are the names of the BGPPeers that are told, sorted: what is configured, whether their sessions are up or not.
	// +optional
	Peers []string `json:"peers,omitempty"`
}

// ServiceBGPStatus tells to which peers one node announces one Service. Speakers write it, people read it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Node",type=string,JSONPath=`.status.node`
// +kubebuilder:printcolumn:name="Service Name",type=string,JSONPath=`.status.serviceName`
// +kubebuilder:printcolumn:name="Service Namespace",type=string,JSONPath=`.status.serviceNamespace`
type ServiceBGPStatus struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ServiceBGPStatusSpec    `json:"spec,omitempty"`
	Status MetalLBServiceBGPStatus `json:"status,omitempty"`
}

// ServiceBGPStatusList is a list of ServiceBGPStatuses.
//
// +kubebuilder:object:root=true
type ServiceBGPStatusList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ServiceBGPStatus `json:"items"`
}
