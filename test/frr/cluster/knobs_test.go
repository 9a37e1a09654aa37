package cluster

import (
	"fmt"
	"testing"

	"github.com/frr-renderer/frr-renderer/test/frr/cluster/lab"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// annotate sets an annotation of ours, or takes it away when the value is "-".
func annotate(l *lab.Lab, kind, name, knob, value string) {
	text := fmt.Sprintf("%q", value)
	if value == "-" {
		text = "null"
	}
	l.Patch(kind, name, fmt.Sprintf("{metadata: {annotations: {frr-renderer.io/%s: %s}}}", knob, text))
}

// med is the MED of a route, 0 without one.
func med(want uint32) lab.Condition {
	return func(r fabric.Route) error {
		if r.MED != want {
			return fmt.Errorf("its MED is %d, not %d", r.MED, want)
		}
		return nil
	}
}

// Annotations on objects of a real API server, which keeps them where MetalLB's CRDs would drop a field (docs/knobs.md).
func TestKnobs(t *testing.T) {
	const prefix = "192.0.2.10/32"
	base := pool + adv + toTor1 + toTor2 + web
	family(t, twoNodes, []scenario{
		{"prepending-and-med", func(_ *testing.T, l *lab.Lab) {
			l.Apply(base)
			l.Announced("tor1", prefix, "node1", "node2")
			l.Announced("tor2", prefix, "node1", "node2")
			l.Undisturbed(func() {
				annotate(l, "BGPAdvertisement", "all", "as-path-prepend", "2")
				annotate(l, "BGPAdvertisement", "all", "med", "77")
				l.Route("tor1", prefix, lab.From("node1"), lab.Path("64500 64500 64500"), med(77))
				l.Route("tor1", prefix, lab.From("node2"), lab.Path("64500 64500 64500"), med(77))
				l.Route("tor2", prefix, lab.From("node1"), lab.Path(""), med(77))

				annotate(l, "BGPAdvertisement", "all", "med", "much")
				l.Problem("node1", "all", "frr-renderer.io/med", "0 to 4294967295", "last good form")
				l.Route("tor1", prefix, lab.From("node1"), lab.Path("64500 64500 64500"), med(77))
				annotate(l, "BGPAdvertisement", "all", "med", "-")
				annotate(l, "BGPAdvertisement", "all", "as-path-prepend", "-")
				l.Route("tor1", prefix, lab.From("node1"), lab.Path("64500"), med(0))
				l.NoProblem("node1", "frr-renderer.io/med")
			})
		}},
		{"communities-of-a-service", func(_ *testing.T, l *lab.Lab) {
			l.Apply(base)
			annotate(l, "Service", "web", "communities", "65000:120, 65001:1")
			l.Problem("node1", "web", "65000:120 65001:1", "service-communities", "left out")
			l.Route("tor1", prefix, lab.From("node1"), lab.Communities())
			l.Route("tor1", prefix, lab.From("node2"), lab.Communities())
			l.Undisturbed(func() {
				annotate(l, "BGPAdvertisement", "all", "service-communities", "65000:100-199")
				l.Route("tor1", prefix, lab.From("node1"), lab.Communities("65000:120"))
				l.Route("tor1", prefix, lab.From("node2"), lab.Communities("65000:120"))
				annotate(l, "Service", "web", "communities", "65000:130")
				l.Route("tor1", prefix, lab.From("node1"), lab.Communities("65000:130"))
				l.NoProblem("node1", "service-communities")
				annotate(l, "BGPAdvertisement", "all", "service-communities", "-")
				l.Route("tor1", prefix, lab.From("node1"), lab.Communities())
			})
		}},
		{"one-node-is-drained", func(_ *testing.T, l *lab.Lab) {
			l.Apply(base)
			l.Announced("tor1", prefix, "node1", "node2")
			l.Announced("tor2", prefix, "node1", "node2")
			l.Undisturbed(func() {
				annotate(l, "Node", "node1", "graceful-shutdown", "true")
				l.Route("tor1", prefix, lab.From("node1"), lab.Communities("graceful-shutdown"))
				l.Route("tor2", prefix, lab.From("node1"), lab.LocalPref(0))
				l.Route("tor1", prefix, lab.From("node2"), lab.Communities())
				l.Route("tor2", prefix, lab.From("node2"), lab.LocalPref(100))
				annotate(l, "Node", "node1", "graceful-shutdown", "-")
				l.Route("tor1", prefix, lab.From("node1"), lab.Communities())
				l.Route("tor2", prefix, lab.From("node1"), lab.LocalPref(100))
			})
		}},
		{"endpoint-policy", func(_ *testing.T, l *lab.Lab) {
			serving := slice("web", endpoint("node1", "10.244.0.1", "ready: false, serving: true, terminating: true"))
			l.Apply(base)
			l.Announced("tor1", prefix, "node1", "node2")
			l.Undisturbed(func() {
				l.Apply(serving)
				annotate(l, "BGPAdvertisement", "all", "endpoint-policy", "ReadyOnly")
				l.Announced("tor1", prefix)
				annotate(l, "Service", "web", "endpoint-policy", "ReadyOrServing")
				l.Announced("tor1", prefix, "node1", "node2")
				annotate(l, "Service", "web", "endpoint-policy", "-")
				l.Announced("tor1", prefix)
				l.Apply(slice("web", on("node1")))
				l.Announced("tor1", prefix, "node1", "node2")
			})
		}},
	})
}
