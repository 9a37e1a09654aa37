package vtyshtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// Lab is an FRR without configuration, that runs bgpd and bfdd at least, and a way to it.
type Lab struct {
	Client vtysh.Client
	// Kill crashes a daemon; Start starts it again, without configuration.
	Kill, Start func(vtysh.Daemon)
	// Freeze has a daemon answer nothing until thaw.
	Freeze func(vtysh.Daemon) (thaw func())
}

// Contract runs what every vtysh.Client keeps, each part in a new lab.
func Contract(t *testing.T, open func(*testing.T) Lab) {
	for name, part := range map[string]func(*testing.T, Lab){
		"each line is answered":                                   eachLineIsAnswered,
		"a block that can't be entered runs nowhere":              aBlockRunsNowhereElse,
		"many lines are answered in order":                        manyLines,
		"a command is refused by name":                            aRefusedCommand,
		"a transaction loses the refused line only":               aTransaction,
		"a transaction that is refused as a whole is taken apart": aRefusedTransaction,
		"a line that is not committed ends a transaction":         aMixedTransaction,
		"lines outside a transaction are committed alone too":     aRefusedCommit,
		"a daemon that was started anew is found":                 aNewDaemon,
		"passwords arrive unchanged":                              passwords,
		"a daemon that does not answer costs the time-out":        aFrozenDaemon,
		"a cancelled load leaves nothing behind":                  aCancelledLoad,
		"a line for all reaches every daemon":                     aLineForAll,
		"who runs is known":                                       whoRuns,
	} {
		t.Run(name, func(t *testing.T) { part(t, open(t)) })
	}
}

const bgp vtysh.Line = "router bgp 65000"

func router(lines ...vtysh.Line) vtysh.Block {
	return vtysh.Block{Context: []vtysh.Line{bgp}, Lines: lines}
}

// configure runs blocks and returns the lines that were refused.
func (l Lab) configure(t *testing.T, blocks ...vtysh.Block) []string {
	t.Helper()
	replies, err := l.Client.Configure(t.Context(), vtysh.BGPD, blocks)
	require.NoError(t, err)
	var lines []vtysh.Line
	for _, b := range blocks {
		lines = append(lines, b.Lines...)
	}
	require.Len(t, replies, len(lines))
	refused := []string{}
	for i, r := range replies {
		if r.Refused() {
			require.NotEmpty(t, r.Text, "%s", lines[i])
			refused = append(refused, lines[i].Reveal())
		}
	}
	return refused
}

func (l Lab) running(t *testing.T) string {
	t.Helper()
	text, err := l.Client.Run(t.Context(), vtysh.BGPD, "show running-config")
	require.NoError(t, err)
	return text
}

func eachLineIsAnswered(t *testing.T, l Lab) {
	long := vtysh.Line("network " + strings.Repeat("1", 4000))
	require.Equal(t, []string{
		"neighbor 10.0.0.1 nonsense", "neighbor 10.0.0.3 description none", "neighbor 10.0.0.1 description two", "network 192.0.2.1/32", long.Reveal(),
	},
		l.configure(t,
			router("neighbor 10.0.0.1 remote-as 65001", "neighbor 10.0.0.1 nonsense", "neighbor 10.0.0.3 description none",
				"neighbor 10.0.0.1 description one"),
			vtysh.Block{Context: []vtysh.Line{bgp, "address-family ipv9 unicast"}, Lines: []vtysh.Line{
				"neighbor 10.0.0.1 description two", "network 192.0.2.1/32",
			}},
			vtysh.Block{Context: []vtysh.Line{bgp, "address-family ipv4 unicast"}, Lines: []vtysh.Line{"network 192.0.2.2/32", long}},
			vtysh.Block{Lines: []vtysh.Line{"ip prefix-list a seq 5 permit 10.0.0.0/8"}},
			vtysh.Block{Context: []vtysh.Line{"route-map a permit 10"}, Lines: []vtysh.Line{"match tag 7", "set metric 5"}},
		))
	running := l.running(t)
	require.Contains(t, running, "description one")
	require.NotContains(t, running, "description two", "a line of a block that can't be entered must not run elsewhere")
	require.NotContains(t, running, "192.0.2.1/32")
	require.Contains(t, running, "network 192.0.2.2/32")
	require.Contains(t, running, "ip prefix-list a seq 5 permit 10.0.0.0/8")
	require.Contains(t, running, "route-map a permit 10\n match tag 7\n set metric 5\n")
}

