package manager

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/klog/v2"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// FieldManager is the name under which the API server notes what is written.
const FieldManager = "frr-renderer-manager"

// Options say which cluster is managed, and as whom.
type Options struct {
	// Config says how the API server is reached.
	Config *rest.Config
	// Identity of this manager among those that may work, another for each process.
	Identity string
	// Namespace of the manager: its own Lease, those of gateway nodes, and MetalLB's IPAddressPools.
	Namespace string
	// ClusterNamespace is that of the Cluster and GDC's objects; empty: all are read, and that of the oldest Cluster counts.
	ClusterNamespace string
	// LoadBalancerClass of the Services that are announced; empty: those without one.
	LoadBalancerClass string
	// IgnoreExcludeLabel takes nodes labelled node.kubernetes.io/exclude-from-external-load-balancers as next hops all the same.
	IgnoreExcludeLabel bool
	// Source is where the objects are edited that are copied here; nil: nothing is copied.
	Source *Source
	// Patience is for how long things have to last that are acted upon though nothing forces it.
	Patience Patience
	// Meter counts what is done; nil: nobody does.
	Meter Meter
	// Teller tells people of problems; nil: the log alone does.
	Teller Teller
}

// Manager is one of those that may work for a cluster.
type Manager struct {
	options Options
	log     *slog.Logger
	clients *kubewatch.Clients
	store   *store
	leases  *leases
	trouble *trouble
	health  *health
	limit   flowcontrol.RateLimiter
	watched map[string]kind
	// copier is nil where there is no source.
	copier *copier

	balanced kubewatch.LoadBalancers
	// elector is that of the election that goes on; nil: there is none yet.
	elector atomic.Pointer[leaderelection.LeaderElector]
	rounds  atomic.Uint64
	// post is since when it works, or does not; decision is the last one while it does.
	post     post
	decision atomic.Pointer[decision]

	// What follows belongs to the worker. The last round saw changes and leases, and left something to do, or not; sure: one had a Cluster, or there was none.
	seen       uint64
	seenLeases map[string]gateway.Lease
	unfinished bool
	problems   []problem.Problem
	pauses     pauses
	given      map[string]given
	sure       bool
	silences   map[key]time.Time
	offers     *offers
}

// How many objects are written a second, but for who holds what, which never waits.
const (
	writesPerSecond = 50
	writesAtOnce    = 100
)

// New makes a manager. The error tells of a configuration with which no API server can be reached.
func New(options Options, log *slog.Logger) (*Manager, error) {
	if options.Meter == nil {
		options.Meter = unmetered{}
	}
	c, err := kubewatch.NewClients(options.Config, -1, 0) // the one worker has a limit of its own
	if err != nil {
		return nil, fmt.Errorf("use the API server: %w", err)
	}
	m := &Manager{
		options: options, log: log, clients: c, leases: newLeases(time.Now), trouble: newTrouble(log), watched: map[string]kind{}, pauses: pauses{},
		limit: flowcontrol.NewTokenBucketRateLimiter(writesPerSecond, writesAtOnce),
	}
	var names []string
	for _, k := range m.kinds() {
		m.watched[k.name] = k
		names = append(names, k.name)
	}
	m.store, m.health = newStore(names), newHealth(names)
	m.post.begins()
	if options.Source == nil {
		return m, nil
	}
	m.copier, err = newCopier(m, *options.Source)
	return m, err
}

// unmetered counts nothing.
type unmetered struct{}

func (unmetered) Decided(time.Duration) {}
func (unmetered) Wrote(string, Outcome) {}
func (unmetered) Moved()                {}

// Run watches and, while this manager is the one that works, writes, until ctx ends. When it returns nothing is written any more.
func (m *Manager) Run(ctx context.Context) error {
	ctx = klog.NewContext(ctx, logr.Discard()) // what the libraries say of each try is told once, in words of ours
	var watches sync.WaitGroup
	defer watches.Wait()
	for _, k := range m.watched {
		watches.Go(func() { m.watch(ctx, k) })
	}
	return m.standForElection(ctx)
}

// Leading tells whether this manager is the one that works.
func (m *Manager) Leading() bool {
	e := m.elector.Load()
	return e != nil && e.IsLeader() && e.Check(0) == nil
}

// Kinds are those that are written, as a Meter is told of them.
func Kinds() []string { return []string{groupKind, loadBalancerKind, peerKind, sessionKind, routeKind} }

// Rounds counts how often everything was decided anew.
func (m *Manager) Rounds() uint64 { return m.rounds.Load() }

