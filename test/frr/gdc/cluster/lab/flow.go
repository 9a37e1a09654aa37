package lab

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

const (
	// pace is the time between two connections of a flow.
	pace = 15 * time.Millisecond
	// giveUp is when a connection is lost: before the kernel asks a second time, which it does after a second.
	giveUp = 800 * time.Millisecond
)

// flow opens connection after connection to one address, each with one SYN, and keeps the account of those that were answered. A kernel answers, so a
// busy machine does not count as a lost connection. One that is answered and then reset is told apart: the router's next hops have changed in that moment, and
// the rest of it comes to another node. (What is refused without an answer is ECONNREFUSED.)
type flow struct {
	to netip.AddrPort

	mu    sync.Mutex
	tries []try
}

type try struct {
	at  time.Time
	err error
}

// run opens connections from a node until stop is closed. It takes the thread for itself.
func (f *flow) run(from *fabric.Node, stop <-chan struct{}) error {
	return from.InNetwork("", func() error {
		var open []pending
		next := time.Now()
		for stopping := false; !stopping || len(open) > 0; {
			select {
			case <-stop:
				stopping = true
			default:
			}
			if now := time.Now(); !stopping && !now.Before(next) {
				open = f.begin(open, now)
				next = now.Add(pace)
			}
			var err error
			if open, err = f.collect(open, max(time.Millisecond, time.Until(next))); err != nil {
				return err
			}
		}
		return nil
	})
}

// pending is a connection that was begun.
type pending struct {
	at     time.Time
	socket int
}

func (f *flow) begin(open []pending, now time.Time) []pending {
	family := unix.AF_INET
	var to unix.Sockaddr = &unix.SockaddrInet4{Port: int(f.to.Port()), Addr: [4]byte(f.to.Addr().AsSlice())}
	if f.to.Addr().Is6() {
		family, to = unix.AF_INET6, &unix.SockaddrInet6{Port: int(f.to.Port()), Addr: f.to.Addr().As16()}
	}
	socket, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		f.note(now, err)
		return open
	}
	// Closed by a reset: ports are free again at once.
	err = unix.SetsockoptLinger(socket, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	if err == nil {
		err = unix.Connect(socket, to)
	}
	if errors.Is(err, unix.EINPROGRESS) {
		return append(open, pending{now, socket})
	}
	_ = unix.Close(socket)
	f.note(now, err)
	return open
}

// collect waits for answers, and notes them; those that are still to come are returned.
func (f *flow) collect(open []pending, most time.Duration) ([]pending, error) {
	fds := make([]unix.PollFd, len(open))
	for i, p := range open {
		fds[i] = unix.PollFd{Fd: int32(p.socket), Events: unix.POLLOUT}
	}
	if _, err := unix.Poll(fds, int(most.Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
		return nil, fmt.Errorf("wait for connections: %w", err)
	}
	var still []pending
	for i, p := range open {
		var err error
		switch {
		case fds[i].Revents != 0:
			var number int
			if number, err = unix.GetsockoptInt(p.socket, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && number != 0 {
				err = unix.Errno(number)
			}
		case time.Since(p.at) > giveUp:
			err = unix.ETIMEDOUT
		default:
			still = append(still, p)
			continue
		}
		_ = unix.Close(p.socket)
		f.note(p.at, err)
	}
	return still, nil
}

func (f *flow) note(at time.Time, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries = append(f.tries, try{at, err})
}

// Lost is what became of the connections of a flow.
type Lost struct {
	Tried, Lost int
	// Reset are those that were answered, and then reset. They are not among the lost ones.
	Reset int
	// Run is how many were lost one after the other, at most, and Longest for how long.
	Run     int
	Longest time.Duration
	// Why are the errors, First and Last when the first and the last lost one was begun, after the beginning.
	Why         map[string]int
	First, Last time.Duration
}

// String is for people.
func (l Lost) String() string {
	reset := ""
	if l.Reset > 0 {
		reset = fmt.Sprintf(", %d reset as next hops changed", l.Reset)
	}
	if l.Lost == 0 {
		return fmt.Sprintf("none of %d connections lost%s", l.Tried, reset)
	}
	var why []string
	for _, w := range slices.Sorted(maps.Keys(l.Why)) {
		why = append(why, fmt.Sprintf("%s: %d", w, l.Why[w]))
	}
	return fmt.Sprintf("%d of %d connections lost, from %.2f s to %.2f s, %d one after the other at most, for %s (%s)%s", l.Lost, l.Tried, l.First.Seconds(), l.Last.Seconds(),
		l.Run, l.Longest.Round(time.Millisecond), strings.Join(why, ", "), reset)
}

// lost is the account between two times.
func (f *flow) lost(from, to time.Time) Lost {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := Lost{Why: map[string]int{}}
	var since time.Time
	run := 0
	for _, t := range f.tries {
		if t.at.Before(from) || t.at.After(to) {
			continue
		}
		out.Tried++
		if isReset(t.err) {
			out.Reset++
		}
		if t.err == nil || isReset(t.err) {
			since, run = time.Time{}, 0
			continue
		}
		if since.IsZero() {
			since = t.at
		}
		if out.Last = t.at.Sub(from); out.Lost == 0 {
			out.First = out.Last
		}
		out.Lost++
		out.Why[t.err.Error()]++
		run++
		out.Run = max(out.Run, run)
		out.Longest = max(out.Longest, t.at.Sub(since)+pace)
	}
	return out
}

// isReset tells of a connection that was ended by a reset; who writes after it is told of a broken pipe.
func isReset(err error) bool { return errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) }
