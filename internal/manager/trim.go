package manager

import (
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// What nobody reads is dropped as soon as an object has arrived: heartbeats would be changes otherwise.

func trimNode(o runtime.Object) { kubewatch.TrimGatewayNode(o.(*corev1.Node)) }

func trimService(o runtime.Object) {
	s := o.(*corev1.Service)
	kubewatch.TrimService(s)
	s.Labels, s.Annotations = nil, nil
}

// trimEndpointSlice keeps one endpoint for each node that has any that counts: pods that come and go change nothing as long as others like them
// stay.
func trimEndpointSlice(o runtime.Object) {
	s := o.(*discoveryv1.EndpointSlice)
	nodes, any := snapshot.PlacesOf(s)
	var endpoints []discoveryv1.Endpoint
	for _, node := range nodes {
		endpoints = append(endpoints, discoveryv1.Endpoint{Addresses: kubewatch.SomeAddress, NodeName: &node})
	}
	if any && len(nodes) == 0 {
		endpoints = []discoveryv1.Endpoint{{Addresses: kubewatch.SomeAddress}}
	}
	kubewatch.TrimEndpointSlice(s, endpoints)
}

func trimLease(o runtime.Object) {
	l := o.(*coordinationv1.Lease)
	kubewatch.TrimMeta(&l.ObjectMeta)
}

func trimUnstructured(o runtime.Object) {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return
	}
	for _, field := range []string{"managedFields", "ownerReferences", "finalizers", "annotations"} {
		unstructured.RemoveNestedField(u.Object, "metadata", field)
	}
}

// trimSpec also drops the status, which others write.
func trimSpec(o runtime.Object) {
	trimUnstructured(o)
	if u, ok := o.(*unstructured.Unstructured); ok {
		delete(u.Object, "status")
		unstructured.RemoveNestedField(u.Object, "metadata", "generation")
	}
}

// trimReports also drops when a node last told of something, which is every few seconds.
func trimReports(o runtime.Object) {
	trimUnstructured(o)
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return
	}
	for _, field := range []string{"lastReportTime", "conditions", "advertisedRoutes", "message"} {
		unstructured.RemoveNestedField(u.Object, "status", field)
	}
	unstructured.RemoveNestedField(u.Object, "metadata", "generation")
}

// trimSession keeps beside that whether the node itself has told of the session, at whatever time: what the manager says of a new one is no word of it.
func trimSession(o runtime.Object) {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return
	}
	_, told, _ := unstructured.NestedString(u.Object, "status", "lastReportTime")
	message, _, _ := unstructured.NestedString(u.Object, "status", "message")
	trimReports(o)
	if told && !strings.HasPrefix(message, noSign) {
		_ = unstructured.SetNestedField(u.Object, "1970-01-01T00:00:01Z", "status", "lastReportTime")
	}
}
