package gateway

import (
	"net/netip"
	"slices"
)

// Reason is why a node is a next hop for an address of a Service, or is not. The words are those of MetalLB's path where it has one.
type Reason string

const (
	IsNextHop              Reason = "nextHop"
	OtherNodes             Reason = "otherNodes" // other nodes take traffic for Services
	NodeExcluded           Reason = "nodeLabeledExcludeBalancers"
	NodeNetworkUnavailable Reason = "nodeNetworkUnavailable"
	NodeNotReady           Reason = "nodeNotReady"
	NoEndpointHere         Reason = "noLocalEndpoints"
	NoGlobalAddress        Reason = "noGlobalAddress" // of the address' family
	ConflictingASN         Reason = "conflictingASN"  // MetalLB's part of the node speaks as another AS
)

// Explanation is what Assign decided, and by which rules, noted as they were asked: nothing is decided a second time.
type Explanation struct {
	Assignment
	seen *trace
}

// Explain decides as Assign does, and keeps by which rules.
func Explain(in Input) *Explanation {
	seen := newTrace()
	return &Explanation{assign(in, seen), seen}
}

// ServiceAnswer is what becomes of a Service.
type ServiceAnswer struct {
	Verdict Verdict `json:"verdict"`
	// Why says what to change; empty where it is announced.
	Why string `json:"why,omitempty"`
	// Addresses as the Service lists them, where any is looked at.
	Addresses []AddressAnswer `json:"addresses"`
}

// Told tells whether any router is told any of its addresses.
func (s ServiceAnswer) Told() bool {
	return slices.ContainsFunc(s.Addresses, func(a AddressAnswer) bool { return slices.ContainsFunc(a.Sessions, TellAnswer.Told) })
}

// AddressAnswer is what becomes of one address of a Service.
type AddressAnswer struct {
	Address string  `json:"address"`
	Verdict Verdict `json:"verdict"`
	Why     string  `json:"why,omitempty"`
	// Pool that admits it; empty: none does.
	Pool string `json:"pool,omitempty"`
	// Shared are the other Services that the address is announced for: its next hops are those of all.
	Shared []string `json:"shared,omitempty"`
	// Nodes has each, by name, where the address is announced.
	Nodes []HopAnswer `json:"nodes,omitempty"`
	// Sessions with routers, and what each is told, where the address is announced.
	Sessions []TellAnswer `json:"sessions,omitempty"`
}

// HopAnswer is what a node is for an address.
type HopAnswer struct {
	Node   string `json:"node"`
	Reason Reason `json:"reason"`
	// NextHop is what routers are told for the node.
	NextHop netip.Addr `json:"nextHop,omitzero"`
	Why     string     `json:"why,omitempty"`
}

// TellAnswer is what a router is told in one session.
type TellAnswer struct {
	SessionAnswer
	// All next hops are told (ADD-PATH), or First alone, and Reserve when that is gone; all are names of nodes. None of it: nothing is told, and Why says why.
	All     bool   `json:"all,omitempty"`
	First   string `json:"first,omitempty"`
	Reserve string `json:"reserve,omitempty"`
	Why     string `json:"why,omitempty"`
}

// Told tells whether the router is told anything.
func (t TellAnswer) Told() bool { return t.All || t.First != "" }

// SessionAnswer is a session of a floating IP with a router.
type SessionAnswer struct {
	FloatingIP netip.Addr `json:"floatingIP"`
	Node       string     `json:"node"`
	// Peer is the name of the BGPPeer; empty for one of the Cluster's bgpPeers.
	Peer    string     `json:"peer,omitempty"`
	PeerIP  netip.Addr `json:"peerIP"`
	PeerASN uint32     `json:"peerASN"`
	// ManyIPv4 and ManyIPv6 tell that the router was seen to receive several paths.
	ManyIPv4 bool `json:"manyIPv4"`
	ManyIPv6 bool `json:"manyIPv6"`
	// Holders are the nodes that tell to hold the floating IP now (NetworkGatewayNode), by name; nil: no node tells anything.
	Holders []string `json:"holders,omitzero"`
}

