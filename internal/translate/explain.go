package translate

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/frrconf"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// Why a BGPPeer does not get what the node announces. MetalLB has no words for these: there it just does not happen.
const (
	NoSession    Reason = "noSession"    // the BGPPeer's nodeSelectors don't select the node
	PeerLeftOut  Reason = "peerLeftOut"  // the BGPPeer can't be used
	OtherFamily  Reason = "otherFamily"  // the session does not carry the prefix's family
	PeerNotNamed Reason = "peerNotNamed" // the advertisements name other peers
	NoPeer       Reason = "noPeer"       // the Service is announced, and no peer of the node gets it
)

// Explanation is what Translate decided for a node, and by which rules. What is announced is read from the Config, why from a trace of the
// rules as they were asked: nothing is decided a second time.
type Explanation struct {
	Result
	snap *snapshot.Snapshot
	seen *trace

	networks map[target]bool
	entries  map[mapTag]*frrconf.RouteMapEntry
	outMaps  map[id]frrconf.Name
	classes  map[netip.Prefix]*class
	askers   map[netip.Prefix][]string
	draining map[frrconf.Name]bool // by VRF
}

// target is a prefix in a VRF, mapTag an entry of an outbound route-map.
type target struct {
	vrf    frrconf.Name
	prefix netip.Prefix
}

type mapTag struct {
	name frrconf.Name
	tag  uint32
}

// Session is a BGPPeer, and whether the node has a session to it.
type Session struct {
	Peer      string `json:"peer"`
	Fate      Fate   `json:"fate"`
	Neighbor  string `json:"neighbor,omitempty"`
	VRF       string `json:"vrf,omitempty"`
	LocalASN  uint32 `json:"localASN,omitempty"`
	RemoteASN string `json:"remoteASN,omitempty"`
	// Draining tells that the neighbor is asked to prefer other routes (RFC 8326).
	Draining bool `json:"draining,omitempty"`
	// Prefixes that are announced to it.
	Prefixes int `json:"prefixes"`
	// Why says what speaks against the object, and how to mend it.
	Why string `json:"why,omitempty"`
}

// ServiceAnswer is a Service on a node.
type ServiceAnswer struct {
	Node   string `json:"node"`
	Reason Reason `json:"reason"`
	// Why says what to change for the Service to be announced; empty when it is.
	Why string `json:"why,omitempty"`
	// Pool that holds the addresses; empty when none does.
	Pool           string                `json:"pool,omitempty"`
	Advertisements []AdvertisementAnswer `json:"advertisements,omitempty"`
	// Routes has one or more for each BGPPeer, sorted by peer and prefix.
	Routes []Route `json:"routes"`
	// Shared are prefixes that other Services ask for, too: they are announced whatever becomes of this one.
	Shared []SharedPrefix `json:"shared,omitempty"`
}

// Announced tells whether any peer gets the Service from this node.
func (s *ServiceAnswer) Announced() bool {
	return slices.ContainsFunc(s.Routes, func(r Route) bool { return r.Announced })
}

// Route is what one peer gets for a Service.
type Route struct {
	Peer string `json:"peer"`
	// Prefix is the zero Prefix where the peer gets none whatever the address.
	Prefix     netip.Prefix `json:"prefix,omitzero"`
	Announced  bool         `json:"announced"`
	Reason     Reason       `json:"reason"`
	Why        string       `json:"why,omitempty"`
	Attributes Attributes   `json:"attributes,omitzero"`
	// Advertisements that ask for it. Where one is left out towards this peer, Why says so.
	Advertisements []string `json:"advertisements,omitempty"`
}

// Attributes are what a peer gets beside the prefix.
type Attributes struct {
	Communities      []string `json:"communities,omitempty"`
	LargeCommunities []string `json:"largeCommunities,omitempty"`
	LocalPreference  uint32   `json:"localPreference,omitempty"`
	MED              *uint32  `json:"med,omitempty"`
	// Prepended are the AS numbers before the path.
	Prepended string `json:"asPathPrepend,omitempty"`
	// GracefulShutdown tells that the node is drained (RFC 8326).
	GracefulShutdown bool `json:"gracefulShutdown,omitempty"`
}

func newAttributes(e *frrconf.RouteMapEntry) Attributes {
	out := Attributes{LocalPreference: e.LocalPreference, MED: e.MED, Prepended: e.Prepend.String()}
	for _, c := range e.Communities {
		out.Communities = append(out.Communities, c.String())
	}
	for _, c := range e.LargeCommunities {
		out.LargeCommunities = append(out.LargeCommunities, c.String())
	}
	return out
}

// IsZero tells whether nothing is set.
func (a Attributes) IsZero() bool { return len(a.Words()) == 0 }

