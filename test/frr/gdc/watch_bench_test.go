package gdc

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// BenchmarkSessions asks a bgpd with 64 views, of 16 routers and two families each and 2,000 routes in one, for its 1,024 sessions: in full, and as an agent
// does each second. ms-bgpd is what it takes bgpd, in time of a processor, in which it does nothing else.
func BenchmarkSessions(b *testing.B) {
	for _, v := range fabric.Versions() {
		client, cpu := manySessions(b, v)
		for _, how := range []struct {
			name string
			ask  func() ([]observe.Session, error)
		}{
			{"in-full", func() ([]observe.Session, error) {
				state, err := observe.Read(b.Context(), client)
				return state.Sessions, err
			}},
			{"each-second", func() func() ([]observe.Session, error) {
				w := observe.NewWatcher(client, time.Now)
				_, err := w.Sessions(b.Context())
				require.NoError(b, err)
				return func() ([]observe.Session, error) { return w.Sessions(b.Context()) }
			}()},
		} {
			b.Run(string(v)+"/"+how.name, func(b *testing.B) {
				before := cpu()
				for b.Loop() {
					sessions, err := how.ask()
					require.NoError(b, err)
					require.Len(b, sessions, 1024)
				}
				b.ReportMetric(float64((cpu()-before).Milliseconds())/float64(b.N), "ms-bgpd/op")
			})
		}
	}
}

// manySessions starts it, with all sessions Established. The second result tells the time of a processor that bgpd has taken.
func manySessions(b *testing.B, v fabric.Version) (vtysh.Client, func() time.Duration) {
	const views, routers, routes = 64, 16, 2000
	floating := func(i int) string { return fmt.Sprintf("10.0.1.%d", i+1) }
	router := func(i int) string { return fmt.Sprintf("10.0.2.%d", i+1) }
	gw := fabric.End{Node: "gw", Interface: "eth0", Addresses: []string{"10.0.0.11/16", "fd00::11/64"}}
	link := fabric.Link{}
	top := fabric.Topology{}
	var config, toViews strings.Builder
	for i := range views {
		gw.Addresses = append(gw.Addresses, floating(i)+"/16")
		fmt.Fprintf(&config, "router bgp 65001 view gw-%[1]s\n bgp router-id %[1]s\n no bgp ebgp-requires-policy\n no bgp network import-check\n", floating(i))
		for r := range routers {
			fmt.Fprintf(&config, " neighbor %[1]s remote-as 65002\n neighbor %[1]s update-source %[2]s\n neighbor %[1]s timers connect 1\n", router(r), floating(i))
		}
		for r := range routes {
			if i == 0 {
				fmt.Fprintf(&config, " network 198.18.%d.%d/32\n", r/250, r%250+1)
			}
		}
		config.WriteString(" address-family ipv6 unicast\n")
		for r := range routers {
			fmt.Fprintf(&config, "  neighbor %s activate\n", router(r))
		}
		config.WriteString(" exit-address-family\nexit\n")
		fmt.Fprintf(&toViews, " neighbor %[1]s remote-as 65001\n neighbor %[1]s passive\n", floating(i))
	}
	link.Ends = append(link.Ends, gw)
	top.Nodes = append(top.Nodes, fabric.NodeSpec{Name: "gw", Version: v, BGPDArgs: []string{"-p", "1790"}, Config: config.String()})
	for r := range routers {
		name := fmt.Sprint("tor", r+1)
		top.Nodes = append(top.Nodes, fabric.NodeSpec{Name: name, Version: v, Config: "router bgp 65002\n no bgp ebgp-requires-policy\n" + toViews.String() + "exit\n"})
		link.Ends = append(link.Ends, fabric.End{Node: name, Interface: "eth0", Addresses: []string{router(r) + "/16", fmt.Sprintf("fd00::2:%d/64", r+1)}})
	}
	top.Links = []fabric.Link{link}
	node := fabric.New(b, top).Node("gw")
	client := vtysh.NewSocket(node.VtyDir())
	b.Cleanup(func() { _ = client.Close() })
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) {
		state, err := observe.Read(b.Context(), client)
		require.NoError(b, err)
		if !slices.ContainsFunc(state.Sessions, func(s observe.Session) bool { return !s.Established() }) {
			break
		}
		require.True(b, time.Now().Before(end), "not all sessions are Established")
	}
	return client, func() time.Duration { return processorTime(b, node.PID("bgpd")) }
}

// processorTime is what a process has taken so far (proc(5): utime and stime, in hundredths of a second).
func processorTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(b, err)
	_, rest, _ := strings.Cut(string(data), ") ")
	var sum int
	for _, field := range strings.Fields(rest)[11:13] {
		ticks, err := strconv.Atoi(field)
		require.NoError(b, err)
		sum += ticks
	}
	return time.Duration(sum) * 10 * time.Millisecond
}
