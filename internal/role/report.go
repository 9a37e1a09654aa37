package role

import (
	"cmp"
	"net/netip"
	"time"

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
	if r.Report == nil || !r.looked || !r.listening.known {
		return
	}
	out := nodereport.Report{Subnets: r.ownSubnets(), Unwell: r.unwell(), Sessions: r.reportedSessions()}
	for _, f := range r.facts.Addresses {
		out.Floating = append(out.Floating, reportedFact(f))
	}
	out.Gateway = len(r.word.Wanted) > 0 || len(r.floating()) > 0 || r.renews
	r.Report(out)
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

// reportedFact is in the words of NetworkGatewayNode.
func reportedFact(f floating.Fact) nodereport.FloatingIP {
	out := nodereport.FloatingIP{Address: f.Address, Reason: f.Reason}
	if f.MAC != nil {
		out.MAC = f.MAC.String()
	}
	switch {
	case f.State == floating.Held:
		out.State = networking.FloatingIPHeld
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
			one.Message = cmp.Or(now.Trouble, "FRR is in state "+now.State)
		default:
			one.Established, one.AddPath, one.Advertised = true, addPath(now), advertised(r.assignment, now)
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

// advertised are the prefixes that a router is told.
func advertised(a *gateway.Assignment, s observe.Session) []netip.Prefix {
	if s.PrefixesSent == 0 {
		return nil
	}
	out := make([]netip.Prefix, 0, len(a.VIPs))
	for _, v := range a.VIPs {
		if len(v.NextHops) > 0 {
			out = append(out, v.Prefix())
		}
	}
	return out
}
