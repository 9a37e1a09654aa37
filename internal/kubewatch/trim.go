package kubewatch

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// TrimMeta keeps what somebody reads of an object's metadata. The resource version stays until a Reflector has seen it.
func TrimMeta(m *metav1.ObjectMeta) { trimMeta(m, IsOurs) }

// IsOurs tells whether an annotation is ours; others are dropped.
func IsOurs(annotation string) bool { return strings.HasPrefix(annotation, snapshot.AnnotationPrefix) }

func trimMeta(m *metav1.ObjectMeta, stays func(annotation string) bool) {
	var annotations map[string]string
	for key, value := range m.Annotations {
		if stays(key) {
			if annotations == nil {
				annotations = map[string]string{}
			}
			annotations[key] = value
		}
	}
	*m = metav1.ObjectMeta{
		Namespace: m.Namespace, Name: m.Name, UID: m.UID, CreationTimestamp: m.CreationTimestamp, Labels: m.Labels,
		ResourceVersion: m.ResourceVersion, Annotations: annotations,
	}
}

// TrimNode keeps what decides what a node announces.
func TrimNode(n *corev1.Node) {
	trimMeta(&n.ObjectMeta, IsOurs)
	*n = corev1.Node{ObjectMeta: n.ObjectMeta, Status: trimNodeStatus(n.Status, corev1.NodeNetworkUnavailable)}
}

// TrimGatewayNode keeps what decides what any node does in GDC mode, too. When a kubelet last told of a condition is not part of it, so its heartbeats are no
// changes.
func TrimGatewayNode(n *corev1.Node) {
	trimMeta(&n.ObjectMeta, func(annotation string) bool { return IsOurs(annotation) || gateway.ReadsAnnotation(annotation) })
	out := corev1.Node{ObjectMeta: n.ObjectMeta, Status: trimNodeStatus(n.Status, corev1.NodeNetworkUnavailable, corev1.NodeReady)}
	out.Spec.Unschedulable = n.Spec.Unschedulable
	for _, t := range n.Spec.Taints {
		if gateway.ReadsTaint(t.Key) {
			out.Spec.Taints = append(out.Spec.Taints, corev1.Taint{Key: t.Key, Effect: t.Effect})
		}
	}
	*n = out
}

func trimNodeStatus(s corev1.NodeStatus, conditions ...corev1.NodeConditionType) corev1.NodeStatus {
	var out corev1.NodeStatus
	for _, a := range s.Addresses {
		if a.Type == corev1.NodeInternalIP || a.Type == corev1.NodeExternalIP {
			out.Addresses = append(out.Addresses, a)
		}
	}
	for _, c := range s.Conditions {
		if slices.Contains(conditions, c.Type) {
			out.Conditions = append(out.Conditions, corev1.NodeCondition{Type: c.Type, Status: c.Status})
		}
	}
	return out
}

// TrimService keeps what decides what is announced.
func TrimService(s *corev1.Service) {
	TrimMeta(&s.ObjectMeta)
	out := corev1.Service{ObjectMeta: s.ObjectMeta, Spec: corev1.ServiceSpec{
		Type: s.Spec.Type, LoadBalancerClass: s.Spec.LoadBalancerClass, ExternalTrafficPolicy: s.Spec.ExternalTrafficPolicy,
	}}
	for _, i := range s.Status.LoadBalancer.Ingress {
		out.Status.LoadBalancer.Ingress = append(out.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{IP: i.IP, Hostname: i.Hostname})
	}
	*s = out
}

// TrimEndpointSlice keeps the slice's names and the Service that it is of, with these endpoints.
func TrimEndpointSlice(s *discoveryv1.EndpointSlice, endpoints []discoveryv1.Endpoint) {
	*s = discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Namespace, Name: s.Name, ResourceVersion: s.ResourceVersion,
			Labels: map[string]string{discoveryv1.LabelServiceName: s.Labels[discoveryv1.LabelServiceName]},
		},
		Endpoints: endpoints,
	}
}

// SomeAddress stands for the addresses of an endpoint: only that there is any matters.
var SomeAddress = []string{"0.0.0.0"}
