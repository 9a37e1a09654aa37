package manager_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/manager"
)

// part is a story that is told to an API server that is empty.
type part struct {
	name string
	tell func(*lab, *testing.T)
}

// TestManager runs against two real API servers, side by side: most of it is waiting for leases.
func TestManager(t *testing.T) {
	groups := map[string][]part{
		"one manager, and another": {
			{"example 10, with Services that come and go", (*lab).example10},
			{"example 09, dual stack", (*lab).example09},
			{"example 12, with a load balancer", (*lab).example12},
			{"every refusal is told at its object", (*lab).refusals},
			{"a floating IP is edited, and the Cluster's routers", (*lab).edits},
			{"another manager takes over and writes nothing", (*lab).takeover},
			{"what is deleted or changed by hand comes back, and others' objects stay", (*lab).byHand},
			{"an API server that can't choose Services by their type", (*lab).withoutSelector},
		},
		"leases": {
			{"a floating IP moves when its node's lease expires, and none when all do", (*lab).leases},
			{"nothing is lost while the API server is away", (*lab).away},
		},
	}
	used := &usage{seen: map[string]bool{}}
	labs := map[string]*lab{} // all are there before the first is told anything: they need all of a small machine to start
	for group := range groups {
		labs[group] = newLab(t)
		labs[group].used = used
	}
	t.Run("side by side", func(t *testing.T) {
		for group, parts := range groups {
			t.Run(group, func(t *testing.T) {
				t.Parallel()
				for _, p := range parts {
					t.Run(p.name, func(t *testing.T) {
						labs[group].wipe(t)
						p.tell(labs[group], t)
					})
				}
			})
		}
	})
	t.Run("each right is used", (&lab{used: used}).rights)
}

var (
	example10Holders  = []string{"10.0.1.100 n1", "10.0.2.100 n3"}
	example10Sessions = []string{
		"10.8.0.10-n1: AS 65001 10.0.1.100 -> AS 65002 10.8.0.10, 10.0.1.100 on n1 NotEstablished",
		"10.8.0.10-n3: AS 65001 10.0.2.100 -> AS 65002 10.8.0.10, 10.0.2.100 on n3 NotEstablished",
		"10.8.0.11-n1: AS 65001 10.0.1.100 -> AS 65002 10.8.0.11, 10.0.1.100 on n1 NotEstablished",
		"10.8.0.11-n3: AS 65001 10.0.2.100 -> AS 65002 10.8.0.11, 10.0.2.100 on n3 NotEstablished",
	}
)

func (l *lab) example10(t *testing.T) {
	l.example(t, "example-10-all-nodes-same-peers")
	l.service(t, "web", "Cluster", []string{"203.0.113.1"}, []string{"n2"})
	l.service(t, "local", "Local", []string{"203.0.113.2"}, []string{"n1", "n3"})
	m := l.run(t, "one")
	eventually(t, example10Holders, l.holders)
	eventually(t, example10Sessions, l.sessions)
	eventually(t, []string{
		"default-default-local: 203.0.113.2/32 by 10.0.1.10 10.0.2.10",
		"default-default-web: 203.0.113.1/32 by 10.0.1.10 10.0.1.11 10.0.2.10",
	}, l.routes)
	require.Equal(t, []string{"Accepted=True Accepted", "Assigned=True Assigned"}, l.conditions(t, "networkgatewaygroups", "default"))
	require.Equal(t, 1+4+4+2, len(m.settles(time.Second)), "the group's status, sessions and their states, routes")

	l.endpoints(t, "local", "n3")
	eventually(t, []string{
		"default-default-local: 203.0.113.2/32 by 10.0.2.10",
		"default-default-web: 203.0.113.1/32 by 10.0.1.10 10.0.1.11 10.0.2.10",
	}, l.routes)
	l.endpoints(t, "web")
	eventually(t, []string{"default-default-local: 203.0.113.2/32 by 10.0.2.10"}, l.routes)
	l.endpoints(t, "web", "n1")
	l.remove(t, corev1.SchemeGroupVersion.WithResource("services"), "default", "local")
	eventually(t, []string{"default-default-web: 203.0.113.1/32 by 10.0.1.10 10.0.1.11 10.0.2.10"}, l.routes)
	require.Equal(t, []string{
		"patch bgpadvertisedroutes default-default-local", "delete bgpadvertisedroutes default-default-web",
		"create bgpadvertisedroutes", "delete bgpadvertisedroutes default-default-local",
	}, m.settles(time.Second)[11:])

	// An agent reports: nothing of that is the manager's to write, nor a reason to.
	// The first report counts: from then on it is the node itself that says that there is no session.
	var rounds uint64
	for i := range 4 {
		if i == 1 {
			m.settles(time.Second)
			rounds = m.Rounds()
		}
		l.apply(t, fmt.Sprintf(`{apiVersion: networking.gke.io/v1, kind: BGPSession, metadata: {name: 10.8.0.10-n1, namespace: kube-system},
  status: {state: NotEstablished, lastReportTime: %q, advertisedRoutes: [203.0.113.1/32]}}`, time.Now().UTC().Format(time.RFC3339)))
	}
	require.Len(t, m.settles(time.Second), 15)
	require.Equal(t, rounds, m.Rounds())
}

