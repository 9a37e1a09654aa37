package bench

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
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
	"github.com/frr-renderer/frr-renderer/test/frr/product"
)

func TestMain(m *testing.M) { os.Exit(product.Main(m)) }

const objects = `apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: pool1}
spec: {addresses: [20.0.0.0/8]}
---
apiVersion: metallb.io/v1beta1
kind: BGPAdvertisement
metadata: {name: all}
spec: {communities: ['64500:1']}
---
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata: {name: tor1}
spec: {myASN: 64500, peerASN: 64501, peerAddress: 10.0.0.1, connectTime: 1s}
`

func service(name, address string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %[1]s, namespace: shop}
spec: {type: LoadBalancer, ports: [{port: 80}]}
status: {loadBalancer: {ingress: [{ip: %[2]s}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %[1]s-1, namespace: shop, labels: {kubernetes.io/service-name: %[1]s}}
addressType: IPv4
endpoints: [{addresses: [10.244.0.1], nodeName: node1}]
`, name, address)
}

// BenchmarkServiceToUpdate reports, per change: ms from the written file to the UPDATE (median and worst), the same for a bare network line
// (the floor), and their ratio; ms of the cold start, session included; MiB of resident memory.
func BenchmarkServiceToUpdate(b *testing.B) {
	for _, v := range fabric.Versions() {
		for _, n := range []int{10, 1000, 10000} {
			b.Run(fmt.Sprintf("frr=%s/services=%d", v, n), func(b *testing.B) { serviceToUpdate(b, v, n) })
		}
	}
}

// stand is a node with a peer, and objects in a directory: an advertised pool, and one file a Service.
type stand struct {
	node *fabric.Node
	peer *gobgp.Peer
	dir  string
}

func newStand(b *testing.B, v fabric.Version, services int) *stand {
	fabric.Require(b, v)
	lab := fabric.New(b, fabric.Topology{
		Nodes: []fabric.NodeSpec{{Name: "node1", Version: v, BGPDArgs: []string{"-p", "0"}}, {Name: "tor1", Version: fabric.None}},
		Links: []fabric.Link{{Ends: []fabric.End{
			{Node: "node1", Interface: "eth0", Addresses: []string{"10.0.0.100/24"}}, {Node: "tor1", Interface: "eth0", Addresses: []string{"10.0.0.1/24"}},
		}}},
	})
	s := &stand{node: lab.Node("node1"), dir: b.TempDir()}
	s.peer = gobgp.Start(b, lab.Node("tor1"), gobgp.Config{
		AS: 64501, Address: netip.MustParseAddr("10.0.0.1"), Neighbor: netip.MustParseAddr("10.0.0.100"),
	})
	write(b, s.dir, "objects.yaml", objects)
	for i := range services {
		write(b, s.dir, fmt.Sprintf("s%d.yaml", i), service(fmt.Sprintf("s%d", i), fmt.Sprintf("20.%d.%d.%d", i>>16, i>>8&255, i&255)))
	}
	return s
}

// run starts the product on the directory; it ends with the benchmark, or by stop.
func (s *stand) run(b *testing.B, args ...string) *exec.Cmd {
	path, err := product.Build()
	require.NoError(b, err)
	cmd := s.node.Command(context.Background(), path, append([]string{"run", "-f", s.dir, "--node", "node1", "--log-level", "warn"}, args...)...)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() { stop(cmd) })
	return cmd
}

func stop(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
}

func serviceToUpdate(b *testing.B, v fabric.Version, n int) {
	s := newStand(b, v, n)
	node, peer, dir := s.node, s.peer, s.dir
	started := time.Now()
	cmd := s.run(b)
	last, err := peer.WaitTable(context.Background(), n)
	require.NoError(b, err)
	cold := last.Sub(started)

	client := vtysh.NewSocket(node.VtyDir())
	b.Cleanup(func() { _ = client.Close() })
	var product, floor []time.Duration
	i := 0
	for b.Loop() {
		i++
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{20, 200, byte(i >> 8), byte(i)}), 32)
		product = append(product, until(b, peer, prefix, func() { write(b, dir, "changed.yaml", service("changed", prefix.Addr().String())) }))
		bare := netip.PrefixFrom(netip.AddrFrom4([4]byte{20, 201, byte(i >> 8), byte(i)}), 32)
		route := "network " + bare.String() + " route-map " + class(b, node)
		floor = append(floor, until(b, peer, bare, func() { configure(b, client, route) }))
		configure(b, client, "no network "+bare.String())
		// bgpd holds what it is told for 50 ms: a change within the hold of the one before would seem to be quicker than it is.
		require.NoError(b, peer.WaitNoPath(context.Background(), bare))
	}
	report(b, product, floor, cold, cmd.Process.Pid)
}

// until does something and returns how long the prefix took to arrive.
func until(b *testing.B, peer *gobgp.Peer, prefix netip.Prefix, do func()) time.Duration {
	b.Helper()
	start := time.Now()
	do()
	path, err := peer.WaitPath(context.Background(), prefix, func(gobgp.Path) bool { return true })
	require.NoError(b, err)
	return path.Received.Sub(start)
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
	b.ReportMetric(ms(cold), "ms-cold")
	b.ReportMetric(float64(resident(b, pid))/1024, "MiB-rss")
}

// resident is the memory of a process in KiB.
func resident(b *testing.B, pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(b, err)
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) == 3 && words[0] == "VmRSS:" {
			kib, err := strconv.Atoi(words[1])
			require.NoError(b, err)
			return kib
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
