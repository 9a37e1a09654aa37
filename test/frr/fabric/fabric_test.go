package fabric

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// bgp is a small router configuration; lines go below "router bgp".
func bgp(as int, vrf string, lines ...string) string {
	if vrf != "" {
		vrf = " vrf " + vrf
	}
	return fmt.Sprintf("router bgp %d%s\n no bgp ebgp-requires-policy\n no bgp network import-check\n %s\nexit\n", as, vrf, strings.Join(lines, "\n "))
}

// neighbor is quick to come up, and to notice.
func neighbor(address string, as int, more ...string) string {
	lines := append([]string{fmt.Sprintf("remote-as %d", as), "timers 3 9", "timers connect 1"}, more...)
	for i := range lines {
		lines[i] = "neighbor " + address + " " + lines[i]
	}
	return strings.Join(lines, "\n ")
}

func addresses(last int) []string {
	return []string{fmt.Sprintf("10.0.0.%d/24", last), fmt.Sprintf("fd00::%d/64", last)}
}

// from selects the path with exactly that AS path: others come round about.
func from(path string) func(Route) bool {
	return func(r Route) bool { return r.ASPath == path }
}

const colours = `bgp route-map delay-timer 0
route-map COLOURS permit 10
 set community 65001:7 no-export additive
 set large-community 65001:1:2
 set metric 50
exit
`

// mixed has two nodes and two ToRs of both versions on one LAN, and a VRF between node1 and tor2.
func mixed() Topology {
	return Topology{
		Nodes: []NodeSpec{
			{Name: "node1", Version: V84, VRFs: []string{"red"}, Config: colours +
				bgp(65001, "", neighbor("10.0.0.3", 65003, "bfd"), neighbor("10.0.0.4", 65004),
					"address-family ipv4 unicast", " network 192.0.2.1/32", " neighbor 10.0.0.3 route-map COLOURS out", "exit-address-family") +
				bgp(65001, "red", neighbor("10.1.0.2", 65004, "password s3cret!"),
					"address-family ipv4 unicast", " network 198.51.100.1/32", "exit-address-family")},
			{Name: "node2", Version: V103, Config: bgp(65002, "", neighbor("fd00::3", 65003), neighbor("fd00::4", 65004, "bfd"),
				"address-family ipv6 unicast", " network 2001:db8::1/128", " neighbor fd00::3 activate", " neighbor fd00::4 activate", "exit-address-family")},
			{Name: "tor1", Version: V84, Config: bgp(65003, "", neighbor("10.0.0.1", 65001, "passive", "bfd"), neighbor("fd00::2", 65002, "passive"),
				"address-family ipv6 unicast", " neighbor fd00::2 activate", "exit-address-family")},
			{Name: "tor2", Version: V103, VRFs: []string{"red"}, Config: bgp(65004, "", neighbor("10.0.0.1", 65001, "passive"), neighbor("fd00::2", 65002, "passive", "bfd"),
				"address-family ipv6 unicast", " neighbor fd00::2 activate", "exit-address-family") +
				bgp(65004, "red", neighbor("10.1.0.1", 65001, "passive", "password s3cret!"))},
		},
		Links: []Link{
			{Name: "rack", Ends: []End{
				{Node: "node1", Interface: "eth0", Addresses: addresses(1)},
				{Node: "node2", Interface: "eth0", Addresses: addresses(2)},
				{Node: "tor1", Interface: "eth0", Addresses: addresses(3)},
				{Node: "tor2", Interface: "eth0", Addresses: addresses(4)},
			}},
			{Name: "red", Ends: []End{
				{Node: "node1", VRF: "red", Interface: "eth1", Addresses: []string{"10.1.0.1/24"}},
				{Node: "tor2", VRF: "red", Interface: "eth1", Addresses: []string{"10.1.0.2/24"}},
			}},
		},
	}
}

