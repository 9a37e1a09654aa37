package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	stdlog "log"
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
	health := healthMux(board, log)
	if f.metrics == f.health {
		health.Handle("GET /metrics", metrics.Handler())
	}
	if err := listen(ctx, server{addr: f.health, handler: health}, fatal); err != nil {
		return fmt.Errorf("serve health: %w; say another address with --health-addr", err)
	}
	if f.metrics == "" || f.metrics == f.health {
		return nil
	}
	scrapes, err := f.scrapes(ctx, metrics, log)
	if err != nil {
		return err
	}
	if err := listen(ctx, scrapes, fatal); err != nil {
		return fmt.Errorf("serve metrics: %w; say another address with --metrics-addr", err)
	}
	return nil
}

// scrapes is the server of metrics alone: plain, or for those whom the API server lets in.
func (f *runFlags) scrapes(ctx context.Context, metrics *status.Metrics, log *slog.Logger) (server, error) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics.Handler())
	if !f.guard.guards(f.metrics) {
		return server{addr: f.metrics, handler: mux}, nil
	}
	api, err := apiServer(f.kubeconfig)
	if err != nil {
		return server{}, fmt.Errorf("--metrics-addr %s is served over HTTPS, and the API server is to say who may read it: %w; "+
			"say where it is with --kubeconfig, or take an address of loopback, or let everybody read with --metrics-insecure", f.metrics, err)
	}
	api.Timeout = requestTimeout
	api.UserAgent = userAgent()
	api.Wrap(metrics.CountRequests)
	handler, config, err := f.guard.guard(ctx, mux, api, log)
	return server{f.metrics, handler, config}, err
}

// server is what answers on an address.
type server struct {
	addr    string // empty: none
	handler http.Handler
	tls     *tls.Config // nil: plain HTTP
}

// How long a client may take, so that slow ones keep no connection for ever. A scrape may have to wait for two daemons that hang.
const (
	headerTime = 5 * time.Second
	answerTime = time.Minute
	idleTime   = 2 * time.Minute
)

// listen answers until ctx ends.
func listen(ctx context.Context, s server, fatal context.CancelCauseFunc) error {
	if s.addr == "" {
		return nil
	}
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}
	if s.tls != nil {
		listener = tls.NewListener(listener, s.tls)
	}
	server := &http.Server{Handler: s.handler, ReadHeaderTimeout: headerTime, ReadTimeout: headerTime, WriteTimeout: answerTime, IdleTimeout: idleTime,
		ErrorLog: stdlog.New(io.Discard, "", 0)} // strangers' handshakes are no news
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
