package agent

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// late has neighbors with graceful restart, and those that are an interface, come up before their BFD. bgpd begins a BFD session without local address and interface when it does not know
// them yet, and when BGP is up it puts another one in its place. The goodbye of the first ends BGP with a hard reset, and the router keeps nothing: 8.4 ends
// it itself (FRR #17337), and a router that ties BGP to BFD may. A BFD session that begins when BGP is up stays.
//
// 10.3 as the router begins no BGP while it knows that BFD is down. It is not waited for any longer than bfdPatience. Others have their BFD in frr.conf as
// a comment: FRR brings BGP up when it starts from it, and we add BFD.
//
// An interface has no address before bgpd hears of the router (IPv6 neighbor discovery). 8.4 never begins a BFD session that was configured before, but when BGP is
// up: with 10.3 as the router, both wait for each other for ever. 10.3 as the node waits for half a minute. BFD that comes after bgpd has tried to connect begins at
// once. So an interface has its BFD in frr.conf as a comment, whether or not it comes up without.
//
// It stands between the agent and FRR: for all others documents are whole, and so is what FRR ran of them.
type late struct {
	frr   string               // the FRR that all this is known of
	known map[string]bool      // have BFD, or shall get it now
	since map[string]time.Time // when the neighbors that are waited for were configured, zero: not yet
	alone map[string]bool      // whether they were seen to begin BGP without BFD; those that were not have it in frr.conf
	kept  map[string]*bfdLines // what frr.conf had as comments at our start
	tick  *time.Timer          // nil when none is waited for
	names map[string]*bfdLines // those whose BFD may wait

	whole, part render.Document // what was asked for last, and what of it FRR is to run now
}

const (
	// bfdPatience is how long BFD waits for BGP: bgpd starts a session after a second, or two after it has read frr.conf.
	bfdPatience = 5 * time.Second
	// knownPatience is the same for an interface whose router is known to wait for BFD: bgpd tries to connect in the meantime.
	knownPatience = time.Second
	bfdInterval   = 50 * time.Millisecond
	// recallInterval is how often we look for sessions without BFD before the objects are known.
	recallInterval = time.Second
)

// resume takes over from frr.conf which neighbors have no BFD there, and returns its text with it.
func (l *late) resume(frrConf string) string {
	l.alone, l.kept, l.since = map[string]bool{}, map[string]*bfdLines{}, map[string]time.Time{}
	whole := Whole(frrConf)
	all := patient(whole)
	for n, with := range patient(frrConf) {
		l.alone[n] = len(with.lines) == 0
		if l.alone[n] && len(all[n].lines) > 0 {
			l.kept[n] = all[n]
		}
	}
	if len(l.kept) > 0 {
		l.tick = time.NewTimer(recallInterval)
	}
	return whole
}

// hold is the document without the BFD of neighbors whose sessions are not up yet.
func (l *late) hold(ctx context.Context, a *Agent, whole render.Document) render.Document {
	names := concerned(whole)
	l.names = withBFDLines(whole)
	if frr := a.fingerprint(); frr != l.frr || l.known == nil {
		l.frr, l.known, l.since = frr, map[string]bool{}, map[string]time.Time{}
	}
	for _, m := range []map[string]bool{l.known, l.alone} {
		maps.DeleteFunc(m, func(n string, _ bool) bool { return !slices.Contains(names, n) })
	}
	waiting := slices.DeleteFunc(names, func(n string) bool { return l.known[n] })
	if len(waiting) > 0 {
		waiting = l.waiting(ctx, a, waiting)
	}
	maps.DeleteFunc(l.since, func(n string, _ time.Time) bool { return !slices.Contains(waiting, n) })
	l.whole, l.part = whole, withoutBFD(whole, waiting)
	return l.part
}

// waiting are those of the neighbors that wait still. While bgpd does not tell how its sessions are, no other begins to: its BFD may be what a session
// depends on.
func (l *late) waiting(ctx context.Context, a *Agent, names []string) []string {
	state, err := observe.Read(ctx, a.Client)
	if err != nil {
		a.Log.Debug("which sessions BFD waits for is not known", "error", err)
	}
	return slices.DeleteFunc(names, func(n string) bool {
		if _, waits := l.since[n]; err != nil && !waits {
			return true
		}
		return l.over(n, state, a.Now())
	})
}

// over tells that a neighbor waits no longer, and remembers why.
func (l *late) over(name string, state observe.State, now time.Time) bool {
	s := find(state, name)
	since, waits := l.since[name]
	alone, told := l.alone[name]
	patience := bfdPatience
	if told && !alone {
		patience = knownPatience
	}
	switch {
	case s.BFD != "" && !l.addressless(s) && (told || s.Established() || strings.EqualFold(s.BFD, "up")):
		l.known[name] = true // FRR has it from frr.conf, or from a run before
		if !told {
			l.alone[name] = false
		}
	case s.BFD == "" && s.Established():
		l.known[name], l.alone[name] = true, true
	case waits && !since.IsZero() && now.Sub(since) > patience:
		l.known[name], l.alone[name] = true, false
	case !waits:
		l.since[name] = time.Time{}
	}
	return l.known[name]
}

