package manager_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/manager"
	"github.com/frr-renderer/frr-renderer/internal/rights"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/logtest"
)

const (
	// patience is how long a test waits for what takes a fraction of a second on a machine with nothing else to do.
	patience    = time.Minute
	ownSpace    = "metallb-system"
	clusterRoom = "cluster-bm"
)

// lab is a real API server with GDC's kinds, and managers that have just the rights of internal/rights.
type lab struct {
	*apiserver.Server
	objects dynamic.Interface
	user    *rest.Config
	used    *usage
}

// newLab starts the API server.
func newLab(t *testing.T) *lab {
	t.Helper()
	server := apiserver.Start(t)
	server.InstallCRDs(t)
	require.NoError(t, server.ServeGDC())
	return furnish(t, server)
}

// furnish makes the namespaces and the managers' user.
func furnish(t *testing.T, server *apiserver.Server) *lab {
	t.Helper()
	server.MakeNamespaces(t, ownSpace, clusterRoom)
	all := rights.Manager()
	l := &lab{Server: server, objects: server.Objects(t), used: &usage{seen: map[string]bool{}}}
	l.user = server.User(t, "manager", rights.Rules(all, rights.Cluster)...)
	server.Grant(t, "manager", ownSpace, rights.Rules(all, rights.Namespace)...)
	server.Grant(t, "manager", networking.ReportNamespace, rights.Rules(all, rights.Reports)...)
	return l
}

func unlimited(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.QPS = -1
	return config
}

// usage is which rights were used, as VERB RESOURCE.
type usage struct {
	mu   sync.Mutex
	seen map[string]bool
}

// runner is a manager that runs.
type runner struct {
	*manager.Manager
	t    *testing.T
	kill func()

	log logtest.Log

	mu     sync.Mutex
	writes []string
}

func (r *runner) logged() string { return r.log.String() }

// written are the writes but for those of Leases, each as VERB RESOURCE NAME.
func (r *runner) written() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.writes)
}

// counting counts what a manager does.
type counting struct {
	next   http.RoundTripper
	runner *runner
	used   *usage
}

func (c *counting) RoundTrip(q *http.Request) (*http.Response, error) {
	resource, name := apiserver.Target(q)
	done := apiserver.Verb(q) + " " + resource
	c.used.mu.Lock()
	c.used.seen[done] = true
	c.used.mu.Unlock()
	if apiserver.Writes(q) && resource != "leases" {
		c.runner.mu.Lock()
		c.runner.writes = append(c.runner.writes, strings.TrimSpace(done+" "+name))
		c.runner.mu.Unlock()
	}
	return c.next.RoundTrip(q)
}

// run starts a manager; it ends with the test or when it is killed.
func (l *lab) run(t *testing.T, name string) *runner { return l.runAt(t, name, l.user) }

func (l *lab) runAt(t *testing.T, name string, config *rest.Config) *runner {
	return l.runWith(t, name, config, nil)
}

func (l *lab) runWith(t *testing.T, name string, config *rest.Config, source *manager.Source) *runner {
	t.Helper()
	return l.runIn(t, ownSpace, name, config, source)
}

// runIn starts a manager with a namespace of its own.
func (l *lab) runIn(t *testing.T, namespace, name string, config *rest.Config, source *manager.Source) *runner {
	t.Helper()
	r := &runner{t: t}
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &counting{next, r, l.used} })
	m, err := manager.New(manager.Options{Config: config, Identity: name, Namespace: namespace, Source: source}, slog.New(slog.NewTextHandler(&r.log, nil)))
	require.NoError(t, err)
	r.Manager = m
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	r.kill = sync.OnceFunc(func() {
		stop()
		require.NoError(t, <-ended)
	})
	t.Cleanup(func() {
		r.kill()
		if t.Failed() {
			t.Logf("%s wrote\n%s\nand said\n%s", name, strings.Join(r.written(), "\n"), r.logged())
		}
	})
	return r
}

