package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/manager"
	"github.com/frr-renderer/frr-renderer/internal/rights"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
)

func TestTheManagerSaysWhichFlagCannotBeMeant(t *testing.T) {
	absent, wrong := filepath.Join(t.TempDir(), "absent"), filepath.Join(t.TempDir(), "wrong")
	require.NoError(t, os.WriteFile(wrong, []byte("apiVersion: v1\nkind: Config\n"), 0o600))
	whole := apiserver.Kubeconfig(t, &rest.Config{}, "127.0.0.1:1")
	for _, c := range []struct {
		args, words string
		code        int
	}{
		{"", "name it with --kubeconfig", exitUsage},
		{"--kubeconfig " + absent, absent + ": no such file or directory; name a kubeconfig", exitFailed},
		{"--namespace Not_One", `--namespace (or METALLB_NAMESPACE) "Not_One" can't be a namespace's name: write 1 to 63 lower-case letters, digits and dashes, with no dash at either end`, exitUsage},
		{"--log-level loud", `--log-level "loud" is unknown; write all, debug`, exitUsage},
		{"--events-per-minute -1", "--events-per-minute -1 is less than nothing; write 0", exitUsage},
		{"--health-addr nowhere", `--health-addr "nowhere" is no address with a port, such as 127.0.0.1:17474`, exitUsage},
		{"--metrics-addr nowhere", `--metrics-addr "nowhere" is no address with a port, such as 127.0.0.1:17475`, exitUsage},
		{"--metrics-addr :17474 --health-addr :17474", "--metrics-addr :17474 is that of --health-addr, which is plain HTTP", exitUsage},
		{"--metrics-insecure --metrics-secure", "--metrics-insecure excludes --metrics-secure", exitUsage},
		{"--tls-min-version VersionTLS11", `--tls-min-version "VersionTLS11" is unknown`, exitUsage},
		{"now", `unknown command "now"`, exitUsage},
		{"--kubeconfig " + whole + " --source-kubeconfig " + absent, "read --source-kubeconfig: " + absent + ": no such file or directory; name a kubeconfig", exitFailed},
		{"--kubeconfig " + whole + " --source-kubeconfig " + wrong, "read --source-kubeconfig: " + wrong + ": current-context is empty", exitFailed},
		{"--kubeconfig " + whole + " --source-kubeconfig " + whole, "name their namespace with --source-namespace, or in the current context of --source-kubeconfig " + whole, exitUsage},
		{"--kubeconfig " + whole + " --source-kubeconfig " + whole + " --source-namespace Not_One", "--source-namespace (or that of the current context of " + whole + `) "Not_One" can't be a namespace's name`, exitUsage},
		{"--kubeconfig " + whole + " --source-namespace cluster-bm", "name the admin cluster's API server with --source-kubeconfig", exitUsage},
	} {
		code, _, stderr := do(t, append([]string{"manager"}, strings.Fields(c.args)...)...)
		require.Equal(t, c.code, code, "%s: %s", c.args, stderr)
		require.Contains(t, stderr, c.words, c.args)
	}
}

func TestTheManagersNamespaceIsThePodsUnlessSomebodySaysOtherwise(t *testing.T) {
	namespaceFile := filepath.Join(t.TempDir(), "namespace")
	require.NoError(t, os.WriteFile(namespaceFile, []byte("of-the-pod\n"), 0o600))
	for _, c := range []struct{ name, variable, kubeconfig, file, args, want string }{
		{"nothing", "", "", "absent", "", snapshot.DefaultNamespace},
		{"a pod", "", "", namespaceFile, "", "of-the-pod"},
		{"a variable", "of-variable", "", namespaceFile, "", "of-variable"},
		{"a flag", "of-variable", "", namespaceFile, "--namespace=of-flag", "of-flag"},
		{"another API server from a pod", "", "file", namespaceFile, "", snapshot.DefaultNamespace},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := managerFlags{}
			command := f.command()
			require.NoError(t, command.ParseFlags(strings.Fields(c.args)))
			f.kubeconfig = c.kubeconfig
			f.readVariables(command, func(string) string { return c.variable }, c.file)
			require.Equal(t, c.want, f.options.Namespace)
		})
	}
}

func TestOnlyThisPodReadsWhatTheManagerKnows(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	m, err := manager.New(manager.Options{Config: &rest.Config{Host: "https://127.0.0.1:1"}, Identity: "canary"}, log)
	require.NoError(t, err)
	mux := managerMux(m, status.NewDenialsOf(rights.Manager(), time.Now, log), log)
	ask := func(from, path string) *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodGet, path, nil)
		request.RemoteAddr = from
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, request)
		return answer
	}
	require.Equal(t, http.StatusOK, ask("127.0.0.1:4711", "/healthz").Code)
	require.Equal(t, http.StatusServiceUnavailable, ask("127.0.0.1:4711", "/readyz").Code)
	require.Contains(t, ask("127.0.0.1:4711", "/readyz").Body.String(), "not read yet: BGPAdvertisedRoute, BGPLoadBalancer")
	require.Contains(t, ask("[::1]:4711", "/status").Body.String(), `"identity": "canary"`)
	stranger := "192.0.2.7:4711"
	require.Equal(t, http.StatusOK, ask(stranger, "/healthz").Code)
	require.Equal(t, http.StatusServiceUnavailable, ask(stranger, "/readyz").Code)
	require.NotContains(t, ask(stranger, "/readyz").Body.String(), "BGPAdvertisedRoute")
	require.Equal(t, http.StatusForbidden, ask(stranger, "/status").Code)
	require.NotContains(t, ask(stranger, "/status").Body.String(), "canary")
}

