package source_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	roles "github.com/frr-renderer/frr-renderer/internal/rights"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
)

const (
	gatewayManifest = `{apiVersion: networking.gke.io/v1, kind: NetworkGatewayGroup, metadata: {name: %s}, spec: {floatingIPs: [%s], nodeSelector: %s}}`
	sessionManifest = `{apiVersion: networking.gke.io/v1, kind: BGPSession, metadata: {name: %s, namespace: kube-system, labels: {app.kubernetes.io/managed-by: %s}},
spec: {floatingIP: 10.0.1.100, localIP: 10.0.1.100, localASN: 65001, nodeName: %s, peerIP: 10.0.1.254, peerASN: 65002}}`
	clusterManifest = `{apiVersion: baremetal.cluster.gke.io/v1, kind: Cluster, metadata: {name: c}, spec: {profile: edge, controlPlane: {nodePoolSpec: {nodes: [{address: 10.0.1.10}, {address: 10.0.1.11}]}},
loadBalancer: {mode: bundled, type: bgp, localASN: "65001", bgpPeers: [{ip: 10.0.1.253, asn: 65002}], addressPools: [{name: p, addresses: [20.0.0.0/24]}]}}}`
)

// gdc is the whole of GDC mode as one node sees it, beside MetalLB's objects.
func (k *kube) gdc(t *testing.T) {
	r := k.room(t)
	r.applySoon(peerManifest, "tor1", "10.0.0.1", "none")
	w := r.watchWith(source.ClusterOptions{Config: r.agent("gdc-agent", roles.All()), GDC: true})
	first := w.until("a first result without GDC's kinds", func(source.Result) bool { return true })
	require.True(t, has(first, problem.NotServed, "networkgatewaygroups.networking.gke.io"))
	require.False(t, has(first, problem.NotServed, "clusters.baremetal.cluster.gke.io"), "there need not be a GDC")
	require.Empty(t, w.health.Waiting())
	require.Len(t, first.Objects.Peers, 1, "MetalLB's work goes on")

	require.NoError(t, k.ServeGDC())
	r.applySoon(gatewayManifest, "default", "10.0.1.100", "[rack=a]")
	r.applySoon(`{apiVersion: networking.gke.io/v1, kind: BGPLoadBalancer, metadata: {name: default}, spec: {peerSelector: {a: b}}}`)
	r.applySoon(`{apiVersion: networking.gke.io/v1, kind: BGPPeer, metadata: {name: tor1, labels: {a: b}}, spec: {localASN: 65001, peerASN: 65002, peerIP: 10.0.1.254}}`)
	r.applySoon(`{apiVersion: networking.gke.io/v1, kind: NetworkGatewayNode, metadata: {name: node1, namespace: kube-system}}`)
	r.applySoon(clusterManifest)
	r.applySoon(sessionManifest, "10.0.1.254-"+r.node, "frr-renderer-manager", r.node)
	r.applySoon(sessionManifest, "by-hand", "somebody", r.node)
	all := w.until("all kinds", func(r source.Result) bool {
		o := r.Objects.GDC
		return len(o.GatewayGroups) == 1 && len(o.LoadBalancers) == 1 && len(o.Peers) == 1 && len(o.Clusters) == 1 && len(o.Sessions) == 1 && len(r.Problems) == 0
	})
	require.Len(t, all.Objects.Peers, 1, "MetalLB's")
	require.EqualValues(t, 65001, all.Objects.GDC.Clusters[0].Spec.LoadBalancer.LocalASN)
	require.Equal(t, "10.0.1.254-"+r.node, all.Objects.GDC.Sessions[0].Name, "the manager's own alone")
	require.Empty(t, all.Objects.GDC.GatewayNodes, "no node needs what others report")

	k.gdcBadShape(t, r, w)
	k.gdcHeartbeats(t, r, w)
	k.gdcEndpoints(t, r, w)

	plain := r.watch(k.admin)
	without := plain.until("a result", func(source.Result) bool { return true })
	require.True(t, without.Objects.GDC.Empty(), "nobody asked for them")
	require.Len(t, without.Objects.Nodes, 1, "nor for other nodes")
	for _, e := range without.Objects.Endpoints {
		require.Nil(t, e.Places)
	}
	var told []string
	for _, s := range w.health.Synced() {
		if !s.Since.Equal(time.Time{}) {
			told = append(told, s.Kind)
		}
	}
	require.Contains(t, told, "BGPPeer")
	require.Contains(t, told, "BGPPeer.networking.gke.io")
	require.NotContains(t, told, "NetworkGatewayNode.networking.gke.io")
	require.NotContains(t, told, "BGPAdvertisedRoute.networking.gke.io")
}

