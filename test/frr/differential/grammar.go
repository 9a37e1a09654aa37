package differential

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// Text is a configuration that is made of choices: each has a name, and what was chosen follows from the seed, the name and how often that
// choice was made anew. So two configurations differ in just the choices that a mutation makes anew.
type Text struct {
	seed    uint64
	again   map[string]int
	version fabric.Version
	names   []string
	b       strings.Builder
	// indent of the block that is being written.
	indent string
}

// Generate makes the configuration of a seed, as an engineer might have it, for a version of FRR.
func Generate(seed uint64, v fabric.Version) *Text { return generate(seed, v, nil) }

func generate(seed uint64, v fabric.Version, again map[string]int) *Text {
	t := &Text{seed: seed, again: again, version: v}
	t.globals()
	t.lists()
	t.routeMaps()
	t.bfd()
	t.instance("router bgp "+t.pick("as", 0.1, "65010", "65000"), "default")
	if t.yes("view", 0.25) {
		t.instance("router bgp 65000 view blue", "view")
	}
	if t.yes("vrf", 0.2) {
		t.instance("router bgp "+t.pick("vrf as", 0.3, "65021", "65020")+" vrf red", "vrf")
	}
	return t
}

// Mutate makes 1 to 6 of the choices anew.
func (t *Text) Mutate(seed uint64) *Text {
	r := rand.New(rand.NewPCG(seed, 7))
	again := map[string]int{}
	for k, v := range t.again {
		again[k] = v
	}
	for range 1 + r.IntN(6) {
		again[t.names[r.IntN(len(t.names))]]++
	}
	return generate(t.seed, t.version, again)
}

// String is the frr.conf.
func (t *Text) String() string { return t.b.String() }

func (t *Text) rng(name string) *rand.Rand {
	t.names = append(t.names, name)
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %d", t.seed, name, t.again[name])
	return rand.New(rand.NewPCG(h.Sum64(), t.seed))
}

// yes is true with probability p.
func (t *Text) yes(name string, p float64) bool { return t.rng(name).Float64() < p }

// pick is seldom with probability p, otherwise usual.
func (t *Text) pick(name string, p float64, seldom, usual string) string {
	if t.yes(name, p) {
		return seldom
	}
	return usual
}

// one chooses one of several.
func (t *Text) one(name string, of ...string) string { return of[t.rng(name).IntN(len(of))] }

func (t *Text) number(name string, from, to int) int { return from + t.rng(name).IntN(to-from+1) }

func (t *Text) line(format string, args ...any) {
	t.b.WriteString(t.indent)
	fmt.Fprintf(&t.b, format, args...)
	t.b.WriteByte('\n')
}

// maybe writes one of the lines with probability p.
func (t *Text) maybe(name string, p float64, lines ...string) {
	r := t.rng(name)
	if r.Float64() < p {
		t.line("%s", lines[r.IntN(len(lines))])
	}
}

func (t *Text) open(format string, args ...any) {
	t.line(format, args...)
	t.indent += " "
}

func (t *Text) close(word string) {
	t.indent = t.indent[1:]
	t.line("%s", word)
}

