package apiserver

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// startTimeout is how long etcd and the API server may each take on a busy machine; 3 seconds are usual.
const startTimeout = 2 * time.Minute

// Server is a running API server, with nothing in it but what Kubernetes itself puts there.
type Server struct {
	// Client may do everything.
	Client kubernetes.Interface
	// Address is HOST:PORT on this machine's loopback.
	Address string
	// Config is that of Client.
	Config *rest.Config

	environment *envtest.Environment
}

// Start starts etcd and the API server; they end with the test, also when its process is killed.
func Start(t testing.TB) *Server {
	t.Helper()
	programs := Require(t)
	dir := t.TempDir()
	for _, name := range []string{"kube-apiserver", "etcd"} {
		script := fmt.Sprintf("#!/bin/sh\nexec setpriv --pdeathsig KILL -- '%s' \"$@\"\n", filepath.Join(programs, name))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755))
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	e := &envtest.Environment{ControlPlaneStartTimeout: startTimeout, ControlPlaneStopTimeout: startTimeout}
	e.ControlPlane.Etcd = &envtest.Etcd{Path: filepath.Join(dir, "etcd"), Out: log, Err: log}
	server := e.ControlPlane.GetAPIServer()
	server.Path, server.Out, server.Err = filepath.Join(dir, "kube-apiserver"), log, log
	// Room for 10,000 Services; the default of envtest has room for 254.
	server.Configure().Set("service-cluster-ip-range", "10.96.0.0/12")

	started, stop, ended := make(chan error), make(chan struct{}), make(chan error)
	go func() {
		// The kernel kills the programs with the thread that started them: it stays until they are to end.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		_, err := e.Start()
		started <- err
		<-stop
		ended <- e.Stop()
	}()
	t.Cleanup(func() {
		close(stop)
		if err := <-ended; err != nil {
			t.Errorf("stop the API server: %v", err)
		}
		log.Close()
	})
	if err := <-started; err != nil {
		said, _ := os.ReadFile(log.Name())
		t.Fatalf("start the API server: %v\n%s", err, said[max(0, len(said)-4000):])
	}
	client, err := kubernetes.NewForConfig(e.Config)
	require.NoError(t, err)
	return &Server{Client: client, Config: e.Config, Address: server.SecureServing.HostPort(), environment: e}
}

// InstallCRDs gives the API server the CustomResourceDefinitions of our chart, and waits until it serves them.
func (s *Server) InstallCRDs(t testing.TB) {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(file), "../../charts/frr-renderer/crds")
	_, err := envtest.InstallCRDs(s.Config, envtest.CRDInstallOptions{Paths: []string{dir}, ErrorIfPathMissing: true, MaxTime: startTimeout})
	require.NoError(t, err)
}

// User makes a user who may do what the rules say in all namespaces, and nothing else.
func (s *Server) User(t testing.TB, name string, rules ...rbacv1.PolicyRule) *rest.Config {
	t.Helper()
	user, err := s.environment.AddUser(envtest.User{Name: name}, nil)
	require.NoError(t, err)
	meta := metav1.ObjectMeta{Name: name}
	_, err = s.Client.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = s.Client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return user.Config()
}

// Kubeconfig writes the file with which a user reaches the API server at an address, which may be that of a Gate; it returns its path.
func Kubeconfig(t testing.TB, user *rest.Config, address string) string {
	t.Helper()
	const name = "test"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: "https://" + address, CertificateAuthorityData: user.CAData}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: user.CertData, ClientKeyData: user.KeyData}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(*config, path))
	return path
}
