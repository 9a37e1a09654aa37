package network

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// Spec is what the networks are made of.
type Spec struct {
	// Version of the machines' FRR.
	Version  fabric.Version
	Machines []Machine
	Tors     []Tor
	// Floating are the floating IPs that the routers know.
	Floating []string
	// Apart are nodes with no link at all.
	Apart []string
	// IPv4Only machines and routers have no IPv6 address but link-local ones.
	IPv4Only bool
}

// Machine is a node of the cluster: 10.0.SUBNET.HOST and fd0SUBNET::HOST.
type Machine struct {
	Name         string
	Subnet, Host int
}

// Address is the machine's IPv4 address, Address6 its IPv6 one.
func (m Machine) Address() string { return fmt.Sprintf("10.0.%d.%d", m.Subnet, m.Host) }

// Address6 is the machine's IPv6 address.
func (m Machine) Address6() string { return fmt.Sprintf("fd0%d::%d", m.Subnet, m.Host) }

// Tor is a router: 10.0.SUBNET.HOST in each subnet, and the address that it speaks BGP from. Passive ones only wait, others call too, where
// nobody answers.
type Tor struct {
	Name    string
	Version fabric.Version
	Host    int
	Address string
	ASN     int
	Passive bool
	// One path for a prefix is all that it takes.
	One bool
	// Neighbors that it has in place of the floating IPs.
	Neighbors []string
}

// TwoTors are those of examples 09 and 10: tor1 takes many paths for a prefix, tor2 one.
func TwoTors(v, other fabric.Version) []Tor {
	return []Tor{
		{Name: "tor1", Version: other, Host: 2, Address: "10.8.0.10", ASN: 65002},
		{Name: "tor2", Version: v, Host: 3, Address: "10.8.0.11", ASN: 65002, Passive: true, One: true},
	}
}

// topology has a bridge for each subnet, and one between the routers and the client.
func (s Spec) topology() fabric.Topology {
	top := fabric.Topology{Nodes: []fabric.NodeSpec{{Name: "client"}}}
	for _, name := range s.Apart {
		top.Nodes = append(top.Nodes, fabric.NodeSpec{Name: name})
	}
	lans := map[int][]fabric.End{}
	for _, m := range s.Machines {
		top.Nodes = append(top.Nodes, fabric.NodeSpec{Name: m.Name, Version: s.Version, BGPDArgs: []string{"-p", "1790"}})
		lans[m.Subnet] = append(lans[m.Subnet], s.end(m, "eth0"))
	}
	outside := []fabric.End{{Node: "client", Interface: "eth0", Addresses: []string{"192.168.77.9/24", "2001:db8:77::9/64"}}}
	subnets := slices.Sorted(maps.Keys(lans))
	for i, r := range s.Tors {
		top.Nodes = append(top.Nodes, fabric.NodeSpec{
			Name: r.Name, Version: r.Version, Config: r.config(s.Floating),
			// So that connections, not only hosts, are spread.
			Sysctls: map[string]string{"net/ipv4/fib_multipath_hash_policy": "1", "net/ipv6/fib_multipath_hash_policy": "1"},
		})
		for _, subnet := range subnets {
			lans[subnet] = append(lans[subnet], s.end(Machine{r.Name, subnet, r.Host}, fmt.Sprint("eth", subnet)))
		}
		outside = append(outside, fabric.End{Node: r.Name, Interface: "eth9", Addresses: []string{outside4(i) + "/24", outside6(i) + "/64"}})
	}
	for _, subnet := range subnets {
		top.Links = append(top.Links, fabric.Link{Name: fmt.Sprint("subnet", subnet), Bridge: true, Ends: lans[subnet]})
	}
	top.Links = append(top.Links, fabric.Link{Name: "outside", Bridge: true, Ends: outside})
	return top
}

// outside4 is where the client has the i-th router, as outside6 is.
func outside4(i int) string { return fmt.Sprintf("192.168.77.%d", i+1) }

func outside6(i int) string { return fmt.Sprintf("2001:db8:77::%d", i+1) }

func (s Spec) end(m Machine, iface string) fabric.End {
	addresses := []string{m.Address() + "/24"}
	if !s.IPv4Only {
		addresses = append(addresses, m.Address6()+"/64")
	}
	return fabric.End{Node: m.Name, Interface: iface, Addresses: addresses}
}

// config of the router: every floating IP is its neighbor, and it takes what comes.
func (r Tor) config(floating []string) string {
	if r.Neighbors != nil {
		floating = r.Neighbors
	}
	var b strings.Builder
	fmt.Fprintf(&b, "router bgp %d\n bgp router-id %s\n no bgp ebgp-requires-policy\n", r.ASN, r.Address)
	for _, f := range floating {
		fmt.Fprintf(&b, " neighbor %[1]s remote-as 65001\n neighbor %[1]s ebgp-multihop 255\n neighbor %[1]s update-source %[2]s\n neighbor %[1]s timers connect 1\n", f, r.Address)
		if r.Passive {
			fmt.Fprintf(&b, " neighbor %s passive\n", f)
		}
	}
	for _, family := range []string{"ipv4", "ipv6"} {
		fmt.Fprintf(&b, " address-family %s unicast\n  maximum-paths 16\n", family)
		for _, f := range floating {
			fmt.Fprintf(&b, "  neighbor %s activate\n", f)
			if r.One {
				fmt.Fprintf(&b, "  neighbor %s disable-addpath-rx\n", f)
			}
		}
		b.WriteString(" exit-address-family\n")
	}
	return b.String() + "exit\n"
}
