package hostnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Claim is how another host showed that it has an address, or wants it.
type Claim string

// The claims of RFC 5227, 2.1.1 and 2.4.
const (
	Answers   Claim = "answers"   // a reply to the question who has it
	Announces Claim = "announces" // a gratuitous request or reply: it has just taken it, or defends it
	Uses      Claim = "uses"      // asks for another address in its name
	Asks      Claim = "asks"      // a question by a host that would like to have it; only Probe reports that
)

// Conflict is another host with the same address.
type Conflict struct {
	Address   netip.Addr
	Interface string
	MAC       net.HardwareAddr // of the other host
	Claim     Claim
	At        time.Time
}

func (c Conflict) String() string {
	return fmt.Sprintf("%s %s %s on %s", c.MAC, c.Claim, c.Address, c.Interface)
}

const (
	// probes is RFC 5227's PROBE_NUM. More than one, since any of them may be lost.
	probes = 3
	// announced is how often Announce tells. RFC 5227 has 2; a third costs nothing and may be the only one that arrives.
	announced = 3
	// quiet is the shortest time between two reports of Watch.
	quiet = 50 * time.Millisecond
)

// Probe asks three times who has the address, and returns the first other host that answers, uses it or asks for it, too. Asked with an address that is on
// this host it says who else has it. It is an error when the LAN is down, where silence means nothing.
func (h *Host) Probe(ctx context.Context, lan LAN, ip netip.Addr) (Conflict, bool, error) {
	var conflict Conflict
	taken := false
	err := h.withARP(ctx, lan, ip, func(w *wire) (err error) {
		for i := 0; i < probes && !taken && err == nil; i++ {
			if err := w.tell(question(lan, ip)); err != nil {
				return err
			}
			conflict, taken, err = h.hear(ctx, w, ip, time.Now().Add(h.config.ProbeEvery), Asks)
		}
		if taken || err != nil {
			return err
		}
		return h.checkLAN(ctx, lan)
	})
	if err != nil {
		return Conflict{}, false, fmt.Errorf("ask who has %s on %s: %w", ip, lan.Interface, err)
	}
	return conflict, taken, nil
}

