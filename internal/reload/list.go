package reload

import (
	"slices"
	"strconv"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// list is one prefix-list, access-list, community list or AS-path list.
type list struct {
	// name is all that stands before a number: "ip prefix-list NAME".
	name    string
	entries []listEntry
	// words are its description and its remark.
	words []string
}

type listEntry struct {
	// number is 0 in a line that leaves it to FRR.
	number  int
	content string
}

func (l *list) line(e listEntry) string {
	return l.name + " seq " + strconv.Itoa(e.number) + " " + e.content
}

// meaning is the content as FRR compares it.
func (e listEntry) meaning() string {
	words := strings.Fields(e.content)
	if rest := strings.Join(words[1:], " "); rest == "0.0.0.0/0 le 32" || rest == "::/0 le 128" {
		return words[0] + " any"
	}
	return e.content
}

// prefix is the prefix of a prefix-list's entry, without its "ge" and "le".
func (e listEntry) prefix() string {
	words := append(strings.Fields(e.meaning()), "", "")
	if words[1] == "0.0.0.0/0" || words[1] == "::/0" {
		return "any"
	}
	return words[1]
}

// byName returns the lists of a configuration in the order of their first lines.
func byName(lines []string) (names []string, lists map[string]*list) {
	lists = map[string]*list{}
	for _, line := range lines {
		words := strings.Fields(line)
		i := nameLength(words)
		name := strings.Join(words[:i], " ")
		l := lists[name]
		if l == nil {
			l = &list{name: name}
			lists[name] = l
			names = append(names, name)
		}
		e := listEntry{}
		if i+2 < len(words) && words[i] == "seq" {
			e.number, _ = strconv.Atoi(words[i+1])
			i += 2
		}
		if p := permission(words[i:]); p != 0 {
			l.words = append(l.words, line)
			continue
		}
		e.content = strings.Join(words[i:], " ")
		l.entries = append(l.entries, e)
	}
	return names, lists
}

// nameLength is how many words of a line are the name of its list.
func nameLength(words []string) int {
	i := slices.IndexFunc(words, func(w string) bool {
		return w == "seq" || w == "permit" || w == "deny" || w == "description" || w == "remark"
	})
	if i < 0 {
		return len(words)
	}
	return i
}

// listOf is the name of the list that a line is of, as in list.
func listOf(line string) string {
	words := strings.Fields(line)
	return strings.Join(words[:nameLength(words)], " ")
}

// twice tells whether FRR takes the same content under two numbers; otherwise it leaves out the second, and says nothing.
func (l *list) twice(v vtysh.Version) bool {
	return v.AtLeast(10, 0) && strings.Contains(l.name, " prefix-list ")
}

// numbered returns the entries as FRR has them after it has read them, by number.
func (l *list) numbered(v vtysh.Version) []listEntry {
	highest := 0
	at, meant := map[int]listEntry{}, map[string]int{}
	for _, e := range l.entries {
		if n, ok := meant[e.meaning()]; ok && n != e.number && !l.twice(v) {
			continue
		}
		if e.number == 0 {
			e.number = highest + 5
			if strings.HasPrefix(l.name, "bgp ") {
				e.number -= e.number % 5
			}
		}
		if old, ok := at[e.number]; ok {
			delete(meant, old.meaning())
		}
		at[e.number], meant[e.meaning()], highest = e, e.number, max(highest, e.number)
	}
	out := make([]listEntry, 0, len(at))
	for _, e := range at {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b listEntry) int { return a.number - b.number })
	return out
}

// like gives a list that has no numbers of its own those of what runs, when that is the same entries in the same order.
func (l *list) like(running, fresh []listEntry) []listEntry {
	if slices.ContainsFunc(l.entries, func(e listEntry) bool { return e.number != 0 }) ||
		!slices.EqualFunc(running, fresh, func(a, b listEntry) bool { return a.meaning() == b.meaning() }) {
		return fresh
	}
	return running
}

// northboundList tells that a list goes as a whole, in one line: FRR looks for each entry of it otherwise.
func northboundList(name string) bool { return !strings.HasPrefix(name, "bgp ") }

