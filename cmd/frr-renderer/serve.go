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

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"github.com/frr-renderer/frr-renderer/internal/agent"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

const (
	defaultHealthAddr  = "127.0.0.1:17472"
	defaultMetricsAddr = "127.0.0.1:17473"
)

// addressFlags say where a program answers, and who may read its metrics.
type addressFlags struct {
	health  string
	metrics string
	guard   guardFlags
}

// add adds the flags, with the addresses where the program answers unless it is told otherwise.
func (f *addressFlags) add(c *cobra.Command, health, metrics string) {
	c.Flags().StringVar(&f.health, "health-addr", health, "address of /healthz, /readyz and /status; empty: none")
	c.Flags().StringVar(&f.metrics, "metrics-addr", metrics, "address of /metrics, which may be that of --health-addr; empty: none")
	f.guard.add(c)
}

// check finds what can't be meant; the addresses are examples of better ones.
func (f *addressFlags) check(health, metrics string) error {
	return cmp.Or(checkAddress("--health-addr", f.health, health), checkAddress("--metrics-addr", f.metrics, metrics), f.guard.check(f.metrics, f.health))
}

// serve answers on the addresses, which may be one, until ctx ends.
func (f *addressFlags) serve(ctx context.Context, health *http.ServeMux, s scraped, log *slog.Logger, fatal context.CancelCauseFunc) error {
	if f.metrics == f.health {
		health.Handle("GET /metrics", s.metrics.Handler())
	}
	if err := listen(ctx, server{addr: f.health, handler: health}, fatal); err != nil {
		return fmt.Errorf("serve health: %w; say another address with --health-addr", err)
	}
	if f.metrics == "" || f.metrics == f.health {
		return nil
	}
	metrics, err := f.guard.server(ctx, f.metrics, s, log)
	if err != nil {
		return err
	}
	if err := listen(ctx, metrics, fatal); err != nil {
		return fmt.Errorf("serve metrics: %w; say another address with --metrics-addr", err)
	}
	return nil
}

// scraped is what Prometheus reads, and how the API server is asked who may.
type scraped struct {
	metrics    scrapes
	denials    *status.Denials
	kubeconfig string
}

// scrapes are metrics, of run or of the manager, which count the requests to the API server, too.
type scrapes interface {
	Handler() http.Handler
	CountRequests(next http.RoundTripper) http.RoundTripper
}

// server is that of metrics: plain, or for those whom the API server lets in.
func (f *guardFlags) server(ctx context.Context, addr string, s scraped, log *slog.Logger) (server, error) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metrics.Handler())
	if !f.guards(addr) {
		return server{addr: addr, handler: mux}, nil
	}
	if err := f.readable(); err != nil {
		return server{}, err
	}
	api, err := apiServer(s.kubeconfig)
	if err != nil {
		mend := "take an address of loopback, or let everybody read with --metrics-insecure"
		if loopback(addr) {
			mend = "leave --metrics-secure and --metrics-cert-dir out: loopback is plain"
		}
		if errors.Is(err, rest.ErrNotInCluster) {
			err = errors.New("this is no pod, which would know its API server")
		}
		return server{}, fmt.Errorf("--metrics-addr %s is served over HTTPS, and the API server is to say who may read it: %w; "+
			"say where it is with --kubeconfig, or %s", addr, err, mend)
	}
	api.Timeout = requestTimeout
	api.Wrap(s.metrics.CountRequests)
	api.Wrap(s.denials.Watch)
	handler, config, err := f.guard(ctx, mux, api, log)
	return server{addr, handler, config}, err
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

// healthMux tells everybody whether it is well, and this machine alone what the matter is: reasons hold lines of the configuration and
// names of objects.
func healthMux(board *agent.Board, log *slog.Logger) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, q *http.Request) {
		r := board.Report()
		switch {
		case r.Ready():
			fmt.Fprintln(w, "ok")
		case !ours(q):
			http.Error(w, "not ready; ask on the node itself why", http.StatusServiceUnavailable)
		default:
			http.Error(w, cmp.Or(r.Failure, r.Waiting, "nothing was applied yet"), http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, q *http.Request) {
		if !ours(q) {
			http.Error(w, "it is for this node alone: ask there, at 127.0.0.1 or [::1]", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := printJSON(w, board.Report()); err != nil {
			log.Debug("a reader of /status went away", "error", err)
		}
	})
	return mux
}

// ours tells whether a request comes from this machine. Kernels let no other use a loopback address.
func ours(q *http.Request) bool { return loopback(q.RemoteAddr) }
