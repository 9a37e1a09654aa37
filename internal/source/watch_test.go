package source

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/test/skip"
)

// watching is a Watch at work.
type watching struct {
	t       *testing.T
	mu      sync.Mutex
	results []Result
	news    chan struct{}
	log     bytes.Buffer
}

func watch(t *testing.T, paths ...string) *watching {
	t.Helper()
	w := &watching{t: t, news: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Watch(ctx, paths, Options{}, slog.New(slog.NewTextHandler(&w.log, nil)), func(r Result) {
			w.mu.Lock()
			w.results = append(w.results, r)
			w.mu.Unlock()
			select {
			case w.news <- struct{}{}:
			default:
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	w.await(func(Result) bool { return true })
	return w
}

// await waits for a result that ok is content with.
func (w *watching) await(ok func(Result) bool) Result {
	w.t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		if r, have := w.last(); have && ok(r) {
			return r
		}
		select {
		case <-w.news:
		case <-deadline:
			r, _ := w.last()
			w.t.Fatalf("the result that the test waits for does not come; the last one: services %v, problems %v", names(r.Objects.Services), r.Problems)
		}
	}
}

func (w *watching) last() (Result, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.results) == 0 {
		return Result{}, false
	}
	return w.results[len(w.results)-1], true
}

func (w *watching) all() []Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.results)
}

func (w *watching) awaitServices(want ...string) Result {
	w.t.Helper()
	for i := range want {
		want[i] = "default/" + want[i]
	}
	return w.await(func(r Result) bool { return slices.Equal(names(r.Objects.Services), want) })
}

// always requires every result so far to hold these services.
func (w *watching) always(want ...string) {
	w.t.Helper()
	for i := range want {
		want[i] = "default/" + want[i]
	}
	for _, r := range w.all() {
		for _, name := range want {
			require.Contains(w.t, names(r.Objects.Services), name)
		}
	}
}

func hasReason(reason problem.Reason) func(Result) bool {
	return func(r Result) bool {
		return slices.ContainsFunc(r.Problems, func(p problem.Problem) bool { return p.Reason == reason })
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.RemoveAll(path))
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, os.Rename(from, to))
}

func TestFilesComeChangeAndGo(t *testing.T) {
	dir := files(t, map[string]string{"a.yaml": service("a")})
	w := watch(t, dir)
	write(t, dir+"/b.yaml", service("b"))
	r := w.awaitServices("a", "b")
	a := r.Objects.Services[0]
	write(t, dir+"/b.yaml", service("c"))
	r = w.awaitServices("a", "c")
	require.Same(t, a, r.Objects.Services[0], "what did not change keeps its pointer")
	remove(t, dir+"/b.yaml")
	w.awaitServices("a")
	rename(t, dir+"/a.yaml", dir+"/d.yaml")
	write(t, dir+"/e.yaml", service("e"))
	w.awaitServices("a", "e")
	w.always("a")
	require.Empty(t, w.log.String())
}

func TestUnchangedDocumentsKeepTheirPointers(t *testing.T) {
	dir := files(t, map[string]string{"a.yaml": service("a") + "---\n" + service("b"), "list.yaml": "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: x}}\n- {apiVersion: v1, kind: Service, metadata: {name: y}}\n"})
	w := watch(t, dir)
	before := w.awaitServices("a", "b", "x", "y").Objects.Services
	write(t, dir+"/a.yaml", "# shifted\n---\n"+service("b")+"---\n"+service("new")+"---\n# reformatted\n"+service("a"))
	write(t, dir+"/list.yaml", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: x}}\n- {apiVersion: v1, kind: Service, metadata: {name: z}}\n")
	after := w.awaitServices("a", "b", "new", "x", "z").Objects.Services
	require.Same(t, before[0], after[0])
	require.Same(t, before[1], after[1])
	require.Same(t, before[2], after[3])
}

