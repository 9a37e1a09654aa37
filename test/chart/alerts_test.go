package chart

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// documents are the objects of a text, as Kubernetes reads them: a key that is there twice is an error.
func documents(t testing.TB, text string) []unstructured.Unstructured {
	t.Helper()
	var all []unstructured.Unstructured
	for _, doc := range regexp.MustCompile(`(?m)^---$`).Split(text, -1) {
		var o unstructured.Unstructured
		require.NoError(t, yaml.UnmarshalStrict([]byte(doc), &o.Object), doc)
		if len(o.Object) > 0 {
			all = append(all, o)
		}
	}
	return all
}

// selected are the metrics that each expression names, as Prometheus' own parser reads it.
func selected(t *testing.T, expressions []string) [][]string {
	t.Helper()
	path, err := promqlPath()
	if err != nil {
		without(t, err, "\"test/promql/build.sh\" builds it")
	}
	cmd := exec.CommandContext(t.Context(), path)
	cmd.Stdin = strings.NewReader(strings.Join(expressions, "\n"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	require.Len(t, lines, len(expressions))
	var all [][]string
	for _, line := range lines {
		all = append(all, strings.Fields(line))
	}
	return all
}

// documented are the metrics of docs/metrics.md, which a test of internal/status holds equal to those that are registered.
func documented(t *testing.T, text string) (metrics map[string]bool, alerts []string) {
	t.Helper()
	metrics = map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\|").FindAllStringSubmatch(text, -1) {
		metrics[row[1]] = true
	}
	_, rest, found := strings.Cut(text, "## What to be woken for\n\n```\n")
	require.True(t, found)
	block, _, found := strings.Cut(rest, "\n```")
	require.True(t, found)
	return metrics, strings.Split(block, "\n")
}

// TestAlertsAreAboutMetricsThatThereAre: an alert about a metric that nobody has never wakes anybody.
func TestAlertsAreAboutMetricsThatThereAre(t *testing.T) {
	for name, c := range map[string]struct {
		args  []string
		rules int
	}{
		"MetalLB": {[]string{"--values", "cases/everything/values.yaml", "--set-json", "prometheus.prometheusRule.extraAlerts=[]"}, 3},
		"GDC":     {[]string{"--values", "cases/gdc-everything/values.yaml"}, 10},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, err := template(t, c.args...)
			require.NoError(t, err, stderr)
			rules := chartRules(t, stdout)
			require.Len(t, rules, c.rules)
			aboutMetricsThatThereAre(t, rules)
		})
	}
}

func aboutMetricsThatThereAre(t *testing.T, rules []map[string]any) {
	text, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	metrics, expressions := documented(t, string(text))
	require.NotEmpty(t, metrics)
	require.NotEmpty(t, expressions)
	for _, rule := range rules {
		require.NotEmpty(t, rule["alert"])
		require.Contains(t, string(text), fmt.Sprintf("\n| `%s` |", rule["alert"]), "nobody finds what to do about it")
		expressions = append(expressions, rule["expr"].(string))
	}
	for i, names := range selected(t, expressions) {
		require.NotEmpty(t, names, expressions[i])
		if i >= len(expressions)-len(rules) {
			ours := slices.ContainsFunc(names, func(name string) bool {
				return name == "frr_renderer_ready" || strings.HasPrefix(name, "frr_renderer_manager_") || strings.HasPrefix(name, "frr_renderer_gateway_")
			})
			require.True(t, ours, "%s: MetalLB's controller has metrics of the same names", expressions[i])
		}
		for _, name := range names {
			require.True(t, metrics[name], "%s: there is no metric %s", expressions[i], name)
		}
	}
}

// chartRules are those of the chart's PrometheusRule.
func chartRules(t *testing.T, text string) (rules []map[string]any) {
	t.Helper()
	for _, o := range documents(t, text) {
		if o.GetKind() != "PrometheusRule" {
			continue
		}
		groups, found, err := unstructured.NestedSlice(o.Object, "spec", "groups")
		require.NoError(t, err)
		require.True(t, found)
		for _, group := range groups {
			for _, rule := range group.(map[string]any)["rules"].([]any) {
				rules = append(rules, rule.(map[string]any))
			}
		}
	}
	return rules
}
