package faults

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gobgp"
	"github.com/frr-renderer/frr-renderer/test/frr/manifest"
	"github.com/frr-renderer/frr-renderer/test/frr/product"
)

var (
	points = flag.Int("points", 2, "at how many points of each apply to break; 0: at all, or 150 of a large one")
	seed   = flag.Uint64("seed", 1, "which points those are")
)

func TestMain(m *testing.M) {
	product.SideBySide(12)
	os.Exit(product.Main(m))
}

// each runs f on each version of FRR, side by side.
func each(t *testing.T, f func(t *testing.T, v fabric.Version)) {
	fabric.EachVersion(t, func(t *testing.T, v, _ fabric.Version) { f(t, v) })
}

// lab is node1 with an FRR, and live peers: tor1 of another AS, tor2 and tor3 of its own. What a peer has no policy for would be sent to
// those and taken from them.
type lab struct {
	*gate
	t     *testing.T
	node  *fabric.Node
	tors  []*gobgp.Peer
	conf  string // frr.conf
	dir   string // the manifests
	log   string
	mark  int
	agent *fabric.Program
	// heard is how many UPDATEs of each peer were looked at.
	heard []int
	// before and after are what atPoints goes between.
	before, after string
	// lenient tells that the peers may hear anything meanwhile.
	lenient bool
	timeout string // of an apply
}

const own = "10.0.0.11"

func newLab(t *testing.T, v fabric.Version) *lab {
	top := fabric.Topology{
		Nodes: []fabric.NodeSpec{{Name: "node1", Version: v}, {Name: "tors"}},
		Links: []fabric.Link{{Name: "rack", Ends: []fabric.End{
			{Node: "node1", Interface: "eth0", Addresses: []string{own + "/24"}},
			{Node: "tors", Interface: "eth0", Addresses: []string{"10.0.0.1/24", "10.0.0.2/24", "10.0.0.3/24"}},
		}}},
	}
	f := fabric.New(t, top)
	node := f.Node("node1")
	l := &lab{gate: newGate(t, node), t: t, node: node, conf: filepath.Join(node.ConfDir(), "frr.conf"), dir: t.TempDir(),
		log: filepath.Join(t.TempDir(), "log"), timeout: "20s", before: before, after: after}
	for i, asn := range []uint32{64501, 64500, 64500} {
		l.tors = append(l.tors, gobgp.Start(t, f.Node("tors"), gobgp.Config{
			AS: asn, Address: netip.MustParseAddr(fmt.Sprintf("10.0.0.%d", i+1)), Neighbor: netip.MustParseAddr(own),
		}))
	}
	l.heard = make([]int, len(l.tors))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("frr-renderer's log:\n%s", product.LastWords(l.log))
			for _, tor := range l.tors {
				said, err := node.Ask(context.Background(), "bgpd", "show bgp neighbors "+tor.Config.Address.String())
				t.Logf("peer %s: %s\n%s %v", tor.Config.Address, tor, said[:min(len(said), 3000)], err)
			}
			passed := l.passed()
			t.Logf("the last lines that passed:\n%s\n%s", strings.Join(passed[max(0, len(passed)-40):], "\n"), strings.Join(l.remarks[max(0, len(l.remarks)-20):], "\n"))
		}
	})
	return l
}

