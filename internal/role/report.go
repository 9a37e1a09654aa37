package role

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/floating"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/nodereport"
	"github.com/frr-renderer/frr-renderer/internal/observe"
)

// noAnswer is why nothing is known of sessions.
const noAnswer = "bgpd does not answer"

// report tells the API server. Nothing is told before it is known what is on the host: the manager believes it. With the mutex.
func (r *Role) report() {
	r.refuse()
	if r.Report == nil || !r.looked || !r.listening.known {
		return
	}
	out := nodereport.Report{Subnets: r.ownSubnets(), Unwell: r.unwell(), Sessions: r.reportedSessions()}
	for _, f := range slices.Concat(r.facts.Addresses, r.remembered()) {
		out.Floating = append(out.Floating, r.reportedFact(f))
	}
	out.Namespace = r.namespace
	out.Gateway = len(r.word.Wanted) > 0 || len(r.floating()) > 0 || r.renews
	out.Unsure = r.ordered.unsure
	if r.reported == nil || !same(*r.reported, out) {
		r.reported = &out
		r.Report(out)
	}
}

// same tells whether there is nothing new to tell.
func same(a, b nodereport.Report) bool {
	return a.Unwell == b.Unwell && a.Gateway == b.Gateway && a.Unsure == b.Unsure && slices.Equal(a.Subnets, b.Subnets) && slices.Equal(a.Floating, b.Floating) &&
		slices.EqualFunc(a.Sessions, b.Sessions, func(a, b nodereport.Session) bool {
			return a.FloatingIP == b.FloatingIP && a.Peer == b.Peer && a.Established == b.Established && a.Message == b.Message &&
				slices.Equal(a.AddPath, b.AddPath) && samePrefixes(a.Advertised, b.Advertised)
		}) && a.Namespace == b.Namespace
}

// samePrefixes compares lists that are most often one.
func samePrefixes(a, b []netip.Prefix) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}

// ownSubnets are those that are up, or may be so again at once: a node whose LAN is down should not be chosen. With the mutex.
func (r *Role) ownSubnets() []nodereport.Subnet {
	var out []nodereport.Subnet
	for _, s := range r.subnets {
		if s.Up || time.Since(s.down) < floating.Patience {
			out = append(out, nodereport.Subnet{Interface: s.Interface, Address: s.Address})
		}
	}
	return out
}

// reportedFact is in the words of NetworkGatewayNode. What counts as refused does so until it is held, since it is given to others where that is told. With the
// mutex.
func (r *Role) reportedFact(f floating.Fact) nodereport.FloatingIP {
	out := nodereport.FloatingIP{Address: f.Address, Reason: f.Reason}
	if f.MAC != nil {
		out.MAC = f.MAC.String()
	}
	why, refused := r.refused[f.Address]
	switch {
	case f.State == floating.Held:
		out.State = networking.FloatingIPHeld
	case refused:
		out.State, out.MAC, out.Reason = networking.FloatingIPRefused, "", why
	case f.State == floating.Probing:
		out.State = networking.FloatingIPProbing
	case f.State == floating.Conflict, f.State == floating.Yielded && f.MAC != nil:
		out.State = networking.FloatingIPConflict
	}
	return out
}

// reportedSessions are those of the floating IPs that the node holds. With the mutex.
func (r *Role) reportedSessions() []nodereport.Session {
	if r.assignment == nil {
		return nil
	}
	seen := make(map[pair]observe.Session, len(r.sessions))
	for _, s := range r.sessions {
		if floating, peer, ok := sessionOf(s); ok {
			seen[pair{peer, floating}] = s
		}
	}
	answers := r.answers(time.Now())
	var out []nodereport.Session
	for _, s := range r.assignment.Sessions {
		if !r.on(s.FloatingIP) {
			continue
		}
		now, known := seen[pair{s.PeerIP, s.FloatingIP}]
		one := nodereport.Session{FloatingIP: s.FloatingIP, Peer: s.PeerIP}
		switch {
		case !answers:
			one.Message = noAnswer
		case !known:
			one.Message = "FRR does not have it yet"
		case !now.Established():
			one.Message = cmp.Or(now.Trouble, "the router does not answer")
		default:
			one.Established, one.AddPath, one.Advertised = true, addPath(now), r.advertised(now)
		}
		out = append(out, one)
	}
	return out
}

// addPath is what both OPENs said.
func addPath(s observe.Session) []networking.AddPath {
	v4 := s.AddPath[ipv4]
	out := []networking.AddPath{{Family: networking.IPv4, PeerReceives: v4.PeerReceives, Sending: v4.Sending}}
	if v6, spoken := s.AddPath[ipv6]; spoken {
		out = append(out, networking.AddPath{Family: networking.IPv6, PeerReceives: v6.PeerReceives, Sending: v6.Sending})
	}
	return out
}

// advertised are the prefixes that a router is told: of the families that bgpd has sent it anything of, what is to be. To ask bgpd for thousands each second would
// keep it from its work.
func (r *Role) advertised(s observe.Session) []netip.Prefix {
	v6 := slices.IndexFunc(r.prefixes, func(p netip.Prefix) bool { return p.Addr().Is6() }) // they come last
	if v6 < 0 {
		v6 = len(r.prefixes)
	}
	from, to := 0, len(r.prefixes)
	if s.Sent[ipv4] == 0 {
		from = v6
	}
	if s.Sent[ipv6] == 0 {
		to = v6
	}
	return r.prefixes[from:to]
}

// announced are the prefixes that the node's sessions carry, sorted: those of IPv6 only where the node has it.
func (r *Role) announced(a *gateway.Assignment) []netip.Prefix {
	v6 := slices.ContainsFunc(r.input.Nodes, func(n *corev1.Node) bool { return n.Name == r.Node && hasIPv6(n) })
	out := make([]netip.Prefix, 0, len(a.VIPs))
	for _, v := range a.VIPs {
		if len(v.NextHops) > 0 && (v6 || v.Address.Is4()) {
			out = append(out, v.Prefix())
		}
	}
	return out
}

func hasIPv6(n *corev1.Node) bool {
	return slices.ContainsFunc(n.Status.Addresses, func(a corev1.NodeAddress) bool {
		ip, err := netip.ParseAddr(a.Address)
		return err == nil && ip.Is6() && !ip.Is4In6() && ip.IsGlobalUnicast()
	})
}
