package reload

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// neighbors lists the neighbors and peer-groups that an instance defines, in order. It is not to be changed.
func (in *instance) neighbors() []string { return in.roster().ids }

// definesNeighbor tells whether a line makes a neighbor, and which.
func definesNeighbor(line string) (string, bool) {
	if !strings.HasPrefix(line, "neighbor ") {
		return "", false
	}
	words := strings.Fields(line)
	if len(words) >= 3 && (words[2] == "remote-as" || words[2] == "peer-group" || ofInterface(words)) {
		return words[1], true
	}
	return "", false
}

// ofInterface tells a line that makes a neighbor of an interface (RFC 5549 calls them unnumbered). Behind an address the word names the
// interface of a link-local one.
func ofInterface(words []string) bool {
	if len(words) < 3 || words[0] != "neighbor" || words[2] != "interface" {
		return false
	}
	_, err := netip.ParseAddr(words[1])
	return err != nil
}

// memberships are the groups of the neighbors that are in one. They are not to be changed.
func (in *instance) memberships() map[string]string { return in.roster().groups }

// identity is what a neighbor can't change without being made anew: that it is an interface's, a group, or which group it is in; and for a
// group, whether it has an AS number of its own, since its members live and die by that.
func (in *instance) identity(id string) string {
	k := in.roster().kinds[id]
	if k.word == "group" && k.remote {
		k.word = "group with AS"
	}
	return k.word + " of " + in.memberships()[id]
}

func (in *instance) isGroup(id string) bool { return in.roster().kinds[id].group }

// ranges are the prefixes that dynamic neighbors of a group come from. They are not to be changed.
func (in *instance) ranges(group string) []string { return in.roster().ranges[group] }

// named is how plans name a neighbor of the instance.
func (in *instance) named(id string) string {
	if in.vrf == "" {
		return id
	}
	return id + " " + in.vrf
}

// all are the neighbors that have sessions.
func (in *instance) all() []string {
	var out []string
	for _, id := range in.neighbors() {
		if in.isGroup(id) {
			for _, r := range in.ranges(id) {
				out = append(out, in.named(r))
			}
			continue
		}
		out = append(out, in.named(id))
	}
	return out
}

// external tells a neighbor, by its name in plans, that is surely of another AS. One from a listen range is its group's.
func (in *instance) external(name string) bool {
	id, _ := split(name)
	group := cmp.Or(in.roster().comesBy[id], in.memberships()[id])
	as, own := "", in.asn
	for _, l := range in.about(id, group) {
		words := strings.Fields(l)
		if len(words) < 4 {
			continue
		}
		if words[2] == "local-as" {
			own = words[3]
		}
		if i := slices.Index(words, "remote-as"); i > 0 && i+1 < len(words) {
			as = words[i+1]
		}
	}
	return as == "external" || as != "" && as != "internal" && as != "auto" && as != own
}

// newChange finds out which neighbors come and go.
func newChange(b *builder, old, want *instance) *change {
	c := &change{b: b, old: old, want: want, fresh: map[string]bool{}, removed: map[string]bool{}, read: map[string][2]place{}}
	had, wants := old.roster().known, want.roster().known
	c.had = len(had) > 0
	anew, timed := keepsBFD(old, want), keepsTimers(old, want)
	for id := range wants {
		if !had[id] {
			c.fresh[id] = true
		}
	}
	for id := range had {
		if !wants[id] {
			c.removed[id] = true
		} else if old.identity(id) != want.identity(id) || anew[id] || timed[id] {
			c.fresh[id], c.removed[id] = true, true
		}
	}
	// A group takes its members with it.
	for id, group := range old.memberships() {
		if c.removed[group] && !c.removed[id] {
			c.removed[id] = true
			c.fresh[id] = wants[id]
		}
	}
	c.called = c.toCall()
	return c
}

// removedRange tells whether a line is a listen range whose group is removed, and that goes with it.
func (c *change) removedRange(l string) bool { return c.removed[rangeGroup(l)] }