// aBlockRunsNowhereElse has blocks that the grammar has, and the daemon refuses to enter: another AS number is running.
func aBlockRunsNowhereElse(t *testing.T, l Lab) {
	ours := router("neighbor 10.0.0.1 remote-as 65001")
	other := router("neighbor 10.0.0.1 description other", "neighbor 10.0.0.9 remote-as 65001")
	other.Context = []vtysh.Line{"router bgp 65009"}
	require.Empty(t, l.configure(t, ours))
	require.Equal(t, []string{"neighbor 10.0.0.1 description other", "neighbor 10.0.0.9 remote-as 65001", "nonsense"},
		l.configure(t, ours, other, vtysh.Block{Context: []vtysh.Line{"router nonsense 5"}, Lines: []vtysh.Line{"nonsense"}}, ours))
	require.NotContains(t, l.running(t), "10.0.0.9")
	require.NotContains(t, l.running(t), "other")
}

func manyLines(t *testing.T, l Lab) {
	const n = 5000
	b := vtysh.Block{Context: []vtysh.Line{bgp, "address-family ipv4 unicast"}}
	var want []string
	for i := range n {
		line := fmt.Sprintf("network 10.%d.%d.0/24", i/250, i%250)
		if i%1000 == 999 {
			line = "network nonsense" + fmt.Sprint(i)
			want = append(want, line)
		}
		b.Lines = append(b.Lines, vtysh.Line(line))
	}
	require.Equal(t, want, l.configure(t, b))
	require.Equal(t, n-len(want), strings.Count(l.running(t), "\n  network "))
}

func aRefusedCommand(t *testing.T, l Lab) {
	_, err := l.Client.Run(t.Context(), vtysh.BGPD, "show nonsense")
	require.ErrorContains(t, err, "show nonsense")
	require.NotErrorIs(t, err, vtysh.ErrNotRunning)
}

// second is a line that is taken.
const second vtysh.Line = "ip prefix-list a seq 7 permit 10.3.0.0/16"

// filters are a list and two entries of a route-map, between the lines of an instance.
func filters(bulk bool, entry, match vtysh.Line) []vtysh.Block {
	return []vtysh.Block{
		router("neighbor 10.0.0.1 remote-as 65001"),
		{Lines: []vtysh.Line{"ip prefix-list a seq 5 permit 10.0.0.0/8", entry, "ip prefix-list a seq 15 permit 10.2.0.0/16"}, Bulk: bulk},
		{Context: []vtysh.Line{"route-map r permit 10"}, Lines: []vtysh.Line{match, "set metric 5"}, Bulk: bulk},
		{Context: []vtysh.Line{"route-map r permit 20"}, Lines: []vtysh.Line{"match tag 9", "set metric 6"}, Bulk: bulk},
		router("neighbor 10.0.0.1 description last"),
	}
}

// requireFilters asks for all of filters but the refused ones.
func (l Lab) requireFilters(t *testing.T) {
	t.Helper()
	running := l.running(t)
	for _, want := range []string{
		"\nip prefix-list a seq 5 permit 10.0.0.0/8\n", "\nip prefix-list a seq 15 permit 10.2.0.0/16\n",
		"route-map r permit 10\n", " set metric 5\n",
		"\nroute-map r permit 20\n match tag 9\n set metric 6\n", " neighbor 10.0.0.1 description last\n",
	} {
		require.Contains(t, "\n"+running, want)
	}
	require.NotContains(t, running, "seq 10")
}

