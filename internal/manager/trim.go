package manager

import (
	"slices"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// What nobody reads is dropped as soon as an object has arrived: heartbeats would be changes otherwise.

func trimMeta(m *metav1.ObjectMeta) {
	*m = metav1.ObjectMeta{
		Namespace: m.Namespace, Name: m.Name, UID: m.UID, CreationTimestamp: m.CreationTimestamp, ResourceVersion: m.ResourceVersion, Labels: m.Labels,
	}
}

// nodeAnnotations are those that internal/gateway reads.
var nodeAnnotations = []string{"networking.gke.io/network-status", "baremetal.cluster.gke.io/maintenance"}

func trimNode(o runtime.Object) {
	n := o.(*corev1.Node)
	annotations := map[string]string{}
	for _, name := range nodeAnnotations {
		if text, has := n.Annotations[name]; has {
			annotations[name] = text
		}
	}
	out := corev1.Node{ObjectMeta: n.ObjectMeta, Spec: corev1.NodeSpec{Unschedulable: n.Spec.Unschedulable}}
	trimMeta(&out.ObjectMeta)
	out.Annotations = annotations
	for _, t := range n.Spec.Taints {
		out.Spec.Taints = append(out.Spec.Taints, corev1.Taint{Key: t.Key, Effect: t.Effect})
	}
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP || a.Type == corev1.NodeExternalIP {
			out.Status.Addresses = append(out.Status.Addresses, a)
		}
	}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady || c.Type == corev1.NodeNetworkUnavailable {
			out.Status.Conditions = append(out.Status.Conditions, corev1.NodeCondition{Type: c.Type, Status: c.Status})
		}
	}
	*n = out
}

func trimService(o runtime.Object) {
	s := o.(*corev1.Service)
	out := corev1.Service{ObjectMeta: s.ObjectMeta, Spec: corev1.ServiceSpec{
		Type: s.Spec.Type, LoadBalancerClass: s.Spec.LoadBalancerClass, ExternalTrafficPolicy: s.Spec.ExternalTrafficPolicy,
	}}
	trimMeta(&out.ObjectMeta)
	out.Labels = nil
	for _, i := range s.Status.LoadBalancer.Ingress {
		out.Status.LoadBalancer.Ingress = append(out.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{IP: i.IP, Hostname: i.Hostname})
	}
	*s = out
}

// trimEndpointSlice keeps one endpoint for each node that has any that is ready or serving, sorted: pods that come and go change nothing as long
// as others like them stay.
func trimEndpointSlice(o runtime.Object) {
	s := o.(*discoveryv1.EndpointSlice)
	nodes := map[string]bool{}
	for i := range s.Endpoints {
		if e := &s.Endpoints[i]; serves(e) {
			nodes[nodeOf(e)] = true
		}
	}
	out := discoveryv1.EndpointSlice{ObjectMeta: s.ObjectMeta}
	trimMeta(&out.ObjectMeta)
	out.UID, out.Labels = "", map[string]string{discoveryv1.LabelServiceName: s.Labels[discoveryv1.LabelServiceName]}
	for node := range nodes {
		out.Endpoints = append(out.Endpoints, discoveryv1.Endpoint{NodeName: &node})
	}
	slices.SortFunc(out.Endpoints, func(a, b discoveryv1.Endpoint) int { return key{name: *a.NodeName}.compare(key{name: *b.NodeName}) })
	*s = out
}

// serves tells whether traffic may go to an endpoint (Kubernetes API, EndpointConditions: ready is true when a controller leaves it out).
func serves(e *discoveryv1.Endpoint) bool {
	ready := e.Conditions.Ready == nil || *e.Conditions.Ready
	serving := e.Conditions.Serving != nil && *e.Conditions.Serving
	return len(e.Addresses) > 0 && (ready || serving)
}

// nodeOf is the node of an endpoint; empty: it has none, and counts for no node's local policy.
func nodeOf(e *discoveryv1.Endpoint) string {
	if e.NodeName == nil {
		return ""
	}
	return *e.NodeName
}

func trimLease(o runtime.Object) {
	l := o.(*coordinationv1.Lease)
	trimMeta(&l.ObjectMeta)
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
