package floating

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/internal/hostnet"
	"github.com/frr-renderer/frr-renderer/test/skip"
)

// inNamespace makes the test's binary an agent: it holds floating IPs in that network namespace, takes words on its standard input, and writes facts.
const inNamespace = "FRR_RENDERER_TEST_HOLD_IN"

// lifetime is that of its floating IPs.
const lifetime = "FRR_RENDERER_TEST_LIFETIME"

func TestMain(m *testing.M) {
	if namespace := os.Getenv(inNamespace); namespace != "" {
		if err := agent(namespace, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// order is a Word as a test says it.
type order struct {
	Told, Wanted, Live bool
	// BGPD answers, each second.
	BGPD bool
}

func agent(namespace string, in io.Reader, out io.Writer) error {
	life, err := time.ParseDuration(os.Getenv(lifetime))
	if err != nil {
		return err
	}
	host, err := hostnet.Open(hostnet.Config{Namespace: namespace, Lifetime: life})
	if err != nil {
		return err
	}
	defer host.Close()
	facts := json.NewEncoder(out)
	holder := New(Config{Host: host, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Report: func(f Facts) { facts.Encode(f) }})
	ctx, cancel := context.WithCancel(context.Background())
	var jobs sync.WaitGroup
	defer jobs.Wait()
	defer cancel()
	jobs.Go(func() { holder.Run(ctx) })
	var mutex sync.Mutex
	var o order
	var subnets []hostnet.Subnet
	say := func() {
		w := Word{Told: o.Told, Subnets: subnets}
		if o.Wanted {
			w.Wanted = []netip.Addr{ip}
		}
		if o.Live {
			w.LeaseUntil = time.Now().Add(simLease)
		}
		if o.BGPD {
			w.BGPDAnswered = time.Now()
		}
		holder.Tell(w)
	}
	jobs.Go(func() {
		host.FollowSubnets(ctx, func(all []hostnet.Subnet) {
			mutex.Lock()
			defer mutex.Unlock()
			subnets = all
			say()
		})
	})
	jobs.Go(func() {
		for ctx.Err() == nil {
			mutex.Lock()
			if o.BGPD {
				say()
			}
			mutex.Unlock()
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	})
	for lines := bufio.NewScanner(in); lines.Scan(); {
		mutex.Lock()
		err := json.Unmarshal(lines.Bytes(), &o)
		say()
		mutex.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// place is a network namespace on a bridge, with an agent's process in it.
type place struct {
	t    *testing.T
	file *os.File
	nl   *netlink.Handle
	port string // of the bridge
	on   *bridge
	// lifetime of its floating IPs; 0: a minute, as on a node.
	lifetime time.Duration

	agent *exec.Cmd
	say   *json.Encoder
	in    io.Closer

	mutex sync.Mutex
	facts Facts
	known bool
}

// bridge is the LAN.
type bridge struct {
	nl    *netlink.Handle
	index int
}

func requireRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	skip.Test(t, skip.FRR, "network namespaces need root")
}

// newLab is a LAN with places whose MAC addresses grow.
func newLab(t *testing.T, names ...string) []*place {
	t.Helper()
	requireRoot(t)
	sw := newPlace(t)
	require.NoError(t, sw.nl.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "lan"}}))
	br, err := sw.nl.LinkByName("lan")
	require.NoError(t, err)
	require.NoError(t, sw.nl.LinkSetUp(br))
	var places []*place
	for i, name := range names {
		p := newPlace(t)
		p.port, p.on = name, &bridge{nl: sw.nl, index: br.Attrs().Index}
		require.NoError(t, p.nl.LinkAdd(&netlink.Veth{PeerName: name, PeerNamespace: netlink.NsFd(int(sw.file.Fd())),
			LinkAttrs: netlink.LinkAttrs{Name: "eth0", HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, byte(i + 1)}}}))
		p.join()
		port, err := sw.nl.LinkByName(name)
		require.NoError(t, err)
		require.NoError(t, sw.nl.LinkSetUp(port))
		for _, name := range []string{"lo", "eth0"} {
			require.NoError(t, p.nl.LinkSetUp(p.link(name)))
		}
		address, err := netlink.ParseAddr(fmt.Sprintf("192.0.2.%d/24", i+1))
		require.NoError(t, err)
		require.NoError(t, p.nl.AddrAdd(p.link("eth0"), address))
		places = append(places, p)
	}
	for _, p := range places {
		p.wait("a carrier", func() bool { return p.link("eth0").Attrs().RawFlags&unix.IFF_RUNNING != 0 })
	}
	return places
}

func newPlace(t *testing.T) *place {
	t.Helper()
	made := make(chan error, 1)
	p := &place{t: t}
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			made <- err
			return
		}
		fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		p.file = os.NewFile(uintptr(fd), fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd))
		made <- err
	}()
	require.NoError(t, <-made)
	var err error
	p.nl, err = netlink.NewHandleAt(netns.NsHandle(p.file.Fd()), unix.NETLINK_ROUTE)
	require.NoError(t, err)
	t.Cleanup(func() {
		p.kill()
		p.nl.Close()
		p.file.Close()
	})
	return p
}

func (p *place) link(name string) netlink.Link {
	p.t.Helper()
	link, err := p.nl.LinkByName(name)
	require.NoError(p.t, err)
	return link
}

