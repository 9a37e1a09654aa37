package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/agent"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/rights"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/internal/vtysh/vtyshtest"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/logtest"
)

// without is what a node does not get, or do, when one right is missing.
type without struct {
	verb, resource string
	stops          []string
	// disturb makes work for which the right is needed; the node puts it right when it may.
	disturb func(*accountNode)
	args    []string
}

// all is everything that a node gets and does.
var all = []string{"peer", "peer with password", "peer with BFD", "route", "community", "Event", "state", "state's owner", "state's labels", "Service status",
	"no Service status of old"}

// eachRight is what stops without it; everything else goes on. That a watch is forbidden stops nothing: objects are listed then.
var eachRight = []without{
	{verb: "list", resource: "services", stops: all[:len(all)-1]},
	{verb: "list", resource: "endpointslices.discovery.k8s.io", stops: all[:len(all)-1]},
	{verb: "list", resource: "nodes", stops: all[:len(all)-1]},
	{verb: "list", resource: "bgppeers.metallb.io", stops: []string{"peer", "peer with password", "peer with BFD", "route", "community", "Event", "Service status"}},
	{verb: "list", resource: "ipaddresspools.metallb.io", stops: []string{"route", "community", "Event", "Service status"}},
	{verb: "list", resource: "bgpadvertisements.metallb.io", stops: []string{"route", "community", "Event", "Service status"}},
	{verb: "list", resource: "bfdprofiles.metallb.io", stops: []string{"peer with BFD"}},
	{verb: "list", resource: "communities.metallb.io", stops: []string{"community"}},
	{verb: "list", resource: "secrets", stops: []string{"peer with password"}},
	{verb: "list", resource: "configmaps"},
	{verb: "watch", resource: "services"},
	{verb: "watch", resource: "endpointslices.discovery.k8s.io"},
	{verb: "watch", resource: "nodes"},
	{verb: "watch", resource: "bgppeers.metallb.io"},
	{verb: "watch", resource: "ipaddresspools.metallb.io"},
	{verb: "watch", resource: "bgpadvertisements.metallb.io"},
	{verb: "watch", resource: "bfdprofiles.metallb.io"},
	{verb: "watch", resource: "communities.metallb.io"},
	{verb: "watch", resource: "secrets"},
	{verb: "watch", resource: "configmaps"},
	{verb: "create", resource: "events.events.k8s.io", stops: []string{"Event"}},
	{verb: "list", resource: "configurationstates.metallb.io", stops: []string{"state", "state's owner", "state's labels"}},
	{verb: "watch", resource: "configurationstates.metallb.io"},
	{verb: "create", resource: "configurationstates.metallb.io", stops: []string{"state", "state's owner", "state's labels"}},
	{verb: "delete", resource: "configurationstates.metallb.io", stops: []string{"state's owner"}, disturb: (*accountNode).orphan},
	{verb: "patch", resource: "configurationstates.metallb.io", stops: []string{"state's labels"}, disturb: (*accountNode).unlabel},
	{verb: "patch", resource: "configurationstates.metallb.io/status", stops: []string{"state"}},
	{verb: "list", resource: "servicebgpstatuses.metallb.io", stops: []string{"Service status"}},
	{verb: "watch", resource: "servicebgpstatuses.metallb.io"},
	{verb: "create", resource: "servicebgpstatuses.metallb.io", stops: []string{"Service status"}},
	{verb: "delete", resource: "servicebgpstatuses.metallb.io", stops: []string{"no Service status of old"}, disturb: (*accountNode).leave},
	{verb: "patch", resource: "servicebgpstatuses.metallb.io", stops: []string{"Service status"}, disturb: (*accountNode).disown},
	{verb: "patch", resource: "servicebgpstatuses.metallb.io/status", stops: []string{"Service status"}},
	{verb: "get", resource: "pods", stops: []string{"state's owner", "Service status"}},
	{verb: "create", resource: "tokenreviews.authentication.k8s.io", stops: []string{"metrics"}, args: []string{"--metrics-secure"}},
	{verb: "create", resource: "subjectaccessreviews.authorization.k8s.io", stops: []string{"metrics"}, args: []string{"--metrics-secure"}},
}

