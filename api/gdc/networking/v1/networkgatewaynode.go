package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// NodeSubnet is a subnet that a node is in.
type NodeSubnet struct {
	// Interface that leads to the subnet.
	// +kubebuilder:validation:MaxLength:=15
	Interface string `json:"interface"`

	// Prefix of the subnet, IPv4 or IPv6, without bits of the host: 10.0.1.0/24.
	// +kubebuilder:validation:MaxLength:=64
	Prefix string `json:"prefix"`

	// Address of the node in the subnet, without a length: 10.0.1.10.
	// +kubebuilder:validation:MaxLength:=64
	Address string `json:"address"`
}

// FloatingIPState is what a node does with a floating IP.
//
// +kubebuilder:validation:Enum=Probing;Held;Conflict;Refused
type FloatingIPState string

const (
	// FloatingIPProbing: the node asks whether another host answers for the address, before it takes it (RFC 5227, 2.1).
	FloatingIPProbing FloatingIPState = "Probing"
	// FloatingIPHeld: the node answers for the address.
	FloatingIPHeld FloatingIPState = "Held"
	// FloatingIPConflict: another host answers for the address, and the node does not.
	FloatingIPConflict FloatingIPState = "Conflict"
	// FloatingIPRefused: the node can't hold the address, and could not lately when it was to; the message says why. It is given to another node, if there
	// is one that can hold it.
	FloatingIPRefused FloatingIPState = "Refused"
)

// NodeFloatingIP is a floating IP that the node holds, or ought to, or can't hold.
type NodeFloatingIP struct {
	// Address is the floating IP.
	// +kubebuilder:validation:MaxLength:=64
	Address string `json:"address"`

	// State is what the node does with it.
	State FloatingIPState `json:"state"`

	// ConflictMAC is the hardware address of the other host that answers for it, if one was seen.
	// +optional
	ConflictMAC string `json:"conflictMAC,omitempty"`

	// Message says why the node refuses the address, and what mends it. Of other states the condition Settled tells what is amiss.
	// +optional
	// +kubebuilder:validation:MaxLength:=1024
	Message string `json:"message,omitempty"`
}

// NetworkGatewayNodeStatus is what a node tells of itself.
type NetworkGatewayNodeStatus struct {
	// Subnets of the node's interfaces, with global addresses, sorted by prefix. Those of pods and of floating IPs are not among them.
	// +optional
	// +listType=atomic
	Subnets []NodeSubnet `json:"subnets,omitempty"`

	// FloatingIPs that the node holds, or ought to, and those that it refuses, sorted by address.
	// +optional
	// +listType=map
	// +listMapKey=address
	FloatingIPs []NodeFloatingIP `json:"floatingIPs,omitempty"`

	// State tells whether the node can hold floating IPs: its agent and bgpd are well, and bgpd listens where it may.
	// +optional
	State GatewayState `json:"state,omitempty"`

	// Conditions tell what is amiss: Healthy, whether the node can hold floating IPs at all; Settled, whether it holds those that it is to hold,
	// nobody else does, and it refuses none.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// LastReportTime is when the node last told of itself: at each change, and otherwise every five minutes or so.
	// +optional
	LastReportTime *metav1.Time `json:"lastReportTime,omitempty"`
}

// NetworkGatewayNode is what the agent of one node tells of it, under the node's name: which subnets it is in, and what became of the floating
// IPs that it was given. Agents write it, the manager reads it. The vendor has a kind of this name, whose fields nobody has described: these are ours.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Floating IPs",type=string,JSONPath=`.status.floatingIPs[?(@.state=="Held")].address`
// +kubebuilder:printcolumn:name="Refused",type=string,JSONPath=`.status.floatingIPs[?(@.state=="Refused")].address`
// +kubebuilder:printcolumn:name="Last Report",type=date,JSONPath=`.status.lastReportTime`
type NetworkGatewayNode struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Status NetworkGatewayNodeStatus `json:"status,omitempty"`
}

// NetworkGatewayNodeList is a list of NetworkGatewayNodes.
//
// +kubebuilder:object:root=true
type NetworkGatewayNodeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NetworkGatewayNode `json:"items"`
}
