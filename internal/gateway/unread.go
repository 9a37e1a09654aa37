package gateway

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// unsure is why it is not known which routers are meant.
type unsure struct {
	object         problem.Object
	field, message string
}

const planeInstead = " for Services to go to the control plane's peers (bgpPeers of the Cluster)"

// unsure tells where the control plane's routers are not to be told Services, though no BGPLoadBalancer or no BGPPeer can be used: one is there that somebody wrote to
// name others, and can't be read, or lies in a namespace that is no cluster's. nil: it is known which routers are meant.
func (a *peerReader) unsure(balancer *networking.BGPLoadBalancer) *unsure {
	if balancer != nil {
		return a.unsurePeer(balancer)
	}
	isDefault := func(o problem.Object) bool { return o.Name == networking.DefaultName }
	unread, astray := a.unread("BGPLoadBalancer"), a.strays("BGPLoadBalancer", labels.Everything())
	switch {
	case slices.ContainsFunc(unread, isDefault):
		return &unsure{unread[slices.IndexFunc(unread, isDefault)], "", "it can't be read, so nobody knows which BGPPeers are meant; mend it, or delete it" + planeInstead}
	case slices.ContainsFunc(astray, isDefault):
		return &unsure{astray[slices.IndexFunc(astray, isDefault)], "", fmt.Sprintf(
			"the cluster has no other, so nobody knows which BGPPeers are meant; move it to namespace %q, or delete it%s", a.Namespace, planeInstead)}
	case a.Incomplete && len(a.Peers) > 0 && a.cluster.found != nil:
		return &unsure{a.cluster.object, "spec.loadBalancer.bgpPeers",
			"there are BGPPeers, and the BGPLoadBalancer that selects them may be in what can't be read; these routers are not told Services in their place: mend that first"}
	}
	return nil
}

// unsurePeer looks for BGPPeers that the BGPLoadBalancer may mean.
func (a *peerReader) unsurePeer(b *networking.BGPLoadBalancer) *unsure {
	if len(a.Peers) > 0 {
		return nil
	}
	out := &unsure{object: networkingObject("BGPLoadBalancer", b), field: "spec.peerSelector"}
	unread, astray := a.unread("BGPPeer"), a.strays("BGPPeer", labels.SelectorFromSet(b.Spec.PeerSelector))
	switch {
	case len(unread) > 0:
		out.message = fmt.Sprintf("no BGPPeer can be read (%s), so nobody knows which are meant; mend them, or delete them%s", some(namesOf(unread)), planeInstead)
	case len(astray) > 0:
		out.message = fmt.Sprintf("the BGPPeers that it selects are in another namespace (%s); move them to %q, or delete them%s", some(namesOf(astray)), a.Namespace, planeInstead)
	case a.Incomplete:
		out.message = "there is no BGPPeer, and one may be in what can't be read; mend that first"
	default:
		return nil
	}
	return out
}

// unread are the objects of a kind of GDC's that can't be read, and may be the cluster's.
func (a *assigner) unread(kind string) []problem.Object {
	group := networking.GroupVersion.Group
	if kind == "Cluster" {
		group = baremetal.GroupVersion.Group
	}
	var out []problem.Object
	for _, o := range a.Unread {
		if o.Group == group && o.Kind == kind && (o.Namespace == a.Namespace || !a.others[o.Namespace]) {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(x, y problem.Object) int { return cmp.Compare(x.String(), y.String()) })
	return out
}

// stray is an object that was left out for its namespace, which is no cluster's.
type stray struct {
	object problem.Object
	labels map[string]string
}

// strays are those of a kind of networking.gke.io that a selector matches.
func (a *assigner) strays(kind string, selector labels.Selector) []problem.Object {
	var out []problem.Object
	for _, s := range a.astray {
		if s.object.Group == networking.GroupVersion.Group && s.object.Kind == kind && selector.Matches(labels.Set(s.labels)) {
			out = append(out, s.object)
		}
	}
	return out
}

func namesOf(objects []problem.Object) []string {
	var out []string
	for _, o := range objects {
		out = append(out, o.Namespace+"/"+o.Name)
	}
	return out
}
