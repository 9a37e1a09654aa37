package reload

import (
	"cmp"
	"net/netip"
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
			dropBFDPeers(b, bgp, running, wanted, w)
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
		takeBackBFD(b, w.context, drop)
	}
}

// takeBackBFD brings back the defaults.
func takeBackBFD(b *builder, context, drop []string) {
	for _, l := range drop {
		line := negated(l)
		if value, ok := bfdDefaults[bfdKey(l)]; ok {
			line = bfdKey(l) + " " + value
		}
		b.add(Command{Daemon: vtysh.BFDD, Context: lines(context), Line: vtysh.Line(line), Effect: None})
	}
}

// emptyBFDPeer takes back what a peer says before it goes: a neighbor's session of the same address would keep it for ever. On 8.4 that neighbor is reset
// when the peer was shut down.
func emptyBFDPeer(b *builder, bgp, wanted *config, old *block) {
	if !strings.HasPrefix(old.header(), "peer ") {
		return
	}
	first := len(b.commands)
	takeBackBFD(b, old.context, old.lines)
	if neighbors := watched(bgp, wanted, old.header()); len(neighbors) > 0 && !b.version.AtLeast(9, 0) && slices.Contains(old.lines, "shutdown") {
		c := &b.commands[first]
		c.Effect, c.Neighbors, c.Note = Reset, neighbors, whereBFDIsUp
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
			if !had[id] || !has[id] || kind == "profile" && w.bfdProfile(id) != name {
				continue
			}
			ids := []string{id}
			if w.isGroup(id) {
				ids = w.ranges(id)
			}
			for _, id := range ids {
				if kind == "profile" || w.isBFDPeer(id, name) {
					out = append(out, w.named(id))
				}
			}
		}
	}
	return out
}

// isBFDPeer tells whether a neighbor, or one that comes from a range, may be what stands behind "peer" in bfdd's block.
func (in *instance) isBFDPeer(id, peer string) bool {
	words := append(strings.Fields(peer), "")
	value := func(word string) string {
		if i := slices.Index(words, word); i >= 0 && i+1 < len(words) {
			return words[i+1]
		}
		return ""
	}
	if vrf := strings.TrimPrefix(in.vrf, "vrf "); vrf != value("vrf") && !(value("vrf") == "" && strings.HasPrefix(in.vrf, "view ")) {
		return false
	}
	if prefix, err := netip.ParsePrefix(id); err == nil {
		address, err := netip.ParseAddr(words[0])
		return err == nil && prefix.Contains(address)
	}
	return id == words[0] || id == value("interface")
}

// bfdProfile is the profile of a neighbor, its own or its group's.
func (in *instance) bfdProfile(id string) string {
	profiles := in.roster().profile
	return cmp.Or(profiles[id], profiles[in.memberships()[id]])
}

// dropBFD removes profiles that nothing refers to any more.
func dropBFD(b *builder, bgp, running, wanted *config) {
	for _, old := range running.of("bfd") {
		if !wanted.has(old.context...) && !replacedPeer(old, running, wanted) {
			emptyBFDPeer(b, bgp, wanted, old)
		}
	}
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
func dropBFDPeers(b *builder, bgp, running, wanted *config, coming *block) {
	for _, old := range running.of("bfd") {
		if len(old.context) == 2 && !wanted.has(old.context...) && samePeer(old, coming) {
			line := vtysh.Line("no " + old.header())
			if !slices.ContainsFunc(b.commands, func(c Command) bool { return c.Line == line }) {
				emptyBFDPeer(b, bgp, wanted, old)
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
