package source

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	baremetalv1 "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networkingv1 "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/kubewatch"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

// crowd is what a source for one node has gathered in GDC mode, beside all objects as they are.
type crowd struct {
	t        testing.TB
	cluster  *cluster
	services watchedKind
	slices   watchedKind
	whole    snapshot.Objects
}

func newCrowd(t testing.TB) *crowd {
	c := &cluster{options: ClusterOptions{Node: "node-000", GDC: true}, clients: &kubewatch.Clients{}, gathering: newGathering("node-000", true)}
	out := &crowd{
		t: t, cluster: c, services: watchedKind{feed: feed{kind: "Service"}, trim: trimService, read: c.readService},
		slices: watchedKind{
			feed: feed{group: discoveryv1.GroupName, kind: "EndpointSlice"}, trim: c.trimEndpointSlice, read: entryOf(discoveryv1.GroupName, "EndpointSlice"),
		},
	}
	c.gathering.add(out.services.feed)
	c.gathering.add(out.slices.feed)
	return out
}

func (c *crowd) keeper(k watchedKind) *keeper {
	return &keeper{c.cluster.gathering, k}
}

// put takes in an object as an API server sends it.
func (c *crowd) put(o metav1.Object) {
	switch o := o.(type) {
	case *corev1.Service:
		c.whole.Services = append(without(c.whole.Services, o), o)
		o = o.DeepCopy()
		c.services.trim(o)
		c.keeper(c.services).Put(o)
	case *discoveryv1.EndpointSlice:
		c.whole.EndpointSlices = append(without(c.whole.EndpointSlices, o), o)
		o = o.DeepCopy()
		c.slices.trim(o)
		c.keeper(c.slices).Put(o)
	}
}

func (c *crowd) remove(o metav1.Object) {
	switch o := o.(type) {
	case *corev1.Service:
		c.whole.Services = without(c.whole.Services, o)
		c.keeper(c.services).Remove(o.DeepCopy())
	case *discoveryv1.EndpointSlice:
		c.whole.EndpointSlices = without(c.whole.EndpointSlices, o)
		c.keeper(c.slices).Remove(o.DeepCopy())
	}
}

func without[T metav1.Object](list []T, o T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(other T) bool { return other.GetNamespace() == o.GetNamespace() && other.GetName() == o.GetName() })
}

// input is what the objects are to gateway.Assign, with all lists in order.
func (c *crowd) input(o snapshot.Objects) []gateway.Service {
	o.GDC.GatewayGroups = []*networkingv1.NetworkGatewayGroup{{}}
	in, ok := snapshot.GatewayInput(o, snapshot.Options{})
	require.True(c.t, ok)
	for i := range in.Services {
		nodes := slices.Sorted(slices.Values(in.Services[i].EndpointNodes))
		in.Services[i].EndpointNodes = append([]string{}, slices.Compact(nodes)...)
	}
	slices.SortFunc(in.Services, func(a, b gateway.Service) int {
		return key{Namespace: a.Namespace, Name: a.Name}.Compare(key{Namespace: b.Namespace, Name: b.Name})
	})
	return in.Services
}

func nodeName(i int) *string {
	out := fmt.Sprintf("node-%03d", i)
	return &out
}

func anySlice(r *rand.Rand, name, service string) *discoveryv1.EndpointSlice {
	out := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: service}}}
	for range r.IntN(4) {
		e := discoveryv1.Endpoint{Addresses: []string{"10.1.0.1"}}
		yes, no := true, false
		e.Conditions.Ready = []*bool{&yes, &yes, &no, nil}[r.IntN(4)]
		e.Conditions.Serving = []*bool{&yes, &no, nil}[r.IntN(3)]
		if r.IntN(5) > 0 {
			e.NodeName = nodeName(r.IntN(4))
		}
		if r.IntN(8) == 0 {
			e.Addresses = nil
		}
		out.Endpoints = append(out.Endpoints, e)
	}
	return out
}

