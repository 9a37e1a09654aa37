package reload

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// canonicalise brings a configuration into the form that FRR prints, the same for all versions: what one prints and another hides, other
// spellings, and defaults that no version prints (reference: frr-reload.py's own rules, and what we saw FRR do).
func canonicalise(c *config) {
	nameInstance(c)
	c.top = canonicalTop(c)
	for _, b := range slices.Clone(c.blocks) {
		switch header := b.context[0]; {
		case strings.HasPrefix(header, "router bgp"):
			canonicalRouter(c, b)
		case strings.HasPrefix(header, "route-map "):
			b.lines = rewrite(b.lines, canonicalRouteMap)
		case header == "bfd":
			b.lines = rewrite(lastOfEach(b.lines, bfdKey), canonicalBFD)
		case strings.HasPrefix(header, "interface "):
			b.lines = rewrite(b.lines, canonicalInterface)
		case strings.HasPrefix(header, "vrf "):
			b.lines = rewrite(b.lines, canonicalGlobal)
		}
	}
	for _, b := range slices.Clone(c.blocks) {
		if strings.HasPrefix(b.context[0], "router bgp") && len(b.context) == 1 {
			explicitActivation(c, b)
			impliedLines(c, b)
		}
	}
	spreadDistances(c)
	c.top = shareTags(c.top)
	for _, b := range c.of("vrf ") {
		b.lines = shareTags(b.lines)
	}
}

// nameInstance gives lines below "router bgp" to the one instance that there is, as FRR does. With none or several FRR refuses them.
func nameInstance(c *config) {
	nameless := c.get("router bgp")
	if nameless.lines == nil && !c.has("router bgp") {
		return
	}
	list, _ := instances(c)
	if len(list) != 1 {
		return
	}
	for _, b := range slices.Clone(c.blocks) {
		if b.context[0] != "router bgp" {
			continue
		}
		for _, l := range b.lines {
			c.move(l, append([]string{list[0].header}, b.context[1:]...)...)
		}
		delete(c.byKey, strings.Join(b.context, "\n"))
		c.blocks = slices.DeleteFunc(c.blocks, func(o *block) bool { return o == b })
	}
}

// shareTags gives static routes the tag that FRR has for them: one for all next hops of a prefix with one distance, that of the last line.
func shareTags(lines []string) []string {
	type group struct{ kind, prefix, distance string }
	groupOf := func(words []string) group {
		g := group{words[0], words[2], ""}
		for i := 4; i < len(words); i++ {
			if _, err := strconv.Atoi(words[i]); err == nil && words[i-1] != "tag" && words[i-1] != "table" && words[i-1] != "label" {
				g.distance = words[i]
			}
		}
		return g
	}
	tags, mixed := map[group]string{}, false
	for _, l := range lines {
		if !isStaticRoute(l) {
			continue
		}
		words := strings.Fields(l)
		g, tag := groupOf(words), ""
		if i := slices.Index(words, "tag"); i > 0 && i+1 < len(words) {
			tag = words[i+1]
		}
		before, again := tags[g]
		mixed = mixed || again && before != tag
		tags[g] = tag
	}
	if !mixed {
		return lines
	}
	out := slices.Clone(lines)
	for n, l := range out {
		if !isStaticRoute(l) {
			continue
		}
		words := strings.Fields(l)
		g := groupOf(words)
		if i := slices.Index(words, "tag"); i > 0 && i+1 < len(words) {
			words = slices.Delete(words, i, i+2)
		}
		if tags[g] != "" {
			at := 4
			for at < len(words) && !optionOfRoute(words[at]) {
				at++
			}
			words = slices.Insert(words, at, "tag", tags[g])
		}
		out[n] = strings.Join(words, " ")
	}
	return out
}

// optionOfRoute tells what follows a static route's next hop and tag: its distance, and words.
func optionOfRoute(word string) bool {
	switch word {
	case "label", "table", "nexthop-vrf", "onlink", "color", "segments", "bfd":
		return true
	}
	_, err := strconv.Atoi(word)
	return err == nil
}

// spreadDistances gives each instance the distances of prefixes that any has: FRR has them once for all, and prints them everywhere.
func spreadDistances(c *config) {
	type distance struct{ family, line string }
	var all []distance
	seen := map[distance]bool{}
	var headers []string
	for _, b := range c.blocks {
		switch {
		case !strings.HasPrefix(b.context[0], "router bgp"):
		case len(b.context) == 1:
			headers = append(headers, b.context[0])
		case len(b.context) == 2:
			for _, l := range b.lines {
				if d := (distance{b.context[1], l}); isPrefixDistance(l) && !seen[d] {
					all, seen[d] = append(all, d), true
				}
			}
		}
	}
	for _, d := range all {
		for _, h := range headers {
			if b := c.block(h, d.family); !slices.Contains(b.lines, d.line) {
				b.lines = append(b.lines, d.line)
			}
		}
	}
}

