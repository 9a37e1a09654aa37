package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/frr-renderer/frr-renderer/test/frr/cluster/lab"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// MetalLB's ServiceBGPStatus over the life of a Service: bgptests/bgp.go.
func TestServiceBGPStatus(t *testing.T) {
	eachVersion(t, func(t *testing.T, v, other fabric.Version) {
		l := lab.New(t, twoNodes(v, other))
		l.Run("--service-status", "--service-status-qps", "100")
		l.Apply(pool, adv, toTor1, toTor2, web, service("idle", "Cluster", "", "192.0.2.11"))
		both := "tor1 tor2"
		told(l, "web", map[string]string{"node1": both, "node2": both})
		told(l, "idle", nil)
		l.Announced("tor1", "192.0.2.10/32", "node1", "node2")
		names := func() []string {
			var out []string
			for _, o := range l.List("ServiceBGPStatus") {
				out = append(out, o.GetName())
			}
			return out
		}
		before := names()
		l.Undisturbed(func() {
			l.Patch("BGPAdvertisement", "all", `{spec: {peers: [tor1, tor2, nobody]}}`)
			l.Problem("node1", "UnknownPeer", "nobody")
			told(l, "web", map[string]string{"node1": both, "node2": both})
			require.Equal(t, before, names(), "the objects are the same")
			l.Patch("BGPAdvertisement", "all", `{spec: {peers: [tor2]}}`)
			told(l, "web", map[string]string{"node1": "tor2", "node2": "tor2"})
			l.Apply(advert("all", "peers: [tor2], "+onNode("node2")))
			told(l, "web", map[string]string{"node2": "tor2"})
			l.Apply(slice("idle", on("node1")))
			told(l, "idle", map[string]string{"node2": "tor2"})
			l.Delete("Service", "web")
			told(l, "web", nil)
			told(l, "idle", map[string]string{"node2": "tor2"})
		})
	})
}

// told waits until the ServiceBGPStatuses of a Service name these peers, by node.
func told(l *lab.Lab, service string, want map[string]string) {
	l.Eventually(fmt.Sprintf("ServiceBGPStatus of %s is %v", service, want), func() error {
		got := map[string]string{}
		for _, o := range l.List("ServiceBGPStatus") {
			if o.GetLabels()["metallb.io/service-name"] != service || o.GetLabels()["metallb.io/service-namespace"] != l.Apps {
				continue
			}
			peers, _, err := unstructured.NestedStringSlice(o.Object, "status", "peers")
			if err != nil {
				return err
			}
			node := o.GetLabels()["metallb.io/node"]
			got[node[strings.LastIndex(node, "-")+1:]] += strings.Join(peers, " ")
		}
		if !maps.Equal(got, want) {
			return fmt.Errorf("it is %v", got)
		}
		return nil
	})
}

// state waits until the ConfigurationState of a node has a result, and all these words in its summary.
func state(l *lab.Lab, node, result string, words ...string) {
	l.Eventually(fmt.Sprintf("ConfigurationState of %s is %s %q", node, result, words), func() error {
		o := l.Get("ConfigurationState", "speaker-"+l.NodeName(node))
		if o == nil {
			return fmt.Errorf("there is none")
		}
		got, _, err := unstructured.NestedString(o.Object, "status", "result")
		if err != nil {
			return err
		}
		summary, _, err := unstructured.NestedString(o.Object, "status", "errorSummary")
		if err != nil {
			return err
		}
		if got != result || slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(summary, w) }) {
			return fmt.Errorf("it is %s: %s", got, summary)
		}
		return nil
	})
}
