package chart

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/frr-renderer/frr-renderer/test/frr/product"
)

const (
	chartDir  = "../../charts/frr-renderer"
	namespace = "metallb-system"
	release   = "speaker"
)

func TestMain(m *testing.M) { os.Exit(product.Main(m)) }

// helmPath is where helm is; it is built once for all runs. Where it may not be built now the error says so.
var helmPath = sync.OnceValues(func() (string, error) {
	args := []string{"../helm/build.sh"}
	if os.Getenv("FRR_RENDERER_REQUIRE_KUBE") != "1" {
		args = append(args, "--if-built")
	}
	var stderr bytes.Buffer
	cmd := exec.Command("bash", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("helm is not available: %w: %s", err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
})

// helm runs helm; nothing of this machine's own settings counts.
func helm(t testing.TB, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	path, err := helmPath()
	if err != nil && os.Getenv("FRR_RENDERER_REQUIRE_KUBE") == "1" {
		t.Fatal(err)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "\n*** SKIPPED %s: %v\n*** \"make helm\" builds it; FRR_RENDERER_REQUIRE_KUBE=1 makes this a failure.\n\n", t.Name(), err)
		t.Skip(err)
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