func isPrefixDistance(l string) bool {
	return strings.HasPrefix(l, "distance ") && !strings.HasPrefix(l, "distance bgp ")
}

// rewrite replaces each line; what becomes empty is left out.
func rewrite(lines []string, f func(string) string) []string {
	out := lines[:0:0]
	for _, l := range lines {
		if l = f(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// address brings an address into its usual form; what is none stays.
func address(word string) string {
	if strings.Contains(word, ":") {
		if a, err := netip.ParseAddr(word); err == nil {
			return a.String()
		}
	}
	return word
}

// prefix masks the host bits of a prefix; what is none stays.
func prefix(word string) string {
	if strings.Contains(word, "/") {
		if p, err := netip.ParsePrefix(word); err == nil {
			return p.Masked().String()
		}
	}
	return word
}

// withMask makes "10.0.0.0/8" of an address and a netmask.
func withMask(addr, mask string) (string, bool) {
	a, err := netip.ParseAddr(addr)
	if err != nil || !a.Is4() {
		return "", false
	}
	m, err := netip.ParseAddr(mask)
	if err != nil || !m.Is4() {
		return "", false
	}
	bits, four := 0, m.As4()
	value := uint32(four[0])<<24 | uint32(four[1])<<16 | uint32(four[2])<<8 | uint32(four[3])
	for ; value&0x80000000 != 0; value <<= 1 {
		bits++
	}
	if value != 0 {
		return "", false
	}
	return netip.PrefixFrom(a, bits).Masked().String(), true
}

func canonicalTop(c *config) []string {
	out := make([]string, 0, len(c.top))
	for _, l := range c.top {
		if isFilter(l) {
			out = append(out, canonicalFilter(l))
			continue
		}
		l = canonicalGlobal(l)
		if words := strings.Fields(l); len(words) > 4 && (words[0] == "ip" || words[0] == "ipv6") && words[1] == "route" {
			// A route of a VRF, written at the top, is printed in the block of the VRF.
			if i := slices.Index(words, "vrf"); i > 0 && i+1 < len(words) {
				vrf := words[i+1]
				c.move(strings.Join(slices.Delete(words, i, i+2), " "), "vrf "+vrf)
				continue
			}
		}
		if l != "" {
			out = append(out, l)
		}
	}
	return out
}

// canonicalGlobal is for lines at the top and in vrf blocks.
func canonicalGlobal(l string) string {
	switch l {
	case "bgp route-map delay-timer 5":
		return ""
	case "log syslog debugging":
		return "log syslog"
	}
	words := strings.Fields(l)
	if len(words) < 4 || words[0] != "ip" && words[0] != "ipv6" || words[1] != "route" {
		return strings.Join(words, " ")
	}
	if p, ok := withMask(words[2], words[3]); ok && len(words) > 4 {
		words = append(words[:2:2], append([]string{p}, words[4:]...)...)
	}
	words[2] = prefix(words[2])
	words[3] = address(words[3])
	if strings.EqualFold(words[3], "null0") {
		words[3] = "Null0"
	}
	return strings.Join(words, " ")
}

// canonicalFilter is for lists at the top.
func canonicalFilter(l string) string {
	words := strings.Fields(l)
	switch {
	case len(words) > 3 && words[1] == "prefix-list" && words[3] == "description":
		return strings.Join(words, " ")
	case len(words) > 4 && words[1] == "prefix-list":
		words = canonicalPrefixList(words)
	case words[0] == "access-list" || len(words) > 1 && words[0] == "ipv6" && words[1] == "access-list":
		for i, w := range words {
			words[i] = prefix(w)
		}
	case len(words) > 4 && words[0] == "bgp" && words[1] == "community-list" && words[2] == "standard":
		if i := permission(words); i > 0 {
			words = append(words[:i+1:i+1], communities(words[i+1:])...)
		}
	case len(words) > 4 && words[0] == "bgp" && words[2] == "standard" && words[1] == "large-community-list":
		if i := permission(words); i > 0 {
			words = append(words[:i+1:i+1], largeCommunities(words[i+1:])...)
		}
	}
	return strings.Join(words, " ")
}

// largeCommunities are sorted, each once; what is no large community stays where it is.
func largeCommunities(words []string) []string {
	value := func(w string) (out [3]uint64, ok bool) {
		parts := strings.Split(w, ":")
		for i, p := range parts {
			n, err := strconv.ParseUint(p, 10, 32)
			if len(parts) != 3 || err != nil {
				return out, false
			}
			out[i] = n
		}
		return out, true
	}
	if slices.ContainsFunc(words, func(w string) bool { _, ok := value(w); return !ok }) {
		return words
	}
	out := slices.Clone(words)
	slices.SortFunc(out, func(a, b string) int {
		x, _ := value(a)
		y, _ := value(b)
		return slices.Compare(x[:], y[:])
	})
	return slices.Compact(out)
}

func permission(words []string) int {
	return slices.IndexFunc(words, func(w string) bool { return w == "permit" || w == "deny" })
}

func canonicalPrefixList(words []string) []string {
	i := permission(words)
	if i < 0 || i+1 >= len(words) {
		return words
	}
	network, ge, le := prefix(words[i+1]), "", ""
	for j := i + 2; j+1 < len(words); j += 2 {
		switch words[j] {
		case "ge":
			ge = words[j+1]
		case "le":
			le = words[j+1]
		default:
			return words
		}
	}
	out := append(words[:i+1:i+1], network)
	if ge != "" {
		out = append(out, "ge", ge)
	}
	if le != "" {
		out = append(out, "le", le)
	}
	return out
}

// wellKnown are communities that FRR prints by name (RFC 1997 and IANA's registry of well-known communities).
var wellKnown = map[string]uint32{
	"internet": 0, "graceful-shutdown": 0xffff0000, "accept-own": 0xffff0001, "route-filter-translated-v4": 0xffff0002,
	"route-filter-v4": 0xffff0003, "route-filter-translated-v6": 0xffff0004, "route-filter-v6": 0xffff0005, "llgr-stale": 0xffff0006,
	"no-llgr": 0xffff0007, "accept-own-nexthop": 0xffff0008, "blackhole": 0xffff029a, "no-export": 0xffffff01,
	"no-advertise": 0xffffff02, "local-AS": 0xffffff03, "no-peer": 0xffffff04,
}

var wellKnownNames = func() map[uint32]string {
	out := map[uint32]string{}
	for name, v := range wellKnown {
		out[v] = name
	}
	// 8.4 prints 0:0 as "internet", which 10.3 does not know.
	out[0] = "0:0"
	return out
}()

func community(word string) (uint32, bool) {
	if v, ok := wellKnown[word]; ok {
		return v, true
	}
	high, low, two := strings.Cut(word, ":")
	if !two {
		v, err := strconv.ParseUint(word, 10, 32)
		return uint32(v), err == nil
	}
	h, err1 := strconv.ParseUint(high, 10, 16)
	l, err2 := strconv.ParseUint(low, 10, 16)
	return uint32(h<<16 | l), err1 == nil && err2 == nil
}

// communities sorts communities by value, each once, with their names, as FRR keeps them. "additive" stays last.
func communities(words []string) []string {
	var values []uint32
	var rest []string
	for _, w := range words {
		v, ok := community(w)
		switch {
		case ok:
			values = append(values, v)
		case w == "additive":
			rest = append(rest, w)
		default:
			return words
		}
	}
	slices.Sort(values)
	out := make([]string, 0, len(words))
	for _, v := range slices.Compact(values) {
		name, ok := wellKnownNames[v]
		if !ok {
			name = strconv.Itoa(int(v>>16)) + ":" + strconv.Itoa(int(v&0xffff))
		}
		out = append(out, name)
	}
	return append(out, rest...)
}

func canonicalRouteMap(l string) string {
	words := strings.Fields(l)
	switch {
	case words[0] == "continue" && len(words) == 1:
		return "on-match next"
	case words[0] == "continue":
		return "on-match goto " + words[1]
	case len(words) < 3:
		return strings.Join(words, " ")
	}
	switch words[0] + " " + words[1] {
	case "set as-path":
		for i := range words {
			words[i] = asplain(words[i])
		}
	case "set community":
		words = append(words[:2:2], communities(words[2:])...)
	case "set ipv6", "match ipv6":
		words[len(words)-1] = address(words[len(words)-1])
	}
	return strings.Join(words, " ")
}

// lastOfEach are the lines whose value no later line replaces: one of them may be the default, which is not printed.
func lastOfEach(lines []string, key func(string) string) []string {
	last := map[string]int{}
	for i, l := range lines {
		last[key(l)] = i
	}
	var out []string
	for i, l := range lines {
		if last[key(l)] == i {
			out = append(out, l)
		}
	}
	return out
}

// canonicalBFD leaves out what bfdd does not print: the defaults.
func canonicalBFD(l string) string {
	words := strings.Fields(l)
	if value, ok := bfdDefaults[bfdKey(l)]; ok && words[len(words)-1] == value {
		return ""
	}
	switch l {
	case "minimum-ttl 254", "no shutdown", "no passive-mode", "no echo-mode":
		return ""
	}
	return strings.Join(words, " ")
}

// canonicalInterface writes addresses as FRR prints them.
func canonicalInterface(l string) string {
	words := strings.Fields(l)
	if l == "enable" {
		return "" // link-params: 8.4 prints what any other line of theirs does, 10.3 has no such line
	}
	if len(words) > 3 && words[0] == "evpn" && words[1] == "mh" {
		return strings.ToLower(strings.Join(words, " ")) // es-id and es-sys-mac
	}
	if len(words) > 2 && words[0] == "ipv6" && words[1] == "address" {
		if p, err := netip.ParsePrefix(words[2]); err == nil {
			words[2] = p.String()
		}
		return strings.Join(words, " ")
	}
	return l
}

// instanceDefaults are lines of a router block that are FRR's defaults, and not printed.
var instanceDefaults = map[string]bool{
	"bgp default local-preference 100": true, "bgp network import-check": true, "bgp ebgp-requires-policy": true,
	"bgp fast-external-failover": true, "bgp suppress-duplicates": true, "timers bgp 60 180": true, "bgp listen limit 100": true,
	"bgp graceful-restart restart-time 120": true, "bgp graceful-restart stalepath-time 360": true,
	"bgp graceful-restart select-defer-time 360": true, "no bgp log-neighbor-changes": true, "no bgp deterministic-med": true,
	"no bgp always-compare-med": true, "no bgp graceful-restart": true, "no bgp graceful-shutdown": true, "no synchronization": true,
	"no auto-summary": true, "bgp graceful-restart notification": true, "no bgp default show-hostname": true,
	"no bgp default show-nexthop-hostname": true,
}

// offByDefault tells "no neighbor X ATTRIBUTE" of what a neighbor has not unless a line gives it to it, or to its group.
func offByDefault(words []string) bool {
	if len(words) < 4 || words[0] != "no" || words[1] != "neighbor" {
		return false
	}
	switch words[3] {
	case "shutdown", "passive", "ebgp-multihop", "ttl-security", "bfd", "password", "description", "update-source", "disable-connected-check",
		"strict-capability-match", "override-capability", "dont-capability-negotiate", "local-as", "timers", "solo", "graceful-restart",
		"graceful-restart-helper", "graceful-restart-disable", "advertisement-interval", "port", "local-role", "enforce-multihop":
		return true
	}
	return false
}

// datacenterDefaults writes out what FRR's profile "datacenter" does not print: all else is of the profile "traditional".
func datacenterDefaults(b *block) {
	says := map[string]bool{}
	for _, l := range b.lines {
		says[routerKey(strings.TrimPrefix(l, "no "))] = true
	}
	for _, l := range []string{
		"timers bgp 3 9", "bgp log-neighbor-changes", "bgp deterministic-med", "bgp default show-hostname", "bgp default show-nexthop-hostname",
	} {
		if !says[routerKey(l)] {
			b.lines = append(b.lines, l)
		}
	}
	const policy = "bgp ebgp-requires-policy"
	if !says[policy] {
		b.lines = append(b.lines, "no "+policy)
	}
}

// withoutGiven leaves out the capabilities that 10 gives each neighbor by the profile "datacenter", and prints.
func withoutGiven(c *config) *config {
	return c.copyOf(func(b *block) []string {
		return slices.DeleteFunc(slices.Clone(b.lines), func(l string) bool {
			return strings.HasPrefix(l, "neighbor ") && (strings.HasSuffix(l, " capability dynamic") || strings.HasSuffix(l, " capability software-version"))
		})
	})
}

// unicastWords begin lines that FRR takes in the router block and keeps in its IPv4 unicast family.
func unicastLine(words []string) bool {
	first := words[0]
	if first == "no" && len(words) > 1 {
		words = words[1:]
		first = words[0]
	}
	switch first {
	case "network", "aggregate-address", "redistribute", "maximum-paths", "table-map":
		return true
	case "bgp":
		return len(words) > 1 && words[1] == "dampening"
	case "neighbor":
		if len(words) < 3 {
			return false
		}
		switch words[2] {
		case "activate", "route-map", "prefix-list", "filter-list", "distribute-list", "next-hop-self", "send-community",
			"soft-reconfiguration", "allowas-in", "weight", "maximum-prefix", "default-originate", "route-reflector-client",
			"route-server-client", "remove-private-AS", "as-override", "attribute-unchanged", "unsuppress-map", "addpath-tx-all-paths",
			"addpath-tx-bestpath-per-AS", "disable-addpath-rx", "soo":
			return true
		}
	}
	return false
}

func canonicalRouter(c *config, b *block) {
	out := b.lines[:0:0]
	switch {
	case len(b.context) == 1:
		interfaces := map[string]bool{}
		if profile(c) == datacenter {
			datacenterDefaults(b)
		}
		groups := (&instance{block: b, config: c}).memberships()
		watched := map[string]bool{}
		for _, l := range b.lines {
			if words := strings.Fields(l); ofInterface(words) {
				interfaces[words[1]] = true
			}
			if id, _, is := bfdOfNeighbor(l); is {
				watched["neighbor "+id+" bfd"] = true
			}
		}
		for _, l := range b.lines {
			words := strings.Fields(l)
			if unicastLine(words) {
				if l := canonicalFamilyLine(strings.Join(words, " ")); l != "" {
					c.move(l, b.context[0], ipv4Unicast)
				}
				continue
			}
			l = canonicalRouterLine(words)
			if l == "" || instanceDefaults[l] || offByDefault(words) && groups[words[2]] == "" {
				continue
			}
			if len(words) > 3 && words[0] == "neighbor" && words[2] == "bfd" && (words[3] == "profile" || words[3] == "check-control-plane-failure") {
				// Either brings BFD with it.
				on := strings.Join(words[:3], " ")
				if !watched[on] {
					out, watched[on] = append(out, on), true
				}
			}
			out = append(out, l)
		}
		out = joinInterfaces(out, interfaces)
		out = slices.DeleteFunc(out, func(l string) bool {
			// An interface neighbor has this by itself (RFC 8950).
			return strings.HasSuffix(l, " capability extended-nexthop") && interfaces[neighborOf(l)]
		})
	case strings.HasPrefix(b.context[1], "address-family") && len(b.context) == 2:
		out = b.lines[:0] // in place: no line becomes two
		for _, l := range b.lines {
			if l = canonicalFamilyLine(l); l != "" {
				out = append(out, l)
			}
		}
		out = routeServerClients(sendCommunity(out))
	default:
		return
	}
	b.lines = out
}

// routeServerClients get next hops as they came, which FRR prints as a line of its own.
func routeServerClients(lines []string) []string {
	const client = " route-server-client"
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasSuffix(l, client) }) {
		return lines
	}
	out, at := lines, map[string]int{} // where a neighbor's attributes stand
	for i, l := range lines {
		if id, _, is := strings.Cut(l+" ", " attribute-unchanged "); is && strings.HasPrefix(l, "neighbor ") {
			if _, again := at[id]; !again {
				at[id] = i
			}
		}
	}
	for _, l := range lines {
		id, ok := strings.CutSuffix(l, client)
		if !ok || !strings.HasPrefix(id, "neighbor ") {
			continue
		}
		line := id + " attribute-unchanged"
		i, has := at[id]
		switch {
		case !has:
			at[id] = len(out)
			out = append(out, line+" next-hop")
		case out[i] != line:
			words := strings.Fields(out[i])
			if !slices.Contains(words, "next-hop") {
				words = append(words[:3], inOrder(append(words[3:], "next-hop"), "as-path", "next-hop", "med")...)
			}
			if out[i] = strings.Join(words, " "); len(words) == 6 {
				out[i] = line
			}
		}
	}
	return out
}

// joinInterfaces writes an interface neighbor and its AS number, or its group, as one line.
func joinInterfaces(lines []string, interfaces map[string]bool) []string {
	if len(interfaces) == 0 {
		return lines
	}
	at := map[string]int{}
	out := lines[:0:0]
	for _, l := range lines {
		words := strings.Fields(l)
		if len(words) > 2 && words[0] == "neighbor" && interfaces[words[1]] {
			id := words[1]
			_, seen := at[id]
			switch {
			case words[2] == "interface" && !seen:
				at[id] = len(out)
			case words[2] == "interface":
				continue
			case (words[2] == "remote-as" || words[2] == "peer-group") && len(words) == 4:
				if !seen {
					at[id] = len(out)
					l = "neighbor " + id + " interface " + words[2] + " " + words[3]
					break
				}
				if !strings.Contains(out[at[id]], " remote-as ") && !strings.Contains(out[at[id]], " peer-group ") {
					out[at[id]] += " " + words[2] + " " + words[3]
				}
				continue
			}
		}
		out = append(out, l)
	}
	return out
}

// canonicalRouterLine is for lines of the router block itself.
func canonicalRouterLine(words []string) string {
	l := strings.Join(words, " ")
	first := words[0]
	negative := first == "no"
	if negative && len(words) > 1 {
		words = words[1:]
		first = words[0]
	}
	switch {
	case first == "neighbor" && len(words) > 2 && !negative:
		words[1] = address(words[1])
		switch attribute := words[2]; {
		case attribute == "port" && len(words) == 4 && words[3] == "179":
			return ""
		case attribute == "ebgp-multihop" && len(words) == 4 && words[3] == "255":
			words = words[:3]
		case attribute == "timers" && len(words) == 5 && words[3] != "connect":
			words[3] = keepalive(words[3], words[4])
		case attribute == "bfd" && strings.Join(words[3:], " ") == defaultTimers:
			words = words[:3]
		case attribute == "update-source" && len(words) == 4:
			words[3] = address(words[3])
		case (attribute == "remote-as" || attribute == "local-as") && len(words) > 3:
			words[3] = asplain(words[3])
		case (attribute == "advertisement-interval" || attribute == "tcp-mss") && len(words) == 4 && words[3] == "0":
			return "" // 8.4 prints the second of a member whose group has it
		case attribute == "description", attribute == "password":
			// Spaces within are FRR's to keep or not: it joins words by one space.
		}
		return strings.Join(words, " ")
	case first == "bgp" && len(words) > 3 && words[1] == "shutdown" && words[2] == "message":
		return "bgp shutdown" // the message is of the moment
	case first == "bgp" && len(words) == 3 && words[1] == "cluster-id":
		if n, err := strconv.ParseUint(words[2], 10, 32); err == nil {
			words[2] = netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}).String()
		}
		return strings.Join(words, " ")
	case first == "bgp" && len(words) > 3 && words[1] == "confederation":
		for i := range words {
			words[i] = asplain(words[i])
		}
		return strings.Join(words, " ")
	case first == "bgp" && strings.HasSuffix(l, " multipath-relax no-as-set"):
		return strings.TrimSuffix(l, " no-as-set")
	case first == "bgp" && len(words) > 3 && words[1] == "listen" && words[2] == "range":
		words[3] = prefix(words[3])
		return strings.Join(words, " ")
	case first == "timers" && len(words) == 4 && !negative:
		words[2] = keepalive(words[2], words[3])
		return strings.Join(words, " ")
	}
	return l
}