// agent is a user with rights of the list, where each of them holds.
func (r *room) agent(name string, all []roles.Right) *rest.Config {
	r.t.Helper()
	user := r.User(r.t, name, roles.Rules(all, roles.Cluster)...)
	r.Grant(r.t, name, r.namespace, roles.Rules(all, roles.Namespace)...)
	r.Grant(r.t, name, string(roles.Reports), roles.Rules(all, roles.Reports)...)
	return user
}

// gdcRights: what an agent may not read of GDC's kinds is told with the mend, and nothing is applied without it, since all that goes over floating IPs would be
// withdrawn; where it may not be watched, it is listed. All works when the right is given.
func (k *kube) gdcRights(t *testing.T) {
	r := k.room(t)
	type lack struct {
		right roles.Right
		verb  string
		*watching
	}
	var lacks []lack
	for _, right := range roles.All() {
		if right.If != roles.GDC || right.Verbs[0] != "list" {
			continue
		}
		for _, verb := range right.Verbs {
			var but []roles.Right
			for _, one := range roles.All() {
				if one.Group == right.Group && one.Resource == right.Resource { // a list may come by a watch
					one.Verbs = slices.DeleteFunc(slices.Clone(one.Verbs), func(v string) bool { return v == "watch" || v == verb })
				}
				if len(one.Verbs) > 0 {
					but = append(but, one)
				}
			}
			lacks = append(lacks, lack{right, verb, r.watchWith(source.ClusterOptions{Config: r.agent("no-"+verb+"-"+right.Resource, but), GDC: true})})
		}
	}
	require.Len(t, lacks, 10)
	for _, l := range lacks {
		mend := fmt.Sprintf("watch %s.%s", l.right.Resource, l.right.Group)
		if l.verb == "watch" {
			l.until("a list, and the mend", func(result source.Result) bool { return strings.Contains(fmt.Sprint(result.Problems), mend) })
			continue
		}
		l.eventually("it waits and tells why", func() bool { return strings.Contains(l.health.Waiting(), mend) })
		_, results := l.last()
		require.Zero(t, results, mend)
	}
	for _, l := range lacks {
		name := "no-" + l.verb + "-" + l.right.Resource
		if l.right.Scope == roles.Cluster {
			k.grant(t, name, roles.Rules(roles.All(), roles.Cluster))
			continue
		}
		role, err := k.Client.RbacV1().Roles(string(roles.Reports)).Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err)
		role.Rules = roles.Rules(roles.All(), roles.Reports)
		_, err = k.Client.RbacV1().Roles(string(roles.Reports)).Update(t.Context(), role, metav1.UpdateOptions{})
		require.NoError(t, err)
	}
	for _, l := range lacks {
		l.until("everything, without a problem", func(result source.Result) bool { return len(result.Problems) == 0 })
	}
}

