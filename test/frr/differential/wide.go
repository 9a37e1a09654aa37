package differential

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// Wide generates configurations around neighbors that are there, with nearly every line that FRR's manual has for BGP, filters, BFD, static
// routes and interfaces, each of them seldom.
type Wide struct{}

// Name implements Generator.
func (Wide) Name() string { return "wide" }

// Whole implements Generator.
func (Wide) Whole() bool { return true }

// Chain implements Generator.
func (Wide) Chain(r *rand.Rand, version fabric.Version, n int) []string {
	var out []string
	seed, again := r.Uint64(), map[string]int{}
	for range n {
		t := &Text{seed: seed, again: again, version: version}
		t.wide()
		out = append(out, spelled(rand.New(rand.NewPCG(r.Uint64(), 1)), t.String()))
		if r.IntN(15) == 0 {
			seed, again = r.Uint64(), map[string]int{}
			continue
		}
		for range 1 + r.IntN(6) {
			again[t.names[r.IntN(len(t.names))]]++
		}
	}
	return out
}

// choice is one of several lines, or none.
type choice struct {
	// often is how probable it is in percent.
	often float64
	// lines may hold {n} for "neighbor X", and {map}, {list}, ... for a name of that kind; "10.3|" begins a line that 8.4 has not.
	lines []string
}

var poolNames = map[string][]string{
	"map": {"RM1", "RM2", "RM3", "RM4", "NET"}, "list": {"PL1", "PL2", "PL3"}, "list6": {"PL6", "PM6"}, "access": {"AC", "AD"}, "access6": {"AC6"},
	"community": {"CL", "CM"}, "expanded": {"CE"}, "large": {"LL"}, "ext": {"EL"}, "path": {"AP", "AQ"}, "profile": {"fast", "slow"},
	"value": {"1", "7", "20", "99"},
}

// choose writes what is chosen of a table.
func (t *Text) choose(key string, table []choice, neighbor string) {
	for i, c := range table {
		k := fmt.Sprint(key, " ", i)
		if !t.yes(k, c.often/100) {
			continue
		}
		t.write(k, c.lines[t.number(k+" which", 0, len(c.lines)-1)], neighbor)
	}
}

func (t *Text) write(key, line, neighbor string) {
	if rest, newer := strings.CutPrefix(line, "10.3|"); newer {
		if t.version == fabric.V84 {
			return
		}
		line = rest
	}
	line = strings.ReplaceAll(line, "{n}", "neighbor "+neighbor)
	for n := 0; strings.Contains(line, "{"); n++ {
		kind, _, _ := strings.Cut(line[strings.Index(line, "{")+1:], "}")
		line = strings.Replace(line, "{"+kind+"}", t.one(fmt.Sprint(key, " ", kind, n), poolNames[kind]...), 1)
	}
	for part := range strings.SplitSeq(line, "\n") {
		t.line("%s", part)
	}
}

func (t *Text) wide() {
	t.choose("global", globalChoices, "")
	t.choose("static", staticChoices, "")
	t.wideInterfaces()
	t.wideLists()
	t.wideMaps()
	t.wideBFD()
	as := t.pick("as", 0.07, "65010", "65000")
	t.wideInstance("router bgp "+as, "default")
	if t.yes("view", 0.35) {
		t.wideInstance("router bgp "+t.pick("view as", 0.2, "65030", as)+" view blue", "view")
	}
	if t.yes("vrf", 0.35) {
		t.wideInstance("router bgp "+t.pick("vrf as", 0.3, "65020", as)+" vrf red", "vrf")
	}
	if t.yes("green", 0.08) {
		t.wideInstance("router bgp 65020 vrf green", "green")
	}
}

var globalChoices = []choice{
	{60, []string{"bgp route-map delay-timer 0", "bgp route-map delay-timer 1", "bgp route-map delay-timer 1", "bgp route-map delay-timer 5"}},
	{20, []string{"ip nht resolve-via-default", "ipv6 nht resolve-via-default"}},
	{15, []string{"log syslog informational", "log syslog", "log syslog errors"}},
	{10, []string{"log timestamp precision 3", "log timestamp precision 6", "log record-priority", "log facility local3"}},
	{8, []string{"debug bgp updates in", "debug bgp keepalives", "debug bgp neighbor-events", "debug bgp nht", "debug bgp zebra", "debug bgp graceful-restart"}},
	{8, []string{"debug zebra events", "debug zebra rib", "debug bfd peer", "debug static route", "debug zebra nht", "debug route-map"}},
	{8, []string{"ip protocol bgp route-map {map}", "ip protocol static route-map {map}", "ipv6 protocol bgp route-map {map}"}},
	{5, []string{"ip nht bgp route-map {map}"}},
	{5, []string{"ip router-id 10.0.0.1", "ip router-id 10.7.7.7"}},
	{4, []string{"bgp graceful-shutdown"}},
	{4, []string{"10.3|bgp input-queue-limit 5000", "10.3|bgp output-queue-limit 5000"}},
	{4, []string{"frr defaults datacenter"}},
	{3, []string{"line vty\n exec-timeout 5 0\nexit"}},
	{3, []string{"nexthop-group NG\n nexthop 10.0.0.2\nexit", "nexthop-group NG\n nexthop 10.0.0.3\n nexthop 10.0.0.2\nexit"}},
}

