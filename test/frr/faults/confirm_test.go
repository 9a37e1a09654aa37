package faults

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// confirmLab is a lab that runs a frr.conf, with a session to tor1.
type confirmLab struct {
	*lab
	runsGood []string
	out      *os.File
}

// goodConf is a frr.conf, and badConf one in which tor1 has a wrong AS. A route-map goes last, which each daemon has.
const (
	goodConf = "route-map old permit 1\nexit\n" + keptConf
	keptConf = "router bgp 64500\n no bgp ebgp-requires-policy\n no bgp network import-check\n neighbor 10.0.0.1 remote-as 64501\n" +
		" neighbor 10.0.0.1 timers connect 1\n address-family ipv4 unicast\n  network 192.0.2.10/32\n exit-address-family\nexit\n"
	wrongAS = "neighbor 10.0.0.1 remote-as 64999"
)

var badConf = strings.Replace(keptConf, "neighbor 10.0.0.1 remote-as 64501", wrongAS, 1)

func newConfirmLab(t *testing.T, v fabric.Version) *confirmLab {
	l := &confirmLab{lab: newLab(t, v)}
	out, code := l.cli("reload", l.file(goodConf), "--frr-conf", l.conf)
	require.Zero(t, code, out)
	l.back()
	l.runsGood = l.runs()
	return l
}

// back waits until the session is there, again.
func (l *confirmLab) back() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), seconds(20))
	defer cancel()
	_, err := l.node.WaitEstablished(ctx, "", "10.0.0.1")
	require.NoError(l.t, err)
}

// reload starts one beside the test, through the gate.
func (l *confirmLab) reload(text string, args ...string) *fabric.Program {
	l.t.Helper()
	var err error
	l.out, err = os.CreateTemp(l.t.TempDir(), "reload")
	require.NoError(l.t, err)
	l.t.Cleanup(func() { l.out.Close() })
	words := append([]string{"reload", l.file(text), "--vty-dir", l.gate.dir, "--vtysh-path", l.node.VtyshPath(), "--frr-conf", l.conf}, args...)
	return l.launch(l.product(words...), l.out)
}

// ended is the exit code of a reload, and what it printed.
func (l *confirmLab) ended(p *fabric.Program) (string, int) {
	l.t.Helper()
	select {
	case <-p.Ended:
	case <-time.After(seconds(60)):
		l.t.Fatal("reload goes on")
	}
	said, err := os.ReadFile(l.out.Name())
	require.NoError(l.t, err)
	return string(said), p.ExitCode()
}

func (l *lab) await(fired <-chan struct{}) {
	l.t.Helper()
	select {
	case <-fired:
	case <-time.After(seconds(15)):
		l.t.Fatal("there was no such line")
	}
}

// The apply of a change that is to be confirmed ends in an error when the session is lost already: it is rolled back.
func TestConfirmRollsBackAnApplyThatBreaks(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newConfirmLab(t, v)
		type fault struct {
			what        string
			fault, mend func()
		}
		breaks := []fault{
			{
				"FRR does not answer in time",
				func() { require.NoError(t, unix.Kill(l.node.PID("bgpd"), unix.SIGSTOP)) },
				func() {
					l.release()
					time.Sleep(8500 * time.Millisecond) // than --timeout
					require.NoError(t, unix.Kill(l.node.PID("bgpd"), unix.SIGCONT))
				},
			},
			{
				"bgpd is killed",
				func() { l.kill("bgpd"); l.cut() },
				func() {
					l.release()
					time.Sleep(1500 * time.Millisecond) // than the engine waits
					l.start("bgpd")
					require.NoError(t, l.boot())
				},
			},
		}
		if v == fabric.V103 {
			// Last, since it stays.
			breaks = append(breaks, fault{
				"somebody holds the configuration lock",
				func() { l.person("mgmtd").types("enable", "configure terminal file-lock") }, l.release,
			})
		}
		for _, b := range breaks {
			what := b.what
			fired := l.armAfter(wrongAS, b.fault)
			p := l.reload(badConf, "--confirm", "30s", "--timeout", "8s")
			l.await(fired)
			b.mend()
			out, code := l.ended(p)
			require.Equal(t, 1, code, "%s: %s", what, out)
			require.Contains(t, out, "rolled back to the configuration before", what)
			l.comesTo(l.runsGood, seconds(10))
			l.back()
			kept, err := os.ReadFile(l.conf)
			require.NoError(t, err)
			require.Equal(t, goodConf, string(kept), "%s: FRR's next start", what)
		}
	})
}

