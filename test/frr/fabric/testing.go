package fabric

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/frr-renderer/frr-renderer/test/skip"
)

// New builds a topology for a test and takes it down when the test ends; a failed test shows the end of every log, and keeps all logs
// in a folder that it names (below $FRR_RENDERER_LOGS, or /tmp/frr-renderer-logs).
//
// On a machine that cannot run FRR the test is skipped, and says so on standard error; with FRR_RENDERER_REQUIRE_FRR=1 it fails.
func New(t testing.TB, topology Topology) *Fabric {
	t.Helper()
	for _, n := range topology.Nodes {
		if n.Version != None {
			Require(t, n.Version)
		}
	}
	Require(t)
	f, err := Build(t.Context(), topology, Options{Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	if _, ordered := t.(EndsInOrder); !ordered {
		live.add(f)
	}
	t.Cleanup(func() {
		live.remove(f)
		if t.Failed() {
			f.showLogs(t)
		}
		if err := f.Close(); err != nil {
			t.Errorf("take the fabric down: %v", err)
		}
	})
	return f
}

// EndsInOrder is a t that runs its cleanups when the program is interrupted, too, so nothing else may take the fabric down, and end the program, meanwhile.
type EndsInOrder interface{ EndsInOrder() }

// Require skips the test where the fabric cannot run these versions of FRR (loudly), or fails it with FRR_RENDERER_REQUIRE_FRR=1.
func Require(t testing.TB, versions ...Version) {
	t.Helper()
	err := error(nil)
	if os.Geteuid() != 0 {
		err = fmt.Errorf("%w: network namespaces need root", ErrUnavailable)
	}
	for _, v := range versions {
		if _, e := FindRoot(v); err == nil {
			err = e
		}
	}
	if err == nil {
		return
	}
	skip.Test(t, skip.FRR, err)
}

// EachVersion runs f on each version of FRR, side by side with each other and with other tests. other is the other version, for a part of the
// fabric.
func EachVersion(t *testing.T, f func(t *testing.T, v, other Version)) {
	t.Parallel()
	for _, v := range Versions() {
		other := V84
		if v == other {
			other = V103
		}
		t.Run(string(v), func(t *testing.T) {
			Require(t, v, other)
			t.Parallel()
			f(t, v, other)
		})
	}
}

// showLogs copies the nodes' logs and running configurations away and prints the end of each.
func (f *Fabric) showLogs(t testing.TB) {
	base := os.Getenv("FRR_RENDERER_LOGS")
	if base == "" {
		base = "/tmp/frr-renderer-logs"
	}
	dir := filepath.Join(base, fmt.Sprintf("%s-%d", strings.Map(fileName, t.Name()), os.Getpid()))
	if err := f.SaveLogs(context.Background(), dir); err != nil {
		t.Logf("save the logs: %v", err)
	}
	t.Logf("all logs and running configurations are in %s", dir)
	logs, _ := filepath.Glob(filepath.Join(f.Dir, "*", "log", "*.log"))
	for _, log := range logs {
		node := filepath.Base(filepath.Dir(filepath.Dir(log)))
		if text := tail(log, 12); text != "" {
			t.Logf("%s, end of %s:\n%s", node, filepath.Base(log), text)
		}
	}
}

// SaveLogs copies each node's logs, crash reports and configuration, running and in file, to dir.
func (f *Fabric) SaveLogs(ctx context.Context, dir string) error {
	var errs []error
	for _, n := range f.order {
		to := filepath.Join(dir, n.Name)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		for _, from := range []string{"log", "crash", "etc"} {
			errs = append(errs, os.CopyFS(filepath.Join(to, from), os.DirFS(filepath.Join(n.dir, from))))
		}
		if n.Version == None {
			continue
		}
		text, err := n.RunningConfig(ctx)
		errs = append(errs, err, os.WriteFile(filepath.Join(to, "running.conf"), []byte(text), 0o600))
		for _, told := range []struct{ daemon, command, file string }{
			{"bgpd", "show bgp vrf all neighbors json", "neighbors.json"},
			{"bfdd", "show bfd peers json", "bfd.json"},
			{"bfdd", "show bfd peers counters json", "bfd-counters.json"},
		} {
			if n.PID(told.daemon) == 0 {
				continue
			}
			text, err := n.Ask(ctx, told.daemon, told.command)
			errs = append(errs, err, os.WriteFile(filepath.Join(to, told.file), []byte(text), 0o600))
		}
	}
	return errors.Join(errs...)
}

func tail(file string, lines int) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func fileName(r rune) rune {
	if r == '/' || r == ' ' {
		return '-'
	}
	return r
}

// live are the fabrics of running tests: an interrupt takes them down in order, with their folders. (Killed outright, the process leaves only
// its folder in /tmp; the next start sweeps it.)
var live = &liveFabrics{}

type liveFabrics struct {
	sync.Mutex
	once    sync.Once
	fabrics map[*Fabric]bool
}

func (l *liveFabrics) add(f *Fabric) {
	l.once.Do(func() {
		l.fabrics = map[*Fabric]bool{}
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
		go l.closeOn(signals)
	})
	l.Lock()
	defer l.Unlock()
	l.fabrics[f] = true
}

func (l *liveFabrics) remove(f *Fabric) {
	l.Lock()
	defer l.Unlock()
	delete(l.fabrics, f)
}

func (l *liveFabrics) closeOn(signals chan os.Signal) {
	sig := <-signals
	l.Lock()
	for f := range l.fabrics {
		f.Close()
	}
	signal.Reset()
	syscall.Kill(os.Getpid(), sig.(syscall.Signal))
}
