package differential

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
	"github.com/frr-renderer/frr-renderer/internal/translate"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// Product generates clusters, and what the product renders for a node of them.
type Product struct{}

// Name implements Generator.
func (Product) Name() string { return "product" }

// Whole implements Generator: the product leaves alone what others keep in FRR.
func (Product) Whole() bool { return false }

// Chain implements Generator.
func (Product) Chain(r *rand.Rand, _ fabric.Version, n int) []string {
	renderer, err := render.New(nil)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	var out []string
	c := newCluster(r)
	last := translate.LastGood{}
	for range n {
		snap, err := snapshot.New(c.objects(), "node1", snapshot.Options{})
		if err != nil {
			panic("BUG: " + err.Error())
		}
		result := translate.Translate(snap, last)
		last = result.LastGood
		document, err := renderer.Render(result.Config)
		if err != nil {
			panic("BUG: " + err.Error())
		}
		out = append(out, document.Text)
		for range 1 + r.IntN(4) {
			c.change()
		}
		if r.IntN(15) == 0 {
			c = newCluster(r)
		}
	}
	return out
}

// cluster is what changes in a cluster.
type cluster struct {
	r        *rand.Rand
	asn      uint32
	peers    []*v1beta2.BGPPeer
	adverts  []*v1beta1.BGPAdvertisement
	profiles []*v1beta1.BFDProfile
	services []string
	extras   int
}

// productExtras are things that administrators add.
var productExtras = []string{
	"", "ip prefix-list accept seq 5 permit 100.0.0.0/8 le 32\nroute-map 10.0.0.2-in permit 1\n match ip address prefix-list accept\n",
	"ip route 203.0.113.0/24 Null0\n", "router bgp 65000\n bgp bestpath as-path multipath-relax\n",
	"ip nht resolve-via-default\ndebug bgp updates\nlog syslog informational\n",
}

func newCluster(r *rand.Rand) *cluster {
	c := &cluster{r: r, asn: 65000}
	for range 1 + r.IntN(4) {
		c.addPeer()
	}
	for range 1 + r.IntN(2) {
		c.addAdvert()
	}
	for _, name := range []string{"fast", "slow"} {
		p := &v1beta1.BFDProfile{ObjectMeta: meta(name)}
		c.profile(p)
		c.profiles = append(c.profiles, p)
	}
	for range 2 + r.IntN(8) {
		c.services = append(c.services, c.address())
	}
	return c
}

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: snapshot.DefaultNamespace, Name: name}
}

func (c *cluster) chance(percent int) bool { return c.r.IntN(100) < percent }

func (c *cluster) address() string {
	if c.chance(25) {
		return fmt.Sprintf("2001:db8:ffff::%x", 1+c.r.IntN(200))
	}
	return fmt.Sprintf("192.0.2.%d", 1+c.r.IntN(200))
}

func (c *cluster) addPeer() {
	s := speakers[c.r.IntN(len(speakers))]
	name := fmt.Sprintf("peer-%d", slices.IndexFunc(speakers, func(o speaker) bool { return o.Address == s.Address }))
	if slices.ContainsFunc(c.peers, func(p *v1beta2.BGPPeer) bool { return p.Name == name }) || slices.Contains(viewSpeakers, s.Address) {
		return
	}
	p := &v1beta2.BGPPeer{ObjectMeta: meta(name)}
	p.Spec.MyASN, p.Spec.PeerASN, p.Spec.Address, p.Spec.VRFName = c.asn, s.AS, s.Address, s.VRF
	if s.Password != "" {
		p.Spec.Password = v1beta2.Password(s.Password)
	}
	c.peers = append(c.peers, p)
	for range c.r.IntN(3) {
		c.changePeer(p)
	}
}

func (c *cluster) changePeer(p *v1beta2.BGPPeer) {
	s := &p.Spec
	switch c.r.IntN(10) {
	case 0:
		s.HoldTime, s.KeepaliveTime = nil, nil
		if c.chance(70) {
			k := 3 + c.r.IntN(20)
			s.KeepaliveTime, s.HoldTime = seconds(k), seconds(3*k)
		}
	case 1:
		s.ConnectTime = nil
		if c.chance(70) {
			s.ConnectTime = seconds(1 + c.r.IntN(9))
		}
	case 2:
		s.BFDProfile = []string{"", "fast", "slow"}[c.r.IntN(3)]
	case 3:
		s.EBGPMultiHop = !s.EBGPMultiHop && s.PeerASN != s.MyASN
	case 4:
		s.EnableGracefulRestart = !s.EnableGracefulRestart
	case 5:
		s.RouterID = []string{"", "10.9.9.9"}[c.r.IntN(2)]
	case 6:
		s.SrcAddress = ""
		if c.chance(50) && s.VRFName == "" {
			s.SrcAddress = speaker{Address: s.Address}.neighbor().String()
		}
	case 7:
		s.DualStackAddressFamily = !s.DualStackAddressFamily
	case 8:
		if s.Password != "" {
			s.Password = v1beta2.Password([]string{password, password, "another"}[c.r.IntN(3)])
		}
	case 9:
		s.DisableMP = !s.DisableMP
	}
}

