package source_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/source"
)

const gatewayManifest = `{apiVersion: networking.gke.io/v1, kind: NetworkGatewayGroup, metadata: {name: %s}, spec: {floatingIPs: [%s], nodeSelector: %s}}`

func (k *kube) gdc(t *testing.T) {
	r := k.room(t)
	r.applySoon(peerManifest, "tor1", "10.0.0.1", "none")
	w := r.watchWith(source.ClusterOptions{Config: k.admin, GDC: true})
	first := w.until("a first result without GDC's kinds", func(source.Result) bool { return true })
	require.True(t, has(first, problem.NotServed, "networkgatewaygroups.networking.gke.io"))
	require.False(t, has(first, problem.NotServed, "clusters.baremetal.cluster.gke.io"), "there need not be a GDC")

	require.NoError(t, k.ServeGDC())
	r.applySoon(gatewayManifest, "default", "10.0.1.100", "[rack=a]")
	r.applySoon(`{apiVersion: networking.gke.io/v1, kind: BGPLoadBalancer, metadata: {name: default}, spec: {peerSelector: {a: b}}}`)
	r.applySoon(`{apiVersion: networking.gke.io/v1, kind: BGPPeer, metadata: {name: tor1, labels: {a: b}}, spec: {localASN: 65001, peerASN: 65002, peerIP: 10.0.1.254}}`)
	r.applySoon(`{apiVersion: networking.gke.io/v1, kind: NetworkGatewayNode, metadata: {name: node1}}`)
	r.applySoon(`{apiVersion: baremetal.cluster.gke.io/v1, kind: Cluster, metadata: {name: c}, spec: {profile: edge, loadBalancer: {localASN: "65001"}}}`)
	all := w.until("all kinds", func(r source.Result) bool {
		o := r.Objects.GDC
		return len(o.GatewayGroups) == 1 && len(o.LoadBalancers) == 1 && len(o.Peers) == 1 && len(o.GatewayNodes) == 1 && len(o.Clusters) == 1 && len(r.Problems) == 0
	})
	require.Len(t, all.Objects.Peers, 1, "MetalLB's")
	require.EqualValues(t, 65001, all.Objects.GDC.Clusters[0].Spec.LoadBalancer.LocalASN)

	// What a node tells is read, but for when it did.
	nodes := r.metallb.Resource(schema.GroupVersionResource{Group: "networking.gke.io", Version: "v1", Resource: "networkgatewaynodes"}).Namespace(r.namespace)
	tell := func(state, at string) {
		node, err := nodes.Get(t.Context(), "node1", metav1.GetOptions{})
		require.NoError(t, err)
		require.NoError(t, unstructured.SetNestedMap(node.Object, map[string]any{"state": state, "lastReportTime": at}, "status"))
		_, err = nodes.UpdateStatus(t.Context(), node, metav1.UpdateOptions{})
		require.NoError(t, err)
	}
	tell("Up", "2026-01-31T12:00:00Z")
	up := w.until("a node that is up", func(r source.Result) bool { return r.Objects.GDC.GatewayNodes[0].Status.State == "Up" })
	require.Nil(t, up.Objects.GDC.GatewayNodes[0].Status.LastReportTime)
	require.Same(t, all.Objects.GDC.Peers[0], up.Objects.GDC.Peers[0])
	_, before := w.last()
	tell("Up", "2026-01-31T12:00:01Z")

	// A shape that the definition can't refuse hurts no other object, and the good form stays.
	r.apply(gatewayManifest, "default", "10.0.1.101", "{gpu: true}")
	r.apply(gatewayManifest, "other", "10.0.1.102", "null")
	bad := w.until("the other one", func(r source.Result) bool { return len(r.Objects.GDC.GatewayGroups) == 2 })
	require.Equal(t, []string{"10.0.1.100"}, bad.Objects.GDC.GatewayGroups[0].Spec.FloatingIPs)
	require.True(t, has(bad, problem.InvalidValue, "default"))
	_, after := w.last()
	require.LessOrEqual(t, after-before, 2, "a heartbeat is no news")

	plain := r.watch(k.admin)
	without := plain.until("a result", func(source.Result) bool { return true })
	require.True(t, without.Objects.GDC.Empty(), "nobody asked for them")
	var told []string
	for _, s := range w.health.Synced() {
		if !s.Since.Equal(time.Time{}) {
			told = append(told, s.Kind)
		}
	}
	require.Contains(t, told, "BGPPeer")
	require.Contains(t, told, "BGPPeer.networking.gke.io")
}
