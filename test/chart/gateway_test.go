package chart

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/frr-renderer/frr-renderer/internal/rights"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// yard is one wire with a Kubernetes node, whose FRR comes with the pod, a router that the node's floating IP dials, and one that the node dials for
// MetalLB. The first does not receive several paths: where one does, its session is reset once, a second after it came up first.
func yard(name string, v fabric.Version) fabric.Topology {
	const router = "router bgp 64501\n no bgp ebgp-requires-policy\n neighbor 10.0.0.100 remote-as 64500\n neighbor 10.0.0.100 passive\n" +
		" address-family ipv4 unicast\n  neighbor 10.0.0.100 disable-addpath-rx\n exit-address-family\nexit\n"
	const other = "router bgp 64502\n no bgp ebgp-requires-policy\n neighbor 10.0.0.11 remote-as 64500\n neighbor 10.0.0.11 passive\nexit\n"
	return fabric.Topology{
		Nodes: []fabric.NodeSpec{{Name: name}, {Name: "tor1", Version: v, Config: router}, {Name: "tor2", Version: v, Config: other}},
		Links: []fabric.Link{{Name: "yard", Ends: []fabric.End{
			{Node: name, Interface: "eth0", Addresses: []string{"10.0.0.11/24"}}, {Node: "tor1", Interface: "eth0", Addresses: []string{"10.0.0.1/24"}},
			{Node: "tor2", Interface: "eth0", Addresses: []string{"10.0.0.2/24"}},
		}}},
	}
}

// besideMetalLB are objects of MetalLB's for the same node: bgpd -p 1790 dials their router's port 179 all the same.
const besideMetalLB = `
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: pool, namespace: metallb-system}
spec: {addresses: [198.51.100.0/24]}
---
apiVersion: metallb.io/v1beta1
kind: BGPAdvertisement
metadata: {name: all, namespace: metallb-system}
---
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata: {name: tor2, namespace: metallb-system}
spec: {myASN: 64500, peerASN: 64502, peerAddress: 10.0.0.2, connectTime: 1s}
`

// gdcObjects are a floating IP, and the router that it dials.
const gdcObjects = `
apiVersion: networking.gke.io/v1
kind: BGPPeer
metadata: {name: tor1, namespace: cluster-bm, labels: {dialled: "yes"}}
spec: {localASN: 64500, peerASN: 64501, peerIP: 10.0.0.1, sessions: 1}
---
apiVersion: networking.gke.io/v1
kind: BGPLoadBalancer
metadata: {name: default, namespace: cluster-bm}
spec: {peerSelector: {dialled: "yes"}}
---
apiVersion: baremetal.cluster.gke.io/v1
kind: Cluster
metadata: {name: bm, namespace: cluster-bm}
spec:
  clusterNetwork: {advancedNetworking: true}
  loadBalancer: {mode: bundled, type: bgp, localASN: 64500, bgpPeers: [{ip: 10.0.0.1, asn: 64501}], addressPools: [{name: pool1, addresses: [192.0.2.0/24]}]}
---
apiVersion: networking.gke.io/v1
kind: NetworkGatewayGroup
metadata: {name: default, namespace: cluster-bm}
spec: {floatingIPs: [10.0.0.100]}
`

// makeAll writes manifests with their status.
func (c *cluster) makeAll(manifests string) {
	c.t.Helper()
	for _, text := range strings.Split(manifests, "\n---\n") {
		u := &unstructured.Unstructured{}
		require.NoError(c.t, yaml.Unmarshal([]byte(text), &u.Object), text)
		c.make(u)
	}
}

// TestThePodHoldsAFloatingIP runs the chart's manager, and the DaemonSet's pod with gdc.enabled, with real FRR, as their ServiceAccounts at a real API
// server: the floating IP is on the node, its session with the router is up, the Service's route has the node as next hop.
func TestThePodHoldsAFloatingIP(t *testing.T) {
	fabric.Require(t, fabric.V84, fabric.V103)
	audit := newAudit(t)
	c := newCluster(t, audit.flags()...)
	c.InstallCRDs(t)
	require.NoError(t, c.ServeGDC())
	c.MakeNamespaces(t, "cluster-bm")
	c.mustHelm("install", release, chartDir, "--values", "cases/gdc/values.yaml", "--set", ids(t))
	c.apply(besideMetalLB)
	c.manage(t).ready()
	for _, v := range []fabric.Version{fabric.V84, fabric.V103} {
		t.Run(string(v), func(t *testing.T) { holds(t, c, v) })
		c.t = t
		c.wipe()
	}
	audit.nothingRefused(t)
	audit.everythingUsed(t, "speaker-frr-renderer-speaker", slices.DeleteFunc(rights.All(), func(r rights.Right) bool { return r.If != rights.GDC }))
}