func TestBothVersionsPeerOverALANAndInAVRF(t *testing.T) {
	ctx := t.Context()
	start := time.Now()
	f := New(t, mixed())
	t.Logf("up and configured in %s", time.Since(start))
	for _, n := range f.Nodes() {
		_, err := n.WaitAllEstablished(ctx)
		require.NoError(t, err)
	}
	t.Logf("all sessions Established after %s", time.Since(start))

	r, err := f.Node("tor1").WaitRoute(ctx, "", "192.0.2.1/32", from("65001"))
	require.NoError(t, err)
	require.Equal(t, []string{"65001:7", "no-export"}, r.Communities)
	require.Equal(t, []string{"65001:1:2"}, r.LargeCommunities)
	require.EqualValues(t, 50, r.MED)
	require.Equal(t, "10.0.0.1", r.NextHops[0].String())
	r, err = f.Node("tor2").WaitRoute(ctx, "", "2001:db8::1/128", from("65002"))
	require.NoError(t, err)
	require.Equal(t, "fd00::2", r.NextHops[0].String())
	_, err = f.Node("tor2").WaitRoute(ctx, "red", "198.51.100.1/32", from("65001"))
	require.NoError(t, err)
	require.NoError(t, f.Node("tor2").WaitNoRoute(ctx, "", "198.51.100.1/32"))

	_, err = f.Node("tor1").WaitBFD(ctx, "", "10.0.0.1", nil)
	require.NoError(t, err)
	before, err := f.Node("tor1").Sessions(ctx)
	require.NoError(t, err)
	require.NoError(t, f.Node("node1").Restart(ctx, "bgpd"))
	require.Eventually(t, func() bool {
		after, err := f.Node("tor1").Sessions(ctx)
		return err == nil && len(Disturbed(before, after)) == 1
	}, 10*time.Second, 10*time.Millisecond, "the neighbor of a restarted bgpd counts one disturbed session")

	out, err := f.Node("tor2").Exec(ctx, "vtysh", "-c", "show version")
	require.NoError(t, err)
	require.Contains(t, out, "FRRouting 10.3")
	require.Contains(t, out, "(tor2)")
	out, err = f.Node("node1").ExecVRF(ctx, "red", "ip", "-br", "address")
	require.NoError(t, err)
	require.Contains(t, out, "10.1.0.1/24")
}

func TestABareFRRJudgesConfigurations(t *testing.T) {
	for _, v := range Versions() {
		t.Run(string(v), func(t *testing.T) {
			b := NewBare(t, v)
			start := time.Now()
			complaints, running, err := b.Check(t.Context(), bgp(65001, "", neighbor("10.0.0.1", 65002)))
			require.NoError(t, err)
			require.Empty(t, complaints)
			require.Contains(t, running, "neighbor 10.0.0.1 remote-as 65002")
			complaints, running, err = b.Check(t.Context(), "router bgp 65009\n neighbor 10.0.0.2 password x\n frobnicate\nexit\n")
			require.NoError(t, err)
			require.Contains(t, strings.Join(complaints, "\n"), "frobnicate")
			require.Contains(t, strings.Join(complaints, "\n"), "remote-as")
			require.NotContains(t, running, "65001")
			complaints, running, err = b.Check(t.Context(), "ip prefix-list A seq 5 permit any\n")
			require.NoError(t, err)
			require.Empty(t, complaints)
			require.NotContains(t, running, "router bgp")
			t.Logf("three checks took %s", time.Since(start))
		})
	}
}

func TestAFailedBuildLeavesNothing(t *testing.T) {
	Require(t, V84)
	_, err := Build(t.Context(), Topology{Nodes: []NodeSpec{{Name: "r", Version: V84, Config: "frobnicate\n"}}}, Options{})
	require.ErrorContains(t, err, "frobnicate")
	requireNothingLeft(t, os.Getpid())
}

func TestCloseLeavesNothing(t *testing.T) {
	Require(t, Versions()...)
	f, err := Build(t.Context(), mixed(), Options{})
	require.NoError(t, err)
	mine := startedBy(t, os.Getpid())
	require.NotEmpty(t, mine)
	cmd := f.Node("tor2").Command(t.Context(), "sleep", "1000")
	require.NoError(t, cmd.Start())
	start := time.Now()
	require.NoError(t, f.Close())
	t.Logf("taken down in %s", time.Since(start))
	require.Error(t, cmd.Wait(), "a command inside the node must end with it")
	requireNothingLeft(t, os.Getpid(), f.Dir)
	require.NoError(t, f.Close(), "closing twice is fine")
}

// TestMain is also the program that TestAKilledRun kills.
func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv("FABRIC_TEST_CHILD"); ok {
		child(dir)
	}
	os.Exit(m.Run())
}

