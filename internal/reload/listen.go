package reload

import (
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// Where a view goes, bgpd closes the sockets that it listens on for the default instance, and opens them again with the next view or default instance
// that is made (8.4 and 10.3). 8.4 puts onto a socket the passwords that are configured from then on, and none of before: a neighbor that calls by
// itself is not heard.

// reopens returns the first view or default instance that a plan makes after a view has gone; nil where there is none.
func reopens(running, wanted *config, gone map[string]bool) *instance {
	now, had := instances(running)
	if !slices.ContainsFunc(now, func(in *instance) bool { return gone[in.vrf] && strings.HasPrefix(in.vrf, "view ") }) {
		return nil
	}
	list, _ := instances(wanted)
	for _, w := range list {
		if (had[w.vrf] == nil || gone[w.vrf]) && !strings.HasPrefix(w.vrf, "vrf ") {
			return w
		}
	}
	return nil
}

// listenAgain makes the first of these instances at once, before there are passwords.
func listenAgain(b *builder, running, wanted *config, gone map[string]bool) {
	if first := reopens(running, wanted, gone); first != nil && !b.version.AtLeast(9, 0) {
		line := first.header
		if notation := wanted.notations[line]; notation != "" {
			line += " as-notation " + notation
		}
		b.add(Command{Daemon: vtysh.BGPD, Line: vtysh.Line(line), Effect: None})
	}
}

// passwordsAgain gives bgpd the passwords once more of neighbors that the plan resets: for the others that would be a reset of its own.
func passwordsAgain(b *builder, running, wanted *config, gone map[string]bool) {
	if b.version.AtLeast(9, 0) || reopens(running, wanted, gone) == nil {
		return
	}
	resets := setOf(Plan{b.commands}.Resets())
	_, had := instances(running)
	list, _ := instances(wanted)
	for _, w := range list {
		old := had[w.vrf]
		if old == nil || gone[w.vrf] || strings.HasPrefix(w.vrf, "vrf ") {
			continue
		}
		has := setOf(old.block.lines)
		for _, l := range w.block.lines {
			words := strings.Fields(l)
			if len(words) < 4 || words[0] != "neighbor" || words[2] != "password" || !has[l] || !resets[w.named(words[1])] {
				continue
			}
			for _, line := range []string{"no neighbor " + words[1] + " password", l} {
				b.add(Command{
					Daemon: vtysh.BGPD, Context: lines([]string{w.header}), Line: vtysh.Line(line), Effect: Reset, Neighbors: []string{w.named(words[1])},
					Note: "for the socket that is opened anew",
				})
			}
		}
	}
}
