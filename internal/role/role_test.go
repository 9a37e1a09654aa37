package role

import (
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/floating"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/hostnet"
	"github.com/frr-renderer/frr-renderer/internal/nodereport"
	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/source"
)

func TestAnAddressComesBeforeItsViewAndLeavesAfterIt(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1", fip2: "n2"})
		time.Sleep(5 * time.Second)
		require.Equal(t, []string{"put 10.0.1.100", "view of 10.0.1.100"}, n.told())
		require.Equal(t, []netip.Addr{fip}, n.now().Floating)
		n.place(map[netip.Addr]string{fip: "n2", fip2: "n2"})
		time.Sleep(150 * time.Millisecond) // an apply takes 100 ms, and the address waits for no more
		require.Equal(t, []string{"no view of 10.0.1.100", "took 10.0.1.100"}, n.told()[2:])
		time.Sleep(150 * time.Millisecond)
		require.Empty(t, n.now().Floating, "the node waits for the next holder")
		time.Sleep(time.Minute)
		require.Len(t, n.told(), 4)
	})
}

func TestAnAddressWaitsForItsViewNoLongerThanASecond(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(5 * time.Second)
		time.Sleep(time.Second)
		n.set(func() { n.agent = false })
		n.listed()
		time.Sleep(900 * time.Millisecond)
		require.Len(t, n.told(), 2)
		time.Sleep(200 * time.Millisecond)
		require.Equal(t, "took 10.0.1.100", n.told()[2])
	})
}

func TestAddressesThatLeaveAtOnceWaitTogether(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1", fip2: "n1"})
		time.Sleep(5 * time.Second)
		n.set(func() { n.agent = false })
		n.listed()
		time.Sleep(1100 * time.Millisecond)
		require.ElementsMatch(t, []string{"took 10.0.1.100", "took 10.0.1.101"}, n.told()[4:])
	})
}

func TestAnAddressWaitsForNoBGPDThatIsAway(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(5 * time.Second)
		n.set(func() { n.agent, n.bgpd = false, errAway })
		time.Sleep(6 * time.Second)
		n.listed()
		time.Sleep(10 * time.Millisecond)
		require.Equal(t, "took 10.0.1.100", n.told()[2])
	})
}

func TestAnAgentThatStartsAnewAsksForTheSame(t *testing.T) {
	simulate(t, func(n *node) {
		time.Sleep(time.Minute)
		require.Empty(t, n.told(), "nothing changes before the first word")
		require.True(t, held(n.last().Floating[0]))
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(110 * time.Millisecond)
		require.Equal(t, []string{"view of 10.0.1.100"}, n.told())
		require.True(t, n.now().many(), "bgpd tells what was negotiated")
	}, func(n *node) {
		n.on[fip] = true
		n.sessions = []observe.Session{session(fip, true)}
	})
}

func TestNothingIsReadyBeforeTheHostAndBGPDWereAsked(t *testing.T) {
	n := newNode(t, false)
	require.False(t, n.Ready())
	n.answered(nil, errAway)
	require.False(t, n.Ready())
	n.listens(nil, nil)
	require.False(t, n.Ready())
	n.became(n.facts)
	require.True(t, n.Ready())
}

func TestRoutersAreToldSeveralPathsOnceTheyWereSeenToReceiveThem(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(5 * time.Second)
		require.False(t, n.now().many())
		n.set(func() { n.sessions = []observe.Session{session(fip, true)} })
		time.Sleep(2 * time.Second)
		require.True(t, n.now().many())
		require.Equal(t, []networking.AddPath{{Family: networking.IPv4, PeerReceives: true}}, n.last().Sessions[0].AddPath)

		down := session(fip, false)
		down.State = "Active"
		n.set(func() { n.sessions = []observe.Session{down} })
		time.Sleep(2 * time.Second)
		require.True(t, n.now().many(), "what was seen counts until something else is seen")

		n.set(func() { n.sessions = []observe.Session{session(fip, false)} })
		time.Sleep(2 * time.Second)
		require.False(t, n.now().many())
	})
}

