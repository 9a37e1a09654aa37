package role

import (
	"net/netip"
	"slices"
	"time"

	"github.com/frr-renderer/frr-renderer/internal/floating"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/source"
)

// Part is what the node does in GDC mode, for one turn of its agent.
type Part struct {
	Node string
	// Assignment is what the cluster does; the floating IPs of this node are those that it holds, and that are not about to leave. nil: no object asks for
	// anything.
	Assignment *gateway.Assignment
	// Floating are the floating IPs that are on the host, and those that may be so in a moment and that FRR does not wait for yet: it refuses a neighbor with such
	// an address.
	Floating []netip.Addr
	// Problems that the node has with its part.
	Problems []problem.Problem
	// Unknown says why it is not known what the node is to do; empty: it is. What FRR has stays then.
	Unknown string
}

// decided is an Assignment, and the objects that it was made of.
type decided struct {
	from       *source.Result
	assignment *gateway.Assignment
}

// Turn is the node's part by the objects and by what it holds. It is for the agent's goroutine. Objects that are the same pointer as last time are
// those of last time: to decide takes 20 ms for 2,000 Services on 200 nodes.
func (r *Role) Turn(objects *source.Result) Part {
	if objects == r.decided.from {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		return r.part()
	}
	r.decided = decided{from: objects, assignment: r.assign(objects)}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.paths.read(objects.Objects.GDC.Sessions)
	r.follow(objects)
	r.renew()
	if r.prefixes = nil; r.decided.assignment != nil {
		r.prefixes = r.announced(r.decided.assignment)
	}
	part := r.part()
	r.report()
	return part
}

func (r *Role) assign(objects *source.Result) *gateway.Assignment {
	readable := withUnread(objects, r.read)
	r.read = readable.GDC
	options := r.Options
	options.Unread = r.unread(objects) // a file that can't be read has nothing to do with it in most cases, and what it held is kept
	in, ok := snapshot.GatewayInput(readable, options)
	if !ok {
		r.remember(gateway.Input{})
		r.sure = true
		return nil
	}
	in.Placed, in.AssumeSubnets = !r.Alone, r.Alone
	r.remember(in)
	if r.Alone {
		in.Before = r.spoken()
	}
	out := gateway.Assign(in)
	r.sure = r.sure || !out.Unsure
	if !r.Alone {
		out.Problems = nil // the manager tells people
	}
	if len(out.Sessions) > 0 {
		r.before = out.Sessions
	}
	return &out
}

// spoken are the sessions that were chosen last. At a start they are those that the views in FRR have: what cannot be read, or is wrong, was right when they were made.
func (r *Role) spoken() []gateway.Session {
	if r.before != nil {
		return r.before
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var out []gateway.Session
	for _, s := range r.sessions {
		if floating, peer, ok := sessionOf(s); ok && peer.Is4() {
			out = append(out, gateway.Session{PeerIP: peer, PeerASN: s.RemoteAS, LocalASN: s.LocalAS, FloatingIP: floating, Node: r.Node})
		}
	}
	return out
}

// remember keeps what renew needs to be decided anew when the node's subnets change.
func (r *Role) remember(in gateway.Input) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	in.Services = nil
	r.input, r.namespace = in, gateway.Namespace(in)
}

// renew finds out whether the node's lease is to be renewed though it holds nothing. With the mutex.
func (r *Role) renew() {
	var own []netip.Prefix
	for _, s := range r.ownSubnets() {
		own = append(own, s.Address.Masked())
	}
	r.renews = !r.Alone && gateway.Renews(r.input, r.Node, own)
}

// follow takes in what the objects want the node to hold, where its groups are others than last time: what was listed after a lapse of the lease may be newer
// than those that are not. With the mutex.
func (r *Role) follow(objects *source.Result) {
	groups := objects.Objects.GDC.GatewayGroups
	if r.grouped != (time.Time{}) && !r.Alone && slices.Equal(groups, r.groups) {
		return
	}
	wanted, placed := r.ours(objects)
	if objects.Incomplete || slices.ContainsFunc(objects.Unread, places) {
		// What can't be read may be what says so: what is held stays, unless another is to have it.
		for _, ip := range slices.Concat(r.word.Wanted, r.floating()) {
			if !placed[ip] && !slices.Contains(wanted, ip) {
				wanted = append(wanted, ip)
			}
		}
	}
	slices.SortFunc(wanted, netip.Addr.Compare)
	r.groups, r.grouped = groups, time.Now()
	if r.ordered.told && slices.Equal(r.ordered.wanted, wanted) {
		return
	}
	r.ordered.outdated = time.Since(r.ordered.back) < behindTime
	r.wants(wanted)
	r.tell()
}

// ours are the floating IPs that the objects want on this node; placed are all that they want anywhere.
func (r *Role) ours(objects *source.Result) (wanted []netip.Addr, placed map[netip.Addr]bool) {
	placed = map[netip.Addr]bool{}
	place := func(ip netip.Addr, node string) {
		if placed[ip] = true; node == r.Node {
			wanted = append(wanted, ip)
		}
	}
	if r.Alone {
		if a := r.decided.assignment; a != nil && !a.Unsure {
			for _, f := range a.FloatingIPs {
				place(f.Address, f.Node)
			}
		}
		return wanted, placed
	}
	for _, g := range objects.Objects.GDC.GatewayGroups {
		if g.Namespace != r.namespace {
			continue // the manager has not placed them, and Assign knows none of them
		}
		for ip, node := range gateway.Placed(g.Status.FloatingIPs) {
			place(ip, node)
		}
	}
	return wanted, placed
}

// places tells of an object that says where floating IPs are, or which others do: the Cluster's namespace is that of the groups.
func places(o problem.Object) bool { return o.Kind == "NetworkGatewayGroup" || o.Kind == "Cluster" }

// floating are the floating IPs on the host. With the mutex.
func (r *Role) floating() []netip.Addr {
	var out []netip.Addr
	for _, f := range r.facts.Addresses {
		if f.State == floating.Held {
			out = append(out, f.Address)
		}
	}
	return out
}

// part is the Part as things are, so nothing has changed since. With the mutex.
func (r *Role) part() Part {
	select {
	case <-r.changed:
	default:
	}
	part := Part{Node: r.Node, Floating: slices.Concat(r.floating(), r.comes()), Problems: r.problems()}
	r.assignment = nil
	if r.decided.assignment == nil {
		return part
	}
	a := *r.decided.assignment
	if a.Unsure {
		part.Unknown = "the Cluster can't be read, so it is not known what there is to announce; FRR keeps what it has until the Cluster is mended or deleted"
	}
	a.FloatingIPs, a.Sessions = slices.Clone(a.FloatingIPs), slices.Clone(a.Sessions)
	for i := range a.FloatingIPs {
		switch f := &a.FloatingIPs[i]; {
		case r.holds(f.Address):
			f.Node = r.Node
		case f.Node == r.Node:
			f.Node = ""
		}
	}
	r.paths.apply(a.Sessions)
	part.Assignment, r.assignment = &a, &a
	return part
}
