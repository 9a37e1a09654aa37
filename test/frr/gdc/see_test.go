package gdc

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/product"
)

// sees waits until a node tells of its part what is wanted.
func (r *running) sees(node string, ok func(status.Gateway) bool) status.Gateway {
	r.t.Helper()
	var last status.Gateway
	r.eventually(func() bool {
		g := r.status(node).Gateway
		if g == nil {
			return false
		}
		last = *g
		return ok(last)
	}, func() string { return fmt.Sprintf("%s tells of its part: %+v", node, last) })
	return last
}

// ends are the sessions of one kind, as FLOATING IP PEER NAME.
func ends(g status.Gateway, with status.SessionEnd) []string {
	var out []string
	for _, s := range g.Sessions {
		if s.With == with {
			out = append(out, fmt.Sprint(s.FloatingIP, " ", s.Peer, " ", s.Name))
		}
	}
	return out
}

func allUp(g status.Gateway) bool {
	return len(g.Sessions) > 0 && !slices.ContainsFunc(g.Sessions, func(s status.GatewaySession) bool { return !s.Established() })
}

// scrape reads the metrics of a node, on the node.
func (r *running) scrape(node string) string {
	r.t.Helper()
	out, err := r.Node(node).HTTP(r.t.Context(), "http://127.0.0.1:17473/metrics")
	require.NoError(r.t, err)
	return out
}

func TestANodesPartIsSeen(t *testing.T) {
	eachVersion(t, func(t *testing.T, v fabric.Version) {
		tors := twoTors(v)
		r := run(t, newLab(t, v, threeMachines, tors, twoFloating), "example-10-all-nodes-same-peers", placed)
		r.several(tors)

		// ADD-PATH is negotiated with tor1, and not with tor2, in whose place nobody is told of several paths.
		sending := func(g status.Gateway) map[string]bool {
			out := map[string]bool{}
			for _, s := range g.Sessions {
				for _, a := range s.AddPath {
					require.Equal(t, "ipv4", a.Family)
					require.True(t, a.Configured == a.Sending && a.Sending == a.PeerReceives || !s.Established(), "%+v", a)
					out[s.Peer.String()] = a.Sending
				}
			}
			return out
		}
		g := r.sees("n1", func(g status.Gateway) bool { return allUp(g) && sending(g)["10.8.0.10"] })
		require.Equal(t, map[string]bool{"10.8.0.10": true, "10.8.0.11": false}, sending(g))
		require.Equal(t, []status.FloatingIP{{Address: netip.MustParseAddr("10.0.1.100"), Group: "default", State: status.FloatingIPHeld, Wanted: true}}, g.FloatingIPs)
		require.Equal(t, []string{"10.0.1.100 10.8.0.10 ", "10.0.1.100 10.8.0.11 "}, ends(g, status.WithRouter))
		require.Equal(t, []string{"10.0.1.100 10.0.1.11 n2", "10.0.1.100 10.0.2.10 n3"}, ends(g, status.WithNode))
		require.Equal(t, []string{"10.0.2.100 10.0.2.100 n3"}, ends(g, status.WithHolder))
		require.Equal(t, &status.Traffic{IPv4: netip.MustParseAddr("10.0.1.10"), Addresses: len(r.assignment.VIPs), Of: len(r.assignment.VIPs)}, g.Traffic)
		require.Empty(t, g.Unwell)
		require.Nil(t, g.Lease, "there is no API server")
		require.EqualValues(t, 1, g.Taken)

		text, _ := fabric.Run(t, r.Node("n1").Command(t.Context(), product.Path(t), "status"))
		require.Contains(t, text, "5 of them below (GDC mode)")
		require.Contains(t, text, "Gateway: holds 1 of 1 floating IPs")
		require.Contains(t, text, "Sessions with routers, 2 of 2 are up")
		metrics := r.scrape("n1")
		for _, line := range []string{
			`metallb_bgp_session_up{peer="10.8.0.10:179",vrf="gw-10.0.1.100"} 1`,
			`metallb_bgp_session_up{peer="10.0.1.11:1790",vrf="gw-10.0.1.100"} 1`,
			`frr_renderer_gateway_floating_ip{floating_ip="10.0.1.100",state="held"} 1`,
			`frr_renderer_gateway_sessions_established{floating_ip="10.0.1.100"} 2`,
			`frr_renderer_gateway_session_addpath{family="ipv4",floating_ip="10.0.1.100",peer="10.8.0.10"} 1`,
		} {
			require.Contains(t, metrics, line)
		}

		// It moves, and FRR keeps its empty view: nothing of it is told as a part of the node.
		r.put(map[string]string{"10.0.1.100": "n2", "10.0.2.100": "n3"})
		g = r.sees("n1", func(g status.Gateway) bool { return len(g.FloatingIPs) == 0 && allUp(g) })
		require.Empty(t, ends(g, status.WithRouter))
		require.ElementsMatch(t, []string{"10.0.1.100 10.0.1.100 n2", "10.0.2.100 10.0.2.100 n3"}, ends(g, status.WithHolder))
		require.EqualValues(t, 1, g.Left)
		config, err := r.Node("n1").RunningConfig(t.Context())
		require.NoError(t, err)
		require.Contains(t, config, "view gw-10.0.1.100")
		require.NotContains(t, r.scrape("n1"), `floating_ip="10.0.1.100"`)

		// A router is gone, and the other holds the Services.
		require.NoError(t, r.Node("tor1").Kill(t.Context(), unix.SIGKILL, "bgpd"))
		g = r.sees("n2", func(g status.Gateway) bool {
			return slices.ContainsFunc(g.Sessions, func(s status.GatewaySession) bool { return s.Peer.String() == "10.8.0.10" && !s.Established() })
		})
		for _, s := range g.Sessions {
			require.Equal(t, s.Peer.String() != "10.8.0.10", s.Established(), "%+v", s)
			require.Equal(t, s.Established(), s.Trouble == "", "%+v", s)
		}
		require.Contains(t, r.scrape("n2"), `frr_renderer_gateway_sessions_established{floating_ip="10.0.1.100"} 1`)
	})
}
