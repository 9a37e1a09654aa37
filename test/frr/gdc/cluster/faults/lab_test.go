package faults

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/nodereport"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gdc/cluster/lab"
	"github.com/frr-renderer/frr-renderer/test/frr/product"
	"github.com/frr-renderer/frr-renderer/test/skip"
)

var long = flag.Bool("long", false, "API server and manager are away for ten minutes, and what takes a minute to see is seen")

func TestMain(m *testing.M) {
	product.SideBySide(8)
	os.Exit(product.Main(m))
}

// each runs f on each version of FRR, side by side with all else.
func each(t *testing.T, f func(t *testing.T, v, other fabric.Version)) { fabric.EachVersion(t, f) }

const (
	first, second = "10.0.3.100", "10.0.3.101"
	web1, web2    = "203.0.113.1", "203.0.113.2"
)

var floating = []string{first, second}

// cluster is example 10 with its floating IPs in one subnet, so that either gateway can take both.
const cluster = `
apiVersion: baremetal.cluster.gke.io/v1
kind: Cluster
metadata: {name: bm, namespace: cluster-bm}
spec:
  clusterNetwork: {advancedNetworking: true}
  loadBalancer:
    mode: bundled
    type: bgp
    localASN: 65001
    bgpPeers: [{ip: 10.8.0.10, asn: 65002}, {ip: 10.8.0.11, asn: 65002}]
    addressPools: [{name: services, addresses: [203.0.113.0/24]}]
---
apiVersion: networking.gke.io/v1
kind: NetworkGatewayGroup
metadata: {name: default, namespace: cluster-bm}
spec: {floatingIPs: [10.0.3.100, 10.0.3.101]}
`

// world is a lab with traffic.
type world struct {
	*lab.Lab
	t *testing.T
	w *lab.Watch
	// traffic are the nodes that take it.
	traffic []string
	// stoodStill: the machine did.
	stoodStill *atomic.Bool
}

// apart has gateways n4 and n5 that take no traffic; n1 to n3 do.
func apart(t *testing.T, v, other fabric.Version) *world {
	return build(t, lab.Spec{
		Version: v, Tors: lab.TwoTors(v, other),
		Machines: []lab.Machine{
			{Name: "n1", Subnet: 1, Host: 10}, {Name: "n2", Subnet: 1, Host: 11}, {Name: "n3", Subnet: 2, Host: 10},
			{Name: "n4", Subnet: 3, Host: 10}, {Name: "n5", Subnet: 3, Host: 11},
		},
	}, "n1", "n2", "n3")
}

// together has gateways n4 and n5 that take traffic, too, beside n1, and two managers.
func together(t *testing.T, v, other fabric.Version) *world {
	return build(t, lab.Spec{
		Version: v, Tors: lab.TwoTors(v, other), Managers: 2,
		Machines: []lab.Machine{{Name: "n1", Subnet: 1, Host: 10}, {Name: "n4", Subnet: 3, Host: 10}, {Name: "n5", Subnet: 3, Host: 11}},
	}, "n1", "n4", "n5")
}

func build(t *testing.T, s lab.Spec, traffic ...string) *world {
	t.Helper()
	s.Floating = floating
	l := lab.New(t, s)
	roles := map[string]string{}
	for _, n := range traffic {
		roles[n] = "control-plane"
	}
	l.Apply(cluster, l.Nodes(roles), lab.Service("web1", web1, traffic[0]), lab.Service("web2", web2, traffic[0]))
	for _, vip := range []string{web1, web2} {
		l.Serve(vip, traffic...)
	}
	l.Run()
	w := &world{Lab: l, t: t, traffic: traffic, stoodStill: new(atomic.Bool)}
	w.settled()
	w.spread()
	w.w = l.Watch(map[string]string{web1: "tor1", web2: "tor2"})
	w.w.Steady()
	return w
}

// with is the world for a subtest.
func (w *world) with(t *testing.T) *world {
	return &world{w.Lab.With(t), t, w.w, w.traffic, w.stoodStill}
}

func (w *world) settled() {
	w.t.Helper()
	w.Settled()
	for _, vip := range []string{web1, web2} {
		w.Told(vip, w.traffic...)
	}
}

// spread has one floating IP on each gateway: first on n4, second on n5.
func (w *world) spread() {
	w.t.Helper()
	w.healthy("n4")
	w.healthy("n5")
	for f, node := range map[string]string{first: "n4", second: "n5"} {
		if w.Holder(f) != node {
			w.Move(f, node)
			w.Held(f, node)
		}
	}
	w.Settled()
}

