package manager_test

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/rights"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/logtest"
)

// lack is a verb on a resource that a manager may not use.
type lack struct{ verb, resource string }

func (l lack) String() string { return l.verb + " " + l.resource }

// without are all rights of a manager but that one.
func (l lack) without() []rights.Right {
	var out []rights.Right
	for _, r := range rights.Manager() {
		if r.Resource == l.resource {
			r.Verbs = slices.DeleteFunc(slices.Clone(r.Verbs), func(v string) bool { return v == l.verb })
		}
		if len(r.Verbs) > 0 {
			out = append(out, r)
		}
	}
	return out
}

// limited is a manager that lacks a right, with a namespace for its election and pools that no other has, so that it works beside others.
type limited struct {
	*runner
	lack
	lab       *lab
	namespace string
	denials   *status.Denials
}

func (l *lab) limited(t *testing.T, what lack) *limited {
	t.Helper()
	name := strings.NewReplacer(" ", "-", "/", "-").Replace("no " + what.String())
	all := what.without()
	l.MakeNamespaces(t, name)
	user := l.User(t, name, rights.Rules(all, rights.Cluster)...)
	l.Grant(t, name, name, rights.Rules(all, rights.Namespace)...)
	l.Grant(t, name, networking.ReportNamespace, rights.Rules(all, rights.Reports)...)
	out := &limited{lack: what, lab: l, namespace: name}
	out.denials = status.NewDenialsOf(rights.Manager(), time.Now, slog.New(slog.NewTextHandler(&logtest.Log{}, nil)))
	user = rest.CopyConfig(user)
	user.Wrap(out.denials.Watch)
	out.runner = l.runIn(t, name, name, user, nil)
	return out
}

// given gives the right.
func (l *limited) given() {
	l.t.Helper()
	ctx, update, meta, rbac := l.t.Context(), metav1.UpdateOptions{}, metav1.ObjectMeta{Name: l.namespace}, l.lab.Client.RbacV1()
	_, err := rbac.ClusterRoles().Update(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rights.Rules(rights.Manager(), rights.Cluster)}, update)
	require.NoError(l.t, err)
	for namespace, scope := range map[string]rights.Scope{l.namespace: rights.Namespace, networking.ReportNamespace: rights.Reports} {
		_, err = rbac.Roles(namespace).Update(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: rights.Rules(rights.Manager(), scope)}, update)
		require.NoError(l.t, err)
	}
}

// misses waits until it says which right it lacks, and recovers until it says nothing of it.
func (l *limited) misses() {
	l.t.Helper()
	until(l.t, "word of the right to "+l.String(), func() bool { return l.tells() })
}

func (l *limited) recovers() {
	l.t.Helper()
	until(l.t, "the right to "+l.String(), func() bool { return !l.tells() })
}

func (l *limited) tells() bool {
	for _, p := range l.denials.Problems() {
		if _, mend, found := strings.Cut(p.Message, "let this program's account "); found && strings.HasPrefix(mend, l.verb+" "+l.resourceName()) {
			return true
		}
	}
	return false
}

// resourceName is the resource's, up to its group.
func (l *limited) resourceName() string {
	name, _, _ := strings.Cut(l.resource, "/")
	return name
}

// TestEachRightIsMissed runs a manager without one right, for each: it says which, does what does not need it, and all once the right is given.
func TestEachRightIsMissed(t *testing.T) {
	server := apiserver.Start(t, "feature-gates=WatchList=false") // each list is asked for then
	server.InstallCRDs(t)
	require.NoError(t, server.ServeGDC())
	l := furnish(t, server)
	l.example(t, "example-12-separate-control-and-data-plane")
	l.service(t, "web", "Cluster", []string{"203.0.113.1"}, []string{"w1"})

	var reading []*limited
	seen := maps.Clone(elsewhere)
	for _, w := range writing {
		seen[w.lack] = true
	}
	for _, w := range mending {
		seen[w.lack] = true
	}
	for _, r := range rights.Manager() {
		for _, verb := range r.Verbs {
			what := lack{verb, r.Resource}
			if seen[what] {
				continue
			}
			require.Contains(t, []string{"list", "watch"}, verb, "nobody sees what happens without the right to %s", what)
			seen[what] = true
			reading = append(reading, l.limited(t, what))
		}
	}
	for _, m := range reading {
		m.misses()
		if m.verb == "list" {
			require.NotEmpty(t, m.Waiting(), m.lack)
			require.Nil(t, m.Report().Decision, "%s: nothing is decided by half", m.lack)
		} else {
			until(t, m.String()+": it lists instead, and decides", func() bool { return m.Report().Decision != nil })
		}
	}
	for _, m := range reading {
		m.given()
	}
	for _, m := range reading {
		m.recovers()
		until(t, m.String()+": it decides", func() bool { return len(m.Waiting()) == 0 && m.Report().Decision != nil })
		m.kill()
	}
	t.Run("nothing is there yet", func(t *testing.T) { l.writing(t) })
	t.Run("all is there", func(t *testing.T) { l.mending(t) })
}

