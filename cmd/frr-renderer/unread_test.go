package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A mistake in the only BGPPeer sends Services to no other routers.
func TestRoutersThatNobodyMeantAreToldNothing(t *testing.T) {
	whole, err := os.ReadFile("../../test/frr/gdc/cases/example-12-separate-control-and-data-plane/in.yaml")
	require.NoError(t, err)
	const meant, control = "neighbor 10.0.3.254 ", "neighbor 10.0.1.254 "
	manifest := filepath.Join(t.TempDir(), "cluster.yaml")
	frrConf := func(old, changed string) (int, string, string) {
		require.Equal(t, 1, strings.Count(string(whole), old), old)
		require.NoError(t, os.WriteFile(manifest, []byte(strings.Replace(string(whole), old, changed, 1)), 0o600))
		return do(t, "render", "-f", manifest, "--node", "n4")
	}
	const peer = "metadata:\n  name: bgppeer1\n  namespace: cluster-bm\n"
	code, text, _ := frrConf(peer, peer)
	require.Zero(t, code)
	require.Contains(t, text, meant)

	for what, change := range map[string][2]string{
		"another type":      {"  peerASN: 65002\n", "  peerASN: 4294967296\n"},
		"another namespace": {peer, "metadata:\n  name: bgppeer1\n  namespace: default\n"},
		"no namespace":      {peer, "metadata:\n  name: bgppeer1\n"},
		"no YAML":           {peer, "metadata:\n  name: bgppeer1: x\n"},
	} {
		code, text, problems := frrConf(change[0], change[1])
		require.Equal(t, exitRejected, code, what)
		require.NotContains(t, text, meant, what)
		require.NotContains(t, text, control, what)
		require.Contains(t, problems, "BGPLoadBalancer.networking.gke.io cluster-bm/default spec.peerSelector: ", what)
		require.Contains(t, problems, "no Service is announced until then", what)
	}
}
