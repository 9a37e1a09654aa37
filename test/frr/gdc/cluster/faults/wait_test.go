package faults

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
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

// refusal waits until a node tells why it can't hold a floating IP, and the condition of the group does, which it fulfils all the same; empty: until neither
// tells of any.
func (w *world) refusal(node, f, why string) {
	w.t.Helper()
	w.Eventually(fmt.Sprintf("%s tells that it refuses %s: %q", node, f, why), func() error {
		told := ""
		for _, n := range w.GatewayNodes() {
			for _, one := range n.Status.FloatingIPs {
				if n.Name == node && one.Address == f && one.State == networking.FloatingIPRefused {
					told = one.Message
				}
			}
		}
		assigned := meta.FindStatusCondition(w.Group().Status.Conditions, gateway.Assigned)
		if assigned == nil || assigned.Status != metav1.ConditionTrue {
			return fmt.Errorf("the group is not assigned: %+v", assigned)
		}
		if !strings.Contains(told, why) || !strings.Contains(assigned.Message, why) || why == "" && (told != "" || assigned.Message != "") {
			return fmt.Errorf("it tells %q, and the group %q", told, assigned.Message)
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

// named waits until the manager says that a floating IP is a node's, whoever holds it.
func (w *world) named(f, node string) {
	w.t.Helper()
	w.Eventually(fmt.Sprintf("the manager names %s for %s", node, f), func() error {
		if now := w.Group().Status.FloatingIPs[f]; now != node {
			return fmt.Errorf("it names %q", now)
		}
		return nil
	})
}

// renewed waits until nodes have renewed their leases after a moment.
func (w *world) renewed(after time.Time, nodes ...string) {
	w.t.Helper()
	for _, n := range nodes {
		w.Eventually("the lease of "+n+" is renewed again", func() error {
			if at := w.Renewal(n); !at.After(after) {
				return fmt.Errorf("that was at %s", at)
			}
			return nil
		})
	}
}

// refreshed waits until nodes have refreshed floating IPs that they hold in their kernels, from now on.
func (w *world) refreshed(holders map[string]string) {
	w.t.Helper()
	left := map[string]int{}
	w.Eventually("floating IPs are refreshed", func() error {
		for f, node := range holders {
			now := w.Left(f, node)
			if before, known := left[f]; known && now > before {
				delete(holders, f)
			}
			left[f] = now
		}
		if len(holders) > 0 {
			return fmt.Errorf("these are not: %v, the kernel keeps them for %v seconds", holders, left)
		}
		return nil
	})
}
