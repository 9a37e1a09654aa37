package chart

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/frr-renderer/frr-renderer/internal/rights"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

const (
	managerAccount = "speaker-frr-renderer-manager"
	examples       = "../../internal/gateway/testdata/"
	// electionTerm is how long a manager that died stays elected (docs/manager.md).
	electionTerm = 15 * time.Second
)

var networkingGroup = schema.GroupVersion{Group: "networking.gke.io", Version: "v1"}

// managed are the resources of an example, and what is made of it.
var managed = map[string]schema.GroupVersionResource{
	"Node": {Version: "v1", Resource: "nodes"}, "Service": {Version: "v1", Resource: "services"}, "EndpointSlice": {Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"},
	"Cluster":             {Group: "baremetal.cluster.gke.io", Version: "v1", Resource: "clusters"},
	"NetworkGatewayGroup": networkingGroup.WithResource("networkgatewaygroups"), "BGPPeer": networkingGroup.WithResource("bgppeers"),
	"BGPLoadBalancer": networkingGroup.WithResource("bgploadbalancers"), "BGPSession": networkingGroup.WithResource("bgpsessions"),
	"BGPAdvertisedRoute": networkingGroup.WithResource("bgpadvertisedroutes"),
}

// example is a case of internal/gateway, at the API server, and what its out.txt says that there shall be.
func (c *cluster) example(name string, all ...*decider) (floatingIPs, sessions []string) {
	c.t.Helper()
	own, err := os.ReadFile(filepath.Join(examples, "cases", name, "in.yaml"))
	require.NoError(c.t, err)
	objects := map[string]*unstructured.Unstructured{} // its own win
	texts := []string{string(own)}
	if !strings.Contains(string(own), "base: []") {
		for _, file := range []string{"cluster.yaml", "nodes.yaml"} {
			text, err := os.ReadFile(filepath.Join(examples, file))
			require.NoError(c.t, err)
			texts = append([]string{string(text)}, texts...)
		}
	}
	for _, text := range strings.Split(strings.Join(texts, "\n---\n"), "\n---\n") {
		u := &unstructured.Unstructured{}
		require.NoError(c.t, yaml.Unmarshal([]byte(text), &u.Object), text)
		if _, known := managed[u.GetKind()]; known {
			objects[u.GetKind()+" "+u.GetName()] = u
		}
	}
	const group = "NetworkGatewayGroup "
	var groups, others []*unstructured.Unstructured
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		if strings.HasPrefix(key, group) {
			groups = append(groups, objects[key])
		} else {
			others = append(others, objects[key])
		}
	}
	// A floating IP goes to a node that is there, and stays: all nodes are to be known before.
	for _, o := range others {
		c.make(o)
	}
	last := time.Now()
	c.make(&unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{"name": "last"}}})
	for _, d := range all {
		eventually(c.t, "every node is known", func() bool { return d.heard("Node").After(last) })
	}
	require.NoError(c.t, c.Client.CoreV1().Nodes().Delete(c.t.Context(), "last", metav1.DeleteOptions{}))
	for _, o := range groups {
		c.make(o)
	}
	return expected(c.t, filepath.Join(examples, "cases", name))
}

// make writes an object with its status.
func (c *cluster) make(u *unstructured.Unstructured) {
	c.t.Helper()
	client := c.dynamic.Resource(managed[u.GetKind()]).Namespace(u.GetNamespace())
	u.SetCreationTimestamp(metav1.Time{})
	status, has := u.Object["status"]
	made, err := client.Create(c.t.Context(), u, metav1.CreateOptions{})
	require.NoError(c.t, err, u.Object)
	if has {
		made.Object["status"] = status
		_, err = client.UpdateStatus(c.t.Context(), made, metav1.UpdateOptions{})
		require.NoError(c.t, err)
	}
}

