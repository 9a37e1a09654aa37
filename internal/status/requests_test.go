package status

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

type answer int

func (a answer) RoundTrip(*http.Request) (*http.Response, error) {
	if a == 0 {
		return nil, errors.New("refused")
	}
	return &http.Response{StatusCode: int(a), Body: http.NoBody}, nil
}

func TestRequestsAreCountedAsRBACNamesThem(t *testing.T) {
	for _, c := range []struct {
		method, url string
		code        answer
		want        Request
	}{
		{"GET", "/api/v1/services?limit=500", 200, Request{"list", "services", "200"}},
		{"GET", "/api/v1/services?allowWatchBookmarks=true&watch=true", 200, Request{"watch", "services", "200"}},
		{"GET", "/api/v1/namespaces/metallb-system/pods/speaker", 404, Request{"get", "pods", "404"}},
		{"GET", "/api/v1/namespaces", 200, Request{"list", "namespaces", "200"}},
		{"GET", "/api/v1/namespaces/default", 0, Request{"get", "namespaces", "error"}},
		{"POST", "/apis/events.k8s.io/v1/namespaces/default/events", 201, Request{"create", "events", "201"}},
		{"PATCH", "/apis/metallb.io/v1beta1/namespaces/m/configurationstates/speaker-n/status", 200, Request{"patch", "configurationstates/status", "200"}},
		{"PUT", "/apis/metallb.io/v1beta1/namespaces/m/configurationstates/speaker-n", 409, Request{"update", "configurationstates", "409"}},
		{"DELETE", "/apis/metallb.io/v1beta1/namespaces/m/servicebgpstatuses/bgp-x", 200, Request{"delete", "servicebgpstatuses", "200"}},
		{"GET", "/apis/metallb.io/v1beta1", 200, Request{"get", "", "200"}},
		{"GET", "/version", 200, Request{"get", "", "200"}},
	} {
		r := NewRequests()
		_, _ = r.Wrap(c.code).RoundTrip(httptest.NewRequest(c.method, c.url, nil))
		require.Equal(t, map[Request]int{c.want: 1}, r.Counts(), "%s %s", c.method, c.url)
	}
}