// withGDC are rights that --gdc takes besides. None of its kinds is done without at a start: what they say is not known to be nothing.
func withGDC() []without {
	gdc := []string{"--gdc"}
	out := []without{
		{verb: "get", resource: "networkgatewaynodes.networking.gke.io", stops: []string{ownReport}, args: gdc},
		{verb: "create", resource: "networkgatewaynodes.networking.gke.io", stops: []string{ownReport}, args: gdc},
		{verb: "patch", resource: "networkgatewaynodes.networking.gke.io/status", stops: []string{ownReport}, args: gdc},
	}
	for _, r := range []string{
		"clusters.baremetal.cluster.gke.io", "networkgatewaygroups.networking.gke.io", "bgploadbalancers.networking.gke.io", "bgppeers.networking.gke.io",
		"bgpsessions.networking.gke.io",
	} {
		out = append(out, without{verb: "list", resource: r, stops: all[:len(all)-1], args: gdc}, without{verb: "watch", resource: r, args: gdc})
	}
	return out
}

// ownReport is what a node tells of itself with --gdc.
const ownReport = "report"

// elsewhere are rights whose absence other tests see.
var elsewhere = map[string]string{
	// Only a node that holds a floating IP, or may be given one, asks for these; here no floating IP is in a subnet.
	"patch bgpsessions.networking.gke.io/status": "a holder", "get leases.coordination.k8s.io": "a holder", "create leases.coordination.k8s.io": "a holder",
	"update leases.coordination.k8s.io":                  "a holder",
	"delete networkgatewaynodes.networking.gke.io":       "internal/nodereport",
	"patch events.events.k8s.io":                         "uncounted",
	"get customresourcedefinitions.apiextensions.k8s.io": "TestCluster of internal/source",
}

// rightsTime is how long a part of the test may take on a machine that is busy with other things; half a minute is usual.
const rightsTime = 4 * time.Minute

// TestAccounts runs the program under accounts of a real API server, which lists and watches, and asks who may delete an object before it is given
// an owner.
func TestAccounts(t *testing.T) {
	server := apiserver.Start(t, "feature-gates=WatchList=false", "enable-admission-plugins=OwnerReferencesPermissionEnforcement")
	server.InstallCRDs(t)
	require.NoError(t, server.ServeGDC())
	c := newAccounts(t, server)
	t.Run("a token that is revoked stops nothing, and a new one is taken up", func(t *testing.T) { c.with(t).revoked() })
	t.Run("Events that can't be counted up are told", func(t *testing.T) { c.with(t).uncounted() })
	t.Run("a right that is missing stops what needs it alone", func(t *testing.T) { c.with(t).eachRight() })
}

// eachRight runs the program without one right, for each of them, all at once: what needs it stops, and nothing else; the log and /status tell which
// right it is; and all works when it is given.
func (c *accounts) eachRight() {
	covered := map[string]bool{}
	var nodes []*accountNode
	for _, w := range slices.Concat(eachRight, withGDC()) {
		covered[w.verb+" "+w.resource] = true
		nodes = append(nodes, c.start(w))
	}
	for _, r := range rights.All() {
		for _, verb := range r.Verbs {
			name := verb + " " + rightName(r)
			require.True(c.t, covered[name] || elsewhere[name] != "", "nobody sees what happens without the right to %s", name)
		}
	}
	for _, n := range nodes {
		n.stops()
	}
	c.end = time.Now().Add(rightsTime)
	for _, n := range nodes {
		n.tells()
		c.role(n.name, demand{}) // all of them
	}
	for _, n := range nodes {
		n.recovers()
	}
}

