package status

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// managerNamespace is what the names of metrics begin with that only GDC's manager has.
const managerNamespace = namespace + "_manager"

// ManagerState is what a manager knows at the moment of a scrape.
type ManagerState struct {
	Leader bool
	// FloatingIPs by whether they have a node, nil where this manager decides nothing.
	FloatingIPs map[string]int
	// Leases of gateway nodes by what is known of them.
	Leases   map[string]int
	Problems []problem.Problem
	Watches  []Synced
}

// The states of a floating IP.
const (
	Assigned   = "assigned"
	Unassigned = "unassigned"
)

// ManagerMetrics are those of GDC's manager, with those of the process and of Go's runtime. Methods may be called from any goroutine.
type ManagerMetrics struct {
	registry *prometheus.Registry

	duration prometheus.Histogram
	writes   *prometheus.CounterVec
	moves    prometheus.Counter
	requests *prometheus.CounterVec
	sources  sources

	mu   sync.Mutex
	from func() ManagerState
}

// The series that are made at each scrape.
var (
	managerLeader = prometheus.NewDesc(managerNamespace+"_leader",
		"1 for the manager that works, 0 for those that watch along. The sum over all is 1, and 0 for some seconds while another takes over.", nil, nil)
	managerFloating = prometheus.NewDesc(managerNamespace+"_floating_ips",
		"Floating IPs that can be used, by whether they were given a node; of the manager that works alone.", []string{"state"}, nil)
	managerLeases = prometheus.NewDesc(managerNamespace+"_leases",
		"Leases of gateway nodes as this manager sees them: live; expired, so the node's agent is taken for dead; unknown, as all are at first.", []string{"state"}, nil)
)

// NewManagerMetrics returns metrics of a manager that has done nothing yet. kinds and results are those of writes.
func NewManagerMetrics(kinds, results []string) *ManagerMetrics {
	m := &ManagerMetrics{
		registry: prometheus.NewRegistry(), requests: newRequests(),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: managerNamespace, Name: "decision_duration_seconds",
			Help:    "How long it took to decide who does what, without writing it; its count is the number of decisions.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5},
		}),
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: managerNamespace, Name: "writes_total",
			Help: "Writes of objects by how they ended: written; conflict (decided anew, and tried again); refused by the API server; failed, since it is away or overloaded.",
		}, []string{"kind", "result"}),
		moves: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: managerNamespace, Name: "floating_ip_moves_total",
			Help: "How often a floating IP was given another node, or its first, or taken from its last.",
		}),
	}
	for _, k := range kinds {
		for _, r := range results {
			m.writes.WithLabelValues(k, r) // so that the first one is seen as an increase
		}
	}
	m.registry.MustRegister(m.duration, m.writes, m.moves, m.requests, &m.sources, (*managing)(m),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Follow says whom to ask at each scrape.
func (m *ManagerMetrics) Follow(from func() ManagerState) {
	m.mu.Lock()
	m.from = from
	m.mu.Unlock()
	m.sources.mu.Lock()
	m.sources.from = func() []Synced { return from().Watches }
	m.sources.mu.Unlock()
}

// CountRequests counts what goes through a transport to the API server: rest.Config.Wrap takes it.
func (m *ManagerMetrics) CountRequests(next http.RoundTripper) http.RoundTripper {
	return countedTransport{next, m.requests}
}

// Decided counts a decision.
func (m *ManagerMetrics) Decided(took time.Duration) { m.duration.Observe(took.Seconds()) }

// Wrote counts a write.
func (m *ManagerMetrics) Wrote(kind, result string) { m.writes.WithLabelValues(kind, result).Inc() }

// Moved counts a floating IP that has another node now.
func (m *ManagerMetrics) Moved() { m.moves.Inc() }

// Handler answers scrapes.
func (m *ManagerMetrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 3})
}

// managing makes series of what there is at the moment of a scrape.
type managing ManagerMetrics

// Describe implements prometheus.Collector.
func (m *managing) Describe(out chan<- *prometheus.Desc) {
	out <- managerLeader
	out <- managerFloating
	out <- managerLeases
	out <- problemCount
	(&troubles{}).Describe(out)
	out <- omitted
}

// Collect implements prometheus.Collector.
func (m *managing) Collect(out chan<- prometheus.Metric) {
	m.mu.Lock()
	from := m.from
	m.mu.Unlock()
	if from == nil {
		return
	}
	is := from()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(managerLeader, truth(is.Leader))
	for _, state := range slices.Sorted(maps.Keys(is.FloatingIPs)) {
		gauge(managerFloating, float64(is.FloatingIPs[state]), state)
	}
	for _, state := range slices.Sorted(maps.Keys(is.Leases)) {
		gauge(managerLeases, float64(is.Leases[state]), state)
	}
	for k, n := range countProblems(is.Problems) {
		gauge(problemCount, float64(n), string(k.severity), k.kind, string(k.reason))
	}
	(&troubles{problems: is.Problems}).Collect(out)
}
