package gateway

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// placer decides which node holds which floating IP.
type placer struct {
	nodes *nodes
	// believed tells whether an expired lease means a dead node.
	believed bool
	back     map[string][]string
}

// place gives each floating IP a node: the one that holds it as long as that can go on, otherwise of those that can take it one with a live
// lease, then one that refuses none, then the one with the fewest floating IPs, then the first by name.
func (a *assigner) place(g *groups, nodes *nodes) {
	if a.Placed {
		g.follow(nodes)
		return
	}
	p := placer{nodes: nodes, believed: a.believeLeases(g, nodes), back: a.Back}
	a.seen.places(p)
	var moving []*floatingIP
	for _, f := range g.order {
		if n := p.holder(f); n != nil && p.fault(f, n) == "" {
			f.give(n)
		} else {
			moving = append(moving, f)
		}
	}
	for _, f := range moving {
		if !a.awaits(p, f) {
			a.move(p, f)
		}
	}
	a.offer(p, g)
	for _, f := range g.order {
		a.tellConflict(p, f)
		a.tellRefused(p, f)
	}
	for _, one := range g.all {
		if !a.markAwaiting(one) {
			a.markAssigned(p, one)
		}
		a.tellRedundancy(p, one)
	}
}

// follow leaves each floating IP with the node that has it, if there is such a node.
func (g *groups) follow(nodes *nodes) {
	for _, f := range g.order {
		if n := nodes.byName[f.was]; n != nil {
			f.give(n)
		}
	}
}

func (a *assigner) believeLeases(g *groups, nodes *nodes) bool {
	holders := map[string]bool{}
	for _, f := range g.order {
		holders[f.was] = true
	}
	expired, ok := nodes.trust(holders)
	if !ok && a.offerBelief(g, nodes, expired) {
		return true
	}
	if !ok {
		a.warn(g.order[0].group.object, "status.floatingIPs", problem.LeasesLost, fmt.Sprintf(
			"the leases of %d nodes that hold floating IPs (%s) expired, and fewer nodes have a live one: this may well be the way to the API server, so nothing moves; "+
				"see whether these nodes are up; where their Nodes are not Ready either, and another node lives that can hold what they held, a manager takes them for dead after a while "+
				"(--lost-leases-after); who knows that they are may write that node into status.floatingIPs", len(expired), some(expired)))
	}
	return ok
}

func (f *floatingIP) give(n *node) {
	f.node = n
	n.floating++
}

// holder is the node that has the floating IP: the one that the status names, but where it does not answer for it and another does, which lives and
// may hold it, that one, if it came back since. A node that was cut off from the API server alone kept its address, and comes back to find another named; one
// that was there all the time knows, and is about to give it up.
func (p placer) holder(f *floatingIP) *node {
	named := p.nodes.byName[f.was]
	if named != nil && (named.answers[f.addr] || !p.believed) || f.group.unread != nil {
		return named
	}
	for _, n := range p.nodes.all {
		if n.answers[f.addr] && n.lease == LeaseLive && slices.Contains(p.back[f.addr.String()], n.name) && p.fault(f, n) == "" {
			return n
		}
	}
	return named
}

// fault is why a node should not go on holding a floating IP; empty: it may. A node that is not Ready and whose lease is live works:
// what is broken is on the way from its kubelet.
func (p placer) fault(f *floatingIP, n *node) string {
	inside, known := n.in(f.addr)
	switch {
	case known && !inside:
		return outsideSubnet
	case !f.group.refused && !f.group.selector.Matches(n.labels):
		return notSelected
	case n.lease == LeaseExpired && !p.believed:
		return ""
	case n.lease == LeaseExpired:
		return leaseExpired
	case n.maintenance:
		return inMaintenanceMode
	case n.unwell:
		return gatewayUnwell
	case n.refused(f):
		return refusing
	}
	return ""
}

// refused tells that a node can't hold a floating IP by its own report, though it may hold others.
func (n *node) refused(f *floatingIP) bool { return n.refuses[f.addr] != "" }

