package reload

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// config is a configuration as blocks: what stands on top, and what stands in each block. Order inside a block means nothing to FRR.
type config struct {
	top    []string
	blocks []*block
	byKey  map[string]*block
	// notations are how instances print AS numbers, by header.
	notations map[string]string
}

// block is a block of lines, as deep as FRR nests them: "router bgp 1", "address-family l2vpn evpn", "vni 100".
type block struct {
	context []string
	lines   []string
}

func (b *block) header() string { return b.context[len(b.context)-1] }

// openers begin a block at the top, by their first word.
var openers = map[string]bool{
	"router": true, "route-map": true, "bfd": true, "interface": true, "vrf": true, "key": true, "line": true, "nexthop-group": true,
	"pbr-map": true, "segment-routing": true, "rpki": true, "l2vpn": true, "mpls": true,
}

// opensTop tells whether a line begins a block at the top.
func opensTop(line string) bool {
	first, rest, _ := strings.Cut(line, " ")
	switch first {
	case "route-map":
		return !strings.HasSuffix(rest, " optimization")
	case "mpls":
		return rest == "ldp"
	case "vrf", "interface", "nexthop-group", "pbr-map", "key", "line", "router":
		return rest != ""
	}
	return rest == "" && openers[first]
}

// opensInner tells whether a line begins a block within another.
func opensInner(outer, line string) bool {
	first, rest, _ := strings.Cut(line, " ")
	outerFirst, outerRest, _ := strings.Cut(outer, " ")
	switch {
	case outerFirst == "router" && strings.HasPrefix(outerRest, "bgp"):
		return first == "address-family" || first == "segment-routing" || first == "bmp" && strings.HasPrefix(rest, "targets ")
	case outerFirst == "address-family":
		return first == "vni"
	case outerFirst == "interface":
		return line == "link-params"
	case outer == "bfd":
		return first == "profile" || first == "peer"
	case outerFirst == "key" && strings.HasPrefix(outerRest, "chain"):
		return first == "key"
	case outerFirst == "segment-routing" || outerFirst == "srv6" || outerFirst == "locators" || outerFirst == "traffic-eng" || outerFirst == "pcep":
		switch first {
		case "srv6", "locators", "locator", "traffic-eng", "policy", "segment-list", "pcep", "pce", "pce-config", "pcc":
			return true
		}
	case outer == "mpls ldp":
		return first == "address-family"
	}
	return false
}

// topOnly begin lines that stand at the top and nowhere else: whoever wrote one after a block has left the block, as FRR sees it.
var topOnly = []string{
	"log ", "debug ", "hostname ", "domainname ", "service ", "password ", "enable ", "username ", "frr ", "agentx", "ip forwarding",
	"ipv6 forwarding", "no ip forwarding", "no ipv6 forwarding", "ip import-table ",
}

// vrfToo begin lines that stand at the top or in a vrf block.
var vrfToo = []string{"ip route ", "ipv6 route ", "ip nht ", "ipv6 nht ", "ip protocol ", "ipv6 protocol "}

func begins(line string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(line, p) })
}

// leavesBlock tells whether a line can't stand in the block of a header, so that it closes it.
func leavesBlock(header, line string) bool {
	if isFilter(line) || strings.HasPrefix(line, "log ") || strings.HasPrefix(line, "debug ") {
		return true
	}
	if strings.HasPrefix(header, "router ") || strings.HasPrefix(header, "address-family ") {
		// Words of other blocks that are words of this one too are not looked at.
		return begins(line, vrfToo)
	}
	return begins(line, topOnly) || !strings.HasPrefix(header, "vrf ") && begins(line, vrfToo)
}

// manyLines is where a block is a large one.
const manyLines = 128

