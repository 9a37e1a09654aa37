package translate

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/frrconf"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// gdcPort is where bgpd listens in GDC mode: on 179 a router could open a session to the default instance, which is none of its business.
const gdcPort = 1790

// gdcTimers end a session nine seconds after the other end was last heard, in place of three minutes: what a dead node announced is gone then, and a
// router that speaks to a floating IP finds out within three seconds that it is on another node.
var gdcTimers = frrconf.Timers{Keepalive: 3, Hold: 9}

// gdcNeighbor is a neighbor as all of GDC mode are.
func (r *roles) gdcNeighbor(address, from netip.Addr, remote uint32) (frrconf.Neighbor, error) {
	id, err := frrconf.PeerAddress(address)
	return frrconf.Neighbor{
		Peer: id, RemoteAS: frrconf.RemoteASN(remote), UpdateSource: from, Timers: &gdcTimers, ConnectTime: 1, IPv4: true, IPv6: r.dualStack,
	}, err
}

// mayOriginate tells whether the default instance, which MetalLB's peers have a say in, can be the cluster's.
func (t *translation) mayOriginate(r *roles, peers []peer) bool {
	i := slices.IndexFunc(peers, func(p peer) bool { return p.vrf.IsZero() && p.asn != r.asn })
	if i < 0 {
		return true
	}
	object, field := t.cluster(r)
	message := fmt.Sprintf(
		"AS %d, but MetalLB's BGPPeer %q has myASN %d in the default VRF, and a node has one AS number there: node %s is no next hop for Services; give both the same number",
		r.asn, peers[i].name, peers[i].asn, t.snap.Node.Name)
	t.report(object, issues{{problem.Error, field, problem.ConflictingASN, message}}, "")
	t.seen.noNextHop(message)
	return false
}

// cluster is the object, and its field, that the cluster's AS number stands in.
func (t *translation) cluster(r *roles) (problem.Object, string) {
	for _, c := range t.snap.GDC.Clusters {
		if uint32(c.Spec.LoadBalancer.LocalASN) == r.asn {
			return problem.Object{Kind: "Cluster", Group: v1.GroupVersion.Group, Namespace: c.Namespace, Name: c.Name}, "spec.loadBalancer.localASN"
		}
	}
	for _, p := range t.snap.GDC.Peers {
		if uint32(p.Spec.LocalASN) == r.asn {
			return problem.Object{Kind: "BGPPeer", Group: networking.GroupVersion.Group, Namespace: p.Namespace, Name: p.Name}, "spec.localASN"
		}
	}
	return problem.Object{Kind: "Node", Name: t.snap.Node.Name}, ""
}

// wait notes the neighbors that the node waits for. FRR refuses a neighbor with an address of the node's own, so the floating IPs that it
// holds, or has not let go of yet, are not among them.
func (t *translation) wait(r *roles, peers []peer) {
	for i, f := range r.FloatingIPs {
		if slices.Contains(r.held, i) || slices.Contains(t.snap.Floating, f.Address) {
			continue
		}
		n, err := r.gdcNeighbor(f.Address, r.self.IPv4, r.asn)
		object := problem.Object{Kind: "NetworkGatewayGroup", Group: networking.GroupVersion.Group, Namespace: t.namespaceOf(f.Group), Name: f.Group}
		if err != nil {
			t.report(object, issues{{problem.Error, "spec.floatingIPs", problem.InvalidValue, err.Error()}}, leftOut)
			continue
		}
		if j := slices.IndexFunc(peers, func(p peer) bool { return p.vrf.IsZero() && p.neighbor.Peer == n.Peer }); j >= 0 {
			t.report(object, issues{{problem.Error, "spec.floatingIPs", problem.ConflictingPeer, fmt.Sprintf(
				"MetalLB's BGPPeer %q has the address %s, too: sessions from it are told nothing of node %s; take one of them out", peers[j].name, f.Address, t.snap.Node.Name)}}, "")
			continue
		}
		n.Description = frrconf.NewDescription("floating IP of " + f.Group)
		n.Passive = true
		n.In, n.Out = gdcDeny, gdcTo(f.Address)
		r.waits = append(r.waits, floatingNeighbor{i, n})
	}
}

func (t *translation) namespaceOf(group string) string {
	for _, g := range t.snap.GDC.GatewayGroups {
		if g.Name == group {
			return g.Namespace
		}
	}
	return ""
}