// gdcBadShape: a shape that the definition can't refuse hurts no other object, and the good form stays.
func (k *kube) gdcBadShape(t *testing.T, r *room, w *watching) {
	r.apply(gatewayManifest, "default", "10.0.1.101", "{gpu: true}")
	r.apply(gatewayManifest, "other", "10.0.1.102", "null")
	bad := w.until("the other one", func(r source.Result) bool {
		return len(r.Objects.GDC.GatewayGroups) == 2 && has(r, problem.InvalidValue, "default")
	})
	require.Equal(t, []string{"10.0.1.100"}, bad.Objects.GDC.GatewayGroups[0].Spec.FloatingIPs)
	r.apply(gatewayManifest, "default", "10.0.1.100", "{rack: a}")
	w.until("the group is mended", func(r source.Result) bool { return !has(r, problem.InvalidValue, "default") })
}

func (r *room) resource(name, namespace string) dynamic.ResourceInterface {
	return r.metallb.Resource(schema.GroupVersionResource{Group: "networking.gke.io", Version: "v1", Resource: name}).Namespace(namespace)
}

// tell writes an object's status.
func (r *room) tell(resource, namespace, name string, status map[string]any) {
	r.t.Helper()
	client := r.resource(resource, namespace)
	o, err := client.Get(r.t.Context(), name, metav1.GetOptions{})
	require.NoError(r.t, err)
	require.NoError(r.t, unstructured.SetNestedMap(o.Object, status, "status"))
	_, err = client.UpdateStatus(r.t.Context(), o, metav1.UpdateOptions{})
	require.NoError(r.t, err)
}

