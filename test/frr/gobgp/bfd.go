package gobgp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// The ports of BFD (RFC 5881 section 4, RFC 5883 section 5).
const (
	singleHop = 3784
	multiHop  = 4784
)

// BFD speaks BFD (RFC 5880, asynchronous mode without authentication) for one peer, one hop away and several. A bfdd could not for many:
// it holds one session of one hop with an address.
type BFD struct {
	hops []*responder
}

// RunBFD answers until Close for a peer at an address of a node. dropped, where given, is called when the neighbor takes its session down,
// for a peer that ties its BGP to BFD, as routers do.
func RunBFD(node *fabric.Node, vrf string, local, neighbor netip.Addr, dropped func()) (*BFD, error) {
	b := &BFD{}
	for _, port := range []uint16{singleHop, multiHop} {
		r, err := respond(node, vrf, netip.AddrPortFrom(local, port), neighbor, dropped)
		if err != nil {
			b.Close()
			return nil, fmt.Errorf("BFD on node %s: %w", node.Name, err)
		}
		b.hops = append(b.hops, r)
	}
	return b, nil
}

// Close ends it without a word, as a crash does.
func (b *BFD) Close() {
	for _, r := range b.hops {
		_ = r.conn.Close()
	}
}

type responder struct {
	conn net.PacketConn
	own  uint32
	to   net.Addr
	// dropped is called when the other end takes its session down; nil where nobody wants to know.
	dropped func()

	mu   sync.Mutex
	last time.Time // when the other end was last heard
	up   bool      // and whether it was up
}

// States (RFC 5880 section 4.1).
const (
	adminDown byte = iota
	down
	initial
	up
)

func respond(node *fabric.Node, vrf string, local netip.AddrPort, neighbor netip.Addr, dropped func()) (*responder, error) {
	level, option := unix.IPPROTO_IP, unix.IP_TTL
	if !local.Addr().Is4() {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS
	}
	control := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), level, option, 255) })
		return errors.Join(err, failed)
	}}
	r := &responder{dropped: dropped, to: net.UDPAddrFromAddrPort(netip.AddrPortFrom(neighbor, local.Port()))}
	h := fnv.New32a()
	_, _ = h.Write([]byte(local.String()))
	r.own = h.Sum32() | 1
	err := node.InNetwork(vrf, func() (err error) {
		r.conn, err = control.ListenPacket(context.Background(), "udp", local.String())
		return err
	})
	if err != nil {
		return nil, err
	}
	go r.answer()
	go r.call()
	return r, nil
}

// packet is a control packet (RFC 5880 section 4.1).
func (r *responder) packet(state byte, final bool, yours uint32) []byte {
	p := make([]byte, 24)
	p[0], p[1], p[2], p[3] = 1<<5, state<<6, 20, 24
	if final {
		p[1] |= 1 << 4
	}
	binary.BigEndian.PutUint32(p[4:], r.own)
	binary.BigEndian.PutUint32(p[8:], yours)
	binary.BigEndian.PutUint32(p[12:], 300_000) // µs between what is sent, and what may come
	binary.BigEndian.PutUint32(p[16:], 300_000)
	return p
}

// answer follows what the other end says: it needs no state of its own.
func (r *responder) answer() {
	buffer := make([]byte, 256)
	for {
		n, _, err := r.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		if n < 24 || buffer[0]>>5 != 1 {
			continue
		}
		state, next := buffer[1]>>6, up
		switch state {
		case adminDown:
			next = down
		case down:
			next = initial
		}
		r.mu.Lock()
		gone := r.up && (state == adminDown || state == down)
		r.last, r.up = time.Now(), state == up
		r.mu.Unlock()
		if gone && r.dropped != nil {
			r.dropped()
		}
		poll := buffer[1]&(1<<5) != 0
		_, _ = r.conn.WriteTo(r.packet(next, poll, binary.BigEndian.Uint32(buffer[4:])), r.to)
	}
}

// call tells an other end that waits to be called that there is somebody.
func (r *responder) call() {
	for {
		r.mu.Lock()
		silent := time.Since(r.last)
		silence := silent > 2*time.Second && !r.up || silent > 5*time.Second
		r.mu.Unlock()
		if silence {
			if _, err := r.conn.WriteTo(r.packet(down, false, 0), r.to); errors.Is(err, net.ErrClosed) {
				return
			}
		}
		time.Sleep(500 * time.Millisecond)
	}
}
