package fabric

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAPortIsCutOrLetsNothingThrough(t *testing.T) {
	f := New(t, Topology{
		Nodes: []NodeSpec{{Name: "a"}, {Name: "b"}},
		Links: []Link{{Name: "lan", Bridge: true, Ends: []End{
			{Node: "a", Interface: "eth0", Addresses: []string{"10.0.0.1/24"}}, {Node: "b", Interface: "eth0", Addresses: []string{"10.0.0.2/24"}},
		}}},
	})
	l, err := f.Node("b").Listen(t.Context(), "", net.ListenConfig{}, "tcp", "10.0.0.2:80")
	require.NoError(t, err)
	defer l.Close()
	reaches := func(within time.Duration) bool {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		c, err := f.Node("a").Dial(ctx, "", net.Dialer{}, "tcp", "10.0.0.2:80")
		if err == nil {
			c.Close()
		}
		return err == nil
	}
	carrier := func(node string) bool {
		out, err := f.Node(node).Exec(t.Context(), "ip", "-o", "link", "show", "eth0")
		require.NoError(t, err)
		return !strings.Contains(out, "NO-CARRIER")
	}
	require.True(t, reaches(DefaultTimeout))
	for _, state := range []Port{Cut, Deaf} {
		require.NoError(t, f.SetPort("b", "eth0", state))
		require.False(t, reaches(200*time.Millisecond))
		require.Equal(t, state == Deaf, carrier("b"))
		require.True(t, carrier("a"))
		require.NoError(t, f.SetPort("b", "eth0", Plugged))
		require.True(t, reaches(DefaultTimeout), "addresses are as they were")
	}
}
