package fabric

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
)

// ErrUnavailable says that this machine cannot run the fabric: not root, or FRR cannot be installed.
var ErrUnavailable = errors.New("the FRR fabric is not available")

// roots remembers where each FRR lies, so that install-frr.sh runs once per process and version.
var roots = struct {
	sync.Mutex
	found map[Version]string
	err   map[Version]error
}{found: map[Version]string{}, err: map[Version]error{}}

// FindRoot returns the folder that holds FRR of that version, "/" for the one that the distribution installs. It installs FRR
// when it is missing, by test/frr/install-frr.sh. Every error wraps ErrUnavailable.
func FindRoot(v Version) (string, error) {
	roots.Lock()
	defer roots.Unlock()
	if root, ok := roots.found[v]; ok {
		return root, roots.err[v]
	}
	root, err := install(v)
	if err != nil {
		err = fmt.Errorf("%w: FRR %s: %w", ErrUnavailable, v, err)
	}
	roots.found[v], roots.err[v] = root, err
	return root, err
}

func install(v Version) (string, error) {
	if os.Geteuid() != 0 {
		return "", errors.New("network namespaces need root")
	}
	script, err := installScript()
	if err != nil {
		return "", err
	}
	args := []string{script}
	if v != V84 {
		args = append(args, string(v))
	}
	var stderr bytes.Buffer
	cmd := exec.Command("bash", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("run %s: %w\n%s", script, err, stderr.String())
	}
	lines := strings.Fields(string(out))
	if len(lines) != len(args) {
		return "", fmt.Errorf("run %s: it printed %q instead of %d folders", script, out, len(args))
	}
	root := lines[len(lines)-1]
	return root, checkVersion(root, v)
}

// checkVersion makes sure that the distribution's FRR is the one that tests believe to run.
func checkVersion(root string, v Version) error {
	out, _ := exec.Command("chroot", root, "/usr/lib/frr/bgpd", "--version").CombinedOutput()
	first, _, _ := strings.Cut(string(out), "\n")
	if !strings.Contains(first, " "+string(v)) {
		return fmt.Errorf("%s holds another version: %s", root, first)
	}
	return nil
}

// installScript looks for the script upwards from the working directory (tests, make), then where this file was compiled.
func installScript() (string, error) {
	const script = "test/frr/install-frr.sh"
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	starts := []string{dir}
	if _, file, _, ok := runtime.Caller(0); ok {
		starts = append(starts, filepath.Dir(file))
	}
	for _, dir := range starts {
		for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, script)); err == nil {
				return filepath.Join(dir, script), nil
			}
		}
	}
	return "", fmt.Errorf("%s is not above %s: run inside the repository", script, starts[0])
}
