package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/internal/reload"
)

// lock is held by the one reload that may change an FRR. It is of the directory of FRR's sockets itself: whoever may use these can open that,
// while nobody but FRR and root may make a file there. The kernel ends it with the process. Who is kept out finds the end of --confirm in a note.
type lock struct {
	dir  *os.File
	note string
}

// take takes the lock. An error that is not errBusy tells that it can't be had here.
func (f *reloadFlags) take() (*lock, error) {
	dir, err := os.Open(f.vty.dir)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return &lock{dir: dir}, nil
	}
	defer dir.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("%w%s; wait for its end, or end it; nothing was sent", errBusy, f.holder(dir))
	}
	return nil, fmt.Errorf("lock %s: %w", f.vty.dir, err)
}

var errBusy = errors.New("another reload runs")

// free ends the lock; nil has none.
func (l *lock) free() {
	if l == nil {
		return
	}
	if l.note != "" {
		_ = os.Remove(l.note)
	}
	_ = l.dir.Close()
}

// notes are where the note may lie: beside FRR's sockets, and for who may not write there beside frr.conf.
func (f *reloadFlags) notes() []string {
	const name = "frr-renderer.reload"
	out := []string{filepath.Join(f.vty.dir, name)}
	if f.frrConf != reload.NoFile {
		out = append(out, filepath.Join(filepath.Dir(f.frrConf), name))
	}
	return out
}

// ends notes when --confirm ends. What can't be noted is not told to others.
func (l *lock) ends(at time.Time, notes []string) {
	if l == nil {
		return
	}
	for _, path := range notes {
		_ = os.Remove(path) // of one that was killed
		n, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			continue
		}
		_, _ = fmt.Fprintln(n, os.Getpid(), at.UnixMilli())
		_ = n.Close()
		l.note = path
		return
	}
}

// holder tells who has the lock, as far as that is known.
func (f *reloadFlags) holder(dir *os.File) string {
	pid, left := flocker(dir), ""
	for _, path := range f.notes() {
		text, _ := os.ReadFile(path)
		words := strings.Fields(string(text))
		if len(words) != 2 || pid != "" && words[0] != pid {
			continue
		}
		pid = words[0]
		if end, err := strconv.ParseInt(words[1], 10, 64); err == nil && time.Until(time.UnixMilli(end)) > 0 {
			left = fmt.Sprintf(", its --confirm ends in %s", time.Until(time.UnixMilli(end)).Round(time.Second))
		}
		break
	}
	if pid == "" {
		return ""
	}
	return fmt.Sprintf(" (pid %s)%s", pid, left)
}

// flocker is the process that has the lock of a file (proc(5), /proc/locks); empty when it is of another PID namespace.
func flocker(file *os.File) string {
	var s unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &s); err != nil {
		return ""
	}
	locks, _ := os.ReadFile("/proc/locks")
	of := regexp.MustCompile(fmt.Sprintf(`(?m)^\d+: FLOCK +ADVISORY +WRITE (\d+) %02x:%02x:%d `, unix.Major(s.Dev), unix.Minor(s.Dev), s.Ino))
	if m := of.FindSubmatch(locks); m != nil {
		return string(m[1])
	}
	return ""
}