func TestEditorsThatRename(t *testing.T) {
	dir := files(t, map[string]string{"a.yaml": service("a"), "b.yaml": service("b")})
	w := watch(t, dir)
	for i := range 20 {
		name := fmt.Sprintf("a%d", i)
		write(t, dir+"/4913", "")
		remove(t, dir+"/4913")
		switch i % 3 {
		case 0: // a new file over the old one
			write(t, dir+"/.a.yaml.tmp", service(name))
			rename(t, dir+"/.a.yaml.tmp", dir+"/a.yaml")
		case 1: // the old one away first
			rename(t, dir+"/a.yaml", dir+"/a.yaml~")
			write(t, dir+"/a.yaml", service(name))
			remove(t, dir+"/a.yaml~")
		case 2: // in place
			write(t, dir+"/a.yaml", service(name))
		}
		w.awaitServices(name, "b")
	}
	for _, r := range w.all() {
		require.Len(t, r.Objects.Services, 2, "nothing is gone in between")
	}
}

func TestASingleFileIsFollowed(t *testing.T) {
	dir := files(t, map[string]string{"a.yaml": service("a"), "other.yaml": service("other")})
	w := watch(t, dir+"/a.yaml")
	write(t, dir+"/tmp", service("b"))
	rename(t, dir+"/tmp", dir+"/a.yaml")
	w.awaitServices("b")
	write(t, dir+"/a.yaml", service("c"))
	w.awaitServices("c")
	remove(t, dir+"/a.yaml")
	w.await(hasReason(problem.UnreadableFile))
	w.awaitServices("c")
	write(t, dir+"/a.yaml", service("d"))
	require.Empty(t, w.awaitServices("d").Problems)
}

func TestAKubeletVolumeIsFollowed(t *testing.T) {
	dir := kubeletVolume(t)
	w := watch(t, dir)
	a := w.awaitServices("a", "b").Objects.Services[0]
	for i := 2; i < 6; i++ {
		version, name := fmt.Sprintf("..v%d", i), fmt.Sprintf("b%d", i)
		write(t, filepath.Join(dir, version, "a.yaml"), service("a"))
		write(t, filepath.Join(dir, version, "sub", "b.yaml"), service(name))
		require.NoError(t, os.Symlink(version, dir+"/..data_tmp"))
		rename(t, dir+"/..data_tmp", dir+"/..data")
		remove(t, filepath.Join(dir, fmt.Sprintf("..v%d", i-1)))
		r := w.awaitServices("a", name)
		require.Same(t, a, r.Objects.Services[0])
	}
	w.always("a")
}

func TestLinksToElsewhereAreFollowed(t *testing.T) {
	elsewhere := files(t, map[string]string{"real.yaml": service("a"), "dir/x.yaml": service("x")})
	dir := t.TempDir()
	require.NoError(t, os.Symlink(elsewhere+"/real.yaml", dir+"/link.yaml"))
	require.NoError(t, os.Symlink(elsewhere+"/dir", dir+"/dir"))
	w := watch(t, dir)
	w.awaitServices("a", "x")
	write(t, elsewhere+"/real.yaml", service("b"))
	w.awaitServices("b", "x")
	write(t, elsewhere+"/dir/y.yaml", service("y"))
	w.awaitServices("b", "x", "y")
	remove(t, dir+"/link.yaml")
	w.awaitServices("x", "y")
}

func TestDirectoriesComeAndGo(t *testing.T) {
	dir := files(t, map[string]string{"a.yaml": service("a")})
	w := watch(t, dir)
	write(t, dir+"/x/y/z.yaml", service("z"))
	w.awaitServices("a", "z")
	write(t, dir+"/x/y/w.yaml", service("w"))
	w.awaitServices("a", "w", "z")
	rename(t, dir+"/x", dir+"/moved")
	write(t, dir+"/moved/y/v.yaml", service("v"))
	w.awaitServices("a", "v", "w", "z")
	remove(t, dir+"/moved")
	w.awaitServices("a")
	write(t, dir+"/moved/y/u.yaml", service("u"))
	w.awaitServices("a", "u")
	w.always("a")
}