var staticChoices = []choice{
	{20, []string{"ip route 172.16.0.0/24 10.0.0.2", "ip route 172.16.0.0/24 10.0.0.3 20", "ip route 172.16.0.0/24 10.0.0.2 tag 5", "ip route 172.16.0.0/24 10.0.0.2 tag 5 20"}},
	{15, []string{"ip route 172.16.0.0/24 10.0.0.4", "ip route 172.16.0.0/24 10.0.0.5 30"}},
	{15, []string{"ip route 172.16.1.0/24 Null0", "ip route 172.16.1.0/24 null0 200", "ip route 172.16.1.0/24 blackhole", "ip route 172.16.1.0/24 reject", "ip route 172.16.1.0/24 reject tag 4"}},
	{10, []string{"ip route 172.16.2.0/24 eth1", "ip route 172.16.2.0/24 10.0.0.2 eth0", "ip route 172.16.2.0/24 10.0.0.2 eth0 onlink"}},
	{10, []string{"ip route 172.17.3.9/16 10.0.0.2", "ip route 172.17.0.0 255.255.0.0 10.0.0.2", "ip route 172.17.0.0/16 10.0.0.2 250"}},
	{10, []string{"ipv6 route 2001:DB8:A::/48 2001:db8::2", "ipv6 route 2001:db8:a::1/48 Null0", "ipv6 route 2001:db8:a::/48 2001:db8::4 tag 9 40"}},
	{10, []string{"ip route 172.18.0.0/24 10.0.0.2 vrf red", "ip route 172.18.0.0/24 Null0 vrf red", "vrf red\n ip route 172.18.0.0/24 10.0.0.14 50\nexit-vrf"}},
	{5, []string{"ip route 172.19.0.0/24 10.0.0.14 nexthop-vrf red", "ip route 172.19.0.0/24 10.0.0.2 table 10"}},
	{5, []string{"vrf red\n ip protocol bgp route-map {map}\nexit-vrf", "vrf red\n ip nht resolve-via-default\nexit-vrf", "vrf green\n ip route 172.18.1.0/24 Null0\nexit-vrf"}},
}

func (t *Text) wideInterfaces() {
	for _, name := range []string{"eth0", spare, "nowhere0"} {
		if !t.yes("interface "+name, 0.2) {
			continue
		}
		t.open("interface %s", name)
		t.choose("interface "+name+" line", interfaceChoices, "")
		if name == spare {
			t.choose("spare", spareChoices, "")
		}
		t.close("exit")
	}
}

var interfaceChoices = []choice{
	{60, []string{"description uplink one", "description  uplink two", "description x"}},
	{15, []string{"bandwidth 1000", "bandwidth 2000"}},
	{10, []string{"no link-detect"}},
}

var spareChoices = []choice{
	{50, []string{"ip address 9.0.0.1/24", "ip address 9.0.1.1/24", "ip address 9.0.0.1/25 label spare"}},
	{20, []string{"ip address 9.0.2.1/24"}},
	{20, []string{"ipv6 address 2001:db8:9::1/64", "ipv6 address 2001:DB8:9::2/64"}},
	{10, []string{"shutdown"}},
	{10, []string{"no shutdown"}},
	{10, []string{"link-params\n  metric 5\n exit-link-params", "link-params\n  metric 7\n  admin-grp 0x10\n exit-link-params"}},
	{10, []string{"ipv6 nd ra-interval 10", "no ipv6 nd suppress-ra"}},
}

var prefixes = []string{
	"10.0.0.0/8 le 32", "192.0.2.0/24", "100.0.0.0/8 ge 24 le 28", "100.20.0.0/16 le 24", "100.21.3.7/16 le 30 ge 20", "0.0.0.0/0 le 31", "any", "198.51.100.0/24 ge 25", "100.22.0.0/24",
	"100.23.2.0/24", "0.0.0.0/0", "0.0.0.0/0 le 32", "100.24.0.0/16 ge 24",
}

