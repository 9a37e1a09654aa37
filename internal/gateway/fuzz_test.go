package gateway

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// dice are bytes that choose; when they have run out the first is chosen.
type dice struct{ data []byte }

func (d *dice) roll(sides int) int {
	if len(d.data) == 0 {
		return 0
	}
	out := int(d.data[0]) % sides
	d.data = d.data[1:]
	return out
}

func (d *dice) yes() bool { return d.roll(2) == 1 }

func one[T any](d *dice, of ...T) T { return of[d.roll(len(of))] }

// mostly is the first of the words in three of four cases.
func mostly[T any](d *dice, of ...T) T {
	if d.roll(4) > 0 {
		return of[0]
	}
	return one(d, of...)
}

// few are up to so many of the words, maybe with repetitions.
func few(d *dice, most int, of ...string) []string {
	var out []string
	for range d.roll(most + 1) {
		out = append(out, one(d, of...))
	}
	return out
}

// The words are few, so that they meet; some are wrong.
var (
	fuzzNodes     = []string{"n1", "n2", "n3", "n4", "n5", "n1-10.0.1.101"}
	fuzzFloating  = []string{"10.0.1.103", "10.0.1.104", "10.0.2.102", "10.0.1.100", "10.0.1.101", "10.0.1.102", "10.0.2.100", "10.0.2.101", "10.0.3.100", "10.0.1.10", "fd01::100", "", "10.0.1.100/24", "10.0.9.9", "203.0.113.4"}
	fuzzRouters   = []string{"10.8.0.20", "10.8.0.21", "10.8.0.22", "10.8.0.10", "10.8.0.11", "10.8.0.12", "10.0.1.100", "10.0.1.10", "2001:db8::1", "tor", "::ffff:10.8.0.10", "0.0.0.0", "fe80::1%eth0"}
	fuzzSubnets   = []string{"10.0.1.0/24", "10.0.2.0/24", "10.0.0.0/16", "fd01::/64", "10.0.1.7/24", "x"}
	fuzzAddresses = []string{"10.0.1.10", "10.0.1.11", "10.0.2.10", "fd01::10", "fe80::1", "10.0.1.100", "node", "::ffff:10.0.1.12"}
	fuzzVIPs      = []string{"203.0.113.1", "203.0.113.2", "203.0.113.3", "2001:db8::1", "2001:db8::2", "198.51.100.1", "name", "", "::ffff:203.0.113.1", "fe80::1%eth0"}
	fuzzPools     = []string{"203.0.113.0/24", "203.0.113.2-203.0.113.9", "2001:db8::/64", "203.0.113.0/28", "2001:db8::/96", "203.0.113.1/32", "10.0.1.96/28", "0.0.0.0/0", "9-1", "::/0"}
	fuzzGroups    = []string{"default", "second", "third"}
	fuzzLabels    = []map[string]string{nil, {"use": "true"}, {"node-role.kubernetes.io/control-plane": "", "rack": "a"}, {"node-role.kubernetes.io/load-balancer": "", "rack": "b"}, {excludeLabel: "", "rack": "a"}}
	fuzzSelectors = []string{"", "null", `{"rack":"a"}`, `["rack=b"]`, `[{"rack":"a"},{"use":"true"}]`, `{"matchExpressions":[{"key":"rack","operator":"Exists"}]}`, `3`, `{`, `{"rack":1}`}
)

func (d *dice) meta(name string) metav1.ObjectMeta {
	out := metav1.ObjectMeta{Name: name, Namespace: mostly(d, "cluster-bm", "cluster-bm", "cluster-bm", "other"), Labels: mostly(d, append(fuzzLabels[1:], nil)...)}
	if age := d.roll(3); age > 0 {
		out.CreationTimestamp = metav1.NewTime(time.Unix(int64(1000*age), 0))
	}
	return out
}

