package role

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/hostnet"
)

const (
	// bgpPort is where bgpd must not listen: a router that dials the node would come into the default instance, and be told all VIPs over a session that is none
	// of a floating IP's.
	bgpPort = 179
	// gdcPort is where it listens in GDC mode.
	gdcPort = 1790

	lookSoon  = time.Second
	lookLater = 5 * time.Second
)

// listening is where bgpd listens.
type listening struct {
	known  bool // it was looked at
	unseen bool // the last look failed, and that was logged
	// refusal is why the node is no gateway; empty: it may be one.
	refusal string
	// seen tells that somebody has listened on gdcPort; doubts counts how often in a row it was bgpPort alone since.
	seen   bool
	doubts int
}

// listen looks again and again where bgpd listens.
func (r *Role) listen(ctx context.Context) {
	for ctx.Err() == nil {
		wrong, right, err := r.listeners(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			wait(ctx, r.unseen(err))
			continue
		}
		wait(ctx, r.listens(wrong, right))
	}
}

func (r *Role) listeners(ctx context.Context) (wrong, right []hostnet.Listener, err error) {
	if wrong, err = r.Host.Listeners(ctx, bgpPort); err == nil {
		right, err = r.Host.Listeners(ctx, gdcPort)
	}
	return wrong, right, err
}

// unseen takes in that it can't be seen who listens: what was seen last counts, nothing at the start, so that what is not GDC's does not wait.
func (r *Role) unseen(err error) time.Duration {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	l := &r.listening
	if !l.unseen {
		r.Log.Error("cannot see whether bgpd listens where it must not", "error", err)
	}
	first := !l.known
	l.known, l.unseen = true, true
	if first {
		r.mark()
		r.tell()
		r.poke()
		r.report()
	}
	return lookSoon
}

// listens takes in who listens, and returns when to look again.
func (r *Role) listens(wrong, right []hostnet.Listener) time.Duration {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	l := &r.listening
	if l.unseen {
		l.unseen = false
		r.Log.Info("it is seen again where bgpd listens")
	}
	before := *l
	l.judge(wrong, right, r.answers(time.Now()))
	if l.refusal != before.refusal || !before.known {
		if l.refusal != "" {
			r.Log.Error("the node can be no gateway", "reason", l.refusal)
		}
		r.mark()
		r.tell()
		r.poke()
		r.report()
	}
	if l.seen || l.refusal != "" {
		return lookLater
	}
	return lookSoon
}

// judge decides whether it is bgpd that listens on bgpPort. It listens on one port only, so whoever is there beside it is another program; one that
// can't be told may be bgpd. While bgpd starts anew it listens nowhere, so one look is not enough once it was seen at the right place, and as long as it does not
// answer nothing is said of it: for how long that may last is the Holder's to judge (floating.Patience).
func (l *listening) judge(wrong, right []hostnet.Listener, answers bool) {
	l.known = true
	i := slices.IndexFunc(wrong, func(w hostnet.Listener) bool { return w.Process == "bgpd" || w.Process == "" })
	if i < 0 || len(right) > 0 {
		l.seen = l.seen || len(right) > 0
		l.refusal, l.doubts = "", 0
		return
	}
	if l.seen && !answers {
		l.doubts = 0
		return
	}
	if l.doubts++; l.seen && l.doubts < 2 {
		return
	}
	l.refusal = fmt.Sprintf("%s, where routers could open sessions that are none of a floating IP's: start bgpd with -p %d (gdc.enabled of the chart does), "+
		"until then this node holds no floating IP", wrong[i], gdcPort)
}
