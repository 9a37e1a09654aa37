package hostnet

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// has6 are the IPv6 addresses of an interface.
func (p *place) has6(name string) map[string]netlink.Addr {
	p.t.Helper()
	addresses, err := p.nl.AddrList(p.link(name), netlink.FAMILY_V6)
	require.NoError(p.t, err)
	found := map[string]netlink.Addr{}
	for _, a := range addresses {
		found[a.IPNet.String()] = a
	}
	return found
}

func TestAnIPv6AddressOfTheNodeGoesWithFloatingIPs(t *testing.T) {
	ctx := t.Context()
	p := newLAN(t, Config{}, Config{})[0]
	other := netip.MustParseAddr("192.0.2.101")
	p.add("eth0", "2001:db8::10/64")
	before := p.shown()
	require.NoError(t, p.Put(ctx, floating))
	require.NoError(t, p.Put(ctx, other))
	a, on := p.has6("lo")["2001:db8::10/128"]
	require.True(t, on)
	require.InDelta(t, 60, a.ValidLft, 15)
	require.Zero(t, a.Flags&unix.IFA_F_PERMANENT)
	require.Equal(t, before, p.shown(), "it is no subnet")

	require.NoError(t, p.Take(ctx, floating))
	require.Contains(t, p.has6("lo"), "2001:db8::10/128")
	require.NoError(t, p.Take(ctx, other))
	require.NotContains(t, p.has6("lo"), "2001:db8::10/128")
	require.Contains(t, p.has6("eth0"), "2001:db8::10/64")
}

func TestTheIPv6AddressIsRefreshedAndGoesByItself(t *testing.T) {
	ctx := t.Context()
	p := newLAN(t, Config{Lifetime: 2 * time.Second}, Config{})[0]
	p.add("eth0", "2001:db8::10/64")
	require.NoError(t, p.Put(ctx, floating))
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		require.NoError(t, p.Put(ctx, floating))
	}
	require.Contains(t, p.has6("lo"), "2001:db8::10/128")
	// Another address of the node's does not take its place; one that the node has no more is not refreshed.
	p.add("eth0", "2001:db8::9/64")
	require.NoError(t, p.Put(ctx, floating))
	require.NotContains(t, p.has6("lo"), "2001:db8::9/128")
	p.remove("eth0", "2001:db8::10/64")
	p.eventually(func() bool {
		require.NoError(t, p.Put(ctx, floating))
		_, old := p.has6("lo")["2001:db8::10/128"]
		_, now := p.has6("lo")["2001:db8::9/128"]
		return now && !old
	}, "the other takes its place")
}

func TestAnInterfaceWithAnIPv6AddressOfItsOwnNeedsNoOther(t *testing.T) {
	ctx := t.Context()
	p := newLAN(t, Config{}, Config{})[0]
	p.add("eth0", "2001:db8::10/64")
	p.add("lo", "2001:db8:1::1/128")
	require.NoError(t, p.Put(ctx, floating))
	require.NotContains(t, p.has6("lo"), "2001:db8::10/128")
	require.NoError(t, p.Take(ctx, floating))
	require.Contains(t, p.has6("lo"), "2001:db8:1::1/128")
}

func TestAnInterfaceThatTakesNoIPv6IsRefusedWhereTheNodeHasIPv6(t *testing.T) {
	ctx := t.Context()
	p := newLAN(t, Config{}, Config{})[0]
	p.sysctl("net/ipv6/conf/lo/disable_ipv6", "1")
	require.NoError(t, p.Put(ctx, floating), "the node has no IPv6")
	require.NoError(t, p.Take(ctx, floating))
	p.add("eth0", "2001:db8::10/64")
	require.ErrorContains(t, p.Put(ctx, floating), "sysctl -w net.ipv6.conf.lo.disable_ipv6=0")
	require.NotContains(t, p.has("lo"), "192.0.2.100/32")
	p.sysctl("net/ipv6/conf/lo/disable_ipv6", "0")
	require.NoError(t, p.Put(ctx, floating))
	p.sysctl("net/ipv6/conf/lo/disable_ipv6", "1")
	require.NoError(t, p.Put(ctx, floating), "an address in use does not go for that")
}
