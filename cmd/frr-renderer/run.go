package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/spf13/cobra"

	"github.com/frr-renderer/frr-renderer/internal/agent"
	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

type runFlags struct {
	objects    objectFlags
	vty        vtyFlags
	frrConf    string
	state      string
	addresses  addressFlags
	kubeconfig string
	podName    string
	logLevel   string
	drift      time.Duration
	driftMode  string
	refuse     bool
	confirm    time.Duration
	timeout    time.Duration
	report     reportFlags
	gdc        gatewayFlags
}

func newRun() *cobra.Command { return new(runFlags).command() }

func (f *runFlags) command() *cobra.Command {
	c := &cobra.Command{
		Use:   "run [-f PATH...] --node NODE",
		Short: "Keep FRR at what the objects ask for",
		Long: `Watch the API server (--kubeconfig, or as a pod does), or with -f manifests, and bring the node's FRR to what the objects ask for after
each change: only the lines that differ are sent, and no session is reset that need not be. Nothing is applied before everything was read
once. What is applied stays when the program ends, and while the API server is away.

The flags and variables of MetalLB's speaker are understood where they make sense: --node-name (METALLB_NODE_NAME), --pod-name
(METALLB_POD_NAME), --namespace (METALLB_NAMESPACE; a pod's own namespace otherwise), --lb-class, --ignore-exclude-lb, --log-level. What a
flag says counts more than what a variable says.

Beside --frr-conf, which FRR reads when it starts, lies the file of the last good objects (mode 0600, it holds passwords): an object that
becomes invalid keeps its last good form, also across restarts.

One run at a time works on an FRR: a second one whose --frr-conf is in the same directory waits until the first has ended.

--health-addr serves /healthz, /readyz (FRR runs what was asked for last) and /status (JSON, what "frr-renderer status" shows). Beyond
loopback others may read the first two, without reasons; /status and the reasons are for the node itself, at 127.0.0.1 or [::1].
--metrics-addr serves /metrics for Prometheus: plain on loopback, otherwise over HTTPS to those whom the API server allows it.

With --gdc the node also does its part in GDC mode: it announces Services with the nodes that take their traffic as next hops, puts the floating IPs
that it is to hold on --gdc-interface (rights NET_ADMIN and NET_RAW, and the host's network), and has their BGP sessions. Who holds what is decided by
"frr-renderer manager", and with -f, where there is none, by the manifests alone, so every node needs the same ones. Floating IPs stay when the
program ends, for the rest of their minute.

With --kubeconfig, or inside a cluster, Events about the node tell when a plan is held back (--refuse-resets) and what becomes of it, with
-f, too. Without -f, a ConfigurationState says whether the node can use the objects, and Events about Services and objects of metallb.io
what is announced, withdrawn, refused and mended (--events-per-minute); ServiceBGPStatus objects only with --service-status.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	f.objects.add(c)
	f.objects.addNode(c)
	f.addSpeaker(c)
	f.objects.addTemplates(c)
	f.vty.add(c)
	f.report.add(c)
	f.gdc.add(c)
	c.Flags().StringVar(&f.frrConf, "frr-conf", "/etc/frr/frr.conf", "where to keep the applied configuration for FRR's next start; none: nowhere")
	c.Flags().StringVar(&f.state, "state-file", "", "where to keep the last good objects; empty: beside --frr-conf; none: nowhere")
	f.addresses.add(c, defaultHealthAddr, defaultMetricsAddr)
	c.Flags().StringVar(&f.kubeconfig, "kubeconfig", "", "file that says how to reach the API server; empty: as a pod does, where this is one")
	c.Flags().StringVar(&f.logLevel, "log-level", "info", "all, debug, info, warn, error or none")
	c.Flags().DurationVar(&f.drift, "drift-interval", 30*time.Second, "how often to ask FRR whether it still runs what it should")
	c.Flags().StringVar(&f.driftMode, "drift", "repair", "what to do when somebody changed FRR by hand: repair, or report (until the objects change)")
	c.Flags().BoolVar(&f.refuse, "refuse-resets", false,
		"hold back what would reset Established sessions, and nothing else, until the node's annotation "+agent.AllowResets+" names its digest")
	c.Flags().DurationVar(&f.confirm, "confirm", 0, "roll a change back when, after this time, sessions that were Established before are not; 0: never")
	c.Flags().DurationVar(&f.timeout, "timeout", 2*time.Minute, "give an apply up, and try it again later, when FRR takes longer than this")
	return c
}

// check finds what can't be meant, and returns what is to be logged.
func (f *runFlags) check() (slog.Level, error) {
	level, err := logLevel(f.logLevel)
	if err != nil {
		return 0, err
	}
	if f.driftMode != "repair" && f.driftMode != "report" {
		return 0, fmt.Errorf("--drift %q is unknown; write repair or report", f.driftMode)
	}
	if f.drift <= 0 {
		return 0, fmt.Errorf("--drift-interval %s is no time between two looks; give more than 0s, such as 30s", f.drift)
	}
	return level, cmp.Or(f.addresses.check(defaultHealthAddr, defaultMetricsAddr), checkTimes(f.confirm, f.timeout), f.report.check())
}

// run connects what a run is made of: first what may be wrong with its flags, then what tells of it, and the agent when no other run is there.
func (f *runFlags) run(c *cobra.Command) error {
	level, err := f.check()
	if err == nil {
		err = f.gdc.check(c)
	}
	if err != nil {
		return err
	}
	metrics := status.NewMetrics()
	watch, err := f.source(metrics)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
	client, err := f.vty.client()
	if err != nil {
		return err
	}
	defer client.Close()
	f.placeState()
	ctx, cancel := context.WithCancelCause(c.Context())
	defer cancel(nil)
	denials := status.NewDenials(time.Now, log)
	announcer, err := announce(ctx, f.kubeconfig, f.objects.node, metrics, denials, log)
	if err != nil {
		return failed(err)
	}
	reporter, report, err := f.reporter(metrics, denials, log)
	if err != nil {
		return failed(err)
	}
	board := agent.NewBoard(time.Now, metrics)
	board.Denials(denials.Problems)
	asked, err := f.vty.client() // of its own: a client is for one at a time
	if err != nil {
		return err
	}
	metrics.Sessions(observe.NewObserver(ctx, asked, time.Now))
	if err := f.addresses.serve(ctx, healthMux(board, log), scraped{metrics, denials, f.kubeconfig}, log, cancel); err != nil {
		return failed(err)
	}
	leave, err := alone(ctx, f.frrConf, log)
	if errors.Is(err, context.Canceled) {
		return nil // told to stop while it waited
	}
	if err != nil {
		return failed(err)
	}
	defer leave()
	gateway, play, err := f.gateway(board, metrics, denials, log)
	if err != nil {
		return failed(err)
	}
	config := f.agent(client, announcer, reporter, log)
	config.Gateway = gateway
	a, err := agent.New(config, board)
	if err != nil {
		return failed(err)
	}
	templates, err := watchTemplates(ctx, f.objects.templates)
	if err != nil {
		return failed(err)
	}

	objects := make(chan source.Result, 1)
	var wg sync.WaitGroup
	wg.Go(func() { a.Run(ctx, objects, templates) })
	wg.Go(func() { report(ctx) })
	wg.Go(func() { play(ctx) })
	if err := watch(ctx, board, log, latest(objects)); err != nil {
		cancel(err)
	}
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return failed(cause)
	}
	return nil
}

// placeState puts the last good objects beside --frr-conf, where nothing else was said.
func (f *runFlags) placeState() {
	switch {
	case f.state != "":
	case f.frrConf == reload.NoFile:
		f.state = reload.NoFile
	default:
		f.state = filepath.Join(filepath.Dir(f.frrConf), "frr-renderer.last-good.json")
	}
}

// agent is what the flags ask of the agent.
func (f *runFlags) agent(client vtysh.Client, announcer agent.Announcer, reporter agent.Reporter, log *slog.Logger) agent.Config {
	return agent.Config{
		Node: f.objects.node, Options: f.objects.options, FRRConf: f.frrConf, StateFile: f.state, Templates: f.objects.templates,
		Client: client, Checker: f.vty.exec(), Fingerprint: socketStamp(f.vty.dir), Log: log, Now: time.Now, DriftInterval: f.drift, Announcer: announcer,
		Reporter: reporter, DriftReport: f.driftMode == "report", RefuseResets: f.refuse, Confirm: f.confirm, Timeout: f.timeout,
	}
}

// latest puts values into a slot; a value that nobody took yet is overwritten.
func latest(slot chan source.Result) func(source.Result) {
	return func(r source.Result) {
		select {
		case <-slot:
		default:
		}
		slot <- r
	}
}

// socketStamp changes when a daemon that holds lines of ours was started anew: its socket is another file then.
func socketStamp(dir string) func() string {
	return func() string {
		var b strings.Builder
		for _, d := range []vtysh.Daemon{vtysh.BGPD, vtysh.BFDD, vtysh.Zebra, vtysh.Mgmtd} {
			if info, err := os.Stat(filepath.Join(dir, string(d)+".vty")); err == nil {
				fmt.Fprintf(&b, "%s %d ", d, info.ModTime().UnixNano())
			}
		}
		return b.String()
	}
}

// watchTemplates tells when a template in dir changes; nil without a dir.
func watchTemplates(ctx context.Context, dir string) (<-chan struct{}, error) {
	if dir == "" {
		return nil, nil
	}
	w, err := fsnotify.NewWatcher()
	if err == nil {
		err = w.Add(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("watch templates: %w", err)
	}
	out := make(chan struct{}, 1)
	go func() {
		defer w.Close()
		settle := time.NewTimer(time.Hour)
		settle.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-w.Events:
				settle.Reset(5 * time.Millisecond)
			case <-w.Errors:
				settle.Reset(5 * time.Millisecond)
			case <-settle.C:
				select {
				case out <- struct{}{}:
				default:
				}
			}
		}
	}()
	return out, nil
}
