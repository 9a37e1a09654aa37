package frr

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// byHand is a frr.conf that nobody rendered: two routers, and what people keep beside BGP.
func byHand(password1 string, networks ...string) string {
	var b strings.Builder
	b.WriteString("log syslog informational\nip route 172.16.0.0/16 Null0\nbfd\n profile slow\n  detect-multiplier 5\n exit\nexit\n" +
		"ip prefix-list ours seq 5 permit 192.0.2.0/24 le 32\nroute-map out permit 10\n match ip address prefix-list ours\nexit\n" +
		"router bgp 64500\n no bgp ebgp-requires-policy\n no bgp network import-check\n neighbor tors peer-group\n neighbor tors timers connect 1\n" +
		" neighbor 10.0.0.1 remote-as 64501\n neighbor 10.0.0.1 timers connect 1\n neighbor 10.0.0.1 password " + password1 + "\n" +
		" neighbor 10.0.0.2 remote-as 64502\n neighbor 10.0.0.2 peer-group tors\n address-family ipv4\n  neighbor 10.0.0.1 route-map out out\n")
	for _, n := range networks {
		b.WriteString("  network " + n + "\n")
	}
	b.WriteString(" exit-address-family\n")
	return b.String()
}

// confLab is node1 with a frr.conf by hand, and no agent.
func confLab(t *testing.T, v, other fabric.Version) (l *lab, reload func(text string, args ...string) (string, int)) {
	l = prepare(t, rack(v, tor(other, 64501, "neighbor 10.0.0.11 password right"), tor(v, 64502)), nil)
	file := filepath.Join(t.TempDir(), "wanted.conf")
	return l, func(text string, args ...string) (string, int) {
		t.Helper()
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return l.cli(append([]string{"reload", file}, args...)...)
	}
}

var digestLine = regexp.MustCompile(`digest ([0-9a-f]{24})`)

func TestScenarioReloadOfAnyFile(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l, reload := confLab(t, v, other)
		out, code := reload(byHand("right", "192.0.2.1/32"))
		require.Zero(t, code, out)
		l.up("tor1", "tor2")
		l.arrives("tor1", "192.0.2.1/32", nil)
		kept, err := os.ReadFile(filepath.Join(l.node.ConfDir(), "frr.conf"))
		require.NoError(t, err)
		require.Equal(t, byHand("right", "192.0.2.1/32"), string(kept))

		l.undisturbed(func() {
			out, code := reload(byHand("right", "192.0.2.1/32"))
			require.Zero(t, code, out)
			require.Empty(t, out, "nothing is to do")

			two := byHand("right", "192.0.2.1/32", "192.0.2.2/32")
			out, code = reload(two, "--dry-run")
			require.Equal(t, 4, code, out)
			require.Equal(t, "none     bgpd  router bgp 64500 / address-family ipv4 unicast / network 192.0.2.2/32\n", out)
			l.absent("tor1", "192.0.2.2/32")
			_, code = reload(two)
			require.Zero(t, code)
			l.arrives("tor1", "192.0.2.2/32", nil)
			l.arrives("tor2", "192.0.2.2/32", nil)

			out, code = reload(strings.Replace(two, "le 32", "le 31", 1))
			require.Zero(t, code, out)
			l.vanishes("tor1", "192.0.2.2/32")
			l.arrives("tor2", "192.0.2.2/32", nil)

			out, code = reload(two + "router bgp 64500\n neighbor nonsense\n")
			require.Equal(t, 1, code, out)
			require.Contains(t, out, "nothing was changed")
			out, code = reload(two + "\x1b[2J nonsense \xff\n")
			require.Equal(t, 1, code, out)
			require.Regexp(t, `line \d+: Unknown command: \?\[2J nonsense \S+; nothing was changed\n$`, out)
			require.NotContains(t, out, "\xff")
			out, code = reload(" \n")
			require.Equal(t, 1, code, out)
			require.Contains(t, out, "is empty")

			out, code = reload(byHand("wrong", "192.0.2.1/32"), "--refuse-resets")
			require.Equal(t, 5, code, out)
			require.NotContains(t, out, "wrong", "a password")
			require.Contains(t, out, "it would reset 10.0.0.1;")
			out, code = reload(byHand("wrong", "192.0.2.1/32"), "--refuse-resets", "--dry-run")
			require.Equal(t, 5, code, out)
			require.Regexp(t, `it would be held back: it would reset 10.0.0.1; to let it through: --allow-resets [0-9a-f]{24}\n$`, out)
			wrong := digestLine.FindStringSubmatch(out)
			require.NotNil(t, wrong, out)
			out, code = reload(byHand("wrong", "192.0.2.1/32"), "--allow-resets", wrong[1], "--dry-run")
			require.Equal(t, 4, code, out)
			_, code = reload(byHand("wrong", "192.0.2.1/32"), "--allow-resets", strings.Repeat("0", 24))
			require.Equal(t, 5, code)
			out, code = reload(byHand("right", "192.0.2.1/32")+"interface eth0\n shutdown\nexit\n", "--refuse-resets")
			require.Equal(t, 5, code, out)
			require.Contains(t, out, "it would reset 10.0.0.1, 10.0.0.2;")
		})

		// What is allowed goes through, and resets what it said.
		changed := strings.Replace(byHand("right", "192.0.2.1/32"), "neighbor 10.0.0.2 remote-as 64502", "neighbor 10.0.0.2 remote-as 64502\n neighbor 10.0.0.2 disable-connected-check", 1)
		out, code = reload(changed, "--dry-run")
		require.Equal(t, 4, code, out)
		digest := digestLine.FindStringSubmatch(out)
		require.NotNil(t, digest, out)
		before := l.sessions(l.node)
		out, code = reload(changed, "--allow-resets", digest[1])
		require.Zero(t, code, out)
		l.up("tor1", "tor2")
		disturbed := fabric.Disturbed(before, l.sessions(l.node))
		require.Len(t, disturbed, 1)
		require.Contains(t, disturbed[0], "10.0.0.2")
	})
}

