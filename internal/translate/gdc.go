package translate

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/frrconf"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
)

// roles are what the node does in GDC mode (docs/gdc.md); nil: it is in no such mode.
//
// A node that takes traffic for Services originates their addresses in the default instance, and waits there for the holder of each floating IP. A node that
// holds a floating IP has a view for it, which learns from all of them and tells the routers. So a floating IP that moves takes its view along
// and nothing else, and two on one node have a session each to the same router.
type roles struct {
	*gateway.Assignment
	// asn of the cluster: of the views, and of the default instance where the node originates.
	asn uint32
	// self is the node as a next hop; v4 and v6 are what it sets for that.
	self   gateway.NextHop
	v4, v6 frrconf.NextHop
	// dualStack tells that the node has a global IPv6 address: FRR 10 ends sessions that carry IPv6 from where there is none.
	dualStack bool
	// originates tells that the node takes traffic for Services.
	originates bool
	// waits are the neighbors that the node waits for, one for each floating IP of another node.
	waits []floatingNeighbor
	// held are the indexes of the floating IPs that the node holds.
	held []int
	// own is what the node originates, sorted as FRR sorts networks.
	own []route
}

// floatingNeighbor is the holder of a floating IP, whoever that is, to a node that originates.
type floatingNeighbor struct {
	// index in FloatingIPs.
	index    int
	neighbor frrconf.Neighbor
}

// rank is how much a node is to be preferred as a next hop, for routers that are told one only.
type rank byte

const (
	ranksOther   rank = iota
	ranksReserve      // takes the place of the preferred one when that is gone
	ranksFirst
)

// localPreference of the rank inside the cluster. It is not sent over eBGP (RFC 4271, 5.1.5).
func (r rank) localPreference() uint32 { return 100 + uint32(r) }

// rankSet are the ranks of a prefix, one for each floating IP. It is a string to be a map's key; empty: the prefix is none of GDC's.
type rankSet string

func (s rankSet) of(floating int) rank { return rank(s[floating]) }

// gdcKey begins the line of a class's key that has its ranks. No advertisement's name begins so: names have no capitals.
const gdcKey = "GDC"

// key of the ranks: those that are not the lowest, so that a floating IP that comes or goes moves no class that it does not matter to.
func (r *roles) key(s rankSet) string {
	words := []string{gdcKey}
	for i, f := range r.FloatingIPs {
		switch s.of(i) {
		case ranksFirst:
			words = append(words, f.Address.String()+" first")
		case ranksReserve:
			words = append(words, f.Address.String()+" reserve")
		}
	}
	return strings.Join(words, ", ")
}

// roles reads what the node does from what the cluster does.
func (t *translation) roles(peers []peer) *roles {
	a := t.snap.Gateway
	if a == nil {
		return nil
	}
	t.problems = append(t.problems, a.Problems...)
	r := &roles{Assignment: a, asn: a.ASN, dualStack: t.dualStack()}
	if r.asn == 0 {
		return r // no session, then
	}
	for i, f := range a.FloatingIPs {
		if f.Node == t.snap.Node.Name {
			r.held = append(r.held, i)
		}
	}
	self := slices.IndexFunc(a.LoadBalancers, func(h gateway.NextHop) bool { return h.Node == t.snap.Node.Name })
	if self < 0 || !a.LoadBalancers[self].IPv4.IsValid() || !t.mayOriginate(r, peers) {
		return r
	}
	r.originate(self)
	t.wait(r, peers)
	return r
}

// dualStack tells whether the node has a global IPv6 address, by its status or by what its agent tells.
func (t *translation) dualStack() bool {
	addresses := slices.Clone(t.snap.Node.Addresses)
	for _, n := range t.snap.GDC.GatewayNodes {
		if n.Name == t.snap.Node.Name {
			for _, s := range n.Status.Subnets {
				addresses = append(addresses, s.Address)
			}
		}
	}
	return slices.ContainsFunc(addresses, func(text string) bool {
		a, err := netip.ParseAddr(text)
		return err == nil && a.Is6() && !a.Is4In6() && a.IsGlobalUnicast()
	})
}

// originate notes what the node announces of its own, and the ranks.
func (r *roles) originate(self int) {
	r.originates, r.self = true, r.LoadBalancers[self]
	r.v4, _ = frrconf.NewNextHop(r.self.IPv4) // an address that can't be one stays the session's own
	r.v6, _ = frrconf.NewNextHop(r.self.IPv6)
	for _, v := range r.VIPs {
		if _, mine := slices.BinarySearch(v.NextHops, self); mine {
			r.own = append(r.own, route{prefix: v.Prefix(), ranks: ranksOf(v, self, len(r.FloatingIPs))})
		}
	}
}

func ranksOf(v gateway.VIP, self, floating int) rankSet {
	out := make([]byte, max(1, floating)) // never empty
	for i, s := range v.Single {
		switch self {
		case s.NextHop:
			out[i] = byte(ranksFirst)
		case s.Reserve:
			out[i] = byte(ranksReserve)
		}
	}
	return rankSet(out)
}

