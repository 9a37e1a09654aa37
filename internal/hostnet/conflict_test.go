package hostnet

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/skip"
)

func TestAProbeFindsWhoAnswers(t *testing.T) {
	ctx := t.Context()
	places := newLAN(t, Config{}, Config{})
	a, b := places[0], places[1]
	_, taken, err := a.Probe(ctx, a.lan(floating), floating)
	require.NoError(t, err)
	require.False(t, taken)

	require.NoError(t, b.Put(ctx, floating))
	c, taken, err := a.Probe(ctx, a.lan(floating), floating)
	require.NoError(t, err)
	require.True(t, taken)
	require.Equal(t, b.mac("eth0"), c.MAC)
	require.Equal(t, Answers, c.Claim)
	require.Equal(t, floating, c.Address)
	require.Equal(t, "eth0", c.Interface)
	require.Equal(t, b.mac("eth0").String()+" answers 192.0.2.100 on eth0", c.String())
	require.Empty(t, b.neighbor(floating), "a question teaches nobody")

	_, taken, err = b.Probe(ctx, b.lan(floating), floating)
	require.NoError(t, err)
	require.False(t, taken, "who holds it hears nobody else")
}

func TestTwoHostsThatAskForOneAddressDoNotBothGetIt(t *testing.T) {
	places := newLAN(t, Config{ProbeEvery: 10 * time.Second}, Config{ProbeEvery: 10 * time.Second})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	heard := make(chan Conflict, 2)
	for _, p := range places {
		lan := p.lan(floating)
		go func() {
			c, _, _ := p.Probe(ctx, lan, floating)
			heard <- c
		}()
	}
	// Who listens first hears the other's first question. The other may have missed the first's.
	require.Equal(t, Asks, next(t, heard).Claim)
	cancel()
	<-heard
}

func TestAProbeOnAnInterfaceWithoutACarrierIsNoProof(t *testing.T) {
	places := newLAN(t, Config{}, Config{})
	a := places[0]
	lan := a.lan(floating)
	require.NoError(t, a.nl.LinkSetDown(a.link("eth0")))
	_, _, err := a.Probe(t.Context(), lan, floating)
	require.ErrorContains(t, err, "ask who has 192.0.2.100 on eth0")
	require.ErrorContains(t, err, "network is down")

	sw := newPlace(t, Config{})
	b := newPlace(t, Config{})
	plug(b, "eth0", sw, "port")
	b.add("eth0", "192.0.2.7/24")
	b.eventually(func() bool { return running(b.link("eth0").Attrs()) }, "a carrier")
	sw.down("port")
	b.eventually(func() bool { return !running(b.link("eth0").Attrs()) }, "no carrier")
	_, _, err = b.Probe(t.Context(), b.lan(floating), floating)
	require.ErrorContains(t, err, "the interface is down or has no carrier")
}

func TestAnAnnouncementMovesTheAddressForNeighbors(t *testing.T) {
	ctx := t.Context()
	places := newLAN(t, Config{}, Config{}, Config{AnnounceEvery: time.Millisecond})
	neighbor, from, to := places[0], places[1], places[2]
	require.NoError(t, from.Put(ctx, floating))
	require.ErrorIs(t, neighbor.dial(floating, 9), unix.ECONNREFUSED)
	require.Equal(t, from.mac("eth0").String(), neighbor.neighbor(floating))

	require.NoError(t, from.Take(ctx, floating))
	require.NoError(t, to.Put(ctx, floating))
	require.Equal(t, from.mac("eth0").String(), neighbor.neighbor(floating), "nobody has told it yet")
	require.NoError(t, to.Announce(ctx, to.lan(floating), floating))
	neighbor.eventually(func() bool { return neighbor.neighbor(floating) == to.mac("eth0").String() }, "the neighbor knows the new host")
	require.ErrorIs(t, neighbor.dial(floating, 9), unix.ECONNREFUSED)
}

// Each of the two forms alone is one that Linux takes, as it should be from a host that means it.
func TestEachFormOfAnAnnouncementIsTaken(t *testing.T) {
	places := newLAN(t, Config{}, Config{}, Config{})
	neighbor, a, b := places[0], places[1], places[2]
	require.NoError(t, a.Put(t.Context(), floating))
	require.ErrorIs(t, neighbor.dial(floating, 9), unix.ECONNREFUSED)
	for i, p := range []*place{b, a} {
		lan := p.lan(floating)
		require.NotEqual(t, lan.MAC.String(), neighbor.neighbor(floating))
		require.NoError(t, p.withARP(t.Context(), lan, floating, func(w *wire) error { return w.tell(announcements(lan, floating)[i]) }))
		neighbor.eventually(func() bool { return neighbor.neighbor(floating) == lan.MAC.String() }, "the neighbor takes it")
	}
}