// Somebody types meanwhile, and undoing that would reset a session: what was sent before is told.
func TestHeldAfterLinesWereSent(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newConfirmLab(t, v)
		const line = "network 192.0.2.11/32"
		wanted := strings.Replace(goodConf, "  network ", "  "+line+"\n  network ", 1)
		person := l.person("bgpd")
		for _, confirm := range []string{"0s", "1s"} {
			args := []string{"--refuse-resets", "--confirm", confirm}
			fired := l.armAfter(line, func() {
				sessions := l.tors[0].Sessions()
				person.types("enable", "configure terminal", "router bgp 64500", "neighbor 10.0.0.1 ebgp-multihop 3", "end")
				l.eventually("another session", seconds(20), func() bool { return l.tors[0].Sessions() > sessions })
				l.back()
			})
			p := l.reload(wanted, args...)
			l.await(fired)
			l.release()
			out, code := l.ended(p)
			require.Equal(t, 5, code, out)
			require.Contains(t, out, "lines were sent, and what is left is held back: it would reset 10.0.0.1;")
			require.Contains(t, strings.Join(l.runs(), "\n"), line)
			require.True(t, l.tors[0].Established())
			out, code = l.cli("reload", l.file(goodConf), "--frr-conf", l.conf)
			require.Zero(t, code, out)
			l.back()
		}
	})
}

// The same command again finishes what a reload that was killed has begun.
func TestReloadKilledAtAnyPoint(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newConfirmLab(t, v)
		other := "ip prefix-list own permit 192.0.2.0/24 le 32\nroute-map out permit 10\n match ip address prefix-list own\nexit\n" +
			strings.NewReplacer("192.0.2.10/32", "192.0.2.11/32\n  network 192.0.2.12/32\n  neighbor 10.0.0.1 route-map out out",
				" neighbor 10.0.0.1 timers", " neighbor 10.0.0.2 remote-as 64500\n neighbor 10.0.0.2 timers connect 1\n neighbor 10.0.0.1 timers").Replace(keptConf)
		for _, way := range []struct{ from, to string }{{goodConf, other}, {other, goodConf}} {
			l.arm(0, nil)
			out, code := l.ended(l.reload(way.to))
			require.Zero(t, code, out)
			lines := l.passed()
			bgp, err := l.runsOf("bgpd")
			require.NoError(t, err)
			bfd, err := l.runsOf("bfdd")
			require.NoError(t, err)
			for _, n := range sample(lines, 12) {
				out, code := l.ended(l.reload(way.from))
				require.Zero(t, code, out)
				var p *fabric.Program
				ready := make(chan struct{})
				fired := l.arm(n, func() { <-ready; _ = p.End(kill); l.cut() })
				p = l.reload(way.to)
				close(ready)
				l.await(fired)
				kept, err := os.ReadFile(l.conf)
				require.NoError(t, err)
				require.Equal(t, way.from, string(kept), "the last good configuration")
				l.release()
				out, code = l.ended(l.reload(way.to))
				require.Zero(t, code, "after %d lines, the last %q: %s", n, lines[max(0, n-1)], out)
				now, err := l.runsOf("bgpd")
				require.NoError(t, err)
				require.Equal(t, bgp, now)
				// A plan asks bgpd which lists and route-maps there are. vtysh gives them to one daemon after the other: the copies in bfdd, which
				// uses none, may be missing, but none may be left over.
				now, err = l.runsOf("bfdd")
				require.NoError(t, err)
				require.Subset(t, bfd, now)
				require.Equal(t, withoutFilters(bfd), withoutFilters(now))
				kept, err = os.ReadFile(l.conf)
				require.NoError(t, err)
				require.Equal(t, way.to, string(kept))
			}
		}
	})
}