func (d *dice) input() Input {
	in := Input{AssumeSubnets: d.yes(), IgnoreExcludeLabel: d.yes(), Namespace: one(d, "", "cluster-bm"), Leases: map[string]Lease{}, Back: map[string][]string{}}
	for _, name := range fuzzNodes[:mostly(d, 4, 0, 1, 2, 3, 5, 6)] {
		in.Nodes = append(in.Nodes, d.node(name))
		in.Leases[name] = mostly(d, LeaseLive, LeaseUnknown, LeaseExpired)
		if d.yes() {
			in.Reports = append(in.Reports, d.report(name))
		}
	}
	for _, f := range few(d, 2, fuzzFloating...) {
		in.Back[f] = few(d, 3, fuzzNodes...)
	}
	for _, name := range fuzzGroups[:mostly(d, 2, 0, 1, 3)] {
		in.Groups = append(in.Groups, d.group(name))
	}
	for i := range mostly(d, 1, 0, 2) {
		in.Clusters = append(in.Clusters, d.cluster(fmt.Sprint("bm", i)))
	}
	for _, name := range []string{"default", "other"}[:d.roll(3)] {
		b := &networking.BGPLoadBalancer{ObjectMeta: d.meta(name)}
		b.Spec.PeerSelector = mostly(d, map[string]string{"use": "true"}, map[string]string{"rack": "a"}, nil, map[string]string{"no": "no"})
		in.LoadBalancers = append(in.LoadBalancers, b)
	}
	for i := range d.roll(5) {
		in.Peers = append(in.Peers, d.peer(fmt.Sprint("peer", i)))
	}
	for i := range d.roll(6) {
		in.Sessions = append(in.Sessions, d.session(fmt.Sprint("session", i)))
	}
	for i := range d.roll(3) {
		in.Pools = append(in.Pools, &v1beta1.IPAddressPool{ObjectMeta: d.meta(fmt.Sprint("pool", i)), Spec: v1beta1.IPAddressPoolSpec{Addresses: few(d, 3, fuzzPools...)}})
	}
	for i := range d.roll(8) {
		in.Services = append(in.Services, d.service(i))
	}
	in.Incomplete = d.roll(8) == 1
	for range mostly(d, 0, 1, 2) {
		unread := problem.Object{Kind: one(d, "BGPPeer", "BGPLoadBalancer", "NetworkGatewayGroup", "Cluster"), Group: networking.GroupVersion.Group,
			Namespace: one(d, "cluster-bm", "other", "elsewhere"), Name: one(d, "default", "unread")}
		if unread.Kind == "Cluster" {
			unread.Group = baremetal.GroupVersion.Group
		}
		in.Unread = append(in.Unread, unread)
	}
	return in
}

func (d *dice) node(name string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: mostly(d, append(fuzzLabels[2:], fuzzLabels[:2]...)...), Annotations: map[string]string{}}}
	n.Annotations[networkStatus] = fmt.Sprintf(`[{"ipv4-subnet":%q}]`, one(d, "10.0.1.0/24", "10.0.2.0/24"))
	switch d.roll(8) {
	case 1:
		n.Annotations[networkStatus] = fmt.Sprintf(`[{"ipv4-subnet":%q,"ipv6-subnet":%q}]`, one(d, fuzzSubnets...), one(d, fuzzSubnets...))
	case 2:
		n.Annotations[networkStatus] = one(d, "[", "{}", `[{"ipv4-subnet":1}]`)
	case 3:
		n.Spec.Unschedulable = d.yes()
	}
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("10.0.1.%d", 20+d.roll(20))}}
	for _, a := range few(d, 3, fuzzAddresses...) {
		n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: one(d, corev1.NodeInternalIP, corev1.NodeExternalIP, corev1.NodeHostName), Address: a})
	}
	if d.yes() {
		n.Status.Conditions = []corev1.NodeCondition{{Type: one(d, corev1.NodeReady, corev1.NodeNetworkUnavailable), Status: mostly(d, corev1.ConditionTrue, corev1.ConditionFalse, corev1.ConditionUnknown)}}
	}
	return n
}

