package gateway

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// VIP is an address of Services that is announced, as a /32 or /128.
type VIP struct {
	Address netip.Addr
	// Routes are the names of its BGPAdvertisedRoutes, one for each Service that has the address.
	Routes []string
	// NextHops are the indexes in Assignment.LoadBalancers of the nodes that it is announced with to routers that receive several, in order. VIPs
	// share the slice, so nobody may change it.
	NextHops []int
	// Single tells for each of Assignment.FloatingIPs the one next hop for routers that receive one only.
	Single []Single
}

// Prefix is what is announced.
func (v VIP) Prefix() netip.Prefix { return netip.PrefixFrom(v.Address, v.Address.BitLen()) }

// Verdict is why a Service is announced or not. The words are those of MetalLB's path where it has one.
type Verdict string

const (
	Announced        Verdict = "announced"
	NoIPAllocated    Verdict = "noIPAllocated"
	InvalidIP        Verdict = "invalidIP"
	IPNotAllowed     Verdict = "ipNotAllowed"
	NoEndpoints      Verdict = "noEndpoints"
	NoLocalEndpoints Verdict = "noLocalEndpoints" // no node that takes traffic has an endpoint
	NoNextHop        Verdict = "noNextHop"        // no node that takes traffic has an address of the family
	NoBGP            Verdict = "noBGP"            // the Cluster does not announce Services by BGP
)

// Announcement is what was decided for one Service: Announced where any of its addresses is, otherwise why the first is not.
type Announcement struct {
	Namespace, Name string
	Verdict         Verdict
}

// announcer decides Service by Service.
type announcer struct {
	*assigner
	cluster   clusterForm
	pools     *pools
	balancers *balancers
	// reserved are addresses that are not a Service's, whatever its status says: a route to them would lead everybody astray.
	reserved map[netip.Addr]string
	byAddr   map[netip.Addr]*VIP
	routes   uniqueNames
	// lacks names for each node the first address that it would be a next hop for, had it one of that family.
	lacks map[int]string
}

