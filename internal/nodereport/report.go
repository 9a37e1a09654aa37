package nodereport

import (
	"fmt"
	"net/netip"
	"slices"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
)

// Report is all that a node tells of itself, in place of the Report before. Order means nothing.
type Report struct {
	// Subnets of the node that floating IPs may come out of. One whose LAN has been down for long is not among them, so that the node is not chosen.
	Subnets []Subnet
	// Floating are the floating IPs that the node holds, or is to hold.
	Floating []FloatingIP
	// Unwell is why the node can hold no floating IP at all; empty: it can. It moves what the node holds, so it is for what lasts.
	Unwell string
	// Gateway tells that the node's lease is to be renewed: it holds a floating IP, or is to hold one, or is one of those that would be given the next
	// (gateway.Renews). What was renewed runs out by itself once it is false.
	Gateway bool
	// Unsure tells that the node holds what its orders give to another, and that these may be outdated: what it is to hold is listed with each renewal of the
	// lease then, so its own watch is not waited for.
	Unsure bool
	// Sessions of the floating IPs that the node holds.
	Sessions []Session
	// Namespace of the NetworkGatewayGroups that say what the node is to hold; empty: not known yet, all count.
	Namespace string
}

// Subnet is a subnet of the node.
type Subnet struct {
	Interface string
	// Address is the node's own there, with the length of the prefix: 10.0.1.10/24.
	Address netip.Prefix
}

// FloatingIP is what became of a floating IP on this node.
type FloatingIP struct {
	Address netip.Addr
	// State; empty for an address that the node neither holds nor asks for, though it is to: it was given up, or is refused, and not for long enough to be
	// moved. Such a one is told by its Reason alone.
	State networking.FloatingIPState
	// MAC is the hardware address of another host that answers for it, if one was seen.
	MAC string
	// Reason is what is amiss, for people; empty: nothing.
	Reason string
}

// Session is how a session of a floating IP with a router fares.
type Session struct {
	FloatingIP, Peer netip.Addr
	Established      bool
	// Advertised are the prefixes that the router is told.
	Advertised []netip.Prefix
	// Message says why it is not Established, as far as that is known.
	Message string
	// AddPath is what was negotiated, for each family that the router has spoken of. What the BGPSession tells of the others' PeerReceives stays: it may
	// have been seen on another node.
	AddPath []networking.AddPath
}

// older is the report for a definition of NetworkGatewayNode that does not know that a floating IP can be refused: a refusal is told by its Reason alone, and a
// node that holds none and refuses any is told to hold nothing, so that it goes elsewhere all the same.
func (r Report) older() Report {
	why, holds := "", false
	r.Floating = slices.Clone(r.Floating)
	for i := range r.Floating {
		switch f := &r.Floating[i]; f.State {
		case networking.FloatingIPHeld:
			holds = true
		case networking.FloatingIPRefused:
			f.State, why = "", fmt.Sprintf("%s: %s", f.Address, f.Reason)
		}
	}
	if !holds && r.Unwell == "" {
		r.Unwell = why
	}
	return r
}

func (r Report) refuses() bool {
	return slices.ContainsFunc(r.Floating, func(f FloatingIP) bool { return f.State == networking.FloatingIPRefused })
}

// clone is a copy that shares nothing with what the caller may change.
func (r Report) clone() Report {
	r.Subnets, r.Floating, r.Sessions = slices.Clone(r.Subnets), slices.Clone(r.Floating), slices.Clone(r.Sessions)
	for i := range r.Sessions {
		s := &r.Sessions[i]
		s.Advertised, s.AddPath = slices.Clone(s.Advertised), slices.Clone(s.AddPath)
	}
	return r
}

// idle tells whether there are sessions to have, and none is up.
func (r *Report) idle() bool {
	return len(r.Sessions) > 0 && !slices.ContainsFunc(r.Sessions, func(s Session) bool { return s.Established })
}
