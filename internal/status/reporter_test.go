package status_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/rights"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/internal/translate"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/logtest"
)

const (
	soon = 60 * time.Second
	tick = 20 * time.Millisecond
)

// lab is a real API server, and a namespace in it for one test.
type lab struct {
	*testing.T
	server    *apiserver.Server
	user      *rest.Config
	client    client.Client // may do everything
	namespace string
	requests  *requests
	log       *logtest.Log
}

// cluster is what the API server holds of the user's objects, and what a node makes of it.
type cluster struct {
	node    string
	objects snapshot.Objects
}

func (c *cluster) translated(t *testing.T) translate.Result {
	snap, err := snapshot.New(c.objects, c.node, snapshot.Options{})
	require.NoError(t, err)
	return translate.Translate(snap, translate.LastGood{})
}

// tell gives the reporter what the agent would give it after an apply.
func (c *cluster) tell(t *testing.T, r *status.Reporter) {
	result := c.translated(t)
	r.Judged(result.Problems, c.objects.Finder())
	r.Runs(result.Announcements)
}

func (c *cluster) service(name string, address string) *corev1.Service {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID("uid-" + name)},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer},
		Status:     corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{IP: address}}}},
	}
	c.objects.Services = append(c.objects.Services, s)
	c.objects.EndpointSlices = append(c.objects.EndpointSlices, &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: name}},
		Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{"10.244.0.1"}}},
	})
	return s
}

// drop removes a Service.
func (c *cluster) drop(name string) {
	c.objects.Services = slices.DeleteFunc(slices.Clone(c.objects.Services), func(s *corev1.Service) bool { return s.Name == name })
}

func (c *cluster) peer(name, address string) *v1beta2.BGPPeer {
	p := &v1beta2.BGPPeer{ObjectMeta: c.meta(name), Spec: v1beta2.BGPPeerSpec{MyASN: 64500, PeerASN: 64501, Address: address}}
	c.objects.Peers = append(c.objects.Peers, p)
	return p
}

func (c *cluster) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: snapshot.DefaultNamespace, Name: name, UID: types.UID("uid-" + name)}
}

// newCluster has two peers, a pool and an advertisement.
func newCluster(node string) *cluster {
	c := &cluster{node: node}
	c.objects.Nodes = []*corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: node, Labels: map[string]string{"rack": "a"}}}}
	c.peer("tor1", "10.0.0.1")
	c.peer("tor2", "10.0.0.2")
	c.objects.Pools = []*v1beta1.IPAddressPool{{ObjectMeta: c.meta("pool"), Spec: v1beta1.IPAddressPoolSpec{Addresses: []string{"192.0.2.0/24", "10.96.0.0/12"}}}}
	c.objects.Advertisements = []*v1beta1.BGPAdvertisement{{ObjectMeta: c.meta("adv")}}
	return c
}

// start runs a reporter; the function that it returns ends it, and waits.
func (l *lab) start(node string, change ...func(*status.ReporterOptions)) (*status.Reporter, func()) {
	return l.startAt(l.user, node, change...)
}

