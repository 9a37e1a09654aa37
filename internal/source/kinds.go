package source

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	baremetalv1 "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	"github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1alpha1"
	networkingv1 "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// version is one version of a kind, as a document names it.
type version struct {
	group, version, kind string
}

// handling is what is done with the objects of a version.
type handling struct {
	new func() metav1.Object
	// own kinds are ours to check: unknown fields are told, and objects in other namespaces.
	own bool
	// cluster kinds have no namespace.
	cluster bool
	// private kinds matter in our namespace only.
	private bool
	// label kinds have names without dots.
	label bool
	// only is the one name that is read; empty for all.
	only string
}

func (v version) groupKind() schema.GroupKind { return schema.GroupKind{Group: v.group, Kind: v.kind} }

// The groups of kinds that are not Kubernetes' own. Two of them have a BGPPeer.
const (
	metallbGroup    = "metallb.io"
	networkingGroup = "networking.gke.io"
	baremetalGroup  = "baremetal.cluster.gke.io"
)

// extrasName is the one ConfigMap that is read.
const extrasName = "bgpextras"

var handlings = map[version]handling{
	{metallbGroup, "v1beta2", "BGPPeer"}:              {new: empty[v1beta2.BGPPeer], own: true, private: true},
	{metallbGroup, "v1beta1", "BGPPeer"}:              {new: empty[v1beta1.BGPPeer], own: true, private: true},
	{metallbGroup, "v1beta1", "IPAddressPool"}:        {new: empty[v1beta1.IPAddressPool], own: true, private: true},
	{metallbGroup, "v1beta1", "BGPAdvertisement"}:     {new: empty[v1beta1.BGPAdvertisement], own: true, private: true},
	{metallbGroup, "v1beta1", "BFDProfile"}:           {new: empty[v1beta1.BFDProfile], own: true, private: true},
	{metallbGroup, "v1beta1", "Community"}:            {new: empty[v1beta1.Community], own: true, private: true},
	{networkingGroup, "v1", "NetworkGatewayGroup"}:    {new: empty[networkingv1.NetworkGatewayGroup], own: true},
	{networkingGroup, "v1", "NetworkGatewayNode"}:     {new: empty[networkingv1.NetworkGatewayNode], own: true},
	{networkingGroup, "v1", "BGPLoadBalancer"}:        {new: empty[networkingv1.BGPLoadBalancer], own: true},
	{networkingGroup, "v1", "BGPPeer"}:                {new: empty[networkingv1.BGPPeer], own: true},
	{networkingGroup, "v1", "BGPSession"}:             {new: empty[networkingv1.BGPSession], own: true},
	{networkingGroup, "v1", "BGPAdvertisedRoute"}:     {new: empty[networkingv1.BGPAdvertisedRoute], own: true},
	{baremetalGroup, "v1", "Cluster"}:                 {new: empty[baremetalv1.Cluster]},
	{baremetalGroup, "v1", "NodePool"}:                {new: empty[baremetalv1.NodePool]},
	{baremetalGroup, "v1alpha1", "ClusterCIDRConfig"}: {new: empty[v1alpha1.ClusterCIDRConfig]},
	{"", "v1", "Service"}:                             {new: empty[corev1.Service], label: true},
	{"", "v1", "Node"}:                                {new: empty[corev1.Node], cluster: true},
	{"", "v1", "Namespace"}:                           {new: empty[corev1.Namespace], cluster: true, label: true},
	{"", "v1", "Secret"}:                              {new: empty[corev1.Secret], private: true},
	{"", "v1", "ConfigMap"}:                           {new: empty[corev1.ConfigMap], private: true, only: extrasName},
	{"discovery.k8s.io", "v1", "EndpointSlice"}:       {new: empty[discoveryv1.EndpointSlice]},
}