func (t *Text) wideLists() {
	for _, name := range poolNames["list"] {
		if !t.yes("list "+name, 0.7) {
			continue
		}
		if t.yes(name+" described", 0.2) {
			t.line("ip prefix-list %s description %s", name, t.one(name+" description", "some words", "other words"))
		}
		used := map[string]bool{}
		plain := t.yes(name+" plain", 0.15)
		for i := range 5 {
			key := fmt.Sprint(name, " ", i)
			prefix := t.one(key+" prefix", prefixes...)
			action := t.one(key+" action", "permit", "permit", "deny")
			if !t.yes(key, 0.5) || used[prefix] || used["any"] && prefix == "0.0.0.0/0 le 32" || used["0.0.0.0/0 le 32"] && prefix == "any" {
				continue // 8.4 takes no prefix twice
			}
			used[prefix] = true
			if plain {
				t.line("ip prefix-list %s %s %s", name, action, prefix)
				continue
			}
			t.line("ip prefix-list %s seq %d %s %s", name, 5*(i+1)+t.number(key+" offset", 0, 1), action, prefix)
		}
	}
	t.choose("lists", listChoices, "")
}

var listChoices = []choice{
	{50, []string{"ipv6 prefix-list PL6 seq 5 permit 2001:db8::/32 le 128", "ipv6 prefix-list PL6 seq 5 permit 2001:DB8::/32 le 128 ge 48", "ipv6 prefix-list PL6 seq 10 permit any"}},
	{20, []string{"ipv6 prefix-list PL6 seq 20 deny any", "ipv6 prefix-list PM6 seq 20 deny any", "ipv6 prefix-list PM6 permit 2001:db8:20::/44 le 64"}},
	{30, []string{"access-list AC seq 5 permit 10.0.0.0/8", "access-list AC seq 5 permit any", "access-list AC seq 5 permit 100.20.3.0/16", "access-list AC permit 100.0.0.0/8 exact-match"}},
	{20, []string{"access-list AC seq 10 deny any", "access-list AC deny 192.168.0.0/16", "access-list AD permit any"}},
	{10, []string{"access-list 10 permit 10.0.0.0 0.0.255.255", "access-list 10 seq 5 permit host 10.0.0.1", "access-list 110 seq 5 permit ip any any", "access-list AC remark some words"}},
	{15, []string{"ipv6 access-list AC6 seq 5 permit 2001:db8::/32", "ipv6 access-list AC6 permit any"}},
	{40, []string{"bgp community-list standard CL seq 5 permit 65101:1", "bgp community-list standard CL seq 5 permit 65101:2 65101:1", "bgp community-list standard CL permit no-export", "bgp community-list standard CL seq 9 deny 65101:2"}},
	{15, []string{"bgp community-list standard CM seq 5 permit 65101:1", "bgp community-list standard CM permit 65101:2 no-export", "bgp community-list standard CM seq 5 permit local-AS"}},
	{10, []string{"bgp community-list 7 permit 65101:1", "bgp community-list 107 permit 6510.:."}},
	{20, []string{"bgp community-list expanded CE seq 5 permit 65101:.*", "bgp community-list expanded CE deny .*:2$"}},
	{25, []string{"bgp large-community-list standard LL seq 5 permit 65101:1:2", "bgp large-community-list standard LL permit 65101:1:3 65101:1:2", "bgp large-community-list expanded LL seq 5 permit 65101:.*"}},
	{15, []string{"bgp extcommunity-list standard EL seq 5 permit rt 65000:1", "bgp extcommunity-list standard EL permit soo 65000:2", "bgp extcommunity-list expanded EL seq 5 permit 65000"}},
	{30, []string{"bgp as-path access-list AP seq 5 permit ^65002$", "bgp as-path access-list AP permit .*", "bgp as-path access-list AP seq 10 deny _3000_", "bgp as-path access-list AP seq 5 deny _64512 3000_"}},
	{20, []string{"bgp as-path access-list AP seq 20 permit .*", "bgp as-path access-list AQ seq 5 permit ^$", "bgp as-path access-list AQ permit _3000$"}},
}

