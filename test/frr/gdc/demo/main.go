// Command demo plays "make demo-gdc": the documents' example 10 with a real API server, managers and agents, three nodes and two routers in network
// namespaces of this machine; then a gateway dies while connections are opened, and one can watch what becomes of its floating IP. It leaves nothing behind.
//
//	demo [-keep] BINARY    -keep: stay up at the end, to be looked at, until Ctrl-C
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gdc/cluster/lab"
)

// The Services that connections are opened to, each through another router.
const web1, web2 = "203.0.113.1", "203.0.113.2"

func main() {
	keep := flag.Bool("keep", false, "stay up at the end until Ctrl-C")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: demo [-keep] BINARY")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *keep); err != nil {
		fmt.Fprintln(os.Stderr, "demo-gdc:", err)
		os.Exit(1)
	}
}

func run(binary string, keep bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	unhook := context.AfterFunc(ctx, func() {
		fmt.Print("\n== Ending: all of it is taken down\n")
		stop() // the next Ctrl-C ends the demo at once, and leaves its files
	})
	defer unhook()
	binary, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	dir, free, err := claim()
	if err != nil {
		return err
	}
	defer free()
	return play(ctx, dir, func(s *stage) {
		d := &demo{stage: s, begun: time.Now()}
		d.build(binary)
		d.working()
		d.failover()
		d.back()
		if keep {
			d.stay(binary)
		}
	})
}

// folders are where demos live, each in one of its own that it has locked.
const folders = "frr-renderer-demo-gdc-"

// claim makes a folder, and has all temporary files go there. The folders of demos that were killed go: there is nothing else left of them.
func claim() (string, func(), error) {
	if err := sweep(); err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", folders)
	if err != nil {
		return "", nil, err
	}
	lock, err := locked(dir)
	if err != nil {
		return "", nil, errors.Join(err, os.Remove(dir))
	}
	return dir, func() { _ = os.RemoveAll(dir); _ = lock.Close() }, os.Setenv("TMPDIR", dir)
}

