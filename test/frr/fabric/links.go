package fabric

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// plug makes the i-th link of the topology.
func (f *Fabric) plug(i int, l Link) error {
	if len(l.Ends) == 2 && !l.Bridge {
		return f.cable(l.Ends[0], l.Ends[1])
	}
	name := l.Name
	if name == "" || len(name) > 15 || strings.ContainsAny(name, "/ ") {
		name = fmt.Sprintf("lan%d", i)
	}
	return f.lan(i, name, l.Ends)
}

// cable connects two nodes by a veth pair: when one end goes down, the other one loses its carrier.
func (f *Fabric) cable(a, b End) error {
	nsA, err := netns.GetFromPath(f.nodes[a.Node].ns.netPath(a.VRF))
	if err != nil {
		return err
	}
	defer nsA.Close()
	nsB, err := netns.GetFromPath(f.nodes[b.Node].ns.netPath(b.VRF))
	if err != nil {
		return err
	}
	defer nsB.Close()
	if err := addVeth(nsA, a.Interface, nsB, b.Interface); err != nil {
		return err
	}
	if err := setUp(nsA, a.Interface, a.Addresses); err != nil {
		return fmt.Errorf("node %s: %w", a.Node, err)
	}
	if err := setUp(nsB, b.Interface, b.Addresses); err != nil {
		return fmt.Errorf("node %s: %w", b.Node, err)
	}
	return nil
}

// lan connects any number of nodes by a bridge that lives in the fabric's own namespace.
func (f *Fabric) lan(i int, name string, ends []End) error {
	sw, err := netns.GetFromPath(f.sw.netPath(""))
	if err != nil {
		return err
	}
	defer sw.Close()
	h, err := netlink.NewHandleAt(sw)
	if err != nil {
		return err
	}
	defer h.Close()
	// Without a querier on the LAN, snooping would lose IPv6 neighbor discovery.
	snooping := false
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}, MulticastSnooping: &snooping}
	if err := h.LinkAdd(bridge); err != nil {
		return fmt.Errorf("add bridge %s: %w", name, err)
	}
	if err := h.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("set bridge %s up: %w", name, err)
	}
	for j, e := range ends {
		if err := f.plugIn(h, sw, bridge, fmt.Sprintf("l%dp%d", i, j), e); err != nil {
			return fmt.Errorf("node %s: %w", e.Node, err)
		}
	}
	return nil
}

func (f *Fabric) plugIn(h *netlink.Handle, sw netns.NsHandle, bridge netlink.Link, port string, e End) error {
	ns, err := netns.GetFromPath(f.nodes[e.Node].ns.netPath(e.VRF))
	if err != nil {
		return err
	}
	defer ns.Close()
	if err := addVeth(ns, e.Interface, sw, port); err != nil {
		return err
	}
	link, err := h.LinkByName(port)
	if err != nil {
		return fmt.Errorf("find port %s: %w", port, err)
	}
	if err := h.LinkSetMaster(link, bridge); err != nil {
		return fmt.Errorf("plug %s into the bridge: %w", port, err)
	}
	if err := h.LinkSetUp(link); err != nil {
		return fmt.Errorf("set port %s up: %w", port, err)
	}
	return setUp(ns, e.Interface, e.Addresses)
}

// addVeth creates the pair with both ends already at home: nothing ever appears in the machine's own namespace.
func addVeth(nsA netns.NsHandle, a string, nsB netns.NsHandle, b string) error {
	h, err := netlink.NewHandleAt(nsA)
	if err != nil {
		return err
	}
	defer h.Close()
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: a}, PeerName: b, PeerNamespace: netlink.NsFd(int(nsB))}
	err = h.LinkAdd(veth)
	runtime.KeepAlive(nsB)
	if err != nil {
		return fmt.Errorf("add veth %s to %s: %w", a, b, err)
	}
	return nil
}

func setUp(ns netns.NsHandle, name string, addresses []string) error {
	h, err := netlink.NewHandleAt(ns)
	if err != nil {
		return err
	}
	defer h.Close()
	link, err := h.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find interface %s: %w", name, err)
	}
	if err := h.LinkSetUp(link); err != nil {
		return fmt.Errorf("set interface %s up: %w", name, err)
	}
	for _, a := range addresses {
		if err := addAddress(h, link, a); err != nil {
			return err
		}
	}
	return nil
}

func addAddress(h *netlink.Handle, link netlink.Link, address string) error {
	a, err := netlink.ParseAddr(address)
	if err != nil {
		return fmt.Errorf("address %s: %w", address, err)
	}
	if a.IP.To4() == nil {
		a.Flags = unix.IFA_F_NODAD // usable at once
	}
	if err := h.AddrAdd(link, a); err != nil {
		return fmt.Errorf("add address %s to %s: %w", address, link.Attrs().Name, err)
	}
	return nil
}

// prepareNet sets the sysctls of one network namespace of a node and its loopback interface up.
func (n *Node) prepareNet(vrf string) error {
	sysctls := map[string]string{
		"net/ipv4/ip_forward":              "1",
		"net/ipv6/conf/all/forwarding":     "1",
		"net/ipv6/conf/all/accept_dad":     "0",
		"net/ipv6/conf/default/accept_dad": "0",
		"net/ipv4/conf/all/rp_filter":      "0",
		"net/ipv4/conf/default/rp_filter":  "0",
	}
	for k, v := range n.Spec.Sysctls {
		sysctls[k] = v
	}
	err := n.ns.do(vrf, func() error {
		for k, v := range sysctls {
			if err := os.WriteFile(filepath.Join("/proc/sys", k), []byte(v), 0o644); err != nil {
				return fmt.Errorf("set sysctl: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return n.withNetlink(vrf, func(h *netlink.Handle) error {
		lo, err := h.LinkByName("lo")
		if err != nil {
			return err
		}
		return h.LinkSetUp(lo)
	})
}

func (n *Node) withNetlink(vrf string, f func(*netlink.Handle) error) error {
	return n.ns.withNetlink(vrf, f)
}

func (ns *namespace) withNetlink(vrf string, f func(*netlink.Handle) error) error {
	at, err := netns.GetFromPath(ns.netPath(vrf))
	if err != nil {
		return err
	}
	defer at.Close()
	h, err := netlink.NewHandleAt(at)
	if err != nil {
		return err
	}
	defer h.Close()
	return f(h)
}

// Netlink runs f with a netlink handle inside the node's namespace (or that of a VRF), to add routes or addresses, or to take
// interfaces down and up.
func (n *Node) Netlink(vrf string, f func(*netlink.Handle) error) error {
	return n.withNetlink(vrf, f)
}

// AddAddress gives an interface one more address, "192.0.2.1/32" or "fd00::1/128".
func (n *Node) AddAddress(vrf, iface, address string) error {
	return n.withNetlink(vrf, func(h *netlink.Handle) error {
		link, err := h.LinkByName(iface)
		if err != nil {
			return fmt.Errorf("find interface %s: %w", iface, err)
		}
		return addAddress(h, link, address)
	})
}

// SetLink takes an interface up or down.
func (n *Node) SetLink(vrf, iface string, state LinkState) error {
	return n.withNetlink(vrf, func(h *netlink.Handle) error {
		link, err := h.LinkByName(iface)
		if err != nil {
			return fmt.Errorf("find interface %s: %w", iface, err)
		}
		if state == Down {
			return h.LinkSetDown(link)
		}
		return h.LinkSetUp(link)
	})
}

// LinkState is what SetLink sets.
type LinkState int

// The two states of an interface.
const (
	Up LinkState = iota
	Down
)