func TestScenarioConfirmBringsASessionBack(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l, reload := confLab(t, v, other)
		out, code := reload(byHand("right", "192.0.2.1/32"))
		require.Zero(t, code, out)
		l.up("tor1", "tor2")
		before := l.sessions(l.Node("tor2"))
		out, code = reload(byHand("wrong", "192.0.2.1/32", "192.0.2.9/32"), "--confirm", "4s")
		require.Equal(t, 1, code, out)
		require.Contains(t, out, "no longer Established: 10.0.0.1; rolled back")
		require.NotContains(t, out, "wrong", "a password")
		l.up("tor1", "tor2")
		l.vanishes("tor2", "192.0.2.9/32")
		require.Empty(t, fabric.Disturbed(before, l.sessions(l.Node("tor2"))), "the other session")
		kept, err := os.ReadFile(filepath.Join(l.node.ConfDir(), "frr.conf"))
		require.NoError(t, err)
		require.Equal(t, byHand("right", "192.0.2.1/32"), string(kept), "FRR's next start")

		out, code = reload(byHand("right", "192.0.2.1/32", "192.0.2.9/32"), "--confirm", "1s")
		require.Zero(t, code, out)
		require.Contains(t, out, "confirmed")
		l.arrives("tor2", "192.0.2.9/32", nil)
	})
}

// background starts a reload, and waits until it has printed some words.
func (l *lab) background(words string, args ...string) *background {
	l.t.Helper()
	r, w, err := os.Pipe()
	require.NoError(l.t, err)
	cmd := l.product(l.t.Context(), append([]string{"reload"}, args...)...)
	cmd.Stdout, cmd.Stderr = w, w
	b := &background{out: r}
	b.program, err = fabric.Start(cmd)
	require.NoError(l.t, errors.Join(err, w.Close()))
	l.t.Cleanup(func() { _ = b.program.End(os.Kill); r.Close() })
	require.NoError(l.t, r.SetReadDeadline(time.Now().Add(30*time.Second)))
	for part := make([]byte, 4096); !strings.Contains(b.said, words); {
		n, err := r.Read(part)
		require.NoError(l.t, err, b.said)
		b.said += string(part[:n])
	}
	return b
}

