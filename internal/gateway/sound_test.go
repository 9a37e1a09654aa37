package gateway

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// requireSound holds an Assignment to what must be true of each, whatever the input.
func requireSound(t *testing.T, in Input, out Assignment) {
	t.Helper()
	requireDistinct(t, in, out)
	requireNextHops(t, out)
	requireMendable(t, out)
	requireWilling(t, in, out)

	shuffled := shuffle(in)
	again := Assign(shuffled)
	require.Equal(t, dump(out), dump(again), "the order of objects means nothing")
	require.Equal(t, out, again)

	// Once it is carried out nothing moves.
	next := carriedOut(in, out)
	settled := Assign(next)
	require.Equal(t, out.FloatingIPs, settled.FloatingIPs)
	require.Equal(t, out.Sessions, settled.Sessions)
	require.Equal(t, out.VIPs, settled.VIPs)
}

// requireDistinct: a floating IP is there once, with one node that there is; a router is spoken to once from each floating IP, and names are names.
func requireDistinct(t *testing.T, in Input, out Assignment) {
	t.Helper()
	nodes, floating := map[string]bool{"": true}, map[netip.Addr]string{}
	for _, n := range in.Nodes {
		nodes[n.Name] = true
	}
	for _, f := range out.FloatingIPs {
		require.NotContains(t, floating, f.Address, "a floating IP is there once")
		require.True(t, nodes[f.Node], "node %q is there", f.Node)
		require.True(t, f.Address.Is4())
		floating[f.Address] = f.Node
	}
	sessions, names := map[sessionKey]bool{}, map[string]bool{}
	for _, s := range out.Sessions {
		key := sessionKey{s.PeerIP, s.FloatingIP}
		require.False(t, sessions[key], "a router is spoken to once from a floating IP")
		require.False(t, names[s.Name], "%s names one session", s.Name)
		sessions[key], names[s.Name] = true, true
		require.NotEmpty(t, s.Node)
		require.Equal(t, floating[s.FloatingIP], s.Node, "a session is where its floating IP is")
		require.NotEqual(t, s.LocalASN, s.PeerASN)
		require.NotZero(t, s.LocalASN)
		require.NotZero(t, s.PeerASN)
		require.True(t, s.PeerIP.Is4())
		require.NotContains(t, floating, s.PeerIP, "nobody speaks with himself")
		require.LessOrEqual(t, len(s.Name), maxName)
	}
}

// requireNextHops: each address is announced with next hops of its family, those of single paths among them.
func requireNextHops(t *testing.T, out Assignment) {
	t.Helper()
	seen := map[netip.Addr]bool{}
	for _, v := range out.VIPs {
		require.False(t, seen[v.Address])
		seen[v.Address] = true
		require.NotEmpty(t, v.NextHops)
		require.True(t, slices.IsSorted(v.NextHops))
		require.Equal(t, slices.Compact(slices.Clone(v.NextHops)), v.NextHops)
		require.NotEmpty(t, v.Routes)
		for _, i := range v.NextHops {
			require.True(t, out.LoadBalancers[i].Address(v).IsValid())
		}
		require.Len(t, v.Single, len(out.FloatingIPs))
		taken := map[int]bool{}
		for i, s := range v.Single {
			require.Contains(t, v.NextHops, s.NextHop)
			require.NotEqual(t, s.NextHop, s.Reserve)
			if s.Reserve == -1 {
				require.Len(t, v.NextHops, 1)
			} else {
				require.Contains(t, v.NextHops, s.Reserve)
			}
			require.Equal(t, i >= len(v.NextHops), taken[s.NextHop], "different nodes as long as there are any")
			taken[s.NextHop] = true
		}
	}
}

// requireWilling: no node has a floating IP that it refuses while another can take it, but where nobody can tell who lives.
func requireWilling(t *testing.T, in Input, out Assignment) {
	t.Helper()
	e := Explain(in)
	for i, f := range out.FloatingIPs {
		holder := e.seen.nodes.byName[f.Node]
		if holder == nil || holder.refuses[f.Address] == "" || holder.lease == LeaseExpired && warns(out, problem.LeasesLost) {
			continue
		}
		require.True(t, warns(out, problem.NotHeld))
		for _, n := range in.Nodes {
			answer, _ := e.Node(n.Name)
			require.False(t, answer.FloatingIPs[i].Can, "%s could hold %s, which %s refuses", n.Name, f.Address, f.Node)
		}
	}
}

