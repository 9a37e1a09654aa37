package translate

import (
	"fmt"
	"reflect"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// advert is a BGPAdvertisement that lands on this node.
type advert struct {
	name        string
	object      problem.Object
	bits4       int
	bits6       int
	localPref   uint32
	communities communitySet
	// prepend is how often the AS path is lengthened by the session's AS number; 0: not.
	prepend int
	med     *uint32
	// allows is what Services may ask for.
	allows allowList
	// readyOnly leaves out Services whose endpoints are serving at best.
	readyOnly bool
	// peers it names; nil: all.
	peers map[string]bool
	// pools it announces, as indexes into the node's pools.
	pools map[int]bool
	// narrow are pools that it chooses and can't have, since its aggregate reaches beyond them.
	narrow map[int]bool
	// rank decides who stays where two clash: the lower one.
	rank int
	// services choose among the Services of those pools; empty: all.
	services []labels.Selector
}

// reaches tells whether the advertisement goes to a peer.
func (a *advert) reaches(peer string) bool { return a.peers == nil || a.peers[peer] }

// maxCommunities of one advertisement is MetalLB's limit.
const maxCommunities = 63

// advertisements chooses the advertisements that land on this node, oldest first.
func (t *translation) advertisements(peers []peer, pools []pool, aliases map[string]string) []advert {
	var contenders []contender[advert]
	var goods []goodAdvert
	for _, a := range t.snap.Advertisements {
		c, now := t.advertContender(a, pools, aliases)
		if c != nil {
			contenders = append(contenders, *c)
			goods = append(goods, now)
		}
	}
	for _, object := range lost(t, "BGPAdvertisement", t.lastGood.adverts, t.snap.Advertisements) {
		var against issues
		form := newAdvert(object, t.lastGood.adverts[object.Name], pools, &against)
		if !against.refused() {
			t.dropNarrowPools(&form, pools, &against, true)
			contenders, goods = append(contenders, contender[advert]{object: object, good: &form}), append(goods, goodAdvert{})
		}
	}
	var accepted []advert
	conflict := func(a advert) *issue {
		for _, other := range accepted {
			if against := conflictOnPool(&a, &other, pools, peers); against != nil {
				return against
			}
		}
		return nil
	}
	chosen := settle(t, contenders, rules[advert]{conflict: conflict, take: func(a advert) { accepted = append(accepted, a) }, partly: true})
	out := remember(contenders, chosen, goods, t.lastGood.adverts, t.next.adverts)
	rankAll(out, phases(contenders, chosen), t.lastGood.outdone)
	return out
}

// advertContender reads a BGPAdvertisement; nil when it does not select the node.
func (t *translation) advertContender(a *v1beta1.BGPAdvertisement, pools []pool, aliases map[string]string) (*contender[advert], goodAdvert) {
	object := problem.Object{Kind: "BGPAdvertisement", Group: groupMetalLB, Namespace: a.Namespace, Name: a.Name}
	c := &contender[advert]{object: object}
	selected, bad := selects(a.Spec.NodeSelectors, t.snap.Node.Labels)
	if bad != nil {
		c.found.refuse("spec.nodeSelectors"+bad.at, problem.InvalidValue, bad.Error())
	} else if !selected {
		t.seen.fate(object, OtherNodes)
		return nil, goodAdvert{}
	}
	now := goodAdvert{Spec: *a.Spec.DeepCopy()}
	for i, word := range a.Spec.Communities {
		value, known := aliases[word]
		if !known {
			var set communitySet
			if set.add(word) == nil {
				value = word
			} else {
				c.found.refuse(fmt.Sprintf("spec.communities[%d]", i), problem.UnknownCommunity, fmt.Sprintf(
					"%q is neither a community nor an alias that a Community object defines; %s", word, communityForms))
			}
		}
		now.Communities = append(now.Communities, value)
	}
	now.Knobs = knobsOf("BGPAdvertisement", a.Annotations, &c.found)
	if allowed, there := now.Knobs[serviceCommunities]; there {
		now.Knobs[serviceCommunities] = withoutAliases(allowed, aliases)
	}
	form := newAdvert(object, now, pools, &c.found)
	t.warnReferences(a, &c.found)
	warnDuplicates(&c.found, "spec.communities", a.Spec.Communities)
	warnDuplicates(&c.found, "spec.ipAddressPools", a.Spec.IPAddressPools)
	warnDuplicates(&c.found, "spec.ipAddressPoolSelectors", a.Spec.IPAddressPoolSelectors)
	warnDuplicates(&c.found, "spec.peers", a.Spec.Peers)
	warnDuplicates(&c.found, "spec.nodeSelectors", a.Spec.NodeSelectors)
	warnDuplicates(&c.found, "spec.serviceSelectors", a.Spec.ServiceSelectors)
	if !c.found.refused() {
		c.now = &form
	}
	if good := found(t.lastGood.adverts, a.Name); good != nil {
		c.unchanged = c.now != nil && reflect.DeepEqual(now, *good)
		var against issues
		if form := newAdvert(object, *good, pools, &against); !against.refused() {
			c.good = &form
		}
	}
	if c.now != nil {
		t.dropNarrowPools(c.now, pools, &c.found, c.good != nil && !c.unchanged)
		if c.found.refused() && c.good != nil && !c.unchanged {
			c.now = nil
		}
	}
	if c.good != nil {
		var silent issues
		t.dropNarrowPools(c.good, pools, &silent, true)
	}
	return c, now
}

func newAdvert(object problem.Object, in goodAdvert, pools []pool, found *issues) advert {
	spec := &in.Spec
	a := advert{name: object.Name, object: object, localPref: spec.LocalPref, bits4: 32, bits6: 128, pools: map[int]bool{}, narrow: map[int]bool{}}
	a.bits4 = aggregation("spec.aggregationLength", spec.AggregationLength, 32, found)
	a.bits6 = aggregation("spec.aggregationLengthV6", spec.AggregationLengthV6, 128, found)
	if len(spec.ServiceSelectors) > 0 && (a.bits4 != 32 || a.bits6 != 128) {
		found.refuse("spec.serviceSelectors", problem.MutuallyExclusive,
			"an aggregate stands for every Service in it; take serviceSelectors or the aggregation lengths out")
	}
	for _, value := range in.Communities {
		if value != "" {
			// The values were checked where the alias was resolved.
			_ = a.communities.add(value)
		}
	}
	a.communities.sort()
	if len(spec.Communities) > maxCommunities {
		found.refuse("spec.communities", problem.TooLarge, fmt.Sprintf("%d communities; %d at most", len(spec.Communities), maxCommunities))
	}
	a.readKnobs(in.Knobs, found)
	if len(spec.Peers) > 0 {
		a.peers = map[string]bool{}
		for _, p := range spec.Peers {
			a.peers[p] = true
		}
	}
	for i := range spec.ServiceSelectors {
		s, err := metav1.LabelSelectorAsSelector(&spec.ServiceSelectors[i])
		if err != nil {
			found.refuse(fmt.Sprintf("spec.serviceSelectors[%d]", i), problem.InvalidValue, err.Error())
			continue
		}
		a.services = append(a.services, s)
	}
	everyPool := len(spec.IPAddressPools) == 0 && len(spec.IPAddressPoolSelectors) == 0
	for i, p := range pools {
		var chosen bool
		if len(spec.IPAddressPoolSelectors) > 0 {
			matched, err := selects(spec.IPAddressPoolSelectors, p.labels)
			if err != nil {
				found.refuse("spec.ipAddressPoolSelectors"+err.at, problem.InvalidValue, err.Error())
				break
			}
			chosen = matched
		}
		if everyPool || chosen || slices.Contains(spec.IPAddressPools, p.name) {
			a.pools[i] = true
		}
	}
	return a
}

func aggregation(field string, length *int32, full int, found *issues) int {
	if length == nil {
		return full
	}
	if *length < 1 || int(*length) > full {
		found.refuse(field, problem.InvalidValue, fmt.Sprintf("%d is out of range: 1 to %d", *length, full))
		return full
	}
	return int(*length)
}

// dropNarrowPools takes out the pools that have less than the aggregate asks for. Where the advertisement has changed, the change is at
// fault, and its last good form stays; otherwise the advertisement goes on with its other pools.
func (t *translation) dropNarrowPools(a *advert, pools []pool, found *issues, changed bool) {
	for i := range pools {
		if !a.pools[i] {
			continue
		}
		p := &pools[i]
		field, asked, widest := "spec.aggregationLength", a.bits4, p.widest4
		if widest == -1 || asked >= widest {
			field, asked, widest = "spec.aggregationLengthV6", a.bits6, p.widest6
		}
		if widest == -1 || asked >= widest {
			continue
		}
		message := fmt.Sprintf("/%d reaches beyond IPAddressPool %q, whose widest prefix is a /%d; aggregate to /%d or longer", asked, p.name, widest, widest)
		delete(a.pools, i)
		a.narrow[i] = true
		if changed {
			found.refuse(field, problem.OutsidePool, message)
			continue
		}
		// An error too, since the pool is not announced, but one that spares the other pools of the advertisement.
		t.report(a.object, issues{{problem.Error, field, problem.OutsidePool, message}}, "this pool is left out of the advertisement")
	}
}

// warnReferences names pools and peers that don't exist; the advertisement is used for those that do.
func (t *translation) warnReferences(a *v1beta1.BGPAdvertisement, found *issues) {
	for i, name := range a.Spec.IPAddressPools {
		if !slices.ContainsFunc(t.snap.Pools, func(p *v1beta1.IPAddressPool) bool { return p.Name == name }) {
			found.warn(fmt.Sprintf("spec.ipAddressPools[%d]", i), problem.UnknownPool, fmt.Sprintf(
				"IPAddressPool %q does not exist; create it or take the name out", name))
		}
	}
	known := map[string]bool{}
	for _, p := range t.snap.Peers {
		known[p.Name] = true
	}
	for i, name := range a.Spec.Peers {
		if !known[name] {
			found.warn(fmt.Sprintf("spec.peers[%d]", i), problem.UnknownPeer, fmt.Sprintf(
				"BGPPeer %q does not exist; create it or take the name out", name))
		}
	}
}

// conflictOnPool is MetalLB's rule: two advertisements that give one prefix different local preferences, for the same peer, exclude each
// other; so do those with different MEDs or prepending. Not set is no value, so it conflicts with none. Here it decides whether a change is
// taken; which of two counts is decided route by route and peer by peer (contest).
func conflictOnPool(a, b *advert, pools []pool, peers []peer) *issue {
	if len(a.services) > 0 || len(b.services) > 0 || clashing(a, b) == nil {
		return nil
	}
	var both []string
	for _, p := range peers {
		if a.reaches(p.name) && b.reaches(p.name) {
			both = append(both, p.name)
		}
	}
	if len(both) == 0 {
		return nil
	}
	slices.Sort(both)
	for i, p := range pools {
		if !a.pools[i] || !b.pools[i] {
			continue
		}
		if p.widest4 != -1 && a.bits4 == b.bits4 || p.widest6 != -1 && a.bits6 == b.bits6 {
			against := clashIssue(a, b, fmt.Sprintf("IPAddressPool %q", p.name), both)
			return &against
		}
	}
	return nil
}

// clash is an attribute of which a route has one, and to which two advertisements give different values.
type clash struct {
	field, attribute string
	own, other       uint32
}

// clashing finds what two advertisements can't both give to a route; nil: nothing.
func clashing(a, b *advert) *clash {
	switch {
	case a.localPref != 0 && b.localPref != 0 && a.localPref != b.localPref:
		return &clash{"spec.localPref", "local preference", a.localPref, b.localPref}
	case a.med != nil && b.med != nil && *a.med != *b.med:
		return &clash{knobField(medKnob), "MED", *a.med, *b.med}
	case a.prepend != 0 && b.prepend != 0 && a.prepend != b.prepend:
		return &clash{knobField(asPathPrepend), "AS path prepending", uint32(a.prepend), uint32(b.prepend)}
	}
	return nil
}
