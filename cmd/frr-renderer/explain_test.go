package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/translate"
)

var update = flag.Bool("update", false, "write the expected output anew")

const (
	explained    = "testdata/explain/cluster.yaml"
	explainedGDC = "testdata/explain/gdc.yaml"
	gdcReports   = "testdata/explain/gdc-reports.yaml"
)

// TestExplainReads compares what people read, and the exit code, with the files in testdata/explain.
func TestExplainReads(t *testing.T) {
	cases, gdc := "../../test/frr/cases/", "../../test/frr/gdc/cases/"
	for name, args := range map[string][]string{
		"service-to-many-peers":             {"service", "shop/web", "-f", explained},
		"service-with-local-policy":         {"service", "shop/local", "-f", explained},
		"service-without-endpoints":         {"service", "shop/empty", "-f", explained},
		"service-that-no-advertisement":     {"service", "shop/unlabelled", "-f", explained},
		"service-without-address":           {"service", "shop/pending", "-f", explained},
		"service-in-a-pool-left-out":        {"service", "shop/torn", "-f", explained},
		"service-outside-every-pool":        {"service", "shop/astray", "-f", explained},
		"service-of-other-type":             {"service", "shop/inside", "-f", explained},
		"service-of-other-class":            {"service", "shop/other-class", "-f", explained},
		"service-with-host-name":            {"service", "shop/named", "-f", explained},
		"service-on-one-node":               {"service", "shop/web", "-f", explained, "--node", "node-4"},
		"service-without-nodes":             {"service", "default/web", "-f", cases + "advertisement-to-peers-with-different-attributes"},
		"service-of-two-pools":              {"service", "default/web", "-f", cases + "service-with-addresses-of-two-pools"},
		"service-with-conflict":             {"service", "default/both", "-f", cases + "advertisement-local-preference-conflict-on-a-service-towards-one-peer"},
		"service-with-conflict-everywhere":  {"service", "default/both", "-f", cases + "advertisement-local-preference-conflict-on-a-service"},
		"service-with-ragged-aggregate":     {"service", "default/edge", "-f", cases + "advertisement-aggregation-at-the-edge-of-a-range"},
		"service-with-aggregate-out-of-one": {"service", "default/web", "-f", cases + "advertisement-aggregation-wider-than-pool"},
		"node":                              {"node", "node-1", "-f", explained},
		"node-unavailable":                  {"node", "node-5", "-f", explained},
		"node-without-peers":                {"node", "node1", "-f", cases + "no-peer-selects-the-node"},

		"gdc-service":                             {"service", "default/web1", "-f", gdc + "example-10-all-nodes-same-peers"},
		"gdc-service-of-both-families":            {"service", "default/web", "-f", gdc + "dual-stack-and-a-node-without-ipv6"},
		"gdc-service-on-one-node":                 {"service", "default/web", "-f", gdc + "dual-stack-and-a-node-without-ipv6", "--node", "n3"},
		"gdc-service-to-routers-of-many-paths":    {"service", "default/web1", "-f", gdc + "routers-that-receive-many-paths"},
		"gdc-service-with-local-policy":           {"service", "shop/local", "-f", explainedGDC},
		"gdc-service-without-endpoints":           {"service", "shop/empty", "-f", explainedGDC},
		"gdc-service-without-address":             {"service", "shop/pending", "-f", explainedGDC},
		"gdc-service-outside-every-pool":          {"service", "shop/astray", "-f", explainedGDC},
		"gdc-service-that-each-node-differs-with": {"service", "shop/web", "-f", explainedGDC},
		"gdc-service-and-who-tells-to-hold":       {"service", "shop/web", "-f", explainedGDC, "-f", gdcReports},
		"gdc-service-beside-metallb":              {"service", "default/web1", "-f", gdc + "metallb-in-the-same-as"},
		"gdc-service-beside-metallb-in-other-as":  {"service", "default/web1", "-f", gdc + "metallb-in-another-as"},
		"gdc-node":                                {"node", "n1", "-f", gdc + "example-10-all-nodes-same-peers"},
		"gdc-node-without-nodes":                  {"node", "n1", "-f", "testdata/explain/gdc-no-node.yaml"},
		"gdc-node-that-could-hold":                {"node", "n5", "-f", explainedGDC},
		"gdc-node-excluded":                       {"node", "n2", "-f", explainedGDC},
		"gdc-node-that-refuses":                   {"node", "n5", "-f", explainedGDC, "-f", "testdata/explain/gdc-refusals.yaml"},
		"gdc-node-not-ready":                      {"node", "n3", "-f", explainedGDC},
		"gdc-node-beside-metallb-in-other-as":     {"node", "n1", "-f", gdc + "metallb-in-another-as"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := do(t, append([]string{"explain"}, args...)...)
			require.Empty(t, stderr)
			got := fmt.Sprintf("$ frr-renderer explain %s\n%sexit code %d\n", strings.Join(args[:2], " "), stdout, code)
			path := filepath.Join("testdata", "explain", name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
				return
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err, "no expected file: run make golden, and read what it writes")
			require.Equal(t, string(want), got)
			for line := range strings.Lines(got) {
				if !strings.HasPrefix(line, "error ") && !strings.HasPrefix(line, "warning ") {
					require.LessOrEqual(t, len(strings.TrimRight(line, "\n")), 120, line)
				}
			}
		})
	}
}

