package gobgp

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// ErrDown says that there is no session to send on.
var ErrDown = errors.New("the session is not established")

// Announce sends an UPDATE for prefixes of one family. Of the path, ASPath (without our own AS, which is put in front unless the session is
// iBGP), NextHop (our address unless set), Communities, LargeCommunities, LocalPref, MED and PathID are used.
func (p *Peer) Announce(path Path, prefixes ...netip.Prefix) error {
	c, err := p.current()
	if err != nil {
		return err
	}
	attrs, err := p.encode(path)
	if err != nil {
		return err
	}
	nlris, family, err := nlri(path.PathID, prefixes)
	if err != nil {
		return err
	}
	nextHop := path.NextHop
	if !nextHop.IsValid() {
		nextHop = p.Config.Address
	}
	if family == bgp.RF_IPv4_UC && nextHop.Is4() {
		a, err := bgp.NewPathAttributeNextHop(nextHop)
		if err != nil {
			return err
		}
		return c.send(bgp.NewBGPUpdateMessage(nil, append(attrs, a), nlris))
	}
	reach, err := bgp.NewPathAttributeMpReachNLRI(family, nlris, nextHop)
	if err != nil {
		return err
	}
	return c.send(bgp.NewBGPUpdateMessage(nil, append(attrs, reach), nil))
}

// Withdraw takes prefixes of one family back.
func (p *Peer) Withdraw(pathID uint32, prefixes ...netip.Prefix) error {
	c, err := p.current()
	if err != nil {
		return err
	}
	nlris, family, err := nlri(pathID, prefixes)
	if err != nil {
		return err
	}
	if family == bgp.RF_IPv4_UC {
		return c.send(bgp.NewBGPUpdateMessage(nlris, nil, nil))
	}
	unreach, err := bgp.NewPathAttributeMpUnreachNLRI(family, nlris)
	if err != nil {
		return err
	}
	return c.send(bgp.NewBGPUpdateMessage(nil, []bgp.PathAttributeInterface{unreach}, nil))
}

// EndOfRIB sends the marker.
func (p *Peer) EndOfRIB(family bgp.Family) error {
	c, err := p.current()
	if err != nil {
		return err
	}
	return c.send(bgp.NewEndOfRib(family))
}

// Refresh asks the neighbor to send everything again (RFC 2918).
func (p *Peer) Refresh(family bgp.Family) error {
	c, err := p.current()
	if err != nil {
		return err
	}
	return c.send(bgp.NewBGPRouteRefreshMessage(family.Afi(), 0, family.Safi()))
}

// Reset ends the session with a NOTIFICATION (cease, administrative reset); the neighbor may call again.
func (p *Peer) Reset() error {
	c, err := p.current()
	if err != nil {
		return err
	}
	p.notify(c, cease, adminReset, nil)
	return c.Close()
}

// Abort drops the connection without a word, as a crash does.
func (p *Peer) Abort() error {
	c, err := p.current()
	if err != nil {
		return err
	}
	return c.Close()
}

func (p *Peer) current() (*connection, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == nil {
		return nil, fmt.Errorf("BGP peer %s: %w", p.Config.Address, ErrDown)
	}
	return p.conn, nil
}

func (p *Peer) internal() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.opens) > 0 && p.opens[len(p.opens)-1].AS == p.Config.AS
}

func (p *Peer) encode(path Path) ([]bgp.PathAttributeInterface, error) {
	as, internal := path.ASPath, p.internal()
	if !internal {
		as = append([]uint32{p.Config.AS}, as...)
	}
	var segments []bgp.AsPathParamInterface
	if len(as) > 0 {
		segments = append(segments, bgp.NewAs4PathParam(bgp.BGP_ASPATH_ATTR_TYPE_SEQ, as))
	}
	attrs := []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(path.Origin), bgp.NewPathAttributeAsPath(segments)}
	if path.MED != 0 || path.HasMED {
		attrs = append(attrs, bgp.NewPathAttributeMultiExitDisc(path.MED))
	}
	if internal {
		pref := path.LocalPref
		if pref == 0 && !path.HasLocalPref {
			pref = 100
		}
		attrs = append(attrs, bgp.NewPathAttributeLocalPref(pref))
	}
	var communities []uint32
	for _, text := range path.Communities {
		var high, low uint16
		if n, err := fmt.Sscanf(text, "%d:%d", &high, &low); n != 2 {
			return nil, fmt.Errorf("community %q: %w", text, err)
		}
		communities = append(communities, uint32(high)<<16|uint32(low))
	}
	if len(communities) > 0 {
		attrs = append(attrs, bgp.NewPathAttributeCommunities(communities))
	}
	var large []*bgp.LargeCommunity
	for _, text := range path.LargeCommunities {
		c, err := bgp.ParseLargeCommunity(text)
		if err != nil {
			return nil, err
		}
		large = append(large, c)
	}
	if len(large) > 0 {
		attrs = append(attrs, bgp.NewPathAttributeLargeCommunities(large))
	}
	return attrs, nil
}

func nlri(id uint32, prefixes []netip.Prefix) ([]bgp.PathNLRI, bgp.Family, error) {
	family := bgp.RF_IPv6_UC
	var nlris []bgp.PathNLRI
	for _, prefix := range prefixes {
		if prefix.Addr().Is4() {
			family = bgp.RF_IPv4_UC
		}
		if prefix.Addr().Is4() != prefixes[0].Addr().Is4() {
			return nil, 0, errors.New("one UPDATE, one family")
		}
		n, err := bgp.NewIPAddrPrefix(prefix)
		if err != nil {
			return nil, 0, err
		}
		nlris = append(nlris, bgp.PathNLRI{NLRI: n, ID: id})
	}
	return nlris, family, nil
}
