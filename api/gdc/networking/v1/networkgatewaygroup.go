package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// NetworkGatewayGroupSpec says which floating IPs there are, and which nodes may hold them.
type NetworkGatewayGroupSpec struct {
	// FloatingIPs are the IPv4 addresses that sessions start from, each out of a subnet of the nodes and used by nothing else. One is held by
	// one node at a time. The order counts: where a node holds several, the first is its address for a session. Two or more are
	// recommended, so that one node may fail.
	// +listType=atomic
	// +kubebuilder:validation:MinItems:=1
	// +kubebuilder:validation:MaxItems:=64
	// +kubebuilder:validation:items:MaxLength:=64
	// +kubebuilder:validation:XValidation:message="each of floatingIPs is an IPv4 address such as 10.0.1.100: sessions are IPv4 only, IPv6 routes go over them, too",rule="self.all(a, a.matches('^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$'))"
	// +kubebuilder:validation:XValidation:message="an address stands twice in floatingIPs: delete one",rule="self.all(a, self.exists_one(b, b == a))"
	FloatingIPs []string `json:"floatingIPs"`

	// NodeSelector names the nodes that may hold the floating IPs; a node must match all of it. Left out: every node with a fitting subnet.
	// It is a label selector (matchLabels, matchExpressions), a plain map of labels, or a list of maps of labels or of texts such as
	// "key=value", "key", "!key", "key in (a,b)".
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	NodeSelector *NodeSelector `json:"nodeSelector,omitempty"`
}

// GatewayState tells whether a node can hold floating IPs.
//
// +kubebuilder:validation:Enum=Up;NotHealthy
type GatewayState string

const (
	// GatewayUp: the node can hold floating IPs.
	GatewayUp GatewayState = "Up"
	// GatewayNotHealthy: it can't, or has not been heard of for long.
	GatewayNotHealthy GatewayState = "NotHealthy"
)

// NetworkGatewayGroupStatus is where the floating IPs are. The documents don't describe it; these fields are ours.
type NetworkGatewayGroupStatus struct {
	// Conditions tell whether the object can be used, and what is amiss.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// FloatingIPs name for each floating IP the node that holds it. Those that no node holds are not here.
	// +optional
	FloatingIPs map[string]string `json:"floatingIPs,omitempty"`

	// Nodes tell of each node that may hold a floating IP whether it can.
	// +optional
	Nodes map[string]GatewayState `json:"nodes,omitempty"`
}

// NetworkGatewayGroup is a set of floating IPs. Sessions to BGPPeers start from them, wherever they are held.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Floating IPs",type=string,JSONPath=`.spec.floatingIPs`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type NetworkGatewayGroup struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   NetworkGatewayGroupSpec   `json:"spec"`
	Status NetworkGatewayGroupStatus `json:"status,omitempty"`
}

// NetworkGatewayGroupList is a list of NetworkGatewayGroups.
//
// +kubebuilder:object:root=true
type NetworkGatewayGroupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NetworkGatewayGroup `json:"items"`
}
