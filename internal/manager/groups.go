package manager

import (
	"context"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// groupStatus writes who holds which floating IP. The API server takes it only for the very version of the group that it was decided on: nobody else has
// moved anything meanwhile.
func (w *writing) groupStatus() {
	for _, g := range w.out.Groups {
		k := key{Namespace: g.Namespace, Name: g.Name}
		is := w.groups[k]
		status := is.object.Status.DeepCopy()
		status.FloatingIPs, status.Nodes = g.FloatingIPs, g.Nodes
		status.Conditions = w.settled(groupKind, is.object, status.Conditions)
		if equality.Semantic.DeepEqual(*status, is.object.Status) {
			continue
		}
		if w.stale(groupKind, k) || !w.status(groupKind, is.object, is.at, status) {
			w.unwritten(is.object.Status.FloatingIPs, g.FloatingIPs)
			continue
		}
		w.manager.gave(g.FloatingIPs, w.judged)
		w.tellMoves(is.object.Status.FloatingIPs, g.FloatingIPs)
	}
}

// stale tells of an object of networking.gke.io that can't be read any more.
func (w *writing) stale(kind string, k key) bool {
	return w.unread.stale[problem.Object{Kind: kind, Group: networking.GroupVersion.Group, Namespace: k.Namespace, Name: k.Name}]
}

// unwritten notes whose holder the API server does not have yet: nobody is told of sessions from a floating IP before its holder. One group that can't be
// written does not keep the sessions of others.
func (w *writing) unwritten(is, shall map[string]string) {
	for _, m := range []map[string]string{is, shall} {
		for address := range m {
			if is[address] != shall[address] {
				w.untold[address] = true
			}
		}
	}
}

// tellMoves logs which floating IPs have another node now.
func (w *writing) tellMoves(before, now map[string]string) {
	both := map[string]bool{}
	for _, m := range []map[string]string{before, now} {
		for address := range m {
			both[address] = true
		}
	}
	for _, address := range slices.Sorted(maps.Keys(both)) {
		if before[address] != now[address] {
			w.manager.options.Meter.Moved()
			w.manager.log.Info("a floating IP has another node", "address", address, "from", before[address], "to", now[address])
		}
	}
}

// conditions writes what is told of BGPLoadBalancers and BGPPeers.
func (w *writing) conditions() {
	for _, is := range w.balancers {
		status := is.object.Status.DeepCopy()
		status.Conditions = w.settled(loadBalancerKind, is.object, status.Conditions)
		if !equality.Semantic.DeepEqual(*status, is.object.Status) && !w.stale(loadBalancerKind, kubewatch.KeyOf(is.object)) {
			w.status(loadBalancerKind, is.object, is.at, status)
		}
	}
	for _, is := range w.peers {
		status := is.object.Status.DeepCopy()
		status.Conditions = w.settled(peerKind, is.object, status.Conditions)
		if !equality.Semantic.DeepEqual(*status, is.object.Status) && !w.stale(peerKind, kubewatch.KeyOf(is.object)) {
			w.status(peerKind, is.object, is.at, status)
		}
	}
}

// conditionTypes are ours; those of others stay as they are.
var conditionTypes = []string{gateway.Accepted, gateway.Assigned, gateway.Redundant, gateway.PeersFound, gateway.SessionsAssigned}

// settled are the conditions of an object as they shall be: their times are those of when they came to be so. Objects that were not looked at,
// those of another namespace, keep what they have.
func (w *writing) settled(kind string, o metav1.Object, before []metav1.Condition) []metav1.Condition {
	of := problem.Object{Kind: kind, Group: networking.GroupVersion.Group, Namespace: o.GetNamespace(), Name: o.GetName()}
	wanted := w.conditionsOf(of)
	if len(wanted) == 0 {
		return before
	}
	out := slices.DeleteFunc(slices.Clone(before), func(c metav1.Condition) bool {
		return slices.Contains(conditionTypes, c.Type) && !slices.ContainsFunc(wanted, func(g gateway.Condition) bool { return g.Type == c.Type })
	})
	for _, c := range wanted {
		meta.SetStatusCondition(&out, metav1.Condition{
			Type: c.Type, Status: c.Status, Reason: c.Reason, Message: c.Message, ObservedGeneration: o.GetGeneration(),
		})
	}
	return out
}

func (w *writing) conditionsOf(o problem.Object) []gateway.Condition {
	if w.byObject == nil {
		w.byObject = map[problem.Object][]gateway.Condition{}
		for _, c := range w.out.Conditions {
			w.byObject[c.Object] = append(w.byObject[c.Object], c)
		}
	}
	return w.byObject[o]
}

// status writes the status of an object, for that version of it only.
func (w *writing) status(kind string, o metav1.Object, version string, status any) bool {
	return w.write(kind, kubewatch.KeyOf(o), func(ctx context.Context) (*unstructured.Unstructured, error) {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(status)
		if err != nil {
			return nil, err
		}
		u := w.bare(kind, kubewatch.KeyOf(o))
		u.SetUID(o.GetUID())
		u.SetResourceVersion(version)
		u.Object["status"] = content
		return w.client(kind, o.GetNamespace()).UpdateStatus(ctx, u, metav1.UpdateOptions{FieldManager: FieldManager})
	})
}

// bare is an object that has nothing but a name.
func (w *writing) bare(kind string, k key) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	u.SetGroupVersionKind(w.manager.watched[kind].resource.GroupVersion().WithKind(kind))
	u.SetNamespace(k.Namespace)
	u.SetName(k.Name)
	return u
}
