package frrconf

import (
	"errors"
	"fmt"
	"net/netip"
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
	// MatchLargeCommunity matches routes that have one of this list; the zero Name: every route.
	MatchLargeCommunity Name
	// Prepend lengthens the AS path; the zero value: unchanged.
	Prepend Prepend
	// Communities and LargeCommunities replace those of the route; empty: unchanged. Sorted by value.
	Communities      Communities
	LargeCommunities LargeCommunities
	// DeleteLargeCommunities takes those of this list from the route; the zero Name: none.
	DeleteLargeCommunities Name
	// NextHopIPv4 and NextHopIPv6 to set; the zero NextHop: unchanged. The one does nothing to routes of the other's family.
	NextHopIPv4 NextHop
	NextHopIPv6 NextHop
	// LocalPreference to set; 0: unchanged. (0 is a value in BGP, but not one that MetalLB's objects can ask for.)
	LocalPreference uint32
	// MED to set (RFC 4271, 5.1.4); nil: unchanged.
	MED *uint32
	// Weight to set, inside this FRR only; nil: unchanged. A route of our own has 32768 otherwise, and wins over all that are learnt.
	Weight *uint32
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

// NextHop is an address that packets can be sent to.
type NextHop struct{ addr netip.Addr }

// NewNextHop takes an address as a next hop: a global one, without zone, of either family.
func NewNextHop(a netip.Addr) (NextHop, error) {
	switch {
	case !a.IsValid():
		return NextHop{}, errors.New("no address")
	case a.Zone() != "":
		return NextHop{}, fmt.Errorf("%s has a zone, which means nothing to another router", a)
	case a.Is4In6():
		return NextHop{}, fmt.Errorf("%s is an IPv4 address in IPv6 form; write %s", a, a.Unmap())
	case !a.IsGlobalUnicast():
		return NextHop{}, fmt.Errorf("%s is not an address that another router can send packets to", a)
	}
	return NextHop{a}, nil
}

// String prints the address; empty for the zero NextHop.
func (h NextHop) String() string {
	if h.IsZero() {
		return ""
	}
	return h.addr.String()
}

// IsZero tells whether no address is set.
func (h NextHop) IsZero() bool { return !h.addr.IsValid() }

// LargeCommunityList is a list of large communities that route-maps match and delete by; any one of its entries matches.
type LargeCommunityList struct {
	Name    Name
	Entries LargeCommunities
}

// Sequence is the number of the i-th entry.
func (LargeCommunityList) Sequence(i int) int { return 5 * (i + 1) }

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
