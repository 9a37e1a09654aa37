package apiserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/frr-renderer/frr-renderer/test/skip"
)

// examples are the vendor's; they lie beside the repository, not in it.
const gdcExamples = "../../../shared/examples/gdc"

// gdc is an API server that serves GDC's kinds.
type gdc struct {
	*Server
	dynamic dynamic.Interface
}

const gdcNamespace = "cluster-bm"

// TestGDC runs against one real API server.
func TestGDC(t *testing.T) {
	g := &gdc{Server: Start(t)}
	require.NoError(t, g.ServeGDC())
	g.dynamic = dynamic.NewForConfigOrDie(g.Config)
	g.MakeNamespaces(t, gdcNamespace)
	t.Run("every rule refuses and accepts", g.rules)
	t.Run("what can't be changed is refused", g.immutable)
	t.Run("unknown fields of a Cluster are kept", g.unknownFields)
	t.Run("a nodeSelector is kept in every shape", g.nodeSelectors)
	t.Run("the tables are those of the documents", g.tables)
	t.Run("the examples are taken as they are", g.examples)
}

// Samples with every field that people write. The tables below change them one field at a time.
const (
	gatewaySample = `
apiVersion: networking.gke.io/v1
kind: NetworkGatewayGroup
metadata: {name: default}
spec: {floatingIPs: [10.0.1.100, 10.0.2.100], nodeSelector: {rack: a}}
`
	balancerSample = `
apiVersion: networking.gke.io/v1
kind: BGPLoadBalancer
metadata: {name: default}
spec: {peerSelector: {cluster.baremetal.gke.io/default-peer: "true"}}
`
	peerSample = `
apiVersion: networking.gke.io/v1
kind: BGPPeer
metadata: {name: tor1}
spec: {localASN: 65001, peerASN: 65002, peerIP: 10.0.1.254, sessions: 2, selectors: {gatewayRefs: [default, rack-a]}}
`
	sessionSample = `
apiVersion: networking.gke.io/v1
kind: BGPSession
metadata: {name: 10.0.1.254-node-01}
spec: {floatingIP: 10.0.1.100, localASN: 65001, localIP: 10.0.1.100, nodeName: node-01, peerASN: 65002, peerIP: 10.0.1.254}
`
	routeSample = `
apiVersion: networking.gke.io/v1
kind: BGPAdvertisedRoute
metadata: {name: default-shop-web}
spec: {prefix: 203.0.113.1/32, nextHops: [10.0.1.10, 10.0.1.11]}
`
	gatewayNodeSample = `
apiVersion: networking.gke.io/v1
kind: NetworkGatewayNode
metadata: {name: node-01}
`
	clusterSample = `
apiVersion: baremetal.cluster.gke.io/v1
kind: Cluster
metadata: {name: bm}
spec:
  type: hybrid
  clusterNetwork:
    advancedNetworking: true
    flatIPv4: false
    pods: {cidrBlocks: [192.168.0.0/16]}
    services: {cidrBlocks: [10.96.0.0/20, "fd00::/112"]}
  controlPlane: {nodePoolSpec: {nodes: [{address: 10.0.1.10, k8sIP: 10.1.1.10}]}}
  loadBalancer:
    mode: bundled
    type: bgp
    localASN: 65001
    bgpPeers:
    - {ip: 10.8.0.10, asn: 65002, controlPlaneNodes: [10.0.1.10, 10.0.1.11]}
    - {ip: 10.8.0.11, asn: "65003"}
    ports: {controlPlaneLBPort: 443}
    vips: {controlPlaneVIP: 10.0.0.8, ingressVIP: 203.0.113.1}
    addressPools: [{name: pool1, addresses: [203.0.113.1-203.0.113.20], avoidBuggyIPs: true, manualAssign: false}]
    nodePoolSpec: {nodes: [{address: 10.0.1.20}]}
`
	plainSample = `
apiVersion: baremetal.cluster.gke.io/v1
kind: Cluster
metadata: {name: plain}
spec: {loadBalancer: {mode: bundled}}
`
	nodePoolSample = `
apiVersion: baremetal.cluster.gke.io/v1
kind: NodePool
metadata: {name: workers}
spec: {clusterName: bm, nodes: [{address: 10.0.1.30}]}
`
	cidrConfigSample = `
apiVersion: baremetal.cluster.gke.io/v1alpha1
kind: ClusterCIDRConfig
metadata: {name: all}
spec: {nodeSelector: {matchLabels: {a: b}}, ipv4: {cidr: 192.168.0.0/16, perNodeMaskSize: 24}, ipv6: {cidr: "2001:db8:1::/112", perNodeMaskSize: 120}}
`
)

