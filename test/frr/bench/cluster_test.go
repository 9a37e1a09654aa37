package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/manifest"
	"github.com/frr-renderer/frr-renderer/test/frr/product"
)

// BenchmarkStatusToUpdate is BenchmarkServiceToUpdate with a real API server in place of files: per change, ms from writing a Service's status
// until the last peer has the UPDATE, with what the API server took to answer the writer; and processor time a change, ours and bgpd's.
func BenchmarkStatusToUpdate(b *testing.B) {
	k := newKube(b)
	for _, n := range []int{10, 1000, 10000} {
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) {
			k.populate(b, n)
			for _, v := range fabric.Versions() {
				for _, peers := range []int{1, 4} {
					b.Run(fmt.Sprintf("frr=%s/peers=%d", v, peers), func(b *testing.B) { statusToUpdate(b, k, v, n, peers) })
				}
			}
		})
	}
}

// kube is an API server with a node, a pool, an advertisement, and Services.
type kube struct {
	server   *apiserver.Server
	client   *kubernetes.Clientset
	dynamic  *dynamic.DynamicClient
	services int
	changed  *corev1.Service
}

const metallbNamespace = "metallb-system"

func newKube(b *testing.B) *kube {
	k := &kube{server: apiserver.Start(b)}
	k.server.InstallCRDs(b)
	config := rest.CopyConfig(k.server.Config)
	config.QPS, config.Burst = -1, -1
	var err error
	k.client, err = kubernetes.NewForConfig(config)
	require.NoError(b, err)
	k.dynamic, err = dynamic.NewForConfig(config)
	require.NoError(b, err)
	_, err = k.client.CoreV1().Namespaces().Create(b.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: metallbNamespace}}, metav1.CreateOptions{})
	require.NoError(b, err)
	_, err = k.client.CoreV1().Nodes().Create(b.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node1"}}, metav1.CreateOptions{})
	require.NoError(b, err)
	k.create(b, objects)
	k.changed = k.service(b, "changed", netip.MustParseAddr("20.200.255.255"))
	return k
}

// create creates metallb.io objects.
func (k *kube) create(b *testing.B, manifests string) {
	b.Helper()
	for d := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 1024); ; {
		var u unstructured.Unstructured
		err := d.Decode(&u)
		if err == io.EOF {
			return
		}
		require.NoError(b, err)
		if u.Object == nil {
			continue
		}
		_, err = k.resource(&u).Create(b.Context(), &u, metav1.CreateOptions{})
		require.NoError(b, err)
	}
}

func (k *kube) resource(u *unstructured.Unstructured) dynamic.ResourceInterface {
	kind := u.GroupVersionKind()
	return k.dynamic.Resource(schema.GroupVersionResource{
		Group: kind.Group, Version: kind.Version, Resource: strings.ToLower(kind.Kind) + "s",
	}).Namespace(u.GetNamespace())
}

// populate brings the API server to n Services, beside the one that changes.
func (k *kube) populate(b *testing.B, n int) {
	b.Helper()
	var group errgroup.Group
	group.SetLimit(16)
	for i := k.services; i < n; i++ {
		group.Go(func() error {
			_, err := k.put(b.Context(), fmt.Sprintf("s%d", i), netip.AddrFrom4([4]byte{20, byte(i >> 16), byte(i >> 8), byte(i)}))
			return err
		})
	}
	require.NoError(b, group.Wait())
	k.services = max(k.services, n)
}

func (k *kube) service(b *testing.B, name string, address netip.Addr) *corev1.Service {
	b.Helper()
	s, err := k.put(b.Context(), name, address)
	require.NoError(b, err)
	return s
}