// concerned are the neighbors with sessions that a line about a neighbor or a group changes; none for those that are being made.
func (c *change) concerned(id string) []string {
	if c.fresh[id] || c.removed[id] {
		return nil
	}
	if !c.old.isGroup(id) {
		return []string{c.old.named(id)}
	}
	var out []string
	for _, member := range c.old.roster().members[id] {
		if !c.fresh[member] && !c.removed[member] {
			out = append(out, c.old.named(member))
		}
	}
	for _, r := range c.old.ranges(id) {
		out = append(out, c.old.named(r))
	}
	slices.Sort(out)
	return out
}

// removeNeighbors removes what goes, each by one line, which takes all its settings along: members before their groups.
func (c *change) removeNeighbors(context []string) {
	for _, groups := range []bool{false, true} {
		for _, id := range c.old.neighbors() {
			if !c.removed[id] || c.old.isGroup(id) != groups {
				continue
			}
			cmd := Command{Daemon: vtysh.BGPD, Context: lines(context), Effect: Reset, Neighbors: []string{c.old.named(id)}}
			if groups {
				cmd.Neighbors = nil
				for _, r := range c.old.ranges(id) {
					cmd.Neighbors = append(cmd.Neighbors, c.old.named(r))
				}
				if len(cmd.Neighbors) == 0 {
					cmd.Effect = None
				}
			}
			cmd.Line = vtysh.Line(removal(c.old, id))
			c.b.add(cmd)
		}
	}
}

// removal is the one line that removes a neighbor with all its settings.
func removal(in *instance, id string) string {
	switch kind, _, _ := strings.Cut(in.identity(id), " of "); kind {
	case "interface", "interface v6only":
		return "no neighbor " + id + " interface"
	case "group", "group with AS":
		return "no neighbor " + id + " peer-group"
	}
	return "no neighbor " + id
}

// neighborKey is what a line of a neighbor is a value of. words begin with "neighbor X".
func neighborKey(words []string) string {
	attribute := words[2]
	switch attribute {
	case "timers":
		if len(words) > 3 && (words[3] == "connect" || words[3] == "delayopen") {
			return "timers " + words[3]
		}
	case "bfd":
		if _, _, timers := bfdOfNeighbor(strings.Join(words, " ")); !timers {
			return "bfd " + words[3]
		}
	case "interface":
		if ofInterface(words) {
			return "remote-as"
		}
	case "graceful-restart-helper", "graceful-restart-disable":
		return "graceful-restart"
	case "addpath-tx-all-paths", "addpath-tx-bestpath-per-AS", "addpath-tx-best-selected":
		return "addpath-tx"
	case "route-map", "prefix-list", "filter-list", "distribute-list":
		return attribute + " " + words[len(words)-1]
	case "capability", "send-community":
		return strings.Join(words[2:min(4, len(words))], " ")
	}
	return attribute
}

// neighborEffect is what changing a setting of an established neighbor does (reference: bgpd's peer_flag_action_list and its callers).
func neighborEffect(line string, version vtysh.Version) (Effect, string) {
	words := strings.Fields(strings.TrimPrefix(line, "no "))
	if len(words) < 3 {
		return Reset, "not a setting that this program knows"
	}
	switch words[2] {
	case "description":
		return None, ""
	case "capability":
		if len(words) > 3 && (words[3] == "software-version" || words[3] == "dynamic" && version.AtLeast(9, 0)) {
			return Deferred, ""
		}
		return Reset, ""
	case "bfd":
		if len(words) == 3 && strings.HasPrefix(line, "no ") {
			return Reset, "where the router ties its BGP to BFD; take BFD out there first"
		}
		return None, ""
	case "timers", "graceful-restart", "graceful-restart-helper", "graceful-restart-disable", "advertisement-interval", "maximum-prefix",
		"override-capability", "strict-capability-match", "dont-capability-negotiate", "tcp-mss":
		return Deferred, ""
	case "route-map", "prefix-list", "filter-list", "distribute-list", "send-community", "next-hop-self", "attribute-unchanged", "advertise-map",
		"remove-private-AS", "as-override", "soft-reconfiguration", "allowas-in", "weight", "default-originate", "unsuppress-map",
		"maximum-prefix-out", "enforce-first-as", "graceful-shutdown", "solo", "sender-as-path-loop-detection":
		return Soft, ""
	case "remote-as", "interface", "password", "update-source", "local-as", "ebgp-multihop", "ttl-security", "passive", "shutdown",
		"disable-connected-check", "local-role", "port", "activate", "route-reflector-client", "route-server-client",
		"addpath-tx-all-paths", "addpath-tx-bestpath-per-AS", "addpath-tx-best-selected", "disable-addpath-rx", "peer-group", "soo",
		"enforce-multihop":
		return Reset, ""
	}
	return Reset, "not a setting that this program knows"
}

