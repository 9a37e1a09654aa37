package frr

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// metricsTime is for what takes a second or two on a machine that has nothing else to do.
const metricsTime = 60 * time.Second

// shows waits until all of these lines are among the metrics at once.
func (l *lab) shows(lines ...string) {
	l.t.Helper()
	l.eventually("metrics: "+strings.Join(lines, "; "), metricsTime, func() bool {
		text, err := l.tryScrape()
		text = "\n" + text
		return err == nil && !slices.ContainsFunc(lines, func(line string) bool { return !strings.Contains(text, "\n"+line+"\n") })
	})
}

// lacks waits until none of these words is in a metric of MetalLB's.
func (l *lab) lacks(words ...string) {
	l.t.Helper()
	l.eventually("metrics without "+strings.Join(words, "; "), metricsTime, func() bool {
		for line := range strings.Lines(l.scrape()) {
			if strings.HasPrefix(line, "metallb_") && slices.ContainsFunc(words, func(w string) bool { return strings.Contains(line, w) }) {
				return false
			}
		}
		return true
	})
}

// counters reads the series whose names begin so.
func counters(t *testing.T, text, prefix string) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			at := strings.LastIndex(line, " ")
			value, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
			require.NoError(t, err, line)
			out[line[:at]] = value
		}
	}
	return out
}

// agrees waits until a scrape has exactly the series that FRR's own answers come to, each between the answer before it and that after it.
func (l *lab) agrees(prefix string, ask func() map[string]float64) {
	l.t.Helper()
	l.eventually("metrics "+prefix+" are what FRR says", metricsTime, func() bool {
		before := ask()
		got := counters(l.t, l.scrape(), prefix)
		after := ask()
		if len(got) != len(before) {
			return false
		}
		for name, value := range got {
			low, known := before[name]
			if !known || value < low || value > after[name] {
				return false
			}
		}
		return true
	})
}

// ports are those of neighbors that do not listen on 179.
type ports map[string]int

// bgpSays is what bgpd says of its neighbors, as MetalLB names it.
func (l *lab) bgpSays(ports ports) map[string]float64 {
	l.t.Helper()
	out := map[string]float64{}
	for _, s := range l.sessions(l.node) {
		var raw struct {
			BgpState     string
			MessageStats map[string]float64
		}
		require.NoError(l.t, json.Unmarshal(s.Raw, &raw))
		port := 179
		if p, other := ports[s.Neighbor]; other {
			port = p
		}
		vrf := s.VRF
		if vrf == "" {
			vrf = "default"
		}
		put := func(name string, value float64) {
			out[fmt.Sprintf(`metallb_bgp_%s{peer="%s:%d",vrf="%s"}`, name, s.Neighbor, port, vrf)] = value
		}
		up, sent := 0, 0
		if raw.BgpState == "Established" {
			up = 1
		}
		for _, n := range s.PrefixesSent {
			sent += n
		}
		put("session_up", float64(up))
		put("announced_prefixes_total", float64(sent))
		for name, theirs := range map[string]string{
			"opens_sent": "opensSent", "opens_received": "opensRecv", "notifications_sent": "notificationsSent", "updates_total": "updatesSent",
			"updates_total_received": "updatesRecv", "keepalives_sent": "keepalivesSent", "keepalives_received": "keepalivesRecv",
			"route_refresh_sent": "routeRefreshSent", "total_sent": "totalSent", "total_received": "totalRecv",
		} {
			value, told := raw.MessageStats[theirs]
			require.True(l.t, told, "bgpd tells no %s", theirs)
			put(name, value)
		}
	}
	return out
}