// run starts the product through the gate.
func (l *lab) run(args ...string) {
	l.t.Helper()
	log, err := os.OpenFile(l.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(l.t, err)
	defer log.Close()
	words := append([]string{"run", "-f", l.dir, "--node", "node1", "--vty-dir", l.gate.dir, "--vtysh-path", l.node.VtyshPath(), "--frr-conf", l.conf,
		"--drift-interval", "1h", "--timeout", l.timeout}, args...)
	l.agent = l.launch(l.node.Command(context.Background(), product.Path(l.t), words...), log)
}

// launch starts a program, which ends with the test.
func (l *lab) launch(cmd *exec.Cmd, log *os.File) *fabric.Program {
	l.t.Helper()
	cmd.Stdout, cmd.Stderr = log, log
	p, err := fabric.Start(cmd)
	require.NoError(l.t, err)
	l.t.Cleanup(func() { _ = p.End(kill) })
	return p
}

// end ends the product.
func (l *lab) end(sig unix.Signal) {
	if l.agent == nil {
		return
	}
	_ = l.agent.End(sig)
	l.agent = nil
}

// cli runs the product once, through the gate.
func (l *lab) cli(args ...string) (string, int) {
	l.t.Helper()
	if slices.Contains([]string{"reload", "diff"}, args[0]) {
		args = append(args, "--vty-dir", l.gate.dir, "--vtysh-path", l.node.VtyshPath())
	}
	return fabric.Run(l.t, l.node.Command(l.t.Context(), product.Path(l.t), args...))
}

// product is a command of the product, without the gate.
func (l *lab) product(args ...string) *exec.Cmd {
	return l.node.Command(context.Background(), product.Path(l.t), args...)
}

// put replaces the manifests at once.
func (l *lab) put(objects string) {
	l.t.Helper()
	beside := filepath.Join(l.dir, ".all.tmp")
	require.NoError(l.t, os.WriteFile(beside, []byte(objects), 0o644))
	require.NoError(l.t, os.Rename(beside, filepath.Join(l.dir, "all.yaml")))
}

func (l *lab) step() { l.mark = len(l.said()) }

// said is the log of this step.
func (l *lab) said() string {
	data, _ := os.ReadFile(l.log)
	return string(data)[min(l.mark, len(data)):]
}

func (l *lab) says(words string) {
	l.t.Helper()
	l.eventually("the log says "+words, 15*time.Second, func() bool { return strings.Contains(l.said(), words) })
}

func (l *lab) eventually(what string, d time.Duration, ok func() bool) {
	l.t.Helper()
	for end := time.Now().Add(d); !ok(); time.Sleep(15 * time.Millisecond) {
		require.True(l.t, time.Now().Before(end), "not within %s: %s", d, what)
	}
}

// runs is what bgpd and bfdd print, as one sorted line for each line and the blocks that it stands in; empty when they don't answer.
func (l *lab) runs() []string {
	var out []string
	for _, d := range []string{"bgpd", "bfdd"} {
		lines, err := l.runsOf(d)
		if err != nil {
			return nil
		}
		out = append(out, lines...)
	}
	slices.Sort(out)
	return out
}

// runsOf is what one daemon prints.
func (l *lab) runsOf(daemon string) ([]string, error) {
	text, err := l.node.Ask(l.t.Context(), daemon, "show running-config")
	return flat(text), err
}

// flat writes the blocks that a line stands in before it.
func flat(text string) []string {
	var out, in []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n ")
		word := strings.TrimLeft(line, " ")
		switch {
		case word == "", word == "!", word == "end", strings.HasPrefix(word, "exit"), strings.HasPrefix(word, "Building"), strings.HasPrefix(word, "Current"),
			strings.HasPrefix(word, "log "), strings.HasPrefix(word, "hostname "), strings.HasPrefix(word, "service "), strings.HasPrefix(word, "frr "):
			continue
		}
		in = append(in[:min(len(in), len(line)-len(word))], word)
		out = append(out, strings.Join(in, " / "))
	}
	return out
}

// comesTo waits until FRR runs something.
func (l *lab) comesTo(wanted []string, within time.Duration) {
	l.t.Helper()
	l.becomes("what FRR runs", wanted, within, l.runs)
}

// becomes waits until something is what is wanted, or shows how it differs.
func (l *lab) becomes(what string, wanted []string, within time.Duration, look func() []string) {
	l.t.Helper()
	var now []string
	for end := time.Now().Add(within); ; time.Sleep(15 * time.Millisecond) {
		if now = look(); slices.Equal(now, wanted) {
			return
		}
		if time.Now().After(end) {
			break
		}
	}
	require.Equal(l.t, strings.Join(wanted, "\n"), strings.Join(now, "\n"), "%s, after %s", what, within)
}

