package translate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/snapshot"
)

func TestAFormThatFRRRefusesIsNotUsedAgain(t *testing.T) {
	address := func(a string) func(*v1beta2.BGPPeerSpec) { return func(s *v1beta2.BGPPeerSpec) { s.Address = a } }
	with := func(a string) *snapshot.Snapshot {
		objects := cluster()
		objects.Peers = append(objects.Peers, newTestPeer("tor2", "10.0.0.2", address(a)))
		snap, err := snapshot.New(objects, "node1", snapshot.Options{})
		require.NoError(t, err)
		return snap
	}
	neighbors := func(r Result) (out []string) {
		for _, n := range r.Config.Instances[0].Neighbors {
			out = append(out, n.Peer.String())
		}
		return out
	}
	line := func(a string) RefusedLine {
		l := "neighbor " + a + " remote-as 64501"
		return RefusedLine{Context: []string{"router bgp 64500"}, Line: l, Shown: l, Reply: "% Can not configure the local system as neighbor\n"}
	}

	good := Translate(with("10.0.0.2"), LastGood{})
	changed := Translate(with("10.0.0.11"), good.LastGood)
	require.Equal(t, []string{"10.0.0.1", "10.0.0.11"}, neighbors(changed))
	_, found := changed.Refuse(good.LastGood, line("10.0.0.99"))
	require.False(t, found, "nobody's line")
	last, found := changed.Refuse(good.LastGood, line("10.0.0.11"))
	require.True(t, found)
	_, found = changed.Refuse(last, line("10.0.0.11"))
	require.False(t, found, "known")

	again := Translate(with("10.0.0.11"), last)
	require.Equal(t, []string{"10.0.0.1", "10.0.0.2"}, neighbors(again), "the last good form")
	require.Equal(t, good.LastGood.peers["tor2"], again.LastGood.peers["tor2"])
	require.Len(t, again.Problems, 1)
	require.Equal(t, []any{problem.RefusedByFRR, "spec.peerAddress"}, []any{again.Problems[0].Reason, again.Problems[0].Field})
	require.Contains(t, again.Problems[0].Message, "write that of the router")

	last, found = again.Refuse(last, line("10.0.0.2"))
	require.True(t, found)
	require.Equal(t, []string{"10.0.0.1"}, neighbors(Translate(with("10.0.0.11"), last)), "both forms are refused")
	require.Equal(t, []string{"10.0.0.1", "10.0.0.12"}, neighbors(Translate(with("10.0.0.12"), last)), "the object was changed")
	require.True(t, last.Refuses())
	require.Equal(t, []string{"10.0.0.1", "10.0.0.11"}, neighbors(Translate(with("10.0.0.11"), last.Forgive())))
	require.NotContains(t, fmt.Sprintf("%v %+v", last, last), "10.0.0.11", "forms hold secrets")
}