func (l *lab) example09(t *testing.T) {
	l.example(t, "example-09-dual-stack")
	l.service(t, "both", "Cluster", []string{"203.0.113.1", "2001:db8::1"}, []string{"n2"})
	l.run(t, "one")
	eventually(t, []string{
		"default-default-both-ipv6: 2001:db8::1/128 by fd01::10 fd01::11 fd02::10",
		"default-default-both: 203.0.113.1/32 by 10.0.1.10 10.0.1.11 10.0.2.10",
	}, l.routes)
	require.Equal(t, example10Holders, l.holders(t))
}

func (l *lab) example12(t *testing.T) {
	l.example(t, "example-12-separate-control-and-data-plane")
	l.service(t, "web", "Cluster", []string{"203.0.113.1"}, []string{"w1"})
	l.run(t, "one")
	eventually(t, []string{"10.0.3.100 w1", "10.0.3.101 w2"}, l.holders)
	eventually(t, []string{
		"10.0.3.254-w1: AS 65001 10.0.3.100 -> AS 65002 10.0.3.254, 10.0.3.100 on w1 NotEstablished",
		"10.0.3.254-w2: AS 65001 10.0.3.101 -> AS 65002 10.0.3.254, 10.0.3.101 on w2 NotEstablished",
	}, l.sessions)
	eventually(t, []string{"default-default-web: 203.0.113.1/32 by 10.0.1.10 10.0.1.11 10.0.2.11"}, l.routes)
	eventually(t, []string{"Accepted=True Accepted", "PeersFound=True PeersFound"}, func(t *testing.T) []string { return l.conditions(t, "bgploadbalancers", "default") })
	eventually(t, []string{"Accepted=True Accepted", "SessionsAssigned=True SessionsAssigned"}, func(t *testing.T) []string { return l.conditions(t, "bgppeers", "bgppeer1") })
}

const (
	groupManifest    = `{apiVersion: networking.gke.io/v1, kind: NetworkGatewayGroup, metadata: {name: %s, namespace: cluster-bm}, spec: {floatingIPs: [%s]}}`
	selectedManifest = `{apiVersion: networking.gke.io/v1, kind: NetworkGatewayGroup, metadata: {name: default, namespace: cluster-bm}, spec: {floatingIPs: [10.0.1.100], nodeSelector: %s}}`
	balancerManifest = `{apiVersion: networking.gke.io/v1, kind: BGPLoadBalancer, metadata: {name: default, namespace: cluster-bm}, spec: {peerSelector: {use: %q}}}`
	peerManifest     = `{apiVersion: networking.gke.io/v1, kind: BGPPeer, metadata: {name: %s, namespace: cluster-bm, labels: {use: "yes"}}, spec: {localASN: %d, peerASN: %d, peerIP: %s%s}}`
)

