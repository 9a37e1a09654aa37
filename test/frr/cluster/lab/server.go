package lab

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"k8s.io/client-go/dynamic"

	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/frr/product"
)

// cluster is the API server that all tests of a package share.
type cluster struct {
	*apiserver.Server
	objects dynamic.Interface
}

// Main is for TestMain: it runs the tests, ends the API server when one was started, and returns the exit code.
func Main(m *testing.M) int {
	product.SideBySide(6)
	code := product.Main(m)
	if shared.cluster == nil {
		return code
	}
	if err := shared.cluster.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the API server:", err)
		return max(code, 1)
	}
	return code
}

var shared struct {
	once    sync.Once
	cluster *cluster
	err     error
}

// shareCluster starts the API server at the first call.
func shareCluster(t testing.TB) *cluster {
	t.Helper()
	apiserver.Require(t)
	shared.once.Do(func() { shared.cluster, shared.err = startCluster() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.cluster
}

func startCluster() (*cluster, error) {
	server, err := apiserver.Launch()
	if err != nil {
		return nil, err
	}
	c := &cluster{Server: server}
	if c.objects, err = dynamic.NewForConfig(unthrottled(server.Config)); err != nil {
		return c, err
	}
	return c, server.ServeCRDs()
}