// put creates a Service with an address, and an endpoint on node1.
func (k *kube) put(ctx context.Context, name string, address netip.Addr) (*corev1.Service, error) {
	ready, node, none := true, "node1", false
	_, err := k.client.DiscoveryV1().EndpointSlices("default").Create(ctx, &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: name + "-a", Labels: map[string]string{discoveryv1.LabelServiceName: name}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"10.244.0.1"}, NodeName: &node, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	s, err := k.client.CoreV1().Services("default").Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, AllocateLoadBalancerNodePorts: &none, Selector: map[string]string{"app": name},
			Ports: []corev1.ServicePort{{Port: 80}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	return k.move(ctx, s, address)
}

// move gives a Service another address.
func (k *kube) move(ctx context.Context, s *corev1.Service, address netip.Addr) (*corev1.Service, error) {
	s = s.DeepCopy()
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address.String()}}
	return k.client.CoreV1().Services("default").UpdateStatus(ctx, s, metav1.UpdateOptions{})
}

// peersOf has exactly these peers at the API server.
func (k *kube) peersOf(b *testing.B, peers int) {
	b.Helper()
	resource := k.dynamic.Resource(schema.GroupVersionResource{Group: "metallb.io", Version: "v1beta2", Resource: "bgppeers"}).Namespace(metallbNamespace)
	require.NoError(b, resource.DeleteCollection(b.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
	for i := range peers {
		k.create(b, manifest.Peer(fmt.Sprintf("tor%d", i+1), fmt.Sprint("10.0.0.", i+1), 64501))
	}
}

func statusToUpdate(b *testing.B, k *kube, v fabric.Version, n, peers int) {
	s := newStand(b, v, 0, peers)
	k.peersOf(b, peers)
	listener, err := s.node.Listen(b.Context(), "", net.ListenConfig{}, "tcp", "127.0.0.1:0")
	require.NoError(b, err)
	gate := apiserver.NewGate(b, listener, k.server.Address)
	kubeconfig := apiserver.Kubeconfig(b, k.server.Config, gate.Address())
	program := product.Path(b) // builds it, the first time
	started := time.Now()
	agent, err := fabric.Start(s.node.Command(context.Background(), program, "run", "--kubeconfig", kubeconfig, "--node", "node1", "--log-level", "warn"))
	require.NoError(b, err)
	b.Cleanup(func() { stop(agent) })
	cold := s.whole(b, n+1).Sub(started)

	client := vtysh.NewSocket(s.node.VtyDir())
	b.Cleanup(func() { _ = client.Close() })
	var changes, floor, writes []time.Duration
	var ours, bgpds time.Duration
	daemon := s.node.PID("bgpd")
	for i := 1; b.Loop(); i++ {
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{20, 200, byte(i >> 8), byte(i)}), 32)
		ours -= processorTime(b, agent.PID())
		bgpds -= processorTime(b, daemon)
		changes = append(changes, s.until(b, prefix, func() {
			before := time.Now()
			k.changed, err = k.move(b.Context(), k.changed, prefix.Addr())
			require.NoError(b, err)
			writes = append(writes, time.Since(before))
		}))
		ours += processorTime(b, agent.PID())
		bgpds += processorTime(b, daemon)
		bare := netip.PrefixFrom(netip.AddrFrom4([4]byte{20, 201, byte(i >> 8), byte(i)}), 32)
		route := "network " + bare.String() + " route-map " + class(b, s.node)
		floor = append(floor, s.until(b, bare, func() { configure(b, client, route) }))
		configure(b, client, "no network "+bare.String())
		for _, p := range s.peers {
			require.NoError(b, p.WaitNoPath(context.Background(), bare))
		}
	}
	slices.Sort(writes)
	b.ReportMetric(ms(writes[len(writes)/2]), "ms-write")
	b.ReportMetric(ms(ours)/float64(len(changes)), "ms-cpu")
	b.ReportMetric(ms(bgpds)/float64(len(changes)), "ms-cpu-bgpd")
	b.ReportMetric(memory(b, daemon, "VmRSS:"), "MiB-bgpd")
	report(b, changes, floor, cold, agent.PID())
}
