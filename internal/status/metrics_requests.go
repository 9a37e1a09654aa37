package status

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

func newRequests() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "api_requests_total",
		Help: "Requests to the API server by Kubernetes' verb and resource; code is the HTTP status, or none where no answer came. A watch counts once, when it is opened.",
	}, []string{"verb", "resource", "code"})
}

// CountRequests counts what goes through a transport to the API server: rest.Config.Wrap takes it.
func (m *Metrics) CountRequests(next http.RoundTripper) http.RoundTripper {
	return countedTransport{next, m.requests}
}

// countedTransport stands below client-go's own retries, so each try counts: it is what the API server has to bear.
type countedTransport struct {
	next     http.RoundTripper
	requests *prometheus.CounterVec
}

// RoundTrip implements http.RoundTripper.
func (t countedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(r)
	code := "none"
	if err == nil {
		code = strconv.Itoa(response.StatusCode)
	}
	verb, resource := requestOf(r)
	t.requests.WithLabelValues(verb, resource, code).Inc()
	return response, err
}

// WrappedRoundTripper lets client-go find the transport below, to close its connections.
func (t countedTransport) WrappedRoundTripper() http.RoundTripper { return t.next }

// requestOf names a request as RBAC does. What is no request for objects (discovery, health) is "other": its paths are the API server's to
// choose.
func requestOf(r *http.Request) (verb, resource string) {
	words := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	group := ""
	switch {
	case len(words) >= 3 && words[0] == "api":
		words = words[2:]
	case len(words) >= 4 && words[0] == "apis":
		group, words = words[1], words[3:]
	default:
		return strings.ToLower(r.Method), "other"
	}
	if len(words) >= 3 && words[0] == "namespaces" && !slices.Contains([]string{"status", "finalize"}, words[2]) {
		words = words[2:]
	}
	resource = words[0]
	if group != "" {
		resource += "." + group
	}
	if len(words) >= 3 {
		resource += "/" + words[2]
	}
	return verbOf(r, len(words) >= 2), label(resource)
}

// verbOf is Kubernetes' word for a method: on one object that has a name, or on many.
func verbOf(r *http.Request, named bool) string {
	switch {
	case r.Method == http.MethodGet && r.URL.Query().Get("watch") != "":
		return "watch"
	case r.Method == http.MethodGet && named:
		return "get"
	case r.Method == http.MethodGet:
		return "list"
	case r.Method == http.MethodPost:
		return "create"
	case r.Method == http.MethodPut:
		return "update"
	case r.Method == http.MethodDelete && !named:
		return "deletecollection"
	}
	return strings.ToLower(r.Method)
}
