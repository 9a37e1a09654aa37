package chart

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what helm makes of the cases anew; read the difference before you commit it")

// template is what helm makes of the chart.
func template(t testing.TB, args ...string) (string, string, error) {
	t.Helper()
	return helm(t, append([]string{"template", release, chartDir, "--namespace", namespace}, args...)...)
}

func TestLintHasNothingToSay(t *testing.T) {
	for _, args := range [][]string{{}, {"--values", "cases/defaults/values.yaml"}, {"--values", "cases/everything/values.yaml"}, {"--values", "cases/gdc/values.yaml"}} {
		stdout, stderr, err := helm(t, append([]string{"lint", "--strict", chartDir}, args...)...)
		require.NoError(t, err, stdout+stderr)
		require.Contains(t, stdout, "0 chart(s) failed")
	}
}

// TestCases compares cases/NAME/out.yaml with what helm makes of cases/NAME/values.yaml. The CRDs are api's business.
func TestCases(t *testing.T) {
	paths, err := filepath.Glob("cases/*/values.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, values := range paths {
		t.Run(filepath.Base(filepath.Dir(values)), func(t *testing.T) {
			stdout, stderr, err := template(t, "--values", values)
			require.NoError(t, err, stderr)
			golden := filepath.Join(filepath.Dir(values), "out.yaml")
			got := withoutCRDs(stdout)
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err, "run go test ./test/chart -run TestCases -update")
			require.Equal(t, string(want), got)
		})
	}
}

// withoutCRDs leaves of each CRD its kind, annotations and name.
func withoutCRDs(text string) string {
	docs := strings.Split(text, "\n---\n")
	for i, doc := range docs {
		if head, _, found := strings.Cut(doc, "\nspec:\n"); found && strings.Contains(head, "kind: CustomResourceDefinition") {
			docs[i] = head
		}
	}
	return strings.Join(docs, "\n---\n")
}

