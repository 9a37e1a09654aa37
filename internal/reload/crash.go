package reload

import (
	"net/netip"
	"slices"
	"strings"
)

// Ends is the note of a command at which bgpd 10.x dies of a fault of its own: it updates a network that runs and that an aggregate
// suppresses. Nothing else brings it there, so the command is sent and bgpd started again reads what it left out.
const Ends = "bgpd of this version ends itself over a network that an aggregate suppresses"

// promiseEnds marks the commands over which bgpd ends itself: all sessions are reset.
func promiseEnds(b *builder, running, wanted *config) {
	if b.version.Major != 10 {
		return
	}
	list, now := instances(running)
	_, want := instances(wanted)
	var all []string
	for _, in := range list {
		for _, id := range in.neighbors() {
			all = append(all, strings.Clone(in.named(id)))
		}
	}
	suppressed := map[string]map[string]bool{}
	any := false
	for vrf, in := range now {
		suppressed[in.header] = in.suppressed(want[vrf])
		any = any || len(suppressed[in.header]) > 0
	}
	for i, c := range b.commands {
		if !any || c.Exec {
			continue
		}
		line := c.Line.Reveal()
		var networks map[string]bool
		if len(c.Context) > 0 {
			networks = suppressed[c.Context[0].Reveal()]
		}
		ends := false
		switch words := strings.Fields(line); {
		case len(c.Context) == 0:
			ends = strings.TrimPrefix(line, "no ") == "bgp graceful-shutdown"
		case len(networks) == 0:
		case strings.HasSuffix(line, "bgp graceful-shutdown") || strings.HasSuffix(line, "bgp network import-check"):
			ends = true
		case len(c.Context) == 2 && len(words) > 1 && words[0] == "network":
			ends = networks[words[1]]
		}
		if ends {
			b.commands[i].Effect, b.commands[i].Neighbors, b.commands[i].Note = Reset, all, Ends
		}
	}
}

// suppressed are the networks that an aggregate, as it is or will be, keeps from being announced.
func (in *instance) suppressed(will *instance) map[string]bool {
	out := map[string]bool{}
	for _, family := range in.families() {
		lines := in.family(family)
		aggregates := suppressing(lines)
		if will != nil && slices.Contains(will.families(), family) {
			aggregates = append(aggregates, suppressing(will.family(family))...)
		}
		if len(aggregates) == 0 {
			continue
		}
		for _, l := range lines {
			words := strings.Fields(l)
			if len(words) < 2 || words[0] != "network" {
				continue
			}
			p, err := netip.ParsePrefix(words[1])
			if err == nil && slices.ContainsFunc(aggregates, func(a netip.Prefix) bool { return a.Bits() < p.Bits() && a.Contains(p.Addr()) }) {
				out[words[1]] = true
			}
		}
	}
	return out
}

// suppressing are the aggregates that suppress what they contain.
func suppressing(lines []string) []netip.Prefix {
	var out []netip.Prefix
	for _, l := range lines {
		if !strings.HasPrefix(l, "aggregate-address ") {
			continue
		}
		words := strings.Fields(l)
		if !slices.Contains(words, "summary-only") && !slices.Contains(words, "suppress-map") {
			continue
		}
		if p, err := netip.ParsePrefix(words[1]); err == nil {
			out = append(out, p)
		}
	}
	return out
}
