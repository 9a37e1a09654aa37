package translate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/frrconf"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// allowList is which communities Services may ask for. Empty: none.
type allowList []pattern

// pattern is a community whose numbers may be left open.
type pattern struct {
	large bool
	parts []part
}

// part is a number of a pattern: those from low to high, or those whose digits begin so.
type part struct {
	low, high uint32
	digits    string
}

func (p part) exact() bool { return p.digits == "" && p.low == p.high }

func (p part) matches(n uint32) bool {
	if p.digits != "" {
		return strings.HasPrefix(strconv.FormatUint(uint64(n), 10), p.digits)
	}
	return p.low <= n && n <= p.high
}

// maxAllowed is how many patterns an allow-list has at most: each Service is held against each.
const maxAllowed = 64

const patternForms = "write 65000:100, 65000:100-199, 65000:1*, 65000:*, the same with large: and three numbers, or the name of an alias"

// wellKnownHigh begins the communities that routers obey wherever they come from (IANA, "BGP Well-known Communities").
const wellKnownHigh = 65535

// list splits an annotation into its words.
func list(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' })
}

// withoutAliases puts the values of aliases in their places.
func withoutAliases(value string, aliases map[string]string) string {
	words := list(value)
	for i, w := range words {
		if v, known := aliases[w]; known {
			words[i] = v
		}
	}
	return strings.Join(words, ",")
}

// newAllowList reads an allow-list, aliases resolved.
func newAllowList(value string, found *issues) allowList {
	words := list(value)
	if len(words) > maxAllowed {
		found.refuse(knobField(serviceCommunities), problem.TooLarge, fmt.Sprintf("%d entries; %d at most", len(words), maxAllowed))
		return nil
	}
	var out allowList
	for _, w := range words {
		p, err := parsePattern(w)
		if err != nil {
			found.refuse(knobField(serviceCommunities), problem.InvalidValue, err.Error())
			continue
		}
		out = append(out, p)
	}
	return out
}

func parsePattern(word string) (pattern, error) {
	words := strings.Split(word, ":")
	p, bits := pattern{}, 16
	if words[0] == "large" {
		p.large, bits, words = true, 32, words[1:]
	}
	if p.large && len(words) != 3 || !p.large && len(words) != 2 {
		return p, fmt.Errorf("%q is neither a community nor an alias that a Community object defines; %s", cut(word), patternForms)
	}
	for _, w := range words {
		one, err := parsePart(w, bits)
		if err != nil {
			return p, fmt.Errorf("%q in %q: %w; %s", cut(w), cut(word), err, patternForms)
		}
		p.parts = append(p.parts, one)
	}
	if !p.large && p.parts[0].exact() && p.parts[0].low == wellKnownHigh && !p.parts[1].exact() {
		return p, fmt.Errorf("%q: routers obey well-known communities; name each that you mean", cut(word))
	}
	return p, nil
}

func parsePart(s string, bits int) (part, error) {
	most := uint32(uint64(1)<<bits - 1)
	if s == "*" {
		return part{high: most}, nil
	}
	if digits, open := strings.CutSuffix(s, "*"); open {
		if _, err := decimal(digits, bits); err != nil || digits[0] == '0' {
			return part{}, fmt.Errorf("digits of a number from 1 to %d stand before the star", most)
		}
		return part{digits: digits}, nil
	}
	from, to, isRange := strings.Cut(s, "-")
	if !isRange {
		to = from
	}
	low, err1 := decimal(from, bits)
	high, err2 := decimal(to, bits)
	if err1 != nil || err2 != nil || high < low {
		return part{}, fmt.Errorf("not a number from 0 to %d, nor a range of two", most)
	}
	return part{low: uint32(low), high: uint32(high)}, nil
}

// ask is a community that a Service asks for, of either kind.
type ask struct {
	isLarge  bool
	standard frrconf.Community
	large    frrconf.LargeCommunity
}

// String prints the community as users write it.
func (a ask) String() string {
	if a.isLarge {
		return "large:" + a.large.String()
	}
	return fmt.Sprintf("%d:%d", a.standard>>16, a.standard&0xFFFF)
}

// asksOf lists the communities of a set.
func asksOf(set communitySet) []ask {
	var out []ask
	for _, c := range set.standard {
		out = append(out, ask{standard: c})
	}
	for _, c := range set.large {
		out = append(out, ask{isLarge: true, large: c})
	}
	return out
}

// let tells whether the list lets a community through. Well-known ones are let through only where they are written out.
func (l allowList) let(a ask) bool {
	return slices.ContainsFunc(l, func(p pattern) bool {
		if p.large != a.isLarge {
			return false
		}
		if p.large {
			return p.parts[0].matches(a.large.Global) && p.parts[1].matches(a.large.Local1) && p.parts[2].matches(a.large.Local2)
		}
		high, low := uint32(a.standard>>16), uint32(a.standard&0xFFFF)
		if high == wellKnownHigh && !(p.parts[0].exact() && p.parts[1].exact()) {
			return false
		}
		return p.parts[0].matches(high) && p.parts[1].matches(low)
	})
}

// among is those of the asks that the list lets through.
func (l allowList) among(asks []ask) communitySet {
	var out communitySet
	for _, one := range asks {
		switch {
		case !l.let(one):
		case one.isLarge:
			out.large = append(out.large, one.large)
		default:
			out.standard = append(out.standard, one.standard)
		}
	}
	return out
}
