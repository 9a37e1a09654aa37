package chart

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// charted are the resources that either chart may have objects of.
var charted = []schema.GroupVersionResource{
	{Version: "v1", Resource: "configmaps"}, {Version: "v1", Resource: "secrets"}, {Version: "v1", Resource: "services"}, {Version: "v1", Resource: "serviceaccounts"},
	{Group: "apps", Version: "v1", Resource: "daemonsets"}, {Group: "apps", Version: "v1", Resource: "deployments"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"}, {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}, {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"},
	{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"},
	{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"},
	{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
}

// of are a release's objects by resource and name, as they are now, but for what the API server writes into them.
func (c *cluster) of(release string) map[string]map[string]any {
	c.t.Helper()
	all := map[string]map[string]any{}
	for _, r := range charted {
		list, err := c.dynamic.Resource(r).List(c.t.Context(), metav1.ListOptions{})
		require.NoError(c.t, err)
		for _, o := range list.Items {
			if o.GetAnnotations()["meta.helm.sh/release-name"] == release {
				all[r.Resource+"/"+o.GetName()] = content(o)
			}
		}
	}
	return all
}

func content(o unstructured.Unstructured) map[string]any {
	delete(o.Object, "status")
	for _, field := range []string{"resourceVersion", "generation", "managedFields"} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	return o.Object
}

// count counts the objects of one resource.
func count(objects map[string]map[string]any, resource string) (n int) {
	for name := range objects {
		if strings.HasPrefix(name, resource+"/") {
			n++
		}
	}
	return n
}

// keepAway is docs/install.md's, for FRR mode and for frr-k8s.
const keepAway = `
speaker:
  affinity: &away {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [
    {matchExpressions: [{key: bgp-speaker, operator: NotIn, values: [frr-renderer]}]}]}}}
frr-k8s:
  frrk8s:
    affinity: *away
`

// TestBesideMetalLB walks docs/install.md with MetalLB's own chart: to one node, to all of them, and back.
func TestBesideMetalLB(t *testing.T) {
	for _, m := range metallbs {
		t.Run(m.version, func(t *testing.T) {
			chart := filepath.Join(m.dir(t), "charts", "metallb")
			c := newCluster(t)
			defaults := []string{release, chartDir, "--values", "cases/defaults/values.yaml"}
			c.mustHelm("install", "metallb", chart)
			before := c.of("metallb")
			require.Positive(t, count(before, "daemonsets"))
			require.GreaterOrEqual(t, count(before, "customresourcedefinitions"), 7)

			// Under MetalLB's own names nothing of it is taken over.
			said, err := c.helm("install", release, chartDir, "--values", "cases/defaults/values.yaml", "--set", "fullnameOverride=metallb")
			require.ErrorContains(t, err, "exit status 1")
			require.Contains(t, said, "invalid ownership metadata")
			require.Empty(t, c.of(release))
			require.Equal(t, before, c.of("metallb"))

			// One node: MetalLB's pods keep away from it.
			values := filepath.Join(t.TempDir(), "keep-away.yaml")
			require.NoError(t, os.WriteFile(values, []byte(keepAway), 0o644))
			c.mustHelm("upgrade", "metallb", chart, "--reuse-values", "--values", values)
			away := c.of("metallb")
			for name, o := range away {
				if strings.HasPrefix(name, "daemonsets/") {
					_, found, err := unstructured.NestedMap(o, "spec", "template", "spec", "affinity", "nodeAffinity")
					require.NoError(t, err)
					require.True(t, found, "%s keeps away", name)
				}
			}
			said = c.mustHelm(append([]string{"install", "--set", "speaker.nodeSelector.bgp-speaker=frr-renderer"}, defaults...)...)
			require.NotContains(t, said, "MetalLB's CRDs are not here yet")
			require.Contains(t, said, "MetalLB's own speaker is here, too")
			for name := range away {
				if daemonSet, is := strings.CutPrefix(name, "daemonsets/"); is {
					require.Contains(t, said, daemonSet)
				}
			}
			require.Equal(t, away, c.of("metallb"), "installing ours changed nothing of MetalLB's")

			// All nodes: what is left of MetalLB's is its controller.
			c.mustHelm("upgrade", "metallb", chart, "--reuse-values", "--set", "speaker.enabled=false,frrk8s.enabled=false")
			controller := c.of("metallb")
			require.Zero(t, count(controller, "daemonsets"))
			require.Equal(t, 1, count(controller, "deployments"))
			said = c.mustHelm(append([]string{"upgrade", "--reset-values"}, defaults...)...)
			require.NotContains(t, said, "own speaker is here")
			ours := c.of(release)
			require.Contains(t, ours, "daemonsets/speaker-frr-renderer-speaker")
			for name := range ours {
				require.NotContains(t, controller, name)
			}

			// And back: MetalLB's objects are what they were before the first step.
			c.mustHelm("uninstall", release)
			require.Empty(t, c.of(release))
			require.Equal(t, controller, c.of("metallb"), "uninstalling ours changed nothing of MetalLB's")
			c.mustHelm("rollback", "metallb", "1")
			require.ElementsMatch(t, names(before), names(c.of("metallb")))

			// MetalLB's release has the CRDs: uninstalling it takes them along, and nothing of ours.
			c.mustHelm(append([]string{"install"}, defaults...)...)
			ours = c.of(release)
			c.mustHelm("uninstall", "metallb")
			eventually(t, "the CRDs are gone", func() bool {
				_, err := c.crd("bgppeers.metallb.io")
				return apierrors.IsNotFound(err)
			})
			require.Equal(t, ours, c.of(release), "uninstalling MetalLB changed nothing of ours")
		})
	}
}

func names(objects map[string]map[string]any) (all []string) {
	for name := range objects {
		all = append(all, name)
	}
	return all
}

// TestEveryValueOfMetalLBIsKnown: who moves from MetalLB brings its values. Each is either one of ours, or refused in words, which
// TestValuesAreRefusedInWords reads.
func TestEveryValueOfMetalLBIsKnown(t *testing.T) {
	for _, m := range metallbs {
		text, err := os.ReadFile(filepath.Join(m.dir(t), "charts", "metallb", "values.yaml"))
		require.NoError(t, err)
		var values map[string]any
		require.NoError(t, yaml.Unmarshal(text, &values))
		require.Contains(t, values, "speaker")
		known(t, m.version, values, readSchema(t))
	}
}

// known goes down the values as far as the schema tells names.
func known(t *testing.T, at string, values map[string]any, s *valueSchema) {
	t.Helper()
	if len(s.Properties) == 0 {
		return
	}
	for key, value := range values {
		property, found := s.Properties[key]
		require.True(t, found, "%s.%s is MetalLB's, and neither ours nor refused in words", at, key)
		if inner, is := value.(map[string]any); is {
			known(t, at+"."+key, inner, property)
		}
	}
}

// valueSchema is what the tests read of values.schema.json.
type valueSchema struct {
	// Anything: the schema is just true. Such values are those that a template refuses in words.
	Anything             bool `json:"-"`
	Type                 any
	Enum                 []any
	Const                any
	Pattern              string
	Minimum, Maximum     *int
	MinLength            int
	Properties           map[string]*valueSchema
	AdditionalProperties *valueSchema
	Items                *valueSchema
}

func (s *valueSchema) UnmarshalJSON(data []byte) error {
	if string(data) == "true" || string(data) == "false" {
		s.Anything = string(data) == "true"
		return nil
	}
	type plain valueSchema
	return json.Unmarshal(data, (*plain)(s))
}

func readSchema(t *testing.T) *valueSchema {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chartDir, "values.schema.json"))
	require.NoError(t, err)
	s := &valueSchema{}
	require.NoError(t, json.Unmarshal(text, s))
	return s
}
