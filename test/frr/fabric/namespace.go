package fabric

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

//go:embed namespace.sh
var namespaceScript string

// namespace is a set of network, mount, PID and UTS namespaces, kept alive by its process 1. That process holds the only key:
// whoever ends it ends everything in the namespaces, so nothing can be left behind.
type namespace struct {
	// PID of process 1 and when it started (in clock ticks since boot): together they name the process even after its number
	// was given to another one.
	PID     int
	Started uint64

	cmd      *exec.Cmd
	lifeline *os.File
}

// startNamespace runs namespace.sh; Wait says when it is ready.
func startNamespace(name, dir, root, backend string, vrfs []string) (*namespace, func() error, error) {
	stderr, err := os.Create(filepath.Join(dir, "namespace.out"))
	if err != nil {
		return nil, nil, err
	}
	defer stderr.Close()
	stdin, lifeline, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer stdin.Close()
	args := append([]string{"-c", namespaceScript, "namespace.sh", name, dir, root, backend}, vrfs...)
	cmd := exec.Command("bash", args...)
	cmd.Stdin, cmd.Stderr = stdin, stderr
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS,
		Setsid:     true,
	}
	stdout, ready, err := os.Pipe()
	if err != nil {
		lifeline.Close()
		return nil, nil, err
	}
	defer ready.Close()
	cmd.Stdout = ready
	if err := cmd.Start(); err != nil {
		lifeline.Close()
		stdout.Close()
		return nil, nil, fmt.Errorf("start the namespaces of %s: %w", name, err)
	}
	ns := &namespace{PID: cmd.Process.Pid, cmd: cmd, lifeline: lifeline}
	ns.Started, err = startTime(ns.PID)
	wait := func() error {
		defer stdout.Close()
		line, err := bufio.NewReader(stdout).ReadString('\n')
		if err != nil || line != "ready\n" {
			out, _ := os.ReadFile(stderr.Name())
			return fmt.Errorf("set up the namespaces of %s: %s", name, strings.TrimSpace(line+string(out)))
		}
		return nil
	}
	return ns, wait, err
}

// stay tells process 1 to outlive this process.
func (ns *namespace) stay() error {
	_, err := io.WriteString(ns.lifeline, "stay\n")
	return errors.Join(err, ns.lifeline.Close())
}

// alive says whether process 1 runs, and is the one that we started.
func (ns *namespace) alive() bool {
	started, err := startTime(ns.PID)
	return err == nil && started == ns.Started
}

// end kills every process inside, and returns when the kernel has taken the last one away.
func (ns *namespace) end() error {
	if ns.cmd != nil {
		ns.lifeline.Close()
		killed := ns.cmd.Process.Kill()
		ns.cmd.Wait()
		if errors.Is(killed, os.ErrProcessDone) {
			return nil
		}
		return killed
	}
	if !ns.alive() {
		return nil
	}
	if err := unix.Kill(ns.PID, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill process %d: %w", ns.PID, err)
	}
	for deadline := time.Now().Add(10 * time.Second); ns.alive(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d does not end", ns.PID)
		}
	}
	return nil
}

// netPath is the file that stands for a network namespace: of a VRF, or the node's own one ("").
func (ns *namespace) netPath(vrf string) string {
	if vrf == "" {
		return fmt.Sprintf("/proc/%d/ns/net", ns.PID)
	}
	return fmt.Sprintf("/proc/%d/root/run/netns/%s", ns.PID, vrf)
}

// do runs f on an operating system thread of its own that has entered the network namespace. Sockets that f opens belong to that
// namespace for ever, whoever uses them later. Goroutines that f starts do not run in the namespace.
func (ns *namespace) do(vrf string, f func() error) error {
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with the goroutine, so no other goroutine can find itself in the namespace.
		runtime.LockOSThread()
		done <- inNamespace(ns.netPath(vrf), f)
	}()
	return <-done
}

func inNamespace(path string, f func() error) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open network namespace: %w", err)
	}
	defer file.Close()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network namespace %s: %w", path, err)
	}
	return f()
}

// processes lists the processes (as this machine numbers them) that share the namespaces, except process 1.
func (ns *namespace) processes() []int {
	mnt, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", ns.PID))
	if err != nil {
		return nil
	}
	net, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", ns.PID))
	var pids []int
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == ns.PID || pid == os.Getpid() {
			continue
		}
		itsMnt, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", pid))
		itsNet, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
		if itsMnt == mnt || itsNet == net {
			pids = append(pids, pid)
		}
	}
	return pids
}

// startTime is field 22 of /proc/PID/stat; a process that is only waiting to be collected counts as gone. One of whose threads some still end has
// its files and locks yet.
func startTime(pid int) (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if !ok || len(fields) < 20 || (fields[0] == "Z" || fields[0] == "X") && len(threads) < 2 {
		return 0, fmt.Errorf("process %d has ended", pid)
	}
	return strconv.ParseUint(fields[19], 10, 64)
}
