package manager_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/manager"
	"github.com/frr-renderer/frr-renderer/internal/rights"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
)

var (
	clusters  = baremetal.GroupVersion.WithResource("clusters")
	groups    = networking.GroupVersion.WithResource("networkgatewaygroups")
	peers     = networking.GroupVersion.WithResource("bgppeers")
	balancers = networking.GroupVersion.WithResource("bgploadbalancers")
	copied    = []schema.GroupVersionResource{clusters, groups, balancers, peers}
)

// copying is a user cluster with its admin cluster, each a real API server. The accounts have just the rights of internal/rights.
type copying struct {
	*lab
	admin *lab
	// proxy leads to the admin cluster.
	proxy  *apiserver.Proxy
	source *rest.Config
}

// TestCopies edits objects in an admin cluster, and here.
func TestCopies(t *testing.T) {
	c := &copying{lab: newLab(t), admin: newLab(t)}
	c.Grant(t, "manager", clusterRoom, rights.Rules(rights.Copies(), rights.Copied)...)
	reader := c.admin.User(t, "copies")
	c.admin.Grant(t, "copies", clusterRoom, rights.Rules(rights.Source(), rights.Copied)...)
	c.proxy = apiserver.NewProxy(t, c.admin.Address, reader)
	var err error
	c.source, err = clientcmd.BuildConfigFromFlags("", c.proxy.Kubeconfig(t, c.proxy.Address()))
	require.NoError(t, err)
	for _, p := range []struct {
		name string
		tell func(*copying, *testing.T)
	}{
		{"what is made, changed and deleted there is so here, and what is changed here is overwritten", (*copying).follows},
		{"objects that were not copied stay, and are told", (*copying).foreign},
		{"nothing is changed while the source is away", (*copying).sourceAway},
		{"a source without a Cluster, or with another, deletes nothing", (*copying).otherSource},
		{"an account that may not read the source is told", (*copying).forbidden},
		{"an object that somebody else writes again and again", (*copying).fight},
	} {
		t.Run(p.name, func(t *testing.T) {
			c.wipe(t)
			c.admin.wipe(t)
			p.tell(c, t)
		})
	}
	t.Run("each right is used", func(t *testing.T) {
		for _, r := range rights.Copies() {
			for _, verb := range r.Verbs {
				require.True(t, c.used.seen[verb+" "+r.Resource], "%s %s was never used: take it out of the list, or test what uses it", verb, r.Resource)
			}
		}
	})
}

// manage runs a manager that copies.
func (c *copying) manage(t *testing.T) *runner {
	t.Helper()
	return c.runWith(t, "one", c.user, &manager.Source{Config: c.source, Namespace: clusterRoom})
}

const routers = `{apiVersion: networking.gke.io/v1, kind: BGPPeer, metadata: {name: a, namespace: cluster-bm, labels: {use: "yes", tool: argo}}, spec: {localASN: 65001, peerASN: 65002, peerIP: 10.8.0.10, sessions: 2}}
---
{apiVersion: networking.gke.io/v1, kind: BGPPeer, metadata: {name: b, namespace: cluster-bm}, spec: {localASN: 65001, peerASN: 65002, peerIP: 10.8.0.11}}
---
{apiVersion: networking.gke.io/v1, kind: BGPLoadBalancer, metadata: {name: default, namespace: cluster-bm}, spec: {peerSelector: {use: "yes"}}}
---
{apiVersion: networking.gke.io/v1, kind: NetworkGatewayGroup, metadata: {name: default, namespace: cluster-bm, annotations: {note: there}}, spec: {floatingIPs: [10.0.1.100, 10.0.2.100]}}`

const cluster = `{apiVersion: baremetal.cluster.gke.io/v1, kind: Cluster, metadata: {name: bm, namespace: cluster-bm},
  spec: {type: user, gkeConnect: {projectID: canary}, clusterNetwork: {advancedNetworking: true, services: {cidrBlocks: [10.96.0.0/12]}},
    controlPlane: {nodePoolSpec: {nodes: [{address: 10.0.1.10}, {address: 10.0.1.11}, {address: 10.0.2.10}]}},
    loadBalancer: {mode: bundled, type: bgp, localASN: 65001, bgpPeers: [{ip: 10.8.0.20, asn: 65002}],
      vips: {controlPlaneVIP: 10.0.0.8}, addressPools: [{name: one, addresses: [203.0.113.0/24]}]}}}`