// background is a reload that runs beside a test.
type background struct {
	program *fabric.Program
	out     *os.File
	said    string
}

// ends waits for its end, and returns its exit code; -1 when a signal has ended it.
func (b *background) ends(t *testing.T) int {
	t.Helper()
	select {
	case <-b.program.Ended:
	case <-time.After(30 * time.Second):
		t.Fatal("reload goes on")
	}
	rest, _ := io.ReadAll(b.out)
	b.said += string(rest)
	return b.program.ExitCode()
}

const waiting = "rolling back in"

// The change cuts the connection of the person who makes it: the terminal hangs up, or nobody reads what is printed.
func TestScenarioConfirmOutlivesItsTerminal(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l, reload := confLab(t, v, other)
		out, code := reload(byHand("right", "192.0.2.1/32"))
		require.Zero(t, code, out)
		l.up("tor1", "tor2")
		wrong := filepath.Join(t.TempDir(), "wrong.conf")
		require.NoError(t, os.WriteFile(wrong, []byte(byHand("wrong", "192.0.2.1/32")), 0o600))
		for what, gone := range map[string]func(b *background) error{
			"the terminal": func(b *background) error { return unix.Kill(b.program.PID(), unix.SIGHUP) },
			"the pipe":     func(b *background) error { return b.out.Close() },
		} {
			b := l.background(waiting, wrong, "--confirm", "3s")
			require.NoError(t, gone(b))
			l.goesDown("tor1")
			require.Equal(t, 1, b.ends(t), "without %s: %s", what, b.said)
			l.up("tor1", "tor2")
		}
		text, err := l.node.RunningConfig(t.Context())
		require.NoError(t, err)
		require.NotContains(t, text, "password wrong")
	})
}

// goesDown waits until node1 has no session with a router.
func (l *lab) goesDown(tor string) {
	l.t.Helper()
	l.eventually("no session with "+tor, 10*time.Second, func() bool {
		return !slices.ContainsFunc(l.sessions(l.Node(tor)), func(s fabric.Session) bool { return s.State == "Established" })
	})
}

// A person edits frr.conf itself and reloads it, as with frr-reload.py. Until the change is confirmed, FRR would start with what ran before,
// however we end; and the person's text is never lost.
func TestScenarioConfirmOfFRRsOwnFile(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l, _ := confLab(t, v, other)
		const own = "/etc/frr/frr.conf"
		conf := filepath.Join(l.node.ConfDir(), "frr.conf")
		edit := func(text string) { require.NoError(t, os.WriteFile(conf, []byte(text), 0o640)) }
		holds := func(suffix, text string) {
			t.Helper()
			data, err := os.ReadFile(conf + suffix)
			require.NoError(t, err)
			require.Equal(t, text, string(data), suffix)
		}
		boot := func() {
			require.NoError(t, l.node.Restart(t.Context()))
			_, err := l.node.Boot(t.Context())
			require.NoError(t, err)
		}
		right, wrong := "! mine\n"+byHand("right", "192.0.2.1/32"), "! mine too\n"+byHand("wrong", "192.0.2.1/32")
		edit(right)
		out, code := l.cli("reload", own, "--confirm", "1s")
		require.Zero(t, code, out)
		holds("", right)
		require.NoFileExists(t, conf+".unconfirmed")
		l.up("tor1", "tor2")
		require.NoError(t, os.WriteFile(conf+".rejected", []byte("an older one"), 0o640))

		edit(wrong)
		b := l.background(waiting, own, "--confirm", "4s")
		holds(".unconfirmed", wrong)
		boot() // while the change is not confirmed
		require.Equal(t, 1, b.ends(t), b.said)
		require.Contains(t, b.said, "FRR was restarted before the change was confirmed; rolled back")
		l.up("tor1", "tor2")
		holds(".rejected", "an older one")
		holds(".rejected.2", wrong)

		edit(wrong)
		out, code = l.cli("reload", own, "--confirm", "3s")
		require.Equal(t, 1, code, out)
		require.Contains(t, out, "no longer Established: 10.0.0.1; rolled back to the configuration before, "+own+" holds that too, and your text is in "+own+".rejected.3")
		l.up("tor1", "tor2")
		holds(".rejected.3", wrong)
		require.NoFileExists(t, conf+".unconfirmed")
		boot()
		l.up("tor1", "tor2")
		l.arrives("tor1", "192.0.2.1/32", nil)

		// kill -9 can't roll back; the file goes back to what ran before.
		edit(wrong)
		b = l.background(waiting, own, "--confirm", "1m")
		require.NoError(t, b.program.End(os.Kill))
		l.goesDown("tor1")
		out, code = l.cli("reload", own)
		require.Zero(t, code, out)
		l.up("tor1", "tor2")
		holds(".unconfirmed", wrong)
	})
}

