package hostnet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Config says where the effects go and how fast. The zero value is right for a node.
type Config struct {
	// Interface holds the floating IPs; "lo" when empty. It needs to be up and to have no IPv6 link-local address: an FRR that peers with an on-link
	// router from an interface with one sends it along, and the router takes it for the next hop of every IPv6 route. At most 7 characters.
	Interface string
	// Lifetime of a floating IP from one Put to the end, a whole number of seconds; 60 s when 0. Put it again after a third of it.
	Lifetime time.Duration
	// Ignore names interfaces whose addresses are not the node's (patterns as path.Match has them); PodInterfaces when nil.
	Ignore []string
	// Namespace is the path of a network namespace; empty is that of the calling thread, so the process's own one.
	Namespace string

	// ProbeEvery is the time between the three questions of Probe, and that it waits after the last; 100 ms when 0. RFC 5227, 1.1 has 1 to 2 s, for
	// hosts that nobody waits for.
	ProbeEvery time.Duration
	// AnnounceEvery is the time between the three announcements; 500 ms when 0.
	AnnounceEvery time.Duration
	// WatchEvery is the time between two questions of Watch; 500 ms when 0.
	WatchEvery time.Duration
}

// Host is one node's network. Its methods may be called by several goroutines at once.
type Host struct {
	config Config
	ns     *os.File // nil: wherever the calling thread is
	// overruns has an entry when notifications of the kernel's were lost. For tests: what was lost is read anew.
	overruns chan struct{}
}

// labelSuffix marks an address as ours. (The protocol of an address, IFA_PROTO, would be the younger way: kernels before 5.18 don't keep it.)
const labelSuffix = ":frr-fip"

// maxInterface is what the kernel's 15 characters of a label leave.
const maxInterface = unix.IFNAMSIZ - 1 - len(labelSuffix)

// Open checks the configuration. Nothing on the host changes.
func Open(c Config) (*Host, error) {
	c.Interface = cmp.Or(c.Interface, "lo")
	c.Lifetime = cmp.Or(c.Lifetime, 60*time.Second)
	c.ProbeEvery = cmp.Or(c.ProbeEvery, 100*time.Millisecond)
	c.AnnounceEvery = cmp.Or(c.AnnounceEvery, 500*time.Millisecond)
	c.WatchEvery = cmp.Or(c.WatchEvery, 500*time.Millisecond)
	if c.Ignore == nil {
		c.Ignore = PodInterfaces()
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	h := &Host{config: c, overruns: make(chan struct{}, 1)}
	if c.Namespace == "" {
		return h, nil
	}
	ns, err := os.Open(c.Namespace)
	if err != nil {
		return nil, fmt.Errorf("open network namespace: %w", err)
	}
	h.ns = ns
	return h, nil
}

func (c Config) check() error {
	if len(c.Interface) > maxInterface {
		return fmt.Errorf("interface %s for floating IPs: its name has more than %d characters, and the label of the addresses needs the rest",
			c.Interface, maxInterface)
	}
	if c.Lifetime < time.Second || c.Lifetime%time.Second != 0 {
		return fmt.Errorf("lifetime of floating IPs %s: want whole seconds, at least one", c.Lifetime)
	}
	for _, every := range []time.Duration{c.ProbeEvery, c.AnnounceEvery, c.WatchEvery} {
		if every < 0 {
			return fmt.Errorf("time between two ARP packets %s: want a positive one", every)
		}
	}
	for _, pattern := range c.Ignore {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("pattern of interfaces %q: %w", pattern, err)
		}
	}
	return nil
}

// Close releases what Open took. Floating IPs stay for the rest of their lifetime.
func (h *Host) Close() error {
	if h.ns == nil {
		return nil
	}
	return h.ns.Close()
}

// RefreshEvery is when a floating IP should be put again: two may fail before it goes.
func (h *Host) RefreshEvery() time.Duration { return h.config.Lifetime / 3 }

// netlink asks the kernel with sockets made for just this, so that nothing that one request left behind disturbs another.
func (h *Host) netlink(ctx context.Context, f func(*netlink.Handle) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	handle, err := h.handle()
	if err != nil {
		return fmt.Errorf("open netlink socket: %w", err)
	}
	defer handle.Close()
	timeout := 5 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(min(timeout, time.Until(deadline)), time.Millisecond)
	}
	if err := handle.SetSocketTimeout(timeout); err != nil {
		return fmt.Errorf("set timeout of netlink socket: %w", err)
	}
	return f(handle)
}

func (h *Host) handle() (*netlink.Handle, error) {
	if h.ns == nil {
		return netlink.NewHandle(unix.NETLINK_ROUTE)
	}
	defer runtime.KeepAlive(h.ns)
	return netlink.NewHandleAt(netns.NsHandle(h.ns.Fd()), unix.NETLINK_ROUTE)
}

// inside runs f in the host's network namespace. Sockets that f opens belong to it for ever.
func (h *Host) inside(f func() error) error {
	if h.ns == nil {
		return f()
	}
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with the goroutine, so no other goroutine finds itself in the namespace.
		runtime.LockOSThread()
		if err := unix.Setns(int(h.ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter network namespace %s: %w", h.config.Namespace, err)
			return
		}
		done <- f()
	}()
	return <-done
}

// consistent repeats a list of the kernel's that changed while it was read.
func consistent[T any](list func() ([]T, error)) ([]T, error) {
	for range 10 {
		if all, err := list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return all, err
		}
	}
	return list()
}

// named finds an interface.
func named(nl *netlink.Handle, name string) (netlink.Link, error) {
	link, err := nl.LinkByName(name)
	if missing := (netlink.LinkNotFoundError{}); errors.As(err, &missing) {
		return nil, fmt.Errorf("the node has no interface %s", name)
	}
	return link, err
}

// The capabilities that are needed, as container manifests name them.
const (
	netAdmin = "NET_ADMIN"
	netRaw   = "NET_RAW"
)

// needs says which capability is missing where one is. It can't be told by asking before: what counts is what the kernel says.
func needs(capability string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: the process needs the capability %s (securityContext.capabilities.add of its container)", err, capability)
	}
	return err
}
