package lab

import (
	"flag"
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
	waitTogether()
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

// sideBySide is how many labs there are at once unless -parallel says otherwise: they wait most of the time.
const sideBySide = "6"

func waitTogether() {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if !said {
		_ = flag.Set("test.parallel", sideBySide)
	}
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
