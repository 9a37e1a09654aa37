package iprange

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for _, one := range []struct{ in, first, last, text string }{
		{"192.0.2.0/24", "192.0.2.0", "192.0.2.255", "192.0.2.0-192.0.2.255"},
		{"192.0.2.77/23", "192.0.2.0", "192.0.3.255", "192.0.2.0-192.0.3.255"},
		{"192.0.2.7/32", "192.0.2.7", "192.0.2.7", "192.0.2.7"},
		{"192.0.2.10 - 192.0.2.20", "192.0.2.10", "192.0.2.20", "192.0.2.10-192.0.2.20"},
		{"2001:db8::1-2001:db8::20", "2001:db8::1", "2001:db8::20", "2001:db8::1-2001:db8::20"},
		{"2001:db8::/121", "2001:db8::", "2001:db8::7f", "2001:db8::-2001:db8::7f"},
	} {
		r, err := Parse(one.in)
		require.NoError(t, err)
		require.Equal(t, Range{netip.MustParseAddr(one.first), netip.MustParseAddr(one.last)}, r, one.in)
		require.Equal(t, one.text, r.String())
	}
}

func TestParseRefuses(t *testing.T) {
	for in, says := range map[string]string{
		"":                        "neither a prefix",
		"192.0.2.1":               "neither a prefix",
		"::ffff:192.0.2.0/120":    "neither a prefix",
		"192.0.2.20-192.0.2.10":   "write 192.0.2.10-192.0.2.20",
		"192.0.2.1-2001:db8::1":   "mixes IPv4 and IPv6",
		"192.0.2.1-":              "not a range",
		"fe80::1%eth0-fe80::2":    "plain IPv4 or IPv6",
		"::ffff:1.2.3.4-1.2.3.20": "plain IPv4 or IPv6",
	} {
		_, err := Parse(in)
		require.ErrorContains(t, err, says, in)
	}
}

func TestContainsAndOverlaps(t *testing.T) {
	parse := func(s string) Range {
		r, err := Parse(s)
		require.NoError(t, err)
		return r
	}
	r := parse("192.0.2.10-192.0.2.20")
	for addr, in := range map[string]bool{"192.0.2.9": false, "192.0.2.10": true, "192.0.2.20": true, "192.0.2.21": false, "::c000:20f": false} {
		require.Equal(t, in, r.Contains(netip.MustParseAddr(addr)), addr)
	}
	for other, over := range map[string]bool{"192.0.2.20/32": true, "192.0.2.21-192.0.2.30": false, "192.0.2.0/24": true, "::/0": false} {
		require.Equal(t, over, r.Overlaps(parse(other)), other)
		require.Equal(t, over, parse(other).Overlaps(r), other)
	}
}
