package status

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// busyManager are metrics of a manager with a series of each.
func busyManager() *ManagerMetrics {
	m := NewManagerMetrics([]string{"BGPSession"}, []string{"written", "conflict"})
	m.Decided(2 * time.Millisecond)
	m.Wrote("BGPSession", "written")
	m.Moved()
	m.requests.WithLabelValues("list", "services", "200")
	m.Follow(func() ManagerState {
		return ManagerState{
			Leader: true, FloatingIPs: map[string]int{Assigned: 2, Unassigned: 1}, Leases: map[string]int{"live": 3},
			Problems: []problem.Problem{{Severity: problem.Warning, Object: problem.Object{Kind: "NetworkGatewayGroup", Namespace: "cluster-bm", Name: "default"}, Reason: problem.NotMoved}},
			Watches:  []Synced{{Kind: "Node", Since: time.Unix(1_700_000_000, 0)}},
		}
	})
	return m
}

func scrapeManager(t *testing.T, m *ManagerMetrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(t, 200, w.Code, w.Body.String())
	return w.Body.String()
}

func TestAManagerTellsWhatItKnowsAtAScrape(t *testing.T) {
	m := busyManager()
	text := scrapeManager(t, m)
	for _, line := range []string{
		"frr_renderer_manager_leader 1", `frr_renderer_manager_floating_ips{state="assigned"} 2`, `frr_renderer_manager_floating_ips{state="unassigned"} 1`,
		`frr_renderer_manager_leases{state="live"} 3`, `frr_renderer_manager_writes_total{kind="BGPSession",result="written"} 1`,
		`frr_renderer_manager_writes_total{kind="BGPSession",result="conflict"} 0`, "frr_renderer_manager_floating_ip_moves_total 1",
		"frr_renderer_manager_decision_duration_seconds_count 1", `frr_renderer_source_connected{kind="Node"} 1`,
		`frr_renderer_problems{kind="NetworkGatewayGroup",reason="NotMoved",severity="warning"} 1`,
		`frr_renderer_object_problems{kind="NetworkGatewayGroup",object_name="default",object_namespace="cluster-bm",reason="NotMoved",severity="warning"} 1`,
	} {
		require.Contains(t, text, line+"\n")
	}
	m.Follow(func() ManagerState { return ManagerState{} })
	text = scrapeManager(t, m)
	require.Contains(t, text, "frr_renderer_manager_leader 0\n")
	require.NotContains(t, text, "frr_renderer_manager_floating_ips{", "who does not decide can't tell")
}

func TestAManagerThatIsBeingMadeCanBeScraped(t *testing.T) {
	text := scrapeManager(t, NewManagerMetrics(nil, nil))
	require.Contains(t, text, "frr_renderer_manager_decision_duration_seconds_count 0\n")
	require.NotContains(t, text, "frr_renderer_manager_leader ")
}
