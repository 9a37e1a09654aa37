package manager

import (
	"slices"
	"time"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
)

// given is to which node a floating IP was given, and since when that is seen.
type given struct {
	node  string
	since time.Time
}

// back finds, for each floating IP, nodes whose agents came back after it was given to another: they may not have heard of it. One that was there all the
// time has, or will in a moment, and gives it up. Groups of another namespace than the cluster's say nothing.
func (m *Manager) back(groups []*networking.NetworkGatewayGroup, namespace string) map[string][]string {
	now, began := m.leases.now(), m.leases.began()
	out, all := map[string][]string{}, map[string]given{}
	for _, g := range groups {
		if g.Namespace != namespace {
			continue
		}
		for floating, node := range g.Status.FloatingIPs {
			is := m.given[floating]
			if is.node != node {
				is = given{node, now}
			}
			all[floating] = is
			for name, at := range began {
				if name != node && at.After(is.since) {
					out[floating] = append(out[floating], name)
				}
			}
			slices.Sort(out[floating])
		}
	}
	m.given = all
	return out
}
