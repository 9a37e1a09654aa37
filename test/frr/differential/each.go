package differential

import (
	_ "embed"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// Each leaves nothing to chance: it walks through every line that Wide knows, in a configuration that is otherwise the same, so that each line
// comes, goes, and becomes each other line that stands in its place; and the same with another number. The seed does not matter; -from and -pairs choose a part of the walk.
type Each struct{}

// Name implements Generator.
func (Each) Name() string { return "each" }

// Whole implements Generator.
func (Each) Whole() bool { return true }

// Chain implements Generator.
func (e Each) Chain(_ *rand.Rand, version fabric.Version, n int) []string {
	return e.Part(0, version, n)
}

// Part implements walker.
func (Each) Part(from int, version fabric.Version, n int) []string {
	texts := walk(version)
	begin := min(from, len(texts))
	return texts[begin:min(begin+n, len(texts))]
}

// Pairs implements walker.
func (Each) Pairs(version fabric.Version) int { return len(walk(version)) - 1 }

// eachBase is the configuration that lines are put into. "@PLACE" is a place for a line, with the neighbor that the line is about behind it.
//
//go:embed testdata/each.conf
var eachBase string

// family is the lines of which one or none stands in a place.
type family struct {
	place string
	lines []string
	// with are lines in other places, as long as those of the family are walked through.
	with map[string]string
}

// families are all, those first that have brought the most to light.
func families(version fabric.Version) []family {
	var out []family
	add := func(place string, with map[string]string, tables ...[]choice) {
		for _, table := range tables {
			for _, c := range table {
				if lines := expanded(c.lines, version); len(lines) > 0 {
					out = append(out, family{place, lines, with})
				}
			}
		}
	}
	add("entry", nil, mapChoices, []choice{{0, []string{"on-match next", "on-match goto 20", "on-match goto 30", "call RM2", "call RM3"}}})
	add("action", nil, []choice{{0, []string{"route-map RM1 permit 5\n match metric 10\nexit", "route-map RM1 deny 5\n match metric 10\nexit", "route-map RM1 permit 5\nexit", "route-map RM1 permit 6\n set metric 9\nexit"}}})
	add("network", nil, []choice{{0, []string{"network 192.0.2.9/32", "network 192.0.2.9/32 route-map RM1", "network 192.0.2.9/32 route-map RM2", "network 192.0.2.9/32 backdoor", "network 192.0.2.9/32 label-index 7"}}})
	add("family", nil, fourChoices, familyChoices)
	add("out", nil, outChoices)
	add("in", nil, inChoices)
	add("bindings", nil, bindingChoices)
	add("in", nil, []choice{{0, []string{"no {n} activate"}}})
	add("private", nil, privateChoices)
	add("reflector", nil, reflectorChoices)
	for _, c := range inChoices {
		// A member has lines of its own beside one of its group.
		group := expanded(c.lines[:1], version)[0]
		if !strings.Contains(group, "maximum-prefix") { // FRR mixes a member's numbers with its group's
			add("member-in", map[string]string{"in GX": group}, []choice{c})
		}
	}
	add("instance", nil, instanceChoices)
	add("filters", map[string]string{"in": "{n} route-map ALL in", "out": "{n} route-map ALL out"}, listSteps, listChoices)
	add("neighbor", nil, neighborChoices)
	add("external", nil, externalChoices)
	add("joins", nil, []choice{{0, []string{"{n} peer-group GN", "{n} peer-group GM"}}})
	add("made", nil, []choice{{0, []string{
		"{n} remote-as 65006\n{n} password secret5", "{n} remote-as external\n{n} password secret5", "{n} remote-as 65006", "{n} remote-as 65099\n{n} password secret5",
		"{n} remote-as internal\n{n} password secret5", "{n} remote-as 65006\n{n} password another",
	}}})
	add("global", nil, globalChoices)
	add("static", map[string]string{"family": "redistribute static"}, staticChoices)
	add("profile", map[string]string{"neighbor 10.0.0.2": "{n} bfd profile fast", "bfd-peer": "profile fast"}, profileChoices)
	add("bfd-peer", nil, bfdPeerChoices)
	add("interface", map[string]string{"family": "redistribute connected"}, interfaceChoices, spareChoices)
	add("network6", nil, []choice{{0, []string{"network 2001:db8:50::/48", "network 2001:DB8:50::/48 route-map RM1", "network 2001:db8:50::/48 route-map RM2"}}})
	add("family6", nil, familyChoices[:len(familyChoices)-1])
	add("out6", nil, outChoices)
	add("in6", nil, inChoices, bindingChoices6)
	for _, c := range neighborChoices {
		add("member", map[string]string{"neighbor GX": expanded(c.lines[:1], version)[0]}, []choice{c})
	}
	add("view", nil, instanceChoices)
	tagged := map[string]string{"family": "redistribute static", "in 10.0.0.8": "{n} route-map NET in"}
	add("entry", tagged, []choice{{0, []string{"match tag 1", "match tag 7", "match tag 8"}}})
	tagged = maps.Clone(tagged)
	tagged["entry"] = "match tag 7"
	add("own-tag", tagged, []choice{{0, []string{"set tag 1", "set tag 7", "set tag 8"}}})
	for _, f := range slices.Clone(out) {
		for _, l := range f.lines {
			if next := renumbered(l); next != "" && !slices.ContainsFunc(f.lines, func(o string) bool { return o != l && sameButNumbers(o, l) }) {
				out = append(out, family{f.place, []string{l, next}, f.with})
			}
		}
	}
	return out
}

// number is one in a line that is no part of a name, an address or a prefix.
var number = regexp.MustCompile(`(?:^|[ :+])([0-9]+)(?:$|[ :])`)

// renumbered is a line with another number in place of its last, empty if it has none.
func renumbered(line string) string {
	found := number.FindAllStringSubmatchIndex(line, -1)
	if len(found) == 0 || strings.Contains(line, "\n") || strings.HasPrefix(line, "match probability ") { // which is chance
		return ""
	}
	at := found[len(found)-1][2:4]
	n, _ := strconv.Atoi(line[at[0]:at[1]])
	if slices.Contains([]int{32, 100, 128, 255}, n) { // the most that there is
		n -= 2
	}
	return line[:at[0]] + strconv.Itoa(n+1) + line[at[1]:]
}

// sameButNumbers tells whether two lines differ in numbers alone.
func sameButNumbers(a, b string) bool {
	blank := func(l string) string { return regexp.MustCompile(`[0-9]+`).ReplaceAllString(l, "0") }
	return blank(a) == blank(b)
}

// eachDefaults stands in places that no family has, or asks for something else in.
var eachDefaults = map[string]string{
	"filters": strings.TrimSpace(`
ip prefix-list PL1 seq 5 permit 100.20.0.0/16 le 24
ip prefix-list PL1 seq 10 permit 192.0.2.0/24 le 32
ip prefix-list PL2 seq 5 permit 100.0.0.0/8 ge 24 le 28
ipv6 prefix-list PL6 seq 5 permit 2001:db8::/32 le 128
ipv6 prefix-list PM6 seq 5 permit 2001:db8:50::/44 le 64
access-list AC seq 5 permit 100.20.0.0/16
access-list AC seq 10 permit 10.0.0.2/32
access-list AD seq 5 permit any
ipv6 access-list AC6 seq 5 permit 2001:db8::/32
bgp community-list standard CL seq 5 permit 65101:1
bgp community-list standard CM seq 5 permit 65101:2
bgp community-list expanded CE seq 5 permit 65101:.
bgp large-community-list standard LL seq 5 permit 65101:1:2
bgp extcommunity-list standard EL seq 5 permit rt 65000:1
bgp as-path access-list AP seq 5 permit _3000_
bgp as-path access-list AQ seq 5 permit ^$`),
	"made":    "{n} remote-as 65006\n{n} password secret5",
	"network": "network 192.0.2.9/32 route-map RM1",
	"own-tag": "set tag 7",
}

// notForGroups are words of lines that the group, which has a listen range, is not given. 10.3 takes graceful-shutdown for no group. With soo bgpd
// dies, on both versions, when who came from the range goes, or when soo does. With advertise-map 8.4 announces nothing to who comes from the
// range before it looks at the condition, which is a minute later.
var notForGroups = []string{" graceful-shutdown", " soo ", " advertise-map "}

// listSteps are lists whose entries come, go, change and move.
var listSteps = []choice{
	{0, []string{
		"ip prefix-list PL1 seq 5 permit 100.20.0.0/16 le 24",
		"ip prefix-list PL1 seq 5 deny 100.20.0.0/16 le 24",
		"ip prefix-list PL1 seq 5 permit 100.20.0.0/16 le 32",
		"ip prefix-list PL1 seq 7 permit 100.20.0.0/16 le 24",
		"ip prefix-list PL1 permit 100.20.0.0/16 le 24\nip prefix-list PL1 deny any",
		"ip prefix-list PL1 deny any\nip prefix-list PL1 permit 100.20.0.0/16 le 24",
		"ip prefix-list PL1 description words\nip prefix-list PL1 seq 5 permit 100.20.0.0/16 le 24", // alone it is an empty list, which permits or not
	}},
	{0, []string{
		"access-list AC seq 5 permit 100.20.0.0/16",
		"access-list AC seq 5 deny 100.20.0.0/16",
		"access-list AC seq 7 permit 100.20.0.0/16",
		"access-list AC permit 100.20.0.0/16\naccess-list AC deny any",
		"access-list AC deny any\naccess-list AC permit 100.20.0.0/16",
		"access-list AC seq 5 permit 100.20.0.0/16 exact-match",
	}},
	{0, []string{
		"bgp community-list standard CL seq 5 permit 65101:1",
		"bgp community-list standard CL seq 5 deny 65101:1",
		"bgp community-list standard CL seq 7 permit 65101:1",
		"bgp community-list standard CL permit 65101:2\nbgp community-list standard CL permit 65101:1",
		"bgp community-list standard CL permit 65101:1\nbgp community-list standard CL permit 65101:2",
		"bgp community-list expanded CL permit 65101:.",
	}},
	{0, []string{
		"bgp as-path access-list AP seq 5 permit _3000_",
		"bgp as-path access-list AP seq 5 deny _3000_",
		"bgp as-path access-list AP seq 7 permit _3000_",
		"bgp as-path access-list AP deny _64512_\nbgp as-path access-list AP permit _3000_",
		"bgp as-path access-list AP permit _3000_\nbgp as-path access-list AP deny _64512_",
	}},
}

// expanded are lines with every name that they may hold, the first two of a kind, each once.
func expanded(lines []string, version fabric.Version) []string {
	var out []string
	for todo := slices.Clone(lines); len(todo) > 0; todo = todo[1:] {
		line, newer := strings.CutPrefix(todo[0], "10.3|")
		if newer && version == fabric.V84 {
			continue
		}
		begin := strings.Index(strings.ReplaceAll(line, "{n}", "..."), "{")
		if begin < 0 {
			if !slices.Contains(out, line) {
				out = append(out, line)
			}
			continue
		}
		kind, _, _ := strings.Cut(line[begin+1:], "}")
		names := poolNames[kind]
		for i, name := range names[:min(2, len(names))] {
			todo = slices.Insert(todo, 1+i, line[:begin]+name+line[begin+len(kind)+2:])
		}
	}
	return out
}

// walk are the configurations in an order in which each line of a family is followed by each other once.
func walk(version fabric.Version) []string {
	var out []string
	for _, f := range families(version) {
		texts := []string{f.text("")}
		for _, l := range f.lines {
			texts = append(texts, f.text(l))
		}
		for _, i := range eachAfterEach(len(texts)) {
			if text := texts[i]; len(out) == 0 || out[len(out)-1] != text {
				out = append(out, text)
			}
		}
	}
	return out
}

// eachAfterEach begins and ends with 0, and has each of n numbers follow each other number once.
func eachAfterEach(n int) []int {
	var out []int
	for i := range n {
		for j := i + 1; j < n; j++ {
			out = append(out, i, j)
		}
	}
	return append(out, 0)
}

// text is the configuration with a line of the family, or without one where it is empty.
func (f family) text(line string) string {
	var b strings.Builder
	for l := range strings.Lines(eachBase) {
		trimmed := strings.TrimLeft(l, " ")
		place, is := strings.CutPrefix(strings.TrimSpace(l), "@")
		if !is {
			b.WriteString(l)
			continue
		}
		_, neighbor, _ := strings.Cut(place, " ")
		for part := range strings.SplitSeq(strings.ReplaceAll(f.at(place, line), "{n}", "neighbor "+neighbor), "\n") {
			if part != "" {
				b.WriteString(l[:len(l)-len(trimmed)] + part + "\n")
			}
		}
	}
	return b.String()
}

// at is what stands in a place, which may name a neighbor.
func (f family) at(place, line string) string {
	kind, neighbor, _ := strings.Cut(place, " ")
	if kind == f.place {
		if strings.HasPrefix(neighbor, "G") && slices.ContainsFunc(notForGroups, func(word string) bool { return strings.Contains(line, word) }) {
			return ""
		}
		return line
	}
	for _, with := range []map[string]string{f.with, eachDefaults} {
		for _, key := range []string{place, kind} {
			if there, ok := with[key]; ok {
				return there
			}
		}
	}
	return ""
}
