package cluster

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/frr-renderer/frr-renderer/test/frr/cluster/lab"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/manifest"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// scenario is one story, told to a cluster that has Node objects and nothing else.
type scenario struct {
	name string
	tell func(t *testing.T, l *lab.Lab)
}

// eachVersion runs f with nodes of each version of FRR; other is the version that some of their ToRs shall have.
var eachVersion = fabric.EachVersion

// family tells its scenarios one after the other to the same cluster. After each all objects are deleted, and nothing of them may be left in any router: that
// is a part of every scenario.
func family(t *testing.T, top func(v, other fabric.Version) fabric.Topology, scenarios []scenario) {
	eachVersion(t, func(t *testing.T, v, other fabric.Version) {
		l := lab.New(t, top(v, other))
		l.Run()
		for _, s := range scenarios {
			passed := t.Run(s.name, func(t *testing.T) {
				s.tell(t, l.With(t))
				l.With(t).Clear()
			})
			if !passed {
				return // what it left would be taken for the next one's fault
			}
		}
	})
}

// twoNodes are node1 and node2, tor1 in an AS of its own and tor2 in the nodes'.
func twoNodes(v, other fabric.Version) fabric.Topology {
	return lab.Rack(v, 2, lab.Tor(other, 64501), lab.InternalTor(v, 64500))
}

// threeNodes have node3, too.
func threeNodes(v, other fabric.Version) fabric.Topology {
	return lab.Rack(v, 3, lab.Tor(other, 64501), lab.InternalTor(v, 64500))
}

// oneNode has two ToRs of other ASes.
func oneNode(v, other fabric.Version) fabric.Topology {
	return lab.Rack(v, 1, lab.Tor(other, 64501), lab.Tor(v, 64502))
}

var (
	object, spec, peer = manifest.Object, manifest.Spec, manifest.Peer

	pool4  = spec("IPAddressPool", "pool4", `addresses: [192.0.2.0/24]`)
	pool6  = spec("IPAddressPool", "pool6", `addresses: ["2001:db8::/64"]`)
	pool   = spec("IPAddressPool", "pool", `addresses: [192.0.2.0/24, "2001:db8::/64"]`)
	adv    = spec("BGPAdvertisement", "all", "")
	toTor1 = peer("tor1", "10.0.0.1", 64501)
	toTor2 = peer("tor2", "10.0.0.2", 64500)
	dual   = "dualStackAddressFamily: true"
	web    = service("web", "Cluster", on("node1"), "192.0.2.10")
)

// service is a Service with a policy, endpoints and addresses.
func service(name, policy, endpoints string, addresses ...string) string {
	return labelled(name, "", policy, addresses...) + slice(name, endpoints)
}

// labelled is a Service with labels and without endpoints.
func labelled(name, labels, policy string, addresses ...string) string {
	var ingress []string
	for _, a := range addresses {
		ingress = append(ingress, fmt.Sprintf("{ip: %q}", a))
	}
	return fmt.Sprintf(`---
apiVersion: v1
kind: Service
metadata: {name: %s, labels: {%s}}
spec: {type: LoadBalancer, externalTrafficPolicy: %s, ports: [{port: 80}]}
status: {loadBalancer: {ingress: [%s]}}
`, name, labels, policy, strings.Join(ingress, ", "))
}

// withLabels is a Service with labels that any node may announce.
func withLabels(name, labels string, addresses ...string) string {
	return labelled(name, labels, "Cluster", addresses...) + slice(name, on("node1"))
}

// slice is the EndpointSlice of a Service.
func slice(service, endpoints string) string {
	return fmt.Sprintf(`---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %[1]s-a, labels: {kubernetes.io/service-name: %[1]s}}
addressType: IPv4
endpoints: [%[2]s]
`, service, endpoints)
}

// on are ready endpoints, one on each node.
func on(nodes ...string) string {
	var out []string
	for i, n := range nodes {
		out = append(out, endpoint(n, fmt.Sprint("10.244.0.", i+1), "ready: true"))
	}
	return strings.Join(out, ", ")
}

// endpoint is one endpoint with conditions.
func endpoint(node, address, conditions string) string {
	return fmt.Sprintf("{addresses: [%s], nodeName: %s, conditions: {%s}}", address, node, conditions)
}

// advert is a BGPAdvertisement with these fields.
func advert(name, fields string) string { return spec("BGPAdvertisement", name, fields) }

// onNode selects nodes by name.
func onNode(names ...string) string {
	return fmt.Sprintf("nodeSelectors: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [%s]}]}]", strings.Join(names, ", "))
}

// single is the prefix that holds an address and no other.
func single(address string) string {
	if strings.Contains(address, ":") {
		return address + "/128"
	}
	return address + "/32"
}

// withClass gives a Service a loadBalancerClass; an empty one is none.
func withClass(service, class string) string {
	value := "null"
	if class != "" {
		value = class
	}
	return strings.Replace(service, "spec: {type: LoadBalancer,", "spec: {type: LoadBalancer, loadBalancerClass: "+value+",", 1)
}