// change sets a field of a sample to a value in YAML; an empty value takes the field away.
type change struct{ sample, field, value, refused string }

// The messages of rules.
const (
	floatingIPForm   = "each of floatingIPs is an IPv4 address such as 10.0.1.100: sessions are IPv4 only, IPv6 routes go over them, too"
	floatingIPTwice  = "an address stands twice in floatingIPs: delete one"
	namedDefault     = "a BGPLoadBalancer is named default: set metadata.name to default"
	selectorEmpty    = "peerSelector needs at least one label of the BGPPeers to use; without a BGPLoadBalancer the control plane's peers are used"
	selectorKey      = "a key of peerSelector is no label key: a name such as flat, or example.com/flat with a prefix"
	selectorValue    = "a value of peerSelector is longer than the 63 characters of a label value"
	peerExternal     = "localASN and peerASN are the same: sessions are eBGP only, peerASN is the router's own AS number"
	peerIPForm       = "peerIP is an IPv4 address such as 10.0.1.254: sessions are IPv4 only, IPv6 routes go over them, too"
	refForm          = "each of gatewayRefs is the name of a NetworkGatewayGroup, such as default"
	refTwice         = "a name stands twice in gatewayRefs: delete one"
	asnRange         = "an AS number is from 1 to 4294967295"
	bundled          = "type bgp needs mode bundled"
	needsASN         = "type bgp needs localASN, the AS number of the cluster"
	needsPeer        = "type bgp needs at least one peer in bgpPeers"
	clusterExternal  = "the asn of one of bgpPeers is localASN: sessions are eBGP only, asn is the router's own AS number"
	routerTwice      = "a router stands twice in bgpPeers: put all nodes into controlPlaneNodes of one of the two"
	routerForm       = "ip of one of bgpPeers is an IPv4 address such as 10.8.0.10: sessions are IPv4 only"
	controlPlaneForm = "each of controlPlaneNodes is the IPv4 address of a control-plane node, such as 10.0.1.10"
	controlPlaneDup  = "an address stands twice in controlPlaneNodes: delete one"
	poolTwice        = "a name stands twice in addressPools: rename one"
	vipForm          = "controlPlaneVIP is an IPv4 address such as 10.0.0.8: there is no IPv6 load balancing of the control plane"
	ingressForm      = "ingressVIP is an IPv4 address such as 10.0.0.1"
	nodeForm         = "address of a node is an IPv4 address such as 10.0.1.10"
	k8sIPForm        = "k8sIP of a node is an IPv4 address such as 10.0.1.10"
	advancedFixed    = "clusterNetwork.advancedNetworking can't be changed: it is set when the cluster is made"
	flatFixed        = "clusterNetwork.flatIPv4 can't be changed: it is set when the cluster is made"
	typeFixed        = "loadBalancer.type can't be changed: it is set when the cluster is made (layer2 where it was left out)"
	portsFixed       = "ports can't be changed: they are set when the cluster is made"
	vipsFixed        = "vips can't be changed: they are set when the cluster is made"
	podsFixed        = "pods.cidrBlocks can't be changed: they are set when the cluster is made"
	servicesGrow     = "an IPv4 block of services.cidrBlocks can't be taken away or made smaller: it may only grow"
	poolFixed        = "nodePoolSpec can't be added later: without it the nodes of the control plane take traffic, for good"
	poolsFixed       = "a pool of addressPools can't be taken away or renamed: add others"
)

