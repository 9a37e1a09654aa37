package status

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/workqueue"
)

// writer brings objects at the API server to what they should be, one at a time. A key that is told again while it waits is worked off once, with
// what is known then: the newest state wins, and what nobody sees in between costs nothing.
type writer struct {
	queue workqueue.TypedDelayingInterface[string]
	// bring writes what differs, and tells whether that was anything.
	bring func(ctx context.Context, key string) (wrote bool, err error)
	// apart is how far apart two writes of one key are at least: somebody who writes against us costs no more than that.
	apart  time.Duration
	outage *Outage

	last map[string]time.Time
}

const (
	pauseFirst = time.Second
	pauseMost  = 2 * time.Minute
)

func newWriter(bring func(context.Context, string) (bool, error), apart time.Duration, log *slog.Logger) *writer {
	return &writer{
		queue: workqueue.NewTypedDelayingQueue[string](), bring: bring, apart: apart, outage: NewOutage(log), last: map[string]time.Time{},
	}
}

// run works until ctx ends. After an error everything waits, longer each time, since the API server is what failed, most likely; the key comes last
// then, so that one that always fails does not keep the others.
func (w *writer) run(ctx context.Context) {
	context.AfterFunc(ctx, w.queue.ShutDown)
	pause := pauseFirst
	for {
		key, down := w.queue.Get()
		if down {
			return
		}
		err := w.step(ctx, key)
		w.queue.Done(key)
		switch {
		case err == nil:
			pause = pauseFirst
			continue
		case overtaken(err):
			w.queue.AddAfter(key, pauseFirst)
			continue
		}
		w.outage.Seen(ctx, err)
		w.queue.Add(key)
		if !restFor(ctx, pause/2+rand.N(pause/2)) {
			return
		}
		pause = min(2*pause, pauseMost)
	}
}

// step works one key off, or puts it off.
func (w *writer) step(ctx context.Context, key string) error {
	if wait := w.apart - time.Since(w.last[key]); wait > 0 {
		w.queue.AddAfter(key, wait)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	wrote, err := w.bring(ctx, key)
	switch {
	case wrote:
		w.last[key] = time.Now()
		w.queue.AddAfter(key, believed+time.Second) // in case that the watch never shows it
	case err == nil:
		delete(w.last, key)
	}
	if wrote && err == nil {
		w.outage.Over()
	}
	return err
}

// overtaken tells that somebody made or deleted the object a moment ago: the watch will show it.
func overtaken(err error) bool {
	if apierrors.IsNotFound(err) {
		var status apierrors.APIStatus
		return errors.As(err, &status) && status.Status().Details != nil && status.Status().Details.Name != ""
	}
	return apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err)
}

// restFor waits, and tells whether the time is over, rather than ctx.
func restFor(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
