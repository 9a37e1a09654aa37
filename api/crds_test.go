package api

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

const crdDir = "../charts/frr-renderer/crds"

func TestCRDsAreUpToDateWithTheTypes(t *testing.T) {
	fresh := t.TempDir()
	out, err := exec.Command("go", "tool", "controller-gen", "crd", "paths=./...", "output:crd:dir="+fresh).CombinedOutput()
	require.NoError(t, err, string(out))

	require.Equal(t, fileNames(t, fresh), fileNames(t, crdDir))
	for _, name := range fileNames(t, fresh) {
		want, err := os.ReadFile(filepath.Join(fresh, name))
		require.NoError(t, err)
		have, err := os.ReadFile(filepath.Join(crdDir, name))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, have), `%s is out of date: run "go generate ./api"`, name)
	}
}

func TestAnAPIServerTakesTheCRDs(t *testing.T) {
	for _, name := range fileNames(t, crdDir) {
		crd := readCRD(t, name)
		for _, v := range crd.Spec.Versions {
			if v.Storage {
				crd.Status.StoredVersions = []string{v.Name}
			}
		}
		require.Empty(t, crdvalidation.ValidateCustomResourceDefinition(context.Background(), crd).ToAggregate(), name)
	}
}

func TestOnlyVersionsWithoutConversionAreServed(t *testing.T) {
	served := map[string][]string{}
	for _, name := range fileNames(t, crdDir) {
		crd := readCRD(t, name)
		require.Equal(t, apiextensions.NamespaceScoped, crd.Spec.Scope)
		require.True(t, crd.Spec.Conversion == nil || crd.Spec.Conversion.Strategy == apiextensions.NoneConverter)
		for _, v := range crd.Spec.Versions {
			if v.Served {
				served[crd.Spec.Group] = append(served[crd.Spec.Group], crd.Spec.Names.Kind+" "+v.Name)
			}
		}
	}
	require.Equal(t, map[string][]string{
		"metallb.io": {
			"BFDProfile v1beta1", "BGPAdvertisement v1beta1", "BGPPeer v1beta2", "Community v1beta1", "ConfigurationState v1beta1",
			"IPAddressPool v1beta1", "ServiceBGPStatus v1beta1",
		},
		"networking.gke.io": {
			"BGPAdvertisedRoute v1", "BGPLoadBalancer v1", "BGPPeer v1", "BGPSession v1", "NetworkGatewayGroup v1", "NetworkGatewayNode v1",
		},
		"baremetal.cluster.gke.io": {"ClusterCIDRConfig v1alpha1", "Cluster v1", "NodePool v1"},
	}, served)
}

// Samples with every field. The table below changes them one field at a time.
const (
	everyPeerField = `
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata: {name: a, namespace: metallb-system}
spec:
  myASN: 64500
  peerASN: 4294967295
  dynamicASN: external
  localASN: 64999
  peerAddress: 192.0.2.1
  interface: eth0
  sourceAddress: 192.0.2.2
  peerPort: 16384
  holdTime: 90s
  keepaliveTime: 1m30s
  connectTime: 10s
  routerID: 10.0.0.1
  nodeSelectors:
  - matchLabels: {rack: a}
    matchExpressions: [{key: rack, operator: In, values: [a, b]}, {key: x, operator: Exists}]
  password: a password
  passwordSecret: {name: s, namespace: ns}
  bfdProfile: fast
  enableGracefulRestart: true
  ebgpMultiHop: true
  vrf: red
  disableMP: true
  dualStackAddressFamily: true
`
	everyOldPeerField = `
apiVersion: metallb.io/v1beta1
kind: BGPPeer
metadata: {name: a, namespace: metallb-system}
spec:
  myASN: 64500
  peerASN: 64501
  peerAddress: 192.0.2.1
  sourceAddress: 192.0.2.2
  peerPort: 0
  holdTime: 90s
  keepaliveTime: 30s
  routerID: 10.0.0.1
  nodeSelectors:
  - matchLabels: {rack: a}
    matchExpressions: [{key: rack, operator: In, values: [a]}]
  password: a password
  bfdProfile: fast
  ebgpMultiHop: true
`
	everyPoolField = `
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: a, namespace: metallb-system}
spec:
  addresses: [192.0.2.0/24, "2001:db8::1-2001:db8::9"]
  autoAssign: false
  avoidBuggyIPs: true
  serviceAllocation:
    priority: 50
    namespaces: [a]
    namespaceSelectors: [{matchLabels: {a: b}}]
    serviceSelectors: [{matchExpressions: [{key: a, operator: DoesNotExist}]}]
status: {assignedIPv4: 1, assignedIPv6: 2, availableIPv4: 3, availableIPv6: 4}
`
	everyAdvertisementField = `
apiVersion: metallb.io/v1beta1
kind: BGPAdvertisement
metadata: {name: a, namespace: metallb-system}
spec:
  aggregationLength: 32
  aggregationLengthV6: 128
  localPref: 100
  communities: [65535:65282, large:1:2:3, alias]
  ipAddressPools: [a]
  ipAddressPoolSelectors: [{matchLabels: {a: b}}]
  nodeSelectors: [{matchLabels: {a: b}}]
  peers: [a]
  serviceSelectors: [{matchLabels: {a: b}}]
`
	everyProfileField = `
apiVersion: metallb.io/v1beta1
kind: BFDProfile
metadata: {name: a, namespace: metallb-system}
spec: {receiveInterval: 10, transmitInterval: 60000, detectMultiplier: 255, echoInterval: 10, echoMode: true, passiveMode: true, minimumTtl: 254}
`
	everyCommunityField = `
apiVersion: metallb.io/v1beta1
kind: Community
metadata: {name: a, namespace: metallb-system}
spec: {communities: [{name: a, value: "65535:65282"}, {}]}
`
)