// keepalive is the interval that FRR keeps: a third of the hold time at most.
func keepalive(interval, hold string) string {
	k, err1 := strconv.Atoi(interval)
	h, err2 := strconv.Atoi(hold)
	if err1 != nil || err2 != nil || k <= h/3 || h == 0 {
		return interval
	}
	return strconv.Itoa(h / 3)
}

// importMap begins the line of the route-map that routes from other VRFs go through.
const importMap = "route-map vpn import "

// canonicalFamilyLine is for lines of an address family.
func canonicalFamilyLine(l string) string {
	if strings.HasPrefix(l, "network ") {
		return canonicalNetwork(l)
	}
	words := strings.Fields(l)
	switch {
	case words[0] == "aggregate-address" && len(words) > 1:
		return aggregate(words)
	case l == "distance bgp 20 200 200":
		return ""
	case strings.HasPrefix(l, "import vrf route-map "):
		return importMap + words[3] // FRR prints it as one or the other, as the routes come from a VRF or a VPN
	case words[0] == "redistribute" && len(words) > 2:
		return redistribute(words)
	case words[0] == "neighbor" && len(words) > 2:
		words[1] = address(words[1])
		switch {
		case words[2] == "allowas-in" && len(words) == 4 && words[3] == "3",
			words[2] == "maximum-prefix" && len(words) == 5 && words[4] == "75":
			words = words[:len(words)-1]
		case words[2] == "maximum-prefix" && len(words) > 5 && words[4] == "75":
			words = append(words[:4:4], words[5:]...)
		case words[2] == "next-hop-self" && len(words) == 4 && words[3] == "all":
			words[3] = "force"
		case words[2] == "attribute-unchanged" && len(words) > 3:
			words = append(words[:3:3], inOrder(words[3:], "as-path", "next-hop", "med")...)
			if len(words) == 6 {
				words = words[:3]
			}
		}
	case words[0] == "no" && len(words) > 2 && words[1] == "neighbor":
		words[2] = address(words[2])
	}
	return strings.Join(words, " ")
}

