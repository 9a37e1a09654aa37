package frr

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/frrconf"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/translate"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// FuzzPlan compares any text that FRR might print, or a person might write, with any other.
func FuzzPlan(f *testing.F) {
	files, err := filepath.Glob("cases/*/frr.conf")
	if err != nil || len(files) == 0 {
		f.Fatal("no golden cases to start from", err)
	}
	for i, file := range files {
		a, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		b, err := os.ReadFile(files[(i+1)%len(files)])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(a), string(b), false, 8)
	}
	kept, err := filepath.Glob("differential/testdata/pairs/*")
	if err != nil || len(kept) == 0 {
		f.Fatal("no kept pairs to start from", err)
	}
	for i, dir := range kept {
		a, err := os.ReadFile(filepath.Join(dir, "a.conf"))
		if err != nil {
			f.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "b.conf"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(a), string(b), true, 8+i%2*2)
		f.Add(string(a), cutShort(string(b), 1+i%3), i%2 == 0, 8+i%2*2)
		f.Add(cutShort(string(a), 2), string(b), i%2 == 0, 8+i%2*2)
	}
	f.Fuzz(func(t *testing.T, running, wanted string, whole bool, major int) {
		plan := reload.Diff(reload.Running{
			BGPD: running, BFDD: running, Others: map[vtysh.Daemon]string{vtysh.Zebra: running}, Previous: running,
			Whole: whole, Version: vtysh.Version{Major: major},
		}, render.Document{Text: wanted})
		if strings.Count(plan.String(), "\n") != len(plan.Commands) {
			t.Fatal("a command is not one line")
		}
		for _, c := range plan.Commands {
			if strings.ContainsAny(c.Line.Reveal(), "\r\n\x00") && !strings.ContainsAny(running+wanted, "\r\x00") {
				t.Fatalf("%q is not one line", c.Line.Reveal())
			}
		}
	})
}

// cutShort leaves each line its first words, as of somebody who was called away.
func cutShort(text string, words int) string {
	var b strings.Builder
	for l := range strings.Lines(text) {
		all := strings.Fields(l)
		b.WriteString(strings.Join(all[:min(words, len(all))], " ") + "\n")
	}
	return b.String()
}

// FuzzTranslate puts any text into the fields that are parsed: each line of what comes out is one of the product's.
func FuzzTranslate(f *testing.F) {
	f.Add("10.0.0.1", "eth0", "red", "s3cret", "64500:1", "192.0.2.0/24", "10.10.10.10", "192.0.2.10", "route-map 10.0.0.1-in permit 20")
	f.Add("fd00::1", "", "", "", "large:1:2:3", "2001:db8::-2001:db8::ffff", "", "2001:db8::1", "")
	f.Fuzz(func(t *testing.T, address, iface, vrf, password, community, addresses, routerID, ingress, extras string) {
		objects := everyField()
		objects.Peers[0].Spec.Address, objects.Peers[0].Spec.VRFName = address, vrf
		objects.Peers[0].Spec.Password, objects.Peers[0].Spec.RouterID = v1beta2.Password(password), routerID
		objects.Peers[1].Spec.Interface = iface
		objects.Peers[2].Spec.Address = address
		objects.Pools[0].Spec.Addresses = []string{addresses, "192.0.2.0/24"}
		objects.Advertisements[0].Spec.Communities = []string{community}
		objects.Communities[0].Spec.Communities[0].Value = community
		objects.Services[0].Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: ingress}}
		snap, err := snapshot.New(objects, "node1", snapshot.Options{})
		if err != nil {
			t.Fatal(err)
		}
		result := translate.Translate(snap, translate.LastGood{})
		renderer, err := newRenderer()
		if err != nil {
			t.Fatal(err)
		}
		document, err := renderer.Render(result.Config)
		if err != nil {
			t.Fatal(err)
		}
		grammar.Obeys(t, "fuzz", document)

		// Extras add their own lines and change none of ours.
		snap.Extras = snapshot.Extras{Name: "bgpextras", Text: extras}
		with := translate.Translate(snap, translate.LastGood{}).Config
		for _, line := range with.Extras.Lines() {
			if strings.ContainsAny(line, "\r\n\x00") {
				t.Fatalf("%q is not one line", line)
			}
		}
		with.Extras = frrconf.Extras{}
		if again, err := renderer.Render(with); err != nil || again.Digest != document.Digest {
			t.Fatal("extras have changed a line of ours", err)
		}
	})
}

// FuzzKnobs puts any text into annotations: each line of what comes out is one of the product's, no Service gets a community that the
// administrator does not let through, and no advertisement without an allow-list lets any through.
func FuzzKnobs(f *testing.F) {
	f.Add("64500:100, red", "64500:1*, large:1:*:2-3", "3", "50", "1", "ReadyOnly", "true")
	f.Add("65535:65281 large:4294967295:0:7", "*:*", "10", "4294967295", "254", "ReadyOrServing", "false")
	f.Add("64500:1,,\t64500:2", "65535:0", "0", "-1", "0x1", "", "TRUE")
	f.Add("65535:100 65535:7 65535:8", "65000-65535:*, 6*:*", "1", "0", "255", "ReadyOnly", "")
	f.Fuzz(func(t *testing.T, asks, allowed, prepend, med, hops, policy, drain string) {
		turned := func(asks, allowed string) snapshot.Objects {
			objects := everyField()
			set := func(m *metav1.ObjectMeta, name, value string) { m.Annotations[snapshot.AnnotationPrefix+name] = value }
			set(&objects.Services[0].ObjectMeta, "communities", asks)
			set(&objects.Services[0].ObjectMeta, "endpoint-policy", policy)
			advert := &objects.Advertisements[0].ObjectMeta
			set(advert, "service-communities", allowed)
			set(advert, "as-path-prepend", prepend)
			set(advert, "med", med)
			set(&objects.Peers[2].ObjectMeta, "ttl-security-hops", hops)
			set(&objects.Nodes[0].ObjectMeta, "graceful-shutdown", drain)
			return objects
		}
		document, _, _ := documentOf(t, turned(asks, allowed))
		grammar.Obeys(t, "fuzz", document)
		for _, word := range []string{"no-export", "no-advertise", "blackhole", "llgr-stale", "no-llgr", "local-AS", "no-peer", "accept-own", "65535:"} {
			if strings.Contains(document.Text, " "+word) && !strings.Contains(allowed, "65535:") {
				t.Fatalf("%s, which nobody has written into the allow-list %q", word, allowed)
			}
		}
		with, _, _ := documentOf(t, turned(asks, ""))
		without, _, _ := documentOf(t, turned("", ""))
		if with.Digest != without.Digest {
			t.Fatalf("%q gets something by default", asks)
		}
	})
}
