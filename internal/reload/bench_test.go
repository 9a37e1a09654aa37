package reload

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// large is a configuration as the product renders it and as FRR prints it, with a network line a prefix.
func large(prefixes, peers int) string {
	var b strings.Builder
	b.WriteString("bgp route-map delay-timer 0\nroute-map class-a permit 10\n set tag 1\nexit\n" +
		"route-map out permit 1\n match tag 1\n set community 64500:1\nexit\nroute-map in deny 65535\nexit\n" +
		"router bgp 64500\n bgp router-id 10.255.0.1\n no bgp ebgp-requires-policy\n no bgp default ipv4-unicast\n no bgp network import-check\n")
	for i := range peers {
		fmt.Fprintf(&b, " neighbor 10.1.0.%d remote-as 64501\n", i+1)
	}
	b.WriteString(" address-family ipv4 unicast\n")
	for i := range prefixes {
		fmt.Fprintf(&b, "  network 20.%d.%d.%d/32 route-map class-a\n", i>>16, i>>8&255, i&255)
	}
	for i := range peers {
		fmt.Fprintf(&b, "  neighbor 10.1.0.%d activate\n  neighbor 10.1.0.%[1]d route-map in in\n  neighbor 10.1.0.%[1]d route-map out out\n", i+1)
	}
	b.WriteString(" exit-address-family\nexit\n")
	return b.String()
}

// Nearly all lines of large configurations are networks: a look at each is cheap, an allocation for each is not.
func TestNetworksThatStayAllocateNothing(t *testing.T) {
	for _, v := range []vtysh.Version{frr84, frr103} {
		for _, change := range []string{"set community 64500:1", "remote-as 64501", "20.0.0.17/32"} {
			allocations := func(prefixes int) float64 {
				text := large(prefixes, 4)
				wanted := strings.Replace(text, change, strings.Replace(change, "1", "3", 1), 1)
				require.NotEqual(t, text, wanted)
				running := Running{BGPD: text, BFDD: text, Previous: text, Version: v}
				return testing.AllocsPerRun(2, func() { diff(running, read(wanted)) })
			}
			require.Less(t, allocations(4000)-allocations(1000), 300.0, "%s: %s", v, change)
		}
	}
}

// BenchmarkDiff compares what runs with a document, both as texts that were not seen before: one prefix more, a class with
// other attributes, half of the prefixes in another class.
func BenchmarkDiff(b *testing.B) {
	for _, n := range []int{1000, 10000, 50000} {
		text := large(n, 4)
		for _, c := range []struct {
			change, wanted string
			commands       int
		}{
			{"one", strings.Replace(text, "  network 20.0.0.7/32", "  network 20.0.0.6/31 route-map class-a\n  network 20.0.0.7/32", 1), 1},
			{"attributes", strings.Replace(text, "set community 64500:1", "set community 64500:3", 1), 5},
			{"half", strings.Replace(text, "/32 route-map class-a", "/32 route-map class-b", n/2), n / 2},
		} {
			for _, v := range []vtysh.Version{frr84, frr103} {
				b.Run(fmt.Sprintf("prefixes=%d/change=%s/frr=%s", n, c.change, v), func(b *testing.B) {
					running := Running{BGPD: text, Version: v}
					for b.Loop() {
						plan := diff(running, read(c.wanted))
						require.Len(b, plan.Commands, c.commands)
					}
				})
			}
		}
	}
}

// entriesAndRoutes is a configuration whose neighbors each have a route-map with a list of its own, beside static routes.
func entriesAndRoutes(n int) string {
	var lists, maps, neighbors, policies, routes strings.Builder
	for i := range n {
		address := fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
		fmt.Fprintf(&lists, "ip prefix-list p%d seq 5 permit %s/32\n", i, address)
		fmt.Fprintf(&maps, "route-map m%d permit 10\n match ip address prefix-list p%[1]d\n set metric 1\nexit\n", i)
		fmt.Fprintf(&neighbors, " neighbor %s remote-as 2\n", address)
		fmt.Fprintf(&policies, "  neighbor %s route-map m%d in\n", address, i)
		fmt.Fprintf(&routes, "ip route %s/32 192.0.2.1\n", address)
	}
	return lists.String() + maps.String() + "router bgp 1\n" + neighbors.String() + " address-family ipv4 unicast\n" + policies.String() + " exit-address-family\nexit\n" +
		routes.String()
}

// Neither does what an entry of a route-map, a list, or a static route costs depend on how many there are.
func TestWorkIsLinearInEntriesAndRoutes(t *testing.T) {
	for name, change := range map[string][2]string{
		"lists": {"/32\nip prefix", "/31\nip prefix"}, "entries": {"set metric 1", "set metric 2"}, "maps": {"route-map m", "route-map n"},
		"next hops": {" 192.0.2.1", " 192.0.2.2"}, "one list": {"permit 10.0.0.1/32", "permit 10.0.0.1/31"},
	} {
		for _, v := range []vtysh.Version{frr84, frr103} {
			for _, whole := range []bool{false, true} {
				allocations := func(n int) float64 {
					text := entriesAndRoutes(n)
					wanted := strings.ReplaceAll(text, change[0], change[1])
					require.NotEqual(t, text, wanted)
					running := Running{BGPD: text, BFDD: text, Previous: text, Others: map[vtysh.Daemon]string{vtysh.Zebra: text}, Whole: whole, Version: v}
					return testing.AllocsPerRun(1, func() { diff(running, read(wanted)) })
				}
				require.Less(t, allocations(200)/allocations(100), 2.2, "%s, FRR %s, whole: %t", name, v, whole)
			}
		}
	}
}
