package translate

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/frrconf"
)

// class is a distinct set of advertisements, and of ranks in GDC mode. All its prefixes have one "network" route-map, which sets a tag and nothing
// else; what the advertisements ask for is set in the neighbors' outbound route-maps, which match the tag. (bgpd looks at no-advertise and no-export
// before the outbound route-map: a community set earlier would hide the route.)
type class struct {
	key     string // the names of the advertisements, sorted, and what its Services ask for
	adverts []int
	asks    []ask // the communities that its Services ask for, as far as any of the advertisements lets them through
	ranks   rankSet
	tag     uint32
	name    frrconf.Name
}

// kind is what the class of a route follows from.
type kind struct {
	set   advertSet
	ranks rankSet
}

// policy is a distinct set of advertisements that name their peers: neighbors with the same one share an outbound route-map, so that FRR
// keeps them in one update-group. Advertisements to all peers don't count, so a new one moves no neighbor to another map.
type policy struct {
	name  frrconf.Name
	peers []string
	// asn is what its sessions put before an AS path; 0: nothing, they are internal.
	asn uint32
}

// defaultEntry is the sequence of the entry that ends each of our route-maps: it never moves, and keeps a map from being empty.
const defaultEntry = frrconf.MaxSequence

// route makes the router blocks and route-maps: which neighbor gets which prefix, with which attributes.
func (t *translation) route(peers []peer, adverts []advert, a announced, gdc *roles) ([]frrconf.Instance, []frrconf.RouteMap) {
	routes := gdc.routes(a.routes)
	classes, of := t.classes(peers, adverts, a, gdc, routes)
	a.addressees(newAudience(peers, adverts, classes, of))
	t.seen.announces(classes, a.routes, of)
	policies, policyOf := newPolicies(peers, adverts)
	instances := gdc.join(newInstances(peers, func(p peer) frrconf.Name { return policies[policyOf[p.name]].name }))

	used := make([]bool, len(classes))
	for i := range instances {
		in := &instances[i]
		v4, v6 := make([]bool, len(classes)), make([]bool, len(classes))
		for j := range classes {
			v4[j], v6[j] = carries(peers, adverts, classes[j], in.VRF)
			if in.VRF.IsZero() && classes[j].ranks != "" {
				v4[j], v6[j] = true, v6[j] || gdc.dualStack
			}
			used[j] = used[j] || v4[j] || v6[j]
		}
		in.IPv4.Networks, in.IPv6.Networks = make([]frrconf.Network, 0, len(routes)), nil
		for _, r := range routes {
			j := of[r.kind()]
			network := frrconf.Network{Prefix: r.prefix, RouteMap: classes[j].name}
			switch is4 := r.prefix.Addr().Is4(); {
			case is4 && v4[j]:
				in.IPv4.Networks = append(in.IPv4.Networks, network)
			case !is4 && v6[j]:
				in.IPv6.Networks = append(in.IPv6.Networks, network)
			}
		}
	}

	maps := gdc.maps(classes)
	for _, p := range peers {
		maps = append(maps, frrconf.RouteMap{Name: p.neighbor.In, Entries: []frrconf.RouteMapEntry{{Sequence: defaultEntry}}})
	}
	for _, p := range policies {
		maps = append(maps, outbound(p, classes, used, adverts))
	}
	for j, c := range classes {
		if used[j] {
			maps = append(maps, frrconf.RouteMap{Name: c.name, Entries: []frrconf.RouteMapEntry{{
				Permit: true, Sequence: 1, Description: c.description(), SetTag: c.tag,
			}}})
		}
	}
	slices.SortFunc(maps, func(a, b frrconf.RouteMap) int { return strings.Compare(a.Name.String(), b.Name.String()) })
	return instances, maps
}

