package vtyshtest

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// place is a kind of block: the lines that it takes, and the headers of the blocks within. A line is a value of what its group holds.
type place struct {
	lines   []*regexp.Regexp
	headers *regexp.Regexp
}

func patterns(list ...string) []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, p := range list {
		out = append(out, regexp.MustCompile("^"+p+"$"))
	}
	return out
}

// places by the first word of the header; "" is the top.
var places = map[string]place{
	"": {
		patterns(`((?:ip|ipv6) prefix-list \S+ seq \d+) (?:permit|deny) \S+(?: [gl]e \d+)*`, `((?:ipv6 )?access-list \S+ seq \d+) .+`,
			`(bgp (?:as-path access-list|[a-z-]+-list (?:standard|expanded)) \S+ seq \d+) .+`, `(bgp route-map delay-timer) \d+`,
			`(ip route \S+ \S+)(?: .*)?`, `(hostname) \S+`, `(log (?:stdout|syslog|timestamp precision))(?: \S+)?`),
		regexp.MustCompile(`^(router bgp \d+( (vrf|view) \S+)?|route-map \S+ (permit|deny) \d+|bfd)$`),
	},
	"router": {
		patterns(`(neighbor \S+ (?:remote-as|interface|peer-group|description|password|local-as|port|update-source|ebgp-multihop|timers connect|timers|bfd profile|bfd`+
			`|graceful-restart|passive|shutdown|disable-connected-check))(?: .*)?`, `(timers bgp) .+`, `(coalesce-time) \d+`,
			`(bgp (?:router-id|default ipv4-unicast|ebgp-requires-policy|network import-check|graceful-restart restart-time|graceful-restart))(?: \S+)?`),
		regexp.MustCompile(`^address-family ipv[46] unicast$`),
	},
	"address-family": {
		patterns(`(network \S+/\d+)(?: route-map \S+)?`, `(neighbor \S+ (?:prefix-list|route-map)) \S+( (?:in|out))`, `(redistribute \S+)(?: .*)?`,
			`(neighbor \S+ (?:activate|next-hop-self|soft-reconfiguration|send-community|maximum-prefix|allowas-in|attribute-unchanged|addpath-tx-all-paths))(?: .*)?`),
		nil,
	},
	"route-map": {patterns(`(match \S+(?: address prefix-list)?) \S+`, `(set \S+) .+`, `(description) .+`, `(on-match) .+`, `(call) \S+`), nil},
	"bfd":       {nil, regexp.MustCompile(`^profile \S+$`)},
	"profile":   {patterns(`((?:detect-multiplier|receive-interval|transmit-interval|minimum-ttl|passive-mode|echo-mode))(?: \d+)?`), nil},
}

// onByItself are settings whose "no" is what a configuration shows.
var onByItself = []string{"bgp default ipv4-unicast", "bgp ebgp-requires-policy", "bgp network import-check"}

// bare is what a "no" takes without saying more.
var bare = regexp.MustCompile(`^(neighbor \S+|route-map \S+|(ip|ipv6) prefix-list \S+)$`)

func placeOf(at []string) place {
	if len(at) == 0 {
		return places[""]
	}
	return places[strings.Fields(at[len(at)-1])[0]]
}

func (p place) opens(line string) bool { return p.headers != nil && p.headers.MatchString(line) }

// key is what a line is a value of, empty when the place has no such line.
func (p place) key(line string) string {
	for _, r := range p.lines {
		if m := r.FindStringSubmatch(line); m != nil {
			return strings.Join(m[1:], "")
		}
	}
	return ""
}

// takes tells whether a daemon has a line in a place.
func (p place) takes(d vtysh.Daemon, at []string, line string) bool {
	rest, no := strings.CutPrefix(line, "no ")
	first, second, _ := strings.Cut(rest, " ")
	switch {
	case len(at) > 0:
	case first == "router", first == "bgp":
		if d != vtysh.BGPD {
			return false
		}
	case first == "bfd" && d != vtysh.BFDD, first == "route-map" && d != vtysh.BGPD && d != vtysh.Zebra,
		strings.HasPrefix(second, "route ") && d != vtysh.Staticd:
		return false
	}
	if p.opens(rest) || p.key(rest) != "" {
		return true
	}
	// "no" may leave the value out; a neighbor or a filter as a whole goes from its own place only.
	return no && (bare.MatchString(rest) && (p.key(rest+" remote-as 1") != "" || len(at) == 0) || p.key(rest+" 1") != "")
}

// northbound tells whether FRR commits a line, alone or with others.
func northbound(c change) bool {
	where := c.line
	if len(c.at) > 0 {
		where = c.at[0]
	}
	where = strings.TrimPrefix(where, "no ")
	return strings.HasPrefix(where, "route-map ") || strings.Contains(where, "prefix-list ") ||
		strings.HasPrefix(strings.TrimPrefix(where, "ipv6 "), "access-list ")
}

var prefixEntry = regexp.MustCompile(`^ip(?:v6)? prefix-list \S+ seq \d+ \S+ (\S+) ge (\d+)`)

