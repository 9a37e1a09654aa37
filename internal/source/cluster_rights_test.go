package source_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/frr-renderer/frr-renderer/internal/source"
)

// stingy is an API server with one Node and nothing else. It can't stream lists, and forbids what forbids says of a verb and a resource.
type stingy struct {
	mu      sync.Mutex
	forbids func(verb, resource string) bool
}

func (s *stingy) set(forbids func(verb, resource string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forbids = forbids
}

func (s *stingy) refuses(verb, resource string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.forbids(verb, resource)
}

var kindsOfCore = map[string]string{"nodes": "NodeList", "services": "ServiceList", "configmaps": "ConfigMapList", "endpointslices": "EndpointSliceList"}

func (s *stingy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resource := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	watches, streams := r.URL.Query().Get("watch") != "", r.URL.Query().Has("sendInitialEvents")
	verb := map[bool]string{true: "watch", false: "list"}[watches]
	w.Header().Set("Content-Type", "application/json")
	answer := func(code int, reason metav1.StatusReason) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(metav1.Status{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Code: int32(code), Reason: reason,
		})
	}
	kind, known := kindsOfCore[resource]
	switch {
	case !known:
		answer(http.StatusNotFound, metav1.StatusReasonNotFound)
	case s.refuses(verb, resource):
		answer(http.StatusForbidden, metav1.StatusReasonForbidden)
	case streams:
		answer(http.StatusUnprocessableEntity, metav1.StatusReasonInvalid)
	case watches:
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	default:
		version, items := "v1", []any{}
		if resource == "endpointslices" {
			version = "discovery.k8s.io/v1"
		}
		if resource == "nodes" {
			items = append(items, map[string]any{"metadata": map[string]any{"name": "node1", "resourceVersion": "1"}})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"apiVersion": version, "kind": kind, "metadata": map[string]any{"resourceVersion": "1"}, "items": items,
		})
	}
}

// stingily watches a stingy API server until the test ends.
func stingily(t *testing.T, forbids func(verb, resource string) bool) (*stingy, *source.Health, func() []source.Result, func() string) {
	t.Helper()
	api := &stingy{forbids: forbids}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(context.Background())
	health := source.NewHealth(time.Now)
	var mu sync.Mutex
	var results []source.Result
	var log bytes.Buffer
	ended := make(chan error, 1)
	write := writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(p)
	})
	go func() {
		ended <- source.WatchCluster(ctx, source.ClusterOptions{Config: &rest.Config{Host: server.URL}, Node: "node1", Health: health},
			slog.New(slog.NewTextHandler(write, nil)), func(r source.Result) {
				mu.Lock()
				defer mu.Unlock()
				results = append(results, r)
			})
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
		server.CloseClientConnections()
	})
	return api, health, func() []source.Result {
			mu.Lock()
			defer mu.Unlock()
			return append([]source.Result{}, results...)
		}, func() string {
			mu.Lock()
			defer mu.Unlock()
			return log.String()
		}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func forbiddenIn(r source.Result) (texts []string) {
	for _, p := range r.Problems {
		if p.Reason == "Forbidden" {
			texts = append(texts, p.String())
		}
	}
	return texts
}

func allows(string, string) bool { return false }

// Each list succeeds: it must not take back that changes don't come.
func TestAMissingRightToWatchIsToldUntilItIsGiven(t *testing.T) {
	lists := make(chan struct{}, 1000)
	api, health, results, _ := stingily(t, func(verb, resource string) bool {
		if verb == "list" && resource == "services" {
			lists <- struct{}{}
		}
		return verb == "watch" && resource == "services"
	})
	last := func() []string {
		all := results()
		if len(all) == 0 {
			return nil
		}
		return forbiddenIn(all[len(all)-1])
	}
	require.Eventually(t, func() bool { return len(last()) == 1 }, patience, 5*time.Millisecond)
	require.Equal(t, []string{"error Service -/- -: the API server forbids to watch it; let this program's account watch services in all namespaces; " +
		"it is listed anew every few seconds instead (Forbidden)"}, last())
	told := len(results())
	for len(lists) > 0 {
		<-lists
	}
	for range 2 { // once the second has begun, the first has been taken in
		<-lists
	}
	require.Len(t, last(), 1)
	require.Len(t, results(), told, "nothing has changed")
	for _, s := range health.Synced() {
		require.Equal(t, s.Kind == "Service", s.Since.IsZero(), s.Kind)
	}

	api.set(allows)
	require.Eventually(t, func() bool { return len(last()) == 0 }, patience, 5*time.Millisecond)
}

// Nothing is delivered without Services, so no problem can tell of it: the log does.
func TestAKindThatEverythingWaitsForIsLoggedWhenItIsForbidden(t *testing.T) {
	api, health, results, log := stingily(t, func(_, resource string) bool { return resource == "services" })
	const said = "the API server forbids a part of it"
	require.Eventually(t, func() bool { return strings.Contains(log(), said) }, patience, 5*time.Millisecond)
	require.Contains(t, log(), "level=WARN")
	require.Contains(t, log(), "let this program's account list and watch services in all namespaces")
	require.Contains(t, health.Waiting(), "waiting for the API server: Service")
	require.Empty(t, results())
	api.set(allows)
	require.Eventually(t, func() bool { return len(results()) > 0 }, patience, 5*time.Millisecond)
	require.Equal(t, 1, strings.Count(log(), said), log())
}
