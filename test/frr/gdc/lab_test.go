package gdc

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
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
)

// lab is a cluster in the documents' networks, with the product's configuration on its nodes, and routers that have a foot in each.
type lab struct {
	*fabric.Fabric
	t          *testing.T
	objects    snapshot.Objects
	assignment gateway.Assignment
	engines    map[string]*reload.Engine
	// at is where each floating IP is: on a node's lo, as the agent has them.
	at map[netip.Addr]string
}

// machine is a node of the cluster: the last number of its addresses, 10.0.SUBNET.HOST and fd0SUBNET::HOST.
type machine struct {
	name         string
	subnet, host int
}

// tor is a router: 10.0.SUBNET.HOST in each subnet, and the address that it speaks BGP from. Passive ones only wait, others call too, where
// nobody answers.
type tor struct {
	name    string
	version fabric.Version
	host    int
	address string
	asn     int
	passive bool
	// one takes one path for a prefix only.
	one bool
	// neighbors that it has in place of the floating IPs.
	neighbors []string
}

// newLab builds the networks. A client has 192.168.77.9 and 2001:db8:77::9, on a network with all routers.
func newLab(t *testing.T, v fabric.Version, machines []machine, tors []tor, floating []string) *lab {
	t.Helper()
	top := fabric.Topology{Nodes: []fabric.NodeSpec{{Name: "client"}}}
	lans := map[int][]fabric.End{}
	for _, m := range machines {
		top.Nodes = append(top.Nodes, fabric.NodeSpec{Name: m.name, Version: v, BGPDArgs: []string{"-p", "1790"}})
		lans[m.subnet] = append(lans[m.subnet], end(m.name, "eth0", m.subnet, m.host))
	}
	outside := []fabric.End{{Node: "client", Interface: "eth0", Addresses: []string{"192.168.77.9/24", "2001:db8:77::9/64"}}}
	subnets := slices.Sorted(func(yield func(int) bool) {
		for s := range lans {
			if !yield(s) {
				return
			}
		}
	})
	for i, r := range tors {
		top.Nodes = append(top.Nodes, fabric.NodeSpec{
			Name: r.name, Version: r.version, Config: r.config(floating),
			// So that connections, not only hosts, are spread.
			Sysctls: map[string]string{"net/ipv4/fib_multipath_hash_policy": "1", "net/ipv6/fib_multipath_hash_policy": "1"},
		})
		for _, s := range subnets {
			lans[s] = append(lans[s], end(r.name, fmt.Sprint("eth", s), s, r.host))
		}
		outside = append(outside, fabric.End{Node: r.name, Interface: "eth9", Addresses: []string{fmt.Sprintf("192.168.77.%d/24", i+1), fmt.Sprintf("2001:db8:77::%d/64", i+1)}})
	}
	for _, s := range subnets {
		top.Links = append(top.Links, fabric.Link{Name: fmt.Sprint("subnet", s), Bridge: true, Ends: lans[s]})
	}
	top.Links = append(top.Links, fabric.Link{Name: "outside", Bridge: true, Ends: outside})
	l := &lab{Fabric: fabric.New(t, top), t: t, engines: map[string]*reload.Engine{}, at: map[netip.Addr]string{}}
	for _, r := range tors {
		l.address(r.name, r.address+"/32")
		l.address(r.name, fmt.Sprintf("2001:db8:8::%d/128", r.host)) // FRR 10 ends sessions that carry IPv6 from where there is none
	}
	for _, m := range machines {
		l.wire(m, tors)
	}
	return l
}

func end(node, iface string, subnet, host int) fabric.End {
	return fabric.End{Node: node, Interface: iface, Addresses: []string{fmt.Sprintf("10.0.%d.%d/24", subnet, host), fmt.Sprintf("fd0%d::%d/64", subnet, host)}}
}

// wire gives a node its routes, as an administrator would, and the product's way to its FRR.
func (l *lab) wire(m machine, tors []tor) {
	l.t.Helper()
	via4, via6 := fmt.Sprintf("10.0.%d.%d", m.subnet, tors[0].host), fmt.Sprintf("fd0%d::%d", m.subnet, tors[0].host)
	l.ip(m.name, "route", "add", "default", "via", via4)
	l.ip(m.name, "-6", "route", "add", "default", "via", via6)
	for _, r := range tors {
		if !strings.HasPrefix(r.address, fmt.Sprintf("10.0.%d.", m.subnet)) {
			l.ip(m.name, "route", "add", r.address, "via", fmt.Sprintf("10.0.%d.%d", m.subnet, r.host))
		}
	}
	n := l.Node(m.name)
	client := vtysh.NewAuto(vtysh.NewSocket(n.VtyDir()), vtysh.NewExec("", n.VtyshPath()))
	l.t.Cleanup(func() { _ = client.Close() })
	l.engines[m.name] = reload.New(client, reload.Options{Now: time.Now})
}

