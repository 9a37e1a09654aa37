package source_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/logtest"
)

// patience is how long a test waits for what takes a fraction of a second on a machine with nothing else to do.
const patience = time.Minute

// TestCluster runs against one real API server; each part has a namespace and a node of its own.
func TestCluster(t *testing.T) {
	server := apiserver.Start(t)
	k := &kube{Server: server, admin: server.Config}
	k.InstallCRDs(t)
	t.Run("everything is there with the first result", k.firstResult)
	t.Run("Secrets come and go with the peers that refer to them", k.secrets)
	t.Run("Services come, change their endpoints and go", k.services)
	t.Run("a burst is delivered a few times", k.burst)
	t.Run("a node is waited for, and kept when it is gone", k.ownNode)
	t.Run("an object that can't be read hurts no other", k.badObject)
	t.Run("what is forbidden is told, and what was read stays", k.forbidden)
	t.Run("without Services nothing is delivered", k.forbiddenServices)
	t.Run("nothing is lost while the API server is away", k.away)
	t.Run("a watch that expired is no flap", k.expired)
	t.Run("kinds come and go", k.kinds)
	t.Run("a kind is read in the version that is served", k.versions)
	t.Run("without the right to ask for definitions nothing goes that may be there", k.unasked)
	t.Run("GDC's kinds are read where that is asked for", k.gdc)
	t.Run("an agent in GDC mode tells which right it lacks", k.gdcRights)
}

// kube is the API server of the tests.
type kube struct {
	*apiserver.Server
	admin *rest.Config
}

// room is a MetalLB namespace with a node of its own.
type room struct {
	*kube
	t               *testing.T
	namespace, node string
	metallb         dynamic.Interface
}

var rooms int

func (k *kube) room(t *testing.T) *room {
	t.Helper()
	rooms++
	r := &room{kube: k, t: t, namespace: fmt.Sprintf("metallb-%d", rooms), node: fmt.Sprintf("node%d", rooms), metallb: dynamic.NewForConfigOrDie(k.admin)}
	k.MakeNamespaces(t, r.namespace)
	r.makeNode(r.node)
	return r
}

func (r *room) makeNode(name string) {
	r.t.Helper()
	_, err := r.Client.CoreV1().Nodes().Create(r.t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"rack": "a"}, Annotations: map[string]string{"frr-renderer.io/test": "yes", "foreign": "yes"},
	}}, metav1.CreateOptions{})
	require.NoError(r.t, err)
}

// apply writes a metallb.io object.
func (r *room) apply(manifest string, args ...any) {
	r.t.Helper()
	require.NoError(r.t, r.try(manifest, args...))
}

func (r *room) try(manifest string, args ...any) error {
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(fmt.Sprintf(manifest, args...)), &u.Object); err != nil {
		return err
	}
	u.SetNamespace(cmp.Or(u.GetNamespace(), r.namespace))
	client := r.metallb.Resource(plural(u)).Namespace(u.GetNamespace())
	_, err := client.Create(context.Background(), u, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	before, err := client.Get(context.Background(), u.GetName(), metav1.GetOptions{})
	if err != nil {
		return err
	}
	u.SetResourceVersion(before.GetResourceVersion())
	_, err = client.Update(context.Background(), u, metav1.UpdateOptions{})
	return err
}

func (r *room) delete(resource, version, name string) {
	r.t.Helper()
	require.NoError(r.t, r.metallb.Resource(schema.GroupVersionResource{Group: "metallb.io", Version: version, Resource: resource}).Namespace(r.namespace).
		Delete(context.Background(), name, metav1.DeleteOptions{}))
}

func plural(u *unstructured.Unstructured) schema.GroupVersionResource {
	gvk := u.GroupVersionKind()
	resource := strings.ToLower(gvk.Kind) + "s"
	if gvk.Kind == "Community" {
		resource = "communities"
	}
	return schema.GroupVersionResource{Group: gvk.Group, Version: gvk.Version, Resource: resource}
}

func (r *room) service(name, address string, change func(*corev1.Service)) {
	r.t.Helper()
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: r.namespace, Annotations: map[string]string{"foreign": "yes"}},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80}}},
	}
	if change != nil {
		change(s)
	}
	made, err := r.Client.CoreV1().Services(r.namespace).Create(r.t.Context(), s, metav1.CreateOptions{})
	require.NoError(r.t, err)
	r.t.Cleanup(func() {
		_ = r.Client.CoreV1().Services(r.namespace).Delete(context.Background(), name, metav1.DeleteOptions{})
	})
	if address == "" {
		return
	}
	made.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address}}
	_, err = r.Client.CoreV1().Services(r.namespace).UpdateStatus(r.t.Context(), made, metav1.UpdateOptions{})
	require.NoError(r.t, err)
}

func (r *room) slice(service, name string, endpoints ...discoveryv1.Endpoint) {
	r.t.Helper()
	_, err := r.Client.DiscoveryV1().EndpointSlices(r.namespace).Create(r.t.Context(), &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: name, Namespace: r.namespace, Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		AddressType: discoveryv1.AddressTypeIPv4, Endpoints: endpoints,
	}, metav1.CreateOptions{})
	require.NoError(r.t, err)
	r.t.Cleanup(func() {
		_ = r.Client.DiscoveryV1().EndpointSlices(r.namespace).Delete(context.Background(), name, metav1.DeleteOptions{})
	})
}

// watching is a source at work.
type watching struct {
	t      *testing.T
	health *source.Health
	log    *logtest.Log

	mu      sync.Mutex
	results []source.Result
	news    chan struct{}
}

// watch starts the source with a user's rights; it ends with the test.
func (r *room) watch(user *rest.Config) *watching {
	r.t.Helper()
	return r.watchWith(source.ClusterOptions{Config: user})
}