// Two people at once: what one has not confirmed yet, the other does not change, and frr.conf ends as what FRR runs.
func TestScenarioOneReloadAtATime(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l, reload := confLab(t, v, other)
		conf := filepath.Join(l.node.ConfDir(), "frr.conf")
		holds := func(text string) {
			t.Helper()
			kept, err := os.ReadFile(conf)
			require.NoError(t, err)
			require.Equal(t, text, string(kept), "FRR's next start")
		}
		zero := byHand("right", "192.0.2.1/32")
		out, code := reload(zero)
		require.Zero(t, code, out)
		l.up("tor1", "tor2")
		one, two := filepath.Join(t.TempDir(), "one.conf"), byHand("right", "192.0.2.2/32")
		require.NoError(t, os.WriteFile(one, []byte(byHand("right", "192.0.2.9/32")), 0o600))

		b := l.background(waiting, one, "--confirm", "4s")
		require.Contains(t, b.said, "network 192.0.2.9/32\n", "the plan, before the wait")
		out, code = reload(two)
		require.Equal(t, 1, code, out)
		require.Regexp(t, `^frr-renderer: another reload runs \(pid `+strconv.Itoa(b.program.PID())+`\), its --confirm ends in [1-4]s; .*nothing was sent\n$`, out)
		out, code = reload(two, "--dry-run")
		require.Equal(t, 4, code, out)
		require.Zero(t, b.ends(t), b.said)
		require.Equal(t, 1, strings.Count(b.said, "network 192.0.2.9/32\n"), b.said)
		holds(byHand("right", "192.0.2.9/32"))
		require.NoFileExists(t, filepath.Join(l.node.VtyDir(), "frr-renderer.reload"))

		// The lock of one that is killed is gone, and its note is nobody's.
		require.NoError(t, os.WriteFile(one, []byte(two), 0o600))
		b = l.background(waiting, one, "--confirm", "1m")
		require.NoError(t, b.program.End(os.Kill))
		out, code = reload(zero)
		require.Zero(t, code, out)
		holds(zero)

		// What a person writes meanwhile stays, and is told: when the change is confirmed, and when it is rolled back.
		const mine = "! by a person\n"
		b = l.background(waiting, one, "--confirm", "2s")
		require.NoError(t, os.WriteFile(conf, []byte(mine), 0o640))
		require.Equal(t, 1, b.ends(t), b.said)
		require.Contains(t, b.said, "FRR runs "+one+" as it was read, but somebody else has written /etc/frr/frr.conf meanwhile")
		holds(mine)

		// A person types into vtysh: frr.conf does not become what FRR does not run.
		require.NoError(t, os.WriteFile(one, []byte(byHand("right", "192.0.2.3/32")), 0o600))
		b = l.background(waiting, one, "--confirm", "2s")
		_, err := l.node.Vtysh(t.Context(), "-c", "configure terminal", "-c", "router bgp 64500", "-c", "address-family ipv4", "-c", "network 192.0.2.7/32")
		require.NoError(t, err)
		require.Equal(t, 1, b.ends(t), b.said)
		require.Contains(t, b.said, "changed by somebody since it was applied: none     bgpd  router bgp 64500 / address-family ipv4 unicast / no network 192.0.2.7/32\n")
		require.Contains(t, b.said, "FRR no longer runs "+one+", 1 lines differ; /etc/frr/frr.conf is as it was\n")
		holds(mine)

		require.NoError(t, os.WriteFile(one, []byte(byHand("wrong", "192.0.2.9/32")), 0o600))
		b = l.background(waiting, one, "--confirm", "4s")
		require.NoError(t, os.WriteFile(conf, []byte(mine+mine), 0o640))
		require.Equal(t, 1, b.ends(t), b.said)
		require.Contains(t, b.said, "rolled back to the configuration before, somebody else has written /etc/frr/frr.conf meanwhile")
		holds(mine + mine)
	})
}