// config of the router: every floating IP is its neighbor, and it takes what comes.
func (r tor) config(floating []string) string {
	if r.neighbors != nil {
		floating = r.neighbors
	}
	var b strings.Builder
	fmt.Fprintf(&b, "router bgp %d\n bgp router-id %s\n no bgp ebgp-requires-policy\n", r.asn, r.address)
	for _, f := range floating {
		fmt.Fprintf(&b, " neighbor %[1]s remote-as 65001\n neighbor %[1]s ebgp-multihop 255\n neighbor %[1]s update-source %[2]s\n neighbor %[1]s timers connect 1\n", f, r.address)
		if r.passive {
			fmt.Fprintf(&b, " neighbor %s passive\n", f)
		}
	}
	for _, family := range []string{"ipv4", "ipv6"} {
		fmt.Fprintf(&b, " address-family %s unicast\n  maximum-paths 16\n", family)
		for _, f := range floating {
			fmt.Fprintf(&b, "  neighbor %s activate\n", f)
			if r.one {
				fmt.Fprintf(&b, "  neighbor %s disable-addpath-rx\n", f)
			}
		}
		b.WriteString(" exit-address-family\n")
	}
	return b.String() + "exit\n"
}

func (l *lab) ip(node string, args ...string) string {
	l.t.Helper()
	out, err := l.Node(node).Exec(l.t.Context(), "ip", args...)
	require.NoError(l.t, err)
	return out
}

func (l *lab) address(node, address string) {
	l.t.Helper()
	require.NoError(l.t, l.Node(node).AddAddress("", "lo", address))
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
			l.ip(old, "addr", "del", f.Address.String()+"/32", "dev", "lo")
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
		l.address(node, f.Address.String()+"/32")
		if out := l.ip(node, "-6", "-o", "addr", "show", "dev", "eth0", "scope", "global"); out != "" && !strings.Contains(l.ip(node, "-6", "-o", "addr", "show", "dev", "lo"), "fd0") {
			l.address(node, strings.Split(strings.Fields(out)[3], "/")[0]+"/128")
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
func (l *lab) hops(v gateway.VIP, r tor) []netip.Addr {
	var out []netip.Addr
	for i, f := range l.assignment.FloatingIPs {
		for _, s := range l.assignment.Sessions {
			if s.FloatingIP != f.Address || s.PeerIP.String() != r.address || v.Address.Is6() && !l.hasIPv6(s.Node) {
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
func (l *lab) told(r tor) {
	l.t.Helper()
	for _, v := range l.assignment.VIPs {
		want := l.hops(v, r)
		got := func() []netip.Addr {
			routes, err := l.Node(r.name).Routes(l.t.Context(), "", v.Prefix().String())
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
		l.eventually(func() bool { return slices.Equal(got(), want) }, func() string { return fmt.Sprintf("%s has %s by %v, not by %v", r.name, v.Address, got(), want) })
		kernel := slices.Compact(slices.Clone(want))
		l.eventually(func() bool { return slices.Equal(l.kernel(r.name, v.Prefix()), kernel) },
			func() string {
				return fmt.Sprintf("the kernel of %s has %s by %v, not by %v", r.name, v.Address, l.kernel(r.name, v.Prefix()), kernel)
			})
	}
}

// kernel are the next hops of a prefix in the kernel of a router.
func (l *lab) kernel(node string, p netip.Prefix) []netip.Addr {
	l.t.Helper()
	family := "-4"
	if p.Addr().Is6() {
		family = "-6"
	}
	out := l.ip(node, family, "-o", "route", "show", p.String())
	var found []netip.Addr
	words := strings.Fields(out)
	for i, w := range words {
		if w == "via" {
			found = append(found, netip.MustParseAddr(words[i+1]))
		}
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return found
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
			require.Empty(l.t, l.ip(node, family, "route", "show", "proto", "bgp"), node)
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

// serve answers with the node's name on an address of a Service, as kube-proxy and a pod would.
func (l *lab) serve(v gateway.VIP) {
	l.t.Helper()
	for _, at := range v.NextHops {
		node := l.assignment.LoadBalancers[at].Node
		l.address(node, v.Prefix().String())
		network := "tcp4"
		if v.Address.Is6() {
			network = "tcp6"
		}
		listener, err := l.Node(node).Listen(l.t.Context(), "", net.ListenConfig{}, network, netip.AddrPortFrom(v.Address, 8080).String())
		require.NoError(l.t, err)
		l.t.Cleanup(func() { listener.Close() })
		go func() {
			for {
				c, err := listener.Accept()
				if err != nil {
					return
				}
				fmt.Fprintln(c, node)
				c.Close()
			}
		}()
	}
}

// connect opens connections from the client through a router, and tells which nodes answered how often.
func (l *lab) connect(v gateway.VIP, through string, times int) map[string]int {
	l.t.Helper()
	l.ip("client", "route", "replace", v.Prefix().String(), "via", through)
	answered := map[string]int{}
	for range times {
		ctx, cancel := context.WithTimeout(l.t.Context(), 10*time.Second)
		c, err := l.Node("client").Dial(ctx, "", net.Dialer{}, "tcp", netip.AddrPortFrom(v.Address, 8080).String())
		cancel()
		require.NoError(l.t, err, "to %s through %s", v.Address, through)
		require.NoError(l.t, c.SetDeadline(time.Now().Add(10*time.Second)))
		line, err := bufio.NewReader(c).ReadString('\n')
		require.NoError(l.t, err)
		require.NoError(l.t, c.Close())
		answered[strings.TrimSpace(line)]++
	}
	return answered
}
