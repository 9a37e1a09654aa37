package fabric

import (
	"fmt"
	"net/netip"
	"slices"
)

// Version names an FRR release that the fabric can run.
type Version string

// The versions that install-frr.sh provides. A node of version None has a network namespace and no FRR, for peers that tests
// play themselves.
const (
	V84  Version = "8.4"
	V103 Version = "10.3"
	None Version = ""
)

// Versions lists every FRR that the product is tested against, oldest first.
func Versions() []Version { return []Version{V84, V103} }

// Topology is what Build builds.
type Topology struct {
	Nodes []NodeSpec
	Links []Link
}

// NodeSpec describes one router or host.
type NodeSpec struct {
	// Name becomes the host name (and so vtysh's prompt) and the folder name: letters, digits, dots and dashes.
	Name string
	// Version is the FRR to run; None runs none.
	Version Version
	// VRFs are created as network namespaces before zebra starts; zebra then uses its netns backend (zebra -n).
	VRFs []string
	// NetnsVRFs makes zebra use its netns backend although VRFs is empty: VRFs can then be added later with AddVRF.
	NetnsVRFs bool
	// BGPDArgs are appended to bgpd's command line, for example "-p", "0" for a bgpd that listens nowhere.
	BGPDArgs []string
	// Sysctls are set in the node's namespace (and those of its VRFs), keys as below /proc/sys: "net/ipv4/ip_forward". Forwarding
	// is on and duplicate address detection is off without being asked.
	Sysctls map[string]string
	// Config is loaded as soon as the daemons answer; a single complaint of FRR about it fails Build.
	Config string
}

// Link connects interfaces. Two ends are one cable; any other number is plugged into a bridge.
type Link struct {
	// Name is used in errors, and as the bridge's name when it is short enough.
	Name string
	// Bridge puts a bridge between two ends too: then taking one end down leaves the other one up, as with a switch.
	Bridge bool
	Ends   []End
}

// End is one interface of a Link.
type End struct {
	Node      string
	Interface string
	// VRF is the VRF that the interface belongs to, "" for the default one.
	VRF string
	// Addresses are prefixes like "10.0.0.1/24" and "fd00::1/64"; IPv6 ones are usable at once.
	Addresses []string
}

func (t Topology) validate() error {
	nodes := map[string]NodeSpec{}
	for _, n := range t.Nodes {
		if !validName(n.Name) {
			return fmt.Errorf("node name %q: want 1 to 32 letters, digits, dots and dashes", n.Name)
		}
		if _, twice := nodes[n.Name]; twice {
			return fmt.Errorf("two nodes are named %q", n.Name)
		}
		if n.Version != None && !slices.Contains(Versions(), n.Version) {
			return fmt.Errorf("node %s: FRR %q is none of %q", n.Name, n.Version, Versions())
		}
		nodes[n.Name] = n
	}
	for _, l := range t.Links {
		if err := l.validate(nodes); err != nil {
			return fmt.Errorf("link %q: %w", l.Name, err)
		}
	}
	return nil
}

func (l Link) validate(nodes map[string]NodeSpec) error {
	for _, e := range l.Ends {
		n, ok := nodes[e.Node]
		if !ok {
			return fmt.Errorf("no node is named %q", e.Node)
		}
		if e.VRF != "" && !slices.Contains(n.VRFs, e.VRF) {
			return fmt.Errorf("node %s has no VRF %q", e.Node, e.VRF)
		}
		if e.Interface == "" || len(e.Interface) > 15 {
			return fmt.Errorf("node %s: interface name %q: want 1 to 15 characters", e.Node, e.Interface)
		}
		for _, a := range e.Addresses {
			if _, err := netip.ParsePrefix(a); err != nil {
				return fmt.Errorf("node %s, interface %s: %w", e.Node, e.Interface, err)
			}
		}
	}
	return nil
}

func validName(s string) bool {
	if s == "" || len(s) > 32 || s[0] == '.' || s[0] == '-' {
		return false
	}
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-':
		default:
			return false
		}
	}
	return true
}

// Rack is one wire: node1 has 10.0.0.11 and fd00::11, node2 10.0.0.12 and so on, tor1 10.0.0.1 and fd00::1. Nodes run one version of FRR.
func Rack(v Version, nodes int, tors ...NodeSpec) Topology {
	var top Topology
	link := Link{Name: "rack"}
	add := func(n NodeSpec, host int) {
		top.Nodes = append(top.Nodes, n)
		link.Ends = append(link.Ends, End{Node: n.Name, Interface: "eth0", Addresses: []string{fmt.Sprintf("10.0.0.%d/24", host), fmt.Sprintf("fd00::%d/64", host)}})
	}
	for i := range nodes {
		add(NodeSpec{Name: fmt.Sprint("node", i+1), Version: v, BGPDArgs: []string{"-p", "0"}}, 11+i)
	}
	for i, tor := range tors {
		tor.Name = fmt.Sprint("tor", i+1)
		add(tor, i+1)
	}
	top.Links = []Link{link}
	return top
}