const (
	outsideSubnet     = "not in its subnet"
	subnetUnknown     = "of unknown subnets"
	notSelected       = "not matched by nodeSelector"
	leaseExpired      = "without a sign of life from the agent"
	inMaintenanceMode = "in maintenance or cordoned"
	gatewayUnwell     = "not healthy by its own report"
	refusing          = "refusing it by its own report"
	notReady          = "not Ready"
	unavailable       = "without network (NetworkUnavailable)"
)

// obstacle is why a node can't take a floating IP anew; empty: it can. That it refuses it comes last: a node of which nothing worse is known may be tried.
func (p placer) obstacle(f *floatingIP, n *node) string {
	inside, known := n.in(f.addr)
	switch fault := p.fault(f, n); {
	case !known:
		return subnetUnknown
	case !inside, fault != "" && fault != refusing:
		return fault
	case n.lease == LeaseExpired:
		return leaseExpired
	case !n.ready:
		return notReady
	case n.unavailable:
		return unavailable
	default:
		return fault
	}
}

// best is the node that takes a floating IP of those that have this obstacle, empty for none; nil where there is no such node.
func (p placer) best(f *floatingIP, obstacle string) *node {
	var best *node
	for _, n := range p.nodes.all { // by name
		if (best == nil || n.before(best)) && p.obstacle(f, n) == obstacle {
			best = n
		}
	}
	return best
}

// before tells whether the node is a better place for one more floating IP, whatever the names.
func (n *node) before(o *node) bool {
	if live := n.lease == LeaseLive; live != (o.lease == LeaseLive) {
		return live
	}
	if refuses := len(n.refuses) > 0; refuses != (len(o.refuses) > 0) {
		return !refuses // what it lacks for the one may be what another needs
	}
	return n.floating < o.floating
}

// move finds another node for a floating IP. Where there is none it stays, as long as it can work there at all; a node that refuses it may yet be mended, so
// it comes before none, and before one that is dead.
func (a *assigner) move(p placer, f *floatingIP) {
	n, fault := p.holder(f), ""
	if n != nil {
		fault = p.fault(f, n)
	}
	if !f.group.refused {
		to := p.best(f, "")
		if to == nil && (n == nil || slices.Contains(deadly, fault)) {
			to = p.best(f, refusing)
		}
		if to != nil {
			f.give(to)
			return
		}
	}
	if n != nil && fault != outsideSubnet {
		f.give(n)
		if fault != refusing { // tellRefused does that
			message := fmt.Sprintf("%s stays on node %q, which is %s: no other node can take it (%s)", f.addr, n.name, fault, p.obstacles(f))
			a.warn(f.group.object, f.field, problem.NotMoved, message)
			if fault == leaseExpired {
				f.silence = message
			}
		}
		return
	}
	a.unassigned(p, f)
}

// deadly are faults with which a node can hold nothing at all.
var deadly = []string{outsideSubnet, leaseExpired, gatewayUnwell}

func (a *assigner) unassigned(p placer, f *floatingIP) {
	unknown := false
	for _, n := range p.nodes.all {
		inside, known := n.in(f.addr)
		unknown = unknown || !known
		if inside {
			a.warn(f.group.object, f.field, problem.Unassigned, fmt.Sprintf("no node can hold %s: %s", f.addr, p.obstacles(f)))
			return
		}
	}
	switch {
	case len(p.nodes.all) == 0:
		a.warn(f.group.object, f.field, problem.Unassigned, fmt.Sprintf("no node can hold %s: %s", f.addr, p.obstacles(f)))
	case unknown:
		a.warn(f.group.object, f.field, problem.UnknownSubnets, fmt.Sprintf(
			"%s lies in no known subnet, and nobody tells the subnets of some nodes (%s): run the agent there, or set annotation %s", f.addr, p.obstacles(f), networkStatus))
	default:
		a.refuse(f.group.object, f.field, problem.NotInAnySubnet, fmt.Sprintf("%s lies in no subnet of any node%s; it is left out: reserve an address out of one of them",
			f.addr, p.nodes.assumption()))
	}
}

