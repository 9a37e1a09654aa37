package frr

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/internal/vtysh/vtyshtest"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/skip"
)

// eachTransport runs a test over every way to FRR, on every version.
func eachTransport(t *testing.T, f func(*testing.T, *fabric.Bare, vtysh.Client)) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		bare := fabric.NewBare(t, v)
		for name, client := range transports(bare) {
			t.Run(name, func(t *testing.T) {
				t.Cleanup(func() { _ = client.Close() })
				bare.Dirty()
				require.NoError(t, bare.Reset(t.Context()))
				f(t, bare, client)
			})
		}
	})
}

// TestTransportsKeepTheContract runs it over every way to FRR, on every version.
func TestTransportsKeepTheContract(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		bare := fabric.NewBare(t, v)
		for name, client := range transports(bare) {
			t.Run(name, func(t *testing.T) {
				vtyshtest.Contract(t, func(t *testing.T) vtyshtest.Lab {
					bare.Dirty()
					require.NoError(t, bare.Reset(t.Context()))
					t.Cleanup(func() { _ = client.Close() })
					return vtyshtest.Lab{
						Client: client,
						Kill:   func(d vtysh.Daemon) { require.NoError(t, bare.Kill(t.Context(), unix.SIGKILL, string(d))) },
						Start:  func(d vtysh.Daemon) { require.NoError(t, bare.Start(t.Context(), string(d))) },
						Freeze: func(d vtysh.Daemon) func() {
							pid := bare.PID(string(d))
							require.NoError(t, unix.Kill(pid, unix.SIGSTOP))
							return func() { _ = unix.Kill(pid, unix.SIGCONT) }
						},
					}
				})
			})
		}
	})
}

func transports(bare *fabric.Bare) map[string]vtysh.Client {
	return map[string]vtysh.Client{
		"socket": vtysh.NewSocket(bare.VtyDir()),
		"exec":   vtysh.NewExec("", bare.VtyshPath()),
		"auto":   vtysh.NewAuto(vtysh.NewSocket(bare.VtyDir()), vtysh.NewExec("", bare.VtyshPath())),
	}
}

// TestSocketThatMayNotBeOpenedIsOneClearLine: the line says which user or which group is missing.
func TestSocketThatMayNotBeOpenedIsOneClearLine(t *testing.T) {
	if os.Geteuid() != 0 {
		skip.Test(t, skip.FRR, "becoming another user needs root")
	}
	dir, err := os.MkdirTemp("", "vty-") // t.TempDir lies in a folder that is only ours
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "bgpd.vty")
	l, err := listenUnix(socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	group, err := user.LookupGroup("frrvty")
	require.NoError(t, err)
	frrvty, err := strconv.Atoi(group.Gid)
	require.NoError(t, err)
	require.NoError(t, os.Chown(socket, 0, frrvty))
	for _, c := range []struct {
		dir, socket os.FileMode
		groups      []int
		want        string
	}{
		{0o755, 0o770, []int{frrvty}, ""},
		{0o755, 0o770, nil, "no permission to open " + socket + " as nobody: add it to group frrvty (the socket is root:frrvty 0770)"},
		{0o755, 0o700, []int{frrvty}, "no permission to open " + socket + " as nobody: run as root (the socket is root:frrvty 0700)"},
		{0o750, 0o770, []int{frrvty}, "no permission to open " + socket + " as nobody: add it to group root (" + dir + " is root:root 0750)"},
	} {
		require.NoError(t, os.Chmod(dir, c.dir))
		require.NoError(t, os.Chmod(socket, c.socket))
		client := vtysh.NewSocket(dir)
		_, err := asNobody(c.groups, func() (string, error) {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			return client.Run(ctx, vtysh.BGPD, "show version")
		})
		if c.want == "" {
			require.ErrorIs(t, err, context.DeadlineExceeded, "nobody answers, but the socket opens")
			continue
		}
		require.ErrorIs(t, err, vtysh.ErrPermission)
		require.EqualError(t, err, c.want)
		_, err = asNobody(c.groups, func() (string, error) {
			_, err := client.Daemons(t.Context())
			return "", err
		})
		require.ErrorIs(t, err, vtysh.ErrPermission, "who runs is not known")
	}
}