func (d *dice) report(name string) *networking.NetworkGatewayNode {
	r := &networking.NetworkGatewayNode{ObjectMeta: metav1.ObjectMeta{Name: name}}
	r.Status.State = mostly(d, networking.GatewayUp, "", networking.GatewayNotHealthy)
	for range d.roll(3) {
		r.Status.Subnets = append(r.Status.Subnets, networking.NodeSubnet{Interface: "eth0", Prefix: one(d, fuzzSubnets...), Address: one(d, fuzzAddresses...)})
	}
	for range d.roll(3) {
		r.Status.FloatingIPs = append(r.Status.FloatingIPs, networking.NodeFloatingIP{Address: one(d, fuzzFloating...),
			State: one(d, networking.FloatingIPHeld, networking.FloatingIPProbing, networking.FloatingIPConflict, networking.FloatingIPRefused)})
	}
	return r
}

func (d *dice) group(name string) *networking.NetworkGatewayGroup {
	g := &networking.NetworkGatewayGroup{ObjectMeta: d.meta(name)}
	g.Spec.FloatingIPs = few(d, 6, fuzzFloating...)
	if raw := mostly(d, fuzzSelectors...); raw != "" {
		g.Spec.NodeSelector = &networking.NodeSelector{Raw: []byte(raw)}
	}
	for range d.roll(3) {
		if g.Status.FloatingIPs == nil {
			g.Status.FloatingIPs = map[string]string{}
		}
		g.Status.FloatingIPs[one(d, fuzzFloating...)] = one(d, fuzzNodes...)
	}
	return g
}

func (d *dice) cluster(name string) *baremetal.Cluster {
	c := &baremetal.Cluster{ObjectMeta: d.meta(name)}
	c.Spec.Type = mostly(d, "", baremetal.UserCluster, baremetal.AdminCluster)
	lb := &c.Spec.LoadBalancer
	lb.Type = mostly(d, baremetal.BGPType, baremetal.Layer2Type, "")
	lb.Mode = mostly(d, baremetal.BundledLoadBalancer, "", baremetal.ManualLoadBalancer)
	lb.LocalASN = mostly(d, baremetal.ASN(65001), 0, 65002)
	lb.VIPs.ControlPlaneVIP = one(d, "", "10.0.1.102")
	for range d.roll(4) {
		lb.BGPPeers = append(lb.BGPPeers, baremetal.ControlPlanePeer{IP: one(d, fuzzRouters...), ASN: mostly(d, baremetal.ASN(65002), 65003, 65001, 0)})
	}
	for i := range d.roll(3) {
		lb.AddressPools = append(lb.AddressPools, baremetal.AddressPool{Name: fmt.Sprint("pool", i), Addresses: append(few(d, 2, fuzzPools...), "203.0.113.0/29")})
	}
	if d.yes() {
		lb.NodePoolSpec = &baremetal.NodePoolSpec{}
		for _, a := range few(d, 3, fuzzAddresses...) {
			lb.NodePoolSpec.Nodes = append(lb.NodePoolSpec.Nodes, baremetal.PoolNode{Address: a, K8sIP: one(d, "", "10.0.1.11")})
		}
	}
	return c
}

func (d *dice) peer(name string) *networking.BGPPeer {
	p := &networking.BGPPeer{ObjectMeta: d.meta(name)}
	p.Spec = networking.BGPPeerSpec{LocalASN: mostly[uint32](d, 65001, 65002, 0), PeerASN: mostly[uint32](d, 65002, 65003, 65001, 0), PeerIP: one(d, fuzzRouters...)}
	if d.yes() {
		sessions := int32(mostly(d, 2, 0, -1, 1, 3, 4))
		p.Spec.Sessions = &sessions
	}
	if d.yes() {
		p.Spec.Selectors = &networking.BGPPeerSelectors{GatewayRefs: few(d, 3, append(fuzzGroups, "none")...)}
	}
	return p
}

