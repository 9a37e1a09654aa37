package differential

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/frr-renderer/frr-renderer/test/frr/gobgp"
)

// look is all that is compared of an FRR.
type look struct {
	config   []string
	tables   []string
	sessions map[string]session
	bfd      []string
	// idle are those of bfd whose neighbor has no BGP session.
	idle map[string]bool
	// chance are the peers whose session is there or not on 10.3, as it came: it starts none before BFD is up, and BFD over several hops waits
	// for the address that a BGP session tells it, unless there is an update-source. BFD that is shut down never comes up, and disturbs no
	// session that was there before it.
	chance []string
	// says is what a live peer knows of its session.
	says func(neighbor string) string
}

// without leaves out what a peer shows, and what others show of its routes. It is named as in the tables: with the name of its VRF, if it has one.
func (l look) without(name string) look {
	peer, in, _ := strings.Cut(name, " ")
	l.sessions = maps.Clone(l.sessions)
	maps.DeleteFunc(l.sessions, func(name string, _ session) bool {
		id, instance, _ := strings.Cut(name, " ")
		other, _ := strings.CutPrefix(instance, "vrf ")
		return id == peer && (instance == "vrf "+in || in == "" && other == instance)
	})
	number := slices.IndexFunc(speakers, func(s speaker) bool { return s.Address == peer && s.VRF == in })
	l.tables = slices.DeleteFunc(slices.Clone(l.tables), func(t string) bool {
		_, route, _ := strings.Cut(t, ": ")
		return strings.HasPrefix(t, name+": ") || number >= 0 && slices.ContainsFunc(announced(number), func(p string) bool { return strings.HasPrefix(route, p) })
	})
	l.bfd = slices.DeleteFunc(slices.Clone(l.bfd), func(t string) bool {
		return strings.HasPrefix(t, "{Peer:"+peer+" ") && strings.Contains(t, " VRF:"+in+" ")
	})
	return l
}

// sharesPrivate tells the lines over which what a group's member hears is chance. The AS that is left alone, or overridden, is that of the peer, and
// FRR has one update group for all of them: for whose AS it is made is chance (seen on 8.4 with replace-AS, on 10.3 with "all" and as-override).
func sharesPrivate(words []string) bool {
	return strings.EqualFold(words[2], "remove-private-AS") || words[2] == "as-override"
}

// limitsRoutes tells the lines with which it is chance which routes a peer is sent: the first ones. Those count, too, that it ignores.
func limitsRoutes(words []string) bool { return words[2] == "maximum-prefix-out" }

// having tells whether a peer, or its group, has a line of a kind.
func having(wanted string, kind func(words []string) bool) (own, byGroup func(peer string) bool) {
	of, has := map[string]string{}, map[string]bool{}
	for line := range strings.Lines(wanted) {
		words := strings.Fields(line)
		switch {
		case len(words) == 4 && words[0] == "neighbor" && words[2] == "peer-group":
			of[words[1]] = words[3]
		case len(words) == 6 && words[1] == "listen":
			of[dynamic] = words[5]
		case len(words) > 2 && words[0] == "neighbor" && kind(words):
			has[words[1]] = true
		}
	}
	own = func(peer string) bool { return has[peer] }
	return own, func(peer string) bool {
		if strings.HasPrefix(peer, dynamic) {
			peer = dynamic
		}
		return of[peer] != "" && has[of[peer]]
	}
}

// unnoticed are attributes that bgpd does not send when they alone come or go: it suppresses what it takes for a duplicate, and looks at values,
// not at whether they are there (both versions; with "no bgp suppress-duplicates" they are sent).
var unnoticed = strings.NewReplacer("{Med: 0} ", "", "{AtomicAggregate} ", "")

type session struct {
	established bool
	timers      string
	// why tells what bgpd says about a session that is down.
	why string
	// idless tells that it says that the instance has no router ID: whether 10.3 tells a view of zebra's is chance.
	idless bool
}

