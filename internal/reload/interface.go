package reload

import (
	"context"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// addresses are those of interfaces by name, also those that others than FRR gave them.
type addresses map[string]struct {
	VRFName   string
	Addresses []netip.Prefix
}

// readAddresses asks zebra. Without an answer none are known.
func readAddresses(ctx context.Context, client vtysh.Client) addresses {
	text, err := client.Run(ctx, vtysh.Zebra, "show interface vrf all brief json")
	var out addresses
	if err != nil || json.Unmarshal([]byte(text), &out) != nil {
		return nil
	}
	return out
}

// routerIDs are what zebra tells daemons of each VRF that are given none, "" being the default one: the highest IPv4 address of its loopback, or
// else of all.
func (a addresses) routerIDs() map[string]string {
	lo, all := map[string]netip.Addr{}, map[string]netip.Addr{}
	for name, i := range a {
		for _, p := range i.Addresses {
			addr := p.Addr()
			if !addr.Is4() || addr.IsLoopback() {
				continue
			}
			if (name == "lo" || name == i.VRFName) && lo[i.VRFName].Less(addr) {
				lo[i.VRFName] = addr
			}
			if all[i.VRFName].Less(addr) {
				all[i.VRFName] = addr
			}
		}
	}
	maps.Copy(all, lo)
	out := map[string]string{}
	for vrf, id := range all {
		if vrf == "default" {
			vrf = ""
		}
		out[vrf] = id.String()
	}
	return out
}

// linkParams tells a line of an interface's link-params (RFC 5305). Its "no" takes no value.
func (o other) linkParams() bool { return len(o.context) == 2 && o.context[1] == "link-params" }

// withoutLinkParams takes back all link-params of an interface by one line, where none are wanted. 8.4 has it within them.
func withoutLinkParams(version vtysh.Version, wanted *config, drop []other) []other {
	var out []other
	seen := map[string]bool{}
	for _, o := range drop {
		if o.linkParams() && !wanted.has(o.context...) {
			all := other{o.context[:1], "link-params"}
			if !version.AtLeast(9, 0) {
				all = other{o.context, "enable"}
			}
			if seen[all.key()] {
				continue
			}
			seen[all.key()] = true
			o = all
		}
		out = append(out, o)
	}
	return out
}

// cuts are the neighbors that a line about an interface cuts off: an interface that is shut down, or an address that is taken away.
func (o other) cuts(line string, running Running, now *config) []string {
	if len(o.context) != 1 {
		return nil
	}
	name, is := strings.CutPrefix(o.context[0], "interface ")
	if !is {
		return nil
	}
	words := strings.Fields(line)
	switch {
	case line == "shutdown":
		return neighborsOn(now, name, running.addresses[name].Addresses)
	case len(words) > 3 && words[0] == "no" && words[2] == "address":
		if p, err := netip.ParsePrefix(words[3]); err == nil {
			return neighborsOn(now, "", []netip.Prefix{p})
		}
	}
	return nil
}

// neighborsOn are the neighbors of an interface, within prefixes, or with one of their addresses as the source of their session.
func neighborsOn(c *config, name string, prefixes []netip.Prefix) []string {
	within := func(word string) bool {
		if p, err := netip.ParsePrefix(word); err == nil { // a listen range
			return slices.ContainsFunc(prefixes, p.Overlaps)
		}
		a, err := netip.ParseAddr(word)
		return err == nil && slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	var out []string
	list, _ := instances(c)
	for _, in := range list {
		on := map[string]bool{}
		for _, l := range in.block.lines {
			words := strings.Fields(l)
			if len(words) < 4 || words[0] != "neighbor" {
				continue
			}
			switch words[2] {
			case "interface":
				on[words[1]] = on[words[1]] || name != "" && (words[1] == name || words[3] == name)
			case "update-source":
				source, err := netip.ParseAddr(words[3])
				on[words[1]] = on[words[1]] || name != "" && words[3] == name ||
					err == nil && slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Addr() == source })
			}
		}
		groups := in.memberships()
		for _, id := range in.neighbors() {
			if in.isGroup(id) {
				for _, r := range in.ranges(id) {
					if on[id] || within(r) {
						out = append(out, strings.Clone(in.named(r)))
					}
				}
			} else if on[id] || on[groups[id]] || within(id) {
				out = append(out, strings.Clone(in.named(id)))
			}
		}
	}
	return out
}