// refusals are those that the definitions let through.
func (l *lab) refusals(t *testing.T) {
	l.example(t, "example-10-all-nodes-same-peers")
	l.run(t, "one")
	eventually(t, example10Holders, l.holders)
	group := func(reasons ...string) {
		t.Helper()
		eventually(t, reasons, func(t *testing.T) []string { return l.conditions(t, "networkgatewaygroups", "default") })
	}
	for _, refused := range []struct{ addresses, accepted, assigned string }{
		{"10.0.1.100, 10.0.1.11", "False AddressInUse", "True Assigned"},   // a node's
		{"10.0.1.100, 203.0.113.1", "False AddressInUse", "True Assigned"}, // of a pool
		{"10.0.1.100, 10.8.0.10", "False AddressInUse", "True Assigned"},   // a router's
		{"10.0.1.100, 127.0.0.1", "False InvalidValue", "True Assigned"},
		{"10.0.1.100, 10.9.9.9", "False NotInAnySubnet", "False Unassigned"},
		{"10.0.1.100, 10.0.2.100", "True Accepted", "True Assigned"},
	} {
		l.apply(t, fmt.Sprintf(groupManifest, "default", refused.addresses))
		group("Accepted="+refused.accepted, "Assigned="+refused.assigned)
	}
	l.apply(t, fmt.Sprintf(groupManifest, "other", "10.0.1.100"))
	eventually(t, []string{"Accepted=False AddressInUse", "Assigned=False Unassigned"}, func(t *testing.T) []string { return l.conditions(t, "networkgatewaygroups", "other") })
	l.remove(t, networking.GroupVersion.WithResource("networkgatewaygroups"), clusterRoom, "default")
	eventually(t, []string{"Accepted=False NotDefault", "Assigned=False Unassigned"}, func(t *testing.T) []string { return l.conditions(t, "networkgatewaygroups", "other") })
	l.remove(t, networking.GroupVersion.WithResource("networkgatewaygroups"), clusterRoom, "other")
	l.apply(t, fmt.Sprintf(selectedManifest, "{rack: nowhere}"))
	group("Accepted=False NothingSelected", "Assigned=False Unassigned")
	l.apply(t, fmt.Sprintf(selectedManifest, "{gpu: true}"))
	group("Accepted=False InvalidValue", "Assigned=False Unassigned")
	l.apply(t, fmt.Sprintf(selectedManifest, "{rack: a}"))
	group("Accepted=True Accepted", "Assigned=True Assigned")

	l.apply(t, fmt.Sprintf(balancerManifest, "no"), fmt.Sprintf(peerManifest, "able", 65001, 65002, "10.8.0.20", ""))
	balancer := func(t *testing.T) []string { return l.conditions(t, "bgploadbalancers", "default") }
	eventually(t, []string{"Accepted=False NothingSelected", "PeersFound=False NothingSelected"}, balancer)
	l.apply(t, fmt.Sprintf(balancerManifest, "yes"))
	eventually(t, []string{"Accepted=True Accepted", "PeersFound=True PeersFound"}, balancer)
	for i, refused := range []struct {
		local, remote int
		address, more string
		told          string
	}{
		{65001, 65003, "10.8.0.20", "", "Accepted=False ConflictingASN"}, // the older one says 65002
		{65007, 65001, "10.8.0.21", "", "Accepted=False NotExternal"},
		{65001, 65002, "10.0.1.11", "", "Accepted=False AddressInUse"},
		{65001, 65002, "127.0.0.1", "", "Accepted=False InvalidValue"},
		{65001, 65002, "10.8.0.22", ", selectors: {gatewayRefs: [nowhere]}", "Accepted=False UnknownGateway"},
		{65001, 65002, "10.8.0.23", ", sessions: 5", "SessionsAssigned=False FewerSessions"},
	} {
		name := fmt.Sprintf("bad%d", i)
		l.apply(t, fmt.Sprintf(peerManifest, name, refused.local, refused.remote, refused.address, refused.more))
		until(t, refused.told+" at "+name, func() bool { return slices.Contains(l.conditions(t, "bgppeers", name), refused.told) })
	}
	admin := `{"spec":{"type":"admin"}}`
	_, err := l.objects.Resource(resources[10]).Namespace(clusterRoom).Patch(t.Context(), "bm", types.MergePatchType, []byte(admin), metav1.PatchOptions{})
	require.NoError(t, err)
	until(t, "the word that admin clusters announce no Services", func() bool { return slices.Contains(l.conditions(t, "bgppeers", "able"), "Accepted=False NotEnabled") })
	eventually(t, []string{}, l.sessions)
}

