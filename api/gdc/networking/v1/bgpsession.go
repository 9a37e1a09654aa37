package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// BGPSessionSpec is who speaks with whom.
type BGPSessionSpec struct {
	// FloatingIP is the floating IP that the session belongs to, IPv4.
	// +kubebuilder:validation:MaxLength:=64
	FloatingIP string `json:"floatingIP"`

	// LocalASN is our AS number, 1 to 4294967295.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4294967295
	// +kubebuilder:validation:Format=int64
	LocalASN uint32 `json:"localASN"`

	// LocalIP is the address that the session starts from: the floating IP.
	// +kubebuilder:validation:MaxLength:=64
	LocalIP string `json:"localIP"`

	// NodeName is the node that holds the session.
	// +kubebuilder:validation:MaxLength:=253
	NodeName string `json:"nodeName"`

	// PeerASN is the router's AS number, 1 to 4294967295.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4294967295
	// +kubebuilder:validation:Format=int64
	PeerASN uint32 `json:"peerASN"`

	// PeerIP is the router's address, IPv4.
	// +kubebuilder:validation:MaxLength:=64
	PeerIP string `json:"peerIP"`
}

// SessionState tells whether a session is up.
//
// +kubebuilder:validation:Enum=Established;NotEstablished
type SessionState string

const (
	// SessionEstablished: BGP's state Established (RFC 4271, 8.2.2).
	SessionEstablished SessionState = "Established"
	// SessionNotEstablished: any other.
	SessionNotEstablished SessionState = "NotEstablished"
)

// AddressFamily is a family of routes.
//
// +kubebuilder:validation:Enum=ipv4;ipv6
type AddressFamily string

const (
	// IPv4 are IPv4 unicast routes.
	IPv4 AddressFamily = "ipv4"
	// IPv6 are IPv6 unicast routes.
	IPv6 AddressFamily = "ipv6"
)

// AddPath is what became of ADD-PATH (RFC 7911) for one family of routes.
type AddPath struct {
	// Family of the routes.
	Family AddressFamily `json:"family"`

	// PeerReceives tells that the router's OPEN offers to receive several paths for a prefix. It stays when the session goes down: it is what
	// was last seen.
	PeerReceives bool `json:"peerReceives"`

	// Sending tells that several paths for a prefix are sent: both ends have agreed.
	Sending bool `json:"sending"`
}

// BGPSessionStatus is how the session fares.
type BGPSessionStatus struct {
	// AdvertisedRoutes are the prefixes that the router is told, IPv4 and IPv6, sorted; of more than 100 the first 100. BGPAdvertisedRoutes have
	// all.
	// +optional
	// +listType=atomic
	AdvertisedRoutes []string `json:"advertisedRoutes,omitempty"`

	// LastReportTime is when the node last told of the session: at each change, and otherwise every ten minutes or so.
	// +optional
	LastReportTime *metav1.Time `json:"lastReportTime,omitempty"`

	// State tells whether the session is up.
	// +optional
	State SessionState `json:"state,omitempty"`

	// Message says why a session is not up, as far as it is known, or how many routes there are where advertisedRoutes does not list all. It is ours, as
	// is addPath.
	// +optional
	Message string `json:"message,omitempty"`

	// AddPath is what became of ADD-PATH, for each family of routes; empty: the router has not been spoken with.
	// +optional
	// +listType=map
	// +listMapKey=family
	AddPath []AddPath `json:"addPath,omitempty"`
}

// BGPSession is a session between a floating IP and a router. It is named PEERIP-NODE, with a suffix only where one node holds several
// floating IPs for one router. We write it, people read it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Local ASN",type=integer,JSONPath=`.spec.localASN`
// +kubebuilder:printcolumn:name="Peer ASN",type=integer,JSONPath=`.spec.peerASN`
// +kubebuilder:printcolumn:name="Local IP",type=string,JSONPath=`.spec.localIP`
// +kubebuilder:printcolumn:name="Peer IP",type=string,JSONPath=`.spec.peerIP`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Last Report",type=date,JSONPath=`.status.lastReportTime`
type BGPSession struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   BGPSessionSpec   `json:"spec"`
	Status BGPSessionStatus `json:"status,omitempty"`
}

// BGPSessionList is a list of BGPSessions.
//
// +kubebuilder:object:root=true
type BGPSessionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []BGPSession `json:"items"`
}
