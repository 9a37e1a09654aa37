package nodereport_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/nodereport"
	"github.com/frr-renderer/frr-renderer/internal/rights"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
)

// TestWriter runs against one real API server; each part has nodes of its own.
func TestWriter(t *testing.T) {
	l := newLab(t)
	for i, part := range []struct {
		name string
		run  func(*lab, *testing.T)
	}{
		{"a node tells of itself", (*lab).node},
		{"a node that is not there yet, and one that was told of before", (*lab).strangers},
		{"nothing is written where nothing changes, but for a heartbeat", (*lab).heartbeat},
		{"what changes again and again is written now and then", (*lab).storm},
		{"the lease is renewed once the node has told of itself", (*lab).first},
		{"a lease that nobody wants is given back", (*lab).givenBack},
		{"a lease that somebody else has written into is taken over", (*lab).takenOver},
		{"the lease stays when the agent ends", (*lab).ends},
		{"after a lapse it is listed anew what to hold", (*lab).lapse},
		{"a node that is not sure hears what to hold with each renewal", (*lab).unsure},
		{"a lease that can't be given back is told", (*lab).kept},
		{"a connection that died is not used again", (*lab).deadConnection},
		{"sessions are told", (*lab).sessions},
		{"of a router's ADD-PATH it stays known what was", (*lab).addPath},
		{"a session that can't be written keeps no other, nor the lease", (*lab).refusedSession},
		{"a definition that knows no refused floating IP takes all else", (*lab).olderDefinition},
		{"requests that hang keep the lease not", (*lab).hanging},
		{"what was told last is written when the API server is back", (*lab).away},
		{"rights that are missing are told once", (*lab).denied},
		{"with a manager: placed, dead, back, drained", (*lab).withManager},
	} {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			part.run(l.room(i), t)
		})
	}
}

const healthy = "Healthy=True Healthy"

func (l *lab) node(t *testing.T) {
	l.makeNode(t, l.n1)
	w := l.run(t, l.n1)
	w.Tell(nodereport.Report{Subnets: []nodereport.Subnet{ipv6LAN, lan}})
	is := func() string { return l.told(t, l.n1) }
	eventually(t, "Up; eth0 10.0.1.0/24 10.0.1.10; eth0 fd01::/64 fd01::10; "+healthy, is)

	object := get[networking.NetworkGatewayNode](t, l, nodeResource, reports, l.n1)
	node := get[metav1.PartialObjectMetadata](t, l, coreNodes, "", l.n1)
	require.Equal(t, []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: l.n1, UID: node.UID}}, object.OwnerReferences)
	require.WithinDuration(t, time.Now(), object.Status.LastReportTime.Time, patience)

	w.Tell(nodereport.Report{Subnets: []nodereport.Subnet{lan}, Floating: append(held(b), nodereport.FloatingIP{Address: a, State: networking.FloatingIPProbing})})
	eventually(t, "Up; eth0 10.0.1.0/24 10.0.1.10; 10.0.1.100 Probing; 10.0.1.101 Held; "+healthy+"; Settled=False Probing", is)
	w.Tell(nodereport.Report{Subnets: []nodereport.Subnet{lan}, Floating: []nodereport.FloatingIP{
		{Address: a, State: networking.FloatingIPConflict, MAC: "02:00:00:00:00:01", Reason: "another host answers"},
		{Address: b, Reason: "no interface is in its subnet"},
	}})
	eventually(t, "Up; eth0 10.0.1.0/24 10.0.1.10; 10.0.1.100 Conflict 02:00:00:00:00:01; "+healthy+
		"; Settled=False NotHeld 10.0.1.100: another host answers; 10.0.1.101: no interface is in its subnet", is)
	w.Tell(nodereport.Report{Subnets: []nodereport.Subnet{lan}, Floating: append(held(a), nodereport.FloatingIP{Address: b, State: networking.FloatingIPRefused, Reason: "no right"})})
	eventually(t, "Up; eth0 10.0.1.0/24 10.0.1.10; 10.0.1.100 Held; 10.0.1.101 Refused no right; "+healthy+"; Settled=False Refused 10.0.1.101: no right", is)
	w.Tell(nodereport.Report{Subnets: []nodereport.Subnet{lan}, Floating: held(a), Unwell: "bgpd listens on port 179"})
	eventually(t, "NotHealthy; eth0 10.0.1.0/24 10.0.1.10; 10.0.1.100 Held; Healthy=False NotHealthy bgpd listens on port 179; Settled=True Held", is)
	w.Tell(nodereport.Report{})
	eventually(t, "Up; "+healthy, is)
}

