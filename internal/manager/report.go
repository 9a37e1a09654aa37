package manager

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// Meter counts what a manager does. Its methods return at once, and may be called from any goroutine.
type Meter interface {
	// Decided: everything was decided anew, which took that long, without writing.
	Decided(took time.Duration)
	// Wrote: a write of an object of that kind ended so.
	Wrote(kind string, result Outcome)
	// Moved: a floating IP was given another node.
	Moved()
}

// Outcome is how a write ended.
type Outcome string

// The outcomes of a write.
const (
	Written  Outcome = "written"
	Conflict Outcome = "conflict" // it is another object than was meant by now: decided anew, and tried again
	Refused  Outcome = "refused"  // the API server does not take it: tried again, less and less often
	Failed   Outcome = "failed"   // the API server is away, or overloaded: everything waits
)

// Outcomes are all of them.
func Outcomes() []Outcome { return []Outcome{Written, Conflict, Refused, Failed} }

// Teller tells people of problems that no condition of the object tells. It is told all that there are, each time that everything was decided anew.
type Teller interface {
	Found(problems []problem.Problem, find func(problem.Object) (uid types.UID, exists bool))
	// Hush takes back what was not told yet: another manager may tell it by now.
	Hush()
}

// The parts of an election.
const (
	Leader  = "leader"
	Standby = "standby"
)

// Report is what a manager does, and knows.
type Report struct {
	Identity string `json:"identity"`
	// State is leader or standby, Since when it is.
	State string    `json:"state"`
	Since time.Time `json:"since"`
	// Leader is the identity of the one that works, as it was last heard; empty: nobody is known.
	Leader string `json:"leader,omitempty"`
	// Waiting are the kinds that were not read yet.
	Waiting []string `json:"waiting,omitempty"`
	// Decision is the last one of a leader; nil: there was none yet.
	Decision *Decision `json:"decision,omitempty"`
	// Leases of gateway nodes as they are seen here, by node.
	Leases []NodeLease `json:"leases"`
	// Watches are the kinds that are watched, sorted. A kind that is not served, nor defined, has none.
	Watches []Watch `json:"watches"`
	// Source is how copying goes, of a leader that has a source to copy from.
	Source *CopyReport `json:"source,omitempty"`
	// Troubles are what can't be read or written now, and why, sorted.
	Troubles []string `json:"troubles,omitempty"`
}

// Ready tells whether everything was read: a standby may have to decide within a moment.
func (r Report) Ready() bool { return len(r.Waiting) == 0 }

// Decision is one, and when it was made.
type Decision struct {
	At time.Time `json:"at"`
	// Seconds that it took.
	Seconds     float64           `json:"seconds"`
	FloatingIPs []FloatingIP      `json:"floatingIPs"`
	Sessions    []Session         `json:"sessions"`
	NextHops    []string          `json:"nextHops"` // the nodes that take traffic for Services
	VIPs        int               `json:"vips"`
	Problems    []problem.Problem `json:"problems"`
}

// decision is a Decision before anybody asks.
type decision struct {
	at         time.Time
	took       time.Duration
	assignment *gateway.Assignment
}

// FloatingIP is one, and where it is.
type FloatingIP struct {
	Address string `json:"address"`
	Group   string `json:"group"`
	Node    string `json:"node"` // empty: none can hold it
}

// Session is a session that there shall be.
type Session struct {
	Name       string `json:"name"`
	Peer       string `json:"peer,omitempty"` // the BGPPeer; empty: one of the Cluster's bgpPeers
	PeerIP     string `json:"peerIP"`
	PeerASN    uint32 `json:"peerASN"`
	FloatingIP string `json:"floatingIP"`
	Node       string `json:"node"`
}

// NodeLease is what is known of a node's agent.
type NodeLease struct {
	Node  string `json:"node"`
	State string `json:"state"` // live, expired or unknown
}

// leaseUnknown is the word for gateway.LeaseUnknown, which has none.
const leaseUnknown = "unknown"

// LeaseStates are the words of NodeLease.State.
func LeaseStates() []string {
	return []string{string(gateway.LeaseLive), string(gateway.LeaseExpired), leaseUnknown}
}

// Watch is how far a kind is known.
type Watch struct {
	Kind string `json:"kind"`
	// Since is when the watch was opened that brings changes now; zero while there is none.
	Since time.Time `json:"since,omitzero"`
	// Event is when the last change came, or the list of all objects; zero before the first.
	Event time.Time `json:"event,omitzero"`
}

// Report tells what this manager does. It may be called from any goroutine.
func (m *Manager) Report() Report {
	out := Report{
		Identity: m.options.Identity, State: Standby, Since: m.post.since(), Waiting: m.Waiting(), Leases: m.nodeLeases(), Watches: m.health.report(),
		Troubles: m.trouble.report(),
	}
	if e := m.elector.Load(); e != nil {
		out.Leader = e.GetLeader()
	}
	if !m.Leading() {
		if out.Leader == m.options.Identity {
			out.Leader = "" // it was, and nobody is known since
		}
		return out
	}
	out.State, out.Source = Leader, m.copier.report()
	if d := m.decision.Load(); d != nil {
		out.Decision = d.report()
	}
	return out
}

