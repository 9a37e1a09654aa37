package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

const (
	goodObjects = "../../test/frr/demo/objects"
	badObjects  = "../../test/frr/cases/same-address-twice"
)

// do runs the program as main does.
func do(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, &out, &err)
	return code, out.String(), err.String()
}

func TestExitCodesAreTheContract(t *testing.T) {
	empty, texts := t.TempDir(), t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(texts, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	file, mark, wide := write("file", "!\n"), write("mark", "\xef\xbb\xbf!\n"), write("wide", "\xff\xfe!\x00\n\x00")
	latin := write("latin", "hostname b\xfcro\n")
	for _, c := range []struct {
		name   string
		args   []string
		code   int
		stderr string
	}{
		{"render", []string{"render", "-f", goodObjects, "--node", "node-1"}, 0, ""},
		{"render with a rejected object", []string{"render", "-f", badObjects, "--node", "node1"}, 3, "ConflictingPeer"},
		{"render of an absent path", []string{"render", "-f", filepath.Join(empty, "absent"), "--node", "node1"}, 1, "absent"},
		{"render of an unknown node", []string{"render", "-f", goodObjects, "--node", "node-9"}, 1, "node-1, node-2, node-3"},
		{"render without a node", []string{"render", "-f", goodObjects}, 2, "--node is missing: name the node to configure"},
		{"render in no namespace", []string{"render", "-f", goodObjects, "--node", "node-1", "--namespace", ""}, 2, "--namespace \"\" can't be"},
		{"explain of nothing", []string{"explain", "service", "-f", goodObjects}, 2, "name one Service, as NAMESPACE/NAME"},
		{"explain of two nodes", []string{"explain", "node", "a", "b", "-f", goodObjects}, 2, "name one node"},
		{"explain from nowhere", []string{"explain", "service", "a/b"}, 2, "there is nothing to read"},
		{"render without files", []string{"render", "--node", "node1"}, 2, "there is nothing to read: name manifests with -f, or an API server with --kubeconfig"},
		{"render of an empty directory", []string{"render", "-f", empty, "--node", "node1"}, 0, "NothingToRead"},
		{"render with an argument too many", []string{"render", "-f", goodObjects, "--node", "node-1", "more"}, 2, "more"},
		{"validate", []string{"validate", "-f", goodObjects}, 0, "no problems (3 nodes)"},
		{"validate with a rejected object", []string{"validate", "-f", badObjects}, 3, ""},
		{"validate of an absent path", []string{"validate", "-f", filepath.Join(empty, "absent")}, 1, "absent"},
		{"diff without FRR", []string{"diff", "-f", goodObjects, "--node", "node-1", "--vty-dir", empty}, 1, "start bgpd"},
		{"diff to an absent file", []string{"diff", "-f", goodObjects, "--node", "node-1", "--to", filepath.Join(empty, "absent")}, 1, "absent"},
		{"diff with an unknown transport", []string{"diff", "-f", goodObjects, "--node", "node-1", "--vtysh", "telnet"}, 2, "telnet"},
		{"status without FRR", []string{"status", "--vty-dir", empty, "--health-addr", "127.0.0.1:1"}, 1, ""},
		{"status in an unknown form", []string{"status", "-o", "yaml"}, 2, "yaml"},
		{"run with an unknown log level", []string{"run", "-f", empty, "--node", "a", "--log-level", "loud"}, 2, "loud"},
		{"run without a node", []string{"run", "-f", empty}, 2, "METALLB_NODE_NAME"},
		{"run with nothing to read", []string{"run", "--node", "a"}, 2, "--kubeconfig"},
		{"validate of both", []string{"validate", "-f", empty, "--kubeconfig", file}, 2, "-f and --kubeconfig exclude each other: leave one out"},
		{"validate with an absent kubeconfig", []string{"validate", "--kubeconfig", filepath.Join(empty, "absent")}, 1, "absent"},
		{"run of an absent path", []string{"run", "-f", filepath.Join(empty, "absent"), "--node", "a", "--frr-conf", "none", "--health-addr", "", "--metrics-addr", ""}, 1, "absent"},
		{"run with an absent kubeconfig", []string{"run", "-f", goodObjects, "--node", "node-1", "--frr-conf", "none", "--kubeconfig", filepath.Join(empty, "absent")}, 1, "--kubeconfig"},
		{"reload with an empty digest", []string{"reload", badObjects, "--allow-resets", ""}, 2, "--allow-resets"},
		{"reload with half a digest", []string{"reload", badObjects, "--allow-resets", "0123456789ab"}, 2, "--allow-resets"},
		{"reload with a negative time to confirm", []string{"reload", badObjects, "--confirm", "-5s"}, 2, "--confirm"},
		{"reload without time", []string{"reload", badObjects, "--timeout", "0s"}, 2, "--timeout"},
		{"run with a negative time to confirm", []string{"run", "-f", empty, "--node", "a", "--confirm", "-5s"}, 2, "--confirm"},
		{"run that asks FRR all the time", []string{"run", "-f", empty, "--node", "a", "--drift-interval", "0s"}, 2, "--drift-interval 0s"},
		{"run that asks FRR before it asked", []string{"run", "-f", empty, "--node", "a", "--drift-interval", "-1s"}, 2, "--drift-interval -1s"},
		{"run with health at no address", []string{"run", "-f", empty, "--node", "a", "--health-addr", "foo"}, 2, "--health-addr \"foo\" is no address"},
		{"run with metrics at no address", []string{"run", "-f", empty, "--node", "a", "--metrics-addr", "127.0.0.1"}, 2, "--metrics-addr \"127.0.0.1\" is no address"},
		{"run in a namespace that can't be", []string{"run", "-f", empty, "--node", "a", "--namespace", "Bad NS"}, 2, "--namespace (or METALLB_NAMESPACE) \"Bad NS\" can't be"},
		{"run without time", []string{"run", "-f", empty, "--node", "a", "--timeout", "0s"}, 2, "--timeout"},
		{"reload without a file", []string{"reload"}, 2, "FILE is missing: name the frr.conf to bring FRR to, or - for the standard input\nTry: frr-renderer reload --help\n"},
		{"reload of two files", []string{"reload", "a", "b"}, 2, "one FILE is read"},
		{"reload that keeps nothing by an empty name", []string{"reload", badObjects, "--frr-conf", ""}, 2, "--frr-conf is empty"},
		{"reload with sockets in a file", []string{"reload", badObjects, "--vty-dir", file}, 2, "is no directory"},
		{"reload of a byte order mark", []string{"reload", mark, "--vty-dir", empty, "--frr-conf", "none"}, 1, mark + " begins with a byte order mark"},
		{"reload of UTF-16", []string{"reload", wide, "--vty-dir", empty, "--frr-conf", "none"}, 1, wide + " is UTF-16"},
		{"diff to a file that is no text", []string{"diff", "-f", goodObjects, "--node", "node-1", "--to", latin}, 1, latin + " is no text"},
		{"diff to UTF-16", []string{"diff", "-f", goodObjects, "--node", "node-1", "--to", wide}, 1, wide + " is UTF-16"},
		{"diff with absent templates", []string{"diff", "-f", goodObjects, "--node", "node-1", "--to", file, "--templates", filepath.Join(empty, "none")}, 1,
			filepath.Join(empty, "none")},
		{"status of an address without a port", []string{"status", "--health-addr", "foo"}, 2, "--health-addr \"foo\""},
		{"status of a port that can't be", []string{"status", "--health-addr", "localhost:99999"}, 2, "99999"},
		{"an unknown command", []string{"rendre"}, 2, "render"},
		{"an unknown flag", []string{"render", "--nodes"}, 2, "--nodes"},
		{"version", []string{"version"}, 0, ""},
		{"help", []string{"--help"}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, stderr := do(t, c.args...)
			require.Equal(t, c.code, code, stderr)
			require.Contains(t, stderr, c.stderr)
		})
	}
}

