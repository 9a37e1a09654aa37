package hostnet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/skip"
)

// TestMain finds goroutines of ours that outlive the tests.
func TestMain(m *testing.M) {
	code := m.Run()
	stacks := ""
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if stacks = leftBehind(); stacks == "" {
			os.Exit(code)
		}
	}
	fmt.Fprintf(os.Stderr, "goroutines were left behind:\n%s\n", stacks)
	os.Exit(1)
}

func leftBehind() string {
	all := make([]byte, 1<<20)
	all = all[:runtime.Stack(all, true)]
	var found []string
	for i, stack := range strings.Split(string(all), "\n\n") {
		if i > 0 && strings.Contains(stack, "internal/hostnet.") && !strings.Contains(stack, "created by testing.") {
			found = append(found, stack)
		}
	}
	return strings.Join(found, "\n\n")
}

// place is a network namespace, with the Host in it.
type place struct {
	*Host
	t    testing.TB
	file *os.File
	nl   *netlink.Handle
}

func requireRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	skip.Test(t, skip.FRR, "network namespaces need root")
}

// newPlace makes a namespace that goes with the test.
func newPlace(t testing.TB, c Config) *place {
	t.Helper()
	requireRoot(t)
	p := &place{t: t, file: newNamespace(t)}
	c.Namespace = p.file.Name()
	h, err := Open(c)
	require.NoError(t, err)
	p.Host = h
	p.nl, err = netlink.NewHandleAt(netns.NsHandle(p.file.Fd()), unix.NETLINK_ROUTE)
	require.NoError(t, err)
	t.Cleanup(func() {
		p.nl.Close()
		require.NoError(t, h.Close())
		p.file.Close()
	})
	p.up("lo")
	return p
}

// newNamespace is a file that keeps a new network namespace, and whose name others can open.
func newNamespace(t testing.TB) *os.File {
	t.Helper()
	made := make(chan error, 1)
	var file *os.File
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			made <- err
			return
		}
		fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		file = os.NewFile(uintptr(fd), fmt.Sprintf("/proc/self/fd/%d", fd))
		made <- err
	}()
	require.NoError(t, <-made)
	return file
}

func (p *place) sysctl(name, value string) {
	p.t.Helper()
	require.NoError(p.t, p.inside(func() error { return os.WriteFile("/proc/sys/"+name, []byte(value), 0o644) }))
}

func (p *place) link(name string) netlink.Link {
	p.t.Helper()
	link, err := p.nl.LinkByName(name)
	require.NoError(p.t, err)
	return link
}

func (p *place) mac(name string) net.HardwareAddr {
	p.t.Helper()
	return p.link(name).Attrs().HardwareAddr
}

func (p *place) up(name string)   { p.t.Helper(); require.NoError(p.t, p.nl.LinkSetUp(p.link(name))) }
func (p *place) down(name string) { p.t.Helper(); require.NoError(p.t, p.nl.LinkSetDown(p.link(name))) }

// add gives an interface an address as an administrator would: "192.0.2.1/24".
func (p *place) add(name, address string) {
	p.t.Helper()
	a, err := netlink.ParseAddr(address)
	require.NoError(p.t, err)
	if a.IP.To4() == nil {
		a.Flags = unix.IFA_F_NODAD // usable at once
	}
	require.NoError(p.t, p.nl.AddrAdd(p.link(name), a))
}

func (p *place) remove(name, address string) {
	p.t.Helper()
	a, err := netlink.ParseAddr(address)
	require.NoError(p.t, err)
	require.NoError(p.t, p.nl.AddrDel(p.link(name), a))
}

// addrGenModeNone is IN6_ADDR_GEN_MODE_NONE.
const addrGenModeNone = 1

// bridge makes a bridge that is up, without an IPv6 link-local address: without ports it stands for a dummy device.
func (p *place) bridge(name string) {
	p.t.Helper()
	require.NoError(p.t, p.nl.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}))
	require.NoError(p.t, p.nl.LinkSetIP6AddrGenMode(p.link(name), addrGenModeNone))
	p.up(name)
}

