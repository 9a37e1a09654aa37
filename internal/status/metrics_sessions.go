package status

import (
	"net/netip"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/frr-renderer/frr-renderer/internal/observe"
)

// metallb is what the names of MetalLB's metrics begin with. Dashboards and alerts that were written for it work on ours.
const metallb = "metallb"

// bgpPort is where neighbors listen that nobody has said a port of.
const bgpPort = 179

// Sessions tells how FRR's sessions are at a moment.
type Sessions interface {
	View() observe.View
}

// series is one metric of each session: its name and type are MetalLB's, the words are ours.
type series[S any] struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(S) float64
}

func seriesOf[S any](subsystem, name, help string, kind prometheus.ValueType, value func(S) float64) series[S] {
	return series[S]{prometheus.NewDesc(prometheus.BuildFQName(metallb, subsystem, name), help, []string{"peer", "vrf"}, nil), kind, value}
}

func bgpGauge(name, help string, value func(observe.Session) float64) series[observe.Session] {
	return seriesOf("bgp", name, help, prometheus.GaugeValue, value)
}

func bgpCounter(name, help string, value func(observe.Messages) uint64) series[observe.Session] {
	return seriesOf("bgp", name, help, prometheus.CounterValue, func(s observe.Session) float64 { return float64(value(s.Messages)) })
}

func bfdCounter(name, help string, value func(observe.BFDSession) uint64) series[observe.BFDSession] {
	return seriesOf("bfd", name, help, prometheus.CounterValue, func(s observe.BFDSession) float64 { return float64(value(s)) })
}

var bgpSeries = []series[observe.Session]{
	bgpGauge("session_up", "1 while the BGP session is Established, 0 otherwise.", func(s observe.Session) float64 { return truth(s.Established()) }),
	bgpGauge("announced_prefixes_total", "Prefixes that are announced in the session now, of all its address families.",
		func(s observe.Session) float64 { return float64(s.PrefixesSent) }),
	bgpCounter("opens_sent", "BGP OPEN messages sent.", func(m observe.Messages) uint64 { return m.OpensSent }),
	bgpCounter("opens_received", "BGP OPEN messages received.", func(m observe.Messages) uint64 { return m.OpensReceived }),
	bgpCounter("notifications_sent", "BGP NOTIFICATION messages sent; each ends a session.", func(m observe.Messages) uint64 { return m.NotificationsSent }),
	bgpCounter("updates_total", "BGP UPDATE messages sent.", func(m observe.Messages) uint64 { return m.UpdatesSent }),
	bgpCounter("updates_total_received", "BGP UPDATE messages received.", func(m observe.Messages) uint64 { return m.UpdatesReceived }),
	bgpCounter("keepalives_sent", "BGP KEEPALIVE messages sent.", func(m observe.Messages) uint64 { return m.KeepalivesSent }),
	bgpCounter("keepalives_received", "BGP KEEPALIVE messages received.", func(m observe.Messages) uint64 { return m.KeepalivesReceived }),
	bgpCounter("route_refresh_sent", "BGP ROUTE-REFRESH messages sent.", func(m observe.Messages) uint64 { return m.RouteRefreshSent }),
	bgpCounter("total_sent", "BGP messages sent, of all types.", func(m observe.Messages) uint64 { return m.TotalSent }),
	bgpCounter("total_received", "BGP messages received, of all types.", func(m observe.Messages) uint64 { return m.TotalReceived }),
}

var bfdSeries = []series[observe.BFDSession]{
	seriesOf("bfd", "session_up", "1 while the BFD session is up, 0 otherwise.", prometheus.GaugeValue,
		func(s observe.BFDSession) float64 { return truth(s.Up) }),
	bfdCounter("control_packet_input", "BFD control packets received.", func(s observe.BFDSession) uint64 { return s.ControlIn }),
	bfdCounter("control_packet_output", "BFD control packets sent.", func(s observe.BFDSession) uint64 { return s.ControlOut }),
	bfdCounter("echo_packet_input", "BFD echo packets received.", func(s observe.BFDSession) uint64 { return s.EchoIn }),
	bfdCounter("echo_packet_output", "BFD echo packets sent.", func(s observe.BFDSession) uint64 { return s.EchoOut }),
	bfdCounter("session_up_events", "How often the BFD session came up.", func(s observe.BFDSession) uint64 { return s.WentUp }),
	bfdCounter("session_down_events", "How often the BFD session went down.", func(s observe.BFDSession) uint64 { return s.WentDown }),
	bfdCounter("zebra_notifications", "Notifications about the BFD session that were sent to zebra.",
		func(s observe.BFDSession) uint64 { return s.ZebraNotifications }),
}

