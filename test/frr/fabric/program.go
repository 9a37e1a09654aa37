package fabric

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
)

// Program is a program that runs, of Node.Command for instance.
//
// The kernel kills those with the thread that started them, and threads that were in a namespace end early: who starts one must keep its
// thread until it has ended, which Start, CombinedOutput and Run do.
type Program struct {
	// Ended is closed when the program has ended.
	Ended <-chan struct{}

	cmd *exec.Cmd
}

// Start starts a program. Nobody but End has to wait for it.
func Start(cmd *exec.Cmd) (*Program, error) {
	started, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd, err)
	}
	return &Program{ended, cmd}, nil
}

// StartLogged starts a program that appends all that it says to a file.
func StartLogged(cmd *exec.Cmd, path string) (*Program, error) {
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	return Start(cmd)
}

// PID is the number that this machine gives to the program.
func (p *Program) PID() int { return p.cmd.Process.Pid }

// ExitCode is that of a program that has ended; -1 when a signal has ended it.
func (p *Program) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// End sends a signal and returns when the program has ended. The error tells how, when it had ended before.
func (p *Program) End(sig os.Signal) error {
	err := p.cmd.Process.Signal(sig)
	<-p.Ended
	if err != nil {
		return fmt.Errorf("end %s: %w: %s", p.cmd, err, p.cmd.ProcessState)
	}
	return nil
}

// CombinedOutput runs a program to its end, as the method of exec.Cmd does.
func CombinedOutput(cmd *exec.Cmd) ([]byte, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.CombinedOutput()
}

// Run runs a program to its end for a test, and returns what it printed and its exit code.
func Run(t testing.TB, cmd *exec.Cmd) (string, int) {
	t.Helper()
	out, err := CombinedOutput(cmd)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run %s: %v", cmd, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}
