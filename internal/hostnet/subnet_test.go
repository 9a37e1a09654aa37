package hostnet

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func (p *place) shown() []string {
	p.t.Helper()
	subnets, err := p.Subnets(p.t.Context())
	require.NoError(p.t, err)
	return shown(subnets)
}

func shown(subnets []Subnet) []string {
	var lines []string
	for _, s := range subnets {
		state := "down"
		if s.Up {
			state = "up"
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s", s.Interface, s.Address, s.Prefix(), state))
	}
	return lines
}

func TestSubnetsAreTheNodesOwn(t *testing.T) {
	places := newLAN(t, Config{}, Config{})
	p, other := places[0], places[1]
	require.NoError(t, p.Put(t.Context(), floating))
	p.add("eth0", "2001:db8::10/64")
	p.add("eth0", "fd00::10/128")
	p.add("eth0", "10.9.0.1/16")
	p.add("eth0", "169.254.1.1/16") // link-local
	p.add("eth0", "10.9.1.1/32")    // no subnet
	p.add("lo", "2001:db8:1::1/128")
	address, err := netlink.ParseAddr("10.8.0.1/24")
	require.NoError(t, err)
	address.Scope = unix.RT_SCOPE_HOST
	require.NoError(t, p.nl.AddrAdd(p.link("eth0"), address))
	deprecated, err := netlink.ParseAddr("2001:db8::dead/64")
	require.NoError(t, err)
	deprecated.ValidLft, deprecated.PreferedLft = 1000, 0
	require.NoError(t, p.nl.AddrAdd(p.link("eth0"), deprecated))

	p.bridge("br-pods") // of pods: nothing but veths behind it
	plug(p, "p1", other, "pod1")
	require.NoError(t, p.nl.LinkSetMaster(p.link("p1"), p.link("br-pods")))
	p.add("br-pods", "10.244.1.1/24")
	p.bridge("docker0")
	p.add("docker0", "172.17.0.1/16")
	plug(p, "cilium_host", other, "pod2")
	p.add("cilium_host", "10.245.1.1/24")

	require.Equal(t, []string{
		"eth0 10.9.0.1/16 10.9.0.0/16 up",
		"eth0 192.0.2.1/24 192.0.2.0/24 up",
		"eth0 2001:db8::10/64 2001:db8::/64 up",
		"eth0 fd00::10/128 fd00::10/128 up",
		"lo 2001:db8:1::1/128 2001:db8:1::1/128 up",
	}, p.shown())

	p.Host.config.Ignore = []string{"eth?"}
	require.NotContains(t, fmt.Sprint(p.shown()), "eth0")
	require.Contains(t, fmt.Sprint(p.shown()), "cilium_host")
}

func TestABridgeWithAnInterfaceToTheOutsideIsANodesOwn(t *testing.T) {
	p, other := newPlace(t, Config{}), newPlace(t, Config{})
	p.bridge("br0")
	p.add("br0", "192.0.2.1/24")
	require.Empty(t, p.shown())
	plug(p, "eth0", other, "eth0")
	err := p.nl.LinkAdd(&netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{Name: "out", ParentIndex: p.link("eth0").Attrs().Index}, Mode: netlink.MACVLAN_MODE_BRIDGE})
	if err != nil {
		t.Logf("no macvlan (%v): with a bridge of its own as the port's stand-in", err)
		links := []netlink.Link{
			&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0", Index: 7}},
			&netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "eth0", Index: 2, MasterIndex: 7}},
		}
		require.False(t, podBridge(links[0], links))
		return
	}
	require.NoError(t, p.nl.LinkSetMaster(p.link("out"), p.link("br0")))
	require.Len(t, p.shown(), 1)
}