func (l *lab) strangers(t *testing.T) {
	l.apply(t, nodeResource, `{apiVersion: networking.gke.io/v1, kind: NetworkGatewayNode, metadata: {name: `+l.n2+`, namespace: kube-system},
  status: {state: NotHealthy, floatingIPs: [{address: 10.0.1.101, state: Held}], conditions: [
    {type: Dusted, status: "True", reason: Friday, message: "", lastTransitionTime: "2026-01-01T00:00:00Z"},
    {type: Healthy, status: "True", reason: Healthy, message: "", lastTransitionTime: "2026-01-01T00:00:00Z"}]}}`)
	w1, w2 := l.run(t, l.n1), l.run(t, l.n2)
	w1.Tell(nodereport.Report{Floating: held(a), Gateway: true})
	w2.Tell(nodereport.Report{})
	eventually(t, "Up; Dusted=True Friday; "+healthy, func() string { return l.told(t, l.n2) })
	for _, c := range get[networking.NetworkGatewayNode](t, l, nodeResource, reports, l.n2).Status.Conditions {
		require.Equal(t, "2026-01-01T00:00:00Z", c.LastTransitionTime.UTC().Format(time.RFC3339), c.Type)
	}

	until(t, "a word that there is no such Node", func() bool { return strings.Contains(w1.logged(), `no Node \"`+l.n1) })
	require.Empty(t, l.told(t, l.n1))
	require.Nil(t, l.lease(t, l.n1))
	l.makeNode(t, l.n1)
	eventually(t, "Up; 10.0.1.100 Held; "+healthy+"; Settled=True Held", func() string { return l.told(t, l.n1) })

	// Somebody deletes it, or the garbage collector where the Node was made anew: the next report makes it again.
	require.NoError(t, l.objects.Resource(nodeResource).Namespace(reports).Delete(t.Context(), l.n1, metav1.DeleteOptions{}))
	w1.Tell(nodereport.Report{Floating: held(b), Gateway: true})
	eventually(t, "Up; 10.0.1.101 Held; "+healthy+"; Settled=True Held", func() string { return l.told(t, l.n1) })
}

// neverLapsed requires that what to hold was listed once only, unless the machine was too busy to renew in time.
func (r *runner) neverLapsed(t *testing.T) {
	t.Helper()
	if r.Lease().Failed == 0 {
		require.Len(t, r.handed(), 1)
	}
}

// patches counts the writes of a status.
func (r *runner) patches(resource string) int {
	n := 0
	for _, q := range r.asked() {
		if q == "patch "+resource {
			n++
		}
	}
	return n
}

func (l *lab) heartbeat(t *testing.T) {
	l.makeNode(t, l.n1)
	l.session(t, l.n1+"-s", l.n1, "10.0.1.100", "10.8.0.10")
	report := nodereport.Report{Floating: held(a), Sessions: []nodereport.Session{{FloatingIP: a, Peer: tor1, Established: true}}}
	w := l.run(t, l.n1)
	w.Tell(report)
	eventually(t, "Established [] [] ", func() string { return l.fares(t, l.n1+"-s") })
	until(t, "both writes", func() bool { return w.patches("networkgatewaynodes") > 0 && w.patches("bgpsessions") > 0 })
	before, sessions := w.patches("networkgatewaynodes"), w.patches("bgpsessions")
	for range 50 {
		w.Tell(report)
		time.Sleep(20 * time.Millisecond)
	}
	require.Equal(t, before, w.patches("networkgatewaynodes"))
	require.Equal(t, sessions, w.patches("bgpsessions"))
	w.kill()

	w = l.run(t, l.n1, func(c *nodereport.Config) { c.NodeBeat, c.SessionBeat = time.Second, time.Second })
	w.Tell(report)
	until(t, "heartbeats", func() bool { return w.patches("networkgatewaynodes") >= 3 && w.patches("bgpsessions") >= 3 })
}

