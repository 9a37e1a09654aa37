package frr

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/golden"
)

// everyHalf makes the product look for drift often enough for a test.
var everyHalf = []string{"--drift-interval", "500ms"}

func (l *lab) running() string {
	l.t.Helper()
	text, err := l.node.RunningConfig(l.t.Context())
	require.NoError(l.t, err)
	return text
}

// FRR that was restarted empty, FRR that was started from the file that the product wrote, and a line that somebody typed.
func TestScenarioFRRRestartsAndDrifts(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l := start(t, rack(v, tor(other, 64501)), map[string]string{"base": basics + toTor1}, everyHalf...)
		l.up("tor1")
		l.arrives("tor1", "192.0.2.10/32", nil)
		l.eventually("frr.conf is written", 5*time.Second, func() bool { return l.frrConf() != "" })

		l.undisturbed(func() {
			l.step()
			_, err := l.node.Vtysh(t.Context(), "-c", "configure", "-c", "router bgp 64500", "-c", "address-family ipv4 unicast", "-c", "network 203.0.113.1/32")
			require.NoError(t, err)
			l.said("no network 203.0.113.1/32")
			l.eventually("the stranger is gone", 5*time.Second, func() bool { return !strings.Contains(l.running(), "203.0.113.1") })
			_, err = l.node.Vtysh(t.Context(), "-c", "configure", "-c", "router bgp 64500", "-c", "address-family ipv4 unicast", "-c", "no network 192.0.2.10/32")
			require.NoError(t, err)
			l.eventually("the missing line is back", 5*time.Second, func() bool { return strings.Contains(l.running(), "network 192.0.2.10/32") })
			l.measures("drift_found_total 2", "drift_repaired_total 2", "drift_lines 0")
			require.NoError(t, os.Remove(filepath.Join(l.node.ConfDir(), "frr.conf")))
			l.eventually("frr.conf is back", 5*time.Second, func() bool { return l.frrConf() != "" })
		})
		before := l.running()

		require.NoError(t, l.node.Restart(t.Context()))
		l.eventually("an empty FRR is configured again", 8*time.Second, func() bool { return l.running() == before })
		l.up("tor1")
		l.arrives("tor1", "192.0.2.10/32", nil)
		l.measures("drift_found_total 2", "ready 1") // nobody has changed it by hand

		l.stop()
		require.NoError(t, l.node.Restart(t.Context()))
		said, err := l.node.Boot(t.Context())
		require.NoError(t, err)
		require.Empty(t, golden.Complaints(said))
		require.Equal(t, before, l.running(), "FRR starts from frr.conf as it was left")
		l.up("tor1")
		l.step()
		l.undisturbed(func() {
			l.run(everyHalf...)
			l.put("api", service("api", "", "192.0.2.20"))
			l.arrives("tor1", "192.0.2.20/32", nil)
		})
		require.Len(t, l.applied(), 1, "nothing but the new Service is sent")
	})
}

func (l *lab) frrConf() string {
	text, _ := os.ReadFile(filepath.Join(l.node.ConfDir(), "frr.conf"))
	return string(text)
}

func TestScenarioInvalidObjectKeepsItsLastGoodFormAcrossARestart(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l := start(t, rack(v, tor(other, 64501)), map[string]string{"base": basics, "tor1": toTor1})
		l.up("tor1")
		l.arrives("tor1", "192.0.2.10/32", nil)
		l.eventually("the state is kept", 5*time.Second, func() bool {
			_, err := os.Stat(filepath.Join(l.node.ConfDir(), "frr-renderer.last-good.json"))
			return err == nil
		})
		l.undisturbed(func() {
			l.stop()
			l.put("tor1", peer("tor1", "nowhere", 64501))
			l.step()
			l.run()
			l.said("metallb-system/tor1 spec.peerAddress")
			l.put("api", service("api", "", "192.0.2.20"))
			l.arrives("tor1", "192.0.2.20/32", nil)
			require.Len(t, l.applied(), 1)
		})
	})
}

