package chart

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/frr-renderer/frr-renderer/test/apiserver"
)

// waiting is how long a condition may take on a busy machine.
const waiting = time.Minute

// cluster is a real API server with MetalLB's namespace, and helm for it.
type cluster struct {
	*apiserver.Server
	t          testing.TB
	kubeconfig string
	crds       apiextensions.Interface
	dynamic    dynamic.Interface
}

func newCluster(t *testing.T, flags ...string) *cluster {
	t.Helper()
	server := apiserver.Start(t, flags...)
	c := &cluster{Server: server, t: t, kubeconfig: apiserver.Kubeconfig(t, server.Config, server.Address)}
	var err error
	c.crds, err = apiextensions.NewForConfig(server.Config)
	require.NoError(t, err)
	c.dynamic, err = dynamic.NewForConfig(server.Config)
	require.NoError(t, err)
	server.MakeNamespaces(t, namespace)
	return c
}

// helm runs helm in MetalLB's namespace of the cluster.
func (c *cluster) helm(args ...string) (string, error) {
	c.t.Helper()
	stdout, stderr, err := helm(c.t, append(args, "--kubeconfig", c.kubeconfig, "--namespace", namespace)...)
	return stdout + stderr, err
}

func (c *cluster) mustHelm(args ...string) string {
	c.t.Helper()
	said, err := c.helm(args...)
	require.NoError(c.t, err, said)
	return said
}

func (c *cluster) speaker() (*appsv1.DaemonSet, error) {
	return c.Client.AppsV1().DaemonSets(namespace).Get(c.t.Context(), "speaker-frr-renderer-speaker", metav1.GetOptions{})
}

// ours are the objects that the chart makes, by kind and name, of those kinds that it has in every installation.
func (c *cluster) ours() []string {
	c.t.Helper()
	labelled := metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=frr-renderer"}
	var found []string
	for _, r := range []schema.GroupVersionResource{
		{Group: "apps", Version: "v1", Resource: "daemonsets"}, {Version: "v1", Resource: "serviceaccounts"}, {Version: "v1", Resource: "configmaps"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"}, {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}, {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"},
		{Version: "v1", Resource: "services"}, {Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"},
	} {
		list, err := c.dynamic.Resource(r).List(c.t.Context(), labelled)
		require.NoError(c.t, err)
		for _, o := range list.Items {
			found = append(found, r.Resource+"/"+o.GetName())
		}
	}
	return found
}

func (c *cluster) crd(name string) (*apiextensionsv1.CustomResourceDefinition, error) {
	return c.crds.ApiextensionsV1().CustomResourceDefinitions().Get(c.t.Context(), name, metav1.GetOptions{})
}

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, waiting, 20*time.Millisecond, what)
}

// monitoring installs the kinds of Prometheus' operator that the chart has objects of, as the operator's own CRDs tell them.
func (c *cluster) monitoring() {
	c.t.Helper()
	dir := filepath.Join(prometheus.dir(c.t), "example", "prometheus-operator-crd")
	for _, plural := range []string{"servicemonitors", "podmonitors", "prometheusrules"} {
		text, err := os.ReadFile(filepath.Join(dir, "monitoring.coreos.com_"+plural+".yaml"))
		require.NoError(c.t, err)
		crd := &apiextensionsv1.CustomResourceDefinition{}
		require.NoError(c.t, yaml.Unmarshal(text, crd))
		_, err = c.crds.ApiextensionsV1().CustomResourceDefinitions().Create(c.t.Context(), crd, metav1.CreateOptions{})
		require.NoError(c.t, err)
		eventually(c.t, plural+" are served", func() bool {
			_, err := c.dynamic.Resource(monitoring(plural)).List(c.t.Context(), metav1.ListOptions{})
			return err == nil
		})
	}
}

func monitoring(plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "monitoring.coreos.com", Version: "v1", Resource: plural}
}

