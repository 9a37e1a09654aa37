package cluster

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gdc/cluster/lab"
	"github.com/frr-renderer/frr-renderer/test/frr/product"
)

func TestMain(m *testing.M) {
	product.SideBySide(4)
	os.Exit(product.Main(m))
}

var (
	three    = []lab.Machine{{Name: "n1", Subnet: 1, Host: 10}, {Name: "n2", Subnet: 1, Host: 11}, {Name: "n3", Subnet: 2, Host: 10}}
	floating = []string{"10.0.1.100", "10.0.2.100"}
)

// reached are the nodes that answer connections through a router.
func reached(l *lab.Lab, tor, vip string) []string {
	return slices.Sorted(maps.Keys(l.Connect(tor, vip, 60)))
}

// sources shows that every session of a router comes from a floating IP, and no node is spoken with by any other address.
func sources(t *testing.T, l *lab.Lab) {
	t.Helper()
	for _, r := range l.Spec.Tors {
		var up []string
		for _, s := range l.Sessions(r.Name) {
			if s.State == "Established" {
				up = append(up, s.Neighbor)
			}
		}
		require.Equal(t, slices.Sorted(slices.Values(l.Spec.Floating)), slices.Sorted(slices.Values(up)), r.Name)
	}
}

func TestExample10(t *testing.T) {
	fabric.EachVersion(t, func(t *testing.T, v, other fabric.Version) {
		l := lab.New(t, lab.Spec{Version: v, Machines: three, Tors: lab.TwoTors(v, other), Floating: floating, IPv4Only: true})
		l.Apply(l.Case("example-10-all-nodes-same-peers"))
		l.Run()
		l.Settled()
		sources(t, l)
		require.Contains(t, []string{"n1", "n2"}, l.Holder("10.0.1.100"))
		require.Equal(t, "n3", l.Holder("10.0.2.100"))
		for _, vip := range []string{"203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"} {
			l.Told(vip, "n1", "n2", "n3")
		}
		l.Told("203.0.113.9", "n1", "n3") // policy Local
		first := l.Holder("10.0.1.100")
		l.SaysSessions(
			"10.8.0.10-"+first+" 65001 65002 10.0.1.100 10.8.0.10 Established",
			"10.8.0.10-n3 65001 65002 10.0.2.100 10.8.0.10 Established",
			"10.8.0.11-"+first+" 65001 65002 10.0.1.100 10.8.0.11 Established",
			"10.8.0.11-n3 65001 65002 10.0.2.100 10.8.0.11 Established",
		)
		l.SaysRoutes(
			"default-default-local 203.0.113.9/32", "default-default-web1 203.0.113.1/32", "default-default-web2 203.0.113.2/32",
			"default-default-web3 203.0.113.3/32", "default-default-web4 203.0.113.4/32",
		)
		for _, r := range l.AdvertisedRoutes() {
			want := []string{"10.0.1.10", "10.0.1.11", "10.0.2.10"}
			if r.Name == "default-default-local" {
				want = []string{"10.0.1.10", "10.0.2.10"}
			}
			require.ElementsMatch(t, want, r.Spec.NextHops, r.Name)
		}
		l.Serve("203.0.113.1", "n1", "n2", "n3")
		require.Equal(t, []string{"n1", "n2", "n3"}, reached(l, "tor1", "203.0.113.1"))
		require.Len(t, reached(l, "tor2", "203.0.113.1"), 2, "through a router without ADD-PATH one node of each session")
		l.NoRoutes()

		// A pod goes, and comes back: its node is a next hop as long as there is one.
		l.Apply(lab.Endpoints("local", "n3"))
		l.Told("203.0.113.9", "n3")
		l.Apply(lab.Endpoints("local", "n1", "n3"))
		l.Told("203.0.113.9", "n1", "n3")
		nothingComesIn(t, l)
		prefixes := []string{"203.0.113.1/32", "203.0.113.2/32", "203.0.113.3/32", "203.0.113.4/32", "203.0.113.9/32"}
		l.Advertised("10.8.0.10", []string{"ipv4 many"}, prefixes...)
		l.Advertised("10.8.0.11", []string{"ipv4 one"}, prefixes...)
		noMorePaths(t, l)
	})
}

// load has a router run lines.
func load(t *testing.T, l *lab.Lab, router, lines string) {
	t.Helper()
	said, err := l.Node(router).Load(t.Context(), "router bgp 65002\n"+lines+"exit\n")
	require.NoError(t, err)
	require.Empty(t, said)
}

// nothingComesIn has a router announce a prefix and a default route, which no view and no kernel takes.
func nothingComesIn(t *testing.T, l *lab.Lab) {
	t.Helper()
	before := map[string]int{}
	for _, f := range floating {
		before[f] = updates(t, l, f)
	}
	load(t, l, "tor1", " no bgp network import-check\n address-family ipv4 unicast\n  network 198.51.100.0/24\n  network 0.0.0.0/0\n exit-address-family\n")
	for _, f := range floating {
		l.Eventually("what tor1 announces has reached the holder of "+f, func() error {
			if now := updates(t, l, f); now == before[f] {
				return fmt.Errorf("it has had %d updates", now)
			}
			return nil
		})
		for _, prefix := range []string{"198.51.100.0/24", "0.0.0.0/0"} {
			routes, err := l.Node(l.Holder(f)).Routes(t.Context(), "gw-"+f, prefix)
			require.NoError(t, err)
			require.Empty(t, routes, "%s in the view of %s", prefix, f)
		}
	}
	for _, m := range l.Spec.Machines {
		routes, err := l.Node(m.Name).Prefixes(t.Context(), "", "ipv4")
		require.NoError(t, err)
		require.NotContains(t, routes, netip.MustParsePrefix("198.51.100.0/24"), m.Name)
		require.NotContains(t, routes, netip.MustParsePrefix("0.0.0.0/0"), m.Name)
	}
	l.NoRoutes()
}

