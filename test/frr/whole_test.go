package frr

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/skip"
)

// wholeFiles has an engine for whole files on a new FRR.
func wholeFiles(t *testing.T, part func(t *testing.T, bare *fabric.Bare, client vtysh.Client, apply func(text string) reload.Result)) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		bare := fabric.NewBare(t, v)
		client := vtysh.NewAuto(vtysh.NewSocket(bare.VtyDir()), vtysh.NewExec("", bare.VtyshPath()))
		t.Cleanup(func() { _ = client.Close() })
		part(t, bare, client, func(text string) reload.Result {
			t.Helper()
			result, err := reload.New(client, reload.Options{Whole: true, Now: time.Now}).Apply(t.Context(), render.Document{Text: text})
			require.NoError(t, err)
			return result
		})
	})
}

// staticRoutes is what the daemon prints that has the static routes: mgmtd, where it runs.
func staticRoutes(t *testing.T, client vtysh.Client) string {
	t.Helper()
	running, err := client.Daemons(t.Context())
	require.NoError(t, err)
	d := vtysh.Staticd
	if slices.Contains(running, vtysh.Mgmtd) {
		d = vtysh.Mgmtd
	}
	text, err := client.Run(t.Context(), d, "show running-config")
	require.NoError(t, err)
	return text
}

func TestRoutesAfterARefusedOneStayInTheirVRF(t *testing.T) {
	wholeFiles(t, func(t *testing.T, bare *fabric.Bare, client vtysh.Client, apply func(string) reload.Result) {
		if bare.Version != fabric.V84 {
			skip.Test(t, "", "mgmtd of 10.3 sometimes ends itself over a route that staticd refuses; it commits whole, and leaks none")
		}
		result := apply("ip route 10.93.0.0/16 10.8.0.7\nip route 10.96.0.0/16 10.8.0.7 label 100\nip route 10.94.0.0/16 192.168.1.1 vrf red\n" +
			"vrf blue\n ip route 10.97.0.0/16 10.8.0.7 label 100\n ip route 10.95.0.0/16 192.168.1.1\nexit-vrf\n")
		text := staticRoutes(t, client)
		require.Contains(t, text, "\nip route 10.93.0.0/16 10.8.0.7\n", "%s", result.Refused)
		require.NotContains(t, text, "\nip route 10.94.0.0/16", "a route of VRF red")
		require.NotContains(t, text, "\nip route 10.95.0.0/16", "a route of VRF blue")
		require.Contains(t, text, "\n ip route 10.94.0.0/16 192.168.1.1\n")
		require.Contains(t, text, "\n ip route 10.95.0.0/16 192.168.1.1\n")
	})
}

func TestNamesReachEveryDaemon(t *testing.T) {
	wholeFiles(t, func(t *testing.T, _ *fabric.Bare, client vtysh.Client, apply func(string) reload.Result) {
		require.True(t, apply("hostname two\ndomainname example.org\nrouter bgp 65000\n").Verified())
		for _, d := range []vtysh.Daemon{vtysh.BGPD, vtysh.BFDD, vtysh.Zebra} {
			text, err := client.Run(t.Context(), d, "show running-config")
			require.NoError(t, err)
			require.Contains(t, text, "\nhostname two\n", d)
			require.Contains(t, text, "\ndomainname example.org\n", d)
		}
		require.True(t, apply("hostname two\ndomainname example.org\nrouter bgp 65000\n").Plan.Empty())
	})
}

func TestLinesWithoutTheirDaemonAreRefused(t *testing.T) {
	wholeFiles(t, func(t *testing.T, _ *fabric.Bare, _ vtysh.Client, apply func(string) reload.Result) {
		result := apply("router ospf\n ospf router-id 1.1.1.1\n network 10.8.0.0/24 area 0\nexit\nrouter bgp 65000\nexit\n")
		require.False(t, result.Verified())
		require.Len(t, result.Refused, 2)
		require.Equal(t, "no ospfd runs", result.Refused[0].Reply)
		require.True(t, apply("router bgp 65000\nexit\n").Verified())
	})
}

