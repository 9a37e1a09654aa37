package frr

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/gobgp"
)

// TestScenarioOpenShiftExamples runs the examples of the OpenShift documentation as written (the golden cases openshift-01 to 06, with
// company that makes them announce something) against routers at the addresses that they name. Example 03, in its VRF, is
// TestScenarioVRFWithPassword.
func TestScenarioOpenShiftExamples(t *testing.T) {
	type seen struct {
		address     string
		as          uint32
		prefix      string
		communities []string
	}
	for example, routers := range map[string][]seen{
		"openshift-01-bgppeer-doc-example": {{"10.0.0.1", 64501, "192.0.2.10/32", nil}},
		"openshift-02-two-pools-two-peers": {
			{"10.0.0.1", 64501, "4.4.4.100/32", []string{"65535:65282"}},
			{"10.0.0.2", 64501, "5.5.5.100/32", []string{"65535:65282"}},
		},
		"openshift-04-bgppeer-nodeselector": {{"10.0.20.1", 64501, "192.0.2.10/32", nil}},
		"openshift-05-bgppeer-bfd":          {{"10.0.20.1", 64501, "192.0.2.10/32", nil}},
		"openshift-06-bgppeer-dual-stack-ibgp": {
			{"10.0.20.1", 64500, "192.0.2.10/32", nil},
			{"2620:52:0:88::104", 64500, "2001:db8:1::10/128", nil},
		},
	} {
		objects, err := os.ReadFile(filepath.Join("cases", example, "in.yaml"))
		require.NoError(t, err)
		t.Run(example, func(t *testing.T) {
			scenario(t, func(t *testing.T, v, _ fabric.Version) {
				top := fabric.Topology{
					Nodes: []fabric.NodeSpec{{Name: "node1", Version: v, BGPDArgs: []string{"-p", "0"}}},
					Links: []fabric.Link{{Name: "rack", Ends: []fabric.End{{
						Node: "node1", Interface: "eth0", Addresses: []string{"10.0.0.11/24", "10.0.20.11/24", "2620:52:0:88::11/64"},
					}}}},
				}
				for i, r := range routers {
					name, bits := fmt.Sprint("tor", i+1), 24
					if netip.MustParseAddr(r.address).Is6() {
						bits = 64
					}
					top.Nodes = append(top.Nodes, fabric.NodeSpec{Name: name, Version: fabric.None})
					top.Links[0].Ends = append(top.Links[0].Ends, fabric.End{Node: name, Interface: "eth0", Addresses: []string{fmt.Sprintf("%s/%d", r.address, bits)}})
				}
				l := prepare(t, top, map[string]string{"example": string(objects)})
				var peers []*gobgp.Peer
				for i, r := range routers {
					from := "10.0.0.11"
					switch address := netip.MustParseAddr(r.address); {
					case address.Is6():
						from = "2620:52:0:88::11"
					case netip.MustParsePrefix("10.0.20.0/24").Contains(address):
						from = "10.0.20.11"
					}
					peers = append(peers, gobgp.Start(t, l.Node(fmt.Sprint("tor", i+1)), gobgp.Config{
						AS: r.as, Address: netip.MustParseAddr(r.address), Neighbor: netip.MustParseAddr(from), NeighborAS: 64500,
					}))
					if v == fabric.V84 {
						continue
					}
					// FRR 10.3 starts no session before BFD is up. (8.4 may lose its first call when BFD comes up during it, and calls again
					// after two minutes; without a listener here it is the only one who calls.)
					bfd, err := gobgp.RunBFD(l.Node(fmt.Sprint("tor", i+1)), "", netip.MustParseAddr(r.address), netip.MustParseAddr(from), nil)
					require.NoError(t, err)
					t.Cleanup(bfd.Close)
				}
				l.run()
				for i, r := range routers {
					path, err := peers[i].WaitPath(within(t, 20*time.Second), netip.MustParsePrefix(r.prefix), func(gobgp.Path) bool { return true })
					require.NoError(t, err, r.address)
					require.Equal(t, r.communities, path.Communities)
					require.Len(t, peers[i].Table(), 1, "each router gets what is for it, and nothing else")
				}
				out, code := l.cli("validate", "-f", l.dir)
				require.Zero(t, code, out)
			})
		})
	}
}
