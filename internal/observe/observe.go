package observe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// DefaultVRF is FRR's name of the default VRF.
const DefaultVRF = "default"

// State is what FRR says of its sessions at one moment.
type State struct {
	Version  string    `json:"version"`
	Sessions []Session `json:"sessions"`
}

// Session is one BGP session, and its BFD session where it has one.
type Session struct {
	// Neighbor is the address or the interface, VRF the name of its VRF ("default" for the default VRF) or of its view: FRR does not tell
	// which of both it is.
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
	// Sent is PrefixesSent by family, as AddPath has them: none of one that the peer does not speak.
	Sent map[string]int `json:"-"`
	// LastReset says why the session went down last; empty when it never did.
	LastReset string `json:"lastReset,omitempty"`
	// Trouble says why it is not Established, as far as FRR knows, also where it never was: what one side has told the other, or that the local
	// address is not there. It is empty where nobody answers.
	Trouble string `json:"trouble,omitempty"`
	// LocalAddress is this side's while the session is Established, and the one that is configured otherwise; empty where there is none.
	LocalAddress string `json:"localAddress,omitempty"`
	// AddPath is how several paths for a prefix are told (RFC 7911), by family (FRR's word: ipv4Unicast, ipv6Unicast); families without a word of it
	// are left out.
	AddPath map[string]AddPath `json:"addPath,omitempty"`
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

	// cameUp counts how often it was Established.
	cameUp int
}