// bfdSays is what bfdd says of its peers, as MetalLB names it.
func (l *lab) bfdSays() map[string]float64 {
	l.t.Helper()
	var peers []map[string]any
	require.NoError(l.t, l.node.ShowJSON(l.t.Context(), "bfdd", "show bfd peers counters json", &peers))
	states, err := l.node.BFDPeers(l.t.Context())
	require.NoError(l.t, err)
	out := map[string]float64{}
	for _, p := range peers {
		name, up := p["peer"].(string), 0.0
		if slices.ContainsFunc(states, func(s fabric.BFDPeer) bool { return s.Peer == name && s.Status == "up" }) {
			up = 1
		}
		if strings.HasPrefix(name, "fe80:") {
			name = p["interface"].(string)
		}
		put := func(metric string, value float64) {
			out[fmt.Sprintf(`metallb_bfd_%s{peer="%s",vrf="default"}`, metric, name)] = value
		}
		put("session_up", up)
		for metric, theirs := range map[string]string{
			"control_packet_input": "control-packet-input", "control_packet_output": "control-packet-output", "echo_packet_input": "echo-packet-input",
			"echo_packet_output": "echo-packet-output", "session_up_events": "session-up", "session_down_events": "session-down",
			"zebra_notifications": "zebra-notifications",
		} {
			value, told := p[theirs].(float64)
			require.True(l.t, told, "bfdd tells no %s", theirs)
			put(metric, value)
		}
	}
	return out
}

// Every session has its series, under MetalLB's names, with what bgpd and bfdd count: IPv4 with BFD and its echo, IPv6, unnumbered with BFD, in a
// VRF, and one that nobody answers, on a port of its own.
func TestScenarioMetricsOfSessions(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l := start(t, fabric.Topology{
			Nodes: []fabric.NodeSpec{
				{Name: "node1", Version: v, VRFs: []string{"red"}},
				{Name: "tor1", Version: other, Config: torConfig(64501, "neighbor 10.0.0.11 bfd",
					"neighbor fd00::11 remote-as 64500", "neighbor fd00::11 passive") +
					"router bgp 64501\n address-family ipv6 unicast\n  neighbor fd00::11 activate\n exit-address-family\nexit\n"},
				{Name: "tor2", Version: other, Config: "interface eth0\n ipv6 nd ra-interval 1\n no ipv6 nd suppress-ra\nexit\n" +
					"router bgp 64502\n bgp router-id 10.0.0.2\n no bgp ebgp-requires-policy\n neighbor eth0 interface remote-as external\n" +
					" neighbor eth0 timers connect 1\n neighbor eth0 bfd\nexit\n"},
				{Name: "tor3", Version: v, Config: "router bgp 64503\n no bgp ebgp-requires-policy\n neighbor 10.0.2.11 remote-as 64500\n" +
					" neighbor 10.0.2.11 passive\nexit\n"},
			},
			Links: []fabric.Link{
				{Ends: []fabric.End{
					{Node: "node1", Interface: "eth0", Addresses: []string{"10.0.0.11/24", "fd00::11/64"}},
					{Node: "tor1", Interface: "eth0", Addresses: []string{"10.0.0.1/24", "fd00::1/64"}},
				}},
				{Ends: []fabric.End{{Node: "node1", Interface: "eth1"}, {Node: "tor2", Interface: "eth0"}}},
				{Ends: []fabric.End{
					{Node: "node1", Interface: "eth2", VRF: "red", Addresses: []string{"10.0.2.11/24"}},
					{Node: "tor3", Interface: "eth0", Addresses: []string{"10.0.2.1/24"}},
				}},
			},
		}, map[string]string{
			"base": pool + adv + service("web", "app: web", "192.0.2.10", "2001:db8::10") +
				spec("BFDProfile", "echo", "echoMode: true, echoInterval: 100") + spec("BFDProfile", "plain", "") +
				peer("tor1", "10.0.0.1", 64501, "bfdProfile: echo") + peer("six", "fd00::1", 64501) +
				spec("BGPPeer", "tor2", "myASN: 64500, peerASN: 64502, interface: eth1, connectTime: 1s, bfdProfile: plain"),
			"tor3":   peer("tor3", "10.0.2.1", 64503, "vrf: red"),
			"absent": peer("absent", "10.0.0.9", 64509, "peerPort: 1179"),
		})
		l.shows(
			`metallb_bgp_session_up{peer="10.0.0.1:179",vrf="default"} 1`, `metallb_bgp_session_up{peer="fd00::1:179",vrf="default"} 1`,
			`metallb_bgp_session_up{peer="eth1:179",vrf="default"} 1`, `metallb_bgp_session_up{peer="10.0.2.1:179",vrf="red"} 1`,
			`metallb_bgp_session_up{peer="10.0.0.9:1179",vrf="default"} 0`,
			`metallb_bgp_announced_prefixes_total{peer="10.0.0.1:179",vrf="default"} 1`,
			`metallb_bfd_session_up{peer="10.0.0.1",vrf="default"} 1`, `metallb_bfd_session_up{peer="eth1",vrf="default"} 1`,
			`metallb_speaker_announced{ip="192.0.2.10",node="node1",protocol="bgp",service="default/web"} 1`,
			`metallb_speaker_announced{ip="2001:db8::10",node="node1",protocol="bgp",service="default/web"} 1`,
			`frr_renderer_observed{daemon="bgpd"} 1`, `frr_renderer_observed{daemon="bfdd"} 1`,
		)
		odd := ports{"10.0.0.9": 1179}
		l.agrees("metallb_bgp_", func() map[string]float64 { return l.bgpSays(odd) })
		l.eventually("BFD echo is on its way", metricsTime, func() bool {
			return counters(t, l.scrape(), "metallb_bfd_echo_packet_output")[`metallb_bfd_echo_packet_output{peer="10.0.0.1",vrf="default"}`] > 0
		})
		l.agrees("metallb_bfd_", l.bfdSays)

		require.NoError(t, loads(t, l.Node("tor3"), "router bgp 64503\n neighbor 10.0.2.11 shutdown\nexit\n"))
		l.shows(`metallb_bgp_session_up{peer="10.0.2.1:179",vrf="red"} 0`)
		l.remove("tor3")
		l.remove("absent")
		l.lacks(`vrf="red"`, "10.0.0.9")
		l.agrees("metallb_bgp_", func() map[string]float64 { return l.bgpSays(nil) })

		// A bgpd that hangs costs its own series and no others.
		require.NoError(t, unix.Kill(l.node.PID("bgpd"), unix.SIGSTOP))
		t.Cleanup(func() { _ = unix.Kill(l.node.PID("bgpd"), unix.SIGCONT) })
		l.shows(`frr_renderer_observed{daemon="bgpd"} 0`, `frr_renderer_observed{daemon="bfdd"} 1`, `metallb_bfd_session_up{peer="10.0.0.1",vrf="default"} 1`)
		l.lacks("metallb_bgp_")
		require.NoError(t, unix.Kill(l.node.PID("bgpd"), unix.SIGCONT))
		l.shows(`frr_renderer_observed{daemon="bgpd"} 1`, `metallb_bgp_session_up{peer="eth1:179",vrf="default"} 1`)
		require.Positive(t, counters(t, l.scrape(), "frr_renderer_observe_failures_total")[`frr_renderer_observe_failures_total{daemon="bgpd"}`])
	})
}