// Neighbors that believe another host go on doing so.
func TestAnAnswerIsHeardByOneHostAlone(t *testing.T) {
	ctx := t.Context()
	places := newLAN(t, Config{}, Config{}, Config{WatchEvery: time.Hour})
	neighbor, a, b := places[0], places[1], places[2]
	require.NoError(t, b.Put(ctx, floating))
	require.ErrorIs(t, neighbor.dial(floating, 9), unix.ECONNREFUSED)
	heard := b.watch(floating)
	require.NoError(t, a.Put(ctx, floating))
	b.eventually(func() bool {
		require.NoError(t, a.Answer(ctx, a.lan(floating), floating, b.mac("eth0")))
		return len(heard) > 0 // it has begun to listen
	}, "the other hears it")
	c := next(t, heard)
	require.Equal(t, a.mac("eth0"), c.MAC)
	require.Equal(t, Answers, c.Claim)
	require.Equal(t, b.mac("eth0").String(), neighbor.neighbor(floating))
}

// watch runs Watch until the test ends.
func (p *place) watch(ip netip.Addr) <-chan Conflict {
	p.t.Helper()
	conflicts := make(chan Conflict, 1000)
	ctx, cancel := context.WithCancel(p.t.Context())
	done := make(chan error, 1)
	lan := p.lan(ip)
	go func() { done <- p.Watch(ctx, lan, ip, func(c Conflict) { conflicts <- c }) }()
	p.t.Cleanup(func() {
		cancel()
		if err := <-done; p.t.Failed() {
			p.t.Log(err)
		}
	})
	return conflicts
}

func TestWatchReportsAHostThatAnswersInSilence(t *testing.T) {
	ctx := t.Context()
	places := newLAN(t, Config{}, Config{})
	a, b := places[0], places[1]
	require.NoError(t, a.Put(ctx, floating))
	conflicts := a.watch(floating)
	require.NoError(t, b.Put(ctx, floating)) // and it tells nobody
	c := next(t, conflicts)
	require.Equal(t, b.mac("eth0"), c.MAC)
	require.Equal(t, Answers, c.Claim)

	both := b.watch(floating)
	require.Equal(t, a.mac("eth0"), next(t, both).MAC, "both find out")
	require.Equal(t, b.mac("eth0"), next(t, conflicts).MAC, "as long as it stays")
}

func TestWatchReportsAHostThatAnnouncesOrUsesTheAddress(t *testing.T) {
	ctx := t.Context()
	places := newLAN(t, Config{WatchEvery: time.Hour}, Config{AnnounceEvery: time.Millisecond})
	a, b := places[0], places[1]
	require.NoError(t, a.Put(ctx, floating))
	conflicts := a.watch(floating)
	a.ready()

	require.NoError(t, b.Announce(ctx, b.lan(floating), floating))
	c := next(t, conflicts)
	require.Equal(t, Announces, c.Claim)
	require.Equal(t, b.mac("eth0"), c.MAC)
	for len(conflicts) > 0 {
		<-conflicts
	}

	require.NoError(t, b.Put(ctx, floating))
	lan := b.lan(floating)
	uses := arp{op: request, senderMAC: lan.MAC, sender: floating, targetMAC: nobody, target: netip.MustParseAddr("192.0.2.200")}
	require.NoError(t, b.withARP(ctx, lan, floating, func(w *wire) error { return w.tell(uses) }))
	for next(t, conflicts).Claim != Uses {
	}
}

// ready returns when a Watch in this place listens.
func (p *place) ready() {
	p.t.Helper()
	p.eventually(func() bool { return p.packetSockets() > 0 }, "the watcher has its socket")
}

func (p *place) packetSockets() int {
	p.t.Helper()
	var table []byte
	require.NoError(p.t, p.inside(func() (err error) {
		table, err = os.ReadFile("/proc/thread-self/net/packet")
		return err
	}))
	return strings.Count(string(table), " 0806 ") // bound, so it hears
}

