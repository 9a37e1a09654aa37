package apiserver

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Proxy leads requests to an API server as one of its users, and answers some of them in its place, badly or late.
type Proxy struct {
	server *httptest.Server
	next   http.Handler

	mu      sync.Mutex
	fault   Fault
	faulted int
}

// Fault answers a request in place of the API server, which next would ask. It tells whether it has: otherwise the request goes on.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler) bool

// NewProxy starts a proxy for a user; it ends with the test. Clients reach it with Kubeconfig, at Address or at a Gate to that.
func NewProxy(t testing.TB, server string, user *rest.Config) *Proxy {
	t.Helper()
	transport, err := rest.TransportFor(user)
	require.NoError(t, err)
	target := &url.URL{Scheme: "https", Host: server}
	p := &Proxy{next: &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1, // a watch is told at once
		ErrorLog:      log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}}
	p.server = httptest.NewUnstartedServer(p)
	p.server.EnableHTTP2 = true
	p.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.server.StartTLS()
	t.Cleanup(func() {
		p.server.CloseClientConnections()
		p.server.Close()
	})
	return p
}

// Address is HOST:PORT on this machine's loopback.
func (p *Proxy) Address() string { return p.server.Listener.Addr().String() }

// Kubeconfig writes the file with which the proxy is reached at an address, which may be that of a Gate; it returns its path.
func (p *Proxy) Kubeconfig(t testing.TB, address string) string {
	t.Helper()
	const name = "test"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: "https://" + address, CertificateAuthorityData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw})}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(*config, path))
	return path
}

// Break has a fault answer from now on, in place of any before; nil has the API server answer everything. Requests under way go on: see Cut.
func (p *Proxy) Break(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.faulted = f, 0
}

// Faulted counts the requests that the fault has answered since Break.
func (p *Proxy) Faulted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faulted
}

// Cut ends all connections, watches included; clients may come again at once.
func (p *Proxy) Cut() { p.server.CloseClientConnections() }

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	fault := p.fault
	p.mu.Unlock()
	if fault == nil || !p.answer(fault, w, r) {
		p.next.ServeHTTP(w, r)
	}
}

// answer has a fault answer, and counts that, also where it hangs up by a panic.
func (p *Proxy) answer(fault Fault, w http.ResponseWriter, r *http.Request) bool {
	answered := true
	defer func() {
		if answered {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.faulted++
		}
	}()
	answered = fault(w, r, p.next)
	return answered
}
