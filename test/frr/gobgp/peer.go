package gobgp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// Config describes one side of one session.
type Config struct {
	AS       uint32
	Address  netip.Addr // ours: to listen on, or to dial from
	Neighbor netip.Addr // theirs
	// NeighborAS is checked when it is not 0: another one gets a NOTIFICATION (2/2, bad peer AS).
	NeighborAS uint32
	RouterID   netip.Addr // Address when that is IPv4, otherwise 192.0.2.254, unless set
	VRF        string     // of the fabric node
	Port       uint16     // 179 unless set
	// Dial makes the peer connect by itself; otherwise it waits to be called.
	Dial bool
	// Retry is the time between calls, 100 ms unless given.
	Retry    time.Duration
	Password string // TCP MD5
	// Unheard is how long the neighbor's TCP may leave something unacknowledged before the connection is given up (RFC 5482); 0: as long as the
	// kernel likes, some minutes. A key (TCP MD5) that changes below a connection makes both sides deaf, also to its end.
	Unheard  time.Duration
	HoldTime time.Duration // 90 s unless set
	// Families are those of the OPEN; IPv4 and IPv6 unicast unless set.
	Families []bgp.Family
	// AddPath offers to receive (bgp.BGP_ADD_PATH_RECEIVE), send, or both, for all families.
	AddPath bgp.BGPAddPathMode
	// GracefulRestart is the restart time that the OPEN promises; 0 promises nothing but to understand End-of-RIB.
	GracefulRestart time.Duration
}

// Peer is a running session and all that came over it.
type Peer struct {
	Config Config

	node     *fabric.Node
	listener net.Listener
	cancel   context.CancelFunc
	done     sync.WaitGroup

	mu            sync.Mutex
	changed       chan struct{} // closed, and replaced, whenever something below changes
	conn          *connection   // nil while no session is Established
	sessions      int
	refreshes     int
	opens         []Open
	notifications []Notification
	updates       []Update
	table         map[key]Path
	lastErr       error
}

