package status

import (
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// configuration are MetalLB's metrics of its objects.
type configuration struct {
	updates, errors prometheus.Counter
	loaded, stale   prometheus.Gauge

	mu sync.Mutex
	// failing tells that FRR does not run what the objects ask for, leftOut that some object or its change is not used at all.
	failing, leftOut bool
	// counted tells that the update at hand counts as one with an error already.
	counted bool
}

func newConfiguration() *configuration {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: metallb, Subsystem: "k8s_client", Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: metallb, Subsystem: "k8s_client", Name: name, Help: help})
	}
	return &configuration{
		updates: counter("updates_total", "How often changed objects were taken up; changes that come together count once."),
		errors:  counter("update_errors_total", "How many of these updates have left an object out, or FRR without all that was asked for."),
		loaded:  gauge("config_loaded_bool", "1 from the moment on that FRR was first seen running what the objects ask for, 0 before."),
		stale: gauge("config_stale_bool", "1 while an object or its change is left out since it is wrong, or FRR does not run what the objects ask for; "+
			"0 again when that is mended."),
	}
}

// Updated tells that changed objects were taken up.
func (m *Metrics) Updated() {
	c := m.config
	c.updates.Inc()
	c.mu.Lock()
	c.counted = false
	c.mu.Unlock()
}

// problems takes all problems that there are now.
func (c *configuration) problems(problems []problem.Problem) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leftOut = slices.ContainsFunc(problems, func(p problem.Problem) bool {
		return p.Severity == problem.Error && !(objectKey{kind: p.Object.Kind}).tenants()
	})
	c.settle()
}

func (c *configuration) failed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failing = true
	c.settle()
}

func (c *configuration) succeeded() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failing = false
	c.loaded.Set(1)
	c.settle()
}

func (c *configuration) settle() {
	wrong := c.failing || c.leftOut
	c.stale.Set(truth(wrong))
	if wrong && !c.counted {
		c.counted = true
		c.errors.Inc()
	}
}

// Describe implements prometheus.Collector.
func (c *configuration) Describe(out chan<- *prometheus.Desc) {
	for _, m := range []prometheus.Metric{c.updates, c.errors, c.loaded, c.stale} {
		out <- m.Desc()
	}
}

// Collect implements prometheus.Collector.
func (c *configuration) Collect(out chan<- prometheus.Metric) {
	for _, m := range []prometheus.Metric{c.updates, c.errors, c.loaded, c.stale} {
		out <- m
	}
}
