package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// tree is the manifests below some paths.
type tree struct {
	roots     []root
	namespace string
	store     *store
	// dirs are the directories that were looked through, with the index of their root.
	dirs map[string]int
	// links are the places, outside of dirs perhaps, that links to manifests lead to.
	links []string
	// rootOf is the index of each file's root.
	rootOf map[string]int
	// problems of paths, by the last scan.
	problems []problem.Problem
}

// root is one of the paths that the user named.
type root struct {
	path string
	// err says why it can't be read; what it held before stays.
	err error
	// files is how many manifests it holds. covered: they are listed under another root.
	files   int
	covered bool
}

func newTree(paths []string, options Options) *tree {
	t := &tree{namespace: options.namespace(), store: newStore(), dirs: map[string]int{}, rootOf: map[string]int{}}
	for _, path := range paths {
		if path != "" {
			path = filepath.Clean(path)
		}
		t.roots = append(t.roots, root{path: path})
	}
	return t
}

// lost are the errors of paths that can't be read.
func (t *tree) lost() []error {
	var out []error
	for _, r := range t.roots {
		if r.err != nil {
			out = append(out, r.err)
		}
	}
	return out
}

// rescan looks everything through and reads the files that changed; it tells whether that changed any object. enter is called with each
// directory before it is listed; it may be nil.
func (t *tree) rescan(enter func(dir string)) bool {
	s := scan{tree: t, enter: enter, dirs: map[string]int{}, found: map[string]stamp{}, rootOf: map[string]int{}, visited: map[fileID]bool{}}
	for i := range t.roots {
		s.root(i)
	}
	for path := range t.store.files {
		if _, found := s.found[path]; !found && !s.holds(path) {
			t.store.set(path, nil)
		}
	}
	var changed []string
	for path, now := range s.found {
		if !t.store.files[path].settled(now) {
			changed = append(changed, path)
		}
	}
	for path := range t.store.files {
		if _, found := s.found[path]; !found {
			s.rootOf[path] = t.rootOf[path] // held
		}
	}
	t.dirs, t.links, t.rootOf, t.problems = s.dirs, s.links, s.rootOf, s.problems
	return t.refresh(changed)
}

// refresh reads files, on all cores; it tells whether that changed any object.
func (t *tree) refresh(paths []string) bool {
	slices.Sort(paths)
	read := make([]*file, len(paths))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(paths)) {
		wg.Go(func() {
			for i := range next {
				read[i] = readFile(paths[i], t.store.files[paths[i]], t.namespace)
			}
		})
	}
	for i := range paths {
		next <- i
	}
	close(next)
	wg.Wait()
	for i, path := range paths {
		t.store.set(path, read[i])
		if read[i] == nil {
			delete(t.rootOf, path)
		} else if _, known := t.rootOf[path]; !known {
			t.rootOf[path] = t.dirs[filepath.Dir(path)]
		}
	}
	return t.store.settle()
}

// result is what the tree holds now.
func (t *tree) result() Result {
	problems := slices.Clone(t.problems)
	files := make([]int, len(t.roots))
	for _, i := range t.rootOf {
		files[i]++
	}
	for i, r := range t.roots {
		switch {
		case r.err != nil:
			problems = append(problems, problem.Problem{
				Severity: problem.Error, File: r.path, Reason: problem.UnreadableFile,
				Message: cause(r.err) + "; what it held stays in use until it is there again",
			})
		case files[i] == 0 && !r.covered:
			problems = append(problems, problem.Problem{
				Severity: problem.Warning, File: r.path, Reason: problem.NothingToRead, Message: "no manifest here (*.yaml, *.yml, *.json)",
			})
		}
	}
	out := t.store.result(problems)
	out.Incomplete = out.Incomplete || len(t.lost()) > 0 || slices.ContainsFunc(problems, func(p problem.Problem) bool { return p.Reason == problem.UnreadableFile })
	return out
}

// scan is one look through the tree.
type scan struct {
	tree     *tree
	enter    func(dir string)
	found    map[string]stamp
	dirs     map[string]int
	rootOf   map[string]int
	links    []string
	visited  map[fileID]bool // directories: each is looked through under its first name, whatever links lead to it
	held     []string        // what could not be looked at, and keeps what it held
	problems []problem.Problem
}

// holds tells whether a file is one that could not be looked at.
func (s *scan) holds(path string) bool {
	for _, h := range s.held {
		if path == h || strings.HasPrefix(path, h+string(filepath.Separator)) || h == "." && !filepath.IsAbs(path) {
			return true
		}
	}
	return false
}

func (s *scan) root(i int) {
	r := &s.tree.roots[i]
	r.err, r.covered = nil, false
	info, err := os.Stat(r.path)
	if err == nil {
		switch {
		case info.IsDir():
			if s.visited[stampOf(info).id] {
				r.covered = true
				return
			}
			err = s.dir(r.path, info, i)
		case !info.Mode().IsRegular():
			err = &fs.PathError{Op: "read", Path: r.path, Err: errors.New("neither a file nor a directory")}
		default:
			if _, found := s.found[r.path]; found {
				r.covered = true
				return
			}
			s.file(r.path, info, i)
			s.link(r.path)
		}
	}
	if err != nil {
		r.err = fmt.Errorf("read manifests: %w", err)
		s.held = append(s.held, r.path)
	}
}

// dir looks through a directory. What begins with a dot is hidden: among it, how the kubelet lays a volume's versions (..data), which are
// reached by the links beside them.
func (s *scan) dir(dir string, info fs.FileInfo, root int) error {
	id := stampOf(info).id
	if s.visited[id] {
		return nil
	}
	s.visited[id] = true
	s.dirs[dir] = root
	if s.enter != nil {
		s.enter(dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			s.entry(filepath.Join(dir, e.Name()), e.Type(), root)
		}
	}
	return nil
}

func (s *scan) entry(path string, kind fs.FileMode, root int) {
	isLink := kind&fs.ModeSymlink != 0
	if !isLink && !kind.IsDir() && !isManifest(path) {
		return
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && isLink && isManifest(path):
		s.unreadable(path, "a link to nothing")
	case errors.Is(err, fs.ErrNotExist):
		// It went away just now.
	case err != nil:
		s.unreadable(path, cause(err))
	case info.IsDir():
		if err := s.dir(path, info, root); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.unreadable(path, cause(err))
		}
	case isManifest(path):
		s.file(path, info, root)
		if isLink {
			s.link(path)
		}
	}
}

func (s *scan) file(path string, info fs.FileInfo, root int) {
	if _, found := s.found[path]; !found {
		s.found[path], s.rootOf[path] = stampOf(info), root
	}
}

// link remembers where a file lies that links may lead to.
func (s *scan) link(path string) {
	if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
		s.links = append(s.links, real)
	}
}

func (s *scan) unreadable(path, message string) {
	s.held = append(s.held, path)
	s.problems = append(s.problems, problem.Problem{Severity: problem.Error, File: path, Reason: problem.UnreadableFile, Message: message})
}

func isManifest(path string) bool {
	switch filepath.Ext(path) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}
