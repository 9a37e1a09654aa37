package faults

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/frr/cluster/lab"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gobgp"
	"github.com/frr-renderer/frr-renderer/test/frr/manifest"
)

// The short form, without flags, is for every run of the tests; "make test-long" has longer ones.
var (
	long  = flag.Bool("long", false, "API servers are away for minutes, ours is killed a hundred times, and every pair of FRR versions is restarted")
	crowd = flag.Int("crowd", 1000, "how many Services arrive at once")
)

func TestMain(m *testing.M) {
	os.Exit(lab.Main(m))
}

// each runs f on each version of FRR, side by side with all else.
func each(t *testing.T, f func(t *testing.T, v fabric.Version)) {
	fabric.EachVersion(t, func(t *testing.T, v, _ fabric.Version) { f(t, v) })
}

// alone runs f on each version of FRR, while no other test runs: for what all of them would feel.
func alone(t *testing.T, f func(t *testing.T, v fabric.Version)) {
	for _, v := range fabric.Versions() {
		t.Run(string(v), func(t *testing.T) {
			fabric.Require(t, v)
			f(t, v)
		})
	}
}

// patience is how long anything is waited for that mostly takes a moment: the sidecar calls an API server that was away again within 12 s.
const patience = 2 * time.Minute

// attempts is how many requests must have failed until a fault has lasted: each of the ten kinds that are watched was tried several times.
const attempts = 20

// faultLab is a node with the product, and a peer that writes down what it hears. The way to the API server leads through a gate that can be
// shut and a proxy that can answer badly.
type faultLab struct {
	*lab.Lab
	t    *testing.T
	node *fabric.Node
	side *lab.Sidecar
	tor  *gobgp.Peer
	way
}

// way is a way to the API server.
type way struct {
	gate       *apiserver.Gate
	proxy      *apiserver.Proxy
	kubeconfig string
}

// newFaultLab runs the product with the base objects, and waits until the peer has their routes.
func newFaultLab(t *testing.T, v fabric.Version, args ...string) *faultLab {
	t.Helper()
	l := newQuietLab(t, v)
	l.Apply(base()...)
	l.run(args...)
	l.hears(address(10), address(11))
	return l
}

// newQuietLab is one in which no product runs yet and no object is.
func newQuietLab(t *testing.T, v fabric.Version) *faultLab {
	t.Helper()
	l := &faultLab{Lab: lab.New(t, lab.Rack(v, 1, fabric.NodeSpec{})), t: t}
	l.node, l.side = l.Node("node1"), l.Sidecar("node1")
	l.tor = l.peer("10.0.0.1", "")
	l.way = l.newWay()
	return l
}

// peer is a router of AS 64501 at tor1.
func (l *faultLab) peer(at, password string) *gobgp.Peer {
	return gobgp.Start(l.t, l.Node("tor1"), gobgp.Config{
		AS: 64501, Address: netip.MustParseAddr(at), Neighbor: netip.MustParseAddr("10.0.0.11"), Password: password, Unheard: 3 * time.Second,
	})
}

// newWay leads to the API server as the sidecar's user.
func (l *faultLab) newWay() way {
	l.t.Helper()
	user, err := clientcmd.BuildConfigFromFlags("", l.side.Kubeconfig())
	require.NoError(l.t, err)
	proxy := apiserver.NewProxy(l.t, l.API().Address, user)
	listener, err := l.node.Listen(l.t.Context(), "", net.ListenConfig{}, "tcp", "127.0.0.1:0")
	require.NoError(l.t, err)
	gate := apiserver.NewGate(l.t, listener, proxy.Address())
	return way{gate, proxy, proxy.Kubeconfig(l.t, gate.Address())}
}

func (l *faultLab) run(args ...string) {
	l.t.Helper()
	l.side.Start(append([]string{"--kubeconfig", l.kubeconfig}, args...)...)
}

// restart kills the product and starts it again.
func (l *faultLab) restart(args ...string) {
	l.t.Helper()
	l.side.Kill()
	l.run(args...)
}

// pid is the product's process, as soon as it runs: it begins as the program that enters the node.
func (l *faultLab) pid() int {
	l.t.Helper()
	pid := 0
	l.eventually("the product runs", func() bool {
		entries, err := os.ReadDir("/proc")
		require.NoError(l.t, err)
		for _, e := range entries {
			line, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
			words := strings.Split(string(line), "\x00")
			if len(words) > 1 && words[1] == "run" && slices.Contains(words, l.kubeconfig) {
				pid, err = strconv.Atoi(e.Name())
				require.NoError(l.t, err)
			}
		}
		return pid != 0
	})
	return pid
}

