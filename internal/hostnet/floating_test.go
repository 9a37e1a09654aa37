package hostnet

import (
	"context"
	"io/fs"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// has is what "ip address" would show of IPv4.
func (p *place) has(name string) map[string]netlink.Addr {
	p.t.Helper()
	addresses, err := p.nl.AddrList(p.link(name), netlink.FAMILY_V4)
	require.NoError(p.t, err)
	found := map[string]netlink.Addr{}
	for _, a := range addresses {
		found[a.IPNet.String()] = a
	}
	return found
}

func TestAFloatingIPIsPutOnAndTakenOff(t *testing.T) {
	ctx := t.Context()
	p := newPlace(t, Config{})
	require.NoError(t, p.Put(ctx, floating))
	a, on := p.has("lo")["192.0.2.100/32"]
	require.True(t, on)
	require.Equal(t, "lo:frr-fip", a.Label)
	require.Equal(t, int(netlink.SCOPE_UNIVERSE), a.Scope)
	require.InDelta(t, 60, a.ValidLft, 15)
	require.InDelta(t, 60, a.PreferedLft, 15)

	require.NoError(t, p.Take(ctx, floating))
	require.NotContains(t, p.has("lo"), "192.0.2.100/32")
	require.NoError(t, p.Take(ctx, floating), "what is off stays off")
}

func TestPutAgainBeginsTheLifetimeAnew(t *testing.T) {
	ctx := t.Context()
	p := newPlace(t, Config{})
	require.NoError(t, p.nl.AddrAdd(p.link("lo"), &netlink.Addr{IPNet: single(floating), Label: "lo:frr-fip", ValidLft: 1000, PreferedLft: 1000}))
	require.NoError(t, p.Put(ctx, floating))
	a := p.has("lo")["192.0.2.100/32"]
	require.LessOrEqual(t, a.ValidLft, 60)
	require.LessOrEqual(t, a.PreferedLft, 60)
	require.Equal(t, "lo:frr-fip", a.Label)
}

func TestAFloatingIPThatNobodyPutsAgainGoesByItself(t *testing.T) {
	ctx := t.Context()
	p := newPlace(t, Config{Lifetime: 2 * time.Second})
	other := netip.MustParseAddr("192.0.2.101")
	require.NoError(t, p.Put(ctx, floating))
	require.NoError(t, p.Put(ctx, other))
	p.eventually(func() bool {
		require.NoError(t, p.Put(ctx, other))
		return len(p.has("lo")) == 2 // 127.0.0.1 and the one that is put again
	}, "the kernel takes the address off")
	require.Contains(t, p.has("lo"), "192.0.2.101/32")
}

func TestFloatingIPsAreFoundAgainAfterARestart(t *testing.T) {
	ctx := t.Context()
	p := newPlace(t, Config{})
	p.bridge("fip0")
	p.add("lo", "192.0.2.50/32")
	require.NoError(t, p.Put(ctx, floating))
	require.NoError(t, p.Put(ctx, netip.MustParseAddr("192.0.2.9")))

	restarted, err := Open(Config{Namespace: p.file.Name(), Interface: "fip0"})
	require.NoError(t, err)
	defer restarted.Close()
	found, err := restarted.Floating(ctx)
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Equal(t, netip.MustParseAddr("192.0.2.9"), found[0].Address)
	require.Equal(t, floating, found[1].Address)
	require.Equal(t, "lo", found[1].Interface)
	require.Positive(t, found[1].Left)

	require.NoError(t, restarted.Put(ctx, floating), "the configuration names another interface now")
	require.NotContains(t, p.has("lo"), "192.0.2.100/32")
	require.Equal(t, "fip0:frr-fip", p.has("fip0")["192.0.2.100/32"].Label)
	require.NoError(t, restarted.Take(ctx, netip.MustParseAddr("192.0.2.9")))
	require.NotContains(t, p.has("lo"), "192.0.2.9/32")
	require.Contains(t, p.has("lo"), "192.0.2.50/32")
}

func TestAddressesOfOthersAreLeftAlone(t *testing.T) {
	ctx := t.Context()
	for name, address := range map[string]string{"lo": "192.0.2.100/32", "fip0": "192.0.2.100/24"} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, Config{})
			p.bridge("fip0")
			p.add(name, address)
			before := p.has(name)[address]
			err := p.Put(ctx, floating)
			require.ErrorIs(t, err, ErrNotOurs)
			require.ErrorContains(t, err, "put floating IP 192.0.2.100 on lo")
			require.ErrorContains(t, err, address+" is on "+name+": take it off there, or choose another floating IP")
			require.NoError(t, p.Take(ctx, floating))
			require.Equal(t, before, p.has(name)[address])
			found, err := p.Floating(ctx)
			require.NoError(t, err)
			require.Empty(t, found)
		})
	}
}