// Start runs a peer for the duration of a test.
func Start(t testing.TB, node *fabric.Node, c Config) *Peer {
	t.Helper()
	p, err := Run(node, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// Run runs a peer until Close.
func Run(node *fabric.Node, c Config) (*Peer, error) {
	c = c.withDefaults()
	if !c.Address.IsValid() || c.Address.Is4() != c.Neighbor.Is4() {
		return nil, fmt.Errorf("BGP peer: addresses %s and %s must be of one family", c.Address, c.Neighbor)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Peer{Config: c, node: node, cancel: cancel, changed: make(chan struct{}), table: map[key]Path{}}
	if c.Dial {
		p.done.Go(func() { p.dialLoop(ctx) })
		return p, nil
	}
	l, err := p.listen(ctx)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("BGP peer on node %s: %w", node.Name, err)
	}
	p.listener = l
	p.done.Go(func() { p.acceptLoop(ctx) })
	return p, nil
}

// listen waits for an address that a peer before has just left: a program that starts at that moment has all sockets of this process for as long
// as it takes to become another.
func (p *Peer) listen(ctx context.Context) (net.Listener, error) {
	ctx, cancel := context.WithTimeout(ctx, fabric.DefaultTimeout)
	defer cancel()
	for {
		l, err := p.node.Listen(ctx, p.Config.VRF, net.ListenConfig{Control: p.control}, p.Config.network(), p.Config.local().String())
		if !errors.Is(err, unix.EADDRINUSE) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (c Config) withDefaults() Config {
	if c.Port == 0 {
		c.Port = 179
	}
	if c.Retry == 0 {
		c.Retry = 100 * time.Millisecond
	}
	if c.HoldTime == 0 {
		c.HoldTime = 90 * time.Second
	}
	if len(c.Families) == 0 {
		c.Families = []bgp.Family{bgp.RF_IPv4_UC, bgp.RF_IPv6_UC}
	}
	if !c.RouterID.IsValid() {
		c.RouterID = c.Address
		if !c.Address.Is4() {
			c.RouterID = netip.AddrFrom4([4]byte{192, 0, 2, 254})
		}
	}
	return c
}

func (c Config) network() string {
	if c.Address.Is4() {
		return "tcp4"
	}
	return "tcp6"
}

func (c Config) local() netip.AddrPort { return netip.AddrPortFrom(c.Address, c.Port) }

// control sets how long the neighbor may be deaf, and the TCP MD5 key (RFC 2385), before the socket listens or connects.
func (p *Peer) control(_, _ string, raw syscall.RawConn) error {
	if wait := p.Config.Unheard; wait > 0 {
		err := onSocket(raw, func(fd int) error {
			return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(wait.Milliseconds()))
		})
		if err != nil {
			return err
		}
	}
	if p.Config.Password == "" {
		return nil
	}
	if len(p.Config.Password) > 80 {
		return errors.New("TCP MD5 keys end at 80 bytes")
	}
	sig := unix.TCPMD5Sig{Keylen: uint16(len(p.Config.Password))}
	copy(sig.Key[:], p.Config.Password)
	// struct sockaddr_storage begins with the family; the address lies at byte 4 of a sockaddr_in and 8 of a sockaddr_in6.
	if n := p.Config.Neighbor; n.Is4() {
		sig.Addr.Family = unix.AF_INET
		a := n.As4()
		putBytes(&sig.Addr, 4, a[:])
	} else {
		sig.Addr.Family = unix.AF_INET6
		a := n.As16()
		putBytes(&sig.Addr, 8, a[:])
	}
	return onSocket(raw, func(fd int) error { return unix.SetsockoptTCPMD5Sig(fd, unix.IPPROTO_TCP, unix.TCP_MD5SIG, &sig) })
}

func onSocket(raw syscall.RawConn, do func(fd int) error) error {
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	return failed
}

func putBytes(s *unix.SockaddrStorage, offset int, b []byte) {
	for i, v := range b {
		s.Data[offset-2+i] = v
	}
}

func (p *Peer) acceptLoop(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	var last net.Conn
	for {
		c, err := p.listener.Accept()
		if err != nil {
			if last != nil {
				last.Close()
			}
			return // closed
		}
		if remote := c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr(); remote.Unmap() != p.Config.Neighbor {
			c.Close()
			continue
		}
		// A neighbor that calls again has given up on the session before.
		if last != nil {
			last.Close()
			running.Wait()
		}
		last = c
		running.Go(func() { p.session(ctx, c) })
	}
}

func (p *Peer) dialLoop(ctx context.Context) {
	for ctx.Err() == nil {
		d := net.Dialer{Control: p.control, LocalAddr: &net.TCPAddr{IP: p.Config.Address.AsSlice()}, Timeout: 2 * time.Second}
		c, err := p.node.Dial(ctx, p.Config.VRF, d, p.Config.network(), netip.AddrPortFrom(p.Config.Neighbor, p.Config.Port).String())
		if err == nil {
			p.session(ctx, c)
		} else {
			p.note(func() { p.lastErr = err })
		}
		select {
		case <-ctx.Done():
		case <-time.After(p.Config.Retry):
		}
	}
}

// Close ends the session and forgets nothing: what was recorded can still be read.
func (p *Peer) Close() {
	p.cancel()
	if p.listener != nil {
		p.listener.Close()
	}
	p.done.Wait()
}

// note changes what is recorded and wakes everybody who waits for that.
func (p *Peer) note(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}

// wait returns when ok does, called with the lock held. describe says, at the deadline, what there was instead.
func (p *Peer) wait(ctx context.Context, what string, ok func() bool) error {
	if _, has := ctx.Deadline(); !has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, fabric.DefaultTimeout)
		defer cancel()
	}
	for {
		p.mu.Lock()
		if ok() {
			p.mu.Unlock()
			return nil
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("BGP peer %s waits for %s: %w; %s", p.Config.Address, what, ctx.Err(), p.String())
		}
	}
}

// String tells how the peer is, and what it last heard or failed at.
func (p *Peer) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := fmt.Sprintf("established now: %t, sessions so far: %d, updates: %d, paths: %d", p.conn != nil, p.sessions, len(p.updates), len(p.table))
	if n := len(p.notifications); n > 0 {
		text += ", last " + p.notifications[n-1].String()
	}
	if p.lastErr != nil {
		text += ", last error: " + p.lastErr.Error()
	}
	return text
}

