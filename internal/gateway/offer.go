package gateway

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
)

// Offer is something that may be done, though nothing forces it: whoever decides takes it once it was made for long enough without a break (Input.Taken).
type Offer struct {
	Why OfferReason
	// Address goes From a node To another. Of LostLeases there is none: From are the nodes that are taken for dead, To those that live.
	Address  netip.Addr
	From, To string
}

// OfferReason is why something is offered.
type OfferReason string

const (
	// GiveBack: all floating IPs of a group are on one node, and another could hold one: redundancy costs the session of that one for a moment, while others go on.
	GiveBack OfferReason = "GiveBack"
	// NoSession: all sessions of a node are down, and not those of others with the same routers: a move costs nothing.
	NoSession OfferReason = "NoSession"
	// LostLeases: more nodes that hold floating IPs are not heard of than others live, and their kubelets are not heard of either (LeasesLost).
	LostLeases OfferReason = "LostLeases"
)

// offering looks for offers. All of it goes by what is now, so an offer that is made no more was overtaken.
type offering struct {
	placer placer
	*assigner
	groups *groups
	told   map[*floatingIP][]told
}

// told is what a node tells of a session from a floating IP that it has.
type told struct {
	peer netip.Addr
	// known: the node itself has told. up: the session is Established, and the node's lease is live.
	known, up bool
}

// offer finds what may be done, and does what was taken.
func (a *assigner) offer(p placer, g *groups) {
	o := offering{p, a, g, map[*floatingIP][]told{}}
	if !p.believed || a.doubted() {
		return
	}
	o.listen()
	var found []Offer
	for _, n := range p.nodes.all {
		found = append(found, o.idle(n)...)
	}
	for _, one := range g.all {
		if len(found) == 0 {
			found = o.giveBack(one)
		}
	}
	a.offers = append(a.offers, found...)
	for _, f := range g.order {
		for _, one := range found {
			if one.Address == f.addr && slices.Contains(a.Taken, one) {
				f.node.floating--
				f.give(p.nodes.byName[one.To])
			}
		}
	}
}

// doubted tells whether leases were lost of more nodes than live, whether that was believed or not: one thing at a time.
func (a *assigner) doubted() bool { return len(a.offers) > 0 }

// listen notes what nodes tell of the sessions of the floating IPs that they have.
func (o *offering) listen() {
	for key, s := range o.sessionsBefore() {
		for _, f := range o.groups.order {
			if f.addr == key.floating && f.node != nil && f.node.name == s.Spec.NodeName {
				known := !s.Status.LastReportTime.IsZero()
				up := known && s.Status.State == networking.SessionEstablished && f.node.lease == LeaseLive
				o.told[f] = append(o.told[f], told{key.peer, known, up})
			}
		}
	}
}

// held tells whether a floating IP is where it is to be, with a node that lives, and nowhere else.
func (o *offering) held(f *floatingIP) bool {
	n := f.node
	if n == nil || f.was != n.name || n.lease != LeaseLive || !n.answers[f.addr] || o.placer.fault(f, n) != "" {
		return false
	}
	return !slices.ContainsFunc(o.placer.nodes.all, func(other *node) bool { return other != n && other.answers[f.addr] })
}

// quiet tells whether nothing is under way anywhere, and no fault is known: every holder lives and no agent of a node that is Ready was lost.
func (o *offering) quiet() bool {
	for _, f := range o.groups.order {
		if f.node == nil || o.held(f) {
			continue
		}
		if _, conflict := f.node.conflicts[f.addr]; !conflict && !f.node.refused(f) { // which may last
			return false
		}
	}
	return !slices.ContainsFunc(o.placer.nodes.all, func(n *node) bool { return n.ready && n.lease == LeaseExpired })
}

// giveBack offers to move one of a group's floating IPs away from the node that has them all: the one whose move takes the fewest routers their only
// session, then the fewest sessions, then the last of the list. None is offered that would leave no session at all.
func (o *offering) giveBack(g *group) []Offer {
	if g.refused || g.only() == nil || !o.quiet() || slices.ContainsFunc(g.list, func(f *floatingIP) bool { return !o.held(f) }) {
		return nil
	}
	var best []Offer
	var least [2]int
	for _, f := range slices.Backward(g.list) {
		to := o.spare(f, func(n *node) bool { return !o.Barred[n.name] && len(n.refuses) == 0 && !o.allDown(n) })
		alone, up := o.cost(f)
		if to == nil || up > 0 && !o.goesOn(f) {
			continue
		}
		if cost := [2]int{alone, up}; best == nil || slices.Compare(cost[:], least[:]) < 0 {
			best, least = []Offer{{GiveBack, f.addr, f.node.name, to.name}}, cost
		}
	}
	return best
}

