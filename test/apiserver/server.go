package apiserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
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
	// Config is how Client reaches the server, for other clients that may do everything.
	Config *rest.Config
	// Address is HOST:PORT on this machine's loopback.
	Address string

	environment *envtest.Environment
	stop        func() error
}

// Start starts etcd and the API server, with these flags of its beside the usual ("audit-log-path=FILE"); they end with the test, also when
// its process is killed.
func Start(t testing.TB, flags ...string) *Server {
	t.Helper()
	Require(t)
	s, err := Launch(flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	return s
}

// Services get their cluster addresses from here: enough for tens of thousands of them, which the default is not.
const serviceRanges = "10.96.0.0/12,fd00:10:96::/112"

// Launch is Start for what outlives a test: a server that all tests of a package share. Stop ends it; it also ends with this process, however
// that ends. The programs must be there: see Require.
func Launch(flags ...string) (*Server, error) {
	programs, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "frr-renderer-apiserver-")
	if err != nil {
		return nil, err
	}
	s := &Server{environment: &envtest.Environment{ControlPlaneStartTimeout: startTimeout, ControlPlaneStopTimeout: startTimeout}}
	log, err := s.prepare(programs, dir, flags)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	started, stop, ended := make(chan error), make(chan struct{}), make(chan error)
	go func() {
		// The kernel kills the programs with the thread that started them: it stays until they are to end.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		_, err := s.environment.Start()
		started <- err
		<-stop
		ended <- s.environment.Stop()
	}()
	s.stop = func() error {
		close(stop)
		return errors.Join(<-ended, log.Close(), os.RemoveAll(dir))
	}
	if err := <-started; err != nil {
		said, _ := os.ReadFile(log.Name())
		return nil, errors.Join(fmt.Errorf("start the API server: %w\n%s", err, said[max(0, len(said)-4000):]), s.stop())
	}
	s.Config = s.environment.Config
	s.Address = s.environment.ControlPlane.GetAPIServer().SecureServing.HostPort()
	if s.Client, err = kubernetes.NewForConfig(s.Config); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// Stop ends the API server and etcd. It is called once.
func (s *Server) Stop() error { return s.stop() }

// prepare says how the programs are started, and opens their log.
func (s *Server) prepare(programs, dir string, flags []string) (*os.File, error) {
	for _, name := range []string{"kube-apiserver", "etcd"} {
		script := fmt.Sprintf("#!/bin/sh\nexec setpriv --pdeathsig KILL -- '%s' \"$@\"\n", filepath.Join(programs, name))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			return nil, err
		}
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	plane := &s.environment.ControlPlane
	plane.Etcd = &envtest.Etcd{Path: filepath.Join(dir, "etcd"), Out: log, Err: log}
	server := plane.GetAPIServer()
	server.Path, server.Out, server.Err = filepath.Join(dir, "kube-apiserver"), log, log
	server.Configure().Set("service-cluster-ip-range", serviceRanges)
	for _, flag := range flags {
		name, value, _ := strings.Cut(flag, "=")
		server.Configure().Set(name, value)
	}
	return log, nil
}

// InstallCRDs gives the API server MetalLB's CustomResourceDefinitions out of our chart, and waits until it serves them.
func (s *Server) InstallCRDs(t testing.TB) {
	t.Helper()
	require.NoError(t, s.ServeCRDs())
}

// ServeCRDs is InstallCRDs for a server that outlives a test.
func (s *Server) ServeCRDs() error { return s.serveCRDs("metallb.io") }

// ServeGDC gives the API server the CustomResourceDefinitions of GDC's kinds out of our chart, Cluster and NodePool among them.
func (s *Server) ServeGDC() error {
	return s.serveCRDs("networking.gke.io", "baremetal.cluster.gke.io")
}

func (s *Server) serveCRDs(groups ...string) error {
	options := envtest.CRDInstallOptions{ErrorIfPathMissing: true, MaxTime: startTimeout}
	for _, group := range groups {
		paths, err := filepath.Glob(filepath.Join(source(), "../../charts/frr-renderer/crds", group+"_*.yaml"))
		if err != nil {
			return err
		}
		options.Paths = append(options.Paths, paths...)
	}
	_, err := envtest.InstallCRDs(s.Config, options)
	return err
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

// Grant lets a user do what the rules say in one namespace, besides.
func (s *Server) Grant(t testing.TB, name, namespace string, rules ...rbacv1.PolicyRule) {
	t.Helper()
	meta := metav1.ObjectMeta{Name: name, Namespace: namespace}
	_, err := s.Client.RbacV1().Roles(namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = s.Client.RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
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
