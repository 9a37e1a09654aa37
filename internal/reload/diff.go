package reload

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// Running is what FRR runs, as its daemons tell.
type Running struct {
	// BGPD and BFDD are their "show running-config".
	BGPD string
	BFDD string
	// Others is what the other daemons print: zebra's next-hop tracking, copies of filters, and, where Whole, all that the document is
	// compared with.
	Others map[vtysh.Daemon]string
	// RouterIDs are what zebra has for VRFs, by name, "" being the default one; those that are not known are not there.
	RouterIDs map[string]string
	// Previous is the document that was applied before, empty when none is known. Unless Whole, lines that are neither bgpd's nor bfdd's
	// (static routes, interfaces) are compared with it.
	Previous string
	// Whole tells that the document is all of FRR's configuration.
	Whole   bool
	Version vtysh.Version

	texts     *reader
	noBGP     error // that there is no bgpd
	addresses addresses
}

// Format implements fmt.Formatter: what runs may hold passwords, so only its size is printed.
func (r Running) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "running configuration of FRR %s (%d bytes)", r.Version, len(r.BGPD)+len(r.BFDD))
}

// MarshalJSON implements json.Marshaler, without the texts.
func (r Running) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprint(r)) }

// Diff returns what brings FRR to the document. It is empty when FRR runs it.
//
// The order: BFD profiles; lists and route-maps that are new or changed; what other daemons hold; instances that go; instances, with
// neighbors getting their route-maps before they are activated; then route-maps, lists and profiles that nothing refers to any more; what
// makes changed policies effective; last, copies of filters that other daemons hold for nothing.
func Diff(running Running, document render.Document) Plan {
	return diff(running, read(document.Text))
}

func diff(running Running, wanted *config) Plan {
	bgp, bfd := running.texts.read(running.BGPD), running.texts.read(running.BFDD)
	b := builder{version: running.Version, filters: vtysh.BGPD, routerIDs: running.RouterIDs}
	changes := newChanges()

	others := running.texts.read(running.Previous)
	if running.Whole {
		others = running.texts.read(running.merged())
		bgp = grafted(bgp, others)
		if running.noBGP != nil {
			bgp = others // somebody else has the lists
		}
		b.filters = vtysh.All
	}
	wanted = keptViews(bgp, imported(bgp, wanted, running.Version))
	if running.Version.AtLeast(10, 0) && (profile(bgp) == datacenter || profile(wanted) == datacenter) {
		bgp, wanted = withoutGiven(bgp), withoutGiven(wanted)
	}
	putProfile(&b, running, bgp, wanted)
	putGlobals(&b, bgp, wanted)
	putBFD(&b, bgp, bfd, wanted)
	putLists, dropLists := filterDifference(bgp, wanted, running.Version)
	changes.noteLists(putLists, dropLists)
	putFilters(&b, putLists)
	putRouteMaps(&b, bgp, wanted, changes)
	noteDropped(bgp, wanted, changes)
	putOthers(&b, running, others, wanted)
	gone := dropInstances(&b, bgp, wanted)
	listenAgain(&b, bgp, wanted, gone)
	putInstances(&b, bgp, wanted, gone)
	passwordsAgain(&b, bgp, wanted, gone)
	dropRouteMaps(&b, bgp, wanted)
	dropFilters(&b, dropLists)
	dropBFD(&b, bgp, bfd, wanted)
	makeEffective(&b, bgp, wanted, gone, changes)
	putCopies(&b, running, wanted)
	dropCopies(&b, running, wanted)
	lookAgain(&b, bgp)
	remakeDynamic(&b, bgp, wanted)
	learnAgain(&b, bgp)
	pathsAgain(&b, bgp)
	withdrawBackdoors(&b, bgp, wanted)
	shareRedistribution(&b, bgp, wanted)
	endDelay(&b, wanted, changes)
	promiseEnds(&b, bgp, wanted)
	b.commands = distancesOnce(b.commands)
	b.markBulk(!slices.Contains(wanted.top, delayTimer+"0"))
	return Plan{b.commands}
}

// merged is what all daemons print, each line once in its place, as vtysh shows it.
func (r Running) merged() string {
	daemons := slices.Sorted(maps.Keys(r.Others))
	texts := []string{r.BGPD, r.BFDD}
	for _, d := range daemons {
		texts = append(texts, r.Others[d])
	}
	return strings.Join(texts, "\nend\n")
}

