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

// unread are the objects that can't be read and have no form from before. A Cluster that comes after others have decided what there is to do changes
// nothing until it can be read; one that is there from the start may be what decides, and nothing is done without it.
func (r *Role) unread(objects *source.Result) []problem.Object {
	if !r.sure {
		return objects.Unread
	}
	return slices.DeleteFunc(slices.Clone(objects.Unread), func(o problem.Object) bool { return o.Kind == "Cluster" && o.Group == baremetal.GroupVersion.Group })
}

// Objects that can't be read and had another form before keep it, here and in source; of those that had none gateway keeps the sessions that there are.

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
