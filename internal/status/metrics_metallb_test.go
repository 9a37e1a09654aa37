package status

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// What MetalLB's dashboards and alerts select by, taken from its FRR mode (metallb.md 1.4).
func TestMetalLBsNamesAndLabels(t *testing.T) {
	text := scrape(t, busy())
	for _, name := range []string{
		"bgp_session_up", "bgp_announced_prefixes_total", "bgp_opens_sent", "bgp_opens_received", "bgp_notifications_sent", "bgp_updates_total",
		"bgp_updates_total_received", "bgp_keepalives_sent", "bgp_keepalives_received", "bgp_route_refresh_sent", "bgp_total_sent", "bgp_total_received",
	} {
		require.Contains(t, text, "metallb_"+name+`{peer="10.0.0.1:179",vrf="default"} `)
	}
	for _, name := range []string{
		"session_up", "control_packet_input", "control_packet_output", "echo_packet_input", "echo_packet_output", "session_up_events",
		"session_down_events", "zebra_notifications",
	} {
		require.Contains(t, text, "metallb_bfd_"+name+`{peer="10.0.0.1",vrf="default"} `)
	}
	require.Contains(t, text, `metallb_speaker_announced{ip="192.0.2.10",node="node1",protocol="bgp",service="default/web"} 1`)
	for _, name := range []string{"updates_total", "update_errors_total", "config_loaded_bool", "config_stale_bool"} {
		require.Contains(t, text, "\nmetallb_k8s_client_"+name+" ")
	}
}

// Unnumbered peers have a series like all others, by their interface, and may have one link-local address on several links.
func TestUnnumberedPeersAreNamedByInterface(t *testing.T) {
	m := NewMetrics()
	m.Runs(Running{Ports: []NeighborPort{{"10.0.0.2", "red", 1179}, {"fd00::1", "default", 1180}}})
	m.Sessions(seen(observe.View{
		Sessions: []observe.Session{
			{Neighbor: "eth0", VRF: "default", State: "Established"}, {Neighbor: "eth1", VRF: "default", State: "Active"},
			{Neighbor: "10.0.0.2", VRF: "red"}, {Neighbor: "10.0.0.2", VRF: "default"}, {Neighbor: "fd00::1", VRF: "default"},
		},
		BFD: []observe.BFDSession{
			{Peer: "fe80::1", Interface: "eth0", VRF: "default", Up: true}, {Peer: "fe80::1", Interface: "eth1", VRF: "default"},
			{Peer: "10.0.0.2", Interface: "eth2", VRF: "default", Up: true}, {Peer: "10.0.0.2", VRF: "default"},
		},
	}))
	text := scrape(t, m)
	for _, line := range []string{
		`metallb_bgp_session_up{peer="eth0:179",vrf="default"} 1`, `metallb_bgp_session_up{peer="eth1:179",vrf="default"} 0`,
		`metallb_bgp_session_up{peer="10.0.0.2:1179",vrf="red"} 0`, `metallb_bgp_session_up{peer="10.0.0.2:179",vrf="default"} 0`,
		`metallb_bgp_session_up{peer="fd00::1:1180",vrf="default"} 0`,
		`metallb_bfd_session_up{peer="eth0",vrf="default"} 1`, `metallb_bfd_session_up{peer="eth1",vrf="default"} 0`,
		`metallb_bfd_session_up{peer="10.0.0.2",vrf="default"} 1`,
	} {
		require.Contains(t, text, line+"\n")
	}
}

// MetalLBStaleConfig and MetalLBConfigNotLoaded fire on these; both end when what is wrong is mended.
func TestStaleAndLoadedFollowWhatIs(t *testing.T) {
	m := NewMetrics()
	state := func(want string) {
		t.Helper()
		text := scrape(t, m)
		for i, name := range []string{"config_loaded_bool", "config_stale_bool", "updates_total", "update_errors_total"} {
			require.Contains(t, text, fmt.Sprintf("metallb_k8s_client_%s %s\n", name, strings.Fields(want)[i]))
		}
	}
	state("0 0 0 0")
	m.Updated()
	m.Failed()
	m.Failed()
	state("0 1 1 1") // FRR can't be brought to anything; a try that is made again is no update
	m.Succeeded(time.Now())
	state("1 0 1 1")

	bad := problem.Problem{Severity: problem.Error, Object: problem.Object{Kind: "BGPPeer", Name: "a"}, Reason: problem.InvalidValue}
	m.Updated()
	m.Problems([]problem.Problem{bad})
	m.Succeeded(time.Now())
	state("1 1 2 2")
	m.Updated()
	m.Problems(nil)
	m.Succeeded(time.Now())
	state("1 0 3 2")

	// Whoever may create a Service can't raise the alert.
	m.Updated()
	tenants := bad
	tenants.Object.Kind = "Service"
	warning := bad
	warning.Severity = problem.Warning
	m.Problems([]problem.Problem{tenants, warning})
	state("1 0 4 2")
	m.Failed()
	state("1 1 4 3") // loaded once is loaded
}