// NodeAnswer is what a node does for the cluster.
type NodeAnswer struct {
	Node string `json:"node"`
	// Traffic tells whether traffic for Services comes to it (IsNextHop), and Why why not; IPv4 and IPv6 are what routers are told then.
	Traffic Reason     `json:"traffic"`
	Why     string     `json:"why,omitempty"`
	IPv4    netip.Addr `json:"ipv4,omitzero"`
	IPv6    netip.Addr `json:"ipv6,omitzero"`
	// FloatingIPs are all of the cluster, by address.
	FloatingIPs []FloatingAnswer `json:"floatingIPs"`
	// Sessions are those of the floating IPs that it holds.
	Sessions []SessionAnswer `json:"sessions"`
	// Services that it is a next hop for, and others, by reason: of the node, or of the Service.
	Services map[string][]string `json:"services"`
}

// FloatingAnswer is what a node is for a floating IP.
type FloatingAnswer struct {
	Address netip.Addr `json:"address"`
	Group   string     `json:"group"`
	// Holder is the node that holds it, or shall; empty: there is none.
	Holder string `json:"holder,omitempty"`
	// Placed tells that the status of its group names that node already.
	Placed bool `json:"placed"`
	// Can tells that this node can hold it, and Why why not.
	Can bool   `json:"can"`
	Why string `json:"why,omitempty"`
	// Refusal is why the node itself says that it can't, and the mend (NetworkGatewayNode).
	Refusal string `json:"refusal,omitempty"`
}

// Service explains one; false where it is not among the input's.
func (e *Explanation) Service(namespace, name string) (ServiceAnswer, bool) {
	for s, seen := range e.seen.services {
		if s.Namespace == namespace && s.Name == name {
			return e.service(s, seen), true
		}
	}
	return ServiceAnswer{}, false
}

func (e *Explanation) service(s *Service, seen *seenService) ServiceAnswer {
	out := ServiceAnswer{Verdict: seen.verdict, Addresses: []AddressAnswer{}}
	if seen.verdict != Announced {
		out.Why = e.whyNot(s, seen)
	}
	for _, a := range seen.addresses {
		out.Addresses = append(out.Addresses, e.address(s, a))
	}
	return out
}

func (e *Explanation) address(s *Service, a seenAddress) AddressAnswer {
	out := AddressAnswer{Address: a.text, Verdict: a.verdict, Why: a.warning}
	if a.addr.IsValid() {
		out.Pool, _ = e.seen.announcer.pools.find(a.addr.Unmap())
	}
	if a.verdict == NoNextHop {
		out.Why = e.whyNoTaker()
	}
	v, found := e.vip(a)
	if !found {
		return out
	}
	out.Shared = e.sharing(s, a.addr)
	for _, n := range e.seen.nodes.all {
		out.Nodes = append(out.Nodes, e.hop(n, s, a, v))
	}
	for _, session := range e.Sessions {
		out.Sessions = append(out.Sessions, e.tells(session, v))
	}
	return out
}

// sharing are the other Services that announce an address.
func (e *Explanation) sharing(but *Service, addr netip.Addr) []string {
	var out []string
	for s, seen := range e.seen.services {
		if s != but && slices.ContainsFunc(seen.addresses, func(a seenAddress) bool { return a.addr == addr && a.verdict == Announced }) {
			out = append(out, s.Namespace+"/"+s.Name)
		}
	}
	slices.Sort(out)
	return out
}

// But takes back that a node is a next hop: Assign knows nothing of what MetalLB's objects ask of it.
func (s *ServiceAnswer) But(node, why string) {
	for i := range s.Addresses {
		for j := range s.Addresses[i].Nodes {
			if h := &s.Addresses[i].Nodes[j]; h.Node == node && h.Reason == IsNextHop {
				*h = HopAnswer{Node: node, Reason: ConflictingASN, Why: why}
			}
		}
	}
}

// hop is what a node is for an address that is announced.
func (e *Explanation) hop(n *node, s *Service, a seenAddress, v VIP) HopAnswer {
	out := HopAnswer{Node: n.name, Reason: e.traffic(n)}
	if out.Reason == IsNextHop {
		i := e.seen.announcer.balancers.byNode[n.name]
		_, told := slices.BinarySearch(v.NextHops, i)
		switch {
		case told:
			out.NextHop = e.LoadBalancers[i].Address(v)
			if !slices.Contains(a.hops, i) {
				out.Why = "for another Service that has the address"
			}
			return out
		case !e.LoadBalancers[i].Address(v).IsValid():
			out.Reason = NoGlobalAddress
		default:
			out.Reason = NoEndpointHere
		}
	}
	out.Why = e.whyNoHop(out.Reason, a.addr)
	return out
}

