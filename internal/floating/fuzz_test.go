package floating

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// settled is what two hosts that answer for one address have to agree in.
const settled = 2 * time.Second

// trial is three nodes and a stranger, things that happen to them, and rules that hold all the time.
type trial struct {
	t        *testing.T
	api      *api
	lan      *lan
	nodes    []*node
	stranger *machine

	holders []string // who answers on the LAN, as each hears the other
	since   time.Time
	other   map[string]time.Time // when each heard another answer
	cut     map[string]time.Time // since when each has no carrier
	log     []string
	began   time.Time
}

func newTrial(t *testing.T) *trial {
	tr := &trial{t: t, api: &api{}, lan: &lan{}, other: map[string]time.Time{}, cut: map[string]time.Time{}, began: time.Now()}
	for _, name := range []string{"a", "b", "c"} {
		n := newNode(t, tr.lan, tr.api, name)
		n.onPut = func(_ netip.Addr, anew bool) { tr.put(n, anew) }
		n.onTake = func(netip.Addr) { tr.take(n) }
		tr.nodes = append(tr.nodes, n)
		n.run()
	}
	tr.stranger = tr.lan.machine()
	return tr
}

// fail tells what led to it.
func (tr *trial) fail(format string, args ...any) {
	story := ""
	for _, line := range tr.log {
		story += line + "\n"
	}
	tr.t.Errorf("%s: %s\n%s", time.Since(tr.began), fmt.Sprintf(format, args...), story)
}

func (tr *trial) say(format string, args ...any) {
	tr.log = append(tr.log, fmt.Sprintf("%10s  ", time.Since(tr.began))+fmt.Sprintf(format, args...))
}

// put is never done without a question that nobody answered, nor while bgpd is dead.
func (tr *trial) put(n *node, anew bool) {
	if anew {
		tr.say("%s puts", n.name)
	}
	if anew && time.Since(n.free[ip]) > 0 {
		tr.fail("%s puts without a question just before", n.name)
	}
	if w, _ := n.told(); time.Since(w.BGPDAnswered) >= Answering {
		tr.fail("%s puts, and bgpd has been silent since %s", n.name, w.BGPDAnswered.Sub(tr.began))
	}
}

// take has a reason: another order, another host, a bgpd or a LAN that has been away for long.
func (tr *trial) take(n *node) {
	tr.say("%s takes off", n.name)
	w, since := n.told()
	answered := since
	if w.BGPDAnswered.After(answered) {
		answered = w.BGPDAnswered
	}
	cut, isCut := tr.cut[n.name]
	switch {
	case w.Told && !slices.Contains(w.Wanted, ip):
	case time.Since(answered) >= Patience:
	case isCut && time.Since(cut) >= Patience:
	case time.Since(tr.other[n.name]) < settled:
	default:
		tr.fail("%s takes the address off without a reason", n.name)
	}
}

// pass lets time pass, and looks at what may not last.
func (tr *trial) pass(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(25 * time.Millisecond) {
		tr.look()
	}
	tr.look()
}

func (tr *trial) look() {
	tr.lan.mutex.Lock()
	defer tr.lan.mutex.Unlock()
	now := time.Now()
	var holders []string
	strange := false
	for _, n := range tr.nodes {
		if n.carrier {
			delete(tr.cut, n.name)
		} else if _, known := tr.cut[n.name]; !known {
			tr.cut[n.name] = now
		}
		for _, o := range tr.lan.machines {
			if !n.hears(o) || !o.has(ip) {
				continue
			}
			tr.other[n.name] = now
			if n.has(ip) && n.lives() {
				strange = strange || o == tr.stranger
				// A node that was started anew begins to watch anew.
				_, since := n.told()
				holders = append(holders, n.name+since.String())
			}
		}
	}
	if !slices.Equal(holders, tr.holders) {
		tr.holders, tr.since = holders, now
	}
	// Each of two has seen the other, so each is there once. Three take longer, and a stranger need not give way.
	if len(holders) == 2 && !strange && tr.bothLive() && now.Sub(tr.since) > settled {
		tr.fail("%v both answer for longer than %s", holders, settled)
		tr.since = now
	}
}

