package frr

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// eachTransport runs a contract over every way to FRR, on every version.
func eachTransport(t *testing.T, f func(*testing.T, *fabric.Bare, vtysh.Client)) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		bare := fabric.NewBare(t, v)
		for name, client := range map[string]vtysh.Client{
			"socket": vtysh.NewSocket(bare.VtyDir()),
			"exec":   vtysh.NewExec("", bare.VtyshPath()),
			"auto":   vtysh.NewAuto(vtysh.NewSocket(bare.VtyDir()), vtysh.NewExec("", bare.VtyshPath())),
		} {
			t.Run(name, func(t *testing.T) {
				t.Cleanup(func() { _ = client.Close() })
				bare.Dirty()
				require.NoError(t, bare.Reset(t.Context()))
				f(t, bare, client)
			})
		}
	})
}

func TestTransportAnswersEachLine(t *testing.T) {
	eachTransport(t, func(t *testing.T, bare *fabric.Bare, client vtysh.Client) {
		version, err := vtysh.ReadVersion(t.Context(), client, vtysh.BGPD)
		require.NoError(t, err)
		require.Equal(t, string(bare.Version), strings.TrimSuffix(version.String(), ".4"))

		replies, err := client.Configure(t.Context(), vtysh.BGPD, []vtysh.Block{
			{Context: []vtysh.Line{"router bgp 65000"}, Lines: []vtysh.Line{"neighbor 10.0.0.1 remote-as 65001", "neighbor 10.0.0.1 nonsense", "neighbor 10.0.0.1 description one"}},
			{Context: []vtysh.Line{"router bgp 65000", "address-family ipv9 unicast"}, Lines: []vtysh.Line{"neighbor 10.0.0.1 description two", "network 192.0.2.1/32"}},
			{Context: []vtysh.Line{"router bgp 65000", "address-family ipv4 unicast"}, Lines: []vtysh.Line{"network 192.0.2.2/32", vtysh.Line("network " + strings.Repeat("1", 4000))}},
			{Lines: []vtysh.Line{"no route-map absent", "ip prefix-list a seq 5 permit 10.0.0.0/8"}},
		})
		require.NoError(t, err)
		var refused []bool
		for _, r := range replies {
			refused = append(refused, r.Refused())
		}
		require.Equal(t, []bool{false, true, false, true, true, false, true}, refused[:7], "%v", replies)
		require.False(t, refused[8], "%v", replies)

		running, err := client.Run(t.Context(), vtysh.BGPD, "show running-config")
		require.NoError(t, err)
		require.Contains(t, running, "description one")
		require.NotContains(t, running, "description two", "a line of a block that can't be entered must not run elsewhere")
		require.NotContains(t, running, "192.0.2.1/32")
		require.Contains(t, running, "network 192.0.2.2/32")
		require.Contains(t, running, "ip prefix-list a seq 5 permit 10.0.0.0/8")
	})
}

func TestTransportTellsARefusedCommand(t *testing.T) {
	eachTransport(t, func(t *testing.T, _ *fabric.Bare, client vtysh.Client) {
		_, err := client.Run(t.Context(), vtysh.BGPD, "show nonsense")
		require.ErrorContains(t, err, "show nonsense")
	})
}

func TestTransportFindsADaemonThatWasStartedAnew(t *testing.T) {
	eachTransport(t, func(t *testing.T, bare *fabric.Bare, client vtysh.Client) {
		_, err := client.Run(t.Context(), vtysh.BGPD, "show version")
		require.NoError(t, err)
		require.NoError(t, bare.Kill(t.Context(), unix.SIGKILL, "bgpd"))
		_, err = client.Run(t.Context(), vtysh.BGPD, "show version")
		require.ErrorIs(t, err, vtysh.ErrNotRunning)
		require.NoError(t, bare.Start(t.Context(), "bgpd"))
		_, err = client.Run(t.Context(), vtysh.BGPD, "show version")
		require.NoError(t, err)
	})
}