// daemons are those that run, in order.
func (r Running) daemons() []vtysh.Daemon {
	out := slices.Sorted(maps.Keys(r.Others))
	if r.BFDD != "" {
		out = append(out, vtysh.BFDD)
	}
	if r.noBGP == nil {
		out = append(out, vtysh.BGPD)
	}
	return out
}

// delayTimer begins the line that says how many seconds after a change of a route-map bgpd looks at what uses it; 0 is never.
const delayTimer = "bgp route-map delay-timer "

// putGlobals sets what bgpd has once for all instances: the delay timer of ours, and what an administrator's extras add.
func putGlobals(b *builder, running, wanted *config) {
	globals := func(list []string) []string {
		var out []string
		for _, l := range list {
			if strings.HasPrefix(strings.TrimPrefix(l, "no "), "bgp ") && !isFilter(l) {
				out = append(out, l)
			}
		}
		return out
	}
	key := func(l string) string {
		switch {
		case strings.HasPrefix(l, delayTimer):
			return delayTimer
		case setsMode(l):
			return "bgp " + restartMode // one mode takes the place of another
		}
		return valued(strings.Fields(strings.TrimPrefix(l, "no ")))
	}
	put, drop := difference(globals(running.top), globals(wanted.top), key)
	now, _ := instances(running)
	add := func(l, line string) {
		c := Command{Daemon: vtysh.BGPD, Line: vtysh.Line(line)}
		c.Effect, c.Note = globalEffect(l, b.version)
		if c.Effect == Reset {
			for _, in := range now {
				c.Neighbors = append(c.Neighbors, slices.DeleteFunc(in.all(), func(n string) bool { return setsMode(l) && in.hasMode(n) })...)
			}
			if len(c.Neighbors) == 0 {
				c.Effect = None
			}
		}
		b.add(c)
	}
	for _, l := range put {
		add(l, l)
	}
	for _, l := range drop {
		add(l, negated(l))
	}
}

// globalEffect is what changing a line at the top does that bgpd has once for all instances. Seen on 8.4 and 10.3.
func globalEffect(l string, version vtysh.Version) (Effect, string) {
	switch {
	case strings.HasPrefix(l, delayTimer):
		return None, ""
	case l == "bgp graceful-shutdown":
		return Soft, ""
	case l == "bgp "+suppressPending && resetsForFIB(version, ""), setsMode(l) && version.AtLeast(9, 0):
		return Reset, ""
	case l == "bgp "+suppressPending:
		return Soft, ""
	}
	return Soft, unknownLine
}

// makeEffective has bgpd evaluate changed policies for just the neighbors that they concern: with a delay timer of 0 it would never do so
// by itself, and by its default it would after 5 seconds, for every neighbor, sending all routes again.
func makeEffective(b *builder, running, wanted *config, gone map[string]bool, changes *changes) {
	if changes.empty() {
		return
	}
	_, now := instances(running)
	want, _ := instances(wanted)
	// A route that comes or goes is evaluated by itself: only what is announced before and after is concerned.
	old, next := announcedTags(running), announcedTags(wanted)
	announceAgain(b, running, wanted, changes)
	goes := going(running, wanted)
	for _, w := range want {
		if now[w.vrf] == nil || gone[w.vrf] {
			continue
		}
		established := now[w.vrf].roster().known
		for _, family := range w.families() {
			before := setOf(neighborLines(now[w.vrf].family(family)))
			for _, l := range neighborLines(w.family(family)) {
				words := strings.Fields(l)
				if len(words) != 5 || words[0] != "neighbor" || !established[words[1]] {
					continue
				}
				id, name, direction := words[1], words[3], words[4]
				concerned := false
				if !before[l] {
					// A new binding is evaluated by itself; what it names and goes is there at that time.
					if !goes(words[2], name) {
						continue
					}
					concerned = true
				}
				switch words[2] {
				case "route-map":
					concerned = concerned || changes.reach(wanted, name) || direction == "in" && len(changes.tags[name]) > 0 ||
						direction == "out" && concerns(changes.tags[name], old[w.vrf], next[w.vrf])
				case "prefix-list", "filter-list", "distribute-list":
					concerned = concerned || changes.lists[name]
				}
				if !concerned {
					continue
				}
				target := id
				if w.isGroup(id) {
					target = "peer-group " + id
				}
				b.add(Command{
					Daemon: vtysh.BGPD, Exec: true, Effect: Soft, Neighbors: []string{w.named(id)},
					Line: w.clearing(family, target, direction),
				})
			}
		}
	}
}

