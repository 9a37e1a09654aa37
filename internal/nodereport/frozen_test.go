package nodereport_test

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/nodereport"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
)

// road leads to the API server. What goes over it can be frozen: connections that are there say nothing any more and never end, as those to a machine that has
// lost its power, while new ones get through to another.
type road struct {
	net.Listener
	to string

	mu   sync.Mutex
	last *atomic.Bool // whether the connections since the last freeze are frozen
}

func newRoad(t *testing.T, to string) *road {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &road{Listener: listener, to: to, last: &atomic.Bool{}}
	go r.accept()
	t.Cleanup(func() { _ = listener.Close() })
	return r
}

func (r *road) freeze() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last.Store(true)
	r.last = &atomic.Bool{}
}

func (r *road) accept() {
	for {
		near, err := r.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		frozen := r.last
		r.mu.Unlock()
		go func() {
			defer near.Close()
			far, err := net.Dial("tcp", r.to)
			if err != nil {
				return
			}
			defer far.Close()
			go func() {
				_, _ = io.Copy(far, thaw{near, frozen})
				_ = far.Close()
			}()
			_, _ = io.Copy(thaw{near, frozen}, far)
		}()
	}
}

// thaw lets through what is not frozen.
type thaw struct {
	net.Conn
	frozen *atomic.Bool
}

func (c thaw) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.frozen.Load() {
			return n, err
		}
	}
}

func (c thaw) Write(p []byte) (int, error) {
	if c.frozen.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// deadConnection is one on which nothing ever comes back: a new one is used for the next try.
func (l *lab) deadConnection(t *testing.T) {
	l.makeNode(t, l.n1)
	road := newRoad(t, l.Address)
	w := l.run(t, l.n1, through(t, apiserver.Kubeconfig(t, l.user, road.Addr().String())))
	w.Tell(nodereport.Report{Gateway: true})
	until(t, "renewals", func() bool { return w.renewals() >= 2 })
	before := w.Lease().Failed
	road.freeze()
	until(t, "a try that fails", func() bool { return w.Lease().Failed > before })
	until(t, "a renewal", func() bool { return w.Lease().Error == "" })
	require.LessOrEqual(t, w.Lease().Failed-before, uint64(3), "a dead connection is not used again and again")
}
