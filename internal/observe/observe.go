package observe

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// State is what FRR says of its sessions at one moment.
type State struct {
	Version  string    `json:"version"`
	Sessions []Session `json:"sessions"`
}

// Session is one BGP session, and its BFD session where it has one.
type Session struct {
	// Neighbor is the address or the interface, VRF the name of its VRF ("default" for the default VRF).
	Neighbor string `json:"neighbor"`
	VRF      string `json:"vrf"`
	RemoteAS uint32 `json:"remoteAS"`
	LocalAS  uint32 `json:"localAS"`
	// State is FRR's word: Established, Active, Idle ...
	State  string        `json:"state"`
	Uptime time.Duration `json:"uptime"`
	// Dropped counts how often the session went down since bgpd started.
	Dropped int `json:"dropped"`
	// PrefixesSent and PrefixesReceived count over all families.
	PrefixesSent     int `json:"prefixesSent"`
	PrefixesReceived int `json:"prefixesReceived"`
	// LastReset says why the session went down last; empty when it never did.
	LastReset string `json:"lastReset,omitempty"`
	// Hold and Keepalive are the timers in force, ConfiguredHold and ConfiguredKeepalive those that are configured, in seconds; 0 when there are
	// none.
	Hold                int `json:"hold,omitempty"`
	Keepalive           int `json:"keepalive,omitempty"`
	ConfiguredHold      int `json:"configuredHold,omitempty"`
	ConfiguredKeepalive int `json:"configuredKeepalive,omitempty"`
	// GracefulRestart is the mode that is configured (RFC 4724), and PeerGracefulRestart what the peer has told: restart, helper, disable ... FRR
	// does not tell which mode of its own a session began with.
	GracefulRestart     string `json:"gracefulRestart,omitempty"`
	PeerGracefulRestart string `json:"peerGracefulRestart,omitempty"`
	// BFD is FRR's word for its BFD session, up or down; empty without one.
	BFD string `json:"bfd,omitempty"`
	// Messages are counted since the neighbor was configured, over all its connections.
	Messages Messages `json:"messages"`
}

// Messages are numbers of BGP messages, as FRR counts them.
type Messages struct {
	OpensSent          uint64 `json:"opensSent"`
	OpensReceived      uint64 `json:"opensRecv"`
	NotificationsSent  uint64 `json:"notificationsSent"`
	UpdatesSent        uint64 `json:"updatesSent"`
	UpdatesReceived    uint64 `json:"updatesRecv"`
	KeepalivesSent     uint64 `json:"keepalivesSent"`
	KeepalivesReceived uint64 `json:"keepalivesRecv"`
	RouteRefreshSent   uint64 `json:"routeRefreshSent"`
	TotalSent          uint64 `json:"totalSent"`
	TotalReceived      uint64 `json:"totalRecv"`
}

// String names the session: its neighbor, and its VRF unless that is the default.
func (s Session) String() string {
	if s.VRF == "default" {
		return s.Neighbor
	}
	return s.Neighbor + " of " + s.VRF
}

// Established tells whether routes flow.
func (s Session) Established() bool { return s.State == "Established" }

// ASN is an AS number, which 10.3 prints as a string where an instance has as-notation ("65001", "1.10", RFC 5396).
type ASN uint32

// UnmarshalJSON implements json.Unmarshaler.
func (a *ASN) UnmarshalJSON(data []byte) error {
	text := strings.Trim(string(data), `"`)
	high, low, dotted := strings.Cut(text, ".")
	bits := 32
	if dotted {
		bits = 16
	} else {
		low, high = text, "0"
	}
	h, err := strconv.ParseUint(high, 10, 16)
	if err != nil {
		return fmt.Errorf("%s is no AS number", data)
	}
	l, err := strconv.ParseUint(low, 10, bits)
	if err != nil {
		return fmt.Errorf("%s is no AS number", data)
	}
	*a = ASN(h<<16 | l)
	return nil
}