func (t *Text) globals() {
	t.maybe("nht", 0.4, "ip nht resolve-via-default")
	t.maybe("nht6", 0.2, "ipv6 nht resolve-via-default")
	t.maybe("log", 0.4, "log syslog informational", "log syslog", "log syslog debugging")
	t.maybe("log timestamp", 0.2, "log timestamp precision 3", "log timestamp precision 6")
	t.maybe("debug", 0.2, "debug bgp updates in", "debug bgp keepalives", "debug bfd peer")
	t.maybe("debug zebra", 0.15, "debug zebra events", "debug zebra rib")
	for i := range 4 {
		name := fmt.Sprint("route ", i)
		p := fmt.Sprintf("172.16.%d.0/24", i)
		if i == 0 {
			// A route with two next hops can't be a blackhole.
			t.maybe(name, 0.4, "ip route "+p+" 10.0.0.2", "ip route "+p+" 10.0.0.3 20")
			t.maybe("second next hop", 0.4, "ip route "+p+" 10.0.0.7", "ip route "+p+" 10.0.0.8 30")
			continue
		}
		if i == 3 {
			p = "172.17.3.9/16" // host bits
		}
		t.maybe(name, 0.4, "ip route "+p+" 10.0.0.2", "ip route "+p+" 10.0.0.3", "ip route "+p+" 10.0.0.2 20", "ip route "+p+" Null0",
			"ip route "+p+" blackhole", "ip route "+p+" 10.0.0.2 tag 5", "ip route "+p+" null0 200", "ip route "+p+" 10.0.0.2 eth1")
	}
	t.maybe("route6", 0.3, "ipv6 route 2001:DB8:1::/48 2001:db8::2", "ipv6 route 2001:db8:1::1/48 Null0", "ipv6 route 2001:db8:1::/48 2001:db8::3 tag 9")
	t.maybe("route of red", 0.2, "ip route 172.18.0.0/24 10.0.0.2 vrf red", "ip route 172.18.0.0/24 Null0 vrf red")
	t.maybe("delay timer", 0.5, "bgp route-map delay-timer 0", "bgp route-map delay-timer 1", "bgp route-map delay-timer 5")
	if t.yes("interface", 0.3) {
		t.open("interface dum%d", t.number("interface name", 0, 1))
		t.maybe("interface description", 0.8, "description one", "description the second")
		t.maybe("interface bandwidth", 0.3, "bandwidth 1000", "bandwidth 2000")
		t.maybe("interface detect", 0.2, "no link-detect")
		t.close("exit")
	}
	if t.yes("vrf block", 0.2) {
		t.open("vrf red")
		t.maybe("vrf block route", 0.7, "ip route 172.19.0.0/24 10.0.0.3", "ip route 172.19.0.0/24 10.0.0.3 50")
		t.close("exit-vrf")
	}
}

var listNames = []string{"PL1", "PL2", "PL3"}

func (t *Text) lists() {
	for _, name := range listNames {
		if !t.yes("list "+name, 0.7) {
			continue
		}
		used := map[string]bool{"any": true}
		t.maybe("description "+name, 0.2, "ip prefix-list "+name+" description some words", "ip prefix-list "+name+" description others")
		for i := range 4 {
			key := fmt.Sprint(name, " ", i)
			if !t.yes(key, 0.6) {
				continue
			}
			action := t.one(key+" action", "permit", "permit", "deny")
			prefix := t.one(key+" prefix", "10.0.0.0/8 le 32", "192.0.2.0/24", "198.51.100.0/24 ge 25 le 30", "198.51.100.7/24 le 30 ge 26", "0.0.0.0/0 le 31", "203.0.113.0/24 le 32")
			if used[prefix] {
				continue // 8.4 does not take a prefix twice
			}
			used[prefix] = true
			t.line("ip prefix-list %s seq %d %s %s", name, 5*(i+1), action, prefix)
		}
		t.line("ip prefix-list %s seq 1000 deny any", name)
	}
	if t.yes("list6", 0.5) {
		t.maybe("list6 1", 0.8, "ipv6 prefix-list PL6 seq 5 permit 2001:db8::/32 le 128", "ipv6 prefix-list PL6 seq 5 permit 2001:DB8::/32 le 128 ge 48", "ipv6 prefix-list PL6 seq 10 permit any")
		t.line("ipv6 prefix-list PL6 seq 100 deny any")
	}
	if t.yes("access", 0.4) {
		t.line("access-list AC seq 5 permit %s", t.one("access prefix", "10.0.0.0/8", "any", "10.1.2.3/16"))
		t.maybe("access second", 0.5, "access-list AC seq 10 deny 192.168.0.0/16", "access-list AC seq 15 deny any")
	}
	t.maybe("community list", 0.5, "bgp community-list standard CL seq 5 permit 65000:1", "bgp community-list standard CL seq 5 permit 65000:1 65000:2",
		"bgp community-list standard CL seq 5 permit no-export", "bgp community-list standard CL seq 10 permit 65000:7")
	t.maybe("community expanded", 0.3, "bgp community-list expanded CE seq 5 permit 65000:.*", "bgp community-list expanded CE seq 5 deny 65001:.*")
	t.maybe("large list", 0.4, "bgp large-community-list standard LL seq 5 permit 65000:1:2", "bgp large-community-list standard LL seq 5 permit 65000:1:3")
	t.maybe("ext list", 0.2, "bgp extcommunity-list standard EL seq 5 permit rt 65000:1", "bgp extcommunity-list standard EL seq 5 permit rt 65000:2")
	t.maybe("as path", 0.4, "bgp as-path access-list AP seq 5 permit ^65002$", "bgp as-path access-list AP seq 5 permit .*", "bgp as-path access-list AP seq 10 deny _65003_")
}

