package apiserver

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Kill kills "etcd" or "kube-apiserver" as a machine does that loses power, and returns how to start it again, with its data; that returns
// when the API server is ready. It is started again when the test ends, for the tests that follow.
func (s *Server) Kill(t testing.TB, program string) (start func()) {
	t.Helper()
	return s.KillUntil(t, program, "/readyz")
}

// KillUntil is Kill where the API server counts as back when a path answers: "/livez" for one that is never quite ready again.
func (s *Server) KillUntil(t testing.TB, program, path string) (start func()) {
	t.Helper()
	pid, args, err := s.find(program)
	require.NoError(t, err)
	require.NoError(t, unix.Kill(pid, unix.SIGKILL))
	for end := time.Now().Add(startTimeout); alive(pid); time.Sleep(5 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "%s does not end", program)
	}
	started := false
	start = func() {
		t.Helper()
		if !started {
			started = true
			require.NoError(t, s.launchAgain(args))
			s.waitFor(t, path)
		}
	}
	t.Cleanup(start)
	return start
}

// find is the process of a program that this test has started for this server, and what it was started as.
func (s *Server) find(program string) (pid int, args []string, err error) {
	of := []byte(s.environment.ControlPlane.Etcd.URL.Host)
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, nil, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		line, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		words := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
		if filepath.Base(words[0]) == program && bytes.Contains(line, of) && childOfOurs(pid) {
			return pid, words, nil
		}
	}
	return 0, nil, fmt.Errorf("%s does not run", program)
}

func childOfOurs(pid int) bool {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	return len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid())
}

// alive tells whether a process runs; one that waits to be collected does not.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	return err == nil && !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// launchAgain starts a program as it was started before. It ends with this process, as before.
func (s *Server) launchAgain(args []string) error {
	started := make(chan error)
	go func() {
		// The kernel kills the program with the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		cmd := exec.Command(args[0], args[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	return <-started
}

func (s *Server) waitFor(t testing.TB, path string) {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for end := time.Now().Add(startTimeout); ; time.Sleep(100 * time.Millisecond) {
		answer, err := client.Get("https://" + s.Address + path)
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		require.True(t, time.Now().Before(end), "the API server does not come back: %v", err)
	}
}
