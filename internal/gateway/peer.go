package gateway

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// peer is a router that Services are announced to.
type peer struct {
	object problem.Object
	// made is the BGPPeer; nil: one of the Cluster's bgpPeers.
	made metav1.Object
	// name of the BGPPeer; empty: one of the Cluster's bgpPeers.
	name              string
	ip                netip.Addr
	localASN, peerASN uint32
	// sessions is how many are asked for; 0: one for each floating IP.
	sessions int
	// from are the groups whose floating IPs it is spoken to from; nil: all.
	from map[string]bool
	// at are the floating IPs that it was spoken to from, where only the sessions tell what it is.
	at map[netip.Addr]bool
	// kept: no object tells of it that can be read.
	kept bool
}

// peerReader decides peer by peer.
type peerReader struct {
	*assigner
	cluster clusterForm
	groups  *groups
	nodes   *nodes
}

// peers chooses the routers that Services are announced to: the BGPPeers that the BGPLoadBalancer selects, or the control plane's where there is no
// BGPLoadBalancer or no BGPPeer at all.
func (a *peerReader) peers() []*peer {
	if a.cluster.admin {
		return nil
	}
	forms := a.readPeers()
	balancer, named := a.loadBalancer()
	var out []*peer
	unsure := a.unsure(balancer)
	switch {
	case len(a.cluster.unread) > 0:
		return append(a.spokenWith(forms, nil), a.keptPeers()...)
	case unsure == nil && (balancer == nil || len(a.Peers) == 0):
		if out = a.clusterPeers("this entry is left out"); named != nil {
			a.warn(*named, "spec.peerSelector", problem.NothingSelected,
				"there is no BGPPeer, so Services go to the control plane's peers (bgpPeers of the Cluster); write BGPPeers, or delete this object if these are meant")
			a.mark(*named, PeersFound, problem.NothingSelected, "there is no BGPPeer; the control plane's peers (bgpPeers of the Cluster) are used")
		}
	default:
		var plane []*peer
		if a.cluster.balances {
			plane = a.clusterPeers("it is for the control plane alone, since Services go to BGPPeers")
		}
		from, mistaken := len(a.problems), true
		if unsure != nil {
			a.refuse(unsure.object, unsure.field, problem.NothingSelected, unsure.message)
			if named != nil {
				a.mark(*named, PeersFound, problem.NothingSelected, unsure.message)
			}
		} else {
			out, mistaken = a.selected(balancer, *named, forms)
		}
		to := len(a.problems)
		kept := a.keptPeers()
		if mistaken {
			out = a.spokenWith(forms, plane)
		}
		out = append(out, kept...)
		if mistaken {
			if len(out) > 0 {
				outcome(a.problems[from:to], "Services go to the same routers as before until then")
			} else {
				outcome(a.problems[from:to], "no Service is announced until then")
			}
		}
	}
	for _, form := range forms {
		if !slices.Contains(out, form) {
			a.mark(form.object, SessionsAssigned, problem.NothingSelected, "no BGPLoadBalancer uses it")
		}
	}
	if !a.cluster.balances {
		return nil
	}
	if unsure == nil {
		a.warnLonely(named, out)
	}
	return out
}

// loadBalancer is the BGPLoadBalancer named default, nil where there is none.
func (a *peerReader) loadBalancer() (*networking.BGPLoadBalancer, *problem.Object) {
	i := slices.IndexFunc(a.LoadBalancers, func(b *networking.BGPLoadBalancer) bool { return b.Name == networking.DefaultName })
	left := "this one is left out"
	if i == -1 {
		left += ", so Services go to the control plane's peers (bgpPeers of the Cluster)"
	}
	for j, b := range a.LoadBalancers {
		if j != i {
			a.refuse(networkingObject("BGPLoadBalancer", b), "metadata.name", problem.NotDefault,
				fmt.Sprintf("a BGPLoadBalancer is named default; %s: set metadata.name to default", left))
		}
	}
	if i == -1 {
		return nil, nil
	}
	out := a.LoadBalancers[i]
	o := networkingObject("BGPLoadBalancer", out)
	return out, &o
}

