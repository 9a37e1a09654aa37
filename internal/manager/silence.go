package manager

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// doubted is how long a node has to be silent until its sessions are told so, where its expired lease is not believed: its agent may work, and be the one that is
// not heard. Nothing moves by that.
const doubted = time.Minute

// noSign begins what is told then: it is no word of the node's.
const noSign = "no sign of life"

// silence is since when nothing is heard of a node, and told the one that was told last of a session of it.
type silence struct{ since, told time.Time }

// news tells whether there is something to tell of a silence, or in how long there may be. Each is told once: the last word is that of an agent that reports, though it
// can't renew its lease.
func (s silence) news(now time.Time, believed bool) (bool, time.Duration) {
	if s.since.IsZero() || s.told.Equal(s.since) {
		return false, never
	}
	if left := doubted - now.Sub(s.since); !believed && left > 0 {
		return false, left
	}
	return true, never
}

// silent takes back that a session is Established where its node is not heard of any more, and no other relieves it: nobody else would.
func (w *writing) silent(k key, s gateway.Session, is version[*networking.BGPSession]) {
	if is.object.Status.State != networking.SessionEstablished || w.Leases[s.Node] != gateway.LeaseExpired {
		return
	}
	silence := silence{w.manager.leases.silent(s.Node), w.manager.silences[k]}
	now, in := silence.news(w.judged, w.believed())
	w.later(in)
	if !now || !w.slow() {
		return
	}
	last := metav1.NewTime(silence.since)
	if w.status(sessionKind, is.object, is.at, &networking.BGPSessionStatus{
		State: networking.SessionNotEstablished, AddPath: received(s), LastReportTime: &last,
		Message: fmt.Sprintf(noSign+" from node %q since %s: nobody knows whether it is up", s.Node, silence.since.UTC().Format(time.RFC3339)),
	}) {
		w.manager.silences[k] = silence.since
	}
}

// believed tells whether expired leases were taken for dead nodes.
func (w *writing) believed() bool {
	return !slices.ContainsFunc(w.out.Problems, func(p problem.Problem) bool { return p.Reason == problem.LeasesLost })
}