func (l *lab) storm(t *testing.T) {
	l.makeNode(t, l.n1)
	w := l.run(t, l.n1)
	begun := time.Now()
	for i := range 300 {
		state := []networking.FloatingIPState{networking.FloatingIPHeld, networking.FloatingIPProbing}[i%2]
		w.Tell(nodereport.Report{Floating: []nodereport.FloatingIP{{Address: a, State: state, Reason: fmt.Sprint("try ", i)}}})
		time.Sleep(10 * time.Millisecond)
	}
	eventually(t, "Up; 10.0.1.100 Probing; "+healthy+"; Settled=False Probing 10.0.1.100: try 299", func() string { return l.told(t, l.n1) })
	require.LessOrEqual(t, w.patches("networkgatewaynodes"), 5+1+int(time.Since(begun)/(2*time.Second)))
}

func (l *lab) first(t *testing.T) {
	l.makeNode(t, l.n1)
	l.place(t, map[string]string{"10.0.1.100": l.n1, "10.0.1.101": l.n2})
	proxy, way := l.proxy(t)
	proxy.Break(func(w http.ResponseWriter, q *http.Request, _ http.Handler) bool {
		if apiserver.Resource(q) != "networkgatewaynodes" || q.Method != http.MethodPatch {
			return false
		}
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return true
	})
	w := l.run(t, l.n1, way)
	w.Tell(nodereport.Report{Floating: held(a), Gateway: true})
	until(t, "tries", func() bool { return proxy.Faulted() >= 3 })
	require.Nil(t, l.lease(t, l.n1))
	proxy.Break(nil)
	until(t, "renewals", func() bool { return w.renewals() >= 3 })
	require.Equal(t, "[10.0.1.100]", w.handed()[0])
	order := slices.DeleteFunc(w.asked(), func(q string) bool {
		// A list that takes its time keeps no renewal.
		return strings.Contains(q, "503") || strings.Contains(q, "bgpsessions") || strings.HasPrefix(q, "list nodes") || q == "update leases"
	})
	require.Equal(t, []string{
		"get networkgatewaynodes 404", "create networkgatewaynodes", "patch networkgatewaynodes",
		"get leases 404", "create leases", "list networkgatewaygroups", "Renewed [10.0.1.100]", "Renewed -", "Renewed -",
	}, order[:9])

	lease := l.lease(t, l.n1)
	require.Equal(t, l.n1, *lease.Spec.HolderIdentity)
	require.Equal(t, int32(4), *lease.Spec.LeaseDurationSeconds)
	require.True(t, w.until.After(time.Now()), "it holds")
	require.False(t, w.until.After(time.Now().Add(nodereport.Term)), "for a term from before it was asked for")
	require.Equal(t, w.Lease().Until.Round(0), w.until.Round(0))
}

func (l *lab) givenBack(t *testing.T) {
	l.makeNode(t, l.n1)
	w := l.run(t, l.n1)
	w.Tell(nodereport.Report{Gateway: true})
	until(t, "renewals", func() bool { return w.renewals() >= 2 })
	w.Tell(nodereport.Report{})
	holder := func() string { return *l.lease(t, l.n1).Spec.HolderIdentity }
	eventually(t, "", holder)
	until(t, "its end, here, too", func() bool {
		return w.Lease() == nodereport.Lease{Renewed: w.Lease().Renewed, Failed: w.Lease().Failed}
	})

	w.Tell(nodereport.Report{Gateway: true})
	eventually(t, l.n1, holder)
	until(t, "what to hold, anew", func() bool { return len(w.handed()) == 2 })
	w.kill()

	// It was renewed before a restart, and is not to be after it.
	require.Equal(t, l.n1, holder())
	w = l.run(t, l.n1)
	w.Tell(nodereport.Report{})
	eventually(t, "", holder)
	require.Zero(t, w.renewals())
}

