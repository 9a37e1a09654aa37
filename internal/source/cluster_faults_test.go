package source_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/typed/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
)

func (k *kube) secrets(t *testing.T) {
	r := k.room(t)
	r.secret("first", "hunter1")
	r.secret("second", "hunter2")
	r.apply(peerManifest, "tor1", "10.0.0.1", "first")
	w := r.watch(k.admin)
	w.until("the first Secret", func(r source.Result) bool { return passwords(r) == "hunter1" })

	r.apply(peerManifest, "tor2", "10.0.0.2", "second")
	w.until("the second Secret", func(r source.Result) bool { return passwords(r) == "hunter1 hunter2" })
	for _, result := range w.all() {
		if len(result.Objects.Peers) == 2 {
			require.True(t, len(result.Objects.Secrets) == 2 || len(result.Unread) == 1, "no peer comes without its Secret, unless that is told to be unread")
		}
	}

	rotated, err := k.Client.CoreV1().Secrets(r.namespace).Get(t.Context(), "first", metav1.GetOptions{})
	require.NoError(t, err)
	before, _ := w.last()
	rotated.Data["password"] = []byte("hunter3")
	_, err = k.Client.CoreV1().Secrets(r.namespace).Update(t.Context(), rotated, metav1.UpdateOptions{})
	require.NoError(t, err)
	after := w.until("the rotated one", func(r source.Result) bool { return passwords(r) == "hunter3 hunter2" })
	require.Same(t, before.Objects.Peers[0], after.Objects.Peers[0])
	require.Same(t, before.Objects.Secrets[1], after.Objects.Secrets[1])

	r.apply(peerManifest, "tor2", "10.0.0.2", "third")
	w.until("one that is not there", func(r source.Result) bool { return passwords(r) == "hunter3" && len(r.Unread) == 0 })
	r.secret("third", "hunter4")
	w.until("the third", func(r source.Result) bool { return passwords(r) == "hunter3 hunter4" })
	r.delete("bgppeers", "v1beta2", "tor2")
	w.until("none for a peer that is gone", func(r source.Result) bool { return passwords(r) == "hunter3" })
}

func passwords(r source.Result) string {
	var out []string
	for _, s := range r.Objects.Secrets {
		out = append(out, string(s.Data["password"]))
	}
	return strings.Join(out, " ")
}

func (k *kube) services(t *testing.T) {
	r := k.room(t)
	w := r.watch(k.admin)
	w.until("the first", func(source.Result) bool { return true })
	yes, no := true, false
	here := discoveryv1.Endpoint{Addresses: []string{"10.1.0.1"}, NodeName: &r.node, Conditions: discoveryv1.EndpointConditions{Ready: &yes, Serving: &yes}}
	// The endpoints come first.
	r.slice("shop", "shop-1", here)
	r.slice("inner", "inner-1", here)
	r.service("inner", "", func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP })
	r.service("shop", "20.0.0.1", nil)
	shown := w.until("the Service with its endpoint", func(r source.Result) bool { return len(r.Objects.Services) == 1 && len(r.Objects.Endpoints) == 1 })
	readyHere := snapshot.Endpoints{Namespace: r.namespace, Service: "shop", Any: true, Local: true, Ready: true, LocalReady: true}
	require.Equal(t, []snapshot.Endpoints{readyHere}, shown.Objects.Endpoints)

	// Another slice of the same Service, whose endpoints are like those before: nothing to tell. The pool tells when it was seen.
	r.slice("shop", "shop-2", here)
	r.apply(poolManifest, "seen", "20.0.0.0/24")
	same := w.until("the pool", func(r source.Result) bool { return len(r.Objects.Pools) == 1 })
	require.Same(t, &shown.Objects.Endpoints[0], &same.Objects.Endpoints[0])

	terminating := here
	terminating.Conditions = discoveryv1.EndpointConditions{Ready: &no, Serving: &yes, Terminating: &yes}
	r.changeSlice("shop-1", terminating)
	r.changeSlice("shop-2", terminating)
	w.until("an endpoint that serves, and is not ready", func(r source.Result) bool {
		return r.Objects.Endpoints[0] == snapshot.Endpoints{Namespace: readyHere.Namespace, Service: "shop", Any: true, Local: true}
	})
	r.changeSlice("shop-1")
	require.NoError(t, k.Client.DiscoveryV1().EndpointSlices(r.namespace).Delete(t.Context(), "shop-2", metav1.DeleteOptions{}))
	w.until("no endpoint", func(r source.Result) bool { return len(r.Objects.Endpoints) == 0 && len(r.Objects.Services) == 1 })

	r.changeSlice("shop-1", here)
	w.until("an endpoint again", func(r source.Result) bool { return len(r.Objects.Endpoints) == 1 })
	s, err := k.Client.CoreV1().Services(r.namespace).Get(t.Context(), "shop", metav1.GetOptions{})
	require.NoError(t, err)
	s.Spec.Type, s.Spec.AllocateLoadBalancerNodePorts, s.Spec.ExternalTrafficPolicy = corev1.ServiceTypeClusterIP, nil, ""
	s.Spec.Ports[0].NodePort = 0
	_, err = k.Client.CoreV1().Services(r.namespace).Update(t.Context(), s, metav1.UpdateOptions{})
	require.NoError(t, err)
	w.until("a Service that is no LoadBalancer any more", func(r source.Result) bool {
		return len(r.Objects.Services) == 0 && len(r.Objects.Endpoints) == 0
	})
}

