package reload

import "strings"

// config is a configuration as blocks: what stands on top, and what stands in each block. Order inside a block means nothing to FRR.
type config struct {
	top    []string
	blocks []*block
	byKey  map[string]*block
}

// block is a block of lines, at most two deep ("router bgp 1" and "address-family ipv4 unicast").
type block struct {
	context []string
	lines   []string
}

func (b *block) header() string { return b.context[len(b.context)-1] }

// openers begin a block at the top, by their first word; "route-map" and "router" have one instance per further words.
var openers = map[string]bool{
	"router": true, "route-map": true, "bfd": true, "interface": true, "vrf": true, "key": true, "line": true, "nexthop-group": true,
	"pbr-map": true, "segment-routing": true, "rpki": true,
}

// opensInner tells whether a line begins a block within one of the top.
func opensInner(top, line string) bool {
	switch {
	case strings.HasPrefix(top, "router bgp"):
		return strings.HasPrefix(line, "address-family ") || strings.HasPrefix(line, "vni ")
	case top == "bfd":
		return strings.HasPrefix(line, "profile ") || strings.HasPrefix(line, "peer ")
	}
	return false
}

// parse reads the text of "show running-config" or of a frr.conf.
func parse(text string) *config {
	c := &config{byKey: map[string]*block{}}
	var top, inner *block
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '!' || line[0] == '#' {
			continue
		}
		switch line {
		case "exit-address-family", "exit-vni":
			inner = nil
			continue
		case "exit", "quit", "exit-vrf":
			if inner != nil {
				inner = nil
			} else {
				top = nil
			}
			continue
		case "end":
			top, inner = nil, nil
			continue
		}
		if isFilter(line) {
			// Lists stand at the top only: whoever wrote one after a block has left the block.
			top, inner = nil, nil
		}
		if top != nil && opensInner(top.header(), line) {
			inner = c.block(top.context[0], canonicalHeader(line))
			continue
		}
		if first, _, _ := strings.Cut(line, " "); openers[first] {
			top, inner = c.block(canonicalHeader(line)), nil
			continue
		}
		line = canonical(line)
		switch {
		case inner != nil:
			inner.lines = append(inner.lines, line)
		case top != nil:
			top.lines = append(top.lines, line)
		default:
			c.top = append(c.top, line)
		}
	}
	return c
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

// canonicalHeader brings the header of a block into one form.
func canonicalHeader(line string) string { return strings.Join(strings.Fields(line), " ") }

// canonical brings a line into one form for all versions: what one prints and another hides or prints otherwise.
func canonical(line string) string {
	switch {
	case strings.HasPrefix(line, "neighbor "):
		// 8.4 prints the default number of hops, 10.3 does not.
		if strings.HasSuffix(line, " ebgp-multihop 255") {
			return strings.TrimSuffix(line, " 255")
		}
	case strings.HasPrefix(line, "set community "):
		// 8.4 prints 0:0 as the well-known community "internet", which 10.3 does not know.
		return strings.ReplaceAll(line, " internet", " 0:0")
	}
	return line
}
