package manager

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// CopiedFrom labels what was copied from the source, with the UID of the Cluster there. Objects without it are other people's, and stay.
const CopiedFrom = "frr-renderer.io/copied-from"

// copiedKinds are those that people edit in the admin cluster, in the order in which they are written: floating IPs last, so no session starts
// before the routers are known.
var copiedKinds = []string{clusterKind, peerKind, loadBalancerKind, groupKind}

var copiedResources = map[string]schema.GroupVersionResource{
	clusterKind:      baremetal.GroupVersion.WithResource("clusters"),
	peerKind:         networking.GroupVersion.WithResource("bgppeers"),
	loadBalancerKind: networking.GroupVersion.WithResource("bgploadbalancers"),
	groupKind:        networking.GroupVersion.WithResource("networkgatewaygroups"),
}

// clusterFields are what is copied of a Cluster's spec: all that is read here. The rest names credentials and machines, and stays there.
var clusterFields = []string{"type", "clusterNetwork", "controlPlane", "loadBalancer"}

// copyKey names an object of one of the kinds.
type copyKey struct {
	kind, name string
}

func (k copyKey) String() string { return k.kind + " " + k.name }

// copyObjects are those of one API server.
type copyObjects map[copyKey]version[*unstructured.Unstructured]

// of are those of a kind, oldest first: where objects exclude each other the older one counts, so it is to be the older one here, too.
func (o copyObjects) of(kind string) []copyKey {
	var out []copyKey
	for k := range o {
		if k.kind == kind {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b copyKey) int {
		at, bt := o[a].object.GetCreationTimestamp(), o[b].object.GetCreationTimestamp()
		return cmp.Or(at.Compare(bt.Time), cmp.Compare(a.name, b.name))
	})
	return out
}

// copyChange is one write.
type copyChange struct {
	key copyKey
	// is the object as it is here; nil: it is made.
	is *version[*unstructured.Unstructured]
	// delete it; labels and spec are as they shall be otherwise.
	delete bool
	labels map[string]string
	spec   any
}

// copyPlan is what makes this API server have what the source has.
type copyPlan struct {
	// blocked says why nothing can be copied; the rest is empty then.
	blocked  string
	changes  []copyChange
	copies   int
	problems []problem.Problem
}

// planCopies compares the two. same tells of two specs that differ whether the API server here makes the second of the first.
func planCopies(namespace string, there, here copyObjects, same func(k copyKey, there, here any) bool) copyPlan {
	clusters := there.of(clusterKind)
	if len(clusters) == 0 {
		return copyPlan{blocked: fmt.Sprintf("the source has no Cluster in namespace %s, so it may be another one than is meant: nothing is copied, nor deleted; check --source-kubeconfig and --source-namespace", namespace)}
	}
	for k, is := range here {
		if there[k].object != nil && there[k].object.GetUID() == is.object.GetUID() {
			return copyPlan{blocked: "the source is this very API server: name that of the admin cluster with --source-kubeconfig"}
		}
	}
	p := planner{namespace: namespace, there: there, here: here, same: same, from: string(there[clusters[0]].object.GetUID()), selecting: selecting(there, here)}
	for _, kind := range copiedKinds {
		for _, k := range there.of(kind) {
			p.object(k)
		}
	}
	for _, kind := range slices.Backward(copiedKinds) {
		for _, k := range here.of(kind) {
			if there[k].object == nil && isCopy(here[k].object) {
				p.gone(k)
			}
		}
	}
	p.out.problems = problem.Sort(p.out.problems)
	return p.out
}

type planner struct {
	namespace   string
	there, here copyObjects
	same        func(k copyKey, there, here any) bool
	from        string
	selecting   map[string]bool
	out         copyPlan
}

// object is one that the source has.
func (p *planner) object(k copyKey) {
	labels, spec := map[string]string{CopiedFrom: p.from}, copiedSpec(k.kind, p.there[k].object)
	if k.kind == peerKind {
		for label, value := range p.there[k].object.GetLabels() {
			if p.selecting[label] {
				labels[label] = value
			}
		}
	}
	is, has := p.here[k]
	switch {
	case !has:
		p.out.changes = append(p.out.changes, copyChange{key: k, labels: labels, spec: spec})
		return
	case !isCopy(is.object):
		p.tell(problem.Warning, k, problem.NotCopied, fmt.Sprintf(
			"the source has an object of this name, and this one is no copy of it, so it stays as it is: delete it, or have it follow the source (kubectl label %s -n %s %s %s=yes)",
			copiedResources[k.kind].GroupResource(), p.namespace, k.name, CopiedFrom))
		return
	case is.object.GetDeletionTimestamp() != nil: // it is made anew when it is gone
		return
	}
	p.out.copies++
	now := is.object.GetLabels()
	shall := maps.Clone(now)
	if k.kind == peerKind {
		maps.DeleteFunc(shall, func(label, _ string) bool { return p.selecting[label] })
	}
	maps.Copy(shall, labels)
	was := is.object.Object["spec"]
	if !maps.Equal(now, shall) || !reflect.DeepEqual(was, spec) && !p.same(k, spec, was) {
		p.out.changes = append(p.out.changes, copyChange{key: k, is: &is, labels: shall, spec: spec})
	}
}

// gone is a copy of what the source has no more. That is believed of the Cluster that it was copied for alone: another source, or one that was set up anew,
// says nothing about it.
func (p *planner) gone(k copyKey) {
	is := p.here[k]
	switch {
	case is.object.GetDeletionTimestamp() != nil:
	case is.object.GetLabels()[CopiedFrom] != p.from:
		p.tell(problem.Warning, k, problem.NotCopied, "it was copied for another Cluster than the source has now, and the source has no object of this name; it stays: delete it if it is not needed")
	default:
		p.out.copies++
		p.out.changes = append(p.out.changes, copyChange{key: k, is: &is, delete: true})
	}
}

func (p *planner) tell(severity problem.Severity, k copyKey, reason problem.Reason, message string) {
	p.out.problems = append(p.out.problems, problem.Problem{Severity: severity, Object: k.object(p.namespace), Reason: reason, Message: message})
}

func (k copyKey) object(namespace string) problem.Object {
	return problem.Object{Kind: k.kind, Group: copiedResources[k.kind].Group, Namespace: namespace, Name: k.name}
}

func isCopy(o metav1.Object) bool { _, is := o.GetLabels()[CopiedFrom]; return is }

// selecting are the labels by which BGPLoadBalancers choose BGPPeers: those mean something, and are copied; others may be those of tools that would take
// the copies for theirs.
func selecting(sides ...copyObjects) map[string]bool {
	out := map[string]bool{}
	for _, objects := range sides {
		for k, o := range objects {
			if k.kind == loadBalancerKind {
				selector, _, _ := unstructured.NestedMap(o.object.Object, "spec", "peerSelector")
				for label := range selector {
					out[label] = true
				}
			}
		}
	}
	return out
}

// copiedSpec is what is copied of an object.
func copiedSpec(kind string, o *unstructured.Unstructured) any {
	spec, is := o.Object["spec"].(map[string]any)
	if !is {
		return map[string]any{}
	}
	if kind != clusterKind {
		return runtime.DeepCopyJSON(spec)
	}
	out := map[string]any{}
	for _, field := range clusterFields {
		if value, has := spec[field]; has {
			out[field] = runtime.DeepCopyJSONValue(value)
		}
	}
	return out
}
