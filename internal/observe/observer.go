package observe

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

const (
	// freshTime is how long an answer of FRR counts as the present one.
	freshTime = time.Second
	// answerTime is how long one daemon may take. Both together stay below the ten seconds that Prometheus waits for a scrape, so a daemon
	// that hangs costs its own series and no others.
	answerTime = 3 * time.Second
)

// View is what both daemons said last.
type View struct {
	Sessions []Session
	BFD      []BFDSession
	// Asked says how asking went: bgpd first, then bfdd.
	Asked [2]Asked
}

// Asked is how asking one daemon went.
type Asked struct {
	Daemon vtysh.Daemon
	// Took is how long the daemon took to answer, or not to.
	Took time.Duration
	// Err tells that nothing, or not all, is known of this daemon's sessions.
	Err error
	// Failures counts such answers since the Observer was made.
	Failures int
}

// Observer asks FRR for those who want to know often. However many they are, FRR is asked by one of them at a time, once a second at
// most; the others share the answer. Its methods may be called from any goroutine.
type Observer struct {
	ctx    context.Context
	client vtysh.Client
	now    func() time.Time

	mu   sync.Mutex
	at   time.Time
	view View
}

// NewObserver asks by a client that is nobody else's, and closes it when ctx ends.
func NewObserver(ctx context.Context, client vtysh.Client, now func() time.Time) *Observer {
	o := &Observer{ctx: ctx, client: client, now: now, view: View{Asked: [2]Asked{{Daemon: vtysh.BGPD}, {Daemon: vtysh.BFDD}}}}
	context.AfterFunc(ctx, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		_ = client.Close()
	})
	return o
}

// View returns what FRR says now, which nobody may change. It takes no longer than both daemons may.
func (o *Observer) View() View {
	o.mu.Lock()
	defer o.mu.Unlock()
	if age := o.now().Sub(o.at); !o.at.IsZero() && age >= 0 && age < freshTime {
		return o.view
	}
	o.view.Sessions, o.view.BFD = nil, nil
	o.ask(&o.view.Asked[0], func(ctx context.Context) (err error) {
		o.view.Sessions, err = readSessions(ctx, o.client)
		return err
	})
	o.ask(&o.view.Asked[1], func(ctx context.Context) (err error) {
		o.view.BFD, err = ReadBFD(ctx, o.client)
		return err
	})
	o.at = o.now()
	return o.view
}

func (o *Observer) ask(a *Asked, question func(context.Context) error) {
	ctx, cancel := context.WithTimeoutCause(o.ctx, answerTime, fmt.Errorf("%s are over", answerTime))
	defer cancel()
	began := time.Now()
	a.Err = question(ctx)
	a.Took = time.Since(began)
	if a.Err != nil {
		a.Failures++
	}
}
