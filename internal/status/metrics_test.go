package status

import (
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

var update = flag.Bool("update", false, "write the table of docs/metrics.md anew")

// busy are metrics with a series of each.
func busy() *Metrics {
	m := NewMetrics()
	m.Applied(reload.Result{Duration: 20 * time.Millisecond, Plan: reload.Plan{Commands: []reload.Command{
		{Effect: reload.None}, {Effect: reload.None}, {Effect: reload.Reset, Neighbors: []string{"10.0.0.1"}},
	}}})
	m.Held([]string{"10.0.0.1", "10.0.0.2 vrf red"})
	m.Problems([]problem.Problem{{Severity: problem.Warning, Object: problem.Object{Kind: "Node", Name: "node1"}, Reason: problem.ResetsHeld}})
	m.Runs(Running{Node: "node1", Services: []AnnouncedService{{"default", "web", []string{"192.0.2.10"}}}})
	m.Sessions(seen(observe.View{
		Sessions: []observe.Session{{Neighbor: "10.0.0.1", VRF: "default", State: "Established"}},
		BFD:      []observe.BFDSession{{Peer: "10.0.0.1", VRF: "default", Up: true}},
	}))
	m.Sources(func() []Synced { return []Synced{{Kind: "BGPPeer"}} })
	m.requests.WithLabelValues("list", "services", "200")
	m.Gateway(func() *Gateway { return aGateway(time.Unix(100, 0)) }, func() time.Time { return time.Unix(101, 0) })
	return m
}

// seen are sessions as they were seen once.
type seen observe.View

func (s seen) View() observe.View {
	s.Asked[0].Daemon, s.Asked[1].Daemon = vtysh.BGPD, vtysh.BFDD
	return observe.View(s)
}

// named tells a metric that is ours, or MetalLB's.
func named(metric string) bool {
	return strings.HasPrefix(metric, namespace+"_") || strings.HasPrefix(metric, metallb+"_")
}

// scrape is what Prometheus reads, without comments and the metrics of Go and the process.
func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(t, 200, w.Code, w.Body.String())
	var out strings.Builder
	for l := range strings.Lines(w.Body.String()) {
		if named(l) {
			out.WriteString(l)
		}
	}
	return out.String()
}

func families(t *testing.T, m *Metrics) []*dto.MetricFamily {
	t.Helper()
	return gathered(t, m.registry)
}

func gathered(t *testing.T, registry *prometheus.Registry) []*dto.MetricFamily {
	t.Helper()
	all, err := registry.Gather()
	require.NoError(t, err)
	return slices.DeleteFunc(all, func(f *dto.MetricFamily) bool { return !named(f.GetName()) })
}

func TestWhatIsHeldComesAndGoes(t *testing.T) {
	m := busy()
	text := scrape(t, m)
	require.Contains(t, text, `frr_renderer_held_session{neighbor="10.0.0.1",vrf="default"} 1`)
	require.Contains(t, text, `frr_renderer_held_session{neighbor="10.0.0.2",vrf="red"} 1`)
	require.Contains(t, text, "frr_renderer_plan_held 1\n")
	m.Held([]string{"10.0.0.2 vrf red"})
	text = scrape(t, m)
	require.NotContains(t, text, `neighbor="10.0.0.1"`)
	require.Contains(t, text, `vrf="red"`)
	m.Held(nil)
	text = scrape(t, m)
	require.NotContains(t, text, "held_session")
	require.Contains(t, text, "frr_renderer_plan_held 0\n")
}

func TestProblemsThatAreMendedVanish(t *testing.T) {
	m := NewMetrics()
	one := problem.Problem{Severity: problem.Error, Object: problem.Object{Kind: "BGPPeer", Name: "a"}, Reason: problem.InvalidValue}
	two := one
	two.Object.Name = "b"
	m.Problems([]problem.Problem{one, two})
	require.Contains(t, scrape(t, m), `frr_renderer_problems{kind="BGPPeer",reason="InvalidValue",severity="error"} 2`)
	m.Problems([]problem.Problem{two})
	require.Contains(t, scrape(t, m), `frr_renderer_problems{kind="BGPPeer",reason="InvalidValue",severity="error"} 1`)
	m.Problems(nil)
	require.NotContains(t, scrape(t, m), "frr_renderer_problems{")
}

