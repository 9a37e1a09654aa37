package role

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/floating"
	"github.com/frr-renderer/frr-renderer/internal/hostnet"
	"github.com/frr-renderer/frr-renderer/internal/nodereport"
	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/source"
)

var (
	fip  = netip.MustParseAddr("10.0.1.100")
	fip2 = netip.MustParseAddr("10.0.1.101")
	tor  = netip.MustParseAddr("10.8.0.10")
)

// node is a machine with a Role, an agent that applies what it says, and a bgpd.
type node struct {
	*Role
	t *testing.T

	mutex     sync.Mutex
	on        map[netip.Addr]bool
	rival     bool                 // another host answers for every address
	cannot    error                // why no address can be put on
	refuses   map[netip.Addr]error // why one of them can't
	away      bool                 // the API server, so the lease runs out
	server    []netip.Addr         // what the node is to hold, at the API server; nil: it lists nothing
	given     int                  // lists of that
	blinded   error                // why it can't be seen which are there
	agent     bool                 // the agent applies
	objects   *source.Result       // nil: there are none yet
	views     map[netip.Addr]bool  // what FRR runs
	waits     map[netip.Addr]bool  // neighbors that it waits for
	part      Part
	sessions  []observe.Session
	bgpd      error // why it does not answer
	listeners map[uint16][]hostnet.Listener
	lost      error // why subnets can't be followed
	unlisted  error // why it can't be seen who listens
	reports   []nodereport.Report
	story     []string // what became of addresses and views, in order
	waiting   []string // and of neighbors
	called    int
}

func newNode(t *testing.T, alone bool) *node {
	n := &node{
		t: t, on: map[netip.Addr]bool{}, agent: true, views: map[netip.Addr]bool{},
		listeners: map[uint16][]hostnet.Listener{gdcPort: {{Process: "bgpd", PID: 1}}},
	}
	n.Role = New(Config{Node: "n1", Alone: alone, Host: n, BGPD: n, Call: n.call, Log: slog.New(slog.DiscardHandler), Report: func(r nodereport.Report) {
		n.mutex.Lock()
		defer n.mutex.Unlock()
		n.reports = append(n.reports, r)
	}})
	return n
}

// simulate runs a node in a time of its own.
func simulate(t *testing.T, tell func(n *node), before ...func(n *node)) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, false)
		for _, f := range before {
			f(n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { n.Run(ctx) })
		all.Go(func() { n.apply(ctx) })
		all.Go(func() { n.renewing(ctx) })
		tell(n)
		cancel()
		all.Wait()
	})
}

// renewing renews the lease each second, but while the API server is away, and lists what to hold while the node is not sure.
func (n *node) renewing(ctx context.Context) {
	for ; ctx.Err() == nil; wait(ctx, time.Second) {
		n.mutex.Lock()
		away, unsure, server := n.away, len(n.reports) > 0 && n.reports[len(n.reports)-1].Unsure, n.server
		if unsure && server != nil && !away {
			n.given++
		}
		n.mutex.Unlock()
		switch {
		case away || unsure && server == nil:
		case unsure:
			n.listed(server...)
		default:
			n.Renewed(nodereport.Renewal{Until: time.Now().Add(4 * time.Second)})
		}
	}
}

func (n *node) lists() int {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.given
}

// listed renews the lease, and has the API server say what the node is to hold.
func (n *node) listed(wanted ...netip.Addr) {
	n.Renewed(nodereport.Renewal{Until: time.Now().Add(4 * time.Second), Wanted: append([]netip.Addr{}, wanted...), Asked: time.Now()})
}

