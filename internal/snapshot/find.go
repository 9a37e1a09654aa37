package snapshot

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// Find tells the UID of an object, empty where a manifest has none, and whether it is there.
func (o Objects) Find(object problem.Object) (uid types.UID, exists bool) {
	switch object.Kind {
	case "Node":
		return find(o.Nodes, object)
	case "Namespace":
		return find(o.Namespaces, object)
	case "Service":
		return find(o.Services, object)
	case "Secret":
		return find(o.Secrets, object)
	case "ConfigMap":
		return find(o.ConfigMaps, object)
	case "BGPPeer":
		return find(o.Peers, object)
	case "IPAddressPool":
		return find(o.Pools, object)
	case "BGPAdvertisement":
		return find(o.Advertisements, object)
	case "BFDProfile":
		return find(o.BFDProfiles, object)
	case "Community":
		return find(o.Communities, object)
	}
	return "", false
}

func find[T metav1.Object](among []T, object problem.Object) (types.UID, bool) {
	for _, o := range among {
		if o.GetName() == object.Name && o.GetNamespace() == object.Namespace {
			return o.GetUID(), true
		}
	}
	return "", false
}