// uncounted has the same told twice: the second time it is counted up.
func (c *accounts) uncounted() {
	what := demand{"patch", "events.events.k8s.io"}
	kubeconfig, log := c.account("no-patch-events", what), &logtest.Log{}
	said := slog.New(slog.NewTextHandler(log, nil))
	denials := status.NewDenials(time.Now, said)
	announcer, err := announce(c.t.Context(), kubeconfig, "counted", status.NewMetrics(), denials, said)
	require.NoError(c.t, err)
	n := &accountNode{accounts: c, without: without{verb: what.verb, resource: what.resource}, name: "counted", log: log}
	counts := func(digest string) int32 {
		list, err := c.Client.EventsV1().Events("default").List(c.t.Context(), metav1.ListOptions{})
		require.NoError(c.t, err)
		for _, e := range list.Items {
			if e.Related != nil && e.Related.Name == digest && e.Series != nil {
				return e.Series.Count
			} else if e.Related != nil && e.Related.Name == digest {
				return 1
			}
		}
		return 0
	}
	twice := func(digest string) {
		plan := status.Held{Digest: digest, Neighbors: []string{"10.0.0.1"}, Allow: digest}
		announcer.Held(plan)
		n.eventually("it is written", func() bool { return counts(digest) == 1 })
		announcer.Held(plan)
	}
	twice("first")
	n.eventually("it is told", func() bool { return len(denials.Problems()) == 1 })
	require.True(c.t, n.names(denials.Problems()[0].Message), denials.Problems()[0])
	require.Len(c.t, n.lines(), 1, log.String())
	require.NotContains(c.t, log.String(), "Server rejected event")
	c.role("no-patch-events", demand{})
	twice("second")
	n.eventually("it is counted", func() bool { return counts("second") == 2 })
	n.eventually("nothing is missing", func() bool { return len(denials.Problems()) == 0 })
}

// revoked takes the pod away that a token is for, and gives another into the same file.
func (c *accounts) revoked() {
	file := filepath.Join(c.t.TempDir(), "token")
	c.account("renewed", demand{})
	c.renew(file, "first")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(c.t, err)
	gate := apiserver.NewGate(c.t, listener, c.Address)
	kubeconfig := c.kubeconfig("https://"+gate.Address(), &clientcmdapi.AuthInfo{TokenFile: file})
	n := &accountNode{accounts: c, name: "renewed"}
	n.run(kubeconfig)
	for _, what := range all {
		n.eventually(what, func() bool { return n.has(what) })
	}
	now := int64(0)
	require.NoError(c.t, c.Client.CoreV1().Pods(snapshot.DefaultNamespace).Delete(c.t.Context(), "first", metav1.DeleteOptions{GracePeriodSeconds: &now}))
	user, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	require.NoError(c.t, err)
	asking := kubernetes.NewForConfigOrDie(user)
	n.eventually("the API server knows the token no more", func() bool {
		_, err := asking.CoreV1().Services("").List(c.t.Context(), metav1.ListOptions{})
		return apierrors.IsUnauthorized(err)
	})
	gate.Shut() // ends the watches, which would go on for minutes
	gate.Open()
	n.eventually("it is told", func() bool { return strings.Contains(n.report().CutOff.Why, "renew it where the kubeconfig says") })
	service := &unstructured.Unstructured{}
	require.NoError(c.t, yaml.Unmarshal([]byte(strings.NewReplacer("web", "later", "192.0.2.10", "192.0.2.11").Replace(
		accountObjects[strings.LastIndex(accountObjects, "---")+4:])), &service.Object))
	c.create(service)
	for _, what := range all {
		require.True(c.t, n.has(what), what)
	}
	c.renew(file, "second")
	slice := service.DeepCopy()
	slice.Object = nil
	require.NoError(c.t, yaml.Unmarshal([]byte(`{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: later, namespace: default,
 labels: {kubernetes.io/service-name: later}}, addressType: IPv4, endpoints: [{addresses: [10.244.0.2], conditions: {ready: true}}]}`), &slice.Object))
	c.create(slice)
	n.eventually("what came meanwhile", func() bool { return strings.Contains(n.frr.Running(vtysh.BGPD), "network 192.0.2.11/32") })
	n.eventually("all is well", func() bool { return n.report().CutOff.Why == "" })
	require.Equal(c.t, 1, strings.Count(n.log.String(), "the API server can't be read;"), n.log.String())
	require.Equal(c.t, 1, strings.Count(n.log.String(), "the API server can be read again"), n.log.String())
}

// renew puts a token into a file that lives as long as a pod.
func (c *accounts) renew(file, pod string) {
	c.t.Helper()
	made, err := c.Client.CoreV1().Pods(snapshot.DefaultNamespace).Create(c.t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: pod}, Spec: corev1.PodSpec{ServiceAccountName: "renewed", Containers: []corev1.Container{{Name: "c", Image: "i"}}},
	}, metav1.CreateOptions{})
	require.NoError(c.t, err)
	token, err := c.Client.CoreV1().ServiceAccounts(snapshot.DefaultNamespace).CreateToken(c.t.Context(), "renewed", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod, UID: made.UID}},
	}, metav1.CreateOptions{})
	require.NoError(c.t, err)
	require.NoError(c.t, os.WriteFile(file, []byte(token.Status.Token), 0o600))
}

