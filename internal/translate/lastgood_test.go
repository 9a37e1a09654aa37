package translate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/frrconf"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// cluster is a small cluster: one peer, one pool, one advertisement with an alias, one Service.
func cluster() snapshot.Objects {
	return snapshot.Objects{
		Peers:          []*v1beta2.BGPPeer{newTestPeer("tor1", "10.0.0.1")},
		Pools:          []*v1beta1.IPAddressPool{newTestPool("pool1", "192.0.2.0/24")},
		Communities:    []*v1beta1.Community{newTestAlias("aliases", "red", "64500:1")},
		Advertisements: []*v1beta1.BGPAdvertisement{newTestAdvert("adv1", func(s *v1beta1.BGPAdvertisementSpec) { s.Communities = []string{"red"} })},
		Services:       []*corev1.Service{newTestService("web", nil, "192.0.2.10")},
		EndpointSlices: []*discoveryv1.EndpointSlice{newTestEndpoints("web")},
	}
}

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: snapshot.DefaultNamespace, Name: name}
}

func newTestPeer(name, address string, change ...func(*v1beta2.BGPPeerSpec)) *v1beta2.BGPPeer {
	p := &v1beta2.BGPPeer{ObjectMeta: meta(name), Spec: v1beta2.BGPPeerSpec{MyASN: 64500, PeerASN: 64501, Address: address}}
	for _, f := range change {
		f(&p.Spec)
	}
	return p
}

func newTestPool(name string, addresses ...string) *v1beta1.IPAddressPool {
	return &v1beta1.IPAddressPool{ObjectMeta: meta(name), Spec: v1beta1.IPAddressPoolSpec{Addresses: addresses}}
}

func newTestAlias(object, name, value string) *v1beta1.Community {
	return &v1beta1.Community{ObjectMeta: meta(object), Spec: v1beta1.CommunitySpec{Communities: []v1beta1.CommunityAlias{{Name: name, Value: value}}}}
}

func newTestAdvert(name string, change ...func(*v1beta1.BGPAdvertisementSpec)) *v1beta1.BGPAdvertisement {
	a := &v1beta1.BGPAdvertisement{ObjectMeta: meta(name)}
	for _, f := range change {
		f(&a.Spec)
	}
	return a
}

func newTestService(name string, labels map[string]string, addresses ...string) *corev1.Service {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: labels}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer}}
	for _, a := range addresses {
		s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{IP: a})
	}
	return s
}

func newTestEndpoints(service string) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: service + "-a", Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{"10.244.0.1"}}},
	}
}

func newTestSecret(name, password string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: meta(name), Type: corev1.SecretTypeBasicAuth, Data: map[string][]byte{"password": []byte(password)}}
}

func translated(t *testing.T, objects snapshot.Objects, lastGood LastGood) Result {
	t.Helper()
	snap, err := snapshot.New(objects, "node1", snapshot.Options{})
	require.NoError(t, err)
	return Translate(snap, lastGood)
}

// restarted is what a LastGood is after the program was started anew.
func restarted(t *testing.T, l LastGood) LastGood {
	t.Helper()
	data, err := l.Encode()
	require.NoError(t, err)
	out, err := DecodeLastGood(data)
	require.NoError(t, err)
	return out
}

func reasons(problems []problem.Problem) []problem.Reason {
	var out []problem.Reason
	for _, p := range problems {
		out = append(out, p.Reason)
	}
	return out
}

