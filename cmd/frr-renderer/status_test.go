package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/agent"
	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/status"
)

var (
	floating1, floating2 = netip.MustParseAddr("10.0.1.100"), netip.MustParseAddr("10.0.2.100")
	tor1, tor2           = netip.MustParseAddr("10.8.0.10"), netip.MustParseAddr("10.8.0.11")
	noon                 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

// aRouter is a session with one, up for a minute.
func aRouter(from, to netip.Addr, families ...status.SessionAddPath) status.GatewaySession {
	return status.GatewaySession{
		FloatingIP: from, Instance: "gw-" + from.String(), With: status.WithRouter, Name: "tor", Peer: to, ASN: 65002, State: "Established", Up: time.Minute, Sent: 6,
		AddPath: families,
	}
}

// aNode is a session with one.
func aNode(from netip.Addr, name, address, state string) status.GatewaySession {
	return status.GatewaySession{
		FloatingIP: from, Instance: "gw-" + from.String(), With: status.WithNode, Name: name, Peer: netip.MustParseAddr(address), ASN: 65001, State: state,
	}
}

func allPaths(family string) status.SessionAddPath {
	return status.SessionAddPath{Family: family, Wanted: true, Configured: true, PeerReceives: true, Sending: true}
}

// gateways are what nodes tell in GDC mode; the names are those of the files in testdata/status.
var gateways = map[string]status.Gateway{
	"gateway": {
		FloatingIPs: []status.FloatingIP{{Address: floating1, Group: "default", State: status.FloatingIPHeld, Wanted: true}},
		Sessions: []status.GatewaySession{
			aRouter(floating1, tor1, allPaths("ipv4"), allPaths("ipv6")),
			aRouter(floating1, tor2, status.SessionAddPath{Family: "ipv4"}, status.SessionAddPath{Family: "ipv6"}),
			aNode(floating1, "n2", "10.0.1.11", "Established"), aNode(floating1, "n3", "10.0.2.10", "Established"),
			{FloatingIP: floating2, Instance: "default", With: status.WithHolder, Name: "n3", Peer: floating2, ASN: 65001, State: "Established"},
		},
		Traffic: &status.Traffic{IPv4: netip.MustParseAddr("10.0.1.10"), IPv6: netip.MustParseAddr("fd01::10"), Addresses: 3, Of: 4},
		Lease:   &status.GatewayLease{Wanted: true, Renewed: noon.Add(-1200 * time.Millisecond), Until: noon.Add(2800 * time.Millisecond), Renewals: 300},
	},
	"gateway-in-trouble": {
		FloatingIPs: []status.FloatingIP{
			{Address: floating1, Group: "default", State: status.FloatingIPHeld, Leaving: true},
			{Address: floating2, Group: "default", State: status.FloatingIPConflict, Wanted: true, MAC: "02:00:00:00:00:07", Reason: "another host answers for it"},
			{Address: netip.MustParseAddr("10.0.1.101"), Group: "more", State: status.FloatingIPRefused, Wanted: true, Reason: "net.ipv4.conf.eth0.arp_ignore is 1; set it to 0"},
			{Address: netip.MustParseAddr("10.0.1.102"), Group: "more", State: status.FloatingIPRefused, Reason: "it is on eth1: take it off there"},
		},
		Sessions: []status.GatewaySession{
			aRouter(floating1, tor1, status.SessionAddPath{Family: "ipv4", Configured: true}, allPaths("ipv6")),
			aRouter(floating1, tor2, status.SessionAddPath{Family: "ipv4", PeerReceives: true}, status.SessionAddPath{Family: "ipv6"}),
			{
				FloatingIP: floating1, Instance: "gw-10.0.1.100", With: status.WithRouter, Peer: netip.MustParseAddr("10.8.0.12"), ASN: 65003, State: "Active",
				Trouble: "BGP Notification received: OPEN Message Error/Bad Peer AS", AddPath: []status.SessionAddPath{{Family: "ipv4", Configured: true}},
			},
			aNode(floating1, "n2", "10.0.1.11", "Established"), aNode(floating1, "n3", "10.0.2.10", "Connect"),
			{FloatingIP: floating2, Instance: "default", With: status.WithHolder, Peer: floating2, ASN: 65001, State: "Active"},
		},
		Lease: &status.GatewayLease{Wanted: true, Renewed: noon.Add(-time.Minute), Until: noon.Add(-56 * time.Second), Failures: 40, Error: "connection refused"},
	},
	"no-gateway": {
		Unwell:  "bgpd listens on port 179; run it with -p 1790",
		Traffic: &status.Traffic{IPv4: netip.MustParseAddr("10.0.1.10"), Addresses: 3, Of: 4},
		Lease:   &status.GatewayLease{},
	},
	"gateway-of-a-directory": {
		FloatingIPs: []status.FloatingIP{{Address: floating1, Group: "default", State: status.FloatingIPProbing, Wanted: true}},
	},
}

func TestStatusReadsInGDCMode(t *testing.T) {
	for name, g := range gateways {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			require.NoError(t, printGateway(&out, paint{}, g, noon))
			path := filepath.Join("testdata", "status", name+".txt")
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, []byte(out.String()), 0o644))
				return
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err, "no expected file: run make golden, and read what it writes")
			require.Equal(t, string(want), out.String())
		})
	}
}

// A session stands once: those of GDC mode with the node's part in it, all others in the table that MetalLB's users know.
func TestStatusTellsOfEachSessionOnce(t *testing.T) {
	g := gateways["gateway"]
	view := statusView{
		FRR: &observe.State{Version: "10.3", Sessions: []observe.Session{
			{Neighbor: "10.8.0.10", VRF: "default", State: "Established"}, // MetalLB's session with the same router
			{Neighbor: "10.8.0.10", VRF: "gw-10.0.1.100", State: "Established"},
			{Neighbor: "10.0.2.100", VRF: "default", State: "Established"},
		}},
		Agent: &agent.Report{Node: "n1", Gateway: &g},
	}
	var out strings.Builder
	require.NoError(t, view.print(&out, paint{}))
	require.Contains(t, out.String(), "FRR 10.3, 3 sessions, 2 of them below (GDC mode)\n")
	require.Equal(t, 1, strings.Count(out.String(), "  10.8.0.10  default"))
	require.NotContains(t, out.String(), "gw-10.0.1.100")
	view.Agent.Gateway = nil
	out.Reset()
	require.NoError(t, view.print(&out, paint{}))
	require.Contains(t, out.String(), "FRR 10.3, 3 sessions\n")
	require.Contains(t, out.String(), "gw-10.0.1.100")
	require.NotContains(t, out.String(), "Gateway")
}