func TestAFileWithoutBGPNeedsNoBGPD(t *testing.T) {
	wholeFiles(t, func(t *testing.T, bare *fabric.Bare, client vtysh.Client, apply func(string) reload.Result) {
		require.NoError(t, bare.Kill(t.Context(), unix.SIGKILL, string(vtysh.BGPD)))
		const file = "ip prefix-list a seq 5 permit 10.0.0.0/8\nip route 10.93.0.0/16 10.8.0.7\n"
		result := apply(file)
		require.True(t, result.Verified(), "%v %s", result.Refused, result.Remaining)
		text := staticRoutes(t, client)
		require.Contains(t, text, "ip route 10.93.0.0/16 10.8.0.7")
		require.True(t, apply(file).Plan.Empty())
		_, err := reload.New(client, reload.Options{Whole: true, Now: time.Now}).Apply(t.Context(), render.Document{Text: "router bgp 65000\n"})
		require.ErrorIs(t, err, vtysh.ErrNotRunning)
	})
}

// A reload that is killed between two daemons leaves zebra without what bgpd has: the next one gives zebra what its own lines refer to.
func TestZebraGetsTheFiltersThatItLacks(t *testing.T) {
	const file = "ip prefix-list deep seq 5 permit 192.0.2.0/24\nip prefix-list other seq 5 permit 198.51.100.0/24\naccess-list near seq 5 permit 10.0.0.0/8\n" +
		"bgp community-list standard known seq 5 permit 65000:1\n" +
		"route-map nht permit 10\n match ip address prefix-list deep\n match community known\nexit\nroute-map nht deny 20\nexit\n" +
		"route-map in-red permit 10\n call called\nexit\nroute-map called permit 10\n match ip address near\nexit\nroute-map bgps permit 10\n match tag 7\nexit\n" +
		"ip nht bgp route-map nht\nvrf red\n ip protocol static route-map in-red\nexit-vrf\nrouter bgp 65000\nexit\n"
	wholeFiles(t, func(t *testing.T, bare *fabric.Bare, client vtysh.Client, apply func(string) reload.Result) {
		require.True(t, apply(file).Verified())
		holder := vtysh.Zebra
		if bare.Version != fabric.V84 {
			holder = vtysh.Mgmtd
		}
		holds := func() []string { // in any order: what comes back stands last
			text, err := bare.Ask(t.Context(), string(holder), "show running-config")
			require.NoError(t, err)
			return slices.Sorted(strings.Lines(text))
		}
		whole := holds()
		for _, lacks := range [][]string{
			{"no route-map nht", "no route-map called", "no route-map in-red", "no ip prefix-list deep", "no access-list near"},
			{"route-map nht permit 10\nno match ip address prefix-list deep"},
			{"route-map nht deny 10"},
			{"no route-map nht deny 20"},
			{"no ip prefix-list deep seq 5 permit 192.0.2.0/24"},
			{"no access-list near seq 5 permit 10.0.0.0/8"},
		} {
			for _, l := range lacks {
				context, line, within := strings.Cut(l, "\n")
				block := vtysh.Block{Lines: []vtysh.Line{vtysh.Line(context)}}
				if within {
					block = vtysh.Block{Context: block.Lines, Lines: []vtysh.Line{vtysh.Line(line)}}
				}
				replies, err := client.Configure(t.Context(), holder, []vtysh.Block{block})
				require.NoError(t, err)
				require.False(t, replies[0].Refused(), replies[0].Text)
			}
			require.NotEqual(t, whole, holds(), "%s", lacks)
			result := apply(file)
			require.True(t, result.Verified(), "%s: %v %s", lacks, result.Refused, result.Remaining)
			require.Equal(t, whole, holds(), "%s", lacks)
			require.True(t, apply(file).Plan.Empty())
		}
	})
}

// TestASecondInstanceIsRefused: FRR has one instance of a VRF, the first of the file.
func TestASecondInstanceIsRefused(t *testing.T) {
	wholeFiles(t, func(t *testing.T, _ *fabric.Bare, client vtysh.Client, apply func(string) reload.Result) {
		const first = "router bgp 65001\n neighbor 10.0.0.2 remote-as 65002\nexit\n"
		result := apply(first + "router bgp 65003\n neighbor 10.0.0.3 remote-as 65004\nexit\n")
		require.False(t, result.Verified())
		require.Len(t, result.Refused, 1)
		require.Equal(t, "router bgp 65003", result.Refused[0].Command.Line.Reveal())
		text, err := client.Run(t.Context(), vtysh.BGPD, "show running-config")
		require.NoError(t, err)
		require.Contains(t, text, "router bgp 65001\n neighbor 10.0.0.2 remote-as 65002\n")
		require.NotContains(t, text, "10.0.0.3")
		require.True(t, apply(first).Verified())
	})
}
