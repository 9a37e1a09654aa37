package apiserver

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Gate leads from a listener, wherever it is (another network namespace, say), to an API server, as long as it is open.
type Gate struct {
	listener net.Listener
	to       string

	mu          sync.Mutex
	shut        bool
	held        chan struct{} // closed when what is held goes on; nil: nothing is held
	connections map[net.Conn]bool
	turned      int
}

// NewGate opens a gate; it ends with the test.
func NewGate(t testing.TB, listener net.Listener, to string) *Gate {
	g := &Gate{listener: listener, to: to, connections: map[net.Conn]bool{}}
	go g.accept()
	t.Cleanup(func() { _ = listener.Close(); g.Shut() })
	return g
}

// Address is where the gate is reached, as HOST:PORT in the network of its listener.
func (g *Gate) Address() string { return g.listener.Addr().String() }

// Shut cuts every connection, and lets none in that comes.
func (g *Gate) Shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
	for c := range g.connections {
		_ = c.Close()
	}
	g.goOn()
}

// Hold loses whatever comes, in both directions, and tells nobody: connections stay, as those of a host that was cut off do. After Open they go on.
func (g *Gate) Hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held == nil {
		g.held = make(chan struct{})
	}
}

// Open lets connections in again, and what is held go on.
func (g *Gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = false
	g.goOn()
}

func (g *Gate) goOn() {
	if g.held != nil {
		close(g.held)
		g.held = nil
	}
}

// pass waits as long as the gate holds what comes.
func (g *Gate) pass() {
	g.mu.Lock()
	held := g.held
	g.mu.Unlock()
	if held != nil {
		<-held
	}
}

func (g *Gate) accept() {
	for {
		near, err := g.listener.Accept()
		if err != nil {
			return
		}
		if !g.enter(near) {
			_ = near.Close()
			continue
		}
		go g.carry(near)
	}
}

// enter counts a connection among those to cut, unless the gate is shut.
func (g *Gate) enter(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		g.turned++
	} else {
		g.connections[c] = true
	}
	return !g.shut
}

// Turned counts the connections that were not let in.
func (g *Gate) Turned() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.turned
}

func (g *Gate) leave(c net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.connections, c)
	_ = c.Close()
}

func (g *Gate) carry(near net.Conn) {
	defer g.leave(near)
	g.pass()
	far, err := net.Dial("tcp", g.to)
	if err != nil {
		return
	}
	defer g.leave(far)
	if !g.enter(far) {
		return
	}
	go func() {
		g.copy(far, near)
		_ = far.Close()
	}()
	g.copy(near, far)
}

// copy carries what comes until one of the two ends.
func (g *Gate) copy(to io.Writer, from io.Reader) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		g.pass()
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}
