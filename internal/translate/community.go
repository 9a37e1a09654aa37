package translate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/frrconf"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// communitySet is the communities of one advertisement, sorted, each once.
type communitySet struct {
	standard frrconf.Communities
	large    frrconf.LargeCommunities
}

// aliases reads the Community objects: alias to value. An alias that two define is the older's.
func (t *translation) aliases() map[string]string {
	values := map[string]string{}
	owners := map[string]string{}
	for _, c := range t.snap.Communities {
		var found issues
		for i, alias := range c.Spec.Communities {
			field := fmt.Sprintf("spec.communities[%d]", i)
			if alias.Name == "" {
				found.refuse(field+".name", problem.Required, "an alias needs a name")
				continue
			}
			if owner, taken := owners[alias.Name]; taken {
				found.refuse(field+".name", problem.DuplicateAlias, fmt.Sprintf(
					"alias %q is already defined by %s; give this one another name", alias.Name, owner))
				continue
			}
			var set communitySet
			if err := set.add(alias.Value); err != nil {
				found.refuse(field+".value", problem.InvalidValue, err.Error())
				continue
			}
			values[alias.Name], owners[alias.Name] = alias.Value, c.Name
		}
		t.report(problem.Object{Kind: "Community", Group: groupMetalLB, Namespace: c.Namespace, Name: c.Name}, found, "this alias is left out")
	}
	return values
}

const communityForms = "write 65000:1, large:64500:1:2 or the name of an alias"

// errNotACommunity tells that a word has not the form of a community: it may be an alias.
var errNotACommunity = errors.New("not a community; " + communityForms)

// add reads one community: u16:u16 (RFC 1997) or large:u32:u32:u32 (RFC 8092).
func (s *communitySet) add(value string) error {
	words := strings.Split(value, ":")
	switch {
	case len(words) == 4 && words[0] == "large":
		var n [3]uint32
		for i, w := range words[1:] {
			v, err := decimal(w, 32)
			if err != nil {
				return fmt.Errorf("%q is not a large community: three numbers from 0 to 4294967295 after \"large:\"", value)
			}
			n[i] = uint32(v)
		}
		s.large = append(s.large, frrconf.LargeCommunity{Global: n[0], Local1: n[1], Local2: n[2]})
		return nil
	case len(words) == 2:
		high, err1 := decimal(words[0], 16)
		low, err2 := decimal(words[1], 16)
		if err1 != nil || err2 != nil {
			return fmt.Errorf("%q is not a community: two numbers from 0 to 65535, as in 65000:1; %s", value, communityForms)
		}
		s.standard = append(s.standard, frrconf.Community(high<<16|low))
		return nil
	}
	return fmt.Errorf("%q is %w", value, errNotACommunity)
}

// decimal reads digits and nothing else: no sign, no space, no other base.
func decimal(s string, bits int) (uint64, error) {
	if s == "" || len(s) > 10 || strings.Trim(s, "0123456789") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseUint(s, 10, bits)
}

// merge adds the communities of another set.
func (s *communitySet) merge(other communitySet) {
	s.standard = append(s.standard, other.standard...)
	s.large = append(s.large, other.large...)
}

// sort brings the set into FRR's order, each community once.
func (s *communitySet) sort() {
	slices.Sort(s.standard)
	s.standard = slices.Compact(s.standard)
	slices.SortFunc(s.large, func(a, b frrconf.LargeCommunity) int {
		return slices.Compare([]uint32{a.Global, a.Local1, a.Local2}, []uint32{b.Global, b.Local1, b.Local2})
	})
	s.large = slices.Compact(s.large)
}
