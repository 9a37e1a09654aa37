package agent

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/internal/vtysh/vtyshtest"
	"github.com/frr-renderer/frr-renderer/test/logtest"
)

// toTor1 is an FRR that has one session.
type toTor1 struct{}

func (toTor1) View() observe.View {
	return observe.View{
		Sessions: []observe.Session{{Neighbor: "10.0.0.1", VRF: "default"}}, Asked: [2]observe.Asked{{Daemon: vtysh.BGPD}, {Daemon: vtysh.BFDD}},
	}
}

// A session keeps its name over a restart of ours, however long it takes until the objects are read, or FRR takes them.
func TestASessionIsNamedByItsPortBeforeTheFirstApply(t *testing.T) {
	metrics := status.NewMetrics()
	metrics.Sessions(toTor1{})
	named := func(peer string) {
		t.Helper()
		answer := httptest.NewRecorder()
		metrics.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		require.Contains(t, answer.Body.String(), `metallb_bgp_session_up{peer="`+peer+`",vrf="default"} 0`)
	}
	named("10.0.0.1:179")

	w := &watched{T: t, frr: vtyshtest.New(t, "10.3", vtysh.BGPD, vtysh.BFDD), log: &logtest.Log{}, dir: t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "frr.conf"), []byte("router bgp 64512\n neighbor 10.0.0.1 port 1179\n"), 0o600))
	w.board = NewBoard(time.Now, metrics)
	w.start()
	named("10.0.0.1:1179")

	w.frr.Kill(vtysh.BGPD)
	w.services(1)
	for _, p := range w.read.Objects.Peers {
		p.Spec.Port = 1180
	}
	w.turn()
	require.Empty(t, w.board.Report().Digest, "bgpd is away")
	named("10.0.0.1:1180")
	w.frr.Start(vtysh.BGPD)
	w.turn()
	named("10.0.0.1:1180")
}