// TestATransactionThatWasLeftHoldsNoNeighborBack: until it is ended, bgpd starts no new neighbor for ten minutes.
func TestATransactionThatWasLeftHoldsNoNeighborBack(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		lab := fabric.New(t, rack(v, tor(v, 64501)))
		node := lab.Node("node1")
		session := []vtysh.Block{{Context: []vtysh.Line{"router bgp 64500"}, Lines: []vtysh.Line{"neighbor 10.0.0.1 remote-as 64501", "neighbor 10.0.0.1 timers connect 1"}}}
		load := routeMaps(300)
		cancelled := func(t *testing.T, client vtysh.Client) {
			for _, after := range []time.Duration{80, 40, 20} {
				ctx, cancel := context.WithTimeout(t.Context(), after*time.Millisecond)
				_, _ = client.Configure(ctx, vtysh.BGPD, asBulk(load, true))
				cancel()
			}
		}
		for name, leave := range map[string]func(*testing.T){
			"a killed client": func(t *testing.T) {
				c, err := net.Dial("unix", filepath.Join(node.VtyDir(), "bgpd.vty"))
				require.NoError(t, err)
				_, err = c.Write([]byte("enable\x00configure terminal\x00XFRR_start_configuration\x00route-map r permit 10\x00"))
				require.NoError(t, err)
				_, err = io.ReadAtLeast(c, make([]byte, 16), 16)
				require.NoError(t, err)
				require.NoError(t, c.Close())
			},
			"a cancelled socket": func(t *testing.T) { cancelled(t, vtysh.NewSocket(node.VtyDir())) },
			"a cancelled vtysh":  func(t *testing.T) { cancelled(t, vtysh.NewExec("", node.VtyshPath())) },
		} {
			t.Run(name, func(t *testing.T) {
				require.NoError(t, node.Restart(t.Context(), "bgpd"))
				_, err := node.Vtysh(t.Context(), "-c", "configure terminal", "-c", "bgp route-map delay-timer 0")
				require.NoError(t, err)
				leave(t)
				if name == "a killed client" { // whoever comes next ends it
					client := vtysh.NewSocket(node.VtyDir())
					defer client.Close()
					_, err = client.Configure(t.Context(), vtysh.BGPD, session)
				} else {
					_, err = node.Vtysh(t.Context(), "-c", "configure terminal", "-c", "router bgp 64500", "-c", "neighbor 10.0.0.1 remote-as 64501",
						"-c", "neighbor 10.0.0.1 timers connect 1")
				}
				require.NoError(t, err)
				ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
				defer cancel()
				_, err = node.WaitEstablished(ctx, "", "10.0.0.1")
				require.NoError(t, err)
			})
		}
	})
}

// TestMgmtdTakesLinesOverEveryTransport: those that it commits, each answered.
func TestMgmtdTakesLinesOverEveryTransport(t *testing.T) {
	bare := fabric.NewBare(t, fabric.V103)
	for name, client := range transports(bare) {
		t.Cleanup(func() { _ = client.Close() })
		bare.Dirty()
		require.NoError(t, bare.Reset(t.Context()))
		for _, bulk := range []bool{false, true} {
			blocks := []vtysh.Block{{Bulk: bulk}, {Context: []vtysh.Line{"route-map r permit 10"}, Lines: []vtysh.Line{"match tag 7", "nonsense"}, Bulk: bulk}}
			for i := range 100 {
				blocks[0].Lines = append(blocks[0].Lines, vtysh.Line(fmt.Sprintf("ip prefix-list a seq %d permit 10.1.%d.0/24", i+1, i)))
			}
			const tooShort vtysh.Line = "ip prefix-list a seq 50 permit 10.1.0.0/16 ge 8"
			blocks[0].Lines[49] = tooShort
			replies, err := client.Configure(t.Context(), vtysh.Mgmtd, blocks)
			require.NoError(t, err)
			for i, r := range replies {
				require.Equal(t, i == 49 || i == 101, r.Refused(), "%s, %d: %s", name, i, r.Text)
			}
			running, err := client.Run(t.Context(), vtysh.Mgmtd, "show running-config")
			require.NoError(t, err)
			require.Equal(t, 99, strings.Count(running, "\nip prefix-list a seq "))
			require.Contains(t, running, "route-map r permit 10\n match tag 7\n")
		}
	}
}