// demand is one verb on one resource.
type demand struct{ verb, resource string }

func rightName(r rights.Right) string {
	name, sub, has := strings.Cut(r.Resource, "/")
	if r.Group != "" {
		name += "." + r.Group
	}
	if has {
		name += "/" + sub
	}
	return name
}

// accounts is an API server with everything that a node reads.
type accounts struct {
	*apiserver.Server
	t       *testing.T
	objects dynamic.Interface
	token   string // of who may read metrics
	end     time.Time
}

const accountObjects = `
{apiVersion: v1, kind: Namespace, metadata: {name: metallb-system}}
---
{apiVersion: v1, kind: Pod, metadata: {name: pod, namespace: metallb-system}, spec: {containers: [{name: c, image: i}]}}
---
{apiVersion: v1, kind: Secret, metadata: {name: tor2, namespace: metallb-system}, type: kubernetes.io/basic-auth, stringData: {password: a-password}}
---
{apiVersion: metallb.io/v1beta1, kind: BFDProfile, metadata: {name: calm, namespace: metallb-system}, spec: {receiveInterval: 1000}}
---
{apiVersion: metallb.io/v1beta2, kind: BGPPeer, metadata: {name: tor1, namespace: metallb-system}, spec: {myASN: 64500, peerASN: 64501, peerAddress: 10.0.0.1}}
---
{apiVersion: metallb.io/v1beta2, kind: BGPPeer, metadata: {name: tor2, namespace: metallb-system}, spec: {myASN: 64500, peerASN: 64501, peerAddress: 10.0.0.2, passwordSecret: {name: tor2}}}
---
{apiVersion: metallb.io/v1beta2, kind: BGPPeer, metadata: {name: tor3, namespace: metallb-system}, spec: {myASN: 64500, peerASN: 64501, peerAddress: 10.0.0.3, bfdProfile: calm}}
---
{apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {name: pool, namespace: metallb-system}, spec: {addresses: [192.0.2.0/24]}}
---
{apiVersion: metallb.io/v1beta1, kind: Community, metadata: {name: names, namespace: metallb-system}, spec: {communities: [{name: blue, value: "64500:7"}]}}
---
{apiVersion: metallb.io/v1beta1, kind: BGPAdvertisement, metadata: {name: plain, namespace: metallb-system}, spec: {peers: [tor1, tor2, tor3]}}
---
{apiVersion: metallb.io/v1beta1, kind: BGPAdvertisement, metadata: {name: blue, namespace: metallb-system}, spec: {peers: [tor1], communities: [blue]}}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: web, namespace: default, labels: {kubernetes.io/service-name: web}},
 addressType: IPv4, endpoints: [{addresses: [10.244.0.1], conditions: {ready: true}}]}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: default}, spec: {type: LoadBalancer, ports: [{port: 80}]}, status: {loadBalancer: {ingress: [{ip: 192.0.2.10}]}}}
`

// with is for a part of the test.
func (c *accounts) with(t *testing.T) *accounts {
	other := *c
	other.t, other.end = t, time.Now().Add(rightsTime)
	return &other
}

func newAccounts(t *testing.T, server *apiserver.Server) *accounts {
	c := &accounts{Server: server, t: t}
	var err error
	c.objects, err = dynamic.NewForConfig(server.Config)
	require.NoError(t, err)
	for _, text := range strings.Split(accountObjects, "---\n") {
		o := &unstructured.Unstructured{}
		require.NoError(t, yaml.Unmarshal([]byte(text), &o.Object))
		c.create(o)
	}
	metrics := rbacv1.PolicyRule{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}
	c.token = token(t, server, "prometheus", metrics)
	return c
}

func (c *accounts) create(o *unstructured.Unstructured) {
	c.t.Helper()
	gv, err := schema.ParseGroupVersion(o.GetAPIVersion())
	require.NoError(c.t, err)
	plural := strings.ToLower(o.GetKind()) + "s"
	if named := map[string]string{"Community": "communities", "ServiceBGPStatus": "servicebgpstatuses"}[o.GetKind()]; named != "" {
		plural = named
	}
	client := c.objects.Resource(gv.WithResource(plural)).Namespace(o.GetNamespace())
	status, has := o.Object["status"]
	made, err := client.Create(c.t.Context(), o, metav1.CreateOptions{})
	require.NoError(c.t, err)
	if has {
		made.Object["status"] = status
		_, err = client.UpdateStatus(c.t.Context(), made, metav1.UpdateOptions{})
		require.NoError(c.t, err)
	}
}