// Words are the attributes as FRR writes them after "set", sorted.
func (a Attributes) Words() []string {
	var out []string
	if len(a.Communities) > 0 {
		out = append(out, "community "+strings.Join(a.Communities, " "))
	}
	if len(a.LargeCommunities) > 0 {
		out = append(out, "large-community "+strings.Join(a.LargeCommunities, " "))
	}
	if a.LocalPreference != 0 {
		out = append(out, fmt.Sprintf("local-preference %d", a.LocalPreference))
	}
	if a.MED != nil {
		out = append(out, fmt.Sprintf("metric %d", *a.MED))
	}
	if a.Prepended != "" {
		out = append(out, "as-path prepend "+a.Prepended)
	}
	if a.GracefulShutdown {
		out = append(out, "graceful-shutdown")
	}
	slices.Sort(out)
	return out
}

// SharedPrefix is a prefix and the other Services that ask for it.
type SharedPrefix struct {
	Prefix   netip.Prefix `json:"prefix"`
	Services []string     `json:"services"`
}

// Explain translates as Translate does, and keeps by which rules.
func Explain(snap *snapshot.Snapshot, lastGood LastGood) *Explanation {
	seen := &trace{fates: map[problem.Object]Fate{}}
	e := &Explanation{
		Result: translate(snap, lastGood, seen), snap: snap, seen: seen,
		networks: map[target]bool{}, entries: map[mapTag]*frrconf.RouteMapEntry{}, outMaps: map[id]frrconf.Name{},
		classes: map[netip.Prefix]*class{}, askers: map[netip.Prefix][]string{}, draining: map[frrconf.Name]bool{},
	}
	for i := range e.Config.Instances {
		e.readInstance(&e.Config.Instances[i])
	}
	for i := range e.Config.RouteMaps {
		m := &e.Config.RouteMaps[i]
		for j := range m.Entries {
			e.entries[mapTag{m.Name, m.Entries[j].MatchTag}] = &m.Entries[j]
		}
	}
	for _, r := range seen.routes {
		e.classes[r.prefix] = &seen.classes[seen.classOf[r.kind()]]
	}
	for i := range seen.services {
		if s := &seen.services[i]; s.reason == Announced {
			for _, prefix := range s.prefixes() {
				e.askers[prefix] = append(e.askers[prefix], s.Namespace+"/"+s.Name)
			}
		}
	}
	return e
}

func (e *Explanation) readInstance(in *frrconf.Instance) {
	if !in.View.IsZero() {
		return // no BGPPeer of MetalLB's is in one
	}
	e.draining[in.VRF] = in.GracefulShutdown
	for _, networks := range [][]frrconf.Network{in.IPv4.Networks, in.IPv6.Networks} {
		for _, n := range networks {
			e.networks[target{in.VRF, n.Prefix}] = true
		}
	}
	for _, n := range in.Neighbors {
		e.outMaps[id{in.VRF, n.Peer}] = n.Out
	}
}

// prefixes are those that the Service is announced by, or would be.
func (j *judged) prefixes() []netip.Prefix {
	var out []netip.Prefix
	for _, p := range j.places {
		for _, g := range j.of(p) {
			out = append(out, p.prefix(g.bits))
		}
	}
	slices.SortFunc(out, comparePrefixes)
	return slices.Compact(out)
}

// Sessions has each BGPPeer, by name.
func (e *Explanation) Sessions() []Session {
	used := map[string]peer{}
	for _, p := range e.peers {
		used[p.name] = p
	}
	names := make([]string, 0, len(e.snap.Peers))
	for _, p := range e.snap.Peers {
		names = append(names, p.Name)
	}
	for name := range used { // also those whose documents can't be read
		names = append(names, name)
	}
	slices.Sort(names)
	var out []Session
	for _, name := range slices.Compact(names) {
		s := Session{Peer: name, Fate: e.seen.fates[e.metallb("BGPPeer", name)], Why: e.whyPeer(name)}
		if p, ok := used[name]; ok {
			s.Neighbor, s.VRF, s.LocalASN, s.RemoteASN = p.neighbor.Peer.String(), p.vrf.String(), p.asn, p.neighbor.RemoteAS.String()
			s.LocalASN = cmp.Or(p.neighbor.LocalAS, p.asn)
			s.Prefixes = e.announcedTo(p)
			s.Draining = slices.ContainsFunc(e.Config.Instances, func(in frrconf.Instance) bool { return in.VRF == p.vrf && in.GracefulShutdown })
		}
		out = append(out, s)
	}
	return out
}

func (e *Explanation) announcedTo(p peer) int {
	n := 0
	for prefix := range e.classes {
		if e.entry(p, prefix) != nil {
			n++
		}
	}
	return n
}

