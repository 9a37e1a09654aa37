package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// kind is where objects of a kind are at the API server.
type kind struct {
	resource schema.GroupVersionResource
	scope    scope
	// status tells that the status is written by itself.
	status bool
}

// scope is which objects of a kind are a lab's own.
type scope int

const (
	inMetalLB scope = iota // in the namespace of MetalLB's objects
	inApps
	isNode
	ofCluster // whose they are, nobody can tell: Namespaces
	written   // by sidecars, in the namespace of MetalLB's objects
)

func resource(group, version, name string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: version, Resource: name}
}

var kinds = map[string]kind{
	"BGPPeer":            {resource: resource("metallb.io", "v1beta2", "bgppeers")},
	"IPAddressPool":      {resource: resource("metallb.io", "v1beta1", "ipaddresspools")},
	"BGPAdvertisement":   {resource: resource("metallb.io", "v1beta1", "bgpadvertisements")},
	"BFDProfile":         {resource: resource("metallb.io", "v1beta1", "bfdprofiles")},
	"Community":          {resource: resource("metallb.io", "v1beta1", "communities")},
	"Secret":             {resource: resource("", "v1", "secrets")},
	"ConfigMap":          {resource: resource("", "v1", "configmaps")},
	"ServiceBGPStatus":   {resource: resource("metallb.io", "v1beta1", "servicebgpstatuses"), scope: written},
	"ConfigurationState": {resource: resource("metallb.io", "v1beta1", "configurationstates"), scope: written},
	"Service":            {resource: resource("", "v1", "services"), scope: inApps, status: true},
	"EndpointSlice":      {resource: resource("discovery.k8s.io", "v1", "endpointslices"), scope: inApps},
	"Node":               {resource: resource("", "v1", "nodes"), scope: isNode, status: true},
	"Namespace":          {resource: resource("", "v1", "namespaces"), scope: ofCluster},
}

// unthrottled is a client's configuration without a limit of its own: the API server has one.
func unthrottled(c *rest.Config) *rest.Config {
	c = rest.CopyConfig(c)
	c.QPS, c.Burst = -1, -1
	return c
}

// at is how the lab's objects of a kind are reached.
func (l *Lab) at(name string) dynamic.ResourceInterface {
	k, known := kinds[name]
	require.True(l.t, known, "the lab knows no kind %q", name)
	of := l.cluster.objects.Resource(k.resource)
	switch k.scope {
	case inMetalLB, written:
		return of.Namespace(l.Namespace)
	case inApps:
		return of.Namespace(l.Apps)
	}
	return of
}

// name is how an object is named at the API server.
func (l *Lab) name(kind, name string) string {
	if kind == "Node" {
		return l.NodeName(name)
	}
	return name
}

// Apply creates or replaces objects, in the order of the texts, with their status. The texts are those of package manifest, or any other; the lab puts
// them into its own namespaces and class.
func (l *Lab) Apply(texts ...string) {
	l.t.Helper()
	l.settleAccount()
	for _, o := range l.parse(texts...) {
		require.NoError(l.t, l.apply(o))
	}
}

// Refused tries to apply one object that the API server shall not take, and returns what it says.
func (l *Lab) Refused(text string) string {
	l.t.Helper()
	all := l.parse(text)
	require.Len(l.t, all, 1)
	err := l.apply(all[0])
	require.Error(l.t, err, "the API server takes it:\n%s", text)
	return err.Error()
}

func (l *Lab) parse(texts ...string) []*unstructured.Unstructured {
	l.t.Helper()
	var out []*unstructured.Unstructured
	for _, document := range strings.Split(strings.Join(texts, "\n"), "---\n") {
		if strings.TrimSpace(document) == "" {
			continue
		}
		o := &unstructured.Unstructured{}
		data, err := yaml.YAMLToJSON([]byte(document))
		require.NoError(l.t, err, document)
		require.NoError(l.t, o.UnmarshalJSON(data), document)
		l.adopt(o)
		out = append(out, o)
	}
	return out
}

// adopt makes an object of a text one of this lab.
func (l *Lab) adopt(o *unstructured.Unstructured) {
	o.SetName(l.name(o.GetKind(), o.GetName()))
	o.SetNamespace("")
	switch kinds[o.GetKind()].scope {
	case inMetalLB:
		o.SetNamespace(l.Namespace)
	case inApps:
		o.SetNamespace(l.Apps)
	}
	switch o.GetKind() {
	case "Service":
		l.set(o, l.Class, "spec", "loadBalancerClass")
		l.set(o, false, "spec", "allocateLoadBalancerNodePorts")
	case "EndpointSlice":
		endpoints, _, err := unstructured.NestedSlice(o.Object, "endpoints")
		require.NoError(l.t, err)
		for _, e := range endpoints {
			if node, ok := e.(map[string]any)["nodeName"].(string); ok {
				e.(map[string]any)["nodeName"] = l.NodeName(node)
			}
		}
		l.set(o, endpoints, "endpoints")
	}
}