// look looks at an FRR that should run a configuration.
func (s *stand) look(ctx context.Context, wanted string) (look, error) {
	l := look{says: s.says}
	text, err := s.dut.RunningConfig(ctx)
	if err != nil {
		return l, err
	}
	l.config = tree(text, wanted)
	l.tables = s.tables()
	if !strings.Contains(wanted, "no bgp suppress-duplicates") {
		for i, t := range l.tables {
			l.tables[i] = unnoticed.Replace(t)
		}
	}
	_, shared := having(wanted, sharesPrivate)
	own, byGroup := having(wanted, limitsRoutes)
	l.tables = slices.DeleteFunc(l.tables, func(t string) bool {
		peer, _, _ := strings.Cut(t, ": ")
		return shared(peer) || own(peer) || byGroup(peer)
	})
	if l.sessions, err = s.bgp(ctx); err != nil {
		return l, err
	}
	for name, b := range l.sessions {
		if id, _, _ := strings.Cut(name, " "); b.idless && !b.established {
			l.chance = append(l.chance, id)
		}
	}
	peers, err := s.dut.BFDPeers(ctx)
	if err != nil {
		return l, err
	}
	l.idle = map[string]bool{}
	for _, p := range peers {
		p.ID, p.RemoteID, p.Uptime = 0, 0, 0
		if p.Multihop || p.Status == "shutdown" {
			l.chance = append(l.chance, strings.TrimSpace(p.Peer+" "+p.VRF))
		}
		if !l.sessions[named(p.Peer, p.VRF)].established {
			if p.Multihop {
				continue // there when bgpd knows its own address, from a session that was
			}
			p.Local, p.Interface = "", ""
			l.idle[fmt.Sprintf("%+v", p)] = true
		}
		l.bfd = append(l.bfd, fmt.Sprintf("%+v", p))
	}
	return l, nil
}

// bgp are the neighbors as bgpd tells, by the names that plans use.
func (s *stand) bgp(ctx context.Context) (map[string]session, error) {
	all, err := s.dut.Sessions(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]session{}
	for _, b := range all {
		v := session{established: b.State == "Established", idless: b.LastReset == "Router ID is missing", why: fmt.Sprintf("%s, BFD %q, last reset %q", b.State, b.BFD, b.LastReset)}
		if v.established {
			v.timers = fmt.Sprintf("hold %s keepalive %s", b.HoldTime, b.KeepAlive)
		}
		out[named(b.Neighbor, b.VRF)] = v
	}
	return out, nil
}

// named is how plans call a neighbor.
func named(neighbor, instance string) string {
	switch {
	case instance == "":
		return neighbor
	case strings.HasPrefix(instance, "blue"):
		return neighbor + " view " + instance
	}
	return neighbor + " vrf " + instance
}

// tables are what the peers were sent, a path a line with every attribute. Paths with the peer's own AS in them, which it ignores, are left
// out: FRR sends a peer its own routes back or does not, with one next hop or another, as its update groups came to be.
func (s *stand) tables() []string {
	var out []string
	for _, p := range s.peers {
		for _, path := range p.Table() {
			if slices.Contains(path.ASPath, p.AS) {
				continue
			}
			out = append(out, strings.TrimSpace(p.Address+" "+p.VRF)+": "+describe(path))
		}
	}
	sort.Strings(out)
	return out
}

// staticRoutes are where the generators' static routes lead.
var staticRoutes = netip.MustParsePrefix("172.16.0.0/12")

func describe(p gobgp.Path) string {
	var attributes []string
	for _, a := range p.Attributes {
		switch a.(type) {
		case *bgp.PathAttributeNextHop, *bgp.PathAttributeMpReachNLRI:
			continue // the next hop is in the path; other prefixes of the UPDATE don't matter
		case *bgp.PathAttributeAggregator:
			// FRR sends the router ID that it had when the aggregate was made, 0.0.0.0 when that was before zebra told one.
			attributes = append(attributes, "{Aggregate}")
			continue
		}
		attributes = append(attributes, a.String())
	}
	sort.Strings(attributes)
	link := ""
	if p.LinkLocal.IsValid() {
		link = " and link-local" // each stand has others
	}
	next := p.NextHop.String()
	if p.NextHop.IsLinkLocalUnicast() {
		next = "link-local"
	}
	if staticRoutes.Contains(p.Prefix.Addr()) {
		next = "one of several" // which of a static route's, is as zebra heard of them
	}
	return fmt.Sprintf("%s next hop %s%s %s", p.Prefix, next, link, strings.Join(attributes, " "))
}

// notConfiguration are lines of "show running-config" that tell of the machine and the version, or of nothing: a member has "tcp-mss 0" on 8.4
// when its group has, or had, a value.
var notConfiguration = regexp.MustCompile(`^(Building configuration|Current configuration|frr version|frr defaults|hostname |domainname |!|#|exit|end$)|^neighbor \S+ tcp-mss 0$`)

var anything = regexp.MustCompile(` (0\.0\.0\.0/0 le 32|::/0 le 128)$`)

// instanceMode is a line that gives an instance another mode of graceful restart than it has by itself.
var instanceMode = regexp.MustCompile(`(?m)^\s*bgp graceful-restart(-disable)?$`)

var emptyView = regexp.MustCompile(`^router bgp \d+ (view|vrf) \S+$`)

// numberedEntry is an entry of a list: the list, the number, the rest.
var numberedEntry = regexp.MustCompile(`^((?:ip |ipv6 |bgp )?[-a-z]+-list (?:standard |expanded )?\S+|bgp as-path access-list \S+) seq (\d+) (.*)`)