func inOrder(words []string, order ...string) []string {
	var out []string
	for _, w := range order {
		if slices.Contains(words, w) {
			out = append(out, w)
		}
	}
	for _, w := range words {
		if !slices.Contains(order, w) {
			out = append(out, w)
		}
	}
	return out
}

// canonicalNetwork is apart since there are so many: a line that is right is returned as it is.
func canonicalNetwork(l string) string {
	rest := l[len("network "):]
	word, tail, _ := strings.Cut(rest, " ")
	if strings.HasSuffix(word, "/32") && !strings.Contains(word, ":") {
		return l // FRR takes no other spelling of such an address
	}
	if p, err := netip.ParsePrefix(word); err == nil {
		if m := p.Masked().String(); m != word {
			l = strings.TrimSpace("network " + m + " " + tail)
		}
		return l
	}
	words := strings.Fields(l)
	if len(words) > 3 && words[2] == "mask" {
		if p, ok := withMask(words[1], words[3]); ok {
			return strings.Join(append([]string{"network", p}, words[4:]...), " ")
		}
	}
	if a, err := netip.ParseAddr(words[1]); err == nil && a.Is4() {
		four := a.As4()
		bits := 24 // the class of the address (RFC 791)
		switch {
		case four[0] < 128:
			bits = 8
		case four[0] < 192:
			bits = 16
		}
		words[1] = netip.PrefixFrom(a, bits).Masked().String()
	}
	return strings.Join(words, " ")
}

