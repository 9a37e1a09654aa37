package gdc

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/agent"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gdc/network"
	"github.com/frr-renderer/frr-renderer/test/frr/product"
)

// running is a lab where "frr-renderer run --gdc" works on each node, from one directory of manifests.
type running struct {
	*lab
	dir, text string
	agents    map[string]*fabric.Program
	as        []string // what goes before the program's command, to be somebody else
}

// run starts the product on all nodes. The placed floating IPs stand in the status of the group.
func run(t *testing.T, l *lab, name string, placed map[string]string, args ...string) *running {
	t.Helper()
	text, err := os.ReadFile("cases/" + name + "/in.yaml")
	require.NoError(t, err)
	r := &running{lab: l, dir: t.TempDir(), text: string(text), agents: map[string]*fabric.Program{}}
	r.put(placed)
	for node := range l.engines {
		r.start(node, args...)
	}
	return r
}

// put writes the manifests, as careful editors do, with the floating IPs placed.
func (r *running) put(placed map[string]string) {
	r.t.Helper()
	status, err := json.Marshal(placed)
	require.NoError(r.t, err)
	before, after, found := strings.Cut(r.text, "  - 10.0.2.100\n")
	require.True(r.t, found)
	text := before + "  - 10.0.2.100\nstatus: {floatingIPs: " + string(status) + "}\n" + after
	beside := filepath.Join(r.dir, ".objects.tmp")
	require.NoError(r.t, os.WriteFile(beside, []byte(text), 0o644))
	require.NoError(r.t, os.Rename(beside, filepath.Join(r.dir, "objects.yaml")))
	read, err := source.Read([]string{r.dir}, source.Options{})
	require.NoError(r.t, err)
	sessions := r.objects.GDC.Sessions
	r.objects = read.Objects
	r.objects.GDC.Sessions = sessions
	r.assign()
}

func (r *running) start(node string, args ...string) {
	r.t.Helper()
	log := filepath.Join(r.dir, "."+node+".log")
	words := slices.Concat(r.as, []string{product.Path(r.t), "run", "--gdc", "-f", r.dir, "--node", node, "--log-level", "debug"}, args)
	agent, err := fabric.StartLogged(r.Node(node).Command(context.Background(), words[0], words[1:]...), log)
	require.NoError(r.t, err)
	r.agents[node] = agent
	r.t.Cleanup(func() {
		if r.t.Failed() {
			defer func() { r.t.Logf("log of %s:\n%s", node, product.LastWords(log)) }()
		}
		r.stop(node)
	})
}

// stop ends the agent as a service manager does.
func (r *running) stop(node string) {
	if r.agents[node] == nil {
		return
	}
	end := os.Signal(os.Interrupt)
	if r.t.Failed() {
		end = syscall.SIGQUIT
	}
	if err := r.agents[node].End(end); err != nil {
		r.t.Errorf("frr-renderer of %s has ended by itself: %v", node, err)
	}
	delete(r.agents, node)
}

// status is what the agent of a node says.
func (r *running) status(node string) *agent.Report {
	r.t.Helper()
	out, _ := fabric.Run(r.t, r.Node(node).Command(r.t.Context(), product.Path(r.t), "status", "-o", "json"))
	var view struct{ Agent *agent.Report }
	require.NoError(r.t, json.Unmarshal([]byte(out), &view), out)
	if view.Agent == nil {
		return &agent.Report{}
	}
	return view.Agent
}

// ready waits until the agents have applied all.
func (r *running) ready() {
	r.t.Helper()
	for node := range r.agents {
		r.eventually(func() bool { return r.status(node).Ready() }, func() string { return node + " is not ready: " + r.status(node).Failure })
	}
}

// has tells whether an address is on the lo of a node.
func (r *running) has(node, address string) bool {
	r.t.Helper()
	return strings.Contains(r.IP(node, "-o", "addr", "show", "dev", "lo"), " "+address+"/")
}

