// Package manifest writes the objects of tests, each in a line or two. Names and fields in YAML go in, documents that can stand one after
// the other come out; it knows no FRR and not the product.
package manifest

import (
	"fmt"
	"strconv"
	"strings"
)

// Object is an object in the version and the namespace that its kind mostly has, with all the rest of it.
func Object(kind, name, rest string) string {
	version, namespace := "metallb.io/v1beta1", "metallb-system"
	switch kind {
	case "BGPPeer":
		version = "metallb.io/v1beta2"
	case "Secret", "ConfigMap":
		version = "v1"
	case "Service":
		version, namespace = "v1", "default"
	}
	return fmt.Sprintf("---\napiVersion: %s\nkind: %s\nmetadata: {name: %s, namespace: %s}\n%s\n", version, kind, name, namespace, rest)
}

// Spec is an object that has nothing but a spec with these fields.
func Spec(kind, name, fields string) string {
	return Object(kind, name, "spec: {"+fields+"}")
}

// Peer is a BGPPeer of AS 64500; fields are added to it.
func Peer(name, address string, asn int, fields ...string) string {
	all := append([]string{"myASN: 64500", fmt.Sprint("peerASN: ", asn), "peerAddress: " + strconv.Quote(address), "connectTime: 1s"}, fields...)
	return Spec("BGPPeer", name, strings.Join(all, ", "))
}

// Service is a Service with an endpoint on node1.
func Service(name, labels string, addresses ...string) string {
	var ips []string
	for _, a := range addresses {
		ips = append(ips, fmt.Sprintf("{ip: %q}", a))
	}
	return fmt.Sprintf(`---
apiVersion: v1
kind: Service
metadata: {name: %[1]s, namespace: default, labels: {%[2]s}}
spec: {type: LoadBalancer, externalTrafficPolicy: Cluster, ports: [{port: 80}]}
status: {loadBalancer: {ingress: [%[3]s]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %[1]s-a, namespace: default, labels: {kubernetes.io/service-name: %[1]s}}
addressType: IPv4
endpoints: [{addresses: [10.244.0.1], nodeName: node1, conditions: {ready: true}}]
`, name, labels, strings.Join(ips, ", "))
}

// Node is node1.
func Node(labels string) string {
	return fmt.Sprintf("---\napiVersion: v1\nkind: Node\nmetadata: {name: node1, labels: {%s}}\n", labels)
}