// going tells the route-maps and lists that go as a whole, and the route-maps that name such: to remove them is the last thing that a plan does.
func going(running, wanted *config) func(kind, name string) bool {
	had, _ := entries(running)
	list, _ := entries(wanted)
	gone := map[string]bool{}
	for _, l := range filters(running) {
		gone[filterName(l)] = true
	}
	for _, l := range filters(wanted) {
		delete(gone, filterName(l))
	}
	concerned := map[string]bool{} // maps that are there or will be, and whether they go or name what goes
	for _, e := range had {
		concerned[e.id.name] = true
	}
	for _, e := range list {
		concerned[e.id.name] = false
	}
	for more := true; more; { // maps call maps
		more = false
		for _, e := range list {
			names := func(l string) bool {
				words := strings.Fields(l)
				return slices.ContainsFunc(words, func(w string) bool { return gone[w] }) || words[0] == "call" && len(words) == 2 && concerned[words[1]]
			}
			if !concerned[e.id.name] && slices.ContainsFunc(e.block.lines, names) {
				concerned[e.id.name], more = true, true
			}
		}
	}
	return func(kind, name string) bool {
		if kind == "route-map" {
			return concerned[name]
		}
		return gone[name]
	}
}

// announceAgain writes networks and aggregates once more whose route-map has changed: bgpd would look at them again after its delay timer, or never. The
// classes of the product have their content in their names, and never change.
func announceAgain(b *builder, running, wanted *config, changes *changes) {
	list, _ := entries(running)
	had, again := mapNames(list), map[string]bool{}
	_, now := instances(running)
	want, _ := instances(wanted)
	never := slices.Contains(wanted.top, delayTimer+"0")
	for _, w := range want {
		for _, family := range w.families() {
			var runs map[string]bool // the networks, when they are asked for
			for _, l := range w.family(family) {
				name := networkMap(l)
				if name == "" {
					name = aggregateMap(l)
				}
				if name == "" {
					continue
				}
				changed, known := again[name]
				if !known {
					changed = changes.tags[name] != nil || changes.reach(running, name)
					again[name] = changed
				}
				if !changed {
					continue
				}
				if !had[name] {
					// A network that comes with its map is looked at with it, and one that waits for it when it comes, but not with a timer of 0.
					if !never || now[w.vrf] == nil {
						continue
					}
					if runs == nil {
						runs = map[string]bool{}
						for _, l := range now[w.vrf].family(family) {
							runs[l] = true
						}
					}
					if !runs[l] {
						continue
					}
				}
				put := []string{l}
				if bare, is := withoutMaps(l); is && b.version.AtLeast(10, 0) {
					put = []string{bare, l} // 10.3 does nothing about the same line
				}
				for _, line := range put {
					b.add(Command{
						Daemon: vtysh.BGPD, Context: lines(w.within(family)), Line: vtysh.Line(line), Effect: Soft,
						Note: "its route-map has changed", Again: true,
					})
				}
			}
		}
	}
}

// endDelay has bgpd look at whatever uses changed route-maps in other ways than as a neighbor's policy or a network's, where its delay timer is
// 0: it runs during the changes, and its end is that of the wait (FRR, "bgp route-map delay-timer").
func endDelay(b *builder, wanted *config, changes *changes) {
	const never = delayTimer + "0"
	if !slices.Contains(wanted.top, never) || !changes.usedOtherwise(wanted) {
		return
	}
	last := Command{Daemon: vtysh.BGPD, Line: never, Effect: Soft, Note: "looks at what uses changed route-maps"}
	early := func(c Command) bool { return len(c.Context) == 0 && c.Line == never }
	if i := slices.IndexFunc(b.commands, early); i >= 0 {
		b.commands = slices.Delete(b.commands, i, i+1)
	} else {
		last.Again = true
		b.commands = slices.Insert(b.commands, 0, Command{Daemon: vtysh.BGPD, Line: delayTimer + "1", Effect: None, Note: "until the end of this plan", Again: true})
	}
	b.add(last)
}

// usedOtherwise tells whether a route-map that changes is used by a line that nobody is asked to look at again: "redistribute", say.
func (m *changes) usedOtherwise(c *config) bool {
	if m.empty() {
		return false
	}
	for _, b := range c.of("router bgp") {
		for _, l := range b.lines {
			if strings.HasPrefix(l, "network ") || strings.HasPrefix(l, "aggregate-address ") || !strings.Contains(l, "-map ") {
				continue
			}
			words := strings.Fields(l)
			if len(words) == 5 && words[0] == "neighbor" && words[2] == "route-map" {
				continue
			}
			for i, w := range words[:len(words)-1] {
				if name := words[i+1]; strings.HasSuffix(w, "-map") && (m.tags[name] != nil || m.reach(c, name)) {
					return true
				}
			}
		}
	}
	return false
}