// Decided is the last decision of a leader; nil without one, and for a standby.
func (m *Manager) Decided() *gateway.Assignment {
	if d := m.decision.Load(); d != nil && m.Leading() {
		return d.assignment
	}
	return nil
}

func (d *decision) report() *Decision {
	out := Decision{
		At: d.at, Seconds: d.took.Seconds(), VIPs: len(d.assignment.VIPs), FloatingIPs: []FloatingIP{}, Sessions: []Session{}, NextHops: []string{},
		Problems: append([]problem.Problem{}, d.assignment.Problems...),
	}
	for _, f := range d.assignment.FloatingIPs {
		out.FloatingIPs = append(out.FloatingIPs, FloatingIP{f.Address.String(), f.Group, f.Node})
	}
	for _, s := range d.assignment.Sessions {
		out.Sessions = append(out.Sessions, Session{s.Name, s.Peer, s.PeerIP.String(), s.PeerASN, s.FloatingIP.String(), s.Node})
	}
	for _, n := range d.assignment.LoadBalancers {
		out.NextHops = append(out.NextHops, n.Node)
	}
	return &out
}

// Leases counts the leases of gateway nodes by LeaseStates.
func (m *Manager) Leases() map[string]int {
	out := map[string]int{}
	for _, l := range m.nodeLeases() {
		out[l.State]++
	}
	return out
}

// Watches tells how far each kind is known, those of the source among them.
func (m *Manager) Watches() []Watch {
	out := m.health.report()
	if r := m.copier.report(); r != nil {
		for _, w := range r.Watches {
			w.Kind += " of the source"
			out = append(out, w)
		}
	}
	return out
}

// nodeLeases are those of the nodes that there are: a Lease stays behind when its node goes for good, and would be told as a dead agent for ever.
func (m *Manager) nodeLeases() []NodeLease {
	nodes := all[*corev1.Node](m.store, nodeKind)
	states, _ := m.leases.states(m.holders())
	out := []NodeLease{}
	for _, node := range slices.Sorted(maps.Keys(states)) {
		if _, there := nodes[key{Name: node}]; there {
			out = append(out, NodeLease{node, cmp.Or(string(states[node]), leaseUnknown)})
		}
	}
	return out
}

// post is since when this manager is what it is.
type post struct {
	mu sync.Mutex
	at time.Time
}

func (p *post) begins() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = time.Now()
}

func (p *post) since() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

// health is how the watches are.
type health struct {
	mu    sync.Mutex
	kinds map[string]*Watch // nil: there is no such kind
}

func newHealth(kinds []string) *health {
	h := &health{kinds: map[string]*Watch{}}
	for _, k := range kinds {
		h.kinds[k] = &Watch{Kind: k}
	}
	return h
}

// opened: changes of a kind come from now on, if they did not yet.
func (h *health) opened(kind string) {
	h.change(kind, func(w *Watch, now time.Time) {
		if w.Since.IsZero() {
			w.Since = now
		}
	})
}

// lost: they don't.
func (h *health) lost(kind string) {
	h.change(kind, func(w *Watch, _ time.Time) { w.Since = time.Time{} })
}

// event: one has come.
func (h *health) event(kind string) { h.change(kind, func(w *Watch, now time.Time) { w.Event = now }) }

func (h *health) change(kind string, f func(*Watch, time.Time)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.kinds[kind] == nil {
		h.kinds[kind] = &Watch{Kind: kind}
	}
	f(h.kinds[kind], time.Now())
}

// absent: there is no such kind.
func (h *health) absent(kind string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kinds[kind] = nil
}

func (h *health) report() []Watch {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := []Watch{}
	for _, k := range slices.Sorted(maps.Keys(h.kinds)) {
		if w := h.kinds[k]; w != nil {
			out = append(out, *w)
		}
	}
	return out
}

// tell hands on what no condition tells.
func (m *Manager) tell(out gateway.Assignment) {
	if m.options.Teller == nil {
		return
	}
	told := map[problem.Object][]gateway.Condition{}
	for _, c := range out.Conditions {
		if c.Status == metav1.ConditionFalse {
			told[c.Object] = append(told[c.Object], c)
		}
	}
	var untold []problem.Problem
	for _, p := range out.Problems {
		if !slices.ContainsFunc(told[p.Object], func(c gateway.Condition) bool {
			return c.Reason == string(p.Reason) && strings.HasSuffix(c.Message, p.Message)
		}) {
			untold = append(untold, p)
		}
	}
	m.options.Teller.Found(untold, m.store.find)
}

// find tells of an object that was read whether it is there, and its UID.
func (s *store) find(o problem.Object) (types.UID, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	shelf := s.shelves[o.Kind]
	if shelf == nil {
		return "", false
	}
	h, has := shelf.objects[key{Namespace: o.Namespace, Name: o.Name}]
	if !has {
		return "", false
	}
	return h.object.GetUID(), true
}