func warns(a Assignment, reason problem.Reason) bool {
	return slices.ContainsFunc(a.Problems, func(p problem.Problem) bool { return p.Reason == reason })
}

// requireMendable: each problem names its object and says in a line what to do.
func requireMendable(t *testing.T, out Assignment) {
	t.Helper()
	for _, p := range out.Problems {
		require.NotEmpty(t, p.Object.Kind, p)
		require.NotEmpty(t, p.Reason, p)
		require.NotContains(t, p.Message, "\n")
		require.NotContains(t, p.Message, "invalid IP", "nothing of how it is done")
	}
	type key struct {
		object problem.Object
		kind   string
	}
	seen := map[key]bool{}
	for _, c := range out.Conditions {
		require.False(t, seen[key{c.Object, c.Type}], "%v: a condition is there once", c)
		seen[key{c.Object, c.Type}] = true
		require.Regexp(t, "^[A-Za-z]+[A-Za-z0-9]*$", c.Reason)
	}
}

// shuffle is the same input in another order.
func shuffle(in Input) Input {
	r := rand.New(rand.NewPCG(1, 2))
	return Input{
		Namespace: in.Namespace, Leases: in.Leases, Back: in.Back, Await: in.Await, Awaited: in.Awaited, Taken: in.Taken, Barred: in.Barred, Placed: in.Placed, AssumeSubnets: in.AssumeSubnets, IgnoreExcludeLabel: in.IgnoreExcludeLabel,
		Unread: shuffled(r, in.Unread), Incomplete: in.Incomplete, Before: shuffled(r, in.Before),
		Clusters: shuffled(r, in.Clusters), CIDRConfigs: shuffled(r, in.CIDRConfigs), Groups: shuffled(r, in.Groups), LoadBalancers: shuffled(r, in.LoadBalancers), Peers: shuffled(r, in.Peers),
		Pools: shuffled(r, in.Pools), Nodes: shuffled(r, in.Nodes), Services: shuffled(r, in.Services), Reports: shuffled(r, in.Reports), Sessions: shuffled(r, in.Sessions),
	}
}

func shuffled[T any](r *rand.Rand, list []T) []T {
	out := slices.Clone(list)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// carriedOut is the input once an Assignment was carried out: the groups' status says it, and there are its sessions.
func carriedOut(in Input, out Assignment) Input {
	was := map[sessionKey]*networking.BGPSession{}
	for _, s := range (&assigner{Input: in}).sessionsBefore() {
		was[sessionKey{netip.MustParseAddr(s.Spec.PeerIP), netip.MustParseAddr(s.Spec.FloatingIP)}] = s
	}
	next := in
	next.Groups = nil
	for _, g := range in.Groups {
		g = g.DeepCopy()
		for _, state := range out.Groups {
			if state.Name == g.Name && state.Namespace == g.Namespace {
				g.Status.FloatingIPs = state.FloatingIPs
			}
		}
		next.Groups = append(next.Groups, g)
	}
	next.Sessions = nil
	for _, s := range out.Sessions {
		one := &networking.BGPSession{ObjectMeta: metav1.ObjectMeta{Namespace: networking.ReportNamespace, Name: s.Name}, Spec: networking.BGPSessionSpec{
			FloatingIP: s.FloatingIP.String(), LocalIP: s.FloatingIP.String(), LocalASN: s.LocalASN, NodeName: s.Node, PeerASN: s.PeerASN, PeerIP: s.PeerIP.String()}}
		if before := was[sessionKey{s.PeerIP, s.FloatingIP}]; before != nil && before.Spec.PeerASN == s.PeerASN {
			one.Status = before.Status
		}
		next.Sessions = append(next.Sessions, one)
	}
	return next
}
