package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/test/frr/gdc/network"
)

// Case is the text of the objects of a case of test/frr/gdc: the documents' example, with the nodes and Services that go with it.
func (l *Lab) Case(name string) string {
	l.t.Helper()
	_, file, _, _ := runtime.Caller(0)
	data, err := os.ReadFile(filepath.Join(filepath.Dir(file), "../../cases", name, "in.yaml"))
	require.NoError(l.t, err)
	return string(data)
}

// Nodes is the text of the Node objects of the machines. The roles are labels: "control-plane", "" for none.
func (l *Lab) Nodes(roles map[string]string) string {
	var b strings.Builder
	for _, m := range l.Spec.Machines {
		label := ""
		if role := roles[m.Name]; role != "" {
			label = fmt.Sprintf(", node-role.kubernetes.io/%s: \"\"", role)
		}
		fmt.Fprintf(&b, `---
apiVersion: v1
kind: Node
metadata: {name: %[1]s, labels: {kubernetes.io/hostname: %[1]s%[2]s}}
status:
  addresses: [{type: InternalIP, address: %[3]s}]
  conditions: [{type: Ready, status: "True"}]
`, m.Name, label, m.Address())
	}
	return b.String()
}

// Service is the text of a Service with an address, and an endpoint at each of the nodes.
func Service(name, address string, nodes ...string) string {
	return fmt.Sprintf(`---
apiVersion: v1
kind: Service
metadata: {name: %s, namespace: default}
spec: {type: LoadBalancer}
status: {loadBalancer: {ingress: [{ip: %q}]}}
`, name, address) + Endpoints(name, nodes...)
}

// Endpoints is the text of the EndpointSlice of a Service, with an endpoint at each of the nodes.
func Endpoints(service string, nodes ...string) string {
	var endpoints []string
	for i, n := range nodes {
		endpoints = append(endpoints, fmt.Sprintf("{addresses: [192.168.0.%d], nodeName: %s}", i+1, n))
	}
	return fmt.Sprintf(`---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %[1]s-1, namespace: default, labels: {kubernetes.io/service-name: %[1]s}}
addressType: IPv4
endpoints: [%[2]s]
`, service, strings.Join(endpoints, ", "))
}

// Apply creates or replaces objects, in the order of the texts, with their status.
func (l *Lab) Apply(texts ...string) {
	l.t.Helper()
	for _, document := range strings.Split(strings.Join(texts, "\n"), "---\n") {
		o := &unstructured.Unstructured{}
		data, err := yaml.YAMLToJSON([]byte(document))
		require.NoError(l.t, err, document)
		if string(data) == "null" {
			continue
		}
		require.NoError(l.t, o.UnmarshalJSON(data), document)
		if o.GetKind() == "IPAddressPool" && l.Spec.NoMetalLB {
			continue
		}
		require.NoError(l.t, l.apply(o), document)
	}
}

