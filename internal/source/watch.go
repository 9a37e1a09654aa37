package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// rescanTime is how often everything is looked through for what the kernel does not tell: network file systems, and directories that a
// link reaches over other links. One look at 10,000 files costs some 20 ms.
const rescanTime = time.Minute

// Watch reads the paths, calls back with the result, and again with each other result, from one goroutine, until ctx ends. Changes are
// noticed by inotify and collected for a few milliseconds.
//
// A path that vanishes keeps what it held, with a problem, until it is there again. The error tells of paths that can't be read at the
// start.
func Watch(ctx context.Context, paths []string, options Options, log *slog.Logger, changed func(Result)) error {
	notify, err := fsnotify.NewBufferedWatcher(4096)
	if err != nil {
		return fmt.Errorf("watch manifests: %w", err)
	}
	defer notify.Close()
	w := &watcher{tree: newTree(paths, options), watches: newWatches(notify), log: log, changed: changed, dirty: map[string]bool{}}
	w.rescan()
	if err := errors.Join(w.tree.lost()...); err != nil {
		return err
	}
	w.begun = true
	w.deliver(true)

	slow := time.NewTicker(rescanTime)
	defer slow.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case event, ok := <-notify.Events:
			if !ok {
				return errors.New("watch manifests: the watcher has stopped")
			}
			w.note(event)
		case err, ok := <-notify.Errors:
			if !ok {
				return errors.New("watch manifests: the watcher has stopped")
			}
			log.Warn("watching manifests lost events; everything is looked through", "error", err)
			w.everything()
		case <-slow.C:
			w.everything()
		case <-w.due():
			if w.drain(notify.Events) {
				w.work()
			}
		}
	}
}

// watcher turns events into results. Events only say where to look; what is found there counts.
type watcher struct {
	tree    *tree
	watches *watches
	log     *slog.Logger
	changed func(Result)

	dirty   map[string]bool // files to look at
	all     bool            // look at everything
	burst   burst
	known   []problem.Problem // as last delivered
	gone    bool              // a path was lost at the last look
	blind   bool              // a directory could not be watched at the last look
	begun   bool              // everything was read once: what goes from now on was there
	filling bool              // it is back, and perhaps not yet with all that it will hold
}

// note takes in one event.
func (w *watcher) note(event fsnotify.Event) {
	path, matters := w.place(filepath.Clean(event.Name))
	if !matters {
		return
	}
	if w.filling && event.Has(fsnotify.Create) && isDir(event.Name) {
		w.watches.sprout(w.tree.roots)
	}
	if path == "" {
		w.all = true
	} else {
		w.dirty[path] = true
	}
	w.burst.add(time.Now(), event.Name, event.Has(fsnotify.Remove|fsnotify.Rename))
}

func (w *watcher) everything() {
	w.all = true
	w.burst.add(time.Now(), "", false)
}

// place tells whether an event matters and which file to look at; none: everything.
func (w *watcher) place(name string) (path string, matters bool) {
	if w.watches.forget(name) {
		return "", true // a watched directory itself
	}
	dir, base := filepath.Split(name)
	watched := w.watches.at(filepath.Clean(dir))
	if watched == nil {
		return "", true
	}
	named, isNamed := watched.names[base]
	switch {
	case isNamed && !w.gone && w.tree.store.files[named] != nil && isRegular(named):
		return named, true
	case isNamed:
		return "", true
	case !watched.walked:
		return "", false
	case strings.HasPrefix(base, ".."):
		return "", true // a volume of the kubelet, with a new version
	case strings.HasPrefix(base, "."):
		return "", false
	}
	path = filepath.Join(watched.path, base)
	info, err := os.Lstat(path)
	_, known := w.tree.store.files[path]
	switch {
	case err == nil && (info.IsDir() || info.Mode()&fs.ModeSymlink != 0):
		return "", true
	case isManifest(path) && (err == nil || known):
		return path, true
	}
	_, wasDir := w.tree.dirs[path]
	return "", wasDir || isManifest(path) && w.tree.mentions(path)
}

func isRegular(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular()
}

// mentions tells whether there is a problem with a path.
func (t *tree) mentions(path string) bool {
	return slices.ContainsFunc(t.problems, func(p problem.Problem) bool { return p.File == path })
}

