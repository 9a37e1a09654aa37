package lab

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// account is what a lab knows of the sessions of its nodes, to find those that were dropped and that no plan had announced. A step is from one change of
// an object to the next.
type account struct {
	// before are the sessions of each node at the beginning of the step.
	before map[string][]fabric.Session
	// begun is when this step began, earlier when the one before it did: what a plan of that step resets may be seen down only now.
	begun, earlier time.Time
}

// Forget takes all that has happened to sessions until now out of the account: for what a test breaks by its own hand.
func (l *Lab) Forget() { l.state.account = account{} }

// settleAccount ends a step, and begins the next.
func (l *Lab) settleAccount() {
	l.t.Helper()
	a := &l.state.account
	if a.before != nil {
		for _, s := range l.state.order {
			l.settleNode(s.At.Name)
		}
	}
	a.earlier, a.begun = a.begun, time.Now()
	a.before = map[string][]fabric.Session{}
	for _, s := range l.state.order {
		if s.At.PID("bgpd") != 0 {
			a.before[s.At.Name] = l.Sessions(s.At.Name)
		}
	}
}

// settleNode fails the test if a session of a node was dropped and no plan had said so. What the product did it tells a moment later.
func (l *Lab) settleNode(node string) {
	l.t.Helper()
	dropped := droppedSessions(l.state.account.before[node], l.Sessions(node))
	if len(dropped) == 0 {
		return
	}
	l.Eventually("plans of "+node+" that announced the end of its sessions", func() error {
		promised, err := l.promised(node)
		if err != nil {
			return err
		}
		for neighbor, what := range dropped {
			if !slices.Contains(promised, neighbor) {
				return fmt.Errorf("no plan said so: %s; promised were %q", what, promised)
			}
		}
		return nil
	})
}

// promised are the neighbors that the plans of this step and the one before have reset, those of a sidecar that was ended meanwhile too.
func (l *Lab) promised(node string) ([]string, error) {
	s := l.Sidecar(node)
	status, err := s.Status(l.t.Context())
	if err != nil {
		return nil, err
	}
	var out []string
	for _, a := range slices.Concat(s.applied, status.Applies) {
		if a.Started.After(l.state.account.earlier) {
			out = append(out, a.Promised()...)
		}
	}
	return out, nil
}

// bfdSettles is how old a session with BFD is before it counts: FRR sometimes ends it once while its BFD session comes up.
const bfdSettles = 5 * time.Second

// droppedSessions tells of each session that was up and was dropped since, by the name that plans give to the neighbor.
func droppedSessions(before, after []fabric.Session) map[string]string {
	out := map[string]string{}
	for _, b := range before {
		if b.State != "Established" || b.BFD != "" && b.Uptime < bfdSettles {
			continue
		}
		name := b.Neighbor
		if b.VRF != "" {
			name += " vrf " + b.VRF
		}
		if found := fabric.Disturbed([]fabric.Session{b}, after); len(found) > 0 {
			out[name] = strings.Join(found, "; ")
		}
	}
	return out
}