func (t *Text) wideMaps() {
	for _, name := range poolNames["map"] {
		if !t.yes("map "+name, 0.8) {
			continue
		}
		for i := range 4 {
			key := fmt.Sprint(name, " ", i)
			if i == 0 && t.yes(key+" off", 0.1) || i > 0 && !t.yes(key, 0.35) {
				continue
			}
			action := t.one(key+" action", "permit", "permit", "permit", "permit", "deny")
			t.open("route-map %s %s %d", name, action, 10*(i+1)+t.number(key+" offset", 0, 1))
			t.choose(key, mapChoices, "")
			if action == "permit" {
				t.maybe(key+" goto", 0.1, "on-match next", "on-match goto 60", "on-match goto 50", "continue 60")
			}
			if name == "RM1" {
				t.maybe(key+" call", 0.15, "call RM3", "call RM4")
			}
			t.close("exit")
		}
	}
}

var mapChoices = []choice{
	{12, []string{"description words here", "description  more   words", "description x"}},
	{30, []string{"match ip address prefix-list {list}", "match ip address {access}", "match ip address prefix-len 24", "match ipv6 address prefix-list {list6}", "match ipv6 address AC6"}},
	{10, []string{"match community {community}", "match community {community} exact-match", "match community {expanded}", "match large-community LL", "match extcommunity EL"}},
	{10, []string{"match as-path {path}", "match origin igp", "match origin incomplete", "match metric {value}", "match local-preference 100", "match tag {value}"}},
	{6, []string{"match ip next-hop prefix-list {list}", "match ip next-hop AC", "match ip next-hop address 10.0.0.2", "match ipv6 next-hop address 2001:db8::2", "match ip next-hop prefix-len 32"}},
	{6, []string{"match peer 10.0.0.2", "match peer local", "match peer 2001:db8::2", "match interface eth0", "match source-protocol static", "match ip route-source prefix-list {list}", "match probability 100"}},
	{25, []string{"set community 65000:2 65000:1", "set community 65000:1 additive", "set community no-export 65000:9", "set community none", "set community additive 65000:3", "set community local-AS"}},
	{15, []string{"set large-community 65000:1:1", "set large-community 65000:1:1 additive", "set large-community none", "set large-community 65000:1:1 65000:1:2"}},
	{8, []string{"set extcommunity rt 65000:5", "set extcommunity soo 65000:6", "set extcommunity bandwidth 100", "set extcommunity rt 10.0.0.1:7"}},
	{20, []string{"set local-preference 200", "set local-preference 50", "set local-preference +10"}},
	{20, []string{"set metric 5", "set metric +5", "set metric 77", "set metric -3"}},
	{8, []string{"set weight {value}", "set tag {value}", "set distance 30", "set metric-type type-1", "set label-index 5"}},
	{8, []string{"set origin incomplete", "set origin egp", "set origin igp"}},
	{12, []string{"set as-path prepend 65000 65000", "set as-path prepend last-as 2", "set as-path prepend 65000", "set as-path exclude 3000", "set as-path exclude 3000 64512"}},
	{6, []string{"set ip next-hop 10.0.0.77", "set ip next-hop peer-address", "set ip next-hop unchanged", "set ipv6 next-hop global 2001:DB8::77", "set ipv6 next-hop prefer-global", "set ipv6 next-hop peer-address"}},
	{6, []string{"set comm-list {community} delete", "set large-comm-list LL delete", "set comm-list CE delete"}},
	{5, []string{"set aggregator as 65000 10.0.0.9", "set atomic-aggregate", "set originator-id 10.0.0.9", "set src 10.0.0.1", "set table 10"}},
}

func (t *Text) wideBFD() {
	if !t.yes("bfd", 0.5) {
		return
	}
	t.open("bfd")
	for _, name := range poolNames["profile"] {
		if !t.yes("profile "+name, 0.7) {
			continue
		}
		t.open("profile %s", name)
		t.choose("profile "+name, profileChoices, "")
		t.close("exit")
	}
	if t.yes("bfd peer", 0.3) {
		t.open("peer %s", t.one("bfd peer name", "10.0.0.99", "10.0.0.99 local-address 10.0.0.1", "10.0.0.99 multihop local-address 10.0.0.1", "10.0.0.99 interface eth0", "10.0.0.99 vrf red", "2001:DB8::99 local-address 2001:db8::1"))
		t.choose("bfd peer line", bfdPeerChoices, "")
		t.close("exit")
	}
	t.close("exit")
}

var profileChoices = []choice{
	{50, []string{"detect-multiplier 5", "detect-multiplier 3", "detect-multiplier 10"}},
	{50, []string{"transmit-interval 100", "transmit-interval 300", "transmit-interval 1000"}},
	{50, []string{"receive-interval 100", "receive-interval 900"}},
	{20, []string{"passive-mode"}},
	{20, []string{"minimum-ttl 250", "minimum-ttl 254"}},
	{10, []string{"echo transmit-interval 100", "echo receive-interval 200", "echo receive-interval disabled"}},
	{10, []string{"echo-mode"}},
	{5, []string{"shutdown"}},
}