// join makes the default instance the cluster's: with MetalLB's neighbors, where it has any, and those that the node waits for.
func (r *roles) join(instances []frrconf.Instance) []frrconf.Instance {
	if r == nil || !r.originates {
		return instances
	}
	if len(instances) == 0 || !instances[0].VRF.IsZero() {
		instances = slices.Insert(instances, 0, frrconf.Instance{ASN: r.asn})
	}
	in := &instances[0]
	if !in.RouterID.IsValid() {
		// FRR would take a floating IP while the node holds it, and be refused by the view that has it next for having the same (RFC 4271, 6.2).
		in.RouterID = r.self.IPv4
	}
	for _, w := range r.waits {
		in.Neighbors = append(in.Neighbors, w.neighbor)
	}
	slices.SortFunc(in.Neighbors, func(a, b frrconf.Neighbor) int { return a.Peer.Compare(b.Peer) })
	return instances
}

// views are the instances of the floating IPs that the node holds.
func (t *translation) views(r *roles) []frrconf.Instance {
	if r == nil {
		return nil
	}
	var out []frrconf.Instance
	for _, i := range r.held {
		out = append(out, t.view(r, i))
	}
	return out
}

func (t *translation) view(r *roles, floating int) frrconf.Instance {
	f := r.FloatingIPs[floating]
	// The router ID is that of one router, wherever the floating IP is.
	in := frrconf.Instance{ASN: r.asn, View: mustName("gw-" + f.Address.String()), RouterID: f.Address}
	for _, s := range r.Sessions {
		if s.FloatingIP != f.Address {
			continue
		}
		n, err := r.router(s)
		if err != nil {
			t.report(t.ofSession(s), issues{{problem.Error, "spec.peerIP", problem.InvalidValue, err.Error()}}, leftOut)
			continue
		}
		in.Neighbors = append(in.Neighbors, n)
	}
	for _, h := range r.LoadBalancers {
		if h.Node == t.snap.Node.Name || !h.IPv4.IsValid() {
			continue
		}
		n, err := r.gdcNeighbor(h.IPv4, f.Address, r.asn)
		if err != nil {
			t.report(problem.Object{Kind: "Node", Name: h.Node}, issues{{problem.Error, "status.addresses", problem.InvalidValue, err.Error()}}, leftOut)
			continue
		}
		n.Description, n.Port = frrconf.NewDescription("node "+h.Node), gdcPort
		n.In, n.Out = gdcFromNodes, gdcDeny
		in.Neighbors = append(in.Neighbors, n)
	}
	slices.SortFunc(in.Neighbors, func(a, b frrconf.Neighbor) int { return a.Peer.Compare(b.Peer) })
	r.originateIn(&in, floating)
	return in
}

// router is the session of a floating IP with a router.
func (r *roles) router(s gateway.Session) (frrconf.Neighbor, error) {
	n, err := r.gdcNeighbor(s.PeerIP, s.FloatingIP, s.PeerASN)
	n.Description = frrconf.NewDescription(cmp.Or(s.Peer, "control-plane peer"))
	if s.LocalASN != r.asn {
		n.LocalAS = s.LocalASN
	}
	n.EBGPMultihop, n.KeepNextHop = true, true
	n.AllPathsIPv4, n.AllPathsIPv6 = s.ManyIPv4, s.ManyIPv6 && r.dualStack
	n.In, n.Out = gdcDeny, gdcToRouters
	return n, err
}

// ofSession is the object that asks for the session.
func (t *translation) ofSession(s gateway.Session) problem.Object {
	for _, p := range t.snap.GDC.Peers {
		if p.Name == s.Peer {
			return problem.Object{Kind: "BGPPeer", Group: networking.GroupVersion.Group, Namespace: p.Namespace, Name: p.Name}
		}
	}
	object, _ := t.cluster(&roles{asn: s.LocalASN})
	return object
}

// originateIn adds what the node originates to a view of its own: nobody peers with himself.
func (r *roles) originateIn(in *frrconf.Instance, floating int) {
	for _, one := range r.own {
		network := frrconf.Network{Prefix: one.prefix, RouteMap: gdcOwn[one.ranks.of(floating)]}
		switch {
		case one.prefix.Addr().Is4():
			in.IPv4.Networks = append(in.IPv4.Networks, network)
		case r.dualStack:
			in.IPv6.Networks = append(in.IPv6.Networks, network)
		}
	}
}