// TestWhatWasAppliedAndBecomesInvalidStays changes one object of a running cluster for the worse: the configuration stays as it was, the
// object is named, also after a restart. As a new object it would be left out, and nothing else.
func TestWhatWasAppliedAndBecomesInvalidStays(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*snapshot.Objects)
		change func(*snapshot.Objects)
		reason problem.Reason
	}{
		"a peer's address": {
			change: func(o *snapshot.Objects) { o.Peers[0] = newTestPeer("tor1", "nonsense") },
			reason: problem.InvalidValue,
		},
		"a peer's password": {
			before: func(o *snapshot.Objects) {
				o.Peers[0] = newTestPeer("tor1", "10.0.0.1", func(s *v1beta2.BGPPeerSpec) { s.Password = "good" })
			},
			change: func(o *snapshot.Objects) {
				o.Peers[0] = newTestPeer("tor1", "10.0.0.1", func(s *v1beta2.BGPPeerSpec) { s.Password = "two words" })
			},
			reason: problem.InvalidValue,
		},
		"a peer's Secret is deleted": {
			before: func(o *snapshot.Objects) {
				o.Peers[0] = newTestPeer("tor1", "10.0.0.1", func(s *v1beta2.BGPPeerSpec) { s.PasswordSecret.Name = "tor1" })
				o.Secrets = []*corev1.Secret{newTestSecret("tor1", "s3cret")}
			},
			change: func(o *snapshot.Objects) { o.Secrets = nil },
			reason: problem.UnknownSecret,
		},
		"a peer's BFD profile is deleted": {
			before: func(o *snapshot.Objects) {
				fast := uint32(100)
				o.Peers[0] = newTestPeer("tor1", "10.0.0.1", func(s *v1beta2.BGPPeerSpec) { s.BFDProfile = "fast" })
				o.BFDProfiles = []*v1beta1.BFDProfile{{ObjectMeta: meta("fast"), Spec: v1beta1.BFDProfileSpec{ReceiveInterval: &fast}}}
			},
			change: func(o *snapshot.Objects) { o.BFDProfiles = nil },
			reason: problem.UnknownBFDProfile,
		},
		"a pool's addresses": {
			change: func(o *snapshot.Objects) { o.Pools[0] = newTestPool("pool1", "nonsense") },
			reason: problem.InvalidValue,
		},
		"an advertisement's alias is deleted": {
			change: func(o *snapshot.Objects) { o.Communities = nil },
			reason: problem.UnknownCommunity,
		},
		"an advertisement's MED": {
			before: func(o *snapshot.Objects) { annotate(o.Advertisements[0], medKnob, "50") },
			change: func(o *snapshot.Objects) {
				o.Advertisements[0] = annotate(o.Advertisements[0].DeepCopy(), medKnob, "high")
			},
			reason: problem.InvalidValue,
		},
		"an advertisement's prepending": {
			before: func(o *snapshot.Objects) { annotate(o.Advertisements[0], asPathPrepend, "10") },
			change: func(o *snapshot.Objects) {
				o.Advertisements[0] = annotate(o.Advertisements[0].DeepCopy(), asPathPrepend, "11")
			},
			reason: problem.InvalidValue,
		},
		"an advertisement's endpoint policy": {
			before: func(o *snapshot.Objects) { annotate(o.Advertisements[0], endpointPolicy, readyOnly) },
			change: func(o *snapshot.Objects) {
				o.Advertisements[0] = annotate(o.Advertisements[0].DeepCopy(), endpointPolicy, "no")
			},
			reason: problem.InvalidValue,
		},
		"the alias of an allow-list is deleted": {
			before: func(o *snapshot.Objects) {
				o.Advertisements[0] = annotate(newTestAdvert("adv1"), serviceCommunities, "red")
				annotate(o.Services[0], communitiesKnob, "64500:1")
			},
			change: func(o *snapshot.Objects) { o.Communities = nil },
			reason: problem.InvalidValue,
		},
		"a peer's ttl-security": {
			before: func(o *snapshot.Objects) { annotate(o.Peers[0], ttlSecurityHops, "1") },
			change: func(o *snapshot.Objects) { o.Peers[0] = annotate(o.Peers[0].DeepCopy(), ttlSecurityHops, "255") },
			reason: problem.InvalidValue,
		},
		"an advertisement's aggregation": {
			change: func(o *snapshot.Objects) {
				o.Advertisements[0] = newTestAdvert("adv1", func(s *v1beta1.BGPAdvertisementSpec) {
					length := int32(16)
					s.Communities, s.AggregationLength = []string{"red"}, &length
				})
			},
			reason: problem.OutsidePool,
		},
	} {
		t.Run(name, func(t *testing.T) {
			objects := cluster()
			if c.before != nil {
				c.before(&objects)
			}
			good := translated(t, objects, LastGood{})
			require.Empty(t, good.Problems)
			require.NotEmpty(t, good.Config.Instances[0].IPv4.Networks)

			c.change(&objects)
			stale := translated(t, objects, restarted(t, good.LastGood))
			require.Equal(t, good.Config, stale.Config)
			require.Contains(t, reasons(stale.Problems), c.reason)
			require.True(t, slices.ContainsFunc(stale.Problems, func(p problem.Problem) bool { return strings.Contains(p.Message, keptGood) }), "%v", stale.Problems)

			again := translated(t, objects, restarted(t, stale.LastGood))
			require.Equal(t, good.Config, again.Config, "the last good form lasts longer than one turn")

			require.NotEqual(t, good.Config, translated(t, objects, LastGood{}).Config, "without history there is nothing to keep")
		})
	}
}

