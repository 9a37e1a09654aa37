package role

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/source"
)

// withUnread are the objects, with those that people write of GDC's kinds, were there before, and may be there still, but can't be read: they were not
// deleted, so each keeps the form that it had, and its sessions.
func withUnread(objects *source.Result, before snapshot.GDC) snapshot.Objects {
	out := objects.Objects
	if !objects.Incomplete && len(objects.Unread) == 0 {
		return out
	}
	g := &out.GDC
	g.Clusters = kept(objects, problem.Object{Kind: "Cluster", Group: baremetal.GroupVersion.Group}, g.Clusters, before.Clusters)
	g.GatewayGroups = kept(objects, problem.Object{Kind: "NetworkGatewayGroup", Group: networking.GroupVersion.Group}, g.GatewayGroups, before.GatewayGroups)
	g.LoadBalancers = kept(objects, problem.Object{Kind: "BGPLoadBalancer", Group: networking.GroupVersion.Group}, g.LoadBalancers, before.LoadBalancers)
	g.Peers = kept(objects, problem.Object{Kind: "BGPPeer", Group: networking.GroupVersion.Group}, g.Peers, before.Peers)
	return out
}

func kept[O metav1.Object](objects *source.Result, kind problem.Object, now, before []O) []O {
	out := slices.Clip(now) // others read it, too
	for _, o := range before {
		object := problem.Object{Kind: kind.Kind, Group: kind.Group, Namespace: o.GetNamespace(), Name: o.GetName()}
		there := slices.ContainsFunc(now, func(n O) bool { return n.GetNamespace() == object.Namespace && n.GetName() == object.Name })
		if !there && (objects.Incomplete || slices.Contains(objects.Unread, object)) {
			out = append(out, o)
		}
	}
	return out
}
