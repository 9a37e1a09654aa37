package gateway

import (
	"fmt"
	"math/rand/v2"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
)

func randomBytes(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// bigCluster has so many nodes, all of which take traffic, so many Services, a third of them with the policy Local and ten endpoints, a third dual stack, and
// so many floating IPs.
func bigCluster(nodes, services, floating int) Input {
	c := &baremetal.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "bm", Namespace: "cluster-bm"}}
	c.Spec.LoadBalancer = baremetal.LoadBalancer{Mode: baremetal.BundledLoadBalancer, Type: baremetal.BGPType, LocalASN: 65001,
		BGPPeers:     []baremetal.ControlPlanePeer{{IP: "10.8.0.10", ASN: 65002}, {IP: "10.8.0.11", ASN: 65002}},
		AddressPools: []baremetal.AddressPool{{Name: "pool1", Addresses: []string{"172.16.0.0/12", "2001:db8::/64"}}}}
	in := Input{Clusters: []*baremetal.Cluster{c}}
	for i := range nodes {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("node-%04d", i), Labels: map[string]string{controlPlaneLabel: ""},
			Annotations: map[string]string{networkStatus: `[{"ipv4-subnet":"10.0.0.0/16","ipv6-subnet":"fd01::/64"}]`}}}
		n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("10.0.%d.%d", i/250, i%250+1)}, {Type: corev1.NodeInternalIP, Address: fmt.Sprintf("fd01::%x", i+1)}}
		n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
		in.Nodes = append(in.Nodes, n)
	}
	g := &networking.NetworkGatewayGroup{ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: "cluster-bm"}}
	for i := range floating {
		g.Spec.FloatingIPs = append(g.Spec.FloatingIPs, fmt.Sprintf("10.0.200.%d", i+1))
	}
	in.Groups = []*networking.NetworkGatewayGroup{g}
	for i := range services {
		s := Service{Namespace: "default", Name: fmt.Sprintf("service-%05d", i), Ingress: []string{fmt.Sprintf("172.16.%d.%d", i/250, i%250+1)}, Endpoints: true}
		switch i % 3 {
		case 1:
			s.LocalOnly = true
			for j := range 10 {
				s.EndpointNodes = append(s.EndpointNodes, fmt.Sprintf("node-%04d", (i*7+j*13)%nodes))
			}
		case 2:
			s.Ingress = append(s.Ingress, fmt.Sprintf("2001:db8::%x", i+1))
		}
		in.Services = append(in.Services, s)
	}
	return in
}

func BenchmarkAssign(b *testing.B) {
	for _, size := range []struct{ nodes, services, floating int }{{3, 100, 2}, {200, 2000, 4}, {200, 4000, 4}, {400, 2000, 4}, {200, 2000, 8}, {1000, 10000, 4}} {
		in := bigCluster(size.nodes, size.services, size.floating)
		in = carriedOut(in, Assign(in))
		b.Run(fmt.Sprintf("%dnodes/%dservices/%dfloatingips", size.nodes, size.services, size.floating), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Assign(in)
			}
		})
		placed := following(in)
		b.Run(fmt.Sprintf("%dnodes/%dservices/%dfloatingips/placed", size.nodes, size.services, size.floating), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Assign(placed)
			}
		})
	}
}