// set sets a field where the text does not; endpoints are replaced.
func (l *Lab) set(o *unstructured.Unstructured, value any, path ...string) {
	_, there, err := unstructured.NestedFieldNoCopy(o.Object, path...)
	require.NoError(l.t, err)
	if typ, _, _ := unstructured.NestedString(o.Object, "spec", "type"); o.GetKind() == "Service" && (there || typ != "LoadBalancer") {
		return
	}
	require.NoError(l.t, unstructured.SetNestedField(o.Object, value, path...))
}

func (l *Lab) apply(o *unstructured.Unstructured) error {
	ctx, at := l.t.Context(), l.at(o.GetKind())
	now, err := at.Create(ctx, o, metav1.CreateOptions{})
	for apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) {
		old, getErr := at.Get(ctx, o.GetName(), metav1.GetOptions{})
		if getErr != nil {
			return getErr
		}
		o.SetResourceVersion(old.GetResourceVersion())
		now, err = at.Update(ctx, o, metav1.UpdateOptions{})
	}
	if err != nil || !kinds[o.GetKind()].status || o.Object["status"] == nil {
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

// Patch changes an object by a JSON merge patch.
func (l *Lab) Patch(kind, name, patch string) {
	l.t.Helper()
	l.patch(kind, name, patch)
}

// PatchStatus changes an object's status by a JSON merge patch of the whole object.
func (l *Lab) PatchStatus(kind, name, patch string) {
	l.t.Helper()
	l.patch(kind, name, patch, "status")
}

func (l *Lab) patch(kind, name, patch string, subresource ...string) {
	l.t.Helper()
	l.settleAccount()
	data, err := yaml.YAMLToJSON([]byte(patch))
	require.NoError(l.t, err)
	_, err = l.at(kind).Patch(l.t.Context(), l.name(kind, name), types.MergePatchType, data, metav1.PatchOptions{}, subresource...)
	require.NoError(l.t, err)
}

// Label sets a label, or takes it away when the value is "-".
func (l *Lab) Label(kind, name, key, value string) {
	l.t.Helper()
	if value == "-" {
		l.Patch(kind, name, fmt.Sprintf("{metadata: {labels: {%q: null}}}", key))
		return
	}
	l.Patch(kind, name, fmt.Sprintf("{metadata: {labels: {%q: %q}}}", key, value))
}

// Delete deletes objects of a kind. The EndpointSlice of a Service of package manifest goes with it, as a controller would have it.
func (l *Lab) Delete(kind string, names ...string) {
	l.t.Helper()
	l.settleAccount()
	for _, name := range names {
		require.NoError(l.t, l.at(kind).Delete(l.t.Context(), l.name(kind, name), metav1.DeleteOptions{}))
		if kind != "Service" {
			continue
		}
		err := l.at("EndpointSlice").Delete(l.t.Context(), name+"-a", metav1.DeleteOptions{})
		if !apierrors.IsNotFound(err) {
			require.NoError(l.t, err)
		}
	}
}

// Get reads an object; it is nil when there is none.
func (l *Lab) Get(kind, name string) *unstructured.Unstructured {
	l.t.Helper()
	o, err := l.at(kind).Get(l.t.Context(), l.name(kind, name), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	require.NoError(l.t, err)
	return o
}

// List reads the lab's objects of a kind, by name.
func (l *Lab) List(kind string) []unstructured.Unstructured {
	l.t.Helper()
	list, err := l.at(kind).List(l.t.Context(), metav1.ListOptions{})
	require.NoError(l.t, err)
	items := list.Items
	if kinds[kind].scope == isNode {
		items = slices.DeleteFunc(items, func(o unstructured.Unstructured) bool { return !strings.HasPrefix(o.GetName(), l.NodeName("")) })
	}
	slices.SortFunc(items, func(a, b unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	return items
}

// Clear deletes all that a test has applied and gives the Node objects their first form, and waits until no node has a session and no ToR a route.
func (l *Lab) Clear() {
	l.t.Helper()
	l.settleAccount()
	require.NoError(l.t, l.removeAll(l.t.Context()))
	for _, s := range l.state.order {
		l.ResetNode(s.At.Name)
	}
	for _, n := range l.Nodes() {
		switch {
		case l.state.sidecars[n.Name] != nil:
			l.Eventually("node "+n.Name+" has no neighbor", func() error {
				if sessions := l.Sessions(n.Name); len(sessions) > 0 {
					return fmt.Errorf("it has %d", len(sessions))
				}
				return nil
			})
		case n.Version != fabric.None:
			l.Table(n.Name)
		}
	}
	l.Forget()
}

// removeAll deletes the lab's objects but the Nodes.
func (l *Lab) removeAll(ctx context.Context) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		if s := kinds[name].scope; s != inMetalLB && s != inApps {
			continue
		}
		if name == "Service" { // a collection that can't be deleted as one
			errs = append(errs, l.removeEach(ctx, name))
			continue
		}
		errs = append(errs, l.at(name).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}))
	}
	return errors.Join(errs...)
}

func (l *Lab) removeEach(ctx context.Context, kind string) error {
	list, err := l.at(kind).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, o := range list.Items {
		if err := l.at(kind).Delete(ctx, o.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}