func aTransaction(t *testing.T, l Lab) {
	require.Empty(t, l.configure(t, filters(true, second, "match tag 8")...))
	l.requireFilters(t)
	const entry, match = "ip prefix-list a seq 10 nonsense", "match nonsense"
	require.Equal(t, []string{entry, match}, l.configure(t, filters(true, entry, match)...))
	l.requireFilters(t)
}

// tooShort is a line that the grammar has and the commit refuses, with all that would be committed with it.
const tooShort vtysh.Line = "ip prefix-list a seq 10 permit 10.1.0.0/16 ge 8"

func aRefusedTransaction(t *testing.T, l Lab) {
	require.Equal(t, []string{tooShort.Reveal(), "match nonsense"}, l.configure(t, filters(true, tooShort, "match nonsense")...))
	l.requireFilters(t)
}

// aMixedTransaction has a line that is not committed: it commits those before it.
func aMixedTransaction(t *testing.T, l Lab) {
	b := vtysh.Block{Bulk: true, Lines: []vtysh.Line{
		"ip prefix-list a seq 5 permit 10.0.0.0/8", tooShort, "bgp community-list standard c seq 5 permit 1:1", second,
	}}
	require.Equal(t, []string{tooShort.Reveal()}, l.configure(t, b))
	running := l.running(t)
	require.Equal(t, 2, strings.Count(running, "ip prefix-list a seq "), running)
	require.Contains(t, running, "bgp community-list standard c seq 5 permit 1:1")
}

func aRefusedCommit(t *testing.T, l Lab) {
	require.Equal(t, []string{tooShort.Reveal()}, l.configure(t, filters(false, tooShort, "match tag 8")...))
	l.requireFilters(t)
}

func aNewDaemon(t *testing.T, l Lab) {
	require.Empty(t, l.configure(t, router("neighbor 10.0.0.1 remote-as 65001")))
	l.Kill(vtysh.BGPD)
	_, err := l.Client.Run(t.Context(), vtysh.BGPD, "show version")
	require.ErrorIs(t, err, vtysh.ErrNotRunning)
	_, err = l.Client.Configure(t.Context(), vtysh.BGPD, []vtysh.Block{{Lines: []vtysh.Line{"ip prefix-list a seq 5 permit any"}}})
	require.ErrorIs(t, err, vtysh.ErrNotRunning)
	l.Start(vtysh.BGPD)
	require.NotContains(t, l.running(t), "65000")
	l.Kill(vtysh.BGPD)
	l.Start(vtysh.BGPD)
	second := router("neighbor 10.0.0.2 remote-as 65001")
	if _, err := l.Client.Configure(t.Context(), vtysh.BGPD, []vtysh.Block{second}); err != nil {
		require.ErrorIs(t, err, vtysh.ErrInterrupted, "who kept a connection tells that the daemon is another one, and sends it nothing")
		require.NotContains(t, l.running(t), "10.0.0.2 ")
		require.Empty(t, l.configure(t, second))
	}
	require.NotContains(t, l.running(t), "10.0.0.1 ")
	require.Contains(t, l.running(t), "10.0.0.2 ")
}

func passwords(t *testing.T, l Lab) {
	all := []string{
		"!", "#", "!a#", "a!b", "\"", "a\"b", "'", "\\", "a\\", "|", "a|b", "?", "a?b", "{{.}}", "$(x)", "%s%n", "äöü", strings.Repeat("x", 80), "exit", "no",
	}
	for c := '!'; c <= '~'; c++ {
		all = append(all, "p"+string(c)+"q")
	}
	address := func(i int) string { return fmt.Sprintf("10.0.%d.%d", i/100, i%100+1) }
	b := vtysh.Block{Context: []vtysh.Line{bgp}}
	for i, p := range all {
		b.Lines = append(b.Lines, vtysh.Line("neighbor "+address(i)+" remote-as 65001"), vtysh.Line("neighbor "+address(i)+" password "+p))
	}
	require.Empty(t, l.configure(t, b))
	running := l.running(t)
	for i, p := range all {
		require.Contains(t, running, "\n neighbor "+address(i)+" password "+p+"\n")
	}
	replies, err := l.Client.Configure(t.Context(), vtysh.BGPD, []vtysh.Block{router("neighbor 10.9.9.9 password s3cret")})
	require.NoError(t, err)
	require.True(t, replies[0].Refused())
	require.NotContains(t, replies[0].Text, "s3cret")
}

