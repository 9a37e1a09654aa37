package frr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/translate"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/golden"
	"github.com/frr-renderer/frr-renderer/test/frr/hostile"
)

// everyField is a cluster in which every field of our kinds has a value, so that each of them can be poisoned.
func everyField() snapshot.Objects {
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: snapshot.DefaultNamespace, Name: name, Labels: map[string]string{"tier": "gold"}, Annotations: map[string]string{"note": "text"}}
	}
	knobs := func(name string, set map[string]string) metav1.ObjectMeta {
		m := meta(name)
		for knob, value := range set {
			m.Annotations[snapshot.AnnotationPrefix+knob] = value
		}
		return m
	}
	selector := []metav1.LabelSelector{{MatchLabels: map[string]string{"tier": "gold"}}}
	n := uint32(200)
	length := int32(32)
	ready := true
	node := "node1"
	return snapshot.Objects{
		Nodes: []*corev1.Node{{ObjectMeta: metav1.ObjectMeta{
			Name: node, Labels: map[string]string{"tier": "gold"}, Annotations: map[string]string{snapshot.AnnotationPrefix + "graceful-shutdown": "true"},
		}}},
		Peers: []*v1beta2.BGPPeer{
			{ObjectMeta: meta("tor1"), Spec: v1beta2.BGPPeerSpec{
				MyASN: 64500, PeerASN: 64501, Address: "10.0.0.1", SrcAddress: "10.0.0.11", RouterID: "10.10.10.10", Password: "s3cret",
				BFDProfile: "fast", NodeSelectors: selector, VRFName: "red",
			}},
			{ObjectMeta: meta("tor2"), Spec: v1beta2.BGPPeerSpec{
				MyASN: 64500, DynamicASN: v1beta2.ExternalASN, Interface: "eth0", PasswordSecret: corev1.SecretReference{Name: "tor2", Namespace: snapshot.DefaultNamespace},
			}},
			{ObjectMeta: knobs("tor3", map[string]string{"ttl-security-hops": "1"}), Spec: v1beta2.BGPPeerSpec{MyASN: 64500, PeerASN: 64501, Address: "fd00::1"}},
		},
		Pools: []*v1beta1.IPAddressPool{{ObjectMeta: meta("pool1"), Spec: v1beta1.IPAddressPoolSpec{Addresses: []string{"192.0.2.0/24", "2001:db8::1-2001:db8::f"}}}},
		Advertisements: []*v1beta1.BGPAdvertisement{{ObjectMeta: knobs("adv1", map[string]string{
			"as-path-prepend": "3", "med": "50", "service-communities": "64500:100-199, 64500:2*, large:64500:*:1, red", "endpoint-policy": "ReadyOnly",
		}), Spec: v1beta1.BGPAdvertisementSpec{
			AggregationLength: &length, LocalPref: 100, Communities: []string{"red", "64500:2", "large:1:2:3"}, IPAddressPools: []string{"pool1"},
			IPAddressPoolSelectors: selector, NodeSelectors: selector, Peers: []string{"tor1", "tor2", "tor3"}, ServiceSelectors: selector,
		}}},
		BFDProfiles: []*v1beta1.BFDProfile{{ObjectMeta: meta("fast"), Spec: v1beta1.BFDProfileSpec{ReceiveInterval: &n}}},
		Communities: []*v1beta1.Community{{ObjectMeta: meta("aliases"), Spec: v1beta1.CommunitySpec{Communities: []v1beta1.CommunityAlias{{Name: "red", Value: "64500:1"}}}}},
		Secrets:     []*corev1.Secret{{ObjectMeta: meta("tor2"), Type: corev1.SecretTypeBasicAuth, StringData: map[string]string{"password": "s3cret"}}},
		Services: []*corev1.Service{{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", Labels: map[string]string{"tier": "gold"}, Annotations: map[string]string{
				snapshot.AnnotationPrefix + "communities": "64500:100, large:64500:7:1, red", snapshot.AnnotationPrefix + "endpoint-policy": "ReadyOrServing",
			}},
			Spec:   corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer},
			Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{IP: "192.0.2.10"}, {IP: "2001:db8::1"}}}},
		}},
		EndpointSlices: []*discoveryv1.EndpointSlice{{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-1", Labels: map[string]string{discoveryv1.LabelServiceName: "web"}},
			Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{"10.244.0.1"}, NodeName: &node, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
		}},
	}
}

func documentOf(t *testing.T, objects snapshot.Objects) (render.Document, translate.Result, bool) {
	t.Helper()
	snap, err := snapshot.New(objects, "node1", snapshot.Options{})
	if err != nil {
		return render.Document{}, translate.Result{}, false // the node's own name was poisoned
	}
	result := translate.Translate(snap, translate.LastGood{})
	renderer, err := newRenderer()
	require.NoError(t, err)
	document, err := renderer.Render(result.Config)
	require.NoError(t, err)
	return document, result, true
}

