package gdc

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/translate"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gdc/network"
)

// lab is a cluster in the documents' networks, with the product's configuration on its nodes, and routers that have a foot in each.
type lab struct {
	network.Network
	t          *testing.T
	objects    snapshot.Objects
	assignment gateway.Assignment
	engines    map[string]*reload.Engine
	// at is where each floating IP is: on a node's lo, as the agent has them.
	at map[netip.Addr]string
}

// newLab builds the networks, and gives the product its way to each machine's FRR.
func newLab(t *testing.T, v fabric.Version, machines []network.Machine, tors []network.Tor, floating []string) *lab {
	t.Helper()
	networks := network.New(t, network.Spec{Version: v, Machines: machines, Tors: tors, Floating: floating})
	l := &lab{Network: networks, t: t, engines: map[string]*reload.Engine{}, at: map[netip.Addr]string{}}
	for _, m := range machines {
		n := l.Node(m.Name)
		client := vtysh.NewAuto(vtysh.NewSocket(n.VtyDir()), vtysh.NewExec("", n.VtyshPath()))
		t.Cleanup(func() { _ = client.Close() })
		l.engines[m.Name] = reload.New(client, reload.Options{Now: time.Now})
	}
	return l
}

// read takes the objects of a case.
func (l *lab) read(name string) {
	l.t.Helper()
	read, err := source.Read([]string{"cases/" + name + "/in.yaml"}, source.Options{})
	require.NoError(l.t, err)
	l.objects = read.Objects
}

// assign decides as a manager would, and keeps where the floating IPs are, as it would.
func (l *lab) assign() {
	l.t.Helper()
	in, ok := snapshot.GatewayInput(l.objects, snapshot.Options{})
	require.True(l.t, ok)
	l.assignment = gateway.Assign(in)
	placed := map[string]string{}
	for _, f := range l.assignment.FloatingIPs {
		require.NotEmpty(l.t, f.Node, f.Address)
		placed[f.Address.String()] = f.Node
	}
	l.place(placed)
}

// place says in the status of the group where the floating IPs are.
func (l *lab) place(placed map[string]string) {
	g := l.objects.GDC.GatewayGroups[0].DeepCopy()
	g.Status.FloatingIPs = placed
	l.objects.GDC.GatewayGroups = []*networking.NetworkGatewayGroup{g}
}

// apply brings every node to what it shall do. Where a floating IP goes, its view goes first, and tells the routers so; then the address; then the
// node waits for the next holder.
func (l *lab) apply() {
	l.t.Helper()
	l.assign()
	for _, f := range l.assignment.FloatingIPs {
		if old := l.at[f.Address]; old != "" && old != f.Node {
			l.configure(old, f.Address)
			l.IP(old, "addr", "del", f.Address.String()+"/32", "dev", "lo")
		}
	}
	for _, node := range snapshot.Nodes(l.objects) {
		l.hold(node)
		l.configure(node)
	}
}

// configure brings FRR of a node to what it shall do, with these addresses on it still.
func (l *lab) configure(node string, floating ...netip.Addr) {
	l.t.Helper()
	renderer, err := render.New(nil)
	require.NoError(l.t, err)
	snap, err := snapshot.New(l.objects, node, snapshot.Options{})
	require.NoError(l.t, err)
	snap.Gateway, snap.Floating = &l.assignment, floating
	document, err := renderer.Render(translate.Translate(snap, translate.LastGood{}).Config)
	require.NoError(l.t, err)
	result, err := l.engines[node].Apply(l.t.Context(), document)
	require.NoError(l.t, err, node)
	require.Empty(l.t, result.Refused, "%s: FRR refuses lines", node)
	require.True(l.t, result.Verified(), "%s: FRR runs something else:\n%s", node, result.Remaining)
}

// hold puts the floating IPs onto a node that it shall have, and tells its neighbors on the wire. The node's own IPv6 address goes with
// them: FRR takes the next hop of IPv6 routes from the interface that has the session's address.
func (l *lab) hold(node string) {
	l.t.Helper()
	for _, f := range l.assignment.FloatingIPs {
		if f.Node != node || l.at[f.Address] == node {
			continue
		}
		l.Address(node, f.Address.String()+"/32")
		if out := l.IP(node, "-6", "-o", "addr", "show", "dev", "eth0", "scope", "global"); out != "" && !strings.Contains(l.IP(node, "-6", "-o", "addr", "show", "dev", "lo"), "fd0") {
			l.Address(node, strings.Split(strings.Fields(out)[3], "/")[0]+"/128")
		}
		l.at[f.Address] = node
		l.forget(f.Address)
	}
}

// forget makes everybody ask anew where an address is, as gratuitous ARP would.
func (l *lab) forget(a netip.Addr) {
	for _, n := range l.Nodes() {
		for _, iface := range []string{"eth0", "eth1", "eth2", "eth3"} {
			_, _ = n.Exec(l.t.Context(), "ip", "neigh", "del", a.String(), "dev", iface) // where there is such an entry
		}
	}
}

// begin runs a case until all sessions are up, and carry what their routers were seen to receive.
func (l *lab) begin(name string) {
	l.t.Helper()
	l.read(name)
	l.apply()
	l.up()
	l.seen()
	l.apply()
	l.up()
}

