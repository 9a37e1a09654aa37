package agent

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/internal/translate"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/internal/vtysh/vtyshtest"
)

// heard is a Reporter that remembers.
type heard struct {
	announced [][]string
	find      status.Lookup
}

func (h *heard) Judged(_ []problem.Problem, find status.Lookup) { h.find = find }
func (h *heard) Failed(error)                                   {}
func (h *heard) Runs(announcements []translate.Announcement) {
	var names []string
	for _, a := range announcements {
		if a.Reason == translate.Announced {
			names = append(names, a.Name)
		}
	}
	h.announced = append(h.announced, names)
}

// last is how many Services it heard of last.
func (h *heard) last() int {
	if len(h.announced) == 0 {
		return -1
	}
	return len(h.announced[len(h.announced)-1])
}

func TestNothingIsToldOfBeforeFRRRunsIt(t *testing.T) {
	w := newWatched(t, false)
	h := &heard{}
	w.agent.Reporter = h
	w.turn()
	require.Equal(t, 2, h.last())
	uid, exists := h.find(problem.Object{Kind: "BGPPeer", Group: "metallb.io", Namespace: "metallb-system", Name: "tor1"})
	require.True(t, exists)
	require.Empty(t, uid, "manifests have none")

	w.frr.Kill(vtysh.BGPD)
	told := len(h.announced)
	w.services(3)
	require.Len(t, h.announced, told, "bgpd is away")
	w.frr.Start(vtysh.BGPD)
	w.turn()
	require.Equal(t, 3, h.last())

	w.frr.Inject(func(_ vtysh.Daemon, line string) (f vtyshtest.Fault) {
		if strings.Contains(line, "network 20.") {
			f.Refuse = "% no"
		}
		return f
	})
	told = len(h.announced)
	w.services(4)
	require.Len(t, h.announced, told, "it is refused")
	w.frr.Inject(nil)
	w.turn()
	require.Equal(t, 4, h.last())
	require.True(t, slices.IsSorted(h.announced[len(h.announced)-1]))
}

func TestWhatIsRolledBackIsToldOfAsItWasBefore(t *testing.T) {
	w := newWatched(t, false)
	h := &heard{}
	w.agent.Reporter = h
	w.services(3)
	w.runs(3)
	require.Equal(t, 3, h.last())
	w.up(2, 3, 4)
	w.over()
	w.runs(2)
	require.Equal(t, 2, h.last())
	w.up(1, 2, 3, 4)
	w.over()
	w.runs(3)
	require.Equal(t, 3, h.last())
}
