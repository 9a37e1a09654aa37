package nodereport_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	baremetal "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/manager"
	"github.com/frr-renderer/frr-renderer/internal/nodereport"
	"github.com/frr-renderer/frr-renderer/internal/rights"
)

// managed is a cluster of its own with a real manager: three nodes in 10.77.0.0/24 that have a bare Node each, two floating IPs.
type managed struct {
	*lab
	names []string
	lan   nodereport.Subnet
}

const room = "cluster-managed"

func (l *lab) managed(t *testing.T) *managed {
	t.Helper()
	m := &managed{lab: l, lan: nodereport.Subnet{Interface: "eth0", Address: netip.MustParsePrefix("10.77.0.10/24")}}
	l.MakeNamespaces(t, room)
	for i, name := range []string{l.n1, l.n2, strings.TrimSuffix(l.n1, "n1") + "n3"} {
		m.names = append(m.names, name)
		l.apply(t, coreNodes, fmt.Sprintf(`{apiVersion: v1, kind: Node, metadata: {name: %s, annotations: {networking.gke.io/network-status: '[{"ipv4-subnet":"10.77.0.0/24"}]'}},
  status: {addresses: [{type: InternalIP, address: 10.77.0.%d}], conditions: [{type: Ready, status: "True"}]}}`, name, 10+i))
	}
	l.apply(t, baremetal.GroupVersion.WithResource("clusters"), `{apiVersion: baremetal.cluster.gke.io/v1, kind: Cluster, metadata: {name: bm, namespace: cluster-managed},
  spec: {clusterNetwork: {advancedNetworking: true}, loadBalancer: {mode: bundled, type: bgp, localASN: 65001, bgpPeers: [{ip: 10.78.0.1, asn: 65002}]}}}`)
	return m
}

// manage runs a manager until the test ends.
func (m *managed) manage(t *testing.T) {
	t.Helper()
	all := rights.Manager()
	user := m.User(t, "manager", rights.Rules(all, rights.Cluster)...)
	m.Grant(t, "manager", ownSpace, rights.Rules(all, rights.Namespace)...)
	m.Grant(t, "manager", reports, rights.Rules(all, rights.Reports)...)
	one, err := manager.New(manager.Options{Config: user, Identity: "one", Namespace: ownSpace, ClusterNamespace: room}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- one.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	until(t, "the manager", func() bool { return one.Leading() && one.Rounds() > 0 })
}

// holders are the nodes that hold the floating IPs, by the manager's word.
func (m *managed) holders(t *testing.T) string {
	t.Helper()
	is := get[networking.NetworkGatewayGroup](t, m.lab, groupResource, room, "default").Status.FloatingIPs
	var out []string
	for _, address := range slices.Sorted(maps.Keys(is)) {
		out = append(out, strings.TrimPrefix(address, "10.77.0.")+" "+is[address][strings.Index(is[address], "-")+1:])
	}
	return strings.Join(out, ", ")
}

func (m *managed) holds(floating ...nodereport.FloatingIP) nodereport.Report {
	return nodereport.Report{Subnets: []nodereport.Subnet{m.lan}, Gateway: true, Floating: floating}
}

// withManager is the whole way of a floating IP: leases that live, a placement by them, a death, a return.
func (l *lab) withManager(t *testing.T) {
	m := l.managed(t)
	m.manage(t)
	second, third := m.run(t, m.names[1]), m.run(t, m.names[2])
	second.Tell(m.holds())
	third.Tell(m.holds())
	for _, w := range []*runner{second, third} {
		until(t, "renewals that the manager has seen", func() bool { return w.renewals() >= 4 })
	}
	m.apply(t, groupResource, `{apiVersion: networking.gke.io/v1, kind: NetworkGatewayGroup, metadata: {name: default, namespace: cluster-managed}, spec: {floatingIPs: [10.77.0.100, 10.77.0.101]}}`)
	holders := func() string { return m.holders(t) }
	eventually(t, "100 n2, 101 n3", holders) // n1 has no agent

	// The manager makes the sessions, the agents tell how they fare.
	first, other := held(netip.MustParseAddr("10.77.0.100"))[0], held(netip.MustParseAddr("10.77.0.101"))[0]
	report := m.holds(first)
	report.Sessions = []nodereport.Session{{FloatingIP: first.Address, Peer: netip.MustParseAddr("10.78.0.1"), Established: true, AddPath: []networking.AddPath{{Family: networking.IPv4, PeerReceives: true, Sending: true}}}}
	second.Tell(report)
	third.Tell(m.holds(other))
	eventually(t, "Established [] [{ipv4 true true}] ", func() string { return m.fares(t, "10.78.0.1-"+m.names[1]) })

	died := time.Now()
	second.kill()
	eventually(t, "100 n3, 101 n3", holders)
	t.Logf("from the death of an agent to the new holder in status: %v", time.Since(died).Round(10*time.Millisecond))

	// Its address never went off the host: n3 finds it answered for, and lets it be. The agent starts anew, and has the address back without a session lost.
	conflict := nodereport.FloatingIP{Address: first.Address, State: networking.FloatingIPConflict, MAC: "02:00:00:00:00:02"}
	third.Tell(m.holds(other, conflict))
	until(t, "the word of n3", func() bool { return strings.Contains(m.told(t, m.names[2]), "Conflict") })
	second = m.run(t, m.names[1])
	second.Tell(report)
	eventually(t, "100 n2, 101 n3", holders)
	eventually(t, "Established [] [{ipv4 true true}] ", func() string { return m.fares(t, "10.78.0.1-"+m.names[1]) })
	asked := second.asked()
	require.Less(t, slices.Index(asked, "patch networkgatewaynodes"), slices.IndexFunc(asked, func(q string) bool { return strings.HasSuffix(q, "leases") }),
		"it tells that it holds the address before it lives: %v", asked)

	// Drained: the address moves though its agent lives, and what is known of the router goes along.
	m.apply(t, coreNodes, fmt.Sprintf(`{apiVersion: v1, kind: Node, metadata: {name: %s, annotations: {networking.gke.io/network-status: '[{"ipv4-subnet":"10.77.0.0/24"}]'}}, spec: {unschedulable: true}}`, m.names[1]))
	second.Tell(m.holds())
	third.Tell(m.holds(other, first))
	eventually(t, "100 n3, 101 n3", holders)
	eventually(t, "n3 NotEstablished [] [{ipv4 true false}] FRR does not have this session yet", func() string { return m.sessionOf(t, first) })
}

// sessionOf is the session of a floating IP: its node, and how it fares.
func (m *managed) sessionOf(t *testing.T, f nodereport.FloatingIP) string {
	t.Helper()
	all, err := m.objects.Resource(sessionResource).Namespace(reports).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, u := range all.Items {
		if s := get[networking.BGPSession](t, m.lab, sessionResource, reports, u.GetName()); s != nil && s.Spec.FloatingIP == f.Address.String() {
			return s.Spec.NodeName[strings.Index(s.Spec.NodeName, "-")+1:] + " " + m.fares(t, s.Name)
		}
	}
	return ""
}
