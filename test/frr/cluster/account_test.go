package cluster

import (
	"fmt"
	"slices"
	"testing"

	"github.com/frr-renderer/frr-renderer/test/frr/cluster/lab"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// The lab's account of sessions takes a plan for said also when the sidecar that said so was ended before the lab looked.
func TestAnnouncedEndsOfSessionsOutliveTheSidecar(t *testing.T) {
	eachVersion(t, func(t *testing.T, v, other fabric.Version) {
		for _, end := range []func(*lab.Sidecar){(*lab.Sidecar).Stop, (*lab.Sidecar).Kill} {
			l := lab.New(t, oneNode(v, other))
			l.Run()
			l.Apply(pool4, adv, web, toTor1, peer("tor2", "10.0.0.2", 64502))
			l.Announced("tor2", "192.0.2.10/32", "node1")
			l.Ready()
			l.Delete("BGPPeer", "tor2")
			// ToRs see it before the sidecar tells of it, which it does when FRR was seen running it.
			l.Eventually("the plan is told", func() error {
				status, err := l.Sidecar("node1").Status(t.Context())
				if err == nil && !slices.ContainsFunc(status.Applies, func(a lab.Apply) bool { return slices.Contains(a.Promised(), "10.0.0.2") }) {
					err = fmt.Errorf("told are %d others", len(status.Applies))
				}
				return err
			})
			end(l.Sidecar("node1"))
			l.Sidecar("node1").Start()
			l.Apply(web2)
			l.Announced("tor1", "192.0.2.20/32", "node1")
			l.Delete("Service", "web2")
		}
	})
}
