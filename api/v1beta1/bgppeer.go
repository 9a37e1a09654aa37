package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/api/v1beta2"
)

// NodeSelector is the old form of a label selector: matchExpressions hold the operator as a plain string.
type NodeSelector struct {
	// MatchLabels are labels that a node must have, with these values.
	// +optional
	MatchLabels map[string]string `json:"matchLabels,omitempty"`

	// MatchExpressions are conditions on a node's labels; all must hold.
	// +optional
	MatchExpressions []MatchExpression `json:"matchExpressions,omitempty"`
}

// MatchExpression is one condition on a label.
type MatchExpression struct {
	// Key of the label.
	Key string `json:"key"`
	// Operator: In, NotIn, Exists or DoesNotExist.
	Operator string `json:"operator"`
	// Values for In and NotIn.
	// +kubebuilder:validation:MinItems:=1
	Values []string `json:"values"`
}

// BGPPeerSpec is the old form of a BGP neighbor. Its fields mean what those of v1beta2 mean.
type BGPPeerSpec struct {
	// MyASN is the AS number of our end of the session.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=4294967295
	// +kubebuilder:validation:Format=int64
	MyASN uint32 `json:"myASN"`

	// ASN is the AS number of the neighbor.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=4294967295
	// +kubebuilder:validation:Format=int64
	ASN uint32 `json:"peerASN"`

	// Address of the neighbor.
	Address string `json:"peerAddress"`

	// SrcAddress is the local address that the session starts from.
	// +optional
	SrcAddress string `json:"sourceAddress,omitempty"`

	// Port of the neighbor to connect to. 0: 179.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=16384
	Port uint16 `json:"peerPort,omitempty"`

	// HoldTime to propose.
	// +optional
	HoldTime *metav1.Duration `json:"holdTime,omitempty"`

	// KeepaliveTime is the interval of keepalive messages.
	// +optional
	KeepaliveTime *metav1.Duration `json:"keepaliveTime,omitempty"`

	// RouterID is our BGP identifier.
	// +optional
	RouterID string `json:"routerID,omitempty"`

	// NodeSelectors name the nodes that hold this session.
	// +optional
	NodeSelectors []NodeSelector `json:"nodeSelectors,omitempty"`

	// Password for TCP MD5 authentication.
	// +optional
	Password v1beta2.Password `json:"password,omitempty"`

	// BFDProfile names the BFDProfile of the session's BFD.
	// +optional
	BFDProfile string `json:"bfdProfile,omitempty"`

	// EBGPMultiHop allows an external neighbor that is more than one hop away.
	// +optional
	EBGPMultiHop bool `json:"ebgpMultiHop,omitempty"`
}

// BGPPeerStatus is empty: MetalLB's definition of the kind keeps no state here.
type BGPPeerStatus struct{}

// BGPPeer is the old form of a BGP neighbor. Our CRD does not serve it, since that needs a conversion webhook; files may hold it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:unservedversion
// +kubebuilder:deprecatedversion:warning="v1beta1 is deprecated, please use v1beta2"
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

// ToV1Beta2 returns the same neighbor in the new form. Timers that are left out stay left out: they are FRR's defaults, not zero.
func (p *BGPPeer) ToV1Beta2() *v1beta2.BGPPeer {
	out := &v1beta2.BGPPeer{
		ObjectMeta: *p.ObjectMeta.DeepCopy(),
		Spec: v1beta2.BGPPeerSpec{
			MyASN:        p.Spec.MyASN,
			PeerASN:      p.Spec.ASN,
			Address:      p.Spec.Address,
			SrcAddress:   p.Spec.SrcAddress,
			Port:         p.Spec.Port,
			RouterID:     p.Spec.RouterID,
			Password:     p.Spec.Password,
			BFDProfile:   p.Spec.BFDProfile,
			EBGPMultiHop: p.Spec.EBGPMultiHop,
		},
	}
	out.APIVersion, out.Kind = v1beta2.GroupVersion.String(), "BGPPeer"
	out.Spec.HoldTime = copied(p.Spec.HoldTime)
	out.Spec.KeepaliveTime = copied(p.Spec.KeepaliveTime)
	for _, s := range p.Spec.NodeSelectors {
		out.Spec.NodeSelectors = append(out.Spec.NodeSelectors, s.labelSelector())
	}
	return out
}

func (s NodeSelector) labelSelector() metav1.LabelSelector {
	out := metav1.LabelSelector{}
	if len(s.MatchLabels) > 0 {
		out.MatchLabels = map[string]string{}
		for k, v := range s.MatchLabels {
			out.MatchLabels[k] = v
		}
	}
	for _, e := range s.MatchExpressions {
		out.MatchExpressions = append(out.MatchExpressions, metav1.LabelSelectorRequirement{
			Key:      e.Key,
			Operator: metav1.LabelSelectorOperator(e.Operator),
			Values:   append([]string(nil), e.Values...),
		})
	}
	return out
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
