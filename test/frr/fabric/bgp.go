package fabric

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/observe"
)

// Session is one BGP neighbor as bgpd sees it.
type Session struct {
	VRF      string // "" for the default VRF; also the name of a view
	Neighbor string // address, or interface when unnumbered
	State    string // "Established", "Active", "Idle" ...
	// ConnectionsEstablished and ConnectionsDropped count since the neighbor was configured: a session that nobody disturbed keeps both.
	ConnectionsEstablished int
	ConnectionsDropped     int
	Uptime                 time.Duration
	RemoteAS, LocalAS      uint32
	HoldTime, KeepAlive    time.Duration // negotiated
	BFD                    string        // "Up", "Down", "" without BFD
	LastReset              string
	PrefixesReceived       map[string]int // by family as FRR names it: "ipv4Unicast"
	PrefixesSent           map[string]int
	OutQueue               int
	UpdatesSent            int
	UpdatesReceived        int
	Raw                    json.RawMessage // all that bgpd says about it
}

// Sessions returns all neighbors of all VRFs and views, sorted by VRF and neighbor.
func (n *Node) Sessions(ctx context.Context) ([]Session, error) {
	var vrfs map[string]map[string]json.RawMessage
	if err := n.ShowJSON(ctx, "bgpd", "show bgp vrf all neighbors json", &vrfs); err != nil {
		return nil, err
	}
	var sessions []Session
	for vrf, fields := range vrfs {
		if vrf == "default" {
			vrf = ""
		}
		for name, raw := range fields {
			if name == "vrfId" || name == "vrfName" {
				continue
			}
			s, err := parseSession(raw)
			if err != nil {
				return nil, fmt.Errorf("neighbor %s of node %s: %w", name, n.Name, err)
			}
			s.VRF, s.Neighbor = vrf, name
			sessions = append(sessions, s)
		}
	}
	slices.SortFunc(sessions, func(a, b Session) int {
		return cmp.Or(strings.Compare(a.VRF, b.VRF), strings.Compare(a.Neighbor, b.Neighbor))
	})
	return sessions, nil
}

func parseSession(raw json.RawMessage) (Session, error) {
	var j struct {
		BgpState                               string
		RemoteAs, LocalAs                      observe.ASN
		BgpTimerUpMsec, BgpTimerHoldTimeMsecs  int64
		BgpTimerKeepAliveIntervalMsecs         int64
		ConnectionsEstablished                 int
		ConnectionsDropped                     int
		LastResetDueTo, LastNotificationReason string
		MessageStats                           struct{ DepthOutq, UpdatesSent, UpdatesRecv int }
		AddressFamilyInfo                      map[string]struct{ AcceptedPrefixCounter, SentPrefixCounter int }
		PeerBfdInfo                            struct{ Status string }
	}
	if err := json.Unmarshal(raw, &j); err != nil {
		return Session{}, err
	}
	s := Session{
		State: j.BgpState, RemoteAS: uint32(j.RemoteAs), LocalAS: uint32(j.LocalAs), BFD: j.PeerBfdInfo.Status,
		ConnectionsEstablished: j.ConnectionsEstablished, ConnectionsDropped: j.ConnectionsDropped,
		Uptime:    time.Duration(j.BgpTimerUpMsec) * time.Millisecond,
		HoldTime:  time.Duration(j.BgpTimerHoldTimeMsecs) * time.Millisecond,
		KeepAlive: time.Duration(j.BgpTimerKeepAliveIntervalMsecs) * time.Millisecond,
		LastReset: strings.TrimSpace(j.LastResetDueTo + " " + j.LastNotificationReason),
		OutQueue:  j.MessageStats.DepthOutq, UpdatesSent: j.MessageStats.UpdatesSent, UpdatesReceived: j.MessageStats.UpdatesRecv,
		PrefixesReceived: map[string]int{}, PrefixesSent: map[string]int{}, Raw: raw,
	}
	for family, c := range j.AddressFamilyInfo {
		s.PrefixesReceived[family], s.PrefixesSent[family] = c.AcceptedPrefixCounter, c.SentPrefixCounter
	}
	return s, nil
}

// Session returns one neighbor.
func (n *Node) Session(ctx context.Context, vrf, neighbor string) (Session, error) {
	sessions, err := n.Sessions(ctx)
	if err != nil {
		return Session{}, err
	}
	for _, s := range sessions {
		if s.VRF == vrf && s.Neighbor == neighbor {
			return s, nil
		}
	}
	return Session{}, fmt.Errorf("node %s has no neighbor %s in VRF %q", n.Name, neighbor, vrf)
}

// WaitSession waits until a neighbor satisfies the condition.
func (n *Node) WaitSession(ctx context.Context, vrf, neighbor string, ok func(Session) bool) (Session, error) {
	var s Session
	err := poll(ctx, func() (err error) {
		s, err = n.Session(ctx, vrf, neighbor)
		if err == nil && !ok(s) {
			err = fmt.Errorf("node %s: neighbor %s in VRF %q is %s, BFD %q, established %d times, dropped %d times, last reset %q",
				n.Name, neighbor, vrf, s.State, s.BFD, s.ConnectionsEstablished, s.ConnectionsDropped, s.LastReset)
		}
		return err
	})
	return s, err
}

