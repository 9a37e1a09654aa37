package cluster

import (
	"testing"

	"github.com/frr-renderer/frr-renderer/test/frr/cluster/lab"
)

// Advertisements and what they do to routes: MetalLB's bgp.go (propagation, updates) and bgppeer_selector.go. tor2 is in the nodes' AS and sees local preferences.
func TestAdvertisements(t *testing.T) {
	const web, web6 = "192.0.2.10/32", "2001:db8::10/128"
	both := service("web", "Cluster", on("node1"), "192.0.2.10", "2001:db8::10")
	peers := peer("tor1", "10.0.0.1", 64501, dual) + peer("tor2", "10.0.0.2", 64500, dual)
	propagate := func(fields string, localPref uint32, communities ...string) func(*testing.T, *lab.Lab) {
		return func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool, peers, both, advert("only", fields),
				spec("Community", "names", "communities: [{name: silver, value: '65000:2'}, {name: wide, value: 'large:65000:3:4'}]"))
			for _, prefix := range []string{web, web6} {
				l.Route("tor1", prefix, lab.Communities(communities...))
				l.Route("tor2", prefix, lab.Communities(communities...), lab.LocalPref(localPref))
			}
			l.Table("tor1", web, web6)
		}
	}
	family(t, twoNodes, []scenario{
		{"community-and-local-preference", propagate("localPref: 150, communities: ['65000:1']", 150, "65000:1")},
		{"large-community-and-local-preference", propagate("localPref: 150, communities: ['large:65000:1:2']", 150, "65000:1:2")},
		{"local-preference", propagate("localPref: 150", 150)},
		{"community", propagate("communities: ['65000:1', '65000:7']", 100, "65000:1", "65000:7")},
		{"alias", propagate("communities: [silver, wide]", 100, "65000:2", "65000:3:4")},
		{"pool-selector", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool4, peers, service("web", "Cluster", on("node1"), "192.0.2.10"), advert("gold", "ipAddressPoolSelectors: [{matchLabels: {tier: gold}}], communities: ['65000:1']"))
			l.Up("node1", "10.0.0.1", "10.0.0.2")
			l.Up("node2", "10.0.0.1", "10.0.0.2")
			l.Undisturbed(func() {
				l.Table("tor1")
				l.Label("IPAddressPool", "pool4", "tier", "gold")
				l.Route("tor1", web, lab.Communities("65000:1"))
				l.Label("IPAddressPool", "pool4", "tier", "lead")
				l.Table("tor1")
			})
		}},
		{"overlapping-advertisements-unite-communities", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool, peers, both, advert("one", "communities: ['65000:1']"), advert("two", "communities: ['65000:2', 'large:65000:3:4'], localPref: 150"))
			l.Route("tor2", web, lab.Communities("65000:1", "65000:2", "65000:3:4"), lab.LocalPref(150))
			l.Undisturbed(func() {
				l.Delete("BGPAdvertisement", "two")
				l.Route("tor2", web, lab.Communities("65000:1"), lab.LocalPref(100))
				l.Route("tor1", web6, lab.Communities("65000:1"))
				l.Apply(advert("two", "communities: ['65000:9']"))
				l.Route("tor1", web6, lab.Communities("65000:1", "65000:9"))
			})
		}},
		{"community-and-local-preference-change", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool, peers, both, advert("only", "communities: ['65000:1'], localPref: 150"))
			l.Route("tor2", web, lab.Communities("65000:1"), lab.LocalPref(150))
			l.Undisturbed(func() {
				l.Patch("BGPAdvertisement", "only", `{spec: {communities: ['65000:2']}}`)
				l.Route("tor2", web, lab.Communities("65000:2"), lab.LocalPref(150))
				l.Route("tor1", web6, lab.Communities("65000:2"))
				l.Patch("BGPAdvertisement", "only", `{spec: {localPref: 300}}`)
				l.Route("tor2", web6, lab.Communities("65000:2"), lab.LocalPref(300))
				l.Patch("BGPAdvertisement", "only", `{spec: {localPref: null, communities: null}}`)
				l.Route("tor2", web, lab.Communities(), lab.LocalPref(100))
				l.Route("tor1", web, lab.Communities())
			})
		}},
		{"aggregation-changes", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool, peers, service("web", "Cluster", on("node1"), "192.0.2.10", "2001:db8::17"), adv)
			l.Table("tor1", web, "2001:db8::17/128")
			l.Undisturbed(func() {
				l.Patch("BGPAdvertisement", "all", `{spec: {aggregationLength: 24}}`)
				l.Table("tor1", "192.0.2.0/24", "2001:db8::17/128")
				l.Patch("BGPAdvertisement", "all", `{spec: {aggregationLength: 26, aggregationLengthV6: 124}}`)
				l.Table("tor1", "192.0.2.0/26", "2001:db8::10/124")
				l.Apply(service("more", "Cluster", on("node1"), "192.0.2.63"), service("far", "Cluster", on("node1"), "192.0.2.64"))
				l.Table("tor1", "192.0.2.0/26", "192.0.2.64/26", "2001:db8::10/124")
				l.Delete("Service", "web")
				l.Table("tor1", "192.0.2.0/26", "192.0.2.64/26")
				l.Patch("BGPAdvertisement", "all", `{spec: {aggregationLength: null, aggregationLengthV6: null}}`)
				l.Table("tor1", "192.0.2.63/32", "192.0.2.64/32")
			})
		}},
		{"an-aggregate-and-single-addresses", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool4, peers, service("web", "Cluster", on("node1"), "192.0.2.10"),
				advert("wide", "aggregationLength: 24, localPref: 100, communities: ['65000:24']"), advert("exact", "localPref: 200, communities: ['65000:32']"))
			l.Table("tor2", "192.0.2.0/24", web)
			l.Route("tor2", "192.0.2.0/24", lab.Communities("65000:24"), lab.LocalPref(100))
			l.Route("tor2", web, lab.Communities("65000:32"), lab.LocalPref(200))
		}},
		{"peers-that-an-advertisement-does-not-name-get-nothing", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool, peers, both, advert("only", "peers: [tor1]"))
			l.Table("tor1", web, web6)
			l.Session("tor2", "10.0.0.11", nil)
			l.Undisturbed(func() {
				l.Table("tor2")
				l.Patch("BGPAdvertisement", "only", `{spec: {peers: [tor2]}}`)
				l.Table("tor1")
				l.Table("tor2", web, web6)
				l.Patch("BGPAdvertisement", "only", `{spec: {peers: [tor1, tor2, nobody]}}`)
				l.Table("tor1", web, web6)
				l.Problem("node1", "BGPAdvertisement", "only", "UnknownPeer", "nobody")
				l.Patch("BGPAdvertisement", "only", `{spec: {peers: null}}`)
				l.NoProblem("node1")
				l.Table("tor1", web, web6)
				l.Table("tor2", web, web6)
			})
		}},
		{"one-service-two-advertisements-to-two-peers", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool4, peers, service("web", "Cluster", on("node1"), "192.0.2.10"),
				advert("one", "peers: [tor1], communities: ['65000:1']"), advert("two", "peers: [tor2], communities: ['65000:2'], localPref: 150, aggregationLength: 30"))
			l.Table("tor1", web)
			l.Route("tor1", web, lab.Communities("65000:1"))
			l.Table("tor2", "192.0.2.8/30")
			l.Route("tor2", "192.0.2.8/30", lab.Communities("65000:2"), lab.LocalPref(150))
		}},
		{"pools-that-an-advertisement-does-not-name", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool4, spec("IPAddressPool", "second", "addresses: [198.51.100.0/24]"), peers, advert("only", "ipAddressPools: [second]"),
				service("web", "Cluster", on("node1"), "192.0.2.10"), service("two", "Cluster", on("node1"), "198.51.100.10"))
			l.Table("tor1", "198.51.100.10/32")
			l.Undisturbed(func() {
				l.Patch("BGPAdvertisement", "only", `{spec: {ipAddressPools: [second, pool4]}}`)
				l.Table("tor1", web, "198.51.100.10/32")
				l.Patch("BGPAdvertisement", "only", `{spec: {ipAddressPools: [pool4, nothing]}}`)
				l.Table("tor1", web)
				l.Problem("node2", "BGPAdvertisement", "only", "UnknownPool", "nothing")
			})
		}},
		{"a-shared-address-has-the-communities-of-both-services", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool4, peers, withLabels("one", "app: one", "192.0.2.10"), withLabels("two", "app: two", "192.0.2.10"),
				advert("one", "serviceSelectors: [{matchLabels: {app: one}}], communities: ['65000:1']"),
				advert("two", "serviceSelectors: [{matchLabels: {app: two}}], communities: ['65000:2']"))
			l.Route("tor1", web, lab.Communities("65000:1", "65000:2"))
			l.Undisturbed(func() {
				l.Delete("Service", "one")
				l.Route("tor1", web, lab.Communities("65000:2"))
			})
		}},
		{"two-local-preferences-the-older-advertisement-stays", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool4, peers, service("web", "Cluster", on("node1"), "192.0.2.10"), advert("a", "localPref: 150"))
			l.Route("tor2", web, lab.LocalPref(150))
			l.Undisturbed(func() {
				l.Apply(advert("b", "localPref: 300"))
				l.Problem("node1", "BGPAdvertisement", "/b", "ConflictingAdvertisement")
				l.Apply(service("more", "Cluster", on("node1"), "192.0.2.20"))
				l.Route("tor2", "192.0.2.20/32", lab.LocalPref(150))
				l.Route("tor2", web, lab.LocalPref(150))
				l.Delete("BGPAdvertisement", "a")
				l.Route("tor2", web, lab.LocalPref(300))
				l.NoProblem("node1")
			})
		}},
	})
}