// selected are the peers that the BGPLoadBalancer selects; those that don't go together with older ones leave the forms; true: it selects
// none, which is a mistake, and no reason to tell other routers.
func (a *peerReader) selected(b *networking.BGPLoadBalancer, o problem.Object, forms map[string]*peer) ([]*peer, bool) {
	if len(b.Spec.PeerSelector) == 0 {
		a.refuse(o, "spec.peerSelector", problem.Required,
			"no label is given, so no BGPPeer is selected; write a label that the BGPPeers have, or delete this object to use the control plane's peers")
		a.mark(o, PeersFound, problem.Required, "peerSelector is empty")
		return nil, true
	}
	selector := labels.SelectorFromSet(b.Spec.PeerSelector)
	var out []*peer
	matched := 0
	for _, p := range a.Peers {
		if !selector.Matches(labels.Set(p.Labels)) {
			continue
		}
		matched++
		switch form := forms[p.Name]; {
		case form == nil:
		case a.fits(out, form):
			out = append(out, form)
		default:
			delete(forms, p.Name)
		}
	}
	switch {
	case matched == 0:
		a.refuse(o, "spec.peerSelector", problem.NothingSelected, fmt.Sprintf(
			"%s matches none of %d BGPPeers; label the BGPPeers to use, or correct the selector%s",
			quoteLabels(b.Spec.PeerSelector), len(a.Peers), a.nearest(b.Spec.PeerSelector)))
		a.mark(o, PeersFound, problem.NothingSelected, "no BGPPeer has these labels")
	case len(out) == 0:
		a.warn(o, "spec.peerSelector", problem.NothingSelected, fmt.Sprintf(
			"none of the BGPPeers that it selects can be used (%d), so no Service is announced; mend one of them", matched))
		a.mark(o, PeersFound, problem.NothingSelected, "none of the BGPPeers that have these labels can be used")
	default:
		a.mark(o, PeersFound, "", "")
	}
	return out, matched == 0
}

// spokenWith are the routers, of those that can be used, that there are sessions with: what works stays until a mistake of the BGPLoadBalancer is mended.
func (a *peerReader) spokenWith(forms map[string]*peer, plane []*peer) []*peer {
	var out []*peer
	for _, p := range a.Peers { // oldest first
		if form := forms[p.Name]; form != nil && a.speaks(form) && a.fits(out, form) {
			out = append(out, form)
		}
	}
	for _, form := range plane {
		if a.speaks(form) && !slices.ContainsFunc(out, func(p *peer) bool { return p.ip == form.ip }) {
			out = append(out, form)
		}
	}
	return out
}

func (a *peerReader) speaks(p *peer) bool {
	return slices.ContainsFunc(a.spoken, func(s spoken) bool { return s.peer == p.ip && s.peerASN == p.peerASN && s.localASN == p.localASN })
}

func quoteLabels(set map[string]string) string { return fmt.Sprintf("%q", labels.Set(set).String()) }

// nearest tells which labels BGPPeers do have under the keys that were asked for.
func (a *peerReader) nearest(selector map[string]string) string {
	has := map[string]bool{}
	for _, p := range a.Peers {
		for key := range selector {
			if value, ok := p.Labels[key]; ok {
				has[key+"="+value] = true
			}
		}
	}
	if len(has) == 0 {
		return ""
	}
	return fmt.Sprintf(" (there are %s)", some(slices.Sorted(maps.Keys(has))))
}

// fits tells whether a BGPPeer goes together with older ones. Two for one router may be, to speak with it from groups of their own.
func (a *peerReader) fits(older []*peer, p *peer) bool {
	k := slices.IndexFunc(older, func(o *peer) bool { return o.ip == p.ip })
	if k == -1 {
		return true
	}
	other := older[k]
	switch {
	case other.peerASN != p.peerASN:
		a.refuse(p.object, "spec.peerASN", problem.ConflictingASN, fmt.Sprintf(
			"BGPPeer %q, %s, has the same peerIP %s with AS %d, this one with %d; a router has one AS number: correct one of the two; "+
				"this one is left out until then", other.name, ahead(other.made, p.made), p.ip, other.peerASN, p.peerASN))
		return false
	case other.localASN != p.localASN:
		a.refuse(p.object, "spec.localASN", problem.ConflictingASN, fmt.Sprintf(
			"BGPPeer %q, %s, shows AS %d to the same peerIP %s, this one %d; show a router one AS number; this one is left out until then",
			other.name, ahead(other.made, p.made), other.localASN, p.ip, p.localASN))
		return false
	case other.meets(p):
		a.warn(p.object, "spec.peerIP", problem.ConflictingPeer, fmt.Sprintf(
			"BGPPeer %q has the same peerIP %s; where both ask for a session from one floating IP there is one for both: delete one of the two, "+
				"or keep them apart by gatewayRefs", other.name, p.ip))
	}
	return true
}

// meets tells whether two peers may be spoken to from one floating IP.
func (p *peer) meets(o *peer) bool {
	if p.from == nil || o.from == nil {
		return true
	}
	for name := range p.from {
		if o.from[name] {
			return true
		}
	}
	return false
}

// warnLonely warns of a single router, which may fail, and of none.
func (a *peerReader) warnLonely(balancer *problem.Object, peers []*peer) {
	where, field := a.cluster.object, "spec.loadBalancer.bgpPeers"
	if balancer != nil && len(a.Peers) > 0 {
		where, field = *balancer, "spec.peerSelector"
	}
	ips := map[netip.Addr]bool{}
	for _, p := range peers {
		ips[p.ip] = true
	}
	switch {
	case len(ips) == 1:
		a.warn(cmp.Or(where, peers[0].object), field, problem.NoRedundancy, "there is one router only: while it is away no Service can be reached; peer with two or more")
	case len(ips) == 0 && balancer == nil:
		a.warnCluster(a.cluster, field, problem.Required, "there is no router that Services could be announced to; name at least one")
	}
}