func TestTransportCarriesPasswordsUnchanged(t *testing.T) {
	passwords := []string{"!", "#", "!a#", "a!b", "\"", "a\"b", "'", "\\", "a\\", "|", "a|b", "?", "a?b", "{{.}}", "$(x)", "%s%n", "äöü", strings.Repeat("x", 80), "exit", "no"}
	for c := '!'; c <= '~'; c++ {
		passwords = append(passwords, "p"+string(c)+"q")
	}
	eachTransport(t, func(t *testing.T, _ *fabric.Bare, client vtysh.Client) {
		block := vtysh.Block{Context: []vtysh.Line{"router bgp 65000"}}
		address := func(i int) string { return fmt.Sprintf("10.0.%d.%d", i/100, i%100+1) }
		for i, p := range passwords {
			block.Lines = append(block.Lines, vtysh.Line("neighbor "+address(i)+" remote-as 65001"), vtysh.Line("neighbor "+address(i)+" password "+p))
		}
		replies, err := client.Configure(t.Context(), vtysh.BGPD, []vtysh.Block{block})
		require.NoError(t, err)
		for i, r := range replies {
			require.False(t, r.Refused(), "%s: %s", block.Lines[i].Reveal(), r.Text)
		}
		running, err := client.Run(t.Context(), vtysh.BGPD, "show running-config")
		require.NoError(t, err)
		for i, p := range passwords {
			require.Contains(t, running, "\n neighbor "+address(i)+" password "+p+"\n")
		}
	})
}

func TestSocketThatMayNotBeOpenedIsOneClearLine(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: becoming another user needs root")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	l, err := listenUnix(filepath.Join(dir, "bgpd.vty"))
	require.NoError(t, err)
	defer l.Close()
	require.NoError(t, os.Chmod(filepath.Join(dir, "bgpd.vty"), 0o600))
	err = asNobody(func() error {
		_, err := vtysh.NewSocket(dir).Run(t.Context(), vtysh.BGPD, "show version")
		return err
	})
	require.ErrorIs(t, err, vtysh.ErrPermission)
	require.ErrorContains(t, err, "run as user frr, in group frrvty, or as root")
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

// TestCopiesOfFiltersGo: what "vtysh -b" gave to all daemons at FRR's start leaves all of them with the document that had it.
func TestCopiesOfFiltersGo(t *testing.T) {
	const first = "ip prefix-list gone seq 5 permit 192.0.2.0/24\nip prefix-list kept seq 5 permit 192.0.2.0/24\nip prefix-list kept seq 10 permit 198.51.100.0/24\n" +
		"route-map gone permit 10\n match ip address prefix-list gone\nexit\nroute-map kept permit 10\n match tag 7\n set metric 5\nexit\nroute-map kept deny 20\nexit\n" +
		"router bgp 65000\nexit\n"
	const second = "ip prefix-list kept seq 5 permit 192.0.2.0/24 le 32\nroute-map kept permit 10\n match tag 7\nexit\nrouter bgp 65000\nexit\n"
	eachTransport(t, func(t *testing.T, bare *fabric.Bare, client vtysh.Client) {
		if _, ok := client.(*vtysh.Socket); ok && bare.Version == fabric.V103 {
			t.Skip("mgmtd is not for its socket: --vtysh=auto or exec")
		}
		_, err := bare.Load(t.Context(), first)
		require.NoError(t, err)
		result, err := reload.New(client, reload.Options{Now: time.Now, Previous: first}).Apply(t.Context(), render.Document{Text: second})
		require.NoError(t, err)
		require.True(t, result.Verified(), "%v\n%s", result.Refused, result.Remaining)
		running, err := bare.RunningConfig(t.Context())
		require.NoError(t, err)
		require.NotContains(t, running, "gone")
		require.NotContains(t, running, "198.51.100.0")
		require.NotContains(t, running, "set metric 5")
		require.NotContains(t, running, "deny 20")
		require.Equal(t, 1, strings.Count(running, "prefix-list kept seq 5"), running)
	})
}
