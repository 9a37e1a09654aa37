package frrconf

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
)

// PeerID is how FRR names a neighbor: by address, or by the interface that leads to it (an unnumbered session).
type PeerID struct {
	addr  netip.Addr
	iface string
}

// PeerAddress names a neighbor by an address that a session can be opened to.
func PeerAddress(a netip.Addr) (PeerID, error) {
	switch {
	case !a.IsValid():
		return PeerID{}, errors.New("no address")
	case a.Zone() != "":
		return PeerID{}, fmt.Errorf("%s has a zone; name the interface instead of a link-local address", a)
	case a.Is4In6():
		return PeerID{}, fmt.Errorf("%s is an IPv4 address in IPv6 form; write %s", a, a.Unmap())
	case a.IsUnspecified(), a.IsMulticast(), a.IsLoopback(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return PeerID{}, fmt.Errorf("%s is not the address of another router", a)
	case a.Is6() && a.IsLinkLocalUnicast():
		return PeerID{}, fmt.Errorf("%s is link-local and could be on any link; name the interface instead", a)
	}
	return PeerID{addr: a}, nil
}

// PeerInterface names a neighbor by the interface that leads to it.
func PeerInterface(name string) (PeerID, error) {
	if err := checkDevice(name); err != nil {
		return PeerID{}, err
	}
	return PeerID{iface: name}, nil
}

// String prints the neighbor as FRR does after "neighbor".
func (p PeerID) String() string {
	if p.iface != "" {
		return p.iface
	}
	return p.addr.String()
}

// IsInterface tells whether the neighbor is named by interface.
func (p PeerID) IsInterface() bool { return p.iface != "" }

// Addr is the neighbor's address; the zero Addr when it is named by interface.
func (p PeerID) Addr() netip.Addr { return p.addr }

// Compare orders neighbors as FRR prints them: interfaces by name, then IPv4, then IPv6 addresses by value.
func (p PeerID) Compare(q PeerID) int {
	if p.IsInterface() != q.IsInterface() {
		if p.IsInterface() {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(p.iface, q.iface), p.addr.Compare(q.addr))
}

// Neighbor is one BGP session of an Instance.
type Neighbor struct {
	Peer     PeerID
	RemoteAS RemoteAS
	// LocalAS is shown to the neighbor instead of the instance's AS (no-prepend replace-as); 0: not set.
	LocalAS     uint32
	Description Description
	// BFD of the session; the zero Name: none.
	BFDProfile Name
	Password   Password
	// Port to connect to; 0: 179.
	Port uint16
	// EBGPMultihop lets the session pass routers.
	EBGPMultihop bool
	// TTLSecurityHops is how far the neighbor may be for packets to count as its own (RFC 5082), 1 to 254; 0: not checked. It excludes
	// EBGPMultihop.
	TTLSecurityHops uint8
	// DisableConnectedCheck opens a one-hop session to an address that is on no subnet of the node's.
	DisableConnectedCheck bool
	// Passive waits for the neighbor to open the session.
	Passive bool
	// UpdateSource is the local address of the session; the zero Addr leaves it to the kernel.
	UpdateSource netip.Addr
	// Timers to propose; nil: FRR's.
	Timers *Timers
	// ConnectTime between attempts to connect, in seconds; 0: FRR's.
	ConnectTime     uint16
	GracefulRestart bool
	// IPv4 and IPv6 say which families the session carries.
	IPv4 bool
	IPv6 bool
	// AllPathsIPv4 and AllPathsIPv6 tell the neighbor every path to a prefix, not the best one alone (RFC 7911).
	AllPathsIPv4 bool
	AllPathsIPv6 bool
	// KeepNextHop tells an external neighbor the next hops that the routes have, in place of our own address.
	KeepNextHop bool
	// In and Out are the route-maps of every family; a neighbor always has both.
	In  Name
	Out Name
}

// Timers of a session in seconds (RFC 4271, 4.2): Hold is 0 or 3 to 65535, Keepalive at most a third of Hold, as FRR keeps it.
type Timers struct {
	Keepalive uint16
	Hold      uint16
}

// NewTimers returns the timers as FRR keeps them: a keepalive above a third of the hold time is cut to that (seen running: "timers 9 3"
// is printed "timers 1 3").
func NewTimers(keepalive, hold uint16) (*Timers, error) {
	if hold != 0 && hold < 3 {
		return nil, fmt.Errorf("a hold time of %ds; RFC 4271 wants 0 or at least 3s", hold)
	}
	return &Timers{Keepalive: min(keepalive, hold/3), Hold: hold}, nil
}