// seen notes in BGPSessions what the routers were seen to receive, as the agents will, and tells of how many.
func (l *lab) seen() int {
	l.t.Helper()
	l.objects.GDC.Sessions = nil
	many := 0
	for _, s := range l.assignment.Sessions {
		status := networking.BGPSessionStatus{State: networking.SessionEstablished}
		for family, word := range map[networking.AddressFamily]string{networking.IPv4: "ipv4Unicast", networking.IPv6: "ipv6Unicast"} {
			receives := receivesMany(l.t, l.Node(s.Node), "gw-"+s.FloatingIP.String(), s.PeerIP.String(), word)
			status.AddPath = append(status.AddPath, networking.AddPath{Family: family, PeerReceives: receives})
			if receives {
				many++
			}
		}
		l.objects.GDC.Sessions = append(l.objects.GDC.Sessions, &networking.BGPSession{
			ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: s.Name},
			Spec: networking.BGPSessionSpec{
				PeerIP: s.PeerIP.String(), FloatingIP: s.FloatingIP.String(), PeerASN: s.PeerASN, LocalASN: s.LocalASN, NodeName: s.Node,
			},
			Status: status,
		})
	}
	return many
}

// up waits for all sessions of the assignment, and looks at where they come from.
func (l *lab) up() {
	l.t.Helper()
	for _, h := range l.assignment.LoadBalancers {
		_, err := l.Node(h.Node).WaitAllEstablished(l.t.Context())
		require.NoError(l.t, err)
	}
	for _, s := range l.assignment.Sessions {
		session, err := l.Node(s.Node).WaitEstablished(l.t.Context(), "gw-"+s.FloatingIP.String(), s.PeerIP.String())
		require.NoError(l.t, err)
		var said struct{ HostLocal string }
		require.NoError(l.t, json.Unmarshal(session.Raw, &said))
		require.Equal(l.t, s.FloatingIP.String(), said.HostLocal)
	}
}

// hops are the next hops that a router shall have for a VIP: all, or one of each session.
func (l *lab) hops(v gateway.VIP, r network.Tor) []netip.Addr {
	var out []netip.Addr
	for i, f := range l.assignment.FloatingIPs {
		for _, s := range l.assignment.Sessions {
			if s.FloatingIP != f.Address || s.PeerIP.String() != r.Address || v.Address.Is6() && !l.hasIPv6(s.Node) {
				continue
			}
			if many := s.ManyIPv4 && v.Address.Is4() || s.ManyIPv6 && v.Address.Is6(); !many {
				out = append(out, l.assignment.LoadBalancers[v.Single[i].NextHop].Address(v))
				continue
			}
			for _, at := range v.NextHops {
				out = append(out, l.assignment.LoadBalancers[at].Address(v))
			}
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

// hasIPv6 tells whether sessions from a node carry IPv6.
func (l *lab) hasIPv6(node string) bool {
	i := slices.IndexFunc(l.objects.Nodes, func(n *corev1.Node) bool { return n.Name == node })
	return slices.ContainsFunc(l.objects.Nodes[i].Status.Addresses, func(a corev1.NodeAddress) bool { return strings.Contains(a.Address, ":") })
}

// told waits until a router has every VIP with exactly the next hops that it shall have, in BGP and in its kernel.
func (l *lab) told(r network.Tor) {
	l.t.Helper()
	for _, v := range l.assignment.VIPs {
		want := l.hops(v, r)
		got := func() []netip.Addr {
			routes, err := l.Node(r.Name).Routes(l.t.Context(), "", v.Prefix().String())
			require.NoError(l.t, err)
			var out []netip.Addr
			for _, route := range routes {
				require.Equal(l.t, "65001", route.ASPath)
				require.Empty(l.t, route.LargeCommunities, "the mark stays inside")
				require.Zero(l.t, route.MED)
				out = append(out, route.NextHops...)
			}
			slices.SortFunc(out, netip.Addr.Compare)
			return out
		}
		l.eventually(func() bool { return slices.Equal(got(), want) }, func() string { return fmt.Sprintf("%s has %s by %v, not by %v", r.Name, v.Address, got(), want) })
		kernel := slices.Compact(slices.Clone(want))
		l.eventually(func() bool { return slices.Equal(l.kernel(r.Name, v.Prefix()), kernel) },
			func() string {
				return fmt.Sprintf("the kernel of %s has %s by %v, not by %v", r.Name, v.Address, l.kernel(r.Name, v.Prefix()), kernel)
			})
	}
}

// kernel are the next hops of a prefix in the kernel of a router.
func (l *lab) kernel(node string, p netip.Prefix) []netip.Addr {
	l.t.Helper()
	hops, err := network.Hops(l.Node(node), p)
	require.NoError(l.t, err)
	return hops
}

func (l *lab) eventually(ok func() bool, what func() string) {
	l.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		require.True(l.t, time.Now().Before(end), "not within 20 s: %s", what)
	}
}

// noRoutes shows that no node has a route of BGP's.
func (l *lab) noRoutes() {
	l.t.Helper()
	for node := range l.engines {
		for _, family := range []string{"-4", "-6"} {
			require.Empty(l.t, l.IP(node, family, "route", "show", "proto", "bgp"), node)
		}
		for _, v := range l.assignment.VIPs {
			require.Empty(l.t, l.kernel(node, v.Prefix()), node)
		}
	}
}

// undisturbed does something and shows that no session was dropped but those that it says.
func (l *lab) undisturbed(but func(node string, s fabric.Session) bool, do func()) {
	l.t.Helper()
	before := map[string][]fabric.Session{}
	for _, n := range l.Nodes() {
		if n.Version != fabric.None {
			before[n.Name] = slices.DeleteFunc(l.sessions(n), func(s fabric.Session) bool { return but(n.Name, s) })
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

// serve answers on an address of a Service at its nodes.
func (l *lab) serve(v gateway.VIP) { l.t.Helper(); l.Serve(v.Address.String(), l.nodesOf(v)...) }

// connect opens connections from the client through a router, and tells which nodes answered how often.
func (l *lab) connect(v gateway.VIP, tor string, times int) map[string]int {
	l.t.Helper()
	return l.Connect(tor, v.Address.String(), times)
}
