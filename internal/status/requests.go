package status

import (
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Request is a kind of request to the API server.
type Request struct {
	// Verb as RBAC has it: get, list, watch, create, update, patch, delete.
	Verb string
	// Resource with its subresource: "servicebgpstatuses/status"; empty for what is no resource.
	Resource string
	// Code is that of HTTP; "error" when there was no answer.
	Code string
}

// Requests counts what a sidecar asks of the API server: a thousand of them ask the same one.
type Requests struct {
	mu     sync.Mutex
	counts map[Request]int
}

// NewRequests has counted nothing yet.
func NewRequests() *Requests { return &Requests{counts: map[Request]int{}} }

// Wrap is for rest.Config.Wrap.
func (r *Requests) Wrap(next http.RoundTripper) http.RoundTripper { return counting{next, r} }

// Counts returns a copy.
func (r *Requests) Counts() map[Request]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[Request]int, len(r.counts))
	for k, n := range r.counts {
		out[k] = n
	}
	return out
}

var requestCount = prometheus.NewDesc(namespace+"_api_requests_total",
	"Requests to the API server; a watch counts when it begins. Writes stand still while nothing changes.", []string{"verb", "resource", "code"}, nil)

// Describe implements prometheus.Collector.
func (r *Requests) Describe(ch chan<- *prometheus.Desc) { ch <- requestCount }

// Collect implements prometheus.Collector.
func (r *Requests) Collect(ch chan<- prometheus.Metric) {
	for k, n := range r.Counts() {
		ch <- prometheus.MustNewConstMetric(requestCount, prometheus.CounterValue, float64(n), k.Verb, k.Resource, k.Code)
	}
}

// CountRequests shows these with the other metrics.
func (m *Metrics) CountRequests(r *Requests) { m.registry.MustRegister(r) }

type counting struct {
	next http.RoundTripper
	of   *Requests
}

// RoundTrip implements http.RoundTripper.
func (c counting) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(request)
	k := requestKind(request)
	k.Code = "error"
	if err == nil {
		k.Code = strconv.Itoa(response.StatusCode)
	}
	c.of.mu.Lock()
	c.of.counts[k]++
	c.of.mu.Unlock()
	return response, err
}

// requestKind reads the path of a request: /api/v1/... or /apis/GROUP/VERSION/..., then perhaps namespaces/NAME, then RESOURCE/NAME/SUBRESOURCE.
func requestKind(request *http.Request) Request {
	part := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
	switch {
	case len(part) > 2 && part[0] == "api":
		part = part[2:]
	case len(part) > 3 && part[0] == "apis":
		part = part[3:]
	default:
		return Request{Verb: strings.ToLower(request.Method)}
	}
	if part[0] == "namespaces" && len(part) > 2 {
		part = part[2:]
	}
	k := Request{Resource: part[0]}
	if len(part) > 2 {
		k.Resource += "/" + part[2]
	}
	k.Verb = requestVerb(request, len(part) > 1)
	return k
}

func requestVerb(request *http.Request, one bool) string {
	switch request.Method {
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodGet:
		if w := request.URL.Query().Get("watch"); w == "true" || w == "1" {
			return "watch"
		}
		if one {
			return "get"
		}
		return "list"
	}
	return strings.ToLower(request.Method)
}
