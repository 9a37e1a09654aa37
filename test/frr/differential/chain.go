package differential

import (
	"math/rand/v2"
	"strings"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// Grammar generates common FRR configuration.
type Grammar struct{}

// Name implements Generator.
func (Grammar) Name() string { return "grammar" }

// Whole implements Generator.
func (Grammar) Whole() bool { return true }

// Chain implements Generator.
func (Grammar) Chain(r *rand.Rand, version fabric.Version, n int) []string {
	var out []string
	text := Generate(r.Uint64(), version)
	for range n {
		out = append(out, machine(version)+apart(text.String()))
		if text = text.Mutate(r.Uint64()); r.IntN(15) == 0 {
			text = Generate(r.Uint64(), version)
		}
	}
	return out
}

// apart gives a view neighbors of its own: a live peer has one session at a time.
func apart(text string) string {
	begin := strings.Index(text, "router bgp 65000 view blue")
	if begin < 0 {
		return text
	}
	end := begin + strings.Index(text[begin:], "\nexit\n")
	return text[:begin] + strings.ReplaceAll(text[begin:end], "neighbor 10.0.0.2 ", "neighbor "+viewSpeakers[0]+" ") + text[end:]
}

// machine is what zebra of FRR 8.4 prints by itself where network namespaces are VRFs.
func machine(version fabric.Version) string {
	if version != fabric.V84 {
		return ""
	}
	return "vrf " + vrf + "\n netns /run/netns/" + vrf + "\nexit-vrf\n"
}
