package hostnet

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// gateways are two nodes that could hold the floating IP, each with a view that dials the ToR from it, and the ToR.
func gateways(v fabric.Version) fabric.Topology {
	// A view has no router ID of zebra's, and dials nobody without one.
	node := func(name, id string) fabric.NodeSpec {
		return fabric.NodeSpec{Name: name, Version: v, BGPDArgs: []string{"-p", "1790"}, Config: `
router bgp 64500 view gw
 bgp router-id ` + id + `
 no bgp ebgp-requires-policy
 neighbor 192.0.2.254 remote-as 64501
 neighbor 192.0.2.254 ebgp-multihop 255
 neighbor 192.0.2.254 update-source 192.0.2.100
 neighbor 192.0.2.254 timers connect 1
`}
	}
	tor := fabric.NodeSpec{Name: "tor", Version: v, Config: `
router bgp 64501
 no bgp ebgp-requires-policy
 neighbor 192.0.2.100 remote-as 64500
 neighbor 192.0.2.100 passive
`}
	return fabric.Topology{Nodes: []fabric.NodeSpec{node("n1", "192.0.2.1"), node("n2", "192.0.2.2"), tor}, Links: []fabric.Link{{Name: "lan", Ends: []fabric.End{
		{Node: "n1", Interface: "eth0", Addresses: []string{"192.0.2.1/24"}},
		{Node: "n2", Interface: "eth0", Addresses: []string{"192.0.2.2/24"}},
		{Node: "tor", Interface: "eth0", Addresses: []string{"192.0.2.254/24"}},
	}}}}
}

// of is the Host of a node of a fabric.
func of(t *testing.T, n *fabric.Node) *Host {
	t.Helper()
	var file *os.File
	require.NoError(t, n.InNetwork("", func() (err error) {
		file, err = os.Open("/proc/thread-self/ns/net")
		return err
	}))
	defer file.Close()
	h, err := Open(Config{Namespace: fmt.Sprintf("/proc/self/fd/%d", file.Fd())})
	require.NoError(t, err)
	t.Cleanup(func() { h.Close() })
	return h
}

func TestFRRKeepsItsSessionWhileAFloatingIPIsRefreshedAndHasItAgainAfterAMove(t *testing.T) {
	for _, v := range fabric.Versions() {
		t.Run(string(v), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			f := fabric.New(t, gateways(v))
			tor := f.Node("tor")
			from, to := of(t, f.Node("n1")), of(t, f.Node("n2"))
			require.NoError(t, <-take(ctx, t, from))
			_, err := tor.WaitEstablished(ctx, "", "192.0.2.100")
			require.NoError(t, err)

			before, err := tor.Sessions(ctx)
			require.NoError(t, err)
			for range 100 {
				require.NoError(t, from.Put(ctx, floating))
			}
			// FRR has read all of it once it knows an address that comes afterwards.
			require.NoError(t, f.Node("n1").AddAddress("", "lo", "192.0.2.77/32"))
			require.Eventually(t, func() bool {
				text, err := f.Node("n1").Vtysh(ctx, "-c", "show interface lo")
				require.NoError(t, err)
				require.Contains(t, text, "192.0.2.100/32")
				return strings.Contains(text, "192.0.2.77/32")
			}, time.Minute, 20*time.Millisecond)
			after, err := tor.Sessions(ctx)
			require.NoError(t, err)
			require.Empty(t, fabric.Disturbed(before, after))

			start := time.Now()
			// A ToR that believes in a session refuses the new holder's, until its next keepalive finds nobody there.
			_, err = f.Node("n1").Vtysh(ctx, "-c", "configure terminal", "-c", "router bgp 64500 view gw", "-c", "neighbor 192.0.2.254 shutdown")
			require.NoError(t, err)
			require.NoError(t, from.Take(ctx, floating))
			announced := take(ctx, t, to)
			_, err = f.Node("n2").WaitEstablished(ctx, "gw", "192.0.2.254")
			require.NoError(t, err)
			t.Logf("a planned move took %s until the session was Established again, probing included", time.Since(start).Round(time.Millisecond))
			require.NoError(t, <-announced)
		})
	}
}

// take is how a gateway takes a floating IP. The announcements go on; what became of them is sent.
func take(ctx context.Context, t *testing.T, h *Host) <-chan error {
	t.Helper()
	lan, err := h.LAN(ctx, floating)
	require.NoError(t, err)
	require.NoError(t, h.WouldAnswer(ctx, lan))
	c, taken, err := h.Probe(ctx, lan, floating)
	require.NoError(t, err)
	require.False(t, taken, c)
	require.NoError(t, h.Put(ctx, floating))
	announced := make(chan error, 1)
	go func() { announced <- h.Announce(ctx, lan, floating) }()
	return announced
}
