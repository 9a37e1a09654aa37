package agent

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/role"
	"github.com/frr-renderer/frr-renderer/internal/source"
)

// Gateway is the node's part in GDC mode; role.Role is one. Its methods return at once, but for a Turn with other objects, which decides for a whole cluster.
type Gateway interface {
	// Ready tells that it is known what the node holds. Nothing is applied before.
	Ready() bool
	// Turn is what the node is to do. Objects that are the same pointer as last time are those of last time.
	Turn(objects *source.Result) role.Part
	// Runs is told the frr.conf of what FRR was brought to.
	Runs(config string)
	// Changed has an entry when the next Turn may be another.
	Changed() <-chan struct{}
}

// notGateway is for a node that is in no GDC mode.
type notGateway struct{}

func (notGateway) Ready() bool                   { return true }
func (notGateway) Turn(*source.Result) role.Part { return role.Part{} }
func (notGateway) Runs(string)                   {}
func (notGateway) Changed() <-chan struct{}      { return nil }

// follows are the resets of a plan that nobody is to be asked for, since holding them back would keep no session: those of a floating IP that leaves, or has come,
// end anyway; and a router that was seen to receive several paths is told them at the price of one reset, which is part of its session's beginning.
func follows(plan reload.Plan, part role.Part) func(neighbor string) bool {
	asked := map[string]bool{}
	for _, c := range plan.Commands {
		if c.Effect != reload.Reset || isAddPath(c) {
			continue
		}
		for _, n := range c.Neighbors {
			asked[n] = true
		}
	}
	return func(neighbor string) bool {
		if _, view, is := strings.Cut(neighbor, " view "); is {
			floating, is := floatingOf(view)
			return is && part.Node != "" && (!asked[neighbor] || !views(part, floating))
		}
		ip, err := netip.ParseAddr(neighbor)
		return err == nil && slices.Contains(part.Floating, ip)
	}
}

// isAddPath tells of a command that begins or ends with several paths in a view of a floating IP.
func isAddPath(c reload.Command) bool {
	if len(c.Context) == 0 || !strings.HasSuffix(c.Line.Reveal(), " addpath-tx-all-paths") {
		return false
	}
	_, view, _ := strings.Cut(c.Context[0].Reveal(), " view ")
	_, is := floatingOf(view)
	return is
}

// floatingOf is the floating IP that a view is of.
func floatingOf(view string) (netip.Addr, bool) {
	name, is := strings.CutPrefix(view, role.ViewName)
	ip, err := netip.ParseAddr(name)
	return ip, is && err == nil
}

// views tells whether the node has a view for a floating IP.
func views(part role.Part, floating netip.Addr) bool {
	if part.Assignment == nil || !slices.Contains(part.Floating, floating) {
		return false
	}
	for _, f := range part.Assignment.FloatingIPs {
		if f.Address == floating {
			return f.Node == part.Node
		}
	}
	return false
}
