package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// lastingPort is that of connections which last.
	lastingPort = 8081
	// beat is the time between two words of one.
	beat = 200 * time.Millisecond
	// deaf is how long an answer may take, on a machine however busy: a kernel that knows nothing of a connection answers at once, with a reset.
	deaf = 20 * time.Second
)

// Lasting are connections to a VIP that stay open, and say a word each 200 ms: one that comes to another node is reset there.
type Lasting struct {
	Opened int
	stop   chan struct{}
	ended  chan struct{}
	dead   atomic.Int32
}

// Last opens connections from the client to a VIP, which these nodes answer, the way that the client has there.
func (l *Lab) Last(vip string, times int, nodes ...string) *Lasting {
	l.t.Helper()
	to := netip.AddrPortFrom(netip.MustParseAddr(vip), lastingPort).String()
	for _, n := range nodes {
		listener, err := l.Node(n).Listen(l.t.Context(), "", net.ListenConfig{}, "tcp", to)
		require.NoError(l.t, err)
		l.t.Cleanup(func() { _ = listener.Close() })
		go echo(listener)
	}
	out := &Lasting{Opened: times, stop: make(chan struct{}), ended: make(chan struct{}, times)}
	for range times {
		ctx, cancel := context.WithTimeout(l.t.Context(), deaf)
		c, err := l.Node("client").Dial(ctx, "", net.Dialer{}, "tcp", to)
		cancel()
		require.NoError(l.t, err)
		go out.talk(c)
	}
	return out
}

func echo(listener net.Listener) {
	for {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}()
	}
}

func (l *Lasting) talk(c net.Conn) {
	defer func() { _ = c.Close(); l.ended <- struct{}{} }()
	word := []byte("x")
	for {
		_ = c.SetDeadline(time.Now().Add(deaf))
		_, err := c.Write(word)
		if err == nil {
			_, err = io.ReadFull(c, word)
		}
		if err != nil {
			l.dead.Add(1)
			return
		}
		select {
		case <-l.stop:
			return
		case <-time.After(beat):
		}
	}
}

// End closes them, and tells how many were dead, after one more word of each.
func (l *Lasting) End() Died {
	time.Sleep(2 * beat)
	close(l.stop)
	for range l.Opened {
		<-l.ended
	}
	return Died{int(l.dead.Load()), l.Opened}
}

// Died is how many of how many have died.
type Died struct{ Dead, Opened int }

func (d Died) String() string {
	return fmt.Sprintf("%d of %d lasting connections died", d.Dead, d.Opened)
}
