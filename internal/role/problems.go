package role

import (
	"fmt"

	"github.com/frr-renderer/frr-renderer/internal/floating"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// unwell is why the node can hold no floating IP at all; empty: it can. With the mutex.
func (r *Role) unwell() string {
	switch {
	case r.listening.refusal != "":
		return r.listening.refusal
	case r.facts.Unwell != "":
		return r.facts.Unwell
	case r.blind():
		return "the kernel does not tell which floating IPs are on the host: see the log"
	case r.word.Subnets != nil && len(r.ownSubnets()) == 0:
		// A node of whose subnets nothing is known keeps what it has.
		return fmt.Sprintf("no LAN of the node has been up for %s: see whether its interfaces are up and have a carrier", floating.Patience)
	}
	return ""
}

// problems are what the node has with its part. With the mutex.
func (r *Role) problems() []problem.Problem {
	var out []problem.Problem
	add := func(severity problem.Severity, reason problem.Reason, message string) {
		out = append(out, problem.Problem{Severity: severity, Object: problem.Object{Kind: "Node", Name: r.Node}, Reason: reason, Message: message})
	}
	if why := r.unwell(); why != "" && (len(r.word.Wanted) > 0 || r.listening.refusal != "" || r.blind()) {
		add(problem.Error, problem.NotHealthy, "the node can hold no floating IP: "+why)
	}
	for _, f := range r.facts.Addresses {
		switch {
		case f.State == floating.Refused:
			add(problem.Error, problem.NotHeld, fmt.Sprintf("floating IP %s can't be held here: %s", f.Address, f.Reason))
		case f.State == floating.Yielded && f.MAC == nil:
			add(problem.Error, problem.NotHeld, fmt.Sprintf("floating IP %s was given up: %s", f.Address, f.Reason))
		case f.State == floating.Conflict, f.State == floating.Yielded:
			add(problem.Warning, problem.AddressConflict, fmt.Sprintf("floating IP %s is not held here: %s", f.Address, f.Reason))
		case f.State == floating.Held && f.MAC != nil:
			add(problem.Warning, problem.AddressConflict, fmt.Sprintf("floating IP %s is held here, and %s answers for it, too", f.Address, f.MAC))
		case f.State == floating.Held && f.Reason != "":
			add(problem.Warning, problem.NotHeld, fmt.Sprintf("floating IP %s is held here, but %s", f.Address, f.Reason))
		}
	}
	for _, f := range r.remembered() {
		add(problem.Warning, problem.NotHeld, fmt.Sprintf("floating IP %s is not given to this node for some minutes, since it could not be held here: %s", f.Address, f.Reason))
	}
	return out
}
