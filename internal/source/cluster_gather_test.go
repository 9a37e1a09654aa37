package source

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// Services arrive one by one, as a watch brings them: a result each would be quadratic work.
func TestManyServicesAtOnceAreFewResults(t *testing.T) {
	g := newGathering("node1", false)
	f := feed{kind: "Service"}
	g.add(f)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		for i := range many {
			s := apiService(i)
			g.put(f, entry{identity: problem.Object{Kind: "Service", Namespace: s.Namespace, Name: s.Name}, object: s})
		}
	}()
	results, have := 0, 0
	for have < many && g.wait(ctx) {
		result, news := g.result()
		if news {
			results++
			require.Greater(t, len(result.Objects.Services), have)
			have = len(result.Objects.Services)
		}
	}
	require.Equal(t, many, have)
	t.Logf("%d Services came in %d results", many, results)
	require.Less(t, results, many/20)
}

func TestAnObjectThatIsDeletedAndMadeAnewBetweenTwoResultsIsNoGap(t *testing.T) {
	g := newGathering("node1", false)
	f := feed{kind: "Service"}
	g.add(f)
	identity := problem.Object{Kind: "Service", Namespace: "shop", Name: "service-1"}
	g.put(f, entry{identity: identity, object: apiService(1)})
	first, _ := g.result()
	require.Len(t, first.Objects.Services, 1)
	g.remove(f, identity)
	g.put(f, entry{identity: identity, object: apiService(2)})
	second, news := g.result()
	require.True(t, news)
	require.Len(t, second.Objects.Services, 1)
	require.Equal(t, "20.0.0.2", second.Objects.Services[0].Status.LoadBalancer.Ingress[0].IP)
}

// What can't be read now and never could is told as unread, and forgotten when it is deleted.
func TestWhatCanNotBeReadIsUnreadUntilItIsDeleted(t *testing.T) {
	g := newGathering("node1", false)
	f := feed{group: metallbGroup, kind: "BGPPeer", namespace: "metallb-system"}
	g.add(f)
	bad := problem.Object{Group: metallbGroup, Kind: "BGPPeer", Namespace: "metallb-system", Name: "bad"}
	broken := problem.Problem{Severity: problem.Error, Object: bad, Reason: problem.WrongType, Message: "a text stands where a number belongs" + leftOut}
	g.put(f, entry{identity: bad, problems: []problem.Problem{broken}})
	result, _ := g.result()
	require.Equal(t, []problem.Object{bad}, result.Unread)
	require.True(t, result.Incomplete, "the rest was not read yet")
	g.replace(f, nil)
	result, news := g.result()
	require.True(t, news)
	require.Empty(t, result.Unread)
	require.Empty(t, result.Problems)
	require.False(t, result.Incomplete)
}

func TestTheReasonThatIsToldIsOneThatStillHolds(t *testing.T) {
	h := NewHealth(time.Now)
	services, nodes := feed{kind: "Service"}, feed{kind: "Node"}
	h.failed(services, errors.New("of Services"))
	h.failed(nodes, errors.New("of Nodes"))
	h.worked(services)
	since, why := h.CutOff()
	require.NotZero(t, since)
	require.Equal(t, "of Nodes", why)
	h.worked(nodes)
	since, why = h.CutOff()
	require.Zero(t, since)
	require.Empty(t, why)
}
