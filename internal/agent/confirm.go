package agent

import (
	"net/netip"

	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
)

// Lost are the sessions that were Established before, that the document still asks for, and that are not Established now.
func Lost(before, now observe.State, document render.Document) []observe.Session {
	up := map[string]bool{}
	for _, s := range now.Sessions {
		up[s.VRF+" "+s.Neighbor] = s.Established()
	}
	var out []observe.Session
	for _, s := range before.Sessions {
		if s.Established() && !up[s.VRF+" "+s.Neighbor] && reload.Keeps(document, s.Neighbor, s.VRF) {
			out = append(out, s)
		}
	}
	return out
}

// EstablishedOf are those of the neighbors of a plan whose sessions are Established: resetting the others disturbs nobody. A listen range
// counts when a session comes from it.
func EstablishedOf(neighbors []string, state observe.State) []string {
	var out []string
	for _, name := range neighbors {
		id, vrf := reload.Session(name)
		for _, s := range state.Sessions {
			if s.Established() && s.VRF == vrf && (s.Neighbor == id || within(s.Neighbor, id)) {
				out = append(out, name)
				break
			}
		}
	}
	return out
}

// established counts the Established sessions of the neighbors of a plan.
func established(neighbors []string, state observe.State) int {
	n := 0
	for _, s := range state.Sessions {
		if len(EstablishedOf(neighbors, observe.State{Sessions: []observe.Session{s}})) > 0 {
			n++
		}
	}
	return n
}

func within(neighbor, prefix string) bool {
	p, err := netip.ParsePrefix(prefix)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(neighbor)
	return err == nil && p.Contains(a)
}
