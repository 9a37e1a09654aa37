package source

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/labels"

	networkingv1 "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/test/skip"
)

func TestEveryKindOfGDCIsRead(t *testing.T) {
	r := read(t, "testdata/gdc-every-kind.yaml")
	require.Empty(t, r.Problems)
	require.Equal(t, []string{"metallb-system/tor1"}, names(r.Objects.Peers), "one of two kinds of this name")
	o := r.Objects.GDC
	require.Equal(t, []string{"cluster-edge/edge"}, names(o.Clusters))
	network, balancer := o.Clusters[0].Spec.ClusterNetwork, o.Clusters[0].Spec.LoadBalancer
	require.True(t, network.AdvancedNetworking)
	require.Equal(t, []string{"10.96.0.0/20", "fd00::/112"}, network.Services.CIDRBlocks)
	require.Equal(t, "10.1.1.10", o.Clusters[0].Spec.ControlPlane.NodePoolSpec.Nodes[0].NodeIP())
	require.EqualValues(t, 65546, balancer.LocalASN)
	require.EqualValues(t, 4294967295, balancer.BGPPeers[0].ASN)
	require.Equal(t, []string{"10.0.1.10"}, balancer.BGPPeers[0].ControlPlaneNodes)
	require.EqualValues(t, 65002, balancer.BGPPeers[1].ASN)
	require.True(t, balancer.AddressPools[0].AvoidBuggyIPs)
	require.Equal(t, "10.0.1.20", balancer.NodePoolSpec.Nodes[0].NodeIP())
	require.Equal(t, []string{"cluster-edge/workers"}, names(o.NodePools))
	require.Equal(t, "edge", o.NodePools[0].Spec.ClusterName)
	require.Equal(t, []string{"cluster-edge/all"}, names(o.CIDRConfigs))
	require.Equal(t, int32(120), o.CIDRConfigs[0].Spec.IPv6.PerNodeMaskSize)
	require.Equal(t, []string{"cluster-edge/default"}, names(o.GatewayGroups))
	require.Equal(t, []string{"10.0.1.100", "10.0.2.100"}, o.GatewayGroups[0].Spec.FloatingIPs)
	selector, err := o.GatewayGroups[0].Spec.NodeSelector.Selector()
	require.NoError(t, err)
	require.True(t, selector.Matches(labels.Set{"rack": "a"}))
	require.False(t, selector.Matches(labels.Set{"rack": "a", "slow": ""}))
	require.Equal(t, map[string]string{"10.0.1.100": "node1"}, o.GatewayGroups[0].Status.FloatingIPs)
	require.Equal(t, []string{"cluster-edge/default"}, names(o.LoadBalancers))
	require.Equal(t, []string{"cluster-edge/tor1"}, names(o.Peers))
	require.Equal(t, int32(2), *o.Peers[0].Spec.Sessions)
	require.Equal(t, []string{"kube-system/10.0.1.254-node1"}, names(o.Sessions))
	require.True(t, o.Sessions[0].Status.AddPath[0].PeerReceives)
	require.Equal(t, []string{"kube-system/default-shop-web"}, names(o.AdvertisedRoutes))
	require.Zero(t, *o.AdvertisedRoutes[0].Spec.Metric)
	require.Equal(t, []string{"kube-system/node1"}, names(o.GatewayNodes))
	require.Equal(t, networkingv1.FloatingIPConflict, o.GatewayNodes[0].Status.FloatingIPs[1].State)
}

func TestTwoBGPPeersOfOneNameAreTwoObjects(t *testing.T) {
	const both = `{"apiVersion": "networking.gke.io/v1", "kind": "BGPPeer", "metadata": {"name": "tor", "namespace": "metallb-system"}, "spec": {"peerIP": "10.0.1.254"}}
{"apiVersion": "metallb.io/v1beta2", "kind": "BGPPeer", "metadata": {"name": "tor", "namespace": "metallb-system"}, "spec": {"peerAddress": "192.0.2.1"}}`
	r := read(t, files(t, map[string]string{"a.json": both}))
	require.Empty(t, r.Problems)
	require.Equal(t, "192.0.2.1", r.Objects.Peers[0].Spec.Address)
	require.Equal(t, "10.0.1.254", r.Objects.GDC.Peers[0].Spec.PeerIP)

	find := r.Objects.Finder()
	for _, group := range []string{"metallb.io", "networking.gke.io"} {
		_, exists := find(problem.Object{Group: group, Kind: "BGPPeer", Namespace: "metallb-system", Name: "tor"})
		require.True(t, exists, group)
	}
	list := `{"apiVersion": "networking.gke.io/v1", "kind": "BGPPeerList", "items": [{"metadata": {"name": "tor", "namespace": "a"}}]}`
	r = read(t, files(t, map[string]string{"a.json": list}))
	require.Empty(t, r.Objects.Peers)
	require.Equal(t, []string{"a/tor"}, names(r.Objects.GDC.Peers))
}

