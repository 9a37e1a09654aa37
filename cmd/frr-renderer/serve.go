package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/agent"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

const (
	defaultHealthAddr  = "127.0.0.1:17472"
	defaultMetricsAddr = "127.0.0.1:17473"
)

// serve answers on the addresses of run, which may be one, until ctx ends.
func (f *runFlags) serve(ctx context.Context, board *agent.Board, metrics *status.Metrics, log *slog.Logger, fatal context.CancelCauseFunc) error {
	health, scrapes := healthMux(board, log), http.NewServeMux()
	if f.metrics == f.health {
		scrapes = health
	}
	scrapes.Handle("GET /metrics", metrics.Handler())
	if err := listen(ctx, f.health, health, fatal); err != nil {
		return fmt.Errorf("serve health: %w; say another address with --health-addr", err)
	}
	if f.metrics == f.health {
		return nil
	}
	if err := listen(ctx, f.metrics, scrapes, fatal); err != nil {
		return fmt.Errorf("serve metrics: %w; say another address with --metrics-addr", err)
	}
	return nil
}

// listen answers on addr until ctx ends; an empty one is none.
func listen(ctx context.Context, addr string, handler http.Handler, fatal context.CancelCauseFunc) error {
	if addr == "" {
		return nil
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			fatal(err)
		}
	}()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return nil
}

func healthMux(board *agent.Board, log *slog.Logger) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if r := board.Report(); !r.Ready() {
			http.Error(w, cmp.Or(r.Failure, r.Waiting, "nothing was applied yet"), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := printJSON(w, board.Report()); err != nil {
			log.Debug("a reader of /status went away", "error", err)
		}
	})
	return mux
}
