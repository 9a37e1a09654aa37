package cluster

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/cluster/lab"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

const excludeLabel = "node.kubernetes.io/exclude-from-external-load-balancers"

// Nodes, their labels and conditions, and what selects them: MetalLB's node_selector.go, TestNodeSelectors, TestShouldAnnounceExcludeLB.
func TestNodes(t *testing.T) {
	all := []string{"node1", "node2", "node3"}
	family(t, threeNodes, []scenario{
		{"network-unavailable", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, toTor1, web)
			l.Announced("tor1", "192.0.2.10/32", all...)
			l.Undisturbed(func() {
				l.PatchStatus("Node", "node2", networkUnavailable("True"))
				l.Announced("tor1", "192.0.2.10/32", "node1", "node3")
				l.PatchStatus("Node", "node2", networkUnavailable("Unknown"))
				l.Announced("tor1", "192.0.2.10/32", all...)
				l.PatchStatus("Node", "node2", networkUnavailable("True"))
				l.Announced("tor1", "192.0.2.10/32", "node1", "node3")
				l.PatchStatus("Node", "node2", networkUnavailable("False"))
				l.Announced("tor1", "192.0.2.10/32", all...)
			})
		}},
		{"exclude-label", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, toTor1, web)
			l.Announced("tor1", "192.0.2.10/32", all...)
			l.Undisturbed(func() {
				l.Label("Node", "node1", excludeLabel, "")
				l.Announced("tor1", "192.0.2.10/32", "node2", "node3")
				l.Label("Node", "node1", excludeLabel, "false")
				l.Label("Node", "node3", excludeLabel, "true")
				l.Announced("tor1", "192.0.2.10/32", "node2")
				l.Label("Node", "node1", excludeLabel, "-")
				l.Label("Node", "node3", excludeLabel, "-")
				l.Announced("tor1", "192.0.2.10/32", all...)
			})
		}},
		{"cordon-changes-nothing", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, toTor1, web)
			l.Announced("tor1", "192.0.2.10/32", all...)
			l.Undisturbed(func() {
				l.Patch("Node", "node1", `{spec: {unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, effect: NoSchedule}]}}`)
				l.PatchStatus("Node", "node1", `{status: {conditions: [{type: Ready, status: "False"}]}}`)
				l.Apply(web2)
				l.Announced("tor1", "192.0.2.20/32", all...)
				l.Announced("tor1", "192.0.2.10/32", all...)
				l.Patch("Node", "node1", `{spec: {unschedulable: null, taints: null}}`)
			})
		}},
		{"two-services-two-advertisements-by-node", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool4, spec("IPAddressPool", "second", "addresses: [198.51.100.0/24]"), toTor1, toTor2,
				advert("first", "ipAddressPools: [pool4], "+onNode("node1", "node3")), advert("second", "ipAddressPools: [second], "+onNode("node2")),
				web, service("two", "Cluster", on("node1"), "198.51.100.10"))
			for _, tor := range []string{"tor1", "tor2"} {
				l.Announced(tor, "192.0.2.10/32", "node1", "node3")
				l.Announced(tor, "198.51.100.10/32", "node2")
			}
		}},
		{"an-advertisement-on-no-node", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool4, spec("IPAddressPool", "second", "addresses: [198.51.100.0/24]"), toTor1,
				advert("first", "ipAddressPools: [pool4], "+onNode("nowhere")), advert("second", "ipAddressPools: [second], "+onNode("node2")),
				web, service("two", "Cluster", on("node1"), "198.51.100.10"))
			l.Announced("tor1", "198.51.100.10/32", "node2")
			l.Announced("tor1", "192.0.2.10/32")
		}},
		{"one-service-two-advertisements-by-node", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, toTor1, advert("one", "communities: ['65000:1'], "+onNode("node1", "node2")), advert("two", "communities: ['65000:2'], "+onNode("node2", "node3")), web)
			l.Route("tor1", "192.0.2.10/32", lab.From("node1"), lab.Communities("65000:1"))
			l.Route("tor1", "192.0.2.10/32", lab.From("node2"), lab.Communities("65000:1", "65000:2"))
			l.Route("tor1", "192.0.2.10/32", lab.From("node3"), lab.Communities("65000:2"))
		}},
		{"a-node-is-labelled", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, toTor1, advert("racks", "nodeSelectors: [{matchLabels: {rack: a}}, {matchExpressions: [{key: rack, operator: In, values: [b, c]}]}]"), web)
			for _, n := range []string{"10.0.0.11", "10.0.0.12", "10.0.0.13"} {
				l.Session("tor1", n, nil)
			}
			l.Undisturbed(func() {
				l.Announced("tor1", "192.0.2.10/32")
				for _, s := range []struct {
					rack string
					from []string
				}{{"a", []string{"node2"}}, {"z", nil}, {"b", []string{"node2"}}, {"c", []string{"node2"}}, {"-", nil}} {
					l.Label("Node", "node2", "rack", s.rack)
					l.Announced("tor1", "192.0.2.10/32", s.from...)
				}
				l.Label("Node", "node1", "rack", "a")
				l.Label("Node", "node3", "rack", "b")
				l.Announced("tor1", "192.0.2.10/32", "node1", "node3")
			})
		}},
		{"a-selector-that-matches-no-more-withdraws-only-its-own", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool4, spec("IPAddressPool", "second", "addresses: [198.51.100.0/24]"), toTor1,
				advert("first", "ipAddressPools: [pool4], "+onNode("node1")), advert("second", "ipAddressPools: [second]"), web, service("two", "Cluster", on("node1"), "198.51.100.10"))
			l.Announced("tor1", "192.0.2.10/32", "node1")
			l.Announced("tor1", "198.51.100.10/32", all...)
			l.Undisturbed(func() {
				l.Apply(advert("first", "ipAddressPools: [pool4], nodeSelectors: [{matchLabels: {no: node}}]"))
				l.Announced("tor1", "192.0.2.10/32")
				l.Announced("tor1", "198.51.100.10/32", all...)
			})
		}},
		{"peers-by-node", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, web, peer("tor1", "10.0.0.1", 64501, onNode("node1", "node2")), peer("tor2", "10.0.0.2", 64500, onNode("node3")))
			l.Up("node1", "10.0.0.1")
			l.Up("node2", "10.0.0.1")
			l.Up("node3", "10.0.0.2")
			l.Announced("tor1", "192.0.2.10/32", "node1", "node2")
			l.Announced("tor2", "192.0.2.10/32", "node3")

			// One node changes its ToR, and the others' sessions know nothing of it.
			others := l.Sessions("node1")
			l.Apply(peer("tor1", "10.0.0.1", 64501, onNode("node1")), peer("tor2", "10.0.0.2", 64500, onNode("node2", "node3")))
			l.Up("node2", "10.0.0.2")
			l.Announced("tor1", "192.0.2.10/32", "node1")
			l.Announced("tor2", "192.0.2.10/32", "node2", "node3")
			require.Empty(t, fabric.Disturbed(others, l.Sessions("node1")))
		}},
		{"two-peers-that-are-the-same-router-on-different-nodes", func(t *testing.T, l *lab.Lab) {
			l.Apply(pool, adv, web, peer("a", "10.0.0.1", 64501, onNode("node1")), peer("b", "10.0.0.1", 64501, "holdTime: 30s", onNode("node2", "node3")))
			l.Announced("tor1", "192.0.2.10/32", all...)
			for _, n := range all {
				l.NoProblem(n, "error")
			}
		}},
		{"another-asn-on-each-node", func(t *testing.T, l *lab.Lab) {
			texts := []string{pool, adv, web}
			for i, n := range all {
				texts = append(texts, spec("BGPPeer", n, fmt.Sprintf("myASN: %d, peerASN: 64501, peerAddress: 10.0.0.1, connectTime: 1s, %s", 65001+i, onNode(n))))
			}
			l.Apply(texts...)
			for i, n := range all {
				l.Route("tor1", "192.0.2.10/32", lab.From(n), lab.Path(fmt.Sprint(65001+i)))
			}
		}},
		{"a-node-that-leaves-a-peer-and-comes-back", func(t *testing.T, l *lab.Lab) {
			l.Label("Node", "node2", "rack", "a")
			l.Apply(pool, adv, web, peer("tor1", "10.0.0.1", 64501, "nodeSelectors: [{matchLabels: {rack: a}}]"))
			l.Announced("tor1", "192.0.2.10/32", "node2")
			l.Label("Node", "node1", "rack", "a")
			l.Announced("tor1", "192.0.2.10/32", "node1", "node2")
			l.Label("Node", "node2", "rack", "b")
			l.Announced("tor1", "192.0.2.10/32", "node1")
			require.Empty(t, l.Sessions("node2"))
			l.Label("Node", "node2", "rack", "a")
			l.Announced("tor1", "192.0.2.10/32", "node1", "node2")
		}},
	})
}

// With --ignore-exclude-lb the label means nothing.
func TestNodesThatIgnoreTheExcludeLabel(t *testing.T) {
	eachVersion(t, func(t *testing.T, v, other fabric.Version) {
		l := lab.New(t, oneNode(v, other))
		l.Run("--ignore-exclude-lb")
		l.Label("Node", "node1", excludeLabel, "")
		l.Apply(pool, adv, toTor1, web)
		l.Announced("tor1", "192.0.2.10/32", "node1")
		l.Undisturbed(func() {
			l.PatchStatus("Node", "node1", networkUnavailable("True"))
			l.Announced("tor1", "192.0.2.10/32")
		})
	})
}

// networkUnavailable is a node's status with this condition.
func networkUnavailable(status string) string {
	return fmt.Sprintf(`{status: {conditions: [{type: Ready, status: "True"}, {type: NetworkUnavailable, status: %q}]}}`, status)
}
