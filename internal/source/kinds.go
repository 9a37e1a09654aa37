package source

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

const metallbGroup = "metallb.io"

// extrasName is the one ConfigMap that is read.
const extrasName = "bgpextras"

var handlings = map[version]handling{
	{metallbGroup, "v1beta2", "BGPPeer"}:          {new: empty[v1beta2.BGPPeer], own: true, private: true},
	{metallbGroup, "v1beta1", "BGPPeer"}:          {new: empty[v1beta1.BGPPeer], own: true, private: true},
	{metallbGroup, "v1beta1", "IPAddressPool"}:    {new: empty[v1beta1.IPAddressPool], own: true, private: true},
	{metallbGroup, "v1beta1", "BGPAdvertisement"}: {new: empty[v1beta1.BGPAdvertisement], own: true, private: true},
	{metallbGroup, "v1beta1", "BFDProfile"}:       {new: empty[v1beta1.BFDProfile], own: true, private: true},
	{metallbGroup, "v1beta1", "Community"}:        {new: empty[v1beta1.Community], own: true, private: true},
	{"", "v1", "Service"}:                         {new: empty[corev1.Service], label: true},
	{"", "v1", "Node"}:                            {new: empty[corev1.Node], cluster: true},
	{"", "v1", "Namespace"}:                       {new: empty[corev1.Namespace], cluster: true, label: true},
	{"", "v1", "Secret"}:                          {new: empty[corev1.Secret], private: true},
	{"", "v1", "ConfigMap"}:                       {new: empty[corev1.ConfigMap], private: true, only: extrasName},
	{"discovery.k8s.io", "v1", "EndpointSlice"}:   {new: empty[discoveryv1.EndpointSlice]},
}

// newest is the version to write of each kind of ours, for those who wrote another.
var newest = map[string]string{
	"BGPPeer": "v1beta2", "IPAddressPool": "v1beta1", "BGPAdvertisement": "v1beta1", "BFDProfile": "v1beta1", "Community": "v1beta1",
}

func empty[T any, P interface {
	*T
	metav1.Object
}]() metav1.Object {
	return P(new(T))
}

// objectsOf makes snapshot.Objects of lists by kind.
func objectsOf(lists map[string]*list) snapshot.Objects {
	return snapshot.Objects{
		Nodes:          typed[*corev1.Node](lists["Node"]),
		Namespaces:     typed[*corev1.Namespace](lists["Namespace"]),
		Services:       typed[*corev1.Service](lists["Service"]),
		EndpointSlices: typed[*discoveryv1.EndpointSlice](lists["EndpointSlice"]),
		Secrets:        typed[*corev1.Secret](lists["Secret"]),
		ConfigMaps:     typed[*corev1.ConfigMap](lists["ConfigMap"]),
		Peers:          typed[*v1beta2.BGPPeer](lists["BGPPeer"]),
		Pools:          typed[*v1beta1.IPAddressPool](lists["IPAddressPool"]),
		Advertisements: typed[*v1beta1.BGPAdvertisement](lists["BGPAdvertisement"]),
		BFDProfiles:    typed[*v1beta1.BFDProfile](lists["BFDProfile"]),
		Communities:    typed[*v1beta1.Community](lists["Community"]),
	}
}

func typed[T metav1.Object](l *list) []T {
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
