package nodereport

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
)

func TestTheOrderOfAReportMeansNothing(t *testing.T) {
	subnets := []Subnet{
		{"eth1", netip.MustParsePrefix("10.0.2.10/24")}, {"eth0", netip.MustParsePrefix("10.0.1.10/24")}, {"eth0", netip.MustParsePrefix("10.0.1.11/24")},
		{"eth1", netip.MustParsePrefix("10.0.2.10/24")},
	}
	floating := []FloatingIP{
		{Address: netip.MustParseAddr("10.0.1.101"), State: networking.FloatingIPHeld}, {Address: netip.MustParseAddr("10.0.1.100"), State: networking.FloatingIPHeld},
		{Address: netip.MustParseAddr("10.0.1.101"), State: networking.FloatingIPProbing},
	}
	told := nodeStatus(Report{Subnets: subnets, Floating: floating}, nil)
	require.Equal(t, []networking.NodeSubnet{
		{Interface: "eth0", Prefix: "10.0.1.0/24", Address: "10.0.1.10"}, {Interface: "eth0", Prefix: "10.0.1.0/24", Address: "10.0.1.11"},
		{Interface: "eth1", Prefix: "10.0.2.0/24", Address: "10.0.2.10"},
	}, told.Subnets)
	require.Equal(t, []networking.NodeFloatingIP{{Address: "10.0.1.100", State: networking.FloatingIPHeld}, {Address: "10.0.1.101", State: networking.FloatingIPHeld}}, told.FloatingIPs)
	subnets[0], subnets[1] = subnets[1], subnets[0]
	again := nodeStatus(Report{Subnets: subnets, Floating: floating}, told.Conditions)
	require.Equal(t, same, nodeDifference(again, told))
	require.Equal(t, told, again)
}

func TestTheWorstFloatingIPGivesTheReason(t *testing.T) {
	ip := netip.MustParseAddr("10.0.1.100")
	held, probing := FloatingIP{Address: ip, State: networking.FloatingIPHeld}, FloatingIP{Address: ip.Next(), State: networking.FloatingIPProbing}
	conflict := FloatingIP{Address: ip.Next().Next(), State: networking.FloatingIPConflict, MAC: "02:00:00:00:00:01"}
	amiss := FloatingIP{Address: ip.Prev(), State: networking.FloatingIPHeld, MAC: "02:00:00:00:00:02"}
	nobody := FloatingIP{Address: ip.Prev().Prev(), Reason: "arp_ignore is 1"}
	refused := FloatingIP{Address: nobody.Address.Prev(), State: networking.FloatingIPRefused, Reason: "no right"}
	for _, tt := range []struct {
		all             []FloatingIP
		reason, message string
	}{
		{[]FloatingIP{held}, "Held", ""},
		{[]FloatingIP{held, probing}, "Probing", ""},
		{[]FloatingIP{held, probing, amiss}, "Amiss", "10.0.1.99: the host with the hardware address 02:00:00:00:00:02 answers for it"},
		{[]FloatingIP{amiss, conflict}, "Conflict", "10.0.1.99: the host with the hardware address 02:00:00:00:00:02 answers for it; " +
			"10.0.1.102: the host with the hardware address 02:00:00:00:00:01 answers for it"},
		{[]FloatingIP{held, conflict, refused}, "Refused", "10.0.1.97: no right; 10.0.1.102: the host with the hardware address 02:00:00:00:00:01 answers for it"},
		{[]FloatingIP{refused, nobody}, "NotHeld", "10.0.1.97: no right; 10.0.1.98: arp_ignore is 1"},
		{[]FloatingIP{held, conflict, nobody}, "NotHeld", "10.0.1.98: arp_ignore is 1; 10.0.1.102: the host with the hardware address 02:00:00:00:00:01 answers for it"},
	} {
		c := settled(tt.all)
		require.Equal(t, tt.reason, c.Reason)
		require.Equal(t, tt.message, c.Message)
		require.Equal(t, tt.reason == "Held", c.Status == metav1.ConditionTrue)
	}
}

func TestWhatHasToBeWrittenSoon(t *testing.T) {
	ip := netip.MustParseAddr("10.0.1.100")
	before := nodeStatus(Report{Floating: []FloatingIP{{Address: ip, State: networking.FloatingIPHeld, Reason: "a"}}}, nil)
	for _, tt := range []struct {
		report  Report
		differs difference
	}{
		{Report{Floating: []FloatingIP{{Address: ip, State: networking.FloatingIPHeld, Reason: "a"}}}, same},
		{Report{Floating: []FloatingIP{{Address: ip, State: networking.FloatingIPHeld, Reason: "b"}}}, detail},
		{Report{Floating: []FloatingIP{{Address: ip, State: networking.FloatingIPHeld}}}, matters},
		{Report{Floating: []FloatingIP{{Address: ip, State: networking.FloatingIPProbing, Reason: "a"}}}, matters},
		{Report{Floating: []FloatingIP{{Address: ip, Reason: "a"}}}, matters},
		{Report{Floating: []FloatingIP{{Address: ip, State: networking.FloatingIPHeld, Reason: "a"}}, Unwell: "x"}, matters},
		{Report{Floating: []FloatingIP{{Address: ip, State: networking.FloatingIPHeld, Reason: "a"}}, Subnets: []Subnet{{"lan", netip.PrefixFrom(ip, 24)}}}, matters},
		{Report{}, matters},
	} {
		require.Equal(t, tt.differs, nodeDifference(nodeStatus(tt.report, before.Conditions), before), "%+v", tt.report)
	}
}

