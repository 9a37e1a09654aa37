package gateway

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// assigner is one run of Assign.
type assigner struct {
	Input
	// others are the namespaces that have a Cluster or a NetworkGatewayGroup.
	others map[string]bool
	// astray are objects that were left out, in namespaces that have no Cluster and no NetworkGatewayGroup: of no other cluster, as far as can be seen.
	astray   []stray
	spoken   []spoken
	problems []problem.Problem
	marks    []mark
	offers   []Offer
	seen     *trace // nil: nobody asks why
}

// newAssigner puts the objects into an order that does not depend on how they came: the older first, then by namespace and name.
func newAssigner(in Input) *assigner {
	in.Clusters = oldestFirst(in.Clusters)
	in.Groups = oldestFirst(in.Groups)
	in.LoadBalancers = oldestFirst(in.LoadBalancers)
	in.Peers = oldestFirst(in.Peers)
	in.CIDRConfigs = oldestFirst(in.CIDRConfigs)
	in.Pools = oldestFirst(in.Pools)
	in.Namespace = Namespace(in)
	a := &assigner{Input: in, others: namespaces(in), spoken: spokenBefore(in)}
	a.Clusters = own(a, "Cluster", baremetal.GroupVersion.Group, in.Clusters)
	a.Groups = own(a, "NetworkGatewayGroup", networking.GroupVersion.Group, in.Groups)
	a.LoadBalancers = own(a, "BGPLoadBalancer", networking.GroupVersion.Group, in.LoadBalancers)
	a.Peers = own(a, "BGPPeer", networking.GroupVersion.Group, in.Peers)
	return a
}

// Namespace is that of the cluster's objects, out of all that are there; those of other namespaces mean nothing, whatever their status says.
func Namespace(in Input) string {
	switch {
	case in.Namespace != "":
		return in.Namespace
	case len(in.Clusters) > 0:
		return slices.MinFunc(in.Clusters, byAge).Namespace
	case len(in.Groups) > 0:
		return slices.MinFunc(in.Groups, byAge).Namespace
	case len(in.Peers) > 0:
		return slices.MinFunc(in.Peers, byAge).Namespace
	}
	return ""
}

// namespaces are those that have a cluster's objects.
func namespaces(in Input) map[string]bool {
	out := map[string]bool{}
	for _, c := range in.Clusters {
		out[c.Namespace] = true
	}
	for _, g := range in.Groups {
		out[g.Namespace] = true
	}
	return out
}

// own leaves out what lies in another namespace than the cluster's: it may be of another cluster.
func own[T metav1.Object](a *assigner, kind, group string, objects []T) []T {
	out := make([]T, 0, len(objects))
	for _, o := range objects {
		if o.GetNamespace() == a.Namespace {
			out = append(out, o)
			continue
		}
		if !a.others[o.GetNamespace()] {
			a.astray = append(a.astray, stray{object(kind, group, o), o.GetLabels()})
		}
		a.refuse(object(kind, group, o), "metadata.namespace", problem.OtherNamespace,
			fmt.Sprintf("the cluster's objects are in namespace %q; this one is left out: move it there if it belongs to the cluster", a.Namespace))
	}
	return out
}

func object(kind, group string, o metav1.Object) problem.Object {
	return problem.Object{Kind: kind, Group: group, Namespace: o.GetNamespace(), Name: o.GetName()}
}

func networkingObject(kind string, o metav1.Object) problem.Object {
	return object(kind, networking.GroupVersion.Group, o)
}

// oldestFirst returns the objects by age.
func oldestFirst[T metav1.Object](objects []T) []T {
	return slices.SortedStableFunc(slices.Values(objects), byAge[T])
}

// byAge orders objects by age, those without one last, then by namespace and name.
func byAge[T metav1.Object](a, b T) int {
	at, bt := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	switch {
	case at.IsZero() && !bt.IsZero():
		return 1
	case !at.IsZero() && bt.IsZero():
		return -1
	}
	return cmp.Or(at.Compare(bt.Time), strings.Compare(a.GetNamespace(), b.GetNamespace()), strings.Compare(a.GetName(), b.GetName()))
}

// ahead says why an object stays, and not another of its kind, by oldestFirst; both are in the cluster's namespace.
func ahead(first, other metav1.Object) string {
	made, later := first.GetCreationTimestamp(), other.GetCreationTimestamp()
	switch {
	case made.Equal(&later):
		return "which comes first by name"
	case later.IsZero():
		return "which has a creationTimestamp, as this one has not"
	}
	return "which is older"
}

// refuse notes that an object, or what field names of it, is left out.
func (a *assigner) refuse(o problem.Object, field string, reason problem.Reason, message string) {
	a.problems = append(a.problems, problem.Problem{Severity: problem.Error, Object: o, Field: field, Reason: reason, Message: short(message)})
}

// warn notes what is amiss with an object that is used as far as it goes.
func (a *assigner) warn(o problem.Object, field string, reason problem.Reason, message string) {
	a.problems = append(a.problems, problem.Problem{Severity: problem.Warning, Object: o, Field: field, Reason: reason, Message: short(message)})
}

// short cuts a message that quotes what somebody wrote, however long that is: the API server takes no condition above 32 KiB, and with it refuses the whole status,
// who holds what included.
func short(message string) string {
	const most, more = 4096, " ..."
	if len(message) <= most {
		return message
	}
	return strings.ToValidUTF8(message[:most-len(more)], "") + more
}

// some lists names for a message.
func some(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