func (l *lab) startAt(config *rest.Config, node string, change ...func(*status.ReporterOptions)) (*status.Reporter, func()) {
	l.Helper()
	config = rest.CopyConfig(config)
	config.Wrap(l.requests.Wrap)
	options := status.ReporterOptions{
		Node: node, Namespace: l.namespace, ServiceStatus: true, ServiceStatusQPS: 1000, ToldFile: reload.NoFile,
		Apart: time.Millisecond, Log: slog.New(slog.NewTextHandler(l.log, nil)), Now: time.Now,
	}
	for _, f := range change {
		f(&options)
	}
	r, err := status.NewReporter(config, options)
	require.NoError(l, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { r.Run(ctx); close(done) }()
	stop := sync.OnceFunc(func() { cancel(); <-done })
	l.Cleanup(stop)
	return r, stop
}

func (l *lab) eventually(condition func() bool, message ...any) {
	l.Helper()
	end := time.Now().Add(soon)
	for !condition() {
		if time.Now().After(end) {
			require.Fail(l, "not in time", "%s\nlog:\n%s", fmt.Sprint(message...), l.log.String())
		}
		time.Sleep(tick)
	}
}

// statuses returns the peers of each ServiceBGPStatus, as NODE NAMESPACE/NAME PEER,PEER.
func (l *lab) statuses() []string {
	l.Helper()
	var list v1beta1.ServiceBGPStatusList
	require.NoError(l, l.client.List(l.Context(), &list, client.InNamespace(l.namespace)))
	var out []string
	for _, o := range list.Items {
		out = append(out, fmt.Sprintf("%s %s/%s %s", o.Status.Node, o.Status.ServiceNamespace, o.Status.ServiceName, strings.Join(o.Status.Peers, ",")))
	}
	slices.Sort(out)
	return out
}

func (l *lab) shows(want ...string) {
	l.Helper()
	l.eventually(func() bool { return slices.Equal(l.statuses(), want) }, "want ", want)
}

func (l *lab) state(node string) *v1beta1.ConfigurationState {
	var s v1beta1.ConfigurationState
	if l.client.Get(l.Context(), client.ObjectKey{Namespace: l.namespace, Name: "speaker-" + node}, &s) != nil {
		return nil
	}
	return &s
}

// isState waits for a result, and returns the object.
func (l *lab) isState(node string, result v1beta1.ConfigurationResult) (out *v1beta1.ConfigurationState) {
	l.Helper()
	l.eventually(func() bool {
		out = l.state(node)
		return out != nil && out.Status.Result == result
	}, result)
	return out
}

// writes counts the requests that change something.
func (l *lab) writes() (n int) {
	for k, count := range l.requests.Counts() {
		if slices.Contains([]string{"create", "update", "patch", "delete"}, k.Verb) {
			n += count
		}
	}
	return n
}

// quiet waits until what was told is worked off: the newest alone counts, so a state that is turned round and back comes after it.
func (l *lab) quiet(r *status.Reporter, c *cluster) {
	l.Helper()
	marker := c.peer("marker", "not an address")
	c.tell(l.T, r)
	l.isState(c.node, v1beta1.ConfigurationInvalid)
	c.objects.Peers = slices.DeleteFunc(c.objects.Peers, func(p *v1beta2.BGPPeer) bool { return p == marker })
	c.tell(l.T, r)
	l.isState(c.node, v1beta1.ConfigurationValid)
	l.eventually(l.requests.landed)
}

func (l *lab) events(namespace string) []eventsv1.Event {
	l.Helper()
	list, err := l.server.Client.EventsV1().Events(namespace).List(l.Context(), metav1.ListOptions{})
	require.NoError(l, err)
	return list.Items
}

func TestStatusAtAnAPIServer(t *testing.T) {
	server := apiserver.Start(t)
	user := server.User(t, "reporter", allowed()...)
	server.MakeNamespaces(t, snapshot.DefaultNamespace)
	scheme := runtime.NewScheme()
	require.NoError(t, v1beta1.AddToScheme(scheme))
	in := func(name string, f func(l *lab)) {
		t.Run(name, func(t *testing.T) {
			config := rest.CopyConfig(server.Config)
			config.QPS, config.Burst = 1000, 1000
			c, err := client.New(config, client.Options{Scheme: scheme, Mapper: mapper()})
			require.NoError(t, err)
			namespace, err := server.Client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
				ObjectMeta: metav1.ObjectMeta{GenerateName: "metallb-"},
			}, metav1.CreateOptions{})
			require.NoError(t, err)
			f(&lab{T: t, server: server, user: user, client: c, namespace: namespace.Name, requests: newRequests(), log: &logtest.Log{}})
		})
	}
	in("kinds that are not installed are named once, and written when they come", absentKinds)
	in("a Service's status lives as MetalLB's does", lifecycle)
	in("nothing is written while nothing changes", steady)
	in("each change costs the requests that docs/performance.md counts", cost)
	in("a restart takes over what is there, and cleans up what nothing asks for", restart)
	in("what somebody deletes, copies or edits is put right", meddling)
	in("somebody who writes against us all the time costs little, and loses", storm)
	in("an API server that was away gets the newest state", away)
	in("rights that are missing are named once, and used when they come", forbidden)
	in("names that are too long for labels are cut, and told apart", longNames)
	in("the pod owns what is written", owned)
	in("a ConfigurationState names what is wrong, and since when", configurationState)
	in("each node has its own state", nodes)
	in("a state is Unknown when FRR fails for long, and not for a blink", unknown)
	in("Events tell what is announced and withdrawn, once, also over a restart", serviceEvents)
	in("Events tell what is wrong with objects, and that it is mended, once for all nodes", objectEvents)
	in("Events about kinds, which have no name, are about the node", namelessEvents)
	in("a namespace that takes no Events is told once, and once when it does", closedNamespace)
	in("ten thousand Services at once make few Events", manyEvents)
	in("whatever stands in a problem, its Event is written, short and clean", hostileEvents)
}

// allowed is what the chart allows, and no more.
func allowed() []rbacv1.PolicyRule {
	return slices.Concat(rights.Rules(rights.All(), rights.Cluster), rights.Rules(rights.All(), rights.Namespace))
}

// mapper knows our kinds without asking, since they come and go.
func mapper() meta.RESTMapper {
	m := meta.NewDefaultRESTMapper(nil)
	m.Add(v1beta1.GroupVersion.WithKind("ServiceBGPStatus"), meta.RESTScopeNamespace)
	m.Add(v1beta1.GroupVersion.WithKind("ConfigurationState"), meta.RESTScopeNamespace)
	return m
}

func absentKinds(l *lab) {
	c := newCluster("n1")
	c.service("web", "192.0.2.10")
	r, _ := l.start("n1", func(o *status.ReporterOptions) { o.EventsPerMinute = 600 })
	c.tell(l.T, r)
	const sentence = "does not know this kind of status"
	l.eventually(func() bool { return l.log.Count(sentence) == 2 }, "one line a kind")
	l.eventually(func() bool { // it is asked again, and said no more; Events are written all the same
		lists := 0
		for k, n := range l.requests.Counts() {
			if k.Code == "404" {
				lists += n
			}
		}
		return lists > 6 && slices.ContainsFunc(l.events("default"), func(e eventsv1.Event) bool { return e.Regarding.Name == "web" })
	})
	require.Equal(l, 2, l.log.Count(sentence))
	l.server.InstallCRDs(l)
	l.shows("n1 default/web tor1,tor2")
	l.isState("n1", v1beta1.ConfigurationValid)
}

func lifecycle(l *lab) {
	c := newCluster("n1")
	c.service("web", "192.0.2.10")
	r, _ := l.start("n1")
	result := c.translated(l.T)
	r.Judged(result.Problems, c.objects.Finder())
	l.quietState(r, c)
	require.Empty(l, l.statuses(), "before FRR was seen running it")
	c.tell(l.T, r)
	l.shows("n1 default/web tor1,tor2")
	var list v1beta1.ServiceBGPStatusList
	require.NoError(l, l.client.List(l.Context(), &list, client.InNamespace(l.namespace)))
	first := list.Items[0]
	require.True(l, strings.HasPrefix(first.Name, "bgp-"))
	require.Equal(l, map[string]string{"metallb.io/node": "n1", "metallb.io/service-name": "web", "metallb.io/service-namespace": "default"}, first.Labels)

	advert := c.objects.Advertisements[0].DeepCopy()
	advert.Spec.Peers = []string{"tor1", "tor2", "nobody"}
	c.objects.Advertisements = []*v1beta1.BGPAdvertisement{advert}
	c.tell(l.T, r)
	l.quiet(r, c)
	require.NoError(l, l.client.List(l.Context(), &list, client.InNamespace(l.namespace)))
	require.Equal(l, first.ResourceVersion, list.Items[0].ResourceVersion, "a peer that does not exist changes nothing")

	advert = advert.DeepCopy()
	advert.Spec.Peers = []string{"tor2", "nobody"}
	c.objects.Advertisements = []*v1beta1.BGPAdvertisement{advert}
	c.tell(l.T, r)
	l.shows("n1 default/web tor2")
	require.NoError(l, l.client.List(l.Context(), &list, client.InNamespace(l.namespace)))
	require.Equal(l, first.UID, list.Items[0].UID, "the same object")

	advert = advert.DeepCopy()
	advert.Spec.NodeSelectors = []metav1.LabelSelector{{MatchLabels: map[string]string{"rack": "b"}}}
	c.objects.Advertisements = []*v1beta1.BGPAdvertisement{advert}
	c.tell(l.T, r)
	l.shows()

	advert = advert.DeepCopy()
	advert.Spec.NodeSelectors = nil
	c.objects.Advertisements = []*v1beta1.BGPAdvertisement{advert}
	c.service("api", "192.0.2.11")
	c.tell(l.T, r)
	l.shows("n1 default/api tor2", "n1 default/web tor2")
	c.drop("web")
	c.tell(l.T, r)
	l.shows("n1 default/api tor2")
}

