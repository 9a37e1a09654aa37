package floating

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/hostnet"
)

// lan is a LAN and the kernels of the machines on it, at the speed of hostnet's and by its rules, for tests that bring their own time.
type lan struct {
	mutex    sync.Mutex
	machines []*machine
	told     []announcement
}

// announcement is one that went out, whoever heard it.
type announcement struct {
	from *machine
	at   time.Time
}

// machine is a host's network; it goes on answering when its agent is gone. It is a Host.
type machine struct {
	lan     *lan
	mac     net.HardwareAddr
	segment int  // who is in another one is not heard
	carrier bool // without one nobody is heard, and the machine knows
	ends    map[netip.Addr]time.Time
	ears    map[chan packet]bool
	free    map[netip.Addr]time.Time // when a question had no answer last

	broken map[string]error // by method: what it says, and does nothing

	// onPut and onTake are told before it happens; anew: the address was not there.
	onPut  func(ip netip.Addr, anew bool)
	onTake func(ip netip.Addr)
}

type packet struct {
	from  *machine
	claim hostnet.Claim
	ip    netip.Addr
}

// The rhythm and lifetime of hostnet.
const (
	simProbe    = 100 * time.Millisecond
	simAnnounce = 500 * time.Millisecond
	simWatch    = 500 * time.Millisecond
	simQuiet    = 50 * time.Millisecond
	simLifetime = 60 * time.Second
)

var never = time.Unix(1<<40, 0)

func (l *lan) machine() *machine {
	m := &machine{lan: l, mac: net.HardwareAddr{2, 0, 0, 0, 0, byte(len(l.machines) + 1)}, carrier: true, ends: map[netip.Addr]time.Time{},
		ears: map[chan packet]bool{}, free: map[netip.Addr]time.Time{}, broken: map[string]error{}, onPut: func(netip.Addr, bool) {}, onTake: func(netip.Addr) {}}
	l.machines = append(l.machines, m)
	return m
}

func (m *machine) has(ip netip.Addr) bool { return time.Now().Before(m.ends[ip]) }

func (m *machine) hears(o *machine) bool {
	return m != o && m.carrier && o.carrier && m.segment == o.segment
}

func (m *machine) Put(_ context.Context, ip netip.Addr) error {
	m.lan.mutex.Lock()
	defer m.lan.mutex.Unlock()
	if err := m.broken["Put"]; err != nil {
		return err
	}
	m.onPut(ip, !m.has(ip))
	m.ends[ip] = time.Now().Add(simLifetime)
	return nil
}

func (m *machine) Take(_ context.Context, ip netip.Addr) error {
	m.lan.mutex.Lock()
	defer m.lan.mutex.Unlock()
	if err := m.broken["Take"]; err != nil {
		return err
	}
	m.onTake(ip)
	delete(m.ends, ip)
	return nil
}

func (m *machine) Floating(context.Context) ([]hostnet.Floating, error) {
	m.lan.mutex.Lock()
	defer m.lan.mutex.Unlock()
	if err := m.broken["Floating"]; err != nil {
		return nil, err
	}
	var all []hostnet.Floating
	for ip, end := range m.ends {
		if m.has(ip) {
			all = append(all, hostnet.Floating{Address: ip, Interface: "lo", Left: time.Until(end)})
		}
	}
	return all, nil
}

func (m *machine) RefreshEvery() time.Duration { return simLifetime / 3 }

func (m *machine) LAN(context.Context, netip.Addr) (hostnet.LAN, error) {
	return hostnet.LAN{Interface: "eth0", Index: 2, MAC: m.mac}, m.says("LAN")
}

func (m *machine) WouldAnswer(context.Context, hostnet.LAN) error { return m.says("WouldAnswer") }

func (m *machine) says(method string) error {
	m.lan.mutex.Lock()
	defer m.lan.mutex.Unlock()
	return m.broken[method]
}

// breaks lets a method fail; an empty text mends it.
func (m *machine) breaks(method, text string) {
	m.lan.mutex.Lock()
	defer m.lan.mutex.Unlock()
	delete(m.broken, method)
	if text != "" {
		m.broken[method] = errors.New(text)
	}
}

func (m *machine) subnets() []hostnet.Subnet {
	m.lan.mutex.Lock()
	defer m.lan.mutex.Unlock()
	return []hostnet.Subnet{{Interface: "eth0", Address: netip.MustParsePrefix("192.0.2.1/24"), Up: m.carrier}}
}

