package manager_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// broken is an object that gets a value of another type.
type broken struct {
	resource schema.GroupVersionResource
	name     string
	field    []string
	value    any
	// said is what a manager says of it that never saw it otherwise.
	said string
}

// An object that a manager can't read, be it that it could before or that it never saw it otherwise, moves nothing and takes nothing away.
func TestWhatCanNotBeReadMovesNothing(t *testing.T) {
	whole, l := t, newLab(t)
	l.WithoutSchemas(t, networking.GroupVersion.Group, baremetal.GroupVersion.Group)
	l.example(t, "example-12-separate-control-and-data-plane")
	l.service(t, "web", "Cluster", []string{"203.0.113.1"}, []string{"w1"})
	l.renewing(t, "w1", "w2")
	before := []string{
		"10.0.3.100 w1", "10.0.3.101 w2",
		"10.0.3.254-w1: AS 65001 10.0.3.100 -> AS 65002 10.0.3.254, 10.0.3.100 on w1 NotEstablished",
		"10.0.3.254-w2: AS 65001 10.0.3.101 -> AS 65002 10.0.3.254, 10.0.3.101 on w2 NotEstablished",
		"default-default-web: 203.0.113.1/32 by 10.0.1.10 10.0.1.11 10.0.2.11",
	}
	is := func(t *testing.T) []string { return slices.Concat(l.holders(t), l.sessions(t), l.routes(t)) }
	m := l.run(t, "first")
	eventually(t, before, is)
	for what, b := range map[string]broken{
		"BGPPeer": {networking.GroupVersion.WithResource("bgppeers"), "bgppeer1", []string{"spec", "peerASN"}, "many",
			"BGPPeer.networking.gke.io cluster-bm/bgppeer1 -: it can't be read, so sessions with routers that no other object names (10.0.3.254) stay as they are"},
		"NetworkGatewayGroup": {networking.GroupVersion.WithResource("networkgatewaygroups"), "default", []string{"spec", "floatingIPs"}, "10.0.3.100",
			"NetworkGatewayGroup.networking.gke.io cluster-bm/default -: it can't be read, so floating IPs that no other group lists (10.0.3.100, 10.0.3.101) stay as they are"},
		"BGPLoadBalancer": {networking.GroupVersion.WithResource("bgploadbalancers"), "default", []string{"spec", "peerSelector"}, "all",
			"BGPLoadBalancer.networking.gke.io cluster-bm/default -: it can't be read, so nobody knows which BGPPeers are meant"},
		"Cluster": {baremetal.GroupVersion.WithResource("clusters"), "bm", []string{"spec", "loadBalancer", "addressPools"}, "all",
			"Cluster.baremetal.cluster.gke.io cluster-bm/bm -: it can't be read, so nobody knows which routers there are, and which nodes take traffic"},
	} {
		t.Run(what, func(t *testing.T) {
			good := l.change(t, b, func(u *unstructured.Unstructured) {
				require.NoError(t, unstructured.SetNestedField(u.Object, b.value, b.field...))
			})
			named := what + "." + b.resource.Group + " cluster-bm/" + b.name + " " + strings.Join(b.field, ".") + ": a JSON string does not go there; the object"
			until(t, "a problem of an object that could be read before", func() bool { return tells(m, named+"'s last form stays in use until it is mended") })
			m.requireRest(before, is)

			m.kill()
			m = l.run(whole, "knows no other "+what)
			until(t, "a problem of an object that never could be read", func() bool {
				return tells(m, named+" is left out until it is mended, and what works by it stays") && tells(m, b.said)
			})
			m.requireRest(before, is)

			l.change(t, b, func(u *unstructured.Unstructured) { u.Object["spec"] = good.Object["spec"] })
			until(t, "no problem any more", func() bool { return !tells(m, "JSON") && !tells(m, "can't be read") })
			m.requireRest(before, is)
		})
	}
}

// change changes an object, and returns it as it was.
func (l *lab) change(t *testing.T, b broken, how func(*unstructured.Unstructured)) *unstructured.Unstructured {
	t.Helper()
	objects := l.objects.Resource(b.resource).Namespace(clusterRoom)
	was, err := objects.Get(t.Context(), b.name, metav1.GetOptions{})
	require.NoError(t, err)
	now := was.DeepCopy()
	how(now)
	until(t, "an API server that takes it", func() bool { // definitions that have changed take effect after a moment
		_, err = objects.Update(t.Context(), now, metav1.UpdateOptions{})
		return err == nil
	})
	return was
}

// tells tells whether the manager's last decision has a problem that says something.
func tells(r *runner, something string) bool {
	decision := r.Report().Decision
	return decision != nil && slices.ContainsFunc(decision.Problems, func(p problem.Problem) bool { return strings.Contains(p.String(), something) })
}

// requireRest: what agents and people read is as it was, and no session or route was touched on the way.
func (r *runner) requireRest(want []string, is func(*testing.T) []string) {
	r.t.Helper()
	r.settles(time.Second)
	require.Equal(r.t, want, is(r.t))
	for _, write := range r.written() {
		require.NotContains(r.t, write, "delete")
	}
}
