package fabric

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// Port is the other end of a node's interface: the switch's port where a bridge is, the other node's interface at the end of a cable.
type Port int

// What a Port can be. One that is Cut has no carrier at either end; the node keeps its addresses and routes. One that is Deaf lets nothing through, but
// has a carrier, as behind a switch that forwards no more: only a bridge's can be.
const (
	Plugged Port = iota
	Cut
	Deaf
)

// SetPort does to the port of a node's interface what a hand does in a rack.
func (f *Fabric) SetPort(node, iface string, to Port) error {
	index, err := f.nodes[node].peerOf(iface)
	if err != nil {
		return err
	}
	return f.sw.withNetlink("", func(h *netlink.Handle) error {
		port, err := h.LinkByIndex(index)
		if err != nil {
			return fmt.Errorf("find the port of %s of node %s: %w", iface, node, err)
		}
		key := node + " " + iface
		if master := port.Attrs().MasterIndex; master != 0 {
			f.bridges[key] = master
		}
		if to == Cut {
			return h.LinkSetDown(port)
		}
		if to == Deaf {
			return h.LinkSetNoMaster(port)
		}
		if port.Attrs().MasterIndex == 0 {
			if err := h.LinkSetMasterByIndex(port, f.bridges[key]); err != nil {
				return fmt.Errorf("plug %s of node %s into its bridge: %w", iface, node, err)
			}
		}
		return h.LinkSetUp(port)
	})
}

// peerOf is the number of the other end of an interface, in the namespace that has it.
func (n *Node) peerOf(iface string) (index int, err error) {
	err = n.withNetlink("", func(h *netlink.Handle) error {
		link, err := h.LinkByName(iface)
		if err != nil {
			return fmt.Errorf("find interface %s of node %s: %w", iface, n.Name, err)
		}
		index = link.Attrs().ParentIndex
		return nil
	})
	return index, err
}