// Nothing is sent: --frr-conf can't be kept, or another reload has FRR.
func TestReloadThatMayNotBegin(t *testing.T) {
	vty, etc := t.TempDir(), t.TempDir()
	file := filepath.Join(etc, "wanted.conf")
	require.NoError(t, os.WriteFile(file, []byte("!\n"), 0o600))
	for _, conf := range []string{filepath.Join(etc, "absent", "frr.conf"), etc} {
		code, _, stderr := do(t, "reload", file, "--vty-dir", vty, "--frr-conf", conf)
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, "write "+conf)
		require.Contains(t, stderr, "nothing was sent")
	}

	f := &reloadFlags{vty: vtyFlags{dir: vty}, frrConf: filepath.Join(etc, "frr.conf")}
	held, err := f.take()
	require.NoError(t, err)
	begins := func() string {
		code, _, stderr := do(t, "reload", file, "--vty-dir", vty, "--frr-conf", f.frrConf)
		require.Equal(t, exitFailed, code)
		return stderr
	}
	us := fmt.Sprintf("frr-renderer: another reload runs (pid %d)", os.Getpid())
	require.Contains(t, begins(), us+"; wait for its end, or end it; nothing was sent")
	held.ends(time.Now().Add(90*time.Minute), f.notes()[1:])
	require.Regexp(t, regexp.QuoteMeta(us)+", its --confirm ends in 1h(30m0s|29m5[0-9]s); ", begins())
	held.free()
	require.NotContains(t, begins(), "another reload")
	left, err := filepath.Glob(filepath.Join(etc, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{file}, left)
}

func TestEveryCommandHasHelp(t *testing.T) {
	for _, command := range newRoot().Commands() {
		code, stdout, _ := do(t, command.Name(), "--help")
		require.Zero(t, code)
		require.Contains(t, stdout, "Usage:", command.Name())
	}
}