func aggregate(words []string) string {
	out := []string{words[0], prefix(words[1])}
	i := 2
	if len(words) > 2 {
		if p, ok := withMask(words[1], words[2]); ok {
			out[1], i = p, 3
		}
	}
	flags, values := map[string]bool{}, map[string]string{}
	for ; i < len(words); i++ {
		switch w := words[i]; w {
		case "as-set", "summary-only", "matching-MED-only":
			flags[w] = true
		case "route-map", "origin", "suppress-map":
			if i++; i < len(words) {
				values[w] = words[i]
			}
		default:
			return strings.Join(words, " ")
		}
	}
	for _, w := range []string{"as-set", "summary-only", "route-map", "origin", "matching-MED-only", "suppress-map"} {
		if flags[w] {
			out = append(out, w)
		}
		if v := values[w]; v != "" {
			out = append(out, w, v)
		}
	}
	return strings.Join(out, " ")
}

func redistribute(words []string) string {
	n := 2
	if (words[1] == "ospf" || words[1] == "table" || words[1] == "table-direct") && len(words) > 2 {
		if _, err := strconv.Atoi(words[2]); err == nil {
			n = 3
		}
	}
	out := words[:n:n]
	values := map[string]string{}
	for i := n; i+1 < len(words); i += 2 {
		values[words[i]] = words[i+1]
	}
	for _, w := range []string{"metric", "route-map"} {
		if v := values[w]; v != "" {
			out = append(out, w, v)
			delete(values, w)
		}
	}
	if len(values) > 0 {
		return strings.Join(words, " ")
	}
	return strings.Join(out, " ")
}