// sweep removes the folders that nobody has locked. A name says nothing of whose a folder is in /tmp, and a young one may be about to be locked.
func sweep() error {
	all, err := filepath.Glob(filepath.Join(os.TempDir(), folders+"*"))
	if err != nil {
		return err
	}
	for _, dir := range all {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || int(info.Sys().(*syscall.Stat_t).Uid) != os.Getuid() || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		lock, err := locked(dir)
		if err != nil {
			continue // somebody plays there
		}
		err = os.RemoveAll(dir)
		_ = lock.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// locked locks a folder, as long as the file is open; the kernel unlocks it when the process dies.
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

// demo is the play.
type demo struct {
	*stage
	lab   *lab.Lab
	watch *lab.Watch
	begun time.Time
}

func (d *demo) build(binary string) {
	d.say("Example 10: three nodes in two subnets, two routers that every node's sessions go to, an API server (a quarter of a minute)")
	d.lab = lab.New(d, lab.Spec{
		Version: fabric.V84, Tors: lab.TwoTors(fabric.V84, fabric.V84), Managers: 2, IPv4Only: true, Binary: binary,
		Floating: []string{"10.0.1.100", "10.0.2.100"},
		Machines: []lab.Machine{{Name: "n1", Subnet: 1, Host: 10}, {Name: "n2", Subnet: 1, Host: 11}, {Name: "n3", Subnet: 2, Host: 10}},
	})
	fmt.Print(`
   client ---+--- tor1 10.8.0.10, takes ADD-PATH ---+--- 10.0.1.0/24 --- n1 (.10), n2 (.11)   floating IP 10.0.1.100
             +--- tor2 10.8.0.11, does not ---------+--- 10.0.2.0/24 --- n3 (.10)             floating IP 10.0.2.100
`)
	d.say("kubectl apply: Cluster bm (AS 65001, both routers), NetworkGatewayGroup default (both floating IPs), nodes, five Services")
	d.lab.Apply(d.lab.Case("example-10-all-nodes-same-peers"))
	for _, vip := range []string{web1, web2} {
		d.lab.Serve(vip, "n1", "n2", "n3")
	}
	d.say("Two managers, and frr-renderer run --gdc on each node")
	d.lab.Run()
	d.lab.Settled()
	if d.lab.Holder("10.0.1.100") != "n1" {
		d.lab.Move("10.0.1.100", "n1")
		d.lab.Held("10.0.1.100", "n1")
		d.lab.Settled()
	}
	for _, vip := range []string{web1, web2} {
		d.lab.Told(vip, "n1", "n2", "n3")
	}
}

// working shows what there is when all is well.
func (d *demo) working() {
	d.kubectl("bgpsessions")
	d.kubectl("bgpadvertisedroutes")
	d.floating()
	d.say("tor1 takes ADD-PATH: every node by each session. tor2 does not: one node by each session")
	for _, tor := range []string{"tor1", "tor2"} {
		d.vtysh(tor, "show bgp ipv4 unicast "+web1+"/32", "from", "valid")
	}
	d.say("30 connections from the client to %s are answered by", web1)
	for _, tor := range []string{"tor1", "tor2"} {
		answered := d.lab.Connect(tor, web1, 30)
		fmt.Printf("  through %s:", tor)
		for _, node := range slices.Sorted(maps.Keys(answered)) {
			fmt.Printf(" %s %d times", node, answered[node])
		}
		fmt.Println()
	}
}

// failover takes the power of n1, which holds a floating IP and takes traffic, and tells what happens.
func (d *demo) failover() {
	d.watch = d.lab.Watch(map[string]string{web1: "tor1", web2: "tor2"})
	d.watch.Steady()
	d.say("n1 loses its power now; the client opens a connection each 15 ms through each router")
	at := d.lab.Crash("n1")
	d.tell(at, func() bool {
		s := d.watch.Until(at)
		for _, tor := range []string{"tor1", "tor2"} {
			if _, again := s.SessionAgain(tor, "10.0.1.100"); !again {
				return false
			}
		}
		return d.without("n1")
	})
	s := d.watch.Since(at)
	fmt.Println()
	d.lost(s)
	fmt.Println("  (lost are those that a router sent to n1 until BGP's hold time of 9 s told it not to)")
	d.lab.Settled()
	d.kubectl("bgpsessions")
	d.floating()
	d.vtysh("tor1", "show bgp ipv4 unicast "+web1+"/32", "from", "valid")
}

// without tells whether no router has a node as a next hop.
func (d *demo) without(node string) bool {
	for _, tor := range []string{"tor1", "tor2"} {
		for _, vip := range []string{web1, web2} {
			for _, a := range d.lab.Hops(tor, vip) {
				if a.String() == d.lab.Machine(node).Address() {
					return false
				}
			}
		}
	}
	return true
}

func (d *demo) back() {
	d.say("n1 has power again: it is a next hop again, and the floating IP stays where it works")
	at := time.Now()
	d.lab.Boot("n1")
	for _, vip := range []string{web1, web2} {
		d.lab.Told(vip, "n1", "n2", "n3")
	}
	d.tell(at, func() bool { return true })
	d.lost(d.watch.Since(at))
	d.floating()
}

func (d *demo) lost(s lab.Span) {
	fmt.Printf("  %s through tor1: %s\n", web1, s.Connections(web1))
	fmt.Printf("  %s through tor2: %s\n", web2, s.Connections(web2))
}

// tell prints what changes, as it changes, until it is over.
func (d *demo) tell(at time.Time, over func() bool) {
	last, placed := at, d.lab.Group().Status.FloatingIPs
	for end := at.Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		finished := over() || time.Now().After(end)
		if now := d.lab.Group().Status.FloatingIPs; !maps.Equal(now, placed) {
			for _, f := range slices.Sorted(maps.Keys(now)) {
				if now[f] != placed[f] {
					line(at, time.Now(), "the manager says: "+f+" goes to "+now[f])
				}
			}
			placed = now
		}
		for _, e := range d.watch.Events(last) {
			line(at, e.At, e.What)
			last = e.At
		}
		if finished || d.ctx.Err() != nil {
			return
		}
	}
}

func line(since, at time.Time, what string) {
	fmt.Printf("  %5.1f s  %s\n", at.Sub(since).Seconds(), what)
}

// kubectl prints what "kubectl get" would.
func (d *demo) kubectl(resource string) {
	d.say("$ kubectl --namespace %s get %s", lab.Reports, resource)
	columns, rows := d.lab.Table(resource, lab.Reports)
	table(append([][]string{columns}, rows...))
}

func (d *demo) floating() {
	d.say("$ kubectl --namespace %s get networkgatewaygroup default --output jsonpath={.status.floatingIPs}", lab.ClusterNamespace)
	placed, err := json.Marshal(d.lab.Group().Status.FloatingIPs)
	if err != nil {
		d.Fatal(err)
	}
	fmt.Printf("%s\n", placed)
}

// vtysh prints those lines of what a router says that have any of these words.
func (d *demo) vtysh(router, command string, words ...string) {
	d.say("%s# %s", router, command)
	text, err := d.lab.Node(router).Vtysh(d.ctx, "-c", command)
	if err != nil {
		d.Fatal(err)
	}
	for l := range strings.Lines(text) {
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(l, w) }) {
			fmt.Print(l)
		}
	}
}

func table(rows [][]string) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	_ = w.Flush()
}

// stay keeps everything up.
func (d *demo) stay(binary string) {
	d.say("Now you, in another terminal; Ctrl-C here ends it")
	for _, at := range []string{"tor1", "tor2", "n1", "n2", "n3"} {
		fmt.Printf("  %s vtysh        # %s\n", d.lab.Node(at).Shell(), at)
	}
	fmt.Printf("  %s %s status    # what n2 does\n", d.lab.Node("n2").Shell(), binary)
	fmt.Printf("  kubectl --kubeconfig %s get bgpsessions -A\n", d.lab.Kubeconfig())
	<-d.ctx.Done()
}

func (d *demo) say(format string, args ...any) {
	d.goOn()
	fmt.Printf("\n== %s  [%.0f s]\n", fmt.Sprintf(format, args...), time.Since(d.begun).Seconds())
}
