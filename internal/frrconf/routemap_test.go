package frrconf

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNextHopIsAnAddressOfAnotherRouter(t *testing.T) {
	for _, text := range []string{"10.0.1.10", "fd00::1", "2001:db8::1"} {
		h, err := NewNextHop(netip.MustParseAddr(text))
		require.NoError(t, err)
		require.Equal(t, text, h.String())
		require.False(t, h.IsZero())
	}
	for _, text := range []string{"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "169.254.0.1", "::", "::1", "fe80::1", "ff02::1", "::ffff:10.0.0.1", "fd00::1%eth0", "fd00::1%a\nb"} {
		h, err := NewNextHop(netip.MustParseAddr(text))
		require.Error(t, err, text)
		require.True(t, h.IsZero())
		require.Empty(t, h.String())
	}
	_, err := NewNextHop(netip.Addr{})
	require.Error(t, err)
}