func TestScenarioResetsAreHeldUntilAllowed(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l := start(t, rack(v, tor(other, 64501), tor(v, 64502)), map[string]string{"base": basics + toTor2, "tor1": toTor1, "node": node("")},
			"--refuse-resets")
		l.up("tor1", "tor2")
		require.Equal(t, 1, strings.Count(l.read(), "there is no API server to write Events to"))
		held := ""
		l.undisturbed(func() {
			l.step()
			l.put("tor1", peer("tor1", "10.0.0.1", 64501, "disableMP: false", "sourceAddress: 10.0.0.11"))
			l.said("held back: it would reset 10.0.0.1")
			l.put("api", service("api", "", "192.0.2.20"))
			l.arrives("tor1", "192.0.2.20/32", nil) // everything else goes on
			l.arrives("tor2", "192.0.2.20/32", nil)
			out, _ := l.cli("status")
			require.Contains(t, out, "held back, since it would reset 10.0.0.1")
			held = l.held()
			l.measures("plan_held 1", `held_session{neighbor="10.0.0.1",vrf="default"} 1`, "session_resets_total 0")
		})
		before := l.sessions(l.node)
		l.step()
		l.put("node", allowing(held))
		l.said("update-source 10.0.0.11")
		l.eventually("a reset of tor1", 5*time.Second, func() bool { return len(fabric.Disturbed(before, l.sessions(l.node))) == 1 })
		l.measures("plan_held 0", "session_resets_total 1")
		require.NotContains(t, l.scrape(), "frr_renderer_held_session")
		l.up("tor1", "tor2")
		require.Equal(t, 1, strings.Count(l.read(), "API server"), "told once")
	})
}

func TestScenarioStatusShowsWhatWaitsForTheNextSession(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l := start(t, rack(v, tor(other, 64501), tor(v, 64502)), map[string]string{"base": basics + toTor2, "tor1": toTor1, "node": node("")})
		l.up("tor1", "tor2")
		l.undisturbed(func() {
			time.Sleep(1500 * time.Millisecond) // FRR tells the age of a session in whole seconds
			l.step()
			l.put("tor1", peer("tor1", "10.0.0.1", 64501, "disableMP: false", "holdTime: 30s", "keepaliveTime: 10s"))
			l.said("timers 10 30")
			l.eventually("the setting that waits", 5*time.Second, func() bool {
				out, _ := l.cli("status")
				return strings.Contains(out, "60/180 s (configured 10/30 s)") && strings.Contains(out, "  10.0.0.1: neighbor 10.0.0.1 timers 10 30 (since")
			})
		})
		_, err := l.node.Vtysh(t.Context(), "-c", "clear bgp 10.0.0.1")
		require.NoError(t, err)
		l.eventually("the setting in force", 20*time.Second, func() bool {
			out, _ := l.cli("status")
			return strings.Contains(out, " 10/30 s ") && !strings.Contains(out, "from the next session on")
		})
	})
}