// hears is what the peers hear now.
func (l *lab) hears() []string {
	var out []string
	for i, tor := range l.tors {
		for _, p := range tor.Table() {
			out = append(out, route(i, p))
		}
	}
	return out
}

func route(tor int, p gobgp.Path) string {
	return fmt.Sprintf("tor%d %s via %s as %v communities %v %v preference %d med %d", tor+1, p.Prefix, p.NextHop, p.ASPath, p.Communities,
		p.LargeCommunities, p.LocalPref, p.MED)
}

// hear waits until the peers hear exactly some routes.
func (l *lab) hear(wanted []string) {
	l.t.Helper()
	l.becomes("what the peers hear", wanted, 40*time.Second, l.hears) // bgpd looks for a lost zebra every 10 s
}

// may tells whether a peer may hear a route: the configuration before, or the wanted one, sends its prefix to peers of that policy. Of a class
// whose attributes change, old and new ones may stand together until the apply is through.
func may(tor int, p gobgp.Path) bool {
	preference := p.LocalPref == 100
	if tor == 0 {
		preference = !p.HasLocalPref
	}
	if netip.MustParsePrefix("198.18.0.0/15").Contains(p.Prefix.Addr()) {
		return slices.Equal(p.Communities, []string{"64500:11"}) && preference
	}
	switch p.Prefix.String() {
	case "192.0.2.10/32", "192.0.2.11/32", "192.0.2.12/32":
		return len(p.Communities) == 0 && preference
	case "203.0.113.10/32":
		return slices.Equal(p.Communities, []string{"64500:9", "64500:10"}) && preference
	case "198.51.100.10/32":
		return tor > 0 && len(p.Communities) == 1 && (p.Communities[0] == "64500:7" || p.Communities[0] == "64500:8") &&
			(p.LocalPref == 200 || p.LocalPref == 300)
	}
	return false
}

// safe looks whether a peer has heard what it must not, ever, and whether any neighbor can be reached without its policy.
func (l *lab) safe(at string) {
	l.t.Helper()
	for i, tor := range l.tors {
		updates := tor.Since(l.heard[i])
		l.heard[i] += len(updates)
		for _, u := range updates {
			for _, p := range u.Announced {
				require.True(l.t, may(i, p) || l.lenient, "%s: %s", at, route(i, p))
			}
		}
	}
	text, err := l.node.Ask(l.t.Context(), "bgpd", "show running-config")
	if err != nil {
		return // no bgpd, no neighbor
	}
	if l.lenient {
		return
	}
	require.Empty(l.t, naked(flat(text)), "%s: neighbors without policy\n%s", at, text)
}

// naked are the neighbors that are active in a family and have no route-map in one direction.
func naked(lines []string) []string {
	var out []string
	has := map[string]bool{}
	for _, l := range lines {
		has[l] = true
	}
	for _, l := range lines {
		parts := strings.Split(l, " / ")
		words := strings.Fields(parts[len(parts)-1])
		if words[0] != "neighbor" || len(parts) < 2 {
			continue
		}
		family := parts[0] + " / address-family ipv4 unicast"
		switch {
		case len(parts) == 3 && len(words) == 3 && words[2] == "activate":
			family = parts[0] + " / " + parts[1]
		case len(parts) == 2 && words[2] == "remote-as" && !has[parts[0]+" / no bgp default ipv4-unicast"] && !has[family+" / no neighbor "+words[1]+" activate"]:
		default:
			continue
		}
		for _, direction := range []string{" in", " out"} {
			if !slices.ContainsFunc(lines, func(o string) bool {
				return strings.HasPrefix(o, family+" / neighbor "+words[1]+" route-map ") && strings.HasSuffix(o, direction)
			}) {
				out = append(out, words[1]+direction+" of "+family)
			}
		}
	}
	return out
}