func TestADirectoryThatVanishesKeepsWhatItHeld(t *testing.T) {
	for name, vanish := range map[string]func(t *testing.T, dir string){
		"moved":   func(t *testing.T, dir string) { rename(t, dir, dir+".away") },
		"removed": remove,
		"with its parent": func(t *testing.T, dir string) {
			rename(t, filepath.Dir(dir), filepath.Dir(dir)+".away")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := vanished(t, vanish)
			r := w.await(hasReason(problem.UnreadableFile))
			require.Len(t, r.Objects.Services, 200)
			require.Len(t, r.Problems, 1)
			require.Contains(t, r.Problems[0].String(), "no such file or directory; what it held stays in use until it is there again")
			require.True(t, r.Incomplete)

			require.NoError(t, os.MkdirAll(dir, 0o755))
			began := time.Now()
			for i := range 100 {
				write(t, fmt.Sprintf("%s/%03d.yaml", dir, i), service(fmt.Sprintf("s%03d", i)))
			}
			busy := time.Since(began) > quietStorm // nothing may have happened for so long
			r = w.await(func(r Result) bool { return len(r.Problems) == 0 && len(r.Objects.Services) == 100 })
			require.False(t, r.Incomplete)
			write(t, dir+"/new/more.yaml", service("t"))
			w.await(func(r Result) bool { return len(r.Objects.Services) == 101 })
			for _, r := range w.all() {
				if busy {
					break
				}
				require.GreaterOrEqual(t, len(r.Objects.Services), 100)
			}
			require.Equal(t, 1, strings.Count(w.log.String(), "manifests are gone"), w.log.String())
			require.Equal(t, 1, strings.Count(w.log.String(), "there again"), w.log.String())
		})
	}
}

// vanished watches a directory with 200 files that has vanished at once. Files that vanish one by one, on a busy machine, are deleted and not lost with it: it tries again.
func vanished(t *testing.T, vanish func(t *testing.T, dir string)) (*watching, string) {
	t.Helper()
	for range 20 {
		dir := filepath.Join(t.TempDir(), "parent", "manifests")
		for i := range 200 {
			write(t, fmt.Sprintf("%s/%03d.yaml", dir, i), service(fmt.Sprintf("s%03d", i)))
		}
		w := watch(t, dir)
		began := time.Now()
		vanish(t, dir)
		if time.Since(began) <= quietVanished {
			return w, dir
		}
	}
	skip.Test(t, "", "the machine was too busy, twenty times")
	return nil, ""
}

// On a busy machine the first file's event may be all that is known of it so far.
func TestADirectoryThatVanishesIsNoFileThatIsDeleted(t *testing.T) {
	dir := files(t, map[string]string{"a.yaml": service("a"), "b.yaml": service("b")})
	notify, err := fsnotify.NewBufferedWatcher(4096)
	require.NoError(t, err)
	defer notify.Close()
	var results []Result
	w := &watcher{
		tree: newTree([]string{dir}, Options{}), watches: newWatches(notify), log: slog.New(slog.DiscardHandler), dirty: map[string]bool{},
		changed: func(r Result) { results = append(results, r) },
	}
	w.rescan()
	w.deliver(true)
	remove(t, dir)
	w.dirty[dir+"/a.yaml"] = true
	w.work()
	require.Len(t, results, 2)
	require.Len(t, results[1].Objects.Services, 2)
	require.True(t, hasReason(problem.UnreadableFile)(results[1]))
}

