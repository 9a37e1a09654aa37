package faults

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// client may do everything, as fast as it can.
func (l *faultLab) client() kubernetes.Interface {
	l.t.Helper()
	config := rest.CopyConfig(l.Server())
	config.QPS, config.Burst = -1, -1
	client, err := kubernetes.NewForConfig(config)
	require.NoError(l.t, err)
	return client
}

// storm has writers write something of Services as often as they can until it is ended, and returns how often they have.
func (l *faultLab) storm(numbers []int, patch func(round int) string) (written *atomic.Int64, end func()) {
	l.t.Helper()
	written = &atomic.Int64{}
	ctx, cancel := context.WithCancel(l.t.Context())
	services := l.client().CoreV1().Services(l.Apps)
	var g errgroup.Group
	for _, n := range numbers {
		g.Go(func() error {
			for round := 0; ctx.Err() == nil; round++ {
				_, err := services.Patch(ctx, name(n), types.MergePatchType, []byte(patch(round)), metav1.PatchOptions{}, "status")
				if err != nil && ctx.Err() == nil {
					return fmt.Errorf("write the status of Service %s: %w", name(n), err)
				}
				written.Add(1)
			}
			return nil
		})
	}
	var once sync.Once
	end = func() {
		l.t.Helper()
		once.Do(func() { cancel(); require.NoError(l.t, g.Wait()) })
	}
	l.t.Cleanup(func() { cancel(); _ = g.Wait() })
	return written, end
}

// Somebody writes the status of Services hundreds of times, and each time another condition: no route changes, and what does change gets through.
func TestStormOfWritesThatMeanNothing(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newFaultLab(t, v)
		w := l.listen()
		written, end := l.storm([]int{10, 11}, func(round int) string {
			return fmt.Sprintf(`{"status":{"conditions":[{"type":"Example","status":"True","reason":"R%d","message":"","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}`, round)
		})
		for n := 20; n < 23 || written.Load() < 500; n++ {
			l.Apply(service(n))
			l.hears(address(n))
			l.Delete("Service", name(n))
			l.loses(address(n))
		}
		end()
		for _, u := range l.tor.Since(w.mark) {
			for _, p := range append(u.Announced, u.Withdrawn...) {
				require.NotContains(t, []netip.Prefix{address(10), address(11)}, p.Prefix)
			}
		}
		require.Equal(t, w.sessions, l.tor.Sessions())
	})
}

// Two controllers fight for the address of a Service: the others don't feel it, and the last address stays.
func TestStormOfAddresses(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newFaultLab(t, v)
		w := l.listen()
		written, end := l.storm([]int{11}, func(round int) string {
			return fmt.Sprintf(`{"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.%d"}]}}}`, 100+round%2)
		})
		l.eventually("hundreds were written", func() bool { return written.Load() >= 300 })
		l.Apply(service(20))
		l.hears(address(20))
		end()
		l.PatchStatus("Service", name(11), `{status: {loadBalancer: {ingress: [{ip: 192.0.2.102}]}}}`)
		l.hears(address(102))
		l.loses(address(11), address(100), address(101))
		for _, u := range l.tor.Since(w.mark) {
			for _, p := range u.Withdrawn {
				require.NotEqual(t, address(10), p.Prefix)
			}
		}
		require.Equal(t, w.sessions, l.tor.Sessions())
		l.working(21)
	})
}

// create makes Services with endpoints and an address, many at a time.
func (l *faultLab) create(from, to int) {
	l.t.Helper()
	client := l.client()
	var g errgroup.Group
	g.SetLimit(16)
	for n := from; n < to; n++ {
		g.Go(func() error { return l.createOne(client, n) })
	}
	require.NoError(l.t, g.Wait())
}

func (l *faultLab) createOne(client kubernetes.Interface, n int) error {
	ctx, none := l.t.Context(), false
	ready := true
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name(n)},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, LoadBalancerClass: &l.Class, AllocateLoadBalancerNodePorts: &none,
			Ports: []corev1.ServicePort{{Port: 80}},
		},
	}
	service, err := client.CoreV1().Services(l.Apps).Create(ctx, service, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address(n).Addr().String()}}
	if _, err := client.CoreV1().Services(l.Apps).UpdateStatus(ctx, service, metav1.UpdateOptions{}); err != nil {
		return err
	}
	_, err = client.DiscoveryV1().EndpointSlices(l.Apps).Create(ctx, &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: name(n) + "-a", Labels: map[string]string{discoveryv1.LabelServiceName: name(n)}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"10.244.0.1"}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
	}, metav1.CreateOptions{})
	return err
}

// peak is the most memory that a process ever had, in MiB.
func peak(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	require.NotNil(t, found)
	kib, err := strconv.Atoi(string(found[1]))
	require.NoError(t, err)
	return kib / 1024
}

// Services arrive as fast as the API server takes them, and then a product starts that finds them all: the peer has each, within bounds of memory.
// Every other product would read all of them too, and take the API server's time.
func TestCrowd(t *testing.T) {
	alone(t, func(t *testing.T, v fabric.Version) {
		const first = 1000
		// What the design allows at 10,000 Services; a crowd that is smaller takes less.
		const most = 160
		l := newFaultLab(t, v)
		w := l.listen()
		begun := time.Now()
		l.create(first, first+*crowd)
		written := time.Since(begun)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		_, err := l.tor.WaitTable(ctx, *crowd+2)
		require.NoError(t, err)
		arrived := peak(t, l.pid())
		l.restart()
		l.ready()
		started := peak(t, l.pid())
		t.Logf("%d Services written in %s; memory at most %d MiB, of a product that starts then %d MiB", *crowd, written.Round(time.Millisecond), arrived, started)
		require.LessOrEqual(t, arrived, most)
		require.LessOrEqual(t, started, most)
		require.Equal(t, w.sessions, l.tor.Sessions())
		for _, u := range l.tor.Since(w.mark) {
			require.Empty(t, u.Withdrawn)
		}
	})
}

// addresses are those of some Services.
func addresses(from, to int) []netip.Prefix {
	var out []netip.Prefix
	for n := from; n < to; n++ {
		out = append(out, address(n))
	}
	return out
}