// Established says whether the session is up now.
func (p *Peer) Established() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conn != nil
}

// Sessions counts how often the session came up. 1 at the end of a test means that it was never dropped.
func (p *Peer) Sessions() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sessions
}

// Refreshes counts how often the neighbor has asked for everything again (RFC 2918). To announce it is the caller's.
func (p *Peer) Refreshes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refreshes
}

// Opens returns the OPENs that the neighbor sent, whether a session came of them or not.
func (p *Peer) Opens() []Open {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.opens)
}

// Notifications returns those sent and received.
func (p *Peer) Notifications() []Notification {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.notifications)
}

// Updates returns every UPDATE so far, in the order of arrival.
func (p *Peer) Updates() []Update { return p.Since(0) }

// Mark stands for now, to be given to Since.
func (p *Peer) Mark() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.updates)
}

// Since returns the UPDATEs that came after a Mark.
func (p *Peer) Since(mark int) []Update {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.updates[mark:])
}

// Table returns every path that the neighbor announces now, sorted by prefix and path identifier.
func (p *Peer) Table() []Path {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.SortedFunc(maps.Values(p.table), func(a, b Path) int {
		if c := a.Prefix.Compare(b.Prefix); c != 0 {
			return c
		}
		return int(int64(a.PathID) - int64(b.PathID))
	})
}

// Paths returns the paths to one prefix.
func (p *Peer) Paths(prefix netip.Prefix) []Path {
	return slices.DeleteFunc(p.Table(), func(path Path) bool { return path.Prefix != prefix })
}

// WaitEstablished waits for the session.
func (p *Peer) WaitEstablished(ctx context.Context) error {
	return p.wait(ctx, "its session with "+p.Config.Neighbor.String(), func() bool { return p.conn != nil })
}

// WaitPath waits until a path to the prefix satisfies the condition (nil: any), and returns it.
func (p *Peer) WaitPath(ctx context.Context, prefix netip.Prefix, ok func(Path) bool) (Path, error) {
	var found Path
	err := p.wait(ctx, "a path to "+prefix.String(), func() bool {
		for k, path := range p.table {
			if k.prefix == prefix && (ok == nil || ok(path)) {
				found = path
				return true
			}
		}
		return false
	})
	if err != nil {
		for _, path := range p.Paths(prefix) {
			path.Attributes = nil
			err = fmt.Errorf("%w\nthere is %+v", err, path)
		}
	}
	return found, err
}

// WaitNoPath waits until the neighbor announces no path to the prefix.
func (p *Peer) WaitNoPath(ctx context.Context, prefix netip.Prefix) error {
	return p.wait(ctx, "the end of "+prefix.String(), func() bool {
		for k := range p.table {
			if k.prefix == prefix {
				return false
			}
		}
		return true
	})
}

// WaitTable waits until the table has that many paths, and returns when the last UPDATE came.
func (p *Peer) WaitTable(ctx context.Context, paths int) (time.Time, error) {
	var at time.Time
	err := p.wait(ctx, fmt.Sprintf("%d paths", paths), func() bool {
		if len(p.updates) > 0 {
			at = p.updates[len(p.updates)-1].Time
		}
		return len(p.table) == paths
	})
	return at, err
}

// WaitEndOfRIB waits for the marker of a family in the present session.
func (p *Peer) WaitEndOfRIB(ctx context.Context, family bgp.Family) (time.Time, error) {
	var at time.Time
	err := p.wait(ctx, "End-of-RIB of "+family.String(), func() bool {
		for _, u := range p.updates {
			if u.Session == p.sessions && u.EndOfRIB == family.String() {
				at = u.Time
				return true
			}
		}
		return false
	})
	return at, err
}

// WaitUpdate waits for an UPDATE after a Mark that satisfies the condition.
func (p *Peer) WaitUpdate(ctx context.Context, mark int, ok func(Update) bool) (Update, error) {
	var found Update
	err := p.wait(ctx, "an UPDATE", func() bool {
		for ; mark < len(p.updates); mark++ {
			if ok(p.updates[mark]) {
				found = p.updates[mark]
				return true
			}
		}
		return false
	})
	return found, err
}