// loads gives a router lines, of which it may refuse none.
func loads(t *testing.T, n *fabric.Node, config string) error {
	t.Helper()
	complaints, err := n.Load(t.Context(), config)
	require.Empty(t, complaints)
	return err
}

// MetalLBStaleConfig fires while an object is wrong, also after a restart, and ends when it is mended, or deleted.
func TestScenarioMetricsOfStaleConfiguration(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		const loaded, fresh, stale = "metallb_k8s_client_config_loaded_bool 1", "metallb_k8s_client_config_stale_bool 0", "metallb_k8s_client_config_stale_bool 1"
		l := start(t, rack(v, tor(other, 64501)), map[string]string{"base": basics + toTor1})
		l.up("tor1")
		l.shows(loaded, fresh, "metallb_k8s_client_update_errors_total 0")
		l.undisturbed(func() {
			broken := spec("BGPPeer", "crooked", "myASN: 64500, peerASN: 64503, peerAddress: not-an-address")
			l.put("crooked", broken)
			l.shows(loaded, stale, "metallb_k8s_client_update_errors_total 1",
				`frr_renderer_object_problems{kind="BGPPeer",object_name="crooked",object_namespace="metallb-system",reason="InvalidValue",severity="error"} 1`)
			l.stop()
			l.run()
			l.shows(loaded, stale)
			l.put("crooked", peer("crooked", "10.0.0.3", 64503))
			l.shows(loaded, fresh)
			l.put("crooked", broken)
			l.shows(loaded, stale)
			l.remove("crooked")
			l.shows(loaded, fresh)
			l.lacks("10.0.0.3")
		})
	})
}