// traffic tells whether traffic for Services comes to a node.
func (e *Explanation) traffic(n *node) Reason {
	why, pooled := e.seen.out[n]
	switch {
	case !pooled:
		return OtherNodes
	case why != "":
		return why
	}
	return IsNextHop
}

// tells is what a router is told of an address in a session.
func (e *Explanation) tells(s Session, v VIP) TellAnswer {
	out := TellAnswer{SessionAnswer: e.session(s)}
	if v.Address.Is6() && !e.carriesIPv6(s.Node) {
		out.Why = "node " + s.Node + " has no global IPv6 address, so its sessions carry no IPv6"
		return out
	}
	if many := v.Address.Is4() && s.ManyIPv4 || v.Address.Is6() && s.ManyIPv6; many {
		out.All = true
		return out
	}
	i := slices.IndexFunc(e.FloatingIPs, func(f FloatingIP) bool { return f.Address == s.FloatingIP })
	if i < 0 || i >= len(v.Single) {
		return out
	}
	out.First, out.Reserve = e.balancer(v.Single[i].NextHop), e.balancer(v.Single[i].Reserve)
	return out
}

func (e *Explanation) balancer(i int) string {
	if i < 0 {
		return ""
	}
	return e.LoadBalancers[i].Node
}

// carriesIPv6 tells whether sessions from a node carry IPv6: FRR 10 ends those that would from where there is no such address.
func (e *Explanation) carriesIPv6(node string) bool {
	n := e.seen.nodes.byName[node]
	return n != nil && slices.ContainsFunc(n.addresses, func(a netip.Addr) bool { return a.Is6() && a.IsGlobalUnicast() })
}

func (e *Explanation) session(s Session) SessionAnswer {
	return SessionAnswer{
		FloatingIP: s.FloatingIP, Node: s.Node, Peer: s.Peer, PeerIP: s.PeerIP, PeerASN: s.PeerASN, ManyIPv4: s.ManyIPv4, ManyIPv6: s.ManyIPv6,
		Holders: e.holders(s.FloatingIP),
	}
}

func (e *Explanation) holders(ip netip.Addr) []string {
	var out []string
	for _, n := range e.seen.nodes.all {
		switch {
		case n.answers[ip]:
			out = append(out, n.name)
		case n.answers != nil && out == nil:
			out = []string{}
		}
	}
	return out
}

// Node explains one; false where it is not among the input's.
func (e *Explanation) Node(name string) (NodeAnswer, bool) {
	n := e.seen.nodes.byName[name]
	if n == nil {
		return NodeAnswer{}, false
	}
	out := NodeAnswer{Node: name, Traffic: e.traffic(n), FloatingIPs: []FloatingAnswer{}, Sessions: []SessionAnswer{}, Services: e.servicesOf(n)}
	if out.Traffic == IsNextHop {
		self := e.LoadBalancers[e.seen.announcer.balancers.byNode[name]]
		out.IPv4, out.IPv6 = self.IPv4, self.IPv6
	}
	if out.Traffic != IsNextHop || !out.IPv4.IsValid() {
		out.Why = e.whyNoHop(out.Traffic, netip.Addr{})
	}
	for _, f := range e.seen.groups.usable {
		out.FloatingIPs = append(out.FloatingIPs, e.floating(f, n))
	}
	for _, s := range e.Sessions {
		if s.Node == name {
			out.Sessions = append(out.Sessions, e.session(s))
		}
	}
	return out, true
}

// But takes back that the node is a next hop, as that of a Service does.
func (n *NodeAnswer) But(why string) {
	n.Traffic, n.Why, n.IPv4, n.IPv6 = ConflictingASN, why, netip.Addr{}, netip.Addr{}
	if hops := n.Services[string(IsNextHop)]; hops != nil {
		n.Services[string(ConflictingASN)] = hops
		delete(n.Services, string(IsNextHop))
	}
}

// floating is what a node is for a floating IP.
func (e *Explanation) floating(f *floatingIP, n *node) FloatingAnswer {
	out := FloatingAnswer{Address: f.addr, Group: f.group.name, Refusal: n.refuses[f.addr]}
	if f.node != nil {
		out.Holder, out.Placed = f.node.name, f.was == f.node.name
	}
	switch p := e.seen.placer; {
	case p == nil:
		out.Why = "another places it"
	case f.group.refused:
		out.Why = "its NetworkGatewayGroup can't be used as it is"
	default:
		out.Why = p.obstacle(f, n)
	}
	out.Can = out.Why == ""
	return out
}