var mapNames = []string{"RM1", "RM2", "RM3", "NET"}

func (t *Text) routeMaps() {
	for _, name := range mapNames {
		if !t.yes("map "+name, 0.8) {
			continue
		}
		n := 0
		for i := range 3 {
			key := fmt.Sprint(name, " ", i)
			if i > 0 && !t.yes(key, 0.5) {
				continue
			}
			n++
			action := t.one(key+" action", "permit", "permit", "permit", "deny")
			t.open("route-map %s %s %d", name, action, 10*(i+1))
			t.maybe(key+" description", 0.2, "description words here", "description more")
			t.maybe(key+" match", 0.5, "match ip address prefix-list PL1", "match ip address prefix-list PL2", "match ip address AC", "match community CL",
				"match as-path AP", "match large-community LL", "match tag 7", "match ipv6 address prefix-list PL6", "match local-preference 100")
			t.maybe(key+" match metric", 0.15, "match metric 10", "match metric 20", "match origin igp", "match peer 10.0.0.2")
			t.maybe(key+" next-hop", 0.1, "match ip next-hop prefix-list PL3", "match ip next-hop AC")
			t.maybe(key+" community", 0.4, "set community 65000:2 65000:1", "set community 65000:1 additive", "set community no-export 65000:9", "set community none", "set community 65000:3")
			t.maybe(key+" large", 0.25, "set large-community 65000:2:2 65000:1:1", "set large-community 65000:1:1 additive", "set large-community none")
			t.maybe(key+" ext", 0.15, "set extcommunity rt 65000:5", "set extcommunity soo 65000:6", "set extcommunity rt 65000:5 65000:6")
			t.maybe(key+" preference", 0.3, "set local-preference 200", "set local-preference 50")
			t.maybe(key+" metric", 0.3, "set metric 5", "set metric +5", "set metric 77")
			t.maybe(key+" weight", 0.1, "set weight 9")
			t.maybe(key+" origin", 0.15, "set origin incomplete", "set origin egp")
			t.maybe(key+" prepend", 0.2, "set as-path prepend 65000 65000", "set as-path prepend last-as 2", "set as-path prepend 65000")
			t.maybe(key+" set next-hop", 0.1, "set ip next-hop 10.0.0.77", "set ip next-hop peer-address", "set ip next-hop unchanged")
			t.maybe(key+" set next-hop6", 0.1, "set ipv6 next-hop global 2001:DB8::77", "set ipv6 next-hop prefer-global", "set ipv6 next-hop peer-address")
			t.maybe(key+" tag", 0.2, "set tag 7", "set tag 8")
			t.maybe(key+" delete", 0.1, "set comm-list CL delete", "set large-comm-list LL delete")
			if name != "RM3" {
				t.maybe(key+" call", 0.1, "call RM3")
			}
			if action == "permit" {
				t.maybe(key+" on match", 0.15, "on-match next", "on-match goto 40", "on-match goto 50")
			}
			t.close("exit")
		}
	}
}

func (t *Text) bfd() {
	if !t.yes("bfd", 0.5) {
		return
	}
	t.open("bfd")
	for _, name := range []string{"fast", "slow"} {
		if !t.yes("profile "+name, 0.7) {
			continue
		}
		t.open("profile %s", name)
		t.maybe(name+" multiplier", 0.5, "detect-multiplier 5", "detect-multiplier 3", "detect-multiplier 10")
		t.maybe(name+" transmit", 0.5, "transmit-interval 100", "transmit-interval 300", "transmit-interval 1000")
		t.maybe(name+" receive", 0.5, "receive-interval 100", "receive-interval 900")
		t.maybe(name+" passive", 0.3, "passive-mode")
		t.maybe(name+" ttl", 0.2, "minimum-ttl 250", "minimum-ttl 254")
		t.maybe(name+" echo", 0.2, "echo transmit-interval 100", "echo receive-interval 200", "echo receive-interval disabled")
		t.maybe(name+" echo mode", 0.15, "echo-mode")
		t.maybe(name+" shutdown", 0.1, "shutdown")
		t.close("exit")
	}
	if t.yes("bfd peer", 0.3) {
		t.open("peer %s", t.one("bfd peer name", "10.0.0.9", "10.0.0.9 local-address 10.0.0.1", "10.0.0.9 local-address 10.0.0.1 multihop"))
		t.maybe("bfd peer profile", 0.4, "profile fast", "profile slow")
		t.maybe("bfd peer multiplier", 0.4, "detect-multiplier 7")
		t.maybe("bfd peer transmit", 0.4, "transmit-interval 200")
		t.close("exit")
	}
	t.close("exit")
}

