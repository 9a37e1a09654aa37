package manager

import (
	"encoding/json"
	"fmt"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
)

// The kinds that are watched, as people name them.
const (
	nodeKind         = "Node"
	serviceKind      = "Service"
	endpointsKind    = "EndpointSlice"
	leaseKind        = "Lease"
	clusterKind      = "Cluster"
	groupKind        = "NetworkGatewayGroup"
	gatewayNodeKind  = "NetworkGatewayNode"
	loadBalancerKind = "BGPLoadBalancer"
	peerKind         = "BGPPeer"
	sessionKind      = "BGPSession"
	routeKind        = "BGPAdvertisedRoute"
	poolKind         = "IPAddressPool"
)

// kind is one kind of objects, and how they are had.
type kind struct {
	name      string
	resource  schema.GroupVersionResource
	namespace string
	// defined kinds have a CustomResourceDefinition, and need not be served.
	defined bool
	lists   cache.ListWatch
	// trim drops in place what nobody reads, as soon as an object has arrived.
	trim func(runtime.Object)
	// read makes the object that is kept; an error tells what can't be read of it.
	read func(runtime.Object) (metav1.Object, error)
}

// definition is the name of the kind's CustomResourceDefinition.
func (k kind) definition() string { return k.resource.Resource + "." + k.resource.Group }

// kinds are all that an Assignment depends on, and what is written of it.
func (m *Manager) kinds() []kind {
	anywhere, reports := m.options.ClusterNamespace, networking.ReportNamespace
	return []kind{
		m.core(nodeKind, corev1.SchemeGroupVersion.WithResource("nodes"), m.clients.Core.CoreV1().RESTClient(), trimNode),
		m.core(serviceKind, corev1.SchemeGroupVersion.WithResource("services"), m.clients.Core.CoreV1().RESTClient(), trimService),
		m.core(endpointsKind, discoveryv1.SchemeGroupVersion.WithResource("endpointslices"), m.clients.Core.DiscoveryV1().RESTClient(), trimEndpointSlice),
		m.core(leaseKind, coordinationv1.SchemeGroupVersion.WithResource("leases"), m.clients.Core.CoordinationV1().RESTClient(), trimLease),
		m.custom(clusterKind, baremetal.GroupVersion.WithResource("clusters"), anywhere, trimSpec, decode[baremetal.Cluster]),
		m.custom(groupKind, networking.GroupVersion.WithResource("networkgatewaygroups"), anywhere, trimUnstructured, decode[networking.NetworkGatewayGroup]),
		m.custom(gatewayNodeKind, networking.GroupVersion.WithResource("networkgatewaynodes"), reports, trimReports, decode[networking.NetworkGatewayNode]),
		m.custom(loadBalancerKind, networking.GroupVersion.WithResource("bgploadbalancers"), anywhere, trimUnstructured, decode[networking.BGPLoadBalancer]),
		m.custom(peerKind, networking.GroupVersion.WithResource("bgppeers"), anywhere, trimUnstructured, decode[networking.BGPPeer]),
		m.custom(sessionKind, networking.GroupVersion.WithResource("bgpsessions"), reports, trimSession, decode[networking.BGPSession]),
		m.custom(routeKind, networking.GroupVersion.WithResource("bgpadvertisedroutes"), reports, trimReports, decode[networking.BGPAdvertisedRoute]),
		m.custom(poolKind, v1beta1.GroupVersion.WithResource("ipaddresspools"), m.options.Namespace, trimSpec, decode[v1beta1.IPAddressPool]),
	}
}

func (m *Manager) core(name string, resource schema.GroupVersionResource, client rest.Interface, trim func(runtime.Object)) kind {
	namespace := metav1.NamespaceAll
	choose := func(*metav1.ListOptions) {}
	switch name {
	case leaseKind:
		namespace = m.options.Namespace
	case serviceKind:
		choose = m.balanced.Choose
	case endpointsKind:
		choose = func(o *metav1.ListOptions) { o.LabelSelector = discoveryv1.LabelServiceName }
	}
	return kind{
		name: name, resource: resource, namespace: namespace, trim: trim, read: known,
		lists: *cache.NewFilteredListWatchFromClient(client, resource.Resource, namespace, choose),
	}
}

// known reads an object of a kind that API servers check themselves.
func known(o runtime.Object) (metav1.Object, error) { return o.(metav1.Object), nil }

func (m *Manager) custom(name string, resource schema.GroupVersionResource, namespace string, trim func(runtime.Object), read func(runtime.Object) (metav1.Object, error)) kind {
	client := m.clients.Dynamic.Resource(resource).Namespace(namespace)
	return kind{name: name, resource: resource, namespace: namespace, defined: true, trim: trim, read: read, lists: kubewatch.Objects(client, "")}
}

// decode reads one object by itself: what stands in one can't hurt another, as it would in a typed list.
func decode[T any, P interface {
	*T
	metav1.Object
}](o runtime.Object) (metav1.Object, error) {
	out := P(new(T))
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return out, fmt.Errorf("BUG: %T from a dynamic client", o)
	}
	text, err := u.MarshalJSON()
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, out); err != nil {
		return nil, err
	}
	if typed, ok := any(out).(runtime.Object); ok {
		typed.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	}
	return out, nil
}