// quietState waits until a state was written that has nothing to do with Services.
func (l *lab) quietState(r *status.Reporter, c *cluster) {
	l.Helper()
	bad := *c
	bad.peer("bad", "no address")
	r.Judged(bad.translated(l.T).Problems, bad.objects.Finder())
	l.isState(c.node, v1beta1.ConfigurationInvalid)
}

func steady(l *lab) {
	c := newCluster("n1")
	for i := range 50 {
		c.service(fmt.Sprintf("s%02d", i), fmt.Sprintf("192.0.2.%d", i))
	}
	r, _ := l.start("n1", func(o *status.ReporterOptions) { o.EventsPerMinute = 6000 })
	c.tell(l.T, r)
	l.eventually(func() bool { return len(l.statuses()) == 50 && !slices.Contains(l.statuses(), " / ") })
	l.eventually(func() bool {
		n := 0
		for _, e := range l.events("default") {
			if strings.HasPrefix(e.Regarding.Name, "s") && e.Reason == "nodeAssigned" {
				n++
			}
		}
		return n == 50
	})
	l.quiet(r, c)
	before, told := l.requests.Counts(), len(l.events("default"))
	for range 200 {
		c.tell(l.T, r)
	}
	l.quiet(r, c)
	after := l.requests.Counts()
	changed := map[asked]int{}
	for k, n := range after {
		if d := n - before[k]; d > 0 {
			changed[k] = d
		}
	}
	require.Len(l, l.events("default"), told)
	// What is left is the marker of quiet: two states, and the Event about its peer.
	maps.DeleteFunc(changed, func(k asked, _ int) bool { return k.Resource == "events" })
	require.Equal(l, map[asked]int{{Verb: "patch", Resource: "configurationstates/status", Code: "200"}: 2}, changed)
}

// cost counts requests, one change after the other. A change that is followed by its opposite before it was written would not be counted.
func cost(l *lab) {
	c := newCluster("n1")
	r, _ := l.start("n1", func(o *status.ReporterOptions) { o.EventsPerMinute = 6000 })
	before := map[asked]int{}
	costs := func(what string, want map[string]int) {
		l.Helper()
		var now map[string]int
		counts := func() bool {
			now = map[string]int{}
			for k, n := range l.requests.Counts() {
				if d := n - before[k]; d > 0 {
					now[k.Verb+" "+k.Resource] += d
				}
			}
			return maps.Equal(want, now)
		}
		end := time.Now().Add(soon)
		for !counts() && time.Now().Before(end) {
			time.Sleep(tick)
		}
		require.Equal(l, want, now, what)
		before = l.requests.Counts()
	}
	c.tell(l.T, r)
	costs("the start", map[string]int{
		"watch configurationstates": 1, "watch servicebgpstatuses": 1, "create configurationstates": 1, "patch configurationstates/status": 1,
	})
	c.service("cost", "192.0.2.10")
	c.tell(l.T, r)
	costs("a Service comes", map[string]int{"create servicebgpstatuses": 1, "patch servicebgpstatuses/status": 1, "create events": 1})
	c.peer("tor3", "10.0.0.3")
	c.tell(l.T, r)
	costs("its peers change", map[string]int{"patch servicebgpstatuses/status": 1})
	kept := c.objects.EndpointSlices
	c.objects.EndpointSlices = nil
	c.tell(l.T, r)
	costs("it loses its endpoints", map[string]int{"delete servicebgpstatuses": 1, "create events": 1})
	c.objects.EndpointSlices = kept
	c.tell(l.T, r)
	costs("it has them again", map[string]int{"create servicebgpstatuses": 1, "patch servicebgpstatuses/status": 1, "create events": 1})
	c.drop("cost")
	c.tell(l.T, r)
	costs("it is deleted", map[string]int{"delete servicebgpstatuses": 1})
	bad := c.peer("cost-bad", "no address")
	c.tell(l.T, r)
	costs("an object gets a problem", map[string]int{"patch configurationstates/status": 1, "create events": 1})
	bad.Spec.Address = "10.0.0.4"
	c.tell(l.T, r)
	costs("it is mended", map[string]int{"patch configurationstates/status": 1, "create events": 1})
}

func restart(l *lab) {
	c := newCluster("n1")
	c.service("web", "192.0.2.10")
	c.service("api", "192.0.2.11")
	r, stop := l.start("n1")
	c.tell(l.T, r)
	l.shows("n1 default/api tor1,tor2", "n1 default/web tor1,tor2")
	other, stopOther := l.start("n2")
	onOther := newCluster("n2")
	onOther.service("web", "192.0.2.10")
	onOther.tell(l.T, other)
	l.shows("n1 default/api tor1,tor2", "n1 default/web tor1,tor2", "n2 default/web tor1,tor2")
	before := l.state("n1")
	stop()
	stopOther()

	c.drop("api") // while nobody looks
	r, _ = l.start("n1")
	c.tell(l.T, r)
	l.shows("n1 default/web tor1,tor2", "n2 default/web tor1,tor2")
	l.eventually(func() bool { // and that is all: one deletion, no other write since the start
		return l.requests.Counts()[asked{Verb: "delete", Resource: "servicebgpstatuses", Code: "200"}] == 1
	})
	require.Equal(l, before.ResourceVersion, l.state("n1").ResourceVersion)
	require.Equal(l, 3, l.requests.Counts()[asked{Verb: "create", Resource: "servicebgpstatuses", Code: "201"}])
}