var ruleChanges = []change{
	{gatewaySample, "", "", ""},
	{gatewaySample, "metadata.name", "rack-a", ""}, // BGPPeers may name others than default
	{gatewaySample, "spec", "", "Required"},
	{gatewaySample, "spec.floatingIPs", "", "Required"},
	{gatewaySample, "spec.floatingIPs", "[]", "at least 1 items"},
	{gatewaySample, "spec.floatingIPs", "[0.0.0.0, 255.255.255.255, 9.19.109.199]", ""},
	{gatewaySample, "spec.floatingIPs", `["2001:db8::100"]`, floatingIPForm},
	{gatewaySample, "spec.floatingIPs", `[10.0.1.256]`, floatingIPForm},
	{gatewaySample, "spec.floatingIPs", `[10.0.1.01]`, floatingIPForm},
	{gatewaySample, "spec.floatingIPs", `[10.0.1.1.]`, floatingIPForm},
	{gatewaySample, "spec.floatingIPs", `[10.0.1.100/24]`, floatingIPForm},
	{gatewaySample, "spec.floatingIPs", `[10.0.1.100, 10.0.2.100, 10.0.1.100]`, floatingIPTwice},
	{gatewaySample, "spec.nodeSelector", "", ""},

	{balancerSample, "", "", ""},
	{balancerSample, "metadata.name", "other", namedDefault},
	{balancerSample, "spec.peerSelector", "", "Required"},
	{balancerSample, "spec.peerSelector", "{}", selectorEmpty},
	{balancerSample, "spec.peerSelector", `{flat: "", example.com/a.b_c-D: "1"}`, ""},
	{balancerSample, "spec.peerSelector", `{a/b/c: "1"}`, selectorKey},
	{balancerSample, "spec.peerSelector", `{-a: "1"}`, selectorKey},
	{balancerSample, "spec.peerSelector", "{a: " + strings.Repeat("x", 63) + "}", ""},
	{balancerSample, "spec.peerSelector", "{a: " + strings.Repeat("x", 64) + "}", selectorValue},
	{balancerSample, "spec.peerSelector", "{a: true}", "must be of type string"},

	{peerSample, "", "", ""},
	{peerSample, "spec.localASN", "", "Required"},
	{peerSample, "spec.localASN", "0", "greater than or equal to 1"},
	{peerSample, "spec.localASN", "4294967295", ""},
	{peerSample, "spec.localASN", "4294967296", "less than or equal to 4294967295"},
	{peerSample, "spec.localASN", "65002", peerExternal},
	{peerSample, "spec.peerASN", "", "Required"},
	{peerSample, "spec.peerASN", "0", "greater than or equal to 1"},
	{peerSample, "spec.peerASN", "4294967296", "less than or equal to 4294967295"},
	{peerSample, "spec.peerIP", "", "Required"},
	{peerSample, "spec.peerIP", `"2001:db8::1"`, peerIPForm},
	{peerSample, "spec.peerIP", "tor1.example.com", peerIPForm},
	{peerSample, "spec.sessions", "", ""},
	{peerSample, "spec.sessions", "0", "greater than or equal to 1"},
	{peerSample, "spec.sessions", "65", "less than or equal to 64"},
	{peerSample, "spec.selectors", "", ""},
	{peerSample, "spec.selectors.gatewayRefs", "[]", ""},
	{peerSample, "spec.selectors.gatewayRefs", "[Default]", refForm},
	{peerSample, "spec.selectors.gatewayRefs", "[default, default]", refTwice},

	{sessionSample, "", "", ""},
	{sessionSample, "spec.peerASN", "0", "greater than or equal to 1"},
	{routeSample, "", "", ""},
	{routeSample, "spec.metric", "4294967296", "less than or equal to 4294967295"},
	{gatewayNodeSample, "", "", ""},

	{clusterSample, "", "", ""},
	{clusterSample, "spec", "", ""},
	{clusterSample, "spec.type", "edge", "Unsupported value"},
	{clusterSample, "spec.loadBalancer.mode", "manual", bundled},
	{clusterSample, "spec.loadBalancer.mode", "", ""},
	{clusterSample, "spec.loadBalancer.type", "ospf", "Unsupported value"},
	{clusterSample, "spec.loadBalancer.localASN", "", needsASN},
	{clusterSample, "spec.loadBalancer.localASN", `"65001"`, ""},
	{clusterSample, "spec.loadBalancer.localASN", `"1.10"`, ""},
	{clusterSample, "spec.loadBalancer.localASN", `1.10`, "must be of type"},
	{clusterSample, "spec.loadBalancer.localASN", `AS65001`, "should match"},
	{clusterSample, "spec.loadBalancer.localASN", `0`, asnRange},
	{clusterSample, "spec.loadBalancer.localASN", `4294967296`, asnRange},
	{clusterSample, "spec.loadBalancer.localASN", "65002", clusterExternal},
	{clusterSample, "spec.loadBalancer.localASN", `"65003"`, clusterExternal},
	{clusterSample, "spec.loadBalancer.bgpPeers", "", needsPeer},
	{clusterSample, "spec.loadBalancer.bgpPeers", "[]", needsPeer},
	{clusterSample, "spec.loadBalancer.bgpPeers", "[{ip: 10.8.0.10}]", "Required"},
	{clusterSample, "spec.loadBalancer.bgpPeers", "[{ip: 10.8.0.10, asn: -1}]", asnRange},
	{clusterSample, "spec.loadBalancer.bgpPeers", "[{ip: 10.8.0.10, asn: 65002}, {ip: 10.8.0.10, asn: 65002}]", routerTwice},
	{clusterSample, "spec.loadBalancer.bgpPeers", `[{ip: "2001:db8::1", asn: 65002}]`, routerForm},
	{clusterSample, "spec.loadBalancer.bgpPeers", "[{ip: 10.8.0.10, asn: 65002, controlPlaneNodes: [node1]}]", controlPlaneForm},
	{clusterSample, "spec.loadBalancer.bgpPeers", "[{ip: 10.8.0.10, asn: 65002, controlPlaneNodes: [10.0.1.10, 10.0.1.10]}]", controlPlaneDup},
	{clusterSample, "spec.loadBalancer.ports.controlPlaneLBPort", "65536", "less than or equal to 65535"},
	{clusterSample, "spec.loadBalancer.vips.controlPlaneVIP", `"2001:db8::8"`, vipForm},
	{clusterSample, "spec.loadBalancer.vips.ingressVIP", `"2001:db8::8"`, ingressForm},
	{clusterSample, "spec.loadBalancer.addressPools", "[{name: a, addresses: [203.0.113.0/28]}, {name: a, addresses: [203.0.113.16/28]}]", poolTwice},
	{clusterSample, "spec.loadBalancer.addressPools", "[{name: a}]", "Required"},
	{clusterSample, "spec.loadBalancer.nodePoolSpec.nodes", "[{address: node1}]", nodeForm},
	{clusterSample, "spec.controlPlane.nodePoolSpec.nodes", "[{address: 10.0.1.10, k8sIP: node1}]", k8sIPForm},
	{clusterSample, "spec.loadBalancer", "{mode: manual}", ""},
	{clusterSample, "spec.loadBalancer", "{type: layer2}", ""},

	{nodePoolSample, "", "", ""},
	{nodePoolSample, "spec.nodes", `[{address: "2001:db8::1"}]`, nodeForm},
	{cidrConfigSample, "", "", ""},
	{cidrConfigSample, "spec.ipv6", "", ""},
	{cidrConfigSample, "spec.ipv4.perNodeMaskSize", "0", "greater than or equal to 1"},
}

