package role

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/floating"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

// See is the node's part at this moment, for people and metrics. The lease is for whoever renews it to tell.
func (r *Role) See() *status.Gateway {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	out := &status.Gateway{Unwell: r.unwell(), FloatingIPs: r.seenFloating(), Sessions: []status.GatewaySession{}, Taken: r.taken, Left: r.left}
	if r.assignment != nil {
		out.Sessions, out.Traffic = r.seenSessions(), r.seenTraffic()
	}
	return out
}

// count counts the floating IPs that came and went between two looks at the host. With the mutex.
func (r *Role) count(before, after []netip.Addr) {
	for _, ip := range after {
		if !slices.Contains(before, ip) {
			r.taken++
		}
	}
	for _, ip := range before {
		if !slices.Contains(after, ip) {
			r.left++
		}
	}
}

// seenFloating are the floating IPs that the node holds, or is to hold, or lately had to do with, by address. With the mutex.
func (r *Role) seenFloating() []status.FloatingIP {
	out := []status.FloatingIP{}
	add := func(f status.FloatingIP) {
		f.Group, f.Wanted, f.Leaving = r.groupOf(f.Address), slices.Contains(r.word.Wanted, f.Address), r.leaving[f.Address] != nil
		out = append(out, f)
	}
	for _, f := range slices.Concat(r.facts.Addresses, r.remembered()) {
		one := status.FloatingIP{Address: f.Address, State: status.FloatingIPState(f.State), Reason: f.Reason}
		if f.MAC != nil {
			one.MAC = f.MAC.String()
		}
		add(one)
	}
	for _, ip := range r.word.Wanted {
		if !slices.ContainsFunc(r.facts.Addresses, func(f floating.Fact) bool { return f.Address == ip }) {
			add(status.FloatingIP{Address: ip, State: status.FloatingIPWaiting})
		}
	}
	slices.SortFunc(out, func(a, b status.FloatingIP) int { return a.Address.Compare(b.Address) })
	return out
}

func (r *Role) groupOf(ip netip.Addr) string {
	if r.assignment == nil {
		return ""
	}
	for _, f := range r.assignment.FloatingIPs {
		if f.Address == ip {
			return f.Group
		}
	}
	return ""
}

// seenSessions are those that the node is to have, as bgpd told them last. With the mutex, and an assignment.
func (r *Role) seenSessions() []status.GatewaySession {
	type end struct{ instance, neighbor string }
	has := make(map[end]observe.Session, len(r.sessions))
	for _, s := range r.sessions {
		has[end{s.VRF, s.Neighbor}] = s
	}
	answers := r.answers(time.Now())
	out := r.sessionsToBe()
	for i := range out {
		s := &out[i]
		now, there := has[end{s.Instance, s.Peer.String()}]
		if !answers {
			s.State, s.Trouble = status.SessionUnknown, noAnswer
			continue
		}
		s.is(now, there)
	}
	return toSessions(out)
}

// toBe is a session that the node is to have.
type toBe struct {
	status.GatewaySession
	many [2]bool // of IPv4 and IPv6: the router is to be told all paths
}

func toSessions(all []toBe) []status.GatewaySession {
	out := make([]status.GatewaySession, 0, len(all))
	for _, s := range all {
		out = append(out, s.GatewaySession)
	}
	return out
}

// is takes in what bgpd says of a session; there is false where it has none.
func (s *toBe) is(now observe.Session, there bool) {
	s.State = status.SessionMissing
	if there {
		s.State, s.Up, s.Sent, s.Received, s.Trouble = now.State, now.Uptime, now.PrefixesSent, now.PrefixesReceived, now.Trouble
	}
	if s.With != status.WithRouter {
		return
	}
	for i, family := range []struct{ name, frr string }{{"ipv4", ipv4}, {"ipv6", ipv6}} {
		seen, known := now.AddPath[family.frr]
		if i == 0 || known || s.many[i] {
			s.AddPath = append(s.AddPath, status.SessionAddPath{
				Family: family.name, Wanted: s.many[i], Configured: seen.Configured, PeerReceives: seen.PeerReceives, Sending: seen.Sending,
			})
		}
	}
}

// sessionsToBe are those of the views of what the node holds, with routers and then with nodes, and those with the holders of all other floating IPs.
// With the mutex, and an assignment.
func (r *Role) sessionsToBe() []toBe {
	a := r.assignment
	var routers, nodes, holders []toBe
	for _, s := range a.Sessions {
		if r.holds(s.FloatingIP) {
			routers = append(routers, toBe{viewSession(s.FloatingIP, status.WithRouter, s.Peer, s.PeerIP, s.PeerASN), [2]bool{s.ManyIPv4, s.ManyIPv6}})
		}
	}
	_, takesTraffic := r.self()
	for _, f := range a.FloatingIPs {
		switch {
		case r.holds(f.Address):
			for _, n := range a.LoadBalancers {
				if n.Node != r.Node && n.IPv4.IsValid() {
					nodes = append(nodes, toBe{GatewaySession: viewSession(f.Address, status.WithNode, n.Node, n.IPv4, a.ASN)})
				}
			}
		case takesTraffic && !r.on(f.Address):
			holders = append(holders, toBe{GatewaySession: status.GatewaySession{
				FloatingIP: f.Address, Instance: "default", With: status.WithHolder, Name: f.Node, Peer: f.Address, ASN: a.ASN,
			}})
		}
	}
	slices.SortStableFunc(routers, func(a, b toBe) int { return cmp.Or(a.FloatingIP.Compare(b.FloatingIP), a.Peer.Compare(b.Peer)) })
	return slices.Concat(routers, nodes, holders)
}

func viewSession(ip netip.Addr, with status.SessionEnd, name string, peer netip.Addr, asn uint32) status.GatewaySession {
	return status.GatewaySession{FloatingIP: ip, Instance: ViewName + ip.String(), With: with, Name: name, Peer: peer, ASN: asn}
}

// self is the node as one that takes traffic, and its index. With the mutex, and an assignment.
func (r *Role) self() (index int, ok bool) {
	index = slices.IndexFunc(r.assignment.LoadBalancers, func(n gateway.NextHop) bool { return n.Node == r.Node })
	return index, index >= 0 && r.assignment.LoadBalancers[index].IPv4.IsValid()
}

// seenTraffic is what the node is for traffic of Services, nil for nothing. With the mutex, and an assignment.
func (r *Role) seenTraffic() *status.Traffic {
	index, ok := r.self()
	if !ok {
		return nil
	}
	self := r.assignment.LoadBalancers[index]
	out := &status.Traffic{IPv4: self.IPv4, IPv6: self.IPv6, Of: len(r.assignment.VIPs)}
	for _, v := range r.assignment.VIPs {
		if _, mine := slices.BinarySearch(v.NextHops, index); mine {
			out.Addresses++
		}
	}
	return out
}