func meddling(l *lab) {
	c := newCluster("n1")
	c.service("web", "192.0.2.10")
	r, _ := l.start("n1")
	c.tell(l.T, r)
	want := "n1 default/web tor1,tor2"
	l.shows(want)
	get := func() *v1beta1.ServiceBGPStatus {
		var list v1beta1.ServiceBGPStatusList
		require.NoError(l, l.client.List(l.Context(), &list, client.InNamespace(l.namespace)))
		if len(list.Items) == 0 {
			return &v1beta1.ServiceBGPStatus{} // between two writes
		}
		return &list.Items[0]
	}

	gone := get()
	require.NoError(l, l.client.Delete(l.Context(), gone))
	l.eventually(func() bool { return slices.Equal(l.statuses(), []string{want}) && get().UID != gone.UID }, "made anew")

	one := get()
	require.NoError(l, l.client.Status().Patch(l.Context(), one, client.RawPatch(types.MergePatchType, []byte(`{"status":{"peers":["liar"]}}`))))
	l.shows(want)

	one = get()
	require.NoError(l, l.client.Patch(l.Context(), one, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"metallb.io/service-name":"other"}}}`))))
	l.eventually(func() bool {
		return slices.Equal(l.statuses(), []string{want}) && get().Labels["metallb.io/service-name"] == "web"
	}, "an object under another name is deleted, and made anew")

	one = get()
	double := one.DeepCopy()
	double.ResourceVersion, double.UID, double.Name, double.GenerateName = "", "", "", "bgp-"
	require.NoError(l, l.client.Create(l.Context(), double))
	l.shows(want)

	one = get()
	require.NoError(l, l.client.Patch(l.Context(), one, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":["example.com/hold"]}}`))))
	require.NoError(l, l.client.Delete(l.Context(), one))
	l.shows(want, want) // the held one, and one in its place
	require.NoError(l, l.client.Patch(l.Context(), one, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))))
	l.shows(want)
	c.drop("web")
	c.tell(l.T, r)
	l.shows()
}

