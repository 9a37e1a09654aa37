package reload

import (
	"cmp"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// keptWords begin lines that belong to whoever runs FRR, or that take effect when FRR reads its file: they are never sent.
var keptWords = map[string]bool{
	"frr": true, "service": true, "password": true, "enable": true, "username": true, "line": true, "agentx": true,
	"Building": true, "Current": true,
}

// zebraWord begins settings of zebra's, which are kept as well unless the document is all of FRR's configuration.
const zebraWord = "zebra"

// nameWords are kept to FRR's next start as well, unless the document is all of FRR's configuration.
var nameWords = map[string]bool{"hostname": true, "domainname": true}

const (
	unknownLine = "not a line that this program knows"
	unknownNote = unknownLine + "; sent to every daemon that takes it"
)

// other is a line that is neither bgpd's nor bfdd's.
type other struct {
	context []string
	line    string
}

// key tells lines apart that stand in different places.
func (o other) key() string { return strings.Join(o.context, "\n") + "\n\n" + o.line }

// keysOf are lines to be looked up.
func keysOf(list []other) map[string]bool {
	out := make(map[string]bool, len(list))
	for _, o := range list {
		out[o.key()] = true
	}
	return out
}

// toPrefix names what static routes to one prefix have in common: they are all that one of them is compared with.
func (o other) toPrefix() string { return other{o.context, strings.Fields(o.line)[2]}.key() }

// routesOf are the static routes among lines, by their prefixes.
func routesOf(list []other) map[string][]other {
	out := map[string][]other{}
	for _, o := range list {
		if o.isRoute() {
			out[o.toPrefix()] = append(out[o.toPrefix()], o)
		}
	}
	return out
}

func (o other) first() string {
	first, _, _ := strings.Cut(strings.TrimPrefix(o.line, "no "), " ")
	return first
}

// putOthers adds and removes what is neither bgpd's nor bfdd's. Unless the document is all of FRR's configuration, that is an
// administrator's extras, and what goes is found in the document before: what others keep in FRR is theirs.
func putOthers(b *builder, running Running, now, wanted *config) {
	zebra := running.texts.read(running.Others[vtysh.Zebra]).top
	had, want := others(now, running), others(wanted, running)
	runs := had
	if !running.Whole && len(running.Others) > 0 {
		runs = nil
		for _, text := range running.Others {
			runs = append(runs, others(running.texts.read(text), running)...)
		}
	}
	var put, drop []other
	keep, there, dropped, added := keysOf(want), keysOf(runs), map[string]bool{}, map[string]bool{}
	routers, _ := instances(wanted)
	for _, o := range had {
		if k := o.key(); !keep[k] && !dropped[k] && !o.stays(running, routers) {
			dropped[k] = true
			drop = append(drop, o)
		}
	}
	for _, o := range want {
		tracking := o.context == nil && isNexthopTracking(o.line)
		switch {
		case added[o.key()]:
		case tracking && running.Version.AtLeast(9, 1) && profile(wanted) != datacenter && strings.HasSuffix(o.line, " nht resolve-via-default") && !strings.HasPrefix(o.line, "no "):
			// FRR does so by itself since 9.1, and does not print it.
		case tracking && slices.Contains(zebra, o.line), there[o.key()] && !(tracking && !running.Whole):
		default:
			added[o.key()] = true
			put = append(put, o)
		}
	}
	send := func(o other, line string) {
		effect, note := o.effect()
		if o.context == nil && nameWords[o.first()] {
			for _, d := range running.daemons() { // vtysh keeps them to itself
				b.add(Command{Daemon: d, Line: vtysh.Line(line), Effect: None})
			}
			return
		}
		daemon := vtysh.All
		if !running.Whole && isNexthopTracking(o.line) && o.context == nil {
			daemon = vtysh.Zebra
		}
		cut := o.cuts(line, running, now)
		if len(cut) > 0 {
			effect, note = Reset, "what they are reached by goes"
		}
		b.add(Command{Daemon: daemon, Context: lines(o.context), Line: vtysh.Line(line), Effect: effect, Neighbors: cut, Note: note})
	}
	drop = slices.DeleteFunc(drop, func(o other) bool {
		// A place to log to is changed in place.
		return o.first() == "log" && slices.ContainsFunc(put, func(p other) bool { return logTarget(p.line) == logTarget(o.line) })
	})
	drop = withoutLinkParams(running.Version, wanted, drop)
	comes, goes := routesOf(put), routesOf(drop)
	early := func(o other) bool {
		beside, before := comes[o.toPrefix()], goes[o.toPrefix()]
		return o.hides(beside) || retagged(o, beside, before)
	}
	for _, o := range drop {
		if !o.isRoute() || early(o) {
			send(o, o.undo())
		}
	}
	for _, o := range put {
		if o.line == "" {
			b.add(Command{Daemon: vtysh.All, Context: lines(o.context[:len(o.context)-1]), Line: vtysh.Line(o.context[len(o.context)-1]), Effect: None})
			continue
		}
		send(o, o.line)
	}
	// A route over a new next hop is there before the one over the old goes.
	for _, o := range drop {
		if o.isRoute() && !early(o) {
			send(o, o.undo())
		}
	}
}

// datacenter is the line of the profile that is not FRR's own.
const datacenter = "frr defaults datacenter"

// profile is the line that names the profile of defaults, empty without one.
func profile(c *config) string {
	i := slices.IndexFunc(c.top, func(l string) bool { return strings.HasPrefix(l, "frr defaults ") })
	if i < 0 {
		return ""
	}
	return c.top[i]
}

// putProfile changes FRR's profile of defaults, before anything is made or taken back that has a default.
func putProfile(b *builder, running Running, now, wanted *config) {
	if had, want := profile(now), cmp.Or(profile(wanted), "frr defaults traditional"); running.Whole && had != "" && had != want {
		b.add(Command{Daemon: vtysh.All, Line: vtysh.Line(want), Effect: None})
	}
}

// others lists the lines that are neither bgpd's nor bfdd's. A block without lines is one with an empty line.
func others(c *config, running Running) []other {
	var out []other
	for _, l := range c.top {
		o := other{nil, l}
		switch first := o.first(); {
		case keptWords[first], !running.Whole && (nameWords[first] || first == zebraWord), isFilter(l), first == "bgp":
		case strings.HasPrefix(l, "no ip") && !running.Whole:
		case strings.HasSuffix(l, " forwarding") && !running.Whole:
		default:
			out = append(out, o)
		}
	}
	for _, block := range c.blocks {
		header := block.context[0]
		if strings.HasPrefix(header, "router bgp") || strings.HasPrefix(header, "route-map ") || header == "bfd" || strings.HasPrefix(header, "line ") {
			continue
		}
		if len(block.lines) == 0 && running.Whole && !strings.HasPrefix(header, "interface ") && !strings.HasPrefix(header, "vrf ") {
			out = append(out, other{block.context, ""})
		}
		for _, l := range block.lines {
			out = append(out, other{block.context, l})
		}
	}
	return out
}

// stays tells that a line is left where it is although the document has it not: what FRR prints by itself, and what it can't be without.
func (o other) stays(running Running, wanted []*instance) bool {
	first := o.first()
	switch {
	case o.context == nil && isNexthopTracking(o.line) && !running.Whole:
		return true // no document of the product is without, but the empty one
	case o.line == "", first == "hostname", first == "domainname":
		return true
	case first == "netns":
		return true // zebra finds it, prints it, and takes it once
	case strings.HasPrefix(o.line, "no ") && strings.HasSuffix(o.line, " forwarding"), strings.HasSuffix(o.line, " forwarding") && o.context == nil:
		return true // the kernel's
	case o.context != nil && strings.HasPrefix(o.context[0], "interface "):
		// bgpd turns router advertisements on for its interface neighbors.
		if strings.Contains(o.line, "ipv6 nd ra-interval") || strings.Contains(o.line, "ipv6 nd suppress-ra") {
			name := strings.Fields(o.context[0])[1]
			return slices.ContainsFunc(wanted, func(in *instance) bool { return in.roster().known[name] })
		}
	}
	return false
}

func (o other) effect() (Effect, string) {
	switch o.first() {
	case "log", "debug", "hostname", "domainname":
		return None, ""
	case "ip", "ipv6":
		if o.isRoute() || isNexthopTracking(o.line) {
			return None, ""
		}
		if o.context == nil && strings.Contains(o.line, " protocol ") {
			return Soft, ""
		}
	}
	if o.context != nil && (strings.HasPrefix(o.context[0], "interface ") || strings.HasPrefix(o.context[0], "vrf ")) && o.first() == "description" {
		return None, ""
	}
	return Soft, unknownNote
}

// undo takes the line back.
func (o other) undo() string {
	words := strings.Fields(o.line)
	if words[0] == "description" || o.linkParams() {
		return "no " + words[0]
	}
	if words[0] == "log" && len(words) > 2 && words[1] != "file" {
		if words[1] == "timestamp" {
			return "no log timestamp precision"
		}
	}
	return negated(o.line)
}

func logTarget(line string) string {
	words := strings.Fields(line)
	return strings.Join(words[:min(2, len(words))], " ")
}

func isNexthopTracking(line string) bool {
	line = strings.TrimPrefix(line, "no ")
	return strings.HasPrefix(line, "ip nht ") || strings.HasPrefix(line, "ipv6 nht ")
}

// isRoute tells static routes.
func (o other) isRoute() bool {
	return (o.context == nil || strings.HasPrefix(o.context[0], "vrf ")) && isStaticRoute(o.line)
}

// isStaticRoute tells a line that has at least prefix and next hop.
func isStaticRoute(line string) bool {
	return (strings.HasPrefix(line, "ip route ") || strings.HasPrefix(line, "ipv6 route ")) && len(strings.Fields(line)) > 3
}

// hides tells whether taking this route back would take one along that is put: "no ip route P N" removes "ip route P N 200" too, one
// prefix and next hop is one route whatever follows, and a prefix is either thrown away or forwarded.
func (o other) hides(put []other) bool {
	return slices.ContainsFunc(put, func(p other) bool {
		return p.isRoute() && slices.Equal(p.context, o.context) && (routeKey(p.line) == routeKey(o.line) ||
			strings.Fields(p.line)[2] == strings.Fields(o.line)[2] && throwsAway(p.line) != throwsAway(o.line))
	})
}

func throwsAway(line string) bool {
	switch strings.Fields(line)[3] {
	case "Null0", "blackhole", "reject":
		return true
	}
	return false
}

// retagged tells whether a prefix gets another tag, which all its next hops of one distance share.
func retagged(o other, put, drop []other) bool {
	same := func(p other) bool {
		return p.isRoute() && slices.Equal(p.context, o.context) && strings.Fields(p.line)[2] == strings.Fields(o.line)[2]
	}
	tagged := func(p other) bool { return same(p) && strings.Contains(p.line, " tag ") }
	return slices.ContainsFunc(put, tagged) && slices.ContainsFunc(drop, same) || slices.ContainsFunc(drop, tagged) && slices.ContainsFunc(put, same)
}

// routeKey is prefix and next hop of a static route.
func routeKey(line string) string {
	words := strings.Fields(line)
	return strings.Join(words[:min(4, len(words))], " ")
}

// otherText is the part of a document that is neither bgpd's nor bfdd's.
func otherText(text string, running Running) string {
	var b strings.Builder
	for _, o := range others(read(text), running) {
		for _, l := range o.context {
			b.WriteString(l + "\n")
		}
		if o.line != "" {
			b.WriteString(o.line + "\n")
		}
		b.WriteString("end\n")
	}
	return b.String()
}