// classes groups the routes by their advertisements, and gives each group its tag: a hash of the advertisements' names, so that no
// other change moves it. It returns the class of each kind of route, too.
func (t *translation) classes(peers []peer, adverts []advert, a announced, gdc *roles, routes []route) (list []class, of map[kind]int) {
	byKey := map[string]*class{}
	byKind := map[kind]*class{}
	agreed, clashes := map[advertSet]advertSet{}, contests{}
	classOf := func(k kind) *class {
		if c := byKind[k]; c != nil {
			return c
		}
		set := k.set
		plain := newAdvertSet(set.indexes())
		kept, known := agreed[plain]
		if !known {
			kept = clashes.agreeing(plain, peers, adverts, a.what(plain))
			agreed[plain] = kept
		}
		asks := letThrough(set.asked(a.asks), kept.indexes(), adverts)
		key := classKey(kept.names(adverts), asks)
		if k.ranks != "" {
			key = strings.TrimPrefix(key+"\n"+gdc.key(k.ranks), "\n")
		}
		if byKey[key] == nil {
			byKey[key] = &class{key: key, adverts: kept.indexes(), asks: asks, ranks: k.ranks}
		}
		byKind[k] = byKey[key]
		return byKey[key]
	}
	for _, set := range a.standing {
		classOf(kind{set: set})
	}
	if gdc != nil && gdc.originates {
		classOf(kind{ranks: gdc.unranked()})
	}
	for _, r := range routes {
		classOf(r.kind())
	}
	t.settleContests(clashes, adverts)
	out := make([]class, 0, len(byKey))
	for _, c := range byKey {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b class) int { return strings.Compare(a.key, b.key) })
	taken := map[uint32]bool{0: true}
	for i := range out {
		tag := hash(out[i].key)
		for taken[tag] {
			tag++
		}
		taken[tag] = true
		out[i].tag = tag
		out[i].name = mustName(fmt.Sprintf("class-%08x", tag))
	}
	of = make(map[kind]int, len(byKind))
	for k, c := range byKind {
		of[k], _ = slices.BinarySearchFunc(out, c.key, func(c class, key string) int { return strings.Compare(c.key, key) })
	}
	return out, of
}

// classKey is what a class is known by. No advertisement's name begins with a plus.
func classKey(names []string, asks []ask) string {
	if len(asks) > 0 {
		words := make([]string, len(asks))
		for i, one := range asks {
			words[i] = one.String()
		}
		slices.Sort(words)
		names = append(names, "+ "+strings.Join(words, " "))
	}
	return strings.Join(names, "\n")
}

// description names the advertisements.
func (c class) description() frrconf.Description {
	return frrconf.NewDescription(strings.ReplaceAll(c.key, "\n", " "))
}

// carries tells in which families the neighbors of an instance get the prefixes of a class.
func carries(peers []peer, adverts []advert, c class, vrf frrconf.Name) (v4, v6 bool) {
	for _, p := range peers {
		if p.vrf != vrf || !slices.ContainsFunc(c.adverts, func(i int) bool { return adverts[i].reaches(p.name) }) {
			continue
		}
		v4, v6 = v4 || p.neighbor.IPv4, v6 || p.neighbor.IPv6
	}
	return v4, v6
}

// homeAS is the AS number that the node's sessions mostly show: that of the default VRF, 0 without one.
func homeAS(peers []peer) uint32 {
	for _, p := range peers {
		if p.vrf.IsZero() {
			return p.asn
		}
	}
	return 0
}

