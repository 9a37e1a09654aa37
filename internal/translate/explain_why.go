package translate

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/internal/iprange"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// Verdict is what a BGPAdvertisement has to do with a Service on a node.
type Verdict string

const (
	Used          Verdict = "used"
	NotThisNode   Verdict = "otherNodes"    // its nodeSelectors don't select the node
	NotUsable     Verdict = "leftOut"       // it can't be used
	NotThisPool   Verdict = "otherPools"    // it chooses other pools
	BeyondPool    Verdict = "outsidePool"   // its aggregate reaches beyond the pool
	NotTheService Verdict = "otherServices" // its serviceSelectors don't select the Service
	Outdone       Verdict = "outdone"       // others stay in its place, wherever it goes
	NotReady      Verdict = "notReady"      // the endpoint policy wants an endpoint that is ready
)

// AdvertisementAnswer is a BGPAdvertisement, as far as a Service on a node is concerned.
type AdvertisementAnswer struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Why     string  `json:"why,omitempty"`
}

// Meaning says in a sentence what a reason means for any Service, and what to change.
func (r Reason) Meaning() string { return meanings[r] }

var meanings = map[Reason]string{
	Announced: "the node announces it",
	NoPeer:    "the node announces it, and has no session that gets it; ask for one of the Services",
	NoIPAllocated: "status.loadBalancer.ingress is empty: MetalLB's controller has given it no address; look at the Service's Events, and whether an " +
		"IPAddressPool has addresses left for it",
	InvalidIP:    "status.loadBalancer.ingress holds something else than an address; let MetalLB's controller set it",
	IPNotAllowed: "its addresses do not all lie in one usable IPAddressPool; add them to a pool, or let MetalLB's controller give it others",
	NotOwner:     "no BGPAdvertisement on this node chooses its IPAddressPool; name the pool in one, or let its nodeSelectors select the node",
	NoMatchingAdvertisement: "the BGPAdvertisements of its IPAddressPool take Services by serviceSelectors, and none takes this one; label the Service " +
		"or widen the selectors",
	NodeNetworkUnavailable: "the node's condition NetworkUnavailable is True; see why its network plugin says so",
	NodeExcluded: "the node has the label node.kubernetes.io/exclude-from-external-load-balancers; remove it, or run with --ignore-exclude-lb " +
		"where it is not meant for BGP",
	NoEndpoints:      "no endpoint of the Service is ready or serving, on any node; look at its selector and its pods",
	NoLocalEndpoints: "externalTrafficPolicy is Local, and no endpoint on this node is ready or serving; run a pod here, or set Cluster",
	NoReadyEndpoints: "the endpoints that count are serving, and none is ready, which " + snapshot.AnnotationPrefix + endpointPolicy + " asks for; look at the " +
		"readiness of the pods, or set " + readyOrServing,
	NoSession:    "the BGPPeer's nodeSelectors don't select the node",
	PeerLeftOut:  "the BGPPeer can't be used",
	OtherFamily:  "the session does not carry the prefix's family",
	PeerNotNamed: "the BGPAdvertisements name other peers",
}

// why says what to change for a Service to be announced from the node.
func (e *Explanation) why(s *judged) string {
	switch s.reason {
	case Announced:
		return ""
	case InvalidIP:
		return e.against(problem.Object{Kind: "Service", Namespace: s.Namespace, Name: s.Name}) + "; let MetalLB's controller set it"
	case IPNotAllowed:
		// In GDC mode the address may well lie in a pool of the Cluster, so nothing is wrong with it.
		against := cmp.Or(e.against(problem.Object{Kind: "Service", Namespace: s.Namespace, Name: s.Name}), s.reason.Meaning())
		return against + e.strayHint(s)
	case NotOwner:
		name := e.seen.pools[s.places[0].entry.pool].name
		if len(e.snap.Advertisements) == 0 {
			return fmt.Sprintf("there is no BGPAdvertisement; create one that chooses IPAddressPool %q", name)
		}
		return fmt.Sprintf("no BGPAdvertisement on this node chooses IPAddressPool %q; name the pool in one, or let its nodeSelectors select the node", name)
	case NoLocalEndpoints:
		if !s.Endpoints {
			return "externalTrafficPolicy is Local, and no endpoint is ready or serving on any node; look at the Service's selector and its pods"
		}
	}
	return s.reason.Meaning()
}

// against are the problems of an object in one sentence.
func (e *Explanation) against(object problem.Object) string {
	var out []string
	for _, p := range e.Problems {
		if p.Object != object {
			continue
		}
		if p.Field == "" {
			out = append(out, p.Message)
		} else {
			out = append(out, p.Field+": "+p.Message)
		}
	}
	return strings.Join(out, "; ")
}

// strayHint names the pool that an address without one was meant to lie in.
func (e *Explanation) strayHint(s *judged) string {
	index := newPoolIndex(e.seen.pools)
	for _, text := range s.Ingress {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			continue
		}
		addr = addr.Unmap()
		if _, err := index.find(addr); err == nil {
			continue
		}
		for _, p := range e.seen.allPools {
			if slices.ContainsFunc(p.ranges, func(r iprange.Range) bool { return r.Contains(addr) }) {
				return fmt.Sprintf("; IPAddressPool %q has it, but can't be used as it is: %s", p.name, e.against(e.metallb("IPAddressPool", p.name)))
			}
		}
		if name, r, ok := nearest(e.seen.pools, addr); ok {
			return fmt.Sprintf("; the nearest is IPAddressPool %q with %s: add the address to a pool, or let MetalLB's controller give the Service another", name, r)
		}
		return "; there is no usable IPAddressPool of that family: create one"
	}
	return "" // its addresses lie in several pools, and the problem says so
}