var bfdPeerChoices = []choice{
	{40, []string{"profile fast", "profile slow"}},
	{40, []string{"detect-multiplier 7"}},
	{40, []string{"transmit-interval 200", "receive-interval 200"}},
	{10, []string{"passive-mode", "shutdown"}},
}

// wideNeighbor is a neighbor of an instance.
type wideNeighbor struct {
	id, group string
	external  bool
}

func (t *Text) wideInstance(header, k string) {
	as, _, _ := strings.Cut(strings.TrimPrefix(header, "router bgp "), " ")
	t.open("%s", header)
	off := t.yes(k+" off", 0.4)
	if off {
		t.line("no bgp default ipv4-unicast")
	}
	t.choose(k+" instance", instanceChoices, "")
	if k == "default" {
		t.choose("default instance", []choice{
			{4, []string{"bgp confederation identifier 65500\nbgp confederation peers 65002", "bgp confederation identifier 65500\nbgp confederation peers 65003 65002", "bgp confederation identifier 65501"}},
			{5, []string{"no bgp fast-external-failover"}},
		}, "")
	}
	var groups, all []wideNeighbor
	if k == "default" {
		for _, g := range []string{"GX", "GI", "GN"} {
			if !t.yes(g, 0.35) {
				continue
			}
			n := wideNeighbor{id: g, external: g != "GI"}
			t.line("neighbor %s peer-group", g)
			switch g {
			case "GX":
				t.line("neighbor GX remote-as %s", t.pick("GX as", 0.2, "65009", "external"))
			case "GI":
				t.line("neighbor GI remote-as %s", t.pick("GI as", 0.5, as, "internal"))
			}
			t.choose(g+" line", neighborChoices, g)
			if n.external {
				t.choose(g+" external", externalChoices, g)
			}
			groups = append(groups, n)
		}
	}
	for _, s := range speakers {
		switch {
		case slices.Contains(viewSpeakers, s.Address) != (k == "view"), (s.VRF == vrf) != (k == "vrf" || k == "green"), strings.HasPrefix(s.Address, "10.9."):
			continue
		}
		if key := k + " " + s.Address; t.yes(key, 0.45) {
			all = append(all, t.neighbor(key, as, s, groups))
		}
	}
	if k == "default" {
		if t.yes("nobody", 0.2) {
			all = append(all, t.neighbor("nobody", as, speaker{Address: t.one("nobody name", "10.0.0.200", "2001:db8::200"), AS: 65200}, groups))
		}
		if t.yes("unnumbered", 0.15) {
			t.line("neighbor eth1 interface %sremote-as %s", t.pick("v6only", 0.3, "v6only ", ""), t.one("unnumbered as", "external", "internal", "65300"))
			all = append(all, wideNeighbor{id: "eth1"})
		}
		if t.yes("link-local", 0.1) {
			t.line("neighbor fe80::99 remote-as %s", t.one("link-local as", "external", "65301"))
			t.line("neighbor fe80::99 interface %s", t.pick("link-local interface", 0.3, "eth0", "eth1"))
			all = append(all, wideNeighbor{id: "fe80::99"})
		}
		if t.yes("range", 0.6) && slices.ContainsFunc(groups, func(n wideNeighbor) bool { return n.id == "GX" }) {
			t.line("bgp listen range %s peer-group GX", t.one("range prefix", "10.9.0.0/16", "10.9.0.0/16", "10.9.1.1/32", "10.9.1.0/24"))
		}
	}
	all = append(slices.Clone(groups), all...)
	t.wideFamily(k, "ipv4 unicast", all, groups, off)
	if t.yes(k+" v6", 0.5) {
		t.wideFamily(k, "ipv6 unicast", all, groups, true)
	}
	if t.yes(k+" multicast", 0.05) {
		t.wideFamily(k, "ipv4 multicast", all, groups, true)
	}
	if k == "default" && t.yes("evpn", 0.08) {
		t.open("address-family l2vpn evpn")
		for _, n := range all {
			if n.group == "" {
				t.maybe("evpn "+n.id, 0.4, "neighbor "+n.id+" activate")
			}
		}
		t.maybe("evpn vni", 0.4, "advertise-all-vni", "advertise ipv4 unicast")
		t.close("exit-address-family")
	}
	t.close("exit")
}