// Waiting are the kinds that were not read yet; nothing is decided before all were.
func (m *Manager) Waiting() []string { return m.store.waiting() }

// collect is how long changes are collected that come together.
const collect = 20 * time.Millisecond

// lead works until ctx ends: whatever has changed, everything is decided anew, and what differs is written.
func (m *Manager) lead(ctx context.Context) {
	m.pauses, m.silences, m.unfinished, m.sure, m.offers = pauses{}, map[key]time.Time{}, true, false, newOffers(m.options.Patience, m.leases.now)
	m.post.begins()
	defer m.resign()
	if m.copier != nil {
		var copying sync.WaitGroup
		defer copying.Wait()
		copying.Go(func() { m.copier.run(ctx) })
	}
	fresh := false
	for ctx.Err() == nil {
		wait := never
		switch waiting := m.store.waiting(); {
		case len(waiting) > 0:
			m.trouble.tell("wait", "nothing is decided before everything was read", "kinds", waiting)
		case !fresh:
			if fresh = m.refreshAll(ctx); !fresh {
				wait = pauseFirst
			}
		}
		if fresh {
			m.trouble.over("wait", "everything was read")
			wait = m.round(ctx)
		}
		m.rest(ctx, wait)
	}
}

// resign ends what a leader tells.
func (m *Manager) resign() {
	m.post.begins()
	m.decision.Store(nil)
	for _, sort := range []string{"wait", "write", "name", "copy"} {
		m.trouble.forget(sort)
	}
	if m.options.Teller != nil {
		m.options.Teller.Hush()
	}
}

// rest waits for a change, at most that long, and a little for those that come with it.
func (m *Manager) rest(ctx context.Context, most time.Duration) {
	if !restFor(ctx, m.store.wake, most) {
		restFor(ctx, nil, collect)
	}
}

// restFor waits, and tells whether the time is over rather than ctx or woken by a change.
func restFor(ctx context.Context, wake <-chan struct{}, most time.Duration) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
		return false
	case <-timer.C:
		return true
	}
}

// never is when to look again if nothing changes, where nothing is to be done.
const never = time.Hour

// round decides anew, writes what differs, and tells when to look again if nothing changes.
func (m *Manager) round(ctx context.Context) time.Duration {
	if rest := m.pauses[everything].left(); rest > 0 {
		return rest
	}
	judged := m.leases.now()
	leases, turn := m.leases.states(m.holders())
	if m.store.changes.Load() == m.seen && maps.Equal(leases, m.seenLeases) && !m.unfinished && !m.offers.over() {
		return min(turn, m.offers.next())
	}
	begun := time.Now()
	w := m.take(ctx, m.decide(ctx, judged, leases))
	w.out.Problems = problem.Sort(slices.Concat(w.out.Problems, w.unread.problems, m.copier.found()))
	m.sure = m.sure || !w.out.Unsure
	took := time.Since(begun)
	m.rounds.Add(1)
	m.options.Meter.Decided(took)
	m.decision.Store(&decision{begun, took, &w.out})
	m.tellProblems(w.out.Problems)
	m.tell(w.out)
	w.all()
	m.seen, m.seenLeases, m.unfinished = w.at, leases, w.again != never
	return min(turn, w.again, m.offers.next())
}

// decide decides by what is known now, and by leases as they were at a time.
func (m *Manager) decide(ctx context.Context, judged time.Time, leases map[string]gateway.Lease) *writing {
	at := m.store.changes.Load()
	in := m.input(leases)
	in.Back = m.back(in.Groups, gateway.Namespace(in.Input))
	m.offers.tell(&in.Input)
	w := &writing{manager: m, ctx: ctx, objects: in, out: gateway.Assign(in.Input), at: at, judged: judged, again: never}
	m.offers.note(in.Input, w.out, leases, m.leases.idle())
	return w
}

// holders are the nodes that hold a floating IP, by the groups' status.
func (m *Manager) holders() map[string]bool {
	out := map[string]bool{}
	for _, g := range all[*networking.NetworkGatewayGroup](m.store, groupKind) {
		for _, node := range g.object.Status.FloatingIPs {
			out[node] = true
		}
	}
	return out
}

// tellProblems logs what is wrong with objects, once, and when it is over.
func (m *Manager) tellProblems(now []problem.Problem) {
	for _, p := range now {
		if !slices.Contains(m.problems, p) {
			m.log.Warn("an object has a problem", "problem", p.String())
		}
	}
	for _, p := range m.problems {
		if !slices.Contains(now, p) {
			m.log.Info("a problem is over", "problem", p.String())
		}
	}
	m.problems = now
}