// several waits until the routers that receive several paths are told all next hops.
func (r *running) several(tors []network.Tor) {
	r.t.Helper()
	r.up()
	// The one reset for it may come at any moment.
	r.eventually(func() bool { return r.seen() == len(r.assignment.FloatingIPs) }, func() string { return "one of two routers receives several paths" })
	r.assign()
	for _, tor := range tors {
		r.told(tor)
	}
}

// goodbyes count the notifications that routers have had from a floating IP.
func (r *running) goodbyes(tors []network.Tor, floating string) map[string]int {
	r.t.Helper()
	out := map[string]int{}
	for _, tor := range tors {
		s, err := r.Node(tor.Name).Session(r.t.Context(), "", floating)
		require.NoError(r.t, err)
		var said struct {
			MessageStats struct{ NotificationsRecv int }
		}
		require.NoError(r.t, json.Unmarshal(s.Raw, &said))
		out[tor.Name] = said.MessageStats.NotificationsRecv
	}
	return out
}

var placed = map[string]string{"10.0.1.100": "n1", "10.0.2.100": "n3"}

func TestRunHoldsFloatingIPsAndMovesThem(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		tors := twoTors(v)
		r := run(t, newLab(t, v, threeMachines, tors, twoFloating), "example-10-all-nodes-same-peers", placed, "--refuse-resets")
		r.several(tors)
		require.True(t, r.has("n1", "10.0.1.100"))
		require.True(t, r.has("n3", "10.0.2.100"))
		require.NotContains(t, fmt.Sprint(r.status("n1").Problems), "Node", "only the Cluster has a problem")
		r.noRoutes()

		moved := func(_ string, s fabric.Session) bool { return s.VRF == "gw-10.0.1.100" || s.Neighbor == "10.0.1.100" }
		r.undisturbed(moved, func() {
			for _, to := range []string{"n2", "n1"} {
				before := r.goodbyes(tors, "10.0.1.100")
				start := time.Now()
				r.put(map[string]string{"10.0.1.100": to, "10.0.2.100": "n3"})
				for _, tor := range []string{"10.8.0.10", "10.8.0.11"} {
					_, err := r.Node(to).WaitEstablished(t.Context(), "gw-10.0.1.100", tor)
					require.NoError(t, err)
				}
				t.Logf("planned move to %s: both sessions Established again after %s", to, time.Since(start).Round(time.Millisecond))
				for name, count := range r.goodbyes(tors, "10.0.1.100") {
					require.Greater(t, count, before[name], "%s was told that the session ends", name)
				}
				r.several(tors)
			}
		})
		require.False(t, r.has("n2", "10.0.1.100"))
		r.noRoutes()
	})
}

func TestRunKeepsItsPartAcrossRestarts(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		tors := twoTors(v)
		r := run(t, newLab(t, v, threeMachines, tors, twoFloating), "example-10-all-nodes-same-peers", placed)
		r.several(tors)
		r.ready()
		r.undisturbed(nobody, func() {
			for _, node := range []string{"n1", "n3"} {
				r.stop(node)
				require.True(t, r.has(node, map[string]string{"n1": "10.0.1.100", "n3": "10.0.2.100"}[node]), "it stays when the program ends")
				r.start(node)
			}
			r.ready()
			for _, tor := range tors {
				r.told(tor)
			}
		})

		require.NoError(t, r.Node("n1").Restart(t.Context(), "bgpd"))
		r.several(tors)
		require.True(t, r.has("n1", "10.0.1.100"))
		r.noRoutes()
	})
}

// The agent of a holder is away, and another node is named, which finds that the address is taken: all sessions stay, that of the named node with the holder
// among them.
func TestRunWronglyNamedStaysANextHop(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		tors := twoTors(v)
		r := run(t, newLab(t, v, threeMachines, tors, twoFloating), "example-10-all-nodes-same-peers", placed)
		r.several(tors)
		r.ready()
		r.stop("n1")
		r.undisturbed(nobody, func() {
			r.put(map[string]string{"10.0.1.100": "n2", "10.0.2.100": "n3"})
			taken := func() bool {
				return strings.Contains(fmt.Sprint(r.status("n2").Problems), "floating IP 10.0.1.100 is not held here: ")
			}
			r.eventually(taken, func() string { return "n2 does not say that another has the address" })
			r.stop("n2") // it starts anew, too
			r.start("n2")
			r.eventually(taken, func() string { return "n2 does not say so again" })
			r.ready()
			r.put(placed)
			r.start("n1")
			r.ready()
		})
		require.True(t, r.has("n1", "10.0.1.100"))
		require.False(t, r.has("n2", "10.0.1.100"))
		r.several(tors)
	})
}

