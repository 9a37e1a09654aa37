package hostnet

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// escort puts an IPv6 address of the node's own beside the floating IPs, as a /128, or begins its lifetime anew: FRR 10 ends a session that carries IPv6
// routes when the interface with the session's address has no global IPv6 address. A node without IPv6, and an interface that has such an address from
// others, needs none.
func (h *Host) escort(nl *netlink.Handle, home netlink.Link) error {
	links, err := consistent(nl.LinkList)
	if err != nil {
		return err
	}
	addresses, err := consistent(func() ([]netlink.Addr, error) { return nl.AddrList(nil, netlink.FAMILY_V6) })
	if err != nil {
		return err
	}
	subnets := h.subnets(links, addresses)
	if slices.ContainsFunc(subnets, func(s Subnet) bool { return s.Interface == home.Attrs().Name }) || len(subnets) == 0 {
		return nil
	}
	ip := subnets[0].Address.Addr()
	for _, s := range subnets { // the one that is there stays, as long as it is the node's
		if slices.ContainsFunc(addresses, func(a netlink.Addr) bool { return isEscort(a, home) && a.IP.Equal(s.Address.Addr().AsSlice()) }) {
			ip = s.Address.Addr()
		}
	}
	seconds := int(h.config.Lifetime / time.Second)
	// No detection of duplicates: the node has the address elsewhere.
	err = nl.AddrReplace(home, &netlink.Addr{IPNet: single(ip), Flags: unix.IFA_F_NODAD, ValidLft: seconds, PreferedLft: seconds})
	if errors.Is(err, unix.EACCES) {
		err = fmt.Errorf("the interface takes no IPv6 address, and sessions that carry IPv6 routes need one beside the floating IP: sysctl -w net.ipv6.conf.%s.disable_ipv6=0",
			home.Attrs().Name)
	}
	if err != nil {
		return fmt.Errorf("put the node's %s beside it: %w", ip, err)
	}
	return nil
}

// unescort takes it off where no floating IP is left on any interface.
func (h *Host) unescort(nl *netlink.Handle) error {
	floating, err := consistent(func() ([]netlink.Addr, error) { return nl.AddrList(nil, netlink.FAMILY_V4) })
	if err != nil || slices.ContainsFunc(floating, isOurs) {
		return err
	}
	home, err := named(nl, h.config.Interface)
	if err != nil {
		return nil // and so has its addresses
	}
	addresses, err := consistent(func() ([]netlink.Addr, error) { return nl.AddrList(home, netlink.FAMILY_V6) })
	if err != nil {
		return err
	}
	return remove(nl, slices.DeleteFunc(addresses, func(a netlink.Addr) bool { return !isEscort(a, home) }))
}

// isEscort tells an address that escort put on: IPv6 addresses have no label, but nobody else gives the interface of floating IPs a /128 that
// ends by itself.
func isEscort(a netlink.Addr, home netlink.Link) bool {
	ones, bits := a.Mask.Size()
	return a.LinkIndex == home.Attrs().Index && a.IP.To4() == nil && ones == 128 && bits == 128 && a.Flags&unix.IFA_F_PERMANENT == 0 && a.IP.IsGlobalUnicast()
}
