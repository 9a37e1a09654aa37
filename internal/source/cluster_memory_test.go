package source

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
)

// heap is what lives.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// apiMeta is metadata as an API server has it after some controllers.
func apiMeta(namespace, name string, labels map[string]string) metav1.ObjectMeta {
	fields := &metav1.FieldsV1{Raw: make([]byte, 1500)}
	return metav1.ObjectMeta{
		Namespace: namespace, Name: name, UID: "b7a0c1a2-0000-4000-8000-000000000000", ResourceVersion: "1", Labels: labels,
		Annotations:     map[string]string{corev1.LastAppliedConfigAnnotation: string(make([]byte, 1000))},
		ManagedFields:   []metav1.ManagedFieldsEntry{{Manager: "kubectl", FieldsV1: fields}},
		OwnerReferences: []metav1.OwnerReference{{Name: "owner"}}, Finalizers: []string{"service.kubernetes.io/load-balancer-cleanup"},
	}
}

func apiSlice(name, service string) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{ObjectMeta: apiMeta("shop", name, map[string]string{discoveryv1.LabelServiceName: service, "app": "shop"})}
	node := "node1"
	for i := range 20 {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{fmt.Sprintf("10.1.0.%d", i)}, NodeName: &node, TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: fmt.Sprint("pod", i)},
		})
	}
	return s
}

func apiService(i int) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: apiMeta("shop", fmt.Sprintf("service-%d", i), map[string]string{"app": fmt.Sprint("shop", i)}),
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Selector: map[string]string{"app": "shop"}, Ports: make([]corev1.ServicePort, 3)},
		Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{
			Ingress: []corev1.LoadBalancerIngress{{IP: fmt.Sprintf("20.%d.%d.%d", i>>16, i>>8&255, i&255)}},
		}},
	}
}

// What a Service with its endpoints weighs once it was read, whatever stands in them; and what endpoints weigh that are of no Service of ours.
func TestMemoryOfServices(t *testing.T) {
	const most, mostForeign = 3000, 500
	c := &cluster{options: ClusterOptions{Node: "node1"}, clients: &kubewatch.Clients{}, gathering: newGathering("node1", false)}
	services := watchedKind{feed: feed{kind: "Service"}, trim: trimService, read: c.readService}
	slices := watchedKind{feed: feed{group: discoveryv1.GroupName, kind: "EndpointSlice"}, trim: c.trimEndpointSlice, read: entryOf(discoveryv1.GroupName, "EndpointSlice")}
	c.gathering.add(services.feed)
	c.gathering.add(slices.feed)
	before := heap()
	for i := range many {
		s := apiService(i)
		services.trim(s)
		(&keeper{c.gathering, services}).Put(s)
		e := apiSlice(fmt.Sprintf("service-%d-abcde", i), s.Name)
		slices.trim(e)
		(&keeper{c.gathering, slices}).Put(e)
	}
	result, _ := c.gathering.result()
	require.Len(t, result.Objects.Services, many)
	require.Len(t, result.Objects.Endpoints, many)
	result = Result{}
	ours := heap()
	weight := (ours - before) / many
	t.Logf("a Service with its endpoints: %d bytes", weight)
	require.Less(t, weight, most)

	for i := range many {
		e := apiSlice(fmt.Sprintf("foreign-%d-abcde", i), fmt.Sprintf("foreign-%d", i))
		slices.trim(e)
		(&keeper{c.gathering, slices}).Put(e)
	}
	result, news := c.gathering.result()
	require.False(t, news)
	require.Len(t, result.Objects.Endpoints, many)
	weight = (heap() - ours) / many
	t.Logf("an EndpointSlice of another's Service: %d bytes", weight)
	require.Less(t, weight, mostForeign)
	runtime.KeepAlive(c)
}

// BenchmarkChangeAmong10000Services is one Service's new address, from its event to the result.
func BenchmarkChangeAmong10000Services(b *testing.B) {
	c := &cluster{options: ClusterOptions{Node: "node1"}, gathering: newGathering("node1", false)}
	services := watchedKind{feed: feed{kind: "Service"}, trim: trimService, read: c.readService}
	c.gathering.add(services.feed)
	c.gathering.add(feed{group: discoveryv1.GroupName, kind: "EndpointSlice"})
	keeper := &keeper{c.gathering, services}
	for i := range many {
		s := apiService(i)
		services.trim(s)
		keeper.Put(s)
	}
	c.gathering.result()
	n := 0
	for b.Loop() {
		n++
		s := apiService(5000)
		s.Status.LoadBalancer.Ingress[0].IP = fmt.Sprintf("30.0.%d.%d", n>>8&255, n&255)
		services.trim(s)
		keeper.Put(s)
		if _, news := c.gathering.result(); !news {
			b.Fatal("not noticed")
		}
	}
}