func (tr *trial) bothLive() bool {
	for _, n := range tr.nodes {
		if n.has(ip) && !n.lives() {
			return false // nobody can take it off there
		}
	}
	return true
}

// happen does one of the things that happen.
func (tr *trial) happen(what, to byte) {
	n := tr.nodes[int(to)%len(tr.nodes)]
	switch what % 11 {
	case 0, 1:
		tr.say("assigned to %s", n.name)
		tr.api.assign(n.name)
	case 2:
		other := tr.nodes[(int(to)+1)%len(tr.nodes)]
		tr.say("assigned to %s and %s", n.name, other.name)
		tr.api.assign(n.name, other.name)
	case 3:
		tr.say("%s and the API server: %v", n.name, !n.way)
		n.set(&n.way, !n.way)
	case 4:
		tr.say("bgpd of %s: %v", n.name, !n.bgpd)
		n.set(&n.bgpd, !n.bgpd)
	case 5, 6:
		if n.lives() {
			tr.say("agent of %s is killed", n.name)
			n.kill()
		} else {
			tr.say("agent of %s starts", n.name)
			n.run()
		}
	case 7:
		tr.say("%s is moved to segment %d", n.name, 1-n.segment)
		n.move(1 - n.segment)
	case 8:
		tr.say("cable of %s: %v", n.name, !n.carrier)
		n.cable(!n.carrier)
	case 9:
		tr.say("somebody deletes the address on %s", n.name)
		tr.lan.mutex.Lock()
		delete(n.ends, ip)
		tr.lan.mutex.Unlock()
	case 10:
		tr.lan.mutex.Lock()
		defer tr.lan.mutex.Unlock()
		if tr.stranger.has(ip) {
			tr.say("the stranger goes")
			delete(tr.stranger.ends, ip)
		} else {
			tr.say("a stranger comes")
			tr.stranger.ends[ip] = never
		}
	}
}

// mend brings all back, and one node is to hold the address.
func (tr *trial) mend(to byte) *node {
	tr.say("all is mended")
	tr.lan.mutex.Lock()
	delete(tr.stranger.ends, ip)
	tr.lan.mutex.Unlock()
	n := tr.nodes[int(to)%len(tr.nodes)]
	tr.api.assign(n.name)
	for _, n := range tr.nodes {
		n.cable(true)
		n.move(0)
		n.set(&n.bgpd, true)
		n.set(&n.way, true)
		if !n.lives() {
			n.run()
		}
	}
	return n
}

var waits = []time.Duration{0, 5 * time.Millisecond, 90 * time.Millisecond, 350 * time.Millisecond, 700 * time.Millisecond, time.Second, 3 * time.Second,
	6 * time.Second, 16 * time.Second, 61 * time.Second}

// try is one order of events, and its end: one holder, the one that was named, and everybody says so.
func try(t *testing.T, events []byte) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t)
		tr.api.assign("a")
		for ; len(events) >= 2 && !t.Failed(); events = events[2:] {
			tr.happen(events[0], events[1]>>4)
			tr.pass(waits[int(events[1]&15)%len(waits)])
		}
		named := tr.mend(byte(len(tr.log)))
		tr.pass(5 * time.Second)
		for _, n := range tr.nodes {
			f, unwell := n.fact()
			switch {
			case n.holds() != (n == named):
				tr.fail("at the end %s: %v, and %s was named", n.name, n.holds(), named.name)
			case unwell != "":
				tr.fail("%s is unwell: %s", n.name, unwell)
			case n == named && (f.State != Held || f.MAC != nil || f.Reason != ""), n != named && f.State != "":
				tr.fail("%s tells %+v, and %s was named", n.name, f, named.name)
			}
		}
		for _, n := range tr.nodes {
			n.kill()
		}
	})
}

// FuzzOrders tries orders of events. Each two bytes are what happens, to whom, and how long it is left at that.
func FuzzOrders(f *testing.F) {
	for seed := range uint64(100) {
		f.Add(random(seed))
	}
	f.Fuzz(func(t *testing.T, events []byte) { try(t, events[:min(len(events), 80)]) })
}

func random(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	events := make([]byte, 2*(3+r.IntN(30)))
	for i := range events {
		events[i] = byte(r.Uint32())
	}
	return events
}