func TestExplainAnswersInJSONWhatItPrintsInGDCMode(t *testing.T) {
	code, stdout, _ := do(t, "explain", "service", "shop/web", "-f", explainedGDC, "-o", "json")
	require.Zero(t, code)
	var view serviceView
	require.NoError(t, json.Unmarshal([]byte(stdout), &view))
	require.True(t, view.Announced)
	require.Len(t, view.GDC.Addresses, 2)
	require.Len(t, view.GDC.Addresses[0].Nodes, 6)
	require.Equal(t, gateway.NodeExcluded, view.GDC.Addresses[0].Nodes[1].Reason)
	require.Equal(t, "n1", view.GDC.Addresses[0].Sessions[0].First)

	code, stdout, _ = do(t, "explain", "node", "n2", "-f", explainedGDC, "-o", "json")
	require.Zero(t, code)
	var node nodeView
	require.NoError(t, json.Unmarshal([]byte(stdout), &node))
	require.Equal(t, gateway.NodeExcluded, node.GDC.Traffic)
	require.Equal(t, "n2", node.GDC.FloatingIPs[1].Holder)
	require.NotContains(t, stdout, "null")

	_, stdout, _ = do(t, "explain", "service", "shop/web", "-f", explained, "-o", "json")
	require.NotContains(t, stdout, "gdc", "nothing of it where no object asks for it")
}

func TestExplainAnswersInJSONWhatItPrints(t *testing.T) {
	code, stdout, _ := do(t, "explain", "service", "shop/web", "-f", explained, "-o", "json")
	require.Zero(t, code)
	var view serviceView
	require.NoError(t, json.Unmarshal([]byte(stdout), &view))
	require.True(t, view.Announced)
	require.Len(t, view.Nodes, 6)
	require.Len(t, view.Problems, 3)
	peers := map[string]bool{}
	for _, r := range view.Nodes[0].Routes {
		peers[r.Peer] = true
		if r.Peer == "tor-a" && r.Announced {
			require.Equal(t, translate.Attributes{
				Communities: []string{"64500:1", "64500:2"}, LargeCommunities: []string{"64500:1:1"}, LocalPreference: 200}, r.Attributes)
		}
	}
	require.Len(t, peers, 5, "each BGPPeer has an answer")

	code, stdout, _ = do(t, "explain", "node", "node-1", "-f", explained, "-o", "json")
	require.Equal(t, exitRejected, code)
	var node nodeView
	require.NoError(t, json.Unmarshal([]byte(stdout), &node))
	require.Len(t, node.Sessions, 5)
	require.Equal(t, []string{"shop/local", "shop/neighbor", "shop/web"}, node.Services[translate.Announced])
}

