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
		out = append(out, apart(text.String()))
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
	view := strings.ReplaceAll(text[begin:end], "neighbor 10.0.0.2 ", "neighbor "+viewSpeakers[0]+" ")
	if at := strings.Index(view, " address-family"); at > 0 && strings.Contains(view[:at], "neighbor "+viewSpeakers[0]+" remote-as") {
		view = view[:at] + " neighbor " + viewSpeakers[0] + " timers connect 1\n" + view[at:] // it does not call by itself
	}
	return text[:begin] + view + text[end:]
}

// kernelVRFs tells whether a chain runs where the VRF exists, as a network namespace. FRR 10.3 dies there of each line about an interface, so
// most chains of it run without.
func kernelVRFs(g Generator, version fabric.Version, number uint64) bool {
	if _, ok := g.(walker); ok {
		return version == fabric.V84 // all of its chains have interfaces
	}
	return version == fabric.V84 || number%4 == 3
}

// suited makes a configuration fit for an FRR whose VRFs are network namespaces: 8.4 prints where they are, 10.3 does without interfaces.
func suited(version fabric.Version, text string) string {
	if version == fabric.V84 {
		return "vrf " + vrf + "\n netns /run/netns/" + vrf + "\nexit-vrf\n" + text
	}
	var b strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "interface ") {
			inside = true
		}
		if !inside {
			b.WriteString(line)
		}
		if strings.HasPrefix(line, "exit") || strings.HasPrefix(line, "!") {
			inside = false
		}
	}
	return b.String()
}
