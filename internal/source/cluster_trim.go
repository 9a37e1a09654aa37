package source

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// trimNode keeps what somebody reads of a Node: more of it in GDC mode.
func (c *cluster) trimNode(o runtime.Object) {
	if c.options.GDC {
		kubewatch.TrimGatewayNode(o.(*corev1.Node))
		return
	}
	kubewatch.TrimNode(o.(*corev1.Node))
}

func trimService(o runtime.Object) { kubewatch.TrimService(o.(*corev1.Service)) }

// readService leaves out Services that another load balancer serves.
func (c *cluster) readService(o runtime.Object) (entry, bool) {
	e, ok := entryOf("", "Service")(o)
	s := o.(*corev1.Service)
	if c.options.Node == everyNode {
		return e, ok // who reads everything asks what is not ours, too
	}
	return e, ok && snapshot.Options{LoadBalancerClass: c.options.LoadBalancerClass}.Skips(s) == ""
}

// trimEndpointSlice keeps one endpoint of each kind, in GDC mode on each node, or all if all nodes matter to who reads once.
func (c *cluster) trimEndpointSlice(o runtime.Object) {
	s := o.(*discoveryv1.EndpointSlice)
	var endpoints []discoveryv1.Endpoint
	switch shelf := c.gathering.shelf; {
	case shelf == nil:
		for _, e := range s.Endpoints {
			endpoints = append(endpoints, discoveryv1.Endpoint{Addresses: e.Addresses, Conditions: e.Conditions, NodeName: e.NodeName})
		}
	case shelf.places == nil:
		endpoints = shelf.forms.forms[endpointKindsOf(s, c.options.Node)]
	default:
		endpoints = distinctEndpoints(s)
	}
	kubewatch.TrimEndpointSlice(s, endpoints)
}

func trimSecret(o runtime.Object) {
	s := o.(*corev1.Secret)
	kubewatch.TrimMeta(&s.ObjectMeta)
	out := corev1.Secret{ObjectMeta: s.ObjectMeta, Type: s.Type}
	out.Labels, out.Annotations = nil, nil
	if password, ok := s.Data[corev1.BasicAuthPasswordKey]; ok {
		out.Data = map[string][]byte{corev1.BasicAuthPasswordKey: password}
	}
	*s = out
}

func trimConfigMap(o runtime.Object) {
	m := o.(*corev1.ConfigMap)
	kubewatch.TrimMeta(&m.ObjectMeta)
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

// trimGroup keeps of the status who holds what.
func trimGroup(o runtime.Object) { trimAllBut(o, "floatingIPs") }

// trimSession keeps of the status what the router was seen to receive. What changes all the time is none of it, and neither is what the node itself tells.
func trimSession(o runtime.Object) { trimAllBut(o, "addPath") }

// trimReport keeps the status of a node's report, but for what changes all the time.
func trimReport(o runtime.Object) { trimAllBut(o, "subnets", "floatingIPs", "state") }

// trimAllBut drops what nobody reads, and of the status all but some fields.
func trimAllBut(o runtime.Object, fields ...string) {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return
	}
	status, _ := u.Object["status"].(map[string]any)
	for field := range status {
		if !slices.Contains(fields, field) {
			delete(status, field)
		}
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
		if !kubewatch.IsOurs(key) {
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