// servicesOf are the Services by what the node is for them: a next hop for any of their addresses, or why it is none for the first.
func (e *Explanation) servicesOf(n *node) map[string][]string {
	out := map[string][]string{}
	for s, seen := range e.seen.services {
		reason := string(seen.verdict)
		if seen.verdict == Announced {
			reason = string(e.serves(n, s, seen))
		}
		out[reason] = append(out[reason], s.Namespace+"/"+s.Name)
	}
	for _, names := range out {
		slices.Sort(names)
	}
	return out
}

func (e *Explanation) serves(n *node, s *Service, seen *seenService) Reason {
	var told Reason
	for _, a := range seen.addresses {
		v, found := e.vip(a)
		if !found {
			continue
		}
		if hop := e.hop(n, s, a, v); told == "" || hop.Reason == IsNextHop {
			told = hop.Reason
		}
	}
	return told
}

// vip is what is announced of an address.
func (e *Explanation) vip(a seenAddress) (VIP, bool) {
	if a.verdict != Announced {
		return VIP{}, false
	}
	i, found := slices.BinarySearchFunc(e.VIPs, a.addr, func(v VIP, addr netip.Addr) int { return v.Address.Compare(addr) })
	if !found {
		return VIP{}, false
	}
	return e.VIPs[i], true
}

// meanings say what to change for a Service to be announced.
var meanings = map[Verdict]string{
	NoIPAllocated: "status.loadBalancer.ingress is empty: it was given no address; look at the Service's Events, and whether a pool has addresses left for it",
	NoEndpoints:   "no endpoint of the Service is ready or serving, on any node; look at its selector and its pods",
	NoLocalEndpoints: "externalTrafficPolicy is Local, and no node that takes traffic for Services has an endpoint that is ready or serving; run a pod on one of them, " +
		"or set Cluster",
	NoNextHop: "no node that takes traffic for Services has a global address of the family; give them one",
	NoBGP:     "the Cluster announces no Services by BGP; that takes spec.loadBalancer.mode bundled and type bgp in a cluster that is no admin cluster",
}

func (e *Explanation) whyNot(s *Service, seen *seenService) string {
	if len(e.LoadBalancers) == 0 && seen.verdict != NoBGP && seen.verdict != NoIPAllocated && seen.verdict != NoEndpoints {
		return e.whyNoTaker()
	}
	if len(seen.addresses) > 0 && seen.addresses[0].warning != "" {
		return seen.addresses[0].warning
	}
	if seen.verdict == NoLocalEndpoints && !s.Endpoints {
		return "externalTrafficPolicy is Local, and no endpoint is ready or serving on any node; look at the Service's selector and its pods"
	}
	return meanings[seen.verdict]
}

// whyNoTaker says why no node is a next hop for an address, and what to change.
func (e *Explanation) whyNoTaker() string {
	if len(e.LoadBalancers) == 0 {
		return "no node takes traffic for Services; see the problems"
	}
	return meanings[NoNextHop]
}

// whyNoHop says why a node is no next hop, and what to change.
func (e *Explanation) whyNoHop(reason Reason, addr netip.Addr) string {
	switch reason {
	case OtherNodes:
		if e.seen.outside == "" { // nobody asked which nodes it comes to
			return meanings[NoBGP]
		}
		return "traffic for Services comes to other nodes: " + e.seen.outside
	case NodeExcluded:
		return "the node has the label " + excludeLabel + ", which kubeadm puts on control-plane nodes; remove it, or run with --ignore-exclude-lb"
	case NodeNetworkUnavailable:
		return "the node's condition NetworkUnavailable is True; see why its network plugin says so"
	case NodeNotReady:
		return "the node is not Ready; see its conditions"
	case NoEndpointHere:
		return "externalTrafficPolicy is Local, and no endpoint on this node is ready or serving; run a pod here, or set Cluster"
	}
	family := "IPv4"
	if addr.Is6() {
		family = "IPv6"
	}
	return "the node has no global " + family + " address (or no IPv4 address to reach it by); give it one"
}