// Announce tells all neighbors, three times, that the address is at this interface's MAC address. The first time is at once, and it returns after the last.
func (h *Host) Announce(ctx context.Context, lan LAN, ip netip.Addr) error {
	err := h.withARP(ctx, lan, ip, func(w *wire) error {
		for i := range announced {
			if i > 0 {
				if err := sleep(ctx, h.config.AnnounceEvery); err != nil {
					return err
				}
			}
			if err := w.tell(announcements(lan, ip)...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("announce %s on %s: %w", ip, lan.Interface, err)
	}
	return nil
}

// Answer tells one neighbor that the address is at this interface's MAC address, as the kernel would if that had asked. Nobody else hears it.
func (h *Host) Answer(ctx context.Context, lan LAN, ip netip.Addr, to net.HardwareAddr) error {
	err := h.withARP(ctx, lan, ip, func(w *wire) error { return w.tellOne(to, answer(lan, ip, to)) })
	if err != nil {
		return fmt.Errorf("answer for %s on %s: %w", ip, lan.Interface, err)
	}
	return nil
}

// Watch calls report for each sign that another host has the address, until ctx ends, whose error it returns, or until the interface goes down, which is an
// error, too. It asks each WatchEvery: switches keep what other hosts answer each other to themselves, so listening alone would not do. It reports a
// conflict that stays again and again, at most 20 times a second, and a report that takes its time delays the next. End it when the address is taken off:
// to a host that asks whether it may have the address, these questions are another that wants it.
func (h *Host) Watch(ctx context.Context, lan LAN, ip netip.Addr, report func(Conflict)) error {
	err := h.withARP(ctx, lan, ip, func(w *wire) error {
		for {
			if err := w.tell(question(lan, ip)); err != nil {
				return err
			}
			for next := time.Now().Add(h.config.WatchEvery); time.Now().Before(next); {
				c, taken, err := h.hear(ctx, w, ip, next)
				if err != nil {
					return err
				}
				if !taken {
					break
				}
				report(c)
				if err := sleep(ctx, quiet); err != nil {
					return err
				}
			}
		}
	})
	return fmt.Errorf("watch who has %s on %s: %w", ip, lan.Interface, err)
}

func (h *Host) withARP(ctx context.Context, lan LAN, ip netip.Addr, f func(*wire) error) error {
	if err := checkFloating(ip); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w, err := h.listenARP(lan, ip)
	if err != nil {
		return err
	}
	defer w.close()
	return f(w)
}

// hear waits for a claim of another host until the deadline. Which claims count beside those to have the address is the caller's.
func (h *Host) hear(ctx context.Context, w *wire, ip netip.Addr, deadline time.Time, also ...Claim) (Conflict, bool, error) {
	packet := make([]byte, 128)
	for {
		n, from, err := w.receive(ctx, deadline, packet)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return Conflict{}, false, nil
		}
		if err != nil {
			return Conflict{}, false, err
		}
		p, ok := parseARP(packet[:n])
		if link, isLink := from.(*unix.SockaddrLinklayer); !ok || !isLink || link.Ifindex != w.lan.Index {
			continue
		}
		claim, ok := claimOf(p, ip)
		if !ok || claim == Asks && !slices.Contains(also, Asks) {
			continue
		}
		own, err := h.own(ctx, p.senderMAC)
		if err != nil {
			return Conflict{}, false, err
		}
		if !own {
			return Conflict{Address: ip, Interface: w.lan.Interface, MAC: p.senderMAC, Claim: claim, At: time.Now()}, true, nil
		}
	}
}

func claimOf(p arp, ip netip.Addr) (Claim, bool) {
	switch {
	case p.sender == ip && p.target == ip:
		return Announces, true
	case p.sender == ip && p.op == reply:
		return Answers, true
	case p.sender == ip:
		return Uses, true
	case p.sender.IsUnspecified() && p.target == ip && p.op == request:
		return Asks, true
	}
	return "", false
}

// own says whether the MAC address is one of this host: switches may send back what we sent, and a second interface on the same LAN answers as well.
// Asked only when there is something to tell, since addresses change.
func (h *Host) own(ctx context.Context, mac net.HardwareAddr) (bool, error) {
	own := false
	err := h.netlink(ctx, func(nl *netlink.Handle) error {
		links, err := consistent(nl.LinkList)
		own = slices.ContainsFunc(links, func(l netlink.Link) bool { return slices.Equal(l.Attrs().HardwareAddr, mac) })
		return err
	})
	return own, err
}

// checkLAN says whether the interface still is what it was, with a carrier.
func (h *Host) checkLAN(ctx context.Context, lan LAN) error {
	return h.netlink(ctx, func(nl *netlink.Handle) error {
		link, err := nl.LinkByIndex(lan.Index)
		if err != nil {
			return err
		}
		if !running(link.Attrs()) {
			return errors.New("the interface is down or has no carrier")
		}
		return nil
	})
}

// WouldAnswer is an error when the kernel answers no question on the LAN for an address that is on another interface. The sysctl arp_ignore decides:
// kube-proxy's strictARP sets it to 1, for one.
func (h *Host) WouldAnswer(ctx context.Context, lan LAN) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, of := range []string{"all", lan.Interface} {
		var text []byte
		err := h.inside(func() (err error) {
			text, err = os.ReadFile(filepath.Join("/proc/sys/net/ipv4/conf", of, "arp_ignore"))
			return err
		})
		if err != nil {
			return fmt.Errorf("read whether %s answers ARP: %w", lan.Interface, err)
		}
		// 3 leaves addresses of host scope out, and ours have the global one.
		value, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil || value != 0 && value != 3 {
			return fmt.Errorf("%s answers no ARP request for addresses of %s: net.ipv4.conf.%s.arp_ignore is %s and has to be 0 "+
				"(strictARP of kube-proxy sets it)", lan.Interface, h.config.Interface, of, strings.TrimSpace(string(text)))
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
