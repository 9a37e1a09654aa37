package fabric

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Node is one router or host of a running fabric.
type Node struct {
	Name    string
	Version Version
	Spec    NodeSpec

	root string // where its FRR lies, "/" for the distribution's
	dir  string
	ns   *namespace
}

// newNode lays out a node's folder; nothing runs yet.
func (f *Fabric) newNode(spec NodeSpec) error {
	n := &Node{Name: spec.Name, Version: spec.Version, Spec: spec, root: "-", dir: filepath.Join(f.Dir, spec.Name)}
	if spec.Version != None {
		root, err := FindRoot(spec.Version)
		if err != nil {
			return err
		}
		n.root = root
	}
	for _, d := range []string{"run", "etc", "log", "lib", "crash"} {
		if err := os.MkdirAll(filepath.Join(n.dir, d), 0o755); err != nil {
			return err
		}
	}
	f.nodes[n.Name] = n
	f.order = append(f.order, n)
	if spec.Version == None {
		return nil
	}
	files := map[string]string{"etc/vtysh.conf": "service integrated-vtysh-config\n", "etc/frr.conf": "", "vtysh": ""}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(n.dir, name), []byte(text), 0o640); err != nil {
			return err
		}
	}
	return n.giveToFRR("run", "etc", "log", "lib", "crash", "etc/vtysh.conf", "etc/frr.conf")
}

// giveToFRR makes FRR's user the owner, as the packages do.
func (n *Node) giveToFRR(names ...string) error {
	u, err := user.Lookup("frr")
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	for _, name := range names {
		if err := os.Chown(filepath.Join(n.dir, name), uid, gid); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) startNamespace() (func() error, error) {
	backend := "-"
	if n.netnsBackend() {
		backend = "netns"
	}
	ns, wait, err := startNamespace(n.Name, n.dir, n.root, backend, n.Spec.VRFs)
	n.ns = ns
	return wait, err
}

func (n *Node) netnsBackend() bool { return n.Spec.NetnsVRFs || len(n.Spec.VRFs) > 0 }

func (n *Node) boot(ctx context.Context) error {
	if n.Version == None {
		return nil
	}
	if err := n.startAll(ctx); err != nil {
		return fmt.Errorf("node %s: %w", n.Name, err)
	}
	if n.Spec.Config == "" {
		return nil
	}
	complaints, err := n.Load(ctx, n.Spec.Config)
	if err != nil {
		return fmt.Errorf("node %s: %w", n.Name, err)
	}
	if len(complaints) > 0 {
		return fmt.Errorf("node %s: FRR %s complains about its configuration:\n%s", n.Name, n.Version, strings.Join(complaints, "\n"))
	}
	return nil
}

// VtyDir is the folder with the daemons' .vty sockets, for --vty-dir. Inside the node it is also /run/frr.
func (n *Node) VtyDir() string { return filepath.Join(n.dir, "run") }

// ConfDir is the node's /etc/frr.
func (n *Node) ConfDir() string { return filepath.Join(n.dir, "etc") }

// LogDir holds each daemon's log and what it printed.
func (n *Node) LogDir() string { return filepath.Join(n.dir, "log") }

// VtyshPath is a program that is this node's vtysh, to be called from anywhere, for --vtysh-path. Files that it is to read must be
// named absolutely and lie below /tmp.
func (n *Node) VtyshPath() string { return filepath.Join(n.dir, "vtysh") }

// Shell is the command line that, put before another one, runs it inside the node: for a person to copy.
func (n *Node) Shell() string { return fmt.Sprintf("nsenter -t %d -n -m -u", n.ns.PID) }

// Command runs a program inside the node: its network, its /run/frr, /etc/frr and vtysh, everything else as on this machine. The
// program is a child of this process (signals reach it directly) and is killed when this process dies or the fabric is closed. Start, Run
// and CombinedOutput run it; its own methods let it die early.
func (n *Node) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return n.CommandVRF(ctx, "", name, args...)
}

// CommandVRF is Command in the network namespace of a VRF.
func (n *Node) CommandVRF(ctx context.Context, vrf, name string, args ...string) *exec.Cmd {
	enter := []string{"-t", strconv.Itoa(n.ns.PID), "-m", "-u", "--net=" + n.ns.netPath(vrf)}
	if wd, err := os.Getwd(); err == nil {
		enter = append(enter, "--wdns="+wd)
	}
	cmd := exec.CommandContext(ctx, "nsenter", append(append(enter, "--", name), args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	// Grandchildren that keep the output open must not keep Wait from returning.
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Exec runs a program inside the node and returns what it printed; the error carries that too.
func (n *Node) Exec(ctx context.Context, name string, args ...string) (string, error) {
	return output(n.Command(ctx, name, args...), name)
}

// ExecVRF is Exec in the network namespace of a VRF.
func (n *Node) ExecVRF(ctx context.Context, vrf, name string, args ...string) (string, error) {
	return output(n.CommandVRF(ctx, vrf, name, args...), name)
}

func output(cmd *exec.Cmd, name string) (string, error) {
	out, err := CombinedOutput(cmd)
	if err != nil {
		return string(out), fmt.Errorf("run %s: %w\n%s", name, err, out)
	}
	return string(out), nil
}

// InNetwork runs f on a thread inside the node's network namespace (or that of a VRF). Sockets that f itself opens stay there;
// goroutines that it starts do not run there.
func (n *Node) InNetwork(vrf string, f func() error) error { return n.ns.do(vrf, f) }

// Listen opens a listening socket inside the node, for this process to use.
func (n *Node) Listen(ctx context.Context, vrf string, lc net.ListenConfig, network, address string) (l net.Listener, err error) {
	err = n.ns.do(vrf, func() error {
		l, err = lc.Listen(ctx, network, address)
		return err
	})
	return l, err
}

// Dial connects from inside the node, for this process to use. The address must be numeric.
func (n *Node) Dial(ctx context.Context, vrf string, d net.Dialer, network, address string) (c net.Conn, err error) {
	err = n.ns.do(vrf, func() error {
		c, err = d.DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// AddVRF adds a VRF to a node that has the netns backend. zebra notices by itself.
func (n *Node) AddVRF(ctx context.Context, vrf string) error {
	if _, err := n.Exec(ctx, "ip", "netns", "add", vrf); err != nil {
		return err
	}
	return n.prepareNet(vrf)
}

// MoveToVRF moves an interface from the default VRF into another one and gives it addresses (the kernel takes the old ones away).
func (n *Node) MoveToVRF(ctx context.Context, vrf, iface string, addresses ...string) error {
	if _, err := n.Exec(ctx, "ip", "link", "set", iface, "netns", vrf, "up"); err != nil {
		return err
	}
	for _, a := range addresses {
		if err := n.AddAddress(vrf, iface, a); err != nil {
			return err
		}
	}
	return nil
}

// endCommands kills what runs inside the node beside its daemons.
func (n *Node) endCommands() {
	daemons := map[int]bool{}
	for _, p := range n.daemonProcesses() {
		daemons[p.pid] = true
	}
	for _, pid := range n.ns.processes() {
		if !daemons[pid] {
			unix.Kill(pid, unix.SIGKILL)
		}
	}
}
