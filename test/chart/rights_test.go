package chart

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/frr-renderer/frr-renderer/internal/rights"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// lack is one verb on one resource, which an account is without.
type lack struct {
	right rights.Right
	verb  string
}

// lacks are those of everything that is read without floating IPs.
func lacks() []lack {
	var all []lack
	for _, r := range speakerRights() {
		for _, verb := range r.Verbs {
			if verb == "list" || verb == "watch" {
				all = append(all, lack{r, verb})
			}
		}
	}
	return all
}

// account is the name of who is without it.
func (l lack) account() string { return fmt.Sprintf("no-%s-%s", l.verb, l.right.Resource) }

// without are all rights but that one.
func (l lack) without() []rights.Right {
	all := rights.All()
	for i, r := range all {
		if r.Scope == l.right.Scope && r.Group == l.right.Group && r.Resource == l.right.Resource {
			all[i].Verbs = slices.DeleteFunc(slices.Clone(r.Verbs), func(v string) bool { return v == l.verb })
		}
	}
	return slices.DeleteFunc(all, func(r rights.Right) bool { return len(r.Verbs) == 0 })
}

// account makes a ServiceAccount with these rights, as the chart does, and returns the file with which it reaches the API server.
func (c *cluster) account(name string, all []rights.Right) string {
	c.t.Helper()
	ctx, create, meta := c.t.Context(), metav1.CreateOptions{}, metav1.ObjectMeta{Name: name}
	_, err := c.Client.CoreV1().ServiceAccounts(namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}, create)
	require.NoError(c.t, err)
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: namespace}}
	role := func(kind string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
	}
	rbac := c.Client.RbacV1()
	_, err = rbac.ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rights.Rules(all, rights.Cluster)}, create)
	require.NoError(c.t, err)
	_, err = rbac.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: role("ClusterRole"), Subjects: subjects}, create)
	require.NoError(c.t, err)
	_, err = rbac.Roles(namespace).Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: rights.Rules(all, rights.Namespace)}, create)
	require.NoError(c.t, err)
	_, err = rbac.RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: role("Role"), Subjects: subjects}, create)
	require.NoError(c.t, err)
	made, err := c.Client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, &authenticationv1.TokenRequest{}, create)
	require.NoError(c.t, err)
	return kubeconfig(c.t, c.Config, made.Status.Token)
}

func kubeconfig(t testing.TB, server *rest.Config, token string) string {
	t.Helper()
	const name = "test"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: server.Host, CertificateAuthorityData: server.CAData}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(*config, path))
	return path
}

// reads starts the program with an account, without FRR, and returns where it logs. It lists and watches as with an API server that can't
// stream, so that each verb is asked for.
func reads(t *testing.T, kubeconfig string) string {
	t.Helper()
	path, err := program()
	require.NoError(t, err)
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	defer log.Close()
	cmd := exec.Command(path, "run", "--kubeconfig", kubeconfig, "--node", "node1", "--namespace", namespace, "--vty-dir", dir, "--frr-conf", "none",
		"--health-addr", "", "--metrics-addr", "", "--service-status", "--log-level", "debug")
	cmd.Env = append(os.Environ(), "KUBE_FEATURE_WatchListClient=false")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	run, err := fabric.Start(cmd)
	require.NoError(t, err)
	t.Cleanup(func() { _ = run.End(syscall.SIGKILL) })
	return log.Name()
}

// TestEachRightIsMissed runs the program once for each verb on each resource that it reads, with an account that has all the others: each is
// asked for, and refused. With all of them nothing is.
func TestEachRightIsMissed(t *testing.T) {
	audit := newAudit(t)
	c := newCluster(t, audit.flags()...)
	c.InstallCRDs(t)
	c.apply("apiVersion: v1\nkind: Node\nmetadata: {name: node1}\n")
	c.apply(objects)
	for _, l := range lacks() {
		reads(t, c.account(l.account(), l.without()))
	}
	all := reads(t, c.account("all", rights.All()))
	for _, l := range lacks() {
		eventually(t, l.account()+" is refused", func() bool {
			return slices.ContainsFunc(refused(audit.read(t)[l.account()]), func(a asked) bool {
				return a.Verb == l.verb && a.Group == l.right.Group && a.Resource == l.right.Resource
			})
		})
	}
	eventually(t, "with all rights everything is read", func() bool {
		text, err := os.ReadFile(all)
		require.NoError(t, err)
		return strings.Contains(string(text), "everything was read from the API server")
	})
	require.Empty(t, refused(audit.read(t)["all"]))
}

func refused(all map[asked]bool) []asked {
	var out []asked
	for what, no := range all {
		if no {
			out = append(out, what)
		}
	}
	return out
}