func TestFloatingIPsThatAreNoneNameTheMend(t *testing.T) {
	const list, address = "; write it as a list of addresses, such as [10.0.1.100, 10.0.1.101]", "; write an IP address"
	for written, want := range map[string]string{
		"5":               "spec.floatingIPs: a number stands where a list belongs" + list,
		"10.0.1.100":      "spec.floatingIPs: a string stands where a list belongs" + list,
		"{a: 10.0.1.100}": "spec.floatingIPs: a mapping stands where a list belongs" + list,
		"[10.0.1.100, 5]": "spec.floatingIPs[1]: a number stands where a text belongs" + address,
		"[10.1]":          "spec.floatingIPs[0]: a number stands where a text belongs" + address,
		"[[10.0.1.100]]":  "spec.floatingIPs[0]: a list stands where a text belongs" + address,
	} {
		dir := files(t, map[string]string{"a.yaml": strings.Replace(gdcGroup(""), "[10.0.1.100]", written, 1)})
		require.Equal(t, []string{"error NetworkGatewayGroup.networking.gke.io c/default " + want + "; the object is left out (WrongType)"}, lines(read(t, dir), dir), written)
	}
}

func gdcGroup(spec string) string {
	return "apiVersion: networking.gke.io/v1\nkind: NetworkGatewayGroup\nmetadata: {name: default, namespace: c}\nspec: {floatingIPs: [10.0.1.100]" + spec + "}\n"
}

func gdcCluster(spec string) string {
	return "apiVersion: baremetal.cluster.gke.io/v1\nkind: Cluster\nmetadata: {name: c, namespace: c}\nspec: {" + spec + "}\n"
}

func gdcPeer(version, spec string) string {
	return "apiVersion: networking.gke.io/" + version + "\nkind: BGPPeer\nmetadata: {name: tor, namespace: c}\nspec: {" + spec + "}\n"
}

func TestWhatADocumentOfGDCSays(t *testing.T) {
	const gatewayIs, clusterIs, peerIs = "NetworkGatewayGroup.networking.gke.io c/default ", "Cluster.baremetal.cluster.gke.io c/c ", "BGPPeer.networking.gke.io c/tor "
	const asn = `an AS number from 1 to 4294967295 (one with two parts in quotes, such as "1.10") belongs; the object is left out (WrongType)`
	tests := map[string]struct {
		yaml string
		want []string
	}{
		"a field that the kind does not have": {gdcGroup(", nodeSelectors: {a: b}"), []string{
			"warning " + gatewayIs + "spec.nodeSelectors: NetworkGatewayGroup of networking.gke.io has no such field; it is ignored (UnknownField)"}},
		"a field of MetalLB's BGPPeer": {gdcPeer("v1", "peerIP: 10.0.1.254, myASN: 65001"), []string{
			"warning " + peerIs + "spec.myASN: BGPPeer of networking.gke.io has no such field; it is ignored (UnknownField)"}},
		"a field in another case": {gdcPeer("v1", "peerIp: 10.0.1.254"), []string{
			"warning " + peerIs + "spec.peerIp: BGPPeer of networking.gke.io has no such field; it is ignored; did you mean peerIP? (UnknownField)"}},
		"a field of a Cluster that means nothing here": {gdcCluster("nodeConfig: {podDensity: {}}, loadBalancer: {mode: bundled, l: 1}"), nil},
		"services beside clusterNetwork": {gdcCluster("clusterNetwork: null, services: {cidrBlocks: [10.96.0.0/16]}"), []string{
			"warning " + clusterIs + "spec.services: it stands beside clusterNetwork, where it means nothing; put it under clusterNetwork (UnknownField)"}},
		"a version that is not there": {gdcPeer("v1beta1", ""), []string{
			"error " + peerIs + "apiVersion: networking.gke.io/v1beta1 is not served; write networking.gke.io/v1 (UnsupportedKind)"}},
		"another kind of the group": {"apiVersion: networking.gke.io/v1\nkind: ManagedCertificate\nmetadata: {name: a}\n", nil},
		"a nodeSelector of labels":  {gdcGroup(", nodeSelector: {rack: a}"), nil},
		"a nodeSelector of a word":  {gdcGroup(", nodeSelector: [NODE_SELECTOR]"), nil},
		"a nodeSelector with a bare true": {gdcGroup(", nodeSelector: {gpu: true}"), []string{
			"error " + gatewayIs + `spec.nodeSelector: not a selector of nodes: the value of label "gpu" is no text; put it in quotes; the object is left out (InvalidValue)`}},
		"a nodeSelector that compares": {gdcGroup(`, nodeSelector: ["cores>4"]`), []string{
			"error " + gatewayIs + `spec.nodeSelector: not a selector of nodes: entry 1: "cores>4" compares numbers; use =, !=, in, notin, key or !key; the object is left out (InvalidValue)`}},
		"an AS number with two parts without quotes": {gdcCluster("loadBalancer: {localASN: 1.10}"), []string{
			"error " + clusterIs + "spec.loadBalancer.localASN: a number stands where " + asn}},
		"an AS number of 0": {gdcCluster("loadBalancer: {bgpPeers: [{ip: 10.0.1.254, asn: 0}]}"), []string{
			"error " + clusterIs + "spec.loadBalancer.bgpPeers[0].asn: a number stands where " + asn}},
		"a list as AS number": {gdcCluster("loadBalancer: {localASN: [1]}"), []string{
			"error " + clusterIs + "spec.loadBalancer.localASN: a list stands where " + asn}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := files(t, map[string]string{"a.yaml": tt.yaml})
			want := tt.want
			if want == nil {
				want = []string{}
			}
			require.Equal(t, want, lines(read(t, dir), dir))
		})
	}
}