// role gives an account all rights but one.
func (c *accounts) role(name string, but demand) {
	c.t.Helper()
	var left []rights.Right
	for _, r := range rights.All() {
		if rightName(r) == but.resource {
			r.Verbs = slices.DeleteFunc(slices.Clone(r.Verbs), func(v string) bool { return v == but.verb })
		}
		if len(r.Verbs) > 0 {
			left = append(left, r)
		}
	}
	ctx, meta, rbac := c.t.Context(), metav1.ObjectMeta{Name: name}, c.Client.RbacV1()
	wide := &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rights.Rules(left, rights.Cluster)}
	_, err := rbac.ClusterRoles().Update(ctx, wide, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		_, err = rbac.ClusterRoles().Create(ctx, wide, metav1.CreateOptions{})
	}
	require.NoError(c.t, err)
	for namespace, scope := range narrow {
		role := &rbacv1.Role{ObjectMeta: meta, Rules: rights.Rules(left, scope)}
		_, err = rbac.Roles(namespace).Update(ctx, role, metav1.UpdateOptions{})
		if apierrors.IsNotFound(err) {
			_, err = rbac.Roles(namespace).Create(ctx, role, metav1.CreateOptions{})
		}
		require.NoError(c.t, err)
	}
}

// narrow are the namespaces in which rights are given that don't hold everywhere.
var narrow = map[string]rights.Scope{snapshot.DefaultNamespace: rights.Namespace, networking.ReportNamespace: rights.Reports}

// account makes a ServiceAccount with all rights but one, and returns the file with which it reaches the API server.
func (c *accounts) account(name string, but demand) string {
	c.t.Helper()
	c.role(name, but)
	ctx, create, meta, rbac := c.t.Context(), metav1.CreateOptions{}, metav1.ObjectMeta{Name: name}, c.Client.RbacV1()
	ours := c.Client.CoreV1().ServiceAccounts(snapshot.DefaultNamespace)
	_, err := ours.Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}, create)
	require.NoError(c.t, err)
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: snapshot.DefaultNamespace}}
	role := func(kind string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
	}
	_, err = rbac.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: role("ClusterRole"), Subjects: subjects}, create)
	require.NoError(c.t, err)
	for namespace := range narrow {
		_, err = rbac.RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: role("Role"), Subjects: subjects}, create)
		require.NoError(c.t, err)
	}
	made, err := ours.CreateToken(ctx, name, &authenticationv1.TokenRequest{}, create)
	require.NoError(c.t, err)
	return c.kubeconfig(c.Config.Host, &clientcmdapi.AuthInfo{Token: made.Status.Token})
}

func (c *accounts) kubeconfig(server string, user *clientcmdapi.AuthInfo) string {
	c.t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: c.Config.CAData}
	config.AuthInfos["u"], config.Contexts["x"], config.CurrentContext = user, &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}, "x"
	path := filepath.Join(c.t.TempDir(), "kubeconfig")
	require.NoError(c.t, clientcmd.WriteToFile(*config, path))
	return path
}

// accountNode is a node with an FRR of its own, and the program under an account of its own.
type accountNode struct {
	*accounts
	without
	name            string
	frr             *vtyshtest.FRR
	log             *logtest.Log
	health, metrics string
	disturbed       bool
}

func (c *accounts) start(w without) *accountNode {
	c.t.Helper()
	name := "no-" + w.verb + "-" + strings.NewReplacer(".", "-", "/", "-").Replace(w.resource)
	n := &accountNode{accounts: c, without: w, name: name}
	n.run(c.account(name, demand{w.verb, w.resource}), w.args...)
	return n
}