func (t *Text) neighbor(key, as string, s speaker, groups []wideNeighbor) wideNeighbor {
	n := wideNeighbor{id: s.Address, external: fmt.Sprint(s.AS) != as}
	if len(groups) > 0 && t.yes(key+" grouped", 0.3) {
		g := groups[t.number(key+" group", 0, len(groups)-1)]
		if g.external == n.external {
			n.group = g.id
		}
	}
	remote := fmt.Sprint(s.AS)
	if n.group != "GX" && n.group != "GI" {
		word := "external"
		if !n.external {
			word = "internal"
		}
		chosen := t.one(key+" as", remote, remote, remote, remote, word, word, "65099")
		n.external = n.external || chosen == "65099"
		t.line("neighbor %s remote-as %s", n.id, chosen)
	}
	if n.group != "" {
		t.line("neighbor %s peer-group %s", n.id, n.group)
	}
	if s.Password != "" && t.yes(key+" password", 0.95) {
		t.line("neighbor %s password %s", n.id, t.pick(key+" other password", 0.05, "another", s.Password))
	}
	t.choose(key+" line", neighborChoices, n.id)
	if slices.Contains(viewSpeakers, n.id) {
		t.line("neighbor %s timers connect 1", n.id) // it does not call by itself
	}
	if n.external && n.group == "" {
		t.choose(key+" external", externalChoices, n.id)
	}
	return n
}

var instanceChoices = []choice{
	{85, []string{"bgp router-id 10.0.0.1", "bgp router-id 10.0.0.1", "bgp router-id 10.0.0.1", "bgp router-id 10.0.0.1", "bgp router-id 10.0.0.11"}},
	{75, []string{"no bgp ebgp-requires-policy"}},
	{60, []string{"no bgp network import-check"}},
	{5, []string{"bgp default local-preference 150", "bgp default local-preference 100", "bgp default ipv6-unicast"}},
	{6, []string{"bgp bestpath as-path multipath-relax", "bgp bestpath as-path multipath-relax as-set", "bgp bestpath as-path multipath-relax no-as-set", "bgp bestpath as-path ignore"}},
	{5, []string{"bgp bestpath as-path confed"}},
	{6, []string{"bgp bestpath compare-routerid", "bgp bestpath med missing-as-worst", "bgp bestpath med confed missing-as-worst", "bgp bestpath med confed", "bgp bestpath peer-type multipath-relax", "bgp bestpath bandwidth ignore"}},
	{6, []string{"bgp always-compare-med", "bgp deterministic-med"}},
	{6, []string{"bgp log-neighbor-changes", "no bgp log-neighbor-changes"}},
	{8, []string{"bgp graceful-restart", "bgp graceful-restart-disable"}},
	{6, []string{"bgp graceful-restart restart-time 60", "bgp graceful-restart restart-time 120", "bgp graceful-restart stalepath-time 200", "bgp graceful-restart select-defer-time 100", "bgp graceful-restart rib-stale-time 100"}},
	{4, []string{"bgp graceful-restart preserve-fw-state", "bgp graceful-restart notification", "bgp long-lived-graceful-restart stale-time 100"}},
	{10, []string{"timers bgp 10 30", "timers bgp 60 180", "timers bgp 20 30", "timers bgp 3 9"}},
	{10, []string{"coalesce-time 100", "coalesce-time 200", "update-delay 5", "read-quanta 5", "write-quanta 32"}},
	{3, []string{"bgp cluster-id 10.0.0.99", "bgp cluster-id 98"}},
	{5, []string{"bgp listen limit 200", "bgp listen limit 100", "bgp listen limit 50"}},
	{4, []string{"bgp minimum-holdtime 9", "bgp disable-ebgp-connected-route-check", "bgp conditional-advertisement timer 10", "10.3|bgp tcp-keepalive 10 5 3"}},
	{4, []string{"no bgp client-to-client reflection", "bgp route-reflector allow-outbound-policy", "bgp reject-as-sets", "no bgp suppress-duplicates", "bgp suppress-fib-pending"}},
	{4, []string{"bgp max-med administrative", "bgp max-med administrative 50"}},
	{4, []string{"bgp conditional-advertisement timer 20", "bgp conditional-advertisement timer 30"}}, // max-med on-startup is of the start alone
	{3, []string{"bgp dampening 10 500 1500 30"}},
	{3, []string{"bgp default show-hostname", "bgp default show-nexthop-hostname", "bgp default subgroup-pkt-queue-max 30", "10.3|bgp default software-version-capability"}},
	{3, []string{"bgp fast-convergence", "10.3|bgp hard-administrative-reset", "10.3|no bgp hard-administrative-reset", "bgp graceful-shutdown"}},
	{2, []string{"bgp shutdown", "bgp shutdown message closed for today"}},
}

