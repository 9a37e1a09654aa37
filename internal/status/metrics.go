package status

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/reload"
)

// namespace is what the names of all metrics begin with.
const namespace = "frr_renderer"

// Metrics are what Prometheus may scrape. Methods may be called from any goroutine.
//
// What comes and goes (sessions, announcements, problems) is kept as it is now, and made series of at each scrape: what is gone is not told.
// Labels hold names of kinds, reasons and effects, of which there are few, names of objects, neighbors and VRFs, cut to a length and bounded
// in number; never another value that a user wrote.
type Metrics struct {
	registry *prometheus.Registry

	ready         prometheus.Gauge
	success       prometheus.Gauge
	failures      prometheus.Counter
	duration      prometheus.Histogram
	lines         prometheus.Histogram
	applies       *prometheus.CounterVec
	commands      *prometheus.CounterVec
	refused       prometheus.Counter
	resets        prometheus.Counter
	planHeld      prometheus.Gauge
	driftFound    prometheus.Counter
	driftRepaired prometheus.Counter
	driftLines    prometheus.Gauge
	requests      *prometheus.CounterVec

	sessions  sessions
	announced announcements
	troubles  troubles
	sources   sources
	gateway   gateways
	config    *configuration

	mu       sync.Mutex
	held     map[session]bool
	problems map[problemKey]int
}

// session names one session in labels.
type session struct{ neighbor, vrf string }

// problemKey is what problems are counted by.
type problemKey struct {
	severity problem.Severity
	kind     string
	reason   problem.Reason
}

// The series that come and go.
var (
	heldSession = prometheus.NewDesc(namespace+"_held_session",
		"1 for each BGP session that a held plan would reset. The session stays as it is until the plan is let through; gone when nothing is held.",
		[]string{"neighbor", "vrf"}, nil)
	problemCount = prometheus.NewDesc(namespace+"_problems",
		"Problems with objects, or of the node, as they are now. error: the object or its change is left out; warning: it is used as far as it goes.",
		[]string{"severity", "kind", "reason"}, nil)
)

// NewMetrics returns metrics of an agent that has done nothing yet, with those of the process and of Go's runtime.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		ready: gauge("ready", "1 when FRR was seen running what the objects ask for, with the last change, as /readyz tells. "+
			"What is held back does not count against it."),
		success: gauge("last_success_timestamp_seconds", "When FRR was last asked and found running what the objects ask for, as Unix time; 0 before the first."),
		failures: counter("failures_total", "Tries that left FRR without all that was asked for. Each is tried again; "+
			"sessions and routes stay as they are."),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "apply_duration_seconds",
			Help:    "How long applies took that sent FRR something, from the comparison until FRR was seen running it; its count is the number of applies.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120},
		}),
		lines: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "apply_lines",
			Help:    "How many commands one apply had to send; one for a Service that comes or goes.",
			Buckets: []float64{1, 2, 5, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000},
		}),
		applies: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "applies_total",
			Help: "Applies that sent FRR something, by the greatest disturbance among their commands; see frr_renderer_commands_total.",
		}, []string{"effect"}),
		commands: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "commands_total",
			Help: "Commands of applies by what they disturb: none; soft (routes are evaluated again); deferred (in force from the next session on); " +
				"reset (sessions go down and come up again).",
		}, []string{"effect"}),
		refused:  counter("refused_commands_total", "Commands that FRR refused."),
		resets:   counter("session_resets_total", "Established BGP sessions that changes have reset. Resets by peers, links or BFD don't count."),
		planHeld: gauge("plan_held", "1 while a plan is held back by --refuse-resets, 0 otherwise. \"frr-renderer status\" shows it, and how to let it through."),
		driftFound: counter("drift_found_total",
			"How often FRR was found running something else than was applied, since somebody changed it by hand."),
		driftRepaired: counter("drift_repaired_total", "How often that was repaired (--drift=repair)."),
		driftLines:    gauge("drift_lines", "Commands that would repair what somebody changed by hand, where it is only told (--drift=report)."),
		requests:      newRequests(),
		announced:     announcements{most: announcedMost},
		config:        newConfiguration(),
		held:          map[session]bool{},
		problems:      map[problemKey]int{},
	}
	for _, e := range []reload.Effect{reload.None, reload.Soft, reload.Deferred, reload.Reset} {
		m.commands.WithLabelValues(string(e)) // so that the first one is seen as an increase
		m.applies.WithLabelValues(string(e))
	}
	m.registry.MustRegister(m.ready, m.success, m.failures, m.duration, m.lines, m.applies, m.commands, m.refused, m.resets, m.planHeld, m.driftFound,
		m.driftRepaired, m.driftLines, m.requests, m.config, &m.sessions, &m.announced, &m.troubles, &m.sources, &m.gateway, (*current)(m),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 3})
}

