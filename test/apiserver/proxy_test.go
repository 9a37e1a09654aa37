package apiserver

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func TestAProxyIsTheUserAndAnswersBadlyOnDemand(t *testing.T) {
	server := Start(t)
	user := server.User(t, "reader", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"services"}, Verbs: []string{"list"}})
	p := NewProxy(t, server.Address, user)
	config, err := clientcmd.BuildConfigFromFlags("", p.Kubeconfig(t, p.Address()))
	require.NoError(t, err)
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	_, err = client.CoreV1().Services("").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	_, err = client.CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{})
	require.ErrorContains(t, err, `User "reader" cannot list`)
	p.Break(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		http.Error(w, "broken", http.StatusTeapot)
		return true
	})
	_, err = client.CoreV1().Services("").List(t.Context(), metav1.ListOptions{})
	require.Error(t, err)
	require.Equal(t, 1, p.Faulted())
	p.Break(nil)
	p.Cut()
	_, err = client.CoreV1().Services("").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
}
