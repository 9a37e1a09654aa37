package cluster

import (
	"fmt"
	"testing"

	"github.com/frr-renderer/frr-renderer/test/frr/cluster/lab"
)

// Services and where they are announced: MetalLB's bgp.go.
func TestServices(t *testing.T) {
	family(t, threeNodes, []scenario{
		{"cluster-policy-ipv4", func(t *testing.T, l *lab.Lab) { clusterPolicy(l, toTor1, "192.0.2.10") }},
		{"cluster-policy-ipv6", func(t *testing.T, l *lab.Lab) { clusterPolicy(l, peer("six", "fd00::1", 64501), "2001:db8::10") }},
		{"cluster-policy-dual-stack", func(t *testing.T, l *lab.Lab) {
			clusterPolicy(l, toTor1+peer("six", "fd00::1", 64501), "192.0.2.10", "2001:db8::10")
		}},
		{"the-address-that-was-asked-for", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, toTor1, service("web", "Cluster", on("node1"), "192.0.2.100"))
			l.Table("tor1", "192.0.2.100/32")
			l.Undisturbed(func() {
				l.PatchStatus("Service", "web", `{status: {loadBalancer: {ingress: [{ip: 192.0.2.101}]}}}`)
				l.Table("tor1", "192.0.2.101/32")
			})
		}},
		{"local-policy-only-nodes-with-endpoints", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, toTor1, service("web", "Local", on("node2"), "192.0.2.10"))
			l.Announced("tor1", "192.0.2.10/32", "node2")
			l.Undisturbed(func() {
				l.Apply(slice("web", on("node2", "node3")))
				l.Announced("tor1", "192.0.2.10/32", "node2", "node3")
				l.Apply(slice("web", on("node1")))
				l.Announced("tor1", "192.0.2.10/32", "node1")
				l.Patch("Service", "web", `{spec: {externalTrafficPolicy: Cluster}}`)
				l.Announced("tor1", "192.0.2.10/32", "node1", "node2", "node3")
			})
		}},
		{"two-services-share-an-address", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, toTor1, service("http", "Cluster", on("node1"), "192.0.2.10"), service("https", "Cluster", on("node1"), "192.0.2.10"))
			l.Announced("tor1", "192.0.2.10/32", "node1", "node2", "node3")
			l.Undisturbed(func() {
				l.Apply(slice("http", ""))
				l.Apply(service("other", "Cluster", on("node1"), "192.0.2.11")) // seen after it
				l.Announced("tor1", "192.0.2.11/32", "node1", "node2", "node3")
				l.Announced("tor1", "192.0.2.10/32", "node1", "node2", "node3")
				l.Delete("Service", "https")
				l.Announced("tor1", "192.0.2.10/32")
				l.Apply(slice("http", on("node3")))
				l.Announced("tor1", "192.0.2.10/32", "node1", "node2", "node3")
			})
		}},
		{"pools-by-range-and-by-cidr", func(t *testing.T, l *lab.Lab) {
			l.Apply(spec("IPAddressPool", "range", `addresses: [192.0.2.10-192.0.2.12, "2001:db8::1-2001:db8::2"]`), spec("IPAddressPool", "cidr", "addresses: [198.51.100.0/30]"),
				adv, peer("tor1", "10.0.0.1", 64501, dual),
				service("a", "Cluster", on("node1"), "192.0.2.12", "2001:db8::2"), service("b", "Cluster", on("node1"), "198.51.100.3"),
				service("outside", "Cluster", on("node1"), "192.0.2.13"))
			l.Table("tor1", "192.0.2.12/32", "198.51.100.3/32", "2001:db8::2/128")
			l.Problem("node1", "warning Service", "outside", "192.0.2.13", "NotInAnyPool")
		}},
		{"services-of-one-pool-survive-the-other-pool", func(t *testing.T, l *lab.Lab) {
			second := spec("IPAddressPool", "second", "addresses: [198.51.100.0/24]")
			l.Apply(pool4, toTor1, adv, service("first", "Cluster", on("node1"), "192.0.2.10"))
			l.Table("tor1", "192.0.2.10/32")
			l.Undisturbed(func() {
				l.Apply(second, service("second", "Cluster", on("node1"), "198.51.100.10"))
				l.Table("tor1", "192.0.2.10/32", "198.51.100.10/32")
				l.Delete("IPAddressPool", "pool4")
				l.Table("tor1", "198.51.100.10/32")
				l.Problem("node2", "Service", "first", "NotInAnyPool")
				l.Apply(pool4)
				l.Table("tor1", "192.0.2.10/32", "198.51.100.10/32")
				l.NoProblem("node2", "NotInAnyPool")
			})
		}},
		{"a-pool-shrinks-and-grows", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool4, toTor1, adv, service("low", "Cluster", on("node1"), "192.0.2.10"), service("high", "Cluster", on("node1"), "192.0.2.200"))
			l.Table("tor1", "192.0.2.10/32", "192.0.2.200/32")
			l.Undisturbed(func() {
				l.Patch("IPAddressPool", "pool4", `{spec: {addresses: [192.0.2.0/25]}}`)
				l.Table("tor1", "192.0.2.10/32")
				l.Patch("IPAddressPool", "pool4", `{spec: {addresses: [192.0.2.0/25, 192.0.2.200-192.0.2.201]}}`)
				l.Table("tor1", "192.0.2.10/32", "192.0.2.200/32")
			})
		}},
		{"addresses-of-two-pools-are-not-announced", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool4, pool6, adv, peer("tor1", "10.0.0.1", 64501, dual), service("both", "Cluster", on("node1"), "192.0.2.10", "2001:db8::10"), web2)
			l.Table("tor1", "192.0.2.20/32")
			l.Problem("node1", "Service", "both", "one pool")
		}},
		{"a-service-that-is-no-load-balancer", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, toTor1, web, web2)
			l.Table("tor1", "192.0.2.10/32", "192.0.2.20/32")
			l.Undisturbed(func() {
				l.Patch("Service", "web", `{spec: {type: ClusterIP, loadBalancerClass: null, externalTrafficPolicy: null, allocateLoadBalancerNodePorts: null}}`)
				l.Table("tor1", "192.0.2.20/32")
			})
		}},
		{"a-service-without-an-address-yet", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, toTor1, service("new", "Cluster", on("node1")), web2)
			l.Table("tor1", "192.0.2.20/32")
			l.Undisturbed(func() {
				l.PatchStatus("Service", "new", `{status: {loadBalancer: {ingress: [{ip: 192.0.2.30}]}}}`)
				l.Table("tor1", "192.0.2.20/32", "192.0.2.30/32")
				l.PatchStatus("Service", "new", `{status: {loadBalancer: null}}`)
				l.Table("tor1", "192.0.2.20/32")
				l.PatchStatus("Service", "new", `{status: {loadBalancer: {ingress: [{hostname: a.example.com}]}}}`)
				l.Problem("node1", "Service", "new", "InvalidIngress")
				l.Table("tor1", "192.0.2.20/32")
			})
		}},
		{"another-class-is-another-speakers", func(t *testing.T, l *lab.Lab) {
			foreign := withClass(service("foreign", "Cluster", on("node1"), "192.0.2.10"), "example.com/other")
			l.Apply(pool, adv, toTor1, foreign, withClass(service("default", "Cluster", on("node1"), "192.0.2.11"), ""), web2)
			l.Table("tor1", "192.0.2.20/32")
			l.Eventually("node1 knows of one Service", func() error {
				status, err := l.Sidecar("node1").Status(t.Context())
				if err == nil && status.Services != 1 {
					err = fmt.Errorf("it knows of %d", status.Services)
				}
				return err
			})
		}},
	})
}

var web2 = service("web2", "Cluster", on("node1"), "192.0.2.20")

// clusterPolicy is announced by every node as long as there is any endpoint.
func clusterPolicy(l *lab.Lab, peers string, addresses ...string) {
	var prefixes []string
	for _, a := range addresses {
		prefixes = append(prefixes, single(a))
	}
	l.Apply(pool, adv, peers, service("web", "Cluster", on("node2"), addresses...))
	l.Table("tor1", prefixes...)
	for _, p := range prefixes {
		l.Announced("tor1", p, "node1", "node2", "node3")
	}
	l.Undisturbed(func() {
		l.Apply(slice("web", on("node3")))
		l.Delete("EndpointSlice", "web-a")
		l.Table("tor1")
		l.Apply(slice("web", on("node1")))
		for _, p := range prefixes {
			l.Announced("tor1", p, "node1", "node2", "node3")
		}
		l.Delete("Service", "web")
		l.Table("tor1")
	})
}