func TestExplainOfWhatIsNotThere(t *testing.T) {
	for _, c := range []struct {
		args   []string
		code   int
		stderr string
	}{
		{[]string{"service", "shop/wep", "-f", explained}, exitFailed, "Service shop/wep is not among the objects; there is shop/web"},
		{[]string{"service", "default/local", "-f", explained}, exitFailed, "there is shop/local"},
		{[]string{"service", "default/quite-another", "-f", explained}, exitFailed, "nor any with a name like it"},
		{[]string{"service", "web", "-f", explained}, exitUsage, "write NAMESPACE/NAME"},
		{[]string{"service", "shop/web", "-f", explained, "--node", "node-9"}, exitFailed, "node-1, node-2"},
		{[]string{"service", "shop/web", "-f", explained, "--state-file", "any"}, exitUsage, "--node"},
		{[]string{"node", "node-9", "-f", explained}, exitFailed, "node-1, node-2"},
		{[]string{"node", "node-1", "-f", explained, "--state-file", "testdata/absent"}, exitFailed, "--state-file"},
		{[]string{"node", "node-1", "-f", explained, "-o", "yaml"}, exitUsage, "yaml"},
		{[]string{"node", "-f", explained}, exitUsage, "arg"},
		{nil, exitUsage, "say what to explain"},
	} {
		code, _, stderr := do(t, append([]string{"explain"}, c.args...)...)
		require.Equal(t, c.code, code, "%v: %s", c.args, stderr)
		require.Contains(t, stderr, c.stderr)
	}
}

// A node that has run knows a good form of an object that is broken by now.
func TestExplainKnowsTheLastGoodForms(t *testing.T) {
	const dir = "../../test/frr/cases/ebgp-one-peer-one-service/in.yaml"
	read, err := source.Read([]string{dir}, source.Options{})
	require.NoError(t, err)
	snap, err := snapshot.New(read.Objects, "node1", snapshot.Options{})
	require.NoError(t, err)
	data, err := translate.Translate(snap, translate.LastGood{}).LastGood.Encode()
	require.NoError(t, err)
	state, objects := filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "in.yaml")
	require.NoError(t, os.WriteFile(state, data, 0o600))
	manifest, err := os.ReadFile(dir)
	require.NoError(t, err)
	require.Contains(t, string(manifest), "peerAddress: 10.0.0.1\n")
	broken := strings.Replace(string(manifest), "peerAddress: 10.0.0.1\n", "peerAddress: nonsense\n", 1)
	require.NoError(t, os.WriteFile(objects, []byte(broken), 0o600))

	code, stdout, _ := do(t, "explain", "node", "node1", "-f", objects)
	require.Equal(t, exitRejected, code)
	require.Contains(t, stdout, "no: leftOut [1]")
	code, stdout, _ = do(t, "explain", "service", "default/web", "-f", objects)
	require.Equal(t, exitRejected, code)
	require.Contains(t, stdout, "no: peerLeftOut [1]")

	code, stdout, _ = do(t, "explain", "node", "node1", "-f", objects, "--state-file", state)
	require.Equal(t, exitRejected, code)
	require.Contains(t, stdout, "yes: lastGoodForm [1]")
	require.Contains(t, stdout, `"nonsense" is not an IP address; its last good form stays in use`)
	code, stdout, _ = do(t, "explain", "service", "default/web", "-f", objects, "--node", "node1", "--state-file", state)
	require.Zero(t, code)
	require.Contains(t, stdout, "announced from 1 of 1 nodes")
}

// What a user may write into a Service's status reaches a terminal as text.
func TestExplainKeepsControlsOffTheTerminal(t *testing.T) {
	objects := filepath.Join(t.TempDir(), "in.yaml")
	require.NoError(t, os.WriteFile(objects, []byte(`apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {type: LoadBalancer, loadBalancerClass: "a\e[31m"}
status: {loadBalancer: {ingress: [{hostname: "x\e[2J\nyes"}]}}
`), 0o600))
	for _, args := range [][]string{{}, {"--lb-class", "a\x1b[31m"}} {
		code, stdout, _ := do(t, append([]string{"explain", "service", "default/web", "-f", objects}, args...)...)
		require.Equal(t, exitDiffers, code)
		require.NotContains(t, stdout, "\x1b")
		require.NotContains(t, stdout, "\nyes")
	}
}
