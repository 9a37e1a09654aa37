package source

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// Options say how manifests are read.
type Options struct {
	// Namespace of the metallb.io objects; empty: snapshot.DefaultNamespace. Objects of these kinds without a namespace are taken as its.
	Namespace string
}

// Result is what the paths hold at one moment.
type Result struct {
	// Objects are sorted by namespace and name. An object whose document did not change is the same pointer as in the Result before.
	Objects snapshot.Objects
	// Problems of documents that can't be read, or not as a whole.
	Problems []problem.Problem
}

// Read reads files and directories (recursive; *.yaml, *.yml, *.json) once. The error tells of a path that can't be read at all;
// whatever is wrong inside a file is a problem.
func Read(paths []string, options Options) (Result, error) {
	t := newTree(paths, options)
	if err := t.scan(); err != nil {
		return Result{}, err
	}
	return t.result(), nil
}

// tree is the manifests below some paths.
type tree struct {
	paths     []string
	namespace string
	files     map[string]*file
	dirs      map[string]bool
	problems  []problem.Problem // of paths, by the last scan
}

// file is one manifest, as it was last read.
type file struct {
	stat    stamp
	content content
	// failed is what speaks against the file as it is now; content is then what it last held.
	failed []problem.Problem
}

// stamp tells whether a file is the one that was read.
type stamp struct {
	size  int64
	mtime int64
	inode uint64
}

func newTree(paths []string, options Options) *tree {
	return &tree{
		paths:     paths,
		namespace: cmp.Or(options.Namespace, snapshot.DefaultNamespace),
		files:     map[string]*file{},
		dirs:      map[string]bool{},
	}
}

// scan finds the files below the paths and reads those that changed. A path that can't be read is an error, and what was read below it
// stays.
func (t *tree) scan() error {
	var errs []error
	t.problems = nil
	found := map[string]bool{}
	dirs := map[string]bool{}
	for _, path := range t.paths {
		before := len(found)
		if err := t.find(path, found, dirs); err != nil {
			errs = append(errs, err)
			for name := range t.files {
				if name == path || strings.HasPrefix(name, filepath.Clean(path)+string(filepath.Separator)) {
					found[name] = true
				}
			}
			continue
		}
		if len(found) == before {
			t.problems = append(t.problems, problem.Problem{
				Severity: problem.Warning, File: path, Reason: problem.NothingToRead,
				Message: "no manifest here (*.yaml, *.yml, *.json)",
			})
		}
	}
	for name := range t.files {
		if !found[name] {
			delete(t.files, name)
		}
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	t.refresh(names)
	t.dirs = dirs
	return errors.Join(errs...)
}

// find lists the manifests below a path. It follows links to files and directories, once each; what begins with ".." is how the kubelet
// lays a ConfigMap's versions, which are reached by their links.
func (t *tree) find(path string, found, dirs map[string]bool) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read manifests: %w", err)
	}
	path = filepath.Clean(path)
	if !info.IsDir() {
		found[path] = true
		dirs[filepath.Dir(path)] = true
		return nil
	}
	return t.findIn(path, found, dirs, map[string]bool{})
}

func (t *tree) findIn(dir string, found, dirs, visited map[string]bool) error {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return fmt.Errorf("read manifests: %w", err)
	}
	if visited[real] {
		return nil
	}
	visited[real] = true
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read manifests: %w", err)
	}
	dirs[dir] = true
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		name := filepath.Join(dir, e.Name())
		isDir := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			info, err := os.Stat(name)
			if err != nil {
				continue // a link to nothing, or one that is being swapped
			}
			isDir = info.IsDir()
		}
		switch {
		case isDir:
			if err := t.findIn(name, found, dirs, visited); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.problems = append(t.problems, problem.Problem{
					Severity: problem.Error, File: name, Reason: problem.UnreadableFile, Message: cause(err),
				})
			}
		case isManifest(name):
			found[name] = true
		}
	}
	return nil
}

func isManifest(name string) bool {
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".json":
		return !strings.HasPrefix(filepath.Base(name), ".")
	}
	return false
}

// refresh reads those of the files that changed, on all cores; it tells whether any did.
func (t *tree) refresh(names []string) bool {
	var (
		mu      sync.Mutex
		changed bool
		wg      sync.WaitGroup
	)
	work := make(chan string)
	for range min(runtime.GOMAXPROCS(0), len(names)) {
		wg.Go(func() {
			for name := range work {
				mu.Lock()
				before := t.files[name]
				mu.Unlock()
				now := t.read(name, before)
				if now == before {
					continue
				}
				mu.Lock()
				changed = true
				if now == nil {
					delete(t.files, name)
				} else {
					t.files[name] = now
				}
				mu.Unlock()
			}
		})
	}
	for _, name := range names {
		work <- name
	}
	close(work)
	wg.Wait()
	return changed
}