func TestAnAddressIsToldOnceAndAsEverybodyWritesIt(t *testing.T) {
	m := NewMetrics()
	m.Runs(Running{Node: "node1", Services: []AnnouncedService{
		{"a", "s", []string{"2001:DB8:0::1", "2001:db8::1", "::ffff:192.0.2.1", "192.0.2.1"}}, {"b", "s", []string{"192.0.2.1"}},
	}})
	require.Equal(t, 3, strings.Count(scrape(t, m), "metallb_speaker_announced{"))
	require.Contains(t, scrape(t, m), `ip="2001:db8::1"`)
	m.Runs(Running{Node: "node1"})
	require.NotContains(t, scrape(t, m), "metallb_speaker_announced{")
}

// Names that differ only where they are cut, or in what is no text, stay apart: two equal series would cost all others.
func TestNamesThatAreCutStayApart(t *testing.T) {
	m := NewMetrics()
	long := strings.Repeat("ö", 500)
	var services []AnnouncedService
	for _, name := range []string{long + "1", long + "2", "a\xff", "a\xfe", "a\ufffd", label("a\xff"), "a"} {
		services = append(services, AnnouncedService{"default", name, []string{"192.0.2.1"}})
	}
	m.Runs(Running{Services: services})
	require.Equal(t, len(services), strings.Count(scrape(t, m), "metallb_speaker_announced{"))
}

// Ten thousand bad Services of an attacker hide no peer that is broken, and cost a bounded scrape.
func TestTenThousandBadServicesHideNoBrokenPeer(t *testing.T) {
	m := NewMetrics()
	var problems []problem.Problem
	for i := range 10_000 {
		problems = append(problems, problem.Problem{
			Severity: problem.Error, Object: problem.Object{Kind: "Service", Namespace: "evil", Name: fmt.Sprint("s", i)}, Reason: problem.NotInAnyPool,
		})
	}
	peer := problem.Object{Kind: "BGPPeer", Group: "metallb.io", Namespace: "metallb-system", Name: "tor1"}
	problems = append(problems,
		problem.Problem{Severity: problem.Warning, Object: peer, Reason: problem.UnknownField, Field: "a"},
		problem.Problem{Severity: problem.Warning, Object: peer, Reason: problem.UnknownField, Field: "b"})
	m.Problems(problems)
	text := scrape(t, m)
	require.Contains(t, text, `frr_renderer_object_problems{kind="BGPPeer",object_name="tor1",object_namespace="metallb-system",reason="UnknownField",severity="warning"} 2`)
	require.Equal(t, troubledMost, strings.Count(text, "frr_renderer_object_problems{"))
	require.Contains(t, text, `frr_renderer_series_omitted{metric="frr_renderer_object_problems"} 9801`)
	require.Contains(t, text, `frr_renderer_problems{kind="Service",reason="NotInAnyPool",severity="error"} 10000`)
	m.Problems(nil)
	require.NotContains(t, scrape(t, m), "frr_renderer_object_problems{")
}

func TestAnnouncementsAreBounded(t *testing.T) {
	m := NewMetrics()
	m.announced.most = 5
	m.Runs(Running{Services: announcing(4)})
	text := scrape(t, m)
	require.Equal(t, 5, strings.Count(text, "metallb_speaker_announced{"))
	require.Contains(t, text, `frr_renderer_series_omitted{metric="metallb_speaker_announced"} 3`)
}

// announcing are Services of two addresses each.
func announcing(n int) []AnnouncedService {
	var out []AnnouncedService
	for i := range n {
		out = append(out, AnnouncedService{"default", fmt.Sprint("service-", i), []string{
			fmt.Sprintf("10.%d.%d.1", i>>8, i&255), fmt.Sprintf("2001:db8::%x", i),
		}})
	}
	return out
}