func TestScenarioRunRollsBack(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		right := peer("tor1", "10.0.0.1", 64501, "password: right")
		l := start(t, rack(v, tor(other, 64501, "neighbor 10.0.0.11 password right"), tor(v, 64502)),
			map[string]string{"base": basics, "tor1": right + toTor2}, "--confirm", "4s")
		l.up("tor1", "tor2")
		l.said("the change is confirmed")
		l.step()
		wrong := peer("tor1", "10.0.0.1", 64501, "password: wrong")
		l.put("tor1", wrong+peer("tor2", "10.0.0.2", 64502, "sourceAddress: 10.0.0.11"))
		l.said("sessions are lost: the change is rolled back for them")
		l.up("tor1", "tor2")
		text, err := l.node.RunningConfig(t.Context())
		require.NoError(t, err)
		require.Contains(t, text, "neighbor 10.0.0.2 update-source 10.0.0.11", "the change of the other neighbor stays")
		l.undisturbed(func() {
			l.put("api", service("api", "", "192.0.2.20")) // everything else goes on
			l.arrives("tor1", "192.0.2.20/32", nil)
			l.arrives("tor2", "192.0.2.20/32", nil)
			l.said("every session is back: the change is confirmed")
			l.eventually("frr.conf without what was rolled back", 10*time.Second, func() bool {
				kept, err := os.ReadFile(filepath.Join(l.node.ConfDir(), "frr.conf"))
				return err == nil && strings.Contains(string(kept), "password right") && strings.Contains(string(kept), "192.0.2.20/32")
			})
		})
		out, _ := l.cli("status")
		require.Contains(t, out, "RolledBack")

		// It is tried once more when a person says so, and no more than once.
		l.step()
		l.put("node", allowing(l.held()))
		l.goesDown("tor1")
		l.said("sessions are lost: the change is rolled back for them")
		l.up("tor1", "tor2")
		require.NoError(t, l.node.Restart(t.Context()))
		_, err = l.node.Boot(t.Context())
		require.NoError(t, err)
		l.up("tor1", "tor2")
		l.undisturbed(func() {
			time.Sleep(6 * time.Second)
			l.arrives("tor1", "192.0.2.20/32", nil)
			l.step()
			l.put("tor1", right+peer("tor2", "10.0.0.2", 64502, "sourceAddress: 10.0.0.11"))
			l.said("a problem is gone")
			l.put("shop", service("shop", "", "192.0.2.21"))
			l.arrives("tor1", "192.0.2.21/32", nil)
		})
	})
}

// The router that a change is about stops at the same time, for another reason: what was rolled back for it is taken up again, and what else comes
// meanwhile goes on. Then a router dies that the change is not about: all of it is rolled back, until the next change, and no more for this router.
func TestScenarioRunRollsBackInVain(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l := start(t, rack(v, tor(other, 64501), tor(v, 64502)), map[string]string{"base": basics + toTor2, "tor1": toTor1}, "--confirm", "4s")
		l.up("tor1", "tor2")
		l.said("the change is confirmed")
		tor2 := l.sessions(l.Node("tor2"))
		l.step()
		bgpd := l.Node("tor1").PID("bgpd")
		require.NoError(t, unix.Kill(bgpd, unix.SIGSTOP)) // which nobody notices before the session is reset
		t.Cleanup(func() { _ = unix.Kill(bgpd, unix.SIGCONT) })
		l.put("tor1", peer("tor1", "10.0.0.1", 64501, "disableMP: false", "sourceAddress: 10.0.0.11"))
		l.put("api", service("api", "", "192.0.2.20"))
		l.arrives("tor2", "192.0.2.20/32", nil)
		l.said("the change is rolled back for them")
		l.put("shop", service("shop", "", "192.0.2.21"))
		l.arrives("tor2", "192.0.2.21/32", nil)
		l.said("what was rolled back for a neighbor is applied once more")
		l.eventually("the change", 10*time.Second, func() bool {
			text, err := l.node.RunningConfig(t.Context())
			return err == nil && strings.Contains(text, "update-source 10.0.0.11")
		})
		l.said("the change is confirmed")
		l.arrives("tor2", "192.0.2.20/32", nil)
		l.arrives("tor2", "192.0.2.21/32", nil)
		require.Empty(t, fabric.Disturbed(tor2, l.sessions(l.Node("tor2"))))

		require.NoError(t, unix.Kill(bgpd, unix.SIGCONT))
		l.up("tor1", "tor2")
		l.step()
		l.put("base", basics+peer("tor2", "10.0.0.2", 64502, "sourceAddress: 10.0.0.11"))
		l.goesDown("tor2")
		l.up("tor2")
		l.put("mail", service("mail", "", "192.0.2.22"))
		l.arrives("tor2", "192.0.2.22/32", nil)
		tor2 = l.sessions(l.Node("tor2")) // which is well with what is new
		require.NoError(t, unix.Kill(bgpd, unix.SIGKILL))
		l.said("the change is rolled back")
		l.vanishes("tor2", "192.0.2.22/32")
		l.put("chat", service("chat", "", "192.0.2.23"))
		l.arrives("tor2", "192.0.2.22/32", nil)
		l.arrives("tor2", "192.0.2.23/32", nil)
		l.said("the change is confirmed")
		l.eventually("frr.conf with the Services", 10*time.Second, func() bool {
			kept, err := os.ReadFile(filepath.Join(l.node.ConfDir(), "frr.conf"))
			return err == nil && strings.Contains(string(kept), "192.0.2.22/32") && strings.Contains(string(kept), "192.0.2.23/32")
		})
		require.Empty(t, fabric.Disturbed(tor2, l.sessions(l.Node("tor2"))))
	})
}