// tell sends a packet to all who hear it. Whoever has the address that is asked for answers.
func (m *machine) tell(claim hostnet.Claim, ip netip.Addr) {
	m.lan.mutex.Lock()
	defer m.lan.mutex.Unlock()
	if claim == hostnet.Announces {
		m.lan.told = append(m.lan.told, announcement{from: m, at: time.Now()})
	}
	for _, o := range m.lan.machines {
		if !m.hears(o) {
			continue
		}
		o.receive(packet{from: m, claim: claim, ip: ip})
		if claim == hostnet.Asks && o.has(ip) {
			m.receive(packet{from: o, claim: hostnet.Answers, ip: ip})
		}
	}
}

// announced says whether the machine announced at that time or later.
func (m *machine) announced(after time.Time) bool {
	m.lan.mutex.Lock()
	defer m.lan.mutex.Unlock()
	return slices.ContainsFunc(m.lan.told, func(a announcement) bool { return a.from == m && !a.at.Before(after) })
}

func (m *machine) receive(p packet) {
	for ear := range m.ears {
		select {
		case ear <- p:
		default:
		}
	}
}

func (m *machine) listen() (chan packet, func()) {
	ear := make(chan packet, 100)
	m.lan.mutex.Lock()
	defer m.lan.mutex.Unlock()
	m.ears[ear] = true
	return ear, func() {
		m.lan.mutex.Lock()
		defer m.lan.mutex.Unlock()
		delete(m.ears, ear)
	}
}

// hear waits for a claim, for at most that long.
func hear(ctx context.Context, ear chan packet, ip netip.Addr, atMost time.Duration, deaf ...hostnet.Claim) (hostnet.Conflict, bool) {
	end := time.After(atMost)
	for {
		select {
		case <-ctx.Done():
			return hostnet.Conflict{}, false
		case <-end:
			return hostnet.Conflict{}, false
		case p := <-ear:
			if p.ip == ip && !slices.Contains(deaf, p.claim) {
				return hostnet.Conflict{Address: ip, Interface: "eth0", MAC: p.from.mac, Claim: p.claim, At: time.Now()}, true
			}
		}
	}
}

func (m *machine) Probe(ctx context.Context, _ hostnet.LAN, ip netip.Addr) (hostnet.Conflict, bool, error) {
	if err := m.says("Probe"); err != nil {
		return hostnet.Conflict{}, false, err
	}
	ear, close := m.listen()
	defer close()
	for range 3 {
		m.tell(hostnet.Asks, ip)
		if c, taken := hear(ctx, ear, ip, simProbe); taken || ctx.Err() != nil {
			return c, taken, ctx.Err()
		}
	}
	m.lan.mutex.Lock()
	defer m.lan.mutex.Unlock()
	if !m.carrier {
		return hostnet.Conflict{}, false, errors.New("the interface is down or has no carrier")
	}
	m.free[ip] = time.Now()
	return hostnet.Conflict{}, false, nil
}

func (m *machine) Announce(ctx context.Context, _ hostnet.LAN, ip netip.Addr) error {
	for range 3 {
		if err := m.says("Announce"); err != nil {
			return err
		}
		m.tell(hostnet.Announces, ip)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(simAnnounce):
		}
	}
	return nil
}

func (m *machine) Answer(_ context.Context, _ hostnet.LAN, ip netip.Addr, to net.HardwareAddr) error {
	m.lan.mutex.Lock()
	defer m.lan.mutex.Unlock()
	for _, o := range m.lan.machines {
		if m.hears(o) && slices.Equal(o.mac, to) {
			o.receive(packet{from: m, claim: hostnet.Answers, ip: ip})
		}
	}
	return nil
}

func (m *machine) Watch(ctx context.Context, _ hostnet.LAN, ip netip.Addr, report func(hostnet.Conflict)) error {
	ear, close := m.listen()
	defer close()
	for ctx.Err() == nil {
		if err := m.says("Watch"); err != nil {
			return err
		}
		m.tell(hostnet.Asks, ip)
		for next := time.Now().Add(simWatch); time.Now().Before(next); {
			c, taken := hear(ctx, ear, ip, time.Until(next), hostnet.Asks)
			if !taken {
				break
			}
			report(c)
			select {
			case <-ctx.Done():
			case <-time.After(simQuiet):
			}
		}
	}
	return fmt.Errorf("watch: %w", ctx.Err())
}