// Events that waited while the machine was busy belong to the burst.
func TestABurstIsNotOverBeforeItsEventsAreTakenIn(t *testing.T) {
	dir := files(t, map[string]string{"a.yaml": service("a")})
	notify, err := fsnotify.NewBufferedWatcher(4096)
	require.NoError(t, err)
	defer notify.Close()
	w := &watcher{tree: newTree([]string{dir}, Options{}), watches: newWatches(notify), log: slog.New(slog.DiscardHandler), dirty: map[string]bool{}}
	w.rescan()
	w.burst.add(time.Now().Add(-time.Second), dir+"/a.yaml", false)
	events := make(chan fsnotify.Event, 1)
	require.True(t, w.drain(events), "nothing waits, and it was quiet for long")
	w.burst = burst{}
	w.burst.add(time.Now().Add(-quiet), dir+"/a.yaml", false)
	events <- fsnotify.Event{Name: dir + "/b.yaml", Op: fsnotify.Remove}
	write(t, dir+"/b.yaml", service("b"))
	require.False(t, w.drain(events))
	require.True(t, w.dirty[dir+"/b.yaml"])
}

// The error says it; that anything stays in use would not be true.
func TestAPathThatWasNeverThereHeldNothing(t *testing.T) {
	var log bytes.Buffer
	err := Watch(t.Context(), []string{filepath.Join(t.TempDir(), "absent")}, Options{}, slog.New(slog.NewTextHandler(&log, nil)), func(Result) {})
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Empty(t, log.String())
}

