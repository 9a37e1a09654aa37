package bench

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gobgp"
	"github.com/frr-renderer/frr-renderer/test/frr/manifest"
	"github.com/frr-renderer/frr-renderer/test/frr/product"
)

func TestMain(m *testing.M) { os.Exit(product.Main(m)) }

var objects = manifest.Spec("IPAddressPool", "pool1", "addresses: [20.0.0.0/8]") + manifest.Spec("BGPAdvertisement", "all", "communities: ['64500:1']")

func service(name, address string) string { return manifest.Service(name, "", address) }

// BenchmarkServiceToUpdate reports, per change: ms from the written file until the last peer has the UPDATE (median and worst), the same for
// a bare network line (the floor), their ratio, and their difference, which is our own share; ms of the cold start, sessions included; MiB of
// resident memory in the end, and at most.
func BenchmarkServiceToUpdate(b *testing.B) {
	for _, v := range fabric.Versions() {
		for _, n := range []int{10, 1000, 10000} {
			for _, peers := range []int{1, 4} {
				b.Run(fmt.Sprintf("frr=%s/services=%d/peers=%d", v, n, peers), func(b *testing.B) { serviceToUpdate(b, v, n, peers) })
			}
		}
	}
}

// stand is a node with peers, and objects in a directory: an advertised pool, and one file a Service.
type stand struct {
	node  *fabric.Node
	peers []*gobgp.Peer
	dir   string
}

func newStand(b *testing.B, v fabric.Version, services, peers int) *stand {
	fabric.Require(b, v)
	topology := fabric.Topology{
		Nodes: []fabric.NodeSpec{{Name: "node1", Version: v, BGPDArgs: []string{"-p", "0"}}},
		Links: []fabric.Link{{Ends: []fabric.End{{Node: "node1", Interface: "eth0", Addresses: []string{"10.0.0.100/24"}}}}},
	}
	all := objects
	for i := range peers {
		name, address := fmt.Sprintf("tor%d", i+1), fmt.Sprintf("10.0.0.%d/24", i+1)
		topology.Nodes = append(topology.Nodes, fabric.NodeSpec{Name: name, Version: fabric.None})
		topology.Links[0].Ends = append(topology.Links[0].Ends, fabric.End{Node: name, Interface: "eth0", Addresses: []string{address}})
		all += manifest.Peer(name, fmt.Sprint("10.0.0.", i+1), 64501)
	}
	lab := fabric.New(b, topology)
	s := &stand{node: lab.Node("node1"), dir: b.TempDir()}
	for i := range peers {
		s.peers = append(s.peers, gobgp.Start(b, lab.Node(fmt.Sprintf("tor%d", i+1)), gobgp.Config{
			AS: 64501, Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), Neighbor: netip.MustParseAddr("10.0.0.100"),
		}))
	}
	write(b, s.dir, "objects.yaml", all)
	for i := range services {
		write(b, s.dir, fmt.Sprintf("s%d.yaml", i), service(fmt.Sprintf("s%d", i), fmt.Sprintf("20.%d.%d.%d", i>>16, i>>8&255, i&255)))
	}
	return s
}

// run starts the product on the directory; it ends with the benchmark, or by stop.
func (s *stand) run(b *testing.B, args ...string) *fabric.Program {
	agent, err := fabric.Start(s.node.Command(context.Background(), product.Path(b),
		append([]string{"run", "-f", s.dir, "--node", "node1", "--log-level", "warn"}, args...)...))
	require.NoError(b, err)
	b.Cleanup(func() { stop(agent) })
	return agent
}

func stop(agent *fabric.Program) { _ = agent.End(syscall.SIGTERM) }

// whole waits until every peer has all Services, and returns when the last had.
func (s *stand) whole(b *testing.B, services int) (last time.Time) {
	for _, p := range s.peers {
		at, err := p.WaitTable(context.Background(), services)
		require.NoError(b, err)
		if at.After(last) {
			last = at
		}
	}
	return last
}

