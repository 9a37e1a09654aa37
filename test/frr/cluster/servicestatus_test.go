package cluster

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"

	"github.com/frr-renderer/frr-renderer/test/frr/cluster/lab"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// TestWhatPeopleSee follows MetalLB's story of a Service's status, and looks at the node's state, at Events, and at what all that costs.
func TestWhatPeopleSee(t *testing.T) {
	eachVersion(t, func(t *testing.T, v, other fabric.Version) {
		l := lab.New(t, twoNodes(v, other))
		options := []string{"--service-status", "--events-per-minute", "600", "--drift-interval", "1s"}
		l.Run(options...)
		node1, node2 := l.NodeName("node1"), l.NodeName("node2")
		l.Apply(pool, adv, toTor1, toTor2, web)
		l.Eventually("node1 tells of the Service", func() error { return isStatus(l, node1+" web tor1,tor2", node2+" web tor1,tor2") })
		for _, node := range []string{"node1", "node2"} {
			require.Contains(t, l.Running(node), "network 192.0.2.10/32 ", "never before FRR runs it")
		}
		l.Announced("tor1", "192.0.2.10/32", "node1", "node2")
		l.Eventually("both nodes can use all objects", func() error { return hasState(l, "Valid", "", node1, node2) })

		before := versions(l)
		l.Patch("BGPAdvertisement", "all", `{spec: {peers: [tor1, tor2, nobody]}}`)
		l.Problem("node1", "BGPAdvertisement", "UnknownPeer")
		l.Problem("node2", "BGPAdvertisement", "UnknownPeer")
		l.Patch("BGPAdvertisement", "all", `{spec: {peers: [tor1, tor2, nobody, none]}}`)
		l.Problem("node1", "BGPAdvertisement", "none", "UnknownPeer")
		require.Equal(t, before, versions(l), "a peer that does not exist changes nothing")
		l.Patch("BGPAdvertisement", "all", `{spec: {peers: [tor1]}}`)
		l.Eventually("one peer less", func() error { return isStatus(l, node1+" web tor1", node2+" web tor1") })
		l.Patch("BGPAdvertisement", "all", fmt.Sprintf(`{spec: {%s}}`, onNode("node1")))
		l.Eventually("one node less", func() error { return isStatus(l, node1+" web tor1") })
		l.Announced("tor1", "192.0.2.10/32", "node1")

		l.Apply(peer("bad", "10.0.0.9", 64509, "bfdProfile: none", onNode("node2")))
		l.Eventually("node2 names what it can't use, and node1 does not", func() error {
			if err := hasState(l, "Valid", "", node1); err != nil {
				return err
			}
			return hasState(l, "Invalid", "/bad spec.bfdProfile: ", node2)
		})
		l.Delete("ConfigurationState", "speaker-"+node2)
		l.Eventually("it comes back", func() error { return hasState(l, "Invalid", "UnknownBFDProfile", node2) })
		l.Delete("BGPPeer", "bad")
		l.Eventually("it is mended", func() error { return hasState(l, "Valid", "", node1, node2) })

		said := []string{
			fmt.Sprintf(`nodeAssigned announcing from node %q with protocol "bgp"`, node1),
			fmt.Sprintf(`nodeAssigned announcing from node %q with protocol "bgp"`, node2),
			fmt.Sprintf(`nodeWithdrawn no longer announced from node %q with protocol "bgp": no BGPAdvertisement announces its IPAddressPool from this node (notOwner)`, node2),
		}
		l.Eventually("Events tell of it", func() error { return areEvents(l, said) })

		// A restart says and writes nothing again. What the new run does first is seen in what it does for the next Service.
		before = versions(l)
		l.Sidecar("node1").Stop()
		l.Sidecar("node1").Start(options...)
		l.Ready()
		writes := quiet(t, l)
		require.Zero(t, writes, "since the start")
		require.Equal(t, before, versions(l))
		require.NoError(t, areEvents(l, said))

		l.Delete("Service", "web")
		l.Eventually("nothing is left", func() error { return isStatus(l) })
	})
}

// quiet waits until node1 has found ten times that FRR runs what it should, and returns how often it has written anything since it was started.
func quiet(t *testing.T, l *lab.Lab) (writes int) {
	seen := map[string]bool{}
	l.Eventually("ten looks at FRR", func() error {
		page, err := l.Node("node1").HTTP(t.Context(), "http://127.0.0.1:17473/metrics")
		if err != nil {
			return err
		}
		writes = 0
		for line := range strings.Lines(page) {
			metric, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if metric == "frr_renderer_last_success_timestamp_seconds" {
				seen[value] = true
			}
			for _, verb := range []string{"create", "update", "patch", "delete"} {
				if strings.HasPrefix(metric, "frr_renderer_api_requests_total{") && strings.Contains(metric, fmt.Sprintf("verb=%q", verb)) {
					t.Log(line)
					writes++
				}
			}
		}
		if len(seen) < 10 {
			return fmt.Errorf("%d looks", len(seen))
		}
		return nil
	})
	return writes
}

// isStatus compares what the ServiceBGPStatuses say, as NODE SERVICE PEER,PEER.
func isStatus(l *lab.Lab, want ...string) error {
	var have []string
	for _, o := range l.List("ServiceBGPStatus") {
		node, _, _ := unstructured.NestedString(o.Object, "status", "node")
		service, _, _ := unstructured.NestedString(o.Object, "status", "serviceName")
		peers, _, _ := unstructured.NestedStringSlice(o.Object, "status", "peers")
		have = append(have, node+" "+service+" "+strings.Join(peers, ","))
	}
	slices.Sort(have)
	if !slices.Equal(have, want) {
		return fmt.Errorf("the statuses are %q, not %q", have, want)
	}
	return nil
}

// versions are the resource versions of all status objects of Services: nobody has written to those that are equal.
func versions(l *lab.Lab) map[string]string {
	out := map[string]string{}
	for _, o := range l.List("ServiceBGPStatus") {
		out[o.GetName()] = o.GetResourceVersion()
	}
	return out
}

// hasState tells whether nodes have a result, and a summary that holds some words.
func hasState(l *lab.Lab, result, words string, nodes ...string) error {
	states := l.List("ConfigurationState")
	for _, node := range nodes {
		i := slices.IndexFunc(states, func(o unstructured.Unstructured) bool { return o.GetName() == "speaker-"+node })
		if i == -1 {
			return fmt.Errorf("%s has no state", node)
		}
		have, _, _ := unstructured.NestedString(states[i].Object, "status", "result")
		summary, _, _ := unstructured.NestedString(states[i].Object, "status", "errorSummary")
		if have != result || !strings.Contains(summary, words) || words == "" && summary != "" {
			return fmt.Errorf("the state of %s is %s: %q", node, have, summary)
		}
	}
	return nil
}

// areEvents compares the Events about the Service.
func areEvents(l *lab.Lab, want []string) error {
	client, err := kubernetes.NewForConfig(l.Server())
	if err != nil {
		return err
	}
	service := l.Get("Service", "web")
	list, err := client.EventsV1().Events(service.GetNamespace()).List(l.Within(), metav1.ListOptions{})
	if err != nil {
		return err
	}
	var have []string
	for _, e := range list.Items {
		if e.Regarding.UID == service.GetUID() {
			have = append(have, e.Reason+" "+e.Note)
		}
	}
	slices.Sort(have)
	if !slices.Equal(have, want) {
		return fmt.Errorf("the Events are %q, not %q", have, want)
	}
	return nil
}
