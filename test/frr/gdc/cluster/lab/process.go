package lab

import (
	"context"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/product"
)

// Process is the product on one node, an agent or a manager.
type Process struct {
	At *fabric.Node
	// Gate is its way to the API server.
	Gate *apiserver.Gate

	binary  string // "" is one that is built for the tests
	args    []string
	log     string
	program *fabric.Program
	stopped bool
}

// Start starts the product as it is meant to run.
func (p *Process) Start(t testing.TB) {
	t.Helper()
	require.Nil(t, p.program, "the product runs already at %s", p.At.Name)
	var err error
	p.program, err = fabric.StartLogged(p.At.Command(context.Background(), p.path(t), p.args...), p.log)
	require.NoError(t, err)
}

// Stop ends the product as the kubelet does, and Kill as a crash does.
func (p *Process) Stop(t testing.TB) { t.Helper(); p.end(t, syscall.SIGTERM) }

// Kill ends the product as a crash does.
func (p *Process) Kill(t testing.TB) { t.Helper(); p.end(t, syscall.SIGKILL) }

// Hang stops the process where it is; Continue lets it go on, as if nothing had been.
func (p *Process) Hang(t testing.TB) {
	t.Helper()
	p.stopped = true
	require.NoError(t, syscall.Kill(p.program.PID(), syscall.SIGSTOP))
}

// Continue lets a process go on that hangs.
func (p *Process) Continue(t testing.TB) {
	t.Helper()
	p.stopped = false
	require.NoError(t, syscall.Kill(p.program.PID(), syscall.SIGCONT))
}

// Runs tells whether it was started and not ended.
func (p *Process) Runs() bool { return p.program != nil }

// dead tells whether it has ended by itself.
func (p *Process) dead() bool {
	if p.program == nil {
		return false
	}
	select {
	case <-p.program.Ended:
		return true
	default:
		return false
	}
}

func (p *Process) end(t testing.TB, signal syscall.Signal) {
	t.Helper()
	require.NotNil(t, p.program, "the product does not run at %s", p.At.Name)
	if err := p.program.End(signal); err != nil {
		t.Errorf("the product at %s has ended by itself: %v", p.At.Name, err)
	}
	p.program = nil
}

// finish ends it with the test, whatever state it is in, and shows what it said where the test failed.
func (p *Process) finish(t testing.TB) {
	if p.program != nil {
		if p.stopped {
			p.Continue(t)
		}
		signal := syscall.SIGTERM
		if t.Failed() {
			signal = syscall.SIGQUIT // a product that hangs shows where
		}
		p.Gate.Open()
		p.end(t, signal)
	}
	if t.Failed() {
		t.Logf("log of the product at %s:\n%s", p.At.Name, product.LastWords(p.log))
	}
}

// Log is all that the product said since the lab was built.
func (p *Process) Log() string {
	data, _ := os.ReadFile(p.log)
	return string(data)
}

// Command runs another command of the product inside the node, and returns what it printed and its exit code.
func (p *Process) Command(t testing.TB, args ...string) (string, int) {
	t.Helper()
	return fabric.Run(t, p.At.Command(t.Context(), p.path(t), args...))
}

func (p *Process) path(t testing.TB) string {
	t.Helper()
	if p.binary != "" {
		return p.binary
	}
	return product.Path(t)
}