// Both families over one session or the other: MetalLB's bgp_multiprotocol.go.
func TestMultiprotocol(t *testing.T) {
	both := service("web", "Cluster", on("node1"), "192.0.2.10", "2001:db8::10")
	family(t, oneNode, []scenario{
		{"both-over-ipv4", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, both, peer("tor1", "10.0.0.1", 64501, dual))
			l.Table("tor1", "192.0.2.10/32", "2001:db8::10/128")
		}},
		{"both-over-ipv6", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, both, peer("six", "fd00::1", 64501, dual))
			l.Table("tor1", "192.0.2.10/32", "2001:db8::10/128")
		}},
		{"without-dual-stack-each-over-its-own", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, both, toTor1, peer("six", "fd00::2", 64502))
			l.Table("tor1", "192.0.2.10/32")
			l.Table("tor2", "2001:db8::10/128")
		}},
		{"only-ipv6-over-both", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool6, adv, service("web", "Cluster", on("node1"), "2001:db8::10"), peer("tor1", "10.0.0.1", 64501, dual), peer("six", "fd00::2", 64502, dual))
			l.Table("tor1", "2001:db8::10/128")
			l.Table("tor2", "2001:db8::10/128")
		}},
		{"only-ipv4-over-both", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool4, adv, web, peer("tor1", "10.0.0.1", 64501, dual), peer("six", "fd00::2", 64502, dual))
			l.Table("tor1", "192.0.2.10/32")
			l.Table("tor2", "192.0.2.10/32")
		}},
		{"communities-on-both-families", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool, both, peer("tor1", "10.0.0.1", 64501, dual), advert("only", "communities: ['65000:1', 'large:65000:1:2']"))
			for _, prefix := range []string{"192.0.2.10/32", "2001:db8::10/128"} {
				l.Route("tor1", prefix, lab.Communities("65000:1", "65000:1:2"))
			}
		}},
		{"dual-stack-is-switched-on", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, both, toTor1, peer("tor2", "10.0.0.2", 64502))
			l.Table("tor1", "192.0.2.10/32")
			l.Table("tor2", "192.0.2.10/32")
			before := l.Session("tor2", "10.0.0.11", nil)
			l.Apply(peer("tor1", "10.0.0.1", 64501, dual))
			l.Table("tor1", "192.0.2.10/32", "2001:db8::10/128")
			after := l.Session("tor2", "10.0.0.11", nil)
			if before.ConnectionsDropped != after.ConnectionsDropped {
				t.Error("the other peer's session was dropped")
			}
		}},
	})
}