func TestAnApplyIsCounted(t *testing.T) {
	m := busy()
	text := scrape(t, m)
	for _, line := range []string{
		`frr_renderer_commands_total{effect="none"} 2`, `frr_renderer_commands_total{effect="reset"} 1`, `frr_renderer_commands_total{effect="soft"} 0`,
		`frr_renderer_commands_total{effect="deferred"} 0`, `frr_renderer_apply_lines_sum 3`, `frr_renderer_apply_duration_seconds_sum 0.02`,
		`frr_renderer_session_resets_total 0`, `frr_renderer_ready 0`, `frr_renderer_last_success_timestamp_seconds 0`,
	} {
		require.Contains(t, text, line+"\n")
	}
	m.Reset(2)
	m.Succeeded(time.Unix(1_700_000_000, 500_000_000))
	text = scrape(t, m)
	require.Contains(t, text, "frr_renderer_session_resets_total 2\n")
	require.Contains(t, text, "frr_renderer_ready 1\n")
	require.Contains(t, text, "frr_renderer_last_success_timestamp_seconds 1.7000000005e+09\n")
	m.Failed()
	text = scrape(t, m)
	require.Contains(t, text, "frr_renderer_ready 0\n")
	require.Contains(t, text, "frr_renderer_failures_total 1\n")
	require.Contains(t, text, "frr_renderer_last_success_timestamp_seconds 1.7000000005e+09\n")
}

// What a user writes may be long, no text at all, or secret: a label holds none of it, and one bad name takes no other metric with it.
func TestLabelsHoldNothingThatAUserWroteFreely(t *testing.T) {
	const secret = "cAnArY7"
	m := NewMetrics()
	long := strings.Repeat("ö", 500)
	m.Held([]string{long + "1", long + "2", "a\xff\xfeb vrf " + long, "10.0.0.1"})
	m.Applied(reload.Result{
		Plan:    reload.Plan{Commands: []reload.Command{{Effect: reload.Reset, Line: vtysh.Line("neighbor 10.0.0.1 password " + secret)}}},
		Refused: []reload.Refused{{Command: reload.Command{Line: vtysh.Line("neighbor 10.0.0.1 password " + secret)}, Reply: secret}},
	})
	m.Problems([]problem.Problem{
		{Severity: problem.Error, Object: problem.Object{Kind: secret, Group: secret, Namespace: secret, Name: secret}, Field: secret, Message: secret, Reason: problem.UnsupportedKind},
		{Severity: problem.Error, File: secret, Message: secret, Reason: problem.Malformed},
	})
	text := scrape(t, m)
	require.NotContains(t, text, secret)
	require.Contains(t, text, `neighbor="10.0.0.1"`)
	require.Contains(t, text, `kind="other"`)
	require.Contains(t, text, `kind="document"`)
	for _, f := range families(t, m) {
		for _, metric := range f.GetMetric() {
			for _, l := range metric.GetLabel() {
				require.LessOrEqual(t, len(l.GetValue()), labelLength, "%s of %s", l.GetName(), f.GetName())
			}
		}
	}
}

func TestNamesFollowPrometheus(t *testing.T) {
	found, err := testutil.GatherAndLint(busy().registry)
	require.NoError(t, err)
	managers, err := testutil.GatherAndLint(busyManager().registry)
	require.NoError(t, err)
	found = append(found, managers...)
	// MetalLB's names are MetalLB's.
	found = slices.DeleteFunc(found, func(p promlint.Problem) bool { return !strings.HasPrefix(p.Metric, namespace) })
	require.Empty(t, found)
}

// docs/metrics.md lists each metric as it is registered; -update writes the tables anew.
func TestTheDocumentedMetricsAreThoseThatThereAre(t *testing.T) {
	for name, registry := range map[string]*prometheus.Registry{"metrics": busy().registry, "metrics of the manager": busyManager().registry} {
		t.Run(name, func(t *testing.T) {
			const file = "../../docs/metrics.md"
			begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->\n"
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			before, rest, found := strings.Cut(string(data), begin)
			require.True(t, found)
			table, after, found := strings.Cut(rest, end)
			require.True(t, found)
			want := metricsTable(t, registry)
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(before+begin+want+end+after), 0o644))
				return
			}
			require.Equal(t, want, table, "write it anew: go test ./internal/status -update")
		})
	}
}

func metricsTable(t *testing.T, registry *prometheus.Registry) string {
	t.Helper()
	registered := map[string]bool{}
	descriptions := make(chan *prometheus.Desc)
	go func() { defer close(descriptions); registry.Describe(descriptions) }()
	for d := range descriptions {
		name, _, _ := strings.Cut(strings.TrimPrefix(d.String(), `Desc{fqName: "`), `"`)
		if named(name) {
			registered[name] = true
		}
	}
	all := gathered(t, registry)
	require.Len(t, all, len(registered), "a busy one has a series of each metric")
	var b strings.Builder
	b.WriteString("| metric | type | labels | what it says |\n|---|---|---|---|\n")
	for _, f := range all {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(labels, " "), f.GetHelp())
	}
	return b.String()
}