// read reads one file; it returns before when nothing changed, nil when it is gone.
func (t *tree) read(name string, before *file) *file {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return unreadable(name, stamp{}, before, problem.UnreadableFile, cause(err))
	}
	at := stampOf(info)
	if before != nil && before.stat == at {
		return before
	}
	switch {
	case !info.Mode().IsRegular():
		return unreadable(name, at, before, problem.UnreadableFile, "not a regular file")
	case info.Size() > maxFile:
		return unreadable(name, at, before, problem.TooLarge, fmt.Sprintf("%d bytes; %d at most", info.Size(), maxFile))
	}
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return unreadable(name, at, before, problem.UnreadableFile, cause(err))
	}
	now := decode(name, data, t.namespace)
	if before == nil {
		return &file{stat: at, content: now}
	}
	keepPointers(before.content.objects, now.objects)
	// A document that can't be read may be half written, or a slip: what this file held before and does not hold now stays until it is
	// whole.
	var failed []problem.Problem
	for _, p := range now.problems {
		if p.File != "" && p.Severity == problem.Error {
			failed = append(failed, p)
		}
	}
	if len(failed) > 0 {
		now.objects = withMissing(now.objects, before.content.objects)
	}
	return &file{stat: at, content: now}
}

func unreadable(name string, at stamp, before *file, reason problem.Reason, message string) *file {
	out := &file{stat: at, failed: []problem.Problem{{Severity: problem.Error, File: name, Reason: reason, Message: message}}}
	if before != nil {
		out.content.objects = before.content.objects
	}
	return out
}

// cause is an error without the path, which the problem names already.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// withMissing adds the objects of before that now lacks.
func withMissing(now, before []decoded) []decoded {
	have := map[problem.Object]bool{}
	for _, d := range now {
		have[d.identity] = true
	}
	for _, d := range before {
		if !have[d.identity] {
			now = append(now, d)
		}
	}
	return now
}

// result gathers the objects of all files.
func (t *tree) result() Result {
	names := make([]string, 0, len(t.files))
	for name := range t.files {
		names = append(names, name)
	}
	slices.Sort(names)
	g := gatherer{seen: make(map[problem.Object]origin, len(names))}
	g.result.Problems = append(g.result.Problems, t.problems...)
	for _, name := range names {
		f := t.files[name]
		g.result.Problems = append(g.result.Problems, f.failed...)
		g.result.Problems = append(g.result.Problems, f.content.problems...)
		for _, d := range f.content.objects {
			g.add(name, d)
		}
	}
	g.sort()
	g.result.Problems = problem.Sort(g.result.Problems)
	return g.result
}

// origin is where an object stands.
type origin struct {
	file string
	line int
}

type gatherer struct {
	seen   map[problem.Object]origin
	result Result
}

func (g *gatherer) add(name string, d decoded) {
	if first, taken := g.seen[d.identity]; taken {
		g.result.Problems = append(g.result.Problems, problem.Problem{
			Severity: problem.Error, Object: d.identity, Reason: problem.DuplicateObject,
			Message: fmt.Sprintf("it stands in %s:%d and again in %s:%d; the first is used, delete one", first.file, first.line, name, d.line),
		})
		return
	}
	g.seen[d.identity] = origin{name, d.line}
	o := &g.result.Objects
	switch v := d.object.(type) {
	case *v1beta2.BGPPeer:
		o.Peers = append(o.Peers, v)
	case *v1beta1.IPAddressPool:
		o.Pools = append(o.Pools, v)
	case *v1beta1.BGPAdvertisement:
		o.Advertisements = append(o.Advertisements, v)
	case *v1beta1.BFDProfile:
		o.BFDProfiles = append(o.BFDProfiles, v)
	case *v1beta1.Community:
		o.Communities = append(o.Communities, v)
	case *corev1.Service:
		o.Services = append(o.Services, v)
	case *discoveryv1.EndpointSlice:
		o.EndpointSlices = append(o.EndpointSlices, v)
	case *corev1.Node:
		o.Nodes = append(o.Nodes, v)
	case *corev1.Namespace:
		o.Namespaces = append(o.Namespaces, v)
	case *corev1.Secret:
		o.Secrets = append(o.Secrets, v)
	case *corev1.ConfigMap:
		o.ConfigMaps = append(o.ConfigMaps, v)
	}
}

func (g *gatherer) sort() {
	o := &g.result.Objects
	byName(o.Peers)
	byName(o.Pools)
	byName(o.Advertisements)
	byName(o.BFDProfiles)
	byName(o.Communities)
	byName(o.Services)
	byName(o.EndpointSlices)
	byName(o.Nodes)
	byName(o.Namespaces)
	byName(o.Secrets)
	byName(o.ConfigMaps)
}

func byName[T metav1.Object](list []T) {
	slices.SortFunc(list, func(a, b T) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
}
