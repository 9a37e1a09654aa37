package frr

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// scrape reads /metrics of the product inside node1, over HTTP.
func (l *lab) scrape() string {
	l.t.Helper()
	text, err := l.tryScrape()
	require.NoError(l.t, err)
	return text
}

// tryScrape is scrape of a product that may be starting.
func (l *lab) tryScrape() (string, error) {
	return l.node.HTTP(l.t.Context(), "http://127.0.0.1:17473/metrics")
}

// measures waits until all of these lines are among the metrics.
func (l *lab) measures(lines ...string) {
	l.t.Helper()
	for _, line := range lines {
		l.eventually("metrics: "+line, 10*time.Second, func() bool { return strings.Contains("\n"+l.scrape(), "\nfrr_renderer_"+line+"\n") })
	}
}

var allowDigest = regexp.MustCompile(`allow-resets=([0-9a-f]{24})`)

// held is the digest of the plan that status shows as held.
func (l *lab) held() string {
	l.t.Helper()
	out, _ := l.cli("status")
	m := allowDigest.FindStringSubmatch(out)
	require.NotNil(l.t, m, out)
	return m[1]
}

// allowing is node1 with the annotation that lets a plan through.
func allowing(digest string) string {
	return fmt.Sprintf("---\napiVersion: v1\nkind: Node\nmetadata: {name: node1, annotations: {frr-renderer.io/allow-resets: %q}}\n", digest)
}

// cluster is a real API server, reached from node1 through a gate, by a user who may write Events and nothing else.
type cluster struct {
	*apiserver.Server
	gate       *apiserver.Gate
	kubeconfig string
}

func withCluster(l *lab) *cluster {
	l.t.Helper()
	server := apiserver.Start(l.t)
	listener, err := l.node.Listen(l.t.Context(), "", net.ListenConfig{}, "tcp", "127.0.0.1:0")
	require.NoError(l.t, err)
	gate := apiserver.NewGate(l.t, listener, server.Address)
	user := server.User(l.t, "frr-renderer", rbacv1.PolicyRule{APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}})
	return &cluster{server, gate, apiserver.Kubeconfig(l.t, user, gate.Address())}
}

// events are all that were written about node1, by reason.
func (c *cluster) events(t *testing.T) map[string][]eventsv1.Event {
	t.Helper()
	list, err := c.Client.EventsV1().Events("").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	out := map[string][]eventsv1.Event{}
	for _, e := range list.Items {
		if e.Regarding.Kind == "Node" && e.Regarding.Name == "node1" {
			out[e.Reason] = append(out[e.Reason], e)
		}
	}
	return out
}

// written waits for the Event of a reason about one plan, and shows that there is one only, which came once.
func (c *cluster) written(l *lab, reason, digest string) eventsv1.Event {
	l.t.Helper()
	var found []eventsv1.Event
	l.eventually("Event "+reason+" of "+digest, 20*time.Second, func() bool {
		found = nil
		for _, e := range c.events(l.t)[reason] {
			if strings.Contains(e.Note, digest) {
				found = append(found, e)
			}
		}
		return len(found) > 0
	})
	require.Len(l.t, found, 1)
	require.Nil(l.t, found[0].Series)
	return found[0]
}

func TestScenarioHeldPlanIsMeasuredAndAnnounced(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l := prepare(t, rack(v, tor(other, 64501), tor(v, 64502)), map[string]string{"base": basics + toTor2, "tor1": toTor1, "node": node("")})
		c := withCluster(l)
		l.run("--refuse-resets", "--kubeconfig", c.kubeconfig, "--drift-interval", "500ms")
		l.up("tor1", "tor2")
		l.measures("ready 1", "plan_held 0")
		require.NotContains(t, l.scrape(), "frr_renderer_held_session")
		require.Empty(t, c.events(t), "nothing is held")

		changed := peer("tor1", "10.0.0.1", 64501, "disableMP: false", "sourceAddress: 10.0.0.11")
		first := ""
		l.undisturbed(func() {
			l.put("tor1", changed)
			l.measures("plan_held 1", `held_session{neighbor="10.0.0.1",vrf="default"} 1`,
				`problems{kind="Node",reason="ResetsHeld",severity="warning"} 1`, "ready 1")
			require.NotContains(t, l.scrape(), `neighbor="10.0.0.2"`, "whom nothing would reset")
			first = l.held()
			e := c.written(l, "ResetsHeld", first)
			require.Equal(t, "Warning", e.Type)
			require.Equal(t, "frr-renderer.io/agent", e.ReportingController)
			require.Contains(t, e.Note, "sessions with 10.0.0.1.")
			require.Contains(t, e.Note, "kubectl annotate --overwrite node node1 frr-renderer.io/allow-resets="+first)
			// More turns, of changes and of looks for drift, tell it no more.
			for i := range 3 {
				address := fmt.Sprintf("192.0.2.2%d", i)
				l.put("api", service("api", "", address))
				l.arrives("tor1", address+"/32", nil)
			}
			seen := l.scrape()
			l.eventually("two looks for drift", 10*time.Second, func() bool { return success(t, l.scrape()) > success(t, seen)+1 })
			c.written(l, "ResetsHeld", first)
			l.measures("session_resets_total 0", `commands_total{effect="reset"} 0`)
		})

		before := l.sessions(l.node)
		l.put("node", allowing(first))
		l.eventually("a reset of tor1", 5*time.Second, func() bool { return len(fabric.Disturbed(before, l.sessions(l.node))) == 1 })
		l.measures("plan_held 0", "session_resets_total 1")
		require.NotContains(t, l.scrape(), "frr_renderer_held_session")
		require.NotContains(t, l.scrape(), "ResetsHeld")
		require.Equal(t, "Normal", c.written(l, "ResetsAllowed", first).Type)
		l.up("tor1", "tor2")

		// Without the API server everything goes on as fast, and what it was not told it is told later.
		second := ""
		l.undisturbed(func() {
			c.gate.Shut()
			l.put("tor1", toTor1)
			l.measures("plan_held 1", `held_session{neighbor="10.0.0.1",vrf="default"} 1`)
			second = l.held()
			require.NotEqual(t, first, second)
			l.said("an Event can't be written; it is tried again")
			begun := time.Now()
			l.put("api", service("api", "", "192.0.2.30"))
			l.arrives("tor1", "192.0.2.30/32", nil)
			require.Less(t, time.Since(begun), 10*time.Second, "an API server that is away delays nothing")
			c.gate.Open()
			c.written(l, "ResetsHeld", second)

			// What is asked for no more is held no more.
			l.put("tor1", changed)
			l.measures("plan_held 0", "session_resets_total 1")
			require.Equal(t, "Normal", c.written(l, "ResetsGone", second).Type)
		})
		all := c.events(t)
		require.Len(t, all["ResetsHeld"], 2)
		require.Len(t, all["ResetsAllowed"], 1)
		require.Len(t, all["ResetsGone"], 1)
		require.Len(t, all, 3)
	})
}

// success is when FRR was last seen running what it should, in seconds.
func success(t *testing.T, metrics string) float64 {
	t.Helper()
	_, rest, found := strings.Cut(metrics, "\nfrr_renderer_last_success_timestamp_seconds ")
	require.True(t, found)
	var at float64
	_, err := fmt.Sscan(rest, &at)
	require.NoError(t, err)
	return at
}
