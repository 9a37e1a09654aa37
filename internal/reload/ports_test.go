package reload

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/render"
)

func TestPortsAreThoseOfEachVRF(t *testing.T) {
	text := `router bgp 64512
 neighbor 10.0.0.1 remote-as 64501
 neighbor 10.0.0.1 port 1179
 neighbor 10.0.0.2 remote-as 64502
 neighbor fd00::1 port 1180
 neighbor 10.0.0.3 description neighbor port 4
exit
!
router bgp 64512 vrf red
 neighbor 10.0.0.2 port 1181
 neighbor 10.0.0.4 port 65536
exit
`
	require.Equal(t, []Port{{"10.0.0.1", "default", 1179}, {"fd00::1", "default", 1180}, {"10.0.0.2", "red", 1181}}, Ports(render.Document{Text: text}))
	require.Empty(t, Ports(render.Document{}))
}
