package lab

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

// port is that of Services.
const port = 8080

// Serve answers with a node's name on an address of a Service at each of these nodes, as kube-proxy and a pod would.
func (l *Lab) Serve(vip string, nodes ...string) {
	l.t.Helper()
	a := netip.MustParseAddr(vip)
	for _, node := range nodes {
		l.address(node, netip.PrefixFrom(a, a.BitLen()).String())
		listener, err := l.Node(node).Listen(l.t.Context(), "", net.ListenConfig{}, "tcp", netip.AddrPortFrom(a, port).String())
		require.NoError(l.t, err)
		l.t.Cleanup(func() { listener.Close() })
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
func (l *Lab) Through(tor, vip string) {
	l.t.Helper()
	for i, r := range l.Spec.Tors {
		if r.Name != tor {
			continue
		}
		via := fmt.Sprintf("192.168.77.%d", i+1)
		if strings.Contains(vip, ":") {
			via = fmt.Sprintf("2001:db8:77::%d", i+1)
		}
		l.ip("client", "route", "replace", vip, "via", via)
	}
}

// Connect opens connections from the client through a router, and tells which nodes answered how often.
func (l *Lab) Connect(tor, vip string, times int) map[string]int {
	l.t.Helper()
	l.Through(tor, vip)
	answered := map[string]int{}
	for range times {
		ctx, cancel := context.WithTimeout(l.t.Context(), 10*time.Second)
		c, err := l.Node("client").Dial(ctx, "", net.Dialer{}, "tcp", netip.AddrPortFrom(netip.MustParseAddr(vip), port).String())
		cancel()
		require.NoError(l.t, err, "to %s through %s", vip, tor)
		require.NoError(l.t, c.SetDeadline(time.Now().Add(10*time.Second)))
		line, err := bufio.NewReader(c).ReadString('\n')
		require.NoError(l.t, err)
		require.NoError(l.t, c.Close())
		answered[strings.TrimSpace(line)]++
	}
	return answered
}