// filterDifference compares lists. Where FRR would take an entry for one that it has under another number, that one goes first, among the
// lines to put.
func filterDifference(running, wanted *config, v vtysh.Version) (put, drop []string) {
	a, b := filters(running), filters(wanted)
	if slices.Equal(a, b) {
		return nil, nil
	}
	nowNames, now := byName(a)
	wantNames, want := byName(b)
	for _, name := range wantNames {
		w, n := want[name], now[name]
		if n == nil {
			n = &list{name: name}
			// FRR has one list of a name, standard or expanded.
			if other := now[otherStyle(name)]; other != nil && want[other.name] == nil {
				for _, e := range other.entries {
					put = append(put, undoFilter(other.line(e)))
				}
				delete(now, other.name)
			}
		}
		has := n.numbered(v)
		p, d := w.replace(has, w.like(has, w.numbered(v)), v)
		words, gone := difference(n.words, w.words, filterKey)
		put, drop = append(append(put, words...), p...), append(append(drop, d...), gone...)
	}
	for _, name := range nowNames {
		switch {
		case want[name] != nil, now[name] == nil:
		case northboundList(name):
			drop = append(drop, name)
		default:
			for _, e := range now[name].entries {
				drop = append(drop, now[name].line(e))
			}
			drop = append(drop, now[name].words...)
		}
	}
	return put, drop
}

func otherStyle(name string) string {
	if strings.Contains(name, " standard ") {
		return strings.Replace(name, " standard ", " expanded ", 1)
	}
	return strings.Replace(name, " expanded ", " standard ", 1)
}

// leaves tells that an entry which takes the place of another would keep a part of it: "exact-match", or what made it match anything (seen on 8.4 and
// 10.3).
func (l *list) leaves(old, now listEntry) bool {
	if !strings.HasPrefix(l.name, "access-list ") && !strings.HasPrefix(l.name, "ipv6 access-list ") {
		return false
	}
	for _, word := range []string{" any", " exact-match"} {
		if strings.HasSuffix(old.meaning(), word) != strings.HasSuffix(now.meaning(), word) {
			return true
		}
	}
	return false
}

// sought is what FRR finds an entry by that is to go: of an AS-path list 10.3 takes the first with the expression, whether it permits or denies.
func (l *list) sought(e listEntry) string {
	if _, expression, is := strings.Cut(e.content, " "); is && strings.HasPrefix(l.name, "bgp as-path ") {
		return expression
	}
	return e.meaning()
}

// forgotten are the prefixes of entries that FRR before 9.1 no longer finds when another entry of the same prefix goes: the optimization of its
// route-maps has a prefix once for all entries (FRR's issue 14392; seen on 8.4).
func (l *list) forgotten(now, want []listEntry, v vtysh.Version) map[string]bool {
	out := map[string]bool{}
	if v.AtLeast(9, 1) || !strings.Contains(l.name, " prefix-list ") {
		return out
	}
	stay, beside := map[listEntry]bool{}, map[string][]int{}
	for _, e := range want {
		stay[e] = true
		beside[e.prefix()] = append(beside[e.prefix()], e.number)
	}
	for _, e := range now {
		if !stay[e] && slices.ContainsFunc(beside[e.prefix()], func(n int) bool { return n != e.number }) {
			out[e.prefix()] = true
		}
	}
	return out
}

// replace brings the entries of a list from one state to another.
func (l *list) replace(now, want []listEntry, v vtysh.Version) (put, drop []string) {
	at, meant := map[int]listEntry{}, map[string]int{}
	forgotten := l.forgotten(now, want, v)
	for _, e := range now {
		if forgotten[e.prefix()] {
			put = append(put, undoFilter(l.line(e)))
			continue
		}
		at[e.number], meant[l.sought(e)] = e, e.number
	}
	wanted := map[int]bool{}
	for _, e := range want {
		wanted[e.number] = true
		old, there := at[e.number]
		if there && old.meaning() == e.meaning() {
			continue
		}
		if n, ok := meant[l.sought(e)]; ok && n != e.number && !l.twice(v) {
			put = append(put, undoFilter(l.line(at[n])))
			delete(at, n)
		}
		if there {
			delete(meant, l.sought(old))
			if l.leaves(old, e) {
				put = append(put, undoFilter(l.line(old)))
			}
		}
		at[e.number], meant[l.sought(e)] = e, e.number
		put = append(put, l.line(e))
	}
	for _, e := range now {
		if _, still := at[e.number]; still && !wanted[e.number] {
			drop = append(drop, l.line(e))
		}
	}
	return put, drop
}
