package faults

import (


	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

const vip = "192.0.2.10"

// street is a client behind tor1, which learns the way to the Service's address at node1 from BGP alone; the way to node1's own address is the
// control: what is lost there is the machine's doing.
func street(node, tor fabric.Version, bfd bool) fabric.Topology {
	config := "bgp route-map delay-timer 0\nrouter bgp 64501\n no bgp ebgp-requires-policy\n neighbor 10.0.0.11 remote-as 64500\n neighbor 10.0.0.11 timers connect 1\n"
	if bfd {
		config += " neighbor 10.0.0.11 bfd\n neighbor 10.0.0.11 bfd check-control-plane-failure\n"
	}
	return fabric.Topology{
		Nodes: []fabric.NodeSpec{{Name: "node1", Version: node}, {Name: "tor1", Version: tor, Config: config + "exit\n"}, {Name: "client"}},
		Links: []fabric.Link{
			{Name: "rack", Bridge: true, Ends: []fabric.End{
				{Node: "node1", Interface: "eth0", Addresses: []string{"10.0.0.11/24"}},
				{Node: "tor1", Interface: "eth0", Addresses: []string{"10.0.0.1/24"}},
			}},
			{Name: "world", Ends: []fabric.End{
				{Node: "client", Interface: "eth0", Addresses: []string{"172.16.0.2/24"}},
				{Node: "tor1", Interface: "eth1", Addresses: []string{"172.16.0.1/24"}},
			}},
		},
	}
}