func (l *lab) takenOver(t *testing.T) {
	l.makeNode(t, l.n1)
	w := l.run(t, l.n1)
	w.Tell(nodereport.Report{Gateway: true})
	until(t, "renewals", func() bool { return w.renewals() >= 2 })
	_, err := l.objects.Resource(leaseResource).Namespace(ownSpace).Patch(t.Context(), gateway.LeaseName(l.n1), types.MergePatchType,
		[]byte(`{"spec":{"holderIdentity":"somebody","leaseDurationSeconds":3600}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	eventually(t, l.n1+" 4", func() string {
		s := l.lease(t, l.n1).Spec
		return fmt.Sprint(*s.HolderIdentity, " ", *s.LeaseDurationSeconds)
	})
	require.Equal(t, int32(1), *l.lease(t, l.n1).Spec.LeaseTransitions)
	until(t, "a word of it", func() bool {
		return strings.Contains(w.logged(), "it is taken over") && strings.Contains(w.logged(), "holder=somebody")
	})

	require.NoError(t, l.objects.Resource(leaseResource).Namespace(ownSpace).Delete(t.Context(), gateway.LeaseName(l.n1), metav1.DeleteOptions{}))
	until(t, "the lease, made anew", func() bool { return l.lease(t, l.n1) != nil })
	l.renews(t, l.n1, 1)
	w.neverLapsed(t)
}

func (l *lab) ends(t *testing.T) {
	l.makeNode(t, l.n1)
	w := l.run(t, l.n1)
	w.Tell(nodereport.Report{Floating: held(a), Gateway: true})
	until(t, "a renewal", func() bool { return w.renewals() > 0 })
	w.kill()
	lease := l.lease(t, l.n1)
	require.Equal(t, l.n1, *lease.Spec.HolderIdentity)
	require.Contains(t, l.told(t, l.n1), "10.0.1.100 Held")
}

func (l *lab) lapse(t *testing.T) {
	l.makeNode(t, l.n1)
	l.place(t, map[string]string{"10.0.1.100": l.n1})
	gate, way := l.gate(t)
	w := l.run(t, l.n1, way)
	w.Tell(nodereport.Report{Floating: held(a), Gateway: true})
	until(t, "renewals", func() bool { return w.renewals() >= 2 })
	require.Equal(t, []string{"[10.0.1.100]"}, w.handed())

	// Not heard of for less than a term: nothing is asked anew.
	gate.Shut()
	until(t, "a try that fails", func() bool { return w.Lease().Error != "" })
	gate.Open()
	until(t, "a renewal", func() bool { return w.Lease().Error == "" })
	if w.Lease().Until.After(time.Now()) && !strings.Contains(w.logged(), "can't be renewed") {
		require.Equal(t, []string{"[10.0.1.100]"}, w.handed())
	}

	before := len(w.handed())
	gate.Shut()
	until(t, "the end of the lease", func() bool {
		return time.Now().After(w.Lease().Until) && strings.Contains(w.logged(), "can't be renewed")
	})
	l.place(t, map[string]string{"10.0.1.100": l.n2, "10.0.1.101": l.n1})
	at := len(w.asked())
	gate.Open()
	until(t, "what to hold", func() bool { return len(w.handed()) == before+1 })
	require.Equal(t, "[10.0.1.101]", w.handed()[before])
	after := w.asked()[at:]
	require.Less(t, slices.Index(after, "update leases"), slices.Index(after, "list networkgatewaygroups"), "%v", after)
	require.Less(t, slices.Index(after, "list networkgatewaygroups"), slices.Index(after, "Renewed [10.0.1.101]"), "%v", after)
	require.NotContains(t, after[:slices.Index(after, "Renewed [10.0.1.101]")], "Renewed -", "nothing counts before")
	until(t, "the word that it is over", func() bool { return strings.Contains(w.logged(), "renewed again") })

	// Nothing to hold is a word, too.
	w.kill()
	l.place(t, map[string]string{})
	w = l.run(t, l.n1)
	w.Tell(nodereport.Report{Gateway: true})
	until(t, "what to hold", func() bool { return w.renewals() > 0 })
	require.Equal(t, []string{"[]"}, w.handed())
}

// refuse has a proxy answer requests in the API server's place: it can't.
func refuse(proxy *apiserver.Proxy, method, resource string) {
	proxy.Break(func(w http.ResponseWriter, q *http.Request, _ http.Handler) bool {
		if q.Method != method || apiserver.Resource(q) != resource {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"InternalError","code":500,"message":"the store is not there"}`))
		return true
	})
}

