package status

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Synced is how far the objects of one kind are known.
type Synced struct {
	Kind string
	// Since is when the watch was opened that brings changes now; zero while there is none.
	Since time.Time
	// Event is when the last change came, or the list of all objects; zero before the first.
	Event time.Time
}

var (
	sourceConnected = prometheus.NewDesc(namespace+"_source_connected",
		"1 while changes of these objects come from the API server, 0 while they can't: what was known last stays in use.", []string{"kind"}, nil)
	sourceSince = prometheus.NewDesc(namespace+"_source_connected_since_timestamp_seconds",
		"Since when changes of these objects come, as Unix time; 0 while they can't.", []string{"kind"}, nil)
	sourceEvent = prometheus.NewDesc(namespace+"_source_last_event_timestamp_seconds",
		"When such an object was last seen to change, or all were read, as Unix time; 0 before the first.", []string{"kind"}, nil)
)

// sources makes series of where objects come from.
type sources struct {
	mu   sync.Mutex
	from func() []Synced
}

// Sources says whom to ask at each scrape how far objects are known, kind by kind.
func (m *Metrics) Sources(from func() []Synced) {
	m.sources.mu.Lock()
	defer m.sources.mu.Unlock()
	m.sources.from = from
}

// Describe implements prometheus.Collector.
func (s *sources) Describe(out chan<- *prometheus.Desc) {
	out <- sourceConnected
	out <- sourceSince
	out <- sourceEvent
}

// Collect implements prometheus.Collector.
func (s *sources) Collect(out chan<- prometheus.Metric) {
	s.mu.Lock()
	from := s.from
	s.mu.Unlock()
	if from == nil {
		return
	}
	for _, one := range from() {
		out <- prometheus.MustNewConstMetric(sourceConnected, prometheus.GaugeValue, truth(!one.Since.IsZero()), one.Kind)
		out <- prometheus.MustNewConstMetric(sourceSince, prometheus.GaugeValue, unix(one.Since), one.Kind)
		out <- prometheus.MustNewConstMetric(sourceEvent, prometheus.GaugeValue, unix(one.Event), one.Kind)
	}
}

// unix is a moment as metrics tell it, to the millisecond; 0 is never.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