func TestScenarioPeersComeAndGo(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l := start(t, rack(v, tor(other, 64501), tor(v, 64502)), map[string]string{"base": basics, "tor1": toTor1, "tor2": toTor2})
		l.up("tor1", "tor2")
		l.arrives("tor1", "192.0.2.10/32", nil)

		before := l.sessions(l.Node("tor2"))
		l.remove("tor1")
		l.vanishes("tor1", "192.0.2.10/32")
		l.put("tor1", toTor1)
		l.arrives("tor1", "192.0.2.10/32", nil)
		require.Empty(t, fabric.Disturbed(before, l.sessions(l.Node("tor2"))), "the other peer")

		l.remove("tor1")
		l.remove("tor2")
		l.eventually("the last peer is gone", 5*time.Second, func() bool { return !strings.Contains(l.running(), "neighbor") })
		l.vanishes("tor2", "192.0.2.10/32")

		l.put("tor2", toTor2)
		l.up("tor2")
		_, err := l.Node("tor2").Load(t.Context(), "router bgp 64502\n neighbor 10.0.0.11 remote-as 64999\nexit\n")
		require.NoError(t, err)
		l.put("tor2", spec("BGPPeer", "tor2", "myASN: 64999, peerASN: 64502, peerAddress: 10.0.0.2, connectTime: 1s"))
		l.arrives("tor2", "192.0.2.10/32", func(r fabric.Route) bool { return r.ASPath == "64999" })
	})
}

func TestScenarioExtrasPermitInboundRoutes(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		tor1 := tor(other, 64501, "no bgp network import-check")
		tor1.Config += "router bgp 64501\n address-family ipv4 unicast\n  network 203.0.113.0/24\n exit-address-family\nexit\n"
		extras := func(text string) string { return object("ConfigMap", "bgpextras", "data:\n  extras: |\n    "+text) }
		l := start(t, rack(v, tor1), map[string]string{"base": basics + toTor1})
		l.up("tor1")
		l.arrives("tor1", "192.0.2.10/32", nil)
		l.absent("node1", "203.0.113.0/24")
		l.undisturbed(func() {
			l.put("extras", extras("route-map 10.0.0.1-in permit 20"))
			l.arrives("node1", "203.0.113.0/24", nil)

			l.step()
			l.put("extras", extras("route-map 10.0.0.1-in permit twenty"))
			l.put("api", service("api", "", "192.0.2.20"))
			l.said("bgpextras")
			l.arrives("tor1", "192.0.2.20/32", nil)

			l.remove("extras")
			l.vanishes("node1", "203.0.113.0/24")
		})
	})
}

func TestScenarioNodeLabels(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		onRack := "nodeSelectors: [{matchLabels: {rack: a}}]"
		l := start(t, rack(v, tor(other, 64501), tor(v, 64502)), map[string]string{
			"node": node("rack: b"),
			"base": pool + web + toTor1 + peer("tor2", "10.0.0.2", 64502, onRack) + service("api", "app: api", "192.0.2.20") +
				spec("BGPAdvertisement", "everywhere", "serviceSelectors: [{matchLabels: {app: web}}]") +
				spec("BGPAdvertisement", "here", "serviceSelectors: [{matchLabels: {app: api}}], "+onRack),
		})
		l.up("tor1")
		l.arrives("tor1", "192.0.2.10/32", nil)
		l.absent("tor1", "192.0.2.20/32")
		before := l.sessions(l.Node("tor1"))

		l.put("node", node("rack: a"))
		l.up("tor1", "tor2")
		for _, tor := range []string{"tor1", "tor2"} {
			l.arrives(tor, "192.0.2.10/32", nil)
			l.arrives(tor, "192.0.2.20/32", nil)
		}
		l.put("node", node(""))
		l.vanishes("tor1", "192.0.2.20/32")
		l.vanishes("tor2", "192.0.2.10/32")
		l.arrives("tor1", "192.0.2.10/32", nil)
		require.Empty(t, fabric.Disturbed(before, l.sessions(l.Node("tor1"))))
	})
}

func TestScenarioTemplateOverlay(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		own, err := os.ReadFile("../../templates/neighbor.tmpl")
		require.NoError(t, err)
		require.Contains(t, string(own), "description {{")
		overlay := t.TempDir()
		put := func(text string) {
			require.NoError(t, os.WriteFile(filepath.Join(overlay, "neighbor.tmpl"), []byte(text), 0o644))
		}
		l := start(t, rack(v, tor(other, 64501)), map[string]string{"base": basics + toTor1}, "--templates", overlay)
		l.up("tor1")
		l.undisturbed(func() {
			put(strings.Replace(string(own), "description {{", "description rack-{{", 1))
			l.eventually("the overlay is used", 5*time.Second, func() bool { return strings.Contains(l.running(), "description rack-tor1") })
			for _, broken := range []string{"{{ if }}", strings.Replace(string(own), "description {{", "decsription {{", 1)} {
				l.step()
				put(broken)
				l.said("TemplateBroken")
				require.Contains(t, l.running(), "description rack-tor1", "the last good output stays")
			}
			l.step()
			put(string(own))
			l.eventually("the own template is used again", 5*time.Second, func() bool { return strings.Contains(l.running(), "description tor1") })
		})
	})
}