func TestRunCarriesIPv6(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		tors := twoTors(v)
		r := run(t, newLab(t, v, threeMachines, tors, twoFloating), "example-09-dual-stack", placed, "--confirm", "3s")
		r.up()
		for _, tor := range tors[1:] {
			r.told(tor)
		}
		require.True(t, r.has("n1", "fd01::10"))
		require.False(t, r.has("n2", "fd01::11"))
		r.put(map[string]string{"10.0.1.100": "n2", "10.0.2.100": "n3"})
		r.up()
		for _, tor := range tors[1:] {
			r.told(tor)
		}
		require.False(t, r.has("n1", "fd01::10"))
		require.True(t, r.has("n2", "fd01::11"))
	})
}

func TestRunRefusesToBeAGatewayWhereBGPDListensOn179(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v, threeMachines, twoTors(v), twoFloating)
		n1 := l.Node("n1")
		n1.Spec.BGPDArgs = nil
		require.NoError(t, n1.Restart(t.Context(), "bgpd"))
		r := run(t, l, "example-10-all-nodes-same-peers", placed)
		_, err := r.Node("n3").WaitEstablished(t.Context(), "gw-10.0.2.100", "10.8.0.10")
		require.NoError(t, err)
		r.eventually(func() bool {
			for _, p := range r.status("n1").Problems {
				if p.Reason == problem.NotHealthy && strings.Contains(p.Message, "start bgpd with -p 1790") {
					return true
				}
			}
			return false
		}, func() string { return "n1 does not say why it is no gateway" })
		r.eventually(func() bool { return r.status("n1").Ready() }, func() string { return "the rest of the node works" })
		r.eventually(func() bool { return !r.has("n1", "10.0.1.100") }, func() string { return "n1 holds a floating IP" })
		config, err := n1.RunningConfig(t.Context())
		require.NoError(t, err)
		require.Contains(t, config, "network 203.0.113.1/32")

		n1.Spec.BGPDArgs = []string{"-p", "1790"}
		require.NoError(t, n1.Restart(t.Context(), "bgpd"))
		_, err = n1.WaitEstablished(t.Context(), "gw-10.0.1.100", "10.8.0.10")
		require.NoError(t, err)
		require.Equal(t, netip.MustParseAddr("10.0.1.100"), r.assignment.FloatingIPs[0].Address)
	})
}

func TestRunWithoutRightsSaysSoAndDoesTheRest(t *testing.T) {
	v := fabric.V103
	r := run(t, newLab(t, v, threeMachines, twoTors(v), twoFloating), "example-10-all-nodes-same-peers", placed)
	r.stop("n1")
	r.as = []string{"setpriv", "--bounding-set", "-net_admin,-net_raw"}
	r.IP("n1", "addr", "flush", "dev", "lo", "label", "lo:frr-fip")
	r.start("n1")
	r.eventually(func() bool {
		return strings.Contains(fmt.Sprint(r.status("n1").Problems), "floating IP 10.0.1.100 can't be held here: ") &&
			strings.Contains(fmt.Sprint(r.status("n1").Problems), "the process needs the capability NET_RAW (securityContext.capabilities.add of its container)")
	}, func() string { return fmt.Sprint("n1 does not say which right is missing: ", r.status("n1").Problems) })
	r.ready()
	config, err := r.Node("n1").RunningConfig(t.Context())
	require.NoError(t, err)
	require.Contains(t, config, "network 203.0.113.1/32")
	_, err = r.Node("n1").WaitEstablished(t.Context(), "", "10.0.2.100")
	require.NoError(t, err, "it is a next hop by the other gateway")
}