func TestARefusalIsToldWithItsReason(t *testing.T) {
	ip := netip.MustParseAddr("10.0.1.100")
	refused := func(why string) Report {
		return Report{Floating: []FloatingIP{{Address: ip, State: networking.FloatingIPRefused, Reason: why}, {Address: ip.Next(), State: networking.FloatingIPHeld, Reason: "x"}}}
	}
	told := nodeStatus(refused("no\nright"), nil)
	require.Equal(t, []networking.NodeFloatingIP{
		{Address: "10.0.1.100", State: networking.FloatingIPRefused, Message: "no\ufffdright"}, {Address: "10.0.1.101", State: networking.FloatingIPHeld},
	}, told.FloatingIPs)
	require.Equal(t, networking.GatewayUp, told.State)
	require.Equal(t, detail, nodeDifference(nodeStatus(refused("another"), told.Conditions), told), "nobody acts on its text")
	require.Equal(t, matters, nodeDifference(nodeStatus(Report{Floating: refused("").Floating[1:]}, told.Conditions), told))
	long := nodeStatus(refused(strings.Repeat("ü", refusalLength)), nil).FloatingIPs[0].Message
	require.LessOrEqual(t, utf8.RuneCountInString(long), refusalLength)
	require.True(t, strings.HasSuffix(long, " ..."))
}

func TestADefinitionThatKnowsNoRefusalIsToldAsBefore(t *testing.T) {
	ip := netip.MustParseAddr("10.0.1.100")
	refused, held := FloatingIP{Address: ip, State: networking.FloatingIPRefused, Reason: "no right"}, FloatingIP{Address: ip.Next(), State: networking.FloatingIPHeld}
	alone := Report{Floating: []FloatingIP{refused}}
	require.Equal(t, Report{Floating: []FloatingIP{{Address: ip, Reason: "no right"}}, Unwell: "10.0.1.100: no right"}, alone.older(), "another node is chosen")
	require.True(t, alone.refuses(), "it is a copy")
	require.Equal(t, Report{Floating: []FloatingIP{{Address: ip, Reason: "no right"}, held}}, Report{Floating: []FloatingIP{refused, held}}.older(), "what is held stays")
	require.Equal(t, "bgpd", Report{Floating: []FloatingIP{refused}, Unwell: "bgpd"}.older().Unwell)
	require.Equal(t, Report{Floating: []FloatingIP{held}}, Report{Floating: []FloatingIP{held}}.older())
}

func TestAMessageFitsWhateverItSays(t *testing.T) {
	require.Equal(t, "a\ufffdb", message("a\nb"))
	long := message(strings.Repeat("ü", messageLength))
	require.LessOrEqual(t, len(long), messageLength)
	require.True(t, utf8.ValidString(long))
	require.True(t, strings.HasSuffix(long, " ..."))
}

// What a Report is made of after it was told is the caller's again.
func TestAReportIsCopied(t *testing.T) {
	r := Report{
		Subnets: []Subnet{{"eth0", netip.MustParsePrefix("10.0.1.10/24")}}, Floating: []FloatingIP{{Reason: "a"}},
		Sessions: []Session{{Advertised: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, AddPath: []networking.AddPath{{Family: networking.IPv4}}}},
	}
	before, err := json.Marshal(r)
	require.NoError(t, err)
	copied := r.clone()
	r.Subnets[0].Interface, r.Floating[0].Reason, r.Sessions[0].Message = "x", "x", "x"
	r.Sessions[0].Advertised[0], r.Sessions[0].AddPath[0].Sending = netip.Prefix{}, true
	after, err := json.Marshal(copied)
	require.NoError(t, err)
	require.JSONEq(t, string(before), string(after))
}

func TestGroupsOfAnotherNamespacePlaceNothing(t *testing.T) {
	group := func(namespace, address string) unstructured.Unstructured {
		u := unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"floatingIPs": map[string]any{address: "n1", "10.0.1.99": "n2"}}}}
		u.SetNamespace(namespace)
		return u
	}
	all := []unstructured.Unstructured{group("mallory", "10.0.1.101"), group("cluster-bm", "10.0.1.100")}
	own, other := netip.MustParseAddr("10.0.1.100"), netip.MustParseAddr("10.0.1.101")
	require.Equal(t, []netip.Addr{own}, placed(all, "n1", "cluster-bm"))
	require.Equal(t, []netip.Addr{own, other}, placed(all, "n1", ""), "which is the cluster's is not known yet")
	require.Equal(t, []netip.Addr{}, placed(nil, "n1", "cluster-bm"), "nothing, and not unknown")
}