// run runs the program until the test ends.
func (n *accountNode) run(kubeconfig string, args ...string) {
	n.t.Helper()
	_, err := n.Client.CoreV1().Nodes().Create(n.t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: n.name}}, metav1.CreateOptions{})
	require.NoError(n.t, err)
	n.frr, n.log, n.health = vtyshtest.New(n.t, "10.3", vtysh.BGPD, vtysh.BFDD), &logtest.Log{}, freeAddress(n.t)
	if slices.Contains(args, "--metrics-secure") {
		n.metrics = freeAddress(n.t)
	}
	args = append([]string{"run", "--node", n.name, "--kubeconfig", kubeconfig, "--pod-name", "pod", "--vty-dir", n.frr.Dir(), "--vtysh", "socket", "--frr-conf", "none",
		"--health-addr", n.health, "--metrics-addr", n.metrics, "--service-status", "--events-per-minute", "600"}, args...)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int, 1)
	go func() { done <- run(ctx, args, io.Discard, n.log) }()
	n.t.Cleanup(func() {
		cancel()
		require.Zero(n.t, <-done, n.log.String())
	})
}

// has tells whether the node gets, or does, something.
func (n *accountNode) has(what string) bool {
	bgp := n.frr.Running(vtysh.BGPD)
	switch what {
	case "peer":
		return strings.Contains(bgp, "neighbor 10.0.0.1 remote-as")
	case "peer with password":
		return strings.Contains(bgp, "neighbor 10.0.0.2 password a-password")
	case "peer with BFD":
		return strings.Contains(bgp, "neighbor 10.0.0.3 bfd")
	case "route":
		return strings.Contains(bgp, "network 192.0.2.10/32")
	case "community":
		return strings.Contains(bgp, "64500:7")
	case "Event":
		list, err := n.Client.EventsV1().Events("default").List(n.t.Context(), metav1.ListOptions{})
		require.NoError(n.t, err)
		for _, e := range list.Items {
			if e.Reason == "nodeAssigned" && e.Regarding.Name == "web" && strings.Contains(e.Note, fmt.Sprintf("%q", n.name)) {
				return true
			}
		}
		return false
	case "metrics":
		code, err := n.scrape()
		return err == nil && code == http.StatusOK
	case ownReport:
		o, err := n.objects.Resource(networking.GroupVersion.WithResource("networkgatewaynodes")).Namespace(networking.ReportNamespace).Get(n.t.Context(), n.name, metav1.GetOptions{})
		require.True(n.t, err == nil || apierrors.IsNotFound(err), err)
		if err != nil {
			return false
		}
		told, _, _ := unstructured.NestedString(o.Object, "status", "lastReportTime")
		return told != ""
	case "no Service status of old":
		_, err := n.of("servicebgpstatuses").Get(n.t.Context(), n.name, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	case "Service status":
		s := n.serviceStatus()
		peers, _, _ := unstructured.NestedSlice(s.Object, "status", "peers")
		return len(peers) > 0 && len(s.GetOwnerReferences()) == 1
	}
	state := n.state()
	result, _, _ := unstructured.NestedString(state.Object, "status", "result")
	switch what {
	case "state":
		return result != ""
	case "state's owner":
		return len(state.GetOwnerReferences()) == 1
	case "state's labels":
		return state.GetLabels()["metallb.io/node-name"] != ""
	}
	panic(what)
}

func (n *accountNode) of(resource string) dynamic.ResourceInterface {
	return n.objects.Resource(schema.GroupVersionResource{Group: "metallb.io", Version: "v1beta1", Resource: resource}).Namespace(snapshot.DefaultNamespace)
}

// state is the node's ConfigurationState, empty where there is none.
func (n *accountNode) state() *unstructured.Unstructured {
	o, err := n.of("configurationstates").Get(n.t.Context(), "speaker-"+n.name, metav1.GetOptions{})
	if err != nil {
		require.True(n.t, apierrors.IsNotFound(err), err)
		return &unstructured.Unstructured{}
	}
	return o
}

// serviceStatus is the node's ServiceBGPStatus, empty where there is none.
func (n *accountNode) serviceStatus() *unstructured.Unstructured {
	list, err := n.of("servicebgpstatuses").List(n.t.Context(), metav1.ListOptions{LabelSelector: "metallb.io/service-name=web,metallb.io/node=" + n.name})
	require.NoError(n.t, err)
	if len(list.Items) == 0 {
		return &unstructured.Unstructured{}
	}
	return &list.Items[0]
}

func (n *accountNode) unlabel() {
	n.patch("configurationstates", n.state().GetName(), `{"metadata":{"labels":null}}`)
}

func (n *accountNode) orphan() {
	n.patch("configurationstates", n.state().GetName(), `{"metadata":{"ownerReferences":null}}`)
}

// leave is as if an earlier run had left the status of a Service that is gone.
func (n *accountNode) leave() {
	n.create(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "metallb.io/v1beta1", "kind": "ServiceBGPStatus", "metadata": map[string]any{
			"name": n.name, "namespace": snapshot.DefaultNamespace,
			"labels": map[string]any{"metallb.io/node": n.name, "metallb.io/service-name": "gone", "metallb.io/service-namespace": "default"},
		},
	}})
}

