package agent

import (
	"net/netip"

	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
)

// Lost are the sessions that were Established before, that the document still asks for, and that are not Established now. resets are the
// neighbors that the change resets, as its plan names them: a dynamic neighbor may leave by itself, and is lost only where it is among those.
func Lost(before, now observe.State, document render.Document, resets []string) []observe.Session {
	up := map[string]bool{}
	for _, s := range now.Sessions {
		up[s.VRF+" "+s.Neighbor] = s.Established()
	}
	asks := reload.Asked(document)
	var out []observe.Session
	for _, s := range before.Sessions {
		if !s.Established() || up[s.VRF+" "+s.Neighbor] {
			continue
		}
		asked, dynamic := asks(s.Neighbor, s.VRF)
		if asked && (!dynamic || established(resets, observe.State{Sessions: []observe.Session{s}}) > 0) {
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
		if len(sessionsOf(name, state.Sessions)) > 0 {
			out = append(out, name)
		}
	}
	return out
}

// sessionsOf are the Established sessions of a neighbor or a listen range of a plan.
func sessionsOf(name string, sessions []observe.Session) []observe.Session {
	var out []observe.Session
	id, vrf := reload.Session(name)
	for _, s := range sessions {
		if s.Established() && s.VRF == vrf && (s.Neighbor == id || within(s.Neighbor, id)) {
			out = append(out, s)
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