// WaitEstablished waits until the session with a neighbor is up.
func (n *Node) WaitEstablished(ctx context.Context, vrf, neighbor string) (Session, error) {
	return n.WaitSession(ctx, vrf, neighbor, func(s Session) bool { return s.State == "Established" })
}

// WaitAllEstablished waits until the node has sessions and all are up, with BFD up where it is configured. Only then is it fair to start
// counting drops: FRR 8.4 and 10.3 sometimes drop a session once while its BFD session comes up.
func (n *Node) WaitAllEstablished(ctx context.Context) ([]Session, error) {
	var sessions []Session
	err := poll(ctx, func() (err error) {
		if sessions, err = n.Sessions(ctx); err != nil {
			return err
		}
		if len(sessions) == 0 {
			return fmt.Errorf("node %s has no neighbors", n.Name)
		}
		for _, s := range sessions {
			if s.State != "Established" || (s.BFD != "" && s.BFD != "Up") {
				return fmt.Errorf("node %s: neighbor %s in VRF %q is %s, BFD %q, last reset %q", n.Name, s.Neighbor, s.VRF, s.State, s.BFD, s.LastReset)
			}
		}
		return nil
	})
	return sessions, err
}

// Disturbed compares two looks at the sessions and describes each one of the first look that was dropped, or is gone, since.
func Disturbed(before, after []Session) []string {
	var found []string
	for _, b := range before {
		i := slices.IndexFunc(after, func(a Session) bool { return a.VRF == b.VRF && a.Neighbor == b.Neighbor })
		switch {
		case i < 0:
			found = append(found, fmt.Sprintf("neighbor %s in VRF %q is gone", b.Neighbor, b.VRF))
		case after[i].ConnectionsDropped != b.ConnectionsDropped || after[i].ConnectionsEstablished != b.ConnectionsEstablished:
			found = append(found, fmt.Sprintf("neighbor %s in VRF %q: dropped %d times, then %d; last reset %q",
				b.Neighbor, b.VRF, b.ConnectionsDropped, after[i].ConnectionsDropped, after[i].LastReset))
		case after[i].State != b.State:
			found = append(found, fmt.Sprintf("neighbor %s in VRF %q was %s and is %s", b.Neighbor, b.VRF, b.State, after[i].State))
		}
	}
	return found
}

// Route is one path to a prefix in bgpd's table.
type Route struct {
	Prefix           netip.Prefix
	NextHops         []netip.Addr
	ASPath           string // "65001 65002", "" for a local or iBGP route
	Origin           string // "IGP", "EGP", "incomplete"
	LocalPref        uint32 // 0 when the path has none
	MED              uint32
	Communities      []string // "65001:7", "no-export"
	LargeCommunities []string // "65001:1:2"
	Peer             string   // who sent it; "" for a local one
	PathID           uint32   // as received with ADD-PATH
	Valid, Best      bool
	Multipath        bool
	Stale            bool
}

// Routes returns the paths to one prefix in a VRF (or view), in bgpd's order; none when the prefix is not in the table.
func (n *Node) Routes(ctx context.Context, vrf, prefix string) ([]Route, error) {
	p, err := netip.ParsePrefix(prefix)
	if err != nil {
		return nil, err
	}
	var table struct{ Paths []pathJSON }
	if err := n.ShowJSON(ctx, "bgpd", "show bgp "+instance(vrf)+family(p)+" "+prefix+" json", &table); err != nil {
		return nil, err
	}
	var routes []Route
	for _, path := range table.Paths {
		routes = append(routes, path.route(p))
	}
	return routes, nil
}

// Prefixes lists what is in bgpd's table of a family, "ipv4" or "ipv6", sorted.
func (n *Node) Prefixes(ctx context.Context, vrf, family string) ([]netip.Prefix, error) {
	var table struct {
		Routes map[netip.Prefix]json.RawMessage
	}
	if err := n.ShowJSON(ctx, "bgpd", "show bgp "+instance(vrf)+family+" unicast json", &table); err != nil {
		return nil, err
	}
	var prefixes []netip.Prefix
	for p := range table.Routes {
		prefixes = append(prefixes, p)
	}
	slices.SortFunc(prefixes, netip.Prefix.Compare)
	return prefixes, nil
}

// WaitRoute waits until one path to the prefix satisfies the condition (nil: any path), and returns it.
func (n *Node) WaitRoute(ctx context.Context, vrf, prefix string, ok func(Route) bool) (Route, error) {
	var found Route
	err := poll(ctx, func() error {
		routes, err := n.Routes(ctx, vrf, prefix)
		if err != nil {
			return err
		}
		for _, r := range routes {
			if ok == nil || ok(r) {
				found = r
				return nil
			}
		}
		if len(routes) == 0 {
			return fmt.Errorf("node %s has no route to %s in VRF %q", n.Name, prefix, vrf)
		}
		return fmt.Errorf("node %s has other routes to %s in VRF %q: %+v", n.Name, prefix, vrf, routes)
	})
	return found, err
}