func (l *lab) unsure(t *testing.T) {
	l.makeNode(t, l.n1)
	l.place(t, map[string]string{"10.0.1.100": l.n2})
	proxy, way := l.proxy(t)
	w := l.run(t, l.n1, way)
	unsure := nodereport.Report{Floating: held(a), Gateway: true, Unsure: true}
	w.Tell(unsure)
	eventually(t, "[]", w.word)
	l.place(t, map[string]string{"10.0.1.100": l.n1})
	eventually(t, "[10.0.1.100]", w.word)

	// What can't be listed does not count, though the lease is renewed.
	before := proxy.Faulted()
	refuse(proxy, http.MethodGet, "networkgatewaygroups")
	until(t, "a list that fails", func() bool { return proxy.Faulted() > before })
	counted := w.renewals()
	l.renews(t, l.n1, 3)
	require.Equal(t, counted, w.renewals())
	require.Contains(t, w.Lease().Error, "list NetworkGatewayGroups: ")
	require.Equal(t, 1, strings.Count(w.logged(), "can't be listed"), w.logged())
	require.NotContains(t, w.logged(), "renewed again")
	proxy.Break(nil)
	until(t, "one that counts", func() bool { return w.renewals() > counted && strings.Contains(w.logged(), "renewed again") })

	w.Tell(nodereport.Report{Floating: held(a), Gateway: true})
	eventually(t, "-", w.word)
	lists := len(w.handed())
	l.renews(t, l.n1, 3)
	if w.Lease().Until.After(time.Now()) && strings.Count(w.logged(), "can't be renewed") == 0 {
		require.Len(t, w.handed(), lists, "nothing is listed any more")
	}
}

func (l *lab) kept(t *testing.T) {
	l.makeNode(t, l.n1)
	proxy, way := l.proxy(t)
	w := l.run(t, l.n1, way)
	w.Tell(nodereport.Report{Gateway: true})
	until(t, "a renewal", func() bool { return w.renewals() > 0 })
	refuse(proxy, http.MethodPut, "leases")
	w.Tell(nodereport.Report{})
	until(t, "tries to give it back", func() bool { return strings.Contains(w.Lease().Error, "give back the lease: ") && proxy.Faulted() >= 3 })
	require.False(t, w.Lease().Wanted)
	require.Equal(t, 1, strings.Count(w.logged(), "can't be given back"), w.logged())
	require.Equal(t, l.n1, *l.lease(t, l.n1).Spec.HolderIdentity)
	proxy.Break(nil)
	eventually(t, "", func() string { return *l.lease(t, l.n1).Spec.HolderIdentity })
	until(t, "the word that it is over", func() bool { return w.Lease().Error == "" && strings.Contains(w.logged(), "the lease is given back") })
}