// expected reads who holds what, and which sessions there are, of the case's golden file.
func expected(t testing.TB, dir string) (floatingIPs, sessions []string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "out.*"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	text, err := os.ReadFile(found[0])
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`(?m)^  (\S+) of default: (\S+)$`).FindAllStringSubmatch(string(text), -1) {
		floatingIPs = append(floatingIPs, m[1]+" "+m[2])
	}
	for _, m := range regexp.MustCompile(`(?m)^  (\S+): (\S+) on (\S+), AS `).FindAllStringSubmatch(string(text), -1) {
		sessions = append(sessions, m[1]+" "+m[2]+" "+m[3])
	}
	slices.Sort(sessions)
	require.NotEmpty(t, floatingIPs)
	require.NotEmpty(t, sessions)
	return floatingIPs, sessions
}

// wipe deletes an example, and what was made of it.
func (c *cluster) wipe() {
	c.t.Helper()
	for _, r := range managed {
		list, err := c.dynamic.Resource(r).List(c.t.Context(), metav1.ListOptions{})
		require.NoError(c.t, err)
		for _, o := range list.Items {
			if o.GetName() == "kubernetes" {
				continue
			}
			err := c.dynamic.Resource(r).Namespace(o.GetNamespace()).Delete(c.t.Context(), o.GetName(), metav1.DeleteOptions{})
			require.True(c.t, err == nil || apierrors.IsNotFound(err), "%v", err)
		}
	}
}

// told waits until the API server has just these holders and sessions.
func (c *cluster) told(floatingIPs, sessions []string) {
	c.t.Helper()
	var held, has []string
	defer func() {
		if c.t.Failed() {
			c.t.Logf("floating IPs %v, sessions %v", held, has)
		}
	}()
	eventually(c.t, "the assignment", func() bool {
		held, has = nil, nil
		groups, err := c.dynamic.Resource(managed["NetworkGatewayGroup"]).List(context.Background(), metav1.ListOptions{})
		require.NoError(c.t, err)
		for _, g := range groups.Items {
			status, _, _ := unstructured.NestedStringMap(g.Object, "status", "floatingIPs")
			for _, address := range slices.Sorted(maps.Keys(status)) {
				held = append(held, address+" "+status[address])
			}
		}
		all, err := c.dynamic.Resource(managed["BGPSession"]).Namespace("kube-system").List(context.Background(), metav1.ListOptions{})
		require.NoError(c.t, err)
		for _, s := range all.Items {
			spec, _, _ := unstructured.NestedMap(s.Object, "spec")
			has = append(has, fmt.Sprintf("%s %s %s", s.GetName(), spec["floatingIP"], spec["nodeName"]))
		}
		slices.Sort(has)
		return slices.Equal(floatingIPs, held) && slices.Equal(sessions, has)
	})
}

// decider is a manager that runs as a process, with the flags of the chart's Deployment.
type decider struct {
	*fabric.Program
	t               *testing.T
	log             string
	health, metrics string
}

// manage starts one, as the user and with the token of its pod.
func (c *cluster) manage(t *testing.T) *decider {
	t.Helper()
	deployment, err := c.Client.AppsV1().Deployments(namespace).Get(t.Context(), "speaker-frr-renderer-manager", metav1.GetOptions{})
	require.NoError(t, err)
	spec := deployment.Spec.Template.Spec
	require.Equal(t, managerAccount, spec.ServiceAccountName)
	container := spec.Containers[0]
	require.Equal(t, []string{"/frr-renderer"}, container.Command)
	path, err := program()
	require.NoError(t, err)
	require.NoError(t, os.Chmod(programDir, 0o755))
	made, err := c.Client.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), managerAccount, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "manager-") // others than root go through it
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	text, err := os.ReadFile(kubeconfig(t, c.Config, made.Status.Token))
	require.NoError(t, err)
	reach := filepath.Join(dir, "kubeconfig")
	require.NoError(t, os.WriteFile(reach, text, 0o644))

	d := &decider{t: t, log: filepath.Join(dir, "log"), health: free(t), metrics: free(t)}
	args := slices.Concat(container.Args, []string{"--kubeconfig", reach, "--health-addr", d.health, "--metrics-addr", d.metrics, "--metrics-secure"})
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "$(METALLB_NAMESPACE)", namespace)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = []string{}
	cmd.Dir = "/"
	user, group := uint32(*spec.SecurityContext.RunAsUser), uint32(*spec.SecurityContext.RunAsGroup)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: &syscall.Credential{Uid: user, Gid: group}}
	log, err := os.Create(d.log)
	require.NoError(t, err)
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	d.Program, err = fabric.Start(cmd)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = d.End(syscall.SIGKILL)
		if t.Failed() {
			said, _ := os.ReadFile(d.log)
			t.Logf("manager:\n%s", said)
		}
	})
	return d
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// managerStatus is what the tests read of /status.
type managerStatus struct {
	Identity, State, Leader string
	Waiting, Troubles       []string
	Decision                *struct {
		FloatingIPs []struct{ Address, Node string }
		Sessions    []struct{ Name string }
		Problems    []struct{ Reason string }
	}
	Missing []struct{ Message string }
	Watches []struct {
		Kind  string
		Event time.Time
	}
}

