package hostnet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestWhoListensIsFound(t *testing.T) {
	ctx := t.Context()
	p := newPlace(t, Config{})
	other := newPlace(t, Config{})
	other.listen("0.0.0.0:179")
	found, err := p.Listeners(ctx, 179)
	require.NoError(t, err)
	require.Empty(t, found, "another namespace is another host")

	p.add("lo", "2001:db8::1/128")
	p.listen("127.0.0.1:179")
	p.listen("[2001:db8::1]:179")
	p.listen("127.0.0.1:1790")
	comm, err := os.ReadFile("/proc/self/comm")
	require.NoError(t, err)
	me := Listener{UID: os.Geteuid(), PID: os.Getpid(), Process: strings.TrimSpace(string(comm))}
	var want []Listener
	for _, a := range []string{"127.0.0.1:179", "[2001:db8::1]:179"} {
		l := me
		l.Address = netip.MustParseAddrPort(a)
		want = append(want, l)
	}
	found, err = p.Listeners(ctx, 179)
	require.NoError(t, err)
	for i := range found {
		require.NotEmpty(t, found[i].inode)
		found[i].inode = ""
	}
	require.Equal(t, want, found)
	require.Equal(t, fmt.Sprintf("%s (process %d) listens on 127.0.0.1:179", me.Process, me.PID), found[0].String())
	require.Equal(t, "a process of user 101 listens on [::]:179", Listener{UID: 101, Address: netip.MustParseAddrPort("[::]:179")}.String())
}

func TestConnectionsAreNoListeners(t *testing.T) {
	ctx := t.Context()
	p := newPlace(t, Config{})
	l := p.listen("127.0.0.1:179")
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			accepted <- c
		}
	}()
	c, err := p.dialOnce(netip.MustParseAddr("127.0.0.1"), 179)
	require.NoError(t, err)
	defer c.Close()
	defer (<-accepted).Close()
	found, err := p.Listeners(ctx, 179)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.NoError(t, l.Close())
	found, err = p.Listeners(ctx, 179)
	require.NoError(t, err)
	require.Empty(t, found, "both ends are still connected")
}

func TestTablesOfSocketsThatCannotBeReadAreErrors(t *testing.T) {
	for _, line := range []string{"x", "0: 0100007F 0:0 0A 0:0 0:0 0 0 0 1", "0: 0100:00B3 0:0 0A 0:0 0:0 0 0 0 1", "0: 0100007F:00B3 0:0 0A 0:0 0:0 0 root 0 1"} {
		_, err := parseListeners(t.Context(), strings.NewReader("header\n"+line+"\n"), 179)
		require.Error(t, err, line)
	}
}

func TestHowTheKernelReachesAPeerIsTold(t *testing.T) {
	ctx := t.Context()
	places := newLAN(t, Config{}, Config{})
	p := places[0]
	p.add("eth0", "2001:db8::1/64")
	require.NoError(t, p.nl.RouteAdd(&netlink.Route{Dst: prefix("203.0.113.0/24"), Gw: net.ParseIP("192.0.2.2")}))
	require.NoError(t, p.nl.RouteAdd(&netlink.Route{Dst: prefix("198.51.100.0/24"), Type: unix.RTN_BLACKHOLE}))
	require.NoError(t, p.nl.RouteAdd(&netlink.Route{Dst: prefix("198.51.101.0/24"), Type: unix.RTN_UNREACHABLE}))
	via6 := &netlink.Route{Dst: prefix("203.0.114.0/24"), LinkIndex: p.link("eth0").Attrs().Index,
		Via: &netlink.Via{AddrFamily: netlink.FAMILY_V6, Addr: net.ParseIP("2001:db8::2")}}
	require.NoError(t, p.nl.RouteAdd(via6))
	require.NoError(t, p.Put(ctx, floating))

	node, node6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for peer, want := range map[string]Route{
		"192.0.2.2":        {Interface: "eth0", Source: node},
		"203.0.113.9":      {Interface: "eth0", Source: node, Gateway: netip.MustParseAddr("192.0.2.2")},
		"203.0.114.9":      {Interface: "eth0", Source: node, Gateway: netip.MustParseAddr("2001:db8::2")},
		"2001:db8::2":      {Interface: "eth0", Source: node6},
		"192.0.2.1":        {Interface: "lo", Source: node, Local: true},
		"192.0.2.100":      {Interface: "lo", Source: floating, Local: true},
		"::ffff:c000:0202": {Interface: "eth0", Source: node},
	} {
		got, err := p.RouteTo(ctx, netip.MustParseAddr(peer))
		require.NoError(t, err, peer)
		require.Equal(t, want, got, peer)
		require.Equal(t, !want.Local && !want.Gateway.IsValid(), got.OnLink())
	}
	for _, peer := range []string{"10.1.1.1", "198.51.100.1", "198.51.101.1", "2001:db8:9::1"} {
		_, err := p.RouteTo(ctx, netip.MustParseAddr(peer))
		require.ErrorIs(t, err, ErrNoRoute, peer)
		require.ErrorContains(t, err, "find the route to "+peer)
	}
	_, err := p.RouteTo(ctx, netip.Addr{})
	require.Error(t, err)
}

func prefix(s string) *net.IPNet {
	_, n, err := net.ParseCIDR(s)
	if err != nil {
		panic(err)
	}
	return n
}

func TestNoFileStaysOpen(t *testing.T) {
	places := newLAN(t, Config{ProbeEvery: 1, AnnounceEvery: 1}, Config{})
	p := places[0]
	lan := p.lan(floating)
	all := func() {
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, p.Put(ctx, floating))
		_, _, err := p.Probe(ctx, lan, floating)
		require.NoError(t, err)
		require.NoError(t, p.Announce(ctx, lan, floating))
		require.NoError(t, p.WouldAnswer(ctx, lan))
		_, err = p.Listeners(ctx, 179)
		require.NoError(t, err)
		require.ErrorIs(t, p.FollowSubnets(ctx, func([]Subnet) { cancel() }), context.Canceled)
		require.ErrorIs(t, p.Watch(ctx, lan, floating, func(Conflict) {}), context.Canceled)
	}
	all()
	before := files(t)
	for range 5 {
		all()
	}
	require.Equal(t, before, files(t))
}

func files(t *testing.T) int {
	t.Helper()
	found, err := filepath.Glob("/proc/self/fd/*")
	require.NoError(t, err)
	return len(found)
}
