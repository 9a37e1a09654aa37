package reload

import (
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
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

// filterKey is list and sequence number, where a line has one: the same number is overwritten in place.
func filterKey(line string) string {
	words := strings.Fields(line)
	for i, w := range words {
		if w == "seq" && i+1 < len(words) {
			return strings.Join(words[:i+2], " ")
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

// sameRest tells whether a line without a number is one of those that FRR has numbered.
func sameRest(lines []string) map[string]bool {
	out := map[string]bool{}
	for _, l := range lines {
		words := strings.Fields(l)
		for i, w := range words {
			if w == "seq" && i+1 < len(words) {
				out[strings.Join(append(append([]string{}, words[:i]...), words[i+2:]...), " ")] = true
			}
		}
	}
	return out
}

// filterDifference compares lists; a line that the administrator wrote without a number is compared without it.
func filterDifference(running, wanted *config) (put, drop []string) {
	now, want := filters(running), filters(wanted)
	put, drop = difference(now, want, filterKey)
	numbered := sameRest(now)
	unnumbered := map[string]bool{}
	var left []string
	for _, l := range put {
		if numbered[l] {
			unnumbered[l] = true
			continue
		}
		left = append(left, l)
	}
	var gone []string
	for _, l := range drop {
		matched := false
		for rest := range sameRest([]string{l}) {
			matched = unnumbered[rest]
		}
		if !matched {
			gone = append(gone, l)
		}
	}
	return left, gone
}

func putFilters(b *builder, put []string) {
	for _, l := range put {
		b.add(Command{Daemon: vtysh.BGPD, Line: vtysh.Line(l), Effect: Soft})
	}
}

func dropFilters(b *builder, drop []string) {
	for _, l := range drop {
		b.add(Command{Daemon: vtysh.BGPD, Line: vtysh.Line("no " + l), Effect: Soft})
	}
}
