package lab

import (
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/dynamic"

	"github.com/frr-renderer/frr-renderer/internal/rights"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gdc/network"
	"github.com/frr-renderer/frr-renderer/test/frr/product"
)

// The namespaces of GDC's objects, of the product, and of what it tells.
const (
	ClusterNamespace = "cluster-bm"
	Namespace        = "metallb-system"
	Reports          = "kube-system"
)

// patience is how long any wait lasts that has no reason to last: machines can be busy.
const patience = 90 * time.Second

// Lab is one cluster of one test. With makes it that of a subtest.
type Lab struct {
	network.Network
	Spec Spec
	API  *apiserver.Server

	t       testing.TB
	objects dynamic.Interface
	agents  map[string]*Process
	// managers in the order of their names.
	managers []*Process
	served   map[string]bool
}

// New builds the networks and the API server. No object is there, and no product runs, yet.
func New(t testing.TB, s Spec) *Lab {
	t.Helper()
	versions := []fabric.Version{s.Version}
	for _, r := range s.Tors {
		versions = append(versions, r.Version)
	}
	fabric.Require(t, versions...)
	l := &Lab{Spec: s, t: t, agents: map[string]*Process{}, served: map[string]bool{}}
	l.API = apiserver.Start(t)
	l.prepareAPI()
	l.Network = network.New(t, s.network())
	for _, m := range s.Machines {
		l.agents[m.Name] = l.newProcess(m.Name, rights.All(), "run", "--gdc", "--node", m.Name)
	}
	for i := range s.managers() {
		l.managers = append(l.managers, l.newProcess(managerName(i), rights.Manager(), append([]string{"manager"}, s.ManagerFlags...)...))
	}
	return l
}

func (l *Lab) prepareAPI() {
	l.t.Helper()
	l.objects = l.API.Objects(l.t)
	require.NoError(l.t, l.API.ServeGDC())
	if !l.Spec.NoMetalLB {
		require.NoError(l.t, l.API.ServeCRDs())
	}
	l.API.MakeNamespaces(l.t, ClusterNamespace, Namespace)
}

// newProcess makes a user with just the rights that the program needs, and a way to the API server that leads through a gate at the node.
func (l *Lab) newProcess(at string, all []rights.Right, args ...string) *Process {
	l.t.Helper()
	n := l.Node(at)
	listener, err := n.Listen(l.t.Context(), "", net.ListenConfig{}, "tcp", "127.0.0.1:0")
	require.NoError(l.t, err)
	gate := apiserver.NewGate(l.t, listener, l.API.Address)
	user := l.API.User(l.t, at, rights.Rules(all, rights.Cluster)...)
	l.API.Grant(l.t, at, Namespace, rights.Rules(all, rights.Namespace)...)
	l.API.Grant(l.t, at, Reports, rights.Rules(all, rights.Reports)...)
	p := &Process{
		At: n, Gate: gate, binary: l.Spec.Binary, log: filepath.Join(l.t.TempDir(), at+".log"),
		args: slices.Concat(args, []string{"--kubeconfig", apiserver.Kubeconfig(l.t, user, gate.Address()), "--namespace", Namespace}),
	}
	l.t.Cleanup(func() { p.finish(l.t) })
	return p
}

// Kubeconfig is a file with which the API server is reached by somebody who may do everything.
func (l *Lab) Kubeconfig() string {
	l.t.Helper()
	return apiserver.Kubeconfig(l.t, l.API.Config, l.API.Address)
}

// With is the lab for a subtest: what fails there fails the subtest.
func (l *Lab) With(t testing.TB) *Lab {
	other := *l
	other.Network, other.t = l.Network.With(t), t
	return &other
}

// Run starts the managers and the agents of all nodes; they end with the test.
func (l *Lab) Run() {
	l.t.Helper()
	for _, m := range l.managers {
		m.Start(l.t)
	}
	for _, m := range l.Spec.Machines {
		l.Agent(m.Name).Start(l.t)
	}
}

// Agent is the product on a node, Manager the i-th manager.
func (l *Lab) Agent(node string) *Process { return l.agents[node] }

// Managers are all of them.
func (l *Lab) Managers() []*Process { return l.managers }

// Machine is that of a name.
func (l *Lab) Machine(name string) Machine {
	l.t.Helper()
	i := slices.IndexFunc(l.Spec.Machines, func(m Machine) bool { return m.Name == name })
	require.GreaterOrEqual(l.t, i, 0, "no machine %s", name)
	return l.Spec.Machines[i]
}

// Eventually waits until ok returns nil.
func (l *Lab) Eventually(what string, ok func() error) {
	l.t.Helper()
	l.Within(patience, what, ok)
}

// Within waits for as long as it may take.
func (l *Lab) Within(most time.Duration, what string, ok func() error) {
	l.t.Helper()
	err := ok()
	for end := time.Now().Add(most); err != nil; err = ok() {
		require.NoError(l.t, l.t.Context().Err(), what)
		l.alive()
		require.True(l.t, time.Now().Before(end), "not within %s: %s: %v", most, what, err)
		time.Sleep(30 * time.Millisecond)
	}
}

// alive fails the test where the product has ended by itself, which no waiting mends.
func (l *Lab) alive() {
	l.t.Helper()
	l.AllProcesses(func(p *Process) {
		require.False(l.t, p.dead(), "the product at %s has ended by itself: %s", p.At.Name, product.LastWords(p.log))
	})
}

// AllProcesses does something to every agent and manager.
func (l *Lab) AllProcesses(do func(*Process)) {
	for _, m := range l.Spec.Machines {
		do(l.agents[m.Name])
	}
	for _, m := range l.managers {
		do(m)
	}
}
