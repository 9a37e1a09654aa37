package status

import (
	"net/netip"
	"time"
)

// Gateway is a node's part in GDC mode at one moment: what it holds, and how the sessions fare that come of it.
type Gateway struct {
	// Unwell says why the node can hold no floating IP; empty: it can.
	Unwell string `json:"unwell,omitempty"`
	// FloatingIPs that the node holds, or is to hold, or could not hold lately, by address. One that went is not among them, though FRR keeps its empty view.
	FloatingIPs []FloatingIP `json:"floatingIPs"`
	// Sessions of the views, with routers and with nodes, by floating IP; then those of the default instance with the holders of floating IPs.
	Sessions []GatewaySession `json:"sessions"`
	// Traffic says what the node is for traffic of Services; nil: no traffic comes to it.
	Traffic *Traffic `json:"traffic,omitempty"`
	// Lease says how the node's lease fares; nil: there is no manager, and no lease.
	Lease *GatewayLease `json:"lease,omitempty"`
	// Taken and Left count floating IPs that came onto the node, and went from it, since the program started.
	Taken uint64 `json:"taken"`
	Left  uint64 `json:"left"`
}

// FloatingIP is one that the node holds, or is to hold.
type FloatingIP struct {
	Address netip.Addr `json:"address"`
	// Group is the NetworkGatewayGroup that it belongs to; empty: none of those that are known.
	Group string `json:"group,omitempty"`
	// State is what became of it here: Probing, Held, Conflict, Yielded, Refused; Waiting before the node has begun.
	State FloatingIPState `json:"state"`
	// MAC is the hardware address of another host that answers for it.
	MAC string `json:"mac,omitempty"`
	// Reason says what is amiss, and the mend.
	Reason string `json:"reason,omitempty"`
	// Wanted tells that the objects have it here (a Refused one that they don't is not given to the node for some minutes); Leaving that it is about to go, its view first.
	Wanted  bool `json:"wanted"`
	Leaving bool `json:"leaving,omitempty"`
}

// FloatingIPState is what became of a floating IP on a node.
type FloatingIPState string

// The states are those of internal/floating, and one for an address that it says nothing of yet.
const (
	FloatingIPWaiting  FloatingIPState = "Waiting"
	FloatingIPProbing  FloatingIPState = "Probing"
	FloatingIPHeld     FloatingIPState = "Held"
	FloatingIPConflict FloatingIPState = "Conflict"
	FloatingIPYielded  FloatingIPState = "Yielded"
	FloatingIPRefused  FloatingIPState = "Refused"
)

// GatewaySession is a session of GDC mode.
type GatewaySession struct {
	// FloatingIP is the one that it belongs to: this node's end where the node holds it, and the other end otherwise.
	FloatingIP netip.Addr `json:"floatingIP"`
	// Instance is FRR's name of the view, "default" for the default instance.
	Instance string `json:"instance"`
	// With says who is at the other end.
	With SessionEnd `json:"with"`
	// Name of the BGPPeer, or of the node, at the other end; empty for one of the Cluster's bgpPeers, and for a holder that is not known.
	Name string `json:"name,omitempty"`
	// Peer is the other end's address, ASN its AS number.
	Peer netip.Addr `json:"peer"`
	ASN  uint32     `json:"asn"`
	// State is FRR's word; Missing where FRR has no such session, Unknown while it does not answer.
	State string        `json:"state"`
	Up    time.Duration `json:"uptime,omitempty"`
	// Paths that are sent to the other end, and that came from it. Several for a prefix count each.
	Sent     int `json:"sent"`
	Received int `json:"received"`
	// Trouble says why it is not Established, as far as FRR knows.
	Trouble string `json:"trouble,omitempty"`
	// AddPath has both families of a session with a router, if the session has them.
	AddPath []SessionAddPath `json:"addPath,omitempty"`
}

// SessionEnd is the other end of a session.
type SessionEnd string

const (
	WithRouter SessionEnd = "router"
	WithNode   SessionEnd = "node"
	// WithHolder is the session of a node that takes traffic with the holder of a floating IP.
	WithHolder SessionEnd = "holder"
)

// States that are no word of FRR's: it has no such session, or does not answer.
const (
	SessionMissing = "Missing"
	SessionUnknown = "Unknown"
)

// Established tells whether routes flow.
func (s GatewaySession) Established() bool { return s.State == "Established" }

// SessionAddPath is how many paths for a prefix a router is told in one family.
type SessionAddPath struct {
	Family string `json:"family"` // ipv4 or ipv6
	// Wanted tells that the router was seen to receive several, and is to be told all; Configured that FRR has it so.
	Wanted     bool `json:"wanted"`
	Configured bool `json:"configured"`
	// PeerReceives and Sending are what both OPENs of the present session said.
	PeerReceives bool `json:"peerReceives"`
	Sending      bool `json:"sending"`
}

// Traffic is what a node is for traffic of Services.
type Traffic struct {
	// IPv4 and IPv6 are the next hops that routers are told; the zero Addr where the node is none for that family.
	IPv4 netip.Addr `json:"ipv4,omitzero"`
	IPv6 netip.Addr `json:"ipv6,omitzero"`
	// Addresses is how many addresses of Services the node is a next hop for, Of how many there are.
	Addresses int `json:"addresses"`
	Of        int `json:"of"`
}

// GatewayLease is how the renewals of the node's lease fare.
type GatewayLease struct {
	// Wanted tells that it is to be renewed: the node holds a floating IP, or may be given one.
	Wanted bool `json:"wanted"`
	// Renewed is the moment of the last renewal, Until how long that holds; zero: never.
	Renewed time.Time `json:"renewed,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	// Renewals and Failures count since the program started.
	Renewals uint64 `json:"renewals"`
	Failures uint64 `json:"failures"`
	// Error says why the last try was none; empty: it was one.
	Error string `json:"error,omitempty"`
}

// Live tells whether the manager takes the node for alive.
func (l GatewayLease) Live(now time.Time) bool { return now.Before(l.Until) }
