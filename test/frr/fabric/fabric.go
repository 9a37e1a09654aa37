package fabric

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// ErrUp says that a fabric is already up in the folder that Options.Dir names.
var ErrUp = errors.New("a fabric is up already")

// Fabric is a running Topology.
type Fabric struct {
	// Dir holds everything that the fabric has on disk.
	Dir string

	nodes map[string]*Node
	order []*Node
	sw    *namespace // where the bridges are
	// bridges are those of ports that were taken out.
	bridges map[string]int
	lock    *os.File // locked as long as this process owns Dir
	logf    func(format string, args ...any)
}

// Options are for programs; tests use New.
type Options struct {
	// Dir is where a fabric that shall outlive the program goes, at most 60 bytes long and below /tmp. "" is a temporary folder.
	Dir string
	// Logf receives progress, one line at a time; nil is silence.
	Logf func(format string, args ...any)
}

// Build builds a topology and returns when every daemon answers. When anything fails, nothing is left behind. The fabric ends with
// Close, or with this process, however that ends; unless Detach is called.
func Build(ctx context.Context, t Topology, o Options) (_ *Fabric, err error) {
	if err := t.validate(); err != nil {
		return nil, fmt.Errorf("topology: %w", err)
	}
	dir, lock, err := claim(o.Dir)
	if err != nil {
		return nil, err
	}
	f := &Fabric{Dir: dir, lock: lock, nodes: map[string]*Node{}, bridges: map[string]int{}, logf: o.Logf}
	if f.logf == nil {
		f.logf = func(string, ...any) {}
	}
	if err := f.build(ctx, t); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Fabric) build(ctx context.Context, t Topology) error {
	for _, spec := range t.Nodes {
		if err := f.newNode(spec); err != nil {
			return err
		}
	}
	if err := f.startNamespaces(); err != nil {
		return err
	}
	for i, l := range t.Links {
		if err := f.plug(i, l); err != nil {
			return fmt.Errorf("link %d %q: %w", i, l.Name, err)
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, n := range f.order {
		g.Go(func() error { return n.boot(ctx) })
	}
	return g.Wait()
}

func (f *Fabric) startNamespaces() error {
	dir := filepath.Join(f.Dir, "switch")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	sw, wait, err := startNamespace("switch", dir, "-", "-", nil)
	if sw != nil {
		f.sw = sw
	}
	if err != nil {
		return err
	}
	waits := []func() error{wait}
	for _, n := range f.order {
		wait, err := n.startNamespace()
		if err != nil {
			return err
		}
		waits = append(waits, func() error {
			if err := wait(); err != nil {
				return err
			}
			for _, vrf := range append([]string{""}, n.Spec.VRFs...) {
				if err := n.prepareNet(vrf); err != nil {
					return fmt.Errorf("node %s: %w", n.Name, err)
				}
			}
			return nil
		})
	}
	var g errgroup.Group
	for _, wait := range waits {
		g.Go(wait)
	}
	return g.Wait()
}

// Node returns the node of that name; a name that is not in the topology is a bug of the caller and panics.
func (f *Fabric) Node(name string) *Node {
	n, ok := f.nodes[name]
	if !ok {
		panic(fmt.Sprintf("BUG: the fabric has no node %q", name))
	}
	return n
}

// Nodes returns all nodes in the order of the topology.
func (f *Fabric) Nodes() []*Node { return slices.Clone(f.order) }

// Close ends everything that the fabric started and removes its folder. It may be called twice.
func (f *Fabric) Close() error {
	var errs []error
	// First what runs in the nodes beside FRR, so that nobody reconfigures a router that is going away.
	for _, n := range f.order {
		if n.ns != nil {
			n.endCommands()
		}
	}
	var g errgroup.Group
	for _, n := range f.order {
		if n.ns != nil {
			g.Go(n.ns.end)
		}
	}
	if f.sw != nil {
		g.Go(f.sw.end)
	}
	errs = append(errs, g.Wait(), removeAll(f.Dir))
	if f.lock != nil {
		f.lock.Close()
	}
	for _, n := range f.order {
		n.ns = nil
	}
	f.sw, f.lock = nil, nil
	return errors.Join(errs...)
}

// state is what a detached fabric leaves for Open, in state.json.
type state struct {
	Switch *namespace
	Nodes  []nodeState
}

type nodeState struct {
	Spec      NodeSpec
	Root      string
	Namespace *namespace
}

// Detach makes the fabric outlive this process: Open finds it again.
func (f *Fabric) Detach() error {
	s := state{Switch: f.sw}
	for _, n := range f.order {
		s.Nodes = append(s.Nodes, nodeState{n.Spec, n.root, n.ns})
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(f.Dir, "state.json"), b, 0o600); err != nil {
		return err
	}
	errs := []error{f.sw.stay()}
	for _, n := range f.order {
		errs = append(errs, n.ns.stay())
	}
	return errors.Join(errs...)
}

// Open finds the fabric that a program built in dir and detached. Close then ends it. The error is fs.ErrNotExist when there is none.
func Open(dir string) (*Fabric, error) {
	b, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		return nil, fmt.Errorf("find the fabric in %s: %w", dir, err)
	}
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("read %s/state.json: %w", dir, err)
	}
	f := &Fabric{Dir: dir, sw: s.Switch, nodes: map[string]*Node{}, bridges: map[string]int{}, logf: func(string, ...any) {}}
	for _, ns := range s.Nodes {
		n := &Node{Name: ns.Spec.Name, Version: ns.Spec.Version, Spec: ns.Spec, root: ns.Root, ns: ns.Namespace, dir: filepath.Join(dir, ns.Spec.Name)}
		f.nodes[n.Name] = n
		f.order = append(f.order, n)
	}
	return f, nil
}

