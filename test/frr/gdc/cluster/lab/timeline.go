package lab

import (
	"sync"
	"time"
)

// timeline is what something was like, and since when.
type timeline[T comparable] struct {
	mu     sync.Mutex
	points []point[T]
}

type point[T comparable] struct {
	at   time.Time
	what T
}

// put notes what it is like at a time, which is later than any before.
func (l *timeline[T]) put(at time.Time, what T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.points); n == 0 || l.points[n-1].what != what {
		l.points = append(l.points, point[T]{at, what})
	}
}

// total is for how long, between two times, it was such.
func (l *timeline[T]) total(from, to time.Time, such func(T) bool) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var sum time.Duration
	for i, p := range l.points {
		begin, end := p.at, to
		if i+1 < len(l.points) {
			end = l.points[i+1].at
		}
		if begin.Before(from) {
			begin = from
		}
		if end.After(to) {
			end = to
		}
		if end.After(begin) && such(p.what) {
			sum += end.Sub(begin)
		}
	}
	return sum
}

// first is when, not before a time, it was such for the first time.
func (l *timeline[T]) first(from time.Time, such func(T) bool) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, p := range l.points {
		over := i+1 < len(l.points) && !l.points[i+1].at.After(from)
		if over || !such(p.what) {
			continue
		}
		if p.at.Before(from) {
			return from, true
		}
		return p.at, true
	}
	return time.Time{}, false
}

// last is what it was like at the end.
func (l *timeline[T]) last() (what T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.points); n > 0 {
		what = l.points[n-1].what
	}
	return what
}

// gaps tells of the times for which nothing changed that end between two times, or last at the second one.
func (l *timeline[T]) gaps(from, to time.Time, tell func(end time.Time, gap time.Duration)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, p := range l.points {
		end := to
		if i+1 < len(l.points) && l.points[i+1].at.Before(to) {
			end = l.points[i+1].at
		}
		if end.After(from) && end.After(p.at) {
			tell(end, end.Sub(p.at))
		}
	}
}