func (g *gdc) rules(t *testing.T) {
	for _, c := range ruleChanges {
		object := c.object(t)
		_, err := g.of(object).Create(t.Context(), object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict})
		c.judge(t, object, err)
	}
}

var immutableChanges = []change{
	{clusterSample, "", "", ""},
	{clusterSample, "spec.clusterNetwork.advancedNetworking", "false", advancedFixed},
	{clusterSample, "spec.clusterNetwork", "", advancedFixed},
	{clusterSample, "spec.clusterNetwork.flatIPv4", "true", flatFixed},
	{clusterSample, "spec.clusterNetwork.flatIPv4", "", ""}, // false is what it is without
	{clusterSample, "spec.clusterNetwork.pods.cidrBlocks", "[192.168.0.0/15]", podsFixed},
	{clusterSample, "spec.clusterNetwork.pods.cidrBlocks", "[192.168.0.0/16, 172.16.0.0/16]", podsFixed},
	{clusterSample, "spec.clusterNetwork.pods.cidrBlocks", "", podsFixed},
	{clusterSample, "spec.clusterNetwork.pods", "", podsFixed},
	{clusterSample, "spec.clusterNetwork.services.cidrBlocks", `[10.96.0.0/16, "fd00::/112"]`, ""},
	{clusterSample, "spec.clusterNetwork.services.cidrBlocks", `[10.96.0.0/12]`, ""},
	{clusterSample, "spec.clusterNetwork.services.cidrBlocks", `[10.96.0.0/20, 10.97.0.0/20]`, ""},
	{clusterSample, "spec.clusterNetwork.services.cidrBlocks", `[10.96.0.0/21, "fd00::/112"]`, servicesGrow},
	{clusterSample, "spec.clusterNetwork.services.cidrBlocks", `[10.97.0.0/16]`, servicesGrow},
	{clusterSample, "spec.clusterNetwork.services.cidrBlocks", `[10.96.16.0/20]`, servicesGrow},
	{clusterSample, "spec.clusterNetwork.services.cidrBlocks", `[10.112.0.0/12]`, servicesGrow},
	{clusterSample, "spec.clusterNetwork.services.cidrBlocks", `["fd00::/112"]`, servicesGrow},
	{clusterSample, "spec.clusterNetwork.services.cidrBlocks", `[anything]`, servicesGrow},
	{clusterSample, "spec.clusterNetwork.services", "", servicesGrow},
	{plainSample, "spec.loadBalancer.nodePoolSpec", "{nodes: [{address: 10.0.1.20}]}", poolFixed},
	{plainSample, "spec.clusterNetwork", "{pods: {cidrBlocks: [192.168.0.0/16]}, services: {cidrBlocks: [10.96.0.0/20]}}", ""},
	{clusterSample, "spec.loadBalancer.type", "layer2", typeFixed},
	{clusterSample, "spec.loadBalancer.type", "", typeFixed},
	{clusterSample, "spec.loadBalancer", "", typeFixed},
	{clusterSample, "spec.loadBalancer.ports.controlPlaneLBPort", "6443", portsFixed},
	{clusterSample, "spec.loadBalancer.ports", "", portsFixed},
	{clusterSample, "spec.loadBalancer.vips.controlPlaneVIP", "10.0.0.9", vipsFixed},
	{clusterSample, "spec.loadBalancer.vips", "", vipsFixed},
	{clusterSample, "spec.loadBalancer.addressPools", "[{name: pool2, addresses: [203.0.113.1-203.0.113.20]}]", poolsFixed},
	{clusterSample, "spec.loadBalancer.addressPools", "", poolsFixed},
	{clusterSample, "spec.loadBalancer.addressPools", "[{name: pool1, addresses: [203.0.113.1-203.0.113.20]}, {name: b, addresses: [203.0.113.32/28]}]", ""},
	{clusterSample, "spec.loadBalancer.localASN", "65009", ""},
	{clusterSample, "spec.loadBalancer.bgpPeers", "[{ip: 10.8.0.12, asn: 65002}]", ""},
	{clusterSample, "spec.loadBalancer.nodePoolSpec.nodes", "[{address: 10.0.1.21}]", ""},
	{peerSample, "spec", "{localASN: 1, peerASN: 2, peerIP: 10.0.1.253}", ""},
	{gatewaySample, "spec", "{floatingIPs: [10.0.9.100]}", ""},
	{balancerSample, "spec", "{peerSelector: {b: c}}", ""},
}

