package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// home is where a demo lives: a folder of its own below /tmp, since sockets take a short name, and one that nobody else can have made there. A file beside the
// binary names it, so two people who have a work tree each may play at the same time.
type home struct {
	dir, note string
	lock      *os.File // while the demo is being built; the kernel unlocks it when the program dies
}

// fabric is the folder of the routers.
func (h home) fabric() string { return filepath.Join(h.dir, "net") }

func noteOf(binary string) string { return filepath.Join(filepath.Dir(binary), "demo-is-in") }

// claim makes the home of a new demo, if none is up. What is left of one that was killed, as by a reboot, goes.
func claim(binary string) (home, error) {
	switch old, err := find(binary); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return home{}, err
	case old.alive():
		return home{}, fmt.Errorf("the demo is up already, in %s; make demo-down ends it", old.dir)
	default:
		if err := old.clear(); err != nil {
			return home{}, err
		}
	}
	dir, err := os.MkdirTemp("/tmp", "frr-renderer-demo-")
	if err != nil {
		return home{}, err
	}
	h := home{dir: dir, note: noteOf(binary)}
	if h.lock, err = locked(dir); err == nil {
		err = errors.Join(os.Chmod(dir, 0o755), os.WriteFile(h.note, []byte(dir+"\n"), 0o644)) // FRR's user goes through it
	}
	if err != nil {
		return home{}, errors.Join(err, h.leave())
	}
	return h, nil
}

// clear ends what is left of a demo that is not up.
func (h home) clear() error {
	lock, err := locked(h.dir)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return fmt.Errorf("the demo is being built, in %s", h.dir)
	case err == nil:
		defer lock.Close()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return h.end()
}

func locked(dir string) (*os.File, error) {
	lock, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), lock.Close())
	}
	return lock, nil
}

// find is the home of the demo of a binary; fs.ErrNotExist: there is none.
func find(binary string) (home, error) {
	note := noteOf(binary)
	text, err := os.ReadFile(note)
	return home{dir: strings.TrimSpace(string(text)), note: note}, err
}

func (h home) alive() bool {
	f, err := fabric.Open(h.fabric())
	return err == nil && f.Alive()
}

// end ends what runs there, if anything does, and leaves nothing behind.
func (h home) end() error {
	f, err := fabric.Open(h.fabric())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return h.leave()
	case err != nil:
		return err
	}
	if err := errors.Join(stopAgents(f), f.Close()); err != nil {
		return err
	}
	return h.leave()
}

// leave removes the folder, and the file that names it.
func (h home) leave() error {
	err := os.RemoveAll(h.fabric())
	if gone := os.Remove(h.dir); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	if gone := os.Remove(h.note); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}
