package source

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// watches are the directories that inotify watches: those that are looked through, the parents of the paths, where these come and go, and
// the places that links lead to. A directory that has several names is watched under one, since the kernel knows but one.
type watches struct {
	notify *fsnotify.Watcher
	now    map[string]*watched // by the name that events bear
	byID   map[fileID]*watched
	before map[string]*watched
	names  map[fileID]string // of before
	errors []error
}

type watched struct {
	name string
	id   fileID
	// walked directories are looked through, as path.
	walked bool
	path   string
	// names are those whose events matter whatever the directory is, each with the path that the user named it by, if he did.
	names map[string]string
}

func newWatches(notify *fsnotify.Watcher) *watches {
	return &watches{notify: notify, now: map[string]*watched{}, byID: map[fileID]*watched{}}
}

func (w *watches) at(name string) *watched { return w.now[name] }

// forget tells whether name is a watched directory. The kernel has ended the watch if it was moved or removed, so it is set anew.
func (w *watches) forget(name string) bool {
	d := w.now[name]
	if d == nil {
		return false
	}
	delete(w.now, name)
	delete(w.byID, d.id)
	return true
}

// begin starts to collect the directories anew.
func (w *watches) begin() {
	w.before, w.now, w.byID, w.errors = w.now, map[string]*watched{}, map[fileID]*watched{}, nil
	w.names = make(map[fileID]string, len(w.before))
	for name, d := range w.before {
		w.names[d.id] = name
	}
}

// walk watches a directory that is about to be listed, so that nothing is missed in between.
func (w *watches) walk(dir string) {
	if d := w.add(dir); d != nil {
		d.walked, d.path = true, dir
	}
}

// end watches the other places and drops what is no longer needed.
func (w *watches) end(t *tree) {
	for _, r := range t.roots {
		w.trigger(r.path)
	}
	for _, target := range t.links {
		w.trigger(target)
	}
	for name := range w.before {
		if w.now[name] == nil {
			_ = w.notify.Remove(name)
		}
	}
	w.before, w.names = nil, nil
}

// trigger watches for a path, or for the part of it that is missing.
func (w *watches) trigger(path string) {
	below := path
	for !isDir(filepath.Dir(below)) && filepath.Dir(below) != below {
		below = filepath.Dir(below)
	}
	d := w.add(filepath.Dir(below))
	if d == nil {
		return
	}
	if d.names == nil {
		d.names = map[string]string{}
	}
	d.names[filepath.Base(below)] = path
}

// sprout watches directories that are there again, before they are looked through.
func (w *watches) sprout(roots []root) {
	for _, r := range roots {
		_ = filepath.WalkDir(r.path, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				w.walk(path)
			}
			return nil
		})
	}
}

func (w *watches) add(dir string) *watched {
	info, err := os.Stat(dir)
	if err != nil {
		return nil
	}
	id := stampOf(info).id
	if d := w.byID[id]; d != nil {
		return d
	}
	name := dir
	if known, ok := w.names[id]; ok && known != dir && sameDir(known, id) {
		name = known // events come under this name already
	}
	if d := w.before[name]; d != nil && d.id != id {
		_ = w.notify.Remove(name) // another directory, or an ended watch
	}
	// Adding a watch again is harmless.
	if err := w.notify.Add(name); err != nil {
		w.errors = append(w.errors, &fs.PathError{Op: "watch", Path: name, Err: err})
		return nil
	}
	d := &watched{name: name, id: id}
	w.now[name], w.byID[id] = d, d
	return d
}

func sameDir(name string, id fileID) bool {
	info, err := os.Stat(name)
	return err == nil && stampOf(info).id == id
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}