// TestAnUnreadableObjectIsNotDeleted takes objects out of the snapshot as a source does that can't read their documents.
func TestAnUnreadableObjectIsNotDeleted(t *testing.T) {
	objects := cluster()
	good := translated(t, objects, LastGood{})
	objects.Peers, objects.Pools, objects.Advertisements = nil, nil, nil
	unread := []problem.Object{}
	for kind, name := range map[string]string{"BGPPeer": "tor1", "IPAddressPool": "pool1", "BGPAdvertisement": "adv1"} {
		unread = append(unread, problem.Object{Kind: kind, Group: groupMetalLB, Namespace: snapshot.DefaultNamespace, Name: name})
	}
	for name, options := range map[string]snapshot.Options{"unread": {Unread: unread}, "incomplete": {Incomplete: true}} {
		t.Run(name, func(t *testing.T) {
			snap, err := snapshot.New(objects, "node1", options)
			require.NoError(t, err)
			result := Translate(snap, restarted(t, good.LastGood))
			require.Equal(t, good.Config, result.Config)
			require.Equal(t, good.LastGood, result.LastGood)
		})
	}
}

func TestADeletedObjectIsGone(t *testing.T) {
	objects := cluster()
	good := translated(t, objects, LastGood{})
	objects.Peers = nil
	result := translated(t, objects, good.LastGood)
	require.Empty(t, result.Config.Instances)
	require.Empty(t, result.LastGood.peers)
}

func TestAChangeNeverTakesAWorkingObjectsPlace(t *testing.T) {
	objects := cluster()
	older := newTestPeer("a-older", "10.0.0.2")
	older.CreationTimestamp = metav1.Unix(1, 0)
	objects.Peers = append(objects.Peers, older)
	good := translated(t, objects, LastGood{})

	// The older peer takes the address of the other, which works and has not changed.
	older = older.DeepCopy()
	older.Spec.Address = "10.0.0.1"
	objects.Peers[1] = older
	result := translated(t, objects, good.LastGood)
	require.Equal(t, good.Config, result.Config)
	require.Equal(t, []problem.Reason{problem.ConflictingPeer}, reasons(result.Problems))
	require.Equal(t, "a-older", result.Problems[0].Object.Name)
}

func TestTwoPeersMayChangePlaces(t *testing.T) {
	objects := cluster()
	objects.Peers = append(objects.Peers, newTestPeer("tor2", "10.0.0.2"))
	good := translated(t, objects, LastGood{})
	objects.Peers = []*v1beta2.BGPPeer{newTestPeer("tor1", "10.0.0.2"), newTestPeer("tor2", "10.0.0.1")}
	result := translated(t, objects, good.LastGood)
	require.Empty(t, result.Problems)
	require.Equal(t, "tor2", result.Config.Instances[0].Neighbors[0].Description.String())
}

func TestAnEditedPoolThatOverlapsKeepsItsAddresses(t *testing.T) {
	objects := cluster()
	objects.Pools = append(objects.Pools, newTestPool("pool2", "198.51.100.0/24"))
	objects.Services = append(objects.Services, newTestService("other", nil, "198.51.100.1"))
	objects.EndpointSlices = append(objects.EndpointSlices, newTestEndpoints("other"))
	good := translated(t, objects, LastGood{})
	require.Len(t, good.Config.Instances[0].IPv4.Networks, 2)
	objects.Pools[0] = newTestPool("pool1", "192.0.2.0/24", "198.51.100.0/25")
	result := translated(t, objects, good.LastGood)
	require.Equal(t, good.Config, result.Config)
	require.Equal(t, []problem.Reason{problem.OverlappingPool}, reasons(result.Problems))
}