// parse reads the text of "show running-config" or of a frr.conf.
func parse(text string) *config {
	c := &config{byKey: map[string]*block{}}
	var stack []*block
	for len(text) > 0 {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '!' || line[0] == '#' {
			continue
		}
		if strings.Contains(line, "  ") || strings.Contains(line, "\t") {
			line = strings.Join(strings.Fields(line), " ") // as FRR does, also in descriptions
		}
		switch line {
		case "exit-address-family", "exit-vni", "exit-link-params", "exit", "quit":
			if len(stack) > 0 {
				stack = stack[:len(stack)-1]
			}
			continue
		case "exit-vrf", "end":
			stack = nil
			continue
		}
		if len(stack) > 0 && (strings.HasPrefix(line, "network ") || strings.HasPrefix(line, "neighbor ")) {
			// Nearly all lines of large configurations: room for what is left of the text, once.
			b := stack[len(stack)-1]
			if len(b.lines) == manyLines {
				b.lines = slices.Grow(b.lines, strings.Count(text, "\n"))
			}
			b.lines = append(b.lines, line)
			continue
		}
		if rest, is := strings.CutPrefix(line, "no "); is && c.takesBack(rest, stack) {
			stack = nil
			continue
		}
		// Where FRR would find the line: in this block, or in one around it.
		for len(stack) > 0 && leavesBlock(stack[len(stack)-1].header(), line) {
			stack = stack[:0]
		}
		opened := false
		for depth := len(stack); depth > 0; depth-- {
			if depth == len(stack) && belongsInside(stack[depth-1].header(), line) {
				break
			}
			if opensInner(stack[depth-1].header(), line) {
				context := append(slices.Clone(stack[depth-1].context), canonicalHeader(line))
				stack = append(stack[:depth:depth], c.block(context...))
				opened = true
				break
			}
		}
		switch {
		case opened:
		case opensTop(line) && !(len(stack) > 0 && belongsInside(stack[len(stack)-1].header(), line)):
			header := canonicalHeader(line)
			stack = append(stack[:0:0], c.block(header))
			if _, notation, is := strings.Cut(line, " as-notation "); is && strings.HasPrefix(line, "router bgp ") {
				if c.notations == nil {
					c.notations = map[string]string{}
				}
				c.notations[header], _, _ = strings.Cut(strings.Clone(notation), " ")
			}
		case len(stack) > 0:
			b := stack[len(stack)-1]
			b.lines = append(b.lines, line)
		default:
			c.top = append(c.top, line)
		}
	}
	return c
}

// takesBack removes what a line with "no" before it takes away of the text before it, as FRR does when it reads a file: a block at the top, a route-map or
// one of its entries, a list or one of its entries. Where there is none it does nothing.
func (c *config) takesBack(line string, stack []*block) bool {
	if len(stack) > 0 && belongsInside(stack[len(stack)-1].header(), line) {
		return false
	}
	if isFilter(line) {
		begins := withoutNumber(line)
		c.top = slices.DeleteFunc(c.top, func(l string) bool {
			return l == line || withoutNumber(l) == begins || strings.HasPrefix(l, line+" ")
		})
		return true
	}
	first, _, _ := strings.Cut(line, " ")
	if first == "line" || !opensTop(line) && line != "router bgp" {
		return false
	}
	header := canonicalHeader(line)
	gone := func(b *block) bool {
		switch first {
		case "route-map":
			return b.context[0] == header || strings.HasPrefix(b.context[0], header+" ")
		case "router":
			words := strings.Fields(b.context[0])
			return b.context[0] == header || header == "router bgp" && words[1] == "bgp" && len(words) == 3
		}
		return b.context[0] == header
	}
	for _, b := range c.blocks {
		if gone(b) {
			delete(c.byKey, strings.Join(b.context, "\n"))
		}
	}
	c.blocks = slices.DeleteFunc(c.blocks, gone)
	return true
}

// belongsInside tells whether a line that could open a block is a plain line of the block that it stands in.
func belongsInside(header, line string) bool {
	switch {
	case strings.HasPrefix(header, "segment-routing"), strings.HasPrefix(header, "srv6"), strings.HasPrefix(header, "locator"):
		return !strings.HasPrefix(line, "router ") && !strings.HasPrefix(line, "interface ")
	case strings.HasPrefix(header, "address-family "):
		return strings.HasPrefix(line, "route-map vpn ")
	case strings.HasPrefix(header, "peer "):
		return strings.HasPrefix(line, "profile ")
	case strings.HasPrefix(header, "rpki"):
		return strings.HasPrefix(line, "rpki ")
	}
	return false
}