// gdcHeartbeats: what is told again and again is no news, and what decides is.
func (k *kube) gdcHeartbeats(t *testing.T, r *room, w *watching) {
	session := "10.0.1.254-" + r.node
	other := r.node + "-gateway"
	r.makeNode(other)
	w.until("the other node", func(result source.Result) bool { return nodeOf(result, other) != nil })
	beat := func(ready corev1.ConditionStatus, at metav1.Time) {
		n, err := k.Client.CoreV1().Nodes().Get(t.Context(), other, metav1.GetOptions{})
		require.NoError(t, err)
		n.Status.Conditions = []corev1.NodeCondition{
			{Type: corev1.NodeReady, Status: ready, LastHeartbeatTime: at, Reason: "KubeletReady"}, {Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse, LastHeartbeatTime: at},
		}
		n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.1.11"}, {Type: corev1.NodeHostName, Address: other}}
		n.Status.Images = []corev1.ContainerImage{{Names: []string{at.String()}}}
		_, err = k.Client.CoreV1().Nodes().UpdateStatus(t.Context(), n, metav1.UpdateOptions{})
		require.NoError(t, err)
	}
	// marks follow each other in the order of their writes, as far as one kind goes: so what came before a mark was seen when the mark is.
	ready := func(s corev1.ConditionStatus) func(source.Result) bool {
		return func(result source.Result) bool {
			n := nodeOf(result, other)
			return n != nil && len(n.Status.Conditions) == 1 && n.Status.Conditions[0].Status == s
		}
	}
	beat(corev1.ConditionTrue, metav1.Now())
	was := w.until("it is Ready", ready(corev1.ConditionTrue))
	_, before := w.last()
	for i := range 5 {
		beat(corev1.ConditionTrue, metav1.NewTime(time.Now().Add(time.Duration(i)*time.Second)))
	}
	beat(corev1.ConditionFalse, metav1.Now())
	now := w.until("it is not Ready", ready(corev1.ConditionFalse))
	_, after := w.last()
	require.Equal(t, 1, after-before, "five heartbeats are no news")
	require.Equal(t, "10.0.1.11", nodeOf(now, other).Status.Addresses[0].Address)
	require.Len(t, nodeOf(now, other).Status.Addresses, 1)
	require.Same(t, nodeOf(was, r.node), nodeOf(now, r.node))

	addPath := func(receives bool) map[string]any {
		return map[string]any{
			"state": "Established", "lastReportTime": time.Now().Format(time.RFC3339), "advertisedRoutes": []any{"20.0.0.1/32"},
			"addPath": []any{map[string]any{"family": "ipv4", "peerReceives": receives, "sending": receives}},
		}
	}
	receives := func(yes bool) func(source.Result) bool {
		return func(result source.Result) bool {
			a := result.Objects.GDC.Sessions[0].Status.AddPath
			return len(a) == 1 && a[0].PeerReceives == yes
		}
	}
	r.tell("bgpsessions", "kube-system", session, addPath(true))
	told := w.until("ADD-PATH", receives(true))
	require.Nil(t, told.Objects.GDC.Sessions[0].Status.LastReportTime)
	require.Empty(t, told.Objects.GDC.Sessions[0].Status.State)
	_, before = w.last()
	for i := range 5 {
		again := addPath(true)
		again["state"], again["lastReportTime"] = "NotEstablished", time.Now().Add(time.Duration(i)*time.Second).Format(time.RFC3339)
		r.tell("bgpsessions", "kube-system", session, again)
	}
	r.tell("bgpsessions", "kube-system", session, addPath(false))
	w.until("no ADD-PATH", receives(false))
	_, after = w.last()
	require.Equal(t, 1, after-before, "five reports are no news")

	r.tell("networkgatewaygroups", r.namespace, "default", map[string]any{"floatingIPs": map[string]any{"10.0.1.100": r.node}, "nodes": map[string]any{r.node: "Up"}})
	w.until("the manager has placed it", func(result source.Result) bool {
		return result.Objects.GDC.GatewayGroups[0].Status.FloatingIPs["10.0.1.100"] == r.node
	})

	for _, step := range []struct{ what, change string }{
		{"cordoned", `{"spec":{"unschedulable":true}}`},
		{"tainted", `{"spec":{"taints":[{"key":"baremetal.cluster.gke.io/maintenance","effect":"NoSchedule"},{"key":"else","effect":"NoSchedule"}]}}`},
		{"telling its subnets", `{"metadata":{"annotations":{"networking.gke.io/network-status":"[]","other":"x"}}}`},
		{"in maintenance", `{"metadata":{"annotations":{"baremetal.cluster.gke.io/maintenance":"true"}}}`},
		{"labelled anew", `{"metadata":{"labels":{"rack":"b"}}}`},
		{"uncordoned", `{"spec":{"unschedulable":null}}`},
	} {
		last, _ := w.last()
		_, err := k.Client.CoreV1().Nodes().Patch(t.Context(), other, types.StrategicMergePatchType, []byte(step.change), metav1.PatchOptions{})
		require.NoError(t, err)
		now := nodeOf(w.until(step.what, func(result source.Result) bool { return nodeOf(result, other) != nodeOf(last, other) }), other)
		require.NotContains(t, now.Annotations, "other")
		require.LessOrEqual(t, len(now.Spec.Taints), 1)
	}
	require.NoError(t, k.Client.CoreV1().Nodes().Delete(t.Context(), other, metav1.DeleteOptions{}))
	w.until("the other node is gone", func(result source.Result) bool { return nodeOf(result, other) == nil })
}