// updates is how many the holder of a floating IP has had from tor1.
func updates(t *testing.T, l *lab.Lab, floating string) int {
	t.Helper()
	s, err := l.Node(l.Holder(floating)).Session(t.Context(), "gw-"+floating, "10.8.0.10")
	require.NoError(t, err)
	require.Empty(t, s.PrefixesReceived["ipv4Unicast"], "what is taken from tor1")
	return s.UpdatesReceived
}

// noMorePaths has a router that received several paths take one alone from now on: it is told one a session, as if it had never been another.
func noMorePaths(t *testing.T, l *lab.Lab) {
	t.Helper()
	load(t, l, "tor1", " address-family ipv4 unicast\n  neighbor 10.0.1.100 disable-addpath-rx\n  neighbor 10.0.2.100 disable-addpath-rx\n exit-address-family\n")
	l.Spec.Tors[0].One = true
	l.Told("203.0.113.1", "n1", "n2", "n3")
	l.Advertised("10.8.0.10", []string{"ipv4 one"}, "203.0.113.1/32", "203.0.113.2/32", "203.0.113.3/32", "203.0.113.4/32", "203.0.113.9/32")
	l.Settled()
}

// Nobody serves MetalLB's kinds: the pool is the Cluster's.
func TestExample09(t *testing.T) {
	fabric.EachVersion(t, func(t *testing.T, v, other fabric.Version) {
		l := lab.New(t, lab.Spec{Version: v, Machines: three, Tors: lab.TwoTors(v, other), Floating: floating, NoMetalLB: true})
		l.Apply(l.Case("example-09-dual-stack"))
		l.Run()
		l.Settled()
		sources(t, l)
		for _, vip := range []string{"203.0.113.10", "2001:db8::10"} {
			l.Told(vip, "n1", "n2", "n3")
		}
		for _, vip := range []string{"203.0.113.11", "2001:db8::11"} {
			l.Told(vip, "n1", "n3")
		}
		l.SaysRoutes(
			"default-default-local 203.0.113.11/32", "default-default-local-ipv6 2001:db8::11/128",
			"default-default-web 203.0.113.10/32", "default-default-web-ipv6 2001:db8::10/128",
		)
		l.Serve("2001:db8::10", "n1", "n2", "n3")
		require.Equal(t, []string{"n1", "n2", "n3"}, reached(l, "tor1", "2001:db8::10"))
		l.NoRoutes()

		// A router that speaks no IPv6 any more is not said to be told any.
		load(t, l, "tor2", " address-family ipv6 unicast\n  no neighbor 10.0.1.100 activate\n  no neighbor 10.0.2.100 activate\n exit-address-family\n")
		v4, v6 := []string{"203.0.113.10/32", "203.0.113.11/32"}, []string{"2001:db8::10/128", "2001:db8::11/128"}
		l.Advertised("10.8.0.10", []string{"ipv4 many", "ipv6 many"}, append(v4, v6...)...)
		l.Advertised("10.8.0.11", []string{"ipv4 one"}, v4...)
	})
}

// The holders of the floating IPs take no traffic themselves, and their router is on the subnet of theirs.
func TestExample12(t *testing.T) {
	fabric.EachVersion(t, func(t *testing.T, v, other fabric.Version) {
		l := lab.New(t, lab.Spec{
			Version: v, IPv4Only: true, Floating: []string{"10.0.3.100", "10.0.3.101"},
			Machines: []lab.Machine{
				{Name: "n1", Subnet: 1, Host: 10}, {Name: "n2", Subnet: 1, Host: 11}, {Name: "n3", Subnet: 2, Host: 11},
				{Name: "n4", Subnet: 3, Host: 10}, {Name: "n5", Subnet: 3, Host: 11},
			},
			Tors: []lab.Tor{{Name: "tor", Version: other, Host: 254, Address: "10.0.3.254", ASN: 65002}},
		})
		l.Apply(l.Case("example-12-separate-control-and-data-plane"))
		l.Run()
		l.Settled()
		sources(t, l)
		first, second := l.Holder("10.0.3.100"), l.Holder("10.0.3.101")
		require.ElementsMatch(t, []string{"n4", "n5"}, []string{first, second})
		l.Told("203.0.113.1", "n1", "n2", "n3")
		l.Told("203.0.113.9", "n1", "n3")
		rows := []string{
			"10.0.3.254-" + first + " 65001 65002 10.0.3.100 10.0.3.254 Established",
			"10.0.3.254-" + second + " 65001 65002 10.0.3.101 10.0.3.254 Established",
		}
		slices.Sort(rows)
		l.SaysSessions(rows...)
		l.Serve("203.0.113.1", "n1", "n2", "n3")
		require.Equal(t, []string{"n1", "n2", "n3"}, reached(l, "tor", "203.0.113.1"))
		l.NoRoutes()
	})
}