// entry is what lets a prefix through to a peer; nil when nothing does. It reads the configuration as FRR does: the prefix is originated in the
// VRF, the neighbor has its family, and the neighbor's outbound route-map has an entry for the prefix's tag.
func (e *Explanation) entry(p peer, prefix netip.Prefix) *frrconf.RouteMapEntry {
	c := e.classes[prefix]
	if c == nil || !carried(p, prefix) || !e.networks[target{p.vrf, prefix}] {
		return nil
	}
	if entry := e.entries[mapTag{e.outMaps[id{p.vrf, p.neighbor.Peer}], c.tag}]; entry != nil && entry.Permit {
		return entry
	}
	return nil
}

func carried(p peer, prefix netip.Prefix) bool {
	return prefix.Addr().Is4() && p.neighbor.IPv4 || prefix.Addr().Is6() && p.neighbor.IPv6
}

// Service explains one Service; false when it is not among the snapshot's.
func (e *Explanation) Service(namespace, name string) (ServiceAnswer, bool) {
	i := slices.IndexFunc(e.seen.services, func(s judged) bool { return s.Namespace == namespace && s.Name == name })
	if i == -1 {
		return ServiceAnswer{}, false
	}
	s := &e.seen.services[i]
	out := ServiceAnswer{Node: e.snap.Node.Name, Reason: s.reason, Why: e.why(s), Shared: e.shared(s), Routes: []Route{}}
	if len(s.places) > 0 {
		out.Pool = e.seen.pools[s.places[0].entry.pool].name
		out.Advertisements = e.advertisements(s)
	}
	for _, session := range e.Sessions() {
		out.Routes = append(out.Routes, e.routes(s, session)...)
	}
	return out, true
}

// Counts says how many Services are announced or not, by reason, each with all its Services.
func (e *Explanation) Counts() map[Reason][]string {
	out := map[Reason][]string{}
	for i := range e.seen.services {
		s := &e.seen.services[i]
		reason := s.reason
		if reason == Announced && !slices.ContainsFunc(s.prefixes(), func(prefix netip.Prefix) bool {
			return slices.ContainsFunc(e.peers, func(p peer) bool { return e.entry(p, prefix) != nil })
		}) {
			reason = NoPeer
		}
		out[reason] = append(out[reason], s.Namespace+"/"+s.Name)
	}
	return out
}

func (e *Explanation) shared(s *judged) []SharedPrefix {
	var out []SharedPrefix
	for _, prefix := range s.prefixes() {
		others := slices.DeleteFunc(slices.Clone(e.askers[prefix]), func(other string) bool { return other == s.Namespace+"/"+s.Name })
		if len(others) > 0 {
			out = append(out, SharedPrefix{prefix, others})
		}
	}
	return out
}

// routes is what a peer gets for a Service, one a prefix.
func (e *Explanation) routes(s *judged, session Session) []Route {
	i := slices.IndexFunc(e.peers, func(p peer) bool { return p.name == session.Peer })
	switch {
	case i == -1 && session.Fate == OtherNodes:
		return []Route{{Peer: session.Peer, Reason: NoSession, Why: session.Why}}
	case i == -1:
		return []Route{{Peer: session.Peer, Reason: PeerLeftOut, Why: session.Why}}
	case s.reason != Announced:
		return []Route{{Peer: session.Peer, Reason: s.reason}} // the ServiceAnswer says why
	}
	var out []Route
	for _, prefix := range s.prefixes() {
		out = append(out, e.route(e.peers[i], prefix))
	}
	return out
}

func (e *Explanation) route(p peer, prefix netip.Prefix) Route {
	out := Route{Peer: p.name, Prefix: prefix, Reason: Announced}
	c := e.classes[prefix]
	count, losers := contest(c.adverts, p.name, e.seen.adverts)
	for _, i := range count {
		out.Advertisements = append(out.Advertisements, e.seen.adverts[i].name)
	}
	slices.Sort(out.Advertisements)
	if entry := e.entry(p, prefix); entry != nil {
		out.Announced, out.Attributes, out.Why = true, newAttributes(entry), e.whyWithout(losers)
		out.Attributes.GracefulShutdown = e.draining[p.vrf]
		return out
	}
	out.Reason = PeerNotNamed
	if !carried(p, prefix) {
		out.Reason = OtherFamily
	}
	out.Why = e.whyNot(out.Reason, p, c)
	return out
}

// NoNextHop says why the node is no next hop in GDC mode, though the cluster's Assignment has it as one; empty: it is one where that says so.
func (e *Explanation) NoNextHop() string { return e.seen.notHop }

func (e *Explanation) metallb(kind, name string) problem.Object {
	return problem.Object{Kind: kind, Group: groupMetalLB, Namespace: e.snap.Namespace, Name: name}
}
