package reload

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/frr-renderer/frr-renderer/internal/render"
)

// plansOf brings a to b in an empty machine.
func plansOf(a, b string) []string {
	plan := Diff(Running{BGPD: a, BFDD: a, Whole: true}, render.Document{Text: b})
	var out []string
	for _, c := range plan.Commands {
		out = append(out, c.String())
	}
	return out
}

func TestWhatAFileTakesBackIsNotThere(t *testing.T) {
	const before = "ip prefix-list P seq 5 permit any\nroute-map RM permit 10\nexit\nrouter bgp 65001\n neighbor 10.0.0.2 remote-as 65002\nexit\n"
	for _, line := range []string{
		"no router bgp 65001", "no router bgp", "no route-map RM", "no route-map RM permit 10", "no ip prefix-list P", "no ip prefix-list P seq 5 permit any",
		"no ip prefix-list P permit any", "no bfd", "no interface eth0", "no vrf red",
	} {
		for _, l := range plansOf(before, before+line+"\n"+before) {
			t.Errorf("%s: %s", line, l)
		}
	}
	assert.Empty(t, plansOf("", before+"no router bgp 65001\nno route-map RM\nno ip prefix-list P\n"))
	assert.Equal(t, plansOf(before, ""), plansOf(before, before+"no router bgp\nno route-map RM\nno ip prefix-list P\n"))
}

func TestASecondInstanceIsNotPassedOver(t *testing.T) {
	const first = "router bgp 65001\n neighbor 10.0.0.2 remote-as 65002\nexit\n"
	assert.Contains(t, plansOf(first, first+"router bgp 65002\n neighbor 10.0.0.3 remote-as 65003\nexit\n"),
		"none     bgpd  router bgp 65002  (the file has another one of this VRF or view before it)")
}

func TestABFDPeerThatIsShutDownResetsWhomItWatches(t *testing.T) {
	const (
		group     = "router bgp 65001%s\n neighbor G peer-group\n neighbor G remote-as external\n neighbor G bfd\n bgp listen range 10.9.0.0/24 peer-group G\n"
		neighbors = "router bgp 65001%s\n neighbor 10.9.0.2 remote-as external\n neighbor 10.9.0.2 bfd\n neighbor eth0 interface remote-as external\n neighbor eth0 bfd\n"
	)
	at := func(text, vrf string) string { return strings.Replace(text, "%s", vrf, 1) }
	for _, c := range []struct{ instance, peer, resets string }{
		{at(group, ""), "peer 10.9.0.2", "10.9.0.0/24"},
		{at(group, ""), "peer 10.8.0.2", ""},
		{at(group, " vrf red"), "peer 10.9.0.2", ""},
		{at(group, " vrf red"), "peer 10.9.0.2 vrf red", "10.9.0.0/24 vrf red"},
		{at(neighbors, ""), "peer 10.9.0.2", "10.9.0.2"},
		{at(neighbors, ""), "peer 10.9.0.2 vrf red", ""},
		{at(neighbors, ""), "peer fe80::1 interface eth0", "eth0"},
		{at(neighbors, " view blue"), "peer 10.9.0.2", "10.9.0.2 view blue"},
	} {
		want := []string{"none     bfdd  bfd / " + c.peer + " / shutdown"}
		if c.resets != "" {
			want = []string{"reset    bfdd  bfd / " + c.peer + " / shutdown  (resets " + c.resets + ")  (where BFD is up)"}
		}
		assert.Equal(t, want, plansOf(c.instance, c.instance+"exit\nbfd\n "+c.peer+"\n  shutdown\n"), c.peer)
	}
}

// Neighbors with graceful restart hear that they are gone before their instance is; others need no line of their own.
func TestAnInstanceThatGoesSaysGoodbyeToItsRestartingNeighbors(t *testing.T) {
	before := "router bgp 65001\n neighbor 10.0.0.1 remote-as 65002\n neighbor 10.0.0.1 graceful-restart\n neighbor 10.0.0.2 remote-as 65002\n"
	assert.Equal(t, []string{
		"reset    bgpd  router bgp 65001 / no neighbor 10.0.0.1  (resets 10.0.0.1)",
		"reset    bgpd  no router bgp 65001  (resets 10.0.0.1, 10.0.0.2)",
	}, plansOf(before, ""))
	anew := strings.ReplaceAll(before, "bgp 65001", "bgp 65009")
	assert.NotContains(t, strings.Join(plansOf(before, anew), "\n"), "no neighbor", "made anew it is a restart")
}