// newRenderer reads the templates once for all: that takes longer than all else that is done to one text of thousands.
var newRenderer = sync.OnceValues(func() (*render.Renderer, error) { return render.New(nil) })

// TestNoStringOfAnyObjectBecomesALine poisons every string of every object, one at a time, names and label keys included.
func TestNoStringOfAnyObjectBecomesALine(t *testing.T) {
	fields := hostile.Each(everyField, func(at string, objects snapshot.Objects) {
		if document, _, ok := documentOf(t, objects); ok {
			grammar.Obeys(t, at, document)
		}
	})
	require.Greater(t, fields, 60)
}

// TestEveryKnobIsTurned shows that the knobs of everyField are there to be poisoned.
func TestEveryKnobIsTurned(t *testing.T) {
	document, result, _ := documentOf(t, everyField())
	for _, line := range []string{
		" set as-path prepend 64500 64500 64500\n", " set metric 50\n", " set community 64500:1 64500:2 64500:100\n", " set large-community 1:2:3 64500:7:1\n",
		" bgp graceful-shutdown\n", " neighbor fd00::1 ttl-security hops 1\n",
	} {
		require.Contains(t, document.Text, line)
	}
	for _, p := range result.Problems {
		require.NotContains(t, p.Field, "annotations", p)
	}
}

// TestHostileDocumentsInFRR has FRR read documents of clusters with several poisoned strings each: it takes them, and runs nothing else.
func TestHostileDocumentsInFRR(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		bare := fabric.NewBare(t, v)
		for seed := range uint64(25) {
			r := rand.New(rand.NewPCG(seed, 7))
			objects := everyField()
			hostile.Some(r, &objects)
			document, _, ok := documentOf(t, objects)
			if !ok {
				continue
			}
			grammar.Obeys(t, fmt.Sprint("seed ", seed), document)
			golden.InFRR(t, bare, v, document, fmt.Sprint("seed ", seed))
		}
	})
}

var grammar = hostile.NewGrammar()

const canary = "cAnArYpAsSwOrD"

// TestNoSecretIsPrinted formats everything that holds a password, in every way that a log, an error or a dump would.
func TestNoSecretIsPrinted(t *testing.T) {
	objects := everyField()
	objects.Peers[0].Spec.Password = canary
	objects.Secrets[0].StringData["password"] = canary
	objects.ConfigMaps = []*corev1.ConfigMap{{
		ObjectMeta: metav1.ObjectMeta{Namespace: snapshot.DefaultNamespace, Name: "bgpextras"},
		Data:       map[string]string{"extras": "router bgp 65099 vrf other\n neighbor 10.9.9.9 remote-as 1\n neighbor 10.9.9.9 password " + canary + "\n"},
	}}
	old := &v1beta1.BGPPeer{Spec: v1beta1.BGPPeerSpec{Password: canary}}
	snap, err := snapshot.New(objects, "node1", snapshot.Options{})
	require.NoError(t, err)
	document, result, _ := documentOf(t, objects)
	require.Contains(t, document.Text, canary, "FRR gets it")
	plan := reload.Diff(reload.Running{}, document)
	require.Contains(t, plan.String(), "password <redacted>")
	line := vtysh.Line("neighbor 10.0.0.1 password " + canary)
	applied := reload.Result{Plan: plan, Refused: []reload.Refused{{Command: plan.Commands[0], Reply: "no"}, {Command: reload.Command{Line: line}}}, Remaining: plan}

	for name, value := range map[string]any{
		"peer": objects.Peers[0], "peer spec": objects.Peers[0].Spec, "old peer": old, "snapshot": snap, "snapshot value": *snap, "secret": snap.Secrets["tor2"],
		"result": result, "extras": result.Config.Extras, "config": result.Config, "neighbor": result.Config.Instances, "last good": result.LastGood, "problems": result.Problems,
		"document": document, "plan": plan, "command": plan.Commands, "line": line, "block": vtysh.Block{Lines: []vtysh.Line{line}}, "applied": applied,
		"running": reload.Running{BGPD: document.Text},
	} {
		t.Run(name, func(t *testing.T) {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
				said := fmt.Sprintf(verb, value)
				require.NotContains(t, said, canary, verb)
				require.NotContains(t, said, fmt.Sprintf("%x", canary), verb)
			}
			var log bytes.Buffer
			slog.New(slog.NewTextHandler(&log, nil)).Info("x", "value", value)
			slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "value", value)
			require.NotContains(t, log.String(), canary)
			if data, err := json.Marshal(value); err == nil {
				require.NotContains(t, string(data), canary)
			}
			if data, err := yaml.Marshal(value); err == nil {
				require.NotContains(t, string(data), canary)
			}
		})
	}
}
