package translate

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// pool is an IPAddressPool that can be used.
type pool struct {
	name   string
	labels map[string]string
	ranges []addressRange
	// widest is the shortest prefix length of each family that every entry of addresses reaches, -1 for a family without entries:
	// aggregation must not be shorter.
	widest4, widest6 int
}

// addressRange is an entry of a pool: the addresses from first to last, of one family.
type addressRange struct{ first, last netip.Addr }

func (r addressRange) overlaps(o addressRange) bool {
	return r.first.Is4() == o.first.Is4() && r.first.Compare(o.last) <= 0 && o.first.Compare(r.last) <= 0
}

func (r addressRange) String() string {
	if r.first == r.last {
		return r.first.String()
	}
	return r.first.String() + "-" + r.last.String()
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
					if r.overlaps(o) {
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
		r, err := parseRange(entry)
		if err != nil {
			found.refuse(field, problem.InvalidValue, err.Error())
			continue
		}
		for j, other := range p.ranges {
			if r.overlaps(other) {
				found.warn(field, problem.DuplicateEntry, fmt.Sprintf("%s overlaps %s, entry %d of this pool", r, other, j))
				break
			}
		}
		p.ranges = append(p.ranges, r)
		widest := &p.widest6
		if r.first.Is4() {
			widest = &p.widest4
		}
		*widest = max(*widest, r.widestBlock())
	}
	return p
}

// parseRange reads a CIDR prefix, whose host bits don't matter, or a range from a first to a last address.
func parseRange(s string) (addressRange, error) {
	if strings.Contains(s, "-") {
		from, to, _ := strings.Cut(s, "-")
		first, err1 := netip.ParseAddr(strings.TrimSpace(from))
		last, err2 := netip.ParseAddr(strings.TrimSpace(to))
		switch {
		case err1 != nil || err2 != nil:
			return addressRange{}, fmt.Errorf("%q is not a range of two addresses, as in 192.0.2.10-192.0.2.20", s)
		case first.Zone() != "" || last.Zone() != "" || first.Is4In6() || last.Is4In6():
			return addressRange{}, fmt.Errorf("%q: write plain IPv4 or IPv6 addresses", s)
		case first.Is4() != last.Is4():
			return addressRange{}, fmt.Errorf("%q mixes IPv4 and IPv6; write two entries", s)
		case last.Less(first):
			return addressRange{}, fmt.Errorf("%q ends before it starts; write %s-%s", s, last, first)
		}
		return addressRange{first, last}, nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil || prefix.Addr().Is4In6() {
		return addressRange{}, fmt.Errorf("%q is neither a prefix (192.0.2.0/24) nor a range (192.0.2.10-192.0.2.20)", s)
	}
	prefix = prefix.Masked()
	return addressRange{prefix.Addr(), lastAddr(prefix)}, nil
}

// contains tells whether the address lies in the range.
func (r addressRange) contains(a netip.Addr) bool {
	return r.first.Is4() == a.Is4() && r.first.Compare(a) <= 0 && a.Compare(r.last) <= 0
}

// block is the largest prefix around the address that lies within the range.
func (r addressRange) block(a netip.Addr) netip.Prefix {
	best := netip.PrefixFrom(a, a.BitLen())
	for bits := a.BitLen() - 1; bits >= 0; bits-- {
		p := netip.PrefixFrom(a, bits).Masked()
		if p.Addr().Less(r.first) || r.last.Less(lastAddr(p)) {
			break
		}
		best = p
	}
	return best
}

// widestBlock is the length of the shortest prefix in the range's division into prefixes.
func (r addressRange) widestBlock() int {
	widest := r.first.BitLen()
	for a := r.first; ; {
		// The largest prefix that starts at a and ends within the range.
		bits := a.BitLen()
		for bits > 0 {
			p := netip.PrefixFrom(a, bits-1)
			if p.Masked().Addr() != a || r.last.Less(lastAddr(p)) {
				break
			}
			bits--
		}
		widest = min(widest, bits)
		end := lastAddr(netip.PrefixFrom(a, bits))
		if end == r.last {
			return widest
		}
		a = end.Next()
	}
}

func lastAddr(p netip.Prefix) netip.Addr {
	if p.Addr().Is4() {
		b := p.Addr().As4()
		fill(b[:], p.Bits())
		return netip.AddrFrom4(b)
	}
	b := p.Addr().As16()
	fill(b[:], p.Bits())
	return netip.AddrFrom16(b)
}

// fill sets the host bits.
func fill(b []byte, bits int) {
	for i := range b {
		switch {
		case bits >= 8*(i+1):
		case bits <= 8*i:
			b[i] = 0xff
		default:
			b[i] |= 0xff >> (bits - 8*i)
		}
	}
}

// poolIndex finds the pool of an address.
type poolIndex struct {
	entries []poolEntry // sorted by first address
}

type poolEntry struct {
	addressRange
	pool int
}

func newPoolIndex(pools []pool) poolIndex {
	var x poolIndex
	for i, p := range pools {
		for _, r := range p.ranges {
			x.entries = append(x.entries, poolEntry{r, i})
		}
	}
	slices.SortStableFunc(x.entries, func(a, b poolEntry) int { return a.first.Compare(b.first) })
	return x
}

var errNoPool = errors.New("no pool")

// find returns the entry that holds the address. Ranges of one pool may overlap, so it looks back as far as one could reach.
func (x poolIndex) find(a netip.Addr) (poolEntry, error) {
	i, _ := slices.BinarySearchFunc(x.entries, a, func(e poolEntry, a netip.Addr) int {
		if e.first.Compare(a) <= 0 {
			return -1
		}
		return 1
	})
	for i--; i >= 0; i-- {
		if x.entries[i].contains(a) {
			return x.entries[i], nil
		}
	}
	return poolEntry{}, errNoPool
}
