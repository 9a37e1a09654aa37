package manager

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

func TestALeaseWithoutItsNodeIsNotTold(t *testing.T) {
	now := time.Now()
	m := &Manager{store: newStore([]string{nodeKind, groupKind}), leases: newLeases(func() time.Time { return now })}
	for _, node := range []string{"n1", "n2"} {
		m.store.put(nodeKind, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node}})
		m.leases.hear(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: gateway.LeaseName(node)}, Spec: coordinationv1.LeaseSpec{HolderIdentity: &node}})
	}
	for range 2 * defaultTerm / time.Second { // heard all the time, so both expire
		now = now.Add(time.Second)
		m.leases.wakeUp(now)
	}
	require.Equal(t, map[string]int{"expired": 2}, m.Leases())
	m.store.remove(nodeKind, key{Name: "n2"}, "")
	require.Equal(t, map[string]int{"expired": 1}, m.Leases())
}

// listener is a Teller that keeps what it was told last.
type listener struct {
	problems []problem.Problem
	find     func(problem.Object) (types.UID, bool)
}

func (t *listener) Found(problems []problem.Problem, find func(problem.Object) (types.UID, bool)) {
	t.problems, t.find = problems, find
}

func (t *listener) Hush() { t.problems, t.find = nil, nil }

func TestOnlyWhatNoConditionTellsIsToldByEvents(t *testing.T) {
	teller := &listener{}
	m := &Manager{store: newStore([]string{peerKind}), options: Options{Teller: teller}}
	peer := problem.Object{Kind: peerKind, Group: networking.GroupVersion.Group, Namespace: "cluster-bm", Name: "a"}
	other := peer
	other.Name = "b"
	warned := problem.Problem{Severity: problem.Warning, Object: peer, Field: "spec.sessions", Reason: problem.NoRedundancy, Message: "one only"}
	refused := problem.Problem{Severity: problem.Error, Object: peer, Field: "spec.peerIP", Reason: problem.InvalidValue, Message: "no address"}
	second := problem.Problem{Severity: problem.Error, Object: peer, Field: "spec.peerASN", Reason: problem.InvalidValue, Message: "no number"}
	elsewhere := refused
	elsewhere.Object = other
	m.tell(gateway.Assignment{
		Problems: []problem.Problem{refused, second, elsewhere, warned},
		Conditions: []gateway.Condition{
			{Object: peer, Type: gateway.Accepted, Status: metav1.ConditionFalse, Reason: string(problem.InvalidValue), Message: "spec.peerIP: no address"},
			{Object: other, Type: gateway.Accepted, Status: metav1.ConditionTrue, Reason: gateway.Accepted},
		},
	})
	require.Equal(t, []problem.Problem{second, elsewhere, warned}, teller.problems, "a condition tells the first alone")

	found := &networking.BGPPeer{ObjectMeta: metav1.ObjectMeta{Namespace: "cluster-bm", Name: "a", UID: "1234"}}
	m.store.put(peerKind, found)
	uid, exists := teller.find(peer)
	require.True(t, exists)
	require.Equal(t, types.UID("1234"), uid)
	for _, o := range []problem.Object{other, {Kind: "Unheard", Name: "a"}} {
		_, exists = teller.find(o)
		require.False(t, exists)
	}
}

func TestTroubleIsToldWithWhatItIsAbout(t *testing.T) {
	trouble := newTrouble(slog.New(slog.DiscardHandler))
	trouble.tell("write BGPPeer a", "an object can't be written", "object", "BGPPeer a", "error", "forbidden")
	trouble.tell("watch Node", "the API server can't be read", "kind", "Node")
	require.Equal(t, []string{"the API server can't be read kind=Node", "an object can't be written object=BGPPeer a error=forbidden"}, trouble.report())
	trouble.forget("write")
	require.Equal(t, []string{"the API server can't be read kind=Node"}, trouble.report())
	trouble.over("watch Node", "it can")
	require.Empty(t, trouble.report())
}

// The API server refuses the status of one group (an admission webhook, say): sessions from its floating IPs wait, and no others. There is no API server here, so
// any request fails the test.
func TestSessionsWaitForTheirFloatingIPsHolderAlone(t *testing.T) {
	m := &Manager{store: newStore([]string{sessionKind})}
	m.store.replace(sessionKind, nil, nil, "1")
	session := func(node, floating string) gateway.Session {
		peer := netip.MustParseAddr("10.8.0.10")
		return gateway.Session{Name: peer.String() + "-" + node, PeerIP: peer, Node: node, FloatingIP: netip.MustParseAddr(floating)}
	}
	was := &networking.BGPSession{ObjectMeta: metav1.ObjectMeta{Name: "10.8.0.10-n1", Labels: map[string]string{gateway.ManagedBy: gateway.Manager}}}
	was.Spec.FloatingIP, was.Spec.NodeName = "10.0.1.100", "n1"
	w := &writing{
		manager: m, untold: map[string]bool{}, out: gateway.Assignment{Sessions: []gateway.Session{session("n2", "10.0.1.100")}},
		objects: objects{sessions: map[key]version[*networking.BGPSession]{{Namespace: networking.ReportNamespace, Name: was.Name}: {object: was}}},
	}
	w.unwritten(map[string]string{"10.0.1.100": "n1", "10.0.1.101": "n3", "10.0.1.102": "n3"}, map[string]string{"10.0.1.100": "n2", "10.0.1.101": "n3"})
	require.Equal(t, map[string]bool{"10.0.1.100": true, "10.0.1.102": true}, w.untold)
	require.NotPanics(t, w.sessionObjects, "neither is the new one told, nor the one before taken away")

	w.out.Sessions = append(w.out.Sessions, session("n3", "10.0.1.101"))
	require.Panics(t, w.sessionObjects, "another one is told")
}