// state is what an API server has of the kinds, a line each: name, labels, spec.
func (l *lab) state(t *testing.T) []string {
	out := []string{}
	for _, r := range copied {
		all, err := l.objects.Resource(r).List(context.Background(), metav1.ListOptions{})
		require.NoError(t, err)
		for _, o := range all.Items {
			labels := o.GetLabels()
			if labels[manager.CopiedFrom] != "" {
				labels[manager.CopiedFrom] = "ours"
			}
			spec := o.Object["spec"]
			if o.GetKind() == "Cluster" {
				spec, _, _ = unstructured.NestedFieldNoCopy(o.Object, "spec", "loadBalancer", "bgpPeers")
			}
			out = append(out, fmt.Sprintf("%s %s %v %v", o.GetKind(), o.GetName(), labels, spec))
		}
	}
	slices.Sort(out)
	return out
}

const ours = "frr-renderer.io/copied-from:ours"

var wholeCopy = []string{
	"BGPLoadBalancer default map[" + ours + "] map[peerSelector:map[use:yes]]",
	"BGPPeer a map[" + ours + " use:yes] map[localASN:65001 peerASN:65002 peerIP:10.8.0.10 sessions:2]",
	"BGPPeer b map[" + ours + "] map[localASN:65001 peerASN:65002 peerIP:10.8.0.11]",
	"Cluster bm map[" + ours + "] [map[asn:65002 ip:10.8.0.20]]",
	"NetworkGatewayGroup default map[" + ours + "] map[floatingIPs:[10.0.1.100 10.0.2.100]]",
}

// nodes makes those of the documents.
func (c *copying) nodes(t *testing.T) {
	t.Helper()
	for _, text := range c.base(t, "../gateway/testdata/", nil) {
		if strings.Contains(text, "kind: Node\n") || strings.Contains(text, "kind: Node,") {
			c.apply(t, text)
		}
	}
}

func (l *lab) get(t *testing.T, r schema.GroupVersionResource, name string) *unstructured.Unstructured {
	t.Helper()
	u, err := l.objects.Resource(r).Namespace(clusterRoom).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return u
}

// merge patches an object as somebody who works by hand.
func (l *lab) merge(t *testing.T, r schema.GroupVersionResource, name, patch string) {
	t.Helper()
	_, err := l.objects.Resource(r).Namespace(clusterRoom).Patch(t.Context(), name, "application/merge-patch+json", []byte(patch), metav1.PatchOptions{FieldManager: "by-hand"})
	require.NoError(t, err)
}

