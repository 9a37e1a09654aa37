package manager

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

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