func (g *gdc) immutable(t *testing.T) {
	for _, sample := range []string{clusterSample, plainSample, peerSample, gatewaySample, balancerSample} {
		g.make(t, change{sample: sample}.object(t))
	}
	for _, c := range immutableChanges {
		object := c.object(t)
		before, err := g.of(object).Get(t.Context(), object.GetName(), metav1.GetOptions{})
		require.NoError(t, err)
		object.SetResourceVersion(before.GetResourceVersion())
		_, err = g.of(object).Update(t.Context(), object, metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
		c.judge(t, object, err)
	}
}

// TestEveryRuleOfGDCsKindsIsTried holds the two tables to the rules that there are.
func TestEveryRuleOfGDCsKindsIsTried(t *testing.T) {
	tried := map[string]bool{}
	for _, c := range slices.Concat(ruleChanges, immutableChanges) {
		tried[c.refused] = true
	}
	var messages int
	for _, group := range []string{"networking.gke.io", "baremetal.cluster.gke.io"} {
		paths, err := filepath.Glob(filepath.Join("../../charts/frr-renderer/crds", group+"_*.yaml"))
		require.NoError(t, err)
		require.NotEmpty(t, paths)
		for _, path := range paths {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			var crd any
			require.NoError(t, yaml.Unmarshal(data, &crd))
			for _, message := range ruleMessages(crd) {
				messages++
				require.True(t, tried[message], "%s: no change is refused with %q", path, message)
			}
		}
	}
	require.NotZero(t, messages)
}

func ruleMessages(value any) []string {
	var out []string
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if key != "x-kubernetes-validations" {
				out = append(out, ruleMessages(inner)...)
				continue
			}
			for _, rule := range inner.([]any) {
				message, _ := rule.(map[string]any)["message"].(string)
				out = append(out, message)
			}
		}
	case []any:
		for _, inner := range v {
			out = append(out, ruleMessages(inner)...)
		}
	}
	return out
}

