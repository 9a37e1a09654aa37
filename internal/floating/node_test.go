package floating

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ip is the floating IP of most tests.
var ip = netip.MustParseAddr("192.0.2.100")

// simLease is how long a lease lasts without a renewal.
const simLease = 5 * time.Second

// node is a machine with an agent, a bgpd, and a way to the API server, wired as doc.go says.
type node struct {
	*machine
	t    *testing.T
	name string
	api  *api

	mutex     sync.Mutex
	end       context.CancelFunc // nil: there is no agent
	ended     chan struct{}
	holder    *Holder
	word      Word
	facts     []Facts
	bgpd, way bool // bgpd runs; the API server can be reached
	since     time.Time
}

// api is what the API server says.
type api struct {
	mutex sync.Mutex
	to    []string // the nodes that are to hold the floating IP
}

func (a *api) assign(to ...string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.to = to
}

func (a *api) wants(name string) []netip.Addr {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if slices.Contains(a.to, name) {
		return []netip.Addr{ip}
	}
	return nil
}

func newNode(t *testing.T, l *lan, a *api, name string) *node {
	return &node{machine: l.machine(), t: t, name: name, api: a, bgpd: true, way: true}
}

// run starts the agent.
func (n *node) run() *node {
	ctx, cancel := context.WithCancel(n.t.Context())
	n.mutex.Lock()
	n.end, n.ended, n.word, n.since = cancel, make(chan struct{}), Word{}, time.Now()
	n.holder = New(Config{Host: n.machine, Log: slog.New(slog.DiscardHandler), Report: func(f Facts) {
		n.mutex.Lock()
		defer n.mutex.Unlock()
		n.facts = append(n.facts, f)
	}})
	n.mutex.Unlock()
	var jobs sync.WaitGroup
	jobs.Go(func() { _ = n.holder.Run(ctx) })
	jobs.Go(func() {
		for ctx.Err() == nil {
			n.beat()
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	go func() {
		jobs.Wait()
		close(n.ended)
	}()
	return n
}

// beat tells the holder what is.
func (n *node) beat() {
	subnets := n.subnets() // the LAN's mutex comes before the node's
	n.mutex.Lock()
	defer n.mutex.Unlock()
	now := time.Now()
	if n.way {
		n.word.Told, n.word.Wanted = true, n.api.wants(n.name)
		n.word.LeaseUntil = now.Add(simLease)
	} else if now.After(n.word.LeaseUntil) {
		n.word.LeaseUntil = time.Time{}
	}
	if n.bgpd {
		n.word.BGPDAnswered = now
	}
	n.word.Subnets = subnets
	n.holder.Tell(n.word)
}

// kill ends the agent. The kernel keeps what it has.
func (n *node) kill() {
	if !n.lives() {
		return
	}
	n.end()
	<-n.ended
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.end = nil
}

func (n *node) lives() bool {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.end != nil
}

// crash takes the power away.
func (n *node) crash() {
	n.kill()
	n.lan.mutex.Lock()
	defer n.lan.mutex.Unlock()
	clear(n.ends)
}

func (n *node) set(field *bool, to bool) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	*field = to
}

func (n *node) told() (Word, time.Time) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.word, n.since
}

func (n *node) holds() bool {
	n.lan.mutex.Lock()
	defer n.lan.mutex.Unlock()
	return n.has(ip)
}

// move puts the machine into another segment of the LAN.
func (n *node) move(segment int) {
	n.lan.mutex.Lock()
	defer n.lan.mutex.Unlock()
	n.segment = segment
}

func (n *node) cable(in bool) {
	n.lan.mutex.Lock()
	n.carrier = in
	n.lan.mutex.Unlock()
}

// fact is what the node told last of the floating IP, and why it is unwell.
func (n *node) fact() (Fact, string) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if len(n.facts) == 0 {
		return Fact{}, ""
	}
	last := n.facts[len(n.facts)-1]
	for _, f := range last.Addresses {
		if f.Address == ip {
			return f, last.Unwell
		}
	}
	return Fact{}, last.Unwell
}

// eventually waits in the test's own time, and returns how long it took.
func eventually(t *testing.T, within time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !ok() {
		require.LessOrEqual(t, time.Since(start), within, what)
		time.Sleep(time.Millisecond)
	}
	return time.Since(start)
}

// always looks for that long.
func always(t *testing.T, during time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		require.True(t, ok(), what)
	}
}