// refusals are values, and what is said of them.
var refusals = []struct{ set, words string }{
	// of MetalLB's chart, and of no use here
	{"controller.enabled=true", "MetalLB's own chart"},
	{"frrk8s.enabled=false", "frrk8s.enabled=false"},
	{"frr-k8s.prometheus=null,frr-k8s.a=b", "without frr-k8s"},
	{"speaker.enabled=true", "this chart is the speaker"},
	{"speaker.memberlist.enabled=true", "layer 2"},
	{"speaker.excludeInterfaces.enabled=true", "layer 2"},
	{"speaker.bgpDebounceTimeout=1", "applied at once"},
	{"speaker.reloader.resources=x", "no such container"},
	{"speaker.frrMetrics.resources=x", "no such container"},
	{"speaker.frr.enabled=true", "FRR is all"},
	{"speaker.frr.metricsPort=9121", "prometheus.metricsPort"},
	{"speaker.frr.securityContext.a=b", "least rights"},
	{"speaker.frr.secureMetricsPort=9121", "prometheus.metricsPort"},
	{"speaker.gratuitousARPInterval=1", "layer 2"},
	{"speaker.secretName=x", "memberlist"},
	{"speaker.tlsMinVersion=x", "tls.minVersion"},
	{"speaker.tlsCipherSuites=x", "tls.cipherSuites"},
	{"speaker.initContainers.cpFrrFiles.resources=x", "there is one init container"},
	{"speaker.initContainers.cpReloader.resources=x", "there is one init container"},
	{"speaker.initContainers.cpMetrics.resources=x", "there is one init container"},
	{"prometheus.rbacProxy.tag=x", "serves HTTPS itself"},
	{"prometheus.secureMetricsPort=9121", "prometheus.metricsPort is the port"},
	{"prometheus.speakerMetricsTLSSecret=x", "tls.speakerMetricsTLSSecret"},
	{"prometheus.controllerMetricsTLSSecret=x", "MetalLB's own chart"},
	{"prometheus.prometheusRule.addressPoolExhausted.enabled=true", "MetalLB's controller gives"},
	{"crds.validationFailurePolicy=Fail", "webhooks"},
	{"tls.controllerMetricsTLSSecret=x", "MetalLB's own chart"},
	{"prometheus.serviceMonitor.controller.x=y", "MetalLB's own chart"},
	{"prometheus.prometheusRule.addressPoolUsage.enabled=true", "MetalLB's controller gives"},
	// that contradict each other
	{"prometheus.podMonitor.enabled=true,prometheus.serviceMonitor.enabled=true", "enable one"},
	{"prometheus.rbacPrometheus=true", "needs prometheus.serviceAccount"},
	{"prometheus.metricsPort=17472", "the port of /healthz"},
	{"speaker.labels.component=x", "speaker.labels: component is the chart's own"},
	{`speaker.podAnnotations.frr-renderer\.io/startup=x`, "speaker.podAnnotations: frr-renderer.io/startup is the chart's own"},
	{`prometheus.podMonitor.additionalLabels.helm\.sh/chart=x`, "prometheus.podMonitor.additionalLabels: helm.sh/chart is the chart's own"},
	{`prometheus.prometheusRule.additionalLabels.helm\.sh/chart=x`, "prometheus.prometheusRule.additionalLabels: helm.sh/chart"},
	{`prometheus.serviceMonitor.speaker.additionalLabels.helm\.sh/chart=x`, "prometheus.serviceMonitor.speaker.additionalLabels: helm.sh/chart"},
	{"speaker.extraArgs={--gdc}", "neither the port, nor the capabilities, nor a manager: set gdc.enabled=true"},
	{"speaker.extraArgs={-gdc=true}", "set gdc.enabled=true"},
	{"gdc.enabled=true,speaker.extraArgs={--gdc}", "--gdc is what gdc.enabled says: take it out"},
	{"gdc.enabled=true,speaker.extraArgs={--ignore-exclude-lb}", "say it with speaker.ignoreExcludeLB, which is for both"},
	{"gdc.enabled=true,gdc.manager.extraArgs={--lb-class=a}", "gdc.manager.extraArgs: --lb-class=a would have the manager and the nodes decide differently: say it with loadBalancerClass"},
	{"gdc.enabled=true,speaker.extraArgs={--lease-namespace=a}", "say it with helm's --namespace, which is for both"},
	{"gdc.enabled=true,prometheus.metricsPort=1790", "prometheus.metricsPort 1790 is taken in GDC mode"},
	{"gdc.enabled=true,prometheus.metricsPort=17474", "prometheus.metricsPort 17474 is taken in GDC mode"},
	{"gdc.enabled=true,speaker.securityContext.runAsNonRoot=true", "start as root, and leave it at once"},
	{`gdc.enabled=true,gdc.manager.labels.app\.kubernetes\.io/component=x`, "gdc.manager.labels: app.kubernetes.io/component is the chart's own"},
	{`gdc.enabled=true,gdc.manager.podAnnotations.kubectl\.kubernetes\.io/default-container=x`, "gdc.manager.podAnnotations: kubectl.kubernetes.io/default-container is the chart's own"},
	{"gdc.enabled=true,gdc.manager.serviceAccount.create=false,speaker.serviceAccount.create=false", "give it an account of its own"},
	{"gdc.enabled=true,gdc.manager.source.kubeconfigSecret=admin", "needs gdc.manager.source.namespace: that of the objects to copy"},
	{"gdc.enabled=true,gdc.manager.source.namespace=cluster-bm", "needs gdc.manager.source.kubeconfigSecret"},
	{"gdc.manager.source.namespace=cluster-bm,gdc.manager.source.kubeconfigSecret=admin", "set gdc.enabled=true, or take it out"},
	{"gdc.enabled=true,gdc.manager.extraArgs={--source-kubeconfig=/a}", "say it with gdc.manager.source"},
	{"gdc.enabled=true,gdc.manager.replicas=0", "at '/gdc/manager/replicas': minimum: got 0, want 1"},
	{"speaker=null", "missing property 'speaker'"},
	{"prometheus.metricsPort=null", "at '/prometheus': missing property 'metricsPort'"},
	// of neither
	{"speeker.logLevel=info", "additional properties 'speeker' not allowed"},
	{"speaker.frr.imagee=x", "at '/speaker/frr': additional properties 'imagee' not allowed"},
	{"tls.minVersion=VersionTLS11", "at '/tls/minVersion': value must be one of '', 'VersionTLS12', 'VersionTLS13'"},
	{"speaker.logLevel=loud", "at '/speaker/logLevel': value must be one of 'all', 'debug'"},
	{"prometheus.metricsPort=70000", "at '/prometheus/metricsPort': maximum: got 70,000, want 65,535"},
	{"speaker.frr.image.tag=10", "at '/speaker/frr/image/tag': got number, want string"},
	{"speaker.frr.image.repository=", "set speaker.frr.image.repository and speaker.frr.image.tag to an FRR image"},
}

func TestValuesAreRefusedInWords(t *testing.T) {
	for _, c := range refusals {
		_, stderr, err := template(t, "--values", "cases/defaults/values.yaml", "--set", c.set)
		require.Error(t, err, c.set)
		require.Contains(t, stderr, c.words, c.set)
	}
}
