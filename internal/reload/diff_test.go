package reload

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

const base = `bgp route-map delay-timer 0
route-map 10.0.0.1-in deny 65535
exit
route-map class-1 permit 1
 set tag 7
exit
route-map out-all permit 10
 match tag 7
 set community 64500:1
exit
route-map out-all deny 65535
exit
router bgp 64500
 no bgp default ipv4-unicast
 neighbor 10.0.0.1 remote-as 64501
 neighbor 10.0.0.1 bfd
 neighbor 10.0.0.1 bfd profile fast
 neighbor 10.0.0.1 graceful-restart
 neighbor 10.0.0.1 timers 3 9
 address-family ipv4 unicast
  network 192.0.2.1/32 route-map class-1
  neighbor 10.0.0.1 activate
  neighbor 10.0.0.1 route-map 10.0.0.1-in in
  neighbor 10.0.0.1 route-map out-all out
 exit-address-family
exit
bfd
 profile fast
  receive-interval 100
 exit
exit
`

var (
	frr84  = vtysh.Version{Major: 8, Minor: 4, Patch: 4}
	frr103 = vtysh.Version{Major: 10, Minor: 3}
)

// planned is the plan from base to a document, a line each.
func planned(version vtysh.Version, wanted string) []string {
	plan := Diff(Running{BGPD: base, BFDD: base, Version: version}, render.Document{Text: wanted})
	return strings.Split(strings.TrimSuffix(plan.String(), "\n"), "\n")
}

func TestPlanOfAChange(t *testing.T) {
	router := "bgpd  router bgp 64500 / "
	ipv4 := router + "address-family ipv4 unicast / "
	for name, c := range map[string]struct {
		old, new string
		version  vtysh.Version
		want     []string
	}{
		"nothing": {"", "", frr103, []string{""}},
		"a Service more is one line": {
			"  network 192.0.2.1/32", "  network 192.0.2.0/32 route-map class-1\n  network 192.0.2.1/32", frr103,
			[]string{"none     " + ipv4 + "network 192.0.2.0/32 route-map class-1"},
		},
		"a Service of another class is replaced in place": {
			"network 192.0.2.1/32 route-map class-1", "network 192.0.2.1/32 route-map class-2", frr103,
			[]string{"none     " + ipv4 + "network 192.0.2.1/32 route-map class-2"},
		},
		"a changed community goes to the neighbors that have it": {
			"64500:1", "64500:2", frr103,
			[]string{"soft     bgpd  route-map out-all permit 10 / set community 64500:2", "soft     bgpd  clear bgp ipv4 unicast 10.0.0.1 soft out"},
		},
		"a changed timer waits for the next session": {
			"timers 3 9", "timers 10 30", frr103, []string{"deferred " + router + "neighbor 10.0.0.1 timers 10 30"},
		},
		"graceful restart resets the session on 10.3": {
			" neighbor 10.0.0.1 graceful-restart\n", "", frr103,
			[]string{"reset    " + router + "no neighbor 10.0.0.1 graceful-restart  (resets 10.0.0.1)"},
		},
		"graceful restart waits for the next session on 8.4": {
			" neighbor 10.0.0.1 graceful-restart\n", "", frr84, []string{"deferred " + router + "no neighbor 10.0.0.1 graceful-restart"},
		},
		"BFD ends, and may take a session with it": {
			" neighbor 10.0.0.1 bfd\n neighbor 10.0.0.1 bfd profile fast\n", "", frr103,
			[]string{
				"none     " + router + "no neighbor 10.0.0.1 bfd profile fast",
				"reset    " + router + "no neighbor 10.0.0.1 bfd  (resets 10.0.0.1)  (where the router ties its BGP to BFD; take BFD out there first)",
			},
		},
		"a BFD interval goes back to its default": {
			"  receive-interval 100\n", "", frr103, []string{"none     bfdd  bfd / profile fast / receive-interval 300"},
		},
		"another AS is one line": {
			"remote-as 64501", "remote-as 64502", frr103, []string{"reset    " + router + "neighbor 10.0.0.1 remote-as 64502  (resets 10.0.0.1)"},
		},
		"a list after a route-map stands at the top": {
			"bfd\n profile", "route-map 10.0.0.1-in permit 10\n match ip address prefix-list a\nip prefix-list a seq 5 permit 10.0.0.0/8\nbfd\n profile", frr103,
			[]string{
				"soft     bgpd  ip prefix-list a seq 5 permit 10.0.0.0/8",
				"none     bgpd  route-map 10.0.0.1-in deny 10",
				"none     bgpd  route-map 10.0.0.1-in deny 10 / match ip address prefix-list a",
				"none     bgpd  route-map 10.0.0.1-in permit 10",
				"soft     bgpd  clear bgp ipv4 unicast 10.0.0.1 soft in",
			},
		},
		"an entry denies while its conditions change": {
			"bfd\n profile", "route-map 10.0.0.1-in permit 10\n match tag 1\nroute-map x permit 1\n match tag 1\n set tag 2\nbfd\n profile", frr103,
			[]string{
				"none     bgpd  route-map 10.0.0.1-in deny 10",
				"none     bgpd  route-map 10.0.0.1-in deny 10 / match tag 1",
				"none     bgpd  route-map x permit 1 / match tag 1",
				"none     bgpd  route-map x permit 1 / set tag 2",
				"none     bgpd  route-map 10.0.0.1-in permit 10",
				"soft     bgpd  clear bgp ipv4 unicast 10.0.0.1 soft in",
			},
		},
		"a line of bgpd's that nobody knows is sent": {
			"bgp route-map delay-timer 0", "bgp route-map delay-timer 0\nbgp community alias 1:1 one", frr103,
			[]string{"soft     bgpd  bgp community alias 1:1 one  (not a line that this program knows)"},
		},
		"a static route goes to whoever takes it": {
			"bfd\n profile", "ip route 10.0.0.0/8 192.0.2.1\nbfd\n profile", frr103,
			[]string{"none     vtysh ip route 10.0.0.0/8 192.0.2.1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			wanted := base
			if c.old != "" {
				require.Contains(t, base, c.old)
				wanted = strings.Replace(base, c.old, c.new, 1)
			}
			require.Equal(t, c.want, planned(c.version, wanted))
		})
	}
}

