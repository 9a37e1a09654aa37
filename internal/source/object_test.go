package source

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// files lays files into a new directory.
func files(t *testing.T, contents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range contents {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func read(t *testing.T, paths ...string) Result {
	t.Helper()
	r, err := Read(paths, Options{})
	require.NoError(t, err)
	return r
}

// lines are problems as people read them, without the directory.
func lines(r Result, dir string) []string {
	out := []string{}
	for _, p := range r.Problems {
		out = append(out, strings.ReplaceAll(p.String(), dir+"/", ""))
	}
	return out
}

// names of a list's objects, as namespace/name.
func names[T metav1.Object](list []T) []string {
	out := []string{}
	for _, o := range list {
		out = append(out, strings.TrimPrefix(o.GetNamespace()+"/"+o.GetName(), "/"))
	}
	return out
}

func service(name string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec: {type: LoadBalancer}\nstatus: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}\n", name)
}

func peer(spec string) string {
	return "apiVersion: metallb.io/v1beta2\nkind: BGPPeer\nmetadata: {name: p}\nspec: {" + spec + "}\n"
}

func TestEveryKindIsRead(t *testing.T) {
	r := read(t, "testdata/every-kind.yaml")
	require.Empty(t, r.Problems)
	o := r.Objects
	require.Equal(t, []string{"node1"}, names(o.Nodes))
	require.Equal(t, "True", string(o.Nodes[0].Status.Conditions[0].Status))
	require.Equal(t, "64", o.Nodes[0].Status.Capacity.Cpu().String())
	require.Equal(t, []string{"shop"}, names(o.Namespaces))
	require.Equal(t, []string{"default/implied", "shop/web"}, names(o.Services))
	require.Equal(t, "192.0.2.10", o.Services[1].Status.LoadBalancer.Ingress[0].IP)
	require.Equal(t, corev1.ServiceExternalTrafficPolicyLocal, o.Services[1].Spec.ExternalTrafficPolicy)
	require.Equal(t, "http", o.Services[1].Spec.Ports[0].TargetPort.StrVal)
	require.Equal(t, int32(8080), o.Services[1].Spec.Ports[1].TargetPort.IntVal)
	require.Equal(t, []string{"shop/web-1"}, names(o.EndpointSlices))
	require.True(t, *o.EndpointSlices[0].Endpoints[0].Conditions.Ready)
	require.Equal(t, []string{"metallb-system/tor"}, names(o.Secrets))
	require.Equal(t, "in the clear", string(o.Secrets[0].Data["password"]))
	require.Equal(t, []string{"metallb-system/bgpextras"}, names(o.ConfigMaps))
	require.Equal(t, []string{"metallb-system/new", "metallb-system/old"}, names(o.Peers))
	require.Equal(t, 90*time.Second, o.Peers[0].Spec.HoldTime.Duration)
	require.Equal(t, uint32(4294967295), o.Peers[0].Spec.PeerASN)
	require.Equal(t, "a password", o.Peers[0].Spec.Password.Reveal())
	require.Nil(t, o.Peers[1].Spec.HoldTime, "a timer that is left out stays left out")
	require.Equal(t, metav1.LabelSelectorOpIn, o.Peers[1].Spec.NodeSelectors[0].MatchExpressions[0].Operator)
	require.Equal(t, "metallb.io/v1beta2", o.Peers[1].APIVersion)
	require.Equal(t, []string{"metallb-system/pool"}, names(o.Pools))
	require.Equal(t, []string{"metallb-system/adv"}, names(o.Advertisements))
	require.Equal(t, []string{"65535:65282", "large:1:2:3"}, o.Advertisements[0].Spec.Communities)
	require.Equal(t, []string{"metallb-system/fast"}, names(o.BFDProfiles))
	require.Equal(t, []string{"metallb-system/aliases"}, names(o.Communities))
}

func TestWhatADocumentSays(t *testing.T) {
	tests := map[string]struct {
		yaml string
		want []string
		// peers that are read all the same.
		peers int
	}{
		"an AS number below 0": {peer("peerASN: -1"), []string{
			"error BGPPeer.metallb.io metallb-system/p spec.peerASN: -1 is out of range: a whole number from 0 to 4294967295; the object is left out (WrongType)"}, 0},
		"an AS number above 32 bits": {peer("peerASN: 4294967296"), []string{
			"error BGPPeer.metallb.io metallb-system/p spec.peerASN: 4294967296 is out of range: a whole number from 0 to 4294967295; the object is left out (WrongType)"}, 0},
		"an AS number in quotes": {peer(`peerASN: "64500"`), []string{
			"error BGPPeer.metallb.io metallb-system/p spec.peerASN: a string stands where a whole number from 0 to 4294967295 belongs; the object is left out (WrongType)"}, 0},
		"an AS number with a fraction": {peer(`peerASN: 1.5`), []string{
			"error BGPPeer.metallb.io metallb-system/p spec.peerASN: a number stands where a whole number from 0 to 4294967295 belongs; the object is left out (WrongType)"}, 0},
		"two faults at once": {peer("myASN: x, ebgpMultiHop: 1"), []string{
			"error BGPPeer.metallb.io metallb-system/p spec.ebgpMultiHop: a number stands where true or false belongs; the object is left out (WrongType)",
			"error BGPPeer.metallb.io metallb-system/p spec.myASN: a string stands where a whole number from 0 to 4294967295 belongs; the object is left out (WrongType)"}, 0},
		"whole numbers as JSON tools write them": {peer("peerASN: 64500.0, myASN: 6.45e4"), nil, 1},
		"words of YAML 1.1":                      {peer("ebgpMultiHop: yes, disableMP: off"), nil, 1},
		"null is absent":                         {peer("peerASN: null, holdTime: ~, nodeSelectors: "), nil, 1},
		"a duration that is none": {peer("holdTime: ten"), []string{
			"error BGPPeer.metallb.io metallb-system/p spec.holdTime: not a duration such as 10s or 1m30s; the object is left out (InvalidValue)"}, 0},
		"a duration without a unit": {peer("keepaliveTime: 10"), []string{
			"error BGPPeer.metallb.io metallb-system/p spec.keepaliveTime: a number stands where a duration such as 10s or 1m30s belongs; the object is left out (WrongType)"}, 0},
		"a password that is a number": {peer("password: 12345678"), []string{
			"error BGPPeer.metallb.io metallb-system/p spec.password: a number stands where a text belongs; put it in quotes; the object is left out (WrongType)"}, 0},
		"a field in a list": {peer("nodeSelectors: [{}, {matchLabels: {a: [b]}}]"), []string{
			"error BGPPeer.metallb.io metallb-system/p spec.nodeSelectors[1].matchLabels[a]: a list stands where a text belongs; the object is left out (WrongType)"}, 0},
		"an annotation that is a number": {strings.Replace(peer(""), "name: p", "name: p, annotations: {frr-renderer.io/ttl-security-hops: 1}", 1), []string{
			"error BGPPeer.metallb.io metallb-system/p metadata.annotations[frr-renderer.io/ttl-security-hops]: a number stands where a text belongs; put it in quotes; the object is left out (WrongType)"}, 0},
		"an unknown field": {peer("peerAdress: 192.0.2.1"), []string{
			"warning BGPPeer.metallb.io metallb-system/p spec.peerAdress: BGPPeer v1beta2 has no such field; it is ignored (UnknownField)"}, 1},
		"a field in the wrong case": {peer("peerAsn: 1"), []string{
			"warning BGPPeer.metallb.io metallb-system/p spec.peerAsn: BGPPeer v1beta2 has no such field; it is ignored; did you mean peerASN? (UnknownField)"}, 1},
		"an unknown field of another's kind": {strings.Replace(service("s"), "spec: {", "spec: {unheardOf: 1, ", 1), nil, 0},
		"a key twice": {peer("peerASN: 1, peerASN: 2"), []string{
			"warning BGPPeer.metallb.io metallb-system/p spec.peerASN: the key stands twice; the first value is used (DuplicateField)"}, 1},
		"a merged mapping": {"x: &base {peerASN: 1}\n" + strings.Replace(peer("<<: *base, myASN: 2"), "\nspec: {", "\nspec: {", 1), []string{
			"warning BGPPeer.metallb.io metallb-system/p x: BGPPeer v1beta2 has no such field; it is ignored (UnknownField)"}, 1},
		"a version that is not served": {"apiVersion: metallb.io/v1alpha1\nkind: BGPPeer\nmetadata: {name: p}\n", []string{
			"error BGPPeer.metallb.io metallb-system/p apiVersion: metallb.io/v1alpha1 is not served; write metallb.io/v1beta2 (UnsupportedKind)"}, 0},
		"a pool as v1beta2": {"apiVersion: metallb.io/v1beta2\nkind: IPAddressPool\nmetadata: {name: p}\n", []string{
			"error IPAddressPool.metallb.io metallb-system/p apiVersion: metallb.io/v1beta2 is not served; write metallb.io/v1beta1 (UnsupportedKind)"}, 0},
		"a kind in the plural": {"apiVersion: networking.gke.io/v1\nkind: NetworkGatewayGroups\nmetadata: {name: p}\n", []string{
			"error NetworkGatewayGroups.networking.gke.io default/p kind: networking.gke.io has no such kind; write NetworkGatewayGroup (UnsupportedKind)"}, 0},
		"a kind in another case": {"apiVersion: metallb.io/v1beta2\nkind: BgpPeer\nmetadata: {name: p}\n", []string{
			"error BgpPeer.metallb.io metallb-system/p kind: metallb.io has no such kind; write BGPPeer (UnsupportedKind)"}, 0},
		"kinds that are not ours":    {"apiVersion: metallb.io/v1beta1\nkind: L2Advertisement\nmetadata: {name: p}\nspec: 1\n---\napiVersion: apps/v1\nkind: Deployment\n", nil, 0},
		"another's BGPPeer":          {"apiVersion: networking.gke.io/v1\nkind: BGPPeer\nmetadata: {name: p}\n", nil, 0},
		"no kind":                    {"a: 1\n", []string{"warning in.yaml:1 -: no Kubernetes object: apiVersion or kind is missing; this document is ignored (Malformed)"}, 0},
		"no mapping":                 {"just text\n", []string{"error in.yaml:1 -: not an object: a manifest has apiVersion, kind and metadata; this document is left out (Malformed)"}, 0},
		"no name":                    {"---\napiVersion: metallb.io/v1beta2\nkind: BGPPeer\nmetadata: {generateName: p-}\n", []string{"error in.yaml:2 metadata.name: the object has no name (Required)"}, 0},
		"another namespace":          {strings.Replace(peer(""), "name: p", "name: p, namespace: other", 1), []string{"warning BGPPeer.metallb.io other/p metadata.namespace: only namespace metallb-system is read; move the object there, or say --namespace other (OtherNamespace)"}, 0},
		"another's Secret":           {"apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: other}\ndata: {a: '!'}\n", nil, 0},
		"another ConfigMap":          {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: [1]\n", nil, 0},
		"a Secret that is no base64": {"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {password: '!'}\n", []string{"error Secret metallb-system/s data[password]: the value is not base64; plain text belongs into stringData; the object is left out (InvalidValue)"}, 0},
		"comments and blank parts":   {"# nothing\n---\n---\n# nothing\n...\n" + peer(""), nil, 1},
		"directives":                 {"%YAML 1.2\n---\n" + peer(""), nil, 1},
		"a byte order mark":          {"\ufeff" + peer(""), nil, 1},
		"lines of Windows":           {strings.ReplaceAll(peer("")+"---\n"+service("s"), "\n", "\r\n"), nil, 1},
		"a value beside the marker":  {"--- {apiVersion: metallb.io/v1beta2, kind: BGPPeer, metadata: {name: p}}\n", nil, 1},
		"a list":                     {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: metallb.io/v1beta2, kind: BGPPeer, metadata: {name: p}}\n- {apiVersion: v1, kind: Event}\n- 7\n", []string{"error in.yaml:6 -: not an object: a manifest has apiVersion, kind and metadata; this document is left out (Malformed)"}, 1},
		"a typed list":               {"apiVersion: metallb.io/v1beta2\nkind: BGPPeerList\nitems:\n- metadata: {name: p}\n- metadata: {name: q}\n", nil, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := files(t, map[string]string{"in.yaml": tt.yaml})
			r := read(t, dir)
			require.ElementsMatch(t, tt.want, lines(r, dir))
			require.Len(t, r.Objects.Peers, tt.peers)
		})
	}
}

func TestNamesThatAnAPIServerRefusesAreRefused(t *testing.T) {
	for _, kind := range []string{"metallb.io/v1beta2 BGPPeer", "metallb.io/v1beta1 BFDProfile", "v1 Service", "v1 Node", "v1 Namespace", "v1 Secret", "discovery.k8s.io/v1 EndpointSlice"} {
		version, kind, _ := strings.Cut(kind, " ")
		for _, name := range []string{`"a\nb"`, `"a b"`, "A", "-a", strings.Repeat("a", 254), `"\e[31m"`} {
			dir := files(t, map[string]string{"in.yaml": fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s}\n", version, kind, name)})
			r := read(t, dir)
			require.Len(t, r.Problems, 1, "%s %s", kind, name)
			require.Equal(t, problem.InvalidValue, r.Problems[0].Reason)
			require.Equal(t, "metadata.name", r.Problems[0].Field)
			require.Less(t, len(r.Problems[0].String()), 800)
		}
	}
	dir := files(t, map[string]string{"in.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: \"a\\n!\"}\n"})
	require.Equal(t, "metadata.namespace", read(t, dir).Problems[0].Field)
	dir = files(t, map[string]string{"in.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: 7}\n"})
	require.Equal(t, []string{"error Service default/- metadata.name: a number stands where a text belongs; put it in quotes; the object is left out (WrongType)"}, lines(read(t, dir), dir))
}

func TestTheLineOfASlipIsTold(t *testing.T) {
	const before = "# two documents before it\n---\na: 1\napiVersion: apps/v1\nkind: Deployment\n---\n" // 6 lines
	tests := map[string]struct {
		yaml string
		line int
	}{
		"indentation":         {"a:\n  b: 1\n c: 2\nd: 1\n", 9},
		"an open quote":       {"a: 1\nb: \"x\nc: 2\nd: 3\n", 8},
		"an open bracket":     {"a: 1\nb: {c: 1\nd: 2\n", 8},
		"closed ones before":  {"a: [1,\n 2,\n 3]\nb: 1\n\tc: 2\nd: 1\n", 11},
		"a value too many":    {"a: 1\nb: c: d\n", 8},
		"a key without colon": {"a: 1\nb\nc: 1\n", 8},
		"an unknown alias":    {"a: 1\nb: *c\n", 8},
		"the first line":      {"a: @b\n", 7},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := files(t, map[string]string{"in.yaml": before + tt.yaml + "---\n" + peer("")})
			r := read(t, dir)
			require.Len(t, r.Problems, 1)
			require.Equal(t, problem.Malformed, r.Problems[0].Reason)
			require.Equal(t, tt.line, r.Problems[0].Line, r.Problems[0].String())
			require.Len(t, r.Objects.Peers, 1, "the document behind it is read")
		})
	}
}

