package source

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// trimMeta keeps what somebody reads of an object's metadata. The resource version stays until the Reflector has seen it.
func trimMeta(m *metav1.ObjectMeta) {
	*m = metav1.ObjectMeta{
		Namespace: m.Namespace, Name: m.Name, UID: m.UID, CreationTimestamp: m.CreationTimestamp, Labels: m.Labels,
		ResourceVersion: m.ResourceVersion, Annotations: ownAnnotations(m.Annotations),
	}
}

// ownAnnotations are those that are ours; others are dropped.
func ownAnnotations(all map[string]string) map[string]string {
	var own map[string]string
	for key, value := range all {
		if strings.HasPrefix(key, snapshot.AnnotationPrefix) {
			if own == nil {
				own = map[string]string{}
			}
			own[key] = value
		}
	}
	return own
}

func trimNode(o runtime.Object) {
	n := o.(*corev1.Node)
	trimMeta(&n.ObjectMeta)
	status := corev1.NodeStatus{}
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP || a.Type == corev1.NodeExternalIP {
			status.Addresses = append(status.Addresses, a)
		}
	}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeNetworkUnavailable {
			status.Conditions = append(status.Conditions, corev1.NodeCondition{Type: c.Type, Status: c.Status})
		}
	}
	*n = corev1.Node{ObjectMeta: n.ObjectMeta, Status: status}
}

func trimService(o runtime.Object) {
	s := o.(*corev1.Service)
	trimMeta(&s.ObjectMeta)
	spec := corev1.ServiceSpec{
		Type: s.Spec.Type, LoadBalancerClass: s.Spec.LoadBalancerClass, ExternalTrafficPolicy: s.Spec.ExternalTrafficPolicy,
	}
	var status corev1.ServiceStatus
	for _, i := range s.Status.LoadBalancer.Ingress {
		status.LoadBalancer.Ingress = append(status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{IP: i.IP, Hostname: i.Hostname})
	}
	*s = corev1.Service{ObjectMeta: s.ObjectMeta, Spec: spec, Status: status}
}

// readService leaves out Services that another load balancer serves.
func (c *cluster) readService(o runtime.Object) (entry, bool) {
	e, ok := entryOf("", "Service")(o)
	s := o.(*corev1.Service)
	if c.options.Node == everyNode {
		return e, ok // who reads everything asks what is not ours, too
	}
	return e, ok && snapshot.Options{LoadBalancerClass: c.options.LoadBalancerClass}.Skips(s) == ""
}

// trimEndpointSlice keeps one endpoint of each kind, or of each node's if all nodes matter.
func (c *cluster) trimEndpointSlice(o runtime.Object) {
	s := o.(*discoveryv1.EndpointSlice)
	var endpoints []discoveryv1.Endpoint
	if shelf := c.gathering.shelf; shelf != nil {
		endpoints = shelf.forms.forms[endpointKindsOf(s, c.options.Node)]
	} else {
		for _, e := range s.Endpoints {
			endpoints = append(endpoints, discoveryv1.Endpoint{Addresses: e.Addresses, Conditions: e.Conditions, NodeName: e.NodeName})
		}
	}
	*s = discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Namespace, Name: s.Name, ResourceVersion: s.ResourceVersion,
			Labels: map[string]string{discoveryv1.LabelServiceName: s.Labels[discoveryv1.LabelServiceName]},
		},
		Endpoints: endpoints,
	}
}

func trimSecret(o runtime.Object) {
	s := o.(*corev1.Secret)
	trimMeta(&s.ObjectMeta)
	out := corev1.Secret{ObjectMeta: s.ObjectMeta, Type: s.Type}
	out.Labels, out.Annotations = nil, nil
	if password, ok := s.Data[corev1.BasicAuthPasswordKey]; ok {
		out.Data = map[string][]byte{corev1.BasicAuthPasswordKey: password}
	}
	*s = out
}

func trimConfigMap(o runtime.Object) {
	m := o.(*corev1.ConfigMap)
	trimMeta(&m.ObjectMeta)
	m.Labels, m.Annotations = nil, nil
	*m = corev1.ConfigMap{ObjectMeta: m.ObjectMeta, Data: m.Data}
}

// trimUnstructured drops the status, too: counters and results of others; a pool's change with every Service.
func trimUnstructured(o runtime.Object) {
	if u, ok := o.(*unstructured.Unstructured); ok {
		delete(u.Object, "status")
		trimUnstructuredMeta(u)
	}
}

// trimReported keeps the status, which somebody reads, but for what changes all the time and for lists of every route.
func trimReported(o runtime.Object) {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return
	}
	if status, ok := u.Object["status"].(map[string]any); ok {
		delete(status, "lastReportTime")
		delete(status, "advertisedRoutes")
	}
	trimUnstructuredMeta(u)
}

func trimUnstructuredMeta(u *unstructured.Unstructured) {
	m, ok := u.Object["metadata"].(map[string]any)
	if !ok {
		return
	}
	for _, field := range []string{"managedFields", "ownerReferences", "finalizers", "selfLink", "generation", "deletionTimestamp", "deletionGracePeriodSeconds"} {
		delete(m, field)
	}
	annotations, _ := m["annotations"].(map[string]any)
	for key := range annotations {
		if !strings.HasPrefix(key, snapshot.AnnotationPrefix) {
			delete(annotations, key)
		}
	}
	if len(annotations) == 0 {
		delete(m, "annotations")
	}
}

// readUnstructured decodes one object with the rules for files.
func (c *cluster) readUnstructured(o runtime.Object) (entry, bool) {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return entry{}, false
	}
	identity := problem.Object{Group: u.GroupVersionKind().Group, Kind: u.GetKind(), Namespace: u.GetNamespace(), Name: u.GetName()}
	data, err := u.MarshalJSON()
	if err == nil {
		if read := readJSON(data, c.namespace()); len(read.entries) == 1 && read.entries[0].identity == identity {
			e := read.entries[0]
			if e.object != nil {
				e.object.SetResourceVersion("")
				if o, ok := e.object.(schema.ObjectKind); ok {
					o.SetGroupVersionKind(schema.GroupVersionKind{}) // the same in whatever version it was read
				}
			}
			return e, true
		}
	}
	return entry{identity: identity, problems: []problem.Problem{{
		Severity: problem.Error, Object: identity, Reason: problem.Malformed, Message: "what the API server holds can't be read" + leftOut,
	}}}, true
}