func TestSyntaxCheckNamesTheLine(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		checker := vtysh.NewExec("", fabric.NewBare(t, v).VtyshPath())
		require.NoError(t, checker.CheckSyntax(t.Context(), "router bgp 65000\n neighbor 10.0.0.1 remote-as 65001\nexit\nroute-map a permit 10\n match tag 5\nexit\n"))
		err := checker.CheckSyntax(t.Context(), "router bgp 65000\n neighbor 10.0.0.1 remote-as nonsense\n")
		var syntax *vtysh.SyntaxError
		require.ErrorAs(t, err, &syntax)
		require.Equal(t, 2, syntax.Line)
	})
}

// TestARefusedLineTakesNothingElseWithIt applies a document with a line that FRR's grammar has and bgpd refuses.
// FRR would read a line that is too long as two. The message does not repeat it, nor what a terminal would obey.
func TestALineThatIsTooLongIsNotRepeated(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		checker := vtysh.NewExec("", fabric.NewBare(t, v).VtyshPath())
		comment := func(bytes int) string { return "router bgp 65000\nexit\n! " + strings.Repeat("a", bytes-2) + "\n" }
		require.NoError(t, checker.CheckSyntax(t.Context(), comment(4095)))
		err := checker.CheckSyntax(t.Context(), comment(1<<20))
		require.EqualError(t, err, "line 3: it is 1048576 bytes long, and FRR takes 4095")
		err = checker.CheckSyntax(t.Context(), "\x1b[31m"+strings.Repeat("b", 4000)+" password hunter2\n")
		require.Error(t, err)
		require.Less(t, len(err.Error()), 400)
		require.NotContains(t, err.Error(), "\x1b")
		require.NotContains(t, err.Error(), "hunter2")
	})
}

func TestARefusedLineTakesNothingElseWithIt(t *testing.T) {
	eachTransport(t, func(t *testing.T, _ *fabric.Bare, client vtysh.Client) {
		document := render.Document{Text: "router bgp 65000\n neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 local-as 65000\n" +
			" neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 password s3cret\nexit\n"}
		result, err := reload.New(client, reload.Options{Now: time.Now}).Apply(t.Context(), document)
		require.NoError(t, err)
		require.False(t, result.Verified())
		require.Len(t, result.Refused, 1)
		require.Equal(t, "neighbor 10.0.0.1 local-as 65000", result.Refused[0].Command.Line.String())
		require.Len(t, result.Remaining.Commands, 1)
		running, err := client.Run(t.Context(), vtysh.BGPD, "show running-config")
		require.NoError(t, err)
		require.Contains(t, running, "neighbor 10.0.0.2 password s3cret")
		require.NotContains(t, result.Plan.String(), "s3cret")
	})
}

// TestExtrasInAnotherSpellingSettle applies lines that FRR takes and prints otherwise, or not at all: they are sent, and then nothing is to do.
func TestExtrasInAnotherSpellingSettle(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		bare := fabric.NewBare(t, v)
		client := vtysh.NewAuto(vtysh.NewSocket(bare.VtyDir()), vtysh.NewExec("", bare.VtyshPath()))
		t.Cleanup(func() { _ = client.Close() })
		engine := reload.New(client, reload.Options{Now: time.Now})
		text := "router bgp 65000\n neighbor 10.0.0.1 remote-as 65001\nexit\n"
		extras := "ip prefix-list a seq 5 permit 10.1.2.3/16 le 32 ge 24\nroute-map a permit 10\n set community 5:5 3:3\n set community 65535:65281\nexit\n"
		result, err := engine.Apply(t.Context(), render.Document{Text: text + extras})
		require.NoError(t, err)
		require.True(t, result.Verified(), "%s", result.Remaining)
		plan, err := engine.Plan(t.Context(), render.Document{Text: text + extras})
		require.NoError(t, err)
		require.True(t, plan.Empty(), "%s", plan)

		// A further change sends its own line only, and an empty FRR gets everything again.
		result, err = engine.Apply(t.Context(), render.Document{Text: strings.Replace(text, "exit", " neighbor 10.0.0.1 description one\nexit", 1) + extras})
		require.NoError(t, err)
		require.True(t, result.Verified(), "%s", result.Remaining)
		require.Len(t, result.Plan.Commands, 1)
		bare.Dirty()
		require.NoError(t, bare.Reset(t.Context()))
		_, err = engine.Apply(t.Context(), render.Document{Text: text + extras})
		require.NoError(t, err)
		running, err := client.Run(t.Context(), vtysh.BGPD, "show running-config")
		require.NoError(t, err)
		require.Contains(t, running, "ip prefix-list a seq 5 permit 10.1.0.0/16 ge 24")
		require.Contains(t, running, "neighbor 10.0.0.1 remote-as 65001")
	})
}

