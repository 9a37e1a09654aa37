package translate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

func toPeers(names ...string) func(*v1beta1.BGPAdvertisementSpec) {
	return func(s *v1beta1.BGPAdvertisementSpec) { s.Peers = names }
}

func toServices(key, value string) func(*v1beta1.BGPAdvertisementSpec) {
	return func(s *v1beta1.BGPAdvertisementSpec) {
		s.ServiceSelectors = append(s.ServiceSelectors, selector(key, value))
	}
}

func TestAnAnnouncementNamesThePeersThatGetTheService(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*snapshot.Objects)
		want   []string
	}{
		"all of them": {func(*snapshot.Objects) {}, []string{"tor1", "tor2"}},
		"those that the advertisement names, sorted, and none that does not exist": {func(o *snapshot.Objects) {
			toPeers("tor2", "tor1", "nobody")(&o.Advertisements[0].Spec)
		}, []string{"tor1", "tor2"}},
		"those of every advertisement": {func(o *snapshot.Objects) {
			toPeers("tor1")(&o.Advertisements[0].Spec)
			o.Advertisements = append(o.Advertisements, newTestAdvert("adv2", toPeers("tor2")))
		}, []string{"tor1", "tor2"}},
		"one": {func(o *snapshot.Objects) { toPeers("tor2")(&o.Advertisements[0].Spec) }, []string{"tor2"}},
		"none of another family": {func(o *snapshot.Objects) {
			o.Peers[1].Spec.Address = "2001:db8::1"
		}, []string{"tor1"}},
		"each family's": {func(o *snapshot.Objects) {
			o.Peers[1].Spec.Address = "2001:db8::1"
			o.Pools[0].Spec.Addresses = append(o.Pools[0].Spec.Addresses, "2001:db8:1::/64")
			o.Services[0] = newTestService("web", nil, "192.0.2.10", "2001:db8:1::1")
		}, []string{"tor1", "tor2"}},
		"none on another node": {func(o *snapshot.Objects) {
			o.Peers[1].Spec.NodeSelectors = []metav1.LabelSelector{selector("rack", "b")}
		}, []string{"tor1"}},
		"nobody": {func(o *snapshot.Objects) { toPeers("nobody")(&o.Advertisements[0].Spec) }, nil},
		"those of the Service that has the same address, as FRR announces it": {func(o *snapshot.Objects) {
			o.Advertisements = []*v1beta1.BGPAdvertisement{
				newTestAdvert("adv1", toPeers("tor1"), toServices("app", "web")), newTestAdvert("adv2", toPeers("tor2"), toServices("app", "api")),
			}
			o.Services[0].Labels = map[string]string{"app": "web"}
			o.Services = append(o.Services, newTestService("api", map[string]string{"app": "api"}, "192.0.2.10"))
			o.EndpointSlices = append(o.EndpointSlices, newTestEndpoints("api"))
		}, []string{"tor1", "tor2"}},
		"none for a Service that is not announced": {func(o *snapshot.Objects) { o.EndpointSlices = nil }, nil},
		"those of an advertisement that loses against an older one elsewhere": {func(o *snapshot.Objects) {
			o.Advertisements[0].Spec.LocalPref = 100
			toServices("app", "web")(&o.Advertisements[0].Spec)
			toPeers("tor1")(&o.Advertisements[0].Spec)
			o.Advertisements = append(o.Advertisements, newTestAdvert("adv2", toServices("app", "web"), func(s *v1beta1.BGPAdvertisementSpec) { s.LocalPref = 200 }))
			o.Services[0].Labels = map[string]string{"app": "web"}
		}, []string{"tor1", "tor2"}},
	} {
		t.Run(name, func(t *testing.T) {
			objects := cluster()
			objects.Peers = append(objects.Peers, newTestPeer("tor2", "10.0.0.2"))
			c.change(&objects)
			for _, a := range translated(t, objects, LastGood{}).Announcements {
				if a.Name == "web" {
					require.Equal(t, c.want, a.Peers)
				}
			}
		})
	}
}

func TestServicesOfOneKindShareTheirPeers(t *testing.T) {
	objects := cluster()
	objects.Peers = append(objects.Peers, newTestPeer("tor2", "2001:db8::2", func(s *v1beta2.BGPPeerSpec) { s.MyASN = 64500 }))
	objects.Pools[0].Spec.Addresses = append(objects.Pools[0].Spec.Addresses, "2001:db8:1::/64")
	objects.Services = nil
	for i := range 20 {
		name := fmt.Sprintf("s%d", i)
		objects.Services = append(objects.Services, newTestService(name, nil, fmt.Sprintf("192.0.2.%d", i), fmt.Sprintf("2001:db8:1::%d", i)))
		objects.EndpointSlices = append(objects.EndpointSlices, newTestEndpoints(name))
	}
	announcements := translated(t, objects, LastGood{}).Announcements
	for _, a := range announcements {
		require.Equal(t, []string{"tor1", "tor2"}, a.Peers)
		require.Same(t, &announcements[0].Peers[0], &a.Peers[0])
	}
}

func selector(key, value string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
}