// The objects.

// base are a session, a pool that it is announced, and two Services.
func base(more ...string) []string {
	return append([]string{
		manifest.Peer("tor1", "10.0.0.1", 64501),
		manifest.Spec("IPAddressPool", "pool", "addresses: [192.0.2.0/24, 198.18.0.0/15]"),
		manifest.Spec("BGPAdvertisement", "all", `communities: ["64500:1"]`),
		service(10), service(11),
	}, more...)
}

// address is that of a Service by its number, and service the Service.
func address(n int) netip.Prefix {
	if n < 256 {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), 32)
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 198<<24|18<<16+uint32(n))
	return netip.PrefixFrom(netip.AddrFrom4(b), 32)
}

func name(n int) string { return fmt.Sprint("service-", n) }

func service(n int) string { return manifest.Service(name(n), "", address(n).Addr().String()) }

// What the peer hears.

func (l *faultLab) within() context.Context {
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	l.t.Cleanup(cancel)
	return ctx
}

// hears waits for routes.
func (l *faultLab) hears(prefixes ...netip.Prefix) {
	l.t.Helper()
	for _, p := range prefixes {
		_, err := l.tor.WaitPath(l.within(), p, nil)
		require.NoError(l.t, err)
	}
}

// keeps waits until frr.conf has the prefixes, for FRR's next start: it is written after FRR was seen running them, so after a peer may have heard.
func (l *faultLab) keeps(prefixes ...netip.Prefix) {
	l.t.Helper()
	l.eventually(fmt.Sprintf("frr.conf has %v", prefixes), func() bool {
		text, err := os.ReadFile(filepath.Join(l.node.ConfDir(), "frr.conf"))
		return err == nil && !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return !strings.Contains(string(text), "network "+p.String()+" ") })
	})
}

// loses waits for the end of routes.
func (l *faultLab) loses(prefixes ...netip.Prefix) {
	l.t.Helper()
	for _, p := range prefixes {
		require.NoError(l.t, l.tor.WaitNoPath(l.within(), p))
	}
}

// watched is a time in which the peer is listened to.
type watched struct {
	l              *faultLab
	mark, sessions int
	// table is what the peer had at the beginning.
	table []string
}

// listen begins to watch what the peer hears.
func (l *faultLab) listen() watched {
	return watched{l, l.tor.Mark(), l.tor.Sessions(), table(l.tor.Table())}
}

func table(paths []gobgp.Path) []string {
	var out []string
	for _, p := range paths {
		out = append(out, fmt.Sprint(p.Prefix, p.NextHop, p.ASPath, p.Communities, p.LargeCommunities, p.MED))
	}
	return out
}

// heardNothing shows that no route has come, gone or changed, and that the session is the same.
func (w watched) heardNothing() { w.l.t.Helper(); w.heardOnly(nil, nil) }

// heardOnly shows that no other routes have come, or have gone, than these, and that the session is the same. FRR may say again what it had said
// just before.
func (w watched) heardOnly(came, gone []netip.Prefix) {
	w.l.t.Helper()
	require.True(w.l.t, w.l.tor.Established())
	require.Equal(w.l.t, w.sessions, w.l.tor.Sessions(), "the session was lost")
	for _, u := range w.l.tor.Since(w.mark) {
		for _, p := range u.Announced {
			if !slices.Contains(w.table, table([]gobgp.Path{p})[0]) {
				require.Contains(w.l.t, came, p.Prefix, "announced")
			}
		}
		for _, p := range u.Withdrawn {
			require.Contains(w.l.t, gone, p.Prefix, "withdrawn")
		}
	}
}

func (l *faultLab) eventually(what string, ok func() bool) {
	l.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(30 * time.Millisecond) {
		require.True(l.t, time.Now().Before(end), "not within %s: %s", patience, what)
	}
}

// ready waits until the product says that FRR runs what was asked for last.
func (l *faultLab) ready() {
	l.t.Helper()
	l.Eventually("the sidecar is ready", func() error { return l.readiness() })
}

func (l *faultLab) readiness() error {
	_, err := l.node.HTTP(l.t.Context(), "http://127.0.0.1:17472/readyz")
	return err
}

// says waits for words in the product's log that came after a mark.
func (l *faultLab) says(mark int, words string) {
	l.t.Helper()
	l.eventually("the log says "+words, func() bool { return strings.Contains(l.side.Log()[mark:], words) })
}

// working shows that the product does its work: a new Service comes, and another one goes.
func (l *faultLab) working(n int) {
	l.t.Helper()
	l.Apply(service(n))
	l.hears(address(n))
	l.Delete("Service", name(n))
	l.loses(address(n))
}
