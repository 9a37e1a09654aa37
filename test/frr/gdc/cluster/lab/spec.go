package lab

import (
	"fmt"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gdc/network"
)

// Spec is what a lab is made of.
type Spec struct {
	// Version of the nodes' FRR.
	Version  fabric.Version
	Machines []Machine
	Tors     []Tor
	// Floating are the floating IPs that the routers know.
	Floating []string
	// Managers is how many there are; 0 is 1.
	Managers int
	// ManagerFlags are further flags of theirs.
	ManagerFlags []string
	// IPv4Only nodes have no IPv6 address but link-local ones.
	IPv4Only bool
	// NoMetalLB: the API server does not serve MetalLB's kinds.
	NoMetalLB bool
	// Binary is the product; "" is one that is built for the tests.
	Binary string
}

// What a lab's networks are made of.
type (
	Machine = network.Machine
	Tor     = network.Tor
)

// TwoTors are those of examples 09 and 10: tor1 takes many paths for a prefix, tor2 one.
func TwoTors(v, other fabric.Version) []Tor { return network.TwoTors(v, other) }

func (s Spec) managers() int { return max(1, s.Managers) }

func managerName(i int) string { return fmt.Sprint("manager", i+1) }

// network is what the networks are made of; managers are apart from them.
func (s Spec) network() network.Spec {
	n := network.Spec{Version: s.Version, Machines: s.Machines, Tors: s.Tors, Floating: s.Floating, IPv4Only: s.IPv4Only}
	for i := range s.managers() {
		n.Apart = append(n.Apart, managerName(i))
	}
	return n
}