// neighborOf is the neighbor that a line is about, empty for others.
func neighborOf(line string) string {
	line = strings.TrimPrefix(line, "no ")
	rest, ok := strings.CutPrefix(line, "neighbor ")
	if !ok {
		return ""
	}
	id, _, _ := strings.Cut(rest, " ")
	return id
}

// neighbors emits the lines of the router block that name neighbors: groups before members, and what makes a neighbor before what it has.
func (c *change) neighbors(context, put, drop []string) {
	c.dropReplaced(context, c.old.block.lines, put)
	// These two exclude each other.
	for _, l := range drop {
		if strings.Contains(l, " ebgp-multihop") || strings.Contains(l, " ttl-security ") {
			c.line(context, negated(l))
		}
	}
	rank := func(l string) int {
		words := strings.Fields(strings.TrimPrefix(l, "no "))
		_, defines := definesNeighbor(l)
		switch {
		case len(words) < 3:
			return 6 // FRR says what is wrong with it
		case defines && len(words) == 3:
			return 0 // a group
		case defines && c.want.isGroup(words[1]):
			return 1 // its AS number
		case c.want.isGroup(words[1]):
			return 2 // its settings, which members take over
		case defines && words[2] != "peer-group":
			return 3
		case defines:
			return 4
		case words[2] == "shutdown":
			return 5 // what follows disturbs nobody, and starts nothing
		}
		return 6
	}
	sorted := slices.Clone(put)
	sorted = slices.DeleteFunc(sorted, func(l string) bool { return neighborOf(l) == "" })
	slices.SortStableFunc(sorted, func(a, b string) int { return rank(a) - rank(b) })
	watches, dropped := c.want.withBFD(), setOf(drop)
	drops := func(groups bool) {
		for _, l := range neighborDrops(drop) {
			id := neighborOf(l)
			if c.want.isGroup(id) != groups || strings.Contains(l, " ebgp-multihop") || strings.Contains(l, " ttl-security ") {
				continue
			}
			if strings.HasPrefix(l, "no neighbor "+id+" bfd profile ") && (watches[id] || !dropped["neighbor "+id+" bfd"]) {
				// bfdd keeps what a session had from its profile; one that is not there brings the defaults. bgpd tells bfdd at the end of what it
				// reads at once.
				c.line(context, "neighbor "+id+" bfd profile "+noProfile)
				c.line(context, "no neighbor "+id+" bfd profile "+noProfile)
				c.b.commands[len(c.b.commands)-1].Completes = true
				continue
			}
			c.line(context, l)
		}
	}
	members, _ := slices.BinarySearchFunc(sorted, 3, func(l string, r int) int { return rank(l) - r })
	for _, l := range sorted[:members] {
		c.line(context, l)
	}
	drops(true) // who joins a group keeps what it had then
	for _, l := range sorted[members:] {
		c.line(context, l)
	}
	drops(false)
}

// dropReplaced takes back the lines of neighbors that stay which FRR would keep beside those that take their place.
func (c *change) dropReplaced(context, old, put []string) {
	replaced := map[string]string{}
	for _, l := range put {
		if neighborOf(l) != "" {
			replaced[routerKey(l)] = l
		}
	}
	if len(replaced) == 0 {
		return
	}
	for _, l := range old {
		if id := neighborOf(l); id == "" || c.removed[id] {
			continue
		}
		now, ok := replaced[routerKey(l)]
		// FRR does not look at a route-map that comes to the default route of a group (10.3), and at times not at another (seen on 8.4).
		group := strings.Contains(l, " default-originate") && c.want.isGroup(neighborOf(l))
		if ok && l != now && (group || dropsFirst(l, now)) {
			c.line(context, negated(withoutTimers(l)))
		}
	}
}