// told is a BGPSession of fip on a node.
func told(node string, receives ...bool) *networking.BGPSession {
	s := &networking.BGPSession{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: tor.String() + "-" + node},
		Spec:       networking.BGPSessionSpec{PeerIP: tor.String(), PeerASN: 65002, LocalASN: 65001, FloatingIP: fip.String(), NodeName: node},
	}
	for _, r := range receives {
		s.Status.AddPath = append(s.Status.AddPath, networking.AddPath{Family: networking.IPv4, PeerReceives: r})
	}
	return s
}

func TestWhatARouterReceivesIsKnownToTheNextHolder(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n2"}, told("n2", true))
		time.Sleep(time.Second)
		require.True(t, n.now().many())
		n.place(map[netip.Addr]string{fip: "n1"}, told("n1")) // the manager has made the new one, and not its status
		time.Sleep(5 * time.Second)
		require.True(t, n.now().many(), "the first session has it")
		n.place(map[netip.Addr]string{fip: "n1"}, told("n1", false))
		time.Sleep(time.Second)
		require.False(t, n.now().many(), "somebody saw something else, and we have not spoken with it yet")
		n.set(func() { n.sessions = []observe.Session{session(fip, true)} })
		time.Sleep(2 * time.Second)
		n.place(map[netip.Addr]string{fip: "n1"}, told("n1", false))
		time.Sleep(time.Second)
		require.True(t, n.now().many(), "what we see ourselves counts more")
	})
}

func TestWhatWasListedAfterALapseCountsUnlessTheObjectsAreNewer(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(10 * time.Second)
		n.listed()
		time.Sleep(time.Second)
		require.Contains(t, n.told(), "took 10.0.1.100", "another has it, and the watch has not told yet")

		unrelated := *n.objects
		unrelated.Objects.Services = nil
		n.set(func() { n.objects = &unrelated })
		time.Sleep(10 * time.Second)
		require.Len(t, n.told(), 4, "the groups are the same as before")

		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(time.Second)
		n.Renewed(nodereport.Renewal{Until: time.Now().Add(2 * time.Second), Wanted: []netip.Addr{}, Asked: time.Now().Add(-1100 * time.Millisecond)})
		time.Sleep(10 * time.Second)
		require.Equal(t, []string{"put 10.0.1.100", "view of 10.0.1.100"}, n.told()[4:])
	})
}

func TestALookThatFailsSaysNothingOfWhereBGPDListens(t *testing.T) {
	failed := errors.New("no buffer space")
	bgpd := []hostnet.Listener{{Address: netip.MustParseAddrPort("0.0.0.0:179"), Process: "bgpd", PID: 7}}
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(5 * time.Second)
		n.set(func() { n.listeners, n.unlisted = nil, failed })
		time.Sleep(20 * time.Second)
		require.Empty(t, n.told(), "what was refused stays refused")
		require.Contains(t, n.last().Unwell, "listens on 0.0.0.0:179")
		n.set(func() { n.unlisted = nil })
		time.Sleep(10 * time.Second)
		require.Equal(t, []string{"put 10.0.1.100", "view of 10.0.1.100"}, n.told())
	}, func(n *node) { n.listeners = map[uint16][]hostnet.Listener{bgpPort: bgpd} })
	simulate(t, func(n *node) {
		time.Sleep(2 * time.Second)
		require.True(t, n.Ready(), "what is not GDC's does not wait")
	}, func(n *node) { n.unlisted = failed })
}

func TestBGPDOnPort179MakesNoGateway(t *testing.T) {
	bgpd := []hostnet.Listener{{Address: netip.MustParseAddrPort("0.0.0.0:179"), Process: "bgpd", PID: 7}}
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(5 * time.Second)
		require.Empty(t, n.told())
		require.Contains(t, n.last().Unwell, "bgpd (process 7) listens on 0.0.0.0:179")
		require.Contains(t, n.now().texts(), "start bgpd with -p 1790 (gdc.enabled of the chart does)")
		n.set(func() { n.listeners = map[uint16][]hostnet.Listener{gdcPort: bgpd} })
		time.Sleep(10 * time.Second)
		require.Equal(t, []string{"put 10.0.1.100", "view of 10.0.1.100"}, n.told())
		require.Empty(t, n.last().Unwell)
		require.Empty(t, n.now().Problems)
	}, func(n *node) { n.listeners = map[uint16][]hostnet.Listener{bgpPort: bgpd} })
}