// provoke has bgpd send everything again, and take everything again, as any person or a session that comes up would.
func (l *lab) provoke() {
	for _, direction := range []string{"out", "in"} {
		_, _ = l.node.Ask(l.t.Context(), "bgpd", "clear bgp ipv4 unicast * soft "+direction)
	}
}

// sample are the points of an apply at which to break: all, or some by the seed. They are numbers of lines that went through, among those
// that change something.
func sample(lines []string, salt uint64) []int {
	var all []int
	for i, l := range lines {
		_, line, _ := strings.Cut(l, ": ")
		if !strings.HasPrefix(line, "show ") && line != "enable" {
			all = append(all, i)
		}
	}
	take := *points
	if take <= 0 {
		take = 150 // all of a small apply
	}
	if take >= len(all) {
		return all
	}
	r := rand.New(rand.NewPCG(*seed, salt))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return slices.Sorted(slices.Values(all[:take]))
}

// The objects.

var object, spec = manifest.Object, manifest.Spec

func peer(number, asn int, fields ...string) string {
	return manifest.Peer(fmt.Sprint("tor", number), fmt.Sprint("10.0.0.", number), asn, fields...)
}

func service(name, address string) string { return manifest.Service(name, "", address) }

func pool(name, addresses string) string {
	return spec("IPAddressPool", name, "addresses: ["+addresses+"]")
}

func adv(name, fields string) string { return spec("BGPAdvertisement", name, fields) }

// before and after are two configurations between which nearly everything changes that an apply can change: a class comes whose entry goes
// into a map in use, a class changes its communities, routes come, go and change class, neighbors come and go, BFD comes.
var (
	always = manifest.Node("") + pool("open", "192.0.2.0/24") + adv("open", "ipAddressPools: [open]") + peer(1, 64501) +
		pool("inner", "198.51.100.0/24") + service("web", "192.0.2.10") + service("db", "198.51.100.10") + peer(2, 64500)
	before = always + adv("inner", `ipAddressPools: [inner], peers: [tor2], communities: ["64500:7"], localPref: 200`) + service("old", "192.0.2.11") + peer(8, 64508)
	after  = always + adv("inner", `ipAddressPools: [inner], peers: [tor2, tor3], communities: ["64500:8"], localPref: 300`) +
		pool("marked", "203.0.113.0/24") + adv("marked", `ipAddressPools: [marked], communities: ["64500:9", "64500:10"]`) + service("cache", "203.0.113.10") +
		service("new", "192.0.2.12") + peer(3, 64500) + spec("BFDProfile", "fast", "detectMultiplier: 5, receiveInterval: 200, transmitInterval: 200") +
		peer(9, 64509, "bfdProfile: fast")
)

// state is a configuration, and what it comes to when nothing is in its way.
type state struct {
	objects string
	runs    []string
	hears   []string
	// lines went to FRR to come to it from the one before.
	lines []string
}

// learn goes from before to after and back without a fault.
func (l *lab) learn() (a, b *state) {
	l.t.Helper()
	a, b = &state{objects: l.before}, &state{objects: l.after}
	l.put(l.before)
	l.run()
	for _, s := range []*state{a, b, a} {
		l.step()
		l.arm(0, nil)
		l.put(s.objects)
		l.says("applied the configuration")
		l.quiet()
		l.eventually("every session is up", 15*time.Second, func() bool {
			return l.tors[0].Established() && l.tors[1].Established() && l.tors[2].Established() == (s == b)
		})
		s.runs = l.runs()
		s.lines = l.passed()
		time.Sleep(300 * time.Millisecond) // FRR waits for 50 ms before it sends; what must not come can't be waited for
		s.hears = l.hears()
	}
	require.NotEmpty(l.t, a.hears)
	require.NotEqual(l.t, a.hears, b.hears)
	return a, b
}

