package frr

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gobgp"
)

// policyInUse is a document with classes by tag, which is where their entries are in the map out-all. The first comes before all that a test adds, the last after it.
func policyInUse(tags []int, filters, entries string) render.Document {
	var maps, out, networks strings.Builder
	for _, tag := range tags {
		fmt.Fprintf(&maps, "route-map class-%d permit 1\n set tag %d\nexit\n", tag, tag)
		fmt.Fprintf(&out, "route-map out-all permit %d\n match tag %d\n set community 65000:%d\nexit\n", tag, tag, tag)
		fmt.Fprintf(&networks, "  network 192.0.2.%d/32 route-map class-%d\n", tag, tag)
	}
	return render.Document{Text: "bgp route-map delay-timer 0\n" + filters + maps.String() + out.String() + entries + "route-map out-all deny 65535\nexit\n" +
		"router bgp 64500\n no bgp ebgp-requires-policy\n no bgp network import-check\n neighbor 10.0.0.1 remote-as 64501\n neighbor 10.0.0.1 timers connect 1\n" +
		" address-family ipv4 unicast\n" + networks.String() + "  neighbor 10.0.0.1 route-map out-all out\n exit-address-family\nexit\n"}
}

// TestARouterThatComesMeanwhileMissesNothing: bgpd looks at its routes whenever a session comes up or a router asks for everything (RFC 2918), also between two lines
// of ours, and with a delay timer of 0 never again. No entry may take routes of others in the meantime: those were lost until somebody changed them.
func TestARouterThatComesMeanwhileMissesNothing(t *testing.T) {
	before, both := []int{1, 250}, []int{1, 100, 250}
	for _, c := range []struct {
		name     string
		document render.Document
		refused  int
	}{
		{"a-new-class", policyInUse(both, "", ""), 0},
		{"an-entry-that-denies", policyInUse(before, "", "route-map out-all deny 100\n match tag 100\nexit\n"), 0},
		{"beside-a-line-that-FRR-refuses", policyInUse(both, "ip prefix-list bad seq 5 permit 192.0.2.0/24 ge 8\n", "route-map out-all permit 150\n match tag 150\nexit\n"), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, v fabric.Version) {
				f := fabric.New(t, rack(v, tester))
				node := f.Node("node1")
				router := gobgp.Start(t, f.Node("tor1"),
					gobgp.Config{AS: 64501, Address: netip.MustParseAddr("10.0.0.1"), Neighbor: netip.MustParseAddr("10.0.0.11")})
				first, err := reload.New(vtysh.NewSocket(node.VtyDir()), reload.Options{Now: time.Now}).Apply(t.Context(), policyInUse(before, "", ""))
				require.NoError(t, err)
				require.True(t, first.Verified(), "%v\n%s", first.Refused, first.Remaining)
				_, err = router.WaitTable(within(t, time.Minute), len(before))
				require.NoError(t, err)

				mark, lines := router.Mark(), 0
				dir := between(t, filepath.Join(node.VtyDir(), "bgpd.vty"), func(line string) {
					if strings.HasPrefix(line, "show ") {
						return
					}
					lines++
					asked := router.Mark()
					assert.NoError(t, router.Refresh(bgp.RF_IPv4_UC))
					_, err := router.WaitUpdate(within(t, time.Minute), asked, func(u gobgp.Update) bool {
						return slices.ContainsFunc(u.Announced, func(p gobgp.Path) bool { return p.Prefix == netip.MustParsePrefix("192.0.2.1/32") })
					})
					assert.NoError(t, err, line)
				})
				client := vtysh.NewSocket(dir)
				t.Cleanup(func() { _ = client.Close() })
				result, err := reload.New(client, reload.Options{Now: time.Now}).Apply(t.Context(), c.document)
				require.NoError(t, err)
				require.Len(t, result.Refused, c.refused)
				require.Greater(t, lines, 3)
				if strings.Contains(c.document.Text, "network 192.0.2.100/32") {
					_, err = router.WaitPath(within(t, time.Minute), netip.MustParsePrefix("192.0.2.100/32"), nil)
					require.NoError(t, err)
				}
				for _, u := range router.Since(mark) {
					require.Empty(t, u.Withdrawn, "a route goes for a while")
				}
				require.Equal(t, 1, router.Sessions())
			})
		})
	}
}

// between stands between a client and a daemon's socket, in a directory of its own: it passes one line at a time, and calls after each when it was answered.
func between(t *testing.T, socket string, after func(line string)) (dir string) {
	t.Helper()
	dir = t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, filepath.Base(socket)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go passOn(c, socket, after)
		}
	}()
	return dir
}

func passOn(client net.Conn, socket string, after func(line string)) {
	defer func() { _ = client.Close() }()
	daemon, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer func() { _ = daemon.Close() }()
	asks, answers := bufio.NewReader(client), bufio.NewReader(daemon)
	for {
		line, err := asks.ReadString(0)
		if err != nil {
			return
		}
		if _, err := daemon.Write([]byte(line)); err != nil {
			return
		}
		reply, err := answers.ReadBytes(0)
		if err != nil {
			return
		}
		for range 3 { // two more NULs and the status
			b, err := answers.ReadByte()
			if err != nil {
				return
			}
			reply = append(reply, b)
		}
		after(strings.TrimSuffix(line, "\x00"))
		if _, err := client.Write(reply); err != nil {
			return
		}
	}
}