func TestJSONFiles(t *testing.T) {
	dir := files(t, map[string]string{"in.json": `{
	"apiVersion": "metallb.io/v1beta2", "kind": "BGPPeer", "metadata": {"name": "p", "annotations": {"a": "\ud83d\ude00\/"}},
	"spec": {"peerASN": 64500, "peerASN": 1, "holdTime": "90s"}
}
{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}
{"apiVersion": "v1", "kind":
`})
	r := read(t, dir)
	require.Equal(t, []string{
		"error in.json:6 -: not valid JSON; check the commas, quotes and brackets around this line; this document is left out (Malformed)",
		"warning BGPPeer.metallb.io metallb-system/p spec.peerASN: the key stands twice; the first value is used (DuplicateField)",
	}, lines(r, dir))
	require.Equal(t, "😀/", r.Objects.Peers[0].Annotations["a"])
	require.Equal(t, uint32(64500), r.Objects.Peers[0].Spec.PeerASN)
	require.Len(t, r.Objects.Services, 1)
}

func TestAliasesThatExplodeAreTooLarge(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("apiVersion: v1\nkind: Node\nmetadata: {name: n}\nstatus:\n  capacity:\n    a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&bomb, "    a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), ", "))
	}
	lists := "x: &i {apiVersion: v1, kind: List, items: [1]}\n"
	for i := range 8 {
		lists += fmt.Sprintf("y%d: &l%d {apiVersion: v1, kind: List, items: [%s]}\n", i, i, strings.Repeat(fmt.Sprintf("*%s, ", map[bool]string{true: "i", false: fmt.Sprintf("l%d", i-1)}[i == 0]), 9))
	}
	self := "apiVersion: v1\nkind: List\nitems: &i\n- apiVersion: v1\n  kind: List\n  items: *i\n"
	merge := "apiVersion: v1\nkind: Service\nmetadata: &m\n  name: s\n  <<: *m\n"
	for name, text := range map[string]string{
		"values": bomb.String(), "lists": lists + "apiVersion: v1\nkind: List\nitems: [*l7]\n", "itself": self, "merged": merge,
		"brackets": strings.Repeat("[", 1<<20), "blocks": strings.Repeat("- ", 1<<20), "braces": strings.Repeat("{a: ", 1<<20),
	} {
		start := time.Now()
		dir := files(t, map[string]string{"in.yaml": text})
		r := read(t, dir)
		if name != "merged" && name != "lists" && name != "itself" { // these are cut short
			require.NotEmpty(t, r.Problems, name)
		}
		require.Less(t, len(r.Problems), 1000, name)
		require.Less(t, time.Since(start), 10*time.Second, name)
	}
}

