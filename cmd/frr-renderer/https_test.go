package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
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
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	certutil "k8s.io/client-go/util/cert"

	"github.com/frr-renderer/frr-renderer/internal/rights"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
)

// patience is for what takes a moment on a machine that has nothing else to do.
const patience = time.Minute

// token makes a ServiceAccount, of which the rules say what it may do, and a token for it.
func token(t *testing.T, server *apiserver.Server, name string, rules ...rbacv1.PolicyRule) string {
	t.Helper()
	accounts := server.Client.CoreV1().ServiceAccounts("default")
	meta := metav1.ObjectMeta{Name: name}
	_, err := accounts.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = server.Client.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = server.Client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: name}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	made, err := accounts.CreateToken(t.Context(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	return made.Status.Token
}

// running runs the program until the test ends, and returns where its metrics are.
func running(t *testing.T, args ...string) string {
	t.Helper()
	return runningOn(t, append([]string{"-f", goodObjects, "--node", "node-1"}, args...)...)
}

// runningOn is running for a source that the arguments name.
func runningOn(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done, address := make(chan int), freeAddress(t)
	var out, said bytes.Buffer
	args = append([]string{"run", "--vty-dir", t.TempDir(), "--frr-conf", "none", "--health-addr", "",
		"--metrics-addr", address}, args...)
	go func() { done <- run(ctx, args, &out, &said) }()
	t.Cleanup(func() {
		cancel()
		select {
		case code := <-done:
			require.Zero(t, code, said.String())
		case <-time.After(patience):
			t.Error("run goes on")
		}
	})
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", address)
		return err == nil && c.Close() == nil
	}, patience, 10*time.Millisecond, "it listens")
	return address
}

// get asks over HTTPS, whoever has signed the certificate, and returns what the server showed of itself.
func get(t *testing.T, address, path, token string, client *tls.Config) (int, string, *tls.ConnectionState) {
	t.Helper()
	client.InsecureSkipVerify = true
	c := http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: client, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+path, http.NoBody)
	require.NoError(t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := c.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body), response.TLS
}

func TestMetricsAreForThoseWhomTheAPIServerAllows(t *testing.T) {
	server := apiserver.Start(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gate := apiserver.NewGate(t, listener, server.Address)
	kubeconfig := apiserver.Kubeconfig(t, server.User(t, "sidecar", rights.Rules(rights.All(), rights.Cluster)...), gate.Address())
	metrics := rbacv1.PolicyRule{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}
	prometheus, stranger := token(t, server, "prometheus", metrics), token(t, server, "stranger")
	certificates := t.TempDir()
	certify(t, certificates, "one.example")
	address := running(t, "--kubeconfig", kubeconfig, "--metrics-secure", "--metrics-cert-dir", certificates)
	code := func(path, token string) int {
		code, _, _ := get(t, address, path, token, &tls.Config{})
		return code
	}

	t.Run("with a token and the right", func(t *testing.T) {
		// The API server grants a new role a moment after it was made.
		require.Eventually(t, func() bool { return code("/metrics", prometheus) == http.StatusOK }, patience, 50*time.Millisecond)
		_, text, state := get(t, address, "/metrics", prometheus, &tls.Config{})
		require.Contains(t, text, "\nmetallb_k8s_client_config_loaded_bool 0\n")
		require.Contains(t, text, `frr_renderer_api_requests_total{code="201",resource="tokenreviews.authentication.k8s.io",verb="create"} `)
		require.Equal(t, uint16(tls.VersionTLS13), state.Version)
	})
	t.Run("others", func(t *testing.T) {
		require.Equal(t, http.StatusUnauthorized, code("/metrics", ""))
		require.Equal(t, http.StatusUnauthorized, code("/metrics", "made-up"))
		require.Equal(t, http.StatusForbidden, code("/metrics", stranger))
		require.Equal(t, http.StatusForbidden, code("/elsewhere", prometheus))
		response, err := (&http.Client{Timeout: patience}).Get("http://" + address + "/metrics")
		require.NoError(t, err)
		defer response.Body.Close()
		require.Equal(t, http.StatusBadRequest, response.StatusCode, "plain HTTP")
	})
	t.Run("an old TLS", func(t *testing.T) {
		_, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
		require.ErrorContains(t, err, "protocol version")
	})
	t.Run("a certificate that changes", func(t *testing.T) {
		shows := func(name string) func() bool {
			return func() bool {
				_, _, state := get(t, address, "/metrics", prometheus, &tls.Config{})
				return state.PeerCertificates[0].Subject.CommonName == name
			}
		}
		first := commonName(t, certificates)
		require.Eventually(t, shows(first), patience, 50*time.Millisecond)
		require.NoError(t, os.WriteFile(filepath.Join(certificates, "tls.crt"), []byte("broken"), 0o600))
		certify(t, certificates, "two.example")
		second := commonName(t, certificates)
		require.NotEqual(t, first, second)
		require.Eventually(t, shows(second), patience, 50*time.Millisecond)
	})
	t.Run("while the API server is away", func(t *testing.T) {
		unknown := token(t, server, "late", metrics)
		gate.Shut()
		require.Equal(t, http.StatusOK, code("/metrics", prometheus))
		require.Equal(t, http.StatusServiceUnavailable, code("/metrics", unknown))
		gate.Open()
		require.Eventually(t, func() bool { return code("/metrics", unknown) == http.StatusOK }, patience, 50*time.Millisecond)
	})
	t.Run("with what MetalLB's flags allow", func(t *testing.T) {
		const suite = tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
		address := running(t, "--kubeconfig", kubeconfig, "--metrics-secure", "--tls-min-version", "VersionTLS12",
			"--tls-cipher-suites", tls.CipherSuiteName(suite), "--tls-curve-preferences", fmt.Sprint(uint16(tls.CurveP384)))
		code, _, state := get(t, address, "/metrics", prometheus, &tls.Config{MaxVersion: tls.VersionTLS12})
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, uint16(suite), state.CipherSuite)
		require.Equal(t, tls.CurveP384, state.CurveID)
	})
	t.Run("the source", func(t *testing.T) { sourceIsTold(t, server, gate) })
	t.Run("verdicts grow old", func(t *testing.T) { verdictsGrowOld(t, server, gate, kubeconfig, metrics) })
}

