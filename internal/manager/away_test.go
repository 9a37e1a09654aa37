package manager_test

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/frr-renderer/frr-renderer/internal/manager"
	"github.com/frr-renderer/frr-renderer/internal/rights"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
)

// away cuts a manager off for longer than its Lease lasts, while leases of nodes go on and one ends.
func (l *lab) away(t *testing.T) {
	l.example(t, "example-10-all-nodes-same-peers")
	l.service(t, "web", "Cluster", []string{"203.0.113.1"}, []string{"n2"})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gate := apiserver.NewGate(t, listener, l.Address)
	config, err := clientcmd.BuildConfigFromFlags("", apiserver.Kubeconfig(t, l.user, gate.Address()))
	require.NoError(t, err)
	m := l.runAt(t, "one", config)
	eventually(t, example10Sessions, l.sessions)
	stop := l.renewing(t, "n1", "n2", "n3")
	m.settles(6 * time.Second)

	before := m.written()
	gate.Shut()
	stop("n1")
	l.endpoints(t, "web", "n1", "n2")
	until(t, "its end", func() bool { return strings.Contains(m.logged(), "works no more") })
	require.Equal(t, before, m.written(), "it hears nothing, so it decides nothing")
	require.Equal(t, example10Holders, l.holders(t))

	l.endpoints(t, "web")
	gate.Open()
	eventually(t, []string{}, l.routes)
	eventually(t, []string{"10.0.1.100 n2", "10.0.2.100 n3"}, l.holders) // a term after it hears again
	var deletes []string
	for _, w := range m.settles(time.Second) {
		if strings.HasPrefix(w, "delete bgpsessions") {
			deletes = append(deletes, w)
		}
	}
	slices.Sort(deletes)
	require.Equal(t, []string{"delete bgpsessions 10.8.0.10-n1", "delete bgpsessions 10.8.0.11-n1"}, deletes)
}

// rights is the list of rights against what was used by all parts, and by a manager that came before the definitions.
func (l *lab) rights(t *testing.T) {
	bare := apiserver.Start(t, "feature-gates=WatchList=false") // it lists
	other := furnish(t, bare)
	other.used = l.used
	m := other.run(t, "early")
	until(t, "the word that there are no such kinds", func() bool { return m.Leading() && m.Rounds() > 0 })
	require.NoError(t, bare.ServeCRDs())
	require.NoError(t, bare.ServeGDC())
	other.example(t, "example-10-all-nodes-same-peers")
	eventually(t, example10Holders, other.holders)
	eventually(t, example10Sessions, other.sessions)

	l.used.mu.Lock()
	defer l.used.mu.Unlock()
	for _, r := range rights.Manager() {
		if slices.Contains([]string{"events", "tokenreviews", "subjectaccessreviews"}, r.Resource) {
			continue // of what is around this package: test/chart
		}
		for _, verb := range r.Verbs {
			require.True(t, l.used.seen[verb+" "+r.Resource], "%s %s was never used: take it out of the list, or test what uses it", verb, r.Resource)
		}
	}
	require.Equal(t, "frr-renderer-manager", manager.ElectionLease, "which rights name")
}

// withoutSelector is an API server that can't choose Services by their type.
func (l *lab) withoutSelector(t *testing.T) {
	l.example(t, "example-10-all-nodes-same-peers")
	l.service(t, "web", "Cluster", []string{"203.0.113.1"}, []string{"n2"})
	proxy := apiserver.NewProxy(t, l.Address, l.user)
	proxy.Break(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if !strings.Contains(r.URL.Query().Get("fieldSelector"), "spec.type") {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"BadRequest","code":400,"message":"field label not supported: spec.type"}`))
		return true
	})
	config, err := clientcmd.BuildConfigFromFlags("", proxy.Kubeconfig(t, proxy.Address()))
	require.NoError(t, err)
	m := l.runAt(t, "one", config)
	eventually(t, []string{"default-default-web: 203.0.113.1/32 by 10.0.1.10 10.0.1.11 10.0.2.10"}, l.routes)
	require.Equal(t, 1, strings.Count(m.logged(), "can't choose Services by their type"), m.logged())
}
