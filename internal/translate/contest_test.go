package translate

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// contestedCluster has two peers and a younger advertisement to both; the older one asks for another local preference towards the first.
func contestedCluster(older ...*v1beta1.BGPAdvertisement) snapshot.Objects {
	objects := cluster()
	objects.Peers = append(objects.Peers, newTestPeer("tor2", "10.0.0.2"))
	younger := newTestAdvert("younger", func(s *v1beta1.BGPAdvertisementSpec) { s.LocalPref, s.Communities = 200, []string{"64500:2"} })
	younger.CreationTimestamp = metav1.Unix(2000, 0)
	objects.Advertisements = append(older, younger)
	return objects
}

func olderAdvert(change ...func(*v1beta1.BGPAdvertisementSpec)) *v1beta1.BGPAdvertisement {
	a := newTestAdvert("older", append([]func(*v1beta1.BGPAdvertisementSpec){func(s *v1beta1.BGPAdvertisementSpec) {
		s.LocalPref, s.Communities, s.Peers = 100, []string{"64500:1"}, []string{"tor1"}
	}}, change...)...)
	a.CreationTimestamp = metav1.Unix(1000, 0)
	return a
}

// preferences are the local preferences with which each peer gets the Service.
func preferences(t *testing.T, objects snapshot.Objects, lastGood LastGood) map[string]uint32 {
	t.Helper()
	snap, err := snapshot.New(objects, "node1", snapshot.Options{})
	require.NoError(t, err)
	answer, ok := Explain(snap, lastGood).Service("default", "web")
	require.True(t, ok)
	out := map[string]uint32{}
	for _, r := range answer.Routes {
		require.True(t, r.Announced, "whoever is outdone, the route is announced")
		out[r.Peer] = r.Attributes.LocalPreference
	}
	return out
}

func TestOfTwoThatClashTheOlderStaysWhereTheyMeet(t *testing.T) {
	objects := contestedCluster(olderAdvert())
	require.Equal(t, map[string]uint32{"tor1": 100, "tor2": 200}, preferences(t, objects, LastGood{}))
	result := translated(t, objects, LastGood{})
	require.Equal(t, []problem.Reason{problem.ConflictingAdvertisement}, reasons(result.Problems))
	require.Equal(t, "younger", result.Problems[0].Object.Name)
	require.Contains(t, result.Problems[0].Message, `to BGPPeer "tor1" with`)
	require.Equal(t, map[string][]string{"younger": {"older"}}, result.LastGood.outdone)
}

// An older advertisement that comes to the node later takes nothing from the one that works, now or ever.
func TestWhatWorksIsNotOutdoneByWhatComes(t *testing.T) {
	alone := translated(t, contestedCluster(), LastGood{})
	objects := contestedCluster(olderAdvert())
	good := alone.LastGood
	for range 3 {
		require.Equal(t, map[string]uint32{"tor1": 200, "tor2": 200}, preferences(t, objects, good))
		result := translated(t, objects, good)
		require.Equal(t, alone.Config.RouteMaps, result.Config.RouteMaps[:len(result.Config.RouteMaps)-1], "but for the map of the peer that is named")
		require.Equal(t, "older", result.Problems[0].Object.Name)
		good = restarted(t, result.LastGood)
	}
	// The one that stays may change without losing its place; so may the other, and gains none.
	objects.Advertisements[1].Spec.Communities = []string{"64500:3"}
	require.Equal(t, map[string]uint32{"tor1": 200, "tor2": 200}, preferences(t, objects, good))
	objects.Advertisements[1].Spec.LocalPref = 300
	require.Equal(t, map[string]uint32{"tor1": 300, "tor2": 300}, preferences(t, objects, good))
	objects.Advertisements[0] = olderAdvert(func(s *v1beta1.BGPAdvertisementSpec) { s.LocalPref = 111 })
	require.Equal(t, map[string]uint32{"tor1": 300, "tor2": 300}, preferences(t, objects, good))

	// Once they agree nothing is remembered.
	objects.Advertisements[0] = olderAdvert(func(s *v1beta1.BGPAdvertisementSpec) { s.LocalPref = 300 })
	mended := translated(t, objects, good)
	require.Empty(t, mended.Problems)
	require.Empty(t, mended.LastGood.outdone)
}

// A change that would clash with what works is not taken at all, as long as there is a form that does not.
func TestAChangeThatWouldClashIsNotTaken(t *testing.T) {
	unset := olderAdvert(func(s *v1beta1.BGPAdvertisementSpec) { s.LocalPref = 0 })
	good := translated(t, contestedCluster(unset), LastGood{})
	require.Empty(t, good.Problems)
	result := translated(t, contestedCluster(olderAdvert()), good.LastGood)
	require.Equal(t, good.Config, result.Config)
	require.Equal(t, []problem.Reason{problem.ConflictingAdvertisement}, reasons(result.Problems))
	require.Contains(t, result.Problems[0].Message, keptGood)

	// Where its last good form clashes as well there is nothing to fall back to: the change is taken for the peers where they don't meet.
	wide := func(communities string) *v1beta1.BGPAdvertisement {
		return newTestAdvert("younger", func(s *v1beta1.BGPAdvertisementSpec) { s.LocalPref, s.Communities = 200, []string{communities} })
	}
	objects := contestedCluster(olderAdvert())
	objects.Advertisements[1] = wide("64500:2")
	before := translated(t, objects, LastGood{})
	objects.Advertisements[1] = wide("64500:9")
	after := translated(t, objects, before.LastGood)
	require.NotEqual(t, before.Config, after.Config)
	require.Equal(t, before.Problems, after.Problems)
	require.Equal(t, map[string]uint32{"tor1": 100, "tor2": 200}, preferences(t, objects, before.LastGood))
}

// A conflict that comes to be settles no other class: the Services' lines, tags and entries stay.
func TestAnAdvertisementThatIsOutdoneEverywhereChangesNothing(t *testing.T) {
	objects := contestedCluster(olderAdvert(func(s *v1beta1.BGPAdvertisementSpec) { s.Peers = nil }))
	with := translated(t, objects, LastGood{})
	objects.Advertisements = objects.Advertisements[:1]
	require.Equal(t, translated(t, objects, LastGood{}).Config, with.Config)
	require.Equal(t, []problem.Reason{problem.ConflictingAdvertisement}, reasons(with.Problems))
}

// clashingCluster is a random cluster with advertisements that meet in many pools.
func clashingCluster(r *rand.Rand) snapshot.Objects {
	objects := randomCluster(r, 12)
	for _, a := range objects.Advertisements {
		if r.IntN(2) == 0 {
			a.Spec.IPAddressPools = nil
		}
	}
	return objects
}

// Whatever has happened before, a turn in which nothing changes changes nothing.
func TestATurnWithoutChangesChangesNothing(t *testing.T) {
	clashes := 0
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 11))
		good := translated(t, clashingCluster(r), LastGood{}).LastGood
		objects := clashingCluster(r)
		first := translated(t, objects, good)
		second := translated(t, objects, restarted(t, first.LastGood))
		third := translated(t, objects, second.LastGood)
		require.Equal(t, first.Config, second.Config, "seed %d", seed)
		require.Equal(t, second.Config, third.Config, "seed %d", seed)
		require.Equal(t, second.Problems, third.Problems, "seed %d", seed)
		require.Equal(t, second.LastGood, third.LastGood, "seed %d", seed)
		clashes += len(first.LastGood.outdone)
	}
	require.Greater(t, clashes, 20, "hardly any clash: the test proves little")
}