func (t *Text) instance(header, k string) {
	t.open("%s", header)
	key := func(s string) string { return k + " " + s }
	t.maybe(key("router-id"), 0.8, "bgp router-id 10.0.0.1", "bgp router-id 10.0.0.1", "bgp router-id 10.0.0.1", "bgp router-id 10.0.0.11")
	defaultOff := t.yes(key("default"), 0.5)
	if defaultOff {
		t.line("no bgp default ipv4-unicast")
	}
	t.maybe(key("default v6"), 0.05, "bgp default ipv6-unicast")
	t.maybe(key("policy"), 0.7, "no bgp ebgp-requires-policy")
	t.maybe(key("import check"), 0.6, "no bgp network import-check")
	t.maybe(key("local preference"), 0.15, "bgp default local-preference 150", "bgp default local-preference 100")
	t.maybe(key("bestpath"), 0.2, "bgp bestpath as-path multipath-relax", "bgp bestpath compare-routerid", "bgp bestpath as-path multipath-relax no-as-set", "bgp bestpath med missing-as-worst")
	t.maybe(key("med"), 0.1, "bgp always-compare-med", "bgp deterministic-med")
	t.maybe(key("log"), 0.2, "bgp log-neighbor-changes")
	t.maybe(key("gr"), 0.15, "bgp graceful-restart", "bgp graceful-restart-disable")
	t.maybe(key("gr restart"), 0.15, "bgp graceful-restart restart-time 60", "bgp graceful-restart restart-time 120", "bgp graceful-restart restart-time 90")
	t.maybe(key("gr stale"), 0.1, "bgp graceful-restart stalepath-time 200", "bgp graceful-restart preserve-fw-state")
	t.maybe(key("timers"), 0.15, "timers bgp 10 30", "timers bgp 60 180", "timers bgp 20 30")
	t.maybe(key("coalesce"), 0.3, "coalesce-time 100", "coalesce-time 200")
	t.maybe(key("cluster"), 0.05, "bgp cluster-id 10.0.0.99", "bgp cluster-id 10.0.0.98")
	t.maybe(key("listen limit"), 0.1, "bgp listen limit 200", "bgp listen limit 100")
	if k == "default" {
		t.maybe(key("external failover"), 0.1, "no bgp fast-external-failover")
	}
	t.maybe(key("min holdtime"), 0.05, "bgp minimum-holdtime 10")

	ids := []string{"10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.200", "2001:db8::2", "swp1"}
	as := map[string]string{"10.0.0.2": "65002", "10.0.0.3": "65003", "10.0.0.4": "65000", "10.0.0.5": "65005", "10.0.0.200": "65200", "2001:db8::2": "65006", "swp1": "external", "10.0.0.201": "65201"}
	if k != "default" {
		ids = []string{"10.0.0.2", "10.0.0.201"}
	}
	var groups, all []string
	groupAS := map[string]bool{}
	for _, g := range []string{"PG1", "PG2"} {
		if k != "default" || !t.yes(key(g), 0.4) {
			continue
		}
		groups = append(groups, g)
		t.line("neighbor %s peer-group", g)
		if t.yes(key(g+" has as"), 0.5) {
			groupAS[g] = true
			t.line("neighbor %s remote-as %s", g, t.one(key(g+" as"), "external", "external", "65002"))
		}
		t.attributes(key(g), g, false)
		all = append(all, g)
	}
	var members []string
	external := map[string]bool{}
	for _, id := range ids {
		if !t.yes(key(id), 0.6) {
			continue
		}
		group := ""
		if len(groups) > 0 && id != "10.0.0.4" && t.yes(key(id+" grouped"), 0.3) {
			group = groups[t.number(key(id+" group"), 0, len(groups)-1)]
		}
		remote := t.one(key(id+" as"), as[id], as[id], as[id], as[id], "external", "65099")
		if id == "10.0.0.4" {
			remote = t.one(key(id+" as"), "65000", "internal", "internal")
		}
		external[id] = remote != "internal" && remote != "65000"
		written := id
		if id == "2001:db8::2" {
			written = t.pick(key(id+" spelled"), 0.3, "2001:DB8:0::2", id)
		}
		switch {
		case id == "swp1" && group != "" && groupAS[group]:
			t.line("neighbor swp1 interface peer-group %s", group)
		case id == "swp1":
			group = ""
			t.line("neighbor swp1 interface %sremote-as %s", t.pick(key("v6only"), 0.2, "v6only ", ""), t.one(key(id+" as"), "external", "internal"))
		case group != "" && groupAS[group]:
			t.line("neighbor %s peer-group %s", written, group)
		case group != "":
			t.line("neighbor %s remote-as %s", written, remote)
			t.line("neighbor %s peer-group %s", written, group)
		default:
			t.line("neighbor %s remote-as %s", written, remote)
		}
		if group != "" {
			members = append(members, id)
		}
		t.attributes(key(id), written, external[id] && group == "" && id != "swp1")
		all = append(all, id)
	}
	for _, g := range groups {
		if groupAS[g] {
			t.maybe(key(g+" range"), 0.5, "bgp listen range 10.9.0.0/16 peer-group "+g, "bgp listen range 10.8.3.0/16 peer-group "+g)
			break
		}
	}
	t.family(key("v4"), "ipv4", "ipv4 unicast", all, members, groups, defaultOff)
	if t.yes(key("v6"), 0.5) {
		t.family(key("v6"), "ipv6", "ipv6 unicast", all, members, groups, true)
	}
	t.close("exit")
}