func TestWatchSaysNothingOfQuestionsAndOfOurselves(t *testing.T) {
	ctx := t.Context()
	places := newLAN(t, Config{WatchEvery: 10 * time.Millisecond, AnnounceEvery: time.Millisecond}, Config{ProbeEvery: 10 * time.Millisecond}, Config{})
	a, b, c := places[0], places[1], places[2]
	// A second interface on the same LAN: the kernel answers there, too, with another MAC address.
	plug(a, "eth1", c, "port")
	c.bridge("lan")
	require.NoError(t, c.nl.LinkSetMaster(c.link("eth0"), c.link("lan")))
	require.NoError(t, c.nl.LinkSetMaster(c.link("port"), c.link("lan")))
	a.add("eth1", "192.0.2.11/24")
	require.NoError(t, a.Put(ctx, floating))
	conflicts := a.watch(floating)
	a.ready()

	require.NoError(t, a.Announce(ctx, a.lan(floating), floating))
	second := a.lan(floating)
	second.Interface, second.Index, second.MAC = "eth1", a.link("eth1").Attrs().Index, a.mac("eth1")
	require.NoError(t, a.Announce(ctx, second, floating))
	b.eventually(func() bool {
		found, taken, err := b.Probe(ctx, b.lan(floating), floating)
		require.NoError(t, err)
		return taken && found.MAC.String() == a.mac("eth0").String()
	}, "the other host asks and is answered")
	require.Empty(t, conflicts)

	require.NoError(t, b.Put(ctx, floating))
	require.Equal(t, b.mac("eth0"), next(t, conflicts).MAC, "the first report is the first conflict")
}

func TestWatchEndsWithItsContextAndItsInterface(t *testing.T) {
	places := newLAN(t, Config{WatchEvery: time.Hour}, Config{})
	a := places[0]
	lan := a.lan(floating)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Watch(ctx, lan, floating, func(Conflict) {}) }()
	a.ready()
	cancel()
	err := next(t, ended)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "watch who has 192.0.2.100 on eth0")

	require.Zero(t, a.packetSockets(), "its socket is closed")
	go func() { ended <- a.Watch(t.Context(), lan, floating, func(Conflict) {}) }()
	a.ready()
	a.down("eth0")
	require.ErrorIs(t, next(t, ended), unix.ENETDOWN)

	go func() { ended <- a.Watch(t.Context(), lan, floating, func(Conflict) {}) }()
	require.Error(t, next(t, ended), "it is still down")
}

func TestAKernelThatWouldNotAnswerIsFoundOut(t *testing.T) {
	ctx := t.Context()
	places := newLAN(t, Config{}, Config{})
	a, b := places[0], places[1]
	require.NoError(t, a.Put(ctx, floating))
	for value, answers := range map[string]bool{"0": true, "1": false, "2": false, "3": true, "8": false} {
		for _, of := range []string{"all", "eth0"} {
			a.sysctl("net/ipv4/conf/"+of+"/arp_ignore", value)
			err := a.WouldAnswer(ctx, a.lan(floating))
			_, taken, probeErr := b.Probe(ctx, b.lan(floating), floating)
			require.NoError(t, probeErr)
			require.Equal(t, answers, taken, "the kernel, arp_ignore=%s", value)
			if answers {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, "net.ipv4.conf."+of+".arp_ignore is "+value+" and has to be 0")
			}
			a.sysctl("net/ipv4/conf/"+of+"/arp_ignore", "0")
		}
	}
}

func TestOnlyPacketsOfTheInterfaceItselfCount(t *testing.T) {
	ctx := t.Context()
	places := newLAN(t, Config{}, Config{})
	a, b := places[0], places[1]
	for _, p := range places {
		err := p.nl.LinkAdd(&netlink.Vlan{LinkAttrs: netlink.LinkAttrs{Name: "eth0.7", ParentIndex: p.link("eth0").Attrs().Index}, VlanId: 7})
		if errors.Is(err, unix.EOPNOTSUPP) {
			skip.Test(t, "", "this kernel has no VLAN devices")
		}
		require.NoError(t, err)
		p.up("eth0.7")
	}
	b.add("eth0.7", "192.0.2.100/24")
	parent := a.lan(floating)
	vlan := LAN{Interface: "eth0.7", Index: a.link("eth0.7").Attrs().Index, MAC: a.mac("eth0.7")}
	require.NoError(t, a.withARP(ctx, parent, floating, func(w *wire) error {
		_, taken, err := a.Probe(ctx, vlan, floating)
		require.NoError(t, err)
		require.True(t, taken)
		// The parent's socket has seen the same packet.
		_, taken, err = a.hear(ctx, w, floating, time.Now().Add(100*time.Millisecond))
		require.NoError(t, err)
		require.False(t, taken)
		return nil
	}))
}

func FuzzParseARP(f *testing.F) {
	lan := LAN{MAC: []byte{2, 0, 0, 0, 0, 1}}
	f.Add(question(lan, floating).bytes())
	for _, p := range announcements(lan, floating) {
		f.Add(append(p.bytes(), make([]byte, 18)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := parseARP(b)
		if ok {
			require.Equal(t, b[:arpLength], p.bytes())
			claimOf(p, floating)
		}
	})
}
