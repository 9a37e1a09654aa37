package chart

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// containerVariable holds, as JSON, the container that this program is to become: it calls itself in new mount and PID namespaces.
const containerVariable = "CHART_TEST_CONTAINER"

// container is what a container runtime is told: an image as a folder, volumes, and who runs what.
type container struct {
	Image string // a folder, over which the container writes elsewhere
	Work  string // an empty folder
	Binds []bind
	// Files are in the image, too: path to text, each a program.
	Files    map[string]string
	ReadOnly bool
	UID, GID int
	Groups   []int
	// Keep are the capabilities that are not taken away, of those that the user has.
	Keep         []int
	NoEscalation bool
	Command      []string
	Env          []string
}

type bind struct {
	From, To string
	ReadOnly bool
}

// become turns this process, the first of its PID namespace, into the container.
func (c container) become() error {
	runtime.LockOSThread()
	root, err := c.fileSystem()
	if err != nil {
		return err
	}
	if err := unix.Chroot(root); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := c.rights(); err != nil {
		return err
	}
	return fmt.Errorf("run %s: %w", c.Command[0], unix.Exec(c.Command[0], c.Command, c.Env))
}

// fileSystem lays out the image with the volumes in it, and returns where.
func (c container) fileSystem() (string, error) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return "", fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", c.Work, "tmpfs", 0, "mode=755"); err != nil {
		return "", fmt.Errorf("mount a tmpfs: %w", err)
	}
	in := func(name string) string { return filepath.Join(c.Work, name) }
	for _, name := range []string{"upper", "work", "root"} {
		if err := os.Mkdir(in(name), 0o755); err != nil {
			return "", err
		}
	}
	root := in("root")
	layers := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", c.Image, in("upper"), in("work"))
	if err := unix.Mount("overlay", root, "overlay", 0, layers); err != nil {
		return "", fmt.Errorf("mount the image: %w", err)
	}
	for name, text := range c.Files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			return "", err
		}
	}
	for _, b := range slices.Concat([]bind{{"/dev", "/dev", false}, {"/sys", "/sys", false}}, c.Binds) {
		if err := b.mount(root); err != nil {
			return "", fmt.Errorf("mount %s: %w", b.To, err)
		}
	}
	if err := unix.Mount("proc", filepath.Join(root, "proc"), "proc", 0, ""); err != nil {
		return "", fmt.Errorf("mount /proc: %w", err)
	}
	if c.ReadOnly {
		return root, unix.Mount("", root, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
	}
	return root, nil
}

func (b bind) mount(root string) error {
	to := b.To
	if rest, found := strings.CutPrefix(to, "/var/run/"); found { // in these images that is a link to /run
		to = "/run/" + rest
	}
	to = filepath.Join(root, to)
	if err := b.place(to); err != nil {
		return err
	}
	if err := unix.Mount(b.From, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil || !b.ReadOnly {
		return err
	}
	return unix.Mount("", to, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
}

// place makes something to mount on, where there is nothing yet.
func (b bind) place(to string) error {
	info, err := os.Stat(b.From)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.MkdirAll(to, 0o755)
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_RDONLY, 0o755)
	if err != nil {
		return err
	}
	return f.Close()
}

// rights takes away what the container must not have, of this thread, which then runs its command.
func (c container) rights() error {
	for capability := 0; ; capability++ {
		if slices.Contains(c.Keep, capability) {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(capability), 0, 0, 0)
		if err == unix.EINVAL {
			break // there are no more
		}
		if err != nil {
			return fmt.Errorf("take capability %d away: %w", capability, err)
		}
	}
	if err := syscall.Setgroups(c.Groups); err != nil {
		return fmt.Errorf("set groups: %w", err)
	}
	if err := syscall.Setgid(c.GID); err != nil {
		return fmt.Errorf("set group: %w", err)
	}
	if err := syscall.Setuid(c.UID); err != nil {
		return fmt.Errorf("set user: %w", err)
	}
	if c.NoEscalation {
		return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	}
	return nil
}

// becomeContainer is for TestMain: it does not return where this process is to be a container.
func becomeContainer() {
	text, found := os.LookupEnv(containerVariable)
	if !found {
		return
	}
	var c container
	err := json.Unmarshal([]byte(text), &c)
	if err == nil {
		err = c.become()
	}
	fmt.Fprintln(os.Stderr, "container:", err)
	os.Exit(1)
}
