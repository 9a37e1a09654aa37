package agent

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/frrconf"
	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/render"
)

// late has neighbors with graceful restart come up before their BFD. bgpd begins a BFD session without local address and interface when it does not know
// them yet, and when BGP is up it puts another one in its place. The goodbye of the first ends BGP with a hard reset, and the router keeps nothing: 8.4 ends
// it itself (FRR #17337), and a router that ties BGP to BFD may. A BFD session that begins when BGP is up stays.
//
// 10.3 as the router begins no BGP while it knows that BFD is down. It is not waited for any longer than bfdPatience. Others need no BFD in frr.conf: FRR
// brings BGP up when it starts from it, and we add BFD.
type late struct {
	frr   string               // the FRR that all this is known of
	known map[string]bool      // have BFD, or shall get it now
	since map[string]time.Time // when the neighbors that are waited for were configured, zero: not yet
	alone map[string]bool      // were seen to begin BGP without BFD
	tick  *time.Timer          // nil when none is waited for
}

const (
	// bfdPatience is how long BFD waits for BGP: bgpd starts a session after a second, or two after it has read frr.conf.
	bfdPatience = 5 * time.Second
	bfdInterval = 50 * time.Millisecond
)

// resume takes over from frr.conf which neighbors need no BFD there.
func (l *late) resume(previous string) {
	l.alone = map[string]bool{}
	bfd, block := map[string]bool{}, ""
	for line := range strings.Lines(previous) {
		words := strings.Fields(line)
		switch {
		case !strings.HasPrefix(line, " "):
			block = strings.TrimSpace(line)
		case len(words) < 3 || words[0] != "neighbor":
		case words[2] == "bfd":
			bfd[session(block, words[1])] = true
		case words[2] == "graceful-restart":
			l.alone[session(block, words[1])] = true
		}
	}
	maps.DeleteFunc(l.alone, func(n string, _ bool) bool { return bfd[n] })
}

// session names the session of a neighbor as observe.Session does. block is the first line of its instance.
func session(block, neighbor string) string {
	if words := strings.Fields(block); len(words) == 5 { // router bgp 65000 vrf red
		return observe.Session{Neighbor: neighbor, VRF: words[4]}.String()
	}
	return neighbor
}

// concerned are the neighbors with graceful restart and BFD.
func concerned(config frrconf.Config) []string {
	var out []string
	for _, in := range config.Instances {
		for _, n := range in.Neighbors {
			if n.GracefulRestart && !n.BFDProfile.IsZero() {
				s := observe.Session{Neighbor: n.Peer.String(), VRF: in.VRF.String()}
				if in.VRF.IsZero() {
					s.VRF = "default"
				}
				out = append(out, s.String())
			}
		}
	}
	return out
}

// hold is the document with which neighbors whose sessions are not up yet get them first.
func (l *late) hold(ctx context.Context, a *Agent, config frrconf.Config, wanted render.Document) (render.Document, error) {
	names := concerned(config)
	if frr := a.fingerprint(); frr != l.frr || l.known == nil {
		l.frr, l.known, l.since = frr, map[string]bool{}, map[string]time.Time{}
	}
	for _, m := range []map[string]bool{l.known, l.alone} {
		maps.DeleteFunc(m, func(n string, _ bool) bool { return !slices.Contains(names, n) })
	}
	waiting := slices.DeleteFunc(names, func(n string) bool { return l.known[n] })
	if len(waiting) > 0 {
		state, err := observe.Read(ctx, a.Client)
		if err != nil {
			return wanted, err
		}
		waiting = slices.DeleteFunc(waiting, func(n string) bool { return l.over(n, state, a.Now()) })
	}
	maps.DeleteFunc(l.since, func(n string, _ time.Time) bool { return !slices.Contains(waiting, n) })
	return withoutBFD(wanted, waiting), nil
}

// over tells that a neighbor waits no longer, and remembers why.
func (l *late) over(name string, state observe.State, now time.Time) bool {
	i := slices.IndexFunc(state.Sessions, func(s observe.Session) bool { return s.String() == name })
	since, waits := l.since[name]
	switch {
	case i >= 0 && state.Sessions[i].BFD != "":
		l.known[name] = true // FRR has it from frr.conf, or from a run before
	case i >= 0 && state.Sessions[i].Established():
		l.known[name], l.alone[name] = true, true
	case waits && !since.IsZero() && now.Sub(since) > bfdPatience:
		l.known[name] = true
		delete(l.alone, name)
	case !waits:
		l.since[name] = time.Time{}
	}
	return l.known[name]
}

// begin counts the time of those that were configured just now.
func (l *late) begin(now time.Time) {
	for n, t := range l.since {
		if t.IsZero() {
			l.since[n] = now
		}
	}
	l.tick = nil
	if len(l.since) > 0 {
		l.tick = time.NewTimer(bfdInterval)
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
	state, err := observe.Read(ctx, a.Client)
	due := err == nil && a.fingerprint() == l.frr && slices.ContainsFunc(slices.Collect(maps.Keys(l.since)), func(n string) bool { return l.over(n, state, a.Now()) })
	if !due {
		l.tick = time.NewTimer(bfdInterval)
	}
	return due
}

// onDisk is the form of a document that FRR shall start from.
func (l *late) onDisk(d render.Document) render.Document {
	return withoutBFD(d, slices.Collect(maps.Keys(l.alone)))
}

func withoutBFD(d render.Document, names []string) render.Document {
	if len(names) == 0 {
		return d
	}
	return d.Without(func(block, line string) bool {
		if !strings.HasPrefix(block, "router bgp ") || !strings.HasPrefix(line, "neighbor ") {
			return false
		}
		words := strings.Fields(line)
		return len(words) > 2 && words[2] == "bfd" && slices.Contains(names, session(block, words[1]))
	})
}