// apply is the agent: it takes 100 ms.
func (n *node) apply(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.Changed():
		}
		n.mutex.Lock()
		objects, agent := n.objects, n.agent
		n.mutex.Unlock()
		if objects == nil || !agent || !n.Ready() {
			continue
		}
		part := n.Turn(objects)
		wait(ctx, 100*time.Millisecond)
		views, waits, config := map[netip.Addr]bool{}, map[netip.Addr]bool{}, "router bgp 65001\n"
		if part.Assignment != nil {
			for _, f := range part.Assignment.FloatingIPs {
				if f.Node != "n1" && !slices.Contains(part.Floating, f.Address) {
					waits[f.Address] = true
					config += fmt.Sprintf(" neighbor %s remote-as 65001\n", f.Address)
				}
			}
			config += "exit\n"
			for _, f := range part.Assignment.FloatingIPs {
				if f.Node == "n1" {
					views[f.Address] = true
					config += fmt.Sprintf("router bgp 65001 view gw-%s\n neighbor %s remote-as 65002\nexit\n", f.Address, tor)
				}
			}
		}
		n.mutex.Lock()
		for _, ip := range []netip.Addr{fip, fip2} {
			switch {
			case waits[ip] && !n.waits[ip]:
				n.waiting = append(n.waiting, "waits for "+ip.String())
			case n.waits[ip] && !waits[ip]:
				n.waiting = append(n.waiting, "no more for "+ip.String())
			}
		}
		for v := range views {
			if !n.views[v] {
				n.story = append(n.story, "view of "+v.String())
				require.True(n.t, n.on[v], "a view without its address")
			}
		}
		for v := range n.views {
			if !views[v] {
				n.story = append(n.story, "no view of "+v.String())
			}
		}
		n.part, n.views, n.waits = part, views, waits
		n.mutex.Unlock()
		n.Runs(config)
	}
}

func (n *node) set(f func()) {
	n.mutex.Lock()
	f()
	n.mutex.Unlock()
	n.poke()
}

func (n *node) told() []string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return slices.Clone(n.story)
}

func (n *node) waited() []string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return slices.Clone(n.waiting)
}

func (n *node) now() Part {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.part
}

// tells is what the node has told of a floating IP, one after the other.
func (n *node) tells(ip netip.Addr) []nodereport.FloatingIP {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	var out []nodereport.FloatingIP
	for _, r := range n.reports {
		one := nodereport.FloatingIP{}
		if i := slices.IndexFunc(r.Floating, func(f nodereport.FloatingIP) bool { return f.Address == ip }); i >= 0 {
			one = r.Floating[i]
		}
		if len(out) == 0 || out[len(out)-1] != one {
			out = append(out, one)
		}
	}
	return out
}

func (n *node) last() nodereport.Report {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	require.NotEmpty(n.t, n.reports)
	return n.reports[len(n.reports)-1]
}

// place says in the status of the group where floating IPs are, and the watch brings it.
func (n *node) place(placed map[netip.Addr]string, sessions ...*networking.BGPSession) {
	n.decide(placed)
	n.watched(placed, sessions...)
}

// decide says so without the watch.
func (n *node) decide(placed map[netip.Addr]string) {
	wanted := []netip.Addr{}
	for ip, node := range placed {
		if node == "n1" {
			wanted = append(wanted, ip)
		}
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.server = wanted
}

func (n *node) watched(placed map[netip.Addr]string, sessions ...*networking.BGPSession) {
	o := cluster(placed)
	o.Objects.GDC.Sessions = sessions
	n.set(func() { n.objects = &o })
}

// cluster has two nodes, and a router.
func cluster(placed map[netip.Addr]string) source.Result {
	var out source.Result
	for i, name := range []string{"n1", "n2"} {
		out.Objects.Nodes = append(out.Objects.Nodes, &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"node-role.kubernetes.io/control-plane": ""}},
			Status: corev1.NodeStatus{
				Addresses:  []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("10.0.1.1%d", i)}},
				Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
			},
		})
	}
	group := &networking.NetworkGatewayGroup{
		ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: "cluster-bm"},
		Spec:       networking.NetworkGatewayGroupSpec{FloatingIPs: []string{fip.String(), fip2.String()}},
		Status:     networking.NetworkGatewayGroupStatus{FloatingIPs: map[string]string{}},
	}
	for ip, node := range placed {
		group.Status.FloatingIPs[ip.String()] = node
	}
	out.Objects.GDC.GatewayGroups = []*networking.NetworkGatewayGroup{group}
	c := &baremetal.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "bm", Namespace: "cluster-bm"}}
	c.Spec.LoadBalancer.Type, c.Spec.LoadBalancer.Mode, c.Spec.LoadBalancer.LocalASN = "bgp", "bundled", 65001
	c.Spec.LoadBalancer.BGPPeers = []baremetal.ControlPlanePeer{{IP: tor.String(), ASN: 65002}}
	out.Objects.GDC.Clusters = []*baremetal.Cluster{c}
	return out
}