func (d *dice) session(name string) *networking.BGPSession {
	s := &networking.BGPSession{ObjectMeta: metav1.ObjectMeta{Namespace: networking.ReportNamespace, Name: name}}
	s.Spec = networking.BGPSessionSpec{FloatingIP: one(d, fuzzFloating...), PeerIP: one(d, fuzzRouters...), NodeName: one(d, fuzzNodes...), LocalASN: one[uint32](d, 65001, 65002, 0), PeerASN: one[uint32](d, 65002, 65003, 0)}
	if d.yes() {
		s.Name = s.Spec.PeerIP + "-" + s.Spec.NodeName + one(d, "", "-"+s.Spec.FloatingIP) + one(d, "", name)
	}
	if d.yes() {
		s.Status.LastReportTime = &metav1.Time{Time: time.Unix(int64(d.roll(3)), 0)}
		s.Status.State = one(d, networking.SessionEstablished, networking.SessionNotEstablished)
		s.Status.AddPath = []networking.AddPath{{Family: one(d, networking.IPv4, networking.IPv6), PeerReceives: d.yes()}}
	}
	return s
}

func (d *dice) service(i int) Service {
	s := Service{Namespace: one(d, "a", "a-b"), Name: one(d, "c", "b-c", "c-ipv6") + fmt.Sprint(i), Ingress: few(d, 2, fuzzVIPs...), LocalOnly: d.yes(), Endpoints: mostly(d, true, false)}
	s.EndpointNodes = few(d, 4, append(fuzzNodes, "gone")...)
	return s
}

// FuzzAssign: whatever the objects are, an Assignment is sound, and what has nothing to do with it changes nothing.
func FuzzAssign(f *testing.F) {
	f.Add([]byte{})
	for seed := range 64 {
		f.Add(randomBytes(uint64(seed), 800))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		requireLawful(t, data)
	})
}

// TestRandomClusters holds random clusters to what FuzzAssign holds its own to, and sees that they are worth it.
func TestRandomClusters(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(1000) {
		out := requireLawful(t, randomBytes(seed, 800))
		for what, is := range map[string]bool{"sessions": len(out.Sessions) > 1, "VIPs": len(out.VIPs) > 1, "nodes": len(out.LoadBalancers) > 1,
			"problems": len(out.Problems) > 0, "floating IPs": len(out.FloatingIPs) > 1, "refusals": warns(out, problem.NotHeld)} {
			if is {
				seen[what]++
			}
		}
	}
	for _, what := range []string{"sessions", "VIPs", "nodes", "problems", "floating IPs", "refusals"} {
		require.Greater(t, seen[what], 30, "%v", seen)
	}
}

func requireLawful(t *testing.T, data []byte) Assignment {
	t.Helper()
	d := &dice{data}
	in := d.input()
	out := Assign(in)
	requireSound(t, in, out)
	requireOffers(t, in, out)
	settled := carriedOut(in, out)
	before := Assign(settled)
	after := Assign(unrelated(settled, d))
	require.Equal(t, before.FloatingIPs, after.FloatingIPs)
	require.Equal(t, before.Sessions, after.Sessions)
	require.Equal(t, before.LoadBalancers, after.LoadBalancers)
	require.Subset(t, addresses(after), addresses(before), "another Service takes nothing away")
	requireFollowed(t, in)
	return out
}

// requireOffers: what is offered moves nothing by itself; what is taken moves that alone, from a node that lives to one that does, and leaves a cluster as sound.
func requireOffers(t *testing.T, in Input, out Assignment) {
	t.Helper()
	in.Await = true
	awaiting := Assign(in)
	requireSound(t, in, awaiting)
	for i, f := range awaiting.FloatingIPs {
		require.Equal(t, out.FloatingIPs[i].Address, f.Address)
		require.True(t, f.Node != "" || !slices.ContainsFunc(in.Groups, func(g *networking.NetworkGatewayGroup) bool {
			return Placed(g.Status.FloatingIPs)[f.Address] != "" && f.Group == g.Name
		}) ||
			out.FloatingIPs[i].Node == "", "%s was placed, and waits", f.Address)
	}
	in.Await, in.Taken = false, out.Offers
	taken := Assign(in)
	requireSound(t, in, taken)
	for i, f := range taken.FloatingIPs {
		if before := out.FloatingIPs[i]; f.Node != before.Node && !slices.ContainsFunc(out.Offers, func(o Offer) bool { return o.Why == LostLeases }) {
			require.Contains(t, out.Offers, Offer{Why: offerOf(out, f), Address: f.Address, From: before.Node, To: f.Node})
			require.Equal(t, LeaseLive, in.Leases[f.Node])
			require.Equal(t, LeaseLive, in.Leases[before.Node])
		}
	}
}