func (l *lab) leases(t *testing.T) {
	l.example(t, "example-10-all-nodes-same-peers")
	m := l.run(t, "one")
	eventually(t, example10Sessions, l.sessions)
	stop := l.renewing(t, "n1", "n2", "n3") // not before: a floating IP goes to a node whose lease is known to be live first
	l.apply(t, `{apiVersion: networking.gke.io/v1, kind: BGPSession, metadata: {name: 10.8.0.10-n1, namespace: kube-system},
  status: {state: Established, addPath: [{family: ipv4, peerReceives: true, sending: true}]}}`)
	m.settles(6 * time.Second) // its term is 4 s: it knows all leases now
	died := time.Now()
	stop("n1")
	eventually(t, []string{"10.0.1.100 n2", "10.0.2.100 n3"}, l.holders)
	t.Logf("from the death of an agent (its lease is of 4 s) to the new holder in status: %v", time.Since(died).Round(10*time.Millisecond))
	eventually(t, []string{
		"10.8.0.10-n2: AS 65001 10.0.1.100 -> AS 65002 10.8.0.10, 10.0.1.100 on n2 NotEstablished", example10Sessions[1],
		"10.8.0.11-n2: AS 65001 10.0.1.100 -> AS 65002 10.8.0.11, 10.0.1.100 on n2 NotEstablished", example10Sessions[3],
	}, l.sessions)
	require.Equal(t, []string{"10.8.0.10-n2 [{ipv4 true false}]", "10.8.0.10-n3 []", "10.8.0.11-n2 []", "10.8.0.11-n3 []"}, l.told(t, "bgpsessions", func(u *unstructured.Unstructured) string {
		s := decoded[networking.BGPSession](u)
		return fmt.Sprintf("%s %v", s.Name, s.Status.AddPath)
	}), "what is known of a router stays known when its session moves")
	l.silence(t, m, stop)
	before := m.settles(time.Second)
	stop("n2") // all that are left
	until(t, "the word that all leases were lost", func() bool { return strings.Contains(m.logged(), "LeasesLost") })
	require.Equal(t, before[:len(before)], m.settles(2 * time.Second)[:len(before)])
	require.Equal(t, []string{"10.0.1.100 n2", "10.0.2.100 n3"}, l.holders(t))

	// Another manager that comes now has seen nothing, and moves nothing.
	m.kill()
	other := l.run(t, "two")
	until(t, "another manager", func() bool { return other.Leading() && other.Rounds() > 0 })
	other.settles(6 * time.Second)
	require.Equal(t, []string{"10.0.1.100 n2", "10.0.2.100 n3"}, l.holders(t))
}

// silence of n3, which no other can relieve: it alone is in its subnet. What it told last would stand for good.
func (l *lab) silence(t *testing.T, m *runner, stop func(...string)) {
	const established = `{apiVersion: networking.gke.io/v1, kind: BGPSession, metadata: {name: 10.8.0.10-n3, namespace: kube-system},
  status: {state: Established, addPath: [{family: ipv4, peerReceives: true, sending: true}]}}`
	told := func(t *testing.T) []string {
		return l.told(t, "bgpsessions", func(u *unstructured.Unstructured) string {
			s := decoded[networking.BGPSession](u)
			if s.Name != "10.8.0.10-n3" {
				return ""
			}
			since, _, _ := strings.Cut(s.Status.Message, " since ")
			return fmt.Sprintf("%s %v %s", s.Status.State, s.Status.AddPath, since)
		})[3:]
	}
	l.apply(t, established)
	stop("n3")
	eventually(t, []string{`NotEstablished [{ipv4 true false}] no sign of life from node "n3"`}, told)
	eventually(t, []string{"Accepted=True Accepted", "Assigned=False NotMoved"}, func(t *testing.T) []string { return l.conditions(t, "networkgatewaygroups", "default") })
	require.Equal(t, []string{"10.0.1.100 n2", "10.0.2.100 n3"}, l.holders(t))
	before := m.settles(time.Second)
	l.apply(t, established)
	require.Equal(t, before, m.settles(time.Second), "an agent that reports has the last word, though it renews no lease")
	require.Contains(t, told(t)[0], "Established [{ipv4 true true}]")
}

func (l *lab) edits(t *testing.T) {
	l.example(t, "example-10-all-nodes-same-peers")
	m := l.run(t, "one")
	eventually(t, example10Sessions, l.sessions)
	before := len(m.settles(time.Second))
	l.apply(t, fmt.Sprintf(groupManifest, "default", "10.0.1.101, 10.0.2.100"))
	eventually(t, []string{"10.0.1.101 n1", "10.0.2.100 n3"}, l.holders)
	eventually(t, []string{
		strings.ReplaceAll(example10Sessions[0], "10.0.1.100", "10.0.1.101"), example10Sessions[1],
		strings.ReplaceAll(example10Sessions[2], "10.0.1.100", "10.0.1.101"), example10Sessions[3],
	}, l.sessions)
	require.Equal(t, 1+2+2, len(m.settles(time.Second))-before, "the group, two sessions and their states: %v", m.written()[before:])
}