func prefixes(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range texts {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func (l *lab) sessions(t *testing.T) {
	l.makeNode(t, l.n1)
	l.session(t, "10.8.0.10-"+l.n2, l.n2, "10.0.1.101", "10.8.0.10")
	w := l.run(t, l.n1)
	established := nodereport.Session{FloatingIP: a, Peer: tor1, Established: true, Advertised: prefixes("203.0.113.2/32", "203.0.113.1/32", "2001:db8::1/128")}
	report := nodereport.Report{Floating: held(a), Sessions: []nodereport.Session{
		established, {FloatingIP: a, Peer: tor2, Message: "it does not answer"}, {FloatingIP: b, Peer: tor1, Established: true},
	}}
	w.Tell(report)
	until(t, "the watch", func() bool { return slices.Contains(w.asked(), "watch bgpsessions") })

	// The manager makes them later.
	l.session(t, "10.8.0.10-"+l.n1, l.n1, "10.0.1.100", "10.8.0.10")
	l.session(t, "10.8.0.11-"+l.n1, l.n1, "10.0.1.100", "10.8.0.11")
	first, second := func() string { return l.fares(t, "10.8.0.10-"+l.n1) }, func() string { return l.fares(t, "10.8.0.11-"+l.n1) }
	eventually(t, "Established [203.0.113.1/32 203.0.113.2/32 2001:db8::1/128] [] ", first)
	eventually(t, "NotEstablished [] [] it does not answer", second)

	report.Sessions[0].Established, report.Sessions[0].Message = false, "hold timer expired"
	w.Tell(report)
	eventually(t, "NotEstablished [] [] hold timer expired", first)
	report.Sessions[0] = established
	w.Tell(report)
	eventually(t, "Established [203.0.113.1/32 203.0.113.2/32 2001:db8::1/128] [] ", first)

	// What somebody writes over it is mended.
	l.edit(t, sessionResource, reports, "10.8.0.10-"+l.n1, `{"state":"NotEstablished"}`)
	eventually(t, "Established [203.0.113.1/32 203.0.113.2/32 2001:db8::1/128] [] ", first)

	// An address that is given up has no sessions, whatever was told before.
	w.Tell(nodereport.Report{Floating: []nodereport.FloatingIP{{Address: a, Reason: "given up"}}})
	eventually(t, "NotEstablished [] [] the node does not hold 10.0.1.100", first)
	w.Tell(nodereport.Report{Floating: held(a)})
	eventually(t, "NotEstablished [] [] FRR does not have this session yet", first)
	w.Tell(report)
	eventually(t, "Established [203.0.113.1/32 203.0.113.2/32 2001:db8::1/128] [] ", first)

	// The manager makes another session of it, and moves one away.
	l.session(t, "10.8.0.10-"+l.n1, l.n1, "10.0.1.101", "10.8.0.10")
	l.edit(t, sessionResource, reports, "10.8.0.10-"+l.n1, `{"state":"NotEstablished","advertisedRoutes":null}`)
	eventually(t, "Established [] [] ", first)
	l.session(t, "10.8.0.11-"+l.n1, l.n2, "10.0.1.100", "10.8.0.11")
	moved := second()
	report.Sessions[1].Established = true
	report.Sessions[2].Established = false
	w.Tell(report)
	eventually(t, "NotEstablished [] [] ", first)
	require.Equal(t, moved, second(), "another node's now")
	require.Equal(t, " [] [] ", l.fares(t, "10.8.0.10-"+l.n2), "another node's")

	// One that is deleted and made anew.
	require.NoError(t, l.objects.Resource(sessionResource).Namespace(reports).Delete(t.Context(), "10.8.0.10-"+l.n1, metav1.DeleteOptions{}))
	l.session(t, "10.8.0.10-"+l.n1, l.n1, "10.0.1.100", "10.8.0.10")
	eventually(t, "Established [203.0.113.1/32 203.0.113.2/32 2001:db8::1/128] [] ", first)

	// Too many to list.
	var many []netip.Prefix
	for i := range 150 {
		many = append(many, netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 32))
	}
	w.kill()
	w = l.run(t, l.n1)
	report.Sessions[0].Established = false
	w.Tell(report)
	eventually(t, "NotEstablished [] [] ", first)
	report.Sessions[0].Established, report.Sessions[0].Advertised = true, many
	w.Tell(report)
	until(t, "the first of many", func() bool {
		is := get[networking.BGPSession](t, l, sessionResource, reports, "10.8.0.10-"+l.n1).Status
		return len(is.AdvertisedRoutes) == 100 && is.Message == "150 routes are advertised; advertisedRoutes lists the first 100"
	})
}

func (l *lab) addPath(t *testing.T) {
	l.makeNode(t, l.n1)
	l.session(t, l.n1+"-s", l.n1, "10.0.1.100", "10.8.0.10")
	l.edit(t, sessionResource, reports, l.n1+"-s", `{"addPath":[{"family":"ipv4","peerReceives":true,"sending":true}]}`)
	w := l.run(t, l.n1)
	tell := func(established bool, heard ...networking.AddPath) {
		w.Tell(nodereport.Report{Floating: held(a), Sessions: []nodereport.Session{{FloatingIP: a, Peer: tor1, Established: established, AddPath: heard}}})
	}
	is := func() string { return l.fares(t, l.n1+"-s") }
	tell(false)
	eventually(t, "NotEstablished [] [{ipv4 true false}] ", is)
	tell(true, networking.AddPath{Family: networking.IPv6, PeerReceives: true}, networking.AddPath{Family: networking.IPv4, PeerReceives: true, Sending: true})
	eventually(t, "Established [] [{ipv4 true true} {ipv6 true false}] ", is)
	tell(false)
	eventually(t, "NotEstablished [] [{ipv4 true false} {ipv6 true false}] ", is)
	tell(true, networking.AddPath{Family: networking.IPv4}, networking.AddPath{Family: networking.IPv6})
	eventually(t, "Established [] [{ipv4 false false} {ipv6 false false}] ", is)
}

func (l *lab) refusedSession(t *testing.T) {
	l.makeNode(t, l.n1)
	l.session(t, l.n1+"-bad", l.n1, "10.0.1.100", "10.8.0.10")
	l.session(t, l.n1+"-good", l.n1, "10.0.1.100", "10.8.0.11")
	proxy, way := l.proxy(t)
	proxy.Break(func(w http.ResponseWriter, q *http.Request, _ http.Handler) bool {
		if !strings.Contains(q.URL.Path, "-bad/status") {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422,"message":"nobody likes it"}`))
		return true
	})
	w := l.run(t, l.n1, way)
	report := nodereport.Report{Gateway: true, Floating: held(a), Sessions: []nodereport.Session{
		{FloatingIP: a, Peer: tor1, Established: true}, {FloatingIP: a, Peer: tor2, Established: true},
	}}
	w.Tell(report)
	eventually(t, "Established [] [] ", func() string { return l.fares(t, l.n1+"-good") })
	until(t, "tries", func() bool { return proxy.Faulted() >= 3 })
	report.Sessions[1].Established = false
	w.Tell(report)
	eventually(t, "NotEstablished [] [] ", func() string { return l.fares(t, l.n1+"-good") })
	require.Equal(t, " [] [] ", l.fares(t, l.n1+"-bad"))
	require.Equal(t, 1, strings.Count(w.logged(), "nobody likes it"), w.logged())
	proxy.Break(nil)
	eventually(t, "Established [] [] ", func() string { return l.fares(t, l.n1+"-bad") })
	until(t, "a renewal", func() bool { return w.renewals() > 0 })
	w.neverLapsed(t)
}

// The API server's definition is as it was before floating IPs could be refused.
func (l *lab) olderDefinition(t *testing.T) {
	l.makeNode(t, l.n1)
	proxy, way := l.proxy(t)
	proxy.Break(func(w http.ResponseWriter, q *http.Request, _ http.Handler) bool {
		body, err := io.ReadAll(q.Body)
		q.Body = io.NopCloser(bytes.NewReader(body))
		if err != nil || !bytes.Contains(body, []byte(`"state":"Refused"`)) {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422,"message":"status.floatingIPs[0].state: Unsupported value: \"Refused\""}`))
		return true
	})
	w := l.run(t, l.n1, way)
	refused := nodereport.FloatingIP{Address: b, State: networking.FloatingIPRefused, Reason: "no right"}
	is := func() string { return l.told(t, l.n1) }
	w.Tell(nodereport.Report{Gateway: true, Floating: append(held(a), refused)})
	eventually(t, "Up; 10.0.1.100 Held; "+healthy+"; Settled=False NotHeld 10.0.1.101: no right", is)
	until(t, "a renewal", func() bool { return w.renewals() > 0 })
	writes := w.patches("networkgatewaynodes")
	time.Sleep(3 * time.Second)
	require.Equal(t, writes, w.patches("networkgatewaynodes"), "nothing is new")
	w.Tell(nodereport.Report{Gateway: true, Floating: []nodereport.FloatingIP{refused}})
	eventually(t, "NotHealthy; Healthy=False NotHealthy 10.0.1.101: no right; Settled=False NotHeld 10.0.1.101: no right", is)
	require.Equal(t, 1, strings.Count(w.logged(), "update its CRDs"), w.logged())

	proxy.Break(nil)
	w.Tell(nodereport.Report{Gateway: true, Floating: append(held(a), refused)})
	eventually(t, "Up; 10.0.1.100 Held; 10.0.1.101 Refused no right; "+healthy+"; Settled=False Refused 10.0.1.101: no right", is)
}