// Whatever comes and goes in whatever order, a source for one node knows as much of where endpoints are as one that has all EndpointSlices; and what
// it no longer needs it forgets.
func TestPlacesAreThoseOfTheSlices(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	c := newCrowd(t)
	before, news := c.input(snapshot.Objects{}), 0
	for range 3000 {
		service := fmt.Sprintf("service-%d", r.IntN(5))
		switch s := apiService(0); r.IntN(6) {
		case 0:
			s.Name = service
			c.put(s)
		case 1:
			s.Name = service
			c.remove(s)
		case 2:
			c.remove(anySlice(r, fmt.Sprintf("slice-%d", r.IntN(8)), service))
		default:
			c.put(anySlice(r, fmt.Sprintf("slice-%d", r.IntN(8)), service))
		}
		if r.IntN(3) > 0 {
			continue
		}
		result, changed := c.cluster.gathering.result()
		now := c.input(result.Objects)
		require.Equal(t, c.input(c.whole), now)
		require.Empty(t, result.Objects.EndpointSlices)
		if !changed {
			require.Equal(t, before, now)
		} else {
			news++
		}
		before = now
	}
	require.Greater(t, news, 100)
	for _, s := range c.whole.EndpointSlices {
		c.remove(s)
	}
	require.Empty(t, c.cluster.gathering.shelf.places.sets)
	require.Empty(t, c.cluster.gathering.shelf.services)
}

// Pods that come and go beside others on the same nodes are no news, neither is what is gone and back between two results.
func TestPodsBesideOthersAreNoNews(t *testing.T) {
	c := newCrowd(t)
	c.put(apiService(1))
	slice := func(nodes ...int) *discoveryv1.EndpointSlice {
		out := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "slice", Labels: map[string]string{discoveryv1.LabelServiceName: "service-1"}}}
		for i, n := range nodes {
			out.Endpoints = append(out.Endpoints, discoveryv1.Endpoint{Addresses: []string{fmt.Sprintf("10.1.0.%d", i)}, NodeName: nodeName(n)})
		}
		return out
	}
	c.put(slice(1, 2))
	c.cluster.gathering.result()
	for _, nodes := range [][]int{{2, 1}, {1, 1, 2, 2, 2}} {
		c.put(slice(nodes...))
		_, news := c.cluster.gathering.result()
		require.False(t, news, nodes)
	}
	c.put(slice(1, 2, 3))
	c.put(slice(1, 2))
	_, news := c.cluster.gathering.result()
	require.False(t, news, "there and gone")
	c.put(slice(1, 3))
	result, news := c.cluster.gathering.result()
	require.True(t, news, "another node")
	require.Equal(t, []string{"node-001", "node-003"}, result.Objects.Endpoints[0].Places.Nodes)
}

// TestMemoryOfPlaces is what it costs to know where endpoints are, for 2,000 Services on 200 nodes.
func TestMemoryOfPlaces(t *testing.T) {
	const services, nodes = 2000, 200
	for _, one := range []struct {
		what string
		most int // bytes a Service
		at   func(r *rand.Rand) []int
	}{
		{"an endpoint on each node", 500, func(*rand.Rand) []int { return rand.New(rand.NewPCG(1, 1)).Perm(nodes) }},
		{"ten endpoints, anywhere", 1500, func(r *rand.Rand) []int { return r.Perm(nodes)[:10] }},
		{"a hundred endpoints, anywhere", 6000, func(r *rand.Rand) []int { return r.Perm(nodes)[:100] }},
	} {
		t.Run(one.what, func(t *testing.T) {
			weigh := func(places bool) int {
				r := rand.New(rand.NewPCG(1, 2))
				c := newCrowd(t)
				c.cluster.gathering, c.cluster.options.GDC = newGathering("node-000", places), places
				c.cluster.gathering.add(c.services.feed)
				c.cluster.gathering.add(c.slices.feed)
				before := heap()
				for i := range services {
					c.put(apiService(i))
					s := apiSlice(fmt.Sprintf("slice-%d", i), fmt.Sprintf("service-%d", i))
					s.Endpoints = nil
					for _, n := range one.at(r) {
						s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{"10.1.0.1"}, NodeName: nodeName(n)})
					}
					c.put(s)
					c.whole = snapshot.Objects{}
				}
				c.cluster.gathering.result()
				out := (heap() - before) / services
				runtime.KeepAlive(c)
				return out
			}
			without, with := weigh(false), weigh(true)
			t.Logf("a Service weighs %d bytes, and %d more for its places", without, with-without)
			require.Less(t, with-without, one.most)
		})
	}
}