// cut takes the place off the LAN, without its noticing: its cable leads into a switch that leads nowhere.
func (p *place) cut()  { p.master(0) }
func (p *place) join() { p.master(p.on.index) }

func (p *place) master(index int) {
	p.t.Helper()
	port, err := p.on.nl.LinkByName(p.port)
	require.NoError(p.t, err)
	require.NoError(p.t, p.on.nl.LinkSetMasterByIndex(port, index))
}

// cable is pulled, or plugged in: the place loses its carrier.
func (p *place) cable(in bool) {
	p.t.Helper()
	port, err := p.on.nl.LinkByName(p.port)
	require.NoError(p.t, err)
	if in {
		require.NoError(p.t, p.on.nl.LinkSetUp(port))
	} else {
		require.NoError(p.t, p.on.nl.LinkSetDown(port))
	}
}

// run starts the agent's process. It ends with its standard input, so with the test's.
func (p *place) run(o order) {
	p.t.Helper()
	self, err := os.Executable()
	require.NoError(p.t, err)
	p.agent = exec.Command(self)
	p.agent.Env = append(os.Environ(), inNamespace+"="+p.file.Name(), lifetime+"="+cmp.Or(p.lifetime, time.Minute).String())
	log, err := os.Create(fmt.Sprintf("%s/%s.log", p.t.TempDir(), p.port))
	require.NoError(p.t, err)
	defer log.Close()
	p.agent.Stderr = log
	in, err := p.agent.StdinPipe()
	require.NoError(p.t, err)
	out, err := p.agent.StdoutPipe()
	require.NoError(p.t, err)
	require.NoError(p.t, p.agent.Start())
	p.say, p.in, p.known = json.NewEncoder(in), in, false
	go p.listen(out)
	p.tell(o)
	p.t.Cleanup(func() {
		if text, err := os.ReadFile(log.Name()); p.t.Failed() && err == nil {
			p.t.Logf("%s:\n%s", p.port, text)
		}
	})
}

func (p *place) listen(out io.Reader) {
	for d := json.NewDecoder(out); ; {
		var f Facts
		if d.Decode(&f) != nil {
			return
		}
		p.mutex.Lock()
		p.facts, p.known = f, true
		p.mutex.Unlock()
	}
}

func (p *place) tell(o order) {
	p.t.Helper()
	require.NoError(p.t, p.say.Encode(o))
}

// kill ends the agent's process at once, as a crash does.
func (p *place) kill() {
	if p.agent != nil {
		p.agent.Process.Kill()
		p.agent.Wait()
		p.agent = nil
	}
}

// holds asks the kernel.
func (p *place) holds() bool { return p.left() > 0 }

// left is how long the kernel keeps the floating IP, in seconds.
func (p *place) left() int {
	p.t.Helper()
	all, err := p.nl.AddrList(nil, netlink.FAMILY_V4)
	require.NoError(p.t, err)
	i := slices.IndexFunc(all, func(a netlink.Addr) bool { return a.IP.Equal(ip.AsSlice()) })
	if i < 0 {
		return 0
	}
	return all[i].ValidLft
}

func (p *place) is(s State) func() bool {
	return func() bool {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		if !p.known || len(p.facts.Addresses) == 0 {
			return s == ""
		}
		return p.facts.Addresses[0].State == s
	}
}

func (p *place) mac() string { return p.link("eth0").Attrs().HardwareAddr.String() }

// believe has the place's kernel believe that the floating IP is at another one.
func (p *place) believe(o *place) {
	p.t.Helper()
	require.NoError(p.t, p.nl.NeighSet(&netlink.Neigh{LinkIndex: p.link("eth0").Attrs().Index, Family: netlink.FAMILY_V4, State: netlink.NUD_STALE,
		IP: ip.AsSlice(), HardwareAddr: o.link("eth0").Attrs().HardwareAddr}))
}

// believes is the MAC address at which the place's kernel has the floating IP.
func (p *place) believes() string {
	p.t.Helper()
	all, err := p.nl.NeighList(p.link("eth0").Attrs().Index, netlink.FAMILY_V4)
	require.NoError(p.t, err)
	i := slices.IndexFunc(all, func(n netlink.Neigh) bool { return n.IP.Equal(ip.AsSlice()) })
	require.GreaterOrEqual(p.t, i, 0)
	return all[i].HardwareAddr.String()
}

// hears notes where the place's kernel has the floating IP from now on, however shortly. What it returns ends that, and tells.
func (p *place) hears() func() []string {
	p.t.Helper()
	updates, done := make(chan netlink.NeighUpdate, 1000), make(chan struct{})
	require.NoError(p.t, netlink.NeighSubscribeAt(netns.NsHandle(p.file.Fd()), updates, done))
	return func() []string {
		var macs []string
		close(done)
		for u := range updates {
			if u.IP.Equal(ip.AsSlice()) {
				macs = append(macs, u.HardwareAddr.String())
			}
		}
		return macs
	}
}

// wait waits as long as a busy machine may need, and returns how long it took.
func (p *place) wait(what string, ok func() bool) time.Duration {
	p.t.Helper()
	start := time.Now()
	require.Eventually(p.t, ok, 90*time.Second, 2*time.Millisecond, what)
	return time.Since(start)
}
