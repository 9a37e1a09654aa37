package faults

import (
	"fmt"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
)

// healthy waits until a node that was away tells that it can hold floating IPs, and the manager has heard it.
func (w *world) healthy(node string) {
	w.t.Helper()
	w.Eventually(node+" is healthy", func() error {
		if state := w.Group().Status.Nodes[node]; state != networking.GatewayUp {
			return fmt.Errorf("it is %s", state)
		}
		return nil
	})
}

// told waits until all sessions of a node are told to be in a state.
func (w *world) told(node string, state networking.SessionState) {
	w.t.Helper()
	w.Eventually(fmt.Sprintf("the sessions of %s are told to be %s", node, state), func() error {
		for _, s := range w.BGPSessions() {
			if s.Spec.NodeName == node && s.Status.State != state {
				return fmt.Errorf("%s is %s", s.Name, s.Status.State)
			}
		}
		return nil
	})
}