// session is one that bgpd tells.
func session(floating netip.Addr, receives bool) observe.Session {
	return observe.Session{
		Neighbor: tor.String(), VRF: ViewName + floating.String(), RemoteAS: 65002, State: "Established", PrefixesSent: 1, Sent: map[string]int{ipv4: 1},
		AddPath: map[string]observe.AddPath{ipv4: {PeerReceives: receives}},
	}
}

// The Host.

func (n *node) Put(_ context.Context, ip netip.Addr) error {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if err := cmp.Or(n.refuses[ip], n.cannot); err != nil {
		return err
	}
	if !n.on[ip] {
		n.story = append(n.story, "put "+ip.String())
	}
	n.on[ip] = true
	return nil
}

func (n *node) Take(_ context.Context, ip netip.Addr) error {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.story = append(n.story, "took "+ip.String())
	delete(n.on, ip)
	return nil
}

func (n *node) Floating(context.Context) ([]hostnet.Floating, error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	var out []hostnet.Floating
	for ip := range n.on {
		out = append(out, hostnet.Floating{Address: ip})
	}
	return out, n.blinded
}

func (n *node) RefreshEvery() time.Duration { return 20 * time.Second }

func (n *node) LAN(context.Context, netip.Addr) (hostnet.LAN, error) {
	return hostnet.LAN{Interface: "eth0", Index: 2, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 9}}, nil
}

func (n *node) WouldAnswer(context.Context, hostnet.LAN) error { return nil }

func (n *node) Probe(ctx context.Context, _ hostnet.LAN, ip netip.Addr) (hostnet.Conflict, bool, error) {
	wait(ctx, 300*time.Millisecond)
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return hostnet.Conflict{Address: ip, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, Claim: hostnet.Answers}, n.rival, ctx.Err()
}

func (n *node) Announce(ctx context.Context, _ hostnet.LAN, _ netip.Addr) error {
	wait(ctx, time.Second)
	return ctx.Err()
}

func (n *node) Answer(ctx context.Context, _ hostnet.LAN, _ netip.Addr, _ net.HardwareAddr) error {
	return ctx.Err()
}

func (n *node) Watch(ctx context.Context, _ hostnet.LAN, ip netip.Addr, report func(hostnet.Conflict)) error {
	for ctx.Err() == nil {
		wait(ctx, 500*time.Millisecond)
		n.mutex.Lock()
		rival := n.rival
		n.mutex.Unlock()
		if rival {
			report(hostnet.Conflict{Address: ip, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, Claim: hostnet.Answers})
		}
	}
	return ctx.Err()
}

func (n *node) FollowSubnets(ctx context.Context, changed func([]hostnet.Subnet)) error {
	changed([]hostnet.Subnet{{Interface: "eth0", Address: netip.MustParsePrefix("10.0.1.10/24"), Up: true}})
	for ctx.Err() == nil {
		n.mutex.Lock()
		lost := n.lost
		n.mutex.Unlock()
		if lost != nil {
			return lost
		}
		wait(ctx, time.Second)
	}
	return ctx.Err()
}

func (n *node) Listeners(_ context.Context, port uint16) ([]hostnet.Listener, error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.listeners[port], n.unlisted
}

// Sessions is bgpd's.
func (n *node) Sessions(context.Context) ([]observe.Session, error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.sessions, n.bgpd
}

var errAway = errors.New("nobody is there")

// many tells whether the router is told several paths on the session from fip.
func (p Part) many() bool {
	if p.Assignment == nil {
		return false
	}
	for _, s := range p.Assignment.Sessions {
		if s.FloatingIP == fip {
			return s.ManyIPv4
		}
	}
	return false
}

func (p Part) texts() string {
	var b strings.Builder
	for _, one := range p.Problems {
		fmt.Fprintln(&b, one)
	}
	return b.String()
}

func held(f nodereport.FloatingIP) bool { return f.State == networking.FloatingIPHeld }

var _ floating.Host = (*node)(nil)
