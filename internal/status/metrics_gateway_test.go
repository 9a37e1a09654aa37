package status

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// aGateway holds one floating IP, and finds another host with the second.
func aGateway(renewed time.Time) *Gateway {
	one, two := netip.MustParseAddr("10.0.1.100"), netip.MustParseAddr("10.0.1.101")
	return &Gateway{
		FloatingIPs: []FloatingIP{{Address: one, State: FloatingIPHeld, Wanted: true}, {Address: two, State: FloatingIPConflict, Wanted: true}},
		Sessions: []GatewaySession{
			{
				FloatingIP: one, With: WithRouter, Peer: netip.MustParseAddr("10.8.0.10"), State: "Established",
				AddPath: []SessionAddPath{{Family: "ipv4", Sending: true}, {Family: "ipv6"}},
			},
			{FloatingIP: one, With: WithRouter, Peer: netip.MustParseAddr("10.8.0.11"), State: "Active"},
			{FloatingIP: one, With: WithNode, Peer: netip.MustParseAddr("10.0.1.11"), State: "Established"},
		},
		Lease: &GatewayLease{Wanted: true, Renewed: renewed, Until: renewed.Add(4 * time.Second), Renewals: 3, Failures: 1},
		Taken: 2, Left: 1,
	}
}

func TestANodesPartInGDCModeIsCounted(t *testing.T) {
	at := aGateway(time.Unix(100, 0))
	m := NewMetrics()
	m.Gateway(func() *Gateway { return at }, func() time.Time { return time.Unix(101, 0) })
	text := scrape(t, m)
	for _, line := range []string{
		`frr_renderer_gateway_healthy 1`,
		`frr_renderer_gateway_floating_ip{floating_ip="10.0.1.100",state="held"} 1`,
		`frr_renderer_gateway_floating_ip{floating_ip="10.0.1.101",state="conflict"} 1`,
		`frr_renderer_gateway_floating_ip_changes_total{change="taken"} 2`,
		`frr_renderer_gateway_floating_ip_changes_total{change="left"} 1`,
		`frr_renderer_gateway_sessions{floating_ip="10.0.1.100"} 2`,
		`frr_renderer_gateway_sessions_established{floating_ip="10.0.1.100"} 1`,
		`frr_renderer_gateway_session_addpath{family="ipv4",floating_ip="10.0.1.100",peer="10.8.0.10"} 1`,
		`frr_renderer_gateway_session_addpath{family="ipv6",floating_ip="10.0.1.100",peer="10.8.0.10"} 0`,
		`frr_renderer_gateway_lease_renewals_total 3`,
		`frr_renderer_gateway_lease_renewal_failures_total 1`,
		`frr_renderer_gateway_lease_wanted 1`,
		`frr_renderer_gateway_lease_age_seconds 1`,
	} {
		require.Contains(t, text, line+"\n")
	}
	require.NotContains(t, text, `sessions{floating_ip="10.0.1.101"}`, "it is not held")

	at = &Gateway{Unwell: "bgpd listens on port 179"}
	text = scrape(t, m)
	require.Contains(t, text, "frr_renderer_gateway_healthy 0\n")
	require.NotContains(t, text, "10.0.1.100", "what is gone is not told")
	require.NotContains(t, text, "lease", "there is none without an API server")
	at = nil
	require.NotContains(t, scrape(t, m), "gateway", "no GDC mode")
}