func TestWhoeverElseListensOnPort179DoesNotMatter(t *testing.T) {
	bird, unknown := hostnet.Listener{Process: "bird", PID: 8}, hostnet.Listener{UID: 0}
	ours := []hostnet.Listener{{Process: "bgpd"}}
	for name, test := range map[string]struct {
		seen         bool
		wrong, right []hostnet.Listener
		refused      bool
	}{
		"nobody":                            {},
		"another program":                   {wrong: []hostnet.Listener{bird}},
		"another one beside bgpd":           {wrong: []hostnet.Listener{unknown}, right: ours},
		"one that can't be told":            {wrong: []hostnet.Listener{bird, unknown}, refused: true},
		"one while bgpd starts anew":        {seen: true, wrong: []hostnet.Listener{unknown}},
		"bgpd":                              {wrong: ours, refused: true},
		"another bgpd beside the right one": {wrong: ours, right: ours},
	} {
		l := listening{seen: test.seen}
		l.judge(test.wrong, test.right, true)
		require.Equal(t, test.refused, l.refusal != "", name)
	}
	l := listening{seen: true}
	l.judge(ours, nil, true)
	require.Empty(t, l.refusal)
	l.judge(ours, nil, true)
	require.NotEmpty(t, l.refusal, "it lasts")
}

// Calico's BIRD, say, which a container can't tell from bgpd: it was no reason to give up what is held before bgpd went away, and is none then.
func TestBGPDThatStartsAnewBesideAnotherProgramOnPort179CostsNothing(t *testing.T) {
	bird := []hostnet.Listener{{Address: netip.MustParseAddrPort("0.0.0.0:179")}}
	both := map[uint16][]hostnet.Listener{bgpPort: bird, gdcPort: {{Process: "bgpd", PID: 1}}}
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(10 * time.Second)
		n.set(func() { n.bgpd, n.listeners = errAway, map[uint16][]hostnet.Listener{bgpPort: bird} })
		time.Sleep(12500 * time.Millisecond) // no tie with what happens each second
		n.set(func() { n.bgpd = nil })       // it answers first, and listens when it has read its configuration
		time.Sleep(3 * time.Second)
		n.set(func() { n.listeners = both })
		time.Sleep(time.Minute)
		require.Equal(t, []string{"put 10.0.1.100", "view of 10.0.1.100"}, n.told())
		n.set(func() { n.listeners = map[uint16][]hostnet.Listener{bgpPort: bird} })
		time.Sleep(12 * time.Second)
		require.Contains(t, n.told(), "took 10.0.1.100", "it answers, and listens there")
	}, func(n *node) { n.listeners = both })
}

func TestGroupsOfAnotherNamespacePlaceNothing(t *testing.T) {
	simulate(t, func(n *node) {
		o := cluster(map[netip.Addr]string{fip: "n1"})
		mallory := o.Objects.GDC.GatewayGroups[0].DeepCopy()
		mallory.Namespace, mallory.Status.FloatingIPs = "mallory", map[string]string{fip2.String(): "n1", "10.0.1.1": "n1", fip.String(): "n2"}
		o.Objects.GDC.GatewayGroups = append(o.Objects.GDC.GatewayGroups, mallory)
		n.set(func() { n.objects = &o })
		time.Sleep(20 * time.Second)
		require.Equal(t, []string{"put 10.0.1.100", "view of 10.0.1.100"}, n.told())
		require.Equal(t, "cluster-bm", n.last().Namespace)
	})
}