var neighborChoices = []choice{
	{20, []string{"{n} description one", "{n} description the other one", "{n} description a  b"}},
	{15, []string{"{n} timers 10 30", "{n} timers 3 9", "{n} timers 30 60", "{n} timers 60 180", "{n} timers 20 30"}},
	{15, []string{"{n} timers connect 1", "{n} timers connect 10", "{n} timers connect 120"}},
	{6, []string{"{n} bfd", "{n} bfd profile {profile}", "{n} bfd check-control-plane-failure", "{n} bfd 4 200 200"}},
	{3, []string{"{n} shutdown", "{n} shutdown message later"}},
	{4, []string{"{n} passive"}},
	{4, []string{"{n} advertisement-interval 1", "{n} advertisement-interval 2", "{n} timers delayopen 2"}},
	{4, []string{"{n} capability extended-nexthop", "{n} capability dynamic", "{n} override-capability", "{n} dont-capability-negotiate"}},
	{5, []string{"{n} graceful-restart", "{n} graceful-restart-helper", "{n} graceful-restart-disable"}},
	{3, []string{"{n} solo", "{n} sender-as-path-loop-detection", "{n} tcp-mss 1200", "10.3|{n} graceful-shutdown", "10.3|{n} capability software-version", "10.3|{n} enforce-first-as", "10.3|no {n} enforce-first-as"}},
}

var externalChoices = []choice{
	{15, []string{"{n} ebgp-multihop", "{n} ebgp-multihop 5", "{n} ebgp-multihop 255", "{n} ebgp-multihop 2"}},
	{4, []string{"{n} disable-connected-check"}},
	{5, []string{"{n} local-as 65100", "{n} local-as 65100 no-prepend", "{n} local-as 65100 no-prepend replace-as", "{n} local-as 65101"}},
}

func (t *Text) wideFamily(k, name string, all, groups []wideNeighbor, off bool) {
	key := k + " " + name
	four := strings.HasPrefix(name, "ipv4")
	t.open("address-family %s", name)
	for i := range 4 {
		p := []string{fmt.Sprintf("192.0.2.%d/32", i), fmt.Sprintf("192.0.2.%d/32", i), fmt.Sprintf("198.51.10%d.9/24", i)}[t.number(fmt.Sprint(key, " kind ", i), 0, 2)]
		if !four {
			p = fmt.Sprintf("2001:DB8:5%d::/48", i)
		}
		t.choose(fmt.Sprint(key, " network ", i), []choice{{40, []string{"network " + p, "network " + p, "network " + p + " route-map NET", "network " + p + " route-map {map}"}}}, "")
	}
	if name != "ipv4 multicast" {
		if four {
			t.choose(key+" own", fourChoices, "")
		}
		t.choose(key+" both", familyChoices, "")
	}
	for _, n := range all {
		nk := key + " " + n.id
		member := n.group != ""
		switch {
		case member:
			t.maybe(nk+" activate", 0.06, "no neighbor "+n.id+" activate", "neighbor "+n.id+" activate")
		case off:
			t.maybe(nk+" activate", 0.85, "neighbor "+n.id+" activate")
		default:
			t.maybe(nk+" activate", 0.15, "no neighbor "+n.id+" activate", "neighbor "+n.id+" activate")
		}
		t.choose(nk+" in", inChoices, n.id)
		if !member {
			t.choose(nk+" out", outChoices, n.id)
			if n.external {
				t.choose(nk+" external", privateChoices, n.id)
			} else if n.id == "10.0.0.4" || n.id == "10.0.0.7" || n.id == "GI" {
				t.choose(nk+" internal", reflectorChoices, n.id)
			}
		}
		if four {
			t.choose(nk+" lists", bindingChoices, n.id)
		} else {
			t.choose(nk+" lists6", bindingChoices6, n.id)
		}
	}
	t.close("exit-address-family")
}

var fourChoices = []choice{
	{12, []string{"aggregate-address 192.0.2.0/24 summary-only", "aggregate-address 192.0.2.0/24", "aggregate-address 192.0.2.0/24 as-set", "aggregate-address 192.0.2.7/24 summary-only as-set", "aggregate-address 192.0.2.0/24 route-map NET"}},
	{5, []string{"aggregate-address 100.20.0.0/16 origin egp", "aggregate-address 100.0.0.0/8 matching-MED-only", "aggregate-address 100.20.0.0 255.255.0.0 summary-only", "aggregate-address 100.0.0.0/8 suppress-map {map}"}},
	{4, []string{"network 198.51.200.0/24 backdoor", "network 198.51.100.0 mask 255.255.255.0", "distance 30 10.0.0.0/8", "network 20.0.0.0"}},
}

