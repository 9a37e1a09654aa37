package agent

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/internal/vtysh/vtyshtest"
)

// lateLab is an agent on a fake FRR, whose neighbor tor1 has graceful restart and BFD. Its time stands still.
type lateLab struct {
	*testing.T
	frr     *vtyshtest.FRR
	agent   *Agent
	dir     string
	now     time.Time
	started int
}

func newLateLab(t *testing.T) *lateLab {
	l := &lateLab{T: t, frr: vtyshtest.New(t, "10.3", vtysh.BGPD, vtysh.BFDD), dir: t.TempDir(), now: time.Now()}
	l.is("")
	l.start()
	return l
}

// start starts a run, again.
func (l *lateLab) start() {
	l.Helper()
	var err error
	l.agent, err = New(Config{
		Node: "node1", Client: l.frr.Client(), Now: func() time.Time { return l.now }, Log: slog.New(slog.DiscardHandler),
		FRRConf: filepath.Join(l.dir, "frr.conf"), StateFile: filepath.Join(l.dir, "lastgood.json"),
		Fingerprint: func() string { return fmt.Sprint(l.started) },
	}, NewBoard(time.Now, status.NewMetrics()))
	require.NoError(l, err)
	read, err := source.Read([]string{manifests(l.T, 1)}, source.Options{})
	require.NoError(l, err)
	for _, p := range read.Objects.Peers {
		if p.Name == "tor1" {
			p.Spec.EnableGracefulRestart = true
		}
		if p.Name != "tor3" {
			p.Spec.BFDProfile = "fast"
		}
	}
	read.Objects.BFDProfiles = []*v1beta1.BFDProfile{{ObjectMeta: metav1.ObjectMeta{Name: "fast", Namespace: "metallb-system"}}}
	l.agent.objects = &read
}

// is what FRR says of tor1.
func (l *lateLab) is(session string) {
	l.frr.Answer("show bgp vrf all neighbors json", `{"default":{`+session+`}}`)
}

const (
	connecting = `"10.0.0.1":{"bgpState":"Active"}`
	upWithout  = `"10.0.0.1":{"bgpState":"Established"}`
	upWithBFD  = `"10.0.0.1":{"bgpState":"Established","peerBfdInfo":{"status":"Up"}}`
)

func (l *lateLab) turn() {
	l.Helper()
	require.NoError(l, l.agent.turn(l.Context(), true, false), l.agent.status.Report().Problems)
	require.Empty(l, l.agent.status.Report().Problems)
}

// runs and starts are the neighbors that have BFD in FRR, and those that will have when it is started from frr.conf.
func (l *lateLab) runs() string { return withLine(l.frr.Running(vtysh.BGPD)) }

func (l *lateLab) starts() string {
	data, err := os.ReadFile(filepath.Join(l.dir, "frr.conf"))
	require.NoError(l, err)
	return withLine(string(data))
}

func withLine(text string) string {
	var out []string
	for i := range 4 {
		if strings.Contains(text, fmt.Sprintf("neighbor 10.0.0.%d bfd profile fast", i+1)) {
			out = append(out, fmt.Sprint("tor", i+1))
		}
	}
	return strings.Join(out, " ")
}

func TestBFDComesWhenTheSessionIsUp(t *testing.T) {
	l := newLateLab(t)
	l.turn()
	require.Equal(t, "tor2 tor4", l.runs(), "those without graceful restart don't wait")
	l.is(connecting)
	require.False(t, l.agent.late.due(t.Context(), l.agent))
	l.turn()
	require.Equal(t, "tor2 tor4", l.runs())
	l.is(upWithout)
	require.True(t, l.agent.late.due(t.Context(), l.agent))
	l.turn()
	require.Equal(t, "tor1 tor2 tor4", l.runs())
	require.Equal(t, "tor2 tor4", l.starts(), "FRR that starts from frr.conf brings the session up first")
	require.Nil(t, l.agent.late.ticks(), "nothing is waited for")

	// A run that is started anew finds BFD there, and keeps both as they are.
	l.is(upWithBFD)
	l.start()
	l.turn()
	require.Equal(t, "tor1 tor2 tor4", l.runs())
	require.Equal(t, "tor2 tor4", l.starts())
	require.Nil(t, l.agent.late.ticks())

	// FRR was restarted from frr.conf.
	l.frr.Kill(vtysh.BGPD)
	l.frr.Start(vtysh.BGPD)
	l.started++
	l.is(connecting)
	l.turn()
	require.Equal(t, "tor2 tor4", l.runs())
	l.is(upWithout)
	l.turn()
	require.Equal(t, "tor1 tor2 tor4", l.runs())
}

func TestBFDDoesNotWaitForeverForARouterThatWaitsForIt(t *testing.T) {
	l := newLateLab(t)
	l.turn()
	l.is(connecting)
	l.now = l.now.Add(bfdPatience)
	require.False(t, l.agent.late.due(t.Context(), l.agent))
	l.now = l.now.Add(time.Second)
	require.True(t, l.agent.late.due(t.Context(), l.agent))
	l.turn()
	require.Equal(t, "tor1 tor2 tor4", l.runs())
	require.Equal(t, "tor1 tor2 tor4", l.starts(), "the router begins no session without")
}

func TestARouterThatBeginsToWaitForBFDHasItInFRRConfAgain(t *testing.T) {
	l := newLateLab(t)
	l.turn()
	l.is(upWithout)
	l.turn()
	require.Equal(t, "tor2 tor4", l.starts())
	l.frr.Kill(vtysh.BGPD)
	l.frr.Start(vtysh.BGPD)
	l.started++
	l.is(connecting)
	l.turn()
	l.now = l.now.Add(bfdPatience + time.Second)
	l.turn()
	require.Equal(t, "tor1 tor2 tor4", l.runs())
	require.Equal(t, "tor1 tor2 tor4", l.starts())
}

func TestSessionsAreNamedByTheirInstance(t *testing.T) {
	require.Equal(t, "10.0.0.1", session("router bgp 65000", "10.0.0.1"))
	require.Equal(t, "10.0.0.1 of red", session("router bgp 65000 vrf red", "10.0.0.1"))
	text := "router bgp 65000\n neighbor 10.0.0.1 bfd\n neighbor 10.0.0.1 bfd profile x\n neighbor 10.0.0.11 bfd\nexit\n" +
		"router bgp 65000 vrf red\n neighbor 10.0.0.1 bfd\nexit\nbfd\n profile x\n exit\nexit\n"
	require.Equal(t, "10.0.0.1,10.0.0.11", strings.Join(bfdLines(text, "10.0.0.1 of red"), ","))
	require.Equal(t, "10.0.0.11,10.0.0.1 of red", strings.Join(bfdLines(text, "10.0.0.1"), ","))
}

// bfdLines are the sessions with BFD once others are without.
func bfdLines(text string, without ...string) []string {
	var out []string
	withoutBFD(render.Document{Text: text}, without).Without(func(block, line string) bool {
		if words := strings.Fields(line); strings.HasPrefix(line, "neighbor ") && strings.HasSuffix(line, " bfd") {
			out = append(out, session(block, words[1]))
		}
		return false
	})
	return out
}
