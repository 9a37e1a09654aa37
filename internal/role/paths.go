package role

import (
	"maps"
	"net/netip"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
)

// pair is a session: it is the same one wherever the floating IP is.
type pair struct{ peer, floating netip.Addr }

// many is what a router, by its AS number, was seen to receive: several paths for a prefix, or one.
type many struct {
	asn    uint32
	v4, v6 bool
}

// paths remember what routers receive. A session begins without several paths, and turning them on costs a reset, so what was seen once counts until
// something else is seen.
type paths struct {
	// own was seen here, while we hold the floating IP; told stands in BGPSessions, or did, or was seen here before.
	own, told map[pair]many
}

func newPaths() paths { return paths{own: map[pair]many{}, told: map[pair]many{}} }

// see notes what was seen here, and tells whether that is news.
func (p *paths) see(at pair, seen many) bool {
	news := p.own[at] != seen
	p.own[at] = seen
	return news
}

// keep forgets what was seen of floating IPs that are not here any more: others see it now.
func (p *paths) keep(here func(netip.Addr) bool) bool {
	news := false
	for at, seen := range p.own {
		if !here(at.floating) {
			p.told[at] = seen
			delete(p.own, at)
			news = true
		}
	}
	return news
}

// read takes in what BGPSessions tell. A new one that tells nothing yet changes nothing: it may be the old one under another name.
func (p *paths) read(sessions []*networking.BGPSession) {
	for _, s := range sessions {
		peer, err := netip.ParseAddr(s.Spec.PeerIP)
		floating, err2 := netip.ParseAddr(s.Spec.FloatingIP)
		if err != nil || err2 != nil || len(s.Status.AddPath) == 0 {
			continue
		}
		seen := many{asn: s.Spec.PeerASN}
		for _, family := range s.Status.AddPath {
			seen.v4 = seen.v4 || family.PeerReceives && family.Family == networking.IPv4
			seen.v6 = seen.v6 || family.PeerReceives && family.Family == networking.IPv6
		}
		p.told[pair{peer, floating}] = seen
	}
}

// apply corrects what an Assignment says of sessions, and forgets what concerns none.
func (p *paths) apply(sessions []gateway.Session) {
	asked := make(map[pair]bool, len(sessions))
	for i := range sessions {
		s := &sessions[i]
		at := pair{s.PeerIP, s.FloatingIP}
		asked[at] = true
		seen, known := p.own[at]
		if !known || seen.asn != s.PeerASN {
			seen, known = p.told[at]
		}
		if known && seen.asn == s.PeerASN {
			s.ManyIPv4, s.ManyIPv6 = seen.v4, seen.v6
		}
	}
	maps.DeleteFunc(p.told, func(at pair, _ many) bool { return !asked[at] })
}
