package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// CommunitySpec defines aliases for communities.
type CommunitySpec struct {
	// Communities are the aliases; a name may be defined once in all Community objects.
	// +optional
	Communities []CommunityAlias `json:"communities,omitempty"`
}

// CommunityAlias names one community.
type CommunityAlias struct {
	// Name that BGPAdvertisements use.
	// +optional
	Name string `json:"name,omitempty"`

	// Value is 65000:1 (RFC 1997) or large:64500:1:2 (RFC 8092).
	// +optional
	Value string `json:"value,omitempty"`
}

// CommunityStatus is empty: MetalLB's definition of the kind keeps no state here.
type CommunityStatus struct{}

// Community is a list of aliases for BGP communities.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type Community struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   CommunitySpec   `json:"spec,omitempty"`
	Status CommunityStatus `json:"status,omitempty"`
}

// CommunityList is a list of Communities.
//
// +kubebuilder:object:root=true
type CommunityList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Community `json:"items"`
}
