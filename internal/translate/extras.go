package translate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/frr-renderer/frr-renderer/internal/frrconf"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// extras reads the bgpextras ConfigMap: lines of FRR's syntax that an administrator adds to every node. They may add to the neighbors'
// inbound route-maps and to blocks that are not ours; they may not redefine or negate a line of ours, or end one of our blocks. What can't
// be taken is refused as a whole, since its lines may belong together; the last good text stays.
func (t *translation) extras(instances []frrconf.Instance, maps []frrconf.RouteMap) frrconf.Extras {
	e := t.snap.Extras
	if e.Name == "" || strings.TrimSpace(e.Text) == "" {
		return frrconf.Extras{}
	}
	object := problem.Object{Kind: "ConfigMap", Namespace: t.snap.Namespace, Name: e.Name}
	own := newOwnLines(instances, maps)
	lines, found := own.check(e.Text)
	if !found.refused() && e.Refused != "" {
		found.refuse("data[extras]", problem.ExtrasRefused, "FRR's parser refuses it: "+e.Refused)
	}
	if said := t.lastGood.refused.extras[e.Text]; said != nil && !found.refused() {
		found = append(found, *said)
	}
	if !found.refused() {
		t.next.extras = e.Text
		return frrconf.NewExtras(lines)
	}
	if t.lastGood.extras != "" && t.lastGood.extras != e.Text && t.lastGood.refused.extras[t.lastGood.extras] == nil {
		if lines, against := own.check(t.lastGood.extras); !against.refused() {
			t.report(object, found, keptGood)
			t.next.extras = t.lastGood.extras
			return frrconf.NewExtras(lines)
		}
	}
	t.report(object, found, leftOut)
	return frrconf.Extras{}
}

// ownLines is what extras must not touch.
type ownLines struct {
	inbound   map[string]bool // our inbound maps, which extras may add entries to
	instances map[string]uint32
	profiles  map[string]bool // BFD profiles of our neighbors
	settings  map[string]bool // "VRF\nneighbor X word": what our neighbors and instances set
}

func newOwnLines(instances []frrconf.Instance, maps []frrconf.RouteMap) ownLines {
	own := ownLines{inbound: map[string]bool{}, instances: map[string]uint32{}, profiles: map[string]bool{}, settings: map[string]bool{}}
	for _, in := range instances {
		vrf := in.VRF.String()
		if !in.View.IsZero() {
			vrf = "view " + in.View.String()
		}
		own.instances[vrf] = in.ASN
		for _, n := range in.Neighbors {
			own.inbound[n.In.String()] = true
			own.profiles[n.BFDProfile.String()] = true
			own.settings[vrf+"\n"+n.Peer.String()] = true
			own.settings[vrf+"\n"+n.Peer.String()+"\nttl-security"] = n.TTLSecurityHops > 0
		}
		for _, networks := range [][]frrconf.Network{in.IPv4.Networks, in.IPv6.Networks} {
			for _, n := range networks {
				own.settings[vrf+"\nnetwork "+n.Prefix.String()] = true
			}
		}
	}
	return own
}

// reserved are names that our own route-maps have, or may have tomorrow.
var reserved = regexp.MustCompile(`^(class-[0-9a-f]{8}|out-[0-9a-f]{8}|out-all|gdc-(deny|from-nodes|to-routers|own-[012]|to-[0-9.]+))$`)

// maxExtras is the most text that is taken, in bytes: a ConfigMap holds up to 1 MiB, a configuration by hand has far less.
const maxExtras = 256 << 10

// maxExtrasLine is below the length at which a daemon drops a line without a word (reference: 4096 less a chunk).
const maxExtrasLine = 3000

// extrasBlock is the block that the lines of extras stand in.
type extrasBlock struct {
	kind string // "", "route-map", "router", "bfd", "other"
	vrf  string
	// inner tells that a block within it is open, such as an address family: "exit" leaves that first.
	inner bool
}

// check reads extras line by line.
func (own ownLines) check(text string) ([]string, issues) {
	var found issues
	if len(text) > maxExtras {
		found.refuse("data[extras]", problem.TooLarge, fmt.Sprintf("%d bytes; %d at most", len(text), maxExtras))
		return nil, found
	}
	var lines []string
	var block extrasBlock
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, " \t\r")
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "!") || strings.HasPrefix(words[0], "#") {
			continue
		}
		if why := own.line(&block, line, words); why != "" {
			found.refuse("data[extras]", problem.ExtrasTrespass, fmt.Sprintf("line %d: %s", i+1, why))
			continue
		}
		lines = append(lines, line)
	}
	return lines, found
}