// What is known of the API server's objects, and since when, and what asking for them costs, is told kind by kind.
func sourceIsTold(t *testing.T, server *apiserver.Server, gate *apiserver.Gate) {
	server.InstallCRDs(t)
	_, err := server.Client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	everything := rbacv1.PolicyRule{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"get", "list", "watch"}}
	user := server.User(t, "watcher", everything)
	address := runningOn(t, "--kubeconfig", apiserver.Kubeconfig(t, user, gate.Address()), "--node", "node-1", "--namespace", "default")
	scrape := func() string {
		response, err := http.Get("http://" + address + "/metrics")
		require.NoError(t, err)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return string(text)
	}
	connected := func(value string) func() bool {
		return func() bool {
			text := scrape()
			for _, kind := range []string{"BGPPeer", "BGPAdvertisement", "IPAddressPool", "Service", "EndpointSlice", "Node", "ConfigMap"} {
				if !strings.Contains(text, fmt.Sprintf("frr_renderer_source_connected{kind=%q} %s\n", kind, value)) {
					return false
				}
			}
			return true
		}
	}
	require.Eventually(t, connected("1"), patience, 50*time.Millisecond)
	require.Regexp(t, `frr_renderer_api_requests_total\{code="200",resource="bgppeers.metallb.io",verb="(list|watch)"\} [1-9]`, scrape())
	require.NotRegexp(t, `frr_renderer_api_requests_total\{[^}]*verb="(create|update|patch|delete)"\}`, scrape(), "a source writes nothing")

	last := regexp.MustCompile(`frr_renderer_source_last_event_timestamp_seconds\{kind="Service"\} (\S+)`)
	before := last.FindString(scrape())
	_, err = server.Client.CoreV1().Services("default").Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "news"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return last.FindString(scrape()) != before }, patience, 50*time.Millisecond)

	t.Cleanup(gate.Open)
	gate.Shut()
	require.Eventually(t, connected("0"), patience, 50*time.Millisecond)
	gate.Open()
	require.Eventually(t, connected("1"), patience, 50*time.Millisecond)
}

// A verdict counts for a minute; one that allows counts for longer while the API server is away, and not for ever.
func verdictsGrowOld(t *testing.T, server *apiserver.Server, gate *apiserver.Gate, kubeconfig string, metrics rbacv1.PolicyRule) {
	api, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	require.NoError(t, err)
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	r, err := newReaders(ok, api, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	now := time.Now()
	r.now = func() time.Time { return now }
	reader := token(t, server, "short-lived", metrics)
	code := func() int {
		w, request := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody)
		request.Header.Set("Authorization", "Bearer "+reader)
		r.ServeHTTP(w, request)
		return w.Code
	}
	require.Eventually(t, func() bool { now = now.Add(refusedTime); return code() == http.StatusOK }, patience, 50*time.Millisecond)

	gate.Shut()
	for range 7 {
		now = now.Add(2 * time.Minute)
		require.Equal(t, http.StatusOK, code(), "it was allowed lately")
	}
	now = now.Add(2 * time.Minute)
	require.Equal(t, http.StatusServiceUnavailable, code(), "it was allowed long ago")
	gate.Open()
	require.Eventually(t, func() bool { return code() == http.StatusOK }, patience, 50*time.Millisecond)

	require.NoError(t, server.Client.CoreV1().ServiceAccounts("default").Delete(t.Context(), "short-lived", metav1.DeleteOptions{}))
	require.Equal(t, http.StatusOK, code(), "a verdict counts for a minute")
	require.Eventually(t, func() bool { now = now.Add(allowedTime); return code() == http.StatusUnauthorized }, patience, 50*time.Millisecond)
}

