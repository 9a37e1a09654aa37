package network

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// Port is that of Services.
const Port = 8080

// Serve answers with a node's name on an address of a Service at each of these nodes, as kube-proxy and a pod would.
func (n Network) Serve(vip string, nodes ...string) {
	n.t.Helper()
	a := netip.MustParseAddr(vip)
	for _, node := range nodes {
		n.Address(node, netip.PrefixFrom(a, a.BitLen()).String())
		listener, err := n.Node(node).Listen(n.t.Context(), "", net.ListenConfig{}, "tcp", netip.AddrPortFrom(a, Port).String())
		require.NoError(n.t, err)
		n.t.Cleanup(func() { listener.Close() })
		go answer(listener, node)
	}
}

func answer(listener net.Listener, name string) {
	for {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		fmt.Fprintln(c, name)
		c.Close()
	}
}

// Through has the client reach a VIP by a router.
func (n Network) Through(tor, vip string) {
	n.t.Helper()
	for i, r := range n.spec.Tors {
		if r.Name != tor {
			continue
		}
		via := outside4(i)
		if strings.Contains(vip, ":") {
			via = outside6(i)
		}
		n.IP("client", "route", "replace", vip, "via", via)
	}
}

// Connect opens connections from the client through a router, and tells which nodes answered how often.
func (n Network) Connect(tor, vip string, times int) map[string]int {
	n.t.Helper()
	n.Through(tor, vip)
	answered := map[string]int{}
	for range times {
		ctx, cancel := context.WithTimeout(n.t.Context(), 10*time.Second)
		c, err := n.Node("client").Dial(ctx, "", net.Dialer{}, "tcp", netip.AddrPortFrom(netip.MustParseAddr(vip), Port).String())
		cancel()
		require.NoError(n.t, err, "to %s through %s", vip, tor)
		require.NoError(n.t, c.SetDeadline(time.Now().Add(10*time.Second)))
		line, err := bufio.NewReader(c).ReadString('\n')
		require.NoError(n.t, err)
		require.NoError(n.t, c.Close())
		answered[strings.TrimSpace(line)]++
	}
	return answered
}