func TestCRDsAcceptWhatMetalLBAccepts(t *testing.T) {
	tests := []struct {
		sample string
		// field is set to value (absent: removed) in the sample.
		field string
		value any
		// refused is part of the API server's message; empty when the object is accepted.
		refused string
	}{
		{everyPeerField, "", nil, ""},
		{everyPeerField, "spec", absent, ""},
		{everyPeerField, "spec.myASN", absent, "Required"},
		{everyPeerField, "spec.myASN", 0, ""},
		{everyPeerField, "spec.myASN", -1, "greater than or equal to 0"},
		{everyPeerField, "spec.myASN", math.MaxUint32, ""},
		{everyPeerField, "spec.myASN", math.MaxUint32 + 1, "less than or equal to 4294967295"},
		{everyPeerField, "spec.myASN", "64500", "must be of type integer"},
		{everyPeerField, "spec.peerASN", absent, ""},
		{everyPeerField, "spec.peerASN", 0, ""},
		{everyPeerField, "spec.peerASN", -1, "greater than or equal to 0"},
		{everyPeerField, "spec.peerASN", math.MaxUint32 + 1, "less than or equal to 4294967295"},
		{everyPeerField, "spec.dynamicASN", "internal", ""},
		{everyPeerField, "spec.dynamicASN", "any", "Unsupported value"},
		{everyPeerField, "spec.localASN", 0, "greater than or equal to 1"},
		{everyPeerField, "spec.localASN", math.MaxUint32, ""},
		{everyPeerField, "spec.localASN", math.MaxUint32 + 1, "less than or equal to 4294967295"},
		{everyPeerField, "spec.peerAddress", absent, ""},
		{everyPeerField, "spec.peerAddress", "no address", ""},
		{everyPeerField, "spec.peerPort", absent, ""},
		{everyPeerField, "spec.peerPort", 0, "greater than or equal to 1"},
		{everyPeerField, "spec.peerPort", 16385, "less than or equal to 16384"},
		{everyPeerField, "spec.holdTime", "0s", ""},
		{everyPeerField, "spec.holdTime", 90, "must be of type string"},
		{everyPeerField, "spec.connectTime", "1s", ""},
		{everyPeerField, "spec.connectTime", "65535s", ""},
		{everyPeerField, "spec.connectTime", "0s", "1s to 65535s"},
		{everyPeerField, "spec.connectTime", "65536s", "1s to 65535s"},
		{everyPeerField, "spec.connectTime", "1500ms", "whole seconds"},
		{everyPeerField, "spec.routerID", "2001:db8::1", ""},
		{everyPeerField, "spec.nodeSelectors", []any{}, ""},
		{everyPeerField, "spec.nodeSelectors", map[string]any{}, "must be of type array"},
		{everyPeerField, "spec.nodeSelectors", []any{map[string]any{"matchExpressions": []any{map[string]any{"key": "a"}}}}, "operator"},
		{everyPeerField, "spec.password", 12345, "must be of type string"},
		{everyPeerField, "spec.passwordSecret", map[string]any{}, ""},
		{everyPeerField, "spec.vrf", "two words", ""},
		{everyPeerField, "spec.ebgpMultiHop", "yes", "must be of type boolean"},

		{everyOldPeerField, "", nil, ""},
		{everyOldPeerField, "spec.myASN", absent, "Required"},
		{everyOldPeerField, "spec.peerASN", absent, "Required"},
		{everyOldPeerField, "spec.peerASN", math.MaxUint32 + 1, "less than or equal to 4294967295"},
		{everyOldPeerField, "spec.peerAddress", absent, "Required"},
		{everyOldPeerField, "spec.peerPort", 16384, ""},
		{everyOldPeerField, "spec.peerPort", 16385, "less than or equal to 16384"},
		{everyOldPeerField, "spec.nodeSelectors", []any{map[string]any{"matchExpressions": []any{map[string]any{"key": "a", "operator": "In", "values": []any{}}}}}, "at least 1 items"},

		{everyPoolField, "", nil, ""},
		{everyPoolField, "spec", absent, "Required"},
		{everyPoolField, "spec.addresses", absent, "Required"},
		{everyPoolField, "spec.addresses", []any{}, ""},
		{everyPoolField, "spec.addresses", "192.0.2.0/24", "must be of type array"},
		{everyPoolField, "spec.autoAssign", absent, ""},
		{everyPoolField, "spec.serviceAllocation", map[string]any{}, ""},
		{everyPoolField, "status", absent, ""},

		{everyAdvertisementField, "", nil, ""},
		{everyAdvertisementField, "spec", absent, ""},
		{everyAdvertisementField, "spec.aggregationLength", absent, ""},
		{everyAdvertisementField, "spec.aggregationLength", 0, "greater than or equal to 1"},
		{everyAdvertisementField, "spec.aggregationLength", 24, "serviceSelectors need single addresses"},
		{everyAdvertisementField, "spec.aggregationLengthV6", 64, "serviceSelectors need single addresses"},
		{everyAdvertisementField, "spec.localPref", math.MaxUint32, ""},
		{everyAdvertisementField, "spec.communities", []any{65535}, "must be of type string"},
		{everyAdvertisementField, "spec.peers", []any{}, ""},

		{everyProfileField, "", nil, ""},
		{everyProfileField, "spec", absent, ""},
		{everyProfileField, "spec.receiveInterval", 9, "greater than or equal to 10"},
		{everyProfileField, "spec.receiveInterval", 60001, "less than or equal to 60000"},
		{everyProfileField, "spec.transmitInterval", 9, "greater than or equal to 10"},
		{everyProfileField, "spec.transmitInterval", 60001, "less than or equal to 60000"},
		{everyProfileField, "spec.echoInterval", 9, "greater than or equal to 10"},
		{everyProfileField, "spec.echoInterval", 60001, "less than or equal to 60000"},
		{everyProfileField, "spec.detectMultiplier", 1, "greater than or equal to 2"},
		{everyProfileField, "spec.detectMultiplier", 256, "less than or equal to 255"},
		{everyProfileField, "spec.minimumTtl", 0, "greater than or equal to 1"},
		{everyProfileField, "spec.minimumTtl", 255, "less than or equal to 254"},

		{everyCommunityField, "", nil, ""},
		{everyCommunityField, "spec", absent, ""},
		{everyCommunityField, "spec.communities", []any{"65000:1"}, "must be of type object"},
	}
	for _, tt := range tests {
		object := parse(t, tt.sample)
		server := newServer(t, object)
		set(object, tt.field, tt.value)
		err := server.create(object)
		what := object["kind"].(string) + " " + tt.field
		switch {
		case tt.refused == "":
			require.NoError(t, err, "%s = %v", what, tt.value)
		default:
			require.ErrorContains(t, err, tt.refused, "%s = %v", what, tt.value)
		}
	}
}

