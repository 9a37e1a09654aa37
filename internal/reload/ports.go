package reload

import (
	"strconv"
	"strings"

	"github.com/frr-renderer/frr-renderer/internal/render"
)

// Port is where a neighbor listens. Neighbor and VRF are as in FRR's "show bgp neighbors".
type Port struct {
	Neighbor string
	VRF      string
	Port     uint16
}

// Ports are those of the neighbors that a document tells to listen elsewhere than on 179.
func Ports(document render.Document) []Port {
	if !strings.Contains(document.Text, " port ") {
		return nil // nearly always, and large ones take long to read
	}
	var out []Port
	all, _ := instances(read(document.Text))
	for _, in := range all {
		_, vrf := Session(in.named("x"))
		for _, l := range in.block.lines {
			words := strings.Fields(l)
			if len(words) != 4 || words[0] != "neighbor" || words[2] != "port" {
				continue
			}
			if port, err := strconv.ParseUint(words[3], 10, 16); err == nil {
				out = append(out, Port{words[1], vrf, uint16(port)})
			}
		}
	}
	return out
}
