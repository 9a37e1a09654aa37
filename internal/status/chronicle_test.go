package status

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/translate"
)

func TestChangesAreOfServicesThatAreNotTheSame(t *testing.T) {
	one := func(name, uid string, reason translate.Reason, peers ...string) translate.Announcement {
		return translate.Announcement{Namespace: "shop", Name: name, UID: types.UID(uid), Reason: reason, Peers: peers}
	}
	before := []translate.Announcement{
		one("gone", "1", translate.Announced, "tor1"), one("made-anew", "2", translate.Announced, "tor1"), one("quiet", "3", translate.Announced, "tor1"),
		one("unheard", "4", translate.Announced, "tor1"), one("withdrawn", "5", translate.Announced, "tor1"),
	}
	now := []translate.Announcement{
		one("came", "6", translate.NoEndpoints), one("made-anew", "7", translate.Announced, "tor1"), one("quiet", "3", translate.Announced, "tor1", "tor2"),
		one("unheard", "4", translate.Announced), one("withdrawn", "5", translate.NoEndpoints),
	}
	var seen []string
	for was, is := range changes(before, now) {
		switch {
		case is == nil:
			seen = append(seen, "- "+was.Name)
		case was == nil:
			seen = append(seen, "+ "+is.Name)
		default:
			require.Equal(t, was.Name, is.Name)
			seen = append(seen, was.Name)
		}
	}
	require.Equal(t, []string{"+ came", "- gone", "made-anew", "unheard", "withdrawn"}, seen)
	for range changes(now, now) {
		t.Fatal("nothing has changed")
	}
}

// What waits to be told is looked at again whenever anything changes: a Service that became another sort and was deleted then is not told of.
func TestWhatIsGoneBeforeItWasToldIsNotTold(t *testing.T) {
	c, exists := newChronicle(t), true
	find := func(problem.Object) (types.UID, bool) { return "1", exists }
	c.told.set(serviceKey("shop", "web"), announcedMark("1"))
	c.announces([]translate.Announcement{{Namespace: "shop", Name: "web", UID: "1", Reason: translate.Announced, Peers: []string{"tor1"}}}, find, false)
	require.Empty(t, c.services.waiting())
	c.announces(nil, find, false)
	require.Equal(t, []string{serviceKey("shop", "web")}, c.services.waiting())
	exists = false
	c.announces(nil, find, false)
	require.Empty(t, c.services.waiting())
	require.Empty(t, c.told.of(serviceKey("shop", "web")))
}

func newChronicle(tb testing.TB) *chronicle {
	log := slog.New(slog.DiscardHandler)
	told := readTold(reload.NoFile, log)
	herald := func() *herald { return newHerald("node1", nil, 60, log, time.Now, told.set, func() {}) }
	return &chronicle{node: "node1", told: told, services: herald(), objects: herald()}
}

// BenchmarkChronicle is what one Service's change costs among 10,000 of which everything was told.
func BenchmarkChronicle(b *testing.B) {
	c := newChronicle(b)
	find := func(problem.Object) (types.UID, bool) { return "", true }
	lists := [2][]translate.Announcement{}
	for i := range 10_000 {
		a := translate.Announcement{Namespace: "shop", Name: fmt.Sprintf("s%05d", i), UID: types.UID(fmt.Sprintf("%08d", i)), Reason: translate.Announced, Peers: []string{"tor1"}}
		c.told.set(serviceKey(a.Namespace, a.Name), announcedMark(a.UID))
		lists[0], lists[1] = append(lists[0], a), append(lists[1], a)
	}
	lists[1][5000].Reason = translate.NoEndpoints
	for i := 0; b.Loop(); i++ {
		c.announces(lists[i%2], find, false)
		c.finds(nil, find)
	}
}

func TestAnEventIsAboutTheObjectOfItsGroup(t *testing.T) {
	for object, want := range map[problem.Object]string{
		{Group: "metallb.io", Kind: "BGPPeer"}:                         "metallb.io/v1beta2",
		{Group: "metallb.io", Kind: "IPAddressPool"}:                   "metallb.io/v1beta1",
		{Group: "networking.gke.io", Kind: "BGPPeer"}:                  "networking.gke.io/v1",
		{Group: "baremetal.cluster.gke.io", Kind: "Cluster"}:           "baremetal.cluster.gke.io/v1",
		{Group: "baremetal.cluster.gke.io", Kind: "ClusterCIDRConfig"}: "baremetal.cluster.gke.io/v1alpha1",
		{Kind: "ConfigMap"}: "v1",
	} {
		require.Equal(t, want, objectReference(object, "").APIVersion, object)
	}
}
