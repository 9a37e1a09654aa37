package hostnet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ErrNoRoute says that the kernel knows no way to the peer.
var ErrNoRoute = errors.New("the node has no route there")

// Route is how the kernel would reach a peer now.
type Route struct {
	Interface string
	// Source is the address that the kernel would choose for a connection that names none.
	Source netip.Addr
	// Gateway is the router on the way, the zero Addr where the peer is on-link.
	Gateway netip.Addr
	// Local says that the peer is this host.
	Local bool
}

// OnLink says that the peer is a neighbor: no router is in between.
func (r Route) OnLink() bool { return !r.Local && !r.Gateway.IsValid() }

// RouteTo asks the kernel how it would reach a peer, IPv4 or IPv6.
func (h *Host) RouteTo(ctx context.Context, peer netip.Addr) (Route, error) {
	if !peer.IsValid() {
		return Route{}, errors.New("find the route to a peer: it has no address")
	}
	var route Route
	err := h.netlink(ctx, func(nl *netlink.Handle) error {
		routes, err := nl.RouteGet(peer.Unmap().AsSlice())
		if errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("%w: %w", ErrNoRoute, err) // none, or one that is unreachable, prohibit or blackhole
		}
		if err != nil {
			return err
		}
		if len(routes) == 0 || routes[0].Type == unix.RTN_UNREACHABLE {
			return ErrNoRoute
		}
		route = Route{Interface: nameOf(nl, routes[0].LinkIndex), Local: routes[0].Type == unix.RTN_LOCAL}
		route.Source = addressOf(routes[0].Src)
		route.Gateway = gatewayOf(routes[0])
		return nil
	})
	if err != nil {
		return Route{}, fmt.Errorf("find the route to %s: %w", peer, err)
	}
	return route, nil
}

// gatewayOf also knows IPv6 routers on the way to IPv4 peers.
func gatewayOf(r netlink.Route) netip.Addr {
	if via, ok := r.Via.(*netlink.Via); ok {
		return addressOf(via.Addr)
	}
	return addressOf(r.Gw)
}

func addressOf(ip []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}