func (c *copying) follows(t *testing.T) {
	c.nodes(t)
	c.admin.apply(t, cluster, routers)
	m := c.manage(t)
	eventually(t, wholeCopy, c.state)
	eventually(t, example10Holders, c.holders)
	require.Empty(t, c.admin.holders(t), "nothing is written to the source")
	here := c.get(t, groups, "default")
	require.Empty(t, here.GetAnnotations(), "annotations are not copied")
	require.Equal(t, manager.CopyFieldManager, here.GetManagedFields()[0].Manager)
	whole := fmt.Sprint(c.get(t, clusters, "bm").Object["spec"])
	require.Contains(t, whole, "controlPlaneVIP")
	require.NotContains(t, whole, "canary", "only what is read here is copied of a Cluster")
	before := m.settles(2 * time.Second)

	// At rest nothing is written; a status there or here is nobody's business.
	c.admin.merge(t, groups, "default", `{"metadata":{"annotations":{"note":"another"}}}`)
	c.admin.apply(t, `{apiVersion: networking.gke.io/v1, kind: NetworkGatewayGroup, metadata: {name: default, namespace: cluster-bm}, spec: {floatingIPs: [10.0.1.100, 10.0.2.100]}, status: {floatingIPs: {10.0.1.100: other}}}`)
	require.Equal(t, before, m.settles(2*time.Second))
	require.Equal(t, example10Holders, c.holders(t))

	// An edit there.
	c.admin.merge(t, groups, "default", `{"spec":{"floatingIPs":["10.0.1.100"]}}`)
	eventually(t, []string{"10.0.1.100 n1"}, c.holders)
	c.admin.merge(t, groups, "default", `{"spec":{"floatingIPs":["10.0.1.100","10.0.2.100"]}}`)
	c.admin.merge(t, clusters, "bm", `{"spec":{"loadBalancer":{"bgpPeers":[{"ip":"10.8.0.21","asn":65002}]}}}`)
	edited := slices.Clone(wholeCopy)
	edited[3] = strings.ReplaceAll(edited[3], "10.8.0.20", "10.8.0.21")
	eventually(t, edited, c.state)

	// Edits here: fields that are others, or new, labels that choose, and a deletion. A label that chooses nothing stays.
	c.merge(t, peers, "a", `{"spec":{"peerIP":"10.9.9.9"}}`)
	c.merge(t, peers, "b", `{"spec":{"sessions":7},"metadata":{"labels":{"use":"yes"}}}`)
	c.remove(t, balancers, clusterRoom, "default")
	eventually(t, edited, c.state)
	c.merge(t, peers, "b", `{"spec":{"sessions":7},"metadata":{"labels":{"mine":"too"},"annotations":{"mine":"too"}}}`)
	edited[2] = strings.ReplaceAll(edited[2], ours, ours+" mine:too")
	eventually(t, edited, c.state)
	require.Equal(t, map[string]string{"mine": "too"}, c.get(t, peers, "b").GetAnnotations())

	// Who replaces an object there deletes it first: here it stays.
	uid := c.get(t, groups, "default").GetUID()
	c.admin.remove(t, groups, clusterRoom, "default")
	c.admin.apply(t, routers)
	m.settles(2 * time.Second)
	require.Equal(t, uid, c.get(t, groups, "default").GetUID())

	// A deletion there.
	c.admin.remove(t, peers, clusterRoom, "b")
	c.admin.remove(t, groups, clusterRoom, "default")
	c.admin.remove(t, balancers, clusterRoom, "default")
	eventually(t, []string{wholeCopy[1], edited[3]}, c.state)

	// A Cluster beside the one that counts.
	c.admin.apply(t, strings.ReplaceAll(cluster, "name: bm,", "name: second,"))
	eventually(t, []string{wholeCopy[1], edited[3], strings.ReplaceAll(wholeCopy[3], " bm ", " second ")}, c.state)
	c.admin.remove(t, clusters, clusterRoom, "second")
	eventually(t, []string{wholeCopy[1], edited[3]}, c.state)

	// Also while no manager is there to see it.
	m.kill()
	c.admin.remove(t, peers, clusterRoom, "a")
	m = c.manage(t)
	eventually(t, []string{edited[3]}, c.state)
	report := m.Report().Source
	require.Equal(t, "cluster-bm", report.Namespace)
	require.Empty(t, report.Blocked)
	require.Len(t, report.Watches, 4)
	require.True(t, slices.ContainsFunc(m.Watches(), func(w manager.Watch) bool { return w.Kind == "BGPPeer of the source" && !w.Since.IsZero() }))
}

// problems of the last decision, without those of others.
func (r *runner) notCopied() []string {
	out := []string{}
	if d := r.Decided(); d != nil {
		for _, p := range d.Problems {
			if p.Reason == "NotCopied" {
				out = append(out, p.String())
			}
		}
	}
	return out
}

func (c *copying) foreign(t *testing.T) {
	c.admin.apply(t, cluster, routers)
	own := `{apiVersion: networking.gke.io/v1, kind: BGPPeer, metadata: {name: a, namespace: cluster-bm}, spec: {localASN: 65001, peerASN: 65009, peerIP: 10.8.0.99}}
---
{apiVersion: networking.gke.io/v1, kind: BGPPeer, metadata: {name: of-people, namespace: cluster-bm}, spec: {localASN: 65001, peerASN: 65009, peerIP: 10.8.0.98}}`
	c.apply(t, own)
	m := c.manage(t)
	want := slices.Clone(wholeCopy)
	want[1] = "BGPPeer a map[] map[localASN:65001 peerASN:65009 peerIP:10.8.0.99]"
	want = slices.Insert(want, 3, "BGPPeer of-people map[] map[localASN:65001 peerASN:65009 peerIP:10.8.0.98]")
	eventually(t, want, c.state)
	eventually(t, []string{"warning BGPPeer.networking.gke.io cluster-bm/a -: the source has an object of this name, and this one is no copy of it, so it stays as it is: " +
		"delete it, or have it follow the source (kubectl label bgppeers.networking.gke.io -n cluster-bm a frr-renderer.io/copied-from=yes) (NotCopied)"},
		func(*testing.T) []string { return m.notCopied() })
	m.settles(time.Second)
	require.Equal(t, want, c.state(t))

	// What people do about it.
	c.merge(t, peers, "a", `{"metadata":{"labels":{"frr-renderer.io/copied-from":"yes"}}}`)
	want[1] = wholeCopy[1]
	eventually(t, want, c.state)
	eventually(t, []string{}, func(*testing.T) []string { return m.notCopied() })

	// One that people made stays when the source has none.
	c.admin.remove(t, peers, clusterRoom, "a")
	c.admin.remove(t, peers, clusterRoom, "b")
	eventually(t, []string{want[0], want[3], want[4], want[5]}, c.state)
}

