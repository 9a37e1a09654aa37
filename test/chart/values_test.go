package chart

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// mistake is a wrong value, where it is, and what has to be said of it: what is allowed there.
type mistake struct {
	at, words string
	value     any
}

// wrongType is of another type than the schema wants.
func wrongType(s *valueSchema) (value any, words string) {
	switch want := s.Type.(type) {
	case string:
		value = 1
		if want == "integer" || want == "number" {
			value = "wrong"
		}
		return value, "want " + want
	case []any:
		return []any{}, "want "
	}
	return nil, ""
}

// wrongShape is of the right type, and not allowed.
func wrongShape(s *valueSchema) (value any, words string) {
	switch {
	case len(s.Enum) > 0:
		return "wrong", "value must be one of "
	case s.Const != nil:
		return 1, fmt.Sprint("value must be ", s.Const)
	case s.Minimum != nil:
		return *s.Minimum - 1, fmt.Sprint("minimum: got ", *s.Minimum-1, ", want ", *s.Minimum)
	case s.Pattern != "":
		return "\n", "does not match pattern"
	case s.MinLength > 0:
		return "", "minLength: got 0, want "
	}
	return nil, ""
}

// mistakes makes values that are wrong everywhere below s, and lists what is wrong.
func mistakes(at string, s *valueSchema, wrong func(*valueSchema) (any, string)) (value any, all []mistake) {
	switch {
	case s.Anything:
		return nil, nil
	case len(s.Properties) > 0:
		object := map[string]any{}
		for name, property := range s.Properties {
			if inner, found := mistakes(at+"/"+name, property, wrong); len(found) > 0 {
				object[name], all = inner, append(all, found...)
			}
		}
		return object, all
	case s.AdditionalProperties != nil:
		inner, found := mistakes(at+"/key", s.AdditionalProperties, wrong)
		return map[string]any{"key": inner}, found
	case s.Items != nil:
		inner, found := mistakes(at+"/0", s.Items, wrong)
		return []any{inner}, found
	}
	value, words := wrong(s)
	if words == "" {
		return nil, nil
	}
	return value, []mistake{{at: at, words: words, value: value}}
}

// TestEveryWrongValueIsNamed: a mistake in any value tells where it is and what is allowed there.
func TestEveryWrongValueIsNamed(t *testing.T) {
	for name, wrong := range map[string]func(*valueSchema) (any, string){"type": wrongType, "shape": wrongShape} {
		t.Run(name, func(t *testing.T) {
			values, all := mistakes("", readSchema(t), wrong)
			require.Greater(t, len(all), 20)
			text, err := json.Marshal(values)
			require.NoError(t, err)
			file := filepath.Join(t.TempDir(), "values.yaml")
			require.NoError(t, os.WriteFile(file, text, 0o644))
			_, stderr, err := template(t, "--values", "cases/defaults/values.yaml", "--values", file)
			require.Error(t, err)
			for _, m := range all {
				line := told(stderr, m.at)
				require.Contains(t, line, m.words, "%s: %v\n%s", m.at, m.value, stderr)
			}
		})
	}
}

// told is what was said of the value at a place.
func told(stderr, at string) string {
	_, rest, _ := strings.Cut(stderr, "at '"+at+"': ")
	text, _, _ := strings.Cut(rest, "\n- at ")
	return text
}

// TestWhatIsRefusedInWordsIsTried: a value that the schema lets through as it is, is refused by a template, and TestValuesAreRefusedInWords has it.
func TestWhatIsRefusedInWordsIsTried(t *testing.T) {
	var tried []string
	for _, r := range refusals {
		for _, set := range strings.Split(r.set, ",") {
			tried = append(tried, set)
		}
	}
	var walk func(at string, s *valueSchema)
	walk = func(at string, s *valueSchema) {
		for name, property := range s.Properties {
			path := strings.TrimPrefix(at+"."+name, ".")
			if property.Anything && path != "global" {
				require.Condition(t, func() bool {
					for _, set := range tried {
						if strings.HasPrefix(set, path+"=") || strings.HasPrefix(set, path+".") {
							return true
						}
					}
					return false
				}, "no row of refusals has %s", path)
			}
			walk(path, property)
		}
	}
	walk("", readSchema(t))
}

// hostile is a text that ends quotes, lines and templates of those who don't look.
const hostile = "a\"b'c: {{ fail \"no\" }}\n- d: e # f\n---\n\\ \t$(G)"

// TestTextStaysText: what people may write freely arrives as it is written.
func TestTextStaysText(t *testing.T) {
	values := map[string]any{
		"speaker": map[string]any{
			"extraArgs": []string{hostile, "--a=b"}, "podAnnotations": map[string]string{"note": hostile},
			"serviceAccount": map[string]any{"annotations": map[string]string{"note": hostile}},
			"nodeSelector":   map[string]string{"kubernetes.io/os": "linux", "rack": "1"}, "labels": map[string]string{"team": "1"},
			"securityContext": map[string]any{"supplementalGroups": []int{7}},
		},
		"prometheus": map[string]any{"prometheusRule": map[string]any{"enabled": true, "annotations": map[string]string{"note": hostile}}},
	}
	text, err := json.Marshal(values)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(file, text, 0o644))
	stdout, stderr, err := template(t, "--values", "cases/defaults/values.yaml", "--values", file)
	require.NoError(t, err, stderr)
	found := map[string]*unstructured.Unstructured{}
	for _, o := range documents(t, stdout) {
		found[o.GetKind()] = &o
	}
	require.Equal(t, hostile, found["ServiceAccount"].GetAnnotations()["note"])
	require.Equal(t, hostile, found["PrometheusRule"].GetAnnotations()["note"])
	var speaker appsv1.DaemonSet
	require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(found["DaemonSet"].Object, &speaker))
	pod := speaker.Spec.Template
	require.Equal(t, hostile, pod.Annotations["note"])
	args := pod.Spec.Containers[0].Args
	require.Equal(t, []string{hostile, "--a=b"}, args[len(args)-2:])
	require.Equal(t, map[string]string{"kubernetes.io/os": "linux", "rack": "1"}, pod.Spec.NodeSelector)
	require.Equal(t, []int64{7, 102}, pod.Spec.SecurityContext.SupplementalGroups, "FRR's group is added to those that were asked for")
}

// TestNamesThatLookLikeNumbers are taken by a real API server as what they are.
func TestNamesThatLookLikeNumbers(t *testing.T) {
	c := newCluster(t)
	c.monitoring()
	stdout, stderr, err := helm(t, "install", "123", chartDir, "--kubeconfig", c.kubeconfig, "--namespace", "1e3", "--create-namespace",
		"--values", "cases/everything/values.yaml", "--set", "crds.enabled=false",
		"--set-string", "nameOverride=true,speaker.serviceAccount.name=0777,speaker.priorityClassName=1,speaker.runtimeClassName=2",
		"--set-string", "prometheus.serviceAccount=12,prometheus.namespace=34,tls.speakerMetricsTLSSecret=56,loadBalancerClass=7/8",
		"--set-string", "rbac.secretNames={1,null},prometheus.serviceMonitor.interval=0,prometheus.serviceMonitor.jobLabel=yes,speaker.labels.a=no")
	require.NoError(t, err, stdout+stderr)
	all, err := c.Client.AppsV1().DaemonSets("1e3").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, all.Items, 1)
	require.Equal(t, "0777", all.Items[0].Spec.Template.Spec.ServiceAccountName)
	require.Equal(t, "no", all.Items[0].Spec.Template.Labels["a"])
}