func storm(l *lab) {
	c := newCluster("n1")
	c.service("web", "192.0.2.10")
	r, _ := l.start("n1", func(o *status.ReporterOptions) { o.Apart = 500 * time.Millisecond })
	c.tell(l.T, r)
	l.shows("n1 default/web tor1,tor2")
	l.isState("n1", v1beta1.ConfigurationValid)
	before, begun, edits := l.writes(), time.Now(), 0
	for ; edits < 200 || time.Since(begun) < 3*time.Second; edits++ {
		patch := func(path string) client.Patch {
			return client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"status":{%s}}`, strings.ReplaceAll(path, "N", fmt.Sprint(edits))))
		}
		require.NoError(l, l.client.Status().Patch(l.Context(), l.state("n1"), patch(`"errorSummary":"lie N"`)))
		var list v1beta1.ServiceBGPStatusList
		require.NoError(l, l.client.List(l.Context(), &list, client.InNamespace(l.namespace)))
		require.NoError(l, l.client.Status().Patch(l.Context(), &list.Items[0], patch(`"peers":["lieN"]`)))
	}
	took, wrote := time.Since(begun), l.writes()-before
	require.NotZero(l, wrote)
	require.LessOrEqual(l, wrote, 2*int(took/(500*time.Millisecond)+2), "in %v, against %d edits of each object", took, edits)
	l.shows("n1 default/web tor1,tor2")
	l.eventually(func() bool { return l.state("n1").Status.ErrorSummary == "" })
}

func away(l *lab) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(l, err)
	gate := apiserver.NewGate(l, listener, l.server.Address)
	config := rest.CopyConfig(l.user)
	config.Host = "https://" + gate.Address()
	c := newCluster("n1")
	c.service("web", "192.0.2.10")
	r, _ := l.startAt(config, "n1")
	c.tell(l.T, r)
	l.shows("n1 default/web tor1,tor2")
	l.isState("n1", v1beta1.ConfigurationValid)
	gate.Shut()
	for i := range 100 { // what nobody sees in between is not written later
		c.objects.Peers = c.objects.Peers[:1]
		c.peer("tor3", fmt.Sprintf("10.0.1.%d", i))
		c.tell(l.T, r)
	}
	c.service("late", "192.0.2.11")
	c.peer("bad", "no address")
	c.tell(l.T, r)
	l.eventually(func() bool { return l.log.Count("tried again") > 0 })
	before := l.writes()
	gate.Open()
	l.shows("n1 default/late tor1,tor3", "n1 default/web tor1,tor3")
	require.Contains(l, l.isState("n1", v1beta1.ConfigurationInvalid).Status.ErrorSummary, "bad")
	require.Less(l, l.writes()-before, 15, "the newest state alone")
	require.LessOrEqual(l, l.log.Count("tried again"), 4, "an outage is said once by who reads and who writes a kind")
}

func forbidden(l *lab) {
	nobody := l.server.User(l, "nobody-"+l.namespace)
	c := newCluster("n1")
	c.service("web", "192.0.2.10")
	r, _ := l.startAt(nobody, "n1")
	c.tell(l.T, r)
	rights := []string{"list configurationstates.metallb.io", "watch configurationstates.metallb.io", "list servicebgpstatuses.metallb.io", "watch servicebgpstatuses.metallb.io"}
	once := func() bool {
		return !slices.ContainsFunc(rights, func(r string) bool { return l.log.Count(fmt.Sprintf("right=%q", r)) != 1 })
	}
	l.eventually(once)
	l.eventually(func() bool {
		n := 0
		for k, count := range l.requests.Counts() {
			if k.Code == "403" {
				n += count
			}
		}
		return n > 6
	})
	require.True(l, once(), l.log.String())
	_, err := l.server.Client.RbacV1().ClusterRoles().Update(l.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "nobody-" + l.namespace}, Rules: allowed(),
	}, metav1.UpdateOptions{})
	require.NoError(l, err)
	l.shows("n1 default/web tor1,tor2")
	l.isState("n1", v1beta1.ConfigurationValid)
}

func longNames(l *lab) {
	for _, end := range []string{"a", "b"} {
		node := strings.Repeat("node.", 49) + "0123456" + end // 253 characters
		c := newCluster(node)
		service := strings.Repeat("s", 63)
		c.service(service, "192.0.2.10")
		r, _ := l.start(node)
		c.tell(l.T, r)
		l.eventually(func() bool { return slices.Contains(l.statuses(), node+" default/"+service+" tor1,tor2") })
	}
	require.Len(l, l.statuses(), 2)
	var list v1beta1.ServiceBGPStatusList
	require.NoError(l, l.client.List(l.Context(), &list, client.InNamespace(l.namespace)))
	require.NotEqual(l, list.Items[0].Labels["metallb.io/node"], list.Items[1].Labels["metallb.io/node"])
	l.eventually(func() bool {
		var states v1beta1.ConfigurationStateList
		require.NoError(l, l.client.List(l.Context(), &states, client.InNamespace(l.namespace)))
		return len(states.Items) == 2 && states.Items[0].Status.Result != "" && states.Items[1].Status.Result != ""
	})
}

func owned(l *lab) {
	pod, err := l.server.Client.CoreV1().Pods(l.namespace).Create(l.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "speaker-x"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}},
	}, metav1.CreateOptions{})
	require.NoError(l, err)
	c := newCluster("n1")
	c.service("web", "192.0.2.10")
	r, stop := l.start("n1", func(o *status.ReporterOptions) { o.Pod = "away" })
	c.tell(l.T, r)
	l.shows("n1 default/web tor1,tor2")
	l.isState("n1", v1beta1.ConfigurationValid)
	require.Empty(l, l.state("n1").OwnerReferences)
	require.Equal(l, 1, l.log.Count("can't be read: status objects get no owner"))
	stop()
	r, _ = l.start("n1", func(o *status.ReporterOptions) { o.Pod = pod.Name })
	c.tell(l.T, r)
	want := []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID}}
	l.eventually(func() bool { return slices.Equal(l.state("n1").OwnerReferences, want) })
	l.eventually(func() bool {
		var list v1beta1.ServiceBGPStatusList
		require.NoError(l, l.client.List(l.Context(), &list, client.InNamespace(l.namespace)))
		return len(list.Items) == 1 && slices.Equal(list.Items[0].OwnerReferences, want)
	})
}

func configurationState(l *lab) {
	c := newCluster("n1")
	r, stop := l.start("n1")
	c.tell(l.T, r)
	valid := l.isState("n1", v1beta1.ConfigurationValid)
	require.Equal(l, map[string]string{"metallb.io/component-type": "speaker", "metallb.io/node-name": "n1"}, valid.Labels)
	condition := func(s *v1beta1.ConfigurationState) metav1.Condition {
		require.Len(l, s.Status.Conditions, 1)
		return s.Status.Conditions[0]
	}
	require.Equal(l, "configReconcilerValid", condition(valid).Type)
	require.Equal(l, "Reconciled", condition(valid).Reason)
	require.Equal(l, metav1.ConditionTrue, condition(valid).Status)
	require.Empty(l, valid.Status.ErrorSummary)

	// MetalLB's scenarios: one mistake after the other, each with its name, and none when all are mended.
	profile, community := c.peer("tor3", "10.0.0.3"), c.objects.Advertisements[0].DeepCopy()
	profile.Spec.BFDProfile = "fast"
	profile.Spec.PasswordSecret = corev1.SecretReference{Name: "wrong"}
	c.objects.Secrets = []*corev1.Secret{{ObjectMeta: c.meta("wrong"), Type: corev1.SecretTypeOpaque, Data: map[string][]byte{"password": []byte("canary")}}}
	community.Spec.Communities = []string{"red"}
	c.objects.Advertisements = []*v1beta1.BGPAdvertisement{community}
	c.tell(l.T, r)
	invalid := l.isState("n1", v1beta1.ConfigurationInvalid)
	first := condition(invalid)
	require.Equal(l, metav1.ConditionFalse, first.Status)
	require.Equal(l, "ConfigurationError", first.Reason)
	for _, word := range []string{"BGPPeer.metallb.io metallb-system/tor3", "bfdProfile", "UnknownBFDProfile", "InvalidSecret", "BGPAdvertisement.metallb.io", "UnknownCommunity"} {
		require.Contains(l, invalid.Status.ErrorSummary, word)
		require.Contains(l, first.Message, word)
	}
	require.NotContains(l, fmt.Sprint(invalid), "canary")
	l.nextSecond(first.LastTransitionTime)

	c.objects.Secrets[0].Type = corev1.SecretTypeBasicAuth
	c.tell(l.T, r)
	l.eventually(func() bool { return !strings.Contains(l.state("n1").Status.ErrorSummary, "InvalidSecret") })
	require.Equal(l, first.LastTransitionTime, condition(l.state("n1")).LastTransitionTime, "it is invalid since then")

	require.NoError(l, l.client.Delete(l.Context(), l.state("n1")))
	l.eventually(func() bool {
		s := l.state("n1")
		return s != nil && s.UID != invalid.UID && len(s.Status.Conditions) == 1
	})
	require.Equal(l, v1beta1.ConfigurationInvalid, l.state("n1").Status.Result)
	require.Equal(l, first.LastTransitionTime, condition(l.state("n1")).LastTransitionTime, "also in an object that is made anew")

	before := l.state("n1")
	stop()
	r, _ = l.start("n1")
	c.tell(l.T, r)
	c.objects.BFDProfiles = []*v1beta1.BFDProfile{{ObjectMeta: c.meta("fast")}}
	c.tell(l.T, r)
	l.eventually(func() bool { return !strings.Contains(l.state("n1").Status.ErrorSummary, "UnknownBFDProfile") })
	require.Equal(l, first.LastTransitionTime, condition(l.state("n1")).LastTransitionTime, "also after a restart")
	require.Equal(l, before.UID, l.state("n1").UID)

	c.objects.Communities = []*v1beta1.Community{{ObjectMeta: c.meta("c"), Spec: v1beta1.CommunitySpec{Communities: []v1beta1.CommunityAlias{{Name: "red", Value: "64500:1"}}}}}
	c.tell(l.T, r)
	require.True(l, condition(l.isState("n1", v1beta1.ConfigurationValid)).LastTransitionTime.After(first.LastTransitionTime.Time))
}

// nextSecond waits until times differ in whole seconds.
func (l *lab) nextSecond(from metav1.Time) {
	l.eventually(func() bool { return time.Since(from.Time) > 2*time.Second })
}

func nodes(l *lab) {
	a, b := newCluster("a"), newCluster("b")
	for _, c := range []*cluster{a, b} {
		p := c.peer("rack-b", "10.0.0.9")
		p.Spec.NodeSelectors = []metav1.LabelSelector{{MatchLabels: map[string]string{"rack": "b"}}}
		p.Spec.BFDProfile = "none"
	}
	b.objects.Nodes[0].Labels["rack"] = "b"
	ra, _ := l.start("a")
	rb, _ := l.start("b")
	a.tell(l.T, ra)
	b.tell(l.T, rb)
	l.isState("a", v1beta1.ConfigurationValid)
	l.isState("b", v1beta1.ConfigurationInvalid)
	a.objects.Nodes[0].Labels["rack"] = "b"
	b.objects.Nodes[0].Labels["rack"] = "a"
	a.tell(l.T, ra)
	b.tell(l.T, rb)
	l.isState("a", v1beta1.ConfigurationInvalid)
	l.isState("b", v1beta1.ConfigurationValid)
}

func unknown(l *lab) {
	c := newCluster("n1")
	c.service("web", "192.0.2.10")
	r, _ := l.start("n1", func(o *status.ReporterOptions) { o.Grace = 5 * time.Second })
	c.tell(l.T, r)
	l.eventually(func() bool { return l.writes() == 4 }, "two objects, each in two steps")
	l.isState("n1", v1beta1.ConfigurationValid)
	before := l.writes()
	for range 20 { // FRR is restarted
		r.Failed(fmt.Errorf("bgpd does not answer"))
		c.tell(l.T, r)
	}
	c.drop("web")
	c.tell(l.T, r)
	l.eventually(func() bool { return l.writes() == before+1 && len(l.statuses()) == 0 }, "the deletion alone")
	r.Failed(fmt.Errorf("bgpd does not answer"))
	s := l.isState("n1", v1beta1.ConfigurationUnknown)
	require.Equal(l, "bgpd does not answer", s.Status.ErrorSummary)
	require.Equal(l, "UnknownError", s.Status.Conditions[0].Reason)
	c.peer("bad", "no address")
	r.Judged(c.translated(l.T).Problems, c.objects.Finder())
	require.Contains(l, l.isState("n1", v1beta1.ConfigurationInvalid).Status.ErrorSummary, "bad", "what a user can mend comes first")
	c.objects.Peers = c.objects.Peers[:2]
	c.tell(l.T, r)
	l.isState("n1", v1beta1.ConfigurationValid)
}

// said returns the Events about an object, as REASON NOTE, the oldest first.
func (l *lab) said(namespace, name string) []string {
	l.Helper()
	events := l.events(namespace)
	slices.SortFunc(events, func(a, b eventsv1.Event) int { return a.EventTime.Compare(b.EventTime.Time) })
	var out []string
	for _, e := range events {
		if e.Regarding.Name == name {
			out = append(out, e.Reason+" "+e.Note)
		}
	}
	return out
}

func serviceEvents(l *lab) {
	file := filepath.Join(l.TempDir(), "told.json")
	many := func(o *status.ReporterOptions) { o.EventsPerMinute, o.ToldFile = 6000, file }
	c := newCluster("n1")
	c.service("events-web", "192.0.2.10")
	c.service("events-quiet", "192.0.2.11")
	c.objects.EndpointSlices = c.objects.EndpointSlices[:1] // the other one never has an endpoint
	r, stop := l.start("n1", many)
	c.tell(l.T, r)
	announced := `nodeAssigned announcing from node "n1" with protocol "bgp"`
	is := func(name string, want ...string) {
		l.Helper()
		l.eventually(func() bool { return len(l.said("default", name)) >= len(want) }, want)
		require.Equal(l, want, l.said("default", name))
	}
	is("events-web", announced)
	events := l.events("default")
	i := slices.IndexFunc(events, func(e eventsv1.Event) bool { return e.Regarding.Name == "events-web" })
	require.Equal(l, types.UID("uid-events-web"), events[i].Regarding.UID)
	require.Equal(l, "Normal", events[i].Type)
	stop()

	r, stop = l.start("n1", many)
	c.tell(l.T, r)
	slicesBefore := c.objects.EndpointSlices
	c.objects.EndpointSlices = nil
	l.quiet(r, c) // has told it that nothing is left, too
	withdrawn := `nodeWithdrawn no longer announced from node "n1" with protocol "bgp": it has no endpoint that is ready or serving (noEndpoints)`
	is("events-web", announced, withdrawn)
	c.objects.EndpointSlices = slicesBefore
	c.tell(l.T, r)
	is("events-web", announced, withdrawn, announced)

	// Nobody is told of what is over before it was written, and nobody reads Events of a Service that is deleted.
	c.drop("events-web")
	again := c.service("events-again", "192.0.2.12")
	c.tell(l.T, r)
	is("events-again", announced)
	again = again.DeepCopy()
	again.Spec.Type = corev1.ServiceTypeClusterIP
	c.objects.Services = []*corev1.Service{again}
	c.tell(l.T, r)
	is("events-again", announced, `nodeWithdrawn no longer announced from node "n1" with protocol "bgp": it is no LoadBalancer any more, or one of another loadBalancerClass`)
	is("events-web", announced, withdrawn, announced)
	require.Empty(l, l.said("default", "events-quiet"), "it never was announced")

	// Another Service of the same name is another Service.
	c.service("events-web", "192.0.2.13").UID = "another"
	c.tell(l.T, r)
	is("events-web", announced, withdrawn, announced, announced)
	stop()
	c.drop("events-web") // while nobody looks
	r, _ = l.start("n1", many)
	c.tell(l.T, r)
	c.service("events-last", "192.0.2.14")
	c.tell(l.T, r)
	is("events-last", announced)
	is("events-web", announced, withdrawn, announced, announced)
}

func objectEvents(l *lab) {
	file := filepath.Join(l.TempDir(), "told.json")
	var reporters []*status.Reporter
	var stops []func()
	var clusters []*cluster
	for i := range 4 {
		c := newCluster(fmt.Sprintf("n%d", i))
		p := c.peer("events-bad", "10.0.0.9")
		p.Spec.BFDProfile = "none"
		r, stop := l.start(c.node, func(o *status.ReporterOptions) { o.EventsPerMinute, o.ToldFile = 6000, file+c.node })
		reporters, stops, clusters = append(reporters, r), append(stops, stop), append(clusters, c)
	}
	all := func() {
		for i, r := range reporters {
			clusters[i].tell(l.T, r)
		}
	}
	created := func() int {
		return l.requests.Counts()[asked{Verb: "create", Resource: "events", Code: "201"}]
	}
	known := func() int {
		return l.requests.Counts()[asked{Verb: "create", Resource: "events", Code: "409"}]
	}
	all()
	l.eventually(func() bool { return created()+known() == 4 })
	said := l.said(snapshot.DefaultNamespace, "events-bad")
	require.LessOrEqual(l, len(said), 2, "one for all nodes, or two when the five minutes were just over")
	require.Contains(l, said[0], `UnknownBFDProfile spec.bfdProfile: `)
	require.Contains(l, said[0], `[seen on node "n`)
	events := l.events(snapshot.DefaultNamespace)
	i := slices.IndexFunc(events, func(e eventsv1.Event) bool { return e.Regarding.Name == "events-bad" })
	require.Equal(l, "Warning", events[i].Type)
	require.Equal(l, corev1.ObjectReference{
		APIVersion: "metallb.io/v1beta2", Kind: "BGPPeer", Namespace: snapshot.DefaultNamespace, Name: "events-bad", UID: "uid-events-bad",
	}, events[i].Regarding)

	// A restart says nothing again.
	for i, stop := range stops {
		stop()
		c := clusters[i]
		reporters[i], _ = l.start(c.node, func(o *status.ReporterOptions) { o.EventsPerMinute, o.ToldFile = 6000, file+c.node })
	}
	all()
	for i, r := range reporters {
		clusters[i].objects.BFDProfiles = []*v1beta1.BFDProfile{{ObjectMeta: clusters[i].meta("none")}}
		clusters[i].tell(l.T, r)
	}
	l.eventually(func() bool { return created()+known() == 8 })
	mended := slices.DeleteFunc(l.said(snapshot.DefaultNamespace, "events-bad"), func(s string) bool { return !strings.HasPrefix(s, "Mended ") })
	require.NotEmpty(l, mended)
	require.LessOrEqual(l, len(mended), 2)
	require.Contains(l, mended[0], "was: UnknownBFDProfile")

	// What is wrong with an object that is deleted is over without a word.
	for i, r := range reporters {
		clusters[i].objects.BFDProfiles = nil
		clusters[i].tell(l.T, r)
	}
	l.eventually(func() bool { return created()+known() == 12 })
	for i, r := range reporters {
		clusters[i].objects.Peers = clusters[i].objects.Peers[:2]
		clusters[i].tell(l.T, r)
		clusters[i].peer("events-other", "no address")
		clusters[i].tell(l.T, r)
	}
	l.eventually(func() bool { return created()+known() == 16 })
	require.Len(l, slices.DeleteFunc(l.said(snapshot.DefaultNamespace, "events-bad"), func(s string) bool { return !strings.HasPrefix(s, "Mended ") }), len(mended))
}

// What is wrong with all objects of a kind is no object's Event: the API server takes none without a name.
func namelessEvents(l *lab) {
	r, _ := l.start("nameless", func(o *status.ReporterOptions) { o.EventsPerMinute = 6000 })
	kind := problem.Object{Kind: "BGPPeer", Group: "metallb.io", Namespace: l.namespace}
	nothing := func(problem.Object) (types.UID, bool) { return "", false }
	r.Judged([]problem.Problem{{Severity: problem.Error, Object: kind, Reason: problem.Forbidden, Message: "the API server forbids it"}}, nothing)
	l.eventually(func() bool { return len(l.said("default", "nameless")) == 1 })
	require.Equal(l, []string{"Forbidden BGPPeer.metallb.io " + l.namespace + "/- the API server forbids it (Forbidden)"}, l.said("default", "nameless"))
	r.Judged(nil, nothing)
	l.eventually(func() bool { return len(l.said("default", "nameless")) == 2 })
	require.Equal(l, "Mended BGPPeer.metallb.io "+l.namespace+"/- nothing is wrong any more (was: Forbidden)", l.said("default", "nameless")[1])
}

// A policy lets no Events into a namespace (no ResourceQuota can: API servers leave Events out of them): others are told all the same, and the log does
// not go to and fro.
func closedNamespace(l *lab) {
	policies := l.server.Client.AdmissionregistrationV1()
	forbidden := metav1.StatusReasonForbidden
	_, err := policies.ValidatingAdmissionPolicies().Create(l.Context(), &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: l.namespace}, Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule:       admissionv1.Rule{APIGroups: []string{"events.k8s.io"}, APIVersions: []string{"v1"}, Resources: []string{"events"}},
			}}}},
			Validations: []admissionv1.Validation{{Expression: fmt.Sprintf("object.metadata.namespace != %q", l.namespace), Message: "no Events here", Reason: &forbidden}},
		},
	}, metav1.CreateOptions{})
	require.NoError(l, err)
	_, err = policies.ValidatingAdmissionPolicyBindings().Create(l.Context(), &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: l.namespace},
		Spec:       admissionv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: l.namespace, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny}},
	}, metav1.CreateOptions{})
	require.NoError(l, err)
	l.eventually(func() bool {
		_, err := l.server.Client.EventsV1().Events(l.namespace).Create(l.Context(), &eventsv1.Event{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "trial-"}, EventTime: metav1.NowMicro(), ReportingController: "a.b/c", ReportingInstance: "c",
			Type: "Normal", Reason: "Trial", Action: "Try", Regarding: corev1.ObjectReference{Kind: "Service", Namespace: l.namespace, Name: "trial"},
		}, metav1.CreateOptions{})
		return err != nil && strings.Contains(err.Error(), "no Events here")
	}, "the policy is in force")
	c := newCluster("n1")
	for i, namespace := range []string{l.namespace, "default", l.namespace, "default", l.namespace, "default"} {
		s := c.service(fmt.Sprintf("full%d", i), fmt.Sprintf("192.0.2.%d", 100+i))
		s.Namespace, c.objects.EndpointSlices[i].Namespace = namespace, namespace
	}
	r, _ := l.start("n1", func(o *status.ReporterOptions) { o.EventsPerMinute = 6000 })
	c.tell(l.T, r)
	const closed, open = "a namespace takes no Events;", "a namespace takes Events again"
	refused := func() int {
		return l.requests.Counts()[asked{Verb: "create", Resource: "events", Code: "403"}]
	}
	l.eventually(func() bool { return refused() >= 2 && len(l.said("default", "full5")) == 1 })
	require.Equal(l, 1, l.log.Count(closed), l.log.String())
	require.Zero(l, l.log.Count("status can't be kept")+l.log.Count("again at")+l.log.Count("refuses status")+l.log.Count(open), l.log.String())
	require.NoError(l, policies.ValidatingAdmissionPolicyBindings().Delete(l.Context(), l.namespace, metav1.DeleteOptions{}))
	l.eventually(func() bool {
		return len(l.said(l.namespace, "full0"))+len(l.said(l.namespace, "full2"))+len(l.said(l.namespace, "full4")) == 3
	})
	require.Equal(l, 1, l.log.Count(closed), l.log.String())
	require.Equal(l, 1, l.log.Count(open), l.log.String())
}