// Alive says whether every node still runs.
func (f *Fabric) Alive() bool {
	for _, n := range f.order {
		if n.ns == nil || !n.ns.alive() {
			return false
		}
	}
	return f.sw != nil && f.sw.alive()
}

// Unix socket paths end at 108 bytes, so everything lies in a short place, whatever TMPDIR says.
const (
	tempPrefix = "/tmp/frrfab-"
	sweepLock  = "/tmp/frrfab.lock"
)

// claim makes and locks the folder of a new fabric, after sweeping what killed runs left.
func claim(dir string) (string, *os.File, error) {
	guard, err := os.OpenFile(sweepLock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", nil, fmt.Errorf("open %s: %w", sweepLock, err)
	}
	defer guard.Close()
	if err := unix.Flock(int(guard.Fd()), unix.LOCK_EX); err != nil {
		return "", nil, fmt.Errorf("lock %s: %w", sweepLock, err)
	}
	if err := sweep(); err != nil {
		return "", nil, err
	}
	if dir == "" {
		dir, err = os.MkdirTemp(filepath.Dir(tempPrefix), filepath.Base(tempPrefix))
	} else {
		err = claimNamed(dir)
	}
	if err != nil {
		return "", nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // FRR's user goes through it
		return "", nil, err
	}
	lock, err := lockDir(dir)
	return dir, lock, err
}

func claimNamed(dir string) error {
	if len(dir) > 60 {
		return fmt.Errorf("folder %s: longer than 60 bytes, sockets would not fit below it", dir)
	}
	old, err := Open(dir)
	switch {
	case err == nil && old.Alive():
		return fmt.Errorf("%w in %s", ErrUp, dir)
	case err == nil:
		if err := old.Close(); err != nil {
			return err
		}
	default:
		// A build that did not come to Detach: it is either still building, or dead with all it started.
		lock, err := lockDir(dir)
		if errors.Is(err, unix.EWOULDBLOCK) {
			return fmt.Errorf("%w in %s", ErrUp, dir)
		}
		if err == nil {
			defer lock.Close()
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	return os.MkdirAll(dir, 0o755)
}

// removeAll removes a folder in which a daemon that is about to die may still write.
func removeAll(dir string) error {
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if err := os.RemoveAll(dir); !errors.Is(err, unix.ENOTEMPTY) || time.Now().After(end) {
			return err
		}
	}
}

// sweep removes the folders of runs that were killed. Their namespaces are gone already: those end with the process that owned them.
func sweep() error {
	dirs, err := filepath.Glob(tempPrefix + "*")
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		lock, err := lockDir(dir)
		if err != nil {
			continue // alive
		}
		os.RemoveAll(dir)
		lock.Close()
	}
	return nil
}

// lockDir locks a fabric's folder for as long as the file is open; the kernel unlocks it when the process dies.
func lockDir(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
