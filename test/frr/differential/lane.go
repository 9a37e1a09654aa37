package differential

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// lane runs one pair after the other, on two stands that take turns.
type lane struct {
	fabric  *fabric.Fabric
	version fabric.Version
	stands  [2]*stand
	tool    tool
	// known are those of the same version that a walk shares; nil for others.
	known *looks
}

// looks are what fresh FRRs look like, by their configuration: a walk comes to each of its configurations many times.
type looks struct {
	mu sync.Mutex
	by map[string]look
}

func newLooks() *looks { return &looks{by: map[string]look{}} }

func (k *looks) get(text string) (look, bool) {
	if k == nil {
		return look{}, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	seen, ok := k.by[text]
	return seen, ok
}

func (k *looks) put(text string, seen look) {
	if k != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.by[text] = seen
	}
}

// tool brings an FRR from A to B.
type tool interface {
	apply(ctx context.Context, s *stand, p Pair, o *Outcome) error
}

func newLane(ctx context.Context, version fabric.Version, vrfs []string, t tool) (*lane, error) {
	var topology fabric.Topology
	names := []string{"x", "y"}
	for _, name := range names {
		n, l := nodes(name, version, vrfs)
		topology.Nodes, topology.Links = append(topology.Nodes, n...), append(topology.Links, l...)
	}
	f, err := fabric.Build(ctx, topology, fabric.Options{})
	if err != nil {
		return nil, err
	}
	l := &lane{fabric: f, version: version, tool: t}
	for i, name := range names {
		if l.stands[i], err = newStand(ctx, f, name); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

func (l *lane) close() {
	for _, s := range l.stands {
		if s != nil {
			_ = s.close()
		}
	}
	_ = l.fabric.Close()
}

const (
	// settle is how long a stand is watched after a load: FRR dials a second after it has read its configuration.
	settle = 2500 * time.Millisecond
	// aftermath is how long a reloaded FRR is watched for sessions that drop.
	aftermath = 1200 * time.Millisecond
	// quiet is how long nothing may have changed when two are compared.
	quiet = 600 * time.Millisecond
	// patience is when what differs is taken for different: FRR evaluates route-maps after 5 s, and an FRR that was loaded waits for that
	// before it dials.
	patience = 20 * time.Second
)

// run runs one pair. Nothing is compared when FRR does not take all of B. The error is of the laboratory.
func (l *lane) run(ctx context.Context, p Pair) (Outcome, error) {
	var o Outcome
	begin := time.Now()
	x, y := l.stands[0], l.stands[1]
	seen, known := l.known.get(p.B)
	known = known && x.runs == p.A
	if x.runs != p.A || p.A == "" {
		if _, err := x.fresh(ctx, p.A); err != nil {
			return o, err
		}
		if err := x.rest(ctx, time.Now().Add(settle), time.Now().Add(patience)); err != nil {
			return o, err
		}
	}
	before, err := x.bgp(ctx)
	if err != nil {
		return o, err
	}
	up := x.sessions()
	x.runs = ""
	if known {
		err := l.goOn(ctx, x, p, seen, &o)
		if err == nil {
			l.resets(x, before, up, &o)
		}
		if len(o.Differences)+len(o.Said) == 0 && !deferred(o.Plan) {
			x.runs = p.B
		}
		o.Total = time.Since(begin)
		return o, err
	}

	var loaded time.Time
	g, gctx := errgroup.WithContext(ctx)
	var said []string
	g.Go(func() (err error) {
		said, err = y.fresh(gctx, p.B)
		loaded = time.Now()
		return err
	})
	g.Go(func() error { return l.tool.apply(gctx, x, p, &o) })
	if err := g.Wait(); err != nil {
		return o, err
	}
	o.Said = append(o.Said, said...)
	if len(o.Said) > 0 {
		l.stands = [2]*stand{y, x}
		o.Total, o.Differences = time.Since(begin), nil
		return o, nil
	}
	if err := l.compare(ctx, x, y, p.B, loaded, &o); err != nil {
		return o, err
	}
	l.resets(x, before, up, &o)
	o.Total = time.Since(begin)
	l.stands = [2]*stand{y, x}
	return o, nil
}

// goOn reloads the FRR that the pair before has brought to A, and compares it with what a fresh one was seen to be.
func (l *lane) goOn(ctx context.Context, x *stand, p Pair, seen look, o *Outcome) error {
	for i, peer := range x.peers {
		x.began[i] = peer.Sessions()
	}
	if err := l.tool.apply(ctx, x, p, o); err != nil || len(o.Said) > 0 {
		return err
	}
	if err := x.hurry(ctx); err != nil {
		return err
	}
	for earliest, latest := time.Now().Add(aftermath), time.Now().Add(patience); ; earliest = time.Now().Add(quiet) {
		if err := x.rest(ctx, earliest, latest); err != nil {
			return err
		}
		reloaded, err := x.look(ctx, p.B)
		if err != nil {
			return err
		}
		found := l.differences(reloaded, seen, o)
		if len(found) == 0 || time.Now().After(latest) {
			o.Differences = append(o.Differences, found...)
			return nil
		}
	}
}

// rest waits until nothing changes any more.
func (s *stand) rest(ctx context.Context, earliest, latest time.Time) error {
	last, since := s.pulse(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		now := time.Now()
		if p := s.pulse(); p != last {
			last, since = p, now
		}
		if now.After(latest) || now.After(earliest) && now.Sub(since) > quiet {
			return nil
		}
	}
}

// compare waits until both FRRs are the same, and says what differs when they don't become so.
func (l *lane) compare(ctx context.Context, x, y *stand, wanted string, loaded time.Time, o *Outcome) error {
	latest := loaded.Add(patience)
	earliest := loaded.Add(settle)
	if err := x.hurry(ctx); err != nil {
		return err
	}
	hurry := loaded.Add(patience / 2)
	for {
		if err := x.rest(ctx, earliest, latest); err != nil {
			return err
		}
		if err := y.rest(ctx, earliest, latest); err != nil {
			return err
		}
		reloaded, err := x.look(ctx, wanted)
		if err != nil {
			return err
		}
		fresh, err := y.look(ctx, wanted)
		if err != nil {
			return err
		}
		found := l.differences(reloaded, fresh, o)
		if len(found) == 0 {
			l.known.put(wanted, fresh)
		}
		// More time does not mend a configuration.
		mends := slices.ContainsFunc(found, func(d Difference) bool { return d.Kind != Configuration })
		if !mends || time.Now().After(latest) {
			o.Differences = append(o.Differences, found...)
			return nil
		}
		earliest = time.Now().Add(300 * time.Millisecond)
		if down := func(d Difference) bool { return d.Kind == Sessions }; time.Now().After(hurry) && slices.ContainsFunc(found, down) {
			// A busy FRR may lose its only call, and calls again after two minutes.
			hurry = time.Now().Add(patience / 4)
			if err := errors.Join(x.hurry(ctx), y.hurry(ctx)); err != nil {
				return err
			}
		}
	}
}

func (l *lane) differences(reloaded, fresh look, o *Outcome) []Difference {
	if l.version != fabric.V84 {
		for _, peer := range append(slices.Clone(reloaded.chance), fresh.chance...) {
			reloaded, fresh = reloaded.without(peer), fresh.without(peer)
		}
	}
	if l.version == fabric.V84 && slices.ContainsFunc(o.Plan.Commands, setsNextHop) {
		reloaded.tables = slices.DeleteFunc(slices.Clone(reloaded.tables), fourOverSix)
		fresh.tables = slices.DeleteFunc(slices.Clone(fresh.tables), fourOverSix)
	}
	for _, c := range o.Plan.Commands {
		// A session that stays has the capabilities that it came up with; the plan says so.
		if c.Effect == reload.Deferred && capabilities.MatchString(c.Line.Reveal()) {
			for i := range speakers {
				if speakers[i].VRF == "" && covers(c.Neighbors, speakers[i].Address) {
					reloaded, fresh = reloaded.without(speakers[i].Address), fresh.without(speakers[i].Address)
				}
			}
		}
	}
	if slices.ContainsFunc(fresh.config, filtersNextHops) {
		reloaded.tables, fresh.tables = nil, nil
	}
	// A neighbor that is made anew with its group has no BFD session before it has a BGP session.
	fresh.bfd = slices.DeleteFunc(slices.Clone(fresh.bfd), func(p string) bool { return fresh.idle[p] && !slices.Contains(reloaded.bfd, p) })
	var out []Difference
	add := func(kind Kind, list []string) {
		if len(list) > 0 {
			out = append(out, Difference{kind, strings.Join(list, "\n")})
		}
	}
	add(Configuration, difference(reloaded.config, fresh.config))
	add(Tables, difference(reloaded.tables, fresh.tables))
	add(BFD, difference(reloaded.bfd, fresh.bfd))
	var sessions, timers []string
	names := maps.Clone(reloaded.sessions)
	maps.Copy(names, fresh.sessions)
	for _, n := range slices.Sorted(maps.Keys(names)) {
		a, has := reloaded.sessions[n]
		b, had := fresh.sessions[n]
		if strings.HasPrefix(n, dynamic) {
			has, had = a.established, b.established // there as long as somebody calls
		}
		switch {
		case strings.Contains(reloaded.says(n), undecodable) && strings.Contains(fresh.says(n), undecodable):
			// The peer drops either session again and again: FRR sends it an AS_PATH that is none (an AS of two bytes to a peer without
			// capabilities).
		case has != had || a.established != b.established:
			sessions = append(sessions, fmt.Sprintf("%s: reloaded: there %t %s; fresh: there %t %s; its peer: %s; %s", n, has, a.why, had, b.why, reloaded.says(n), fresh.says(n)))
		// A session that stays keeps its timers; the plan says so.
		case a.timers != b.timers && !deferred(o.Plan):
			timers = append(timers, fmt.Sprintf("%s: reloaded: %s, fresh: %s", n, a.timers, b.timers))
		}
	}
	add(Sessions, sessions)
	add(Timers, timers)
	return out
}

// filtersNextHops tells a route-map for next hops. Zebra applies it when it looks at a next hop again, and not when it answers who asks for one that it
// has: which came last is chance, and with it which routes there are (seen on 8.4 and 10.3).
func filtersNextHops(line string) bool { return strings.Contains(line, " nht bgp route-map ") }

// setsNextHop tells a command after which it is chance on 8.4 which next hop a peer hears of that has IPv4 over an IPv6 session: a route that is
// received again is taken for the same when only "set ip next-hop unchanged" came to it or went from it, and shares the attributes of others.
func setsNextHop(c reload.Command) bool { return strings.Contains(c.Line.Reveal(), "set ip next-hop ") }

// fourOverSix tells an IPv4 route in the table of a peer with an IPv6 address.
func fourOverSix(line string) bool {
	peer, route, _ := strings.Cut(line, ": ")
	prefix, _, _ := strings.Cut(route, " ")
	return strings.Contains(peer, ":") && !strings.Contains(prefix, ":")
}

// capabilities are lines that tell which capabilities a session begins with.
var capabilities = regexp.MustCompile(` (dont-capability-negotiate|override-capability|strict-capability-match|capability [-a-z]+)$`)

// undecodable is what a peer says that can't read an UPDATE.
const undecodable = "decode a BGP message"

// dynamic is how the neighbors begin that come from listen ranges.
const dynamic = "10.9."

func deferred(p reload.Plan) bool {
	return slices.ContainsFunc(p.Commands, func(c reload.Command) bool { return c.Effect == reload.Deferred })
}

// resets compares the sessions that dropped with those that the plan named.
func (l *lane) resets(x *stand, before map[string]session, up []int, o *Outcome) {
	after := x.sessions()
	promised, unknown := o.Plan.Resets(), map[string]bool{}
	for _, c := range o.Plan.Commands {
		for _, n := range c.Neighbors {
			unknown[n] = unknown[n] || c.Note == reload.UntoldRouterID
		}
	}
	observed := map[string]bool{}
	for i, p := range x.peers {
		if up[i] != 0 && after[i] != up[i] {
			observed[p.name(before)] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if !before[name].established {
			continue
		}
		o.Live++
		will := covers(promised, name)
		if will {
			o.Promised = append(o.Promised, name)
		}
		if observed[name] {
			o.Observed = append(o.Observed, name)
		}
		switch {
		case unknown[name], observed[name] && strings.Contains(x.says(name), undecodable):
		case will && !observed[name]:
			o.differ(Resets, "%s was to be reset and was not", name)
		case !will && observed[name]:
			o.differ(Resets, "%s was reset, which the plan did not say", name)
		}
	}
}

// name is how plans call the neighbor that a peer has its session with: in the default instance or a view, unless it is in a VRF.
func (p *peer) name(sessions map[string]session) string {
	if p.VRF != "" {
		return named(p.Address, p.VRF)
	}
	for name, s := range sessions {
		if id, rest, _ := strings.Cut(name, " "); id == p.Address && s.established && !strings.HasPrefix(rest, "vrf ") {
			return name
		}
	}
	return p.Address
}

// covers tells whether a neighbor is among those named, by itself or by the range that it comes from.
func covers(named []string, neighbor string) bool {
	if slices.Contains(named, neighbor) {
		return true
	}
	id, instance, _ := strings.Cut(neighbor, " ")
	address, err := netip.ParseAddr(id)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(named, func(n string) bool {
		text, where, _ := strings.Cut(n, " ")
		prefix, err := netip.ParsePrefix(text)
		return err == nil && where == instance && prefix.Contains(address)
	})
}

// engine is the product's own reload.
type engine struct{}

func (engine) apply(ctx context.Context, s *stand, p Pair, o *Outcome) error {
	client := s.client()
	defer client.Close()
	options := reload.Options{Whole: p.Whole, Now: time.Now}
	if !p.Whole {
		options.Previous = p.A
	}
	e := reload.New(client, options)
	document := render.Document{Text: p.B, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(p.B)))}
	plan, err := e.Plan(ctx, document)
	if err != nil {
		o.differ(Failure, "plan: %v", err)
		return nil
	}
	o.Plan = plan
	if slices.ContainsFunc(plan.Commands, func(c reload.Command) bool { return strings.HasPrefix(c.Note, reload.Ends) }) {
		o.Said = append(o.Said, reload.Ends+"something") // and is not there to be compared
		return nil
	}
	result, err := e.Apply(ctx, document)
	o.Apply = result.Duration
	if err != nil {
		o.differ(Failure, "apply: %v", err)
		return nil
	}
	if result.Plan.String() != plan.String() {
		o.differ(SecondPlan, "the plan that was applied is another one:\n%s", result.Plan)
	}
	for _, r := range result.Refused {
		o.differ(RefusedLines, "%s", r)
	}
	second, err := e.Plan(ctx, document)
	if err != nil {
		o.differ(Failure, "second plan: %v", err)
		return nil
	}
	if !second.Empty() {
		o.differ(SecondPlan, "%s", strings.TrimSpace(second.String()))
	}
	return nil
}