func (r *room) changeSlice(name string, endpoints ...discoveryv1.Endpoint) {
	r.t.Helper()
	s, err := r.Client.DiscoveryV1().EndpointSlices(r.namespace).Get(r.t.Context(), name, metav1.GetOptions{})
	require.NoError(r.t, err)
	s.Endpoints = endpoints
	_, err = r.Client.DiscoveryV1().EndpointSlices(r.namespace).Update(r.t.Context(), s, metav1.UpdateOptions{})
	require.NoError(r.t, err)
}

// burst counts results: a Service each would be as many as there are.
func (k *kube) burst(t *testing.T) {
	const n = 300
	r := k.room(t)
	// As they come in one go to whoever was away for a moment.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gate := apiserver.NewGate(t, listener, k.Address)
	w := r.watch(through(k.admin, gate))
	w.until("the first", func(source.Result) bool { return true })
	gate.Shut()
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := worker; i < n; i += 8 {
				s := &corev1.Service{
					ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("burst%d", i), Namespace: r.namespace},
					Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80}}},
				}
				_, err := k.Client.CoreV1().Services(r.namespace).Create(context.Background(), s, metav1.CreateOptions{})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	t.Cleanup(func() {
		for i := range n {
			_ = k.Client.CoreV1().Services(r.namespace).Delete(context.Background(), fmt.Sprintf("burst%d", i), metav1.DeleteOptions{})
		}
	})
	_, before := w.last()
	gate.Open()
	w.until("all", func(r source.Result) bool { return len(r.Objects.Services) == n })
	_, after := w.last()
	require.Less(t, after-before, n/3, "%d Services came in %d results", n, after-before)
}

// through reaches the API server by a gate.
func through(user *rest.Config, gate *apiserver.Gate) *rest.Config {
	out := rest.CopyConfig(user)
	out.Host = "https://" + gate.Address()
	return out
}

func (k *kube) ownNode(t *testing.T) {
	r := k.room(t)
	node := r.node
	r.node = node + "-later"
	w := r.watch(k.admin)
	require.Eventually(t, func() bool { return strings.Contains(w.health.Waiting(), "Node "+r.node+" (there is no such Node)") }, patience, 10*time.Millisecond)
	r.makeNode(r.node)
	before := w.until("the node", func(r source.Result) bool { return len(r.Objects.Nodes) == 1 })
	require.NoError(t, k.Client.CoreV1().Nodes().Delete(t.Context(), r.node, metav1.DeleteOptions{}))
	after := w.until("a node that is gone", func(r source.Result) bool { return has(r, problem.UnknownNode, r.Objects.Nodes[0].Name) })
	require.Same(t, before.Objects.Nodes[0], after.Objects.Nodes[0])
	r.makeNode(r.node)
	w.until("the node again", func(r source.Result) bool { return len(r.Problems) == 0 })
	for _, result := range w.all() {
		require.Len(t, result.Objects.Nodes, 1)
	}
}

