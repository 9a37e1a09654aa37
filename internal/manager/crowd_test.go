package manager_test

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

var (
	crowd  = flag.Int("crowd", 100, "nodes of the crowd; twice as many Services")
	atRest = flag.Duration("at-rest", 5*time.Second, "how long the crowd is watched at rest")
)

// TestACrowdAtRestCostsNoWrites makes many nodes with heartbeats and many Services, and counts what the manager writes.
func TestACrowdAtRestCostsNoWrites(t *testing.T) {
	l := newLab(t)
	l.example(t, "example-10-all-nodes-same-peers")
	begun := time.Now()
	l.populate(t, *crowd, 2**crowd)
	t.Logf("%d nodes and %d Services were made in %v", *crowd, 2**crowd, time.Since(begun).Round(time.Second))

	before := heap()
	begun = time.Now()
	m := l.run(t, "one")
	eventually(t, example10Holders, l.holders)
	held := time.Since(begun)
	l.renewing(t, "n1", "n3")
	slow := time.Duration(2**crowd) * time.Second / 10 // the manager writes no more than 50 a second, on purpose
	within(t, patience+slow, "all routes", func() bool { return len(m.written()) >= 1+4+4+2**crowd })
	t.Logf("floating IPs assigned after %v, %d routes written after %v", held.Round(time.Millisecond), 2**crowd, time.Since(begun).Round(time.Millisecond))
	require.Len(t, m.settles(2*time.Second), 1+4+4+2**crowd)
	t.Logf("the heap grew by %d KiB", (heap()-before)/1024)

	rounds, wrote := m.Rounds(), len(m.written())
	stop := l.heartbeats(t, *crowd)
	time.Sleep(*atRest) // what is measured is rest
	beats := stop()
	require.Equal(t, wrote, len(m.written()), "%v", m.written()[wrote:])
	t.Logf("in %v at rest, with %d heartbeats of nodes: no write, %d Assignments", *atRest, beats, m.Rounds()-rounds)
	require.Equal(t, rounds, m.Rounds(), "heartbeats change nothing")
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// populate makes nodes, and Services with endpoints.
func (l *lab) populate(t *testing.T, nodes, services int) {
	t.Helper()
	l.apply(t, `{apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {name: many, namespace: metallb-system}, spec: {addresses: [198.18.0.0/16]}}`)
	client := kubernetes.NewForConfigOrDie(unlimited(l.Config))
	var work sync.WaitGroup
	jobs := make(chan func(context.Context) error)
	for range 16 {
		work.Go(func() {
			for job := range jobs {
				if err := job(t.Context()); err != nil {
					t.Errorf("populate: %v", err)
				}
			}
		})
	}
	for i := range nodes {
		jobs <- func(ctx context.Context) error { return makeNode(ctx, client, i) }
	}
	for i := range services {
		jobs <- func(ctx context.Context) error { return makeService(ctx, client, i, nodes) }
	}
	close(jobs)
	work.Wait()
}

func crowdNode(i int) string { return fmt.Sprintf("crowd%d", i) }

// makeNode makes a worker, in a subnet of its own.
func makeNode(ctx context.Context, client kubernetes.Interface, i int) error {
	address := fmt.Sprintf("10.1.%d.%d", i/250, i%250+1)
	n, err := client.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: crowdNode(i), Labels: map[string]string{"rack": "c"}, Annotations: map[string]string{"networking.gke.io/network-status": `[{"ipv4-subnet":"10.1.0.0/16"}]`},
	}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address}}
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Now()}}
	_, err = client.CoreV1().Nodes().UpdateStatus(ctx, n, metav1.UpdateOptions{})
	return err
}

// makeService makes a Service with an address and ten endpoints.
func makeService(ctx context.Context, client kubernetes.Interface, i, nodes int) error {
	name := fmt.Sprintf("crowd%d", i)
	s, err := client.CoreV1().Services("default").Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80}}},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: fmt.Sprintf("198.18.%d.%d", i/250, i%250+1)}}
	if _, err := client.CoreV1().Services("default").UpdateStatus(ctx, s, metav1.UpdateOptions{}); err != nil {
		return err
	}
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: name}},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
	for e := range 10 {
		node := crowdNode((i + e) % nodes)
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{fmt.Sprintf("192.168.0.%d", e+1)}, NodeName: &node})
	}
	_, err = client.DiscoveryV1().EndpointSlices("default").Create(ctx, slice, metav1.CreateOptions{})
	return err
}

// heartbeats writes status of nodes as kubelets do, until it is told to stop, and tells how many were written.
func (l *lab) heartbeats(t *testing.T, nodes int) (stop func() int) {
	t.Helper()
	client := kubernetes.NewForConfigOrDie(unlimited(l.Config))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int)
	go func() {
		beats := 0
		for ; ctx.Err() == nil; beats++ {
			patch := fmt.Sprintf(`{"status":{"conditions":[{"type":"Ready","status":"True","lastHeartbeatTime":%q}]}}`, time.Now().Add(time.Duration(beats)*time.Second).UTC().Format(time.RFC3339))
			_, err := client.CoreV1().Nodes().PatchStatus(ctx, crowdNode(beats%nodes), []byte(patch))
			if err != nil && ctx.Err() == nil {
				t.Errorf("heartbeat: %v", err)
			}
		}
		ended <- beats
	}()
	return func() int {
		cancel()
		return <-ended
	}
}
