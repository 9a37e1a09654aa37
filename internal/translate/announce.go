package translate

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// Reason is why a Service is announced from this node or not. The words are MetalLB's where it has one.
type Reason string

const (
	Announced               Reason = "announced"
	NoIPAllocated           Reason = "noIPAllocated"
	InvalidIP               Reason = "invalidIP"
	IPNotAllowed            Reason = "ipNotAllowed"
	NotOwner                Reason = "notOwner"
	NoMatchingAdvertisement Reason = "noMatchingAdvertisement"
	NodeNetworkUnavailable  Reason = "nodeNetworkUnavailable"
	NodeExcluded            Reason = "nodeLabeledExcludeBalancers"
	NoEndpoints             Reason = "noEndpoints"
	NoLocalEndpoints        Reason = "noLocalEndpoints"
	NoReadyEndpoints        Reason = "noReadyEndpoints" // serving ones, which the endpoint policy does not count
)

// Announcement is what was decided for one Service.
type Announcement struct {
	Namespace string
	Name      string
	// UID of the Service; empty where a manifest has none.
	UID    types.UID
	Reason Reason
	// Peers are the names of the BGPPeers that this node announces the Service to, sorted; Services of one kind share the slice, so nobody may
	// change it. A Service whose address another one shares is announced to those of both, as FRR announces the prefix. It is empty where
	// nobody is to be told of a Service that is Announced otherwise.
	Peers []string
}

// advertSet is a set of advertisements, and of communities that Services ask for: the indexes of the former, the numbers of the latter (from
// firstAsk on), in order, two bytes each. It is a string to be a map's key.
type advertSet string

const firstAsk = 0x8000

func newAdvertSet(indexes []int) advertSet {
	b := make([]byte, 0, 2*len(indexes))
	for _, i := range indexes {
		b = binary.BigEndian.AppendUint16(b, uint16(i))
	}
	return advertSet(b)
}

// elements are the indexes of the advertisements, and behind them the numbers of the communities.
func (s advertSet) elements() []int {
	out := make([]int, 0, len(s)/2)
	for i := 0; i < len(s); i += 2 {
		out = append(out, int(binary.BigEndian.Uint16([]byte(s[i:i+2]))))
	}
	return out
}

// indexes are those of the advertisements.
func (s advertSet) indexes() []int {
	all := s.elements()
	n, _ := slices.BinarySearch(all, firstAsk)
	return all[:n]
}

// asked are the communities of the set, among all.
func (s advertSet) asked(all []ask) []ask {
	var out []ask
	for _, n := range s.elements()[len(s.indexes()):] {
		out = append(out, all[n-firstAsk])
	}
	return out
}

func (s advertSet) union(o advertSet) advertSet {
	if s == o {
		return s
	}
	all := append(s.elements(), o.elements()...)
	slices.Sort(all)
	return newAdvertSet(slices.Compact(all))
}

// route is a prefix, and the advertisements by which it is announced.
type route struct {
	prefix netip.Prefix
	set    advertSet
	ranks  rankSet
}

func (r route) kind() kind { return kind{r.set, r.ranks} }

// announced is what this node announces.
type announced struct {
	// routes are sorted as FRR sorts networks, each prefix once.
	routes []route
	// standing are the sets that a Service of a pool would have whatever its labels: their classes are there before the first Service
	// and stay after the last, so that either is one line.
	standing []advertSet
	// example is a Service of each set, to name in problems.
	example map[advertSet]string
	// standingPool is a pool of each standing set, likewise.
	standingPool map[advertSet]string
	services     []Announcement
	// asked are what the Services ask for, one Service after the other: that of services[i] ends at ends[i]. routeOf tells which of routes each
	// has become.
	asked   []route
	ends    []int
	routeOf []int32
	// asks are the communities that Services ask for and get; those of a set are numbered from firstAsk on.
	asks []ask
}