// has tells whether there is a problem with an object of this name.
func has(r source.Result, reason problem.Reason, name string) bool {
	return slices.ContainsFunc(r.Problems, func(p problem.Problem) bool { return p.Reason == reason && p.Object.Name == name })
}

// definition changes a CustomResourceDefinition; it is as before after the test.
func (k *kube) definition(t *testing.T, name string, change func(*apiextensionsv1.CustomResourceDefinition)) {
	t.Helper()
	client := apiextensions.NewForConfigOrDie(k.admin).CustomResourceDefinitions()
	update := func(change func(*apiextensionsv1.CustomResourceDefinition)) error {
		for {
			crd, err := client.Get(context.Background(), name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			change(crd)
			if _, err = client.Update(context.Background(), crd, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
				return err
			}
		}
	}
	crd, err := client.Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	before := crd.DeepCopy()
	require.NoError(t, update(change))
	t.Cleanup(func() {
		require.NoError(t, update(func(crd *apiextensionsv1.CustomResourceDefinition) { crd.Spec = before.Spec }))
	})
}

// open takes all checks out of a kind's schema.
func open(crd *apiextensionsv1.CustomResourceDefinition) {
	yes := true
	for i := range crd.Spec.Versions {
		crd.Spec.Versions[i].Schema = &apiextensionsv1.CustomResourceValidation{
			OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &yes},
		}
	}
}

const profileManifest = `{apiVersion: metallb.io/v1beta1, kind: BFDProfile, metadata: {name: %s}, spec: {detectMultiplier: %s}}`

func (k *kube) badObject(t *testing.T) {
	r := k.room(t)
	r.apply(profileManifest, "good", "3")
	r.apply(profileManifest, "turning", "4")
	w := r.watch(k.admin)
	before := w.until("both", func(r source.Result) bool { return len(r.Objects.BFDProfiles) == 2 })

	k.definition(t, "bfdprofiles.metallb.io", open)
	t.Cleanup(func() { r.delete("bfdprofiles", "v1beta1", "turning"); r.delete("bfdprofiles", "v1beta1", "born") })
	// The new schema is in force some time after it was written.
	require.Eventually(t, func() bool { return r.try(profileManifest, "turning", `"seven"`) == nil }, patience, 50*time.Millisecond)
	r.apply(profileManifest, "born", `{x: [1, 2]}`)
	after := w.until("both problems", func(r source.Result) bool {
		return has(r, problem.WrongType, "turning") && has(r, problem.WrongType, "born")
	})
	require.Len(t, after.Objects.BFDProfiles, 2)
	require.Same(t, before.Objects.BFDProfiles[0], after.Objects.BFDProfiles[0])
	require.Same(t, before.Objects.BFDProfiles[1], after.Objects.BFDProfiles[1], "it keeps its last readable form")
	require.Equal(t, []problem.Object{{Kind: "BFDProfile", Group: "metallb.io", Namespace: r.namespace, Name: "born"}}, after.Unread)

	r.apply(profileManifest, "turning", "7")
	mended := w.until("one of them mended", func(r source.Result) bool { return !has(r, problem.WrongType, "turning") })
	require.EqualValues(t, 7, *mended.Objects.BFDProfiles[1].Spec.DetectMultiplier)
}

// rights are those of the sidecar, but for some resources.
func rights(without ...string) []rbacv1.PolicyRule {
	all := map[string][]string{
		"": {"nodes", "services", "secrets", "configmaps"}, "discovery.k8s.io": {"endpointslices"},
		"metallb.io": {"bgppeers", "ipaddresspools", "bgpadvertisements", "bfdprofiles", "communities"},
	}
	var out []rbacv1.PolicyRule
	for group, resources := range all {
		left := slices.DeleteFunc(resources, func(r string) bool { return slices.Contains(without, r) })
		out = append(out, rbacv1.PolicyRule{APIGroups: []string{group}, Resources: left, Verbs: []string{"list", "watch"}})
	}
	return out
}

func (k *kube) grant(t *testing.T, role string, rules []rbacv1.PolicyRule) {
	t.Helper()
	r, err := k.Client.RbacV1().ClusterRoles().Get(t.Context(), role, metav1.GetOptions{})
	require.NoError(t, err)
	r.Rules = rules
	_, err = k.Client.RbacV1().ClusterRoles().Update(t.Context(), r, metav1.UpdateOptions{})
	require.NoError(t, err)
}

