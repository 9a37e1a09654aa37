package role

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/floating"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/hostnet"
	"github.com/frr-renderer/frr-renderer/internal/nodereport"
	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// Host is the node's network. hostnet.Host is one, and says what each method does.
type Host interface {
	floating.Host
	FollowSubnets(ctx context.Context, changed func([]hostnet.Subnet)) error
	Listeners(ctx context.Context, port uint16) ([]hostnet.Listener, error)
}

// BGPD tells how its sessions are, those of views among them. It must not be the agent's connection: a long apply does not make a dead bgpd.
// observe.Watcher is one.
type BGPD interface {
	Sessions(ctx context.Context) ([]observe.Session, error)
}

// Config says what a Role works with.
type Config struct {
	Node    string
	Options snapshot.Options
	// Alone tells that there is no manager, and no API server: the node decides by the objects alone who holds what, as all others do, and tells of their
	// problems.
	Alone bool
	Host  Host
	BGPD  BGPD
	// Call has bgpd call neighbors at once that it waits to call, named as in plans of package reload.
	Call func(ctx context.Context, neighbors []string)
	// Report is told what the API server is to be told, at each change. It must not wait. nil: nobody is told.
	Report func(nodereport.Report)
	Log    *slog.Logger
}

// Role is the part of one node.
type Role struct {
	Config
	holder  *floating.Holder
	changed chan struct{} // has an entry when the next Part may be another

	// Of the agent's goroutine.
	decided decided
	read    snapshot.GDC // with the last form of what can't be read now
	before  []gateway.Session
	sure    bool // something was decided with a Cluster, or because there is none

	mutex      sync.Mutex
	word       floating.Word
	ordered    ordered
	groups     []*networking.NetworkGatewayGroup // that the objects had last
	grouped    time.Time                         // when they were others than before; zero: there were none yet
	facts      floating.Facts
	looked     bool // facts are there
	asked      bool // bgpd was asked once, whatever it said
	begun      time.Time
	sessions   []observe.Session
	coming     map[netip.Addr]time.Time // since when addresses that are not here are to be
	leaving    map[netip.Addr]*leave
	arrived    map[netip.Addr]time.Time // since when those are here that have just come
	views      views
	paths      paths
	subnets    []subnet // and those that have gone lately
	listening  listening
	refusals   refusals
	refused    map[netip.Addr]string // those that count, with their reasons
	assignment *gateway.Assignment   // as the agent got it last
	input      gateway.Input         // of the assignment, without Services
	namespace  string                // of the cluster's groups; empty: no object was read yet
	renews     bool                  // the node may be given a floating IP
	prefixes   []netip.Prefix        // of Services, that the assignment has its sessions carry
	reported   *nodereport.Report    // what was told last
	taken      uint64                // floating IPs that came since the start
	left       uint64                // and that went
}

// New makes a Role, for one Run.
func New(c Config) *Role {
	r := &Role{
		Config: c, changed: make(chan struct{}, 1), coming: map[netip.Addr]time.Time{}, leaving: map[netip.Addr]*leave{}, arrived: map[netip.Addr]time.Time{},
		refusals: refusals{}, views: views{applied: make(chan struct{})}, paths: newPaths(),
	}
	r.holder = floating.New(floating.Config{Host: host{c.Host, r}, Report: r.became, Log: c.Log})
	return r
}

// Run does the node's part until ctx ends. What is on the host then stays for the rest of its lifetime.
func (r *Role) Run(ctx context.Context) {
	r.mutex.Lock()
	r.begun = time.Now()
	r.mutex.Unlock()
	var all sync.WaitGroup
	all.Go(func() { _ = r.holder.Run(ctx) })
	all.Go(func() { r.followSubnets(ctx) })
	all.Go(func() { r.ask(ctx) })
	all.Go(func() { r.listen(ctx) })
	all.Wait()
}

// Changed has an entry when the next Part may be another than the last.
func (r *Role) Changed() <-chan struct{} { return r.changed }

func (r *Role) poke() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// blindTime is how long everything waits for a look at the host. What is not GDC's must not wait for ever where the kernel can't be asked.
const blindTime = 10 * time.Second

// Ready tells that Parts are what the node is to do. Before, an apply would take away what the node holds.
func (r *Role) Ready() bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return (r.looked || r.blind()) && r.asked && r.listening.known
}

// blind tells that it can't be seen what is on the host. With the mutex.
func (r *Role) blind() bool {
	return !r.looked && !r.begun.IsZero() && time.Since(r.begun) >= blindTime
}

