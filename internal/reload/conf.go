package reload

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// NoFile is the path that stands for no file at all.
const NoFile = "none"

// WriteFile replaces a file at once: a reader sees the old text or the new, never a part, also after a crash. The file gets mode, and the
// owner of the one before it, or of its directory, so that FRR's user can read it. A symbolic link stays: what it names is replaced.
func WriteFile(path string, text []byte, mode fs.FileMode) error {
	if path == NoFile {
		return nil
	}
	path = named(path)
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), own(f, path, dir), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
	return nil
}

// TryFile tells why WriteFile could not write a file, as far as that shows before: it makes the temporary file, and removes it.
func TryFile(path string) error {
	if path == NoFile {
		return nil
	}
	path = named(path)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("write %s: it is a directory", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Sweep removes what WriteFile has left of a file when it was killed.
func Sweep(path string) {
	if path == NoFile {
		return
	}
	path = named(path)
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".*"))
	for _, l := range left {
		_ = os.Remove(l)
	}
}

// named follows symbolic links, also to a file that is not there yet.
func named(path string) string {
	for range 40 { // as the kernel does
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			dir, err := filepath.EvalSymlinks(filepath.Dir(path))
			if err != nil {
				break
			}
			to = filepath.Join(dir, to)
		}
		path = to
	}
	return path
}

// own gives the file the owner of what it replaces. Only root may; others write as themselves.
func own(f *os.File, path, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, like := range []string{path, dir} {
		if info, err := os.Stat(like); err == nil {
			if sys, ok := info.Sys().(*syscall.Stat_t); ok {
				return f.Chown(int(sys.Uid), int(sys.Gid))
			}
		}
	}
	return nil
}
