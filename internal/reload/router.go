package reload

import (
	"slices"
	"strings"
	"sync"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// instance is a "router bgp" block.
type instance struct {
	header string
	asn    string
	// vrf is "vrf NAME" or "view NAME", empty for the default instance.
	vrf    string
	block  *block
	config *config

	once sync.Once
	read *roster
}

const (
	ipv4Unicast = "address-family ipv4 unicast"
	ipv6Unicast = "address-family ipv6 unicast"
)

// instances lists the router blocks of a configuration, by VRF.
func instances(c *config) (list []*instance, byVRF map[string]*instance) {
	byVRF = map[string]*instance{}
	for _, b := range c.of("router bgp") {
		words := strings.Fields(b.context[0])
		vrf := ""
		if len(words) >= 5 {
			vrf = words[3] + " " + words[4]
		}
		if len(words) < 3 || byVRF[vrf] != nil {
			continue
		}
		in := &instance{header: b.context[0], asn: words[2], vrf: vrf, block: c.get(b.context[0]), config: c}
		list = append(list, in)
		byVRF[vrf] = in
	}
	return list, byVRF
}

// families are the headers of the blocks within an instance: its address families, and what stands deeper, joined by newlines.
func (in *instance) families() []string {
	var out []string
	for _, b := range in.config.blocks {
		if len(b.context) >= 2 && b.context[0] == in.header {
			out = append(out, strings.Join(b.context[1:], "\n"))
		}
	}
	return out
}

// within is where a block of the instance stands.
func (in *instance) within(f string) []string {
	return append([]string{in.header}, strings.Split(f, "\n")...)
}

// family returns the lines of a block within the instance.
func (in *instance) family(f string) []string { return in.config.get(in.within(f)...).lines }

// clearing has bgpd look at what a neighbor announces ("in") or is announced ("out") once more, in a family or, where that is empty, in all.
func (in *instance) clearing(family, neighbor, direction string) vtysh.Line {
	return clearBGP(in.vrf, strings.TrimPrefix(family, "address-family "), neighbor, "soft", direction)
}

// clearBGP is the command that ends sessions, or looks at their routes once more, of the instance of a VRF or view; words may be empty.
func clearBGP(vrf string, words ...string) vtysh.Line {
	return vtysh.Line(strings.Join(strings.Fields("clear bgp "+vrf+" "+strings.Join(words, " ")), " "))
}

// routerKey is what a line of a router block is a value of.
func routerKey(line string) string {
	if strings.HasPrefix(line, "network ") {
		prefix, _, _ := strings.Cut(line[len("network "):], " ")
		return line[:len("network ")+len(prefix)]
	}
	words := strings.Fields(strings.TrimPrefix(line, "no "))
	switch {
	case len(words) >= 3 && words[0] == "neighbor":
		return "neighbor " + words[1] + " " + neighborKey(words)
	case len(words) >= 2 && words[0] == "aggregate-address":
		return words[0] + " " + words[1]
	case len(words) >= 2 && words[0] == "redistribute":
		if len(words) > 2 && words[2] != "metric" && words[2] != "route-map" {
			return strings.Join(words[:3], " ")
		}
		return words[0] + " " + words[1]
	case len(words) >= 3 && words[0] == "bgp":
		return bgpKey(words)
	case len(words) == 2 && words[0] == "bgp" && setsMode(line):
		return "bgp graceful-restart" // one mode takes the place of another
	case len(words) >= 1 && (words[0] == "coalesce-time" || words[0] == "timers" || words[0] == "update-delay" ||
		words[0] == "read-quanta" || words[0] == "write-quanta" || words[0] == "table-map"):
		return words[0]
	case len(words) >= 2 && words[0] == "maximum-paths":
		if words[1] == "ibgp" {
			return "maximum-paths ibgp"
		}
		return words[0]
	case len(words) >= 2 && words[0] == "distance" && words[1] == "bgp":
		return "distance bgp"
	case len(words) >= 3 && (words[0] == "rd" || words[0] == "label" || words[0] == "route-map" && words[1] == "vpn"):
		return strings.Join(words[:len(words)-1], " ")
	}
	return strings.Join(words, " ")
}

func bgpKey(words []string) string {
	switch words[1] {
	case "router-id", "cluster-id", "minimum-holdtime":
		return "bgp " + words[1]
	case "max-med":
		return strings.Join(words[:3], " ")
	case "bestpath":
		if words[2] == "med" || words[2] == "bandwidth" {
			return strings.Join(words[:3], " ")
		}
		return strings.Join(words[:min(4, len(words))], " ")
	case "default", "listen", "confederation", "graceful-restart", "dampening", "tcp-keepalive", "max-delay":
		if len(words) == 4 && words[2] != "peers" && words[2] != "range" {
			return strings.Join(words[:3], " ")
		}
		if len(words) > 3 && words[2] == "range" {
			return strings.Join(words[:4], " ")
		}
	}
	if words[1] == "confederation" { // whose members are numbers
		return strings.Join(words, " ")
	}
	return valued(words)
}

// valued is a line without the numbers at its end, timers and limits: one takes the place of another.
func valued(words []string) string {
	for len(words) > 2 && isNumber(words[len(words)-1]) {
		words = words[:len(words)-1]
	}
	return strings.Join(words, " ")
}

// dropsFirst tells whether FRR keeps what the old line says beside, or in place of, the new one, so that the old one must go first.
func dropsFirst(old, now string) bool {
	words := strings.Fields(old)
	switch words[0] {
	case "network":
		return labelIndex(old) != labelIndex(now) // "cannot change label-index"
	case "redistribute":
		// An option that is left out stays.
		return len(strings.Fields(now)) < len(words)
	case "bgp":
		// "bestpath med" adds to what is set.
		return len(words) > 2 && (words[1] == "listen" && words[2] == "range" || words[1] == "bestpath" && words[2] == "med")
	case "neighbor":
		if len(words) > 2 {
			switch words[2] {
			case "remove-private-AS", "next-hop-self", "attribute-unchanged":
				return true
			case "local-as": // 8.4 does not tell a group's dynamic neighbors of another way to prepend
				return true
			case "bfd":
				return routerKey(old) == routerKey(withoutTimers(old)) // bfdd keeps the timers of a session that it has
			case "capability":
				return len(words) > 3 && words[3] == "orf" || len(strings.Fields(now)) < len(words) // "send" leaves what "both" has set
			case "default-originate", "shutdown":
				return len(strings.Fields(now)) < len(words)
			}
		}
	}
	return false
}

// labelIndex is that of a network, empty without one.
func labelIndex(l string) string {
	_, index, _ := strings.Cut(l, " label-index ")
	index, _, _ = strings.Cut(index, " ")
	return index
}

// suppressPending has routes wait until they are in the FIB. 10.3 resets the sessions of all instances for the line at the top, and those of an
// instance, but not of a view, for the line in its block; 8.4 resets none (seen), and should: see learnAgain.
const suppressPending = "suppress-fib-pending"

// resetsForFIB tells whether that line resets sessions, vrf being that of an instance.
func resetsForFIB(version vtysh.Version, vrf string) bool {
	return version.AtLeast(9, 0) && !strings.HasPrefix(vrf, "view ")
}

// instanceEffect is what changing a line of a router block, or of a family, does that names no neighbor.
func instanceEffect(line string) (Effect, string) {
	words := strings.Fields(strings.TrimPrefix(line, "no "))
	switch words[0] {
	case "network", "coalesce-time", "maximum-paths":
		return None, ""
	case "aggregate-address", "redistribute", "table-map", "distance", "import", "export", "rd", "rt", "route-map", "label", "advertise":
		return Soft, ""
	case "advertise-all-vni", "advertise-default-gw", "advertise-svi-ip", "vni", "advertise-pip":
		return Soft, ""
	case "timers":
		return Deferred, ""
	case "bgp":
		if len(words) > 1 {
			switch words[1] {
			case "router-id", "cluster-id", "confederation", "reject-as-sets", suppressPending:
				return Reset, ""
			case "graceful-restart", "graceful-restart-disable":
				return Deferred, ""
			case "network", "ebgp-requires-policy", "default", "log-neighbor-changes", "bestpath", "deterministic-med", "enforce-first-as",
				"always-compare-med", "client-to-client", "route-reflector", "suppress-duplicates", "graceful-shutdown", "dampening", "route-map", "max-med":
				return Soft, ""
			case "shutdown":
				if strings.HasPrefix(line, "no ") {
					return None, ""
				}
				return Reset, ""
			case "fast-external-failover", "listen", "minimum-holdtime", "lu-ipv4-explicit-null", "conditional-advertisement":
				return None, ""
			case "tcp-keepalive", "long-lived-graceful-restart":
				return Deferred, ""
			}
		}
	}
	return Soft, unknownLine
}

// confederation is how an instance stands in one (RFC 5065).
func (in *instance) confederation() []string {
	var out []string
	for _, l := range in.block.lines {
		if strings.HasPrefix(l, "bgp confederation ") {
			out = append(out, l)
		}
	}
	slices.Sort(out)
	return out
}

// madeAnew tells that an instance can't become another but by being removed and made: its AS number or its confederation is another. Either
// resets every session, and of neighbors that live through a change of confederation FRR 8.4 and 10.3 keep what they were, or end over them.
func (in *instance) madeAnew(want *instance) bool {
	return in.asn != want.asn || !slices.Equal(in.confederation(), want.confederation())
}

// dropInstances removes the instances that are not wanted, or that are made anew: those of VRFs first.
func dropInstances(b *builder, running, wanted *config) (gone map[string]bool) {
	now, _ := instances(running)
	_, want := instances(wanted)
	gone = map[string]bool{}
	slices.SortStableFunc(now, func(a, c *instance) int { return -strings.Compare(a.vrf, c.vrf) })
	for _, in := range now {
		if w := want[in.vrf]; w != nil && !in.madeAnew(w) {
			continue
		}
		gone[in.vrf] = true
		if want[in.vrf] == nil {
			sayGoodbye(b, in)
		}
		b.add(Command{
			Daemon: vtysh.BGPD, Line: vtysh.Line(in.removal()), Effect: Reset, Neighbors: in.all(),
		})
	}
	return gone
}

// imported gives the wanted configuration the instances that FRR before 10 makes by itself, and prints: those of VRFs that others import.
// Removed they would only come again.
func imported(running, wanted *config, version vtysh.Version) *config {
	out := wanted
	_, now := instances(running)
	list, want := instances(wanted)
	if version.AtLeast(10, 0) || want[""] == nil {
		return wanted
	}
	for _, in := range list {
		for _, f := range in.families() {
			for _, l := range in.family(f) {
				name, ok := strings.CutPrefix(l, "import vrf ")
				if !ok {
					continue
				}
				vrf := "vrf " + name
				header := "router bgp " + want[""].asn + " " + vrf
				if want[vrf] != nil || now[vrf] == nil || out.has(header) {
					continue
				}
				if out == wanted { // which others read too
					out = wanted.copied()
				}
				out.emptyInstance(header)
			}
		}
	}
	return out
}

// keptViews gives the wanted configuration the views that run and are to go, without a line. When a view goes, bgpd closes the sockets that
// it listens on for the default instance, and opens them again with the next view or default instance that is made: until then no neighbor
// could call (seen on 8.4 and 10.3). So where none is made, what is left of a view is its empty block, until FRR starts anew.
func keptViews(running, wanted *config) *config {
	list, now := instances(running)
	wants, want := instances(wanted)
	if want[""] == nil {
		return wanted // nobody listens
	}
	for _, w := range wants {
		if old := now[w.vrf]; (old == nil || old.madeAnew(w)) && !strings.HasPrefix(w.vrf, "vrf ") {
			return wanted
		}
	}
	out := wanted
	for _, in := range list {
		if strings.HasPrefix(in.vrf, "view ") && want[in.vrf] == nil {
			if out == wanted { // which others read too
				out = wanted.copied()
			}
			out.emptyInstance(in.header)
		}
	}
	return out
}

// emptyInstance adds an instance without a line of its own: it has only what FRR prints in all.
func (c *config) emptyInstance(header string) {
	b := c.block(header)
	if profile(c) == datacenter {
		datacenterDefaults(b)
	}
	spreadDistances(c)
}

// removal is the line that removes the instance. A view goes by the word "vrf": the word "view" makes 10.3 remove the default instance in
// its place, and no version looks at the word otherwise.
func (in *instance) removal() string {
	if in.vrf == "" {
		return "no router bgp " + in.asn
	}
	_, name, _ := strings.Cut(in.vrf, " ")
	return "no router bgp " + in.asn + " vrf " + name
}

// putInstances makes the wanted instances, changes what differs, and takes out what is not wanted.
func putInstances(b *builder, running, wanted *config, gone map[string]bool) {
	_, now := instances(running)
	want, _ := instances(wanted)
	for _, w := range want {
		old := now[w.vrf]
		if old == nil || gone[w.vrf] {
			old = &instance{header: w.header, vrf: w.vrf, block: &block{}, config: parse("")}
		}
		change := newChange(b, old, w)
		change.emit()
	}
	for _, block := range wanted.of("router bgp ") {
		if len(block.context) == 1 && !slices.ContainsFunc(want, func(in *instance) bool { return in.header == block.header() }) {
			b.add(Command{Daemon: vtysh.BGPD, Line: vtysh.Line(block.header()), Effect: None, Note: "the file has another one of this VRF or view before it"})
		}
	}
	for _, block := range wanted.of("router bgp") {
		if block.context[0] != "router bgp" {
			continue
		}
		for _, l := range block.lines {
			b.add(Command{Daemon: vtysh.BGPD, Context: lines(block.context), Line: vtysh.Line(strings.Clone(l)), Note: "an instance without an AS number"})
		}
	}
}

// change brings one instance from old to want.
type change struct {
	b         *builder
	old, want *instance
	// fresh are the neighbors that are made, or made anew; removed those that go, or go first.
	fresh, removed map[string]bool
	// called are those of the fresh that bgpd is to call at once.
	called map[string]bool
	// had tells that the instance has neighbors now.
	had bool
	// read are the places that were looked into, as they are and as they are wanted.
	read map[string][2]place
}

// emit writes the commands, in this order: lines of the instance and of its families that name no neighbor, so that what is announced is
// there before the sessions (a session must not tell its end of routes, RFC 4724, before they are); neighbors that go; neighbors that come
// and change; then, family by family, policies before activations; last the ranges that passive neighbors may come from.
func (c *change) emit() {
	context := []string{c.want.header}
	put, drop := c.difference(c.old.block.lines, c.want.block.lines)
	put = slices.DeleteFunc(put, c.sameTimers)
	drop = slices.DeleteFunc(drop, c.printsMode)
	put, drop = c.backToGroupMode(put, drop)
	if notation := c.want.config.notations[c.want.header]; c.old.block.context == nil && notation != "" {
		c.b.add(Command{Daemon: vtysh.BGPD, Line: vtysh.Line(c.want.header + " as-notation " + notation), Effect: None})
	} else if c.old.block.context == nil && len(put) == 0 {
		c.b.add(Command{Daemon: vtysh.BGPD, Line: vtysh.Line(c.want.header), Effect: None})
	}
	late := func(l string) bool { return strings.HasPrefix(l, "bgp listen range ") }
	dropped, moved := map[string]bool{}, map[string]string{}
	for _, l := range drop {
		dropped[l] = late(l)
	}
	for _, l := range put {
		if late(l) {
			moved[routerKey(l)] = l
		}
	}
	for _, l := range c.old.block.lines {
		if late(l) && (c.removedRange(l) || dropped[l] || moved[routerKey(l)] != "" && moved[routerKey(l)] != l) {
			c.line(context, negated(l)) // a group can't go while it has one, and two groups can't have the same
		}
	}
	if !c.b.version.AtLeast(9, 0) {
		put, drop = c.groupModes(context, put, drop)
	}
	// While a neighbor has its best path of each AS sent, bgpd holds on to this one.
	const med = "bgp deterministic-med"
	c.own(context, put, drop, func(l string) bool { return !late(l) && l != med })

	families := c.want.families()
	for _, f := range c.old.families() {
		if !slices.Contains(families, f) {
			families = append(families, f)
		}
	}
	for f, on := range defaultFamilies(c.want.block.lines) {
		if on && len(c.fresh) > 0 && !slices.Contains(families, f) {
			families = append(families, f)
		}
	}
	type pair struct{ put, drop []string }
	inner := make([]pair, len(families))
	for i, f := range families {
		inner[i].put, inner[i].drop = c.difference(c.old.family(f), c.want.family(f))
		in := c.within(f)
		if len(in) > 2 && !slices.Contains(c.old.families(), f) && len(inner[i].put) == 0 {
			c.b.add(Command{Daemon: vtysh.BGPD, Context: lines(in[:len(in)-1]), Line: vtysh.Line(in[len(in)-1]), Effect: Soft})
		}
		if len(in) > 2 && !slices.Contains(c.want.families(), f) {
			c.b.add(Command{Daemon: vtysh.BGPD, Context: lines(in[:len(in)-1]), Line: vtysh.Line("no " + in[len(in)-1]), Effect: Soft})
			inner[i] = pair{}
			continue
		}
		c.own(in, inner[i].put, inner[i].drop, func(string) bool { return true })
	}

	c.removeNeighbors(context)
	// A neighbor that becomes external has none, and FRR refuses to take it back.
	reflected := func(l string) bool {
		return strings.HasPrefix(l, "neighbor ") && strings.HasSuffix(l, " route-reflector-client")
	}
	for i, f := range families {
		for _, l := range inner[i].drop {
			if reflected(l) {
				c.line(c.within(f), negated(l))
			}
		}
		inner[i].drop = slices.DeleteFunc(inner[i].drop, reflected)
	}
	c.neighbors(context, slices.DeleteFunc(slices.Clone(put), c.starts), drop)
	for i, f := range families {
		c.familyNeighbors(f, c.within(f), inner[i].put, inner[i].drop)
	}
	for _, l := range put {
		if late(l) || l == med || c.starts(l) {
			c.line(context, l)
		}
		if c.starts(l) && c.calls(neighborOf(l)) {
			c.b.commands[len(c.b.commands)-1].Calls = true
			for i, f := range families {
				c.activate(neighborOf(l), c.within(f), inner[i].put)
			}
		}
	}
	if slices.Contains(drop, med) {
		c.line(context, "no "+med)
	}
}

func (c *change) within(f string) []string { return c.want.within(f) }

// difference compares two blocks; the lines of neighbors that go are left out, those of neighbors that are made are all to be put.
func (c *change) difference(old, want []string) (put, drop []string) {
	if len(c.removed)+len(c.fresh) == 0 {
		return difference(old, want, routerKey)
	}
	old = slices.DeleteFunc(slices.Clone(old), func(l string) bool {
		id := neighborOf(l)
		return id != "" && c.removed[id] || c.removedRange(l)
	})
	return difference(old, want, routerKey)
}

// own emits the lines of a block that name no neighbor.
func (c *change) own(context, put, drop []string, which func(string) bool) {
	replaced := map[string]string{}
	for _, l := range put {
		if neighborOf(l) == "" && which(l) {
			replaced[routerKey(l)] = l
		}
	}
	labelled := slices.ContainsFunc(put, func(l string) bool { return labelIndex(l) != "" })
	for _, l := range c.runningOf(context) {
		if len(replaced) == 0 {
			break
		}
		if strings.HasPrefix(l, "network ") && !labelled && labelIndex(l) == "" {
			continue // replaced in place, and there are many
		}
		if now, ok := replaced[routerKey(l)]; ok && l != now && dropsFirst(l, now) {
			c.line(context, undo(l))
		}
	}
	// An aggregate goes before what it contains comes: 10.3 may keep it otherwise, with nothing configured.
	early := func(l string) bool { return strings.HasPrefix(l, "aggregate-address ") }
	for _, l := range drop {
		if early(l) && which(l) {
			c.line(context, undo(l))
		}
	}
	for _, l := range put {
		if neighborOf(l) == "" && which(l) {
			c.line(context, l)
		}
	}
	for _, l := range drop {
		if neighborOf(l) == "" && which(l) && !early(l) {
			c.line(context, undo(l))
		}
	}
}

// runningOf are the lines that stand in a place of the instance now.
func (c *change) runningOf(context []string) []string {
	if len(context) == 1 {
		return c.old.block.lines
	}
	return c.old.family(strings.Join(context[1:], "\n"))
}

// undo is the line that takes a line of a router block back, where that is not the line with "no" before it.
func undo(l string) string {
	words := strings.Fields(l)
	if strings.HasPrefix(l, "network ") {
		// The route-map is optional, and a wrong one an error.
		return "no network " + words[1]
	}
	if words[0] == "redistribute" {
		return "no " + routerKey(l)
	}
	if strings.HasPrefix(l, "timers bgp ") {
		return "timers bgp 60 180" // "no" brings those of FRR's profile
	}
	return negated(l)
}

// UntoldRouterID is the note of a view's router ID that comes or goes. A view is told zebra's only where that comes after the view was made, and 8.4
// tells none: nobody can say whether its sessions are reset.
const UntoldRouterID = "a session stays where FRR has told the view the same ID"

// routerID is that of an instance, written or found by FRR; empty for one that nobody can know.
func (c *change) routerID(in *instance) string {
	for _, l := range slices.Backward(in.block.lines) { // the last counts
		if v, ok := strings.CutPrefix(l, "bgp router-id "); ok {
			return v
		}
	}
	if strings.HasPrefix(in.vrf, "view ") {
		return ""
	}
	return c.b.routerIDs[strings.TrimPrefix(in.vrf, "vrf ")]
}

// vpn tells that a family takes routes from a VPN or gives it some: then FRR refuses the words for VRFs, and otherwise those for VPNs.
func (c *change) vpn(context []string) bool {
	return slices.ContainsFunc(slices.Concat(c.runningOf(context), c.want.config.get(context...).lines), func(l string) bool {
		return l == "import vpn" || l == "export vpn"
	})
}

// groupSays tells a line that gives a member what its group has before and after, or takes BFD from it; to take another setting resets it.
func (c *change) groupSays(context []string, id, line string) bool {
	group := c.old.memberships()[id]
	if group == "" || group != c.want.memberships()[id] || strings.HasPrefix(line, "no ") && !strings.HasSuffix(line, " bfd") {
		return false
	}
	setting := strings.TrimPrefix(line, "no ")
	old, want := c.places(context)
	same := "neighbor " + group + strings.TrimPrefix(setting, "neighbor "+id)
	return old.has[same] && want.has[same] && !slices.ContainsFunc(slices.Concat(old.of[id], want.of[id]), func(l string) bool {
		return l != setting && routerKey(l) == routerKey(setting)
	})
}

// line emits one line, with what it does.
func (c *change) line(context []string, line string) {
	if name, is := strings.CutPrefix(strings.TrimPrefix(line, "no "), importMap); is && !c.vpn(context) {
		line = strings.TrimSuffix(line, importMap+name) + "import vrf route-map " + name
	}
	cmd := Command{Daemon: vtysh.BGPD, Context: lines(context), Line: vtysh.Line(line)}
	id := neighborOf(line)
	if id != "" {
		cmd.Of = c.want.header + "\n" + id
		_, on, activates := activation(line)
		cmd.Completes = activates && on
	}
	if r, ok := strings.CutPrefix(strings.TrimPrefix(line, "no "), "bgp listen range "); ok {
		if prefix, _, _ := strings.Cut(r, " "); strings.HasPrefix(line, "no ") {
			cmd.Effect, cmd.Neighbors = Reset, []string{c.want.named(prefix)}
		} else {
			cmd.Effect = None
		}
		c.b.add(cmd)
		return
	}
	switch {
	case c.b.version.AtLeast(9, 0) && setsMode(line):
		if cmd.Neighbors = c.modeChanges(line); len(cmd.Neighbors) > 0 {
			cmd.Effect = Reset
		} else {
			cmd.Effect = None
		}
	case id != "":
		cmd.Effect, cmd.Note = neighborEffect(line, c.b.version)
		for attribute, effect := range map[string]Effect{"addpath-tx-best-selected": Soft, "port": Deferred} {
			// Only the first number resets the session.
			had := "neighbor " + id + " " + attribute + " "
			if !strings.HasPrefix(strings.TrimPrefix(line, "no "), had) {
				continue
			}
			if old, _ := c.places(context); slices.ContainsFunc(old.of[id], func(l string) bool { return strings.HasPrefix(l, had) }) {
				cmd.Effect = effect
			}
		}
		if profile, is := strings.CutPrefix(line, "neighbor "+id+" bfd profile "); is && isShut(c.want.config, profile) && c.old.withBFD()[id] {
			cmd.Effect, cmd.Note = Reset, whereBFDIsUp
		}
		switch concerned := c.concerned(id); {
		case len(concerned) == 0, c.groupSays(context, id, line):
			// The session is not there yet, or has it by its group: nothing disturbs it.
			cmd.Effect, cmd.Note = None, ""
		case cmd.Effect == Reset, cmd.Effect == Deferred:
			cmd.Neighbors = concerned
		}
	default:
		cmd.Effect, cmd.Note = instanceEffect(line)
		setting := strings.TrimPrefix(line, "no ")
		if setting == "bgp "+suppressPending && !resetsForFIB(c.b.version, c.want.vrf) && (line != setting || c.b.version.AtLeast(9, 0)) {
			cmd.Effect = Soft // see learnAgain
		}
		sameID := false
		if strings.HasPrefix(setting, "bgp router-id ") && c.had {
			old, now := c.routerID(c.old), c.routerID(c.want)
			sameID = old == now
			if strings.HasPrefix(c.want.vrf, "view ") && (old == "" || now == "") {
				cmd.Note = UntoldRouterID
			}
		}
		if !c.had || sameID {
			cmd.Effect = None // there is no session yet, or it stays
		} else if cmd.Effect == Reset || cmd.Effect == Deferred {
			cmd.Neighbors = c.old.all()
		}
		if strings.HasPrefix(setting, "bgp cluster-id ") {
			cmd.Neighbors = slices.DeleteFunc(cmd.Neighbors, c.old.external)
			if len(cmd.Neighbors) == 0 && cmd.Effect == Reset {
				cmd.Effect = None
			}
		}
	}
	c.b.add(cmd)
}