func TestAPlanIsFitForATerminal(t *testing.T) {
	const description = "neighbor 10.0.0.1 description "
	plan := Diff(Running{BGPD: "router bgp 1\n neighbor 10.0.0.1 remote-as 2\n"},
		render.Document{Text: "router bgp 1\n neighbor 10.0.0.1 remote-as 2\n " + description + "b\xfcro \x1b[2J \u009b Büro\n"})
	require.Equal(t, "none     bgpd  router bgp 1 / "+description+"b\ufffdro ?[2J ? Büro\n", plan.String())
}

func TestARemovedNeighborIsOneLine(t *testing.T) {
	var kept []string
	for line := range strings.Lines(base) {
		if !strings.Contains(line, "neighbor 10.0.0.1") {
			kept = append(kept, line)
		}
	}
	plan := Diff(Running{BGPD: base, BFDD: base, Version: frr103}, render.Document{Text: strings.Join(kept, "")})
	require.Len(t, plan.Commands, 1)
	require.Equal(t, "no neighbor 10.0.0.1", plan.Commands[0].Line.String())
	require.Equal(t, []string{"10.0.0.1"}, plan.Resets())
}

func TestANewNeighborHasItsPolicyBeforeItIsActivated(t *testing.T) {
	plan := Diff(Running{Version: frr103}, render.Document{Text: base})
	at := func(line string) int {
		for i, c := range plan.Commands {
			if c.Line.Reveal() == line {
				return i
			}
		}
		t.Fatalf("%q is not in the plan:\n%s", line, plan)
		return -1
	}
	for _, pair := range [][2]string{
		{"match tag 7", "network 192.0.2.1/32 route-map class-1"},
		{"set tag 7", "network 192.0.2.1/32 route-map class-1"},
		{"route-map 10.0.0.1-in deny 65535", "neighbor 10.0.0.1 route-map 10.0.0.1-in in"},
		{"neighbor 10.0.0.1 route-map 10.0.0.1-in in", "neighbor 10.0.0.1 activate"},
		{"neighbor 10.0.0.1 route-map out-all out", "neighbor 10.0.0.1 activate"},
		{"network 192.0.2.1/32 route-map class-1", "neighbor 10.0.0.1 activate"},
		{"receive-interval 100", "neighbor 10.0.0.1 bfd profile fast"},
	} {
		require.Less(t, at(pair[0]), at(pair[1]), "%q before %q", pair[0], pair[1])
	}
	require.Equal(t, None, plan.Effect(), "there is no session to disturb")
}

