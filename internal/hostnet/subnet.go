package hostnet

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"path"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Subnet is a global address of the node with the subnet that it is in.
type Subnet struct {
	Interface string
	// Address is the node's own, with the length of the prefix: 10.0.1.10/24. IPv6 addresses by DHCP have /128.
	Address netip.Prefix
	// Up says that the interface is up and has a carrier.
	Up bool
}

// Prefix is the subnet itself: 10.0.1.0/24.
func (s Subnet) Prefix() netip.Prefix { return s.Address.Masked() }

// PodInterfaces are patterns for interfaces of usual network plugins. (Bridges with nothing but pods behind them are known by that, not by name.)
func PodInterfaces() []string {
	return []string{"antrea-*", "cali*", "cilium_*", "cni*", "docker*", "flannel.*", "genev_sys_*", "kube-*", "lxc*", "nodelocaldns", "ovn-k8s-mp*", "podman*",
		"tunl*", "veth*", "virbr*", "vxlan.calico", "vxlan-v6.calico", "weave", "wireguard.cali", "wg-v6.cali"}
}

// Subnets lists the node's global addresses, sorted by interface and address. Left out are floating IPs of ours and what goes with them, pods' interfaces, link-local and
// loopback addresses, IPv6 addresses that are temporary, deprecated or not yet usable, and IPv4 addresses without a subnet (/32).
func (h *Host) Subnets(ctx context.Context) ([]Subnet, error) {
	var subnets []Subnet
	err := h.netlink(ctx, func(nl *netlink.Handle) error {
		links, err := consistent(nl.LinkList)
		if err != nil {
			return err
		}
		addresses, err := consistent(func() ([]netlink.Addr, error) { return nl.AddrList(nil, netlink.FAMILY_ALL) })
		subnets = h.subnets(links, addresses)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the node's subnets: %w", err)
	}
	return subnets, nil
}

func (h *Host) subnets(links []netlink.Link, addresses []netlink.Addr) []Subnet {
	nodes := map[int]*netlink.LinkAttrs{}
	for _, l := range links {
		if !h.ignored(l.Attrs().Name) && !podBridge(l, links) {
			nodes[l.Attrs().Index] = l.Attrs()
		}
	}
	home := slices.IndexFunc(links, func(l netlink.Link) bool { return l.Attrs().Name == h.config.Interface })
	var subnets []Subnet
	for _, a := range addresses {
		link, ok := nodes[a.LinkIndex]
		prefix, global := globalPrefix(a)
		if home >= 0 && isEscort(a, links[home]) {
			continue
		}
		if ok && global { // floating IPs have no subnet
			subnets = append(subnets, Subnet{Interface: link.Name, Address: prefix, Up: running(link)})
		}
	}
	slices.SortFunc(subnets, func(a, b Subnet) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), a.Address.Addr().Compare(b.Address.Addr()), cmp.Compare(a.Address.Bits(), b.Address.Bits()))
	})
	return slices.Compact(subnets)
}

func (h *Host) ignored(name string) bool {
	return slices.ContainsFunc(h.config.Ignore, func(pattern string) bool {
		matches, _ := path.Match(pattern, name) // Open has checked the patterns
		return matches
	})
}

// podBridge says whether a bridge leads to nothing but pods and virtual machines of this node: each port, if there is any, is a veth or a tap.
func podBridge(bridge netlink.Link, links []netlink.Link) bool {
	if bridge.Type() != "bridge" {
		return false
	}
	return !slices.ContainsFunc(links, func(port netlink.Link) bool {
		return port.Attrs().MasterIndex == bridge.Attrs().Index && port.Type() != "veth" && port.Type() != "tuntap"
	})
}

func running(link *netlink.LinkAttrs) bool {
	return link.RawFlags&unix.IFF_UP != 0 && link.RawFlags&unix.IFF_RUNNING != 0
}

// globalPrefix is the address with its length, and whether others can reach the node by it.
func globalPrefix(a netlink.Addr) (netip.Prefix, bool) {
	ip, ok := netip.AddrFromSlice(a.IP)
	if !ok {
		return netip.Prefix{}, false
	}
	ip = ip.Unmap()
	bits, _ := a.Mask.Size()
	if a.Peer != nil {
		bits, _ = a.Peer.Mask.Size()
	}
	prefix := netip.PrefixFrom(ip, bits)
	global := ip.IsGlobalUnicast() && a.Scope == int(netlink.SCOPE_UNIVERSE)
	if ip.Is4() {
		return prefix, global && bits < 32
	}
	const unusable = unix.IFA_F_TEMPORARY | unix.IFA_F_DEPRECATED | unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED
	return prefix, global && a.Flags&unusable == 0
}

// LAN is the interface that a floating IP belongs to, as it was when LAN was asked.
type LAN struct {
	Interface string
	Index     int
	MAC       net.HardwareAddr
	// Subnet has the node's own address there: 10.0.1.10/24.
	Subnet netip.Prefix
}

// LAN finds the interface whose subnet has the address: of several the longest prefix, then one that is up, then the first by name. It is an error
// when none has it, or it is no Ethernet.
func (h *Host) LAN(ctx context.Context, ip netip.Addr) (LAN, error) {
	subnets, err := h.Subnets(ctx)
	if err != nil {
		return LAN{}, err
	}
	around := slices.DeleteFunc(slices.Clone(subnets), func(s Subnet) bool { return !s.Address.Contains(ip) })
	if len(around) == 0 {
		return LAN{}, fmt.Errorf("find the interface for %s: it is in no subnet of this node, which has %s", ip, listed(subnets))
	}
	best := slices.MinFunc(around, func(a, b Subnet) int {
		return cmp.Or(cmp.Compare(b.Address.Bits(), a.Address.Bits()), cmp.Compare(downs(a), downs(b)))
	})
	if special(best.Prefix(), ip) {
		return LAN{}, fmt.Errorf("find the interface for %s: in %s on %s it stands for the subnet or for all hosts, not for one", ip, best.Prefix(), best.Interface)
	}
	lan := LAN{Interface: best.Interface, Subnet: best.Address}
	err = h.netlink(ctx, func(nl *netlink.Handle) error {
		link, err := named(nl, best.Interface)
		if err != nil {
			return err
		}
		lan.Index, lan.MAC = link.Attrs().Index, link.Attrs().HardwareAddr
		if len(lan.MAC) != 6 || link.Attrs().RawFlags&(unix.IFF_NOARP|unix.IFF_LOOPBACK) != 0 {
			return fmt.Errorf("%s is no Ethernet, where ARP could tell whose the address is", best.Interface)
		}
		return nil
	})
	if err != nil {
		return LAN{}, fmt.Errorf("find the interface for %s: %w", ip, err)
	}
	return lan, nil
}

// special says whether the address is the first or the last of an IPv4 subnet that has such (RFC 3021: not of a /31).
func special(subnet netip.Prefix, ip netip.Addr) bool {
	return ip.Is4() && subnet.Bits() < 31 && (ip == subnet.Addr() || !subnet.Contains(ip.Next()))
}

func downs(s Subnet) int {
	if s.Up {
		return 0
	}
	return 1
}

func listed(subnets []Subnet) string {
	text := "none"
	for i, s := range subnets {
		if i == 0 {
			text = ""
		} else {
			text += ", "
		}
		text += s.Address.String() + " on " + s.Interface
	}
	return text
}