// The node gets another AS number, which no router takes. Its Services come and go while the one before stays.
func TestScenarioRunRollsBackAnotherASOfTheNode(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		peers := toTor1 + toTor2
		l := start(t, rack(v, tor(other, 64501), tor(v, 64502)), map[string]string{"base": basics, "peers": peers}, "--confirm", "4s")
		l.up("tor1", "tor2")
		l.said("the change is confirmed")
		l.step()
		l.put("peers", strings.ReplaceAll(peers, "myASN: 64500", "myASN: 64999"))
		l.goesDown("tor1")
		l.goesDown("tor2")
		l.said("the change is rolled back for them")
		l.up("tor1", "tor2")
		l.undisturbed(func() {
			l.put("api", service("api", "", "192.0.2.20"))
			l.arrives("tor1", "192.0.2.20/32", nil)
			l.said("the change is confirmed")
			l.remove("api")
			l.vanishes("tor1", "192.0.2.20/32")
		})
		l.eventually("frr.conf with the AS number before", 10*time.Second, func() bool {
			kept, err := os.ReadFile(filepath.Join(l.node.ConfDir(), "frr.conf"))
			return err == nil && strings.Contains(string(kept), "router bgp 64500") && !strings.Contains(string(kept), "192.0.2.20/32")
		})
		require.NoError(t, l.node.Restart(t.Context()))
		_, err := l.node.Boot(t.Context())
		require.NoError(t, err)
		l.up("tor1", "tor2")
		l.step()
		l.undisturbed(func() { time.Sleep(3 * time.Second) })
		require.Empty(t, l.lines(), "FRR has started with what ran")
	})
}