var (
	observed = prometheus.NewDesc(namespace+"_observed",
		"1 when the daemon has told of all its sessions at this scrape, 0 otherwise: then its sessions have no series, or not all of them.",
		[]string{"daemon"}, nil)
	observeFailures = prometheus.NewDesc(namespace+"_observe_failures_total",
		"How often the daemon did not tell of all its sessions when metrics were scraped.", []string{"daemon"}, nil)
	observeDuration = prometheus.NewDesc(namespace+"_observe_duration_seconds",
		"How long the daemon took to tell of its sessions, or not to, when it was asked last.", []string{"daemon"}, nil)
)

// sessions makes series of what FRR says of its sessions at a scrape.
type sessions struct {
	mu sync.Mutex
	// from is nil while nobody can be asked.
	from Sessions
	// ports are those of neighbors that are told to listen elsewhere than on bgpPort, nil before Runs; then expected are.
	ports, expected map[session]uint16
}

// Expects tells the ports of the neighbors that FRR has, or is to get. They count until Runs tells what it was brought to.
func (m *Metrics) Expects(ports []NeighborPort) {
	m.sessions.mu.Lock()
	defer m.sessions.mu.Unlock()
	m.sessions.expected = portsOf(ports)
}

func portsOf(neighbors []NeighborPort) map[session]uint16 {
	out := make(map[session]uint16, len(neighbors))
	for _, n := range neighbors {
		out[session{n.Neighbor, n.VRF}] = n.Port
	}
	return out
}

// Sessions says whom to ask for FRR's sessions at each scrape.
func (m *Metrics) Sessions(from Sessions) {
	m.sessions.mu.Lock()
	defer m.sessions.mu.Unlock()
	m.sessions.from = from
}

// Describe implements prometheus.Collector.
func (s *sessions) Describe(out chan<- *prometheus.Desc) {
	for _, one := range bgpSeries {
		out <- one.desc
	}
	for _, one := range bfdSeries {
		out <- one.desc
	}
	out <- observed
	out <- observeFailures
	out <- observeDuration
}

// Collect implements prometheus.Collector.
func (s *sessions) Collect(out chan<- prometheus.Metric) {
	s.mu.Lock()
	from, ports := s.from, s.ports
	if ports == nil {
		ports = s.expected
	}
	s.mu.Unlock()
	if from == nil {
		return
	}
	view := from.View()
	collect(out, bgpSeries, view.Sessions, func(s observe.Session) session {
		port, told := ports[session{s.Neighbor, s.VRF}]
		if !told {
			port = bgpPort
		}
		return session{label(s.Neighbor) + ":" + strconv.Itoa(int(port)), label(s.VRF)}
	})
	collect(out, bfdSeries, view.BFD, func(s observe.BFDSession) session { return session{label(bfdPeer(s)), label(s.VRF)} })
	for _, a := range view.Asked {
		daemon := string(a.Daemon)
		out <- prometheus.MustNewConstMetric(observed, prometheus.GaugeValue, truth(a.Err == nil), daemon)
		out <- prometheus.MustNewConstMetric(observeFailures, prometheus.CounterValue, float64(a.Failures), daemon)
		out <- prometheus.MustNewConstMetric(observeDuration, prometheus.GaugeValue, a.Took.Seconds(), daemon)
	}
}

// collect makes series of sessions. Of two that have one name only the first has series: two equal series would cost all others.
func collect[S any](out chan<- prometheus.Metric, all []series[S], from []S, name func(S) session) {
	seen := make(map[session]bool, len(from))
	for _, one := range from {
		n := name(one)
		if seen[n] {
			continue
		}
		seen[n] = true
		for _, s := range all {
			out <- prometheus.MustNewConstMetric(s.desc, s.kind, s.value(one), n.neighbor, n.vrf)
		}
	}
}

// bfdPeer names a BFD session as its BGP session is named: by the interface where the peer has nothing but a link-local address.
func bfdPeer(s observe.BFDSession) string {
	if addr, err := netip.ParseAddr(s.Peer); err == nil && addr.IsLinkLocalUnicast() && s.Interface != "" {
		return s.Interface
	}
	return s.Peer
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