func TestAggregatesAreAcceptedWithoutServiceSelectors(t *testing.T) {
	object := parse(t, everyAdvertisementField)
	server := newServer(t, object)
	set(object, "spec.serviceSelectors", absent)
	set(object, "spec.aggregationLength", 24)
	set(object, "spec.aggregationLengthV6", -1) // MetalLB's CRD has no bounds here; translate refuses it
	require.NoError(t, server.create(object))
}

func TestCRDsHaveEveryFieldOfTheSamplesAndPruneOthers(t *testing.T) {
	for _, sample := range []string{everyPeerField, everyOldPeerField, everyPoolField, everyAdvertisementField, everyProfileField, everyCommunityField} {
		object := parse(t, sample)
		server := newServer(t, object)
		require.Empty(t, server.pruned(object))
		set(object, "spec.unheardOf", "x")
		require.Equal(t, []string{"spec.unheardOf"}, server.pruned(object))
	}
}

func TestDefaultsAreMetalLBs(t *testing.T) {
	tests := []struct {
		sample string
		want   map[string]any
	}{
		{everyPeerField, map[string]any{"peerPort": int64(179), "disableMP": false, "dualStackAddressFamily": false}},
		{everyOldPeerField, map[string]any{}},
		{everyPoolField, map[string]any{"autoAssign": true, "avoidBuggyIPs": false}},
		{everyAdvertisementField, map[string]any{"aggregationLength": int64(32), "aggregationLengthV6": int64(128)}},
		{everyProfileField, map[string]any{}},
		{everyCommunityField, map[string]any{}},
	}
	for _, tt := range tests {
		object := parse(t, tt.sample)
		server := newServer(t, object)
		object["spec"] = map[string]any{}
		defaulting.Default(object, server.schema)
		require.Equal(t, tt.want, object["spec"])
	}
}

