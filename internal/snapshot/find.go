package snapshot

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// Finder tells the UID of an object, empty where a manifest has none, and whether it is there. It may be asked of thousands of objects, by
// any goroutine.
func (o Objects) Finder() func(problem.Object) (uid types.UID, exists bool) {
	kinds := map[string]func(problem.Object) (types.UID, bool){
		"Node": finder(o.Nodes), "Namespace": finder(o.Namespaces), "Service": finder(o.Services), "Secret": finder(o.Secrets),
		"ConfigMap": finder(o.ConfigMaps), "BGPPeer": finder(o.Peers), "IPAddressPool": finder(o.Pools), "BGPAdvertisement": finder(o.Advertisements),
		"BFDProfile": finder(o.BFDProfiles), "Community": finder(o.Communities),
	}
	gdc := o.GDC.finders()
	return func(object problem.Object) (types.UID, bool) {
		find := kinds[object.Kind]
		if strings.HasSuffix(object.Group, gdcDomain) {
			find = gdc[object.Kind]
		}
		if find != nil {
			return find(object)
		}
		return "", false
	}
}

// gdcDomain ends the groups of GDC's kinds, whose names differ among themselves.
const gdcDomain = ".gke.io"

func (g GDC) finders() map[string]func(problem.Object) (types.UID, bool) {
	return map[string]func(problem.Object) (types.UID, bool){
		"NetworkGatewayGroup": finder(g.GatewayGroups), "NetworkGatewayNode": finder(g.GatewayNodes), "BGPLoadBalancer": finder(g.LoadBalancers),
		"BGPPeer": finder(g.Peers), "BGPSession": finder(g.Sessions), "BGPAdvertisedRoute": finder(g.AdvertisedRoutes),
		"Cluster": finder(g.Clusters), "NodePool": finder(g.NodePools), "ClusterCIDRConfig": finder(g.CIDRConfigs),
	}
}

// finder looks objects of one kind up. Sources deliver them in order, nearly always.
func finder[T metav1.Object](objects []T) func(problem.Object) (types.UID, bool) {
	ordered := sync.OnceValue(func() []T {
		byName := func(a, b T) int {
			return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
		}
		if slices.IsSortedFunc(objects, byName) {
			return objects
		}
		return slices.SortedFunc(slices.Values(objects), byName)
	})
	return func(object problem.Object) (types.UID, bool) {
		i, found := slices.BinarySearchFunc(ordered(), object, func(o T, wanted problem.Object) int {
			return cmp.Or(cmp.Compare(o.GetNamespace(), wanted.Namespace), cmp.Compare(o.GetName(), wanted.Name))
		})
		if !found {
			return "", false
		}
		return ordered()[i].GetUID(), true
	}
}