// Services that advertisements select by label: MetalLB's service_selector.go and TestShouldAnnounceBGPServiceSelectors.
func TestServiceSelectors(t *testing.T) {
	web, api := withLabels("web", "app: web, tier: front", "192.0.2.10"), withLabels("api", "app: api", "192.0.2.20")
	selecting := func(name, app, fields string) string {
		return advert(name, "serviceSelectors: [{matchLabels: {app: "+app+"}}], "+fields)
	}
	family(t, twoNodes, []scenario{
		{"pool-and-service-selector", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool4, spec("IPAddressPool", "second", "addresses: [198.51.100.0/24]"), toTor1, web, api, withLabels("far", "app: web", "198.51.100.10"),
				selecting("only", "web", "ipAddressPools: [pool4]"))
			l.Table("tor1", "192.0.2.10/32")
		}},
		{"any-of-several-selectors", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool4, toTor1, web, api, withLabels("db", "app: db", "192.0.2.30"),
				advert("only", "serviceSelectors: [{matchLabels: {app: web, tier: front}}, {matchExpressions: [{key: app, operator: In, values: [api]}]}]"))
			l.Table("tor1", "192.0.2.10/32", "192.0.2.20/32")
		}},
		{"the-selector-changes", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool4, toTor1, web, api, selecting("only", "web", ""))
			l.Table("tor1", "192.0.2.10/32")
			l.Undisturbed(func() {
				l.Apply(selecting("only", "api", ""))
				l.Table("tor1", "192.0.2.20/32")
				l.Apply(advert("only", ""))
				l.Table("tor1", "192.0.2.10/32", "192.0.2.20/32")
			})
		}},
		{"a-services-labels-change", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool4, toTor1, web, api, selecting("web", "web", "communities: ['65000:1']"), selecting("api", "api", "communities: ['65000:2']"))
			l.Route("tor1", "192.0.2.10/32", lab.Communities("65000:1"))
			l.Undisturbed(func() {
				l.Label("Service", "web", "app", "api")
				l.Route("tor1", "192.0.2.10/32", lab.Communities("65000:2"))
				l.Label("Service", "web", "app", "-")
				l.Table("tor1", "192.0.2.20/32")
				l.Label("Service", "web", "app", "web")
				l.Route("tor1", "192.0.2.10/32", lab.Communities("65000:1"))
			})
		}},
		{"an-aggregate-for-all-and-communities-for-some", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool4, toTor1, web, api, advert("wide", "aggregationLength: 24"), selecting("web", "web", "communities: ['65000:1']"))
			l.Table("tor1", "192.0.2.0/24", "192.0.2.10/32")
			l.Route("tor1", "192.0.2.10/32", lab.Communities("65000:1"))
			l.Route("tor1", "192.0.2.0/24", lab.Communities())
		}},
		{"one-for-all-and-one-for-some", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool4, toTor1, web, api, advert("all", "communities: ['65000:1']"), selecting("web", "web", "communities: ['65000:2']"))
			l.Route("tor1", "192.0.2.10/32", lab.Communities("65000:1", "65000:2"))
			l.Route("tor1", "192.0.2.20/32", lab.Communities("65000:1"))
		}},
		{"disjoint-advertisements", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool4, toTor1, toTor2, web, api, selecting("web", "web", "peers: [tor1], communities: ['65000:1']"), selecting("api", "api", "peers: [tor2], localPref: 150"))
			l.Table("tor1", "192.0.2.10/32")
			l.Table("tor2", "192.0.2.20/32")
			l.Route("tor2", "192.0.2.20/32", lab.LocalPref(150))
		}},
		{"a-selector-excludes-aggregation", func(t *testing.T, l *lab.Lab) {
			said := l.Refused(selecting("only", "web", "aggregationLength: 24"))
			t.Log(said)
		}},
	})
}
