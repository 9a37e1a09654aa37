package translate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// Whoever may write a Service may ask for communities, and decides nothing: an advertisement adds those that its own allow-list lets
// through, to its own peers. What a Service asks for beyond that is named, and left out.

const (
	// maxAsked is how many communities a Service may ask for.
	maxAsked = 16
	// maxAskedClasses is how many classes of one node may come of asking: each is an entry in the outbound route-maps, which FRR goes through
	// route by route.
	maxAskedClasses = 256
)

// asking is an announced Service that asks for communities.
type asking struct {
	service *snapshot.Service
	asks    []ask
	routes  []askedRoute
	// may is what all its advertisements together let through; hadIt tells that this was granted before.
	may   *permit
	hadIt bool
}

// askedRoute is a prefix of such a Service, the advertisements by which that Service is announced there, and its place among what is asked for.
type askedRoute struct {
	route
	at int
}

// permit is what some advertisements let through of what an annotation asks for. Many Services have the same.
type permit struct {
	asks, refused []ask
	// wish is the text of asks, by which it is known again.
	wish string
	// elements are the asks as elements of a set, once they are granted.
	elements advertSet
}

// permitKey is an annotation's text, and the advertisements.
type permitKey struct {
	text string
	set  advertSet
}

// permitted finds what a Service may have of some advertisements.
func (a *announcer) permitted(x *asking, set advertSet) *permit {
	key := permitKey{x.service.Annotations[communitiesKnob], set}
	if p := a.permits[key]; p != nil {
		return p
	}
	p := &permit{asks: letThrough(x.asks, set.indexes(), a.adverts)}
	p.refused = slices.DeleteFunc(slices.Clone(x.asks), func(one ask) bool { return slices.Contains(p.asks, one) })
	p.wish = joinAsks(p.asks, " ")
	a.permits[key] = p
	return p
}

// asks reads the annotations of a Service that ask for communities.
func (a *announcer) asks(s *snapshot.Service) []ask {
	value := s.Annotations[communitiesKnob]
	if value == "" {
		return nil
	}
	read, known := a.read[value]
	if !known {
		read = readAsks(value, a.aliases)
		a.read[value] = read
	}
	a.report(serviceObject(s), read.found, "")
	return read.asks
}

// readAsk is what an annotation comes to; many Services have the same.
type readAsk struct {
	asks  []ask
	found issues
}

func readAsks(value string, aliases map[string]string) readAsk {
	var out readAsk
	var set communitySet
	field := knobField(communitiesKnob)
	words := list(value)
	if len(words) > maxAsked {
		out.found.warn(field, problem.TooLarge, fmt.Sprintf("%d communities; %d at most: those behind are left out", len(words), maxAsked))
		words = words[:maxAsked]
	}
	var bad []string
	for _, w := range words {
		resolved := w
		if v, known := aliases[w]; known {
			resolved = v
		}
		if set.add(resolved) != nil {
			bad = append(bad, strconv.Quote(cut(w)))
		}
	}
	if len(bad) > 0 {
		out.found.warn(field, problem.UnknownCommunity, fmt.Sprintf(
			"no community, nor an alias that a Community object defines: %s; %s; left out", cut(strings.Join(bad, ", ")), communityForms))
	}
	set.sort()
	out.asks = asksOf(set)
	return out
}

func serviceObject(s *snapshot.Service) problem.Object {
	return problem.Object{Kind: "Service", Namespace: s.Namespace, Name: s.Name}
}

// note remembers an announced prefix of a Service that asks, by its place among what is asked for.
func (a *announcer) note(s *snapshot.Service, asks []ask, at int) {
	if len(asks) == 0 {
		return
	}
	if last := len(a.asking) - 1; last < 0 || a.asking[last].service != s {
		a.asking = append(a.asking, asking{service: s, asks: asks})
	}
	last := &a.asking[len(a.asking)-1]
	last.routes = append(last.routes, askedRoute{a.out.asked[at], at})
}

// grant puts what Services ask for, and may have, into the sets of their prefixes. Those come first whose wish was granted before, then the
// older ones: where there are too many, what works stays.
func (a *announcer) grant() {
	before := map[string]bool{}
	for _, text := range a.lastGood.asks {
		before[text] = true
	}
	for i := range a.asking {
		x := &a.asking[i]
		x.may = a.permitted(x, x.adverts())
		x.hadIt = before[x.may.wish]
	}
	slices.SortStableFunc(a.asking, func(x, y asking) int {
		if x.hadIt != y.hadIt {
			if x.hadIt {
				return -1
			}
			return 1
		}
		return snapshot.OlderTime(x.service.Created, y.service.Created)
	})
	granted := map[advertSet]bool{}
	wishes := map[string]bool{}
	for i := range a.asking {
		if x := &a.asking[i]; a.grantOne(x, granted) {
			wishes[x.may.wish] = true
		}
	}
	a.next.asks = slices.Sorted(maps.Keys(wishes))
}

