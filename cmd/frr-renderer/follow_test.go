package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/logtest"
)

// A manager that copies goes by the kubeconfig of the source as it is, and not as it was when it started.
func TestTheSourcesKubeconfigIsReadAgain(t *testing.T) {
	server := apiserver.Start(t)
	reads := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"list"}}
	first := apiserver.Kubeconfig(t, server.User(t, "first", reads), server.Address)
	second := apiserver.Kubeconfig(t, server.User(t, "second", reads), server.Address)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	becomes := func(text string) { // as the kubelet does it
		t.Helper()
		require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
		require.NoError(t, os.Rename(path+".new", path))
	}
	content := func(file string) string {
		t.Helper()
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		return string(text)
	}
	becomes(content(first))
	log := &logtest.Log{}
	source, err := (&sourceFlags{path, "cluster-bm"}).read(slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, err)
	client, err := kubernetes.NewForConfig(source.Config)
	require.NoError(t, err)
	requireIs := func(name string) {
		t.Helper()
		who, err := client.AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		require.NoError(t, err)
		require.Equal(t, name, who.Status.UserInfo.Username)
		_, err = client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
	}
	requireIs("first")
	require.Empty(t, log.String())

	becomes(content(second))
	requireIs("second")
	require.Equal(t, 1, strings.Count(log.String(), "a kubeconfig was read anew"), log.String())

	for what, text := range map[string]string{
		"current-context is empty":     strings.Replace(content(first), "current-context: test", "current-context: ''", 1),
		"is no kubeconfig":             "{",
		"names another API server":     strings.Replace(content(first), "server: https://", "server: https://localhost.", 1),
		"names another namespace":      strings.Replace(content(first), "    user: test\n  name: test", "    user: test\n    namespace: other\n  name: test", 1),
		"name a kubeconfig that this ": "",
	} {
		if text == "" {
			require.NoError(t, os.Remove(path))
		} else {
			becomes(text)
		}
		requireIs("second")
		requireIs("second")
		require.Equal(t, 1, strings.Count(log.String(), what), "%s: %s", what, log)
	}

	// A token that is revoked, and the one that takes its place.
	account := func(name string) string {
		_, err := server.Client.CoreV1().ServiceAccounts("default").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		require.NoError(t, err)
		_, err = server.Client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "sa-" + name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "first"},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: "default"}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		made, err := server.Client.CoreV1().ServiceAccounts("default").CreateToken(t.Context(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
		require.NoError(t, err)
		text, _, found := strings.Cut(content(first), "    client-certificate-data:")
		require.True(t, found)
		return text + "    token: " + made.Status.Token + "\n"
	}
	old, fresh := account("old"), account("fresh")
	becomes(old)
	requireIs("system:serviceaccount:default:old")
	require.NoError(t, server.Client.CoreV1().ServiceAccounts("default").Delete(t.Context(), "old", metav1.DeleteOptions{}))
	require.Eventually(t, func() bool {
		_, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		return err != nil
	}, rightsTime, 100*time.Millisecond)
	becomes(fresh)
	requireIs("system:serviceaccount:default:fresh")
}