// line checks one line and follows it into the block that it opens; it returns what is wrong.
func (own ownLines) line(block *extrasBlock, line string, words []string) string {
	if len(line) > maxExtrasLine {
		return fmt.Sprintf("it has %d characters; %d at most", len(line), maxExtrasLine)
	}
	for _, r := range line {
		if unicode.IsControl(r) && r != '\t' || r == unicode.ReplacementChar {
			return "it holds a control character"
		}
	}
	switch words[0] {
	case "exit", "quit":
		if block.inner {
			block.inner = false
		} else {
			*block = extrasBlock{}
		}
		return ""
	case "end", "exit-vrf":
		*block = extrasBlock{}
		return ""
	case "exit-address-family":
		block.inner = false
		return ""
	case "do", "write", "copy", "clear", "configure", "terminal", "XFRR_start_configuration", "XFRR_end_configuration", "hostname", "service", "frr":
		return fmt.Sprintf("%q is not a line of configuration that extras may add", words[0])
	}
	if opened, why := own.opens(words); opened != nil || why != "" {
		if opened != nil {
			*block = *opened
		}
		return why
	}
	// A line that the block has not is tried by FRR at the top, so what must not stand there must not stand anywhere.
	if why := own.global(words, block.kind == "router"); why != "" {
		return why
	}
	switch block.kind {
	case "router":
		block.inner = block.inner || words[0] == "address-family"
		return own.inRouter(block.vrf, words)
	case "bfd":
		name := strings.TrimPrefix(strings.Join(words, " "), "no ")
		if rest, ok := strings.CutPrefix(name, "profile "); ok {
			block.inner = words[0] != "no"
			if own.profiles[rest] {
				return fmt.Sprintf("BFD profile %s is that of a BFDProfile; edit the object", rest)
			}
		}
	}
	return ""
}

// opens recognizes the lines that open a block.
func (own ownLines) opens(words []string) (*extrasBlock, string) {
	switch {
	case words[0] == "route-map" && len(words) >= 2:
		name := words[1]
		if reserved.MatchString(name) {
			return nil, fmt.Sprintf("route-map %s is ours; add to an inbound map (ADDRESS-in) or use another name", name)
		}
		if own.inbound[name] && len(words) >= 4 && words[3] == fmt.Sprint(defaultEntry) {
			return nil, fmt.Sprintf("entry %d of route-map %s is ours, which denies what no entry permits; use a lower number", defaultEntry, name)
		}
		return &extrasBlock{kind: "route-map"}, ""
	case words[0] == "router" && len(words) >= 3 && words[1] == "bgp":
		vrf := ""
		switch {
		case len(words) >= 5 && words[3] == "vrf":
			vrf = words[4]
		case len(words) >= 5:
			vrf = words[3] + " " + words[4] // a view
		}
		if asn, ours := own.instances[vrf]; ours && words[2] != fmt.Sprint(asn) {
			return nil, fmt.Sprintf("the AS number of this instance is %d", asn)
		}
		return &extrasBlock{kind: "router", vrf: vrf}, ""
	case words[0] == "bfd":
		return &extrasBlock{kind: "bfd"}, ""
	case words[0] == "interface", words[0] == "vrf", words[0] == "router", words[0] == "key", words[0] == "line":
		return &extrasBlock{kind: "other"}, ""
	}
	return nil, ""
}

// inRouter checks a line of an instance of ours: it may set what we leave unset, for instance "neighbor X soft-reconfiguration inbound".
func (own ownLines) inRouter(vrf string, words []string) string {
	if _, ours := own.instances[vrf]; !ours {
		return ""
	}
	if strings.HasPrefix(vrf, "view ") {
		return "the view of a floating IP is the product's alone"
	}
	if words[0] == "no" {
		return "it negates a line of an instance of ours"
	}
	switch {
	case words[0] == "bgp" && len(words) > 1 && (words[1] == "router-id" || words[1] == "default" || words[1] == "shutdown" || words[1] == "ebgp-requires-policy"):
		return fmt.Sprintf("%q is set by the product; use the fields of the objects", strings.Join(words[:2], " "))
	case words[0] == "coalesce-time":
		return "coalesce-time is set by the product"
	case words[0] == "network" && len(words) > 1 && own.settings[vrf+"\nnetwork "+words[1]]:
		return fmt.Sprintf("network %s is announced for a Service", words[1])
	case words[0] == "neighbor" && len(words) > 2 && own.settings[vrf+"\n"+words[1]]:
		if !addable[words[2]] || own.settings[vrf+"\n"+words[1]+"\n"+words[2]] {
			return fmt.Sprintf("\"neighbor %s %s\" belongs to a BGPPeer; use its fields and annotations", words[1], words[2])
		}
	}
	return ""
}

// addable are the settings of our neighbors that no field of a BGPPeer governs; ttl-security is its annotation's where it has one.
var addable = map[string]bool{
	"soft-reconfiguration": true, "allowas-in": true, "maximum-prefix": true, "maximum-prefix-out": true, "weight": true,
	"prefix-list": true, "filter-list": true, "advertisement-interval": true, "addpath-tx-all-paths": true, "disable-addpath-rx": true,
	"ttl-security": true, "capability": true, "dont-capability-negotiate": true, "as-override": true, "remove-private-AS": true,
	"next-hop-self": true, "send-community": true, "enforce-first-as": true, "passive": true, "default-originate": true,
}

// global checks what is in force for all of FRR, wherever the line stands. Lines that begin with "no bgp" are a router block's own there.
func (own ownLines) global(words []string, inRouter bool) string {
	if words[0] == "no" {
		if len(words) > 2 && words[1] == "route-map" && (own.inbound[words[2]] || reserved.MatchString(words[2])) ||
			len(words) > 1 && (words[1] == "router" || words[1] == "bfd" || words[1] == "bgp" && !inRouter) {
			return "it negates lines of ours"
		}
		words = words[1:]
	}
	if len(words) > 2 && words[0] == "bgp" && words[1] == "large-community-list" && slices.Contains(words, gdcServices.String()) {
		return fmt.Sprintf("large-community-list %s is ours; use another name", gdcServices)
	}
	if len(words) > 2 && words[0] == "bgp" && words[1] == "route-map" && words[2] == "delay-timer" {
		return "\"bgp route-map delay-timer\" is set by the product"
	}
	return ""
}
