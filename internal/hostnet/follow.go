package hostnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// settle is how long more changes are waited for: a link that comes up sends several messages at once.
const settle = 10 * time.Millisecond

// FollowSubnets calls changed with the node's subnets, at once and then whenever they are other ones, until ctx ends, whose error it returns, or until
// the kernel can't be asked. What a slow changed misses it is not told later: it gets what is.
func (h *Host) FollowSubnets(ctx context.Context, changed func([]Subnet)) error {
	s, err := h.subscribe()
	if err != nil {
		return fmt.Errorf("follow the node's subnets: %w", err)
	}
	defer s.close()
	var known []Subnet
	for first := true; ; first = false {
		subnets, err := h.Subnets(ctx)
		if err != nil {
			return err
		}
		if first || !slices.Equal(known, subnets) {
			known = subnets
			changed(slices.Clone(subnets))
		}
		if err := h.change(ctx, s); err != nil {
			return fmt.Errorf("follow the node's subnets: %w", err)
		}
	}
}

// subscribe asks for a message whenever an address or a link changes.
func (h *Host) subscribe() (*socket, error) {
	const groups = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR
	return h.open(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE, func(fd int) error {
		return unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups})
	})
}

// change waits until something changed and was quiet for a moment, or ten of those. What the messages say does not matter, since everything is
// read anew; so neither do lost ones.
func (h *Host) change(ctx context.Context, s *socket) error {
	packet := make([]byte, 64<<10)
	if err := h.message(ctx, s, time.Time{}, packet); err != nil {
		return err
	}
	for end := time.Now().Add(10 * settle); time.Now().Before(end); {
		err := h.message(ctx, s, time.Now().Add(settle), packet)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *Host) message(ctx context.Context, s *socket, deadline time.Time, packet []byte) error {
	_, _, err := s.receive(ctx, deadline, packet)
	if !errors.Is(err, unix.ENOBUFS) {
		return err
	}
	select {
	case h.overruns <- struct{}{}:
	default:
	}
	return nil
}
