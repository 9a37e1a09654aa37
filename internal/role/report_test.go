package role

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/observe"
)

func TestARouterIsSaidToBeToldWhatItSpeaks(t *testing.T) {
	v4, v6 := netip.MustParsePrefix("203.0.113.1/32"), netip.MustParsePrefix("2001:db8::1/128")
	both := &Role{prefixes: []netip.Prefix{v4, v6}}
	for name, c := range map[string]struct {
		role *Role
		sent map[string]int
		want []netip.Prefix
	}{
		"both families":              {both, map[string]int{ipv4: 3, ipv6: 1}, []netip.Prefix{v4, v6}},
		"a router without IPv6":      {both, map[string]int{ipv4: 3}, []netip.Prefix{v4}},
		"a router with IPv6 alone":   {both, map[string]int{ipv4: 0, ipv6: 1}, []netip.Prefix{v6}},
		"nothing yet":                {both, nil, nil},
		"Services of IPv4 alone":     {&Role{prefixes: []netip.Prefix{v4}}, map[string]int{ipv4: 1, ipv6: 0}, []netip.Prefix{v4}},
		"no Service":                 {&Role{}, map[string]int{ipv4: 1, ipv6: 1}, nil},
		"what was there a while ago": {&Role{prefixes: []netip.Prefix{v6}}, map[string]int{ipv4: 1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			require.ElementsMatch(t, c.want, c.role.advertised(observe.Session{Sent: c.sent}))
		})
	}
}