// addressless tells that a neighbor's BFD came before its address. It is taken out, and comes again.
func (l *late) addressless(s observe.Session) bool {
	b := l.names[s.String()]
	return b != nil && b.unnumbered && !s.Established() && strings.EqualFold(s.BFD, "unknown")
}

// find is the session of a name, as observe.Session gives it; one without a state is none.
func find(state observe.State, name string) observe.Session {
	if i := slices.IndexFunc(state.Sessions, func(s observe.Session) bool { return s.String() == name }); i >= 0 {
		return state.Sessions[i]
	}
	return observe.Session{}
}

// begin counts the time of those that were configured just now. What is held is not.
func (l *late) begin(ran render.Document, now time.Time) {
	l.tick = nil
	if len(l.since) == 0 {
		return
	}
	configured := patient(ran.Text)
	for n, t := range l.since {
		if t.IsZero() && configured[n] != nil {
			l.since[n] = now
		}
		if l.tick == nil && !l.since[n].IsZero() {
			l.tick = time.NewTimer(bfdInterval)
		}
	}
}

func (l *late) ticks() <-chan time.Time {
	if l.tick == nil {
		return nil
	}
	return l.tick.C
}

// due tells that a neighbor waits no longer. Otherwise it is asked again.
func (l *late) due(ctx context.Context, a *Agent) bool {
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(a.Timeout, defaultTimeout), errSlow)
	defer cancel()
	if l.tick = nil; a.objects == nil {
		l.recall(ctx, a)
		l.tick = time.NewTimer(recallInterval)
		return false
	}
	state, err := observe.Read(ctx, a.Client)
	due := err == nil && a.fingerprint() == l.frr && slices.ContainsFunc(slices.Collect(maps.Keys(l.since)), func(n string) bool { return l.over(n, state, a.Now()) })
	if !due && len(l.since) > 0 {
		l.tick = time.NewTimer(bfdInterval)
	}
	return due
}

// recall gives the sessions of an FRR that was started from frr.conf the BFD that they had, when nobody tells what the objects ask for. It is all that we do
// then: BGP without BFD would notice a dead router as late as the hold timer does, and a router may wait for BFD.
func (l *late) recall(ctx context.Context, a *Agent) {
	state, err := observe.Read(ctx, a.Client)
	if err != nil {
		return
	}
	for _, n := range slices.Sorted(maps.Keys(l.kept)) {
		if s := find(state, n); s.State == "" || s.BFD != "" || !s.Established() && !l.late(n, a.Now()) {
			continue
		}
		replies, err := a.Client.Configure(ctx, vtysh.BGPD, []vtysh.Block{l.kept[n].block()})
		if err != nil {
			return
		}
		if i := slices.IndexFunc(replies, vtysh.Reply.Refused); i >= 0 {
			a.Log.Warn("FRR refuses BFD as frr.conf has it", "neighbor", n, "said", vtysh.Brief(strings.TrimSpace(replies[i].Text)))
			delete(l.kept, n)
			continue
		}
		a.Log.Info("gave a session its BFD, as frr.conf has it", "neighbor", n)
	}
}

// late tells that a neighbor has not come up without its BFD.
func (l *late) late(name string, now time.Time) bool {
	if l.since[name].IsZero() {
		l.since[name] = now
	}
	return now.Sub(l.since[name]) > bfdPatience
}

// all is what FRR ran of the document that was asked for last, with the BFD that waits.
func (l *late) all(ran render.Document) render.Document {
	switch {
	case len(l.since) == 0:
		return ran
	case ran.Digest == l.part.Digest:
		return l.whole
	}
	lines := patient(l.whole.Text)
	maps.DeleteFunc(lines, func(n string, _ *bfdLines) bool { _, waits := l.since[n]; return !waits })
	return withBFD(ran, lines)
}

// before is a configuration that FRR was found with, with the BFD that it was not started with.
func (l *late) before(running render.Document) render.Document { return withBFD(running, l.kept) }

// onDisk is the form of a document that FRR shall start from.
func (l *late) onDisk(d render.Document) render.Document {
	var later []string
	for n, b := range withBFDLines(d) {
		if b.unnumbered {
			later = append(later, n)
		}
	}
	for n, alone := range l.alone {
		if alone {
			later = append(later, n)
		}
	}
	return commented(d, slices.AppendSeq(later, maps.Keys(l.since)))
}
