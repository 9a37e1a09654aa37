package status_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// asked is a kind of request to the API server.
type asked struct {
	// Verb as RBAC has it: get, list, watch, create, update, patch, delete.
	Verb string
	// Resource with its subresource: "servicebgpstatuses/status"; empty for what is no resource.
	Resource string
	// Code is that of HTTP; "error" when there was no answer.
	Code string
}

// requests counts what a Reporter asks of the API server.
type requests struct {
	mu     sync.Mutex
	counts map[asked]int
}

// newRequests has counted nothing yet.
func newRequests() *requests { return &requests{counts: map[asked]int{}} }

// Wrap is for rest.Config.Wrap.
func (r *requests) Wrap(next http.RoundTripper) http.RoundTripper { return counting{next, r} }

// Counts returns a copy.
func (r *requests) Counts() map[asked]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[asked]int, len(r.counts))
	for k, n := range r.counts {
		out[k] = n
	}
	return out
}

type counting struct {
	next http.RoundTripper
	of   *requests
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
func requestKind(request *http.Request) asked {
	part := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
	switch {
	case len(part) > 2 && part[0] == "api":
		part = part[2:]
	case len(part) > 3 && part[0] == "apis":
		part = part[3:]
	default:
		return asked{Verb: strings.ToLower(request.Method)}
	}
	if part[0] == "namespaces" && len(part) > 2 {
		part = part[2:]
	}
	k := asked{Resource: part[0]}
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
