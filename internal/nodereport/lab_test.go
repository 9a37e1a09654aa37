package nodereport_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/nodereport"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/logtest"
)

const (
	// patience is how long a test waits for what takes a fraction of a second on a machine with nothing else to do.
	patience    = time.Minute
	ownSpace    = "metallb-system"
	clusterRoom = "cluster-bm"
	reports     = networking.ReportNamespace
)

var (
	groupResource   = networking.GroupVersion.WithResource("networkgatewaygroups")
	nodeResource    = networking.GroupVersion.WithResource("networkgatewaynodes")
	sessionResource = networking.GroupVersion.WithResource("bgpsessions")
	leaseResource   = coordinationv1.SchemeGroupVersion.WithResource("leases")
	coreNodes       = corev1.SchemeGroupVersion.WithResource("nodes")
)

// lab is a real API server with GDC's kinds, and a user with the rights of an agent.
type lab struct {
	*apiserver.Server
	objects dynamic.Interface
	user    *rest.Config
	n1, n2  string
}

// TestMain lets the parts of the tests wait at the same time: they do little else.
func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "16")
	os.Exit(m.Run())
}

func newLab(t *testing.T) *lab {
	t.Helper()
	server := apiserver.Start(t, "enable-admission-plugins=OwnerReferencesPermissionEnforcement")
	require.NoError(t, server.ServeGDC())
	server.MakeNamespaces(t, ownSpace, clusterRoom)
	l := &lab{Server: server, objects: server.Objects(t)}
	l.user = l.agent(t, "agent", agentRights()...)
	return l
}

// room is a part of the lab with nodes of its own.
func (l *lab) room(i int) *lab {
	room := *l
	room.n1, room.n2 = fmt.Sprintf("p%02d-n1", i), fmt.Sprintf("p%02d-n2", i)
	return &room
}

// apply makes objects, or changes them, with their status.
func (l *lab) apply(t *testing.T, r schema.GroupVersionResource, manifest string) {
	t.Helper()
	u := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal([]byte(manifest), &u.Object), manifest)
	apiserver.Apply(t, l.objects.Resource(r).Namespace(u.GetNamespace()), u)
}

func (l *lab) makeNode(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		l.apply(t, coreNodes, fmt.Sprintf(`{apiVersion: v1, kind: Node, metadata: {name: %s}}`, name))
	}
}

// place writes who holds which floating IP, as the manager does.
func (l *lab) place(t *testing.T, placed map[string]string) {
	t.Helper()
	text, err := json.Marshal(placed)
	require.NoError(t, err)
	l.apply(t, groupResource, fmt.Sprintf(`{apiVersion: networking.gke.io/v1, kind: NetworkGatewayGroup, metadata: {name: of-%s, namespace: %s},
  spec: {floatingIPs: [10.0.1.100, 10.0.1.101]}}`, l.n1, clusterRoom))
	patch := fmt.Sprintf(`[{"op":"add","path":"/status","value":{"floatingIPs":%s}}]`, text)
	_, err = l.objects.Resource(groupResource).Namespace(clusterRoom).Patch(t.Context(), "of-"+l.n1, types.JSONPatchType, []byte(patch), metav1.PatchOptions{}, "status")
	require.NoError(t, err)
}

// session makes a BGPSession, as the manager does.
func (l *lab) session(t *testing.T, name, node, floating, peer string) {
	t.Helper()
	l.apply(t, sessionResource, fmt.Sprintf(`{apiVersion: networking.gke.io/v1, kind: BGPSession, metadata: {name: %s, namespace: kube-system},
  spec: {floatingIP: %[3]s, localIP: %[3]s, localASN: 65001, peerASN: 65002, peerIP: %[4]s, nodeName: %[2]s}}`, name, node, floating, peer))
}

// edit merges into the status of an object, as somebody by hand.
func (l *lab) edit(t *testing.T, r schema.GroupVersionResource, namespace, name, text string) {
	t.Helper()
	_, err := l.objects.Resource(r).Namespace(namespace).Patch(t.Context(), name, types.MergePatchType, []byte(`{"status":`+text+`}`), metav1.PatchOptions{}, "status")
	require.NoError(t, err)
}

func get[T any](t *testing.T, l *lab, r schema.GroupVersionResource, namespace, name string) *T {
	t.Helper()
	u, err := l.objects.Resource(r).Namespace(namespace).Get(context.Background(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	require.NoError(t, err)
	out := new(T)
	require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, out))
	return out
}

// told is what a node tells of itself, on one line; empty: there is no such object.
func (l *lab) told(t *testing.T, node string) string {
	t.Helper()
	is := get[networking.NetworkGatewayNode](t, l, nodeResource, reports, node)
	if is == nil {
		return ""
	}
	var parts []string
	for _, s := range is.Status.Subnets {
		parts = append(parts, fmt.Sprintf("%s %s %s", s.Interface, s.Prefix, s.Address))
	}
	for _, f := range is.Status.FloatingIPs {
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Address, f.State, f.ConflictMAC+f.Message)))
	}
	for _, c := range is.Status.Conditions {
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s=%s %s %s", c.Type, c.Status, c.Reason, c.Message)))
	}
	return string(is.Status.State) + "; " + strings.Join(parts, "; ")
}

// fares is what a BGPSession tells, on one line.
func (l *lab) fares(t *testing.T, name string) string {
	t.Helper()
	is := get[networking.BGPSession](t, l, sessionResource, reports, name)
	if is == nil {
		return ""
	}
	return fmt.Sprintf("%s %v %v %s", is.Status.State, is.Status.AdvertisedRoutes, is.Status.AddPath, is.Status.Message)
}

