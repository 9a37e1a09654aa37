package fabric

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Daemons lists the daemons that the node runs, in the order in which they must start.
func (n *Node) Daemons() []string {
	switch n.Version {
	case None:
		return nil
	case V84:
		return []string{"zebra", "bgpd", "bfdd", "staticd"}
	default:
		return []string{"mgmtd", "zebra", "bgpd", "bfdd", "staticd"}
	}
}

// startAll starts mgmtd and zebra, which the others connect to (and would only try again after seconds), then all others at once.
func (n *Node) startAll(ctx context.Context) error {
	var rest []string
	for _, d := range n.Daemons() {
		if d != "mgmtd" && d != "zebra" {
			rest = append(rest, d)
			continue
		}
		if err := n.Start(ctx, d); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, d := range rest {
		g.Go(func() error { return n.Start(ctx, d) })
	}
	return g.Wait()
}

// Start starts one daemon and returns when its vty socket answers. It comes up without configuration, as after a crash: Boot loads
// what frr.conf says.
func (n *Node) Start(ctx context.Context, daemon string) error {
	args := []string{
		"-t", strconv.Itoa(n.ns.PID), "-n", "-m", "-u", "-p", "--",
		"chroot", n.root, "/usr/lib/frr/" + daemon, "-d", "-A", "127.0.0.1", "-P", "0",
		"--log", "file:/var/log/frr/" + daemon + ".log",
	}
	switch daemon {
	case "zebra":
		if n.netnsBackend() {
			args = append(args, "-n")
		}
	case "bgpd":
		args = append(args, n.Spec.BGPDArgs...)
	}
	// A daemon keeps what it prints to open: a file, or whoever reads a pipe would wait for its end.
	out, err := os.OpenFile(filepath.Join(n.LogDir(), daemon+".out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.CommandContext(ctx, "nsenter", args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil { // -d returns when the daemon has started, or has failed to
		printed, _ := os.ReadFile(out.Name())
		return fmt.Errorf("start %s: %w\n%s", daemon, err, printed)
	}
	return poll(ctx, func() error {
		c, err := net.Dial("unix", filepath.Join(n.VtyDir(), daemon+".vty"))
		if err != nil {
			return fmt.Errorf("start %s: %w", daemon, err)
		}
		return c.Close()
	})
}

// Kill ends daemons of the node with a signal (SIGKILL is a crash) and returns when they are gone; none named means all, and what is about to become one.
func (n *Node) Kill(ctx context.Context, sig unix.Signal, daemons ...string) error {
	ending := map[int]bool{}
	meant := func(p process) bool { return len(daemons) == 0 || ending[p.pid] || slices.Contains(daemons, p.name) }
	for _, p := range n.daemonProcesses() {
		if !meant(p) {
			continue
		}
		if err := unix.Kill(p.pid, sig); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("end %s: %w", p.name, err)
		}
		ending[p.pid] = true
	}
	return poll(ctx, func() error {
		for _, p := range n.daemonProcesses() {
			if meant(p) {
				return fmt.Errorf("%s of node %s still runs", p.name, n.Name)
			}
		}
		return nil
	})
}

// Restart crashes daemons and starts them again, without configuration; none named means all.
func (n *Node) Restart(ctx context.Context, daemons ...string) error {
	if err := n.Kill(ctx, unix.SIGKILL, daemons...); err != nil {
		return err
	}
	if len(daemons) == 0 {
		return n.startAll(ctx)
	}
	for _, d := range n.Daemons() {
		if slices.Contains(daemons, d) {
			if err := n.Start(ctx, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// PID returns the number that this machine gives to a daemon of the node, 0 when it does not run.
func (n *Node) PID(daemon string) int {
	for _, p := range n.daemonProcesses() {
		if p.name == daemon {
			return p.pid
		}
	}
	return 0
}

type process struct {
	name string
	pid  int
}

// daemonProcesses lists what runs in the node's PID namespace, where only daemons are.
func (n *Node) daemonProcesses() []process {
	ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid_for_children", n.ns.PID))
	if err != nil {
		return nil
	}
	var found []process
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == n.ns.PID {
			continue
		}
		if its, _ := os.Readlink("/proc/" + e.Name() + "/ns/pid"); its != ns {
			continue
		}
		if _, err := startTime(pid); err != nil {
			continue
		}
		found = append(found, process{nameOf(pid), pid})
	}
	return found
}

// nameOf is the name of the program that a process runs. It may call itself something else: FRR names a thread by /proc/self/task/TID/comm, where /proc counts
// as this machine does and TID as the node does, and once in ten thousand starts that is the thread that the process is named by ("RCU sweeper").
func nameOf(pid int) string {
	if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil {
		return filepath.Base(exe)
	}
	comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)) // it is ending
	return strings.TrimSpace(string(comm))
}

// DefaultTimeout bounds every wait whose context has no deadline of its own.
const DefaultTimeout = 30 * time.Second

// poll tries until try succeeds, and returns its last error when time is up.
func poll(ctx context.Context, try func() error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultTimeout)
		defer cancel()
	}
	const first, most = time.Millisecond, 20 * time.Millisecond
	for wait := first; ; wait = min(2*wait, most) {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", err, ctx.Err())
		case <-time.After(wait):
		}
	}
}
