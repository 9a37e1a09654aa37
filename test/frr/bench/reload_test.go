package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

var (
	table    = flag.Bool("table", false, "print the table of docs/performance.md: reload against frr-reload.py")
	tableMax = flag.Int("table-max", 1000, "most prefixes of the table")
	tableMin = flag.Int("table-min", 10, "fewest prefixes of the table")
	giveUp   = flag.Duration("give-up", 10*time.Minute, "how long frr-reload.py may take for one change")
)

// shape is a configuration as the product renders it: classes, one network line a prefix, an outbound route-map that all neighbors share.
type shape struct {
	prefixes, peers int
	// class of the first half of the prefixes; from, to cut prefixes out.
	class    string
	from, to int
}

func (s shape) text() string {
	var b strings.Builder
	b.WriteString("bgp route-map delay-timer 0\nroute-map class-a permit 10\n set tag 1\nexit\nroute-map class-b permit 10\n set tag 2\nexit\n" +
		"route-map out permit 1\n match tag 1\n set community 64500:1\nexit\nroute-map out permit 2\n match tag 2\n set community 64500:2\nexit\nroute-map in deny 65535\nexit\n" +
		"router bgp 64500\n bgp router-id 10.255.0.1\n no bgp ebgp-requires-policy\n no bgp default ipv4-unicast\n no bgp network import-check\n")
	for i := range s.peers {
		fmt.Fprintf(&b, " neighbor 10.1.0.%d remote-as 64501\n", i+1)
	}
	b.WriteString(" address-family ipv4 unicast\n")
	for i := range s.prefixes {
		if i >= s.from && i < s.to {
			continue
		}
		class := "class-b"
		if i < s.prefixes/2 {
			class = s.class
		}
		fmt.Fprintf(&b, "  network 20.%d.%d.%d/32 route-map %s\n", i>>16, i>>8&255, i&255, class)
	}
	for i := range s.peers {
		fmt.Fprintf(&b, "  neighbor 10.1.0.%d activate\n  neighbor 10.1.0.%[1]d route-map in in\n  neighbor 10.1.0.%[1]d route-map out out\n", i+1)
	}
	b.WriteString(" exit-address-family\nexit\n")
	return b.String()
}

// TestReloadTable brings FRR from one configuration to another, with our engine and with frr-reload.py.
func TestReloadTable(t *testing.T) {
	if !*table {
		t.Skip("a measurement: -table")
	}
	fmt.Println("| FRR | prefixes | peers | change | commands | ours, our own time | ours, with FRR's answers | frr-reload.py |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	for _, v := range fabric.Versions() {
		fabric.Require(t, v)
		bare := fabric.NewBare(t, v)
		for _, n := range []int{10, 1000, 10000, 50000} {
			if n > *tableMax || n < *tableMin {
				continue
			}
			for _, peers := range []int{1, 4, 16} {
				base := shape{prefixes: n, peers: peers, class: "class-a", from: n - 1, to: n}
				all := base
				all.to = all.from
				changes := []struct {
					name     string
					from, to shape
				}{
					{"one prefix added", base, all},
					{"half re-classed", base, shape{n, peers, "class-b", base.from, base.to}},
					{"a peer added", base, shape{n, peers + 1, "class-a", base.from, base.to}},
					{"loaded into an empty FRR", shape{peers: 0}, all},
				}
				if n > 1000 {
					changes = append(changes, struct {
						name     string
						from, to shape
					}{"1,000 removed", all, shape{n, peers, "class-a", n - 1000, n}})
				}
				for _, c := range changes {
					commands, own, took := ours(t, bare, c.from.text(), c.to.text())
					theirs := frrReload(t, bare, c.from.text(), c.to.text())
					fmt.Printf("| %s | %d | %d | %s | %d | %s | %s | %s |\n", v, n, peers, c.name, commands, own, took, theirs)
				}
			}
		}
	}
}

// timed counts the time that FRR is asked.
type timed struct {
	vtysh.Client
	asked time.Duration
}

func (c *timed) Run(ctx context.Context, d vtysh.Daemon, command string) (string, error) {
	defer func(t time.Time) { c.asked += time.Since(t) }(time.Now())
	return c.Client.Run(ctx, d, command)
}

func (c *timed) Configure(ctx context.Context, d vtysh.Daemon, blocks []vtysh.Block) ([]vtysh.Reply, error) {
	defer func(t time.Time) { c.asked += time.Since(t) }(time.Now())
	return c.Client.Configure(ctx, d, blocks)
}

// ours applies the change as the agent does: it knows what runs, and asks FRR afterwards.
func ours(t *testing.T, bare *fabric.Bare, from, to string) (commands int, own, took time.Duration) {
	bare.Dirty()
	require.NoError(t, bare.Reset(t.Context()))
	client := &timed{Client: vtysh.NewAuto(vtysh.NewSocket(bare.VtyDir()), vtysh.NewExec("", bare.VtyshPath()))}
	defer client.Close()
	e := reload.New(client, reload.Options{Now: time.Now})
	result, err := e.Apply(t.Context(), render.Document{Text: from})
	require.NoError(t, err)
	require.True(t, result.Verified(), "%v\n%s", result.Refused, result.Remaining)
	client.asked = 0
	begin := time.Now()
	result, err = e.Apply(t.Context(), render.Document{Text: to})
	took = time.Since(begin)
	require.NoError(t, err)
	require.True(t, result.Verified(), "%v\n%s", result.Refused, result.Remaining)
	return len(result.Plan.Commands), (took - client.asked).Round(10 * time.Microsecond), took.Round(100 * time.Microsecond)
}

// frrReload is the same by frr-reload.py, which is given up after a while.
func frrReload(t *testing.T, bare *fabric.Bare, from, to string) string {
	bare.Dirty()
	require.NoError(t, bare.Reset(t.Context()))
	_, err := bare.Load(t.Context(), from)
	require.NoError(t, err)
	root, err := fabric.FindRoot(bare.Version)
	require.NoError(t, err)
	file := filepath.Join(bare.ConfDir(), "wanted.conf")
	require.NoError(t, os.WriteFile(file, []byte(to), 0o644))
	ctx, cancel := context.WithTimeout(t.Context(), *giveUp)
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", filepath.Join(root, "usr/lib/frr/frr-reload.py"), "--reload", "--bindir", filepath.Dir(bare.VtyshPath()),
		"--confdir", bare.ConfDir(), "--rundir", bare.VtyDir(), file)
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(begin)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "given up after " + giveUp.String()
	case err != nil:
		return fmt.Sprintf("fails after %s: %s", took.Round(time.Millisecond), strings.ReplaceAll(tail(string(out)), "\n", " "))
	}
	client := vtysh.NewSocket(bare.VtyDir())
	defer client.Close()
	left, err := reload.New(client, reload.Options{Now: time.Now}).Plan(t.Context(), render.Document{Text: to})
	require.NoError(t, err)
	if !left.Empty() {
		return fmt.Sprintf("%s, and %d lines are wrong", took.Round(10*time.Millisecond), len(left.Commands))
	}
	return took.Round(10 * time.Millisecond).String()
}

func tail(s string) string { return s[max(0, len(s)-200):] }
