package frrconf

import (
	"fmt"
	"strings"
)

// RouteMap is a list of entries; the first that matches decides, and what none matches is denied.
type RouteMap struct {
	Name    Name
	Entries []RouteMapEntry
}

// MaxSequence is the highest sequence number of an entry; the lowest is 1.
const MaxSequence = 65535

// RouteMapEntry is one entry: its conditions, and what it sets.
type RouteMapEntry struct {
	Permit      bool
	Sequence    uint16
	Description Description
	// MatchTag matches routes with this tag; 0: every route.
	MatchTag uint32
	// Prepend lengthens the AS path; the zero value: unchanged.
	Prepend Prepend
	// Communities and LargeCommunities replace those of the route; empty: unchanged. Sorted by value.
	Communities      Communities
	LargeCommunities LargeCommunities
	// LocalPreference to set; 0: unchanged. (0 is a value in BGP, but not one that MetalLB's objects can ask for.)
	LocalPreference uint32
	// MED to set (RFC 4271, 5.1.4); nil: unchanged.
	MED *uint32
	// SetTag marks the route, inside this FRR only; 0: unchanged.
	SetTag uint32
}

// Action prints permit or deny.
func (e RouteMapEntry) Action() string {
	if e.Permit {
		return "permit"
	}
	return "deny"
}

// Prepend is an AS number, and how many times it is put before an AS path.
type Prepend struct {
	ASN   uint32
	Times int
}

// String prints what follows "set as-path prepend".
func (p Prepend) String() string {
	return strings.TrimSuffix(strings.Repeat(fmt.Sprint(p.ASN, " "), p.Times), " ")
}

// IsZero tells whether nothing is prepended.
func (p Prepend) IsZero() bool { return p.Times == 0 }

// Community is a standard community (RFC 1997): AS number in the high half, value in the low half.
type Community uint32

// wellKnown are the communities that FRR prints by name, on 8.4 and 10.3 alike. 0:0 ("internet" on 8.4) is not among them.
var wellKnown = map[Community]string{
	0xFFFF0000: "graceful-shutdown",
	0xFFFF0001: "accept-own",
	0xFFFF0002: "route-filter-translated-v4",
	0xFFFF0003: "route-filter-v4",
	0xFFFF0004: "route-filter-translated-v6",
	0xFFFF0005: "route-filter-v6",
	0xFFFF0006: "llgr-stale",
	0xFFFF0007: "no-llgr",
	0xFFFF0008: "accept-own-nexthop",
	0xFFFF029A: "blackhole",
	0xFFFFFF01: "no-export",
	0xFFFFFF02: "no-advertise",
	0xFFFFFF03: "local-AS",
	0xFFFFFF04: "no-peer",
}

// String prints the community as FRR does.
func (c Community) String() string {
	if name, ok := wellKnown[c]; ok {
		return name
	}
	return fmt.Sprintf("%d:%d", uint32(c)>>16, uint32(c)&0xFFFF)
}

// LargeCommunity is a large community (RFC 8092).
type LargeCommunity struct{ Global, Local1, Local2 uint32 }

// String prints the community as FRR does.
func (c LargeCommunity) String() string { return fmt.Sprintf("%d:%d:%d", c.Global, c.Local1, c.Local2) }

// Communities is a sorted list of standard communities.
type Communities []Community

// String prints the list as FRR does after "set community".
func (c Communities) String() string { return joined(c) }

// LargeCommunities is a sorted list of large communities.
type LargeCommunities []LargeCommunity

// String prints the list as FRR does after "set large-community".
func (c LargeCommunities) String() string { return joined(c) }

func joined[T fmt.Stringer](list []T) string {
	words := make([]string, len(list))
	for i, c := range list {
		words[i] = c.String()
	}
	return strings.Join(words, " ")
}
