package frr

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// BenchmarkFilters measures many filter lines, added to an FRR and removed again: one by one, as a transaction, and by the vtysh binary.
// One round takes minutes: -benchtime 1x.
func BenchmarkFilters(b *testing.B) {
	loads := []struct {
		name        string
		add, remove []vtysh.Block
	}{
		{"prefix-list-1000", prefixLists(1000, ""), prefixLists(1000, "no ")},
		{"prefix-list-5000", prefixLists(5000, ""), prefixLists(5000, "no ")},
		{"route-map-1000", routeMaps(1000), removedRouteMaps(1000)},
	}
	for _, v := range fabric.Versions() {
		bare := fabric.NewBare(b, v)
		socket, exec := vtysh.NewSocket(bare.VtyDir()), vtysh.NewExec("", bare.VtyshPath())
		b.Cleanup(func() { _ = socket.Close() })
		for _, load := range loads {
			for _, way := range []struct {
				name   string
				client vtysh.Client
				bulk   bool
			}{{"lines", socket, false}, {"bulk", socket, true}, {"exec", exec, false}, {"exec-bulk", exec, true}} {
				b.Run(fmt.Sprintf("frr=%s/%s/%s", v, load.name, way.name), func(b *testing.B) {
					for b.Loop() {
						b.ReportMetric(took(b, way.client, asBulk(load.add, way.bulk)), "s-add")
						b.ReportMetric(took(b, way.client, asBulk(load.remove, way.bulk)), "s-remove")
					}
					b.ReportMetric(0, "ns/op")
				})
			}
		}
	}
}

func took(b *testing.B, client vtysh.Client, blocks []vtysh.Block) float64 {
	b.Helper()
	begun := time.Now()
	replies, err := client.Configure(b.Context(), vtysh.BGPD, blocks)
	require.NoError(b, err)
	for i, r := range replies {
		require.False(b, r.Refused(), "%d: %s", i, r.Text)
	}
	return time.Since(begun).Seconds()
}

func asBulk(blocks []vtysh.Block, bulk bool) []vtysh.Block {
	out := make([]vtysh.Block, len(blocks))
	for i, b := range blocks {
		b.Bulk = bulk
		out[i] = b
	}
	return out
}

func prefixLists(n int, no string) []vtysh.Block {
	var b vtysh.Block
	for i := range n {
		b.Lines = append(b.Lines, vtysh.Line(fmt.Sprintf("%sip prefix-list many seq %d permit 10.%d.%d.0/24", no, i+1, i/250, i%250)))
	}
	return []vtysh.Block{b}
}

func routeMaps(n int) []vtysh.Block {
	var out []vtysh.Block
	for i := range n {
		out = append(out, vtysh.Block{
			Context: []vtysh.Line{vtysh.Line(fmt.Sprintf("route-map many permit %d", i+1))},
			Lines:   []vtysh.Line{vtysh.Line(fmt.Sprintf("match tag %d", i+1)), vtysh.Line(fmt.Sprintf("set metric %d", i+1))},
		})
	}
	return out
}

func removedRouteMaps(n int) []vtysh.Block {
	var b vtysh.Block
	for i := range n {
		b.Lines = append(b.Lines, vtysh.Line(fmt.Sprintf("no route-map many permit %d", i+1)))
	}
	return []vtysh.Block{b}
}
