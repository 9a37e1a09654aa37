package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/translate"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// manifests writes a cluster of n Services, each announced to four peers.
func manifests(tb testing.TB, n int) string {
	tb.Helper()
	dir := tb.TempDir()
	write := func(name, text string) {
		require.NoError(tb, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	for i := 1; i <= 4; i++ {
		write(fmt.Sprintf("peer%d.yaml", i), fmt.Sprintf("apiVersion: metallb.io/v1beta2\nkind: BGPPeer\nmetadata: {name: tor%d}\nspec: {myASN: 64500, peerASN: 64501, peerAddress: 10.0.0.%d}\n", i, i))
	}
	write("pool.yaml", "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: pool1}\nspec: {addresses: [20.0.0.0/8]}\n"+
		"---\napiVersion: metallb.io/v1beta1\nkind: BGPAdvertisement\nmetadata: {name: adv1}\nspec: {communities: ['64500:1']}\n")
	for i := range n {
		write(fmt.Sprintf("service%d.yaml", i), fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: s%[1]d, namespace: shop}
spec: {type: LoadBalancer, ports: [{port: 80}]}
status: {loadBalancer: {ingress: [{ip: 20.%[2]d.%[3]d.%[4]d}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: s%[1]d-1, namespace: shop, labels: {kubernetes.io/service-name: s%[1]d}}
addressType: IPv4
endpoints: [{addresses: [10.244.0.1], nodeName: node1, conditions: {ready: true}}]
`, i, i>>16, i>>8&255, i&255))
	}
	return dir
}

// BenchmarkTurn is our own share of one change, but for FRR's answers: what is known to a plan.
func BenchmarkTurn(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) {
			read, err := source.Read([]string{manifests(b, n)}, source.Options{})
			require.NoError(b, err)
			renderer, err := render.New(nil)
			require.NoError(b, err)
			running := ""
			for b.Loop() {
				snap, err := snapshot.New(read.Objects, "node1", snapshot.Options{})
				require.NoError(b, err)
				document, err := renderer.Render(translate.Translate(snap, translate.LastGood{}).Config)
				require.NoError(b, err)
				if running == "" {
					running = document.Text
				}
				plan := reload.Diff(reload.Running{BGPD: running, BFDD: running, Previous: running, Version: vtysh.Version{Major: 10, Minor: 3}}, document)
				require.True(b, plan.Empty())
			}
		})
	}
}