func (k *kube) forbidden(t *testing.T) {
	r := k.room(t)
	r.apply(profileManifest, "good", "3")
	r.apply(poolManifest, "pool", "20.0.0.0/24")
	w := r.watch(k.User(t, "half", rights("bfdprofiles")...))
	first := w.until("the first, without what is forbidden", func(source.Result) bool { return true })
	require.True(t, first.Incomplete)
	require.Len(t, first.Objects.Pools, 1)
	require.Len(t, first.Problems, 1)
	require.Contains(t, first.Problems[0].String(), "error BFDProfile.metallb.io "+r.namespace+"/- -: the API server forbids it; "+
		"let this program's account list and watch bfdprofiles.metallb.io in namespace "+r.namespace)

	k.grant(t, "half", rights())
	w.until("what is allowed now", func(r source.Result) bool {
		return len(r.Objects.BFDProfiles) == 1 && len(r.Problems) == 0 && !r.Incomplete
	})
	since, _ := w.health.CutOff()
	require.Zero(t, since, "to be forbidden is not to be cut off")
}

func (k *kube) forbiddenServices(t *testing.T) {
	r := k.room(t)
	w := r.watch(k.User(t, "blind", rights("services")...))
	require.Eventually(t, func() bool {
		return strings.HasPrefix(w.health.Waiting(), "waiting for the API server: Service (the API server forbids it; let this program's account list and watch services")
	}, patience, 10*time.Millisecond)
	_, n := w.last()
	require.Zero(t, n)
	k.grant(t, "blind", rights())
	w.until("the first", func(source.Result) bool { return true })
}

func (k *kube) away(t *testing.T) {
	r := k.room(t)
	r.apply(poolManifest, "stays", "20.0.0.0/24")
	r.apply(poolManifest, "goes", "20.0.1.0/24")
	r.service("shop", "20.0.0.1", nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gate := apiserver.NewGate(t, listener, k.Address)
	w := r.watch(through(k.admin, gate))
	before := w.until("all", func(r source.Result) bool { return len(r.Objects.Pools) == 2 && len(r.Objects.Services) == 1 })

	gate.Shut()
	require.Eventually(t, func() bool { since, why := w.health.CutOff(); return !since.IsZero() && why != "" }, patience, 10*time.Millisecond)
	r.delete("ipaddresspools", "v1beta1", "goes")
	r.apply(poolManifest, "comes", "20.0.2.0/24")
	_, n := w.last()
	gate.Open()
	after := w.until("what has changed", func(r source.Result) bool { return len(r.Objects.Pools) == 2 && r.Objects.Pools[0].Name == "comes" })
	require.Same(t, before.Objects.Pools[1], after.Objects.Pools[1])
	require.Same(t, before.Objects.Services[0], after.Objects.Services[0])
	require.Eventually(t, func() bool { since, _ := w.health.CutOff(); return since.IsZero() }, patience, 10*time.Millisecond)
	for _, result := range w.all()[n-1:] {
		require.Len(t, result.Objects.Services, 1, "nothing flaps")
		require.Contains(t, names(result), "stays")
	}
}

func names(r source.Result) []string {
	var out []string
	for _, p := range r.Objects.Pools {
		out = append(out, p.Name)
	}
	return out
}

// forgetful stands before an API server that has forgotten where watches ended: it answers them "410 Gone", and ends those that are open.
type forgetful struct {
	next    http.RoundTripper
	mu      *sync.Mutex
	ends    *[]context.CancelFunc
	forgets *atomic.Bool
	gone    *atomic.Int32
}

func (f *forgetful) RoundTrip(request *http.Request) (*http.Response, error) {
	query := request.URL.Query()
	if !query.Has("watch") {
		return f.next.RoundTrip(request)
	}
	if f.forgets.Load() && !query.Has("sendInitialEvents") {
		f.gone.Add(1)
		body := `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version","reason":"Expired","code":410}`
		return &http.Response{
			StatusCode: http.StatusGone, Request: request, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
		}, nil
	}
	ctx, end := context.WithCancel(request.Context())
	f.mu.Lock()
	*f.ends = append(*f.ends, end)
	f.mu.Unlock()
	response, err := f.next.RoundTrip(request.WithContext(ctx))
	if err == nil {
		response.Body = &ending{response.Body, ctx}
	}
	return response, err
}

// ending is a stream that ends as if the API server had said all, when ctx does.
type ending struct {
	io.ReadCloser
	ctx context.Context
}

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	if err != nil && e.ctx.Err() != nil {
		err = io.EOF
	}
	return n, err
}