// FRR refuses another line of the change, and the object that it comes from is left out: the lost session is still watched over, and what was
// rolled back is not tried again when FRR is restarted.
func TestScenarioRunRollsBackBesideARefusedLine(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l := start(t, rack(v, tor(other, 64501, "neighbor 10.0.0.11 password right"), tor(v, 64502)),
			map[string]string{"base": basics + toTor2, "tor1": peer("tor1", "10.0.0.1", 64501, "password: right")}, "--confirm", "4s")
		l.up("tor1", "tor2")
		l.said("the change is confirmed")
		l.step()
		l.put("tor1", peer("tor1", "10.0.0.1", 64501, "password: wrong")+
			object("ConfigMap", "bgpextras", "data:\n  extras: |\n    router bgp 64500\n     neighbor 10.9.9.9 description nobody"))
		l.said("RefusedByFRR")
		l.said("sessions are lost: the change is rolled back")
		l.up("tor1", "tor2")
		require.NoError(t, l.node.Restart(t.Context()))
		_, err := l.node.Boot(t.Context())
		require.NoError(t, err)
		l.step()
		l.up("tor1", "tor2")
		l.undisturbed(func() { time.Sleep(3 * time.Second) }) // it looks again, and once more
		require.NotContains(t, l.read()[l.mark:], "password", "it is not tried again")
		l.undisturbed(func() {
			l.put("api", service("api", "", "192.0.2.20"))
			l.arrives("tor1", "192.0.2.20/32", nil)
			l.said("the change is confirmed")
			l.eventually("frr.conf beside the refused line", 10*time.Second, func() bool {
				kept, err := os.ReadFile(filepath.Join(l.node.ConfDir(), "frr.conf"))
				return err == nil && strings.Contains(string(kept), "password right") && strings.Contains(string(kept), "192.0.2.20/32")
			})
		})
		require.NotContains(t, l.read()[l.mark:], "applied a line\" daemon=bgpd effect=reset")
	})
}

// The product is killed while a change is not confirmed, and started again: it goes on to watch over it. What it has rolled back it leaves out.
func TestScenarioRunIsRestartedBeforeTheConfirmation(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		right := peer("tor1", "10.0.0.1", 64501, "password: right")
		l := start(t, rack(v, tor(other, 64501, "neighbor 10.0.0.11 password right"), tor(v, 64502)),
			map[string]string{"base": basics + toTor2, "tor1": right}, "--confirm", "4s")
		l.up("tor1", "tor2")
		kept := func() string {
			text, err := os.ReadFile(filepath.Join(l.node.ConfDir(), "frr.conf"))
			require.NoError(t, err)
			return string(text)
		}
		noted := filepath.Join(l.node.ConfDir(), "frr-renderer.unconfirmed.json")
		l.eventually("frr.conf is kept", 10*time.Second, func() bool {
			_, err := os.Stat(noted)
			return strings.Contains(kept(), "password right") && errors.Is(err, fs.ErrNotExist)
		})
		again := func() {
			t.Helper()
			require.NoError(t, l.agent.End(os.Kill))
			l.agent = nil
			l.step()
			l.run("--confirm", "4s")
		}
		l.step()
		l.put("tor1", peer("tor1", "10.0.0.1", 64501, "password: wrong"))
		l.applied()
		l.goesDown("tor1")
		require.Contains(t, kept(), "password right")
		again()
		l.said("a change before this start is not confirmed yet")
		l.said("sessions are lost: the change is rolled back")
		l.up("tor1", "tor2")

		l.undisturbed(func() {
			again()
			l.said("RolledBack")
			l.put("tor1", right+service("api", "", "192.0.2.20"))
			l.arrives("tor2", "192.0.2.20/32", nil)
		})
	})
}

func TestScenarioDriftIsReported(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l := start(t, rack(v, tor(other, 64501)), map[string]string{"base": basics + toTor1}, "--drift", "report", "--drift-interval", "500ms")
		l.up("tor1")
		l.arrives("tor1", "192.0.2.10/32", nil)
		l.step()
		_, err := l.node.Vtysh(t.Context(), "-c", "configure terminal", "-c", "router bgp 64500", "-c", "address-family ipv4 unicast", "-c", "network 198.51.7.7/32")
		require.NoError(t, err)
		l.said("FRR runs something else than was applied")
		l.said("no network 198.51.7.7/32")
		require.Empty(t, l.lines(), "nothing is repaired")
		l.measures("drift_lines 1", "drift_found_total 1", "drift_repaired_total 0")
		seen := l.scrape()
		time.Sleep(1200 * time.Millisecond)
		require.Equal(t, success(t, seen), success(t, l.scrape()), "FRR is not seen running what it should")
		l.measures("drift_found_total 1")
		l.put("api", service("api", "", "192.0.2.20"))
		l.arrives("tor1", "192.0.2.20/32", nil)
		l.measures("drift_lines 0")
	})
}
