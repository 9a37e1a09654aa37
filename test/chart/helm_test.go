package chart

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	chartDir  = "../../charts/frr-renderer"
	namespace = "metallb-system"
	release   = "speaker"
)

func TestMain(m *testing.M) {
	becomeContainer()
	var err error
	if programDir, err = os.MkdirTemp("", "chart-program-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(programDir)
	os.Exit(code)
}

var programDir string

// program is the product as one static file, which runs in an image that has nothing else. "make build" links it without C; here it is linked
// from what the other tests have compiled already.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programDir, "frr-renderer")
	args := []string{"build", "-o", path}
	if out, err := exec.Command("go", "env", "CGO_ENABLED").Output(); err != nil || strings.TrimSpace(string(out)) == "1" {
		args = append(args, "-ldflags", "-linkmode=external -extldflags=-static")
	}
	if said, err := exec.Command("go", append(args, "github.com/frr-renderer/frr-renderer/cmd/frr-renderer")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the product: %w: %s", err, said)
	}
	return path, nil
})

// helmPath and promqlPath are where the tools are; each is built once for all runs. Where that may not be done now the error says so.
var (
	helmPath   = sync.OnceValues(func() (string, error) { return built("helm") })
	promqlPath = sync.OnceValues(func() (string, error) { return built("promql") })
)

func built(tool string) (string, error) {
	args := []string{"../" + tool + "/build.sh"}
	if os.Getenv("FRR_RENDERER_REQUIRE_KUBE") != "1" {
		args = append(args, "--if-built")
	}
	var stderr bytes.Buffer
	cmd := exec.Command("bash", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s is not available: %w: %s", tool, err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// helm runs helm; nothing of this machine's own settings counts.
func helm(t testing.TB, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	path, err := helmPath()
	if err != nil {
		without(t, err, "\"make helm\" builds it")
	}
	var out, said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...)
	home := t.TempDir()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}
	cmd.Stdout, cmd.Stderr = &out, &said
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), said.String(), err
}