// TestOrderOfObjectsMeansNothing shuffles a cluster with conflicts.
func TestOrderOfObjectsMeansNothing(t *testing.T) {
	objects := randomCluster(rand.New(rand.NewPCG(1, 1)), 60)
	want := translated(t, objects, LastGood{})
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		r.Shuffle(len(objects.Peers), func(i, j int) { objects.Peers[i], objects.Peers[j] = objects.Peers[j], objects.Peers[i] })
		r.Shuffle(len(objects.Pools), func(i, j int) { objects.Pools[i], objects.Pools[j] = objects.Pools[j], objects.Pools[i] })
		r.Shuffle(len(objects.Advertisements), func(i, j int) {
			objects.Advertisements[i], objects.Advertisements[j] = objects.Advertisements[j], objects.Advertisements[i]
		})
		r.Shuffle(len(objects.Services), func(i, j int) { objects.Services[i], objects.Services[j] = objects.Services[j], objects.Services[i] })
		got := translated(t, objects, LastGood{})
		require.Equal(t, want.Config, got.Config)
		require.Equal(t, want.Problems, got.Problems)
	}
}

// TestUnrelatedAdditionsMoveNothing adds Services, pools and peers one by one: no line that was there for others changes its name, tag or number.
func TestUnrelatedAdditionsMoveNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	objects := cluster()
	for i := range 40 {
		before := entriesOf(translated(t, objects, LastGood{}).Config)
		label := fmt.Sprintf("tier%d", i)
		objects.Advertisements = append(objects.Advertisements, newTestAdvert(fmt.Sprintf("adv-%d", r.IntN(1e6)), func(s *v1beta1.BGPAdvertisementSpec) {
			s.Communities = []string{fmt.Sprintf("64500:%d", i)}
			s.ServiceSelectors = []metav1.LabelSelector{{MatchLabels: map[string]string{"tier": label}}}
		}))
		name := fmt.Sprintf("svc%d", i)
		objects.Services = append(objects.Services, newTestService(name, map[string]string{"tier": label}, fmt.Sprintf("192.0.2.%d", 100+i)))
		objects.EndpointSlices = append(objects.EndpointSlices, newTestEndpoints(name))
		after := entriesOf(translated(t, objects, LastGood{}).Config)
		for entry := range before {
			require.True(t, after[entry], "%s has gone with the addition of %s", entry, label)
		}
		require.Greater(t, len(after), len(before))
	}
}

// entriesOf are the identities of all lines that others could move.
func entriesOf(c frrconf.Config) map[string]bool {
	out := map[string]bool{}
	for _, m := range c.RouteMaps {
		for _, e := range m.Entries {
			out[fmt.Sprintf("%s %d %d %d %s", m.Name, e.Sequence, e.MatchTag, e.SetTag, e.Communities)] = true
		}
	}
	for _, in := range c.Instances {
		for _, n := range in.IPv4.Networks {
			out[fmt.Sprintf("%s %s", n.Prefix, n.RouteMap)] = true
		}
		for _, n := range in.Neighbors {
			out[fmt.Sprintf("%s %s %s", n.Peer, n.In, n.Out)] = true
		}
	}
	return out
}

// TestAnInvalidObjectIsAsIfItWereNotThere adds broken objects to a cluster: the configuration is that without them.
func TestAnInvalidObjectIsAsIfItWereNotThere(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 4))
		objects := randomCluster(r, 20)
		want := translated(t, objects, LastGood{})
		broken := objects
		broken.Peers = append(slices.Clone(objects.Peers), newTestPeer("zz-broken", "10.0.0.300"))
		broken.Pools = append(slices.Clone(objects.Pools), newTestPool("zz-broken", "nonsense"))
		broken.Advertisements = append(slices.Clone(objects.Advertisements), newTestAdvert("zz-broken", func(s *v1beta1.BGPAdvertisementSpec) { s.Communities = []string{"nonsense"} }))
		broken.Communities = append(slices.Clone(objects.Communities), newTestAlias("zz-broken", "x", "nonsense"))
		got := translated(t, broken, LastGood{})
		require.Equal(t, want.Config, got.Config)
		require.Len(t, got.Problems, len(want.Problems)+4)
	}
}