// invalid tells what a commit finds wrong with a line that the grammar has.
func invalid(line string) string {
	m := prefixEntry.FindStringSubmatch(line)
	if m == nil {
		return ""
	}
	prefix, err := netip.ParsePrefix(m[1])
	if ge, _ := strconv.Atoi(m[2]); err != nil || ge < prefix.Bits() {
		return fmt.Sprintf("Invalid prefix range for %s: Make sure that mask length <= ge <= le", m[1])
	}
	return ""
}

// block is a block of the configuration, or the whole.
type block struct {
	header string
	lines  []setting
	blocks []*block
}

// setting is a line, and what it is a value of.
type setting struct{ key, line string }

func (b *block) enter(at []string) *block {
	for _, header := range at {
		i := slices.IndexFunc(b.blocks, func(in *block) bool { return in.header == header })
		if i < 0 {
			i = len(b.blocks)
			b.blocks = append(b.blocks, &block{header: header})
		}
		b = b.blocks[i]
	}
	return b
}

// apply runs a line that the grammar has, and returns why it can't be.
func (b *block) apply(c change) string {
	place, in := placeOf(c.at), b.enter(c.at)
	rest, no := strings.CutPrefix(c.line, "no ")
	key := place.key(rest)
	onBefore := slices.Contains(onByItself, rest)
	switch {
	case place.opens(c.line):
		if why := b.clash(c.line); why != "" {
			return why
		}
		b.enter(append(slices.Clone(c.at), c.line))
	case onBefore && no:
		in.set(setting{key, c.line})
	case onBefore:
		in.remove(func(l setting) bool { return l.key == key })
	case no:
		return in.take(rest, key)
	default:
		if why := b.unfit(c); why != "" {
			return why
		}
		in.set(setting{key, c.line})
	}
	return ""
}

// clash tells why an instance can't be entered: another AS number has its place.
func (b *block) clash(header string) string {
	words := strings.Fields(header)
	for _, in := range b.blocks {
		if its := strings.Fields(in.header); words[0] == "router" && its[0] == "router" && slices.Equal(its[3:], words[3:]) && its[2] != words[2] {
			return fmt.Sprintf("BGP is already running; AS is %s\n", its[2])
		}
	}
	return ""
}

// begin is what a neighbor may begin with.
var begin = []string{"remote-as", "interface", "peer-group"}

// unfit tells why bgpd refuses a line of a neighbor.
func (b *block) unfit(c change) string {
	words := strings.Fields(c.line)
	if words[0] != "neighbor" {
		return ""
	}
	known := func(l setting) bool {
		return slices.Contains(begin, strings.TrimPrefix(l.key, "neighbor "+words[1]+" "))
	}
	switch {
	case !slices.Contains(begin, words[2]) && !slices.ContainsFunc(b.enter(c.at[:1]).lines, known):
		return "% Specify remote-as or peer-group commands first\n"
	case words[2] == "local-as" && words[3] == strings.Fields(c.at[0])[2]:
		return "% Cannot have local-as same as BGP AS number\n"
	}
	return ""
}

func begins(line, words string) bool { return line == words || strings.HasPrefix(line, words+" ") }

// take takes back a line, a neighbor, or a block.
func (b *block) take(rest, key string) string {
	words := strings.Fields(rest)
	if words[0] == "neighbor" && (len(words) == 2 || words[2] == "remote-as") {
		whole := func(l setting) bool { return begins(l.line, "neighbor "+words[1]) }
		b.remove(whole)
		for _, in := range b.blocks {
			in.remove(whole)
		}
		return ""
	}
	router := words[0] == "router"
	b.blocks = slices.DeleteFunc(b.blocks, func(in *block) bool { return in.header == rest || !router && begins(in.header, rest) })
	n := len(b.lines)
	b.remove(func(l setting) bool { return begins(l.line, rest) || key != "" && l.key == key })
	if len(b.lines) == n && words[0] == "network" {
		return "% Can't find static route specified\n"
	}
	return ""
}

func (b *block) remove(which func(setting) bool) { b.lines = slices.DeleteFunc(b.lines, which) }

// set puts a line in the place of the one that it is another value of.
func (b *block) set(s setting) {
	if i := slices.IndexFunc(b.lines, func(l setting) bool { return l.key == s.key }); i >= 0 {
		b.lines[i] = s
		return
	}
	b.lines = append(b.lines, s)
}

// print is "show running-config".
func (b *block) print() string {
	var out strings.Builder
	b.write(&out, "")
	return out.String()
}

func (b *block) write(out *strings.Builder, indent string) {
	for _, l := range b.lines {
		out.WriteString(indent + l.line + "\n")
	}
	for _, in := range b.blocks {
		exit := "exit"
		if strings.HasPrefix(in.header, "address-family") {
			exit = "exit-address-family"
		}
		if exit == "exit" || len(in.lines) > 0 { // a family without lines is not shown
			out.WriteString(indent + in.header + "\n")
			in.write(out, indent+" ")
			out.WriteString(indent + exit + "\n")
		}
		if indent == "" {
			out.WriteString("!\n")
		}
	}
}