// neighborJSON is what counts of "show bgp vrf all neighbors json".
type neighborJSON struct {
	RemoteAS            ASN    `json:"remoteAs"`
	LocalAS             ASN    `json:"localAs"`
	State               string `json:"bgpState"`
	UpMsec              int64  `json:"bgpTimerUpMsec"`
	Dropped             int    `json:"connectionsDropped"`
	LastResetCause      string `json:"lastResetDueTo"`
	Hold                int    `json:"bgpTimerHoldTimeMsecs"`
	Keepalive           int    `json:"bgpTimerKeepAliveIntervalMsecs"`
	ConfiguredHold      int    `json:"bgpTimerConfiguredHoldTimeMsecs"`
	ConfiguredKeepalive int    `json:"bgpTimerConfiguredKeepAliveIntervalMsecs"`
	GracefulRestart     struct {
		Local  string `json:"localGrMode"`
		Remote string `json:"remoteGrMode"`
	} `json:"gracefulRestartInfo"`
	Families map[string]struct {
		Sent     int `json:"sentPrefixCounter"`
		Accepted int `json:"acceptedPrefixCounter"`
	} `json:"addressFamilyInfo"`
	BFD *struct {
		Status string `json:"status"`
	} `json:"peerBfdInfo"`
	Messages Messages `json:"messageStats"`
}

// Read asks bgpd. Sessions are sorted by VRF and neighbor.
func Read(ctx context.Context, client vtysh.Client) (State, error) {
	version, err := vtysh.ReadVersion(ctx, client, vtysh.BGPD)
	if err != nil {
		return State{}, err
	}
	out := State{Version: version.String()}
	sessions, err := readSessions(ctx, client)
	if err != nil {
		return out, err
	}
	out.Sessions = sessions
	return out, nil
}

// readSessions asks bgpd one question. Beside an error there may be the sessions that it does not concern.
func readSessions(ctx context.Context, client vtysh.Client) ([]Session, error) {
	text, err := client.Run(ctx, vtysh.BGPD, "show bgp vrf all neighbors json")
	if err != nil {
		return nil, err
	}
	return readNeighbors([]byte(text))
}

func readNeighbors(text []byte) ([]Session, error) {
	var vrfs map[string]map[string]json.RawMessage
	if err := json.Unmarshal(text, &vrfs); err != nil {
		return nil, fmt.Errorf("read bgpd's neighbors: %w", err)
	}
	var out []Session
	var errs []error
	for vrf, members := range vrfs {
		for name, raw := range members {
			if len(raw) == 0 || raw[0] != '{' {
				continue // vrfId, vrfName
			}
			var n neighborJSON
			if err := json.Unmarshal(raw, &n); err != nil {
				errs = append(errs, fmt.Errorf("read bgpd's neighbor %s: %w", name, err))
				continue
			}
			out = append(out, n.session(name, vrf))
		}
	}
	slices.SortFunc(out, func(a, b Session) int { return cmp.Or(cmp.Compare(a.VRF, b.VRF), cmp.Compare(a.Neighbor, b.Neighbor)) })
	return out, errors.Join(errs...)
}

func (n neighborJSON) session(name, vrf string) Session {
	s := Session{
		Neighbor: name, VRF: vrf, RemoteAS: uint32(n.RemoteAS), LocalAS: uint32(n.LocalAS), State: n.State, Dropped: n.Dropped, LastReset: n.LastResetCause,
		ConfiguredHold: n.ConfiguredHold / 1000, ConfiguredKeepalive: n.ConfiguredKeepalive / 1000, GracefulRestart: mode(n.GracefulRestart.Local),
		Messages: n.Messages,
	}
	if s.Established() {
		s.Uptime = time.Duration(n.UpMsec) * time.Millisecond
		s.Hold, s.Keepalive = n.Hold/1000, n.Keepalive/1000
		s.PeerGracefulRestart = mode(n.GracefulRestart.Remote)
	}
	if s.Dropped == 0 {
		s.LastReset = "" // FRR tells of connections that never became a session
	}
	for _, f := range n.Families {
		s.PrefixesSent += f.Sent
		s.PrefixesReceived += f.Accepted
	}
	if n.BFD != nil {
		s.BFD = n.BFD.Status
	}
	return s
}

// mode is FRR's word for a mode of graceful restart, without the star of one that comes from the instance.
func mode(word string) string { return strings.ToLower(strings.TrimSuffix(word, "*")) }