// bgpd calls a neighbor as soon as it has a connect timer, with families or without.
func TestANewNeighborIsCalledWhenItHasItsFamilies(t *testing.T) {
	const connect = "neighbor 10.0.0.1 timers connect 1"
	text := strings.Replace(base, " neighbor 10.0.0.1 remote-as 64501\n", " neighbor 10.0.0.1 remote-as 64501\n "+connect+"\n", 1)
	require.NotEqual(t, base, text)
	plan := Diff(Running{Version: frr103}, render.Document{Text: text})
	at := map[string]int{}
	for i, c := range plan.Commands {
		at[c.Line.Reveal()] = i
	}
	require.Contains(t, at, connect)
	require.Greater(t, at[connect], at["neighbor 10.0.0.1 activate"])
	// One that is there keeps its place in nobody's way.
	plan = Diff(Running{BGPD: base, BFDD: base, Version: frr103}, render.Document{Text: text})
	require.Len(t, plan.Commands, 1)
	require.Equal(t, connect, plan.Commands[0].Line.String())
}

func TestNetworksAreReadAsFRRPrintsThem(t *testing.T) {
	for written, printed := range map[string]string{
		"network 192.0.2.1/32 route-map class-1":       "network 192.0.2.1/32 route-map class-1",
		"network  192.0.2.1/32\troute-map   class-1":   "network 192.0.2.1/32 route-map class-1",
		"network 192.0.2.1/24 backdoor":                "network 192.0.2.0/24 backdoor",
		"network 192.0.2.7 mask 255.255.255.252":       "network 192.0.2.4/30",
		"network 192.0.2.7":                            "network 192.0.2.0/24",
		"network 10.0.0.0 route-map class-1":           "network 10.0.0.0/8 route-map class-1",
		"network 2001:DB8:0::1/64":                     "network 2001:db8::/64",
		"network 2001:db8::1:0/128 route-map   class1": "network 2001:db8::1:0/128 route-map class1",
		"network 2001:db8::ff:0/32":                    "network 2001:db8::/32",
	} {
		c := read("router bgp 1\n address-family ipv4\n  " + written + "\n")
		require.Equal(t, []string{printed}, c.get("router bgp 1", ipv4Unicast).lines, written)
	}
}