func withoutFilters(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(l string) bool {
		return strings.HasPrefix(l, "ip prefix-list ") || strings.HasPrefix(l, "route-map ")
	})
}

// bgpd waits longer with each failure before it starts a session anew, also when what was wrong is right again: that time is not waited for.
func TestAMendedNeighborIsCalledAtOnce(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newConfirmLab(t, v)
		out, code := l.cli("reload", l.file(badConf), "--frr-conf", l.conf)
		require.Zero(t, code, out)
		var left time.Duration
		l.eventually("bgpd waits for long", seconds(60), func() bool {
			left = l.waits("10.0.0.1")
			return left > 12*time.Second
		})
		until := time.Now().Add(left)
		out, code = l.cli("reload", l.file(goodConf), "--frr-conf", l.conf)
		require.Zero(t, code, out)
		require.Contains(t, out, "clear bgp 10.0.0.1: after failures bgpd would wait")
		l.back()
		require.True(t, time.Now().Before(until), "back only when bgpd started it by itself")
	})
}

// waits is how long bgpd waits yet before it starts the session with a neighbor.
func (l *lab) waits(neighbor string) time.Duration {
	text, err := l.node.Ask(l.t.Context(), "bgpd", "show bgp neighbors "+neighbor+" json")
	require.NoError(l.t, err)
	var said map[string]struct{ NextStartTimerDueInMsecs int }
	require.NoError(l.t, json.Unmarshal([]byte(text), &said))
	return time.Duration(said[neighbor].NextStartTimerDueInMsecs) * time.Millisecond
}

// kill -9 can't roll back: frr.conf has what ran before.
func TestConfirmKilled(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newConfirmLab(t, v)
		p := l.reload(badConf, "--confirm", "1m")
		l.eventually("it waits", seconds(20), func() bool {
			said, _ := os.ReadFile(l.out.Name())
			return strings.Contains(string(said), "rolling back in")
		})
		require.NoError(t, p.End(kill))
		l.eventually("the session is lost", seconds(5), func() bool { return !l.tors[0].Established() })
		out, code := l.cli("reload", l.conf, "--frr-conf", l.conf)
		require.Zero(t, code, out)
		require.Equal(t, l.runsGood, l.runs())
		l.back()
	})
}

// "run" gives an apply up when the session is lost already, and tries on: the time to confirm runs from the first line that was sent.
func TestRunRollsBackAnApplyThatBreaks(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.timeout = "1s"
		a, _ := l.learn()
		l.end(unix.SIGTERM)
		l.run("--confirm", "5s")
		l.comesTo(a.runs, seconds(10))
		wrong := strings.Replace(a.objects, "peerASN: 64501", "peerASN: 64999", 1)
		require.NotEqual(t, a.objects, wrong)
		l.step()
		bgpd := l.node.PID("bgpd")
		t.Cleanup(func() { _ = unix.Kill(bgpd, unix.SIGCONT) })
		fired := l.armAfter(wrongAS, func() { require.NoError(t, unix.Kill(bgpd, unix.SIGSTOP)) })
		l.put(wrong)
		l.await(fired)
		l.release()
		l.says("FRR does not answer in time")
		require.NoError(t, unix.Kill(l.node.PID("bgpd"), unix.SIGCONT))
		l.says("the change is rolled back")
		l.comesTo(a.runs, seconds(10))
		l.hear(a.hears)
		require.Equal(t, "before", l.kept())
	})
}
