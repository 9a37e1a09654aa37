package gateway

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// peer is a router that Services are announced to.
type peer struct {
	object problem.Object
	// name of the BGPPeer; empty: one of the Cluster's bgpPeers.
	name              string
	ip                netip.Addr
	localASN, peerASN uint32
	// sessions is how many are asked for; 0: one for each floating IP.
	sessions int
	// from are the groups whose floating IPs it is spoken to from; nil: all.
	from map[string]bool
}

// peers chooses the routers that Services are announced to: the BGPPeers that the BGPLoadBalancer selects, or the control plane's where there is no
// BGPLoadBalancer or no BGPPeer at all.
func (a *assigner) peers(c clusterForm, g *groups, nodes *nodes) []*peer {
	if c.admin {
		return nil
	}
	forms := a.readPeers(c, g, nodes)
	balancer, named := a.loadBalancer()
	var out []*peer
	switch {
	case balancer == nil || len(a.Peers) == 0:
		if out = a.clusterPeers(c, g, nodes); named != nil {
			a.mark(*named, PeersFound, problem.NothingSelected, "there is no BGPPeer; the control plane's peers (bgpPeers of the Cluster) are used")
		}
	default:
		out = a.selected(balancer, *named, forms)
	}
	for _, form := range forms {
		if !slices.Contains(out, form) {
			a.mark(form.object, SessionsAssigned, problem.NothingSelected, "no BGPLoadBalancer uses it")
		}
	}
	if !c.balances {
		return nil
	}
	a.warnLonely(c, named, out)
	return out
}

// loadBalancer is the BGPLoadBalancer named default, nil where there is none.
func (a *assigner) loadBalancer() (*networking.BGPLoadBalancer, *problem.Object) {
	var out *networking.BGPLoadBalancer
	for _, b := range a.LoadBalancers {
		if b.Name == networking.DefaultName {
			out = b
			continue
		}
		a.refuse(networkingObject("BGPLoadBalancer", b), "metadata.name", problem.NotDefault, "a BGPLoadBalancer is named default; this one is left out: set metadata.name to default")
	}
	if out == nil {
		return nil, nil
	}
	o := networkingObject("BGPLoadBalancer", out)
	return out, &o
}

// selected are the peers that the BGPLoadBalancer selects. One that selects nothing is a mistake, and no reason to tell other routers.
func (a *assigner) selected(b *networking.BGPLoadBalancer, o problem.Object, forms map[string]*peer) []*peer {
	if len(b.Spec.PeerSelector) == 0 {
		a.refuse(o, "spec.peerSelector", problem.Required,
			"no label is given, so no BGPPeer is selected and no Service is announced; write a label that the BGPPeers have, or delete this object to use the control plane's peers")
		a.mark(o, PeersFound, problem.Required, "peerSelector is empty")
		return nil
	}
	selector := labels.SelectorFromSet(b.Spec.PeerSelector)
	var out []*peer
	matched := 0
	for _, p := range a.Peers {
		if !selector.Matches(labels.Set(p.Labels)) {
			continue
		}
		matched++
		if form := forms[p.Name]; form != nil && a.fits(out, form) {
			out = append(out, form)
		}
	}
	switch {
	case matched == 0:
		a.refuse(o, "spec.peerSelector", problem.NothingSelected, fmt.Sprintf(
			"%s matches none of %d BGPPeers, so no Service is announced; label the BGPPeers to use, or correct the selector%s", quoteLabels(b.Spec.PeerSelector), len(a.Peers), a.nearest(b.Spec.PeerSelector)))
		a.mark(o, PeersFound, problem.NothingSelected, "no BGPPeer has these labels")
	case len(out) == 0:
		a.mark(o, PeersFound, problem.NothingSelected, "none of the BGPPeers that have these labels can be used")
	default:
		a.mark(o, PeersFound, "", "")
	}
	return out
}

func quoteLabels(set map[string]string) string { return fmt.Sprintf("%q", labels.Set(set).String()) }