// patience is how long a call may take beyond its time-out.
const patience = 8 * time.Second

func aFrozenDaemon(t *testing.T, l Lab) {
	_, err := vtysh.ReadVersion(t.Context(), l.Client, vtysh.BGPD)
	require.NoError(t, err)
	thaw := l.Freeze(vtysh.BGPD)
	defer thaw()
	for name, call := range map[string]func(context.Context) error{
		"run": func(ctx context.Context) error {
			_, err := l.Client.Run(ctx, vtysh.BGPD, "show version")
			return err
		},
		"configure": func(ctx context.Context) error {
			_, err := l.Client.Configure(ctx, vtysh.BGPD, filters(true, second, "match tag 8"))
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		begun := time.Now()
		err := call(ctx)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded, name)
		require.Less(t, time.Since(begun), patience, name)
	}
	thaw()
	require.Empty(t, l.configure(t, filters(true, second, "match tag 8")...))
	l.requireFilters(t)
}

// aCancelledLoad cancels in the middle of a transaction. What was applied is unknown; the same load again must come through.
func aCancelledLoad(t *testing.T, l Lab) {
	var blocks []vtysh.Block
	for i := range 300 {
		blocks = append(blocks, vtysh.Block{
			Context: []vtysh.Line{vtysh.Line(fmt.Sprintf("route-map many permit %d", i+1))}, Bulk: true,
			Lines: []vtysh.Line{vtysh.Line(fmt.Sprintf("match tag %d", i+1)), vtysh.Line(fmt.Sprintf("set metric %d", i+1))},
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := l.Client.Configure(ctx, vtysh.BGPD, blocks); err != nil {
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.Less(t, time.Since(begun), patience)
	require.Empty(t, l.configure(t, blocks...))
	require.Equal(t, 300, strings.Count(l.running(t), "\n set metric "))
}

func aLineForAll(t *testing.T, l Lab) {
	b := vtysh.Block{Lines: []vtysh.Line{"log syslog informational", "log nonsense", "log timestamp precision 3"}}
	replies, err := l.Client.Configure(t.Context(), vtysh.All, []vtysh.Block{b})
	require.NoError(t, err)
	require.Len(t, replies, 3)
	require.Equal(t, []bool{false, true, false}, []bool{replies[0].Refused(), replies[1].Refused(), replies[2].Refused()})
	for _, d := range []vtysh.Daemon{vtysh.BGPD, vtysh.BFDD} {
		running, err := l.Client.Run(t.Context(), d, "show running-config")
		require.NoError(t, err)
		require.Contains(t, running, "log syslog informational\n", d)
		require.Contains(t, running, "log timestamp precision 3\n", d)
	}
}

func whoRuns(t *testing.T, l Lab) {
	daemons := func() []vtysh.Daemon {
		found, err := l.Client.Daemons(t.Context())
		require.NoError(t, err)
		require.True(t, slices.IsSorted(found), "%v", found)
		return found
	}
	require.Subset(t, daemons(), []vtysh.Daemon{vtysh.BFDD, vtysh.BGPD})
	l.Kill(vtysh.BFDD)
	require.NotContains(t, daemons(), vtysh.BFDD)
	require.Contains(t, daemons(), vtysh.BGPD)
	l.Start(vtysh.BFDD)
	require.Contains(t, daemons(), vtysh.BFDD)
}
