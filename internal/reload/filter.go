package reload

import (
	"slices"
	"strings"
)

// filterPrefixes begin the lines of lists at the top that bgpd holds.
var filterPrefixes = []string{
	"ip prefix-list ", "ipv6 prefix-list ", "access-list ", "ipv6 access-list ", "bgp as-path access-list ", "bgp community-list ",
	"bgp large-community-list ", "bgp extcommunity-list ",
}

func isFilter(line string) bool {
	for _, p := range filterPrefixes {
		if strings.HasPrefix(line, p) {
			return true
		}
	}
	return false
}

// filterKey is what a line gives a value to: a number of a list, or its remark. FRR overwrites it in place.
func filterKey(line string) string {
	words := strings.Fields(line)
	for i, w := range words {
		switch w {
		case "seq":
			return strings.Join(words[:min(i+2, len(words))], " ")
		case "description", "remark":
			return strings.Join(words[:i+1], " ")
		case "permit", "deny":
			return line
		}
	}
	return line
}

func filters(c *config) []string {
	var out []string
	for _, l := range c.top {
		if isFilter(l) {
			out = append(out, l)
		}
	}
	return out
}

func putFilters(b *builder, put []string) {
	for _, l := range put {
		b.filter(nil, l, Soft)
	}
}

func dropFilters(b *builder, drop []string) {
	for _, l := range drop {
		b.filter(nil, undoFilter(l), Soft)
	}
}

// undoFilter takes an entry back. A description takes no argument then.
func undoFilter(l string) string {
	words := strings.Fields(l)
	if i := slices.Index(words, "description"); i == 3 && words[1] == "prefix-list" {
		words = words[:4]
	}
	return "no " + strings.Join(words, " ")
}

// filterName is the name of the list that a line belongs to.
func filterName(l string) string {
	words := strings.Fields(l)
	for i, w := range words {
		switch w {
		case "prefix-list", "access-list", "standard", "expanded":
			if i+1 < len(words) && words[i+1] != "standard" && words[i+1] != "expanded" {
				return words[i+1]
			}
		}
	}
	return words[min(2, len(words)-1)]
}

// withoutNumber is an entry of a list without its sequence number.
func withoutNumber(l string) string {
	words := strings.Fields(l)
	if i := slices.Index(words, "seq"); i > 0 && i+1 < len(words) {
		words = slices.Delete(words, i, i+2)
	}
	return strings.Join(words, " ")
}
