package frrconf

import (
	"fmt"
	"net/netip"
	"slices"
)

// Instance is one "router bgp" block: an AS number in one VRF, or a view beside it.
type Instance struct {
	ASN uint32
	// VRF is the zero Name for the default VRF.
	VRF Name
	// View is the name of an instance beside that of the default VRF, with routes and neighbors of its own and none of the kernel's; the zero Name: no
	// view. It excludes VRF. A view needs a RouterID: FRR tells it none.
	View Name
	// RouterID is the BGP identifier, an IPv4 address; the zero Addr leaves it to FRR (the highest address of the VRF).
	RouterID netip.Addr
	// GracefulShutdown asks the neighbors to prefer other routes than ours (RFC 8326): external ones by the community, internal ones by a
	// local preference of 0.
	GracefulShutdown bool
	Neighbors        []Neighbor
	IPv4             AddressFamily
	IPv6             AddressFamily
}

// AddressFamily is what an Instance announces in one family.
type AddressFamily struct {
	Networks []Network
}

// Network is one prefix that the instance originates, whatever the kernel's routes are (no bgp network import-check).
type Network struct {
	Prefix netip.Prefix
	// RouteMap is the class of the prefix: it sets the tag that the neighbors' outbound route-maps match.
	RouteMap Name
}

// String is what follows the word "network".
func (n Network) String() string { return string(n.Append(nil)) }

// Append appends what String returns.
func (n Network) Append(b []byte) []byte {
	return append(append(n.Prefix.AppendTo(b), " route-map "...), n.RouteMap.String()...)
}

// RemoteAS is a neighbor's AS: a number, or a rule for what it may be.
type RemoteAS struct {
	asn  uint32
	rule string
}

// RemoteASN is a known AS number, 1 to 4294967295.
func RemoteASN(asn uint32) RemoteAS { return RemoteAS{asn: asn} }

// Internal and External take the number from the neighbor's OPEN: ours, or any but ours.
var (
	Internal = RemoteAS{rule: "internal"}
	External = RemoteAS{rule: "external"}
)

// String prints the AS as FRR does after "remote-as".
func (r RemoteAS) String() string {
	if r.rule != "" {
		return r.rule
	}
	return fmt.Sprint(r.asn)
}

// Table names the instance as FRR's "show bgp vrf NAME" does; empty for that of the default VRF.
func (i Instance) Table() string {
	if !i.View.IsZero() {
		return i.View.String()
	}
	return i.VRF.String()
}

// CarriesIPv4 tells whether the instance has anything to say in its IPv4 family.
func (i Instance) CarriesIPv4() bool {
	return i.carries(i.IPv4, func(n Neighbor) bool { return n.IPv4 })
}

// CarriesIPv6 tells whether the instance has anything to say in its IPv6 family.
func (i Instance) CarriesIPv6() bool {
	return i.carries(i.IPv6, func(n Neighbor) bool { return n.IPv6 })
}

func (i Instance) carries(family AddressFamily, carried func(Neighbor) bool) bool {
	return len(family.Networks) > 0 || slices.ContainsFunc(i.Neighbors, carried)
}
