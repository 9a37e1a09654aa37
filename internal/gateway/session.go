package gateway

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// Session is one BGP session of a floating IP with a router.
type Session struct {
	// Name of its BGPSession.
	Name string
	// Peer is the name of the BGPPeer, the oldest where several ask for this session; empty: the router is one of the Cluster's bgpPeers.
	Peer       string
	PeerIP     netip.Addr
	PeerASN    uint32
	LocalASN   uint32
	FloatingIP netip.Addr
	Node       string
	// ManyIPv4 and ManyIPv6 tell that the router was seen to receive several paths for a prefix (ADD-PATH, RFC 7911): it is told all next
	// hops. Otherwise, and as long as nobody knows, it is told one: extra paths would overwrite each other there.
	ManyIPv4, ManyIPv6 bool
}

// sessionKey names a session: a router, and the floating IP that it is spoken to from. Which node holds that one does not matter to either end.
type sessionKey struct{ peer, floating netip.Addr }

// sessions chooses for each peer the floating IPs that it is spoken to from.
//
// The documents count sessions by node: at most one of a router on each. Here they are counted by floating IP, each of which speaks from an instance of
// its own, so that two that meet on one surviving node keep both their sessions. The documents' rule stays as a preference: the node with the fewest
// of the router's sessions comes first, then a session that need not move, then one that is there at all, then the node with the fewest
// sessions of all routers, then the lists' order decides. So a router has min(sessions, floating IPs with a node) sessions, on as many nodes as can be, and
// routers that ask for few have them on different ones. Routers that there are sessions with choose first, so that a new one sees what is taken.
func (a *assigner) sessions(peers []*peer, g *groups) []Session {
	was := a.sessionsBefore()
	picked, load := map[*peer][]*floatingIP{}, newLoad()
	for _, p := range known(peers, was) {
		picked[p] = p.pick(p.candidates(g), was, load)
		load.add(p, picked[p])
	}
	chosen := map[sessionKey]*Session{}
	for _, p := range peers {
		for _, f := range picked[p] {
			key := sessionKey{p.ip, f.addr}
			if chosen[key] == nil {
				chosen[key] = newSession(p, f, was[key])
			}
		}
		a.tellSessions(p, len(p.candidates(g)), len(picked[p]))
	}
	out := make([]Session, 0, len(chosen))
	for _, s := range chosen {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(x, y Session) int { return cmp.Or(x.PeerIP.Compare(y.PeerIP), x.FloatingIP.Compare(y.FloatingIP)) })
	nameSessions(out, was)
	return out
}

func newSession(p *peer, f *floatingIP, was *networking.BGPSession) *Session {
	out := &Session{Peer: p.name, PeerIP: p.ip, PeerASN: p.peerASN, LocalASN: p.localASN, FloatingIP: f.addr, Node: f.node.name}
	if was == nil || was.Spec.PeerASN != p.peerASN { // another router answers there now
		return out
	}
	for _, family := range was.Status.AddPath {
		out.ManyIPv4 = out.ManyIPv4 || family.PeerReceives && family.Family == networking.IPv4
		out.ManyIPv6 = out.ManyIPv6 || family.PeerReceives && family.Family == networking.IPv6
	}
	return out
}

// sessionsBefore are those that there were. Of two for one key, as while one of them is being deleted, the one last heard of counts.
func (a *assigner) sessionsBefore() map[sessionKey]*networking.BGPSession {
	out := make(map[sessionKey]*networking.BGPSession, len(a.Sessions))
	for _, s := range a.Sessions {
		peer, err := netip.ParseAddr(s.Spec.PeerIP)
		floating, err2 := netip.ParseAddr(s.Spec.FloatingIP)
		if err != nil || err2 != nil {
			continue
		}
		key := sessionKey{peer, floating}
		if was := out[key]; was == nil || later(s, was) {
			out[key] = s
		}
	}
	return out
}