// kept tells that the API server has each field of a rendered object of the operator's: a field that its kind does not have is pruned.
func (c *cluster) kept(rendered, plural, kind string) {
	c.t.Helper()
	found := false
	for _, o := range documents(c.t, rendered) {
		if o.GetKind() != kind {
			continue
		}
		found = true
		has, err := c.dynamic.Resource(monitoring(plural)).Namespace(namespace).Get(c.t.Context(), o.GetName(), metav1.GetOptions{})
		require.NoError(c.t, err)
		require.Equal(c.t, o.Object["spec"], has.Object["spec"], kind)
	}
	require.True(c.t, found, kind)
}

var peers = schema.GroupVersionResource{Group: "metallb.io", Version: "v1beta2", Resource: "bgppeers"}

func TestInstallUpgradeAndUninstall(t *testing.T) {
	c := newCluster(t)
	defaults := []string{chartDir, "--values", "cases/defaults/values.yaml"}

	said := c.mustHelm(append([]string{"install", release}, defaults...)...)
	require.Contains(t, said, "rollout status ds/speaker-frr-renderer-speaker")
	require.Contains(t, said, "MetalLB's CRDs are not here yet")
	require.NotContains(t, said, "own speaker is here")
	first, err := c.speaker()
	require.NoError(t, err)
	require.Equal(t, "speaker", first.Spec.Template.Labels["component"], "as MetalLB's manifests label it")
	require.Equal(t, "speaker", first.Spec.Template.Labels["app.kubernetes.io/component"], "as MetalLB's chart labels it")
	require.ElementsMatch(t, []string{
		"daemonsets/speaker-frr-renderer-speaker", "serviceaccounts/speaker-frr-renderer-speaker", "configmaps/speaker-frr-renderer-frr-startup",
		"clusterroles/speaker-frr-renderer-speaker", "clusterrolebindings/speaker-frr-renderer-speaker",
		"roles/speaker-frr-renderer-speaker", "rolebindings/speaker-frr-renderer-speaker",
	}, c.ours())
	_, err = c.crd("bgppeers.metallb.io")
	require.True(t, apierrors.IsNotFound(err), "CRDs come on demand only")

	// An upgrade that changes nothing about the pods starts none anew.
	c.mustHelm(append([]string{"upgrade", release, "--set", "speaker.serviceAccount.annotations.note=x"}, defaults...)...)
	same, err := c.speaker()
	require.NoError(t, err)
	require.Equal(t, first.Spec.Template, same.Spec.Template)

	// The API server takes all that is optional.
	c.monitoring()
	said = c.mustHelm("upgrade", release, chartDir, "--values", "cases/everything/values.yaml")
	require.NotContains(t, said, "MetalLB's CRDs are not here yet")
	require.Contains(t, c.ours(), "services/speaker-frr-renderer-speaker-monitor")
	rendered := c.mustHelm("get", "manifest", release)
	c.kept(rendered, "servicemonitors", "ServiceMonitor")
	c.kept(rendered, "prometheusrules", "PrometheusRule")
	c.mustHelm("upgrade", release, chartDir, "--values", "cases/everything/values.yaml",
		"--set", "prometheus.serviceMonitor.enabled=false,prometheus.podMonitor.enabled=true,prometheus.podMonitor.interval=15s")
	c.kept(c.mustHelm("get", "manifest", release), "podmonitors", "PodMonitor")
	require.NotContains(t, c.ours(), "services/speaker-frr-renderer-speaker-monitor")

	// CRDs and what people wrote stay, whatever becomes of the chart.
	crd, err := c.crd("bgppeers.metallb.io")
	require.NoError(t, err)
	require.Equal(t, "keep", crd.Annotations["helm.sh/resource-policy"])
	peer := &unstructured.Unstructured{}
	require.NoError(t, json.Unmarshal([]byte(`{"apiVersion":"metallb.io/v1beta2","kind":"BGPPeer","metadata":{"name":"tor","namespace":"metallb-system"},
		"spec":{"myASN":64500,"peerASN":64501,"peerAddress":"192.0.2.1"}}`), peer))
	eventually(t, "BGPPeers are served", func() bool {
		_, err := c.dynamic.Resource(peers).Namespace(namespace).Create(t.Context(), peer, metav1.CreateOptions{})
		return err == nil
	})
	c.mustHelm(append([]string{"upgrade", release}, defaults...)...)
	_, err = c.crd("bgppeers.metallb.io")
	require.NoError(t, err, "crds.enabled=false takes nothing away")
	c.mustHelm("upgrade", release, chartDir, "--values", "cases/defaults/values.yaml", "--set", "crds.enabled=true")

	c.mustHelm("uninstall", release)
	require.Empty(t, c.ours())
	_, err = c.dynamic.Resource(peers).Namespace(namespace).Get(t.Context(), "tor", metav1.GetOptions{})
	require.NoError(t, err)

	// Back again, beside MetalLB's own speaker: it is told.
	_, err = c.Client.AppsV1().DaemonSets(namespace).Create(t.Context(), metallbSpeaker(), metav1.CreateOptions{})
	require.NoError(t, err)
	said = c.mustHelm(append([]string{"install", release}, defaults...)...)
	require.Contains(t, said, "MetalLB's own speaker is here, too: DaemonSet metallb-speaker.")
	c.mustHelm("uninstall", release)
}

