package frr

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/manifest"
	"github.com/frr-renderer/frr-renderer/test/frr/product"
)

func TestMain(m *testing.M) {
	product.SideBySide(5)
	os.Exit(product.Main(m))
}

// scenario runs f with node1 on each version of FRR; other is the version that its first ToR shall have.
var scenario = fabric.EachVersion

// lab is node1 with the product on it, and what it is connected to.
type lab struct {
	*fabric.Fabric
	t     *testing.T
	node  *fabric.Node
	dir   string // the manifests
	log   string
	mark  int      // how much of the log an earlier step has read
	as    []string // what goes before the product's command, to be somebody else
	agent *fabric.Program
}

// rack is node1 and ToRs on one wire.
func rack(v fabric.Version, tors ...fabric.NodeSpec) fabric.Topology {
	return fabric.Rack(v, 1, tors...)
}

// tor is a router that peers with 10.0.0.11 in AS 64500 and accepts what comes; lines are added to its neighbor, at the level of the router.
func tor(v fabric.Version, asn int, lines ...string) fabric.NodeSpec {
	return fabric.NodeSpec{Version: v, Config: torConfig(asn, lines...)}
}

func torConfig(asn int, lines ...string) string {
	return fmt.Sprintf("router bgp %d\n no bgp ebgp-requires-policy\n"+
		" neighbor 10.0.0.11 remote-as 64500\n neighbor 10.0.0.11 passive\n%s"+
		" address-family ipv6 unicast\n  neighbor 10.0.0.11 activate\n exit-address-family\nexit\n", asn, indented(lines))
}

func indented(lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, " %s\n", l)
	}
	return b.String()
}

// start builds the fabric, writes the files and runs the product.
func start(t *testing.T, top fabric.Topology, files map[string]string, args ...string) *lab {
	t.Helper()
	l := prepare(t, top, files)
	l.run(args...)
	return l
}

func prepare(t *testing.T, top fabric.Topology, files map[string]string) *lab {
	t.Helper()
	f := fabric.New(t, top)
	l := &lab{Fabric: f, t: t, node: f.Node("node1"), dir: t.TempDir(), log: filepath.Join(t.TempDir(), "frr-renderer.log")}
	for name, text := range files {
		l.put(name, text)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("frr-renderer's log:\n%s", product.LastWords(l.log))
		}
	})
	return l
}

// run starts the product; it ends with the test, or by stop.
func (l *lab) run(args ...string) {
	l.t.Helper()
	var err error
	l.agent, err = fabric.StartLogged(l.product(context.Background(), append([]string{"run", "-f", l.dir, "--node", "node1"}, args...)...), l.log)
	require.NoError(l.t, err)
	l.t.Cleanup(l.stop)
}

func (l *lab) product(ctx context.Context, args ...string) *exec.Cmd {
	l.t.Helper()
	words := slices.Concat(l.as, []string{product.Path(l.t)}, args)
	return l.node.Command(ctx, words[0], words[1:]...)
}

// stop ends the product as a service manager does.
func (l *lab) stop() {
	if l.agent == nil {
		return
	}
	end := os.Interrupt
	if l.t.Failed() {
		end = syscall.SIGQUIT // a product that hangs shows where
	}
	if err := l.agent.End(end); err != nil {
		l.t.Errorf("frr-renderer has ended by itself: %v", err)
	}
	l.agent = nil
}

// put writes a manifest as careful editors do: beside, then renamed.
func (l *lab) put(name, text string) {
	l.t.Helper()
	beside := filepath.Join(l.dir, "."+name+".tmp")
	require.NoError(l.t, os.WriteFile(beside, []byte(text), 0o644))
	require.NoError(l.t, os.Rename(beside, filepath.Join(l.dir, name+".yaml")))
}

func (l *lab) remove(name string) {
	l.t.Helper()
	require.NoError(l.t, os.Remove(filepath.Join(l.dir, name+".yaml")))
}

func (l *lab) read() string {
	data, _ := os.ReadFile(l.log)
	return string(data)
}

// step forgets what the log says until now.
func (l *lab) step() { l.mark = len(l.read()) }

// said waits until the log of this step has these words.
func (l *lab) said(words string) {
	l.t.Helper()
	l.eventually("log: "+words, 10*time.Second, func() bool { return strings.Contains(l.read()[l.mark:], words) })
}

// applied waits for an apply in this step and returns the lines that were sent to bgpd and bfdd.
func (l *lab) applied() []string {
	l.t.Helper()
	l.said(`"applied the configuration"`)
	return l.lines()
}

var appliedLine = regexp.MustCompile(`level=INFO msg="applied a line" .* line=("(?:[^"\\]|\\.)*"|\S+) digest`)

func (l *lab) lines() []string {
	var out []string
	for _, m := range appliedLine.FindAllStringSubmatch(l.read()[l.mark:], -1) {
		line := m[1]
		if s, err := strconv.Unquote(line); err == nil {
			line = s
		}
		out = append(out, line)
	}
	return out
}