func nodeOf(r source.Result, name string) *corev1.Node {
	for _, n := range r.Objects.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// gdcEndpoints: a node that follows what was placed decides the same as who reads everything.
func (k *kube) gdcEndpoints(t *testing.T, r *room, w *watching) {
	n, err := k.Client.CoreV1().Nodes().Get(t.Context(), r.node, metav1.GetOptions{})
	require.NoError(t, err)
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.1.10"}}
	_, err = k.Client.CoreV1().Nodes().UpdateStatus(t.Context(), n, metav1.UpdateOptions{})
	require.NoError(t, err)
	second := r.node + "-second"
	r.makeNode(second)
	n, err = k.Client.CoreV1().Nodes().Get(t.Context(), second, metav1.GetOptions{})
	require.NoError(t, err)
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.1.11"}}
	_, err = k.Client.CoreV1().Nodes().UpdateStatus(t.Context(), n, metav1.UpdateOptions{})
	require.NoError(t, err)

	local := func(s *corev1.Service) { s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal }
	yes, no, elsewhere := true, false, "elsewhere"
	on := func(node *string, ready, serving *bool) discoveryv1.Endpoint {
		return discoveryv1.Endpoint{Addresses: []string{"10.1.0.1"}, NodeName: node, Conditions: discoveryv1.EndpointConditions{Ready: ready, Serving: serving}}
	}
	r.service("all", "20.0.0.1", nil)
	r.slice("all", "all-1", on(&elsewhere, &yes, nil))
	r.service("none", "20.0.0.2", nil)
	r.slice("none", "none-1", on(&elsewhere, &no, &no))
	r.service("local-both", "20.0.0.3", local)
	r.slice("local-both", "local-both-1", on(&r.node, nil, nil))
	r.slice("local-both", "local-both-2", on(&second, &no, &yes), on(&elsewhere, &yes, nil))
	r.service("local-second", "20.0.0.4", local)
	r.slice("local-second", "local-second-1", on(&r.node, &no, &no), on(&second, &yes, nil), on(nil, &yes, nil))
	r.service("local-nowhere", "20.0.0.5", local)

	assign := func(o snapshot.Objects) gateway.Assignment {
		in, ok := snapshot.GatewayInput(o, snapshot.Options{Namespace: r.namespace})
		require.True(t, ok)
		in.Placed = true
		return gateway.Assign(in)
	}
	done := w.until("all Services", func(result source.Result) bool {
		return len(result.Objects.Services) == 5 && len(assign(result.Objects).VIPs) == 3 && len(assign(result.Objects).LoadBalancers) == 2
	})
	out := assign(done.Objects)
	require.Equal(t, [][]int{{0, 1}, {0, 1}, {1}}, [][]int{out.VIPs[0].NextHops, out.VIPs[1].NextHops, out.VIPs[2].NextHops})
	require.Len(t, out.Sessions, 1)
	require.Equal(t, "10.0.1.254-"+r.node, out.Sessions[0].Name)

	whole, err := source.ReadCluster(t.Context(), source.ClusterOptions{Options: source.Options{Namespace: r.namespace}, Config: k.admin, GDC: true})
	require.NoError(t, err)
	require.NotEmpty(t, whole.Objects.EndpointSlices)
	require.Len(t, whole.Objects.GDC.GatewayNodes, 1)
	theirs := assign(whole.Objects)
	require.Equal(t, theirs.VIPs, out.VIPs)
	require.Equal(t, theirs.Sessions, out.Sessions)
	require.Equal(t, theirs.LoadBalancers, out.LoadBalancers)
	require.Equal(t, theirs.FloatingIPs, out.FloatingIPs)
}

// TestGDCWithoutMetalLB: who has none of MetalLB's kinds misses none, and waits for none.
func TestGDCWithoutMetalLB(t *testing.T) {
	server := apiserver.Start(t)
	k := &kube{Server: server, admin: server.Config}
	require.NoError(t, k.ServeGDC())
	r := k.room(t)
	r.applySoon(gatewayManifest, "default", "10.0.1.100", "[rack=a]")
	w := r.watchWith(source.ClusterOptions{Config: k.admin, GDC: true})
	first := w.until("a result", func(source.Result) bool { return true })
	require.Empty(t, first.Problems)
	require.False(t, first.Incomplete)
	require.Empty(t, w.health.Waiting())
	require.Len(t, first.Objects.GDC.GatewayGroups, 1)
	require.Empty(t, first.Objects.Pools)

	k.InstallCRDs(t)
	r.applySoon(poolManifest, "pool", "20.0.0.0/24")
	w.until("MetalLB's pools", func(r source.Result) bool { return len(r.Objects.Pools) == 1 && len(r.Problems) == 0 })
}