func TestSlipsOfTheVendorsDocumentsAreExplained(t *testing.T) {
	const noMetadata = "apiVersion: networking.gke.io/v1\nkind: NetworkGatewayGroup\n  # a remark\n  name: default\n  namespace: c\nspec:\n  floatingIPs:\n  - 10.0.1.100\n"
	const dots = "apiVersion: networking.gke.io/v1\nkind: BGPPeer\nmetadata:\n  name: tor\nspec:\n  peerIP: 10.0.1.254\n  ...\n  sessions: 2\n"
	const dotsAtTheMargin = "apiVersion: baremetal.cluster.gke.io/v1\nkind: Cluster\nmetadata: {name: c, namespace: c}\nspec:\n...\n  loadBalancer: {mode: bundled}\n"
	tests := map[string]struct{ yaml, want string }{
		"no metadata": {noMetadata, `error a.yaml:4 -: not valid YAML: name and namespace stand under kind; a line "metadata:" is missing before them; this document is left out (Malformed)`},
		"no metadata, and lines of Windows": {"apiVersion: v1\r\nkind: Service\r\n  name: a\r\nspec: {}\r\n",
			`error a.yaml:3 -: not valid YAML: name and namespace stand under kind; a line "metadata:" is missing before them; this document is left out (Malformed)`},
		"indented dots": {dots, "error a.yaml:7 -: not valid YAML: a line of three dots; delete it, or make it a comment (# ...); this document is left out (Malformed)"},
		"dots at the margin": {dotsAtTheMargin, "warning a.yaml:6 -: no Kubernetes object: apiVersion or kind is missing; this document is ignored; " +
			"the line of three dots before it ends a document: delete it, if this belongs to what is above (Malformed)"},
		"something else is wrong, too": {noMetadata + "\tx: [\n",
			"error a.yaml:4 -: not valid YAML: did not find expected key or end; check the indentation and the quotes around this line; this document is left out (Malformed)"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := files(t, map[string]string{"a.yaml": tt.yaml})
			require.Equal(t, []string{tt.want}, lines(read(t, dir), dir))
		})
	}
}

func TestGDCsObjectsChangeNothingOfMetalLBs(t *testing.T) {
	alone, beside := read(t, "testdata/every-kind.yaml"), read(t, "testdata/every-kind.yaml", "testdata/gdc-every-kind.yaml")
	require.Empty(t, beside.Problems)
	require.False(t, beside.Objects.GDC.Empty())
	beside.Objects.GDC = snapshot.GDC{}
	require.Equal(t, []string{"metallb-system/new", "metallb-system/old", "metallb-system/tor1"}, names(beside.Objects.Peers))
	beside.Objects.Peers = beside.Objects.Peers[:2]
	require.Equal(t, alone.Objects, beside.Objects)
}

// Each example is a cluster by itself.
func TestGDCsExamplesAreRead(t *testing.T) {
	if _, err := os.Stat(examples); err != nil {
		skip.Test(t, "", fmt.Errorf("the examples are not on this machine: %w", err))
	}
	tests := map[string][]string{
		"01-*": {"error Cluster.baremetal.cluster.gke.io CLUSTER_NAMESPACE/bm metadata.namespace"}, // placeholders
		"06-*": {"error NetworkGatewayGroup.networking.gke.io CLUSTER_NAMESPACE/default metadata.namespace"},
		"09-dual-stack-bgp.yaml": {
			"warning Cluster.baremetal.cluster.gke.io cluster-bm/bm spec.services"},
		"09-dual-stack-bgp.fixed.yaml": nil, "10-*": nil, "11-*": nil, "12-*": nil, "14-*": nil, "15-*": nil, "2*": nil,
		"invalid/11-*": {"error 11-cp-nodes-to-specific-peers.seed-verbatim.yaml.txt.yaml:34 -: not valid YAML: name and namespace stand under kind"},
		"invalid/12-*": {"error 12-separate-control-and-data-plane.seed-verbatim.yaml.txt.yaml:34 -: not valid YAML: name and namespace stand under kind"},
	}
	for pattern, want := range tests {
		paths, err := filepath.Glob(filepath.Join(examples, "gdc", pattern))
		require.NoError(t, err)
		require.NotEmpty(t, paths, pattern)
		for _, path := range paths {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			dir := files(t, map[string]string{filepath.Base(path) + ".yaml": string(data)})
			got := lines(read(t, dir), dir)
			require.Len(t, got, len(want), "%s: %v", path, got)
			for i := range want {
				require.Contains(t, got[i], want[i], path)
			}
		}
	}
}
