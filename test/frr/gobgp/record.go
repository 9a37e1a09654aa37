package gobgp

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// Path is one route as it was on the wire.
type Path struct {
	Prefix           netip.Prefix
	PathID           uint32 // with ADD-PATH, otherwise 0
	NextHop          netip.Addr
	LinkLocal        netip.Addr // second next hop of an IPv6 route, if any
	ASPath           []uint32
	ASPathString     string // with sets and confederations marked
	Origin           uint8  // 0 IGP, 1 EGP, 2 incomplete
	Communities      []string
	LargeCommunities []string
	// LocalPref and MED are 0 when HasLocalPref and HasMED say that the attribute was absent.
	LocalPref    uint32
	HasLocalPref bool
	MED          uint32
	HasMED       bool
	// Attributes are all attributes of the UPDATE, also those that have no field here.
	Attributes []bgp.PathAttributeInterface
	// Received is the time of the UPDATE.
	Received time.Time
}

// Update is one UPDATE message.
type Update struct {
	Time      time.Time // when its last byte had been read
	Session   int       // 1 for the first session that came up, and so on
	Announced []Path
	Withdrawn []Path // only Prefix and PathID are set
	EndOfRIB  string // "ipv4-unicast" or "ipv6-unicast" when it is that marker
	Bytes     int
}

// Open is an OPEN that the neighbor sent.
type Open struct {
	Time         time.Time
	AS           uint32
	RouterID     netip.Addr
	HoldTime     time.Duration
	Capabilities []bgp.ParameterCapabilityInterface
}

// Notification ends a session.
type Notification struct {
	Time          time.Time
	Sent          bool // by us
	Code, Subcode uint8
	Data          []byte
}

func (n Notification) String() string {
	who := "received"
	if n.Sent {
		who = "sent"
	}
	return fmt.Sprintf("%s NOTIFICATION %d/%d %q", who, n.Code, n.Subcode, n.Data)
}

type key struct {
	prefix netip.Prefix
	id     uint32
}

// decode turns an UPDATE into our shape. Communities are in numbers, also the well-known ones: "65535:65281" is no-export.
func decode(msg *bgp.BGPUpdate, at time.Time) Update {
	u := Update{Time: at}
	if eor, family := msg.IsEndOfRib(); eor {
		u.EndOfRIB = family.String()
		return u
	}
	base := attributes(msg.PathAttributes)
	base.Received = at
	u.Withdrawn = appendPaths(u.Withdrawn, Path{Received: at}, msg.WithdrawnRoutes)
	u.Announced = appendPaths(u.Announced, base, msg.NLRI)
	for _, a := range msg.PathAttributes {
		switch a := a.(type) {
		case *bgp.PathAttributeMpReachNLRI:
			p := base
			p.NextHop, p.LinkLocal = a.Nexthop, a.LinkLocalNexthop
			u.Announced = appendPaths(u.Announced, p, a.Value)
		case *bgp.PathAttributeMpUnreachNLRI:
			u.Withdrawn = appendPaths(u.Withdrawn, Path{Received: at}, a.Value)
		}
	}
	return u
}

func attributes(attrs []bgp.PathAttributeInterface) Path {
	p := Path{Attributes: attrs}
	for _, a := range attrs {
		switch a := a.(type) {
		case *bgp.PathAttributeOrigin:
			p.Origin = a.Value
		case *bgp.PathAttributeAsPath:
			p.ASPathString = bgp.AsPathString(a)
			for _, segment := range a.Value {
				p.ASPath = append(p.ASPath, segment.GetAS()...)
			}
		case *bgp.PathAttributeNextHop:
			p.NextHop = a.Value
		case *bgp.PathAttributeMultiExitDisc:
			p.MED, p.HasMED = a.Value, true
		case *bgp.PathAttributeLocalPref:
			p.LocalPref, p.HasLocalPref = a.Value, true
		case *bgp.PathAttributeCommunities:
			for _, c := range a.Value {
				p.Communities = append(p.Communities, fmt.Sprintf("%d:%d", c>>16, c&0xffff))
			}
		case *bgp.PathAttributeLargeCommunities:
			for _, c := range a.Values {
				p.LargeCommunities = append(p.LargeCommunities, fmt.Sprintf("%d:%d:%d", c.ASN, c.LocalData1, c.LocalData2))
			}
		}
	}
	return p
}

func appendPaths(to []Path, base Path, nlris []bgp.PathNLRI) []Path {
	for _, n := range nlris {
		if prefix, ok := n.NLRI.(*bgp.IPAddrPrefix); ok {
			p := base
			p.Prefix, p.PathID = prefix.Prefix, n.ID
			to = append(to, p)
		}
	}
	return to
}