func TestWhatCanNotBeReadTakesNothingAway(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(5 * time.Second)
		broken := cluster(nil)
		broken.Objects.GDC.GatewayGroups = nil
		broken.Unread = []problem.Object{{Kind: "NetworkGatewayGroup", Name: "default"}}
		n.set(func() { n.objects = &broken })
		time.Sleep(time.Minute)
		require.NotContains(t, n.told(), "took 10.0.1.100")

		foreign := cluster(map[netip.Addr]string{fip: "n1"}) // without the Cluster it is not known which groups are its own
		foreign.Objects.GDC.Clusters = nil
		older := foreign.Objects.GDC.GatewayGroups[0].DeepCopy()
		older.Namespace, older.CreationTimestamp, older.Status.FloatingIPs = "mallory", metav1.Now(), nil
		foreign.Objects.GDC.GatewayGroups = append(foreign.Objects.GDC.GatewayGroups, older)
		foreign.Unread = []problem.Object{{Kind: "Cluster", Name: "bm"}}
		n.set(func() { n.objects = &foreign })
		time.Sleep(time.Minute)
		require.NotContains(t, n.told(), "took 10.0.1.100")
		n.place(nil)
		time.Sleep(time.Second)
		require.Contains(t, n.told(), "took 10.0.1.100")
	})
}

func TestWhatCanNotBeReadKeepsTheFormThatItHad(t *testing.T) {
	c := problem.Object{Kind: "Cluster", Group: "baremetal.cluster.gke.io", Namespace: "cluster-bm", Name: "bm"}
	for name, test := range map[string]struct {
		broken   source.Result
		sessions int
	}{
		"the Cluster":                      {source.Result{Unread: []problem.Object{c}}, 2},
		"a document, nobody knows of what": {source.Result{Incomplete: true}, 2},
		"another object":                   {source.Result{Unread: []problem.Object{{Kind: "Service", Name: "bm", Namespace: "cluster-bm"}}}, 0},
		"nothing: it was deleted":          {source.Result{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, true)
			whole := cluster(map[netip.Addr]string{fip: "n1", fip2: "n2"})
			require.Len(t, n.Turn(&whole).Assignment.Sessions, 2)
			test.broken.Objects = whole.Objects
			test.broken.Objects.GDC.Clusters = nil
			require.Len(t, n.Turn(&test.broken).Assignment.Sessions, test.sessions)
			still := test.broken
			require.Len(t, n.Turn(&still).Assignment.Sessions, test.sessions, "and so on")
			mended := cluster(map[netip.Addr]string{fip: "n1", fip2: "n2"})
			mended.Objects.GDC.Clusters[0].Spec.LoadBalancer.BGPPeers = nil
			require.Empty(t, n.Turn(&mended).Assignment.Sessions, "what can be read counts")
		})
	}
}

func TestABGPPeerThatCanNotBeReadTakesNoOtherRoutersSessions(t *testing.T) {
	balanced := func(unread ...problem.Object) *source.Result {
		out := cluster(map[netip.Addr]string{fip: "n1", fip2: "n2"})
		balancer := &networking.BGPLoadBalancer{ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: "cluster-bm"}}
		balancer.Spec.PeerSelector = map[string]string{"use": "true"}
		out.Objects.GDC.LoadBalancers, out.Unread = []*networking.BGPLoadBalancer{balancer}, unread
		return &out
	}
	tor2 := problem.Object{Kind: "BGPPeer", Group: networking.GroupVersion.Group, Namespace: "cluster-bm", Name: "tor2"}

	n := newNode(t, true)
	require.Len(t, n.Turn(balanced()).Assignment.Sessions, 2, "there is no BGPPeer")
	require.Len(t, n.Turn(balanced(tor2)).Assignment.Sessions, 2, "what works stays")
	require.Len(t, n.Turn(balanced(tor2)).Assignment.Sessions, 2)

	n = newNode(t, true)
	require.Empty(t, n.Turn(balanced(tor2)).Assignment.Sessions, "nobody meant the control plane's router")
	require.Len(t, n.Turn(balanced()).Assignment.Sessions, 2)
}