func (g *gdc) unknownFields(t *testing.T) {
	const spec = `
profile: edge
clusterNetwork: {bundledIngress: true, pods: {other: [1]}, services: {cidrBlocks: [10.96.0.0/20], other: {a: b}}}
controlPlane: {loadBalancer: {x: 1}, nodePoolSpec: {labels: {a: b}, nodes: [{address: 10.0.1.10, bmc: {a: b}}]}}
loadBalancer:
  mode: bundled
  type: bgp
  controlPlaneBGP: {a: b}
  localASN: 65001
  bgpPeers: [{ip: 10.8.0.10, asn: 65002, multihop: 3}]
  ports: {controlPlaneLBPort: 443, other: 1}
  vips: {controlPlaneVIP: 10.0.0.8, addonsVIP: 10.0.0.9}
  addressPools: [{name: a, addresses: [203.0.113.0/28], autoAssign: "no"}]
  nodePoolSpec: {operatingSystem: linux, nodes: [{address: 10.0.1.20, mac: x}]}
storage: {lvpShare: {path: /mnt}}
`
	object := change{sample: clusterSample, field: "spec", value: spec}.object(t)
	want := object.DeepCopy().Object["spec"]
	g.make(t, object)
	have, err := g.of(object).Get(t.Context(), object.GetName(), metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, asJSON(t, want), asJSON(t, have.Object["spec"]))

	peer := change{sample: peerSample, field: "spec.myASN", value: "1"}.object(t)
	_, err = g.of(peer).Create(t.Context(), peer, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict, DryRun: []string{metav1.DryRunAll}})
	require.ErrorContains(t, err, `unknown field "spec.myASN"`)
}

