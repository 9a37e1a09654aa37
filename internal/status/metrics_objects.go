package status

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// troubledMost is how many objects with problems one scrape names. Whoever may create Services may create thousands of bad ones.
const troubledMost = 200

var objectProblem = prometheus.NewDesc(namespace+"_object_problems",
	"Problems with one object as they are now, at most 200 series: objects of the cluster's administrators before Services, errors before warnings.",
	[]string{"severity", "kind", "object_namespace", "object_name", "reason"}, nil)

// troubles makes series of the objects that have problems.
type troubles struct {
	mu       sync.Mutex
	problems []problem.Problem
}

// objectKey is what one object's problems are counted by.
type objectKey struct {
	severity  problem.Severity
	kind      string
	namespace string
	name      string
	reason    problem.Reason
}

// told takes all problems that there are now, which nobody changes afterwards.
func (t *troubles) told(problems []problem.Problem) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.problems = problems
}

// countByObject counts the problems of objects, and lists what it has counted. A kind that is not read is left out: a user wrote its name.
func countByObject(problems []problem.Problem) (map[objectKey]int, []objectKey) {
	counts := map[objectKey]int{}
	for _, p := range problems {
		if k := kind(p); k != kindOther && k != kindDocument {
			counts[objectKey{p.Severity, k, p.Object.Namespace, p.Object.Name, p.Reason}]++
		}
	}
	return counts, slices.SortedFunc(maps.Keys(counts), objectKey.compare)
}

// compare puts first what has to be told: those who create Services can't push an administrator's objects out.
func (k objectKey) compare(o objectKey) int {
	return cmp.Or(
		cmp.Compare(truth(k.tenants()), truth(o.tenants())),
		cmp.Compare(k.severity, o.severity),
		cmp.Compare(k.kind, o.kind),
		cmp.Compare(k.namespace, o.namespace),
		cmp.Compare(k.name, o.name),
		cmp.Compare(k.reason, o.reason),
	)
}

// tenants tells whether those who run applications create such objects.
func (k objectKey) tenants() bool { return k.kind == "Service" || k.kind == "EndpointSlice" }

// Describe implements prometheus.Collector.
func (t *troubles) Describe(out chan<- *prometheus.Desc) { out <- objectProblem }

// Collect implements prometheus.Collector.
func (t *troubles) Collect(out chan<- prometheus.Metric) {
	t.mu.Lock()
	problems := t.problems
	t.mu.Unlock()
	counts, listed := countByObject(problems)
	named := listed[:min(len(listed), troubledMost)]
	for _, k := range named {
		out <- prometheus.MustNewConstMetric(objectProblem, prometheus.GaugeValue, float64(counts[k]),
			string(k.severity), k.kind, label(k.namespace), label(k.name), string(k.reason))
	}
	out <- prometheus.MustNewConstMetric(omitted, prometheus.GaugeValue, float64(len(listed)-len(named)), namespace+"_object_problems")
}