func (l *lab) eventually(what string, d time.Duration, ok func() bool) {
	l.t.Helper()
	for end := time.Now().Add(d); !ok(); time.Sleep(20 * time.Millisecond) {
		require.True(l.t, time.Now().Before(end), "not within %s: %s", d, what)
	}
}

// undisturbed does something and shows that every session that was there is there still, never dropped.
func (l *lab) undisturbed(do func()) {
	l.t.Helper()
	before := map[string][]fabric.Session{}
	for _, n := range l.Nodes() {
		if n.Version != fabric.None {
			before[n.Name] = l.sessions(n)
		}
	}
	do()
	for name, b := range before {
		require.Empty(l.t, fabric.Disturbed(b, l.sessions(l.Node(name))), "sessions of %s", name)
	}
}

func (l *lab) sessions(n *fabric.Node) []fabric.Session {
	l.t.Helper()
	s, err := n.Sessions(l.t.Context())
	require.NoError(l.t, err)
	return s
}

func (l *lab) up(tors ...string) {
	l.t.Helper()
	for _, name := range tors {
		_, err := l.Node(name).WaitEstablished(within(l.t, 15*time.Second), "", "10.0.0.11")
		require.NoError(l.t, err, name)
	}
	_, err := l.node.WaitAllEstablished(within(l.t, 15*time.Second))
	require.NoError(l.t, err)
}

// arrives waits for a route at a router.
func (l *lab) arrives(at, prefix string, ok func(fabric.Route) bool) fabric.Route {
	l.t.Helper()
	r, err := l.Node(at).WaitRoute(within(l.t, 8*time.Second), "", prefix, ok)
	require.NoError(l.t, err, "%s at %s", prefix, at)
	return r
}

func (l *lab) vanishes(at, prefix string) {
	l.t.Helper()
	require.NoError(l.t, l.Node(at).WaitNoRoute(within(l.t, 8*time.Second), "", prefix), "%s at %s", prefix, at)
}

func (l *lab) absent(at, prefix string) {
	l.t.Helper()
	r, err := l.Node(at).Routes(l.t.Context(), "", prefix)
	require.NoError(l.t, err)
	require.Empty(l.t, r, "%s at %s", prefix, at)
}

// cli runs the product once, inside node1.
func (l *lab) cli(args ...string) (string, int) {
	l.t.Helper()
	return fabric.Run(l.t, l.product(l.t.Context(), args...))
}

var (
	object, spec, peer, service, node = manifest.Object, manifest.Spec, manifest.Peer, manifest.Service, manifest.Node

	pool   = spec("IPAddressPool", "pool", `addresses: [192.0.2.0/24, 198.51.0.0/16, "2001:db8::/64"]`)
	adv    = spec("BGPAdvertisement", "all", "")
	web    = service("web", "app: web", "192.0.2.10")
	basics = pool + adv + web
	toTor1 = peer("tor1", "10.0.0.1", 64501)
	toTor2 = peer("tor2", "10.0.0.2", 64502)
)

func TestScenarioServiceFiles(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l := start(t, rack(v, tor(other, 64501), tor(v, 64502)), map[string]string{"base": basics + toTor1 + toTor2})
		l.up("tor1", "tor2")
		l.arrives("tor1", "192.0.2.10/32", nil)
		l.arrives("tor2", "192.0.2.10/32", nil)

		l.undisturbed(func() {
			l.step()
			l.put("api", service("api", "", "192.0.2.20"))
			l.arrives("tor1", "192.0.2.20/32", nil)
			l.arrives("tor2", "192.0.2.20/32", nil)
			require.Len(t, only(l.applied(), "network "), 1)
			require.Empty(t, without(l.applied(), "network "), "nothing else is sent")

			l.step()
			l.put("api", service("api", "", "192.0.2.21"))
			for _, tor := range []string{"tor1", "tor2"} {
				l.arrives(tor, "192.0.2.21/32", nil)
				l.vanishes(tor, "192.0.2.20/32")
			}
			require.Len(t, l.applied(), 2, "one network comes, one goes")

			l.step()
			l.remove("api")
			l.vanishes("tor1", "192.0.2.21/32")
			l.vanishes("tor2", "192.0.2.21/32")
			require.Len(t, l.applied(), 1)
			require.Contains(t, l.applied()[0], "no network 192.0.2.21/32")

			l.step()
			l.put("broken", spec("BGPPeer", "crooked", "myASN: 64500, peerASN: 64503, peerAddress: not-an-address"))
			l.said("crooked")
			require.Empty(t, l.lines(), "a broken object sends nothing")
			l.arrives("tor1", "192.0.2.10/32", nil)
		})
		out, _ := l.cli("status", "--health-addr", "127.0.0.1:17472")
		require.Contains(t, out, "crooked")
		out, code := l.cli("validate", "-f", l.dir)
		require.Contains(t, out, "crooked")
		require.NotZero(t, code)
	})
}

func only(lines []string, part string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return !strings.Contains(l, part) })
}

func without(lines []string, part string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return strings.Contains(l, part) })
}