// spare is the best node that could have a floating IP instead, of those that are known to live and that may.
func (o *offering) spare(f *floatingIP, may func(*node) bool) *node {
	var best *node
	for _, n := range o.placer.nodes.all { // by name
		if n != f.node && n.lease == LeaseLive && o.placer.obstacle(f, n) == "" && may(n) && (best == nil || n.before(best)) {
			best = n
		}
	}
	return best
}

// cost is how many routers have no other session than that of a floating IP, and how many it has.
func (o *offering) cost(f *floatingIP) (alone, up int) {
	for _, s := range o.told[f] {
		if !s.up {
			continue
		}
		up++
		if !o.any(func(other *floatingIP, t told) bool { return other != f && t.up && t.peer == s.peer }) {
			alone++
		}
	}
	return alone, up
}

// goesOn tells whether any session is up beside those of a floating IP.
func (o *offering) goesOn(f *floatingIP) bool {
	return o.any(func(other *floatingIP, t told) bool { return other != f && t.up })
}

func (o *offering) any(is func(*floatingIP, told) bool) bool {
	for f, all := range o.told {
		if slices.ContainsFunc(all, func(t told) bool { return is(f, t) }) {
			return true
		}
	}
	return false
}

// allDown tells whether a node tells of its sessions, and none is up.
func (o *offering) allDown(n *node) bool {
	down := o.any(func(f *floatingIP, t told) bool { return f.node == n && t.known })
	return down && !o.any(func(f *floatingIP, t told) bool { return f.node == n && t.up })
}

// idle offers to move the floating IPs of a node none of whose sessions is up, where one of another node with the same routers is. Where no other node
// speaks with them nobody knows whether it is the node or the routers: then one goes, to see.
func (o *offering) idle(n *node) []Offer {
	var mine []*floatingIP
	for _, f := range o.groups.order {
		if f.node != n {
			continue
		}
		if !o.held(f) || slices.ContainsFunc(o.told[f], func(t told) bool { return !t.known || t.up }) {
			return nil
		}
		if len(o.told[f]) > 0 && !f.group.refused {
			mine = append(mine, f)
		}
	}
	same := func(f *floatingIP, t told) bool {
		return f.node != n && slices.ContainsFunc(mine, func(m *floatingIP) bool {
			return slices.ContainsFunc(o.told[m], func(own told) bool { return own.peer == t.peer })
		})
	}
	up := o.any(func(f *floatingIP, t told) bool { return t.up && same(f, t) })
	if !up && len(mine) > 0 {
		if o.any(same) {
			return nil
		}
		mine = mine[len(mine)-1:]
	}
	return o.leave(mine, func(to *node) bool {
		return o.any(func(f *floatingIP, t told) bool { return f.node == to && t.up && same(f, t) })
	})
}

// leave offers to move floating IPs to nodes that are proven, where there are any, otherwise to those of which nothing bad is known.
func (o *offering) leave(all []*floatingIP, proven func(*node) bool) []Offer {
	var out []Offer
	for _, f := range all {
		to := o.spare(f, proven)
		if to == nil {
			to = o.spare(f, func(n *node) bool { return !o.allDown(n) })
		}
		if to != nil {
			out = append(out, Offer{NoSession, f.addr, f.node.name, to.name})
		}
	}
	return out
}

// offerBelief offers to take nodes for dead of which too many were lost at once, and tells whether that was taken: where no kubelet of theirs is heard of either, and
// another node lives that can take what one of them holds.
func (a *assigner) offerBelief(g *groups, nodes *nodes, expired []string) bool {
	if slices.ContainsFunc(expired, func(name string) bool { return nodes.byName[name].ready }) {
		return false
	}
	p := placer{nodes: nodes, believed: true}
	var live []string
	able := false
	for _, n := range nodes.all {
		if n.lease != LeaseLive {
			continue
		}
		live = append(live, n.name)
		able = able || slices.ContainsFunc(g.order, func(f *floatingIP) bool {
			return !f.group.refused && slices.Contains(expired, f.was) && p.obstacle(f, n) == ""
		})
	}
	if !able {
		return false
	}
	one := Offer{Why: LostLeases, From: strings.Join(expired, ","), To: strings.Join(live, ",")}
	a.offers = append(a.offers, one)
	return slices.Contains(a.Taken, one)
}

// sortedOffers are the offers in an order that means nothing.
func sortedOffers(all []Offer) []Offer {
	slices.SortFunc(all, func(x, y Offer) int {
		return cmp.Or(strings.Compare(string(x.Why), string(y.Why)), x.Address.Compare(y.Address))
	})
	return all
}