// elsewhere are rights that are missed in other tests, or seldom.
var elsewhere = map[lack]bool{
	{"get", "customresourcedefinitions"}: true, // a kind is not served
	// The command's: TestAccounts of cmd/frr-renderer has them for agents, which ask in the same way.
	{"create", "events"}: true, {"create", "tokenreviews"}: true, {"create", "subjectaccessreviews"}: true,
}

// parts are what managers write, as a person would name it.
func (l *lab) parts(t *testing.T) []string {
	var out []string
	add := func(is bool, what string) {
		if is {
			out = append(out, what)
		}
	}
	add(slices.Equal(l.holders(t), []string{"10.0.3.100 w1", "10.0.3.101 w2"}), "holders")
	sessions := l.sessions(t)
	add(len(sessions) == 2, "sessions")
	add(len(sessions) == 2 && strings.HasSuffix(sessions[0], "NotEstablished") && strings.HasSuffix(sessions[1], "NotEstablished"), "states")
	add(len(l.routes(t)) == 1, "routes")
	add(len(l.conditions(t, "bgploadbalancers", "default")) > 0, "balancer")
	add(len(l.conditions(t, "bgppeers", "bgppeer1")) > 0, "peer")
	return out
}

var everyPart = []string{"holders", "sessions", "states", "routes", "balancer", "peer"}

// writing is what is written where nothing is there, and what stops without the right.
var writing = []struct {
	lack
	stops []string
}{
	{lack{"update", "networkgatewaygroups/status"}, []string{"holders", "sessions", "states"}},
	{lack{"create", "bgpsessions"}, []string{"sessions", "states"}},
	{lack{"update", "bgpsessions/status"}, []string{"states"}},
	{lack{"create", "bgpadvertisedroutes"}, []string{"routes"}},
	{lack{"update", "bgploadbalancers/status"}, []string{"balancer"}},
	{lack{"update", "bgppeers/status"}, []string{"peer"}},
	{lack{"get", "leases"}, everyPart}, // no election
	{lack{"create", "leases"}, everyPart},
}

func (l *lab) again(t *testing.T) {
	l.wipe(t)
	l.example(t, "example-12-separate-control-and-data-plane")
	l.service(t, "web", "Cluster", []string{"203.0.113.1"}, []string{"w1"})
}

// writing runs one manager after the other.
func (l *lab) writing(t *testing.T) {
	for _, w := range writing {
		t.Run(w.String(), func(t *testing.T) {
			l.again(t)
			m := l.limited(t, w.lack)
			m.misses()
			goesOn := slices.DeleteFunc(slices.Clone(everyPart), func(p string) bool { return slices.Contains(w.stops, p) })
			eventually(t, goesOn, l.parts)
			m.given()
			eventually(t, everyPart, l.parts)
			m.recovers()
			m.kill()
		})
	}
}

// mending is what a manager puts right that somebody has changed. No value: the Lease is renewed all the time.
var mending = []struct {
	lack
	kind, name, spec string
}{
	{lack{"patch", "bgpsessions"}, "BGPSession", "10.0.3.254-w1", `{nodeName: w2, floatingIP: 10.0.3.100, localIP: 10.0.3.100, localASN: 65001, peerASN: 65002, peerIP: 10.0.3.254}`},
	{lack{"delete", "bgpsessions"}, "BGPSession", "odd", `{nodeName: w1, floatingIP: 10.0.3.100, localIP: 10.0.3.100, localASN: 65001, peerASN: 65002, peerIP: 10.0.3.253}`},
	{lack{"patch", "bgpadvertisedroutes"}, "BGPAdvertisedRoute", "default-default-web", `{prefix: 203.0.113.1/32, nextHops: [10.0.1.77]}`},
	{lack{"delete", "bgpadvertisedroutes"}, "BGPAdvertisedRoute", "odd", `{prefix: 203.0.113.7/32, nextHops: [10.0.1.10]}`},
	{lack{"update", "leases"}, "", "", ""},
}

func (l *lab) mending(t *testing.T) {
	told := func(t *testing.T) []string { return slices.Concat(l.holders(t), l.sessions(t), l.routes(t)) }
	for _, w := range mending {
		t.Run(w.String(), func(t *testing.T) {
			l.again(t)
			m := l.limited(t, w.lack)
			eventually(t, everyPart, l.parts)
			before := told(t)
			if w.kind != "" {
				l.apply(t, fmt.Sprintf(`{apiVersion: networking.gke.io/v1, kind: %s, metadata: {name: %s, namespace: kube-system, labels: {%s: %s}}, spec: %s}`,
					w.kind, w.name, gateway.ManagedBy, gateway.Manager, w.spec))
			}
			m.misses()
			m.given()
			eventually(t, before, told)
			m.recovers()
			until(t, "one that works", m.Leading)
			m.kill()
		})
	}
}
