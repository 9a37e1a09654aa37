package cluster

import (
	"testing"

	"github.com/frr-renderer/frr-renderer/test/frr/cluster/lab"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// Endpoints and their conditions: the sequence of MetalLB's speaker tests (TestBGPSpeakerEPSlices, TestHasHealthyEndpoint), as objects at the API server.
// Of two Services one is always announced, so that an absent route is not a missing session, and comes after each change, so that the change was seen.
func TestEndpoints(t *testing.T) {
	// counts tells which of the nodes announce "web" while its endpoints are these.
	type step struct {
		endpoints string
		announce  []string
	}
	both, none := []string{"node1", "node2"}, []string(nil)
	walk := func(policy string, steps ...step) func(*testing.T, *lab.Lab) {
		return func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, toTor1, labelled("web", "", policy, "192.0.2.10"), web2)
			l.Announced("tor1", "192.0.2.20/32", both...)
			l.Announced("tor1", "192.0.2.10/32")
			l.Undisturbed(func() {
				for _, s := range steps {
					l.Apply(slice("web", s.endpoints))
					l.Announced("tor1", "192.0.2.10/32", s.announce...)
				}
			})
		}
	}
	serving := endpoint("node1", "10.244.0.1", "ready: false, serving: true, terminating: true")
	gone := endpoint("node1", "10.244.0.1", "ready: false, serving: false, terminating: true")
	unready := endpoint("node1", "10.244.0.1", "ready: false")
	unknown := endpoint("node1", "10.244.0.1", "")
	readyNotServing := endpoint("node1", "10.244.0.1", "ready: true, serving: false")
	elsewhere := endpoint("node2", "10.244.0.2", "ready: true")
	homeless := "{addresses: [10.244.0.3], conditions: {ready: true}}"

	family(t, twoNodes, []scenario{
		{"cluster-policy", walk("Cluster",
			step{"", none}, step{on("node1"), both}, step{unready, none}, step{elsewhere, both}, step{unready + ", " + elsewhere, both}, step{gone, none},
			step{homeless, both}, step{"", none}, step{unknown, both})},
		{"local-policy", walk("Local",
			step{elsewhere, []string{"node2"}}, step{on("node1"), []string{"node1"}}, step{on("node1", "node2"), both}, step{unready, none},
			step{unready + ", " + elsewhere, []string{"node2"}}, step{homeless, none}, step{unknown, []string{"node1"}}, step{"", none})},
		{"terminating-but-serving-keeps-the-route", walk("Local",
			step{on("node1"), []string{"node1"}}, step{serving, []string{"node1"}}, step{gone, none}, step{serving + ", " + elsewhere, both},
			step{gone + ", " + elsewhere, []string{"node2"}})},
		{"ready-and-not-serving", walk("Cluster", step{readyNotServing, both}, step{gone, none})},
		{"one-address-twice-any-healthy-instance-counts", walk("Local",
			step{unready + ", " + on("node1"), []string{"node1"}}, step{on("node1") + ", " + gone, []string{"node1"}}, step{unready + ", " + gone, none})},
		{"endpoints-in-several-slices", func(_ *testing.T, l *lab.Lab) {
			more := func(endpoints string) string {
				return `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-b, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [` + endpoints + "]\n"
			}
			l.Apply(pool, adv, toTor1, service("web", "Local", on("node1"), "192.0.2.10"), more(elsewhere))
			l.Announced("tor1", "192.0.2.10/32", both...)
			l.Undisturbed(func() {
				l.Apply(more(""))
				l.Announced("tor1", "192.0.2.10/32", "node1")
				l.Apply(more(on("node2")), slice("web", unready))
				l.Announced("tor1", "192.0.2.10/32", "node2")
				l.Delete("EndpointSlice", "web-b")
				l.Announced("tor1", "192.0.2.10/32")
			})
		}},
		{"endpoints-before-their-service", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, toTor1, slice("late", on("node1")), web2)
			l.Announced("tor1", "192.0.2.20/32", both...)
			l.Undisturbed(func() {
				l.Apply(labelled("late", "", "Cluster", "192.0.2.10"))
				l.Announced("tor1", "192.0.2.10/32", both...)
			})
		}},
		{"a-slice-that-changes-its-service", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, toTor1, service("web", "Cluster", on("node1"), "192.0.2.10"), labelled("other", "", "Cluster", "192.0.2.11"))
			l.Table("tor1", "192.0.2.10/32")
			l.Undisturbed(func() {
				l.Label("EndpointSlice", "web-a", "kubernetes.io/service-name", "other")
				l.Table("tor1", "192.0.2.11/32")
				l.Label("EndpointSlice", "web-a", "kubernetes.io/service-name", "web")
				l.Table("tor1", "192.0.2.10/32")
			})
		}},
		{"a-second-balancer-with-and-without-a-shared-address", func(_ *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, toTor1, web)
			l.Table("tor1", "192.0.2.10/32")
			l.Undisturbed(func() {
				l.Apply(labelled("second", "", "Cluster"), slice("second", on("node2")))
				l.Apply(service("second", "Cluster", on("node2"), "192.0.2.11"))
				l.Table("tor1", "192.0.2.10/32", "192.0.2.11/32")
				l.PatchStatus("Service", "second", `{status: {loadBalancer: {ingress: [{ip: 192.0.2.10}]}}}`)
				l.Table("tor1", "192.0.2.10/32")
				l.Delete("Service", "web")
				l.Apply(web2)
				l.Table("tor1", "192.0.2.10/32", "192.0.2.20/32")
			})
			l.Delete("BGPPeer", "tor1")
			l.Table("tor1")
			l.Delete("Service", "second")
			l.Apply(toTor1)
			l.Table("tor1", "192.0.2.20/32")
		}},
		{"before-there-is-a-configuration", func(_ *testing.T, l *lab.Lab) {
			l.Apply(web)
			l.Apply(toTor1)
			l.Session("tor1", "10.0.0.11", nil)
			l.Undisturbed(func() {
				l.Table("tor1")
				l.Apply(pool)
				l.Table("tor1")
				l.Apply(adv)
				l.Table("tor1", "192.0.2.10/32")
			})
		}},
	})
}

// A Service without a class is announced where no class is asked for; Services of a class are not.
func TestServicesWithoutAClass(t *testing.T) {
	eachVersion(t, func(t *testing.T, v, other fabric.Version) {
		l := lab.New(t, oneNode(v, other))
		l.Sidecar("node1").Start("--lb-class", "")
		// Other labs have Services without a class, too; nobody else has these addresses.
		l.Apply(spec("IPAddressPool", "own", "addresses: [203.0.113.0/24]"), adv, toTor1,
			withClass(service("plain", "Cluster", on("node1"), "203.0.113.1"), ""), service("classy", "Cluster", on("node1"), "203.0.113.2"))
		l.Table("tor1", "203.0.113.1/32")
	})
}