// TestCRDsOfSomebodyElseAreLeftAlone: those of MetalLB's own chart are not ours to change.
func TestCRDsOfSomebodyElseAreLeftAlone(t *testing.T) {
	c := newCluster(t)
	c.InstallCRDs(t)
	said, err := c.helm("install", release, chartDir, "--values", "cases/defaults/values.yaml", "--set", "crds.enabled=true")
	require.Error(t, err, said)
	require.Contains(t, said, "metallb.io")
	require.Empty(t, c.ours())
	said = c.mustHelm("install", release, chartDir, "--values", "cases/defaults/values.yaml")
	require.NotContains(t, said, "MetalLB's CRDs are not here yet")
}

// TestGDCsCRDsComeOnDemand: nobody who uses MetalLB's kinds gets others.
func TestGDCsCRDsComeOnDemand(t *testing.T) {
	c := newCluster(t)
	names := map[string]string{
		"crds.enabled": "bgppeers.metallb.io", "crds.gdc": "networkgatewaygroups.networking.gke.io", "crds.gdcCluster": "clusters.baremetal.cluster.gke.io",
	}
	there := func(names map[string]string) []string {
		var out []string
		for value, name := range names {
			if crd, err := c.crd(name); err == nil {
				require.Equal(t, "keep", crd.Annotations["helm.sh/resource-policy"])
				out = append(out, value)
			}
		}
		slices.Sort(out)
		return out
	}
	c.mustHelm("install", release, chartDir, "--values", "cases/defaults/values.yaml")
	require.Empty(t, there(names))
	c.mustHelm("upgrade", release, chartDir, "--values", "cases/defaults/values.yaml", "--set", "crds.gdc=true")
	require.Equal(t, []string{"crds.gdc"}, there(names))
	c.mustHelm("upgrade", release, chartDir, "--values", "cases/defaults/values.yaml", "--set", "crds.gdc=true,crds.gdcCluster=true")
	require.Equal(t, []string{"crds.gdc", "crds.gdcCluster"}, there(names))
	c.mustHelm("uninstall", release)
	require.Equal(t, []string{"crds.gdc", "crds.gdcCluster"}, there(names))
}

// metallbSpeaker is the DaemonSet of MetalLB's chart, as far as anybody can tell it by.
func metallbSpeaker() *appsv1.DaemonSet {
	labels := map[string]string{"app.kubernetes.io/name": "metallb", "app.kubernetes.io/component": "speaker"}
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "metallb-speaker", Labels: labels},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "speaker", Image: "example.org/speaker"}}},
			},
		},
	}
}