// nearest tells which labels BGPPeers do have under the keys that were asked for.
func (a *assigner) nearest(selector map[string]string) string {
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

// readPeers checks each BGPPeer, selected or not. The forms are by name; those that can't be used are not among them.
func (a *assigner) readPeers(c clusterForm, g *groups, nodes *nodes) map[string]*peer {
	out, spokenTo := make(map[string]*peer, len(a.Peers)), map[netip.Addr]bool{}
	var refused []func()
	for _, p := range a.Peers {
		from := len(a.problems)
		form := a.readPeer(c, p, g)
		remote := form.ip.IsValid() && a.checkRemote(form, "spec.peerIP", g, nodes)
		to := len(a.problems)
		if !problem.AnyError(a.problems[from:to]) {
			out[p.Name], spokenTo[form.ip] = form, true
			continue
		}
		refused = append(refused, func() {
			if last := a.lastGood(form); last == nil || !remote || spokenTo[form.ip] {
				outcome(a.problems[from:to], "it is left out until then")
			} else {
				outcome(a.problems[from:to], "its sessions stay as they are until then")
				out[p.Name], spokenTo[form.ip] = last, true
			}
		})
	}
	for _, settle := range refused { // sessions belong to a peer that can be used, if there is one
		settle()
	}
	return out
}

func (a *assigner) readPeer(c clusterForm, p *networking.BGPPeer, g *groups) *peer {
	out := &peer{object: networkingObject("BGPPeer", p), name: p.Name, localASN: p.Spec.LocalASN, peerASN: p.Spec.PeerASN}
	ip, reason, why := readIPv4(p.Spec.PeerIP)
	if reason != "" {
		a.refuse(out.object, "spec.peerIP", reason, why+"; write the router's IPv4 address")
	} else {
		out.ip = ip
	}
	if out.localASN == 0 {
		a.refuse(out.object, "spec.localASN", problem.Required, "the AS number of the cluster is missing; write that of the Cluster (spec.loadBalancer.localASN)")
	} else if out.peerASN == out.localASN {
		a.refuse(out.object, "spec.peerASN", problem.NotExternal, fmt.Sprintf("AS %d is localASN, too, and sessions are eBGP only; write the router's own AS number", out.peerASN))
	}
	if out.peerASN != out.localASN || out.peerASN == 0 {
		a.checkASN(out, "spec.peerASN", c.localASN(nil))
	}
	if p.Spec.Sessions != nil {
		if out.sessions = int(*p.Spec.Sessions); out.sessions < 1 {
			a.refuse(out.object, "spec.sessions", problem.InvalidValue, fmt.Sprintf("%d sessions are none; write 1 or more, or delete the object", out.sessions))
		}
	}
	if p.Spec.Selectors != nil && len(p.Spec.Selectors.GatewayRefs) > 0 {
		out.from = a.gatewayRefs(out.object, p.Spec.Selectors.GatewayRefs, g)
	}
	return out
}

// checkASN refuses a router without an AS number of its own.
func (a *assigner) checkASN(p *peer, field string, own uint32) {
	switch p.peerASN {
	case 0:
		a.refuse(p.object, field, problem.Required, "the AS number of the router is missing")
	case own:
		a.refuse(p.object, field, problem.NotExternal, fmt.Sprintf("AS %d is the Cluster's own, and sessions are eBGP only; write the router's own AS number", own))
	}
}

// gatewayRefs reads the names of groups. Some that are not there are left out; where none is there, nothing can be done.
func (a *assigner) gatewayRefs(o problem.Object, refs []string, g *groups) map[string]bool {
	out, seen := map[string]bool{}, map[string]bool{}
	known := slices.Sorted(maps.Keys(g.byName))
	var missing []int
	for i, name := range refs {
		switch {
		case seen[name]:
			a.warn(o, gatewayRef(i), problem.DuplicateEntry, fmt.Sprintf("%q stands in the list already; take it out", name))
		case g.byName[name] == nil:
			missing = append(missing, i)
		default:
			out[name] = true
		}
		seen[name] = true
	}
	there := "there is none"
	if len(known) > 0 {
		there = "there are " + some(known)
	}
	for _, i := range missing {
		if len(out) == 0 {
			a.refuse(o, gatewayRef(i), problem.UnknownGateway, fmt.Sprintf("there is no NetworkGatewayGroup %q (%s), so no session can start; correct the name", refs[i], there))
		} else {
			a.warn(o, gatewayRef(i), problem.UnknownGateway, fmt.Sprintf("there is no NetworkGatewayGroup %q (%s); sessions start from the others", refs[i], there))
		}
	}
	return out
}

// outcome adds to errors what became of the object.
func outcome(problems []problem.Problem, what string) {
	for i := range problems {
		if p := &problems[i]; p.Severity == problem.Error {
			p.Message += "; " + what
		}
	}
}

func gatewayRef(i int) string { return fmt.Sprintf("spec.selectors.gatewayRefs[%d]", i) }

// checkRemote refuses a router's address that is the cluster's own.
func (a *assigner) checkRemote(p *peer, field string, g *groups, nodes *nodes) bool {
	_, floating := slices.BinarySearchFunc(g.usable, p.ip, func(f *floatingIP, ip netip.Addr) int { return f.addr.Compare(ip) })
	switch n := nodes.byAddr[p.ip]; {
	case floating:
		a.refuse(p.object, field, problem.AddressInUse, fmt.Sprintf("%s is a floating IP of the cluster; write the router's address", p.ip))
	case n != nil:
		a.refuse(p.object, field, problem.AddressInUse, fmt.Sprintf("%s is the address of node %q; write the router's address", p.ip, n.name))
	default:
		return true
	}
	return false
}

// clusterPeers are the control plane's peers. Which control-plane nodes speak with which does not matter: sessions start from floating IPs.
func (a *assigner) clusterPeers(c clusterForm, g *groups, nodes *nodes) []*peer {
	if c.found == nil || c.found.Spec.LoadBalancer.LocalASN == 0 {
		return nil
	}
	var out []*peer
	for i, p := range c.found.Spec.LoadBalancer.BGPPeers {
		form := &peer{object: c.object, localASN: uint32(c.found.Spec.LoadBalancer.LocalASN), peerASN: uint32(p.ASN)}
		from := len(a.problems)
		a.readClusterPeer(form, p.IP, fmt.Sprintf("spec.loadBalancer.bgpPeers[%d]", i), out, g, nodes)
		outcome(a.problems[from:], "this entry is left out")
		if !problem.AnyError(a.problems[from:]) {
			out = append(out, form)
		}
	}
	return out
}

func (a *assigner) readClusterPeer(p *peer, text, field string, before []*peer, g *groups, nodes *nodes) {
	a.checkASN(p, field+".asn", p.localASN)
	ip, reason, why := readIPv4(text)
	if p.ip = ip; reason != "" {
		a.refuse(p.object, field+".ip", reason, why+"; write the router's IPv4 address")
		return
	}
	a.checkRemote(p, field+".ip", g, nodes)
	i := slices.IndexFunc(before, func(o *peer) bool { return o.ip == ip })
	switch {
	case i == -1:
	case before[i].peerASN != p.peerASN:
		a.refuse(p.object, field+".ip", problem.ConflictingASN, fmt.Sprintf("%s is among bgpPeers already, and with AS %d; a router has one AS number", ip, before[i].peerASN))
	default:
		a.refuse(p.object, field+".ip", problem.DuplicateEntry, fmt.Sprintf("%s is among bgpPeers already; put its controlPlaneNodes into the other entry", ip))
	}
}

// fits tells whether a BGPPeer goes together with older ones. Two for one router may be, to speak with it from groups of their own.
func (a *assigner) fits(older []*peer, p *peer) bool {
	k := slices.IndexFunc(older, func(o *peer) bool { return o.ip == p.ip })
	if k == -1 {
		return true
	}
	other := older[k]
	switch {
	case other.peerASN != p.peerASN:
		a.refuse(p.object, "spec.peerASN", problem.ConflictingASN, fmt.Sprintf(
			"BGPPeer %q, which is older, has the same peerIP %s with AS %d, this one with %d; a router has one AS number: correct one of the two; this one is left out until then", other.name, p.ip, other.peerASN, p.peerASN))
		return false
	case other.localASN != p.localASN:
		a.refuse(p.object, "spec.localASN", problem.ConflictingASN, fmt.Sprintf(
			"BGPPeer %q, which is older, shows AS %d to the same peerIP %s, this one %d; show a router one AS number; this one is left out until then", other.name, other.localASN, p.ip, p.localASN))
		return false
	case other.meets(p):
		a.warn(p.object, "spec.peerIP", problem.ConflictingPeer, fmt.Sprintf(
			"BGPPeer %q has the same peerIP %s; where both ask for a session from one floating IP there is one for both: delete one of the two, or keep them apart by gatewayRefs", other.name, p.ip))
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

// lastGood is the form of a peer that can't be used as it is now, and whose sessions are there: what works stays until the object is mended.
func (a *assigner) lastGood(p *peer) *peer {
	var out *peer
	for _, s := range a.Sessions {
		if ip, err := netip.ParseAddr(s.Spec.PeerIP); err != nil || ip != p.ip || s.Spec.PeerASN == 0 || s.Spec.LocalASN == 0 || s.Spec.PeerASN == s.Spec.LocalASN {
			continue
		}
		if out == nil {
			out = &peer{object: p.object, name: p.name, ip: p.ip, localASN: s.Spec.LocalASN, peerASN: s.Spec.PeerASN}
		}
		out.sessions++
	}
	return out
}

// warnLonely warns of a single router, which may fail, and of none.
func (a *assigner) warnLonely(c clusterForm, balancer *problem.Object, peers []*peer) {
	where, field := c.object, "spec.loadBalancer.bgpPeers"
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
	case len(ips) == 0 && balancer == nil && c.found != nil:
		a.warn(where, field, problem.Required, "there is no router that Services could be announced to; name at least one")
	}
}
