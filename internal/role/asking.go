package role

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/floating"
	"github.com/frr-renderer/frr-renderer/internal/observe"
)

const (
	askEvery = time.Second
	// answerTime is how long bgpd may take for one answer. Less than floating.Answering, so that one that is lost is not missed.
	answerTime = 3 * time.Second
)

// ask asks bgpd each second, and more often while routers are called again and again.
func (r *Role) ask(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		question, cancel := context.WithTimeout(ctx, answerTime)
		sessions, err := r.BGPD.Sessions(question)
		cancel()
		if ctx.Err() != nil {
			return
		}
		r.answered(sessions, err)
		every := askEvery
		if r.call(ctx) {
			every = callEvery
		}
		wait(ctx, every-time.Since(began))
	}
}

// answered takes in what bgpd said, or that it said nothing.
func (r *Role) answered(sessions []observe.Session, err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if !r.asked || r.blind() {
		r.asked = true
		r.poke()
	}
	if err != nil && !errors.Is(err, observe.ErrUnreadable) {
		r.Log.Debug("bgpd does not answer", "error", err)
	} else {
		r.word.BGPDAnswered, r.sessions = time.Now(), sessions
		r.learn()
	}
	r.judge() // a mercy may be over
	r.expect()
	r.tell()
	r.report()
}

// answers tells whether bgpd has answered lately. With the mutex.
func (r *Role) answers(now time.Time) bool {
	return !r.word.BGPDAnswered.IsZero() && now.Sub(r.word.BGPDAnswered) < floating.Answering
}

// learn notes what routers were just seen to receive. With the mutex.
func (r *Role) learn() {
	learnt := r.paths.keep(r.on)
	for _, s := range r.sessions {
		floating, peer, ok := sessionOf(s)
		if ok && s.Established() && r.on(floating) {
			seen := many{s.RemoteAS, s.AddPath[ipv4].PeerReceives, s.AddPath[ipv6].PeerReceives}
			learnt = r.paths.see(pair{peer, floating}, seen) || learnt
		}
	}
	if learnt {
		r.poke()
	}
}

// FRR's words for families.
const (
	ipv4 = "ipv4Unicast"
	ipv6 = "ipv6Unicast"
)

// sessionOf tells which floating IP a session of a view belongs to, and with whom it is.
func sessionOf(s observe.Session) (floating, peer netip.Addr, ok bool) {
	name, is := strings.CutPrefix(s.VRF, ViewName)
	if !is {
		return floating, peer, false
	}
	floating, err := netip.ParseAddr(name)
	peer, err2 := netip.ParseAddr(s.Neighbor)
	return floating, peer, err == nil && err2 == nil
}