func TestGiantFilesAreNotRead(t *testing.T) {
	dir := files(t, map[string]string{"ok.yaml": service("s")})
	f, err := os.Create(filepath.Join(dir, "giant.yaml"))
	require.NoError(t, err)
	require.NoError(t, f.Truncate(maxFile+1))
	require.NoError(t, f.Close())
	r := read(t, dir)
	require.Equal(t, []string{"error giant.yaml -: the file is larger than 32 MiB: split it; all files of a directory are read (TooLarge)"}, lines(r, dir))
	require.Len(t, r.Objects.Services, 1)
	require.True(t, r.Incomplete)
}

func TestDroppedParts(t *testing.T) {
	dir := files(t, map[string]string{"in.yaml": `
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata:
  name: p
  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"spec":{"password":"x"}}', other: kept}
  managedFields: [{fieldsV1: {whatever: {}}}]
`})
	r := read(t, dir)
	require.Empty(t, r.Problems)
	require.Equal(t, map[string]string{"other": "kept"}, r.Objects.Peers[0].Annotations)
	require.Empty(t, r.Objects.Peers[0].ManagedFields)
}

func TestUTF16IsNotRead(t *testing.T) {
	text := "\xff\xfe"
	for _, r := range utf16.Encode([]rune(service("a") + "\n---\n" + service("b"))) {
		text += string([]byte{byte(r), byte(r >> 8)})
	}
	dir := files(t, map[string]string{"ok.yaml": service("s"), "shell.yaml": text})
	r := read(t, dir)
	require.Equal(t, []string{"error shell.yaml -: the file is UTF-16, of which no document but the first would be read: save it as UTF-8 (Malformed)"}, lines(r, dir))
	require.Equal(t, []string{"default/s"}, names(r.Objects.Services))
	require.True(t, r.Incomplete)
}
