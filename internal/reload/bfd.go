package reload

import (
	"cmp"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// bfdDefaults are the values that take a setting back: 8.4 has no "no" for them, and setting the default is the same on every version.
var bfdDefaults = map[string]string{
	"detect-multiplier":      "3",
	"transmit-interval":      "300",
	"receive-interval":       "300",
	"echo transmit-interval": "50",
	"echo receive-interval":  "50",
}

// bfdKey is what a line of a profile is a value of.
func bfdKey(line string) string {
	words := strings.Fields(strings.TrimPrefix(line, "no "))
	if len(words) > 1 && words[0] == "echo" {
		return words[0] + " " + words[1]
	}
	if len(words) > 0 {
		return words[0]
	}
	return line
}

// putBFD makes and changes profiles, before neighbors refer to them. A changed value goes to live sessions; none flaps but for "shutdown". bgp is what bgpd runs.
func putBFD(b *builder, bgp, running, wanted *config) {
	for _, w := range wanted.of("bfd") {
		if len(w.context) < 2 {
			continue
		}
		old := running.get(w.context...)
		put, drop := difference(old.lines, w.lines, bfdKey)
		if !running.has(w.context...) && strings.HasPrefix(w.header(), "peer ") {
			dropBFDPeers(b, running, wanted, w)
		}
		if !running.has(w.context...) && len(put) == 0 {
			b.add(Command{Daemon: vtysh.BFDD, Context: lines(w.context[:1]), Line: vtysh.Line(w.header()), Effect: None})
		}
		for _, l := range put {
			cmd := Command{Daemon: vtysh.BFDD, Context: lines(w.context), Line: vtysh.Line(l), Effect: None}
			if profile, is := strings.CutPrefix(l, "profile "); l == "shutdown" || is && isShut(wanted, profile) {
				if cmd.Neighbors = watched(bgp, wanted, w.header()); len(cmd.Neighbors) > 0 {
					cmd.Effect, cmd.Note = Reset, whereBFDIsUp
				}
			}
			b.add(cmd)
		}
		for _, l := range drop {
			line := negated(l)
			if value, ok := bfdDefaults[bfdKey(l)]; ok {
				line = bfdKey(l) + " " + value
			}
			b.add(Command{Daemon: vtysh.BFDD, Context: lines(w.context), Line: vtysh.Line(line), Effect: None})
		}
	}
}

// whereBFDIsUp is the note of a line that ends BFD sessions: a router that ties its BGP to BFD ends that too.
const whereBFDIsUp = "where BFD is up"

// isShut tells a profile that keeps its sessions down.
func isShut(c *config, profile string) bool {
	return slices.Contains(c.get("bfd", "profile "+profile).lines, "shutdown")
}

// watched are the neighbors that have BFD and keep it, by a profile or, where header is "peer X", as that peer.
func watched(running, wanted *config, header string) []string {
	kind, name, _ := strings.Cut(header, " ")
	name, _, _ = strings.Cut(name, " ")
	_, now := instances(running)
	want, _ := instances(wanted)
	var out []string
	for _, w := range want {
		old := now[w.vrf]
		if old == nil {
			continue
		}
		had, has := old.withBFD(), w.withBFD()
		for _, id := range w.neighbors() {
			switch {
			case !had[id] || !has[id], kind == "peer" && id != name, kind == "profile" && w.bfdProfile(id) != name:
			case w.isGroup(id):
				for _, r := range w.ranges(id) {
					out = append(out, w.named(r))
				}
			default:
				out = append(out, w.named(id))
			}
		}
	}
	return out
}

// bfdProfile is the profile of a neighbor, its own or its group's.
func (in *instance) bfdProfile(id string) string {
	profiles := in.roster().profile
	return cmp.Or(profiles[id], profiles[in.memberships()[id]])
}

// dropBFD removes profiles that nothing refers to any more.
func dropBFD(b *builder, running, wanted *config) {
	if running.has("bfd") && len(wanted.of("bfd")) == 0 {
		// The sessions of bgpd's neighbors are not of the block.
		b.add(Command{Daemon: vtysh.BFDD, Line: "no bfd", Effect: None})
		return
	}
	for _, old := range running.of("bfd") {
		if len(old.context) == 2 && !wanted.has(old.context...) && !replacedPeer(old, running, wanted) {
			b.add(Command{Daemon: vtysh.BFDD, Context: lines(old.context[:1]), Line: vtysh.Line("no " + old.header()), Effect: None})
		}
	}
}

// dropBFDPeers removes peers of one address before another of it comes: FRR does not take a peer with and without an interface.
func dropBFDPeers(b *builder, running, wanted *config, coming *block) {
	for _, old := range running.of("bfd") {
		if len(old.context) == 2 && !wanted.has(old.context...) && samePeer(old, coming) {
			line := vtysh.Line("no " + old.header())
			if !slices.ContainsFunc(b.commands, func(c Command) bool { return c.Line == line }) {
				b.add(Command{Daemon: vtysh.BFDD, Context: lines(old.context[:1]), Line: line, Effect: None})
			}
		}
	}
}

// replacedPeer tells a peer that dropBFDPeers removes.
func replacedPeer(old *block, running, wanted *config) bool {
	return slices.ContainsFunc(wanted.of("bfd"), func(w *block) bool {
		return len(w.context) == 2 && !running.has(w.context...) && samePeer(old, w)
	})
}

func samePeer(a, b *block) bool {
	one, two := strings.Fields(a.header()), strings.Fields(b.header())
	return one[0] == "peer" && two[0] == "peer" && len(one) > 1 && len(two) > 1 && one[1] == two[1]
}
