package faults

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// gate stands before the sockets of a node's daemons. A line goes through when the one before has been answered, so "after n lines" is a
// state of FRR, not of a buffer.
type gate struct {
	dir  string
	node *fabric.Node

	mu sync.Mutex
	// lines are those that went through since the gate was armed, "bgpd: router bgp 64500".
	lines   []string
	remarks []string
	// fault happens before the next line once after lines went through, or the one that ends in words when there are any, and closes fired;
	// then nothing passes until release.
	fault func()
	after int
	words string
	fired chan struct{}
	open  chan struct{} // closed while lines may pass
	conns map[net.Conn]bool
}

func newGate(t *testing.T, node *fabric.Node) *gate {
	dir, err := os.MkdirTemp("/tmp", "gate-") // FRR in a root of its own sees /tmp, and paths of sockets are short
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	g := &gate{dir: dir, node: node, conns: map[net.Conn]bool{}, open: make(chan struct{})}
	close(g.open)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	var listeners []net.Listener
	for _, d := range node.Daemons() {
		l, err := net.Listen("unix", filepath.Join(dir, d+".vty"))
		require.NoError(t, err)
		listeners = append(listeners, l)
		wg.Go(func() { g.accept(l, d, &wg) })
		wg.Go(func() { g.mirror(d, stop) })
	}
	t.Cleanup(func() {
		close(stop)
		for _, l := range listeners {
			l.Close()
		}
		g.release()
		g.cut()
		wg.Wait()
		os.RemoveAll(dir)
	})
	return g
}

// mirror gives the gate's socket the time of the daemon's own, by which the product sees that it was started anew.
func (g *gate) mirror(daemon string, stop chan struct{}) {
	last := time.Time{}
	for {
		if info, err := os.Stat(filepath.Join(g.node.VtyDir(), daemon+".vty")); err == nil && !info.ModTime().Equal(last) {
			last = info.ModTime()
			_ = os.Chtimes(filepath.Join(g.dir, daemon+".vty"), last, last)
		}
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (g *gate) accept(l net.Listener, daemon string, wg *sync.WaitGroup) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		wg.Go(func() {
			defer c.Close()
			g.serve(c, daemon)
		})
	}
}

// serve passes lines of one connection, one at a time.
func (g *gate) serve(client net.Conn, daemon string) {
	g.track(client, true)
	defer g.track(client, false)
	<-g.passage()
	server, err := net.Dial("unix", filepath.Join(g.node.VtyDir(), daemon+".vty"))
	if err != nil {
		return
	}
	defer server.Close()
	g.track(server, true)
	defer g.track(server, false)
	from, back := bufio.NewReader(client), bufio.NewReader(server)
	for {
		line, err := from.ReadString(0)
		if err != nil {
			return
		}
		g.pass(daemon, strings.TrimRight(line, "\x00\n")) // vtysh sends the end of the line
		if _, err := io.WriteString(server, line); err != nil {
			return
		}
		reply, err := back.ReadBytes(0)
		if err != nil {
			g.remark(daemon, err.Error())
			return
		}
		var end [3]byte
		if _, err := io.ReadFull(back, end[:]); err != nil {
			return
		}
		if end[2] != 0 {
			g.remark(daemon, fmt.Sprintf("%d %q", end[2], reply))
		}
		if _, err := client.Write(append(reply, end[:]...)); err != nil {
			return
		}
	}
}

// pass counts a line, breaks things when it is time to, and returns when the line may go on.
func (g *gate) pass(daemon, line string) {
	<-g.passage()
	g.mu.Lock()
	var fault func()
	if g.fault != nil && g.due() {
		fault, g.fault = g.fault, nil
		g.open = make(chan struct{})
	} else {
		g.lines = append(g.lines, daemon+": "+line)
	}
	g.mu.Unlock()
	if fault != nil {
		fault()
		close(g.fired)
		<-g.passage()
	}
}

func (g *gate) due() bool {
	if g.words == "" {
		return len(g.lines) == g.after
	}
	return len(g.lines) > 0 && strings.HasSuffix(g.lines[len(g.lines)-1], g.words)
}

// remark notes what a daemon has said, for whoever reads of a failure.
func (g *gate) remark(daemon, said string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.remarks = append(g.remarks, fmt.Sprintf("%s says, line %d: %s", daemon, len(g.lines), said))
}

// arm forgets what went through, and has a fault happen once after lines did; nil only counts.
func (g *gate) arm(after int, fault func()) (fired <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lines, g.after, g.words, g.fault, g.fired = nil, after, "", fault, make(chan struct{})
	return g.fired
}

// armAfter has a fault happen once after a line that ends in some words.
func (g *gate) armAfter(words string, fault func()) (fired <-chan struct{}) {
	fired = g.arm(0, nil)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.words, g.fault = words, fault
	return fired
}

// release lets lines pass again.
func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.open:
	default:
		close(g.open)
	}
}

// shut lets nothing pass until release.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
}

// cut closes every connection, on both sides.
func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.conns {
		_ = c.Close()
	}
}

func (g *gate) passed() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.lines)
}

func (g *gate) passage() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

func (g *gate) track(c net.Conn, here bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if here {
		g.conns[c] = true
	} else {
		delete(g.conns, c)
	}
}