func (l *Lab) apply(o *unstructured.Unstructured) error {
	if o.GetKind() == "Service" {
		ports := []any{map[string]any{"port": int64(network.Port), "protocol": "TCP"}} // the API server asks for one
		if err := unstructured.SetNestedSlice(o.Object, ports, "spec", "ports"); err != nil {
			return err
		}
	}
	ctx, at := l.t.Context(), l.of(o.GroupVersionKind(), o.GetNamespace())
	now, err := at.Create(ctx, o, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	if apierrors.IsAlreadyExists(err) {
		var old *unstructured.Unstructured
		if old, err = at.Get(ctx, o.GetName(), metav1.GetOptions{}); err != nil {
			return err
		}
		o.SetResourceVersion(old.GetResourceVersion())
		now, err = at.Update(ctx, o, metav1.UpdateOptions{})
	}
	if err != nil || o.Object["status"] == nil {
		return err
	}
	for {
		now.Object["status"] = o.Object["status"]
		_, err = at.UpdateStatus(ctx, now, metav1.UpdateOptions{})
		if !apierrors.IsConflict(err) {
			return err
		}
		if now, err = at.Get(ctx, o.GetName(), metav1.GetOptions{}); err != nil {
			return err
		}
	}
}

func (l *Lab) of(kind schema.GroupVersionKind, namespace string) dynamic.ResourceInterface {
	of := l.objects.Resource(schema.GroupVersionResource{Group: kind.Group, Version: kind.Version, Resource: strings.ToLower(kind.Kind) + "s"})
	if namespace == "" {
		return of
	}
	return of.Namespace(namespace)
}

// Kinds that are looked at, and where they are.
var (
	groups   = networking.GroupVersion.WithKind("NetworkGatewayGroup")
	sessions = networking.GroupVersion.WithKind("BGPSession")
	routes   = networking.GroupVersion.WithKind("BGPAdvertisedRoute")
	gateways = networking.GroupVersion.WithKind("NetworkGatewayNode")
	nodes    = schema.GroupVersionKind{Version: "v1", Kind: "Node"}
	leases   = schema.GroupVersionKind{Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"}
)

// read gets all objects of a kind, by name.
func read[T any](l *Lab, kind schema.GroupVersionKind, namespace string) []T {
	l.t.Helper()
	list, err := l.of(kind, namespace).List(l.t.Context(), metav1.ListOptions{})
	require.NoError(l.t, err)
	slices.SortFunc(list.Items, func(a, b unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	var out []T
	for _, o := range list.Items {
		data, err := o.MarshalJSON()
		require.NoError(l.t, err)
		var typed T
		require.NoError(l.t, json.Unmarshal(data, &typed))
		out = append(out, typed)
	}
	return out
}

// BGPSessions, AdvertisedRoutes and GatewayNodes are what the product tells, by name.
func (l *Lab) BGPSessions() []networking.BGPSession {
	l.t.Helper()
	return read[networking.BGPSession](l, sessions, Reports)
}

// AdvertisedRoutes are the routes that the manager tells of.
func (l *Lab) AdvertisedRoutes() []networking.BGPAdvertisedRoute {
	l.t.Helper()
	return read[networking.BGPAdvertisedRoute](l, routes, Reports)
}

// GatewayNodes are what the agents tell of their nodes.
func (l *Lab) GatewayNodes() []networking.NetworkGatewayNode {
	l.t.Helper()
	return read[networking.NetworkGatewayNode](l, gateways, "")
}

// Group is the NetworkGatewayGroup default.
func (l *Lab) Group() networking.NetworkGatewayGroup {
	l.t.Helper()
	all := read[networking.NetworkGatewayGroup](l, groups, ClusterNamespace)
	require.Len(l.t, all, 1)
	return all[0]
}

// Move says in the status of the group where a floating IP is, as a person does who moves it by an edit.
func (l *Lab) Move(floating, node string) {
	l.t.Helper()
	l.patch(groups, ClusterNamespace, "default", fmt.Sprintf(`{"status": {"floatingIPs": {%q: %q}}}`, floating, node), "status")
}

// Patch changes an object of a node by a JSON merge patch.
func (l *Lab) patch(kind schema.GroupVersionKind, namespace, name, patch string, subresource ...string) {
	l.t.Helper()
	_, err := l.of(kind, namespace).Patch(l.t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, subresource...)
	require.NoError(l.t, err)
}

// Ready sets the condition of a node, "True", "False" or "Unknown".
func (l *Lab) Ready(node, status string) {
	l.t.Helper()
	l.patch(nodes, "", node, fmt.Sprintf(`{"status": {"conditions": [{"type": "Ready", "status": %q}]}}`, status), "status")
}

// Drain cordons a node and marks it for maintenance, as GDC does; Undrain takes both back.
func (l *Lab) Drain(node string) {
	l.t.Helper()
	l.patch(nodes, "", node, `{"spec": {"unschedulable": true}, "metadata": {"annotations": {"baremetal.cluster.gke.io/maintenance": "true"}}}`)
}

// Undrain takes back what Drain did.
func (l *Lab) Undrain(node string) {
	l.t.Helper()
	l.patch(nodes, "", node, `{"spec": {"unschedulable": null}, "metadata": {"annotations": {"baremetal.cluster.gke.io/maintenance": null}}}`)
}

// Table is what "kubectl get" asks an API server for, and prints: columns in capitals, and rows.
func (l *Lab) Table(resource, namespace string) (columns []string, rows [][]string) {
	l.t.Helper()
	data, err := l.API.Client.CoreV1().RESTClient().Get().AbsPath("/apis/networking.gke.io/v1/namespaces/"+namespace+"/"+resource).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(l.t.Context())
	require.NoError(l.t, err)
	var table metav1.Table
	require.NoError(l.t, json.Unmarshal(data, &table))
	for _, c := range table.ColumnDefinitions {
		if c.Priority == 0 { // kubectl shows the others with -o wide
			columns = append(columns, strings.ToUpper(c.Name))
		}
	}
	for _, r := range table.Rows {
		var row []string
		for i, cell := range r.Cells {
			if table.ColumnDefinitions[i].Priority != 0 {
				continue
			}
			if cell == nil {
				cell = ""
			}
			row = append(row, fmt.Sprint(cell))
		}
		rows = append(rows, row)
	}
	return columns, rows
}