func (l *lab) takeover(t *testing.T) {
	l.example(t, "example-10-all-nodes-same-peers")
	l.service(t, "web", "Cluster", []string{"203.0.113.1"}, []string{"n2"})
	one := l.run(t, "one")
	eventually(t, example10Sessions, l.sessions)
	one.settles(time.Second)
	two := l.run(t, "two")
	until(t, "all objects", func() bool { return len(two.Waiting()) == 0 })
	require.False(t, two.Leading())
	one.kill()
	until(t, "another manager", func() bool { return two.Leading() && two.Rounds() > 0 })
	require.Empty(t, two.settles(2*time.Second))
	require.Len(t, one.written(), 1+4+4+1)

	// The Lease is taken away from it: it writes nothing any more, until it is elected anew.
	l.steal(t)
	until(t, "its end", func() bool { return strings.Contains(two.logged(), "works no more") })
	l.endpoints(t, "web")
	require.Empty(t, two.settles(3*time.Second), "it is not the one that works")
	eventually(t, []string{}, l.routes) // after the term of the thief, who renews nothing
	require.Equal(t, []string{"delete bgpadvertisedroutes default-default-web"}, two.settles(time.Second))
}

// steal takes the Lease away from the manager that works.
func (l *lab) steal(t *testing.T) {
	t.Helper()
	leases := l.Client.CoordinationV1().Leases(ownSpace)
	until(t, "the theft", func() bool {
		lease, err := leases.Get(t.Context(), manager.ElectionLease, metav1.GetOptions{})
		require.NoError(t, err)
		thief, now := "thief", metav1.NowMicro()
		lease.Spec.HolderIdentity, lease.Spec.RenewTime = &thief, &now
		_, err = leases.Update(t.Context(), lease, metav1.UpdateOptions{})
		return err == nil
	})
}

func (l *lab) byHand(t *testing.T) {
	l.example(t, "example-10-all-nodes-same-peers")
	l.service(t, "web", "Cluster", []string{"203.0.113.1"}, []string{"n2"})
	l.service(t, "taken", "Cluster", []string{"203.0.113.3"}, []string{"n2"})
	const foreign = "default-default-taken: 198.51.100.1/32 by 10.0.0.1"
	l.apply(t, `{apiVersion: networking.gke.io/v1, kind: BGPAdvertisedRoute, metadata: {name: default-default-taken, namespace: kube-system}, spec: {prefix: 198.51.100.1/32, nextHops: [10.0.0.1]}}`,
		`{apiVersion: networking.gke.io/v1, kind: BGPAdvertisedRoute, metadata: {name: route-via-1, namespace: kube-system}, spec: {prefix: 198.51.100.2/32, nextHops: [10.0.0.2]}}`)
	m := l.run(t, "one")
	routes := []string{foreign, "default-default-web: 203.0.113.1/32 by 10.0.1.10 10.0.1.11 10.0.2.10", "route-via-1: 198.51.100.2/32 by 10.0.0.2"}
	eventually(t, routes, l.routes)
	eventually(t, example10Sessions, l.sessions)
	until(t, "a word about the name that is taken", func() bool { return strings.Contains(m.logged(), "somebody else has an object of this name") })

	l.remove(t, networking.GroupVersion.WithResource("bgpsessions"), "kube-system", "10.8.0.10-n1")
	l.remove(t, networking.GroupVersion.WithResource("bgpadvertisedroutes"), "kube-system", "default-default-web")
	eventually(t, example10Sessions, l.sessions)
	eventually(t, routes, l.routes)
	patch := func(resource, namespace, name, text string, parts ...string) {
		t.Helper()
		_, err := l.objects.Resource(networking.GroupVersion.WithResource(resource)).Namespace(namespace).
			Patch(t.Context(), name, types.MergePatchType, []byte(text), metav1.PatchOptions{}, parts...)
		require.NoError(t, err)
	}
	patch("bgpadvertisedroutes", "kube-system", "default-default-web", `{"spec":{"nextHops":["10.0.0.9"],"metric":7}}`)
	eventually(t, routes, l.routes)
	patch("bgpsessions", "kube-system", "10.8.0.10-n1", `{"spec":{"nodeName":"n2"}}`)
	eventually(t, example10Sessions, l.sessions)
	patch("networkgatewaygroups", clusterRoom, "default", `{"status":{"conditions":null,"nodes":null}}`, "status")
	eventually(t, []string{"Accepted=True Accepted", "Assigned=True Assigned"}, func(t *testing.T) []string { return l.conditions(t, "networkgatewaygroups", "default") })
	// Who writes another node into the status moves the floating IP: what stands there is what is.
	patch("networkgatewaygroups", clusterRoom, "default", `{"status":{"floatingIPs":{"10.0.1.100":"n2"}}}`, "status")
	eventually(t, []string{"10.0.1.100 n2", "10.0.2.100 n3"}, l.holders)
	m.settles(time.Second)
}