func (g *gdc) nodeSelectors(t *testing.T) {
	for _, shape := range []string{`{rack: a}`, `{matchLabels: {rack: a}, matchExpressions: [{key: b, operator: Exists}]}`, `[NODE_SELECTOR]`, `[{rack: a}, "!slow"]`, `"rack in (a,b)"`, `{gpu: true}`} {
		object := change{sample: gatewaySample, field: "spec.nodeSelector", value: shape}.object(t)
		want := object.DeepCopy().Object["spec"]
		made, err := g.of(object).Create(t.Context(), object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict})
		require.NoError(t, err, shape)
		require.Equal(t, asJSON(t, want), asJSON(t, made.Object["spec"]))
	}
}

func (g *gdc) tables(t *testing.T) {
	session := change{sample: sessionSample}.object(t)
	g.make(t, session)
	session, err := g.of(session).Get(t.Context(), session.GetName(), metav1.GetOptions{})
	require.NoError(t, err)
	session.Object["status"] = map[string]any{
		"state": "Established", "lastReportTime": metav1.Now().UTC().Format("2006-01-02T15:04:05Z"), "advertisedRoutes": []any{"203.0.113.1/32"},
		"addPath": []any{map[string]any{"family": "ipv4", "peerReceives": true, "sending": false}},
	}
	_, err = g.of(session).UpdateStatus(t.Context(), session, metav1.UpdateOptions{})
	require.NoError(t, err)
	g.make(t, change{sample: routeSample}.object(t))
	g.make(t, change{sample: gatewaySample}.object(t))
	g.make(t, change{sample: peerSample}.object(t))

	columns, rows := g.table(t, "bgpsessions")
	require.Equal(t, []string{"NAME", "LOCAL ASN", "PEER ASN", "LOCAL IP", "PEER IP", "STATE", "LAST REPORT"}, columns)
	require.Equal(t, [][]string{{"10.0.1.254-node-01", "65001", "65002", "10.0.1.100", "10.0.1.254", "Established"}}, without(rows, 6))
	require.Regexp(t, `^\d+s$`, rows[0][6])
	columns, rows = g.table(t, "bgpadvertisedroutes")
	require.Equal(t, []string{"NAME", "PREFIX", "METRIC"}, columns)
	require.Equal(t, [][]string{{"default-shop-web", "203.0.113.1/32", ""}}, rows)
	columns, rows = g.table(t, "networkgatewaygroups")
	require.Equal(t, []string{"NAME", "FLOATING IPS", "AGE"}, columns)
	require.Equal(t, [][]string{{"default", `["10.0.1.100","10.0.2.100"]`}}, without(rows, 2))
	columns, _ = g.table(t, "bgppeers")
	require.Equal(t, []string{"NAME", "LOCAL ASN", "PEER ASN", "PEER IP", "SESSIONS", "AGE"}, columns)
	columns, _ = g.table(t, "bgploadbalancers")
	require.Equal(t, []string{"NAME", "AGE"}, columns)
	g.tablesOfTheDocuments(t)
}

// tablesOfTheDocuments compares with what the vendor shows of "kubectl get".
func (g *gdc) tablesOfTheDocuments(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(gdcExamples, "kubectl-outputs.txt"))
	if err != nil {
		t.Logf("SKIPPED: the examples are not on this machine: %v", err)
		return
	}
	gap := regexp.MustCompile(` {2,}`)
	seen := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		want := slices.DeleteFunc(gap.Split(strings.TrimSpace(line), -1), func(c string) bool { return c == "NAMESPACE" }) // that is kubectl's
		for column, resource := range map[string]string{"LOCAL ASN": "bgpsessions", "PREFIX": "bgpadvertisedroutes"} {
			if slices.Contains(want, column) {
				have, _ := g.table(t, resource)
				require.Equal(t, want, have)
				seen[resource] = true
			}
		}
	}
	require.Len(t, seen, 2)
}