func (k *kube) expired(t *testing.T) {
	r := k.room(t)
	r.apply(poolManifest, "stays", "20.0.0.0/24")
	r.apply(poolManifest, "goes", "20.0.1.0/24")
	r.apply(peerManifest, "tor1", "10.0.0.1", "none")
	r.service("shop", "20.0.0.1", nil)
	f := forgetful{mu: &sync.Mutex{}, ends: &[]context.CancelFunc{}, forgets: &atomic.Bool{}, gone: &atomic.Int32{}}
	user := rest.CopyConfig(k.admin)
	user.Wrap(func(next http.RoundTripper) http.RoundTripper { g := f; g.next = next; return &g })
	w := r.watch(user)
	w.until("all", func(r source.Result) bool { return len(r.Objects.Pools) == 2 && len(r.Objects.Services) == 1 })
	// A watch that has told something is taken up where it ended.
	r.apply(poolManifest, "later", "20.0.2.0/24")
	before := w.until("an event", func(r source.Result) bool { return len(r.Objects.Pools) == 3 })

	f.forgets.Store(true)
	f.mu.Lock()
	for _, end := range *f.ends {
		end()
	}
	f.mu.Unlock()
	require.Eventually(t, func() bool { return f.gone.Load() > 0 }, patience, 10*time.Millisecond)
	_, n := w.last()
	r.delete("ipaddresspools", "v1beta1", "goes")
	after := w.until("what is left", func(r source.Result) bool { return slices.Equal(names(r), []string{"later", "stays"}) })
	require.Same(t, before.Objects.Pools[2], after.Objects.Pools[1])
	require.Same(t, before.Objects.Services[0], after.Objects.Services[0])
	require.Same(t, before.Objects.Peers[0], after.Objects.Peers[0])
	for _, result := range w.all()[n-1:] {
		require.Len(t, result.Objects.Services, 1, "nothing flaps")
		require.Len(t, result.Objects.Peers, 1)
	}
}