// wipe deletes everything that a test has made.
func (l *lab) wipe(t *testing.T) {
	t.Helper()
	for _, resource := range resources {
		all, err := l.objects.Resource(resource).List(t.Context(), metav1.ListOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		require.NoError(t, err)
		for _, o := range all.Items {
			if o.GetName() != "kubernetes" && !strings.HasPrefix(o.GetName(), "apiserver-") {
				err := l.objects.Resource(resource).Namespace(o.GetNamespace()).Delete(t.Context(), o.GetName(), metav1.DeleteOptions{})
				require.True(t, err == nil || apierrors.IsNotFound(err), "%v", err)
			}
		}
	}
}

var resources = []schema.GroupVersionResource{
	corev1.SchemeGroupVersion.WithResource("nodes"), corev1.SchemeGroupVersion.WithResource("services"),
	discoveryv1.SchemeGroupVersion.WithResource("endpointslices"), coordinationv1.SchemeGroupVersion.WithResource("leases"),
	networking.GroupVersion.WithResource("networkgatewaygroups"), networking.GroupVersion.WithResource("networkgatewaynodes"),
	networking.GroupVersion.WithResource("bgppeers"), networking.GroupVersion.WithResource("bgploadbalancers"),
	networking.GroupVersion.WithResource("bgpsessions"), networking.GroupVersion.WithResource("bgpadvertisedroutes"),
	{Group: "baremetal.cluster.gke.io", Version: "v1", Resource: "clusters"}, {Group: "metallb.io", Version: "v1beta1", Resource: "ipaddresspools"},
}

func resourceOf(u *unstructured.Unstructured) schema.GroupVersionResource {
	resource, _ := meta.UnsafeGuessKindToResource(u.GroupVersionKind())
	return resource
}

// apply makes objects, or changes them, with their status.
func (l *lab) apply(t *testing.T, manifests ...string) {
	t.Helper()
	for _, manifest := range manifests {
		for _, text := range strings.Split(manifest, "\n---\n") {
			u := &unstructured.Unstructured{}
			require.NoError(t, yaml.Unmarshal([]byte(text), &u.Object), text)
			l.applyOne(t, u)
		}
	}
}

func (l *lab) applyOne(t *testing.T, u *unstructured.Unstructured) {
	t.Helper()
	u.SetCreationTimestamp(metav1.Time{})
	apiserver.Apply(t, l.objects.Resource(resourceOf(u)).Namespace(u.GetNamespace()), u)
}

func (l *lab) remove(t *testing.T, kind schema.GroupVersionResource, namespace, name string) {
	t.Helper()
	require.NoError(t, l.objects.Resource(kind).Namespace(namespace).Delete(t.Context(), name, metav1.DeleteOptions{}))
}

// example is a case of internal/gateway, whose nodes and cluster are those of the documents where it has none of its own.
func (l *lab) example(t *testing.T, name string) {
	t.Helper()
	const dir = "../gateway/testdata/"
	own, err := os.ReadFile(dir + "cases/" + name + "/in.yaml")
	require.NoError(t, err)
	objects := map[string]string{} // by kind and name: its own win
	for _, text := range append(l.base(t, dir, own), strings.Split(string(own), "\n---\n")...) {
		u := &unstructured.Unstructured{}
		require.NoError(t, yaml.Unmarshal([]byte(text), &u.Object))
		if len(u.Object) > 0 && u.GetKind() != "State" {
			objects[u.GetKind()+" "+u.GetName()] = text
		}
	}
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		l.apply(t, objects[name])
	}
}

func (l *lab) base(t *testing.T, dir string, own []byte) []string {
	t.Helper()
	if bytes.Contains(own, []byte("base: []")) {
		return nil
	}
	var out []string
	for _, file := range []string{"nodes.yaml", "cluster.yaml"} {
		text, err := os.ReadFile(dir + file)
		require.NoError(t, err)
		out = append(out, strings.Split(string(text), "\n---\n")...)
	}
	return out
}

const sliceManifest = `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: %[1]s, namespace: default, labels: {kubernetes.io/service-name: %[1]s}},
  addressType: IPv4, endpoints: [%[2]s]}`

// service makes a Service with an address and endpoints on nodes.
func (l *lab) service(t *testing.T, name, policy string, addresses, nodes []string) {
	t.Helper()
	var ingress []string
	for _, a := range addresses {
		ingress = append(ingress, "{ip: '"+a+"'}")
	}
	l.apply(t, fmt.Sprintf(`{apiVersion: v1, kind: Service, metadata: {name: %s, namespace: default},
  spec: {type: LoadBalancer, externalTrafficPolicy: %s, ports: [{port: 80}]}, status: {loadBalancer: {ingress: [%s]}}}`, name, policy, strings.Join(ingress, ",")))
	l.endpoints(t, name, nodes...)
}

func (l *lab) endpoints(t *testing.T, name string, nodes ...string) {
	t.Helper()
	var endpoints []string
	for i, n := range nodes {
		endpoints = append(endpoints, fmt.Sprintf("{addresses: [192.168.0.%d], nodeName: %s, conditions: {ready: true}}", i+1, n))
	}
	l.apply(t, fmt.Sprintf(sliceManifest, name, strings.Join(endpoints, ",")))
}