func (l *lab) hanging(t *testing.T) {
	l.makeNode(t, l.n1)
	l.session(t, l.n1+"-s", l.n1, "10.0.1.100", "10.8.0.10")
	proxy, way := l.proxy(t)
	w := l.run(t, l.n1, way)
	report := nodereport.Report{Gateway: true, Floating: held(a), Sessions: []nodereport.Session{{FloatingIP: a, Peer: tor1}}}
	w.Tell(report)
	eventually(t, "NotEstablished [] [] ", func() string { return l.fares(t, l.n1+"-s") })
	until(t, "a renewal", func() bool { return w.renewals() > 0 })
	proxy.Break(func(_ http.ResponseWriter, q *http.Request, _ http.Handler) bool {
		if q.Method != http.MethodPatch {
			return false
		}
		<-q.Context().Done()
		return true
	})
	report.Sessions[0].Established, report.Floating = true, held(a, b)
	w.Tell(report)
	until(t, "a request of each kind that was given up", func() bool { return proxy.Faulted() >= 2 })
	before := w.renewals()
	until(t, "renewals", func() bool { return w.renewals() >= before+3 })
	until(t, "a renewal", func() bool { return w.renewals() > 0 })
	w.neverLapsed(t)
	require.NotContains(t, l.told(t, l.n1), "10.0.1.101")
	proxy.Break(nil)
	eventually(t, "Established [] [] ", func() string { return l.fares(t, l.n1+"-s") })
	until(t, "what was told", func() bool { return strings.Contains(l.told(t, l.n1), "10.0.1.101") })
}