// Applied counts an apply that had something to send.
func (m *Metrics) Applied(result reload.Result) {
	m.duration.Observe(result.Duration.Seconds())
	m.lines.Observe(float64(len(result.Plan.Commands)))
	m.applies.WithLabelValues(string(result.Plan.Effect())).Inc()
	for _, c := range result.Plan.Commands {
		m.commands.WithLabelValues(string(c.Effect)).Inc()
	}
	m.refused.Add(float64(len(result.Refused)))
	m.driftLines.Set(0)
}

// Reset counts Established sessions that a plan which is sent now resets.
func (m *Metrics) Reset(sessions int) { m.resets.Add(float64(sessions)) }

// Succeeded tells that FRR was seen running what the objects ask for.
func (m *Metrics) Succeeded(at time.Time) {
	m.ready.Set(1)
	m.success.Set(unix(at))
	m.config.succeeded()
}

// Failed tells that FRR does not run all that the objects ask for.
func (m *Metrics) Failed() {
	m.ready.Set(0)
	m.failures.Inc()
	m.config.failed()
}

// Held tells which neighbors a held plan would reset, named as in plans, in place of any plan before; none: nothing is held.
func (m *Metrics) Held(neighbors []string) {
	held := map[session]bool{}
	for _, name := range neighbors {
		neighbor, vrf := reload.Session(name)
		held[session{label(neighbor), label(vrf)}] = true
	}
	m.mu.Lock()
	m.held = held
	m.mu.Unlock()
	m.planHeld.Set(float64(min(1, len(held))))
}

// Problems tells all problems that there are now.
func (m *Metrics) Problems(problems []problem.Problem) {
	count := countProblems(problems)
	m.mu.Lock()
	m.problems = count
	m.mu.Unlock()
	m.troubles.told(problems)
	m.config.problems(problems)
}

func countProblems(problems []problem.Problem) map[problemKey]int {
	count := map[problemKey]int{}
	for _, p := range problems {
		count[problemKey{p.Severity, kind(p), p.Reason}]++
	}
	return count
}

// DriftFound counts that FRR was found changed by hand.
func (m *Metrics) DriftFound() { m.driftFound.Inc() }

// DriftRepaired counts that what was found was repaired.
func (m *Metrics) DriftRepaired() { m.driftRepaired.Inc() }

// DriftLines tells how many commands would repair what was found, where that is left to somebody; 0: nothing is to repair.
func (m *Metrics) DriftLines(n int) { m.driftLines.Set(float64(n)) }

// current makes series of what there is at the moment of a scrape.
type current Metrics

// Describe implements prometheus.Collector.
func (c *current) Describe(out chan<- *prometheus.Desc) {
	out <- heldSession
	out <- problemCount
}

// Collect implements prometheus.Collector.
func (c *current) Collect(out chan<- prometheus.Metric) {
	c.mu.Lock()
	held, problems := slices.Collect(maps.Keys(c.held)), maps.Clone(c.problems)
	c.mu.Unlock()
	for _, s := range held {
		out <- prometheus.MustNewConstMetric(heldSession, prometheus.GaugeValue, 1, s.neighbor, s.vrf)
	}
	for k, n := range problems {
		out <- prometheus.MustNewConstMetric(problemCount, prometheus.GaugeValue, float64(n), string(k.severity), k.kind, string(k.reason))
	}
}

// kind is the kind of a problem's object, where it is one that is read: of other ones, a user wrote the name.
func kind(p problem.Problem) string {
	switch p.Object.Kind {
	case "BGPPeer", "IPAddressPool", "BGPAdvertisement", "BFDProfile", "Community", "Service", "Node", "Namespace", "Secret", "ConfigMap", "EndpointSlice",
		"Cluster", "NodePool", "NetworkGatewayGroup", "BGPLoadBalancer", "BGPSession", "NetworkGatewayNode":
		return p.Object.Kind
	case "":
		return kindDocument
	}
	return kindOther
}

// What problems are counted under that have no kind which is read.
const (
	kindDocument = "document" // what can't be read as an object
	kindOther    = "other"
)

// labelLength is how many bytes of a name go into a label: all of an IPv6 address with an interface, or of a Service's name.
const labelLength = 64

// label makes a name fit to be a label: whole characters of UTF-8, and not too many of them. Names that differ stay different, since two
// equal series would cost all others: what was cut off leaves a trace of itself.
func label(s string) string {
	if len(s) <= labelLength && utf8.ValidString(s) && !strings.Contains(s, trace) {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	mark := trace + hex.EncodeToString(sum[:8])
	s = strings.ToValidUTF8(s, "\ufffd")
	end := min(len(s), labelLength-len(mark))
	for end > 0 && end < len(s) && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}

// trace begins what label puts in place of what it left out; no name of an object, a device or an address has it.
const trace = "~"