// tree are the lines of what an FRR runs that should run a configuration, each with the blocks that it stands in, sorted: order does not
// matter but where a number tells it. The numbers of lists that have none in the configuration count from 1: FRR chose them.
func tree(text, wanted string) []string {
	fixed, count := map[string]bool{}, map[string]int{}
	for line := range strings.Lines(wanted) {
		if m := numberedEntry.FindStringSubmatch(strings.Join(strings.Fields(line), " ")); m != nil {
			fixed[m[1]] = true
		}
	}
	text = withoutEmptyFamilies(text)
	groups, ofGroup := map[string]string{}, map[string]bool{}
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) == 4 && words[0] == "neighbor" && words[2] == "peer-group" {
			groups[words[1]] = words[3]
		}
	}
	type open struct {
		indent int
		line   string
	}
	var stack []open
	var out []string
	for _, line := range strings.Split(text, "\n") {
		l := strings.TrimSpace(line)
		if l == "" || notConfiguration.MatchString(l) {
			continue
		}
		if strings.HasSuffix(l, " timers connect 120") && strings.Contains(wanted, "frr defaults datacenter") {
			continue // 8.4 prints it where the instance was there before the profile
		}
		l = anything.ReplaceAllString(l, " any") // 10.3 prints what was written first
		if m := numberedEntry.FindStringSubmatch(l); m != nil && !fixed[m[1]] {
			count[m[1]]++
			l = fmt.Sprintf("%s entry %d %s", m[1], count[m[1]], m[3])
		}
		indent := len(line) - len(strings.TrimLeft(line, " "))
		for len(stack) > 0 && stack[len(stack)-1].indent >= indent {
			stack = stack[:len(stack)-1]
		}
		path := ""
		for _, o := range stack {
			path += o.line + " / "
		}
		stack = append(stack, open{indent, l})
		if words := strings.Fields(l); len(words) > 2 && words[0] == "neighbor" && (words[2] == "route-map" || strings.HasPrefix(words[2], "graceful-restart")) {
			// 8.4 prints what a member has as its group has it when the member had it first, or was given it by itself.
			rest := strings.Join(words[2:], " ")
			ofGroup[path+words[1]+rest] = true
			if ofGroup[path+groups[words[1]]+rest] {
				continue
			}
			// 10.3 prints the mode of the instance with a member whose group had it.
			if rest == "graceful-restart-helper" && groups[words[1]] != "" && !strings.Contains(wanted, l) && !instanceMode.MatchString(wanted) {
				continue
			}
		}
		// An empty block may stay, and 8.4 makes those of VRFs that others import; what is in it is told with it. Who may log in is not touched.
		// Of an interface with a neighbor bgpd had router advertisements sent.
		if l != "bfd" && !strings.HasPrefix(l, "vrf ") && !strings.HasPrefix(l, "interface ") && l != "ipv6 nd ra-interval 10" && !advertises(path, l, wanted) && !strings.HasPrefix(path+l, "line vty") && !emptyView.MatchString(l) {
			out = append(out, path+l)
		}
	}
	sort.Strings(out)
	return out
}

// withoutEmptyFamilies takes "address-family" out of a view that has nothing else: the distance of a prefix, which FRR prints in every instance.
func withoutEmptyFamilies(text string) string { return bareView.ReplaceAllString(text, "$1") }

var bareView = regexp.MustCompile(`(?m)^(router bgp \d+ view \S+\n)(?: no bgp default ipv4-unicast\n)?(?: !\n)?(?: address-family \S+ \S+\n(?:  distance \S+ \S+ *\n)+ exit-address-family\n)+`)

// advertises tells that an interface sends router advertisements, where bgpd has a neighbor that needs them.
func advertises(path, line, wanted string) bool {
	name, _ := strings.CutPrefix(path, "interface ")
	return line == "no ipv6 nd suppress-ra" && strings.Contains(wanted, "neighbor "+strings.TrimSuffix(name, " / ")+" interface ")
}

// difference lists what only one of two sorted lists has.
func difference(reloaded, fresh []string) []string {
	var out []string
	for len(reloaded)+len(fresh) > 0 {
		switch {
		case len(fresh) == 0 || len(reloaded) > 0 && reloaded[0] < fresh[0]:
			out, reloaded = append(out, "only reloaded: "+reloaded[0]), reloaded[1:]
		case len(reloaded) == 0 || fresh[0] < reloaded[0]:
			out, fresh = append(out, "only fresh:    "+fresh[0]), fresh[1:]
		default:
			reloaded, fresh = reloaded[1:], fresh[1:]
		}
	}
	return out
}