// randomCluster makes a cluster whose objects conflict now and then.
func randomCluster(r *rand.Rand, n int) snapshot.Objects {
	objects := snapshot.Objects{Communities: []*v1beta1.Community{newTestAlias("aliases", "red", "64500:1")}}
	tiers := []string{"gold", "lead", "tin"}
	pick := func(values ...string) string { return values[r.IntN(len(values))] }
	for i := range n {
		p := newTestPeer(fmt.Sprintf("tor%d", i), fmt.Sprintf("10.0.0.%d", 1+r.IntN(n)), func(s *v1beta2.BGPPeerSpec) {
			if r.IntN(10) == 0 {
				s.MyASN = 64999
			}
			s.DualStackAddressFamily = r.IntN(3) == 0
			s.VRFName = []string{"", "", "red"}[r.IntN(3)]
		})
		if r.IntN(2) == 0 {
			p.CreationTimestamp = metav1.Unix(int64(r.IntN(5)), 0)
		}
		if r.IntN(4) == 0 {
			annotate(p, ttlSecurityHops, pick("1", "2", "none"))
		}
		objects.Peers = append(objects.Peers, p)
		objects.Pools = append(objects.Pools, newTestPool(fmt.Sprintf("pool%d", i), fmt.Sprintf("20.0.%d.0/24", r.IntN(n)), fmt.Sprintf("2001:db8:%x::/64", r.IntN(n))))
		objects.Advertisements = append(objects.Advertisements, newTestAdvert(fmt.Sprintf("adv%d", i), func(s *v1beta1.BGPAdvertisementSpec) {
			s.IPAddressPools = []string{fmt.Sprintf("pool%d", r.IntN(n))}
			s.LocalPref = uint32(r.IntN(3)) * 100
			s.Communities = [][]string{nil, {"red"}, {"64500:7", "large:1:2:3"}}[r.IntN(3)]
			if r.IntN(2) == 0 {
				s.Peers = []string{fmt.Sprintf("tor%d", r.IntN(n))}
			}
			if r.IntN(3) == 0 {
				s.ServiceSelectors = []metav1.LabelSelector{{MatchLabels: map[string]string{"tier": tiers[r.IntN(3)]}}}
			}
		}))
		if a := objects.Advertisements[i]; r.IntN(2) == 0 {
			annotate(a, serviceCommunities, pick("64500:*", "red", "64501:1-9, large:1:*:3", "none"))
			annotate(a, pick(medKnob, asPathPrepend), pick("1", "2", "none"))
		}
		name := fmt.Sprintf("svc%d", i)
		objects.Services = append(objects.Services, newTestService(name, map[string]string{"tier": tiers[r.IntN(3)]},
			fmt.Sprintf("20.0.%d.%d", r.IntN(n), r.IntN(4))))
		if r.IntN(2) == 0 {
			annotate(objects.Services[i], communitiesKnob, pick("64500:1", "64500:2 red", "64501:3", "large:1:7:3, 64500:1", "none"))
		}
		objects.EndpointSlices = append(objects.EndpointSlices, newTestEndpoints(name))
	}
	return objects
}

func TestLastGoodIsReadBackOrRefusedWithoutASecret(t *testing.T) {
	for _, text := range []string{"", "{", "[]", `{"version":99}`, `{"version":1,"peers":{"tor1":{"password":"canary two"}}}`, `{"version":1,"peers":{"tor1":{"password":7}}}`} {
		_, err := DecodeLastGood([]byte(text))
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), "canary")
	}
	require.Equal(t, newLastGood(), restarted(t, LastGood{}))
	require.NotEmpty(t, slices.Collect(maps.Keys(restarted(t, translated(t, cluster(), LastGood{}).LastGood).peers)))
}