// A Cluster that can't be read when a node starts decides nothing and takes nothing away; one that comes later changes nothing until it can be read.
func TestWithoutTheClusterNobodyKnowsWhatToDo(t *testing.T) {
	c := problem.Object{Kind: "Cluster", Group: "baremetal.cluster.gke.io", Namespace: "cluster-bm", Name: "bm"}
	for _, alone := range []bool{true, false} {
		whole := cluster(map[netip.Addr]string{fip: "n1", fip2: "n2"})
		broken := whole
		broken.Objects.GDC.Clusters, broken.Unread = nil, []problem.Object{c}

		n := newNode(t, alone)
		n.became(floating.Facts{Addresses: []floating.Fact{{Address: fip, State: floating.Held}, {Address: fip2, State: floating.Held}}})
		require.Contains(t, n.Turn(&broken).Unknown, "the Cluster can't be read")
		want := []netip.Addr{fip}
		if alone {
			want = append(want, fip2) // nobody says that it is another's
		}
		require.Equal(t, want, n.ordered.wanted)
		require.Empty(t, n.Turn(&whole).Unknown)

		deleted := whole
		deleted.Objects.GDC.Clusters = nil
		require.Empty(t, n.Turn(&deleted).Unknown)
		require.Empty(t, n.Turn(&broken).Unknown, "what is done without a Cluster goes on")

		n = newNode(t, alone)
		all := source.Result{Unread: []problem.Object{c}}
		require.NotEmpty(t, n.Turn(&all).Unknown, "though there is nothing else")
	}
}

// A node that starts anew without an API server knows by FRR alone which sessions there are.
func TestWhatCanNotBeReadAtTheStartKeepsTheSessionsThatFRRHas(t *testing.T) {
	balancer := &networking.BGPLoadBalancer{ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: "cluster-bm"}}
	balancer.Spec.PeerSelector = map[string]string{"use": "true"}
	peer := func(sessions int32) *networking.BGPPeer {
		p := &networking.BGPPeer{ObjectMeta: metav1.ObjectMeta{Name: "tor", Namespace: "cluster-bm", Labels: balancer.Spec.PeerSelector}}
		p.Spec = networking.BGPPeerSpec{LocalASN: 65001, PeerASN: 65002, PeerIP: tor.String(), Sessions: &sessions}
		return p
	}
	runs := session(fip2, false)
	runs.LocalAS = 65001
	inside := runs // with a node
	inside.Neighbor, inside.RemoteAS = "10.0.1.10", 65001
	for name, objects := range map[string]func(*source.Result){
		"a BGPPeer that can't be read": func(r *source.Result) {
			r.Unread = []problem.Object{{Kind: "BGPPeer", Group: networking.GroupVersion.Group, Namespace: "cluster-bm", Name: "tor"}}
		},
		"a BGPPeer that is wrong": func(r *source.Result) { r.Objects.GDC.Peers = []*networking.BGPPeer{peer(0)} },
		"a group that can't be read": func(r *source.Result) {
			r.Objects.GDC.Peers, r.Objects.GDC.GatewayGroups = []*networking.BGPPeer{peer(2)}, nil
			r.Unread = []problem.Object{{Kind: "NetworkGatewayGroup", Group: networking.GroupVersion.Group, Namespace: "cluster-bm", Name: "default"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, true)
			n.became(floating.Facts{Addresses: []floating.Fact{{Address: fip2, State: floating.Held}}})
			whole := cluster(nil)
			whole.Objects.GDC.LoadBalancers, whole.Objects.GDC.Clusters[0].Spec.LoadBalancer.BGPPeers = []*networking.BGPLoadBalancer{balancer}, nil
			objects(&whole)
			require.Empty(t, n.Turn(&whole).Assignment.Sessions)

			n = newNode(t, true)
			n.became(floating.Facts{Addresses: []floating.Fact{{Address: fip2, State: floating.Held}}})
			n.answered([]observe.Session{runs, inside}, nil)
			part := n.Turn(&whole)
			require.Len(t, part.Assignment.Sessions, 1)
			s := part.Assignment.Sessions[0]
			require.Equal(t, []any{tor, uint32(65002), uint32(65001), fip2}, []any{s.PeerIP, s.PeerASN, s.LocalASN, s.FloatingIP})
			if len(whole.Objects.GDC.GatewayGroups) == 0 {
				require.Equal(t, []gateway.FloatingIP{{Address: fip2, Group: "default", Node: "n1"}}, part.Assignment.FloatingIPs)
			}
			again := whole
			require.Equal(t, part.Assignment.Sessions, n.Turn(&again).Assignment.Sessions, "and so on")
		})
	}
}