// child builds a fabric, says where, and then waits for ever; with a folder, it detaches the fabric and ends.
func child(dir string) {
	f, err := Build(context.Background(), mixed(), Options{Dir: dir})
	if err == nil && dir != "" {
		err = f.Detach()
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(f.Dir)
	if dir != "" {
		os.Exit(0)
	}
	select {}
}

func startChild(t *testing.T, dir string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FABRIC_TEST_CHILD="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return cmd, strings.TrimSpace(line)
}

func TestAKilledRunLeavesOnlyAFolderThatTheNextOneSweeps(t *testing.T) {
	Require(t, Versions()...)
	other := New(t, Topology{Nodes: []NodeSpec{{Name: "other", Version: V84}}})
	cmd, dir := startChild(t, "")
	require.DirExists(t, dir)
	processes := startedBy(t, cmd.Process.Pid)
	require.NotEmpty(t, processes)
	require.NoError(t, cmd.Process.Kill())
	cmd.Wait()
	require.Eventually(t, func() bool { return !anyRuns(processes) }, 5*time.Second, 5*time.Millisecond, "its daemons must end with it")
	require.DirExists(t, dir)

	next := New(t, Topology{Nodes: []NodeSpec{{Name: "next", Version: V84}}})
	require.NoDirExists(t, dir)
	require.DirExists(t, other.Dir, "a living run is not touched")
	for _, n := range []*Node{other.Node("other"), next.Node("next")} {
		_, err := n.RunningConfig(t.Context())
		require.NoError(t, err)
	}
}

// TestTheInterruptedOne is run by TestAnInterruptTakesEverythingDown, in a process of its own.
func TestTheInterruptedOne(t *testing.T) {
	if os.Getenv("FABRIC_TEST_INTERRUPT") == "" {
		t.Skip("only as a child of TestAnInterruptTakesEverythingDown")
	}
	f := New(t, Topology{Nodes: []NodeSpec{{Name: "r", Version: V84}}})
	fmt.Println("\nup in", f.Dir)
	select {}
}

func TestAnInterruptTakesEverythingDown(t *testing.T) {
	Require(t, V84)
	cmd := exec.Command(os.Args[0], "-test.run", "^TestTheInterruptedOne$")
	cmd.Env = append(os.Environ(), "FABRIC_TEST_INTERRUPT=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	dir := ""
	for lines := bufio.NewScanner(out); dir == "" && lines.Scan(); {
		dir, _ = strings.CutPrefix(lines.Text(), "up in ")
		if !strings.HasPrefix(dir, "/") {
			dir = ""
		}
	}
	require.DirExists(t, dir)
	processes := startedBy(t, cmd.Process.Pid)
	require.NotEmpty(t, processes)
	require.NoError(t, cmd.Process.Signal(unix.SIGINT))
	require.ErrorContains(t, cmd.Wait(), "interrupt")
	require.NoDirExists(t, dir)
	require.False(t, anyRuns(processes))
}

func TestADetachedFabricOutlivesItsProgram(t *testing.T) {
	Require(t, Versions()...)
	dir := fmt.Sprintf("/tmp/frrfab.detached-%d", os.Getpid())
	cmd, _ := startChild(t, dir)
	require.NoError(t, cmd.Wait())
	f, err := Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	require.True(t, f.Alive())
	_, err = Build(t.Context(), mixed(), Options{Dir: dir})
	require.ErrorIs(t, err, ErrUp)
	_, err = f.Node("tor1").WaitAllEstablished(t.Context())
	require.NoError(t, err)
	require.NoError(t, f.Node("tor2").Restart(t.Context(), "bfdd"))

	var processes []int
	for _, n := range f.Nodes() {
		processes = append(processes, n.ns.PID, n.PID("bgpd"))
	}
	require.NoError(t, f.Close())
	require.False(t, anyRuns(processes))
	require.NoDirExists(t, dir)
	_, err = Open(dir)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// requireNothingLeft looks for what a fabric could leave: processes, folders, and in the machine's own namespaces mounts and interfaces.
func requireNothingLeft(t *testing.T, pid int, dirs ...string) {
	t.Helper()
	require.Empty(t, startedBy(t, pid))
	for _, d := range dirs {
		require.NoDirExists(t, d)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	require.NotContains(t, string(mounts), "frrfab")
	require.NotContains(t, string(mounts), "frr-10.3")
	entries, err := filepath.Glob("/run/netns/*")
	require.NoError(t, err)
	require.NotContains(t, entries, "/run/netns/red")
	links, err := exec.Command("ip", "-o", "link", "show", "type", "veth").Output()
	require.NoError(t, err)
	require.NotContains(t, string(links), "eth0")
	require.NotContains(t, string(links), "l0p")
}

// startedBy lists process 1 of each node that a process started, and all that runs in those nodes.
func startedBy(t *testing.T, parent int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	var found []int
	for _, stat := range stats {
		b, _ := os.ReadFile(stat)
		_, rest, _ := strings.Cut(string(b), ") ")
		fields := strings.Fields(rest)
		if len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if cmdline, _ := os.ReadFile(filepath.Join(filepath.Dir(stat), "cmdline")); strings.Contains(string(cmdline), "namespace.sh") {
			ns := &namespace{PID: pid}
			found = append(append(found, pid), ns.processes()...)
		}
	}
	return found
}

func anyRuns(pids []int) bool {
	for _, pid := range pids {
		if _, err := startTime(pid); pid != 0 && err == nil && unix.Kill(pid, 0) == nil {
			return true
		}
	}
	return false
}

// A daemon that calls itself something else was never killed, and kept its pid file: every start after it failed.
func TestAProcessIsKnownByItsProgram(t *testing.T) {
	cmd := exec.Command("bash", "-c", "echo -n other >/proc/$$/comm; echo ready; read")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", cmd.Process.Pid))
	require.NoError(t, err)
	require.Equal(t, "other\n", string(comm))
	require.Equal(t, "bash", nameOf(cmd.Process.Pid))
	require.NoError(t, in.Close())
	_ = cmd.Wait()
}