// until does something and returns how long the prefix took to arrive at every peer.
func (s *stand) until(b *testing.B, prefix netip.Prefix, do func()) time.Duration {
	b.Helper()
	start, last := time.Now(), time.Time{}
	do()
	for _, p := range s.peers {
		path, err := p.WaitPath(context.Background(), prefix, func(gobgp.Path) bool { return true })
		require.NoError(b, err)
		if path.Received.After(last) {
			last = path.Received
		}
	}
	return last.Sub(start)
}

func serviceToUpdate(b *testing.B, v fabric.Version, n, peers int) {
	s := newStand(b, v, n, peers)
	node, dir := s.node, s.dir
	product.Path(b) // builds it, the first time
	started := time.Now()
	agent := s.run(b)
	cold := s.whole(b, n).Sub(started)

	client := vtysh.NewSocket(node.VtyDir())
	b.Cleanup(func() { _ = client.Close() })
	var changes, floor []time.Duration
	i := 0
	for b.Loop() {
		i++
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{20, 200, byte(i >> 8), byte(i)}), 32)
		changes = append(changes, s.until(b, prefix, func() { write(b, dir, "changed.yaml", service("changed", prefix.Addr().String())) }))
		bare := netip.PrefixFrom(netip.AddrFrom4([4]byte{20, 201, byte(i >> 8), byte(i)}), 32)
		route := "network " + bare.String() + " route-map " + class(b, node)
		floor = append(floor, s.until(b, bare, func() { configure(b, client, route) }))
		configure(b, client, "no network "+bare.String())
		// bgpd holds what it is told for 50 ms: a change within the hold of the one before would seem to be quicker than it is.
		for _, p := range s.peers {
			require.NoError(b, p.WaitNoPath(context.Background(), bare))
		}
	}
	report(b, changes, floor, cold, agent.PID())
}

func configure(b *testing.B, client vtysh.Client, line string) {
	b.Helper()
	replies, err := client.Configure(context.Background(), vtysh.BGPD, []vtysh.Block{{
		Context: []vtysh.Line{"router bgp 64500", "address-family ipv4 unicast"}, Lines: []vtysh.Line{vtysh.Line(line)},
	}})
	require.NoError(b, err)
	require.False(b, replies[0].Refused(), replies[0].Text)
}

var classOnce = map[string]string{}

// class is the route-map that the node's routes have.
func class(b *testing.B, node *fabric.Node) string {
	b.Helper()
	if known := classOnce[node.VtyDir()]; known != "" {
		return known
	}
	text, err := node.RunningConfig(context.Background())
	require.NoError(b, err)
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) == 4 && words[0] == "network" {
			classOnce[node.VtyDir()] = words[3]
			return words[3]
		}
	}
	b.Fatal("no network line")
	return ""
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func report(b *testing.B, product, floor []time.Duration, cold time.Duration, pid int) {
	slices.Sort(product)
	slices.Sort(floor)
	median, bare := product[len(product)/2], floor[len(floor)/2]
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(median), "ms-median")
	b.ReportMetric(ms(product[len(product)-1]), "ms-worst")
	b.ReportMetric(ms(bare), "ms-floor")
	b.ReportMetric(float64(median)/float64(bare), "x-floor")
	b.ReportMetric(ms(median-bare), "ms-own")
	b.ReportMetric(ms(cold), "ms-cold")
	b.ReportMetric(memory(b, pid, "VmRSS:"), "MiB-rss")
	b.ReportMetric(memory(b, pid, "VmHWM:"), "MiB-peak")
	b.ReportMetric(memory(b, pid, "RssAnon:"), "MiB-anon")
}

// memory is what a process has of resident memory in MiB: VmRSS now, VmHWM at most.
func memory(b *testing.B, pid int, which string) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(b, err)
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) == 3 && words[0] == which {
			kib, err := strconv.Atoi(words[1])
			require.NoError(b, err)
			return float64(kib) / 1024
		}
	}
	return 0
}

func write(b *testing.B, dir, name, text string) {
	b.Helper()
	beside := filepath.Join(dir, "."+name)
	require.NoError(b, os.WriteFile(beside, []byte(text), 0o644))
	require.NoError(b, os.Rename(beside, filepath.Join(dir, name)))
}