func (k *kube) kinds(t *testing.T) {
	r := k.room(t)
	r.apply(`{apiVersion: metallb.io/v1beta1, kind: Community, metadata: {name: aliases}, spec: {communities: [{name: main, value: "64500:1"}]}}`)
	r.apply(poolManifest, "pool", "20.0.0.0/24")
	w := r.watch(k.admin)
	before := w.until("all", func(r source.Result) bool { return len(r.Objects.Communities) == 1 })

	const name = "communities.metallb.io"
	client := apiextensions.NewForConfigOrDie(k.admin).CustomResourceDefinitions()
	require.NoError(t, client.Delete(t.Context(), name, metav1.DeleteOptions{}))
	gone := w.until("the kind is gone", func(r source.Result) bool { return has(r, problem.NotServed, name) })
	require.Empty(t, gone.Objects.Communities)
	require.False(t, gone.Incomplete, "what was deleted is known to be")
	require.Same(t, before.Objects.Pools[0], gone.Objects.Pools[0])

	late := r.watch(k.admin)
	late.until("a first result without the kind", func(r source.Result) bool { return has(r, problem.NotServed, name) && len(r.Objects.Pools) == 1 })

	require.Eventually(t, func() bool {
		_, err := client.Get(t.Context(), name, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	}, patience, 10*time.Millisecond)
	k.InstallCRDs(t)
	r.apply(`{apiVersion: metallb.io/v1beta1, kind: Community, metadata: {name: again}, spec: {communities: [{name: main, value: "64500:2"}]}}`)
	for _, w := range []*watching{w, late} {
		w.until("the kind is back", func(r source.Result) bool { return len(r.Objects.Communities) == 1 && len(r.Problems) == 0 })
	}
}

func (k *kube) versions(t *testing.T) {
	r := k.room(t)
	r.apply(peerManifest, "tor1", "10.0.0.1", "none")
	w := r.watch(k.admin)
	before := w.until("the peer", func(r source.Result) bool { return len(r.Objects.Peers) == 1 })
	serve := func(served ...string) func(*apiextensionsv1.CustomResourceDefinition) {
		return func(crd *apiextensionsv1.CustomResourceDefinition) {
			open(crd)
			for i := range crd.Spec.Versions {
				crd.Spec.Versions[i].Served = slices.Contains(served, crd.Spec.Versions[i].Name)
			}
		}
	}
	const name = "bgppeers.metallb.io"
	k.definition(t, name, serve())
	none := w.until("no version", func(r source.Result) bool { return has(r, problem.NotServed, name) })
	require.Same(t, before.Objects.Peers[0], none.Objects.Peers[0], "it is there, and only can't be read")

	k.definition(t, name, serve("v1beta1"))
	r.applySoon(`{apiVersion: metallb.io/v1beta1, kind: BGPPeer, metadata: {name: tor2}, spec: {myASN: 64500, peerASN: 64501, peerAddress: 10.0.0.2}}`)
	older := w.until("another peer", func(r source.Result) bool { return len(r.Objects.Peers) == 2 })
	require.Equal(t, "10.0.0.2", older.Objects.Peers[1].Spec.Address)

	k.definition(t, name, serve("v1beta2"))
	r.applySoon(peerManifest, "tor3", "10.0.0.3", "none")
	w.until("the newer version again", func(r source.Result) bool { return len(r.Objects.Peers) == 3 })
	for _, result := range w.all() {
		require.NotEmpty(t, result.Objects.Peers)
	}
}

func (k *kube) unasked(t *testing.T) {
	const name, mend = "bgppeers.metallb.io", "let this program's account get customresourcedefinitions.apiextensions.k8s.io"
	r := k.room(t)
	r.apply(peerManifest, "tor1", "10.0.0.1", "none")
	r.apply(poolManifest, "pool", "20.0.0.0/24")
	w := r.watch(k.User(t, "unasked", rights()...))
	before := w.until("the peer", func(r source.Result) bool { return len(r.Objects.Peers) == 1 })
	k.definition(t, name, func(crd *apiextensionsv1.CustomResourceDefinition) {
		for i := range crd.Spec.Versions {
			crd.Spec.Versions[i].Served = false
		}
	})
	none := w.until("no version", func(r source.Result) bool { return has(r, problem.Forbidden, name) })
	require.Same(t, before.Objects.Peers[0], none.Objects.Peers[0], "it may be there")
	require.Contains(t, fmt.Sprint(none.Problems), mend)
	r.apply(poolManifest, "another", "20.0.1.0/24")
	w.until("all else goes on", func(r source.Result) bool { return len(r.Objects.Pools) == 2 })
	late := r.watch(k.User(t, "unasked-late", rights()...))
	first := late.until("a first result without the kind", func(r source.Result) bool { return has(r, problem.NotServed, name) && len(r.Objects.Pools) == 2 })
	require.Contains(t, fmt.Sprint(first.Problems), mend)

	ask := rbacv1.PolicyRule{APIGroups: []string{"apiextensions.k8s.io"}, Resources: []string{"customresourcedefinitions"}, Verbs: []string{"get"}}
	for user, w := range map[string]*watching{"unasked": w, "unasked-late": late} {
		k.grant(t, user, append(rights(), ask))
		known := w.until("it is known to be there", func(r source.Result) bool {
			return has(r, problem.NotServed, name) && !strings.Contains(fmt.Sprint(r.Problems), mend)
		})
		require.Contains(t, fmt.Sprint(known.Problems), "what was read before stays in use")
	}
}

// applySoon writes an object once its version is served.
func (r *room) applySoon(manifest string, args ...any) {
	r.t.Helper()
	var err error
	if !assert.Eventually(r.t, func() bool { err = r.try(manifest, args...); return err == nil }, patience, 50*time.Millisecond) {
		require.NoError(r.t, err)
	}
}

// all are the results so far.
func (w *watching) all() []source.Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.results)
}