func (t *Text) attributes(key, id string, ebgp bool) {
	n := "neighbor " + id + " "
	unnumbered := strings.HasPrefix(id, "swp")
	t.maybe(key+" description", 0.3, n+"description one", n+"description the other one")
	t.maybe(key+" password", 0.12, n+"password secret5", n+"password other")
	t.maybe(key+" timers", 0.2, n+"timers 10 30", n+"timers 3 9", n+"timers 30 60", n+"timers 60 180")
	t.maybe(key+" connect", 0.3, n+"timers connect 1", n+"timers connect 10", n+"timers connect 120")
	t.maybe(key+" bfd", 0.15, n+"bfd", n+"bfd profile fast", n+"bfd profile slow")
	if ebgp {
		t.maybe(key+" multihop", 0.2, n+"ebgp-multihop", n+"ebgp-multihop 5", n+"ebgp-multihop 255", n+"ttl-security hops 2")
	}
	if !unnumbered {
		t.maybe(key+" connected", 0.06, n+"disable-connected-check")
		if !strings.Contains(id, ":") {
			t.maybe(key+" source", 0.1, n+"update-source 10.0.0.1")
		}
		t.maybe(key+" port", 0.05, n+"port 179", n+"port 1179")
	}
	if ebgp {
		t.maybe(key+" local-as", 0.08, n+"local-as 65100", n+"local-as 65100 no-prepend", n+"local-as 65100 no-prepend replace-as")
	}
	t.maybe(key+" shutdown", 0.06, n+"shutdown")
	t.maybe(key+" passive", 0.06, n+"passive")
	t.maybe(key+" interval", 0.1, n+"advertisement-interval 1", n+"advertisement-interval 5")
	t.maybe(key+" nexthop", 0.06, n+"capability extended-nexthop")
	t.maybe(key+" gr", 0.08, n+"graceful-restart", n+"graceful-restart-helper", n+"graceful-restart-disable")
	t.maybe(key+" capability", 0.03, n+"dont-capability-negotiate", n+"capability dynamic")
}