func (c *copying) sourceAway(t *testing.T) {
	c.admin.apply(t, cluster, routers)
	m := c.manage(t)
	eventually(t, wholeCopy, c.state)
	c.proxy.Break(func(http.ResponseWriter, *http.Request, http.Handler) bool { panic(http.ErrAbortHandler) })
	defer c.proxy.Break(nil)
	c.proxy.Cut()
	until(t, "the word that the source is away", func() bool {
		return strings.Contains(strings.Join(m.Report().Troubles, "\n"), "the source of copies can't be read; nothing is copied until it can, and what is here stays kind=BGPPeer")
	})
	until(t, "the reason", func() bool { return strings.Contains(m.Report().Source.Blocked, "not heard of any more (source)") })
	before := m.written()
	c.admin.remove(t, peers, clusterRoom, "b")
	c.admin.merge(t, peers, "a", `{"spec":{"sessions":3}}`)
	c.merge(t, balancers, "default", `{"metadata":{"annotations":{"emergency":"yes"}},"spec":{"peerSelector":{"use":"no"}}}`)
	eventually(t, []string{"warning Cluster.baremetal.cluster.gke.io cluster-bm/bm -: nothing is copied from the source, and what is here stays: " +
		"BGPLoadBalancer, BGPPeer, Cluster, NetworkGatewayGroup not read yet, or not heard of any more (source) (NotCopied)"},
		func(*testing.T) []string { return m.notCopied() })
	require.Equal(t, copiesOf(before), copiesOf(m.written()))

	// Another manager that has never seen the source.
	m.kill()
	m = c.manage(t)
	until(t, "work", func() bool { return m.Leading() && m.Rounds() > 0 && m.Report().Source != nil })
	m.settles(3 * time.Second)
	require.Empty(t, copiesOf(m.written()))
	require.True(t, m.Report().Ready(), "who can't read the source works all the same")

	c.proxy.Break(nil)
	want := slices.Delete(slices.Clone(wholeCopy), 2, 3)
	want[1] = strings.ReplaceAll(want[1], "sessions:2", "sessions:3")
	eventually(t, want, c.state)
	eventually(t, nil, func(*testing.T) []string { return m.Report().Troubles })
}

// copiesOf are the writes of copies among all.
func copiesOf(written []string) []string {
	return slices.DeleteFunc(slices.Clone(written), func(w string) bool {
		return strings.Contains(w, "/status") || strings.HasPrefix(w, "create bgp") && !strings.Contains(w, "peers") && !strings.Contains(w, "balancers")
	})
}

func (c *copying) otherSource(t *testing.T) {
	c.admin.apply(t, cluster, routers)
	m := c.manage(t)
	eventually(t, wholeCopy, c.state)
	for _, r := range copied {
		err := c.admin.objects.Resource(r).Namespace(clusterRoom).DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{})
		require.NoError(t, err)
	}
	until(t, "the word that there is no Cluster", func() bool {
		return strings.Contains(strings.Join(m.Report().Troubles, "\n"), "the source has no Cluster in namespace cluster-bm")
	})
	m.settles(7 * time.Second)
	m.kill()
	m = c.manage(t)
	until(t, "the same of one that has just come", func() bool {
		return strings.Contains(strings.Join(m.Report().Troubles, "\n"), "the source has no Cluster in namespace cluster-bm")
	})
	require.Equal(t, wholeCopy, c.state(t))

	// A Cluster that was made anew is another: what it does not have is told, not deleted.
	c.admin.apply(t, cluster)
	eventually(t, []string{
		"BGPLoadBalancer default", "BGPPeer a", "BGPPeer b", "NetworkGatewayGroup default",
	}, func(*testing.T) []string {
		var out []string
		for _, p := range m.notCopied() {
			kind, rest, _ := strings.Cut(strings.TrimPrefix(p, "warning "), ".")
			_, name, _ := strings.Cut(rest, "cluster-bm/")
			name, why, _ := strings.Cut(name, " -: ")
			require.Contains(t, why, "copied for another Cluster")
			out = append(out, kind+" "+name)
		}
		return out
	})
	m.settles(7 * time.Second)
	require.Equal(t, wholeCopy, c.state(t))
	c.admin.apply(t, routers)
	eventually(t, []string{}, func(*testing.T) []string { return m.notCopied() })
	c.admin.remove(t, peers, clusterRoom, "b")
	eventually(t, slices.Delete(slices.Clone(wholeCopy), 2, 3), c.state)

	// This very API server is no source.
	m.kill()
	m = c.runWith(t, "one", c.user, &manager.Source{Config: c.user, Namespace: clusterRoom})
	until(t, "the word that it is no source", func() bool {
		return strings.Contains(strings.Join(m.Report().Troubles, "\n"), "the source is this very API server: name that of the admin cluster with --source-kubeconfig")
	})
}

