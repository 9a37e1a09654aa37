package translate

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/internal/iprange"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// pool is an IPAddressPool that can be used.
type pool struct {
	name   string
	labels map[string]string
	ranges []iprange.Range
	// widest is the shortest prefix length of each family that every entry of addresses reaches, -1 for a family without entries:
	// aggregation must not be shorter.
	widest4, widest6 int
}

// pools chooses the pools that are used, oldest first.
func (t *translation) pools() []pool {
	var contenders []contender[pool]
	var goods []goodPool
	for _, p := range t.snap.Pools {
		c := contender[pool]{object: problem.Object{Kind: "IPAddressPool", Group: groupMetalLB, Namespace: p.Namespace, Name: p.Name}}
		now := goodPool{Spec: v1beta1.IPAddressPoolSpec{Addresses: p.Spec.Addresses}}
		if len(p.Labels) > 0 {
			now.Labels = p.Labels
		}
		form := newPool(p.Name, p.Labels, now, &c.found)
		t.seen.written(form)
		if !c.found.refused() {
			c.now = &form
		}
		if good := found(t.lastGood.pools, p.Name); good != nil {
			var against issues
			if form := newPool(p.Name, p.Labels, *good, &against); !against.refused() {
				c.good = &form
				c.unchanged = c.now != nil && reflect.DeepEqual(now, *good)
			}
		}
		contenders = append(contenders, c)
		goods = append(goods, now)
	}
	for _, object := range lost(t, "IPAddressPool", t.lastGood.pools, t.snap.Pools) {
		var against issues
		good := t.lastGood.pools[object.Name]
		form := newPool(object.Name, good.Labels, good, &against)
		if !against.refused() {
			contenders, goods = append(contenders, contender[pool]{object: object, good: &form}), append(goods, goodPool{})
		}
	}
	var accepted []pool
	conflict := func(p pool) *issue {
		for _, other := range accepted {
			for _, r := range p.ranges {
				for _, o := range other.ranges {
					if r.Overlaps(o) {
						return &issue{problem.Error, "spec.addresses", problem.OverlappingPool, fmt.Sprintf(
							"%s overlaps %s of IPAddressPool %q; an address belongs to one pool", r, o, other.name)}
					}
				}
			}
		}
		return nil
	}
	chosen := settle(t, contenders, rules[pool]{conflict: conflict, take: func(p pool) { accepted = append(accepted, p) }})
	return remember(contenders, chosen, goods, t.lastGood.pools, t.next.pools)
}

func newPool(name string, labels map[string]string, in goodPool, found *issues) pool {
	p := pool{name: name, labels: labels, widest4: -1, widest6: -1}
	if len(in.Spec.Addresses) == 0 {
		found.refuse("spec.addresses", problem.Required, "the pool has no addresses; write a prefix (192.0.2.0/24) or a range (192.0.2.10-192.0.2.20)")
	}
	for i, entry := range in.Spec.Addresses {
		field := fmt.Sprintf("spec.addresses[%d]", i)
		r, err := iprange.Parse(entry)
		if err != nil {
			found.refuse(field, problem.InvalidValue, err.Error())
			continue
		}
		for j, other := range p.ranges {
			if r.Overlaps(other) {
				found.warn(field, problem.DuplicateEntry, fmt.Sprintf("%s overlaps %s, entry %d of this pool", r, other, j))
				break
			}
		}
		p.ranges = append(p.ranges, r)
		widest := &p.widest6
		if r.First.Is4() {
			widest = &p.widest4
		}
		*widest = max(*widest, widestBlock(r))
	}
	return p
}

// block is the largest prefix around the address that lies within the range.
func block(r iprange.Range, a netip.Addr) netip.Prefix {
	best := netip.PrefixFrom(a, a.BitLen())
	for bits := a.BitLen() - 1; bits >= 0; bits-- {
		p := netip.PrefixFrom(a, bits).Masked()
		if p.Addr().Less(r.First) || r.Last.Less(iprange.Last(p)) {
			break
		}
		best = p
	}
	return best
}

// widestBlock is the length of the shortest prefix in the range's division into prefixes.
func widestBlock(r iprange.Range) int {
	widest := r.First.BitLen()
	for a := r.First; ; {
		// The largest prefix that starts at a and ends within the range.
		bits := a.BitLen()
		for bits > 0 {
			p := netip.PrefixFrom(a, bits-1)
			if p.Masked().Addr() != a || r.Last.Less(iprange.Last(p)) {
				break
			}
			bits--
		}
		widest = min(widest, bits)
		end := iprange.Last(netip.PrefixFrom(a, bits))
		if end == r.Last {
			return widest
		}
		a = end.Next()
	}
}

// poolIndex finds the pool of an address.
type poolIndex struct {
	entries []poolEntry // sorted by first address
}

type poolEntry struct {
	iprange.Range
	pool int
}

func newPoolIndex(pools []pool) poolIndex {
	var x poolIndex
	for i, p := range pools {
		for _, r := range p.ranges {
			x.entries = append(x.entries, poolEntry{r, i})
		}
	}
	slices.SortStableFunc(x.entries, func(a, b poolEntry) int { return a.First.Compare(b.First) })
	return x
}

var errNoPool = errors.New("no pool")

// find returns the entry that holds the address. Ranges of one pool may overlap, so it looks back as far as one could reach.
func (x poolIndex) find(a netip.Addr) (poolEntry, error) {
	i, _ := slices.BinarySearchFunc(x.entries, a, func(e poolEntry, a netip.Addr) int {
		if e.First.Compare(a) <= 0 {
			return -1
		}
		return 1
	})
	for i--; i >= 0; i-- {
		if x.entries[i].Contains(a) {
			return x.entries[i], nil
		}
	}
	return poolEntry{}, errNoPool
}
