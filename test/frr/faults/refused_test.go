package faults

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/manifest"
)

// FRR refuses the address of a neighbor that is the node's own, which no Node object tells here. The object is left out and named with its
// field; everything else is applied and kept, and nothing is tried again and again.
func TestALineIsRefusedInTheMiddle(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		a, b := l.learn()
		wrong := spec("BGPPeer", "crooked", "myASN: 64500, peerASN: 64599, peerAddress: "+own)
		l.step()
		l.put(b.objects + wrong)
		l.comesTo(b.runs, seconds(10))
		l.hear(b.hears)
		l.says("metallb-system/crooked spec.peerAddress")
		require.Contains(t, l.said(), "write that of the router")
		require.Contains(t, l.said(), "RefusedByFRR")
		require.NotContains(t, l.said(), "can't be brought to its configuration")
		l.eventually("the last good forms of all others are kept", seconds(5), func() bool {
			text, _ := os.ReadFile(filepath.Join(l.node.ConfDir(), "frr-renderer.last-good.json"))
			return l.kept() == "after" && strings.Contains(string(text), `"tor9"`) && !strings.Contains(string(text), "crooked")
		})
		l.quiet()
		l.arm(0, nil)
		l.put(b.objects + wrong + service("more", "192.0.2.10")) // nothing new for FRR
		l.quiet()
		require.Empty(t, l.passed(), "it is not tried again")
		l.put(a.objects + wrong)
		l.hear(a.hears)
		l.comesTo(a.runs, seconds(10))

		l.step()
		l.put(a.objects + strings.Replace(wrong, own, "10.0.0.66", 1))
		l.says("a problem is gone")
		l.eventually("the mended object is used", seconds(5), func() bool {
			return strings.Contains(strings.Join(l.runs(), "\n"), "neighbor 10.0.0.66 remote-as 64599")
		})
		l.safe("in the end")
	})
}

// A neighbor that works is changed to the node's own address, which FRR refuses. Where the Node object has the address, the change is left out
// and the session stays. FRR alone knows others: it refuses the new neighbor when the old one is gone, and that comes back at once.
func TestAWorkingNeighborKeepsItsLastGoodForm(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.before = strings.Replace(before, manifest.Node(""), manifest.Node("")+"status: {addresses: [{type: InternalIP, address: "+own+"}]}\n", 1)
		require.NotEqual(t, before, l.before)
		a, _ := l.learn()
		const other = "10.0.0.12"
		_, err := l.exec("ip", "address", "add", other+"/24", "dev", "eth0")
		require.NoError(t, err)
		for _, c := range []struct {
			address string
			resets  int
		}{{own, 0}, {other, 1}} {
			sessions := l.tors[0].Sessions()
			l.step()
			l.arm(0, nil)
			l.put(strings.Replace(a.objects, `peerAddress: "10.0.0.1"`, "peerAddress: "+c.address, 1))
			l.says("metallb-system/tor1 spec.peerAddress")
			l.says("its last good form stays in use")
			l.comesTo(a.runs, seconds(10))
			l.hear(a.hears)
			l.safe("with the last good form")
			l.quiet()
			sent := slices.ContainsFunc(l.passed(), func(line string) bool { return strings.Contains(line, "neighbor 10.0.0.1") })
			require.Equal(t, c.resets > 0, sent, "%s: %v", c.address, l.passed())
			l.eventually("the session", seconds(20), func() bool { return l.tors[0].Established() && l.tors[0].Sessions() >= sessions+c.resets })
			require.Equal(t, sessions+c.resets, l.tors[0].Sessions(), c.address)
			l.put(a.objects)
			l.says("a problem is gone")
		}
	})
}

// Extras that the parser takes and bgpd does not.
func TestALineOfExtrasIsRefused(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		_, b := l.learn()
		l.step()
		l.put(b.objects + object("ConfigMap", "bgpextras", "data:\n  extras: |\n    router bgp 64500\n     neighbor 10.9.9.9 description nobody"))
		l.comesTo(b.runs, seconds(10))
		l.hear(b.hears)
		l.says("bgpextras data[extras]")
		require.Contains(t, l.said(), "neighbor 10.9.9.9 description nobody")
		l.eventually("the rest is kept", seconds(5), func() bool { return l.kept() == "after" })
	})
}

// A neighbor one of whose lines is refused is not put to work, nor is an entry of a route-map that lacks a condition.
func TestReloadWithALineThatIsRefused(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		good := "router bgp 64500\n no bgp ebgp-requires-policy\n no bgp default ipv4-unicast\n no bgp network import-check\n neighbor 10.0.0.1 remote-as 64501\n" +
			" neighbor 10.0.0.2 remote-as 64500\n neighbor 10.0.0.1 timers connect 1\n neighbor 10.0.0.2 timers connect 1\n address-family ipv4 unicast\n  network 192.0.2.10/32\n  neighbor 10.0.0.1 activate\n"
		bad := good + "  neighbor 10.0.0.2 activate\n  neighbor 10.0.0.2 distribute-list some out\n  neighbor 10.0.0.2 prefix-list other out\n  network 192.0.2.11/32\n"
		conf := filepath.Join(t.TempDir(), "frr.conf")
		out, code := l.cli("reload", l.file(good), "--frr-conf", conf)
		require.Zero(t, code, out)
		out, code = l.cli("reload", l.file(bad), "--frr-conf", conf)
		require.Equal(t, 1, code, out)
		require.Contains(t, out, "FRR refuses neighbor 10.0.0.2 prefix-list other out")
		require.Contains(t, out, "not applied:")
		lines := strings.Join(l.runs(), "\n")
		require.Contains(t, lines, "network 192.0.2.11/32", "the rest is applied")
		require.NotContains(t, lines, "neighbor 10.0.0.2 activate")
		kept, err := os.ReadFile(conf)
		require.NoError(t, err)
		require.Equal(t, good, string(kept), "the last good configuration")
	})
}