// due fires when the burst of events is over.
func (w *watcher) due() <-chan time.Time {
	if w.burst.first.IsZero() {
		return nil
	}
	return time.After(time.Until(w.burst.end(w.gone || w.filling)))
}

// drain takes in the events that are there already, and tells whether the burst is over all the same: one that has waited while the machine was
// busy may say that the whole directory goes.
func (w *watcher) drain(events <-chan fsnotify.Event) (over bool) {
	for range len(events) {
		if event, ok := <-events; ok {
			w.note(event)
		}
	}
	return !time.Now().Before(w.burst.end(w.gone || w.filling))
}

// work looks at what the events named.
func (w *watcher) work() {
	all, missing, paths := w.all, false, make([]string, 0, len(w.dirty))
	for path := range w.dirty {
		info, err := os.Lstat(path)
		switch {
		case err == nil && !info.Mode().IsRegular():
			all = true // it has become a directory, a link or worse
		case err != nil:
			missing = true
		}
		paths = append(paths, path)
	}
	all = all || missing && !w.returned() // it went with all of its directory
	w.all, w.burst = false, burst{}
	clear(w.dirty)
	if !all {
		w.deliver(w.tree.refresh(paths))
		return
	}
	if w.gone && !w.filling && w.returned() {
		// What fills it now is watched before it is trusted: objects that come a moment later shall not be taken away first.
		w.filling = true
		w.watches.sprout(w.tree.roots)
		w.everything()
		return
	}
	changed := w.tree.refresh(w.stale(paths))
	changed = w.rescan() || changed
	w.deliver(changed)
}

// stale are the files among paths that hold something now: rescan does the rest.
func (w *watcher) stale(paths []string) []string {
	return slices.DeleteFunc(paths, func(path string) bool {
		return !isRegular(path)
	})
}

// returned tells whether all paths are there again.
func (w *watcher) returned() bool {
	return !slices.ContainsFunc(w.tree.roots, func(r root) bool {
		_, err := os.Stat(r.path)
		return err != nil
	})
}

func (w *watcher) rescan() bool {
	w.watches.begin()
	changed := w.tree.rescan(w.watches.walk)
	w.watches.end(w.tree)
	if err := errors.Join(w.watches.errors...); err != nil && !w.blind {
		w.log.Warn("directories of manifests can't be watched; their changes are seen after a minute", "error", err)
	}
	w.blind = len(w.watches.errors) > 0
	gone := len(w.tree.lost()) > 0
	switch {
	case gone && !w.gone && w.begun:
		w.log.Warn("manifests are gone; what they held stays in use", "error", errors.Join(w.tree.lost()...))
	case !gone && w.gone:
		w.log.Info("manifests are there again")
	}
	w.gone, w.filling = gone, false
	return changed
}

// deliver calls back if there is anything new to tell.
func (w *watcher) deliver(changed bool) {
	result := w.tree.result()
	if !changed && slices.Equal(result.Problems, w.known) {
		return
	}
	w.known = result.Problems
	w.changed(result)
}

// A burst is what happens at once: an editor's rename, the swap of a volume's links, a checkout. Its events are looked at together.
type burst struct {
	first, last time.Time
	vanished    map[string]bool
}

// How long a burst must be quiet to be over, and how long it may last. What vanishes is waited for a little longer, since editors move a
// file away before they write the new one; when many vanish, the directory itself may be the next.
const (
	quiet         = 2 * time.Millisecond
	quietVanished = 10 * time.Millisecond
	longest       = 50 * time.Millisecond
	manyVanished  = 16
	quietStorm    = 50 * time.Millisecond
	longestStorm  = 2 * time.Second
)

func (b *burst) add(now time.Time, name string, vanished bool) {
	if b.first.IsZero() {
		b.first = now
	}
	b.last = now
	switch {
	case !vanished:
		delete(b.vanished, name)
	case b.vanished == nil:
		b.vanished = map[string]bool{name: true}
	default:
		b.vanished[name] = true
	}
}

// end is when the burst is over if nothing more happens. slow: as in a storm.
func (b *burst) end(slow bool) time.Time {
	wait, limit := quiet, longest
	if len(b.vanished) > 0 {
		wait = quietVanished
	}
	if slow || len(b.vanished) >= manyVanished {
		wait, limit = quietStorm, longestStorm
	}
	end := b.last.Add(wait)
	if latest := b.first.Add(limit); latest.Before(end) {
		return latest
	}
	return end
}
