package lab

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/product"
)

// Sidecar is the product on one node.
type Sidecar struct {
	// At is the node in the fabric, Node its name at the API server.
	At   *fabric.Node
	Node string
	// Gate is its way to the API server.
	Gate *apiserver.Gate

	lab        *Lab
	kubeconfig string
	*process
}

// process is what the forms of a Sidecar for subtests have in common.
type process struct {
	log     string
	program *fabric.Program
	// applied is what the processes before this one had done to FRR when they were ended: the next one does not know of it.
	applied []Apply
}

func (l *Lab) addSidecar(n *fabric.Node) {
	l.t.Helper()
	name := l.NodeName(n.Name)
	listener, err := n.Listen(l.t.Context(), "", net.ListenConfig{}, "tcp", "127.0.0.1:0")
	require.NoError(l.t, err)
	gate := apiserver.NewGate(l.t, listener, l.cluster.Address)
	user := l.cluster.User(l.t, "frr-renderer-"+name, everywhere...)
	l.cluster.Grant(l.t, "frr-renderer-"+name, l.Namespace, inMetalLBsNamespace...)
	s := &Sidecar{
		At: n, Node: name, Gate: gate, lab: l, kubeconfig: apiserver.Kubeconfig(l.t, user, gate.Address()),
		process: &process{log: filepath.Join(l.t.TempDir(), name+".log")},
	}
	l.state.sidecars[n.Name] = s
	l.state.order = append(l.state.order, s)
	l.t.Cleanup(func() {
		s.end(l.t)
		if l.t.Failed() {
			l.t.Logf("log of the sidecar of %s:\n%s", name, product.LastWords(s.log))
		}
	})
}

// Sidecar is that of a node, node1 say.
func (l *Lab) Sidecar(node string) *Sidecar {
	s := *l.state.sidecars[node]
	s.lab = l
	return &s
}

// Start starts the product as it is meant to run: on FRR's sockets, against the API server.
func (s *Sidecar) Start(args ...string) {
	t := s.lab.t
	t.Helper()
	require.Nil(t, s.program, "the sidecar of %s runs already", s.Node)
	var err error
	s.program, err = fabric.StartLogged(s.At.Command(context.Background(), product.Path(t), s.arguments(args)...), s.log)
	require.NoError(t, err)
}

func (s *Sidecar) arguments(more []string) []string {
	return append([]string{"run", "--node", s.Node, "--kubeconfig", s.kubeconfig, "--namespace", s.lab.Namespace, "--lb-class", s.lab.Class}, more...)
}

// Stop ends the product as the kubelet does, and returns when it has ended.
func (s *Sidecar) Stop() {
	s.lab.t.Helper()
	s.remember()
	s.signal(s.lab.t, syscall.SIGTERM)
}

// Kill ends the product as the kernel does that lacks memory.
func (s *Sidecar) Kill() {
	s.lab.t.Helper()
	s.remember()
	s.signal(s.lab.t, syscall.SIGKILL)
}

// remember keeps what the product says that it has done, for the account of sessions. One that can't say so yet has hardly begun.
func (s *Sidecar) remember() {
	if status, err := s.Status(s.lab.t.Context()); err == nil {
		s.applied = append(s.applied, status.Applies...)
	}
}

func (s *Sidecar) end(t testing.TB) {
	if s.program == nil {
		return
	}
	signal := syscall.SIGTERM
	if t.Failed() {
		signal = syscall.SIGQUIT // a product that hangs shows where
	}
	s.signal(t, signal)
}

func (s *Sidecar) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	require.NotNil(t, s.program, "the sidecar of %s does not run", s.Node)
	if err := s.program.End(signal); err != nil {
		t.Errorf("the sidecar of %s has ended by itself: %v", s.Node, err)
	}
	s.program = nil
}

// Log is all that the product said since the lab was built.
func (s *Sidecar) Log() string {
	data, _ := os.ReadFile(s.log)
	return string(data)
}

// Command runs another command of the product inside the node, and returns what it printed and its exit code.
func (s *Sidecar) Command(args ...string) (string, int) {
	s.lab.t.Helper()
	return fabric.Run(s.lab.t, s.At.Command(s.lab.t.Context(), product.Path(s.lab.t), args...))
}

// Kubeconfig is the file with which the sidecar reaches the API server.
func (s *Sidecar) Kubeconfig() string { return s.kubeconfig }

// Status is what the product says of itself at /status, as far as tests ask for it.
type Status struct {
	Services int
	Problems []problem.Problem
	Digest   string
	Failure  string
	Applies  []Apply
}

// Apply is one change of FRR.
type Apply struct {
	Started time.Time
	Digest  string
	Plan    struct {
		Commands []struct {
			Daemon, Effect, Note string
			Line                 string
			Neighbors            []string
		}
	}
}

// Promised are the neighbors that it resets.
func (a Apply) Promised() []string {
	var out []string
	for _, c := range a.Plan.Commands {
		if c.Effect == "reset" {
			out = append(out, c.Neighbors...)
		}
	}
	return out
}

// Status asks the product; the error says that it can't be asked.
func (s *Sidecar) Status(ctx context.Context) (Status, error) {
	var status Status
	text, err := s.At.HTTP(ctx, "http://127.0.0.1:17472/status")
	if err != nil {
		return status, err
	}
	return status, json.Unmarshal([]byte(text), &status)
}

// ready is nil when FRR was seen running what was asked for last.
func (s *Sidecar) ready(ctx context.Context) error {
	_, err := s.At.HTTP(ctx, "http://127.0.0.1:17472/readyz")
	return err
}

// problems are the lines of a status that have all these words.
func (s Status) problems(words ...string) []string {
	var out []string
	for _, p := range s.Problems {
		if line := p.String(); !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			out = append(out, line)
		}
	}
	return out
}