// WaitNoRoute waits until no path to the prefix is left.
func (n *Node) WaitNoRoute(ctx context.Context, vrf, prefix string) error {
	return poll(ctx, func() error {
		routes, err := n.Routes(ctx, vrf, prefix)
		if err == nil && len(routes) > 0 {
			err = fmt.Errorf("node %s still has %d routes to %s in VRF %q: %+v", n.Name, len(routes), prefix, vrf, routes)
		}
		return err
	})
}

// BFDPeer is one session of bfdd.
type BFDPeer struct {
	Peer, Local, VRF, Interface string
	Multihop                    bool
	Status                      string // "up", "down", "init", "shutdown"
	Uptime                      int    // seconds
	DetectMultiplier            int    `json:"detect-multiplier"`
	ReceiveInterval             int    `json:"receive-interval"`  // milliseconds
	TransmitInterval            int    `json:"transmit-interval"` // milliseconds
	EchoReceiveInterval         int    `json:"echo-receive-interval"`
	EchoTransmitInterval        int    `json:"echo-transmit-interval"`
	PassiveMode                 bool   `json:"passive-mode"`
	MinimumTTL                  int    `json:"minimum-ttl"`
	ID                          uint32 `json:"id"`        // changes when the session is made anew
	RemoteID                    uint32 `json:"remote-id"` // the same of the other side
}

// BFDPeers returns the sessions of all VRFs. VRF is "" for the default one.
func (n *Node) BFDPeers(ctx context.Context) ([]BFDPeer, error) {
	var peers []BFDPeer
	if err := n.ShowJSON(ctx, "bfdd", "show bfd peers json", &peers); err != nil {
		return nil, err
	}
	for i := range peers {
		if peers[i].VRF == "default" {
			peers[i].VRF = ""
		}
	}
	slices.SortFunc(peers, func(a, b BFDPeer) int {
		return cmp.Or(strings.Compare(a.VRF, b.VRF), strings.Compare(a.Peer, b.Peer))
	})
	return peers, nil
}

// WaitBFD waits until the session with a peer satisfies the condition (nil: it is up).
func (n *Node) WaitBFD(ctx context.Context, vrf, peer string, ok func(BFDPeer) bool) (BFDPeer, error) {
	if ok == nil {
		ok = func(p BFDPeer) bool { return p.Status == "up" }
	}
	var found BFDPeer
	err := poll(ctx, func() error {
		peers, err := n.BFDPeers(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(peers, func(p BFDPeer) bool { return p.VRF == vrf && p.Peer == peer && ok(p) })
		if i < 0 {
			return fmt.Errorf("node %s has no such BFD session with %s in VRF %q: %+v", n.Name, peer, vrf, peers)
		}
		found = peers[i]
		return nil
	})
	return found, err
}

// instance is the part of a show command that selects a VRF or view.
func instance(vrf string) string {
	if vrf == "" {
		return ""
	}
	return "vrf " + vrf + " "
}

func family(p netip.Prefix) string {
	if p.Addr().Is4() {
		return "ipv4 unicast"
	}
	return "ipv6 unicast"
}

// pathJSON is one path as "show bgp ... PREFIX json" prints it.
type pathJSON struct {
	ASPath         struct{ String string }
	Origin         string
	LocPrf         uint32
	Metric, MED    uint32
	Valid, Stale   bool
	Multipath      bool
	AddPathRxID    uint32 `json:"addpathRxId"`
	BestPath       struct{ Overall bool }
	Community      struct{ String string }
	LargeCommunity struct{ String string }
	NextHops       []struct {
		IP    string
		Scope string
	}
	Peer struct{ PeerID, Type string }
}

func (j pathJSON) route(p netip.Prefix) Route {
	r := Route{
		Prefix: p, Origin: j.Origin, LocalPref: j.LocPrf, MED: max(j.Metric, j.MED), PathID: j.AddPathRxID,
		Valid: j.Valid, Best: j.BestPath.Overall, Multipath: j.Multipath, Stale: j.Stale,
		Communities: strings.Fields(j.Community.String), LargeCommunities: strings.Fields(j.LargeCommunity.String),
	}
	if j.ASPath.String != "Local" {
		r.ASPath = j.ASPath.String
	}
	if j.Peer.PeerID != "0.0.0.0" && j.Peer.PeerID != "(unspec)" {
		r.Peer = j.Peer.PeerID
	}
	for _, nh := range j.NextHops {
		if a, err := netip.ParseAddr(nh.IP); err == nil {
			r.NextHops = append(r.NextHops, a)
		}
	}
	return r
}
