package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/frr-renderer/frr-renderer/internal/agent"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
)

// MetalLB's manifests say by variables what its flags say.
func TestVariablesOfMetalLBCountWhereNoFlagSaysOtherwise(t *testing.T) {
	pod := filepath.Join(t.TempDir(), "namespace")
	require.NoError(t, os.WriteFile(pod, []byte("of-the-pod\n"), 0o600))
	all := map[string]string{nodeVariable: "of-variable", podVariable: "pod-of-variable", namespaceVariable: "namespace-of-variable"}
	for _, c := range []struct {
		name                 string
		args                 []string
		variables            map[string]string
		file                 string
		node, pod, namespace string
	}{
		{"nothing", nil, nil, "absent", "", "", snapshot.DefaultNamespace},
		{"variables", nil, all, pod, "of-variable", "pod-of-variable", "namespace-of-variable"},
		{"flags", []string{"--node", "n", "--pod-name", "p", "--namespace", "s"}, all, pod, "n", "p", "s"},
		{"MetalLB's flag", []string{"--node-name", "n"}, all, pod, "n", "pod-of-variable", "namespace-of-variable"},
		{"a pod", nil, nil, pod, "", "", "of-the-pod"},
		{"manifests in a pod", []string{"-f", "dir"}, nil, pod, "", "", snapshot.DefaultNamespace},
		{"another API server from a pod", []string{"--kubeconfig", "file"}, nil, pod, "", "", snapshot.DefaultNamespace},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f runFlags
			command := f.command()
			require.NoError(t, command.ParseFlags(c.args))
			f.readVariables(command, func(name string) string { return c.variables[name] }, c.file)
			require.Equal(t, []string{c.node, c.pod, c.namespace}, []string{f.objects.node, f.podName, f.objects.options.Namespace})
		})
	}
}

func TestLogLevelsAreMetalLBs(t *testing.T) {
	for word, lowest := range map[string]slog.Level{
		"all": slog.LevelDebug, "debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	} {
		level, err := logLevel(word)
		require.NoError(t, err)
		require.Equal(t, lowest, level, word)
	}
	none, err := logLevel("none")
	require.NoError(t, err)
	require.Greater(t, none, slog.LevelError)
}

func TestCommandsReadAnAPIServer(t *testing.T) {
	server := apiserver.Start(t)
	server.InstallCRDs(t)
	fill(t, server)
	direct := apiserver.Kubeconfig(t, server.Config, server.Address)
	nowhere := t.TempDir()

	code, config, stderr := do(t, "render", "--kubeconfig", direct, "--node", "node1")
	require.Zero(t, code, stderr)
	require.Contains(t, config, "network 20.0.0.1/32 route-map")
	code, _, stderr = do(t, "render", "--kubeconfig", direct, "--node", "node9")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "node1")
	code, _, stderr = do(t, "validate", "--kubeconfig", direct)
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "no problems (1 nodes)")
	code, said, stderr := do(t, "explain", "service", "shop/web", "--kubeconfig", direct)
	require.Zero(t, code, stderr)
	require.Contains(t, said, "tor1")
	code, said, _ = do(t, "explain", "service", "default/kubernetes", "--kubeconfig", direct)
	require.Equal(t, exitDiffers, code)
	require.Contains(t, said, "notLoadBalancer")

	t.Run("run says what it waits for", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		gate := apiserver.NewGate(t, listener, server.Address)
		gate.Shut()
		health := freeAddress(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan int, 1)
		go func() {
			done <- run(ctx, []string{
				"run", "--kubeconfig", apiserver.Kubeconfig(t, server.Config, gate.Address()), "--node-name", "node1", "--vty-dir", nowhere,
				"--frr-conf", "none", "--health-addr", health, "--metrics-addr", health, "--log-level", "none",
			}, io.Discard, io.Discard)
		}()
		require.Eventually(t, func() bool {
			code, said := answerOf(health, "/readyz")
			return code == http.StatusServiceUnavailable && strings.Contains(said, "waiting for the API server") && strings.Contains(said, "BGPPeer (")
		}, time.Minute, 10*time.Millisecond)
		require.Eventually(t, func() bool { return report(health).CutOff != nil }, time.Minute, 10*time.Millisecond)
		gate.Open()
		require.Eventually(t, func() bool {
			_, metrics := answerOf(health, "/metrics")
			return strings.Contains(metrics, `frr_renderer_source_connected{kind="Service"} 1`) &&
				strings.Contains(metrics, `frr_renderer_source_connected{kind="BGPPeer"} 1`)
		}, time.Minute, 50*time.Millisecond)
		// FRR is not there: that is what is told next.
		require.Eventually(t, func() bool {
			r := report(health)
			return r.Waiting == "" && r.CutOff == nil && strings.Contains(r.Failure, "bgpd")
		}, time.Minute, 10*time.Millisecond)
		cancel()
		require.Zero(t, <-done)
	})
}

// fill makes one Service that one node announces to one peer.
func fill(t *testing.T, server *apiserver.Server) {
	t.Helper()
	client := server.Client
	server.MakeNamespaces(t, "metallb-system", "shop")
	_, err := client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node1"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	service, err := client.CoreV1().Services("shop").Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "20.0.0.1"}}
	_, err = client.CoreV1().Services("shop").UpdateStatus(t.Context(), service, metav1.UpdateOptions{})
	require.NoError(t, err)
	_, err = client.DiscoveryV1().EndpointSlices("shop").Create(t.Context(), &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: "web-1", Labels: map[string]string{discoveryv1.LabelServiceName: "web"}},
		AddressType: discoveryv1.AddressTypeIPv4, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.1.0.1"}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	metallb := dynamic.NewForConfigOrDie(server.Config)
	for resource, manifest := range map[string]string{
		"v1beta2/bgppeers":          `{"kind":"BGPPeer","metadata":{"name":"tor1"},"spec":{"myASN":64500,"peerASN":64501,"peerAddress":"10.0.0.1"}}`,
		"v1beta1/ipaddresspools":    `{"kind":"IPAddressPool","metadata":{"name":"pool"},"spec":{"addresses":["20.0.0.0/24"]}}`,
		"v1beta1/bgpadvertisements": `{"kind":"BGPAdvertisement","metadata":{"name":"all"}}`,
	} {
		version, plural, _ := strings.Cut(resource, "/")
		u := &unstructured.Unstructured{}
		require.NoError(t, json.Unmarshal([]byte(manifest), &u.Object))
		u.SetAPIVersion("metallb.io/" + version)
		_, err := metallb.Resource(schema.GroupVersionResource{Group: "metallb.io", Version: version, Resource: plural}).Namespace("metallb-system").
			Create(t.Context(), u, metav1.CreateOptions{})
		require.NoError(t, err)
	}
}

func answerOf(address, path string) (code int, body string) {
	response, err := http.Get("http://" + address + path)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	data, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(data)
}

func report(address string) agent.Report {
	var r agent.Report
	_, body := answerOf(address, "/status")
	_ = json.Unmarshal([]byte(body), &r)
	return r
}

// An API server's audit log and its metrics tell by this name who asks.
func TestAPIServersKnowTheProgramByItsName(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(file, []byte(`{"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"contexts": [{"name": "c", "context": {"cluster": "c"}}], "clusters": [{"name": "c", "cluster": {"server": "https://192.0.2.1"}}]}`), 0o600))
	config, err := apiServer(file)
	require.NoError(t, err)
	require.Equal(t, "frr-renderer/"+version, config.UserAgent)
}