// block returns the block of a context, made when it is new. A block that is opened twice is one.
func (c *config) block(context ...string) *block {
	key := strings.Join(context, "\n")
	b := c.byKey[key]
	if b == nil {
		b = &block{context: context}
		c.byKey[key] = b
		c.blocks = append(c.blocks, b)
	}
	return b
}

// copied is another configuration of the same blocks.
func (c *config) copied() *config {
	return &config{top: c.top, blocks: slices.Clone(c.blocks), byKey: maps.Clone(c.byKey), notations: c.notations}
}

// get returns the block of a context, or an empty one.
func (c *config) get(context ...string) *block {
	if b := c.byKey[strings.Join(context, "\n")]; b != nil {
		return b
	}
	return &block{context: context}
}

func (c *config) has(context ...string) bool { return c.byKey[strings.Join(context, "\n")] != nil }

// of returns the blocks whose outermost header begins with prefix.
func (c *config) of(prefix string) []*block {
	var out []*block
	for _, b := range c.blocks {
		if strings.HasPrefix(b.context[0], prefix) {
			out = append(out, b)
		}
	}
	return out
}

// move takes a line to another block.
func (c *config) move(line string, context ...string) {
	b := c.block(context...)
	b.lines = append(b.lines, line)
}

// canonicalHeader brings the header of a block into the form that FRR prints.
func canonicalHeader(line string) string {
	words := strings.Fields(line)
	switch {
	case words[0] == "address-family" && len(words) == 2:
		switch words[1] {
		case "ipv4", "ipv6":
			words = append(words, "unicast")
		case "evpn":
			words = []string{"address-family", "l2vpn", "evpn"}
		case "vpnv4":
			words = []string{"address-family", "ipv4", "vpn"}
		case "vpnv6":
			words = []string{"address-family", "ipv6", "vpn"}
		}
	case words[0] == "router" && len(words) > 2 && words[1] == "bgp":
		words = routerHeader(words)
	case words[0] == "interface" && len(words) == 4 && words[2] == "vrf":
		words = words[:2] // the kernel knows in which VRF it is
	case words[0] == "peer" && len(words) > 2:
		words = bfdPeerHeader(words)
	case words[0] == "peer" && len(words) == 2:
		words[1] = address(words[1])
	}
	return strings.Clone(strings.Join(words, " ")) // plans keep it, and must not keep the text
}

// routerHeader is "router bgp N [vrf|view NAME]" with the AS number in asplain, without the notation that 10 prints others in (RFC 5396).
func routerHeader(words []string) []string {
	if i := slices.Index(words, "as-notation"); i > 2 {
		words = slices.Delete(words, i, min(i+2, len(words)))
	}
	words[2] = asplain(words[2])
	return words
}

// asplain is an AS number without dots (RFC 5396); other words are as they were.
func asplain(word string) string {
	high, low, dotted := strings.Cut(word, ".")
	if !dotted {
		return word
	}
	h, err := strconv.ParseUint(high, 10, 16)
	if err != nil {
		return word
	}
	l, err := strconv.ParseUint(low, 10, 16)
	if err != nil {
		return word
	}
	return strconv.FormatUint(h<<16|l, 10)
}

// bfdPeerHeader orders what follows a BFD peer as FRR prints it.
func bfdPeerHeader(words []string) []string {
	out := []string{"peer", address(words[1])}
	value := map[string]string{}
	multihop := false
	for i := 2; i < len(words); i++ {
		switch words[i] {
		case "multihop":
			multihop = true
		case "local-address", "interface", "vrf":
			if i+1 < len(words) {
				value[words[i]] = words[i+1]
				i++
			}
		}
	}
	if multihop {
		out = append(out, "multihop")
	}
	for _, w := range []string{"local-address", "interface", "vrf"} {
		switch v := value[w]; {
		case v == "" || w == "vrf" && v == "default":
		case w == "local-address":
			out = append(out, w, address(v))
		default:
			out = append(out, w, v)
		}
	}
	return out
}