// told is what the API server has of a kind, a line each, sorted.
func (l *lab) told(t *testing.T, resource string, line func(*unstructured.Unstructured) string) []string {
	t.Helper()
	all, err := l.objects.Resource(networking.GroupVersion.WithResource(resource)).List(context.Background(), metav1.ListOptions{})
	require.NoError(t, err)
	out := []string{}
	for i := range all.Items {
		out = append(out, line(&all.Items[i]))
	}
	slices.Sort(out)
	return out
}

func decoded[T any](u *unstructured.Unstructured) T {
	var out T
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &out); err != nil {
		panic(err)
	}
	return out
}

func (l *lab) holders(t *testing.T) []string {
	var out []string
	l.told(t, "networkgatewaygroups", func(u *unstructured.Unstructured) string {
		held, _, err := unstructured.NestedStringMap(u.Object, "status", "floatingIPs") // the rest may be unreadable
		require.NoError(t, err)
		for _, address := range slices.Sorted(maps.Keys(held)) {
			out = append(out, address+" "+held[address])
		}
		return ""
	})
	slices.Sort(out)
	return out
}

func (l *lab) sessions(t *testing.T) []string {
	return l.told(t, "bgpsessions", func(u *unstructured.Unstructured) string {
		s := decoded[networking.BGPSession](u)
		return fmt.Sprintf("%s: AS %d %s -> AS %d %s, %s on %s %s", s.Name, s.Spec.LocalASN, s.Spec.LocalIP, s.Spec.PeerASN, s.Spec.PeerIP, s.Spec.FloatingIP, s.Spec.NodeName, s.Status.State)
	})
}

func (l *lab) routes(t *testing.T) []string {
	return l.told(t, "bgpadvertisedroutes", func(u *unstructured.Unstructured) string {
		r := decoded[networking.BGPAdvertisedRoute](u)
		if r.Spec.Metric != nil {
			return r.Name + " has a metric"
		}
		return fmt.Sprintf("%s: %s by %s", r.Name, r.Spec.Prefix, strings.Join(r.Spec.NextHops, " "))
	})
}

// conditions of an object, as TYPE=STATUS REASON.
func (l *lab) conditions(t *testing.T, resource, name string) []string {
	u, err := l.objects.Resource(networking.GroupVersion.WithResource(resource)).Namespace(clusterRoom).Get(context.Background(), name, metav1.GetOptions{})
	require.NoError(t, err)
	out := []string{}
	for _, c := range decoded[struct {
		Status struct {
			Conditions []metav1.Condition `json:"conditions"`
		} `json:"status"`
	}](u).Status.Conditions {
		out = append(out, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
	}
	slices.Sort(out)
	return out
}

// eventually waits until something is as it should be, and shows how it is otherwise.
func eventually(t *testing.T, want []string, is func(*testing.T) []string) {
	t.Helper()
	var last []string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if last = is(t); slices.Equal(want, last) {
			return
		}
	}
	require.Equal(t, want, last)
}

// until waits for a moment that needs no list.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	within(t, patience, what, is)
}

func within(t *testing.T, patience time.Duration, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "%s did not come", what)
	}
}

// settles waits until a manager has written nothing for a while, and tells what it has.
func (r *runner) settles(quiet time.Duration) []string {
	r.t.Helper()
	var last []string
	since := time.Now()
	until(r.t, "rest", func() bool {
		now := r.written()
		if len(now) != len(last) {
			last, since = now, time.Now()
		}
		return time.Since(since) >= quiet
	})
	return last
}

// renewing renews Leases of nodes until it is told to stop, each with a clock of its own.
func (l *lab) renewing(t *testing.T, nodes ...string) (stop func(nodes ...string)) {
	t.Helper()
	leases := l.Client.CoordinationV1().Leases(ownSpace)
	ctx, end := context.WithCancel(context.Background())
	t.Cleanup(end)
	alive := map[string]context.CancelFunc{}
	for i, node := range nodes {
		term, offset := int32(4), time.Duration(i-1)*24*time.Hour
		own, dies := context.WithCancel(ctx)
		alive[node] = dies
		lease, err := leases.Create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: gateway.LeaseName(node), Namespace: ownSpace},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: &node, LeaseDurationSeconds: &term},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		go func() {
			for own.Err() == nil {
				lease.Spec.RenewTime = &metav1.MicroTime{Time: time.Now().Add(offset)}
				if renewed, err := leases.Update(own, lease, metav1.UpdateOptions{}); err == nil {
					lease = renewed
				}
				select {
				case <-own.Done():
				case <-time.After(time.Second):
				}
			}
		}()
	}
	return func(nodes ...string) {
		for _, n := range nodes {
			alive[n]()
		}
	}
}