// AddPath is ADD-PATH of one family in the direction to the peer. What was negotiated is only known while the session is Established.
type AddPath struct {
	// Configured tells that all paths are to be sent (addpath-tx-all-paths).
	Configured bool `json:"configured"`
	// PeerReceives tells that the peer's OPEN said so.
	PeerReceives bool `json:"peerReceives"`
	// Sending tells that the OPENs of both sides said so: all paths are sent.
	Sending bool `json:"sending"`
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
	if s.VRF == DefaultVRF {
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
	CameUp              int    `json:"connectionsEstablished"`
	Dropped             int    `json:"connectionsDropped"`
	LastResetCause      string `json:"lastResetDueTo"`
	LastNotification    string `json:"lastNotificationReason"`
	HostLocal           string `json:"hostLocal"`
	UpdateSource        string `json:"updateSource"`
	Hold                int    `json:"bgpTimerHoldTimeMsecs"`
	Keepalive           int    `json:"bgpTimerKeepAliveIntervalMsecs"`
	ConfiguredHold      int    `json:"bgpTimerConfiguredHoldTimeMsecs"`
	ConfiguredKeepalive int    `json:"bgpTimerConfiguredKeepAliveIntervalMsecs"`
	GracefulRestart     struct {
		Local  string `json:"localGrMode"`
		Remote string `json:"remoteGrMode"`
	} `json:"gracefulRestartInfo"`
	Families map[string]struct {
		Sent     int  `json:"sentPrefixCounter"`
		Accepted int  `json:"acceptedPrefixCounter"`
		AllPaths bool `json:"addpathTxAllPaths"`
	} `json:"addressFamilyInfo"`
	Capabilities struct {
		AddPath map[string]addPathJSON `json:"addPath"`
	} `json:"neighborCapabilities"`
	BFD *struct {
		Status string `json:"status"`
	} `json:"peerBfdInfo"`
	Messages Messages `json:"messageStats"`
}

// addPathJSON is what both OPENs said. 8.4 has only the words that are true, and none of a side that the other one does not match.
type addPathJSON struct {
	// Sent: this side sends several paths. That the peer does, too, does not matter.
	Sent     bool `json:"txAdvertised"`
	SentBoth bool `json:"txAdvertisedAndReceived"`
	// Received: the peer receives several paths. That this side does, too, does not matter.
	Received     bool `json:"rxReceived"`
	ReceivedBoth bool `json:"rxAdvertisedAndReceived"`
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

// ErrUnreadable is an answer of FRR that has not the form that it should have.
var ErrUnreadable = errors.New("unreadable answer")

func unreadable(what string, err error) error {
	return fmt.Errorf("read %s: %w: %w", what, ErrUnreadable, err)
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
		return nil, unreadable("bgpd's neighbors", err)
	}
	var out []Session
	var errs []error
	for vrf, members := range vrfs {
		sessions, err := readMembers(vrf, members)
		out, errs = append(out, sessions...), append(errs, err)
	}
	sortSessions(out)
	return out, errors.Join(errs...)
}

// readMembers reads the neighbors of one VRF or view.
func readMembers(vrf string, members map[string]json.RawMessage) ([]Session, error) {
	var out []Session
	var errs []error
	for name, raw := range members {
		if len(raw) == 0 || raw[0] != '{' {
			continue // vrfId, vrfName
		}
		var n neighborJSON
		if err := json.Unmarshal(raw, &n); err != nil {
			errs = append(errs, unreadable("bgpd's neighbor "+name, err))
			continue
		}
		out = append(out, n.session(name, vrf))
	}
	return out, errors.Join(errs...)
}

func (n neighborJSON) session(name, vrf string) Session {
	s := Session{
		Neighbor: name, VRF: vrf, RemoteAS: uint32(n.RemoteAS), LocalAS: uint32(n.LocalAS), State: n.State, Dropped: n.Dropped, LastReset: n.LastResetCause,
		ConfiguredHold: n.ConfiguredHold / 1000, ConfiguredKeepalive: n.ConfiguredKeepalive / 1000, GracefulRestart: mode(n.GracefulRestart.Local),
		Messages: n.Messages, LocalAddress: n.UpdateSource, AddPath: n.addPath(), Sent: make(map[string]int, len(n.Families)), cameUp: n.CameUp,
	}
	if s.Established() {
		s.LocalAddress = n.HostLocal
		s.Uptime = time.Duration(n.UpMsec) * time.Millisecond
		s.Hold, s.Keepalive = n.Hold/1000, n.Keepalive/1000
		s.PeerGracefulRestart = mode(n.GracefulRestart.Remote)
	}
	if s.Dropped == 0 {
		s.LastReset = "" // FRR tells of connections that never became a session
	}
	if !s.Established() {
		s.Trouble = n.trouble()
	}
	for family, f := range n.Families {
		s.Sent[family] = f.Sent
		s.PrefixesSent += f.Sent
		s.PrefixesReceived += f.Accepted
	}
	if n.BFD != nil {
		s.BFD = n.BFD.Status
	}
	return s
}

// addPath puts together what is configured and what both OPENs said.
func (n neighborJSON) addPath() map[string]AddPath {
	var out map[string]AddPath
	set := func(family string, a AddPath) {
		if out == nil {
			out = map[string]AddPath{}
		}
		out[family] = a
	}
	for family, f := range n.Families {
		if f.AllPaths {
			set(family, AddPath{Configured: true})
		}
	}
	for family, c := range n.Capabilities.AddPath {
		a := AddPath{Configured: out[family].Configured, PeerReceives: c.Received || c.ReceivedBoth}
		a.Sending = a.PeerReceives && (c.Sent || c.SentBoth)
		if a != (AddPath{}) {
			set(family, a)
		}
	}
	return out
}

// trouble is why a session went down or does not come up. Where it never was up, FRR tells of the last configuration, too, which is no reason.
func (n neighborJSON) trouble() string {
	said := strings.HasPrefix(n.LastResetCause, "BGP Notification")
	switch {
	case said && n.LastNotification != "":
		return n.LastResetCause + ": " + n.LastNotification
	case said, n.Dropped > 0, n.LastResetCause == "Socket Error":
		return n.LastResetCause
	}
	return ""
}

// mode is FRR's word for a mode of graceful restart, without the star of one that comes from the instance.
func mode(word string) string { return strings.ToLower(strings.TrimSuffix(word, "*")) }