// plug connects two places by a cable, both ends up.
func plug(a *place, nameA string, b *place, nameB string) {
	a.t.Helper()
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: nameA}, PeerName: nameB, PeerNamespace: netlink.NsFd(int(b.file.Fd()))}
	require.NoError(a.t, a.nl.LinkAdd(veth))
	a.up(nameA)
	b.up(nameB)
}

// newLAN is a switch and the places that are plugged into it, each by its eth0 with an address of 192.0.2.0/24; the first has 192.0.2.1.
func newLAN(t testing.TB, configs ...Config) []*place {
	t.Helper()
	sw := newPlace(t, Config{})
	sw.bridge("lan")
	var places []*place
	for i, c := range configs {
		p := newPlace(t, c)
		port := fmt.Sprintf("port%d", i)
		plug(p, "eth0", sw, port)
		require.NoError(t, sw.nl.LinkSetMaster(sw.link(port), sw.link("lan")))
		p.add("eth0", fmt.Sprintf("192.0.2.%d/24", i+1))
		places = append(places, p)
	}
	for _, p := range places {
		p.eventually(func() bool { return running(p.link("eth0").Attrs()) }, "eth0 has a carrier")
	}
	return places
}

// the floating IP of most tests.
var floating = netip.MustParseAddr("192.0.2.100")

func (p *place) lan(ip netip.Addr) LAN {
	p.t.Helper()
	lan, err := p.LAN(p.t.Context(), ip)
	require.NoError(p.t, err)
	return lan
}

// neighbor is the MAC address at which the kernel believes the address to be, "" when it doesn't know.
func (p *place) neighbor(ip netip.Addr) string {
	p.t.Helper()
	all, err := p.nl.NeighList(p.link("eth0").Attrs().Index, netlink.FAMILY_V4)
	require.NoError(p.t, err)
	for _, n := range all {
		if n.IP.Equal(ip.AsSlice()) && n.State&(netlink.NUD_FAILED|netlink.NUD_INCOMPLETE) == 0 {
			return n.HardwareAddr.String()
		}
	}
	return ""
}

// dial connects to a port of an address from inside the place: real packets, after real ARP.
func (p *place) dial(ip netip.Addr, port uint16) error {
	c, err := p.dialOnce(ip, port)
	if err == nil {
		c.Close()
	}
	return err
}

func (p *place) dialOnce(ip netip.Addr, port uint16) (c net.Conn, err error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	var fd int
	err = p.inside(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "tcp")
	defer file.Close()
	stop := context.AfterFunc(ctx, func() { unix.Shutdown(fd, unix.SHUT_RDWR) })
	defer stop()
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(port), Addr: ip.As4()}); err != nil {
		return nil, err
	}
	return net.FileConn(file)
}

// listen opens a TCP listener inside the place.
func (p *place) listen(address string) net.Listener {
	p.t.Helper()
	var l net.Listener
	require.NoError(p.t, p.inside(func() (err error) {
		l, err = net.Listen("tcp", address)
		return err
	}))
	p.t.Cleanup(func() { l.Close() })
	return l
}

// eventually waits for a condition, for as long as a busy machine may need.
func (p *place) eventually(ok func() bool, what string) {
	p.t.Helper()
	require.Eventually(p.t, ok, 30*time.Second, 5*time.Millisecond, what)
}

// next is what comes next, within as long as a busy machine may need.
func next[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(30 * time.Second):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

// without runs f on a thread that lacks a capability.
func without(t *testing.T, capability int, f func()) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		var err error
		defer func() { done <- err }() // also when f fails the test
		runtime.LockOSThread()         // and never unlocked: no other goroutine shall lack it
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		err = unix.Capget(&header, &data[0])
		if err == nil {
			data[capability/32].Effective &^= 1 << (capability % 32)
			err = unix.Capset(&header, &data[0])
		}
		if err == nil {
			f()
		}
	}()
	require.NoError(t, <-done)
}
