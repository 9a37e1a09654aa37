// Command demo builds the README's try-out: two top-of-rack routers and three nodes in network namespaces of this machine, with
// frr-renderer running on each node and the OpenShift documentation's objects in a directory that all of them watch.
//
//	demo up BINARY      build it, wait until the routes are there, and show them
//	demo down BINARY    leave nothing behind
package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

//go:embed objects/*.yaml
var objects embed.FS

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "up":
		return up(ctx, args[1])
	case len(args) == 2 && args[0] == "down":
		return down(args[1])
	}
	return errors.New("usage: demo up BINARY | demo down BINARY")
}

// torConfig is a router that takes part: it accepts what the nodes announce and installs every next hop.
func torConfig(asn, routerID string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "router bgp %s\n bgp router-id %s\n no bgp ebgp-requires-policy\n neighbor nodes peer-group\n neighbor nodes remote-as 64500\n", asn, routerID)
	fmt.Fprintf(&b, " neighbor nodes timers connect 1\n bgp listen range 10.0.0.0/24 peer-group nodes\n")
	fmt.Fprintf(&b, " address-family ipv4 unicast\n  maximum-paths 8\n exit-address-family\nexit\n")
	return b.String()
}

func topology() fabric.Topology {
	end := func(node, address string) fabric.End {
		return fabric.End{Node: node, Interface: "eth0", Addresses: []string{address + "/24"}}
	}
	// bgpd does not listen on the nodes, as in MetalLB's pods.
	deaf := []string{"-p", "0"}
	return fabric.Topology{
		Nodes: []fabric.NodeSpec{
			{Name: "tor-1", Version: fabric.V84, Config: torConfig("64501", "10.0.0.1")},
			{Name: "tor-2", Version: fabric.V84, Config: torConfig("64501", "10.0.0.2")},
			{Name: "node-1", Version: fabric.V84, BGPDArgs: deaf},
			{Name: "node-2", Version: fabric.V84, BGPDArgs: deaf},
			{Name: "node-3", Version: fabric.V84, BGPDArgs: deaf},
		},
		Links: []fabric.Link{{Name: "rack", Ends: []fabric.End{
			end("tor-1", "10.0.0.1"), end("tor-2", "10.0.0.2"), end("node-1", "10.0.0.11"), end("node-2", "10.0.0.12"), end("node-3", "10.0.0.13"),
		}}},
	}
}

func up(ctx context.Context, binary string) (err error) {
	binary, err = filepath.Abs(binary)
	if err != nil {
		return err
	}
	home, err := claim(binary)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, home.leave())
		}
	}()
	say("Two ToR routers and three nodes, FRR in a network namespace each")
	f, err := fabric.Build(ctx, topology(), fabric.Options{Dir: home.fabric()})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, stopAgents(f), f.Close())
		}
	}()
	manifests := filepath.Join(f.Dir, "objects")
	if err := writeObjects(manifests); err != nil {
		return err
	}
	say("frr-renderer run on each node, watching %s", manifests)
	for _, n := range f.Nodes() {
		if strings.HasPrefix(n.Name, "node-") {
			if err := startAgent(f, n, binary, manifests); err != nil {
				return err
			}
		}
	}
	if err := waitForRoutes(ctx, f); err != nil {
		return err
	}
	if err := show(ctx, f, binary); err != nil {
		return err
	}
	hints(f, binary, manifests)
	return f.Detach()
}

func writeObjects(to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	return fs.WalkDir(objects, "objects", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := objects.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, filepath.Base(path)), text, 0o644)
	})
}

// startAgent starts the product on a node. It outlives this program; its number is kept for demo down.
func startAgent(f *fabric.Fabric, n *fabric.Node, binary, manifests string) error {
	log, err := os.Create(logFile(f, n.Name))
	if err != nil {
		return err
	}
	defer log.Close()
	words := append(strings.Fields(n.Shell()), binary, "run", "-f", manifests, "--node", n.Name)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start frr-renderer on %s: %w", n.Name, err)
	}
	return os.WriteFile(pidFile(f, n.Name), []byte(strconv.Itoa(cmd.Process.Pid)), 0o644)
}

func logFile(f *fabric.Fabric, node string) string { return filepath.Join(f.Dir, node+".log") }
func pidFile(f *fabric.Fabric, node string) string { return filepath.Join(f.Dir, node+".agent") }

// stopAgents ends the processes that startAgent started.
func stopAgents(f *fabric.Fabric) error {
	files, err := filepath.Glob(filepath.Join(f.Dir, "*.agent"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		pid, err := strconv.Atoi(string(text))
		if err != nil || !isOurs(pid, f.Dir) {
			continue
		}
		_ = syscall.Kill(pid, syscall.SIGTERM)
		for range 50 {
			if syscall.Kill(pid, 0) != nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

// isOurs makes sure that the number was not given to another process since.
func isOurs(pid int, dir string) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && strings.Contains(string(text), "frr-renderer") && strings.Contains(string(text), dir)
}

func waitForRoutes(ctx context.Context, f *fabric.Fabric) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	usable := func(r fabric.Route) bool { return r.Valid }
	for _, tor := range []string{"tor-1", "tor-2"} {
		for _, node := range []string{"10.0.0.11", "10.0.0.12", "10.0.0.13"} {
			if _, err := f.Node(tor).WaitEstablished(ctx, "", node); err != nil {
				return err
			}
		}
	}
	for tor, prefix := range map[string]string{"tor-1": "4.4.4.100/32", "tor-2": "5.5.5.100/32"} {
		if _, err := f.Node(tor).WaitRoute(ctx, "", prefix, usable); err != nil {
			return err
		}
	}
	return nil
}

func show(ctx context.Context, f *fabric.Fabric, binary string) error {
	for _, c := range []struct{ node, command string }{
		{"tor-1", "show bgp summary"},
		{"tor-1", "show bgp ipv4 unicast"},
		{"tor-1", "show bgp ipv4 unicast 4.4.4.100/32"},
		{"tor-2", "show bgp ipv4 unicast"},
	} {
		say("%s# %s", c.node, c.command)
		out, err := f.Node(c.node).Vtysh(ctx, "-c", c.command)
		if err != nil {
			return err
		}
		fmt.Println(strings.TrimSpace(out))
	}
	say("node-1$ frr-renderer status")
	out, err := f.Node("node-1").Exec(ctx, binary, "status")
	fmt.Println(strings.TrimSpace(out))
	return err
}

func hints(f *fabric.Fabric, binary, manifests string) {
	say("Now you")
	fmt.Printf(`Edit a file and look at the router: the change is there before your hand is back.

  sed -i 's/4.4.4.100/4.4.4.150/' %[1]s/40-service-web.yaml
  %[2]s vtysh -c 'show bgp ipv4 unicast'          # tor-1
  %[3]s vtysh -c 'show bgp summary'               # node-1
  %[3]s %[4]s status

What would a change do?          %[3]s %[4]s diff -f %[1]s --node node-1
What is wrong with the objects?  %[4]s validate -f %[1]s
What did node-1 do?              tail %[5]s

make demo-down ends it and leaves nothing behind.
`, manifests, f.Node("tor-1").Shell(), f.Node("node-1").Shell(), binary, logFile(f, "node-1"))
}

func say(format string, args ...any) {
	fmt.Printf("\n== "+format+"\n", args...)
}

func down(binary string) error {
	home, err := find(binary)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Println("the demo is not up")
		return nil
	}
	if err != nil {
		return err
	}
	return home.end()
}