// nearest is the pool entry with the least distance to an address that lies in none.
func nearest(pools []pool, addr netip.Addr) (name string, at iprange.Range, ok bool) {
	var least *big.Int
	for _, p := range pools {
		for _, r := range p.ranges {
			if r.First.Is4() != addr.Is4() {
				continue
			}
			far := gap(r.First, addr)
			if r.Last.Less(addr) {
				far = gap(addr, r.Last)
			}
			if least == nil || far.Cmp(least) < 0 {
				least, name, at, ok = far, p.name, r, true
			}
		}
	}
	return name, at, ok
}

func gap(a, b netip.Addr) *big.Int {
	out := new(big.Int).Sub(new(big.Int).SetBytes(a.AsSlice()), new(big.Int).SetBytes(b.AsSlice()))
	return out.Abs(out)
}

// advertisements says of each BGPAdvertisement what it has to do with a Service that lies in a pool.
func (e *Explanation) advertisements(s *judged) []AdvertisementAnswer {
	forms := map[string]*advert{}
	names := map[string]*v1beta1.BGPAdvertisement{}
	for _, a := range e.snap.Advertisements {
		names[a.Name] = a
	}
	for i := range e.seen.adverts {
		a := &e.seen.adverts[i]
		forms[a.name] = a
		if names[a.name] == nil { // its document can't be read
			names[a.name] = nil
		}
	}
	var out []AdvertisementAnswer
	for _, name := range slices.Sorted(maps.Keys(names)) {
		out = append(out, e.advertisement(name, names[name], forms[name], s))
	}
	return out
}

func (e *Explanation) advertisement(name string, object *v1beta1.BGPAdvertisement, form *advert, s *judged) AdvertisementAnswer {
	index := s.places[0].entry.pool
	answer := AdvertisementAnswer{Name: name, Why: e.against(e.metallb("BGPAdvertisement", name))}
	switch {
	case form == nil && e.seen.fates[e.metallb("BGPAdvertisement", name)] == OtherNodes:
		answer.Verdict, answer.Why = NotThisNode, e.otherNodes(object.Spec.NodeSelectors)
	case form == nil:
		answer.Verdict = NotUsable
	case form.narrow[index]:
		answer.Verdict = BeyondPool
	case !form.pools[index]:
		answer.Verdict, answer.Why = NotThisPool, fmt.Sprintf("it does not choose IPAddressPool %q", e.seen.pools[index].name)
	case !form.takes(s.Labels):
		answer.Verdict, answer.Why = NotTheService, "its serviceSelectors don't select the Service's labels"
	case form.wantsReady(s.Service) && !ready(s.Service):
		answer.Verdict, answer.Why = NotReady, NoReadyEndpoints.Meaning()
	case e.outdone(s, name):
		answer.Verdict = Outdone
	default:
		answer.Verdict = Used
	}
	return answer
}

// outdone tells whether the Service is announced, and an advertisement that asks for it counts towards nobody.
func (e *Explanation) outdone(s *judged, name string) bool {
	return s.reason == Announced && !slices.ContainsFunc(s.prefixes(), func(prefix netip.Prefix) bool {
		return slices.ContainsFunc(e.classes[prefix].adverts, func(i int) bool { return e.seen.adverts[i].name == name })
	})
}

// whyWithout names the advertisements that are left out towards a peer.
func (e *Explanation) whyWithout(losers []outdone) string {
	var out []string
	for _, o := range losers {
		clash := clashing(&e.seen.adverts[o.loser], &e.seen.adverts[o.winner])
		out = append(out, fmt.Sprintf("BGPAdvertisement %s is left out towards this peer: %s asks for %s %d, it for %d",
			e.seen.adverts[o.loser].name, e.seen.adverts[o.winner].name, clash.attribute, clash.other, clash.own))
	}
	return strings.Join(out, "; ")
}

// whyPeer says why a BGPPeer has no session, or another than it asks for.
func (e *Explanation) whyPeer(name string) string {
	if e.seen.fates[e.metallb("BGPPeer", name)] != OtherNodes {
		return e.against(e.metallb("BGPPeer", name))
	}
	for _, p := range e.snap.Peers {
		if p.Name == name {
			return e.otherNodes(p.Spec.NodeSelectors)
		}
	}
	return NoSession.Meaning()
}

// otherNodes compares selectors with the node's labels.
func (e *Explanation) otherNodes(selectors []metav1.LabelSelector) string {
	var wanted []string
	keys := map[string]bool{}
	for i := range selectors {
		wanted = append(wanted, metav1.FormatLabelSelector(&selectors[i]))
		for k := range selectors[i].MatchLabels {
			keys[k] = true
		}
		for _, x := range selectors[i].MatchExpressions {
			keys[x.Key] = true
		}
	}
	var has []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if value, ok := e.snap.Node.Labels[k]; ok {
			has = append(has, k+"="+value)
		} else {
			has = append(has, "no "+k)
		}
	}
	return fmt.Sprintf("its nodeSelectors ask for %s; this node has %s", strings.Join(wanted, " or "), strings.Join(has, ", "))
}

// whyNot says why a peer of the node does not get a prefix of it.
func (e *Explanation) whyNot(reason Reason, p peer, c *class) string {
	if reason == OtherFamily {
		family, other := "IPv4", "IPv6"
		if p.neighbor.IPv6 {
			family, other = other, family
		}
		return fmt.Sprintf("the session carries %s only; set dualStackAddressFamily, or add a BGPPeer with an %s address", family, other)
	}
	var names []string
	for _, i := range c.adverts {
		names = append(names, e.seen.adverts[i].name)
	}
	slices.Sort(names)
	return fmt.Sprintf("BGPAdvertisement %s names other peers; add %q to spec.peers of one, or leave peers out for all", strings.Join(names, ", "), p.name)
}