// managing runs a manager until the test ends, and returns how it is asked, and what waits for an answer.
func managing(t *testing.T, kubeconfig, namespace string) (ask func(path string) (int, string), soon func(what string, ok func() bool)) {
	t.Helper()
	health := freeAddress(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"manager", "--kubeconfig", kubeconfig, "--namespace", namespace, "--health-addr", health, "--metrics-addr", health}, io.Discard, io.Discard)
	}()
	t.Cleanup(func() { cancel(); require.Zero(t, <-ended) })
	ask = func(path string) (int, string) {
		response, err := http.Get("http://" + health + path)
		if err != nil {
			return 0, ""
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(text)
	}
	return ask, func(what string, ok func() bool) {
		t.Helper()
		require.Eventually(t, ok, time.Minute, 50*time.Millisecond, what)
	}
}

// A right that is missing is named where people look, with what is not done for it, and is missed no more when it is there.
func TestTheManagerNamesTheRightThatIsMissing(t *testing.T) {
	server := apiserver.Start(t)
	server.InstallCRDs(t)
	require.NoError(t, server.ServeGDC())
	server.MakeNamespaces(t, snapshot.DefaultNamespace, "cluster-bm")
	var some, more []rights.Right
	for _, r := range rights.Manager() {
		switch r.Resource {
		case "nodes", "networkgatewaygroups/status":
			more = append(more, r)
		default:
			some = append(some, r)
		}
	}
	user := server.User(t, "manager", rights.Rules(some, rights.Cluster)...)
	server.Grant(t, "manager", snapshot.DefaultNamespace, rights.Rules(some, rights.Namespace)...)
	server.Grant(t, "manager", networking.ReportNamespace, rights.Rules(some, rights.Reports)...)

	ask, soon := managing(t, apiserver.Kubeconfig(t, user, server.Address), snapshot.DefaultNamespace)
	grant := func(r rights.Right) {
		roles := server.Client.RbacV1().ClusterRoles()
		role, err := roles.Get(t.Context(), "manager", metav1.GetOptions{})
		require.NoError(t, err)
		role.Rules = append(role.Rules, r.Rule())
		_, err = roles.Update(t.Context(), role, metav1.UpdateOptions{})
		require.NoError(t, err)
	}

	soon("it can't read nodes", func() bool {
		code, text := ask("/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(text, "not read yet: Node\n") &&
			strings.Contains(text, "let this program's account list nodes in the cluster; it is for: which can hold floating IPs, and take traffic (Forbidden)")
	})
	grant(more[0])
	soon("it has read all", func() bool { code, _ := ask("/readyz"); return code == http.StatusOK })

	gateway := schema.GroupVersionResource{Group: "networking.gke.io", Version: "v1", Resource: "networkgatewaygroups"}
	objects := dynamic.NewForConfigOrDie(server.Config).Resource(gateway).Namespace("cluster-bm")
	_, err := objects.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.gke.io/v1", "kind": "NetworkGatewayGroup", "metadata": map[string]any{"name": "default"},
		"spec": map[string]any{"floatingIPs": []any{"10.0.1.100"}},
	}}, metav1.CreateOptions{})
	require.NoError(t, err)
	var report managerReport
	var text string
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(text)
		}
	})
	soon("it can't write who holds what", func() bool {
		_, text = ask("/status")
		report = managerReport{}
		return json.Unmarshal([]byte(text), &report) == nil && len(report.Missing) == 1 && len(report.Troubles) == 1
	})
	require.Contains(t, report.Missing[0].Message, "forbids to update it; let this program's account update networkgatewaygroups.networking.gke.io/status")
	require.Equal(t, "NetworkGatewayGroup", report.Missing[0].Object.Kind)
	require.Contains(t, report.Troubles[0], "an object can't be written; it is tried again, others go on object=NetworkGatewayGroup cluster-bm/default")
	require.Equal(t, manager.Leader, report.State)
	_, text = ask("/metrics")
	require.Contains(t, text, `frr_renderer_problems{kind="NetworkGatewayGroup",reason="Forbidden",severity="warning"} 1`)
	require.Regexp(t, `frr_renderer_manager_writes_total\{kind="NetworkGatewayGroup",result="refused"\} [1-9]`, text)
	require.Contains(t, text, `frr_renderer_manager_floating_ips{state="unassigned"} 1`)

	grant(more[1])
	soon("it is written", func() bool {
		_, text := ask("/status")
		report = managerReport{}
		return json.Unmarshal([]byte(text), &report) == nil && len(report.Missing) == 0 && len(report.Troubles) == 0
	})

	// Of a namespace that is not there nothing can be read, and no error comes of that; but nobody can be elected.
	ask, soon = managing(t, apiserver.Kubeconfig(t, server.Config, server.Address), "nowhere")
	soon("it can't be elected", func() bool {
		_, text = ask("/status")
		report = managerReport{}
		return json.Unmarshal([]byte(text), &report) == nil && len(report.Troubles) == 1
	})
	require.Equal(t, manager.Standby, report.State)
	require.Contains(t, report.Troubles[0], "the Lease of the election can't be used, so this manager can't be elected lease=nowhere/frr-renderer-manager")
	require.Contains(t, report.Troubles[0], `namespaces "nowhere" not found`)
}
