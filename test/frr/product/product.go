// Package product builds the program that tests and benchmarks run, once for a process unless it is there already. It knows where its source lies
// and nothing else.
package product

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// dir is where the program lies while the tests run.
var dir string

// Main is for TestMain: it gives the program a place, runs the tests, takes the place away and returns the exit code.
func Main(m *testing.M) int {
	// The tests' product is in no cluster, also where the tests are.
	if err := os.Unsetenv("KUBERNETES_SERVICE_HOST"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var err error
	if dir, err = os.MkdirTemp("", "frr-renderer-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // tests run it as other users
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// SideBySide is for TestMain, before Main: tests that wait for FRR nearly all of the time run so many at once, whatever cores there are, unless
// -parallel says otherwise. Fuzzing, where -parallel is the number of workers, is work for the cores there are.
func SideBySide(tests int) {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" || f.Name == "test.fuzz" })
	if !said {
		_ = flag.Set("test.parallel", strconv.Itoa(tests))
	}
}

// LastWords are the end of what a log says, and of the stacks behind it that SIGQUIT makes the program print.
func LastWords(log string) string {
	data, _ := os.ReadFile(log)
	said, stacks, _ := strings.Cut(string(data), "\nSIGQUIT")
	return tail(said, 60) + "\n" + tail(stacks, 40)
}

func tail(text string, lines int) string {
	all := strings.SplitAfter(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "")
}

// Path is where the program is, which is built at the first call.
func Path(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// built is the environment variable that names the program where "make test" has linked it for all packages, which takes 7 s of a processor.
const built = "FRR_RENDERER_BUILT"

var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(dir, "frr-renderer")
	if there := os.Getenv(built); there != "" {
		// A copy, where other users find it.
		program, err := os.ReadFile(there)
		if err != nil {
			return "", fmt.Errorf("copy the product: %w", err)
		}
		return path, os.WriteFile(path, program, 0o755)
	}
	said, err := exec.Command("go", "build", "-o", path, "github.com/frr-renderer/frr-renderer/cmd/frr-renderer").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the product: %w: %s", err, said)
	}
	return path, nil
})
