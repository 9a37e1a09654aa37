package floating

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/hostnet"
)

// Host is the node's network, as far as floating IPs need it. hostnet.Host is one, and says what each method does.
type Host interface {
	Addresses
	Reach
	Wire
}

// Addresses are the floating IPs that are on the host. Its methods return soon.
type Addresses interface {
	Put(ctx context.Context, ip netip.Addr) error
	Take(ctx context.Context, ip netip.Addr) error
	Floating(ctx context.Context) ([]hostnet.Floating, error)
	RefreshEvery() time.Duration
}

// Reach is where an address would be reached. Its methods return soon.
type Reach interface {
	LAN(ctx context.Context, ip netip.Addr) (hostnet.LAN, error)
	WouldAnswer(ctx context.Context, lan hostnet.LAN) error
}

// Wire is what the LANs say of an address, and are told. Its methods take their time, but for Answer.
type Wire interface {
	Probe(ctx context.Context, lan hostnet.LAN, ip netip.Addr) (hostnet.Conflict, bool, error)
	Announce(ctx context.Context, lan hostnet.LAN, ip netip.Addr) error
	Answer(ctx context.Context, lan hostnet.LAN, ip netip.Addr, to net.HardwareAddr) error
	Watch(ctx context.Context, lan hostnet.LAN, ip netip.Addr, report func(hostnet.Conflict)) error
}

var _ Host = (*hostnet.Host)(nil)