// communityFlags are the kinds that a neighbor is sent by default.
var communityFlags = []string{"standard", "extended", "large"}

// sendCommunity writes what neighbors are sent as one line a kind. All are on by default, and not printed.
func sendCommunity(lines []string) []string {
	says := func(l string) bool {
		return !strings.HasPrefix(l, "network ") && strings.Contains(l, " send-community")
	}
	if !slices.ContainsFunc(lines, says) {
		return lines
	}
	out, at := lines[:0:0], map[string]int{} // where the lines of kinds stand
	for _, l := range lines {
		if !strings.Contains(l, " send-community") {
			out = append(out, l)
			continue
		}
		words := strings.Fields(l)
		no := words[0] == "no"
		if no {
			words = words[1:]
		}
		if len(words) < 3 || words[0] != "neighbor" || words[2] != "send-community" {
			out = append(out, l)
			continue
		}
		kinds := communityFlags[:1]
		if len(words) > 3 {
			switch words[3] {
			case "all":
				kinds = communityFlags
			case "both":
				kinds = communityFlags[:2]
			default:
				kinds = words[3:4]
			}
		}
		for _, k := range kinds {
			line := "no neighbor " + words[1] + " send-community " + k
			if before, has := at[line]; has {
				out[before] = ""
				delete(at, line)
			}
			if no {
				at[line] = len(out)
				out = append(out, line)
			}
		}
	}
	return slices.DeleteFunc(out, func(l string) bool { return l == "" })
}

