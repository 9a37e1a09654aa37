package translate

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// TestExplainHasAReasonForEverything explains clusters whose objects conflict, with the last good forms of others: the same configuration as
// without explaining, every peer has an answer for every Service, and each no has a why.
func TestExplainHasAReasonForEverything(t *testing.T) {
	seen := map[Reason]bool{}
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 7))
		before := translated(t, randomCluster(r, 15), LastGood{})
		objects := randomCluster(r, 15)
		snap, err := snapshot.New(objects, "node1", snapshot.Options{})
		require.NoError(t, err)
		e := Explain(snap, before.LastGood)
		want := Translate(snap, before.LastGood)
		require.Equal(t, want.Config, e.Config)
		require.Equal(t, want.Problems, e.Problems)
		require.Equal(t, want.LastGood, e.LastGood)
		counted := 0
		for _, services := range e.Counts() {
			counted += len(services)
		}
		require.Equal(t, len(snap.Services), counted)
		for i, s := range snap.Services {
			answer, ok := e.Service(s.Namespace, s.Name)
			require.True(t, ok)
			require.Equal(t, want.Announcements[i].Reason, answer.Reason)
			peers := map[string]bool{}
			for _, route := range answer.Routes {
				peers[route.Peer], seen[route.Reason] = true, true
				require.Equal(t, route.Announced, route.Reason == Announced, "%+v", route)
				if !route.Announced {
					require.NotEmpty(t, answer.Why+route.Why, "%+v", route)
				}
			}
			require.Len(t, peers, len(objects.Peers), fmt.Sprint(s.Name))
		}
	}
	for _, reason := range []Reason{Announced, IPNotAllowed, NotOwner, NoMatchingAdvertisement, PeerLeftOut, PeerNotNamed} {
		require.True(t, seen[reason], "no cluster has a Service with %s: the test proves little", reason)
	}
}
