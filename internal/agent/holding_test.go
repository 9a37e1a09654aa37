package agent

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/internal/vtysh/vtyshtest"
)

// The annotation counts for an hour from when it is first seen, for its digest only; a digest that comes again counts for another hour.
func TestAnAllowanceEnds(t *testing.T) {
	frr := vtyshtest.New(t, "10.3", vtysh.BGPD, vtysh.BFDD)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a, err := New(Config{
		Node: "node1", Client: frr.Client(), Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler), FRRConf: reload.NoFile,
		StateFile: reload.NoFile, RefuseResets: true,
	}, NewBoard(time.Now, status.NewMetrics()))
	require.NoError(t, err)
	read, err := source.Read([]string{manifests(t, 1)}, source.Options{})
	require.NoError(t, err)
	turn := func(asn uint32, annotation string) (held string) {
		t.Helper()
		for _, p := range read.Objects.Peers {
			p.Spec.PeerASN = asn
		}
		read.Objects.Nodes = []*corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "node1", Annotations: map[string]string{AllowResets: annotation}}}}
		a.objects = &read
		require.NoError(t, a.turn(t.Context(), true, false))
		if h := a.status.Report().Held; h != nil {
			return h.Digest
		}
		return ""
	}
	require.Empty(t, turn(64501, ""))
	frr.Answer("show bgp vrf all neighbors json", `{"default":{"10.0.0.1":{"bgpState":"Established"}}}`)
	digest := turn(64502, "")
	require.NotEmpty(t, digest)
	require.Equal(t, digest, turn(64502, "another"))

	require.Empty(t, turn(64501, digest), "seen first, and back to what runs")
	now = now.Add(time.Hour)
	require.Equal(t, digest, turn(64502, digest), "too late")
	require.Equal(t, digest, turn(64502, ""))
	require.Empty(t, turn(64502, digest), "it is given once more")
	require.Contains(t, frr.Running(vtysh.BGPD), "neighbor 10.0.0.1 remote-as 64502")

	back := turn(64501, digest)
	require.NotEmpty(t, back, "another plan")
	require.Empty(t, turn(64502, back))
	now = now.Add(time.Hour - time.Second)
	require.Empty(t, turn(64501, back), "in time")
}
