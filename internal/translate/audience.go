package translate

import (
	"slices"
	"strings"
)

// audience tells which BGPPeers a prefix is announced to.
type audience struct {
	kinds  map[kind]int // the class of a kind of routes
	v4, v6 [][]string   // by class, sorted
	// unions are those of Services with prefixes of several classes or both families, so that Services of one kind share them.
	unions map[string][]string
}

func newAudience(peers []peer, adverts []advert, classes []class, of map[kind]int) audience {
	a := audience{kinds: of, v4: make([][]string, len(classes)), v6: make([][]string, len(classes)), unions: map[string][]string{}}
	for i, c := range classes {
		for _, p := range peers {
			if !slices.ContainsFunc(c.adverts, func(j int) bool { return adverts[j].reaches(p.name) }) {
				continue
			}
			if p.neighbor.IPv4 {
				a.v4[i] = append(a.v4[i], p.name)
			}
			if p.neighbor.IPv6 {
				a.v6[i] = append(a.v6[i], p.name)
			}
		}
		slices.Sort(a.v4[i])
		slices.Sort(a.v6[i])
	}
	return a
}

func (a audience) of(r route) []string {
	class := a.kinds[r.kind()]
	if r.prefix.Addr().Is4() {
		return a.v4[class]
	}
	return a.v6[class]
}

// union returns the names of both, in a slice that is shared.
func (a audience) union(one, other []string) []string {
	if len(other) == 0 || slices.Equal(one, other) {
		return one
	}
	if len(one) == 0 {
		return other
	}
	all := slices.Concat(one, other)
	slices.Sort(all)
	all = slices.Compact(all)
	key := strings.Join(all, "\n")
	if a.unions[key] == nil {
		a.unions[key] = all
	}
	return a.unions[key]
}

// addressees notes for each Service whom it is announced to.
func (a *announced) addressees(to audience) {
	from := 0
	for i := range a.services {
		for _, at := range a.routeOf[from:a.ends[i]] {
			r := a.routes[at]
			a.services[i].Peers = to.union(a.services[i].Peers, to.of(r))
		}
		from = a.ends[i]
	}
}
