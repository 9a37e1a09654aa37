package hostnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ErrNotOurs says that the host has the address, and that we did not put it there.
var ErrNotOurs = errors.New("the host has this address, and not from us")

// Floating is a floating IP that is on the host.
type Floating struct {
	Address   netip.Addr
	Interface string
	// Left is how long the kernel keeps it unless it is put again, to the second.
	Left time.Duration
}

// Put puts a floating IP on the host as a /32, or begins its lifetime anew when it is there, with an IPv6 address of the node's beside it where the node has
// one. An address that others put there is left as it is, and is ErrNotOurs: it would stay when we go.
func (h *Host) Put(ctx context.Context, ip netip.Addr) error {
	err := checkFloating(ip)
	if err == nil {
		err = h.netlink(ctx, func(nl *netlink.Handle) error { return h.put(nl, ip) })
	}
	if err != nil {
		return fmt.Errorf("put floating IP %s on %s: %w", ip, h.config.Interface, needs(netAdmin, err))
	}
	return nil
}

func checkFloating(ip netip.Addr) error {
	if !ip.Is4() || !ip.IsGlobalUnicast() {
		return fmt.Errorf("%q is no IPv4 address of a host", ip)
	}
	return nil
}

func (h *Host) put(nl *netlink.Handle, ip netip.Addr) error {
	link, err := named(nl, h.config.Interface)
	if err != nil {
		return err
	}
	holders, err := onHost(nl, ip)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(holders, func(a netlink.Addr) bool { return !isOurs(a) }); i >= 0 {
		return fmt.Errorf("%w: %s is on %s: take it off there, or choose another floating IP", ErrNotOurs, holders[i].IPNet, nameOf(nl, holders[i].LinkIndex))
	}
	if slices.ContainsFunc(holders, func(a netlink.Addr) bool { return a.LinkIndex == link.Attrs().Index }) {
		_ = h.escort(nl, link) // an address in use does not go because of it
		return nl.AddrReplace(link, h.address(ip))
	}
	if err := checkHome(nl, link); err != nil {
		return err
	}
	if err := h.escort(nl, link); err != nil { // first, so that it is there when the floating IP is
		return err
	}
	// Exclusive: where somebody was quicker than our look, this fails, and the next Put sees whose it is.
	if err := nl.AddrAdd(link, h.address(ip)); err != nil {
		return err
	}
	return remove(nl, holders) // of another interface, from before the configuration changed
}

func (h *Host) address(ip netip.Addr) *netlink.Addr {
	seconds := int(h.config.Lifetime / time.Second)
	// Of global scope: with arp_ignore=3 the kernel answers for those only.
	return &netlink.Addr{IPNet: single(ip), Label: h.config.Interface + labelSuffix, ValidLft: seconds, PreferedLft: seconds}
}

// checkHome is asked before the first Put only: an address that is in use does not go because of what became of its interface.
func checkHome(nl *netlink.Handle, link netlink.Link) error {
	if link.Attrs().Flags&net.FlagUp == 0 {
		return fmt.Errorf("the interface is down: ip link set %s up", link.Attrs().Name)
	}
	addresses, err := consistent(func() ([]netlink.Addr, error) { return nl.AddrList(link, netlink.FAMILY_V6) })
	if err != nil {
		return err
	}
	for _, a := range addresses {
		if a.IP.IsLinkLocalUnicast() {
			return fmt.Errorf("the interface has the IPv6 link-local address %s, which routers would take for the next hop of IPv6 routes: "+
				"use lo, or ip link set %s addrgenmode none and take the address off", a.IP, link.Attrs().Name)
		}
	}
	return nil
}

// Take takes a floating IP off, and with the last of them the IPv6 address beside it. One that is not there, or that is there and not ours, is left as it is, and no error.
func (h *Host) Take(ctx context.Context, ip netip.Addr) error {
	err := checkFloating(ip)
	if err == nil {
		err = h.netlink(ctx, func(nl *netlink.Handle) error {
			holders, err := onHost(nl, ip)
			if err != nil {
				return err
			}
			if err := remove(nl, slices.DeleteFunc(holders, func(a netlink.Addr) bool { return !isOurs(a) })); err != nil {
				return err
			}
			return h.unescort(nl)
		})
	}
	if err != nil {
		return fmt.Errorf("take floating IP %s off: %w", ip, needs(netAdmin, err))
	}
	return nil
}

// remove names the label to the kernel, so it can't hit an address that others put in its place meanwhile.
func remove(nl *netlink.Handle, ours []netlink.Addr) error {
	for _, a := range ours {
		err := nl.AddrDel(nil, &netlink.Addr{LinkIndex: a.LinkIndex, IPNet: a.IPNet, Label: a.Label})
		if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) && !errors.Is(err, unix.ENODEV) {
			return err
		}
	}
	return nil
}

// Floating lists what Put has put on the host, also before a restart, by address.
func (h *Host) Floating(ctx context.Context) ([]Floating, error) {
	var all []Floating
	err := h.netlink(ctx, func(nl *netlink.Handle) error {
		addresses, err := consistent(func() ([]netlink.Addr, error) { return nl.AddrList(nil, netlink.FAMILY_V4) })
		if err != nil {
			return err
		}
		for _, a := range addresses {
			if ip, ok := netip.AddrFromSlice(a.IP.To4()); ok && isOurs(a) {
				all = append(all, Floating{Address: ip, Interface: nameOf(nl, a.LinkIndex), Left: time.Duration(a.ValidLft) * time.Second})
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list floating IPs: %w", err)
	}
	slices.SortFunc(all, func(a, b Floating) int { return a.Address.Compare(b.Address) })
	return all, nil
}

// onHost finds the address on all interfaces.
func onHost(nl *netlink.Handle, ip netip.Addr) ([]netlink.Addr, error) {
	addresses, err := consistent(func() ([]netlink.Addr, error) { return nl.AddrList(nil, netlink.FAMILY_V4) })
	return slices.DeleteFunc(addresses, func(a netlink.Addr) bool { return !a.IP.Equal(ip.AsSlice()) }), err
}

func isOurs(a netlink.Addr) bool { return strings.HasSuffix(a.Label, labelSuffix) }

func single(ip netip.Addr) *net.IPNet {
	return &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(ip.BitLen(), ip.BitLen())}
}

// nameOf is for people: an interface that has just gone has its number for a name.
func nameOf(nl *netlink.Handle, index int) string {
	link, err := nl.LinkByIndex(index)
	if err != nil {
		return fmt.Sprintf("interface %d", index)
	}
	return link.Attrs().Name
}