// newPolicies returns the distinct policies by name, and the policy of each peer. Sessions that show another AS number than the node's have
// maps of their own only where something is prepended: the first prepending moves no other neighbor to another map.
func newPolicies(peers []peer, adverts []advert) (policies []policy, of map[string]int) {
	home := homeAS(peers)
	of = map[string]int{}
	byKey := map[string]int{}
	for _, p := range peers {
		var named []string
		for i := range adverts {
			if adverts[i].peers[p.name] {
				named = append(named, adverts[i].name)
			}
		}
		slices.Sort(named)
		key := strings.Join(named, "\n")
		asn := p.prepended()
		if asn != home && slices.ContainsFunc(adverts, func(a advert) bool { return a.prepend > 0 && a.reaches(p.name) }) {
			key += fmt.Sprintf("\nAS %d", asn)
		}
		i, ok := byKey[key]
		if !ok {
			i = len(policies)
			byKey[key] = i
			name := "out-all"
			if key != "" {
				name = fmt.Sprintf("out-%08x", hash(key))
			}
			policies = append(policies, policy{name: mustName(name), asn: asn})
		}
		policies[i].peers = append(policies[i].peers, p.name)
		of[p.name] = i
	}
	return policies, of
}

// outbound is the route-map of a policy: an entry for each class that its neighbors get.
func outbound(p policy, classes []class, used []bool, adverts []advert) frrconf.RouteMap {
	out := frrconf.RouteMap{Name: p.name}
	taken := map[uint16]bool{}
	for j, c := range classes {
		if !used[j] {
			continue
		}
		entry := frrconf.RouteMapEntry{Permit: true, Description: c.description(), MatchTag: c.tag}
		var communities communitySet
		count, _ := contest(c.adverts, p.peers[0], adverts)
		if len(count) == 0 {
			continue
		}
		for _, i := range count {
			a := &adverts[i]
			communities.merge(a.communities)
			communities.merge(a.allows.among(c.asks))
			if a.localPref != 0 {
				entry.LocalPreference = a.localPref
			}
			if a.med != nil {
				entry.MED = a.med
			}
			if a.prepend != 0 && p.asn != 0 {
				entry.Prepend = frrconf.Prepend{ASN: p.asn, Times: a.prepend}
			}
		}
		communities.sort()
		entry.Communities, entry.LargeCommunities = communities.standard, communities.large
		entry.Sequence = sequence(c.key, taken)
		out.Entries = append(out.Entries, entry)
	}
	slices.SortFunc(out.Entries, func(a, b frrconf.RouteMapEntry) int { return int(a.Sequence) - int(b.Sequence) })
	out.Entries = append(out.Entries, frrconf.RouteMapEntry{Sequence: defaultEntry})
	return out
}

// sequence gives a class its place in an outbound map: a hash of its key, the next free one where two meet. Entries match different tags,
// so their order means nothing.
func sequence(key string, taken map[uint16]bool) uint16 {
	const places = defaultEntry - 1
	n := uint16(hash(key+"\nsequence")%places) + 1
	for taken[n] {
		n = n%places + 1
	}
	taken[n] = true
	return n
}

func hash(s string) uint32 {
	sum := sha256.Sum256([]byte(s))
	return binary.BigEndian.Uint32(sum[:4])
}

func mustName(s string) frrconf.Name {
	n, err := frrconf.NewName(s)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return n
}

// newInstances makes a router block for each VRF that has neighbors: the default VRF first, then by name, as FRR prints them.
func newInstances(peers []peer, out func(peer) frrconf.Name) []frrconf.Instance {
	byVRF := map[frrconf.Name]*frrconf.Instance{}
	for _, p := range peers {
		in, ok := byVRF[p.vrf]
		if !ok {
			in = &frrconf.Instance{ASN: p.asn, VRF: p.vrf}
			byVRF[p.vrf] = in
		}
		if p.routerID.IsValid() {
			in.RouterID = p.routerID
		}
		n := p.neighbor
		n.Out = out(p)
		in.Neighbors = append(in.Neighbors, n)
	}
	list := make([]frrconf.Instance, 0, len(byVRF))
	for _, in := range byVRF {
		slices.SortFunc(in.Neighbors, func(a, b frrconf.Neighbor) int { return a.Peer.Compare(b.Peer) })
		list = append(list, *in)
	}
	slices.SortFunc(list, func(a, b frrconf.Instance) int { return strings.Compare(a.VRF.String(), b.VRF.String()) })
	return list
}
