package vtysh

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func entryOf(name, action, sequence string, lines ...Line) Block {
	return Block{Context: []Line{Line("route-map " + name + " " + action + " " + sequence)}, Lines: lines, Bulk: true}
}

func top(lines ...Line) Block { return Block{Lines: lines, Bulk: true} }

// TestAnEntryIsNotCutFromItsConditions: what is tried first, and the rest, a line each.
func TestAnEntryIsNotCutFromItsConditions(t *testing.T) {
	const list Line = "ip prefix-list a seq 5 permit 10.0.0.0/8"
	for name, c := range map[string]struct {
		blocks        []Block
		first, second string
	}{
		"lists, anywhere": {[]Block{top(list, list, list)}, "L", "L L"},
		"between entries, not in the middle of one": {
			[]Block{entryOf("r", "permit", "10", "match tag 7", "set metric 1", "set weight 1"), entryOf("r", "permit", "20", "match tag 8")}, "7 metric weight", "8",
		},
		"the header of the next entry goes with it": {
			[]Block{top("route-map r deny 10"), entryOf("r", "deny", "10", "match tag 7"), top("route-map r deny 20"), entryOf("r", "deny", "20", "match tag 8")},
			"10 7", "20 8",
		},
		"an odd line before an entry": {[]Block{top(list, "route-map r deny 10"), entryOf("r", "deny", "10", "match tag 7")}, "L", "10 7"},
		"one entry behind its conditions": {
			[]Block{top("route-map r deny 10"), entryOf("r", "deny", "10", "match tag 7", "match metric 3", "call x", "set metric 1", "set weight 1", "set tag 5", "set src 9")},
			"10 7 3 x", "metric weight 5 9",
		},
		"where a condition comes late, behind it": {
			[]Block{top("route-map r deny 10"), entryOf("r", "deny", "10", "set metric 1", "set weight 1", "no match tag 7", "set tag 5")}, "10 metric weight 7", "5",
		},
		"the entries of two maps": {[]Block{entryOf("r", "permit", "10", "match tag 7"), entryOf("s", "permit", "10", "match tag 8")}, "7", "8"},
		"an entry that changes its action while it is made": {
			[]Block{entryOf("r", "permit", "10", "no on-match next"), top("route-map r deny 10"), entryOf("r", "deny", "10", "match tag 7")}, "", "next 10 7",
		},
		"a header and its condition":  {[]Block{top("route-map r deny 10"), entryOf("r", "deny", "10", "match tag 7")}, "", "10 7"},
		"two conditions of one entry": {[]Block{entryOf("r", "deny", "10", "match tag 7", "match metric 3")}, "", "7 3"},
		"one line":                    {[]Block{top(list)}, "", "L"},
	} {
		t.Run(name, func(t *testing.T) {
			items := itemsOf(c.blocks)
			n := cut(items)
			said := func(some []item) string {
				var out []string
				for _, i := range some {
					words := strings.Fields(i.line.Reveal())
					word := words[len(words)-1]
					if short := map[Line]string{"set metric 1": "metric", "set weight 1": "weight", list: "L"}[i.line]; short != "" {
						word = short
					}
					out = append(out, word)
				}
				return strings.Join(out, " ")
			}
			require.Equal(t, c.first, said(items[:n]))
			require.Equal(t, c.second, said(items[n:]))
		})
	}
}