// vips decides which addresses are announced with which next hops.
func (a *announcer) vips(floating []*floatingIP) ([]VIP, []Announcement) {
	services := make([]*Service, len(a.Services))
	for i := range a.Services {
		services[i] = &a.Services[i]
	}
	slices.SortStableFunc(services, func(x, y *Service) int {
		return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
	a.byAddr, a.routes, a.lacks = make(map[netip.Addr]*VIP, len(services)), make(uniqueNames, len(services)), map[int]string{}
	verdicts := make([]Announcement, 0, len(services))
	for _, s := range services {
		verdict := a.decide(s)
		a.seen.service(s, verdict)
		verdicts = append(verdicts, Announcement{s.Namespace, s.Name, verdict})
	}
	a.tellLacking()
	out := make([]VIP, 0, len(a.byAddr))
	for _, addr := range slices.SortedFunc(maps.Keys(a.byAddr), netip.Addr.Compare) {
		out = append(out, *a.byAddr[addr])
	}
	spread(out, a.balancers.nodes, floating)
	return out, verdicts
}

// decide announces the addresses of a Service, each on its own.
func (a *announcer) decide(s *Service) Verdict {
	switch {
	case !a.cluster.balances:
		return NoBGP
	case len(s.Ingress) == 0:
		return NoIPAllocated
	}
	hops, verdict := a.takers(s)
	if verdict != "" {
		return verdict
	}
	var told Verdict
	var first netip.Addr
	for i, text := range s.Ingress {
		if slices.Contains(s.Ingress[:i], text) {
			continue
		}
		addr, verdict := a.readIngress(s, i, text)
		if verdict == "" {
			verdict = a.announce(s, addr, first, hops)
			first = cmp.Or(first, addr)
		}
		a.seen.address(s, text, addr, verdict)
		if told == "" || verdict == Announced {
			told = verdict
		}
	}
	return told
}

// takers are the nodes that take traffic for the Service. An endpoint anywhere is needed, with the policy Local one on the node.
func (a *announcer) takers(s *Service) ([]int, Verdict) {
	switch {
	case !s.LocalOnly && !s.Endpoints:
		return nil, NoEndpoints
	case !s.LocalOnly:
		return nil, ""
	}
	hops := make([]int, 0, len(s.EndpointNodes))
	for _, name := range s.EndpointNodes {
		if i, ok := a.balancers.byNode[name]; ok {
			hops = append(hops, i)
		}
	}
	if len(hops) == 0 {
		return nil, NoLocalEndpoints
	}
	slices.Sort(hops)
	return slices.Compact(hops), ""
}

func (a *announcer) readIngress(s *Service, i int, text string) (netip.Addr, Verdict) {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		a.warnService(s, i, problem.InvalidIngress, fmt.Sprintf("%q is not an IP address; it is not announced", text))
		return addr, InvalidIP
	}
	addr = addr.Unmap()
	if _, ok := a.pools.find(addr); !ok {
		a.warnService(s, i, problem.NotInAnyPool, fmt.Sprintf("%s lies in no pool, neither in the Cluster's addressPools nor in an IPAddressPool; it is not announced", addr))
		return addr, IPNotAllowed
	}
	if what := a.reserved[addr]; what != "" {
		a.warnService(s, i, problem.AddressInUse, fmt.Sprintf("%s is %s, so it is not announced: take it out of the pool, and give the Service another", addr, what))
		return addr, IPNotAllowed
	}
	return addr, ""
}

// reserved are the addresses of both ends of all sessions, of the nodes, and of the control plane.
func (c clusterForm) reserved(nodes *nodes, floating []*floatingIP, sessions []Session) map[netip.Addr]string {
	out := make(map[netip.Addr]string, len(nodes.byAddr)+len(floating)+len(sessions)+1)
	if c.found != nil {
		if vip, err := netip.ParseAddr(c.found.Spec.LoadBalancer.VIPs.ControlPlaneVIP); err == nil {
			out[vip] = "the Cluster's controlPlaneVIP"
		}
	}
	for addr, n := range nodes.byAddr {
		out[addr] = fmt.Sprintf("the address of node %q", n.name)
	}
	for _, s := range sessions {
		out[s.PeerIP] = "the address of a router"
	}
	for _, f := range floating {
		out[f.addr] = "a floating IP"
	}
	return out
}

func (a *announcer) warnService(s *Service, i int, reason problem.Reason, message string) {
	a.seen.warned(s, message)
	a.warn(problem.Object{Kind: "Service", Namespace: s.Namespace, Name: s.Name}, fmt.Sprintf("status.loadBalancer.ingress[%d].ip", i), reason, message)
}

// announce adds an address. An address that several Services have is announced with the next hops of all.
func (a *announcer) announce(s *Service, addr, first netip.Addr, local []int) Verdict {
	hops := a.family(s, addr, local)
	a.seen.hops(s, hops)
	if len(hops) == 0 {
		return NoNextHop
	}
	route := networking.DefaultName + "-" + s.Namespace + "-" + s.Name
	if first.IsValid() && first.Is4() != addr.Is4() {
		route += familySuffix(addr)
	}
	v := a.byAddr[addr]
	if v == nil {
		v = &VIP{Address: addr}
		a.byAddr[addr] = v
	}
	v.Routes = append(v.Routes, a.routes.take(route))
	v.NextHops = union(v.NextHops, hops)
	return Announced
}

// familySuffix ends the name of a route of a Service's second family.
func familySuffix(addr netip.Addr) string {
	if addr.Is4() {
		return "-ipv4"
	}
	return "-ipv6"
}

// family are those of the nodes that have an address of the family. What all Services have in common is shared.
func (a *announcer) family(s *Service, addr netip.Addr, local []int) []int {
	able, lacking := a.balancers.v6, a.balancers.nodes
	if addr.Is4() {
		able = a.balancers.v4
	}
	if len(able) < len(lacking) {
		a.noteLacking(s, addr, local)
	}
	if local == nil || len(able) == 0 {
		return able
	}
	out := make([]int, 0, len(local))
	for _, i := range local {
		if a.balancers.nodes[i].address(addr).IsValid() {
			out = append(out, i)
		}
	}
	return out
}

// address is the one of an address' family.
func (h NextHop) address(of netip.Addr) netip.Addr {
	if of.Is4() {
		return h.IPv4
	}
	return h.IPv6
}

// Address is the next hop for the VIP.
func (h NextHop) Address(v VIP) netip.Addr { return h.address(v.Address) }

// union of two sorted lists; the one is returned where it has all of the other.
func union(one, other []int) []int {
	if len(one) == 0 || len(one) == len(other) && &one[0] == &other[0] {
		return other
	}
	all := slices.Concat(one, other)
	slices.Sort(all)
	return slices.Compact(all)
}

// noteLacking notes the nodes that are no next hop for want of an address, with the first VIP that they lack it for.
func (a *announcer) noteLacking(s *Service, addr netip.Addr, local []int) {
	note := func(i int) {
		if n := a.balancers.nodes[i]; !n.address(addr).IsValid() && a.lacks[i] == "" {
			a.lacks[i] = fmt.Sprintf("%s of Service %s/%s", addr, s.Namespace, s.Name)
		}
	}
	if local != nil {
		for _, i := range local {
			note(i)
		}
		return
	}
	for i := range a.balancers.nodes {
		note(i)
	}
}

func (a *announcer) tellLacking() {
	for i, what := range a.lacks {
		n := a.balancers.nodes[i]
		family := "IPv6"
		if !n.IPv4.IsValid() {
			family = "IPv4"
		}
		a.warn(problem.Object{Kind: "Node", Name: n.Node}, "status.addresses", problem.NoGlobalAddress, fmt.Sprintf(
			"the node has no global %s address, so it is no next hop for such addresses as %s; give it one", family, what))
	}
}