// announcer decides Service by Service.
type announcer struct {
	*translation
	pools   []pool
	index   poolIndex
	adverts []advert
	// byPool are the advertisements of each pool, and plain those of them that take every Service of the pool, by prefix length.
	byPool map[int][]int
	plain  map[int]*plainPool
	out    announced
	ragged map[string]bool
	// aliases of communities; read are the annotations that ask for communities, by their text; asking are the Services that do.
	aliases   map[string]string
	read      map[string]readAsk
	asking    []asking
	askNumber map[ask]int
	permits   map[permitKey]*permit
	unions    map[[2]advertSet]advertSet
	// buffer holds the places of the Service that is being decided.
	buffer [4]place
}

// plainPool is the common case: every advertisement of the pool takes every Service.
type plainPool struct{ v4, v6 []aggregate }

// aggregate is a prefix length, and the advertisements that use it.
type aggregate struct {
	bits int
	set  advertSet
}

// announce decides which Services this node announces, in MetalLB's order of rules.
func (t *translation) announce(pools []pool, adverts []advert, aliases map[string]string) announced {
	a := announcer{
		translation: t,
		pools:       pools,
		index:       newPoolIndex(pools),
		adverts:     adverts,
		byPool:      map[int][]int{},
		plain:       map[int]*plainPool{},
		ragged:      map[string]bool{},
		aliases:     aliases,
		read:        map[string]readAsk{},
		askNumber:   map[ask]int{},
		permits:     map[permitKey]*permit{},
		unions:      map[[2]advertSet]advertSet{},
		out: announced{
			example:      map[advertSet]string{},
			standingPool: map[advertSet]string{},
			services:     make([]Announcement, 0, len(t.snap.Services)),
			asked:        make([]route, 0, len(t.snap.Services)),
			ends:         make([]int, 0, len(t.snap.Services)),
		},
	}
	for i := range pools {
		plain := true
		for j := range adverts {
			if adverts[j].pools[i] {
				a.byPool[i] = append(a.byPool[i], j)
				plain = plain && len(adverts[j].services) == 0
			}
		}
		if plain {
			a.plain[i] = &plainPool{v4: a.aggregates(a.byPool[i], true), v6: a.aggregates(a.byPool[i], false)}
			a.stand(&pools[i], a.plain[i])
		}
	}
	for i := range t.snap.Services {
		s := &t.snap.Services[i]
		a.out.services = append(a.out.services, Announcement{Namespace: s.Namespace, Name: s.Name, UID: s.UID, Reason: a.decide(s)})
		a.out.ends = append(a.out.ends, len(a.out.asked))
		a.serviceKnobs(s)
	}
	a.out.merge()
	a.grant()
	return a.out
}

// stand notes the sets of a pool.
func (a *announcer) stand(p *pool, plain *plainPool) {
	var sets []aggregate
	if p.widest4 != -1 {
		sets = append(sets, plain.v4...)
	}
	if p.widest6 != -1 {
		sets = append(sets, plain.v6...)
	}
	for _, g := range sets {
		a.out.standing = append(a.out.standing, g.set)
		if _, ok := a.out.standingPool[g.set]; !ok {
			a.out.standingPool[g.set] = p.name
		}
	}
}

// what the advertisements of a set announce, to name in problems.
func (a *announced) what(set advertSet) string {
	if pool, ok := a.standingPool[set]; ok {
		return fmt.Sprintf("IPAddressPool %q", pool)
	}
	return "the addresses of Service " + a.example[set]
}

// aggregates groups advertisements by the prefix length that they ask for.
func (a *announcer) aggregates(adverts []int, v4 bool) []aggregate {
	byBits := map[int][]int{}
	for _, i := range adverts {
		bits := a.adverts[i].bits6
		if v4 {
			bits = a.adverts[i].bits4
		}
		byBits[bits] = append(byBits[bits], i)
	}
	out := make([]aggregate, 0, len(byBits))
	for bits, indexes := range byBits {
		out = append(out, aggregate{bits, newAdvertSet(indexes)})
	}
	return out
}

