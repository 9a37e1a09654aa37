package vtyshtest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

func TestFakeKeepsTheContract(t *testing.T) {
	Contract(t, func(t *testing.T) Lab {
		t.Parallel()
		f := New(t, "10.3", vtysh.BGPD, vtysh.BFDD)
		return Lab{Client: f.Client(), Kill: f.Kill, Start: f.Start, Freeze: func(d vtysh.Daemon) func() {
			until := make(chan struct{})
			f.Inject(func(to vtysh.Daemon, _ string) Fault {
				if to != d {
					return Fault{}
				}
				return Fault{Hang: until}
			})
			return sync.OnceFunc(func() { close(until); f.Inject(nil) })
		}}
	})
}

func TestFaults(t *testing.T) {
	f := New(t, "8.4.4", vtysh.BGPD)
	client := f.Client()
	send := func() ([]vtysh.Reply, error) {
		return client.Configure(t.Context(), vtysh.BGPD, []vtysh.Block{
			{Context: []vtysh.Line{"router bgp 65000"}, Lines: []vtysh.Line{"neighbor 10.0.0.1 remote-as 65001", "neighbor 10.0.0.1 description one"}},
		})
	}
	f.Inject(func(_ vtysh.Daemon, line string) Fault {
		if line == "neighbor 10.0.0.1 description one" {
			return Fault{Refuse: "% No description today"}
		}
		return Fault{}
	})
	replies, err := send()
	require.NoError(t, err)
	require.Equal(t, []bool{false, true}, []bool{replies[0].Refused(), replies[1].Refused()})

	f.Inject(func(vtysh.Daemon, string) Fault { return Fault{Crash: true} })
	_, err = send()
	require.ErrorIs(t, err, vtysh.ErrNotRunning)
	f.Inject(nil)
	_, err = send()
	require.ErrorIs(t, err, vtysh.ErrNotRunning)
	f.Start(vtysh.BGPD)
	require.Empty(t, f.Running(vtysh.BGPD), "a daemon begins without configuration")

	begun := time.Now()
	f.Inject(func(vtysh.Daemon, string) Fault {
		wait := make(chan struct{})
		time.AfterFunc(20*time.Millisecond, func() { close(wait) })
		return Fault{Hang: wait}
	})
	_, err = send()
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(begun), 80*time.Millisecond, "a slow daemon")
	require.Equal(t, "router bgp 65000\n neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 description one\nexit\n!\n", f.Running(vtysh.BGPD))

	// What was applied is unknown, and may have been asked of another daemon: nothing is sent again.
	f.CutAfter(vtysh.BGPD, 3)
	_, err = send()
	require.ErrorIs(t, err, vtysh.ErrInterrupted)
	require.NoError(t, client.Close())
	f.CutAfter(vtysh.BGPD, 4)
	_, err = send()
	require.ErrorIs(t, err, vtysh.ErrNotRunning)
}

func TestWhatTheFakeRuns(t *testing.T) {
	f := New(t, "10.3", vtysh.BGPD, vtysh.BFDD)
	f.Type(vtysh.BGPD, "ip prefix-list a seq 5 permit any", "route-map a permit 10", "match tag 7", "exit", "router bgp 65000", "no bgp default ipv4-unicast",
		"neighbor 10.0.0.1 remote-as 65001", "address-family ipv4 unicast", "network 192.0.2.1/32 route-map a", "network 192.0.2.1/32 route-map b", "network 192.0.2.2/32",
		"neighbor 10.0.0.1 activate", "neighbor 10.0.0.1 route-map a in", "neighbor 10.0.0.1 route-map b out", "no network 192.0.2.2/32", "neighbor 10.0.0.1 timers 3 9")
	f.Type(vtysh.BFDD, "bfd", "profile fast", "receive-interval 100")
	require.Equal(t, "ip prefix-list a seq 5 permit any\nroute-map a permit 10\n match tag 7\nexit\n!\nrouter bgp 65000\n no bgp default ipv4-unicast\n neighbor 10.0.0.1 remote-as 65001\n"+
		" neighbor 10.0.0.1 timers 3 9\n address-family ipv4 unicast\n  network 192.0.2.1/32 route-map b\n  neighbor 10.0.0.1 activate\n  neighbor 10.0.0.1 route-map a in\n"+
		"  neighbor 10.0.0.1 route-map b out\n exit-address-family\nexit\n!\n", f.Running(vtysh.BGPD))
	f.Type(vtysh.BGPD, "router bgp 65000", "bgp default ipv4-unicast", "no neighbor 10.0.0.1", "no route-map a", "no ip prefix-list a")
	require.Equal(t, "router bgp 65000\n address-family ipv4 unicast\n  network 192.0.2.1/32 route-map b\n exit-address-family\nexit\n!\n", f.Running(vtysh.BGPD))
	require.Equal(t, "bfd\n profile fast\n  receive-interval 100\n exit\nexit\n!\n", f.Running(vtysh.BFDD))
	f.Type(vtysh.BFDD, "no bfd")
	f.Type(vtysh.BGPD, "no router bgp 65000")
	require.Empty(t, f.Running(vtysh.BGPD)+f.Running(vtysh.BFDD))
}