func TestGracefulRestartCannotBeChanged(t *testing.T) {
	before := parse(t, everyPeerField)
	server := newServer(t, before)
	after := parse(t, everyPeerField)
	require.NoError(t, server.update(after, before))
	set(after, "spec.enableGracefulRestart", false)
	require.ErrorContains(t, server.update(after, before), "enableGracefulRestart can't be changed")
}

// server does to one version of one kind what an API server does between a request and its storage.
type server struct {
	schema    *structural.Structural
	validator validation.SchemaValidator
	rules     *cel.Validator
}

func newServer(t *testing.T, object map[string]any) server {
	t.Helper()
	group, version, _ := strings.Cut(object["apiVersion"].(string), "/")
	for _, name := range fileNames(t, crdDir) {
		crd := readCRD(t, name)
		if crd.Spec.Group != group || crd.Spec.Names.Kind != object["kind"] {
			continue
		}
		props, err := apiextensions.GetSchemaForVersion(crd, version)
		require.NoError(t, err)
		schema, err := structural.NewStructural(props.OpenAPIV3Schema)
		require.NoError(t, err)
		validator, _, err := validation.NewSchemaValidator(props.OpenAPIV3Schema)
		require.NoError(t, err)
		return server{schema, validator, cel.NewValidator(schema, true, math.MaxInt64)}
	}
	t.Fatalf("no CRD for %v", object["kind"])
	return server{}
}

func (s server) create(object map[string]any) error {
	return s.update(object, nil)
}

func (s server) update(object, old map[string]any) error {
	defaulting.Default(object, s.schema)
	errs := validation.ValidateCustomResource(nil, object, s.validator)
	var before any
	if old != nil {
		before = old
	}
	broken, _ := s.rules.Validate(context.Background(), field.NewPath(""), s.schema, object, before, math.MaxInt64)
	return append(errs, broken...).ToAggregate()
}

func (s server) pruned(object map[string]any) []string {
	return pruning.PruneWithOptions(object, s.schema, true, structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
}

// absent, as a value for set, removes the field.
var absent = &struct{}{}

func set(object map[string]any, path string, value any) {
	if path == "" {
		return
	}
	parent, name := object, path
	if before, after, nested := strings.Cut(path, "."); nested {
		parent, name = object[before].(map[string]any), after
	}
	switch v := value.(type) {
	case int:
		parent[name] = int64(v)
	default:
		parent[name] = v
	}
	if value == any(absent) {
		delete(parent, name)
	}
}

func parse(t *testing.T, manifest string) map[string]any {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(manifest))
	require.NoError(t, err)
	object := map[string]any{}
	require.NoError(t, json.Unmarshal(data, &object))
	return integers(object).(map[string]any)
}

// integers turns whole JSON numbers into int64, as API servers decode them.
func integers(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for _, k := range slices.Collect(maps.Keys(v)) {
			v[k] = integers(v[k])
		}
	case []any:
		for i := range v {
			v[i] = integers(v[i])
		}
	case float64:
		return int64(v)
	}
	return value
}

func readCRD(t *testing.T, name string) *apiextensions.CustomResourceDefinition {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(crdDir, name))
	require.NoError(t, err)
	crd, internal := &apiextensionsv1.CustomResourceDefinition{}, &apiextensions.CustomResourceDefinition{}
	require.NoError(t, yaml.UnmarshalStrict(data, crd))
	apiextensionsv1.SetDefaults_CustomResourceDefinition(crd)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
	require.NoError(t, apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crd, internal, nil))
	return internal
}

func fileNames(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