var familyChoices = []choice{
	{8, []string{"redistribute connected", "redistribute connected route-map {map}", "redistribute connected route-map {map} metric 5", "redistribute connected metric 5"}},
	{10, []string{"redistribute static", "redistribute static route-map {map}", "redistribute static metric 7", "redistribute kernel"}},
	{8, []string{"maximum-paths 4", "maximum-paths 8", "maximum-paths 1"}},
	{4, []string{"maximum-paths ibgp 4", "maximum-paths ibgp 4 equal-cluster-length"}},
	{4, []string{"distance bgp 20 200 200", "distance bgp 25 200 200"}},
	{3, []string{"table-map {map}", "bgp dampening 10 500 1500 30", "10.3|bgp dampening", "10.3|bgp dampening 10"}}, // 8.4 has one for all instances
	{2, []string{"import vrf red", "import vrf route-map {map}"}},
}

var inChoices = []choice{
	{30, []string{"{n} route-map {map} in"}},
	{4, []string{"{n} filter-list {path} in"}},
	{6, []string{"{n} soft-reconfiguration inbound"}},
	{6, []string{"{n} allowas-in", "{n} allowas-in 3", "{n} allowas-in 5", "{n} allowas-in origin"}},
	{5, []string{"{n} weight 10", "{n} weight 20"}},
	{6, []string{"{n} maximum-prefix 100", "{n} maximum-prefix 100 75", "{n} maximum-prefix 100 80 warning-only", "{n} maximum-prefix 200 restart 5", "{n} maximum-prefix 100 force", "{n} maximum-prefix 150 60"}},
}

var privateChoices = []choice{
	{5, []string{"{n} remove-private-AS", "{n} remove-private-AS all", "{n} remove-private-AS replace-AS", "{n} remove-private-AS all replace-AS", "{n} as-override"}},
}

var reflectorChoices = []choice{{15, []string{"{n} route-reflector-client"}}}

var bindingChoices = []choice{
	{6, []string{"{n} prefix-list {list} in", "{n} distribute-list {access} in"}},
	{6, []string{"{n} prefix-list {list} out", "{n} distribute-list {access} out"}},
}

var bindingChoices6 = []choice{{5, []string{"{n} prefix-list {list6} in", "{n} prefix-list {list6} out"}}}

var outChoices = []choice{
	{30, []string{"{n} route-map {map} out"}},
	{4, []string{"{n} filter-list {path} out"}},
	{8, []string{"{n} next-hop-self", "{n} next-hop-self force"}},
	{8, []string{"no {n} send-community", "no {n} send-community all", "{n} send-community both", "no {n} send-community large", "{n} send-community extended", "no {n} send-community extended", "{n} send-community"}},
	{5, []string{"{n} default-originate", "{n} default-originate route-map {map}"}},
	{4, []string{"{n} addpath-tx-all-paths", "{n} addpath-tx-bestpath-per-AS", "{n} disable-addpath-rx", "10.3|{n} addpath-tx-best-selected 2"}},
	{4, []string{"{n} attribute-unchanged next-hop", "{n} attribute-unchanged as-path next-hop", "{n} attribute-unchanged", "{n} attribute-unchanged med next-hop"}},
	{3, []string{"{n} route-server-client", "{n} unsuppress-map {map}", "{n} maximum-prefix-out 10", "{n} soo 65000:7", "{n} capability orf prefix-list both", "{n} capability orf prefix-list send"}},
	{2, []string{"{n} advertise-map {map} exist-map {map}", "{n} advertise-map {map} non-exist-map {map}"}},
}

// spelled writes a configuration as another person would: it means the same.
func spelled(r *rand.Rand, text string) string {
	var b strings.Builder
	tabs, bare, terse := r.IntN(10) == 0, r.IntN(8) == 0, r.IntN(6) == 0
	for line := range strings.Lines(text) {
		l := strings.TrimRight(line, "\n")
		trimmed := strings.TrimLeft(l, " ")
		indent := l[:len(l)-len(trimmed)]
		switch {
		case tabs:
			indent = strings.ReplaceAll(indent, " ", "\t")
		case bare:
			indent = ""
		}
		switch {
		case terse && trimmed == "address-family ipv4 unicast":
			trimmed = "address-family ipv4"
		case terse && trimmed == "exit" && indent == "":
			trimmed = "!"
		case r.IntN(150) == 0:
			b.WriteString("! a remark\n")
		}
		b.WriteString(indent + trimmed + "\n")
	}
	return b.String()
}