func manyEvents(l *lab) {
	const services = 10_000
	c := newCluster("many")
	for i := range services {
		c.service(fmt.Sprintf("many%d", i), fmt.Sprintf("10.%d.%d.%d", 96+i>>16, i>>8&255, i&255))
	}
	file := filepath.Join(l.TempDir(), "told.json")
	many := func(o *status.ReporterOptions) { o.EventsPerMinute, o.ToldFile, o.ServiceStatus = 1200, file, false }
	r, stop := l.start("many", many)
	begun := time.Now()
	c.tell(l.T, r)
	require.Less(l, time.Since(begun), 30*time.Second, "nobody waits for Events")
	var summary []string
	l.eventually(func() bool { summary = l.said("default", "many"); return len(summary) == 1 })
	require.Contains(l, summary[0], fmt.Sprintf(`EventsLeftOut More changed at once than Events are written for; from node "many" also: %d announced.`, services-60))
	told := func() int {
		return len(slices.DeleteFunc(l.events("default"), func(e eventsv1.Event) bool { return !strings.HasPrefix(e.Regarding.Name, "many") }))
	}
	l.eventually(func() bool { return told() == 60+1 })
	stop()

	r, _ = l.start("many", many)
	c.tell(l.T, r)
	c.service("many-more", "10.100.0.1")
	c.tell(l.T, r)
	l.eventually(func() bool { return len(l.said("default", "many-more")) == 1 })
	require.Equal(l, 60+2, told(), "a restart with ten thousand Services says nothing of them again")
}