func TestADaemonThatDoesNotAnswerIsTold(t *testing.T) {
	m := NewMetrics()
	view := observe.View{BFD: []observe.BFDSession{{Peer: "10.0.0.1", VRF: "default"}}}
	view.Asked[0] = observe.Asked{Err: fmt.Errorf("bgpd does not answer"), Failures: 3, Took: 3 * time.Second}
	m.Sessions(seen(view))
	text := scrape(t, m)
	for _, line := range []string{
		`frr_renderer_observed{daemon="bgpd"} 0`, `frr_renderer_observed{daemon="bfdd"} 1`, `frr_renderer_observe_failures_total{daemon="bgpd"} 3`,
		`frr_renderer_observe_duration_seconds{daemon="bgpd"} 3`, `metallb_bfd_session_up{peer="10.0.0.1",vrf="default"} 0`,
	} {
		require.Contains(t, text, line+"\n")
	}
	require.NotContains(t, text, "metallb_bgp_session_up")
}

func TestHowFarObjectsAreKnownIsTold(t *testing.T) {
	m := NewMetrics()
	m.Sources(func() []Synced {
		return []Synced{{Kind: "Service", Since: time.Unix(1000, 0), Event: time.Unix(2000, 0)}, {Kind: "BGPPeer", Event: time.Unix(1500, 0)}}
	})
	text := scrape(t, m)
	for _, line := range []string{
		`source_connected{kind="Service"} 1`, `source_connected_since_timestamp_seconds{kind="Service"} 1000`,
		`source_last_event_timestamp_seconds{kind="Service"} 2000`, `source_connected{kind="BGPPeer"} 0`,
		`source_connected_since_timestamp_seconds{kind="BGPPeer"} 0`, `source_last_event_timestamp_seconds{kind="BGPPeer"} 1500`,
	} {
		require.Contains(t, text, "frr_renderer_"+line+"\n")
	}
}

func TestRequestsAreCountedAsRBACNamesThem(t *testing.T) {
	m := NewMetrics()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "absent") {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	transport := m.CountRequests(server.Client().Transport)
	ask := func(method, path string) {
		request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, http.NoBody)
		require.NoError(t, err)
		if response, err := transport.RoundTrip(request); err == nil {
			response.Body.Close()
		}
	}
	for _, c := range []struct{ method, path, labels string }{
		{"GET", "/api/v1/services?limit=500", `code="200",resource="services",verb="list"`},
		{"GET", "/api/v1/services?watch=1&resourceVersion=5", `code="200",resource="services",verb="watch"`},
		{"GET", "/api/v1/nodes/node1", `code="200",resource="nodes",verb="get"`},
		{"GET", "/api/v1/namespaces/metallb-system", `code="200",resource="namespaces",verb="get"`},
		{"GET", "/api/v1/namespaces/metallb-system/secrets/absent", `code="404",resource="secrets",verb="get"`},
		{"GET", "/apis/metallb.io/v1beta2/namespaces/metallb-system/bgppeers", `code="200",resource="bgppeers.metallb.io",verb="list"`},
		{"PATCH", "/apis/metallb.io/v1beta1/namespaces/metallb-system/servicebgpstatuses/a/status", `code="200",resource="servicebgpstatuses.metallb.io/status",verb="patch"`},
		{"POST", "/apis/events.k8s.io/v1/namespaces/default/events", `code="200",resource="events.events.k8s.io",verb="create"`},
		{"PUT", "/apis/a/v1/namespaces/b/c/d", `code="200",resource="c.a",verb="update"`},
		{"DELETE", "/apis/a/v1/namespaces/b/c/d", `code="200",resource="c.a",verb="delete"`},
		{"DELETE", "/apis/a/v1/namespaces/b/c", `code="200",resource="c.a",verb="deletecollection"`},
		{"GET", "/apis/metallb.io/v1beta1", `code="200",resource="other",verb="get"`},
		{"GET", "/readyz", `code="200",resource="other",verb="get"`},
	} {
		ask(c.method, c.path)
		require.Contains(t, scrape(t, m), "frr_renderer_api_requests_total{"+c.labels+"} ", c.path)
	}
	server.Close()
	ask("GET", "/api/v1/services")
	require.Contains(t, scrape(t, m), `frr_renderer_api_requests_total{code="none",resource="services",verb="list"} 1`)
}

// A scrape of a node that announces 10,000 Services: what it allocates is counted, not timed.
func TestAScrapeOfTenThousandServicesIsCheap(t *testing.T) {
	m := NewMetrics()
	m.Runs(Running{Node: "node1", Services: announcing(10_000)})
	const series = 20_000
	allocations := testing.AllocsPerRun(1, func() {
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	})
	require.Less(t, allocations, float64(12*series), "allocations of one scrape")
	t.Logf("%.1f allocations a series", allocations/series)
}

func BenchmarkScrape(b *testing.B) {
	m := NewMetrics()
	m.Runs(Running{Node: "node1", Services: announcing(10_000)})
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	}
}
