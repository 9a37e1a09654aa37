package translate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/internal/frrconf"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// annotate gives an object an annotation of ours.
func annotate[O metav1.Object](o O, name, value string) O {
	set := o.GetAnnotations()
	if set == nil {
		set = map[string]string{}
	}
	set[snapshot.AnnotationPrefix+name] = value
	o.SetAnnotations(set)
	return o
}

func TestWhatAnAllowListLetsThrough(t *testing.T) {
	for list, want := range map[string]map[string]bool{
		"":                           {"65000:1": false, "0:0": false, "large:0:0:0": false},
		"65000:100":                  {"65000:100": true, "65000:10": false, "65000:1000": false, "large:0:65000:100": false},
		"65000:1*":                   {"65000:1": true, "65000:19": true, "65000:2": false, "65000:21": false, "65001:1": false},
		"65000:100-199":              {"65000:99": false, "65000:100": true, "65000:199": true, "65000:200": false},
		"*:*":                        {"0:0": true, "65534:65535": true, "65535:0": false, "65535:65281": false, "large:1:1:1": false},
		"65000-65535:0-65535":        {"65000:1": true, "65535:65281": false},
		"6*:*":                       {"65000:1": true, "65535:666": false},
		"65535:666":                  {"65535:666": true, "65535:65281": false},
		"large:64500:*:7":            {"large:64500:4294967295:7": true, "large:64500:1:8": false, "64500:7": false},
		"large:4294967295:1*:*":      {"large:4294967295:12:4294967295": true, "large:4294967295:2:5": false},
		" 65000:1 ,65000:2\n65000:3": {"65000:1": true, "65000:2": true, "65000:3": true, "65000:4": false},
	} {
		var found issues
		l := newAllowList(list, &found)
		require.Empty(t, found, list)
		for word, ok := range want {
			var set communitySet
			require.NoError(t, set.add(word))
			require.Equal(t, ok, l.let(asksOf(set)[0]), "%q lets %s through", list, word)
		}
	}
}

func TestAllowListsThatAreNone(t *testing.T) {
	for _, list := range []string{
		"65000", "65000:", ":1", "65000:1:2", "large:1:2", "large:1:2:3:4", "65000:**", "65000:*1", "65000:0*", "65000:99999*", "65000:5-1", "65000:1-70000", "65536:1",
		"65000:-1", "65000:1-", "65535:*", "65535:0-9", "65535:1*", "large:4294967296:1:1", "no-export", "65000:0x1", "+1:1", "65000:1;65000:2", strings.Repeat("65000:1,", 65),
	} {
		var found issues
		newAllowList(list, &found)
		require.True(t, found.refused(), list)
	}
}

// askingCluster is a cluster with Services that ask for communities, each older than the next.
func askingCluster(asks ...string) snapshot.Objects {
	objects := cluster()
	objects.Services, objects.EndpointSlices = nil, nil
	annotate(objects.Advertisements[0], serviceCommunities, "65000:*")
	for i, ask := range asks {
		name := fmt.Sprintf("svc%04d", len(asks)-i) // by name the youngest come first
		s := newTestService(name, nil, fmt.Sprintf("192.0.%d.%d", 2+i/250, i%250))
		s.CreationTimestamp = metav1.Unix(int64(1000+i), 0)
		if ask != "" {
			annotate(s, communitiesKnob, ask)
		}
		objects.Services = append(objects.Services, s)
		objects.EndpointSlices = append(objects.EndpointSlices, newTestEndpoints(name))
	}
	objects.Pools[0] = newTestPool("pool1", "192.0.0.0/16")
	return objects
}

// communitiesOf is what the neighbors of a configuration get with a prefix.
func communitiesOf(c frrconf.Config, prefix string) string {
	tags, communities := map[frrconf.Name]uint32{}, map[uint32]string{}
	for _, m := range c.RouteMaps {
		for _, e := range m.Entries {
			switch {
			case e.SetTag != 0:
				tags[m.Name] = e.SetTag
			case e.MatchTag != 0:
				communities[e.MatchTag] = e.Communities.String()
			}
		}
	}
	for _, n := range c.Instances[0].IPv4.Networks {
		if n.Prefix.String() == prefix {
			return communities[tags[n.RouteMap]]
		}
	}
	return "not announced"
}

