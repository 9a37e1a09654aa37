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
}

// Open lets connections in again.
func (g *Gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = false
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
	far, err := net.Dial("tcp", g.to)
	if err != nil {
		return
	}
	defer g.leave(far)
	if !g.enter(far) {
		return
	}
	go func() {
		_, _ = io.Copy(far, near)
		_ = far.Close()
	}()
	_, _ = io.Copy(near, far)
}