func later(s, o *networking.BGPSession) bool {
	x, y := s.Status.LastReportTime, o.Status.LastReportTime
	switch {
	case !x.IsZero() && !y.IsZero() && !x.Equal(y):
		return y.Before(x)
	case x.IsZero() != y.IsZero():
		return y.IsZero()
	}
	return s.Name < o.Name
}

// candidates are the floating IPs that have a node and that the peer may be spoken to from.
func (p *peer) candidates(g *groups) []*floatingIP {
	var out []*floatingIP
	for _, f := range g.order {
		if f.node != nil && p.mayFrom(f) {
			out = append(out, f)
		}
	}
	return out
}

// mayFrom tells whether the peer may be spoken to from a floating IP, wherever that is. By what can't be read nothing begins.
func (p *peer) mayFrom(f *floatingIP) bool {
	switch {
	case f.group.unread != nil:
		return f.spoken[p.ip]
	case p.kept:
		return p.at[f.addr]
	}
	return p.from == nil || p.from[f.group.name]
}

// known are the peers, with those first that there are sessions with.
func known(peers []*peer, was map[sessionKey]*networking.BGPSession) []*peer {
	spoken := map[netip.Addr]bool{}
	for key := range was {
		spoken[key.peer] = true
	}
	out := slices.Clone(peers)
	slices.SortStableFunc(out, func(x, y *peer) int {
		switch {
		case spoken[x.ip] == spoken[y.ip]:
			return 0
		case spoken[x.ip]:
			return -1
		}
		return 1
	})
	return out
}

// load counts the sessions that were chosen.
type load struct {
	taken map[sessionKey]bool
	nodes map[*node]int
}

func newLoad() *load {
	return &load{taken: map[sessionKey]bool{}, nodes: map[*node]int{}}
}

func (l *load) add(p *peer, picked []*floatingIP) {
	for _, f := range picked {
		key := sessionKey{p.ip, f.addr}
		if l.taken[key] {
			continue // of another BGPPeer for the same router
		}
		l.taken[key] = true
		l.nodes[f.node]++
	}
}

// pick chooses as many as the peer asks for.
func (p *peer) pick(from []*floatingIP, was map[sessionKey]*networking.BGPSession, load *load) []*floatingIP {
	want := len(from)
	if p.sessions > 0 {
		want = min(want, p.sessions)
	}
	onNode := map[*node]int{}
	left, out := slices.Clone(from), make([]*floatingIP, 0, want)
	for range want {
		best := slices.MinFunc(left, func(x, y *floatingIP) int {
			return cmp.Or(onNode[x.node]-onNode[y.node], p.standing(x, was)-p.standing(y, was), load.nodes[x.node]-load.nodes[y.node], x.index-y.index)
		})
		onNode[best.node]++
		out = append(out, best)
		left = slices.DeleteFunc(left, func(f *floatingIP) bool { return f == best })
	}
	return out
}

// standing ranks floating IPs by the session that they have with a router: one that goes on where it is, one that has to move, none.
func (p *peer) standing(f *floatingIP, was map[sessionKey]*networking.BGPSession) int {
	switch s := was[sessionKey{p.ip, f.addr}]; {
	case s == nil && !p.at[f.addr]:
		return 2
	case s == nil || s.Spec.NodeName != f.node.name:
		return 1
	}
	return 0
}

// tellSessions tells of a BGPPeer whether it has the sessions that it asks for.
func (a *assigner) tellSessions(p *peer, able, got int) {
	if p.name == "" || p.kept {
		return
	}
	switch {
	case got == 0:
		a.mark(p.object, SessionsAssigned, problem.FewerSessions, "no floating IP that it may be spoken to from has a node")
	case got < p.sessions:
		message := fmt.Sprintf("%d sessions are asked for, and %d can be: so many floating IPs have a node; add floating IPs, or ask for fewer", p.sessions, able)
		a.warn(p.object, "spec.sessions", problem.FewerSessions, message)
		a.mark(p.object, SessionsAssigned, problem.FewerSessions, message)
	default:
		a.mark(p.object, SessionsAssigned, "", "")
	}
}
