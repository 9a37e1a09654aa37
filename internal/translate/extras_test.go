package translate

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// TestExtrasAddAndNeverTakeAway puts extras beside one neighbor, 10.0.0.1 in AS 64500 with BFD profile "fast", and one route.
func TestExtrasAddAndNeverTakeAway(t *testing.T) {
	const router = "router bgp 64500\n"
	for text, taken := range map[string]bool{
		"route-map 10.0.0.1-in permit 20\n": true,
		"ip prefix-list a seq 5 permit 10.0.0.0/8\nroute-map 10.0.0.1-in permit 20\n match ip address prefix-list a\n": true,
		"ip route 10.0.0.0/8 192.0.2.1\n":                                                                     true,
		"interface eth0\n ip address 10.0.0.9/24\nexit\n":                                                     true,
		router + " neighbor 10.0.0.1 soft-reconfiguration inbound\n":                                          true,
		router + " address-family ipv4 unicast\n  neighbor 10.0.0.1 allowas-in\n exit-address-family\nexit\n": true,
		router + " neighbor 10.9.9.9 remote-as 1\n neighbor 10.9.9.9 shutdown\n":                              true,
		"router bgp 65099 vrf other\n no bgp default ipv4-unicast\n neighbor 10.0.0.1 remote-as 1\n":          true,
		"bfd\n profile other\n  receive-interval 50\n exit\nexit\n":                                           true,
		"! a comment\n# another\n\n":                                                                          true,
		"route-map 10.0.0.1-in permit 65535\n":                                                                false,
		"no route-map 10.0.0.1-in deny 65535\n":                                                               false,
		"no router bgp 64500\n":                                                                               false,
		"route-map 10.0.0.1-in permit 20\n no router bgp 64500\n":                                             false,
		"interface eth0\n no route-map out-all\n":                                                             false,
		"route-map class-00000000 permit 1\n":                                                                 false,
		router + " no neighbor 10.0.0.1\n":                                                                    false,
		router + " neighbor 10.0.0.1 shutdown\n":                                                              false,
		router + " neighbor 10.0.0.1 password x\n":                                                            false,
		router + " address-family ipv4 unicast\n exit\n neighbor 10.0.0.1 shutdown\n":                         false,
		router + " address-family ipv4 unicast\n exit\n no neighbor 10.0.0.1\n":                               false,
		router + " address-family ipv4 unicast\n exit-address-family\n no neighbor 10.0.0.1\n":                false,
		router + " address-family ipv4 unicast\n  network 192.0.2.10/32 route-map x\n":                        false,
		router + " address-family ipv4 unicast\n  neighbor 10.0.0.1 route-map x out\n":                        false,
		router + " bgp route-map delay-timer 5\n":                                                             false,
		"router bgp 64999\n":                          false,
		"bgp route-map delay-timer 5\n":               false,
		"bfd\n profile fast\n  receive-interval 50\n": false,
		"bfd\n no profile fast\n":                     false,
		"no bfd\n":                                    false,
		"do clear bgp *\n":                            false,
		"end\nwrite\n":                                false,
		"route-map 10.0.0.1-in permit 20\r\x0b\n":     false,
	} {
		t.Run(text, func(t *testing.T) {
			objects := cluster()
			objects.Peers[0] = newTestPeer("tor1", "10.0.0.1", func(s *v1beta2.BGPPeerSpec) { s.BFDProfile = "fast" })
			objects.BFDProfiles = []*v1beta1.BFDProfile{{ObjectMeta: meta("fast")}}
			without := translated(t, objects, LastGood{})
			objects.ConfigMaps = []*corev1.ConfigMap{{ObjectMeta: meta("bgpextras"), Data: map[string]string{"extras": text}}}
			result := translated(t, objects, LastGood{})
			require.Equal(t, without.Config.Instances, result.Config.Instances)
			require.Equal(t, without.Config.RouteMaps, result.Config.RouteMaps)
			if taken {
				require.Empty(t, result.Problems)
				return
			}
			require.Contains(t, reasons(result.Problems), problem.ExtrasTrespass)
			require.Empty(t, result.Config.Extras.Lines(), "refused as a whole")
		})
	}
}