// TestARefusedFilterTakesNothingElseWithIt: lists that go as a transaction, to bgpd and to all daemons.
func TestARefusedFilterTakesNothingElseWithIt(t *testing.T) {
	const bad = "ip prefix-list bad seq 5 permit 192.0.2.0/24 ge 8"
	var good strings.Builder
	for i := range 20 {
		fmt.Fprintf(&good, "ip prefix-list many seq %d permit 10.0.%d.0/24\n", i+1, i)
	}
	good.WriteString("bgp community-list standard c seq 5 permit 1:1\nroute-map r permit 10\n match ip address prefix-list many\n match community c\nexit\n" +
		"router bgp 65000\n neighbor 10.0.0.1 remote-as 65001\nexit\n")
	for _, whole := range []bool{false, true} {
		t.Run(fmt.Sprintf("whole=%t", whole), func(t *testing.T) {
			eachTransport(t, func(t *testing.T, bare *fabric.Bare, client vtysh.Client) {
				if _, ok := client.(*vtysh.Socket); ok && whole {
					return // a whole configuration is for all daemons, and no socket is
				}
				engine := reload.New(client, reload.Options{Now: time.Now, Whole: whole})
				result, err := engine.Apply(t.Context(), render.Document{Text: bad + "\n" + good.String()})
				require.NoError(t, err)
				require.Len(t, result.Refused, 1)
				require.Equal(t, bad, result.Refused[0].Command.Line.String())
				require.Contains(t, result.Refused[0].Reply, "mask length")
				require.Len(t, result.Remaining.Commands, 1)
				plan, err := engine.Plan(t.Context(), render.Document{Text: good.String()})
				require.NoError(t, err)
				require.Empty(t, plan.Commands, "everything else is applied")
			})
		})
	}
}

// TestAnEntryWhoseConditionIsRefusedIsForNoRoute: it would be for all routes without it.
func TestAnEntryWhoseConditionIsRefusedIsForNoRoute(t *testing.T) {
	const (
		// unheard is a condition that no FRR has.
		unheard  = " match phase-of-moon 3\n"
		behind   = "route-map out permit 50\n match tag 5\nexit\n"
		neighbor = "router bgp 65000\n neighbor 10.0.0.1 remote-as 65001\n address-family ipv4 unicast\n  neighbor 10.0.0.1 route-map out out\n exit-address-family\nexit\n"
	)
	entry := func(action, lines string) string { return "route-map out " + action + " 10\n" + lines + "exit\n" }
	cases := map[string]struct{ before, bad, good string }{
		"permit, of a map in use":               {behind + neighbor, entry("permit", unheard+" set metric 7\n"), entry("permit", " match tag 7\n set metric 7\n")},
		"permit, with another condition":        {behind + neighbor, entry("permit", " match metric 3\n"+unheard+" set metric 7\n"), entry("permit", " match metric 3\n")},
		"deny, of a map in use":                 {behind + neighbor, entry("deny", unheard), entry("deny", " match tag 7\n")},
		"permit, of a map that nobody uses yet": {"router bgp 65000\nexit\n", entry("permit", unheard+" set metric 7\n"), entry("permit", " match tag 7\n")},
		"permit, which had another":             {behind + neighbor + entry("permit", " match tag 7\n set metric 7\n"), entry("permit", unheard+" set metric 8\n"), entry("permit", " match tag 8\n")},
		"deny, which had another":               {behind + neighbor + entry("deny", " match tag 7\n"), entry("deny", unheard), entry("deny", " match tag 8\n")},
	}
	eachTransport(t, func(t *testing.T, bare *fabric.Bare, client vtysh.Client) {
		_, quick := client.(*vtysh.Socket)
		for name, c := range cases {
			if !quick && name != "permit, of a map in use" && name != "deny, which had another" {
				continue // a process for each question takes its time, and the rule is not the transport's
			}
			t.Run(name, func(t *testing.T) {
				bare.Dirty()
				require.NoError(t, bare.Reset(t.Context()))
				engine := reload.New(client, reload.Options{Now: time.Now})
				result, err := engine.Apply(t.Context(), render.Document{Text: c.before})
				require.NoError(t, err)
				require.True(t, result.Verified(), "%v %s", result.Refused, result.Remaining)
				result, err = engine.Apply(t.Context(), render.Document{Text: behind + neighbor + c.bad})
				require.NoError(t, err)
				require.False(t, result.Verified())
				told := slices.ContainsFunc(result.Refused, func(r reload.Refused) bool {
					return r.Command.Line.Reveal() == strings.TrimSpace(unheard) && !r.Follows
				})
				require.True(t, told, "%v", result.Refused)
				running, err := client.Run(t.Context(), vtysh.BGPD, "show running-config")
				require.NoError(t, err)
				require.NotContains(t, running, " 10\n", running)
				require.Contains(t, running, "route-map out permit 50\n match tag 5\n", "the entry behind it")
				require.Contains(t, running, "neighbor 10.0.0.1 route-map out out")

				result, err = engine.Apply(t.Context(), render.Document{Text: behind + neighbor + c.good})
				require.NoError(t, err)
				require.True(t, result.Verified(), "%v %s", result.Refused, result.Remaining)
			})
		}
	})
}

