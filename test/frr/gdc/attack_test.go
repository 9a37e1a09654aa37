package gdc

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/translate"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/golden"
	"github.com/frr-renderer/frr-renderer/test/frr/hostile"
)

// everyField is a cluster in GDC mode in which every field that counts has a value: n1 holds a floating IP, and n1 and n2 take traffic.
func everyField() snapshot.Objects {
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "cluster-bm", Name: name, Labels: map[string]string{"routers": "yes"}, Annotations: map[string]string{"note": "text"}}
	}
	node := func(name, ipv4, ipv6 string) *corev1.Node {
		return &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"rack": "a"}, Annotations: map[string]string{
				"networking.gke.io/network-status": `[{"name":"default","ipv4-subnet":"10.0.1.0/24"}]`,
			}},
			Status: corev1.NodeStatus{
				Addresses:  []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: ipv4}, {Type: corev1.NodeInternalIP, Address: ipv6}},
				Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
			},
		}
	}
	sessions, here, ready := int32(2), "n1", true
	selector := networking.NodeSelector{}
	_ = selector.UnmarshalJSON([]byte(`{"rack":"a"}`))
	return snapshot.Objects{
		Nodes: []*corev1.Node{node("n1", "10.0.1.10", "2001:db8:1::10"), node("n2", "10.0.1.11", "2001:db8:1::11")},
		Pools: []*v1beta1.IPAddressPool{{
			ObjectMeta: metav1.ObjectMeta{Namespace: snapshot.DefaultNamespace, Name: "pool"}, Spec: v1beta1.IPAddressPoolSpec{Addresses: []string{"203.0.113.0/24"}},
		}},
		Services: []*corev1.Service{{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer},
			Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{IP: "203.0.113.1"}, {IP: "2001:db8:9::1"}}}},
		}},
		EndpointSlices: []*discoveryv1.EndpointSlice{{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-1", Labels: map[string]string{discoveryv1.LabelServiceName: "web"}},
			Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{"10.244.0.1"}, NodeName: &here, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
		}},
		GDC: snapshot.GDC{
			Clusters: []*baremetal.Cluster{{ObjectMeta: meta("bm"), Spec: baremetal.ClusterSpec{
				ClusterNetwork: baremetal.ClusterNetwork{AdvancedNetworking: true},
				LoadBalancer: baremetal.LoadBalancer{
					Mode: baremetal.BundledLoadBalancer, Type: baremetal.BGPType, LocalASN: 65001,
					BGPPeers:     []baremetal.ControlPlanePeer{{IP: "10.8.0.10", ASN: 65002}},
					AddressPools: []baremetal.AddressPool{{Name: "pool6", Addresses: []string{"2001:db8:9::/64"}}},
					NodePoolSpec: &baremetal.NodePoolSpec{Nodes: []baremetal.PoolNode{{Address: "10.0.1.10"}, {Address: "192.0.2.1", K8sIP: "10.0.1.11"}}},
				},
			}}},
			GatewayGroups: []*networking.NetworkGatewayGroup{{
				ObjectMeta: meta("default"), Spec: networking.NetworkGatewayGroupSpec{FloatingIPs: []string{"10.0.1.100", "10.0.1.101"}, NodeSelector: &selector},
				Status: networking.NetworkGatewayGroupStatus{FloatingIPs: map[string]string{"10.0.1.100": "n1", "10.0.1.101": "n2"}},
			}},
			LoadBalancers: []*networking.BGPLoadBalancer{{ObjectMeta: meta("default"), Spec: networking.BGPLoadBalancerSpec{PeerSelector: map[string]string{"routers": "yes"}}}},
			Peers: []*networking.BGPPeer{{ObjectMeta: meta("tor1"), Spec: networking.BGPPeerSpec{
				LocalASN: 65001, PeerASN: 65003, PeerIP: "10.8.0.11", Sessions: &sessions, Selectors: &networking.BGPPeerSelectors{GatewayRefs: []string{"default"}},
			}}},
			Sessions: []*networking.BGPSession{{
				ObjectMeta: metav1.ObjectMeta{Namespace: networking.ReportNamespace, Name: "10.8.0.11-n1", Labels: map[string]string{gateway.ManagedBy: gateway.Manager}},
				Spec:       networking.BGPSessionSpec{FloatingIP: "10.0.1.100", LocalIP: "10.0.1.100", LocalASN: 65001, PeerIP: "10.8.0.11", PeerASN: 65003, NodeName: "n1"},
				Status:     networking.BGPSessionStatus{AddPath: []networking.AddPath{{Family: networking.IPv4, PeerReceives: true}}},
			}},
		},
	}
}

