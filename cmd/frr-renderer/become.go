package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

type becomeFlags struct {
	user, group int
	groups      []int
	keep        []string
}

func newBecome() *cobra.Command {
	var f becomeFlags
	c := &cobra.Command{
		Use:   "become --user UID --group GID [--groups GID]... [--keep CAPABILITY]... -- COMMAND [ARG]...",
		Short: "Become another user who keeps single capabilities, and run a command",
		Long: `For the chart's speaker in GDC mode. A container runtime gives the capabilities that a pod asks for to root alone; a container that starts as
another user has none. So it starts as root, with those capabilities and SETUID and SETGID alone, and becomes that user here, who has the
capabilities of --keep and no others, and runs COMMAND in place of this process.

A capability that the container does not have is told on standard error, and the command runs without it.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			wanted, err := f.check(c)
			if err != nil {
				return err
			}
			return failed(f.become(wanted, args, c.ErrOrStderr()))
		},
	}
	c.Flags().IntVar(&f.user, "user", -1, "number of the user")
	c.Flags().IntVar(&f.group, "group", -1, "number of the group")
	c.Flags().IntSliceVar(&f.groups, "groups", nil, "number of a further group; all others are left")
	c.Flags().StringSliceVar(&f.keep, "keep", nil, "capability that the user keeps: "+strings.Join(slices.Sorted(maps.Keys(keepable)), " or "))
	return c
}

// keepable are the capabilities that this program has a use for.
var keepable = map[string]uint{"NET_ADMIN": unix.CAP_NET_ADMIN, "NET_RAW": unix.CAP_NET_RAW}

// check finds what can't be meant, and returns the capabilities to keep as bits.
func (f *becomeFlags) check(c *cobra.Command) (uint32, error) {
	for _, flag := range []string{"user", "group"} {
		if n, _ := c.Flags().GetInt(flag); n <= 0 {
			return 0, fmt.Errorf("--%s %d is nobody to become; give the number of one that is not root's", flag, n)
		}
	}
	var bits uint32
	for _, word := range f.keep {
		number, known := keepable[word]
		if !known {
			return 0, fmt.Errorf("--keep %q is unknown; write %s", word, strings.Join(slices.Sorted(maps.Keys(keepable)), " or "))
		}
		bits |= 1 << number
	}
	return bits, nil
}

// become does not return where it succeeds. Capabilities are a thread's: all is done on one, which runs the command.
func (f *becomeFlags) become(wanted uint32, command []string, stderr io.Writer) error {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("keep capabilities: %w", err)
	}
	if err := f.leaveRoot(); err != nil {
		return err
	}
	if err := keepOnly(wanted, stderr); err != nil {
		return err
	}
	return fmt.Errorf("run %s: %w", path, unix.Exec(path, command, os.Environ()))
}

// leaveRoot makes the process the user's.
func (f *becomeFlags) leaveRoot() error {
	mend := func(what string, err error) error {
		if errors.Is(err, unix.EPERM) {
			err = fmt.Errorf("%w: it has to be root with the capabilities SETUID and SETGID (securityContext of its container)", err)
		}
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := syscall.Setgroups(f.groups); err != nil {
		return mend("leave groups", err)
	}
	if err := syscall.Setgid(f.group); err != nil {
		return mend(fmt.Sprintf("become group %d", f.group), err)
	}
	if err := syscall.Setuid(f.user); err != nil {
		return mend(fmt.Sprintf("become user %d", f.user), err)
	}
	return nil
}

// keepOnly leaves this thread the capabilities that it has of those wanted, and has what it runs inherit them (ambient, capabilities(7)).
func keepOnly(wanted uint32, stderr io.Writer) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	has := wanted & data[0].Permitted
	for _, word := range slices.Sorted(maps.Keys(keepable)) {
		if bit := uint32(1) << keepable[word]; wanted&bit != 0 && has&bit == 0 {
			fmt.Fprintf(stderr, "frr-renderer: the container has no capability %s: add it to securityContext.capabilities.add; going on without\n", word)
		}
	}
	data = [2]unix.CapUserData{{Effective: has, Permitted: has, Inheritable: has}}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("give capabilities up: %w", err)
	}
	for _, number := range keepable {
		if has&(1<<number) == 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(number), 0, 0); err != nil {
			return fmt.Errorf("hand capabilities on: %w", err)
		}
	}
	return nil
}
