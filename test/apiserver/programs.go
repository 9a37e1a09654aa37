package apiserver

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/frr-renderer/frr-renderer/test/skip"
)

// ErrUnavailable says that this machine has no kube-apiserver and can't or should not build it now.
var ErrUnavailable = errors.New("the API server is not available")

// required has the programs built where they are missing.
func required() bool { return os.Getenv(skip.KUBE) == "1" }

// Require returns the folder with kube-apiserver and etcd. It skips the test where they are not built yet (loudly); with
// FRR_RENDERER_REQUIRE_KUBE=1 it builds them, which takes minutes, and fails where that is not possible.
func Require(t testing.TB) string {
	t.Helper()
	dir, err := programs()
	if err == nil {
		return dir
	}
	skip.Test(t, skip.KUBE, fmt.Errorf("%w: \"make kube\" builds it", err))
	return ""
}

// programs runs test/kube/build.sh, once for a process. Every error wraps ErrUnavailable.
var programs = sync.OnceValues(func() (string, error) {
	script := filepath.Join(source(), "..", "kube", "build.sh")
	args := []string{script}
	if !required() {
		args = append(args, "--if-built")
	}
	cmd := exec.Command("bash", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%w: run %s: %w\n%s", ErrUnavailable, script, err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
})

// source is the folder of this file.
func source() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}