func seconds(n int) *metav1.Duration {
	return &metav1.Duration{Duration: time.Duration(n) * time.Second}
}

func (c *cluster) addAdvert() {
	a := &v1beta1.BGPAdvertisement{ObjectMeta: meta(fmt.Sprintf("adv-%d", c.r.IntN(5)))}
	if slices.ContainsFunc(c.adverts, func(o *v1beta1.BGPAdvertisement) bool { return o.Name == a.Name }) {
		return
	}
	c.adverts = append(c.adverts, a)
	for range c.r.IntN(4) {
		c.changeAdvert(a)
	}
}

func (c *cluster) changeAdvert(a *v1beta1.BGPAdvertisement) {
	s := &a.Spec
	switch c.r.IntN(4) {
	case 0:
		n := []int32{32, 32, 28, 24}[c.r.IntN(4)]
		s.AggregationLength = &n
	case 1:
		s.LocalPref = []uint32{0, 100, 200}[c.r.IntN(3)]
	case 2:
		s.Communities = nil
		for _, text := range []string{"65001:1", "65535:65281", "large:65001:1:2"} {
			if c.chance(40) {
				s.Communities = append(s.Communities, text)
			}
		}
	case 3:
		s.Peers = nil
		for _, p := range c.peers {
			if c.chance(50) {
				s.Peers = append(s.Peers, p.Name)
			}
		}
	}
}

func (c *cluster) profile(p *v1beta1.BFDProfile) {
	value := func(from, to int) *uint32 {
		if c.chance(30) {
			return nil
		}
		n := uint32(from + c.r.IntN(to-from))
		return &n
	}
	p.Spec = v1beta1.BFDProfileSpec{ReceiveInterval: value(100, 1000), TransmitInterval: value(100, 1000), DetectMultiplier: value(2, 10)}
	if c.chance(30) {
		passive := c.chance(50)
		p.Spec.PassiveMode = &passive
	}
	if c.chance(30) {
		p.Spec.MinimumTTL = value(2, 254)
	}
}

func (c *cluster) change() {
	switch c.r.IntN(12) {
	case 0, 1, 2:
		c.services = append(c.services, c.address())
	case 3, 4:
		if len(c.services) > 0 {
			i := c.r.IntN(len(c.services))
			c.services = slices.Delete(c.services, i, i+1)
		}
	case 5, 6:
		if len(c.peers) > 0 {
			c.changePeer(c.peers[c.r.IntN(len(c.peers))])
		}
	case 7:
		c.addPeer()
	case 8:
		if len(c.peers) > 1 {
			i := c.r.IntN(len(c.peers))
			c.peers = slices.Delete(c.peers, i, i+1)
		}
	case 9:
		if c.chance(60) && len(c.adverts) > 0 {
			c.changeAdvert(c.adverts[c.r.IntN(len(c.adverts))])
		} else {
			c.addAdvert()
		}
	case 10:
		c.profile(c.profiles[c.r.IntN(len(c.profiles))])
	case 11:
		switch {
		case c.chance(60):
			c.extras = c.r.IntN(len(productExtras))
		case c.chance(30):
			c.asn = 65000 + 10*uint32(c.r.IntN(2))
			for _, p := range c.peers {
				p.Spec.MyASN = c.asn
				p.Spec.EBGPMultiHop = false
			}
		case len(c.adverts) > 1:
			c.adverts = c.adverts[1:]
		}
	}
}

func (c *cluster) objects() snapshot.Objects {
	node, ready := "node1", true
	o := snapshot.Objects{
		Nodes:       []*corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: node}}},
		BFDProfiles: c.profiles, Peers: c.peers, Advertisements: c.adverts,
		Pools: []*v1beta1.IPAddressPool{{ObjectMeta: meta("pool"), Spec: v1beta1.IPAddressPoolSpec{Addresses: []string{"192.0.2.0/24", "2001:db8:ffff::/64"}}}},
	}
	for i, address := range c.services {
		name := fmt.Sprintf("s%d", i)
		o.Services = append(o.Services, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer},
			Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{IP: address}}}},
		})
		o.EndpointSlices = append(o.EndpointSlices, &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name + "-1", Labels: map[string]string{discoveryv1.LabelServiceName: name}},
			Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{"10.244.0.1"}, NodeName: &node, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
		})
	}
	if text := productExtras[c.extras]; text != "" {
		o.ConfigMaps = append(o.ConfigMaps, &corev1.ConfigMap{ObjectMeta: meta("bgpextras"), Data: map[string]string{"extras": text}})
	}
	return o
}
