package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// Network is the networks of one test. With makes them those of a subtest.
type Network struct {
	*fabric.Fabric

	spec Spec
	t    testing.TB
}

// New builds the networks, and gives machines their routes, as an administrator would. The client has 192.168.77.9 and 2001:db8:77::9.
func New(t testing.TB, s Spec) Network {
	t.Helper()
	n := Network{fabric.New(t, s.topology()), s, t}
	for _, r := range s.Tors {
		n.Address(r.Name, r.Address+"/32")
		if !s.IPv4Only {
			n.Address(r.Name, fmt.Sprintf("2001:db8:8::%d/128", r.Host)) // FRR 10 ends sessions that carry IPv6 from where there is none
		}
	}
	for _, m := range s.Machines {
		n.wire(m)
	}
	return n
}

// With is the same for a subtest: what fails there fails the subtest.
func (n Network) With(t testing.TB) Network {
	n.t = t
	return n
}

func (n Network) wire(m Machine) {
	n.t.Helper()
	via := Machine{Subnet: m.Subnet, Host: n.spec.Tors[0].Host}
	n.IP(m.Name, "route", "replace", "default", "via", via.Address())
	if !n.spec.IPv4Only {
		n.IP(m.Name, "-6", "route", "replace", "default", "via", via.Address6())
	}
	for _, r := range n.spec.Tors {
		if !strings.HasPrefix(r.Address, fmt.Sprintf("10.0.%d.", m.Subnet)) {
			n.IP(m.Name, "route", "replace", r.Address, "via", Machine{Subnet: m.Subnet, Host: r.Host}.Address())
		}
	}
}

// IP runs ip(8) inside a node, and returns what it printed.
func (n Network) IP(node string, args ...string) string {
	n.t.Helper()
	out, err := n.Node(node).Exec(n.t.Context(), "ip", args...)
	require.NoError(n.t, err)
	return out
}

// Address puts an address onto a node's lo.
func (n Network) Address(node, address string) {
	n.t.Helper()
	require.NoError(n.t, n.Node(node).AddAddress("", "lo", address))
}

// Hops are the next hops of a prefix in the kernel of a node, sorted.
func Hops(n *fabric.Node, p netip.Prefix) ([]netip.Addr, error) {
	var found []netip.Addr
	err := n.Netlink("", func(h *netlink.Handle) error {
		family := netlink.FAMILY_V4
		if p.Addr().Is6() {
			family = netlink.FAMILY_V6
		}
		all, err := h.RouteList(nil, family)
		for _, r := range all {
			if r.Dst == nil || r.Dst.String() != p.String() {
				continue
			}
			if via, ok := netip.AddrFromSlice(r.Gw); ok {
				found = append(found, via.Unmap())
			}
			for _, path := range r.MultiPath {
				if via, ok := netip.AddrFromSlice(path.Gw); ok {
					found = append(found, via.Unmap())
				}
			}
		}
		return err
	})
	slices.SortFunc(found, netip.Addr.Compare)
	return slices.Compact(found), err
}