// away is for 20 s, in which everything changes.
func (l *lab) away(t *testing.T) {
	l.makeNode(t, l.n1)
	l.session(t, l.n1+"-s", l.n1, "10.0.1.100", "10.8.0.10")
	gate, way := l.gate(t)
	w := l.run(t, l.n1, way)
	report := nodereport.Report{Gateway: true, Floating: held(a), Sessions: []nodereport.Session{{FloatingIP: a, Peer: tor1}}}
	w.Tell(report)
	eventually(t, "NotEstablished [] [] ", func() string { return l.fares(t, l.n1+"-s") })
	until(t, "a renewal", func() bool { return w.renewals() > 0 })

	gate.Shut()
	l.session(t, l.n1+"-new", l.n1, "10.0.1.100", "10.8.0.11")
	for shut := time.Now(); time.Since(shut) < 20*time.Second; time.Sleep(100 * time.Millisecond) { // how long it is away is what is tested
		report.Sessions = []nodereport.Session{{FloatingIP: a, Peer: tor1, Message: time.Since(shut).String()}}
		w.Tell(report)
	}
	require.Less(t, gate.Turned(), 250, "tries are made less and less often")
	report.Sessions = []nodereport.Session{{FloatingIP: a, Peer: tor1, Established: true}, {FloatingIP: a, Peer: tor2, Established: true}}
	report.Floating = held(a, b)
	w.Tell(report)
	opened := time.Now()
	gate.Open()
	eventually(t, "Established [] [] ", func() string { return l.fares(t, l.n1+"-s") })
	eventually(t, "Established [] [] ", func() string { return l.fares(t, l.n1+"-new") })
	until(t, "what was told", func() bool { return strings.Contains(l.told(t, l.n1), "10.0.1.101") })
	until(t, "a renewal that counts", func() bool { return len(w.handed()) == 2 })
	t.Logf("all was written %v after the API server was back", time.Since(opened).Round(time.Millisecond))
	require.LessOrEqual(t, strings.Count(w.logged(), "level=WARN"), 3, "each of the three says once that it can't: %s", w.logged())
}

func (l *lab) denied(t *testing.T) {
	l.makeNode(t, l.n1)
	l.session(t, l.n1+"-s", l.n1, "10.0.1.100", "10.8.0.10")
	few := slices.DeleteFunc(agentRights(), func(r rights.Right) bool { return r.Resource == "leases" || r.Resource == "bgpsessions/status" })
	user := l.agent(t, "poor", few...)
	w := l.run(t, l.n1, func(c *nodereport.Config) { c.API = user })
	report := nodereport.Report{Gateway: true, Floating: held(a), Sessions: []nodereport.Session{{FloatingIP: a, Peer: tor1, Established: true}}}
	w.Tell(report)
	until(t, "both rights that are missing", func() bool { return len(w.denials.Problems()) == 2 })
	require.Contains(t, w.denials.Problems()[0].String()+w.denials.Problems()[1].String(), "bgpsessions")
	require.Contains(t, w.denials.Problems()[0].String()+w.denials.Problems()[1].String(), "leases")
	eventually(t, "Up; 10.0.1.100 Held; "+healthy+"; Settled=True Held", func() string { return l.told(t, l.n1) })
	require.Equal(t, 2, strings.Count(w.logged(), "level=WARN"), w.logged())

	l.grant(t, "poor", agentRights()...)
	eventually(t, "Established [] [] ", func() string { return l.fares(t, l.n1+"-s") })
	until(t, "a renewal", func() bool { return w.renewals() > 0 })
	until(t, "the end of all problems", func() bool { return len(w.denials.Problems()) == 0 })
}
