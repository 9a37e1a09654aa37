package agent

import (
	"cmp"
	"context"
	"log/slog"
	"time"
)

// loop is what Run wakes up for beside news, and what it remembers from one turn to the next.
type loop struct {
	drift, restart *time.Ticker
	retry          *time.Timer

	// wait is how long a turn that fails is not tried again, and said the last failure.
	wait time.Duration
	said string
	// running is the fingerprint of the FRR that runs, and looks how often it is to be asked again since it was restarted.
	running string
	looks   int
}

func (a *Agent) newLoop() *loop {
	l := &loop{
		drift: time.NewTicker(cmp.Or(a.DriftInterval, 30*time.Second)), restart: time.NewTicker(restartInterval), retry: time.NewTimer(time.Hour),
		wait: retryFirst, running: a.fingerprint(),
	}
	l.retry.Stop()
	return l
}

func (l *loop) end() {
	l.drift.Stop()
	l.restart.Stop()
	l.retry.Stop()
}

// restarted tells whether FRR was restarted since it was asked last: then it may take what it had refused.
func (l *loop) restarted(a *Agent) bool {
	now := a.fingerprint()
	if now == l.running {
		return false
	}
	l.running, l.looks = now, restartLooks
	a.Log.Info("FRR was restarted")
	if a.guard.Rejected == nil {
		a.lastGood = a.lastGood.Forgive()
	}
	if a.guard.timer != nil {
		a.guard.prolong(a) // it needs time for its sessions
	}
	return true
}

// succeeded has FRR asked again soon where it was restarted.
func (l *loop) succeeded() {
	l.wait, l.said = retryFirst, ""
	if l.looks > 0 {
		l.looks--
		l.retry.Reset(restartInterval << (restartLooks - l.looks - 1))
	}
}

// failed tells of a failure, once while it stays the same, and has the turn tried again later.
func (l *loop) failed(ctx context.Context, a *Agent, err error) {
	a.status.failed(err)
	a.Reporter.Failed(err)
	level := slog.LevelError
	if err.Error() == l.said {
		level = slog.LevelDebug
	}
	l.said = err.Error()
	a.Log.Log(ctx, level, "the node can't be brought to its configuration; FRR keeps what it has", "node", a.Node, "error", err, "retry", l.wait)
	l.retry.Reset(l.wait)
	l.wait = min(2*l.wait, retryMost)
}

// forgives has FRR asked anew, now and then, whether it takes what it has refused. A change that was rolled back is not tried again in
// another form.
func (a *Agent) forgives() bool {
	if a.guard.Rejected != nil || !a.lastGood.Refuses() || a.Now().Sub(a.refusedAt) <= forgiveAfter {
		return false
	}
	a.lastGood = a.lastGood.Forgive()
	return true
}
