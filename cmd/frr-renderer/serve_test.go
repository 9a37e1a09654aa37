package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/agent"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

// waits is a source whose reason to wait no stranger may read.
type waits struct{ agent.Source }

func (waits) Waiting() string { return "canary: neighbor 10.0.0.1" }

// /status and what /readyz gives as its reason show lines of the configuration, and names of objects.
func TestOnlyThisMachineReadsWhatTheNodeIsTold(t *testing.T) {
	board := agent.NewBoard(time.Now, status.NewMetrics())
	board.Follow(waits{source.NewHealth(time.Now)})
	mux := healthMux(board, slog.New(slog.DiscardHandler))
	ask := func(from, path string) *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodGet, path, nil)
		request.RemoteAddr = from
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, request)
		return answer
	}
	for _, us := range []string{"127.0.0.1:4711", "127.9.9.9:4711", "[::1]:4711", "[::ffff:127.0.0.1]:4711"} {
		require.Equal(t, http.StatusOK, ask(us, "/healthz").Code, us)
		require.Contains(t, ask(us, "/readyz").Body.String(), "canary", us)
		require.Contains(t, ask(us, "/status").Body.String(), "canary", us)
	}
	for _, stranger := range []string{"192.0.2.7:4711", "[2001:db8::7]:4711", "[fe80::1%eth0]:4711", "@", ""} {
		require.Equal(t, http.StatusOK, ask(stranger, "/healthz").Code, stranger)
		ready := ask(stranger, "/readyz")
		require.Equal(t, http.StatusServiceUnavailable, ready.Code, stranger)
		require.NotContains(t, ready.Body.String(), "canary", stranger)
		told := ask(stranger, "/status")
		require.Equal(t, http.StatusForbidden, told.Code, stranger)
		require.NotContains(t, told.Body.String(), "canary", stranger)
		require.Contains(t, told.Body.String(), "127.0.0.1", "it says how to read it")
	}
}