// defaultFamilies are the families that a new neighbor is active in, by the lines of a router block.
func defaultFamilies(lines []string) map[string]bool {
	out := map[string]bool{ipv4Unicast: true}
	for _, l := range lines {
		rest, on := strings.CutPrefix(l, "bgp default ")
		if !on {
			var off bool
			if rest, off = strings.CutPrefix(l, "no bgp default "); !off {
				continue
			}
		}
		if family, ok := strings.CutPrefix(rest, "ipv4-"); ok {
			out["address-family ipv4 "+family] = on
		} else if family, ok := strings.CutPrefix(rest, "ipv6-"); ok {
			out["address-family ipv6 "+family] = on
		} else if rest == "l2vpn-evpn" {
			out["address-family l2vpn evpn"] = on
		}
	}
	return out
}

// explicitActivation writes out where neighbors are active by default. A member of a group follows it unless it says otherwise.
func explicitActivation(c *config, b *block) {
	b.lines = slices.DeleteFunc(b.lines, func(l string) bool { return l == "bgp default ipv4-unicast" })
	in := &instance{header: b.context[0], block: b, config: c}
	ids := in.neighbors()
	groups := in.memberships()
	families := defaultFamilies(b.lines)
	for _, f := range in.families() {
		families[f] = families[f] || false
	}
	if len(ids) == 0 {
		return
	}
	for family, on := range families {
		if !on && !c.has(b.context[0], family) || strings.Contains(family, "\n") || !strings.HasPrefix(family, "address-family ") {
			continue
		}
		f := c.get(b.context[0], family)
		active, said := map[string]bool{}, map[string]bool{}
		for _, l := range f.lines {
			if id, yes, ok := activation(l); ok {
				active[id], said[id] = yes, true
			}
		}
		f.lines = slices.DeleteFunc(f.lines, func(l string) bool {
			id, yes, ok := activation(l)
			if !ok {
				return false
			}
			if group := groups[id]; group != "" {
				return yes == (active[group] || !said[group] && on)
			}
			return !yes
		})
		for _, id := range ids {
			if on && groups[id] == "" && !said[id] {
				c.move("neighbor "+id+" activate", b.context[0], family)
			}
		}
	}
}