// unranked are the ranks of a prefix that the node is preferred for nowhere.
func (r *roles) unranked() rankSet { return rankSet(make([]byte, max(1, len(r.FloatingIPs)))) }

// routes are those that MetalLB's objects ask for, with the ranks of those that the node originates too, and the others of these.
func (r *roles) routes(announced []route) []route {
	if r == nil || len(r.own) == 0 {
		return announced
	}
	own, out := r.own, make([]route, 0, len(announced)+len(r.own))
	for i := range announced {
		for len(own) > 0 && comparePrefixes(own[0].prefix, announced[i].prefix) < 0 {
			out, own = append(out, own[0]), own[1:]
		}
		if len(own) > 0 && own[0].prefix == announced[i].prefix {
			announced[i].ranks, own = own[0].ranks, own[1:]
		}
		out = append(out, announced[i])
	}
	return append(out, own...)
}

// Route-maps of GDC mode. They are there on every node of it, so that a floating IP that comes brings its view alone.
var (
	gdcDeny      = mustName("gdc-deny")       // nothing: from routers, and to nodes
	gdcFromNodes = mustName("gdc-from-nodes") // to a view from the nodes that originate
	gdcToRouters = mustName("gdc-to-routers") // from a view to routers
	gdcServices  = mustName("gdc-services")   // the list of the mark that routes of Services have inside the cluster
)

// gdcOwn are the classes of what a view's own node originates, by rank.
var gdcOwn = [...]frrconf.Name{ranksOther: mustName("gdc-own-0"), ranksReserve: mustName("gdc-own-1"), ranksFirst: mustName("gdc-own-2")}

// gdcTo is the outbound map of a node to the holder of a floating IP.
func gdcTo(floating netip.Addr) frrconf.Name { return mustName("gdc-to-" + floating.String()) }

// mark is the large community of routes of Services inside the cluster (RFC 8092): tags end with the FRR that has them.
func (r *roles) mark() frrconf.LargeCommunity {
	const service = 1
	return frrconf.LargeCommunity{Global: r.asn, Local1: 0, Local2: service}
}

// lists that the maps refer to.
func (r *roles) lists() []frrconf.LargeCommunityList {
	if r == nil || r.asn == 0 {
		return nil
	}
	return []frrconf.LargeCommunityList{{Name: gdcServices, Entries: frrconf.LargeCommunities{r.mark()}}}
}

// maps are the route-maps of GDC mode, but for those of the classes.
func (r *roles) maps(classes []class) []frrconf.RouteMap {
	if r == nil || r.asn == 0 {
		return nil
	}
	end := frrconf.RouteMapEntry{Sequence: defaultEntry}
	out := []frrconf.RouteMap{
		{Name: gdcDeny, Entries: []frrconf.RouteMapEntry{end}},
		{Name: gdcFromNodes, Entries: []frrconf.RouteMapEntry{{Permit: true, Sequence: 1, MatchLargeCommunity: gdcServices}, end}},
		{Name: gdcToRouters, Entries: []frrconf.RouteMapEntry{{
			// A path of our own has a MED of 0, one that is learnt none; strict routers would not share traffic among them.
			Permit: true, Sequence: 1, MatchLargeCommunity: gdcServices, DeleteLargeCommunities: gdcServices, MED: new(uint32),
		}, end}},
	}
	if !r.originates {
		return out
	}
	for at, name := range gdcOwn {
		entry := r.entry(rank(at))
		entry.Sequence, entry.Weight = 1, new(uint32) // or it would win over all that are learnt, whatever the ranks
		out = append(out, frrconf.RouteMap{Name: name, Entries: []frrconf.RouteMapEntry{entry}})
	}
	for _, w := range r.waits {
		out = append(out, r.outbound(w, classes))
	}
	return out
}

// entry lets a route of the node's own through, with its next hop and its rank.
func (r *roles) entry(at rank) frrconf.RouteMapEntry {
	return frrconf.RouteMapEntry{
		Permit: true, NextHopIPv4: r.v4, NextHopIPv6: r.v6,
		LargeCommunities: frrconf.LargeCommunities{r.mark()}, LocalPreference: at.localPreference(),
	}
}

// outbound is the map to the holder of a floating IP: an entry for each class.
func (r *roles) outbound(w floatingNeighbor, classes []class) frrconf.RouteMap {
	out := frrconf.RouteMap{Name: w.neighbor.Out}
	taken := map[uint16]bool{}
	for _, c := range classes {
		if c.ranks == "" {
			continue
		}
		entry := r.entry(c.ranks.of(w.index))
		entry.Sequence, entry.Description, entry.MatchTag = sequence(c.key, taken), c.description(), c.tag
		out.Entries = append(out.Entries, entry)
	}
	slices.SortFunc(out.Entries, func(a, b frrconf.RouteMapEntry) int { return int(a.Sequence) - int(b.Sequence) })
	out.Entries = append(out.Entries, frrconf.RouteMapEntry{Sequence: defaultEntry})
	return out
}
