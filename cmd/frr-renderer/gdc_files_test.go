package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

const (
	goodGDC = "../../test/frr/gdc/cases/example-10-all-nodes-same-peers"
	badGDC  = "../../test/frr/gdc/cases/floating-ip-in-no-subnet"
)

func TestValidateOfGDCsObjects(t *testing.T) {
	code, stdout, stderr := do(t, "validate", "-f", goodGDC)
	require.Zero(t, code, stderr)
	require.Equal(t, "warning Cluster.baremetal.cluster.gke.io cluster-bm/bm spec.clusterNetwork.advancedNetworking: GDC serves NetworkGatewayGroups only where this is true; "+
		"they are used here all the same: set it to true when the cluster is made (NotEnabled)\n", stdout)

	code, stdout, _ = do(t, "validate", "-f", badGDC)
	require.Equal(t, exitRejected, code)
	require.Equal(t, "error NetworkGatewayGroup.networking.gke.io cluster-bm/default spec.floatingIPs[1]: 10.0.9.100 lies in no subnet of any node; it is left out: "+
		"reserve an address out of one of them (NotInAnySubnet)\n", stdout)

	code, stdout, _ = do(t, "validate", "-f", badGDC, "-o", "json")
	require.Equal(t, exitRejected, code)
	var problems []problem.Problem
	require.NoError(t, json.Unmarshal([]byte(stdout), &problems))
	require.Len(t, problems, 1)
	require.Equal(t, problem.NotInAnySubnet, problems[0].Reason)
	require.Equal(t, problem.Object{Kind: "NetworkGatewayGroup", Group: "networking.gke.io", Namespace: "cluster-bm", Name: "default"}, problems[0].Object)
}

func TestDiffOfGDCsObjects(t *testing.T) {
	code, document, stderr := do(t, "render", "-f", goodGDC, "--node", "n2")
	require.Zero(t, code, stderr)
	dir := t.TempDir()
	file := filepath.Join(dir, "frr.conf")
	require.NoError(t, os.WriteFile(file, []byte(document), 0o600))

	code, stdout, stderr := do(t, "diff", "-f", goodGDC, "--node", "n2", "--to", file)
	require.Zero(t, code, stdout)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "(NotEnabled)", "what is wrong with the objects is told beside")

	// One floating IP less: its session ends, and no other.
	whole, err := os.ReadFile(filepath.Join(goodGDC, "in.yaml"))
	require.NoError(t, err)
	fewer := strings.Replace(string(whole), "  - 10.0.2.100\n", "", 1)
	require.NotEqual(t, string(whole), fewer)
	objects := filepath.Join(dir, "in.yaml")
	require.NoError(t, os.WriteFile(objects, []byte(fewer), 0o600))
	code, stdout, _ = do(t, "diff", "-f", objects, "--node", "n2", "--to", file)
	require.Equal(t, exitDiffers, code)
	require.Contains(t, stdout, "reset    bgpd  router bgp 65001 / no neighbor 10.0.2.100  (resets 10.0.2.100)\n")
	require.Equal(t, 1, strings.Count(stdout, "reset "), stdout)

	code, stdout, stderr = do(t, "diff", "-f", badGDC, "--node", "n2", "--to", file)
	require.Equal(t, exitRejected, code, "3 beats 4")
	require.NotEmpty(t, stdout)
	require.Contains(t, stderr, "(NotInAnySubnet)")
}
