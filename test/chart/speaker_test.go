package chart

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/internal/rights"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// rack is one wire with a Kubernetes node, whose FRR comes with the pod, and two ToRs: tor1 has a password and keeps routes over restarts, tor2
// has BFD.
func rack(name string, v fabric.Version) fabric.Topology {
	const (
		open = " no bgp ebgp-requires-policy\n neighbor 10.0.0.11 remote-as 64500\n neighbor 10.0.0.11 passive\n"
		tor1 = "router bgp 64501\n" + open + " neighbor 10.0.0.11 password a-password\nexit\n"
		tor2 = "router bgp 64502\n" + open + " neighbor 10.0.0.11 bfd\nexit\n"
	)
	return fabric.Topology{
		Nodes: []fabric.NodeSpec{{Name: name}, {Name: "tor1", Version: v, Config: tor1}, {Name: "tor2", Version: v, Config: tor2}},
		Links: []fabric.Link{{Name: "rack", Ends: []fabric.End{
			{Node: name, Interface: "eth0", Addresses: []string{"10.0.0.11/24"}},
			{Node: "tor1", Interface: "eth0", Addresses: []string{"10.0.0.1/24"}},
			{Node: "tor2", Interface: "eth0", Addresses: []string{"10.0.0.2/24"}},
		}}},
	}
}

func blue(r fabric.Route) bool { return slices.Contains(r.Communities, "64500:7") }

// TestThePodSpeaks runs the DaemonSet's pod with real FRR, as its ServiceAccount at a real API server: flags, volumes, users, capabilities,
// probes, rights and the ways in which it may end.
func TestThePodSpeaks(t *testing.T) {
	fabric.Require(t, fabric.V84, fabric.V103)
	audit := newAudit(t)
	c := newCluster(t, audit.flags()...)
	c.InstallCRDs(t)
	c.mustHelm("install", release, chartDir, "--values", "cases/defaults/values.yaml", "--set", ids(t), "--set", "speaker.serviceStatus=true",
		"--set", "prometheus.rbacPrometheus=true,prometheus.serviceAccount=prometheus,prometheus.namespace="+namespace)
	_, err := c.Client.CoreV1().ServiceAccounts(namespace).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "prometheus"}},
		metav1.CreateOptions{})
	require.NoError(t, err)
	c.apply(objects)
	c.apply(service("web", "192.0.2.10"))
	for _, v := range []fabric.Version{fabric.V84, fabric.V103} {
		t.Run(string(v), func(t *testing.T) { speaks(t, c, v) })
	}
	audit.nothingRefused(t)
	audit.everythingUsed(t, "speaker-frr-renderer-speaker", speakerRights())
}

// speakerRights are those of a speaker without floating IPs.
func speakerRights() []rights.Right {
	return rights.Without(rights.All(), rights.GDC)
}

func speaks(t *testing.T, c *cluster, v fabric.Version) {
	c.t = t
	name := map[fabric.Version]string{fabric.V84: "old", fabric.V103: "new"}[v]
	c.apply(fmt.Sprintf("apiVersion: v1\nkind: Node\nmetadata: {name: %s}\n", name))
	lab := fabric.New(t, rack(name, v))
	tor1, tor2 := lab.Node("tor1"), lab.Node("tor2")
	p := newPod(t, c, lab.Node(name), v)

	// Containers start in any order.
	p.prepare()
	p.start("frr-renderer")
	p.start("frr")
	ours, frr := p.container("frr-renderer"), p.container("frr")
	p.passes("frr", frr.StartupProbe)
	p.passes("frr", frr.LivenessProbe)
	p.passes("frr-renderer", ours.LivenessProbe)
	p.passes("frr-renderer", ours.ReadinessProbe)
	established(t, tor1, tor2)
	route(t, tor1, "192.0.2.10/32", blue)
	route(t, tor2, "192.0.2.10/32", blue)
	later := fmt.Sprintf("192.0.2.%d", map[fabric.Version]int{fabric.V84: 20, fabric.V103: 21}[v])
	c.apply(service("later-"+name, later))
	route(t, tor1, later+"/32", blue)

	// Prometheus reads what it may, others don't.
	require.Equal(t, http.StatusUnauthorized, p.scrape("nobody"))
	made, err := c.Client.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), "prometheus", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, p.scrape(made.Status.Token))

	kept := filepath.Join(p.volumes["frr-conf"], "frr.conf")
	info, err := os.Stat(kept)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())

	// FRR's container is told to end: tor1 keeps the routes, since nobody said goodbye; FRR comes back with them.
	before, err := tor1.Session(t.Context(), "", "10.0.0.11")
	require.NoError(t, err)
	p.terminate("frr")
	route(t, tor1, later+"/32", func(r fabric.Route) bool { return r.Stale })
	p.start("frr")
	again(t, tor1, before)
	route(t, tor1, later+"/32", func(r fabric.Route) bool { return !r.Stale && blue(r) })
	p.passes("frr-renderer", ours.ReadinessProbe)

	// The pod's containers are all started anew, and the API server is away: FRR has what was applied last.
	p.gate.Shut()
	p.terminate("frr-renderer")
	applied, err := os.ReadFile(kept)
	require.NoError(t, err)
	before, err = tor1.Session(t.Context(), "", "10.0.0.11")
	require.NoError(t, err)
	p.terminate("frr")
	p.prepare()
	same, err := os.ReadFile(kept)
	require.NoError(t, err)
	require.Equal(t, string(applied), string(same))
	p.start("frr")
	again(t, tor1, before)
	route(t, tor1, later+"/32", func(r fabric.Route) bool { return !r.Stale && blue(r) })
	p.start("frr-renderer")
	p.passes("frr-renderer", ours.LivenessProbe)
	p.gate.Open()
	p.passes("frr-renderer", ours.ReadinessProbe)
	p.passes("frr", frr.LivenessProbe)
}

// established waits for the sessions with the node, and its BFD.
func established(t *testing.T, tors ...*fabric.Node) {
	t.Helper()
	ctx, cancel := deadline(t)
	defer cancel()
	for _, tor := range tors {
		_, err := tor.WaitAllEstablished(ctx)
		require.NoError(t, err)
	}
}

// again waits until the session with the node was established once more than before.
func again(t *testing.T, tor *fabric.Node, before fabric.Session) {
	t.Helper()
	ctx, cancel := deadline(t)
	defer cancel()
	_, err := tor.WaitSession(ctx, "", "10.0.0.11", func(s fabric.Session) bool {
		return s.State == "Established" && s.ConnectionsEstablished > before.ConnectionsEstablished
	})
	require.NoError(t, err)
}

func route(t *testing.T, tor *fabric.Node, prefix string, ok func(fabric.Route) bool) {
	t.Helper()
	ctx, cancel := deadline(t)
	defer cancel()
	_, err := tor.WaitRoute(ctx, "", prefix, ok)
	require.NoError(t, err)
}

func deadline(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), waiting)
}
