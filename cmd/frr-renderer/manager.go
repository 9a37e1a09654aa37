package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/frr-renderer/frr-renderer/internal/manager"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/rights"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

type managerFlags struct {
	kubeconfig      string
	source          sourceFlags
	options         snapshot.Options
	addresses       addressFlags
	logLevel        string
	eventsPerMinute float64
	patience        manager.Patience
}

func newManager() *cobra.Command { return new(managerFlags).command() }

func (f *managerFlags) command() *cobra.Command {
	c := &cobra.Command{
		Use:   "manager",
		Short: "Decide for a whole cluster who holds which floating IP (GDC)",
		Long: `Watch the API server (--kubeconfig, or as a pod does), decide which node holds which floating IP of the NetworkGatewayGroups, which sessions
start from it and which nodes are next hops, and write that: status of NetworkGatewayGroups, BGPLoadBalancers and BGPPeers, BGPSessions,
BGPAdvertisedRoutes. Nodes do what is written there with "frr-renderer run --gdc". Nothing that works is moved, but for
one floating IP of a group all of which one node has (--give-back-after).

Run two or more: one works, elected by the Lease ` + manager.ElectionLease + ` in --namespace, the others watch along. One that is told to end gives the Lease
back, and another works within seconds; one that dies is replaced within 20 s. Without any, everything stays where it is: routes and next hops
follow the objects, since nodes decide them themselves, but no floating IP leaves a node that dies.

--namespace is that of the Leases, those of gateway nodes among them, and of MetalLB's IPAddressPools: the one where "run" is. A pod's own is the
default, or what ` + namespaceVariable + ` says.

--health-addr serves /healthz, /readyz (everything was read once; the others are ready, too) and /status (JSON: leader or standby, the last
decision, what can't be read or written and which right is missing). Beyond loopback others may read the first two, without reasons; /status and
the reasons are for this machine, or pod, itself. --metrics-addr serves /metrics for Prometheus: plain on loopback, otherwise over HTTPS to those
whom the API server allows it.

Events tell of problems with objects that have no condition to show them (--events-per-minute).

--source-kubeconfig names the API server of an admin cluster: Clusters, NetworkGatewayGroups, BGPLoadBalancers and BGPPeers of --source-namespace
are copied from there into the namespace of that name here, by the manager that works. What is changed here of a copy is overwritten; what was not
copied stays, and is told where the source has an object of its name. While the source can't be read nothing is copied or deleted.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	c.PreRun = func(c *cobra.Command, _ []string) { f.readVariables(c, os.Getenv, namespaceFile) }
	c.Flags().StringVar(&f.kubeconfig, "kubeconfig", "", "file that says how to reach the API server; empty: as a pod does, where this is one")
	f.source.add(c)
	c.Flags().StringVar(&f.options.Namespace, "namespace", snapshot.DefaultNamespace, "namespace of the Leases and of MetalLB's IPAddressPools ("+namespaceVariable+")")
	c.Flags().StringVar(&f.options.LoadBalancerClass, "lb-class", "", "announce Services of this loadBalancerClass; empty: those without one")
	c.Flags().BoolVar(&f.options.IgnoreExcludeLabel, "ignore-exclude-lb", false,
		"take nodes labelled node.kubernetes.io/exclude-from-external-load-balancers as next hops too")
	f.addresses.add(c, defaultManagerHealthAddr, defaultManagerMetricsAddr)
	c.Flags().StringVar(&f.logLevel, "log-level", "info", "all, debug, info, warn, error or none")
	c.Flags().Float64Var(&f.eventsPerMinute, "events-per-minute", 12,
		"how many Events a minute are written at most, after a burst of 30; what is beyond that is counted in one Event about the Lease; 0: none at all")
	c.Flags().DurationVar(&f.patience.GiveBack, "give-back-after", 5*time.Minute,
		"for how long all floating IPs of a group are on one node, though another could hold one, until one moves there; 0: never")
	c.Flags().DurationVar(&f.patience.NoSession, "no-session-after", 30*time.Second,
		"for how long no session of a gateway is up, though others' are or could be, until its floating IPs move; one moves again after 10 times that at the earliest; 0: never")
	c.Flags().DurationVar(&f.patience.LostLeases, "lost-leases-after", 5*time.Minute,
		"for how long more gateways than live have lost their leases, and are not Ready, until they count as dead; 0: never")
	return c
}

// Others than those of run: both may be on one machine.
const (
	defaultManagerHealthAddr  = "127.0.0.1:17474"
	defaultManagerMetricsAddr = "127.0.0.1:17475"
)

// readVariables takes from the environment what no flag has said.
func (f *managerFlags) readVariables(c *cobra.Command, environment func(string) string, namespaceFile string) {
	if c.Flags().Changed("namespace") {
		return
	}
	if value := environment(namespaceVariable); value != "" {
		f.options.Namespace = value
		return
	}
	if f.kubeconfig != "" {
		return
	}
	if own, err := os.ReadFile(namespaceFile); err == nil {
		f.options.Namespace = cmp.Or(strings.TrimSpace(string(own)), snapshot.DefaultNamespace)
	}
}

// check finds what can't be meant, and returns what is to be logged.
func (f *managerFlags) check() (slog.Level, error) {
	level, err := logLevel(f.logLevel)
	if err != nil {
		return 0, err
	}
	if err := checkNamespace("--namespace (or "+namespaceVariable+")", f.options.Namespace); err != nil {
		return 0, err
	}
	if f.patience.GiveBack < 0 || f.patience.NoSession < 0 || f.patience.LostLeases < 0 {
		return 0, errors.New("--give-back-after, --no-session-after and --lost-leases-after are no less than nothing; write 0 for never")
	}
	if f.eventsPerMinute < 0 {
		return 0, fmt.Errorf("--events-per-minute %v is less than nothing; write 0 for no Events", f.eventsPerMinute)
	}
	return level, f.addresses.check(defaultManagerHealthAddr, defaultManagerMetricsAddr)
}

// run connects what a manager is made of, and works until it is told to end.
func (f *managerFlags) run(c *cobra.Command) error {
	level, err := f.check()
	if err != nil {
		return err
	}
	config, err := f.api()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
	source, err := f.source.read(log)
	if err != nil {
		return err
	}
	klog.SetSlogLogger(log)
	results := make([]string, 0, len(manager.Outcomes()))
	for _, o := range manager.Outcomes() {
		results = append(results, string(o))
	}
	metrics := status.NewManagerMetrics(manager.Kinds(), results)
	needed := rights.Manager()
	if source != nil {
		needed = append(needed, rights.Copies()...)
	}
	denials := status.NewDenialsOf(needed, time.Now, log)
	config.Wrap(metrics.CountRequests)
	config.Wrap(denials.Watch)

	ctx, cancel := context.WithCancelCause(c.Context())
	defer cancel(nil)
	var wg sync.WaitGroup
	options := manager.Options{
		Config: config, Identity: identity(os.Hostname), Namespace: f.options.Namespace, LoadBalancerClass: f.options.LoadBalancerClass,
		IgnoreExcludeLabel: f.options.IgnoreExcludeLabel, Patience: f.patience, Meter: meter{metrics}, Source: source,
	}
	if f.eventsPerMinute > 0 {
		events, err := status.NewObjectEvents(config, status.ObjectEventsOptions{
			Identity: options.Identity, PerMinute: f.eventsPerMinute, Log: log, Now: time.Now,
			Self: corev1.ObjectReference{APIVersion: "coordination.k8s.io/v1", Kind: "Lease", Namespace: f.options.Namespace, Name: manager.ElectionLease},
		})
		if err != nil {
			return failed(err)
		}
		options.Teller = events
		wg.Go(func() { events.Run(ctx) })
	}
	m, err := manager.New(options, log)
	if err != nil {
		return failed(err)
	}
	metrics.Follow(func() status.ManagerState { return managerState(m, denials) })
	if err := f.addresses.serve(ctx, managerMux(m, denials, log), scraped{metrics, denials, f.kubeconfig}, log, cancel); err != nil {
		return failed(err)
	}
	err = m.Run(ctx)
	cancel(err)
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return failed(cause)
	}
	return nil
}

// api says how to reach the API server.
func (f *managerFlags) api() (*rest.Config, error) {
	config, err := apiServer(f.kubeconfig)
	switch {
	case errors.Is(err, rest.ErrNotInCluster):
		return nil, errors.New("there is no API server to work for: name it with --kubeconfig (this is no pod, which would know its own)")
	case err != nil && f.kubeconfig != "":
		return nil, failed(fmt.Errorf("read --kubeconfig: %w", err))
	case err != nil:
		return nil, failed(fmt.Errorf("use the API server of this pod: %w", err))
	}
	return config, nil
}

// identity is this process and no other: a pod that is started anew has the name that it had.
func identity(hostname func() (string, error)) string {
	name, err := hostname()
	if err != nil {
		name = "manager"
	}
	return name + "_" + string(uuid.NewUUID())
}

// meter tells metrics in their words.
type meter struct{ *status.ManagerMetrics }

// Wrote implements manager.Meter.
func (m meter) Wrote(kind string, result manager.Outcome) {
	m.ManagerMetrics.Wrote(kind, string(result))
}

// managerState is what a scrape tells.
func managerState(m *manager.Manager, denials *status.Denials) status.ManagerState {
	out := status.ManagerState{Leader: m.Leading(), Leases: map[string]int{}, Problems: denials.Problems()}
	for _, state := range manager.LeaseStates() {
		out.Leases[state] = 0
	}
	for state, n := range m.Leases() {
		out.Leases[state] = n
	}
	for _, w := range m.Watches() {
		out.Watches = append(out.Watches, status.Synced{Kind: w.Kind, Since: w.Since, Event: w.Event})
	}
	decided := m.Decided()
	if decided == nil {
		return out
	}
	out.FloatingIPs = map[string]int{status.Assigned: 0, status.Unassigned: 0}
	for _, f := range decided.FloatingIPs {
		if f.Node == "" {
			out.FloatingIPs[status.Unassigned]++
		} else {
			out.FloatingIPs[status.Assigned]++
		}
	}
	out.Problems = problem.Sort(append(out.Problems, decided.Problems...))
	return out
}

// managerReport is what /status tells.
type managerReport struct {
	Version string `json:"version"`
	manager.Report
	// Missing are the rights that the API server does not give.
	Missing []problem.Problem `json:"missing,omitempty"`
}

// managerMux tells everybody whether it is well, and this machine, or pod, alone what the matter is.
func managerMux(m *manager.Manager, denials *status.Denials, log *slog.Logger) *http.ServeMux {
	mux := http.NewServeMux()
	answer := func(path, unwell string, why func() string) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, q *http.Request) {
			switch said := why(); {
			case said == "":
				fmt.Fprintln(w, "ok")
			case !ours(q):
				http.Error(w, unwell+"; ask in the pod itself why", http.StatusServiceUnavailable)
			default:
				http.Error(w, said, http.StatusServiceUnavailable)
			}
		})
	}
	answer("/healthz", "not well", func() string {
		if err := m.Healthy(); err != nil {
			return err.Error()
		}
		return ""
	})
	answer("/readyz", "not ready", func() string { return unread(m.Report(), denials.Problems()) })
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, q *http.Request) {
		if !ours(q) {
			http.Error(w, "it is for this machine, or pod, alone: ask there, at 127.0.0.1 or [::1]", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := printJSON(w, managerReport{version, m.Report(), denials.Problems()}); err != nil {
			log.Debug("a reader of /status went away", "error", err)
		}
	})
	return mux
}

// unread says what was not read yet, and why; nothing where everything was.
func unread(r manager.Report, missing []problem.Problem) string {
	if r.Ready() {
		return ""
	}
	said := []string{"not read yet: " + strings.Join(r.Waiting, ", ")}
	for _, p := range missing {
		said = append(said, p.String())
	}
	return strings.Join(append(said, r.Troubles...), "\n")
}