func (c *copying) forbidden(t *testing.T) {
	c.admin.apply(t, cluster, routers)
	source := c.source
	stranger, err := clientcmd.BuildConfigFromFlags("", apiserver.Kubeconfig(t, c.admin.User(t, "stranger"), c.admin.Address))
	require.NoError(t, err)
	c.source = stranger
	defer func() { c.source = source }()
	m := c.manage(t)
	until(t, "the word that it may not", func() bool {
		return strings.Contains(strings.Join(m.Report().Troubles, "\n"), `User "stranger" cannot list resource "bgppeers" in API group "networking.gke.io" in the namespace "cluster-bm"`)
	})
	require.Empty(t, c.state(t))
	c.admin.Grant(t, "stranger", clusterRoom, rights.Rules(rights.Source(), rights.Copied)...)
	eventually(t, wholeCopy, c.state)

	// Nor may it write here what it has no right for: others go on.
	ctx, roles := t.Context(), c.Client.RbacV1().Roles(clusterRoom)
	role, err := roles.Get(ctx, "manager", metav1.GetOptions{})
	require.NoError(t, err)
	all := slices.Clone(role.Rules)
	role.Rules = slices.DeleteFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return r.Resources[0] == "bgppeers" })
	role, err = roles.Update(ctx, role, metav1.UpdateOptions{})
	require.NoError(t, err)
	until(t, "the right to be gone", func() bool {
		_, err := dynamic.NewForConfigOrDie(c.user).Resource(peers).Namespace(clusterRoom).Patch(ctx, "nobody", "application/merge-patch+json", []byte("{}"), metav1.PatchOptions{})
		return apierrors.IsForbidden(err)
	})
	c.admin.merge(t, peers, "a", `{"spec":{"sessions":3}}`)
	c.admin.merge(t, groups, "default", `{"spec":{"floatingIPs":["10.0.1.100"]}}`)
	want := slices.Clone(wholeCopy)
	want[4] = strings.ReplaceAll(want[4], " 10.0.2.100", "")
	eventually(t, want, c.state)
	until(t, "the word that it may not write", func() bool {
		return strings.Contains(strings.Join(m.Report().Troubles, "\n"), "a copy can't be written; it is tried again, others go on object=BGPPeer a")
	})
	role.Rules = all
	_, err = roles.Update(ctx, role, metav1.UpdateOptions{})
	require.NoError(t, err)
	want[1] = strings.ReplaceAll(want[1], "sessions:2", "sessions:3")
	eventually(t, want, c.state)
}

func (c *copying) fight(t *testing.T) {
	c.admin.apply(t, cluster, routers)
	m := c.manage(t)
	eventually(t, wholeCopy, c.state)
	for range 5 {
		c.merge(t, peers, "a", `{"spec":{"sessions":9}}`)
		eventually(t, wholeCopy, c.state)
	}
	c.merge(t, peers, "a", `{"spec":{"sessions":9}}`)
	until(t, "the word that it is enough", func() bool {
		return strings.Contains(strings.Join(m.Report().Troubles, "\n"), "an object changes again and again")
	})
	require.Equal(t, 5, strings.Count(m.logged(), "kind=BGPPeer namespace=cluster-bm name=a new=false"))
	eventually(t, wholeCopy, c.state) // ten seconds later
}
