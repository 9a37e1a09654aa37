package iprange

import (
	"fmt"
	"net/netip"
	"strings"
)

// Range is the addresses from First to Last, of one family.
type Range struct{ First, Last netip.Addr }

// Parse reads a CIDR prefix, whose host bits don't matter, or a range from a first to a last address. The error says what to write.
func Parse(s string) (Range, error) {
	if strings.Contains(s, "-") {
		return parseSpan(s)
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil || prefix.Addr().Is4In6() {
		return Range{}, fmt.Errorf("%q is neither a prefix (192.0.2.0/24) nor a range (192.0.2.10-192.0.2.20)", s)
	}
	prefix = prefix.Masked()
	return Range{prefix.Addr(), Last(prefix)}, nil
}

func parseSpan(s string) (Range, error) {
	from, to, _ := strings.Cut(s, "-")
	first, err1 := netip.ParseAddr(strings.TrimSpace(from))
	last, err2 := netip.ParseAddr(strings.TrimSpace(to))
	switch {
	case err1 != nil || err2 != nil:
		return Range{}, fmt.Errorf("%q is not a range of two addresses, as in 192.0.2.10-192.0.2.20", s)
	case first.Zone() != "" || last.Zone() != "" || first.Is4In6() || last.Is4In6():
		return Range{}, fmt.Errorf("%q: write plain IPv4 or IPv6 addresses", s)
	case first.Is4() != last.Is4():
		return Range{}, fmt.Errorf("%q mixes IPv4 and IPv6; write two entries", s)
	case last.Less(first):
		return Range{}, fmt.Errorf("%q ends before it starts; write %s-%s", s, last, first)
	}
	return Range{first, last}, nil
}

// Contains tells whether the address lies in the range.
func (r Range) Contains(a netip.Addr) bool {
	return r.First.Is4() == a.Is4() && r.First.Compare(a) <= 0 && a.Compare(r.Last) <= 0
}

// Overlaps tells whether any address lies in both ranges.
func (r Range) Overlaps(o Range) bool {
	return r.First.Is4() == o.First.Is4() && r.First.Compare(o.Last) <= 0 && o.First.Compare(r.Last) <= 0
}

// String is the range as it is written; a single address stands for itself.
func (r Range) String() string {
	if r.First == r.Last {
		return r.First.String()
	}
	return r.First.String() + "-" + r.Last.String()
}

// Last is the last address of a prefix.
func Last(p netip.Prefix) netip.Addr {
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