// grantOne tells whether a Service has got all that it may have.
func (a *announcer) grantOne(x *asking, granted map[advertSet]bool) bool {
	full, got := false, false
	for _, r := range x.routes {
		may := a.permitted(x, r.set)
		if len(may.asks) == 0 {
			continue
		}
		if r.prefix.Bits() < r.prefix.Addr().BitLen() {
			a.warnService(x.service, knobField(communitiesKnob), problem.MutuallyExclusive, fmt.Sprintf(
				"%s stands for every Service in it, and gets no community for one of them", r.prefix))
			continue
		}
		announced := &a.out.routes[a.out.routeOf[r.at]]
		set, ok := a.with(announced.set, may, granted)
		if !ok {
			full = true
			continue
		}
		got = true
		announced.set = set
	}
	if full {
		a.warnService(x.service, knobField(communitiesKnob), problem.TooLarge, fmt.Sprintf(
			"the Services of this node ask for more than %d different sets of communities; this one is announced without: ask for what others ask for", maxAskedClasses))
	}
	a.warnRefused(x)
	return got && !full
}

// with is a set with what is asked for. Not ok: there are too many of such sets. What is not granted gets no numbers, of which there are 32,768.
func (a *announcer) with(set advertSet, may *permit, granted map[advertSet]bool) (advertSet, bool) {
	full := len(granted) == maxAskedClasses
	if full && slices.ContainsFunc(may.asks, func(one ask) bool { return a.askNumber[one] == 0 }) {
		return "", false
	}
	if may.elements == "" {
		may.elements = a.elements(may.asks)
	}
	key := [2]advertSet{set, may.elements}
	union, known := a.unions[key]
	if !known {
		union = set.union(may.elements)
		a.unions[key] = union
	}
	if full && !granted[union] {
		return "", false
	}
	granted[union] = true
	return union, true
}

// letThrough are the asks that any of the advertisements lets through.
func letThrough(asks []ask, indexes []int, adverts []advert) []ask {
	var out []ask
	for _, one := range asks {
		if slices.ContainsFunc(indexes, func(i int) bool { return adverts[i].allows.let(one) }) {
			out = append(out, one)
		}
	}
	return out
}

// warnRefused names what no advertisement of a Service lets through, and the advertisements.
func (a *announcer) warnRefused(x *asking) {
	if len(x.may.refused) == 0 {
		return
	}
	a.warnService(x.service, knobField(communitiesKnob), problem.NotAllowed, fmt.Sprintf(
		"%s: not in annotation %s of %s; left out", joinAsks(x.may.refused, " "), snapshot.AnnotationPrefix+serviceCommunities, naming(x.adverts().names(a.adverts))))
}

// naming names advertisements, not too many.
func naming(names []string) string {
	const most = 5
	more := ""
	if len(names) > most {
		names, more = names[:most], fmt.Sprintf(" and %d more", len(names)-most)
	}
	return "BGPAdvertisement " + strings.Join(names, ", ") + more
}

func joinAsks(asks []ask, between string) string {
	words := make([]string, len(asks))
	for i, one := range asks {
		words[i] = one.String()
	}
	return strings.Join(words, between)
}

// adverts are all the advertisements by which a Service is announced.
func (x *asking) adverts() advertSet {
	all := x.routes[0].set
	for _, r := range x.routes[1:] {
		all = all.union(r.set)
	}
	return all
}

// elements are asks as elements of a set; each has its number from when it is first granted in this translation.
func (a *announcer) elements(asks []ask) advertSet {
	numbers := make([]int, len(asks))
	for i, one := range asks {
		n, known := a.askNumber[one]
		if !known {
			n = firstAsk + len(a.out.asks)
			a.askNumber[one] = n
			a.out.asks = append(a.out.asks, one)
		}
		numbers[i] = n
	}
	slices.Sort(numbers)
	return newAdvertSet(numbers)
}

// keepReady leaves those advertisements of a Service that its endpoints are good enough for.
func (a *announcer) keepReady(s *snapshot.Service, d *decision) {
	v4, v6 := a.whenReady(s, d.v4), a.whenReady(s, d.v6)
	if len(v4) == 0 && len(v6) == 0 {
		d.reason = NoReadyEndpoints
		return
	}
	d.v4, d.v6 = v4, v6
}

// whenReady takes out the advertisements that wait for an endpoint that is ready, where those of the Service are serving at best. The
// Service's own policy counts more than an advertisement's.
func (a *announcer) whenReady(s *snapshot.Service, groups []aggregate) []aggregate {
	if ready(s) {
		return groups
	}
	var out []aggregate
	for _, g := range groups {
		kept := slices.DeleteFunc(g.set.indexes(), func(i int) bool { return a.adverts[i].wantsReady(s) })
		if len(kept) > 0 {
			out = append(out, aggregate{g.bits, newAdvertSet(kept)})
		}
	}
	return out
}

// wantsReady tells whether the advertisement takes the Service only with endpoints that are ready.
func (a *advert) wantsReady(s *snapshot.Service) bool {
	switch s.Annotations[endpointPolicy] {
	case readyOnly:
		return true
	case readyOrServing:
		return false
	}
	return a.readyOnly
}

// ready tells whether the Service has an endpoint that counts under every policy.
func ready(s *snapshot.Service) bool {
	if s.LocalOnly {
		return s.LocalReady
	}
	return s.Ready
}

// serviceKnobs names what is wrong with the annotations of a Service.
func (a *announcer) serviceKnobs(s *snapshot.Service) {
	if len(s.Annotations) == 0 {
		return
	}
	var found issues
	warnUnknownKnobs("Service", s.Annotations, &found)
	if value, there := s.Annotations[endpointPolicy]; there && value != readyOnly && value != readyOrServing {
		found.warn(knobField(endpointPolicy), problem.InvalidValue, badPolicy(value)+"; the policy of the advertisements counts")
	}
	a.report(serviceObject(s), found, "")
}