// gatewayCrowd are 200 nodes, 2,000 Services, a third of them with the policy Local, each with endpoints on a hundred nodes, and four floating IPs.
func gatewayCrowd(t testing.TB) snapshot.Objects {
	r := rand.New(rand.NewPCG(1, 2))
	c := newCrowd(t)
	for i := range 2000 {
		service := apiService(i)
		if i%3 == 0 {
			service.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
		}
		c.put(service)
		s := apiSlice(fmt.Sprintf("slice-%d", i), service.Name)
		s.Endpoints = nil
		for _, n := range r.Perm(200)[:100] {
			s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{"10.1.0.1"}, NodeName: nodeName(n)})
		}
		c.put(s)
		c.whole = snapshot.Objects{}
	}
	result, _ := c.cluster.gathering.result()
	out := result.Objects
	cluster := &baremetalv1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "bm", Namespace: "cluster-bm"}}
	cluster.Spec.LoadBalancer = baremetalv1.LoadBalancer{
		Mode: baremetalv1.BundledLoadBalancer, Type: baremetalv1.BGPType, LocalASN: 65001,
		BGPPeers:     []baremetalv1.ControlPlanePeer{{IP: "10.8.0.10", ASN: 65002}, {IP: "10.8.0.11", ASN: 65002}},
		AddressPools: []baremetalv1.AddressPool{{Name: "pool", Addresses: []string{"20.0.0.0/8"}}},
	}
	group := &networkingv1.NetworkGatewayGroup{ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: "cluster-bm"}}
	group.Status.FloatingIPs = map[string]string{}
	for i := range 4 {
		group.Spec.FloatingIPs = append(group.Spec.FloatingIPs, fmt.Sprintf("10.0.200.%d", i+1))
		group.Status.FloatingIPs[fmt.Sprintf("10.0.200.%d", i+1)] = *nodeName(i)
	}
	out.GDC = snapshot.GDC{Clusters: []*baremetalv1.Cluster{cluster}, GatewayGroups: []*networkingv1.NetworkGatewayGroup{group}}
	for i := range 200 {
		n := apiNode(i)
		kubewatch.TrimGatewayNode(n)
		out.Nodes = append(out.Nodes, n)
	}
	return out
}

// apiNode is a Node as an API server has it after some days.
func apiNode(i int) *corev1.Node {
	n := &corev1.Node{ObjectMeta: apiMeta("", *nodeName(i), map[string]string{
		"kubernetes.io/hostname": *nodeName(i), "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "node-role.kubernetes.io/control-plane": "",
	})}
	n.Status.Addresses = []corev1.NodeAddress{
		{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("10.0.%d.%d", i/250, i%250+1)}, {Type: corev1.NodeHostName, Address: *nodeName(i)},
	}
	for _, kind := range []corev1.NodeConditionType{corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure} {
		n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: kind, Status: corev1.ConditionTrue, Message: string(make([]byte, 80))})
	}
	for range 50 {
		n.Status.Images = append(n.Status.Images, corev1.ContainerImage{Names: []string{string(make([]byte, 120)), string(make([]byte, 60))}})
	}
	return n
}

// TestMemoryOfNodes is what another node weighs.
func TestMemoryOfNodes(t *testing.T) {
	const nodes, most = 1000, 2500
	c := newCrowd(t)
	others := watchedKind{feed: feed{kind: "Node", but: "node-000"}, trim: c.cluster.trimNode, read: entryOf("", "Node")}
	c.cluster.gathering.add(others.feed)
	before := heap()
	for i := range nodes {
		n := apiNode(i)
		others.trim(n)
		c.keeper(others).Put(n)
	}
	result, _ := c.cluster.gathering.result()
	require.Len(t, result.Objects.Nodes, nodes)
	result = Result{}
	weight := (heap() - before) / nodes
	t.Logf("another node weighs %d bytes", weight)
	require.Less(t, weight, most)
	runtime.KeepAlive(c)
}

// BenchmarkGateway is what a node in GDC mode does when an object has changed, beside rendering.
func BenchmarkGateway(b *testing.B) {
	objects := gatewayCrowd(b)
	assign := func() gateway.Assignment {
		in, _ := snapshot.GatewayInput(objects, snapshot.Options{})
		in.Placed = true
		return gateway.Assign(in)
	}
	out := assign()
	require.Len(b, out.VIPs, 2000)
	require.Len(b, out.LoadBalancers, 200)
	require.Len(b, out.Sessions, 8)
	for _, one := range []struct {
		name string
		do   func()
	}{
		{"input", func() { snapshot.GatewayInput(objects, snapshot.Options{}) }},
		{"input+assign", func() { assign() }},
	} {
		b.Run(one.name, func(b *testing.B) {
			b.ReportAllocs()
			before := processTime()
			for b.Loop() {
				one.do()
			}
			b.ReportMetric(float64((processTime()-before).Microseconds())/float64(b.N)/1000, "cpu-ms/op")
		})
	}
}

// processTime is the time that the processors have given to this process: it means something on a busy machine, too.
func processTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