func TestAKernelThatCanNotBeAskedKeepsNobodyElseWaiting(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(9 * time.Second)
		require.Nil(t, n.now().Assignment)
		time.Sleep(3 * time.Second)
		require.NotNil(t, n.now().Assignment)
		require.Contains(t, n.now().texts(), "the kernel does not tell")
		n.mutex.Lock()
		n.blinded = nil
		n.mutex.Unlock()
		time.Sleep(5 * time.Second)
		require.Equal(t, []string{"put 10.0.1.100", "view of 10.0.1.100"}, n.told())
		require.Empty(t, n.now().Problems)
	}, func(n *node) { n.blinded = errors.New("netlink is broken") })
}

func TestSomebodyElsesAddressIsAConflict(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(5 * time.Second)
		require.Empty(t, n.told())
		require.Equal(t, networking.FloatingIPConflict, n.last().Floating[0].State)
		require.Equal(t, "02:00:00:00:00:01", n.last().Floating[0].MAC)
		require.Contains(t, n.now().texts(), "floating IP 10.0.1.100 is not held here: 02:00:00:00:00:01 answers 10.0.1.100")
		n.set(func() { n.rival = false })
		time.Sleep(5 * time.Second)
		require.Equal(t, []string{"put 10.0.1.100", "view of 10.0.1.100"}, n.told())
		// And where it appears later, this node, which no lease confirms, gives way: view first, in time.
		n.set(func() { n.rival = true })
		time.Sleep(3 * time.Second)
		require.Equal(t, []string{"no view of 10.0.1.100", "took 10.0.1.100"}, n.told()[2:])
	}, func(n *node) { n.rival = true })
}

func TestReportsTellOfSessionsAndSubnets(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip2: "n2"})
		time.Sleep(5 * time.Second)
		require.True(t, n.last().Gateway, "it could take what n2 holds")
		require.Equal(t, netip.MustParsePrefix("10.0.1.10/24"), n.last().Subnets[0].Address)
		n.place(map[netip.Addr]string{fip: "n1", fip2: "n2"})
		time.Sleep(5 * time.Second)
		require.True(t, n.last().Gateway)
		require.Len(t, n.last().Sessions, 1)
		require.Equal(t, "FRR does not have it yet", n.last().Sessions[0].Message)
		n.set(func() { n.sessions = []observe.Session{session(fip, false), session(fip2, false)} })
		time.Sleep(2 * time.Second)
		require.True(t, n.last().Sessions[0].Established)
		n.set(func() { n.bgpd = errAway })
		time.Sleep(3 * time.Second)
		require.True(t, n.last().Sessions[0].Established, "one answer that is missing tells nothing")
		time.Sleep(4 * time.Second)
		require.False(t, n.last().Sessions[0].Established)
		require.Equal(t, "bgpd does not answer", n.last().Sessions[0].Message)
	})
}

func TestTheSameObjectsAreDecidedOnce(t *testing.T) {
	n := newNode(t, false)
	o := cluster(map[netip.Addr]string{fip: "n1"})
	first, second := n.Turn(&o), n.Turn(&o)
	require.Same(t, &first.Assignment.LoadBalancers[0], &second.Assignment.LoadBalancers[0])
	again := cluster(map[netip.Addr]string{fip: "n1"})
	require.NotSame(t, &first.Assignment.LoadBalancers[0], &n.Turn(&again).Assignment.LoadBalancers[0])
	require.Empty(t, first.Assignment.Problems, "the manager tells them")
}

func TestWithoutAManagerEveryNodeDecides(t *testing.T) {
	n := newNode(t, true)
	o := cluster(map[netip.Addr]string{fip: "n2"})
	part := n.Turn(&o)
	require.NotEmpty(t, part.Assignment.Problems)
	require.Equal(t, []netip.Addr{fip2}, n.word.Wanted, "the other one stays where it is")
	require.True(t, n.word.Told)
}