// table is what "kubectl get" asks an API server for.
func (g *gdc) table(t *testing.T, resource string) (columns []string, rows [][]string) {
	t.Helper()
	data, err := g.Client.CoreV1().RESTClient().Get().AbsPath("/apis/networking.gke.io/v1/namespaces/"+gdcNamespace+"/"+resource).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(t.Context())
	require.NoError(t, err)
	var table metav1.Table
	require.NoError(t, json.Unmarshal(data, &table))
	for _, c := range table.ColumnDefinitions {
		columns = append(columns, strings.ToUpper(c.Name)) // as kubectl prints it
	}
	for _, r := range table.Rows {
		var row []string
		for _, cell := range r.Cells {
			if cell == nil {
				cell = ""
			}
			row = append(row, fmt.Sprint(cell))
		}
		rows = append(rows, row)
	}
	return columns, rows
}

// examples are applied as "kubectl apply" does, each to an empty namespace.
func (g *gdc) examples(t *testing.T) {
	if _, err := os.Stat(gdcExamples); err != nil {
		skip.Test(t, "", fmt.Errorf("the examples are not on this machine: %w", err))
	}
	for example, objects := range map[string]int{
		"09-dual-stack-bgp": 3, "09-dual-stack-bgp.fixed": 3, "10-all-nodes-same-peers": 2, "11-cp-nodes-to-specific-peers": 2,
		"12-separate-control-and-data-plane": 4, "14-bgpsession-derived": 1, "15-bgpadvertisedroute-derived": 2,
	} {
		t.Run(example, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(gdcExamples, example+".yaml"))
			require.NoError(t, err)
			made := 0
			for documents := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096); ; made++ {
				object := &unstructured.Unstructured{}
				if err := documents.Decode(&object.Object); errors.Is(err, io.EOF) {
					break
				} else {
					require.NoError(t, err)
				}
				object.SetNamespace(gdcNamespace)
				_, err := g.of(object).Create(t.Context(), object, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
				require.NoError(t, err)
				t.Cleanup(func() {
					require.NoError(t, g.of(object).Delete(context.Background(), object.GetName(), metav1.DeleteOptions{}))
				})
			}
			require.Equal(t, objects, made)
		})
	}
}

// make creates an object until the end of the test.
func (g *gdc) make(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	_, err := g.of(object).Create(t.Context(), object, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, g.of(object).Delete(context.Background(), object.GetName(), metav1.DeleteOptions{}))
	})
}

func (g *gdc) of(object *unstructured.Unstructured) dynamic.ResourceInterface {
	kind := object.GroupVersionKind()
	return g.dynamic.Resource(schema.GroupVersionResource{
		Group: kind.Group, Version: kind.Version, Resource: strings.ToLower(kind.Kind) + "s",
	}).Namespace(gdcNamespace)
}

// object is the changed sample.
func (c change) object(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal([]byte(c.sample), &object.Object))
	object.SetNamespace(gdcNamespace)
	if c.field == "" {
		return object
	}
	path := strings.Split(c.field, ".")
	if c.value == "" {
		unstructured.RemoveNestedField(object.Object, path...)
		return object
	}
	var value any
	require.NoError(t, yaml.Unmarshal([]byte(c.value), &value))
	parent := object.Object
	for _, name := range path[:len(path)-1] {
		parent = parent[name].(map[string]any)
	}
	parent[path[len(path)-1]] = value
	// Whole numbers are integers, as an API server reads them.
	require.NoError(t, object.UnmarshalJSON([]byte(asJSON(t, maps.Clone(object.Object)))))
	return object
}

// judge holds what the API server says to what is expected.
func (c change) judge(t *testing.T, object *unstructured.Unstructured, err error) {
	t.Helper()
	what := fmt.Sprintf("%s %s = %s", object.GetKind(), c.field, c.value)
	if c.refused == "" {
		require.NoError(t, err, what)
		return
	}
	require.ErrorContains(t, err, c.refused, what)
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	require.NoError(t, err)
	return string(data)
}

// without takes a column away.
func without(rows [][]string, column int) [][]string {
	var out [][]string
	for _, row := range rows {
		out = append(out, slices.Delete(slices.Clone(row), column, column+1))
	}
	return out
}
