package gateway

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// What can't be read, and has no form from before, asks for something all the same, and nobody knows what. Sessions that there are tell part of it: those that no readable
// object asks for stay as they are, with the floating IPs that they start from. Nothing begins by them, and nothing moves.

// Asks tells whether an object, which can't be read, is of a kind by which people say what is to be done.
func Asks(o problem.Object) bool {
	switch o.Group {
	case networking.GroupVersion.Group:
		return o.Kind == "NetworkGatewayGroup" || o.Kind == "BGPLoadBalancer" || o.Kind == "BGPPeer"
	case baremetal.GroupVersion.Group:
		return o.Kind == "Cluster"
	}
	return false
}

// spoken is a session that there was.
type spoken struct {
	peer, floating    netip.Addr
	peerASN, localASN uint32
	node              string
}

// external tells whether this can be a session with a router.
func (s spoken) external() bool { return s.peerASN != 0 && s.localASN != 0 && s.peerASN != s.localASN }

func (s spoken) compare(o spoken) int {
	return cmp.Or(s.peer.Compare(o.peer), s.floating.Compare(o.floating), cmp.Compare(s.peerASN, o.peerASN), cmp.Compare(s.localASN, o.localASN), cmp.Compare(s.node, o.node))
}

// spokenBefore are the sessions with routers that there were, by BGPSessions or by what was decided before, sorted.
func spokenBefore(in Input) []spoken {
	out := make([]spoken, 0, len(in.Sessions)+len(in.Before))
	for _, s := range in.Sessions {
		peer, reason, _ := readIPv4(s.Spec.PeerIP)
		floating, reason2, _ := readIPv4(s.Spec.FloatingIP)
		if reason == "" && reason2 == "" {
			out = append(out, spoken{peer, floating, s.Spec.PeerASN, s.Spec.LocalASN, s.Spec.NodeName})
		}
	}
	for _, s := range in.Before {
		out = append(out, spoken{s.PeerIP, s.FloatingIP, s.PeerASN, s.LocalASN, s.Node})
	}
	out = slices.DeleteFunc(out, func(s spoken) bool { return !s.external() })
	slices.SortFunc(out, spoken.compare)
	return out
}

// spokenPeer is a router as the sessions with it tell; nil: there are none.
func (a *assigner) spokenPeer(ip netip.Addr) *peer {
	var out *peer
	for _, s := range a.spoken {
		if s.peer != ip {
			continue
		}
		if out == nil {
			out = &peer{ip: ip, localASN: s.localASN, peerASN: s.peerASN, at: map[netip.Addr]bool{}}
		}
		out.at[s.floating] = true
	}
	return out
}

// keptPeers are the routers that there are sessions with and that no object names: one that can't be read may.
func (a *peerReader) keptPeers() []*peer {
	unread := slices.Concat(a.unread("BGPPeer"), a.cluster.unread)
	if len(unread) == 0 {
		return nil
	}
	named, kept := map[netip.Addr]bool{}, map[netip.Addr]*peer{}
	for text := range a.routers(a.cluster) {
		if ip, err := netip.ParseAddr(text); err == nil {
			named[ip] = true
		}
	}
	for _, f := range a.groups.order {
		named[f.addr] = true
	}
	for _, s := range a.spoken {
		if !named[s.peer] && kept[s.peer] == nil && a.nodes.byAddr[s.peer] == nil {
			kept[s.peer] = a.spokenPeer(s.peer)
			kept[s.peer].object, kept[s.peer].kept = unread[0], true
		}
	}
	if len(kept) == 0 {
		return nil
	}
	ips := slices.SortedFunc(maps.Keys(kept), netip.Addr.Compare)
	a.tellKept(unread, "sessions with routers that no other object names", ips)
	out := make([]*peer, 0, len(ips))
	for _, ip := range ips {
		out = append(out, kept[ip])
	}
	return out
}

// tellKept names what stays for objects that can't be read, at the first of them.
func (a *assigner) tellKept(unread []problem.Object, what string, addresses []netip.Addr) {
	var names []string
	for _, ip := range addresses {
		names = append(names, ip.String())
	}
	others := ""
	if len(unread) > 1 {
		others = fmt.Sprintf(" (as can't %s)", some(namesOf(unread[1:])))
	}
	a.warn(unread[0], "", problem.UnreadObject, fmt.Sprintf("it can't be read%s, so %s (%s) stay as they are; mend it, or delete it", others, what, some(names)))
}

// keptGroup stands for the NetworkGatewayGroups that can't be read: its floating IPs are those that there are sessions from and that no other lists, each on the node
// where it is. nil: all can be read.
func (a *assigner) keptGroup(nodes *nodes, routers map[string]string) *group {
	unread := a.unread("NetworkGatewayGroup")
	if len(unread) == 0 {
		return nil
	}
	out := &group{object: unread[0], name: unread[0].Name, selector: labels.Everything(), refused: true, unread: map[string]bool{}}
	for _, o := range unread {
		out.unread[o.Name] = true
	}
	out.list = a.keptFloatingIPs(out, nodes, routers)
	return out
}

func (a *assigner) keptFloatingIPs(of *group, nodes *nodes, routers map[string]string) []*floatingIP {
	listed, kept := map[netip.Addr]bool{}, map[netip.Addr][]spoken{}
	for _, g := range a.Groups {
		for _, text := range g.Spec.FloatingIPs {
			if addr, err := netip.ParseAddr(text); err == nil {
				listed[addr] = true
			}
		}
	}
	for _, s := range a.spoken {
		if !listed[s.floating] && nodes.byAddr[s.floating] == nil && routers[s.floating.String()] == "" {
			kept[s.floating] = append(kept[s.floating], s)
		}
	}
	var out []*floatingIP
	for _, addr := range slices.SortedFunc(maps.Keys(kept), netip.Addr.Compare) {
		f := &floatingIP{addr: addr, group: of, was: nodes.holding(nodeOf(kept[addr]), addr), spoken: map[netip.Addr]bool{}}
		for _, s := range kept[addr] {
			f.spoken[s.peer] = true
		}
		if f.was != "" {
			out = append(out, f)
		}
	}
	return out
}

// settle forgets floating IPs that only sessions told of, and that have none any more; the others are named.
func (a *assigner) settle(g *groups, sessions []Session) {
	var kept []netip.Addr
	g.usable = slices.DeleteFunc(g.usable, func(f *floatingIP) bool {
		if f.group.unread == nil {
			return false
		}
		has := slices.ContainsFunc(sessions, func(s Session) bool { return s.FloatingIP == f.addr })
		if has {
			kept = append(kept, f.addr)
		}
		return !has
	})
	if len(kept) > 0 {
		a.tellKept(a.unread("NetworkGatewayGroup"), "floating IPs that no other group lists", kept)
	}
}

// nodeOf is the node that most of the sessions are on, of several the first by name: sessions of a floating IP that moves change their nodes one after the other.
func nodeOf(sessions []spoken) string {
	count := map[string]int{}
	for _, s := range sessions {
		count[s.node]++
	}
	return slices.MinFunc(slices.Collect(maps.Keys(count)), func(x, y string) int { return cmp.Or(count[y]-count[x], cmp.Compare(x, y)) })
}