// decision is what becomes of a Service on this node. What the rules that were not asked would need is left empty.
type decision struct {
	reason Reason
	// places are the addresses of the Service, all in one pool.
	places []place
	// v4 and v6 are the advertisements that take the Service, by prefix length.
	v4, v6 []aggregate
}

func (a *announcer) decide(s *snapshot.Service) Reason {
	d := a.judge(s, a.buffer[:0])
	a.seen.service(s, d)
	if d.reason != Announced {
		return d.reason
	}
	asks := a.asks(s)
	for _, p := range d.places {
		for _, g := range d.of(p) {
			a.note(s, asks, a.add(s, p, g))
		}
	}
	return Announced
}

// judge asks MetalLB's rules in MetalLB's order. It writes the addresses into buffer.
func (a *announcer) judge(s *snapshot.Service, buffer []place) decision {
	if len(s.Ingress) == 0 {
		return decision{reason: NoIPAllocated}
	}
	places, reason := a.locate(s, buffer)
	if reason != "" {
		return decision{reason: reason}
	}
	pool := places[0].entry.pool
	if len(a.byPool[pool]) == 0 {
		return decision{reason: NotOwner, places: places}
	}
	d := decision{reason: Announced, places: places}
	d.v4, d.v6 = a.match(s, pool)
	switch {
	case len(d.v4) == 0 && len(d.v6) == 0:
		d.reason = NoMatchingAdvertisement
	case a.snap.Node.NetworkUnavailable:
		d.reason = NodeNetworkUnavailable
	case a.snap.Node.Excluded:
		d.reason = NodeExcluded
	case s.LocalOnly && !s.LocalEndpoints:
		d.reason = NoLocalEndpoints
	case !s.LocalOnly && !s.Endpoints:
		d.reason = NoEndpoints
	default:
		a.keepReady(s, &d)
	}
	return d
}

// of are the advertisements of the decision that an address is announced by.
func (d *decision) of(p place) []aggregate {
	if p.addr.Is4() {
		return d.v4
	}
	return d.v6
}

// place is an ingress address, and the entry of a pool that holds it.
type place struct {
	addr  netip.Addr
	entry poolEntry
}

// locate finds the pool of a Service: the one that holds all its addresses.
func (a *announcer) locate(s *snapshot.Service, places []place) ([]place, Reason) {
	for i, text := range s.Ingress {
		field := func() string { return fmt.Sprintf("status.loadBalancer.ingress[%d]", i) }
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			a.warnService(s, field()+".ip", problem.InvalidIngress, fmt.Sprintf("%q is not an IP address; the Service is not announced", text))
			return nil, InvalidIP
		}
		addr = addr.Unmap()
		entry, err := a.index.find(addr)
		if err != nil && a.snap.Gateway != nil {
			return nil, IPNotAllowed // other pools may hold it, and it is told where none does
		}
		if err != nil {
			a.warnService(s, field()+".ip", problem.NotInAnyPool, fmt.Sprintf("%s lies in no usable IPAddressPool; the Service is not announced", addr))
			return nil, IPNotAllowed
		}
		if len(places) > 0 && places[0].entry.pool != entry.pool {
			a.warnService(s, field()+".ip", problem.NotInAnyPool, fmt.Sprintf(
				"%s lies in IPAddressPool %q and %s in %q; a Service is announced only when all its addresses lie in one pool",
				addr, a.pools[entry.pool].name, places[0].addr, a.pools[places[0].entry.pool].name))
			return nil, IPNotAllowed
		}
		places = append(places, place{addr, entry})
	}
	return places, ""
}

func (a *announcer) warnService(s *snapshot.Service, field string, reason problem.Reason, message string) {
	a.report(serviceObject(s),
		issues{{problem.Warning, field, reason, message}}, "")
}