// Strangers can make as many tokens as they like: what is remembered of them is bounded, and makes room for who may read.
func TestStrangersFillNoMemory(t *testing.T) {
	r := &readers{known: map[[sha256.Size]byte]verdict{}}
	now := time.Now()
	reader := sha256.Sum256([]byte("reader"))
	r.remember(reader, verdict{http.StatusOK, now})
	for i := range 10 * knownMost {
		r.remember(sha256.Sum256(fmt.Append(nil, i)), verdict{http.StatusUnauthorized, now})
		require.LessOrEqual(t, len(r.known), knownMost)
		require.Contains(t, r.known, reader)
	}
	other := sha256.Sum256([]byte("other reader"))
	r.remember(other, verdict{http.StatusOK, now})
	require.Contains(t, r.known, other)
}

// certify writes a certificate and its key as a mounted Secret changes: each file at once.
func certify(t *testing.T, dir, name string) {
	t.Helper()
	certificate, key, err := certutil.GenerateSelfSignedCertKey(name, nil, nil)
	require.NoError(t, err)
	for file, data := range map[string][]byte{"tls.crt": certificate, "tls.key": key} {
		beside := filepath.Join(dir, "."+file)
		require.NoError(t, os.WriteFile(beside, data, 0o600))
		require.NoError(t, os.Rename(beside, filepath.Join(dir, file)))
	}
}

func commonName(t *testing.T, dir string) string {
	t.Helper()
	certificates, err := certutil.CertsFromFile(filepath.Join(dir, "tls.crt"))
	require.NoError(t, err)
	return certificates[0].Subject.CommonName
}

func TestWhoMayReadMetricsIsSaidInFlags(t *testing.T) {
	run := []string{"run", "-f", goodObjects, "--node", "node-1", "--vty-dir", t.TempDir(), "--frr-conf", "none"}
	for _, c := range []struct {
		name   string
		args   []string
		code   int
		stderr string
	}{
		{"open to the network without an API server", []string{"--metrics-addr", ":0", "--health-addr", ""}, exitFailed, "--metrics-insecure"},
		{"all addresses of IPv6", []string{"--metrics-addr", "[::]:0", "--health-addr", ""}, exitFailed, "--metrics-insecure"},
		{"HTTPS on the address of health", []string{"--metrics-addr", ":1", "--health-addr", ":1"}, exitUsage, "another address"},
		{"both secure and insecure", []string{"--metrics-secure", "--metrics-insecure"}, exitUsage, "excludes"},
		{"a certificate without TLS", []string{"--metrics-cert-dir", "/x", "--metrics-insecure"}, exitUsage, "excludes"},
		{"HTTPS on loopback without an API server", []string{"--metrics-secure", "--health-addr", ""}, exitFailed, "leave --metrics-secure and --metrics-cert-dir out"},
		{"a directory without a certificate", []string{"--metrics-cert-dir", t.TempDir(), "--health-addr", ""}, exitFailed, "put tls.crt and tls.key"},
		{"an old TLS", []string{"--tls-min-version", "VersionTLS11"}, exitUsage, "VersionTLS12 or VersionTLS13"},
		{"an unsafe cipher suite", []string{"--tls-cipher-suites", "TLS_RSA_WITH_RC4_128_SHA"}, exitUsage, "no longer safe"},
		{"a key exchange by name", []string{"--tls-curve-preferences", "29,X25519"}, exitUsage, `"X25519"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, stderr := do(t, append(run, c.args...)...)
			require.Equal(t, c.code, code, stderr)
			require.Contains(t, stderr, c.stderr)
		})
	}
}

// Strangers with made-up tokens fill the log no more than the API server's time.
func TestACrowdOfReadersIsNoSilenceOfTheAPIServer(t *testing.T) {
	var log bytes.Buffer
	r := &readers{log: slog.New(slog.NewTextHandler(&log, nil))}
	for range 3 {
		r.heard(errCrowded)
		r.heard(nil)
	}
	require.Empty(t, log.String())
	r.heard(io.ErrUnexpectedEOF)
	r.heard(errCrowded)
	r.heard(nil)
	require.Equal(t, 2, strings.Count(log.String(), "who may read metrics"), log.String())
}