func hostileEvents(l *lab) {
	r, _ := l.start("n1", func(o *status.ReporterOptions) { o.EventsPerMinute = 6000 })
	var problems []problem.Problem
	texts := []string{strings.Repeat("é", 3000), "a\nb\x1b[31m\u202ec\x00", "bad \xff\xfe utf-8", "%s%d%!", ""}
	for i, text := range texts {
		problems = append(problems, problem.Problem{
			Severity: problem.Error, Reason: problem.InvalidValue, Field: "spec." + text, Message: text,
			Object: problem.Object{Kind: "BGPPeer", Group: "metallb.io", Namespace: l.namespace, Name: fmt.Sprintf("%s%d", strings.Repeat("p", 252), i)},
		})
	}
	r.Judged(problems, func(problem.Object) (types.UID, bool) { return "", true })
	l.eventually(func() bool { return len(l.events(l.namespace)) == len(texts) })
	for _, e := range l.events(l.namespace) {
		require.LessOrEqual(l, len(e.Note), 1024)
		require.NotContains(l, e.Note, "\n")
		require.NotContains(l, e.Note, "\x1b")
		require.NotContains(l, e.Note, "\u202e")
		require.Contains(l, e.Note, `[seen on node "n1"`, "the end of it")
	}
	s := l.isState("n1", v1beta1.ConfigurationInvalid)
	require.LessOrEqual(l, len(s.Status.ErrorSummary), 4096)
	require.NotContains(l, s.Status.ErrorSummary, "\x1b")
}