// newest is the version to write of each kind of ours, for those who wrote another.
var newest = map[schema.GroupKind]string{
	{Group: metallbGroup, Kind: "BGPPeer"}: "v1beta2", {Group: metallbGroup, Kind: "IPAddressPool"}: "v1beta1",
	{Group: metallbGroup, Kind: "BGPAdvertisement"}: "v1beta1", {Group: metallbGroup, Kind: "BFDProfile"}: "v1beta1",
	{Group: metallbGroup, Kind: "Community"}:              "v1beta1",
	{Group: networkingGroup, Kind: "NetworkGatewayGroup"}: "v1", {Group: networkingGroup, Kind: "NetworkGatewayNode"}: "v1",
	{Group: networkingGroup, Kind: "BGPLoadBalancer"}: "v1", {Group: networkingGroup, Kind: "BGPPeer"}: "v1",
	{Group: networkingGroup, Kind: "BGPSession"}: "v1", {Group: networkingGroup, Kind: "BGPAdvertisedRoute"}: "v1",
	{Group: baremetalGroup, Kind: "Cluster"}: "v1", {Group: baremetalGroup, Kind: "NodePool"}: "v1",
	{Group: baremetalGroup, Kind: "ClusterCIDRConfig"}: "v1alpha1",
}

func empty[T any, P interface {
	*T
	metav1.Object
}]() metav1.Object {
	return P(new(T))
}

// objectsOf makes snapshot.Objects of lists by kind.
func objectsOf(lists map[schema.GroupKind]*list) snapshot.Objects {
	return snapshot.Objects{
		Nodes:          typed[*corev1.Node](lists, "", "Node"),
		Namespaces:     typed[*corev1.Namespace](lists, "", "Namespace"),
		Services:       typed[*corev1.Service](lists, "", "Service"),
		EndpointSlices: typed[*discoveryv1.EndpointSlice](lists, discoveryv1.GroupName, "EndpointSlice"),
		Secrets:        typed[*corev1.Secret](lists, "", "Secret"),
		ConfigMaps:     typed[*corev1.ConfigMap](lists, "", "ConfigMap"),
		Peers:          typed[*v1beta2.BGPPeer](lists, metallbGroup, "BGPPeer"),
		Pools:          typed[*v1beta1.IPAddressPool](lists, metallbGroup, "IPAddressPool"),
		Advertisements: typed[*v1beta1.BGPAdvertisement](lists, metallbGroup, "BGPAdvertisement"),
		BFDProfiles:    typed[*v1beta1.BFDProfile](lists, metallbGroup, "BFDProfile"),
		Communities:    typed[*v1beta1.Community](lists, metallbGroup, "Community"),
		GDC: snapshot.GDC{
			GatewayGroups:    typed[*networkingv1.NetworkGatewayGroup](lists, networkingGroup, "NetworkGatewayGroup"),
			GatewayNodes:     typed[*networkingv1.NetworkGatewayNode](lists, networkingGroup, "NetworkGatewayNode"),
			LoadBalancers:    typed[*networkingv1.BGPLoadBalancer](lists, networkingGroup, "BGPLoadBalancer"),
			Peers:            typed[*networkingv1.BGPPeer](lists, networkingGroup, "BGPPeer"),
			Sessions:         typed[*networkingv1.BGPSession](lists, networkingGroup, "BGPSession"),
			AdvertisedRoutes: typed[*networkingv1.BGPAdvertisedRoute](lists, networkingGroup, "BGPAdvertisedRoute"),
			Clusters:         typed[*baremetalv1.Cluster](lists, baremetalGroup, "Cluster"),
			NodePools:        typed[*baremetalv1.NodePool](lists, baremetalGroup, "NodePool"),
			CIDRConfigs:      typed[*v1alpha1.ClusterCIDRConfig](lists, baremetalGroup, "ClusterCIDRConfig"),
		},
	}
}

func typed[T metav1.Object](lists map[schema.GroupKind]*list, group, kind string) []T {
	l := lists[schema.GroupKind{Group: group, Kind: kind}]
	if l == nil || len(l.entries) == 0 {
		return nil
	}
	if cached, ok := l.typed.([]T); ok {
		return cached
	}
	out := make([]T, len(l.entries))
	for i, e := range l.entries {
		out[i] = e.object.(T)
	}
	l.typed = out
	return out
}