func (n *accountNode) disown() {
	n.patch("servicebgpstatuses", n.serviceStatus().GetName(), `{"metadata":{"ownerReferences":null}}`)
}

func (n *accountNode) patch(resource, name, patch string) {
	n.t.Helper()
	_, err := n.of(resource).Patch(n.t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	require.NoError(n.t, err)
}

func (n *accountNode) scrape() (int, error) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(n.t.Context(), http.MethodGet, "https://"+n.metrics+"/metrics", http.NoBody)
	require.NoError(n.t, err)
	request.Header.Set("Authorization", "Bearer "+n.token)
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// facts are everything that the node is to have.
func (n *accountNode) facts() []string {
	switch {
	case n.metrics != "":
		return append(slices.Clone(all), "metrics")
	case slices.Contains(n.args, "--gdc"):
		return append(slices.Clone(all), ownReport)
	}
	return all
}

// stops waits until everything works that needs no missing right, and sees that nothing else does.
func (n *accountNode) stops() {
	n.t.Helper()
	for _, what := range n.facts() {
		if !slices.Contains(n.without.stops, what) || n.disturb != nil {
			n.eventually(what, func() bool { return n.has(what) })
		}
	}
	if n.disturb != nil {
		n.disturb(n)
	}
	n.eventually("it is told", func() bool {
		if n.metrics != "" {
			_ = n.has("metrics") // nobody else asks
		}
		return n.told() != ""
	})
	for _, what := range n.without.stops {
		assert.False(n.t, n.has(what), "%s has %s", n.name, what)
	}
}

// told is what /status says of the right.
func (n *accountNode) told() string {
	report := n.report()
	for _, p := range report.Problems {
		if p.Reason == problem.Forbidden && n.names(p.Message) {
			return p.String()
		}
	}
	if n.names(report.Waiting) {
		return report.Waiting
	}
	return ""
}

// report is what /status says, empty where it does not answer yet; CutOff is never nil.
func (n *accountNode) report() agent.Report {
	out := agent.Report{CutOff: &agent.CutOff{}}
	response, err := http.Get("http://" + n.health + "/status")
	if err != nil {
		return out
	}
	defer response.Body.Close()
	require.NoError(n.t, json.NewDecoder(response.Body).Decode(&out))
	return out
}

// names tells whether a text says which right is missing, and who is to give it.
func (n *accountNode) names(text string) bool {
	_, mend, found := strings.Cut(text, "let this program's account ")
	return found && strings.Contains(mend, n.verb) && strings.Contains(mend, n.resource)
}

// tells sees that one line of the log says so.
func (n *accountNode) tells() {
	n.t.Helper()
	n.t.Logf("%s: %s", n.name, n.told())
	assert.Len(n.t, n.lines(), 1, "%s\n%s", n.name, n.log.String())
}

func (n *accountNode) lines() []string {
	return slices.DeleteFunc(strings.Split(n.log.String(), "\n"), func(line string) bool { return !strings.Contains(line, "level=WARN") || !n.names(line) })
}

func (n *accountNode) recovers() {
	n.t.Helper()
	for _, what := range n.facts() {
		n.eventually(what+", when the right is given", func() bool { return n.has(what) })
	}
	n.eventually("nothing is said to be missing", func() bool { return n.told() == "" })
	assert.Len(n.t, n.lines(), 1, "%s\n%s", n.name, n.log.String())
}

func (n *accountNode) eventually(what string, ok func() bool) {
	n.t.Helper()
	for !ok() {
		if time.Now().After(n.end) {
			n.t.Errorf("%s: %s: not in time\n%s", n.name, what, n.log.String())
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}