// steps runs subtests one after the other; each begins with one floating IP on each gateway and ends where all is settled again.
func (w *world) steps(steps []step) {
	for _, s := range steps {
		ok := w.t.Run(s.name, func(t *testing.T) {
			if s.long && !*long {
				skip.Test(t, "", "it takes more than a minute to see; make test-long does (-long)")
			}
			w := w.with(t)
			// On a machine that is too busy leases run out, and what they stand for moves by itself.
			for ready := false; !ready; ready = w.Holder(first) == "n4" && w.Holder(second) == "n5" {
				w.spread()
				w.w.Steady()
			}
			s.do(w)
		})
		require.True(w.t, ok, "what follows would not begin as it shall")
		if w.stoodStill.Load() {
			return
		}
	}
}

type step struct {
	name string
	do   func(*world)
	long bool
}

// untouched shows that floating IPs have stayed where they are, with the sessions that they had.
func (w *world) untouched(s lab.Span, holders map[string]string) {
	w.t.Helper()
	for f, node := range holders {
		require.True(w.t, s.AlwaysAt(f, node), "%s has left %s\n%s", f, node, s)
		for _, r := range w.Spec.Tors {
			require.True(w.t, s.SameSession(r.Name, f), "%s has lost its session with %s\n%s", r.Name, f, s)
		}
	}
}

// othersGoOn shows that nothing has happened to second, nor to anybody who uses a Service.
func (w *world) othersGoOn(s lab.Span) {
	w.t.Helper()
	w.hasTime(s)
	w.untouched(s, map[string]string{second: "n5"})
	w.reachable(s)
}

// hasTime ends the steps, loudly, where the machine stood still: nobody has touched n5, whose agent renews its lease each 1.3 s, and when none comes for a term (4 s) it
// is right that what n5 holds moves. That happens on machines whose processors are lent to others.
func (w *world) hasTime(s lab.Span) {
	w.t.Helper()
	if gap := s.Unrenewed("n5"); gap >= nodereport.Term {
		w.stoodStill.Store(true)
		skip.Test(w.t, "", fmt.Sprintf("n5's agent, which is left alone, could not renew its lease for %s: this machine stood still, so nothing is shown by this step and those after it", gap))
	}
}

// reachable shows that no connection was lost, and that every router had a session and a next hop for each VIP all the time.
func (w *world) reachable(s lab.Span) {
	w.t.Helper()
	for _, vip := range []string{web1, web2} {
		lost := s.Connections(vip)
		require.NotZero(w.t, lost.Tried)
		require.Zero(w.t, lost.Lost, "%s is not reachable: %s\n%s", vip, lost, s)
		require.LessOrEqual(w.t, lost.Reset, 10, "%s: more than were opened in the very moments in which next hops changed\n%s", vip, s)
	}
	w.routed(s)
}

// routed shows that every router had a session and a next hop for each VIP all the time.
func (w *world) routed(s lab.Span) {
	w.t.Helper()
	for _, r := range w.Spec.Tors {
		for _, vip := range []string{web1, web2} {
			require.Zero(w.t, s.WithoutHop(r.Name, vip), "%s has no next hop for %s\n%s", r.Name, vip, s)
		}
		require.Zero(w.t, s.WithoutSession(r.Name, ""), "%s has no session\n%s", r.Name, s)
	}
}

// atMost is asserted by -long, which has the machine for itself.
func (w *world) atMost(most, took time.Duration) {
	w.t.Helper()
	if *long {
		require.LessOrEqual(w.t, took, most)
	}
}

// moved waits until a floating IP is at a node with a new session to every router, and tells how long after a moment that was.
func (w *world) moved(from time.Time, f, to string) (held, up time.Duration) {
	w.t.Helper()
	w.Eventually(fmt.Sprintf("%s is at %s with new sessions", f, to), func() error {
		s := w.w.Until(from)
		var ok bool
		if held, ok = s.HeldBy(f, to); !ok {
			return fmt.Errorf("it is not there\n%s", s)
		}
		up = 0
		for _, r := range w.Spec.Tors {
			again, ok := s.SessionAgain(r.Name, f)
			if !ok {
				return fmt.Errorf("%s has no new session\n%s", r.Name, s)
			}
			up = max(up, again)
		}
		return nil
	})
	return held, up
}

// gaveWay is how often a node has given a floating IP up to another host that answers for it, by its log. No kernel tells why an address went.
func (w *world) gaveWay(node, f string) int {
	return len(regexp.MustCompile(`"gave floating IP up" address=`+regexp.QuoteMeta(f)+` to=[0-9a-f:]{17} `).FindAllString(w.Agent(node).Log(), -1))
}

// sees logs what was measured.
func (w *world) sees(what string, s lab.Span, more ...any) {
	w.t.Helper()
	w.t.Logf("MEASURED %s, FRR %s: %s\n%s", what, w.Spec.Version, fmt.Sprint(more...), s)
}

func other(node string) string {
	if node == "n4" {
		return "n5"
	}
	return "n4"
}

// all are the floating IPs where spread has put them.
func all() map[string]string { return maps.Clone(map[string]string{first: "n4", second: "n5"}) }