func TestTheSubnetOfAnAddressDecidesTheInterface(t *testing.T) {
	ctx := t.Context()
	p, other := newPlace(t, Config{}), newPlace(t, Config{})
	for i, name := range []string{"eth0", "eth1", "eth2", "eth3"} {
		plug(p, name, other, fmt.Sprintf("port%d", i))
	}
	p.add("eth0", "10.0.1.10/24")
	p.add("eth1", "10.0.2.10/24")
	p.add("eth2", "10.0.2.130/25")
	p.add("eth3", "10.0.1.11/24")
	for ip, want := range map[string]string{"10.0.1.100": "eth0", "10.0.2.100": "eth1", "10.0.2.200": "eth2"} {
		lan, err := p.LAN(ctx, netip.MustParseAddr(ip))
		require.NoError(t, err)
		require.Equal(t, want, lan.Interface)
		require.Equal(t, p.link(want).Attrs().Index, lan.Index)
		require.Equal(t, p.mac(want), lan.MAC)
	}
	p.down("eth0")
	require.Equal(t, "eth3", p.lan(netip.MustParseAddr("10.0.1.100")).Interface)

	_, err := p.LAN(ctx, netip.MustParseAddr("10.0.3.1"))
	require.ErrorContains(t, err, "find the interface for 10.0.3.1: it is in no subnet of this node, which has 10.0.1.10/24 on eth0, 10.0.2.10/24 on eth1")
	for _, ip := range []string{"10.0.1.0", "10.0.1.255", "10.0.2.255"} {
		_, err = p.LAN(ctx, netip.MustParseAddr(ip))
		require.ErrorContains(t, err, "it stands for the subnet or for all hosts", ip)
	}
	p.add("lo", "10.0.4.1/24")
	_, err = p.LAN(ctx, netip.MustParseAddr("10.0.4.2"))
	require.ErrorContains(t, err, "lo is no Ethernet")
	_, err = newPlace(t, Config{}).LAN(ctx, floating)
	require.ErrorContains(t, err, "which has none")
}

// follow runs FollowSubnets until the test ends.
func (p *place) follow() <-chan []Subnet {
	p.t.Helper()
	seen := make(chan []Subnet, 10000)
	ctx, cancel := context.WithCancel(p.t.Context())
	done := make(chan error, 1)
	go func() { done <- p.FollowSubnets(ctx, func(s []Subnet) { seen <- s }) }()
	p.t.Cleanup(func() {
		cancel()
		require.ErrorIs(p.t, <-done, context.Canceled)
	})
	return seen
}

// until waits for a state that a follower is told.
func until(t *testing.T, seen <-chan []Subnet, want ...string) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	var last []string
	for {
		select {
		case s := <-seen:
			if last = shown(s); fmt.Sprint(last) == fmt.Sprint(want) {
				return
			}
		case <-timeout:
			require.Equal(t, want, last)
		}
	}
}

func TestChangesOfSubnetsAreFollowed(t *testing.T) {
	places := newLAN(t, Config{}, Config{})
	p := places[0]
	seen := p.follow()
	until(t, seen, "eth0 192.0.2.1/24 192.0.2.0/24 up")
	p.add("eth0", "10.9.0.1/16")
	until(t, seen, "eth0 10.9.0.1/16 10.9.0.0/16 up", "eth0 192.0.2.1/24 192.0.2.0/24 up")
	p.remove("eth0", "10.9.0.1/16")
	until(t, seen, "eth0 192.0.2.1/24 192.0.2.0/24 up")
	p.down("eth0")
	until(t, seen, "eth0 192.0.2.1/24 192.0.2.0/24 down")
	p.up("eth0")
	until(t, seen, "eth0 192.0.2.1/24 192.0.2.0/24 up")
	require.NoError(t, p.nl.LinkDel(p.link("eth0")))
	until(t, seen)
}

func TestFloatingIPsThatComeAndStayAreNoChange(t *testing.T) {
	places := newLAN(t, Config{}, Config{})
	p := places[0]
	seen := p.follow()
	until(t, seen, "eth0 192.0.2.1/24 192.0.2.0/24 up")
	require.NoError(t, p.Put(t.Context(), floating))
	require.NoError(t, p.Put(t.Context(), floating))
	p.add("eth0", "10.9.0.1/16")
	require.Len(t, next(t, seen), 2, "the next that is told is the next change")
}

func TestChangesThatTheKernelCouldNotTellAreSeen(t *testing.T) {
	places := newLAN(t, Config{}, Config{})
	p := places[0]
	told := make(chan []Subnet, 10000)
	hold := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- p.FollowSubnets(ctx, func(s []Subnet) {
			told <- s
			<-hold
		})
	}()
	next(t, told)
	// The follower does not listen: 212,992 bytes are what a socket keeps for it.
	for range 2000 {
		p.add("eth0", "10.9.0.1/16")
		p.remove("eth0", "10.9.0.1/16")
	}
	p.add("eth0", "10.7.0.1/16")
	close(hold)
	until(t, told, "eth0 10.7.0.1/16 10.7.0.0/16 up", "eth0 192.0.2.1/24 192.0.2.0/24 up")
	next(t, p.overruns)
	p.add("eth0", "10.8.0.1/16")
	until(t, told, "eth0 10.7.0.1/16 10.7.0.0/16 up", "eth0 10.8.0.1/16 10.8.0.0/16 up", "eth0 192.0.2.1/24 192.0.2.0/24 up")
	cancel()
	require.ErrorIs(t, next(t, done), context.Canceled)
}
