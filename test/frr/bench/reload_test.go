package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/product"
)

var (
	table     = flag.Bool("table", false, "print the table of docs/performance.md: reload against frr-reload.py")
	tableMin  = flag.Int("table-min", 10, "fewest prefixes that are measured")
	tableMax  = flag.Int("table-max", 1000, "most prefixes that are measured")
	tableFile = flag.String("table-file", "", "keep the rows in this file, and measure only those that it has not")
	giveUp    = flag.Duration("give-up", 10*time.Minute, "how long frr-reload.py may take for one change")
)

// repeat is how often our own side is measured; the median counts.
const repeat = 3

var (
	sizes = []int{10, 1000, 10000, 50000}
	peers = []int{1, 4, 16}
)

// shape is a configuration as the product renders it: classes, one network line a prefix, an outbound route-map that all neighbors share.
// All its fields are comparable.
type shape struct {
	prefixes, peers int
	// class of the first half of the prefixes, and what class-a is announced with; from, to cut prefixes out.
	class, community string
	from, to         int
}

func (s shape) text() string {
	var b strings.Builder
	b.WriteString("bgp route-map delay-timer 0\nroute-map class-a permit 10\n set tag 1\nexit\nroute-map class-b permit 10\n set tag 2\nexit\n" +
		"route-map out permit 1\n match tag 1\n set community " + s.community + "\nexit\nroute-map out permit 2\n match tag 2\n set community 64500:2\nexit\n" +
		"route-map in deny 65535\nexit\n" +
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

// row is one measurement: a change of one configuration on one FRR.
type row struct {
	frr             fabric.Version
	prefixes, peers int
	change          string
}

// key begins the row's line in the table.
func (r row) key() string {
	return fmt.Sprintf("| %s | %d | %d | %s |", r.frr, r.prefixes, r.peers, r.change)
}

const header = "| FRR | prefixes | peers | change | commands | own time | apply | `frr-renderer reload` | `frr-reload.py` | ratio |\n" +
	"|---|---|---|---|---|---|---|---|---|---|\n"

// change is what a row measures.
type change struct {
	name     string
	from, to shape
}

func changes(prefixes, peers int) []change {
	all := shape{prefixes: prefixes, peers: peers, class: "class-a", community: "64500:1"}
	with := func(edit func(*shape)) shape {
		s := all
		edit(&s)
		return s
	}
	list := []change{
		{"one prefix added", with(func(s *shape) { s.from, s.to = prefixes/2, prefixes/2+1 }), all},
		{"a class re-attributed", all, with(func(s *shape) { s.community = "64500:3" })},
		{"a peer added", all, with(func(s *shape) { s.peers++ })},
		{"loaded into an empty FRR", shape{}, all},
	}
	if prefixes > 1000 {
		list = append(list, change{"1,000 prefixes removed", all, with(func(s *shape) { s.from, s.to = prefixes-1000, prefixes })})
	}
	return append(list, change{"half of the prefixes re-classed", all, with(func(s *shape) { s.class = "class-b" })})
}

// TestReloadTable brings FRR from one configuration to another, with our engine, with our command and with frr-reload.py.
func TestReloadTable(t *testing.T) {
	if !*table {
		t.Skip("SKIPPED: a measurement of an hour or two: make bench-table")
	}
	book := openBook(t, *tableFile)
	for _, v := range fabric.Versions() {
		fabric.Require(t, v)
	}
	for _, n := range sizes {
		for _, v := range fabric.Versions() {
			if n > *tableMax || n < *tableMin {
				continue
			}
			bare := fabric.NewBare(t, v)
			for _, p := range peers {
				for _, c := range changes(n, p) {
					if r := (row{v, n, p, c.name}); !book.has(r) {
						book.add(t, r, measure(t, bare, c, book.hopeless(r)))
					}
				}
			}
		}
	}
	fmt.Print(book)
}

// measure returns what comes after the key of a row. Ours and theirs are measured one after the other, so that both meet the same machine.
func measure(t *testing.T, bare *fabric.Bare, c change, hopeless bool) string {
	from, to := c.from.text(), c.to.text()
	if c.from == (shape{}) {
		from = "!\n"
	}
	var own, took, byCommand []time.Duration
	commands := 0
	for range repeat {
		n, o, all := ours(t, bare, from, to)
		commands, own, took = n, append(own, o), append(took, all)
		byCommand = append(byCommand, reloadCommand(t, bare, from, to))
	}
	command := median(byCommand)
	theirs, said := time.Duration(0), "not tried"
	if !hopeless {
		theirs, said = frrReload(t, bare, from, to)
	}
	ratio := ""
	switch {
	case hopeless:
		said = gaveUp() + ", not tried"
	case theirs > 0:
		ratio = fmt.Sprintf("%.0f", float64(theirs)/float64(command))
	}
	return fmt.Sprintf(" %d | %s | %s | %s | %s | %s |", commands, short(median(own)), short(median(took)), short(command), said, ratio)
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

// short prints a time with two or three digits that mean something.
func short(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// gaveUp is what the table says of frr-reload.py when it takes too long.
func gaveUp() string { return "> " + short(*giveUp) }

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
	return len(result.Plan.Commands), took - client.asked, took
}

// load puts a configuration into an empty FRR, as at its start, and the wanted one beside it: the name of that file inside the node.
func load(t *testing.T, bare *fabric.Bare, from, to string) string {
	bare.Dirty()
	require.NoError(t, bare.Reset(t.Context()))
	_, err := bare.Load(t.Context(), from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(bare.ConfDir(), "wanted.conf"), []byte(to), 0o644))
	return "/etc/frr/wanted.conf"
}

// reloadCommand is the same by "frr-renderer reload", which knows nothing beforehand, from its start to its end.
func reloadCommand(t *testing.T, bare *fabric.Bare, from, to string) time.Duration {
	path := product.Path(t)
	file := load(t, bare, from, to)
	begin := time.Now()
	said, err := bare.Exec(t.Context(), path, "reload", file, "--frr-conf", "none")
	took := time.Since(begin)
	require.NoError(t, err, tail(said))
	return took
}

// frrReload is the same by frr-reload.py, which is given up after a while. The time is 0 when there is none.
func frrReload(t *testing.T, bare *fabric.Bare, from, to string) (time.Duration, string) {
	file := load(t, bare, from, to)
	ctx, cancel := context.WithTimeout(t.Context(), *giveUp)
	defer cancel()
	begin := time.Now()
	out, err := fabric.CombinedOutput(bare.FRRReload(ctx, file))
	took := time.Since(begin)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return 0, gaveUp()
	case err != nil:
		return 0, fmt.Sprintf("fails after %s: %s", short(took), strings.ReplaceAll(tail(string(out)), "\n", " "))
	}
	client := vtysh.NewSocket(bare.VtyDir())
	defer client.Close()
	left, err := reload.New(client, reload.Options{Now: time.Now}).Plan(t.Context(), render.Document{Text: to})
	require.NoError(t, err)
	if !left.Empty() {
		return took, fmt.Sprintf("%s, and %d lines are wrong", short(took), len(left.Commands))
	}
	return took, short(took)
}

func tail(s string) string { return s[max(0, len(s)-200):] }
