package v1beta2

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DynamicASNMode lets FRR take the remote AS from the neighbor's OPEN, within one rule.
//
// +kubebuilder:validation:Enum=internal;external
type DynamicASNMode string

const (
	// InternalASN accepts a neighbor of our own AS only (iBGP).
	InternalASN DynamicASNMode = "internal"
	// ExternalASN accepts a neighbor of any other AS (eBGP).
	ExternalASN DynamicASNMode = "external"
)

// BGPPeerSpec says how to reach one BGP neighbor, and from which nodes.
type BGPPeerSpec struct {
	// MyASN is the AS number of our end of the session (RFC 6793), 1 to 4294967295. All peers in one VRF of one node need the same.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=4294967295
	// +kubebuilder:validation:Format=int64
	MyASN uint32 `json:"myASN"`

	// PeerASN is the AS number of the neighbor. Set either this or dynamicASN.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=4294967295
	// +kubebuilder:validation:Format=int64
	PeerASN uint32 `json:"peerASN,omitempty"`

	// DynamicASN takes the neighbor's AS number from its OPEN message: internal (ours) or external (any other).
	// Set either this or peerASN.
	// +optional
	DynamicASN DynamicASNMode `json:"dynamicASN,omitempty"`

	// LocalASN is shown to this neighbor instead of myASN (FRR: local-as no-prepend replace-as).
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4294967295
	// +kubebuilder:validation:Format=int64
	LocalASN uint32 `json:"localASN,omitempty"`

	// Address of the neighbor, IPv4 or IPv6. Set either this or interface.
	// +optional
	Address string `json:"peerAddress,omitempty"`

	// Interface that leads to the neighbor, for a session without addresses (RFC 5549 "unnumbered"). Set either this or peerAddress.
	// +optional
	Interface string `json:"interface,omitempty"`

	// SrcAddress is the local address that the session starts from; its family is that of peerAddress.
	// +optional
	SrcAddress string `json:"sourceAddress,omitempty"`

	// Port of the neighbor to connect to.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=16384
	// +kubebuilder:default:=179
	Port uint16 `json:"peerPort,omitempty"`

	// HoldTime to propose (RFC 4271, 4.2): whole seconds, 0 or at least 3 s. Left out, it is three times keepaliveTime or FRR's default.
	// +optional
	HoldTime *metav1.Duration `json:"holdTime,omitempty"`

	// KeepaliveTime is the interval of keepalive messages, not above holdTime. Left out, it is a third of holdTime or FRR's default.
	// +optional
	KeepaliveTime *metav1.Duration `json:"keepaliveTime,omitempty"`

	// ConnectTime is how long to wait between attempts to connect: whole seconds, 1 to 65535.
	// +optional
	// +kubebuilder:validation:XValidation:message="connectTime is from 1s to 65535s",rule="duration(self).getSeconds() >= 1 && duration(self).getSeconds() <= 65535"
	// +kubebuilder:validation:XValidation:message="connectTime is whole seconds",rule="duration(self).getMilliseconds() % 1000 == 0"
	ConnectTime *metav1.Duration `json:"connectTime,omitempty"`

	// RouterID is our BGP identifier, written as an IPv4 address. Two peers in one VRF of one node must not set different ones.
	// +optional
	RouterID string `json:"routerID,omitempty"`

	// NodeSelectors name the nodes that hold this session; a node that matches any of them does. Empty: every node.
	// +optional
	NodeSelectors []metav1.LabelSelector `json:"nodeSelectors,omitempty"`

	// Password for TCP MD5 authentication (RFC 2385): at most 80 printable characters, no space at either end. Set either this or
	// passwordSecret.
	// +optional
	Password Password `json:"password,omitempty"`

	// PasswordSecret names a Secret of type kubernetes.io/basic-auth in our namespace whose key "password" holds the password.
	// +optional
	PasswordSecret corev1.SecretReference `json:"passwordSecret,omitempty"`

	// BFDProfile names the BFDProfile of the session's BFD (RFC 5880). Empty: no BFD.
	// +optional
	BFDProfile string `json:"bfdProfile,omitempty"`

	// EnableGracefulRestart asks the neighbor to keep forwarding while our BGP restarts (RFC 4724). It can't be changed later.
	// +optional
	// +kubebuilder:validation:XValidation:message="enableGracefulRestart can't be changed: delete the peer and create it anew",rule="self == oldSelf"
	EnableGracefulRestart bool `json:"enableGracefulRestart,omitempty"`

	// EBGPMultiHop allows an external neighbor that is more than one hop away.
	// +optional
	EBGPMultiHop bool `json:"ebgpMultiHop,omitempty"`

	// VRFName is the VRF of the node that the session lives in. Empty: the default VRF.
	// +optional
	VRFName string `json:"vrf,omitempty"`

	// DisableMP does nothing; it is still accepted. Use dualStackAddressFamily.
	// +optional
	// +kubebuilder:default:=false
	DisableMP bool `json:"disableMP,omitempty"`

	// DualStackAddressFamily carries IPv4 and IPv6 routes over this one session.
	// +optional
	// +kubebuilder:default:=false
	DualStackAddressFamily bool `json:"dualStackAddressFamily,omitempty"`
}

// BGPPeerStatus is empty: MetalLB's definition of the kind keeps no state here.
type BGPPeerStatus struct{}

// BGPPeer is one BGP neighbor of the nodes.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:printcolumn:name="Address",type=string,JSONPath=`.spec.peerAddress`
// +kubebuilder:printcolumn:name="ASN",type=string,JSONPath=`.spec.peerASN`
// +kubebuilder:printcolumn:name="BFD Profile",type=string,JSONPath=`.spec.bfdProfile`
// +kubebuilder:printcolumn:name="Multi Hops",type=string,JSONPath=`.spec.ebgpMultiHop`
type BGPPeer struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   BGPPeerSpec   `json:"spec,omitempty"`
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
