package gateway

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// spreadOver is which nodes, by name, get which VIPs: for each VIP and floating IP the next hop and its reserve.
func spreadOver(nodes []string, vips, floating int) map[string][]string {
	var hops []NextHop
	all := make([]int, 0, len(nodes))
	for i, name := range slices.Sorted(slices.Values(nodes)) {
		hops, all = append(hops, NextHop{Node: name}), append(all, i)
	}
	list := make([]VIP, vips)
	for i := range list {
		list[i] = VIP{Address: netip.AddrFrom4([4]byte{203, 0, byte(i / 256), byte(i % 256)}), NextHops: all}
	}
	var from []*floatingIP
	for i := range floating {
		from = append(from, &floatingIP{addr: netip.AddrFrom4([4]byte{10, 0, 1, byte(100 + i)})})
	}
	spread(list, hops, from)
	out := map[string][]string{}
	for _, v := range list {
		for i, s := range v.Single {
			reserve := ""
			if s.Reserve != -1 {
				reserve = hops[s.Reserve].Node
			}
			out[fmt.Sprint(v.Address, " ", i)] = []string{hops[s.NextHop].Node, reserve}
		}
	}
	return out
}

func nodeNames(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("node-%02d", i))
	}
	return out
}

// Each node is next hop of its share of the VIPs, for each floating IP; the bound is far beyond what chance does.
func TestVIPsAreSpreadEvenly(t *testing.T) {
	const vips, floating = 2000, 4
	for _, n := range []int{2, 3, 5, 10, 50} {
		count := map[string]int{}
		for key, s := range spreadOver(nodeNames(n), vips, floating) {
			count[s[0]+" "+key[len(key)-1:]]++
		}
		require.Len(t, count, n*floating)
		for what, got := range count {
			require.InDelta(t, vips/n, got, 0.5*float64(vips)/float64(n), "%d nodes, %s", n, what)
		}
	}
}

// A node that goes leaves its VIPs to their reserves. No VIP moves that it did not have, and no node gets them all.
func TestANodeThatGoesTouchesNoOtherVIP(t *testing.T) {
	const gone = "node-03"
	before := spreadOver(nodeNames(10), 1000, 3)
	after := spreadOver(slices.DeleteFunc(nodeNames(10), func(n string) bool { return n == gone }), 1000, 3)
	heirs := map[string]int{}
	for vip := range 1000 {
		var was, is [][]string
		for i := range 3 {
			key := fmt.Sprintf("203.0.%d.%d %d", vip/256, vip%256, i)
			was, is = append(was, before[key]), append(is, after[key])
		}
		at := slices.IndexFunc(was, func(s []string) bool { return s[0] == gone })
		if at == -1 {
			for i := range 3 {
				require.Equal(t, was[i][0], is[i][0], "it did not have this VIP")
			}
			continue
		}
		for i := range at {
			require.Equal(t, was[i][0], is[i][0], "who chose before it stays")
		}
		require.Equal(t, was[at][1], is[at][0], "the reserve takes its place")
		heirs[is[at][0]]++
	}
	require.Len(t, heirs, 9)
}

// A floating IP that comes changes nothing for those before it.
func TestAFloatingIPThatComesTakesFromNoneBeforeIt(t *testing.T) {
	before, after := spreadOver(nodeNames(5), 500, 2), spreadOver(nodeNames(5), 500, 3)
	for key, s := range before {
		require.Equal(t, s[0], after[key][0])
	}
}

func TestFewerNodesThanFloatingIPs(t *testing.T) {
	for key, s := range spreadOver(nodeNames(1), 3, 3) {
		require.Equal(t, []string{"node-00", ""}, s, key)
	}
	count := map[string]int{}
	for key, s := range spreadOver(nodeNames(2), 100, 4) {
		require.NotEqual(t, s[0], s[1])
		require.NotEmpty(t, s[1])
		count[key[:len(key)-1]+s[0]]++
	}
	for key, n := range count {
		require.Equal(t, 2, n, "each of two nodes has two of four: %s", key)
	}
	require.Empty(t, spreadOver(nodeNames(3), 3, 0))
}