// match finds the advertisements of the pool that take the Service, by prefix length.
func (a *announcer) match(s *snapshot.Service, pool int) (v4, v6 []aggregate) {
	if p := a.plain[pool]; p != nil {
		return p.v4, p.v6
	}
	var matched []int
	for _, i := range a.byPool[pool] {
		if a.adverts[i].takes(s.Labels) {
			matched = append(matched, i)
		}
	}
	if len(matched) == 0 {
		return nil, nil
	}
	return a.aggregates(matched, true), a.aggregates(matched, false)
}

func (a *advert) takes(set map[string]string) bool {
	if len(a.services) == 0 {
		return true
	}
	return slices.ContainsFunc(a.services, func(s labels.Selector) bool { return s.Matches(labels.Set(set)) })
}

// prefix is the address with so many bits, as it is announced. It never reaches beyond the pool: at the ragged edge of a range it is the
// largest prefix that lies inside.
func (p place) prefix(bits int) netip.Prefix {
	if bits == p.addr.BitLen() {
		return netip.PrefixFrom(p.addr, bits)
	}
	if widest := block(p.entry.Range, p.addr); widest.Bits() > bits {
		return widest
	}
	return netip.PrefixFrom(p.addr, bits).Masked()
}

// add announces one address by one prefix length, and returns its place among what is asked for.
func (a *announcer) add(s *snapshot.Service, p place, g aggregate) int {
	prefix := p.prefix(g.bits)
	if prefix.Bits() > g.bits {
		a.warnRagged(g, p, prefix)
	}
	a.out.asked = append(a.out.asked, route{prefix: prefix, set: g.set})
	if _, ok := a.out.example[g.set]; !ok {
		a.out.example[g.set] = s.Namespace + "/" + s.Name
	}
	return len(a.out.asked) - 1
}

// merge makes routes of what is asked for: Services that share a prefix are announced by the advertisements of all of them.
func (a *announced) merge() {
	order := make([]int32, len(a.asked))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(i, j int32) int { return cmp.Or(comparePrefixes(a.asked[i].prefix, a.asked[j].prefix), int(i-j)) })
	a.routes, a.routeOf = make([]route, 0, len(a.asked)), make([]int32, len(a.asked))
	for _, i := range order {
		one := a.asked[i]
		if last := len(a.routes) - 1; last < 0 || a.routes[last].prefix != one.prefix {
			a.routes = append(a.routes, one)
		} else if set := a.routes[last].set.union(one.set); set != a.routes[last].set {
			a.routes[last].set = set
			if _, ok := a.example[set]; !ok {
				a.example[set] = a.asker(int(i))
			}
		}
		a.routeOf[i] = int32(len(a.routes) - 1)
	}
}

// asker names the Service that asks for asked[i].
func (a *announced) asker(i int) string {
	at, _ := slices.BinarySearch(a.ends, i+1)
	return a.services[at].Namespace + "/" + a.services[at].Name
}

// comparePrefixes orders prefixes as FRR prints them.
func comparePrefixes(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}

func (a *announcer) warnRagged(g aggregate, p place, block netip.Prefix) {
	for _, i := range g.set.indexes() {
		advert := &a.adverts[i]
		key := advert.name + "\n" + block.String()
		if a.ragged[key] {
			continue
		}
		a.ragged[key] = true
		field := "spec.aggregationLengthV6"
		if p.addr.Is4() {
			field = "spec.aggregationLength"
		}
		a.report(advert.object, issues{{problem.Warning, field, problem.OutsidePool, fmt.Sprintf(
			"the /%d around %s reaches beyond the range %s of IPAddressPool %q; %s is announced instead",
			g.bits, p.addr, p.entry.Range, a.pools[p.entry.pool].name, block)}}, "")
	}
}

// names lists the advertisements of a set, sorted: the identity of a class.
func (s advertSet) names(adverts []advert) []string {
	out := make([]string, 0, len(s)/2)
	for _, i := range s.indexes() {
		out = append(out, adverts[i].name)
	}
	slices.SortFunc(out, strings.Compare)
	return out
}
