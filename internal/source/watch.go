package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// settleTime is how long a burst of events is collected: an editor's rename, a ConfigMap's swap of links, a git checkout.
const settleTime = 3 * time.Millisecond

// rescanTime is how often everything is looked through, for what the kernel can't tell: lost events, a directory below a link that was
// swapped outside.
const rescanTime = 30 * time.Second

// Watch reads the paths, calls back with the result, and again after each change, from one goroutine, until ctx ends. A path that
// vanishes keeps what it held, with a problem, until it is there again. The error tells of a path that can't be read at the start.
func Watch(ctx context.Context, paths []string, options Options, log *slog.Logger, changed func(Result)) error {
	w, err := fsnotify.NewBufferedWatcher(4096)
	if err != nil {
		return fmt.Errorf("watch manifests: %w", err)
	}
	defer w.Close()
	t := newTree(paths, options)
	if err := t.scan(); err != nil {
		return err
	}
	v := &watcher{tree: t, fs: w, log: log, watched: map[string]bool{}}
	v.follow()
	// What changed between the scan and the watches is not told: look again.
	v.rescan()
	changed(t.result())

	dirty := map[string]bool{}
	all := false
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	slow := time.NewTicker(rescanTime)
	defer slow.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-w.Events:
			if !ok {
				return errors.New("watch manifests: the watcher has stopped")
			}
			if !v.matters(e) {
				continue
			}
			if name := filepath.Clean(e.Name); isManifest(name) && t.files[name] != nil && e.Has(fsnotify.Write) {
				dirty[name] = true
			} else {
				all = true
			}
			timer.Reset(settleTime)
		case err, ok := <-w.Errors:
			if !ok {
				return errors.New("watch manifests: the watcher has stopped")
			}
			log.Warn("watching manifests lost events; everything is read again", "error", err)
			all = true
			timer.Reset(settleTime)
		case <-slow.C:
			if v.rescan() {
				changed(t.result())
			}
		case <-timer.C:
			if v.refreshed(dirty, all) {
				changed(t.result())
			}
			clear(dirty)
			all = false
		}
	}
}

type watcher struct {
	tree    *tree
	fs      *fsnotify.Watcher
	log     *slog.Logger
	watched map[string]bool
	lost    string // what the last scan could not read
}

// matters tells whether an event can change what is read: manifests, directories, and the links of a ConfigMap's mount.
func (v *watcher) matters(e fsnotify.Event) bool {
	if e.Op == fsnotify.Chmod {
		return isManifest(e.Name)
	}
	base := filepath.Base(e.Name)
	if strings.HasPrefix(base, ".") {
		return strings.HasPrefix(base, "..")
	}
	return isManifest(base) || filepath.Ext(base) == "" || e.Has(fsnotify.Create|fsnotify.Remove|fsnotify.Rename)
}

// refreshed reads what the events named; it tells whether anything changed.
func (v *watcher) refreshed(dirty map[string]bool, all bool) bool {
	if all {
		return v.rescan()
	}
	names := make([]string, 0, len(dirty))
	for name := range dirty {
		names = append(names, name)
	}
	return v.tree.refresh(names)
}

// rescan looks everything through; it tells whether anything changed.
func (v *watcher) rescan() bool {
	before := v.fingerprint()
	err := v.tree.scan()
	v.follow()
	lost := ""
	if err != nil {
		lost = err.Error()
		for _, line := range strings.Split(lost, "\n") {
			v.tree.problems = append(v.tree.problems, problem.Problem{
				Severity: problem.Error, File: strings.Join(v.tree.paths, ","), Reason: problem.UnreadableFile,
				Message: line + "; what it held stays in use until it is there again",
			})
		}
	}
	if lost != v.lost {
		if lost != "" {
			v.log.Warn("manifests are gone; what they held stays in use", "error", lost)
		} else {
			v.log.Info("manifests are there again")
		}
		v.lost = lost
		return true
	}
	return v.fingerprint() != before
}

// fingerprint is cheap to compare: the files and their pointers stand for what they hold.
func (v *watcher) fingerprint() (sum struct {
	files, problems int
	stamps          uint64
}) {
	sum.files, sum.problems = len(v.tree.files), len(v.tree.problems)
	for name, f := range v.tree.files {
		h := uint64(14695981039346656037)
		for i := range len(name) {
			h = (h ^ uint64(name[i])) * 1099511628211
		}
		sum.stamps += h ^ uint64(f.stat.mtime)*31 ^ uint64(f.stat.size)*1000003 ^ f.stat.inode*2654435761
	}
	return sum
}

// follow keeps a watch on every directory that holds manifests, and on the parents of the paths, where they come and go.
func (v *watcher) follow() {
	wanted := map[string]bool{}
	for dir := range v.tree.dirs {
		wanted[dir] = true
	}
	for _, path := range v.tree.paths {
		wanted[filepath.Dir(filepath.Clean(path))] = true
	}
	for dir := range v.watched {
		if !wanted[dir] {
			_ = v.fs.Remove(dir)
			delete(v.watched, dir)
		}
	}
	for dir := range wanted {
		// Adding a watch again is harmless, and catches a directory that was replaced by another of the same name.
		if err := v.fs.Add(dir); err != nil {
			delete(v.watched, dir)
			continue
		}
		v.watched[dir] = true
	}
}