func offerOf(out Assignment, f FloatingIP) OfferReason {
	i := slices.IndexFunc(out.Offers, func(o Offer) bool { return o.Address == f.Address })
	if i < 0 {
		return ""
	}
	return out.Offers[i].Why
}

// requireFollowed: who follows what was placed decides the same as who placed it, though he hears of no report, lease or subnet. Addresses that only a
// report tells of may be refused by the one and not by the other.
func requireFollowed(t *testing.T, in Input) {
	t.Helper()
	in.Reports = slices.Clone(in.Reports)
	for i, r := range in.Reports {
		in.Reports[i] = r.DeepCopy()
		for j := range in.Reports[i].Status.Subnets {
			in.Reports[i].Status.Subnets[j].Address = ""
		}
	}
	settled := carriedOut(in, Assign(in))
	placed := Assign(settled)
	settled = carriedOut(settled, placed)
	followed := Assign(following(settled))
	require.Equal(t, placed.FloatingIPs, followed.FloatingIPs)
	require.Equal(t, placed.Sessions, followed.Sessions)
	require.Equal(t, placed.LoadBalancers, followed.LoadBalancers)
	require.Equal(t, placed.VIPs, followed.VIPs)
	require.Equal(t, placed.Services, followed.Services)
}

// following is what a node knows of the same cluster.
func following(in Input) Input {
	in.Placed, in.AssumeSubnets, in.Reports, in.Leases = true, false, nil, nil
	in.Nodes = slices.Clone(in.Nodes)
	for i, n := range in.Nodes {
		in.Nodes[i] = n.DeepCopy()
		delete(in.Nodes[i].Annotations, networkStatus)
	}
	return in
}

// addresses are the addresses that are announced, with all that is said of each.
func addresses(a Assignment) []string {
	var out []string
	for _, v := range a.VIPs {
		v.Routes = nil
		if v.Address.String() != unrelatedVIP {
			out = append(out, fmt.Sprintf("%+v", v))
		}
	}
	return out
}

const unrelatedVIP = "203.0.113.77"

// unrelated adds what concerns no floating IP, session or next hop that there is: a Service, a router that nobody selects, a worker in a subnet of
// its own, a label, a Cluster of another namespace.
func unrelated(in Input, d *dice) Input {
	in.Services = append([]Service{{Namespace: "z", Name: "z", Ingress: []string{unrelatedVIP}, Endpoints: true}}, in.Services...)
	if len(in.Peers) > 0 {
		p := d.peer("unrelated")
		p.Labels, p.Namespace, p.CreationTimestamp = map[string]string{"nobody": "selects"}, in.Peers[0].Namespace, metav1.Time{}
		p.Spec.PeerIP = "192.0.2.1"
		in.Peers = append([]*networking.BGPPeer{p}, in.Peers...)
	}
	worker := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a-worker", Annotations: map[string]string{networkStatus: `[{"ipv4-subnet":"192.0.2.0/24"}]`}}}
	in.Nodes = append([]*corev1.Node{worker}, in.Nodes...)
	for i, n := range in.Nodes {
		n = n.DeepCopy()
		if n.Labels == nil {
			n.Labels = map[string]string{}
		}
		n.Labels["unrelated"] = "label"
		in.Nodes[i] = n
	}
	return in
}