func TestAViewWithoutNeighborsIsNone(t *testing.T) {
	views, waits := neighborsOf(`frr version 10.3
router bgp 65001
 bgp router-id 10.0.1.10
 neighbor 10.0.1.101 remote-as 65001
 neighbor 10.0.1.101 passive
 neighbor eth7 interface remote-as 65003
 !
 address-family ipv4 unicast
  network 203.0.113.1/32
  neighbor 10.0.1.101 activate
 exit-address-family
exit
router bgp 65001 view gw-10.0.1.100
 bgp router-id 10.0.1.100
 neighbor 10.8.0.10 remote-as 65002
exit
!
router bgp 65001 view gw-10.0.1.101
 bgp router-id 10.0.1.101
exit
router bgp 65001 view blue
 neighbor 10.8.0.10 remote-as 65002
exit
router bgp 65009 vrf red
 neighbor 10.0.1.102 remote-as 65002
exit
`)
	require.Equal(t, map[netip.Addr]bool{fip: true}, views)
	require.Equal(t, map[netip.Addr]bool{fip2: true}, waits)
	_, waits = neighborsOf("router bgp 65001\n")
	require.Empty(t, waits)
}

func TestANodeWhoseLANsAreAllDownCanHoldNothing(t *testing.T) {
	simulate(t, func(n *node) {
		n.place(map[netip.Addr]string{fip: "n1"})
		time.Sleep(5 * time.Second)
		lan := hostnet.Subnet{Interface: "eth0", Address: netip.MustParsePrefix("10.0.1.10/24")}
		n.hasSubnets([]hostnet.Subnet{lan})
		time.Sleep(14 * time.Second)
		require.Empty(t, n.last().Unwell, "cables are plugged in again")
		time.Sleep(3 * time.Second)
		require.Contains(t, n.last().Unwell, "no LAN of the node has been up for 15s")
		lan.Up = true
		n.hasSubnets([]hostnet.Subnet{lan})
		time.Sleep(3 * time.Second)
		require.Empty(t, n.last().Unwell)
	})
}

func TestAnAddressThatIsGoneForAMomentMovesNothing(t *testing.T) {
	lan := hostnet.Subnet{Interface: "eth0", Address: netip.MustParsePrefix("10.0.1.10/24"), Up: true}
	other := hostnet.Subnet{Interface: "eth1", Address: netip.MustParsePrefix("10.0.9.10/24"), Up: true}
	for _, rest := range [][]hostnet.Subnet{{}, {other}} { // its only one, and one of two
		simulate(t, func(n *node) {
			n.place(map[netip.Addr]string{fip: "n1"})
			n.hasSubnets(append([]hostnet.Subnet{lan}, rest...))
			time.Sleep(5 * time.Second)
			n.hasSubnets(rest)
			time.Sleep(10 * time.Second)
			require.Empty(t, n.last().Unwell)
			require.Contains(t, n.last().Subnets, nodereport.Subnet{Interface: "eth0", Address: lan.Address}, "dhclient, ip link set down and up")
			n.hasSubnets(append([]hostnet.Subnet{lan}, rest...))
			time.Sleep(time.Minute)
			require.Len(t, n.last().Subnets, 1+len(rest))
			n.hasSubnets(rest)
			time.Sleep(17 * time.Second)
			require.NotContains(t, n.last().Subnets, nodereport.Subnet{Interface: "eth0", Address: lan.Address}, "it does not come back")
			require.Equal(t, len(rest) == 0, n.last().Unwell != "")
			n.hasSubnets(rest)
			require.Len(t, n.subnets, len(rest), "and is forgotten")
		})
	}
}

func TestSubnetsThatCanNotBeFollowedAreToldOnce(t *testing.T) {
	var log strings.Builder
	errors := func() int { return strings.Count(log.String(), "cannot follow the node's subnets") }
	simulate(t, func(n *node) {
		time.Sleep(time.Minute)
		require.Equal(t, 1, errors(), log.String())
		n.set(func() { n.lost = nil })
		time.Sleep(time.Minute)
		n.set(func() { n.lost = errAway })
		time.Sleep(time.Minute)
		require.Equal(t, 2, errors(), "it worked meanwhile")
	}, func(n *node) {
		n.lost = errAway
		n.Log = slog.New(slog.NewTextHandler(&log, nil))
	})
}