func TestAHalfWrittenFileKeepsWhatItHeld(t *testing.T) {
	dir := files(t, map[string]string{"a.yaml": service("a") + "---\n" + service("b"), "c.yaml": service("c")})
	w := watch(t, dir)
	f, err := os.OpenFile(dir+"/a.yaml", os.O_WRONLY|os.O_TRUNC, 0o600)
	require.NoError(t, err)
	r := w.await(hasReason(problem.Malformed))
	require.Equal(t, []string{"error a.yaml -: the file is empty; delete it if that is meant; what it held stays in use (Malformed)"}, lines(r, dir))
	_, err = f.WriteString(service("a2") + "---\napiVersion: v1\nkind: Service\nmetadata: {name")
	require.NoError(t, err)
	r = w.awaitServices("a", "a2", "b", "c")
	require.Equal(t, []string{"error a.yaml:9 -: not valid YAML: did not find expected key or end; check the indentation and the quotes around this line; " +
		"what the file held before stays in use (Malformed)"}, lines(r, dir))
	_, err = f.WriteString(": b2}\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Empty(t, w.awaitServices("a2", "b2", "c").Problems)

	write(t, dir+"/new.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name")
	r = w.await(hasReason(problem.Malformed))
	require.Len(t, r.Objects.Services, 3, "a file that never was good gives nothing")
}

func TestAnObjectThatTurnsBadKeepsItsLastGoodForm(t *testing.T) {
	dir := files(t, map[string]string{"a.yaml": peer("myASN: 1")})
	w := watch(t, dir)
	first, _ := w.last()
	write(t, dir+"/a.yaml", peer("myASN: one"))
	r := w.await(hasReason(problem.WrongType))
	require.Same(t, first.Objects.Peers[0], r.Objects.Peers[0])
	require.Equal(t, []string{"error BGPPeer.metallb.io metallb-system/p spec.myASN: a string stands where a whole number from 0 to 4294967295 belongs; " +
		"the object's last good form stays in use (WrongType)"}, lines(r, dir))
	require.Empty(t, r.Unread)
	write(t, dir+"/a.yaml", peer("myASN: 3"))
	r = w.await(func(r Result) bool { return len(r.Problems) == 0 })
	require.Equal(t, uint32(3), r.Objects.Peers[0].Spec.MyASN)
	write(t, dir+"/a.yaml", peer("myASN: one"))
	w.await(hasReason(problem.WrongType))
	remove(t, dir+"/a.yaml")
	r = w.await(func(r Result) bool { return len(r.Objects.Peers) == 0 })
	require.True(t, hasReason(problem.NothingToRead)(r))
}

func TestTheSecondOfTwoObjectsTakesOver(t *testing.T) {
	dir := files(t, map[string]string{"a.yaml": peer("myASN: 1"), "b.yaml": peer("myASN: 2")})
	w := watch(t, dir)
	w.await(hasReason(problem.DuplicateObject))
	remove(t, dir+"/a.yaml")
	r := w.await(func(r Result) bool { return len(r.Problems) == 0 })
	require.Equal(t, uint32(2), r.Objects.Peers[0].Spec.MyASN)
}

func TestPermissionsThatComeBack(t *testing.T) {
	if os.Geteuid() == 0 { // who may read everything
		const nobody = 65534
		require.NoError(t, syscall.Setreuid(-1, nobody))
		t.Cleanup(func() { require.NoError(t, syscall.Setreuid(-1, 0)) })
	}
	dir := files(t, map[string]string{"a.yaml": service("a")})
	w := watch(t, dir)
	require.NoError(t, os.Chmod(dir+"/a.yaml", 0))
	w.await(hasReason(problem.UnreadableFile))
	require.NoError(t, os.Chmod(dir+"/a.yaml", 0o600))
	require.Empty(t, w.await(func(r Result) bool { return len(r.Problems) == 0 }).Problems)
	w.always("a")
}

func TestAStormOfChangesEndsWithTheTruth(t *testing.T) {
	dir := files(t, map[string]string{"a.yaml": service("a")})
	w := watch(t, dir)
	for i := range 2000 {
		write(t, fmt.Sprintf("%s/%d/%03d.yaml", dir, i%3, i%300), service(fmt.Sprintf("s%03d-%d", i%300, i)))
	}
	for i := range 300 {
		if i%2 == 0 {
			remove(t, fmt.Sprintf("%s/%d/%03d.yaml", dir, i%3, i))
		}
	}
	write(t, dir+"/last.yaml", service("zz"))
	r := w.await(func(r Result) bool {
		return len(r.Objects.Services) == 152 && r.Objects.Services[151].Name == "zz"
	})
	want := read(t, dir)
	require.Equal(t, names(want.Objects.Services), names(r.Objects.Services))
	require.Equal(t, want.Problems, r.Problems)
	require.Less(t, len(w.all()), 500, "changes are collected")
}

func TestNothingIsToldWhenNothingChanges(t *testing.T) {
	dir := files(t, map[string]string{"a.yaml": service("a")})
	w := watch(t, dir)
	before := len(w.all())
	// Whole files at once: one that is seen half written is a change.
	replace := func(name, text string) {
		write(t, dir+"/.new", text)
		rename(t, dir+"/.new", dir+"/"+name)
	}
	replace("a.yaml", service("a"))
	replace("notes.txt", "x")
	replace("a.yaml", "# a comment\n"+service("a"))
	require.NoError(t, os.Mkdir(dir+"/empty", 0o755))
	replace("b.yaml", service("b"))
	w.awaitServices("a", "b")
	require.Len(t, w.all(), before+1)
}

func TestTheSamePathUnderTwoNames(t *testing.T) {
	dir := files(t, map[string]string{"m/a.yaml": service("a")})
	require.NoError(t, os.Symlink("m", dir+"/link"))
	t.Chdir(dir)
	w := watch(t, "m", "link", dir+"/m", "./m/a.yaml")
	write(t, dir+"/m/b.yaml", service("b"))
	w.awaitServices("a", "b")
	write(t, dir+"/m/a.yaml", service("c"))
	require.Empty(t, w.awaitServices("b", "c").Problems)
	remove(t, dir+"/m/b.yaml")
	w.awaitServices("c")
}

func TestWatchNeedsItsPathsAtTheStart(t *testing.T) {
	err := Watch(context.Background(), []string{filepath.Join(t.TempDir(), "missing")}, Options{}, slog.New(slog.DiscardHandler), func(Result) { t.Error("called") })
	require.ErrorContains(t, err, "no such file or directory")
}
