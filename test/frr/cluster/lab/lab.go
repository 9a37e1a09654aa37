package lab

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// patience is how long any wait lasts: what is waited for takes a tenth of a second mostly, but machines can be busy.
const patience = 60 * time.Second

// Lab is one cluster of one test. With makes it that of a subtest.
type Lab struct {
	*fabric.Fabric
	// Namespace is that of MetalLB's objects, Apps that of Services.
	Namespace, Apps string
	// Class is the loadBalancerClass of the lab's Services.
	Class string

	t       testing.TB
	cluster *cluster
	state   *state
}

// state is what the forms of a Lab for subtests have in common.
type state struct {
	sidecars map[string]*Sidecar
	order    []*Sidecar
	account  account
}

var labs atomic.Int32

// New builds the fabric and what the lab has of its own at the API server: namespaces, users and the Node objects. No sidecar runs yet.
func New(t testing.TB, top fabric.Topology) *Lab {
	t.Helper()
	fabric.Require(t)
	c := shareCluster(t)
	name := fmt.Sprintf("lab%d", labs.Add(1))
	l := &Lab{
		Fabric: fabric.New(t, top), Namespace: name + "-metallb", Apps: name + "-apps", Class: "example.com/" + name,
		t: t, cluster: c, state: &state{sidecars: map[string]*Sidecar{}},
	}
	c.MakeNamespaces(t, l.Namespace, l.Apps)
	for _, n := range l.Nodes() {
		if strings.HasPrefix(n.Name, "node") {
			l.addSidecar(n)
			l.ResetNode(n.Name)
		}
	}
	t.Cleanup(func() {
		l.removeAll(context.Background())
		for _, s := range l.state.order {
			if err := c.Client.CoreV1().Nodes().Delete(context.Background(), s.Node, metav1.DeleteOptions{}); err != nil {
				t.Errorf("delete node %s: %v", s.Node, err)
			}
		}
	})
	return l
}

// With is the lab for a subtest: what fails there fails the subtest.
func (l *Lab) With(t testing.TB) *Lab {
	other := *l
	other.t = t
	return &other
}

// Run starts the sidecars of all nodes; they end with the test.
func (l *Lab) Run(args ...string) {
	l.t.Helper()
	for _, s := range l.state.order {
		l.Sidecar(s.At.Name).Start(args...)
	}
}

// Server is the API server with a client that may do everything.
func (l *Lab) Server() *rest.Config { return l.cluster.Config }

// NodeName is the name of a Node object: node1 is another one in each lab.
func (l *Lab) NodeName(node string) string {
	return strings.TrimSuffix(l.Namespace, "-metallb") + "-" + node
}

// ResetNode gives a Node object the labels, conditions and addresses that it has at the start.
func (l *Lab) ResetNode(node string) {
	l.t.Helper()
	l.Apply(fmt.Sprintf(`---
apiVersion: v1
kind: Node
metadata: {name: %[1]s, labels: {kubernetes.io/hostname: %[1]s}}
status:
  addresses: [{type: InternalIP, address: %[2]s}]
  conditions: [{type: Ready, status: "True"}, {type: NetworkUnavailable, status: "False"}]
`, node, l.address(node)))
}

// address is the IPv4 address of a node in its rack.
func (l *Lab) address(node string) netip.Addr {
	var i byte
	_, err := fmt.Sscanf(node, "node%d", &i)
	require.NoError(l.t, err)
	return netip.AddrFrom4([4]byte{10, 0, 0, 10 + i})
}

// nodeOf is the node that has an address of the rack, and the text as it is when none has.
func nodeOf(peer string) string {
	a, err := netip.ParseAddr(peer)
	if err != nil || !rack4.Contains(a) && !rack6.Contains(a) {
		return peer
	}
	var i int
	if _, err := fmt.Sscanf(peer[strings.LastIndexAny(peer, ".:")+1:], "%d", &i); err != nil {
		return peer
	}
	return fmt.Sprint("node", i-10)
}

var (
	rack4 = netip.MustParsePrefix("10.0.0.0/24")
	rack6 = netip.MustParsePrefix("fd00::/64")
)

// Rack is a fabric.Rack whose members come and go without the others' links going down, as at a switch.
func Rack(v fabric.Version, nodes int, tors ...fabric.NodeSpec) fabric.Topology {
	top := fabric.Rack(v, nodes, tors...)
	top.Links[0].Bridge = true
	return top
}

// nodesOfTor is how many nodes a ToR knows.
const nodesOfTor = 3

// Tor is a router of an AS that waits for IPv4 and IPv6 sessions of three nodes, of its own AS or others, and accepts all that they send. Lines are added
// to each neighbor: "password x".
func Tor(v fabric.Version, asn uint32, lines ...string) fabric.NodeSpec {
	return fabric.NodeSpec{Version: v, Config: torConfig(asn, "external", lines)}
}

// InternalTor is a Tor in the nodes' own AS.
func InternalTor(v fabric.Version, asn uint32, lines ...string) fabric.NodeSpec {
	return fabric.NodeSpec{Version: v, Config: torConfig(asn, "internal", lines)}
}

func torConfig(asn uint32, kind string, lines []string) string {
	var neighbors, families strings.Builder
	for i := range nodesOfTor {
		for _, n := range []string{fmt.Sprint("10.0.0.", 11+i), fmt.Sprint("fd00::", 11+i)} {
			for _, line := range append([]string{"remote-as " + kind, "passive", "timers connect 1"}, lines...) {
				fmt.Fprintf(&neighbors, " neighbor %s %s\n", n, line)
			}
			fmt.Fprintf(&families, "  neighbor %s activate\n", n)
		}
	}
	return fmt.Sprintf("router bgp %d\n no bgp ebgp-requires-policy\n%s address-family ipv4 unicast\n%[3]s exit-address-family\n"+
		" address-family ipv6 unicast\n%[3]s exit-address-family\nexit\n", asn, neighbors.String(), families.String())
}
