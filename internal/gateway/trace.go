package gateway

import "net/netip"

// trace notes the rules as they are asked, for Explain. Its methods do nothing where there is none.
type trace struct {
	placer    *placer // nil: nothing was placed, since somebody else places
	nodes     *nodes
	groups    *groups
	announcer announcer
	// outside is why a node is none of the pool that takes traffic.
	outside string
	// out are the nodes of the pool that no traffic comes to all the same, and why.
	out      map[*node]Reason
	services map[*Service]*seenService
}

// seenService is what was decided of a Service.
type seenService struct {
	verdict   Verdict
	addresses []seenAddress
	// What is known of the next address.
	hops    []int
	warning string
}

// seenAddress is what was decided of one of its addresses.
type seenAddress struct {
	text    string
	addr    netip.Addr // zero where the text is none
	verdict Verdict
	warning string
	hops    []int
}

func newTrace() *trace { return &trace{out: map[*node]Reason{}, services: map[*Service]*seenService{}} }

func (t *trace) places(p placer) {
	if t != nil {
		t.placer = &p
	}
}

// inPool notes a node of the pool; why is empty where it takes traffic.
func (t *trace) inPool(n *node, why Reason) {
	if t != nil {
		t.out[n] = why
	}
}

// pool notes how the pool was chosen.
func (t *trace) pool(outside string) {
	if t != nil {
		t.outside = outside
	}
}

func (t *trace) of(s *Service) *seenService {
	if t.services[s] == nil {
		t.services[s] = &seenService{}
	}
	return t.services[s]
}

func (t *trace) service(s *Service, verdict Verdict) {
	if t != nil {
		t.of(s).verdict = verdict
	}
}

// hops notes the next hops of the address that is decided next.
func (t *trace) hops(s *Service, hops []int) {
	if t != nil {
		t.of(s).hops = hops
	}
}

// warned notes what is wrong with it.
func (t *trace) warned(s *Service, message string) {
	if t != nil {
		t.of(s).warning = message
	}
}

func (t *trace) address(s *Service, text string, addr netip.Addr, verdict Verdict) {
	if t == nil {
		return
	}
	one := t.of(s)
	one.addresses = append(one.addresses, seenAddress{text, addr, verdict, one.warning, one.hops})
	one.warning, one.hops = "", nil
}

func (t *trace) decided(nodes *nodes, groups *groups, announcer announcer) {
	if t != nil {
		t.nodes, t.groups, t.announcer = nodes, groups, announcer
	}
}