// impliedLines adds what FRR sets along with another line, and leaves out what members print that is their group's.
func impliedLines(c *config, b *block) {
	const med = "bgp deterministic-med"
	in := &instance{header: b.context[0], block: b, config: c}
	groups, own := in.memberships(), setOf(b.lines)
	b.lines = slices.DeleteFunc(b.lines, func(l string) bool {
		words := strings.Fields(l)
		if len(words) != 3 || groups[neighborOf(l)] == "" || !strings.HasPrefix(words[2], "graceful-restart") {
			return false
		}
		return own["neighbor "+groups[words[1]]+" "+words[2]]
	})
	for _, f := range in.families() {
		family := c.get(in.within(f)...)
		const rx = " disable-addpath-rx"
		without := map[string]bool{}
		for _, l := range family.lines {
			if strings.HasSuffix(l, " addpath-tx-bestpath-per-AS") && !own[med] {
				b.lines, own[med] = append(b.lines, med), true
			}
			if strings.HasSuffix(l, rx) {
				without[l] = true
			}
		}
		family.lines = slices.DeleteFunc(family.lines, func(l string) bool {
			group := groups[neighborOf(l)]
			return group != "" && without[l] && without["neighbor "+group+rx]
		})
	}
}

// activation reads "[no] neighbor X activate".
func activation(l string) (id string, on, ok bool) {
	if !strings.HasSuffix(l, " activate") {
		return "", false, false
	}
	words := strings.Fields(l)
	switch {
	case len(words) == 3 && words[0] == "neighbor":
		return words[1], true, true
	case len(words) == 4 && words[0] == "no" && words[1] == "neighbor":
		return words[2], false, true
	}
	return "", false, false
}