func (d *decider) get(path string) (int, string) {
	response, err := (&http.Client{Timeout: 10 * time.Second}).Get("http://" + d.health + path)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}

func (d *decider) status() (s managerStatus) {
	if code, text := d.get("/status"); code == http.StatusOK {
		require.NoError(d.t, json.Unmarshal([]byte(text), &s), text)
	}
	return s
}

// heard is when something was last heard of a kind.
func (d *decider) heard(kind string) time.Time {
	for _, w := range d.status().Watches {
		if w.Kind == kind {
			return w.Event
		}
	}
	return time.Time{}
}

func (d *decider) ready() {
	d.t.Helper()
	eventually(d.t, "the manager is ready", func() bool { code, _ := d.get("/readyz"); return code == http.StatusOK })
}

// scrape reads /metrics over HTTPS.
func (d *decider) scrape(token string) (int, string) {
	d.t.Helper()
	request, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, "https://"+d.metrics+"/metrics", nil)
	require.NoError(d.t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	response, err := client.Do(request)
	require.NoError(d.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(d.t, err)
	return response.StatusCode, string(text)
}

// leads waits until one of them is elected, and returns it and the others.
func leads(t *testing.T, all ...*decider) (leader *decider, others []*decider) {
	t.Helper()
	eventually(t, "a leader", func() bool {
		leader, others = nil, nil
		for _, d := range all {
			if s := d.status(); s.State == "leader" && s.Decision != nil {
				leader = d
			} else {
				others = append(others, d)
			}
		}
		return leader != nil && len(others) == len(all)-1
	})
	return leader, others
}

func (d *decider) stop(signal syscall.Signal) {
	d.t.Helper()
	require.NoError(d.t, syscall.Kill(d.PID(), signal))
	select {
	case <-d.Ended:
	case <-time.After(waiting):
		d.t.Fatal("the manager does not end")
	}
}

// TestTheManagerDecides runs the chart's manager as processes that are the ServiceAccount of its Deployment at a real API server: the documents' examples,
// who takes over from whom, metrics, Events, and that just the rights of its roles are used.
func TestTheManagerDecides(t *testing.T) {
	if os.Geteuid() != 0 {
		without(t, fmt.Errorf("it runs as the pod's user"), "Only root can become that")
	}
	audit := newAudit(t)
	c := newCluster(t, audit.flags()...)
	c.InstallCRDs(t)
	require.NoError(t, c.ServeGDC())
	ctx := t.Context()
	c.MakeNamespaces(t, "cluster-bm")
	said := c.mustHelm("install", release, chartDir, "--values", "cases/gdc/values.yaml",
		"--set", "prometheus.rbacPrometheus=true,prometheus.serviceAccount=prometheus,prometheus.namespace="+namespace)
	require.Contains(t, said, "rollout status deploy/speaker-frr-renderer-manager")
	require.NotContains(t, said, "CRDs of networking.gke.io are not here")
	_, err := c.Client.CoreV1().ServiceAccounts(namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "prometheus"}}, metav1.CreateOptions{})
	require.NoError(t, err)

	one, two := c.manage(t), c.manage(t)
	one.ready()
	two.ready()
	for _, name := range []string{"example-09-dual-stack", "example-12-separate-control-and-data-plane", "example-10-all-nodes-same-peers"} {
		c.wipe()
		c.told(nil, nil)
		floatingIPs, sessions := c.example(name, one, two)
		c.told(floatingIPs, sessions)
	}
	floatingIPs, sessions := expected(t, examples+"cases/example-10-all-nodes-same-peers")
	leader, others := leads(t, one, two)
	standby := others[0]

	is := leader.status()
	require.Len(t, is.Decision.FloatingIPs, len(floatingIPs))
	require.Len(t, is.Decision.Sessions, len(sessions))
	require.Empty(t, is.Waiting)
	require.Empty(t, is.Troubles)
	require.Empty(t, is.Missing)
	watches := standby.status()
	require.Equal(t, "standby", watches.State)
	require.Equal(t, is.Identity, watches.Leader)
	require.Nil(t, watches.Decision)
	standby.ready()

	tampering(t, c, sessions[0])
	metrics(t, c, leader, standby)
	events(t, c)

	// Killed: the other waits until the Lease is over. Nothing is another then.
	before := c.versions()
	killed := time.Now()
	leader.stop(syscall.SIGKILL)
	next, _ := leads(t, standby)
	t.Logf("took over from one that was killed in %s", time.Since(killed).Round(time.Millisecond))
	require.Equal(t, before, c.versions(), "the next one has nothing to write")

	// Told to end: at once.
	third := c.manage(t)
	third.ready()
	ended := time.Now()
	next.stop(syscall.SIGTERM)
	require.Zero(t, next.ExitCode(), "it ends as it was told to")
	leads(t, third)
	took := time.Since(ended)
	t.Logf("took over from one that was told to end in %s", took.Round(time.Millisecond))
	require.Less(t, took, electionTerm, "the Lease was given back")
	require.Equal(t, before, c.versions())

	audit.nothingRefused(t)
	audit.everythingUsed(t, managerAccount, rights.Manager())
}