func TestDiffToAFileIsEmptyForWhatRenderPrints(t *testing.T) {
	_, document, _ := do(t, "render", "-f", goodObjects, "--node", "node-1")
	file := filepath.Join(t.TempDir(), "frr.conf")
	require.NoError(t, os.WriteFile(file, []byte(document), 0o600))

	code, stdout, _ := do(t, "diff", "-f", goodObjects, "--node", "node-1", "--to", file)
	require.Zero(t, code)
	require.Empty(t, stdout)

	code, stdout, _ = do(t, "diff", "-f", goodObjects, "--node", "node-2", "--to", file)
	require.Equal(t, exitDiffers, code)
	require.Equal(t, "none     bgpd  router bgp 64500 / address-family ipv4 unicast / no network 4.4.4.101/32\n", stdout)
}

func TestProblemsAsJSON(t *testing.T) {
	code, stdout, _ := do(t, "validate", "-f", badObjects, "-o", "json")
	require.Equal(t, exitRejected, code)
	var problems []problem.Problem
	require.NoError(t, json.Unmarshal([]byte(stdout), &problems))
	require.Len(t, problems, 1)
	require.Equal(t, problem.ConflictingPeer, problems[0].Reason)
	require.Equal(t, "tor1-again", problems[0].Object.Name)
}

func TestAnOverlayReplacesOneTemplate(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bfd.tmpl"), []byte("{{broken"), 0o600))
	code, _, stderr := do(t, "render", "-f", goodObjects, "--node", "node-1", "--templates", dir)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "bfd.tmpl:1")

	require.NoError(t, os.Rename(filepath.Join(dir, "bfd.tmpl"), filepath.Join(dir, "bfdd.tmpl")))
	code, _, stderr = do(t, "render", "-f", goodObjects, "--node", "node-1", "--templates", dir)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "replaces none")

	require.NoError(t, os.Remove(filepath.Join(dir, "bfdd.tmpl")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "router.tmpl"), []byte("! {{.ASN | printf \"AS%d\" | lower}}\n"), 0o600))
	code, stdout, _ := do(t, "render", "-f", goodObjects, "--node", "node-1", "--templates", dir)
	require.Zero(t, code)
	require.Contains(t, stdout, "! as64500\n")
	require.NotContains(t, stdout, "router bgp")
}

func TestRunEndsWhenTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done, address := make(chan int), freeAddress(t)
	var out, err bytes.Buffer
	go func() {
		done <- run(ctx, []string{"run", "-f", goodObjects, "--node", "node-1", "--vty-dir", t.TempDir(), "--frr-conf", "none",
			"--health-addr", address, "--metrics-addr", address}, &out, &err)
	}()
	// One address may serve both.
	for _, path := range []string{"healthz", "metrics"} {
		require.Eventually(t, func() bool {
			response, err := http.Get("http://" + address + "/" + path)
			return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
		}, 10*time.Second, 10*time.Millisecond, path)
	}
	cancel()
	select {
	case code := <-done:
		require.Zero(t, code, err.String())
	case <-time.After(10 * time.Second):
		t.Fatal("run goes on")
	}
}

// A pod without a token, or one whose API server can't be used otherwise, announces all the same.
func TestRunGoesOnWithoutTheAPIServerOfItsPod(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
	t.Setenv("KUBERNETES_SERVICE_PORT", "1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, err bytes.Buffer
	code := run(ctx, []string{"run", "-f", goodObjects, "--node", "node-1", "--vty-dir", t.TempDir(), "--frr-conf", "none",
		"--health-addr", "", "--metrics-addr", ""}, &out, &err)
	require.Zero(t, code, err.String())
	require.Equal(t, 1, strings.Count(err.String(), "the API server of this pod can't be used: Events are not written"), err.String())
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// Programs that read JSON count what is in a list, also where nothing is.
func TestAnEmptyPlanIsAnEmptyListInJSON(t *testing.T) {
	_, document, _ := do(t, "render", "-f", goodObjects, "--node", "node-1")
	file := filepath.Join(t.TempDir(), "frr.conf")
	require.NoError(t, os.WriteFile(file, []byte(document), 0o600))
	code, out, stderr := do(t, "diff", "-f", goodObjects, "--node", "node-1", "--to", file, "-o", "json")
	require.Zero(t, code, stderr)
	require.JSONEq(t, `{"commands": []}`, out)
}

func TestStatusTellsWhatTheProgramAnswers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "read it on the node itself", http.StatusForbidden)
	}))
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	code, out, _ := do(t, "status", "--vty-dir", t.TempDir(), "--health-addr", address)
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, address+" answers 403 Forbidden (read it on the node itself)")
}

func TestStatusTellsWhatWaitsForBFD(t *testing.T) {
	var out strings.Builder
	require.NoError(t, printSessions(&out, paint{}, observe.State{Sessions: []observe.Session{
		{Neighbor: "10.0.0.1", VRF: "default", State: "Idle", BFD: "Down"},
		{Neighbor: "10.0.0.2", VRF: "red", State: "Idle", BFD: "Down"},
		{Neighbor: "10.0.0.3", VRF: "default", State: "Idle"},
		{Neighbor: "10.0.0.4", VRF: "default", State: "Established", BFD: "Down"},
	}}, 0))
	require.Equal(t, 2, strings.Count(out.String(), "Idle while BFD is down"), out.String())
	require.Contains(t, out.String(), "  10.0.0.1: Idle while")
	require.Contains(t, out.String(), "  10.0.0.2 of red: Idle while")
}