// familyNeighbors emits the lines of a family that name neighbors: a neighbor has its policies before it is activated.
func (c *change) familyNeighbors(f string, context, put, drop []string) {
	activates := func(l string) bool {
		_, on, ok := activation(l)
		return ok && on
	}
	for _, l := range drop {
		if neighborOf(l) != "" && activates(l) {
			c.line(context, negated(l))
		}
	}
	c.deactivate(f, context, put)
	// A neighbor has a prefix-list or a distribute-list, of its own or from its group.
	early, taken := map[string]bool{}, map[string]bool{}
	swap := strings.NewReplacer(" prefix-list ", " distribute-list ", " distribute-list ", " prefix-list ")
	for _, l := range put {
		key, of := routerKey(l), neighborOf(l)
		if of != "" && swap.Replace(key) != key {
			taken[key] = true
			if group := c.want.memberships()[of]; group != "" {
				taken[strings.Replace(key, " "+of+" ", " "+group+" ", 1)] = true
			}
		}
	}
	for _, l := range drop {
		if other := swap.Replace(routerKey(l)); other != routerKey(l) && taken[other] {
			early[l] = true
			c.line(context, negated(l))
		}
	}
	c.dropReplaced(context, c.old.family(f), put)
	groupsFirst := func(emit func(string)) {
		for _, groups := range []bool{true, false} {
			for _, l := range put {
				if id := neighborOf(l); id != "" && c.want.isGroup(id) == groups {
					emit(l)
				}
			}
		}
	}
	groupsFirst(func(l string) {
		if !activates(l) {
			c.line(context, l)
		}
	})
	for _, l := range drop {
		if neighborOf(l) != "" && !activates(l) && !early[l] {
			c.line(context, negated(l))
		}
	}
	groupsFirst(func(l string) {
		if activates(l) && !c.calls(neighborOf(l)) {
			c.line(context, l)
		}
	})
}

// starts tells a line that has bgpd call a new neighbor at once, also before it has any family (8.4 and 10.3): that session would have none, and a
// router that takes it drops the routes that graceful restart has it keep.
func (c *change) starts(line string) bool {
	id := neighborOf(line)
	return id != "" && c.fresh[id] && !c.want.isGroup(id) && strings.HasPrefix(line, "neighbor "+id+" timers connect ")
}

// calls tells of a new neighbor that bgpd is to call at once: its line for that (starts) comes before the first family, since bgpd waits a second where
// there is one, and its families in the same moment, before bgpd has told the router which there are. Only in views, such as those of floating IPs: what is
// called there is a router that was told goodbye by another node just now.
func (c *change) calls(id string) bool { return c.called[id] }

// toCall are those neighbors.
func (c *change) toCall() map[string]bool {
	out := map[string]bool{}
	if strings.HasPrefix(c.want.vrf, "view ") && len(c.fresh) > 0 {
		for _, l := range c.want.block.lines {
			if c.starts(l) {
				out[neighborOf(l)] = true
			}
		}
	}
	return out
}

// activate emits the line that has a neighbor in a family.
func (c *change) activate(id string, context, put []string) {
	for _, l := range put {
		if _, on, is := activation(l); is && on && neighborOf(l) == id {
			c.line(context, l)
		}
	}
}

// deactivate takes new neighbors out of a family that FRR puts every new neighbor into.
func (c *change) deactivate(f string, context, put []string) {
	if !defaultFamilies(c.want.block.lines)[f] || len(c.fresh) == 0 {
		return
	}
	groups, activated := c.want.memberships(), setOf(put)
	for _, id := range c.want.neighbors() {
		if c.fresh[id] && groups[id] == "" && !activated["neighbor "+id+" activate"] {
			c.line(context, "no neighbor "+id+" activate")
		}
	}
}

// noProfile is a BFD profile that nobody has.
const noProfile = "frr-renderer-none"

// neighborDrops are the commands that take settings of neighbors back. "no neighbor X bfd" ends BFD; the profile goes before it, or it
// would stay behind and bring BFD back (BZ#2050824).
func neighborDrops(drop []string) []string {
	var first, rest []string
	for _, l := range drop {
		switch {
		case neighborOf(l) == "":
		case strings.HasPrefix(l, "neighbor "+neighborOf(l)+" bfd profile "):
			first = append(first, negated(l))
		default:
			rest = append(rest, negated(withoutTimers(l)))
		}
	}
	return append(first, rest...)
}
