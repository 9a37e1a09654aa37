package source

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
)

// ClusterOptions say what is read of an API server, and for which node.
type ClusterOptions struct {
	Options
	// Config says how the API server is reached, and as whom.
	Config *rest.Config
	// Node is the one that matters; empty: every node does, and every Service, which costs memory for every endpoint.
	Node string
	// LoadBalancerClass of the Services that are read; empty: those without one.
	LoadBalancerClass string
	// GDC reads the kinds of networking.gke.io and baremetal.cluster.gke.io, too, in all namespaces.
	GDC bool
	// Health is told how the source fares; nil: nobody is.
	Health *Health
}

// WatchCluster watches what matters to one node at an API server and calls back with the first result when every kind has been read, and
// again with each other result, from one goroutine, until ctx ends. Changes are collected for a few milliseconds.
//
// What was read stays while the API server is away, or refuses. The error tells of a configuration with which no API server can be reached.
func WatchCluster(ctx context.Context, options ClusterOptions, log *slog.Logger, changed func(Result)) error {
	clients, err := newClients(options.Config)
	if err != nil {
		return fmt.Errorf("use the API server: %w", err)
	}
	if options.Health == nil {
		options.Health = NewHealth(time.Now)
	}
	c := &cluster{
		options: options, clients: clients, log: log, health: options.Health, gathering: newGathering(options.Node, options.GDC), secrets: map[string]context.CancelFunc{},
		doubt: make(chan struct{}, 1),
	}
	c.health.tell(log)
	// What the libraries say of each try is told once, in words of ours.
	c.run(klog.NewContext(ctx, logr.Discard()), changed)
	return nil
}

// everyNode stands for a node's name where all matter.
const everyNode = ""

// readTimeout is how long an API server may take until everything was read once.
const readTimeout = 30 * time.Second

// ReadCluster reads an API server once. The error tells what could not be read in time.
func ReadCluster(ctx context.Context, options ClusterOptions) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	options.Health = NewHealth(time.Now)
	var first *Result
	err := WatchCluster(ctx, options, slog.New(slog.DiscardHandler), func(r Result) {
		if first == nil {
			first = &r
			cancel()
		}
	})
	switch {
	case err != nil:
		return Result{}, err
	case first == nil:
		return Result{}, fmt.Errorf("read the API server: %s", options.Health.Waiting())
	}
	return *first, nil
}

// cluster is what is watched at one API server.
type cluster struct {
	options   ClusterOptions
	clients   *kubewatch.Clients
	log       *slog.Logger
	health    *Health
	gathering *gathering
	watches   sync.WaitGroup
	// secrets end the watch of each Secret, by name.
	secrets  map[string]context.CancelFunc
	balanced kubewatch.LoadBalancers
	// noStreams has it told once that the API server can't stream.
	noStreams sync.Once
	// doubt asks to look anew which kinds are served.
	doubt chan struct{}
}

func (c *cluster) namespace() string { return c.options.namespace() }

// run gathers until ctx ends, and returns when everything that it started has ended.
func (c *cluster) run(ctx context.Context, changed func(Result)) {
	for _, k := range c.coreKinds() {
		c.gathering.add(k.feed)
		c.watches.Go(func() { c.watch(ctx, k) })
	}
	for _, k := range c.servedKinds() {
		c.gathering.add(c.servedFeed(k))
	}
	c.watches.Go(func() { c.watchServed(ctx) })
	c.deliver(ctx, changed)
	c.watches.Wait()
}

// secretPatience is how long a result waits for Secrets that peers have begun to refer to, so that no peer is said to lack what is on its way.
const secretPatience = time.Second

// deliver calls back with what was gathered, until ctx ends.
func (c *cluster) deliver(ctx context.Context, changed func(Result)) {
	defer c.watchSecrets(ctx, nil)
	c.health.await(c.gathering.waiting())
	begun := false
	for c.gathering.wait(ctx) {
		peers := c.gathering.settle().Peers
		if c.watchSecrets(ctx, peers) {
			c.gathering.expectSecrets(ctx, secretPatience)
		}
		if waiting := c.gathering.waiting(); !begun && waiting != "" {
			c.health.await(waiting)
			continue
		}
		result, news := c.gathering.result()
		if begun && !news {
			continue
		}
		begun = true
		c.health.await("")
		changed(result)
	}
}

// maxSecrets is how many Secrets are watched: no node has as many peers.
const maxSecrets = 1000

// watchSecrets watches the Secrets that peers refer to, and no others. It tells whether any is new.
//
// Each has a watch of its own, by name: so neither the content nor the name of any other Secret of the namespace ever reaches the node, and
// the right to read them may be given by name. The API server finds who watches a name by an index, as it does for every kubelet; a watch of
// all Secrets' metadata would cost it more, and a second request for each change.
func (c *cluster) watchSecrets(ctx context.Context, peers []*v1beta2.BGPPeer) (asked bool) {
	wanted := map[string]bool{}
	for _, p := range peers {
		name := p.Spec.PasswordSecret.Name
		if len(validation.IsDNS1123Subdomain(name)) == 0 && len(wanted) < maxSecrets {
			wanted[name] = true
		}
	}
	for name, stop := range c.secrets {
		if !wanted[name] {
			stop()
			delete(c.secrets, name)
			c.gathering.drop(c.secretKind(name).feed)
		}
	}
	for name := range wanted {
		if c.secrets[name] != nil {
			continue
		}
		own, stop := context.WithCancel(ctx)
		c.secrets[name] = stop
		kind := c.secretKind(name)
		c.gathering.add(kind.feed)
		c.watches.Go(func() { c.watch(own, kind) })
		asked = true
	}
	return asked
}
