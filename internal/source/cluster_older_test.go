package source_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
)

// TestOlderAPIServer reads one that can neither stream objects nor choose Services by their type.
func TestOlderAPIServer(t *testing.T) {
	server := apiserver.Start(t, "feature-gates=WatchList=false")
	k := &kube{Server: server, admin: server.Config}
	k.InstallCRDs(t)
	t.Run("that can't stream", k.withoutStreams)
	t.Run("that can't choose Services by type", k.withoutSelector)
}

func (k *kube) withoutStreams(t *testing.T) {
	r := k.room(t)
	r.secret("tor1", "hunter2")
	r.apply(peerManifest, "tor1", "10.0.0.1", "tor1")
	r.service("shop", "20.0.0.1", nil)
	w := r.watch(k.admin)
	w.until("everything", func(r source.Result) bool { return passwords(r) == "hunter2" && len(r.Objects.Services) == 1 })
	r.apply(poolManifest, "pool", "20.0.0.0/24")
	w.until("a change", func(r source.Result) bool { return len(r.Objects.Pools) == 1 })
	last, _ := w.last()
	require.Empty(t, last.Problems)
	require.Equal(t, 1, strings.Count(w.log.String(), "can't stream"), w.log.String())
	require.NotContains(t, w.log.String(), "WARN")
}

// refusesType answers as an API server does that knows no such selector.
func refusesType(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
	if !strings.Contains(r.URL.Query().Get("fieldSelector"), "spec.type") {
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"BadRequest","code":400,` +
		`"message":"Unable to find \"/v1, Resource=services\" that match label selector \"\", field selector \"spec.type=LoadBalancer\": field label not supported: spec.type"}`))
	return true
}

func (k *kube) withoutSelector(t *testing.T) {
	r := k.room(t)
	proxy := apiserver.NewProxy(t, k.Address, k.admin)
	proxy.Break(refusesType)
	user, err := clientcmd.BuildConfigFromFlags("", proxy.Kubeconfig(t, proxy.Address()))
	require.NoError(t, err)
	r.service("shop", "20.0.0.1", nil)
	inner := func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP }
	r.service("inner", "", inner)
	w := r.watch(user)
	w.until("the Service", func(r source.Result) bool { return len(r.Objects.Services) == 1 })
	r.service("later-inner", "", inner)
	r.service("later", "20.0.0.2", nil)
	last := w.until("a Service that came later", func(r source.Result) bool { return len(r.Objects.Services) == 2 })
	require.Empty(t, last.Problems)
	since, _ := w.health.CutOff()
	require.Zero(t, since)
	require.Equal(t, 1, strings.Count(w.log.String(), "can't choose Services by their type"), w.log.String())

	// Not asked twice.
	proxy.Break(nil)
	proxy.Cut()
	r.service("last", "20.0.0.3", nil)
	w.until("one more", func(r source.Result) bool { return len(r.Objects.Services) == 3 })
	require.Equal(t, 1, strings.Count(w.log.String(), "can't choose Services by their type"), w.log.String())
}