func (l *lab) lease(t *testing.T, node string) *coordinationv1.Lease {
	t.Helper()
	return get[coordinationv1.Lease](t, l, leaseResource, ownSpace, gateway.LeaseName(node))
}

func renewedAt(l *coordinationv1.Lease) time.Time {
	if l == nil || l.Spec.RenewTime == nil {
		return time.Time{}
	}
	return l.Spec.RenewTime.Time
}

// renews waits for renewals that the API server has from now on.
func (l *lab) renews(t *testing.T, node string, times int) {
	t.Helper()
	for range times {
		before := renewedAt(l.lease(t, node))
		until(t, "a renewal", func() bool { return renewedAt(l.lease(t, node)).After(before) })
	}
}

// eventually waits until something is as it should be, and shows how it is otherwise.
func eventually(t *testing.T, want string, is func() string) {
	t.Helper()
	last := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if last = is(); last == want {
			return
		}
	}
	require.Equal(t, want, last)
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "%s did not come", what)
	}
}

// runner is a Writer that runs, and what becomes of it.
type runner struct {
	*nodereport.Writer
	denials *status.Denials
	kill    func()

	log logtest.Log

	mu       sync.Mutex
	requests []string // VERB RESOURCE, each as it is answered
	heard    []string // of Renewed: what was handed out with it, "-" for nothing
	until    time.Time
}

func (r *runner) logged() string { return r.log.String() }

func (r *runner) renewed(l nodereport.Renewal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	what := "-"
	if l.Wanted != nil {
		what = fmt.Sprint(l.Wanted)
	}
	r.heard, r.until = append(r.heard, what), l.Until
	r.requests = append(r.requests, "Renewed "+what)
}

// handed is what was handed out with renewals, without those that handed out nothing.
func (r *runner) handed() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.heard), func(s string) bool { return s == "-" })
}

// word is what was handed out with the last renewal.
func (r *runner) word() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.heard) == 0 {
		return ""
	}
	return r.heard[len(r.heard)-1]
}

func (r *runner) renewals() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.heard)
}

// asked are the requests that were answered, and the calls of Renewed among them.
func (r *runner) asked() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// noting notes what is asked.
type noting struct {
	next   http.RoundTripper
	runner *runner
}

func (n noting) RoundTrip(q *http.Request) (*http.Response, error) {
	answer, err := n.next.RoundTrip(q)
	what := "none"
	if err == nil {
		what = ""
		if answer.StatusCode >= http.StatusMultipleChoices {
			what = fmt.Sprint(" ", answer.StatusCode)
		}
	}
	n.runner.mu.Lock()
	defer n.runner.mu.Unlock()
	n.runner.requests = append(n.runner.requests, apiserver.Verb(q)+" "+apiserver.Resource(q)+what)
	return answer, err
}

// WrappedRoundTripper lets client-go find the transport below.
func (n noting) WrappedRoundTripper() http.RoundTripper { return n.next }

// run starts a Writer for a node; it ends with the test or when it is killed.
func (l *lab) run(t *testing.T, node string, change ...func(*nodereport.Config)) *runner {
	t.Helper()
	r := &runner{}
	log := slog.New(slog.NewTextHandler(&r.log, nil))
	r.denials = status.NewDenials(time.Now, log)
	c := nodereport.Config{API: rest.CopyConfig(l.user), Node: node, Namespace: ownSpace, Renewed: r.renewed, Denials: r.denials, Log: log}
	for _, f := range change {
		f(&c)
	}
	c.API.Wrap(func(next http.RoundTripper) http.RoundTripper { return noting{next, r} })
	w, err := nodereport.New(c)
	require.NoError(t, err)
	r.Writer = w
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.Run(ctx)
	}()
	r.kill = sync.OnceFunc(func() {
		stop()
		<-ended
	})
	t.Cleanup(func() {
		r.kill()
		if t.Failed() {
			t.Logf("%s asked\n%s\nand said\n%s", node, strings.Join(r.asked(), "\n"), r.logged())
		}
	})
	return r
}

// through has a Writer reach the API server by another address.
func through(t *testing.T, kubeconfig string) func(*nodereport.Config) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	require.NoError(t, err)
	return func(c *nodereport.Config) { c.API = config }
}

// gate is a way to the API server that can be shut.
func (l *lab) gate(t *testing.T) (*apiserver.Gate, func(*nodereport.Config)) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g := apiserver.NewGate(t, listener, l.Address)
	return g, through(t, apiserver.Kubeconfig(t, l.user, g.Address()))
}

// proxy is a way to the API server on which requests can be answered in its place.
func (l *lab) proxy(t *testing.T) (*apiserver.Proxy, func(*nodereport.Config)) {
	t.Helper()
	p := apiserver.NewProxy(t, l.Address, l.user)
	return p, through(t, p.Kubeconfig(t, p.Address()))
}

var (
	lan     = nodereport.Subnet{Interface: "eth0", Address: netip.MustParsePrefix("10.0.1.10/24")}
	ipv6LAN = nodereport.Subnet{Interface: "eth0", Address: netip.MustParsePrefix("fd01::10/64")}
	a, b    = netip.MustParseAddr("10.0.1.100"), netip.MustParseAddr("10.0.1.101")
	tor1    = netip.MustParseAddr("10.8.0.10")
	tor2    = netip.MustParseAddr("10.8.0.11")
)

func held(addresses ...netip.Addr) []nodereport.FloatingIP {
	var out []nodereport.FloatingIP
	for _, ip := range addresses {
		out = append(out, nodereport.FloatingIP{Address: ip, State: networking.FloatingIPHeld})
	}
	return out
}
