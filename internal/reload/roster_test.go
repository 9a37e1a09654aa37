package reload

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// crowd is a configuration with many neighbors, of a group or each with lines of its own, as FRR prints it.
func crowd(neighbors int, grouped bool) string {
	var b strings.Builder
	b.WriteString("bgp route-map delay-timer 0\nroute-map out permit 1\n match tag 1\n set community 64500:1\nexit\nroute-map in deny 65535\nexit\n" +
		"router bgp 64500\n bgp router-id 10.255.0.1\n no bgp default ipv4-unicast\n neighbor G peer-group\n neighbor G remote-as 64501\n neighbor G bfd\n")
	address := func(i int) string { return fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255) }
	for i := range neighbors {
		of := "remote-as 64501"
		if grouped {
			of = "peer-group G"
		}
		fmt.Fprintf(&b, " neighbor %s %s\n neighbor %[1]s description one\n neighbor %[1]s bfd\n neighbor %[1]s bfd profile fast\n", address(i), of)
		fmt.Fprintf(&b, " neighbor %s timers 3 9\n neighbor %[1]s password secret\n neighbor %[1]s graceful-restart\n", address(i))
	}
	for _, family := range []string{"ipv4", "ipv6"} {
		fmt.Fprintf(&b, " address-family %s unicast\n  neighbor G activate\n", family)
		for i := range neighbors {
			if !grouped {
				fmt.Fprintf(&b, "  neighbor %s activate\n", address(i))
			}
			fmt.Fprintf(&b, "  neighbor %s prefix-list p in\n  neighbor %[1]s route-map in in\n  neighbor %[1]s route-map out out\n", address(i))
			fmt.Fprintf(&b, "  neighbor %s addpath-tx-all-paths\n", address(i))
		}
		b.WriteString(" exit-address-family\n")
	}
	b.WriteString("exit\nbfd\n profile fast\n  receive-interval 100\n exit\nexit\n")
	return b.String()
}

// changesOfCrowd are changes of all neighbors, and of what all of them have.
var changesOfCrowd = map[string][2]string{
	"nothing":                {"", ""},
	"descriptions":           {"description one", "description two"},
	"BFD comes by a profile": {" bfd profile fast\n", " bfd profile slow\n"},
	"BFD goes":               {" bfd profile fast\n", " passive\n"},
	"modes":                  {" graceful-restart\n", " graceful-restart-helper\n"},
	"modes go":               {" graceful-restart\n", " passive\n"},
	"lists":                  {" prefix-list p in", " distribute-list p in"},
	"paths":                  {" addpath-tx-all-paths", " addpath-tx-bestpath-per-AS"},
	"clients":                {" addpath-tx-all-paths", " route-server-client"},
	"communities":            {" addpath-tx-all-paths", " send-community large"},
	"a policy":               {"set community 64500:1", "set community 64500:2"},
	"policies":               {" route-map out out", " route-map other out"},
	"router ID":              {"bgp router-id 10.255.0.1", "bgp router-id 10.255.0.2"},
	"cluster ID":             {"bgp router-id 10.255.0.1", "bgp cluster-id 10.255.0.2"},
	"the group's AS":         {"neighbor G remote-as 64501", "neighbor G remote-as 64502"},
	"everything":             {"router bgp 64500", "router bgp 64501"},
}

// What a neighbor costs does not depend on how many there are: twice as many take twice the work, of which allocations are the measure.
func TestWorkIsLinearInNeighbors(t *testing.T) {
	for name, change := range changesOfCrowd {
		for _, v := range []vtysh.Version{frr84, frr103} {
			for _, grouped := range []bool{false, true} {
				allocations := func(neighbors int) float64 {
					text := crowd(neighbors, grouped)
					wanted := strings.ReplaceAll(text, change[0], change[1])
					if change[0] == "" {
						wanted = text
					}
					return testing.AllocsPerRun(1, func() { diff(Running{BGPD: text, BFDD: text, Version: v}, read(wanted)) })
				}
				require.Less(t, allocations(160)/allocations(80), 2.2, "%s, FRR %s, grouped: %t", name, v, grouped)
			}
		}
	}
}

// BenchmarkNeighbors compares what runs with a document that many neighbors stand in.
func BenchmarkNeighbors(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		for name, change := range changesOfCrowd {
			for _, grouped := range []bool{false, true} {
				text := crowd(n, grouped)
				wanted := text
				if change[0] != "" {
					wanted = strings.ReplaceAll(text, change[0], change[1])
				}
				b.Run(fmt.Sprintf("neighbors=%d/grouped=%t/change=%s", n, grouped, name), func(b *testing.B) {
					for b.Loop() {
						diff(Running{BGPD: text, BFDD: text, Version: frr103}, read(wanted))
					}
				})
			}
		}
	}
}