func holds(t *testing.T, c *cluster, v fabric.Version) {
	c.t = t
	name := map[fabric.Version]string{fabric.V84: "old", fabric.V103: "new"}[v]
	c.makeAll(fmt.Sprintf(`apiVersion: v1
kind: Node
metadata: {name: %s, labels: {node-role.kubernetes.io/control-plane: ""}}
status: {addresses: [{type: InternalIP, address: 10.0.0.11}], conditions: [{type: Ready, status: "True"}]}`, name))
	lab := fabric.New(t, yard(name, v))
	tor := lab.Node("tor1")
	p := newPod(t, c, lab.Node(name), v)
	p.prepare()
	p.start("frr")
	p.start("frr-renderer")
	p.passes("frr", p.container("frr").StartupProbe)
	c.makeAll(strings.TrimSpace(gdcObjects))
	c.makeAll(strings.TrimSpace(service("web-"+name, "192.0.2.10")))
	c.makeAll(strings.TrimSpace(service("other-"+name, "198.51.100.1")))

	ctx, cancel := deadline(t)
	defer cancel()
	_, err := tor.WaitSession(ctx, "", "10.0.0.100", func(s fabric.Session) bool { return s.State == "Established" })
	require.NoError(t, err, p.log("frr-renderer"))
	route(t, tor, "192.0.2.10/32", func(r fabric.Route) bool { return slices.Contains(r.NextHops, netip.MustParseAddr("10.0.0.11")) })
	established(t, lab.Node("tor2"))
	route(t, lab.Node("tor2"), "198.51.100.1/32", func(r fabric.Route) bool { return r.Peer == "10.0.0.11" })
	p.passes("frr-renderer", p.container("frr-renderer").ReadinessProbe)
	p.passes("frr-renderer", p.container("frr-renderer").LivenessProbe)
	p.hasJust(t, "frr-renderer", "0000000000003000")
	p.listensOn(t, 1790)

	// The program is started anew: nobody hears of it.
	before, err := tor.Session(t.Context(), "", "10.0.0.100")
	require.NoError(t, err)
	p.terminate("frr-renderer")
	p.start("frr-renderer")
	p.passes("frr-renderer", p.container("frr-renderer").ReadinessProbe)
	after, err := tor.Session(t.Context(), "", "10.0.0.100")
	require.NoError(t, err)
	require.Equal(t, before.ConnectionsEstablished, after.ConnectionsEstablished)
	require.Equal(t, "Established", after.State)
}

// hasJust tells that a container's first process is user frr, with these capabilities and no way to more.
func (p *pod) hasJust(t *testing.T, name, capabilities string) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.first(name)))
	require.NoError(t, err)
	field := func(name string) string {
		found := regexp.MustCompile(`(?m)^` + name + `:\s+(\S+)`).FindSubmatch(text)
		require.NotNil(t, found, name)
		return string(found[1])
	}
	user := regexp.MustCompile(`speaker\.frr\.user=(\d+)`).FindStringSubmatch(ids(t))[1]
	require.Equal(t, user, field("Uid"))
	for _, set := range []string{"CapPrm", "CapEff", "CapAmb"} {
		require.Equal(t, capabilities, field(set), set)
	}
	require.Equal(t, "1", field("NoNewPrivs"))
}

// listensOn tells on which port of BGP's the node listens, and on no other.
func (p *pod) listensOn(t *testing.T, port int) {
	t.Helper()
	var open []int
	for _, file := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", p.first("frr"), file))
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`(?m)^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:0000 0A `).FindAllStringSubmatch(string(text), -1) {
			n, err := strconv.ParseInt(m[1], 16, 32)
			require.NoError(t, err)
			open = append(open, int(n))
		}
	}
	require.Contains(t, open, port)
	require.NotContains(t, open, 179)
}