func TestTooManyDifferentWishesLeaveTheYoungerOut(t *testing.T) {
	var asks []string
	for i := range maxAskedClasses + 2 {
		asks = append(asks, fmt.Sprint("65000:", i))
	}
	asks = append(asks, "65000:0") // what another one has costs nothing
	good := translated(t, askingCluster(asks...), LastGood{})
	require.Equal(t, "64500:1 65000:0", communitiesOf(good.Config, "192.0.2.0/32"))
	require.Equal(t, "64500:1 65000:255", communitiesOf(good.Config, "192.0.3.5/32"))
	require.Equal(t, "64500:1", communitiesOf(good.Config, "192.0.3.6/32"), "it is announced, without")
	require.Equal(t, "64500:1", communitiesOf(good.Config, "192.0.3.7/32"))
	require.Equal(t, "64500:1 65000:0", communitiesOf(good.Config, "192.0.3.8/32"))
	require.Equal(t, []problem.Reason{problem.TooLarge, problem.TooLarge}, reasons(good.Problems))
	require.Equal(t, problem.Warning, good.Problems[0].Severity)

	// Somebody's oldest Service asks for something new: what works stays, also after a restart.
	changed := askingCluster(asks...)
	annotate(changed.Services[0], communitiesKnob, "65000:9999")
	annotate(changed.Services[1], communitiesKnob, "65000:9998")
	after := translated(t, changed, restarted(t, good.LastGood))
	require.Equal(t, "64500:1 65000:9999", communitiesOf(after.Config, "192.0.2.0/32"), "in the place that the other one leaves")
	require.Equal(t, "64500:1", communitiesOf(after.Config, "192.0.2.1/32"))
	require.Equal(t, "64500:1 65000:255", communitiesOf(after.Config, "192.0.3.5/32"))
	require.Equal(t, "64500:1 65000:0", communitiesOf(after.Config, "192.0.3.8/32"))
	require.Equal(t, "64500:1 65000:9998", communitiesOf(translated(t, changed, LastGood{}).Config, "192.0.2.1/32"), "by age alone it would be among the first")

	// One that leaves makes room.
	changed.Services = slices.Delete(changed.Services, 100, 101)
	require.Equal(t, "64500:1 65000:9998", communitiesOf(translated(t, changed, after.LastGood).Config, "192.0.2.1/32"))
}

// A wish that comes or goes moves no other class: names, tags and entries are as they were.
func TestWishesThatComeAndGoMoveNoOther(t *testing.T) {
	objects := askingCluster("", "65000:1", "65000:2", "65000:3 65000:4", "65000:9")
	all := translated(t, objects, LastGood{})
	before := entriesOf(all.Config)
	for i, s := range objects.Services {
		fewer := objects
		fewer.Services = slices.Delete(slices.Clone(objects.Services), i, i+1)
		after := entriesOf(translated(t, fewer, all.LastGood).Config)
		require.Less(t, len(after), len(before))
		for entry := range after {
			require.True(t, before[entry], "without %s there is %s", s.Name, entry)
		}
	}
}

// What nobody lets through makes no class, however many ask for it.
func TestRefusedWishesMakeNoClass(t *testing.T) {
	plain := translated(t, askingCluster("", "", ""), LastGood{})
	refused := translated(t, askingCluster("65001:1", "65001:2 65535:65281", "large:1:1:1"), LastGood{})
	require.Equal(t, plain.Config, refused.Config)
	require.Equal(t, []problem.Reason{problem.NotAllowed, problem.NotAllowed, problem.NotAllowed}, reasons(refused.Problems))
	require.Empty(t, refused.LastGood.asks)
}

func TestTheFirstPrependingMovesNoNeighbor(t *testing.T) {
	objects := cluster()
	before := translated(t, objects, LastGood{}).Config
	annotate(objects.Advertisements[0], asPathPrepend, "2")
	after := translated(t, objects, LastGood{}).Config
	require.Equal(t, before.Instances, after.Instances)
	require.NotEqual(t, before.RouteMaps, after.RouteMaps)
}

func TestALongAnnotationFillsNoMessage(t *testing.T) {
	huge := strings.Repeat("65000:x", 30000)
	objects := cluster()
	for _, name := range []string{medKnob, asPathPrepend, serviceCommunities, endpointPolicy, huge} {
		annotate(objects.Advertisements[0], name, huge)
	}
	annotate(annotate(objects.Services[0], communitiesKnob, huge), endpointPolicy, huge)
	annotate(objects.Peers[0], ttlSecurityHops, huge)
	problems := translated(t, objects, LastGood{}).Problems
	require.Greater(t, len(problems), 6)
	for _, p := range problems {
		require.Less(t, len(p.String()), 600)
	}
}

func TestExplainKnowsTheKnobs(t *testing.T) {
	explained := func(objects snapshot.Objects) ServiceAnswer {
		snap, err := snapshot.New(objects, "node1", snapshot.Options{})
		require.NoError(t, err)
		answer, ok := Explain(snap, LastGood{}).Service("default", "web")
		require.True(t, ok)
		return answer
	}
	objects := cluster()
	objects.Nodes = []*corev1.Node{annotate(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node1"}}, gracefulShutdown, "true")}
	annotate(annotate(annotate(objects.Advertisements[0], medKnob, "0"), asPathPrepend, "2"), serviceCommunities, "64500:*")
	annotate(objects.Services[0], communitiesKnob, "64500:9")
	require.Equal(t, []string{"as-path prepend 64500 64500", "community 64500:1 64500:9", "graceful-shutdown", "metric 0"},
		explained(objects).Routes[0].Attributes.Words())

	no, yes := false, true
	objects.EndpointSlices[0].Endpoints[0].Conditions = discoveryv1.EndpointConditions{Ready: &no, Serving: &yes}
	answer := explained(objects)
	require.True(t, answer.Announced())
	annotate(objects.Advertisements[0], endpointPolicy, readyOnly)
	answer = explained(objects)
	require.Equal(t, NoReadyEndpoints, answer.Reason)
	require.Contains(t, answer.Why, "frr-renderer.io/endpoint-policy")
	require.Equal(t, NotReady, answer.Advertisements[0].Verdict)
}