func (t *Text) family(key, ip, name string, all, members, groups []string, off bool) {
	t.open("address-family %s", t.pick(key+" short", 0.2, ip, name))
	for i := range 5 {
		k := fmt.Sprint(key, " network ", i)
		if ip == "ipv4" {
			p := fmt.Sprintf("192.0.2.%d/32", i)
			if i == 4 {
				p = "198.51.100.9/24"
			}
			t.maybe(k, 0.5, "network "+p, "network "+p+" route-map NET", "network "+p+" route-map RM1")
		} else {
			t.maybe(k, 0.3, fmt.Sprintf("network 2001:DB8:%d::/48", i), fmt.Sprintf("network 2001:db8:%d::/48 route-map NET", i))
		}
	}
	if ip == "ipv4" {
		t.maybe(key+" aggregate", 0.2, "aggregate-address 192.0.2.0/24 summary-only", "aggregate-address 192.0.2.0/24", "aggregate-address 192.0.2.9/24",
			"aggregate-address 192.0.2.0/24 route-map NET")
		t.maybe(key+" connected", 0.15, "redistribute connected", "redistribute connected route-map RM1", "redistribute connected route-map RM2 metric 5", "redistribute connected metric 5")
		t.maybe(key+" static", 0.2, "redistribute static", "redistribute static route-map RM2", "redistribute static metric 7")
	}
	t.maybe(key+" paths", 0.15, "maximum-paths 4", "maximum-paths 8")
	t.maybe(key+" paths ibgp", 0.1, "maximum-paths ibgp 4")
	t.maybe(key+" distance", 0.06, "distance bgp 20 200 200", "distance bgp 25 200 200")
	for _, id := range all {
		k := key + " " + id
		n := "neighbor " + id + " "
		member := slices.Contains(members, id)
		switch {
		case member:
			t.maybe(k+" activate", 0.05, "no "+n+"activate")
		case off:
			t.maybe(k+" activate", 0.85, n+"activate")
		default:
			t.maybe(k+" activate", 0.3, n+"activate", "no "+n+"activate")
		}
		if !member {
			t.maybe(k+" in", 0.4, n+"route-map RM1 in", n+"route-map RM2 in")
			t.maybe(k+" out", 0.5, n+"route-map RM2 out", n+"route-map RM3 out", n+"route-map RM1 out")
			if id == "10.0.0.4" && !strings.Contains(key, "view") && !strings.Contains(key, "vrf") && t.b.String()[strings.LastIndex(t.b.String(), "\nrouter bgp ")+1:][:16] == "router bgp 65000" {
				t.maybe(k+" reflector", 0.3, n+"route-reflector-client")
			}
			t.maybe(k+" addpath", 0.06, n+"addpath-tx-all-paths", n+"addpath-tx-bestpath-per-AS")
			if id != "10.0.0.4" {
				t.maybe(k+" private", 0.06, n+"remove-private-AS", n+"remove-private-AS all", n+"remove-private-AS all replace-AS")
			}
			t.maybe(k+" unchanged", 0.05, n+"attribute-unchanged next-hop", n+"attribute-unchanged as-path next-hop", n+"attribute-unchanged")
			t.maybe(k+" community", 0.12, "no "+n+"send-community all", "no "+n+"send-community", n+"send-community both", "no "+n+"send-community large")
			t.maybe(k+" self", 0.1, n+"next-hop-self", n+"next-hop-self force")
		}
		if ip == "ipv4" {
			t.maybe(k+" list in", 0.08, n+"prefix-list PL1 in", n+"prefix-list PL2 in")
			t.maybe(k+" list out", 0.08, n+"prefix-list PL2 out", n+"prefix-list PL3 out")
		}
		t.maybe(k+" filter", 0.06, n+"filter-list AP in", n+"filter-list AP out")
		t.maybe(k+" soft", 0.1, n+"soft-reconfiguration inbound")
		if !member {
			t.maybe(k+" allowas", 0.08, n+"allowas-in", n+"allowas-in 3", n+"allowas-in 5", n+"allowas-in origin")
		}
		t.maybe(k+" weight", 0.08, n+"weight 10", n+"weight 20")
		if !member { // FRR mixes a member's numbers with its group's
			t.maybe(k+" maximum", 0.1, n+"maximum-prefix 100", n+"maximum-prefix 100 75", n+"maximum-prefix 100 80 warning-only", n+"maximum-prefix 200 restart 5")
		}
		t.maybe(k+" originate", 0.06, n+"default-originate", n+"default-originate route-map RM3")
	}
	t.close("exit-address-family")
}