// newRenderer reads the templates once for all.
var newRenderer = sync.OnceValues(func() (*render.Renderer, error) { return render.New(nil) })

// documentOf is what n1 comes to; ok is false where its own name was poisoned.
func documentOf(t *testing.T, objects snapshot.Objects) (document render.Document, ok bool) {
	t.Helper()
	snap, err := snapshot.New(objects, "n1", snapshot.Options{})
	if err != nil {
		return render.Document{}, false
	}
	if in, asked := snapshot.GatewayInput(objects, snapshot.Options{}); asked {
		assignment := gateway.Assign(in)
		snap.Gateway = &assignment
	}
	renderer, err := newRenderer()
	require.NoError(t, err)
	document, err = renderer.Render(translate.Translate(snap, translate.LastGood{}).Config)
	require.NoError(t, err)
	return document, true
}

// grammar has the lines of GDC's that MetalLB's objects don't come to.
func grammar() *hostile.Grammar {
	const (
		addr   = `[0-9a-f.:]+`
		number = `[0-9]+`
		name   = `gdc-[0-9a-z.:-]+`
	)
	return hostile.NewGrammar(
		`bgp large-community-list standard gdc-services seq 5 permit `+number+`:0:1`, `route-map `+name+` (permit|deny) `+number,
		` match large-community gdc-services`, ` set ip next-hop `+addr, ` set ipv6 next-hop global `+addr, ` set weight 0`, ` set large-comm-list gdc-services delete`,
		`router bgp `+number+` view gw-`+addr, ` neighbor `+addr+` passive`, `  network [0-9a-f.:]+/[0-9]+ route-map `+name,
		`  neighbor `+addr+` (attribute-unchanged next-hop|addpath-tx-all-paths|next-hop-self force)`,
	)
}

// TestEveryFieldCounts shows that there is something to be poisoned: both roles, both families, ADD-PATH.
func TestEveryFieldCounts(t *testing.T) {
	document, ok := documentOf(t, everyField())
	require.True(t, ok)
	for _, line := range []string{
		"router bgp 65001 view gw-10.0.1.100\n", " neighbor 10.0.1.101 passive\n", " neighbor 10.8.0.11 remote-as 65003\n", " neighbor 10.8.0.11 addpath-tx-all-paths\n",
		" neighbor 10.0.1.11 port 1790\n", "  network 203.0.113.1/32 ", "  network 2001:db8:9::1/128 ",
	} {
		require.Contains(t, document.Text, line)
	}
}

// TestNoStringOfAnyObjectBecomesALine poisons every string of every object of GDC's, one at a time.
func TestNoStringOfAnyObjectBecomesALine(t *testing.T) {
	forms := grammar()
	fields := hostile.Each(everyField, func(at string, objects snapshot.Objects) {
		if document, ok := documentOf(t, objects); ok {
			forms.Obeys(t, at, document)
		}
	})
	require.Greater(t, fields, 60)
}

// TestHostileDocumentsInFRR has FRR read documents of clusters with several poisoned strings each: it takes them, and runs nothing else.
func TestHostileDocumentsInFRR(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		bare, forms := fabric.NewBare(t, v), grammar()
		for seed := range uint64(15) {
			objects := everyField()
			hostile.Some(rand.New(rand.NewPCG(seed, 7)), &objects)
			if document, ok := documentOf(t, objects); ok {
				forms.Obeys(t, fmt.Sprint("seed ", seed), document)
				golden.InFRR(t, bare, v, document, fmt.Sprint("seed ", seed))
			}
		}
	})
}