// TestCopiesOfFiltersGo: what "vtysh -b" gave to all daemons at FRR's start leaves all of them with the document that had it. What another
// daemon's own configuration refers to stays there.
func TestCopiesOfFiltersGo(t *testing.T) {
	const first = "ip prefix-list gone seq 5 permit 192.0.2.0/24\nipv6 prefix-list gone seq 5 permit 2001:db8::/32\naccess-list gone seq 5 permit 192.0.2.0/24\n" +
		"ip prefix-list kept seq 5 permit 192.0.2.0/24\nip prefix-list kept seq 10 permit 198.51.100.0/24\nbgp community-list standard gone seq 5 permit 1:1\n" +
		"route-map gone permit 10\n match ip address prefix-list gone\nexit\nroute-map kept permit 10\n match tag 7\n set metric 5\nexit\nroute-map kept deny 20\nexit\n" +
		"router bgp 65000\nexit\n"
	const theirs = "ip prefix-list theirs seq 5 permit 203.0.113.0/24\nroute-map theirs permit 10\n match ip address prefix-list theirs\nexit\n" +
		"router ospf\n redistribute static route-map theirs\nexit\n"
	const second = "ip prefix-list kept seq 5 permit 192.0.2.0/24 le 32\nroute-map kept permit 10\n match tag 7\nexit\nrouter bgp 65000\nexit\n"
	eachTransport(t, func(t *testing.T, bare *fabric.Bare, client vtysh.Client) {
		t.Cleanup(func() { require.NoError(t, bare.Kill(context.Background(), unix.SIGKILL, "ospfd", "ripd", "pimd")) })
		for _, d := range []string{"ospfd", "ripd", "pimd"} {
			require.NoError(t, bare.Start(t.Context(), d))
		}
		complaints, err := bare.Load(t.Context(), first+theirs)
		require.NoError(t, err)
		require.Empty(t, complaints)
		held := func() map[string]string {
			found, err := vtysh.NewSocket(bare.VtyDir()).Daemons(t.Context())
			require.NoError(t, err)
			out := map[string]string{}
			for _, d := range found {
				out[string(d)], err = bare.Ask(t.Context(), string(d), "show running-config")
				require.NoError(t, err)
			}
			return out
		}
		for _, d := range []string{"bgpd", "bfdd", "ospfd", "ripd", "pimd", "zebra"} {
			require.Contains(t, held()[d], "ip prefix-list gone", "%s has no copy: the test proves nothing", d)
		}
		engine := reload.New(client, reload.Options{Now: time.Now, Previous: first})
		result, err := engine.Apply(t.Context(), render.Document{Text: second})
		require.NoError(t, err)
		require.True(t, result.Verified(), "%v\n%s", result.Refused, result.Remaining)
		for d, text := range held() {
			for _, no := range []string{"gone", "198.51.100.0", "set metric 5", "deny 20", "kept seq 5 permit 192.0.2.0/24\n"} {
				require.NotContains(t, text, no, d)
			}
			require.Equal(t, d == "ospfd", strings.Contains(text, "theirs"), d)
		}
		require.Contains(t, held()["ospfd"], "ip prefix-list theirs seq 5")
		running, err := bare.RunningConfig(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(running, "prefix-list kept seq 5"), running)
	})
}