// versions are the resource versions of what a manager writes.
func (c *cluster) versions() map[string]string {
	c.t.Helper()
	out := map[string]string{}
	for _, kind := range []string{"NetworkGatewayGroup", "BGPPeer", "BGPLoadBalancer", "BGPSession", "BGPAdvertisedRoute"} {
		list, err := c.dynamic.Resource(managed[kind]).List(c.t.Context(), metav1.ListOptions{})
		require.NoError(c.t, err)
		for _, o := range list.Items {
			out[kind+" "+o.GetName()] = o.GetResourceVersion()
		}
	}
	return out
}

// tampering: what somebody has changed of what the manager made comes back as it was; a route comes and goes with its Service.
func tampering(t *testing.T, c *cluster, session string) {
	c.apply(service("web", "203.0.113.1"))
	change := func(kind, name, patch, field string) {
		client := c.dynamic.Resource(managed[kind]).Namespace("kube-system")
		var before *unstructured.Unstructured
		eventually(t, kind+" is there", func() bool {
			var err error
			before, err = client.Get(context.Background(), name, metav1.GetOptions{})
			return err == nil
		})
		_, err := client.Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		require.NoError(t, err)
		eventually(t, kind+" is as it was", func() bool {
			now, err := client.Get(context.Background(), name, metav1.GetOptions{})
			require.NoError(t, err)
			is, _, _ := unstructured.NestedFieldNoCopy(now.Object, "spec", field)
			was, _, _ := unstructured.NestedFieldNoCopy(before.Object, "spec", field)
			return now.GetResourceVersion() != before.GetResourceVersion() && reflect.DeepEqual(is, was)
		})
	}
	name, _, _ := strings.Cut(session, " ")
	change("BGPSession", name, `{"spec":{"peerASN":64999}}`, "peerASN")
	const route = "default-default-web"
	change("BGPAdvertisedRoute", route, `{"spec":{"nextHops":["192.0.2.1"]}}`, "nextHops")
	require.NoError(t, c.Client.CoreV1().Services("default").Delete(t.Context(), "web", metav1.DeleteOptions{}))
	eventually(t, "the route is gone", func() bool {
		_, err := c.dynamic.Resource(managed["BGPAdvertisedRoute"]).Namespace("kube-system").Get(context.Background(), route, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
}

// metrics are those of a leader and of a standby, for whom the API server allows it.
func metrics(t *testing.T, c *cluster, leader, standby *decider) {
	code, _ := leader.scrape("nobody")
	require.Equal(t, http.StatusUnauthorized, code)
	made, err := c.Client.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), "prometheus", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	code, text := leader.scrape(made.Status.Token)
	require.Equal(t, http.StatusOK, code, text)
	for _, line := range []string{
		"frr_renderer_manager_leader 1\n", `frr_renderer_manager_floating_ips{state="assigned"} 2`, `frr_renderer_manager_floating_ips{state="unassigned"} 0`,
		`frr_renderer_manager_leases{state="live"} 0`, `frr_renderer_source_connected{kind="NetworkGatewayGroup"} 1`,
	} {
		require.Contains(t, text, line)
	}
	require.Regexp(t, `frr_renderer_manager_writes_total\{kind="BGPSession",result="written"\} [1-9]`, text)
	require.Regexp(t, `frr_renderer_manager_decision_duration_seconds_count [1-9]`, text)
	require.Regexp(t, `frr_renderer_manager_floating_ip_moves_total [1-9]`, text)
	_, text = standby.scrape(made.Status.Token)
	require.Contains(t, text, "frr_renderer_manager_leader 0\n")
	require.NotContains(t, text, "frr_renderer_manager_floating_ips")
}

// events tell of a Service whose address is in no pool, which has no condition to tell it, and that it is mended.
func events(t *testing.T, c *cluster) {
	services := c.dynamic.Resource(managed["Service"]).Namespace("default")
	c.make(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
		"metadata":  map[string]any{"name": "lost", "namespace": "default", "labels": map[string]any{"kubernetes.io/service-name": "lost"}},
		"endpoints": []any{map[string]any{"addresses": []any{"10.244.0.9"}}},
	}})
	c.make(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "lost", "namespace": "default"},
		"spec":   map[string]any{"type": "LoadBalancer", "ports": []any{map[string]any{"port": int64(80)}}},
		"status": map[string]any{"loadBalancer": map[string]any{"ingress": []any{map[string]any{"ip": "198.18.0.1"}}}},
	}})
	var found eventsv1.Event
	has := func(reason string) func() bool {
		return func() bool {
			list, err := c.Client.EventsV1().Events("default").List(context.Background(), metav1.ListOptions{})
			require.NoError(t, err)
			for _, e := range list.Items {
				if e.Regarding.Kind == "Service" && e.Regarding.Name == "lost" && e.Reason == reason {
					found = e
					return true
				}
			}
			return false
		}
	}
	eventually(t, "an Event about the Service", has("NotInAnyPool"))
	require.Equal(t, "frr-renderer.io/manager", found.ReportingController)
	require.Equal(t, "Warning", found.Type)
	require.Contains(t, found.Note, "198.18.0.1 lies in no pool")
	require.NotContains(t, found.Note, "perhaps on others")
	o, err := services.Get(t.Context(), "lost", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, o.GetUID(), found.Regarding.UID)
	unstructured.RemoveNestedField(o.Object, "status", "loadBalancer")
	_, err = services.UpdateStatus(t.Context(), o, metav1.UpdateOptions{})
	require.NoError(t, err)
	eventually(t, "an Event that it is mended", has("Mended"))
	require.NoError(t, services.Delete(t.Context(), "lost", metav1.DeleteOptions{}))
}