// assumption tells where subnets are not known, and what would tell them.
func (n *nodes) assumption() string {
	if len(n.assumed) == 0 {
		return ""
	}
	return fmt.Sprintf(" (a /%d around the address of %s is assumed; where it is wider, annotation %s of the Node has to tell)", assumedBits, some(n.assumed), networkStatus)
}

// obstacles sums up why no node takes a floating IP.
func (p placer) obstacles(f *floatingIP) string {
	switch {
	case f.group.refused:
		return "its NetworkGatewayGroup can't be used as it is"
	case len(p.nodes.all) == 0:
		return "there is no node"
	}
	count := map[string]int{}
	for _, n := range p.nodes.all {
		count[p.obstacle(f, n)]++
	}
	var out []string
	for _, why := range slices.SortedFunc(maps.Keys(count), func(x, y string) int { return cmp.Or(count[y]-count[x], strings.Compare(x, y)) }) {
		out = append(out, fmt.Sprintf("%d %s", count[why], why))
	}
	return strings.Join(out, ", ")
}

// held tells whether any node says that it answers for a floating IP: one that is about to give it up, or was cut off.
func (p placer) held(f *floatingIP) bool {
	return slices.ContainsFunc(p.nodes.all, func(n *node) bool { return n.answers[f.addr] })
}

// tellConflict tells of a host, none of the cluster, that answers for a floating IP.
func (a *assigner) tellConflict(p placer, f *floatingIP) {
	if f.node == nil {
		return
	}
	if mac, conflict := f.node.conflicts[f.addr]; conflict && !p.held(f) {
		a.warn(f.group.object, f.field, problem.AddressInUse, fmt.Sprintf(
			"node %q finds another host, %s, that answers for %s, and leaves it alone: find that host, or reserve another address",
			f.node.name, cmp.Or(mac, "of unknown hardware address"), f.addr))
	}
}

// tellRefused tells of the nodes that refuse a floating IP, each with its reason.
func (a *assigner) tellRefused(p placer, f *floatingIP) {
	var reasons []string
	for _, n := range p.nodes.all {
		if n.refused(f) {
			reasons = append(reasons, fmt.Sprintf("node %q (%s)", n.name, n.refuses[f.addr]))
		}
	}
	switch {
	case len(reasons) == 0:
		return
	case f.node == nil:
		f.refusal = fmt.Sprintf("%s can't be held by %s", f.addr, some(reasons))
	case f.node.refused(f):
		f.refusal = fmt.Sprintf("no node holds %s: it stays with node %q, where it is tried again and again, and it can't be held by %s: mend one of them", f.addr, f.node.name, some(reasons))
	default:
		f.refusal = fmt.Sprintf("%s is not given to %s, until that is mended", f.addr, some(reasons))
	}
	a.warn(f.group.object, f.field, problem.NotHeld, f.refusal)
}

// markAssigned tells whether each floating IP has a node that does not refuse it. It tells why, too: problems that are no error stand in no other condition.
func (a *assigner) markAssigned(p placer, g *group) {
	var without, refusals []string
	nobody := false
	for _, f := range g.list {
		switch {
		case f.node == nil:
			without = append(without, fmt.Sprintf("%s (%s)", f.addr, p.obstacles(f)))
		case f.node.refused(f):
			nobody = true
		}
		if f.refusal != "" {
			refusals = append(refusals, f.refusal)
		}
	}
	told := strings.Join(refusals, "; ")
	switch {
	case len(without) > 0:
		a.mark(g.object, Assigned, problem.Unassigned, strings.Join(append([]string{"no node can hold " + some(without)}, refusals...), "; "))
	case len(g.list) == 0:
		a.mark(g.object, Assigned, problem.Unassigned, "there is no floating IP that can be used")
	case nobody:
		a.mark(g.object, Assigned, problem.NotHeld, told)
	case g.silent() != "":
		a.mark(g.object, Assigned, problem.NotMoved, g.silent())
	default:
		a.mark(g.object, Assigned, "", told)
	}
}