func (l *lab) kill(daemons ...string) {
	require.NoError(l.t, l.node.Kill(l.t.Context(), unix.SIGKILL, daemons...))
}

// quiet waits until nothing more is sent.
func (l *lab) quiet() {
	l.t.Helper()
	for n := -1; n != len(l.passed()); time.Sleep(150 * time.Millisecond) {
		n = len(l.passed())
	}
}

// atPoints breaks the way from before to after, and the way back, at many points: fault happens when so many lines went through, and nothing
// more goes through until it was looked at and mend has run.
func (l *lab) atPoints(salt uint64, fault, mend func()) {
	l.t.Helper()
	a, b := l.learn()
	for _, way := range []struct{ from, to *state }{{a, b}, {b, a}} {
		for _, n := range sample(way.to.lines, salt) {
			at := fmt.Sprintf("after %d lines, the last %q", n, way.to.lines[max(0, n-1)])
			l.comesTo(way.from.runs, 15*time.Second)
			l.hear(way.from.hears)
			l.safe(at)
			fired := l.arm(n, fault)
			l.put(way.to.objects)
			select {
			case <-fired:
			case <-time.After(10 * time.Second):
				l.t.Fatalf("%s: there was no such line", at)
			}
			l.provoke()
			l.safe(at)
			require.NotEmpty(l.t, l.kept(), "%s: frr.conf is whole", at)
			mend()
			l.release()
			l.comesTo(way.to.runs, 20*time.Second)
			l.hear(way.to.hears)
			l.safe(at)
			l.put(way.from.objects)
		}
		l.comesTo(way.from.runs, 15*time.Second) // or what is under way still would be counted with what comes
		l.put(way.to.objects)
	}
}

// settleDown gives FRR the time to send what the fault has made of its configuration, and looks at that.
func (l *lab) settleDown() {
	l.t.Helper()
	time.Sleep(100 * time.Millisecond)
	l.provoke()
	time.Sleep(200 * time.Millisecond)
	l.safe("what is left")
}

// kept is which configuration frr.conf holds as a whole: "before" or "after", empty for anything else.
func (l *lab) kept() string {
	text, err := l.exec("cat", l.conf)
	old, now := strings.Contains(text, "neighbor 10.0.0.8"), strings.Contains(text, "neighbor 10.0.0.9")
	switch {
	case err != nil, !strings.HasSuffix(text, "\nend\n"), old == now:
		return ""
	case old:
		return "before"
	}
	return "after"
}

// exec runs a program in the node.
func (l *lab) exec(name string, args ...string) (string, error) {
	return l.node.Exec(l.t.Context(), name, args...)
}

// boot gives FRR its frr.conf, as its start script does.
func (l *lab) boot() error {
	_, err := l.node.Boot(l.t.Context())
	return err
}

// file is a file with a text.
func (l *lab) file(text string) string {
	path := filepath.Join(l.t.TempDir(), "wanted.conf")
	require.NoError(l.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// person is somebody with a vtysh of his own, at one daemon.
type person struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func (l *lab) person(daemon string) *person {
	l.t.Helper()
	c, err := net.Dial("unix", filepath.Join(l.node.VtyDir(), daemon+".vty"))
	require.NoError(l.t, err)
	l.t.Cleanup(func() { c.Close() })
	return &person{c, l.t, bufio.NewReader(c)}
}

// types types lines, and returns what is said to the last one.
func (p *person) types(lines ...string) string {
	p.t.Helper()
	said := ""
	for _, line := range lines {
		_, err := io.WriteString(p, line+"\x00")
		require.NoError(p.t, err)
		said, err = p.r.ReadString(0)
		require.NoError(p.t, err)
		_, err = io.ReadFull(p.r, make([]byte, 3))
		require.NoError(p.t, err)
	}
	return said
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

const kill = unix.SIGKILL

func (l *lab) start(daemon string) {
	require.NoError(l.t, l.node.Start(l.t.Context(), daemon))
}