// networkMap is the route-map of a network line, empty for others.
func networkMap(l string) string {
	if !strings.HasPrefix(l, "network ") {
		return ""
	}
	_, name, _ := strings.Cut(l, " route-map ")
	return name
}

// aggregateMap is the route-map of an aggregate, or the one that tells what it suppresses.
func aggregateMap(l string) string {
	if !strings.HasPrefix(l, "aggregate-address ") {
		return ""
	}
	words := strings.Fields(l)
	for i, w := range words[:len(words)-1] {
		if w == "route-map" || w == "suppress-map" {
			return words[i+1]
		}
	}
	return ""
}

// withoutMaps is an aggregate without its route-maps.
func withoutMaps(l string) (bare string, is bool) {
	words := strings.Fields(l)
	if words[0] != "aggregate-address" {
		return "", false
	}
	for i := 0; i+1 < len(words); i++ {
		if words[i] == "route-map" || words[i] == "suppress-map" {
			words = slices.Delete(words, i, i+2)
			i--
		}
	}
	return strings.Join(words, " "), true
}

// neighborLines are the lines of a family that are about neighbors: few beside the networks.
func neighborLines(lines []string) []string {
	var out []string
	for _, l := range lines {
		if strings.HasPrefix(l, "neighbor ") {
			out = append(out, l)
		}
	}
	return out
}

// concerns tells whether any route that is announced before and after has one of the tags; a change of an entry without a tag concerns
// every route.
func concerns(changed, before, after map[string]bool) bool {
	has := func(tags map[string]bool, tag string) bool { return tags[tag] || tags[anyTag] }
	for tag := range changed {
		if tag == "" || has(before, tag) && has(after, tag) {
			return true
		}
	}
	return false
}

// anyTag stands for every tag: routes of other protocols and of other instances have some.
const anyTag = "any"

// announcedTags are the tags of the routes that each instance announces, as it runs: those that the maps give them which routes go through
// before they are announced, and the routes' own.
func announcedTags(c *config) map[string]map[string]bool {
	tagsOf := setTags(c)
	out := map[string]map[string]bool{}
	all, _ := instances(c)
	for _, in := range all {
		names, tags := map[string]bool{}, map[string]bool{}
		for _, family := range in.families() {
			for _, l := range in.family(family) {
				if strings.HasPrefix(l, "network ") {
					names[networkMap(l)] = true
					continue
				}
				words := strings.Fields(l)
				if words[0] == "redistribute" || words[0] == "import" {
					tags[anyTag] = true
				}
				for i, w := range words[:len(words)-1] {
					if strings.HasSuffix(w, "-map") && words[len(words)-1] != "out" {
						names[words[i+1]] = true
					}
				}
			}
		}
		for name := range names {
			for _, tag := range tagsOf[name] {
				tags[tag] = true
			}
		}
		out[in.vrf] = tags
	}
	return out
}

// setTags are the tags that each route-map sets, "" where an entry sets none, and those of maps that it calls.
func setTags(c *config) map[string][]string {
	out, calls := map[string][]string{}, map[string][]string{}
	list, _ := entries(c)
	for _, e := range list {
		tag := ""
		for _, l := range e.block.lines {
			if t, ok := strings.CutPrefix(l, "set tag "); ok {
				tag = t
			}
			if called, ok := strings.CutPrefix(l, "call "); ok {
				calls[e.id.name] = append(calls[e.id.name], called)
			}
		}
		out[e.id.name] = append(out[e.id.name], tag)
	}
	seen := map[[2]string]bool{}
	for name, tags := range out {
		for _, tag := range tags {
			seen[[2]string{name, tag}] = true
		}
	}
	for more := true; more; { // maps call maps
		more = false
		for name, called := range calls {
			for _, other := range called {
				for _, tag := range out[other] {
					if !seen[[2]string{name, tag}] {
						seen[[2]string{name, tag}], more = true, true
						out[name] = append(out[name], tag)
					}
				}
			}
		}
	}
	return out
}

// distancesOnce leaves out what was said in another instance already.
func distancesOnce(commands []Command) []Command {
	said := map[string]bool{}
	return slices.DeleteFunc(commands, func(c Command) bool {
		if len(c.Context) != 2 || !isPrefixDistance(strings.TrimPrefix(c.Line.Reveal(), "no ")) {
			return false
		}
		key := c.Context[1].Reveal() + "\n" + c.Line.Reveal()
		again := said[key]
		said[key] = true
		return again
	})
}