func (r *room) watchWith(options source.ClusterOptions) *watching {
	r.t.Helper()
	w := &watching{t: r.t, health: source.NewHealth(time.Now), log: &logtest.Log{}, news: make(chan struct{}, 1)}
	options.Namespace, options.Node, options.Health = r.namespace, r.node, w.health
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- source.WatchCluster(ctx, options, slog.New(slog.NewTextHandler(w.log, nil)), w.take)
	}()
	r.t.Cleanup(func() {
		cancel()
		require.NoError(r.t, <-done)
	})
	return w
}

func (w *watching) eventually(what string, ok func() bool) {
	w.t.Helper()
	require.Eventually(w.t, ok, patience, 50*time.Millisecond, what)
}

func (w *watching) take(r source.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.results = append(w.results, r)
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// last is the latest result, and how many there were.
func (w *watching) last() (source.Result, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.results) == 0 {
		return source.Result{}, 0
	}
	return w.results[len(w.results)-1], len(w.results)
}

// until waits for a result.
func (w *watching) until(what string, is func(source.Result) bool) source.Result {
	w.t.Helper()
	end := time.After(patience)
	for {
		r, n := w.last()
		if n > 0 && is(r) {
			return r
		}
		select {
		case <-w.news:
		case <-end:
			require.FailNow(w.t, "no such result in time", "%s; waiting: %q; results: %d; problems: %v", what, w.health.Waiting(), n, r.Problems)
		}
	}
}

const (
	peerManifest = `{apiVersion: metallb.io/v1beta2, kind: BGPPeer, metadata: {name: %s, labels: {rack: a}, annotations: {foreign: "yes", frr-renderer.io/test: "yes"}},
spec: {myASN: 64500, peerASN: 64501, peerAddress: %s, passwordSecret: {name: %s}}}`
	poolManifest = `{apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {name: %s}, spec: {addresses: [%s]}}`
)

func (r *room) secret(name, password string) {
	r.t.Helper()
	_, err := r.Client.CoreV1().Secrets(r.namespace).Create(r.t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Type: corev1.SecretTypeBasicAuth,
		Data: map[string][]byte{"username": []byte("nobody"), "password": []byte(password)},
	}, metav1.CreateOptions{})
	require.NoError(r.t, err)
}

func (k *kube) firstResult(t *testing.T) {
	r := k.room(t)
	r.apply(peerManifest, "tor1", "10.0.0.1", "tor1-password")
	r.apply(poolManifest, "pool1", "20.0.0.0/24")
	r.apply(`{apiVersion: metallb.io/v1beta1, kind: BGPAdvertisement, metadata: {name: adv1}, spec: {communities: [main]}}`)
	r.apply(`{apiVersion: metallb.io/v1beta1, kind: Community, metadata: {name: aliases}, spec: {communities: [{name: main, value: "64500:1"}]}}`)
	r.apply(`{apiVersion: metallb.io/v1beta1, kind: BFDProfile, metadata: {name: fast}, spec: {detectMultiplier: 5}}`)
	r.secret("tor1-password", "hunter2")
	r.secret("foreign", "nobody's business")
	_, err := k.Client.CoreV1().ConfigMaps(r.namespace).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "bgpextras"}, Data: map[string]string{"extras": "route-map x permit 1"},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	r.makeNode(r.node + "-other")
	r.service("shop", "20.0.0.1", nil)
	r.service("inner", "", func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP })
	class := "other.io/lb"
	r.service("other", "", func(s *corev1.Service) { s.Spec.LoadBalancerClass = &class })
	yes, elsewhere := true, "elsewhere"
	r.slice("shop", "shop-1", discoveryv1.Endpoint{Addresses: []string{"10.1.0.1"}, NodeName: &r.node, Conditions: discoveryv1.EndpointConditions{Ready: &yes}},
		discoveryv1.Endpoint{Addresses: []string{"10.1.0.2"}, NodeName: &elsewhere, Conditions: discoveryv1.EndpointConditions{Ready: &yes}})

	w := r.watch(k.admin)
	w.until("the first", func(source.Result) bool { return true })
	w.mu.Lock()
	first := w.results[0]
	w.mu.Unlock()
	require.Empty(t, first.Problems)
	require.Empty(t, first.Unread)
	require.False(t, first.Incomplete)
	require.Empty(t, w.health.Waiting())
	o := first.Objects
	require.Len(t, o.Nodes, 1)
	require.Equal(t, r.node, o.Nodes[0].Name)
	require.Equal(t, map[string]string{"frr-renderer.io/test": "yes"}, o.Nodes[0].Annotations)
	require.Len(t, o.Services, 1)
	require.Equal(t, "shop", o.Services[0].Name)
	require.Equal(t, "20.0.0.1", o.Services[0].Status.LoadBalancer.Ingress[0].IP)
	require.Equal(t, []snapshot.Endpoints{{Namespace: r.namespace, Service: "shop", Any: true, Local: true, Ready: true, LocalReady: true}}, o.Endpoints,
		"one here, one elsewhere")
	require.Len(t, o.Secrets, 1)
	require.Equal(t, map[string][]byte{"password": []byte("hunter2")}, o.Secrets[0].Data)
	require.Len(t, o.ConfigMaps, 1)
	require.Len(t, o.Peers, 1)
	require.Equal(t, map[string]string{"frr-renderer.io/test": "yes"}, o.Peers[0].Annotations)
	require.Len(t, o.Pools, 1)
	require.Len(t, o.Advertisements, 1)
	require.Len(t, o.Communities, 1)
	require.Len(t, o.BFDProfiles, 1)
}