// Renewed takes in that the lease is live. What was listed with that counts unless the objects have changed since it was asked for: which of the two is newer is
// not known then.
func (r *Role) Renewed(l nodereport.Renewal) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.ordered.renew(l.Until, time.Now())
	if l.Wanted != nil && !l.Asked.Before(r.grouped) {
		r.ordered.outdated = false
		r.wants(l.Wanted)
	} else {
		r.judge()
	}
	r.tell()
	r.report()
}

// wants takes in what the node is to hold. With the mutex.
func (r *Role) wants(wanted []netip.Addr) {
	r.ordered.told, r.ordered.wanted = true, wanted
	r.judge()
}

// mark has the agent render without the views of what is to go, before the holder takes it off. With the mutex.
func (r *Role) mark() {
	for _, f := range r.facts.Addresses {
		l := r.leaving[f.Address]
		switch wanted := r.wanted(f.Address); {
		case f.State == floating.Held && !wanted && l == nil && (r.word.Told || r.listening.refusal != ""):
			r.leaving[f.Address] = &leave{since: time.Now()}
			r.poke()
		case wanted && l != nil && !l.taking:
			delete(r.leaving, f.Address)
			r.poke()
		}
	}
	r.expect()
}

func (r *Role) wanted(ip netip.Addr) bool {
	return r.listening.refusal == "" && slices.Contains(r.word.Wanted, ip)
}

// tell gives the holder its word. With the mutex.
func (r *Role) tell() {
	w := r.word
	if r.Alone {
		w.LeaseUntil = time.Now().Add(time.Hour) // nobody else says otherwise
	}
	if r.listening.refusal != "" {
		w.Told, w.Wanted = true, nil
	}
	r.holder.Tell(w)
}

// became takes in what became of the floating IPs.
func (r *Role) became(f floating.Facts) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	before, looked := r.floating(), r.looked
	r.facts, r.looked = f, true
	if !looked {
		r.judge()
		r.tell()
	} else { // what is found at the start has not come
		r.count(before, r.floating())
		r.arrive(before)
	}
	for ip := range r.leaving {
		if !r.on(ip) {
			delete(r.leaving, ip)
		}
	}
	r.refusals.note(f, time.Now())
	r.expect()
	r.learn()
	r.poke()
	r.report()
}

// on tells whether a floating IP is on the host. With the mutex.
func (r *Role) on(ip netip.Addr) bool {
	return slices.ContainsFunc(r.facts.Addresses, func(f floating.Fact) bool { return f.Address == ip && f.State == floating.Held })
}

// holds tells whether it is to stay there, too. With the mutex.
func (r *Role) holds(ip netip.Addr) bool { return r.on(ip) && r.leaving[ip] == nil }

// subnet is one of the node, and since when it is down; zero: it is up.
type subnet struct {
	hostnet.Subnet
	down time.Time
}

func (s subnet) same(o hostnet.Subnet) bool {
	return s.Interface == o.Interface && s.Address == o.Address
}

// gone are subnets that were there a moment ago, as subnets that are down: who brings an interface down and up, or has its address from DHCP anew, takes the
// address off for a second, and what the node holds would move for it.
func gone(before []subnet, now []hostnet.Subnet) []subnet {
	var out []subnet
	for _, b := range before {
		if slices.ContainsFunc(now, b.same) {
			continue
		}
		if b.Up {
			b.Up, b.down = false, time.Now()
		}
		if time.Since(b.down) < floating.Patience {
			out = append(out, b)
		}
	}
	return out
}

// followSubnets is told the node's subnets until ctx ends. An error is logged once, until they were followed for a while.
func (r *Role) followSubnets(ctx context.Context) {
	const calm = 10 * time.Second
	for said := false; ctx.Err() == nil; wait(ctx, time.Second) {
		began := time.Now()
		err := r.Host.FollowSubnets(ctx, r.hasSubnets)
		if ctx.Err() != nil {
			return
		}
		if said = said && time.Since(began) < calm; !said {
			said = true
			r.Log.Error("cannot follow the node's subnets; it is tried again each second", "error", err)
		}
	}
}

func (r *Role) hasSubnets(now []hostnet.Subnet) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	before := r.subnets
	r.subnets = nil
	for _, s := range now {
		one := subnet{Subnet: s}
		if !s.Up {
			one.down = time.Now()
			for _, b := range before {
				if b.same(s) && !b.Up {
					one.down = b.down
				}
			}
		}
		r.subnets = append(r.subnets, one)
	}
	r.subnets = append(r.subnets, gone(before, now)...)
	r.word.Subnets = append([]hostnet.Subnet{}, now...) // none is known, too
	r.renew()
	r.tell()
	r.report()
}

// wait waits for a time, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
