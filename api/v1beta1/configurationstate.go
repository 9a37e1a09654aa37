package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ConfigurationResult tells in a word whether a component can use the objects.
//
// +kubebuilder:validation:Enum=Valid;Invalid;Unknown
type ConfigurationResult string

const (
	// ConfigurationValid: every object is used.
	ConfigurationValid ConfigurationResult = "Valid"
	// ConfigurationInvalid: an object, or its last change, is left out.
	ConfigurationInvalid ConfigurationResult = "Invalid"
	// ConfigurationUnknown: it could not be tried.
	ConfigurationUnknown ConfigurationResult = "Unknown"
)

// ConfigurationStateStatus is what a component says of the objects that it reads.
type ConfigurationStateStatus struct {
	// Result tells in a word whether the objects can be used.
	// +optional
	Result ConfigurationResult `json:"result,omitempty"`

	// ErrorSummary names the objects that can't be used, and why; empty when there are none.
	// +optional
	ErrorSummary string `json:"errorSummary,omitempty"`

	// Conditions of the component's parts: configReconcilerValid, poolReconcilerValid.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ConfigurationState tells whether one component, the speaker of a node say, can use the objects of the namespace. Components write it, people read it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Result",type=string,JSONPath=`.status.result`
// +kubebuilder:printcolumn:name="ErrorSummary",type=string,JSONPath=`.status.errorSummary`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ConfigurationState struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Status ConfigurationStateStatus `json:"status,omitempty"`
}

// ConfigurationStateList is a list of ConfigurationStates.
//
// +kubebuilder:object:root=true
type ConfigurationStateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ConfigurationState `json:"items"`
}
