package nodereport

import (
	"fmt"
	"net/netip"
	"slices"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
)

// mostRoutes is how many prefixes a BGPSession lists: every agent watches these objects, and a list of thousands would be sent to each of a thousand nodes
// whenever a Service comes or goes. BGPAdvertisedRoutes have all.
const mostRoutes = 100

// sessionStatus is what a Report says of a BGPSession of this node.
func sessionStatus(r *Report, is *networking.BGPSession) networking.BGPSessionStatus {
	out := networking.BGPSessionStatus{State: networking.SessionNotEstablished}
	s := r.session(is.Spec)
	if s == nil {
		out.Message = r.without(is.Spec.FloatingIP)
		out.AddPath = addPath(nil, is.Status.AddPath, false)
		return out
	}
	out.Message = message(s.Message)
	if s.Established {
		out.State = networking.SessionEstablished
		out.AdvertisedRoutes = prefixes(s.Advertised)
		if n := len(out.AdvertisedRoutes); n > mostRoutes {
			out.AdvertisedRoutes = out.AdvertisedRoutes[:mostRoutes]
			out.Message = fmt.Sprintf("%d routes are advertised; advertisedRoutes lists the first %d", n, mostRoutes)
		}
	}
	out.AddPath = addPath(s.AddPath, is.Status.AddPath, s.Established)
	return out
}

// session is what the Report says of a session; nil: nothing.
func (r *Report) session(is networking.BGPSessionSpec) *Session {
	i := slices.IndexFunc(r.Sessions, func(s Session) bool { return s.FloatingIP.String() == is.FloatingIP && s.Peer.String() == is.PeerIP })
	if i < 0 {
		return nil
	}
	return &r.Sessions[i]
}

// without says why there is no session from a floating IP.
func (r *Report) without(floating string) string {
	if slices.ContainsFunc(r.Floating, func(f FloatingIP) bool { return f.Address.String() == floating && f.State == networking.FloatingIPHeld }) {
		return "FRR does not have this session yet"
	}
	return fmt.Sprintf("the node does not hold %s", floating)
}

// addPath is what is known of ADD-PATH: what was negotiated here, and for families that nothing was heard of what was known of the router before.
func addPath(heard, before []networking.AddPath, established bool) []networking.AddPath {
	byFamily := map[networking.AddressFamily]networking.AddPath{}
	for _, f := range before {
		byFamily[f.Family] = networking.AddPath{Family: f.Family, PeerReceives: f.PeerReceives}
	}
	for _, f := range heard {
		f.Sending = f.Sending && established
		byFamily[f.Family] = f
	}
	var out []networking.AddPath
	for _, family := range []networking.AddressFamily{networking.IPv4, networking.IPv6} {
		if f, known := byFamily[family]; known {
			out = append(out, f)
		}
	}
	return out
}

// prefixes as the API server has them, sorted, each once.
func prefixes(all []netip.Prefix) []string {
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, netip.Prefix.Compare)
	var out []string
	for _, p := range slices.Compact(sorted) {
		out = append(out, p.String())
	}
	return out
}

// sessionDifference tells whether what is told has to be written soon.
func sessionDifference(told, is networking.BGPSessionStatus) difference {
	switch {
	case told.State != is.State || !slices.Equal(told.AddPath, is.AddPath):
		return matters
	case told.Message != is.Message || !slices.Equal(told.AdvertisedRoutes, is.AdvertisedRoutes):
		return detail
	}
	return same
}
