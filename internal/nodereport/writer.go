package nodereport

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

// FieldManager is the name under which the API server notes what is written.
const FieldManager = "frr-renderer-node"

// Config says for whom a Writer writes, and where.
type Config struct {
	// API says how the API server is reached. The Lease has a connection of its own.
	API  *rest.Config
	Node string
	// Namespace of the manager, where the Lease is.
	Namespace string
	// Renewed is told of each renewal of the lease, but of none after which what the node is to hold had to be listed and could not be: a lapse is over only
	// with a list. It must not wait. nil: nobody is told.
	Renewed func(Renewal)
	// Denials is told of rights that are missing; nil: the log alone is.
	Denials *status.Denials
	// NodeBeat and SessionBeat are how often a NetworkGatewayNode and a BGPSession are written where nothing changes, a quarter more or less; 0: 5
	// and 10 minutes.
	NodeBeat, SessionBeat time.Duration
	Log                   *slog.Logger
}

const (
	defaultNodeBeat    = 5 * time.Minute
	defaultSessionBeat = 10 * time.Minute
	// Texts and lists that changed are written so far apart, about.
	textsApart, routesApart = 10 * time.Second, 30 * time.Second
)

// Writer writes what one node tells.
type Writer struct {
	node     nodeWriter
	sessions sessionWriter
	lease    renewer

	mu     sync.Mutex
	report *Report // nil: nothing was told yet
}

// New makes a Writer, for one Run. The error tells of a configuration with which no API server can be reached.
func New(c Config) (*Writer, error) {
	if c.Denials == nil {
		c.Denials = status.NewDenials(time.Now, c.Log)
	}
	if c.Renewed == nil {
		c.Renewed = func(Renewal) {}
	}
	to, err := newClients(c)
	if err != nil {
		return nil, err
	}
	w := &Writer{}
	w.node = nodeWriter{
		node: c.Node, current: w.current, objects: to.reports(reportResource), nodes: to.objects.Resource(nodeResource), bell: newBell(),
		pace: newPace(cmp.Or(c.NodeBeat, defaultNodeBeat), textsApart), outage: status.NewOutage(c.Log.With("status", "NetworkGatewayNode")), log: c.Log,
		told: make(chan struct{}), first: true,
	}
	log := c.Log.With("status", "BGPSession")
	w.sessions = sessionWriter{
		node: c.Node, current: w.current, objects: to.reports(sessionResource), bell: newBell(), beat: cmp.Or(c.SessionBeat, defaultSessionBeat),
		log: log, outage: status.NewOutage(log), sessions: map[string]*networking.BGPSession{}, efforts: map[types.UID]*effort{},
	}
	w.lease = renewer{
		node: c.Node, current: w.current, leases: to.leases, bell: newBell(), renewed: c.Renewed, log: c.Log,
		wanted: func(ctx context.Context) ([]netip.Addr, error) { return wanted(ctx, to.groups, c.Node, w.namespace()) },
	}
	return w, nil
}

// Tell gives a Report in place of the one before. It returns at once. Nothing is written, and no lease renewed, before the first; that should not come before
// it is known what is on the host: the manager believes it.
func (w *Writer) Tell(r Report) {
	r = r.clone()
	w.mu.Lock()
	w.report = &r
	w.mu.Unlock()
	for _, b := range []bell{w.node.bell, w.sessions.bell, w.lease.bell} {
		b.ring()
	}
}

func (w *Writer) current() *Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.report
}

// namespace of the NetworkGatewayGroups that count.
func (w *Writer) namespace() string {
	if r := w.current(); r != nil {
		return r.Namespace
	}
	return ""
}

// Run writes until ctx ends. What was written stays; the lease runs out by itself.
func (w *Writer) Run(ctx context.Context) {
	ctx = klog.NewContext(ctx, logr.Discard()) // what the libraries say of each try is told once, in words of ours
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { w.node.run(ctx) })
	all.Go(func() { w.sessions.run(ctx) })
	all.Go(func() { w.lease.run(ctx, w.node.told) })
}

// Renewal is one of the lease.
type Renewal struct {
	// Until is how long it holds, by this machine's clock.
	Until time.Time
	// Wanted is what the node is to hold, listed from the API server itself after the renewal: after a start, after each lapse, and while Report.Unsure. Empty
	// but not nil: nothing; nil: it was not listed.
	Wanted []netip.Addr
	// Asked is the moment before that list was asked for.
	Asked time.Time
}

// Lease is how the renewals of the lease fare.
type Lease struct {
	// Wanted tells that it is to be renewed (Report.Gateway).
	Wanted bool
	// At is the moment before the request of the last renewal, Until how long it holds by that; zero: it was never renewed, or given back.
	At, Until time.Time
	// Renewed and Failed count renewals, and tries that were none.
	Renewed, Failed uint64
	// Error is why the last try was none; empty: it was one.
	Error string
}

// Lease tells how the renewals fare.
func (w *Writer) Lease() Lease {
	w.lease.mu.Lock()
	defer w.lease.mu.Unlock()
	return w.lease.state
}
