package hostnet

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// socket is a raw or netlink socket that Go's poller waits for, so that a context ends its reads.
type socket struct {
	file *os.File
	raw  syscall.RawConn
}

// open opens a socket in the host's namespace and lets bind finish it.
func (h *Host) open(domain, kind, protocol int, bind func(fd int) error) (*socket, error) {
	fd := -1
	err := h.inside(func() (err error) {
		fd, err = unix.Socket(domain, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := bind(fd); err != nil {
		unix.Close(fd)
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "socket")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, err
	}
	return &socket{file: file, raw: raw}, nil
}

func (s *socket) close() { s.file.Close() }

// longAgo is a deadline that ends a read that is under way.
var longAgo = time.Unix(1, 0)

// receive waits for one packet until the deadline (zero: none) or the end of the context.
func (s *socket) receive(ctx context.Context, deadline time.Time, packet []byte) (int, unix.Sockaddr, error) {
	if err := s.file.SetReadDeadline(deadline); err != nil {
		return 0, nil, err
	}
	stop := context.AfterFunc(ctx, func() { s.file.SetReadDeadline(longAgo) })
	defer stop()
	var n int
	var from unix.Sockaddr
	var received error
	err := s.raw.Read(func(fd uintptr) bool {
		n, from, received = unix.Recvfrom(int(fd), packet, 0)
		return received != unix.EAGAIN && received != unix.EINTR
	})
	if ctx.Err() != nil {
		return 0, nil, ctx.Err()
	}
	if err == nil {
		err = received
	}
	return n, from, err
}

// send sends one packet. It does not wait: a full queue is an error, as a lost packet would be.
func (s *socket) send(packet []byte, to unix.Sockaddr) error {
	var sent error
	err := s.raw.Control(func(fd uintptr) { sent = unix.Sendto(int(fd), packet, 0, to) })
	if err == nil {
		err = sent
	}
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}