func TestAnInterfaceWithAnIPv6LinkLocalAddressIsRefused(t *testing.T) {
	ctx := t.Context()
	p := newPlace(t, Config{Interface: "fip0"})
	p.bridge("fip0")
	p.add("fip0", "fe80::1/64")
	err := p.Put(ctx, floating)
	require.ErrorContains(t, err, "fip0: the interface has the IPv6 link-local address fe80::1")
	require.ErrorContains(t, err, "ip link set fip0 addrgenmode none")
	require.Empty(t, p.has("fip0"))

	p.remove("fip0", "fe80::1/64")
	require.NoError(t, p.Put(ctx, floating))
	p.add("fip0", "fe80::1/64")
	require.NoError(t, p.Put(ctx, floating), "an address in use does not go for that")
}

func TestAnInterfaceThatCanHoldNothingIsRefused(t *testing.T) {
	ctx := t.Context()
	p := newPlace(t, Config{Interface: "fip0"})
	require.ErrorContains(t, p.Put(ctx, floating), "put floating IP 192.0.2.100 on fip0: the node has no interface fip0")
	p.bridge("fip0")
	p.down("fip0")
	require.ErrorContains(t, p.Put(ctx, floating), "ip link set fip0 up")
	require.Empty(t, p.has("fip0"))
}

func TestOnlyIPv4AddressesOfHostsAreFloatingIPs(t *testing.T) {
	h, err := Open(Config{Namespace: "/proc/self/ns/net"})
	require.NoError(t, err)
	defer h.Close()
	for _, ip := range []string{"2001:db8::1", "127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "169.254.0.1", "::ffff:192.0.2.1"} {
		a := netip.MustParseAddr(ip)
		for _, err := range []error{h.Put(t.Context(), a), h.Take(t.Context(), a), h.Announce(t.Context(), LAN{}, a)} {
			require.ErrorContains(t, err, "is no IPv4 address of a host", ip)
		}
	}
}

func TestConfigurationsThatCannotWorkAreRefused(t *testing.T) {
	for want, c := range map[string]Config{
		"more than 7 characters": {Interface: "loopback"},
		"whole seconds":          {Lifetime: 1500 * time.Millisecond},
		"want a positive one":    {WatchEvery: -1},
		"pattern of interfaces":  {Ignore: []string{"["}},
		"open network namespace": {Namespace: "/nowhere"},
	} {
		_, err := Open(c)
		require.ErrorContains(t, err, want)
	}
}

func TestWhoLacksACapabilityIsTold(t *testing.T) {
	ctx := t.Context()
	p := newPlace(t, Config{})
	without(t, unix.CAP_NET_ADMIN, func() {
		err := p.Put(ctx, floating)
		require.ErrorIs(t, err, fs.ErrPermission)
		require.ErrorContains(t, err, "put floating IP 192.0.2.100 on lo: operation not permitted: the process needs the capability NET_ADMIN")
	})
	without(t, unix.CAP_NET_RAW, func() {
		h, err := Open(Config{}) // raw sockets for other namespaces are opened by other threads, so of this one
		require.NoError(t, err)
		_, _, err = h.Probe(ctx, LAN{Interface: "lo", Index: 1}, floating)
		require.ErrorIs(t, err, fs.ErrPermission)
		require.ErrorContains(t, err, "ask who has 192.0.2.100 on lo: operation not permitted: the process needs the capability NET_RAW")
	})
}

func TestACancelledContextChangesNothing(t *testing.T) {
	p := newPlace(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.Put(ctx, floating), context.Canceled)
	require.ErrorIs(t, p.Announce(ctx, LAN{Index: 1, MAC: nobody}, floating), context.Canceled)
	require.NotContains(t, p.has("lo"), "192.0.2.100/32")
}
