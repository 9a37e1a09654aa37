package nodereport

import (
	"context"
	"math/rand/v2"
	"time"
)

// difference is how much what is told differs from what the API server has.
type difference int

const (
	same difference = iota
	// detail can wait: the text of a message, the list of routes.
	detail
	// matters is what others act on.
	matters
)

const (
	// together is how long changes are collected that come together.
	together = 10 * time.Millisecond
	// Of changes that matter so many may come at once, and one each period for as long as they go on: an address that two hosts fight for, a router that
	// comes and goes.
	burst, period = 5, 2 * time.Second

	writeTimeout = 5 * time.Second
	pauseFirst   = 250 * time.Millisecond
	// pauseMost is how long after its return the API server has what matters at the latest, restMost when it has all else. A thousand nodes come back to it
	// within these.
	pauseMost, restMost = 5 * time.Second, 30 * time.Second

	never = time.Hour
)

// pace says when one object is to be written.
type pace struct {
	// beat is how often it is written where nothing changes, and apart how far apart writes of details are, both about.
	beat, apart time.Duration

	beatAt, detailAt time.Time
	spent            time.Time // when the changes that came would have come, one each period
	failedAt         time.Time // zero: the last try was no failure
	pause            time.Duration
	luck             float64 // of this pause, so that nodes don't come together
}

// newPace begins somewhere within the period of the heartbeat: nodes that start together don't write together.
func newPace(beat, apart time.Duration) *pace {
	return &pace{beat: beat, apart: apart, beatAt: time.Now().Add(rand.N(beat))}
}

// left is how long to wait before the next write; 0: none.
func (p *pace) left(now time.Time, d difference) time.Duration {
	due, pause := p.beatAt, restMost
	switch {
	case d == detail && p.detailAt.Before(due):
		due = p.detailAt
	case d == matters:
		due, pause = p.spent.Add(-(burst-1)*period), pauseMost
	}
	if !p.failedAt.IsZero() {
		pause = time.Duration(float64(min(p.pause, pause)) * p.luck)
		due = later(due, p.failedAt.Add(pause))
	}
	return max(0, due.Sub(now))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// wrote takes in a write that succeeded.
func (p *pace) wrote(now time.Time, d difference) {
	p.beatAt, p.detailAt = now.Add(about(p.beat)), now.Add(about(p.apart))
	if d == matters {
		p.spent = later(p.spent, now).Add(period)
	}
	p.failedAt, p.pause = time.Time{}, 0
}

// failed takes in one that did not.
func (p *pace) failed(now time.Time) {
	p.failedAt, p.luck = now, 0.5+rand.Float64()/2
	p.pause = min(max(pauseFirst, 2*p.pause), restMost)
}

// about is a duration, a quarter more or less.
func about(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.75 + rand.Float64()/2))
}

// sleep waits until it is woken, at most that long.
func sleep(ctx context.Context, wake <-chan struct{}, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-timer.C:
	}
}

// bell wakes a loop; it is never waited for.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}