func TestTwoSpellingsOfOneConfiguration(t *testing.T) {
	const router = "router bgp 65000\n neighbor 10.0.0.2 remote-as 65002\n"
	for name, c := range map[string]struct{ runs, written string }{
		"an interface with its VRF":            {"interface swp1\n description x\n", "interface swp1 vrf red\n description x\n"},
		"an Ethernet segment in capitals":      {"interface bond1\n evpn mh es-sys-mac 44:38:39:ff:ff:01\n", "interface bond1\n evpn mh es-sys-mac 44:38:39:FF:FF:01\n"},
		"AS numbers with dots":                 {"router bgp 1.10 as-notation dot\n neighbor 10.0.0.2 remote-as 2.20\n", "router bgp 65546\n neighbor 10.0.0.2 remote-as 131092\n"},
		"what is off by default":               {router, router + " no neighbor 10.0.0.2 shutdown\n no neighbor 10.0.0.2 bfd\n"},
		"lines of the only instance":           {router, "router bgp 65000\nexit\nrouter bgp\n neighbor 10.0.0.2 remote-as 65002\n"},
		"the defaults of datacenter":           {"frr defaults datacenter\n" + router, "frr defaults datacenter\n" + router + " timers bgp 3 9\n bgp log-neighbor-changes\n"},
		"traditional lines below datacenter":   {"frr defaults datacenter\n" + router + " timers bgp 60 180\n", "frr defaults datacenter\n" + router + " timers bgp 60 180\n"},
		"the default timers of BFD":            {router + " neighbor 10.0.0.2 bfd\n", router + " neighbor 10.0.0.2 bfd 3 300 300\n"},
		"netns is zebra's":                     {"vrf red\n netns /run/netns/red\nexit-vrf\n" + router, router},
		"a description that looks like BFD":    {router + " neighbor 10.0.0.2 description with bfd profile fast\n", router + " neighbor 10.0.0.2 description with bfd profile fast\n"},
		"dampening written in the router":      {router + " address-family ipv4 unicast\n  bgp dampening 10 500 1500 30\n", router + " bgp dampening 10 500 1500 30\n"},
		"what all members of a group print":    {router + " neighbor G peer-group\n neighbor 10.0.0.2 peer-group G\n address-family ipv4 unicast\n  neighbor G disable-addpath-rx\n  neighbor 10.0.0.2 disable-addpath-rx\n", router + " neighbor G peer-group\n neighbor 10.0.0.2 peer-group G\n address-family ipv4 unicast\n  neighbor G disable-addpath-rx\n"},
		"link-params that are enabled by hand": {"interface swp1\n link-params\n  enable\n  metric 5\n exit-link-params\n", "interface swp1\n link-params\n  metric 5\n exit-link-params\n"},
	} {
		t.Run(name, func(t *testing.T) {
			running := Running{BGPD: c.runs, Whole: true, Others: map[vtysh.Daemon]string{vtysh.Zebra: c.runs}, Version: frr103}
			plan := Diff(running, render.Document{Text: c.written})
			require.True(t, plan.Empty(), "%s", plan)
		})
	}
	// The defaults of one profile are lines of the other.
	running := Running{BGPD: "frr defaults datacenter\n" + router, Whole: true, Others: map[vtysh.Daemon]string{vtysh.Zebra: "frr defaults datacenter\n"}, Version: frr103}
	plan := Diff(running, render.Document{Text: "frr defaults traditional\n" + router}).String()
	for _, line := range []string{"frr defaults traditional", "timers bgp 60 180", "no bgp log-neighbor-changes"} {
		require.Contains(t, plan, line)
	}
	require.True(t, strings.HasPrefix(plan, "none     vtysh frr defaults traditional\n"), "%s", plan)
}

// A person may write less than FRR wants: FRR says what is wrong with it.
func TestLinesThatAreCutShort(t *testing.T) {
	const text = "ip prefix-list a seq 5 permit 10.0.0.0/8\nroute-map m permit 1\n match\n set\n call\nexit\n" +
		"router bgp 1\n neighbor 10.0.0.2 remote-as 2\n neighbor 10.0.0.3 peer-group 10.0.0.4\n neighbor 10.0.0.4 peer-group 10.0.0.3\n" +
		" neighbor 10.0.0.4 graceful-restart\n address-family ipv4 unicast\n  neighbor 10.0.0.2 route-map m out\n"
	for _, v := range []vtysh.Version{frr84, frr103} {
		wanted := strings.Replace(text, "10.0.0.0/8", "11.0.0.0/8", 1)
		plan := Diff(Running{BGPD: text, Version: v}, render.Document{Text: wanted})
		require.Contains(t, plan.String(), "ip prefix-list a seq 5 permit 11.0.0.0/8")
		plan = Diff(Running{BGPD: text, Version: v}, render.Document{Text: strings.ReplaceAll(text, "graceful-restart", "graceful-restart-helper")})
		require.Len(t, plan.Commands, 1)
	}
}
