package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/internal/vtysh/vtyshtest"
	"github.com/frr-renderer/frr-renderer/test/logtest"
)

// watched is an agent with --confirm on a fake FRR, with sessions to tor1 to tor4 that come and go as the test says. Time passes with over.
type watched struct {
	*testing.T
	frr    *vtyshtest.FRR
	agent  *Agent
	board  *Board // of each start; nil: one of its own
	log    *logtest.Log
	dir    string
	read   source.Result
	refuse bool
}

// newWatched returns one that has confirmed its first configuration, of two Services, with all sessions.
func newWatched(t *testing.T, refuse bool) *watched {
	w := &watched{T: t, frr: vtyshtest.New(t, "10.3", vtysh.BGPD, vtysh.BFDD), log: &logtest.Log{}, dir: t.TempDir(), refuse: refuse}
	w.start()
	w.up(1, 2, 3, 4)
	w.services(2)
	w.over()
	w.confirmed()
	return w
}

// start starts a run, again.
func (w *watched) start() {
	w.Helper()
	board := w.board
	if board == nil {
		board = NewBoard(time.Now, status.NewMetrics())
	}
	a, err := New(Config{
		Node: "node1", Client: w.frr.Client(), Now: time.Now, Log: slog.New(slog.NewTextHandler(w.log, nil)), FRRConf: filepath.Join(w.dir, "frr.conf"),
		StateFile: filepath.Join(w.dir, "lastgood.json"), Confirm: time.Hour, RefuseResets: w.refuse,
	}, board)
	require.NoError(w, err)
	w.agent = a
}

// services is a change: there are n Services.
func (w *watched) services(n int) {
	w.Helper()
	read, err := source.Read([]string{manifests(w.T, n)}, source.Options{})
	require.NoError(w, err)
	if w.read.Objects.Peers != nil {
		read.Objects.Peers, read.Objects.Nodes = w.read.Objects.Peers, w.read.Objects.Nodes
	}
	w.read = read
	w.turn()
}

// asn is a change: a tor has another AS number.
func (w *watched) asn(asn uint32, tors ...string) {
	w.Helper()
	for _, p := range w.read.Objects.Peers {
		if slices.Contains(tors, p.Name) {
			p.Spec.PeerASN = asn
		}
	}
	w.turn()
}

// own is a change: the node has another AS number.
func (w *watched) own(asn uint32) {
	w.Helper()
	for _, p := range w.read.Objects.Peers {
		p.Spec.MyASN = asn
	}
	w.turn()
}

func (w *watched) annotate(digest string) {
	w.Helper()
	w.read.Objects.Nodes = []*corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "node1", Annotations: map[string]string{AllowResets: digest}}}}
	w.turn()
}

// up tells which sessions are Established.
func (w *watched) up(tors ...int) {
	var all []string
	for i := range 4 {
		state := "Active"
		if slices.Contains(tors, i+1) {
			state = "Established"
		}
		all = append(all, fmt.Sprintf(`"10.0.0.%d":{"bgpState":"%s"}`, i+1, state))
	}
	w.frr.Answer("show bgp vrf all neighbors json", `{"default":{`+strings.Join(all, ",")+`}}`)
}

func (w *watched) turn() {
	w.Helper()
	w.agent.objects = &w.read
	_ = w.agent.turn(w.Context(), true, false)
}

// over ends the time to confirm.
func (w *watched) over() {
	w.Helper()
	require.NotNil(w, w.agent.guard.timer, "nothing waits to be confirmed")
	w.agent.confirm(w.Context())
	w.turn()
}

func (w *watched) confirmed() {
	w.Helper()
	require.Nil(w, w.agent.guard.timer, "something waits to be confirmed")
	require.Equal(w, networks(w.frr.Running(vtysh.BGPD)), networks(w.conf()), "frr.conf is what runs")
}

func (w *watched) conf() string {
	data, err := os.ReadFile(filepath.Join(w.dir, "frr.conf"))
	require.NoError(w, err)
	return string(data)
}

func networks(text string) int { return strings.Count(text, "network 20.") }

// runs tells how many Services FRR announces, and the AS number that it has for each tor.
func (w *watched) runs(services int, tors ...uint32) {
	w.Helper()
	running := w.frr.Running(vtysh.BGPD)
	require.Equal(w, services, networks(running))
	for i, asn := range tors {
		require.Contains(w, running, fmt.Sprintf("neighbor 10.0.0.%d remote-as %d\n", i+1, asn))
	}
}

// problem is the text of the problems with what was rolled back.
func (w *watched) problem() string {
	var out []string
	for _, p := range w.agent.status.Report().Problems {
		if p.Reason == "RolledBack" {
			out = append(out, p.Message)
		}
	}
	return strings.Join(out, "\n")
}

// allowing is the digest that a text names.
func allowing(text string) string {
	_, digest, _ := strings.Cut(text, AllowResets+"=")
	return digest
}

const old, other = 64501, 64999

func TestWhatHasResetALostSessionIsRolledBackForItAlone(t *testing.T) {
	w := newWatched(t, false)
	w.asn(other, "tor1", "tor3")
	w.services(3)
	w.up(2, 3, 4)
	w.over()
	w.runs(3, old, old, other)
	w.up(1, 2, 3, 4)
	w.over()
	w.confirmed()
	w.services(4)
	w.runs(4, old, old, other)
	w.asn(old, "tor1")
	require.Empty(t, w.problem())
}

func TestARouterThatDiesForGoodIsRolledBackForOnce(t *testing.T) {
	w := newWatched(t, false)
	w.services(3)
	w.up(2, 3, 4)
	w.over()
	w.runs(2)
	w.services(4)
	w.runs(4)
	w.over()
	w.confirmed()
	for n := 5; n < 8; n++ {
		w.services(n)
		w.runs(n)
		w.over()
		w.confirmed()
	}
	w.runs(7, old, old, old, old)
}

func TestARollBackInVainIsTakenUpAgain(t *testing.T) {
	w := newWatched(t, false)
	w.services(3)
	w.up(2, 3, 4)
	w.over()
	w.runs(2)
	require.Contains(t, w.problem(), "no longer Established: 10.0.0.1; the change is left out for another 1h0m0s")
	w.over()
	w.runs(3)
	require.Empty(t, w.problem())
	w.over()
	w.confirmed()
}

// A router reboots, or refuses what is announced to it: which one shows when the change is tried once more.
func TestAChangeThatWasRolledBackHasASecondChance(t *testing.T) {
	rebooted := newWatched(t, false)
	rebooted.services(3)
	rebooted.up(2, 3, 4)
	rebooted.over()
	rebooted.runs(2)
	rebooted.up(1, 2, 3, 4)
	rebooted.over()
	rebooted.runs(3)
	rebooted.over()
	rebooted.confirmed()

	w := newWatched(t, false)
	refuses := func() {
		w.up(2, 3, 4)
		w.over()
		w.runs(2)
		w.up(1, 2, 3, 4)
		w.over()
	}
	w.services(3)
	refuses()
	w.runs(3)
	refuses()
	w.runs(2)
	require.Nil(t, w.agent.guard.timer, "it stays out")
	w.start()
	w.turn()
	w.runs(2)

	digest := allowing(w.problem())
	require.Len(t, digest, 24)
	w.annotate(digest)
	w.runs(3)
	refuses()
	refuses()
	w.runs(2)
	require.Contains(t, w.problem(), "the annotation, which counts once, is removed and the node annotated again")
	w.services(4)
	w.runs(4)
	require.Empty(t, w.problem(), "another document")
}

func TestARollBackOfAllTakesNoSessionDownThatIsWell(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		w := newWatched(t, refuse)
		w.asn(other, "tor3")
		if refuse {
			w.annotate(w.agent.status.Report().Held.Digest)
		}
		w.services(3)
		w.up(2, 3, 4)
		w.over()
		w.runs(2, old, old, other)
		require.Nil(t, w.agent.status.Report().Held, "nothing waits for the annotation")
		w.up(2, 4)
		w.turn()
		w.runs(2, old, old, other) // also when that is away for a moment
		w.over()
		w.runs(3, old, old, other)
	}
}

func TestTwoRoutersGetAnotherPasswordAndOneReboots(t *testing.T) {
	w := newWatched(t, false)
	w.asn(other, "tor1", "tor2")
	w.up(2, 3, 4)
	w.over()
	w.runs(2, old, other)
	w.over()
	w.runs(2, other, other)
	w.up(1, 2, 3, 4)
	w.over()
	w.runs(2, other, other)
	w.confirmed()
}

func TestAWrongChangeBesideARouterThatDies(t *testing.T) {
	w := newWatched(t, false)
	w.asn(other, "tor1", "tor3")
	w.services(3)
	w.up(3, 4) // tor2 dies
	w.over()
	w.runs(3, old, old, other)
	w.up(1, 3, 4)
	w.over() // was it something else in the change? Services of before go on
	w.runs(2, old, old, other)
	w.over()
	w.runs(3, old, old, other)
	w.over()
	w.confirmed()
	w.runs(3, old, old, other)
	require.Contains(t, w.problem(), "10.0.0.1 was not Established any more")
}

func TestANeighborThatIsSparedStaysWhileAnotherRouterDies(t *testing.T) {
	w := newWatched(t, false)
	w.asn(other, "tor1")
	w.up(2, 3, 4)
	w.over()
	w.up(1, 2, 3, 4)
	w.over()
	w.confirmed()
	w.services(3)
	w.up(1, 3, 4)
	w.over()
	w.runs(2, old)
	require.Equal(t, 2, strings.Count(w.problem(), "rolled back"))
	w.over()
	w.runs(3, old)
	w.over()
	w.confirmed()
}

// All of the node's sessions are reset where it gets another AS number. That goes back for as many as are lost, when those that are well are fewer.
func TestAnotherASOfTheNode(t *testing.T) {
	w := newWatched(t, false)
	w.own(64777)
	w.up()
	w.over()
	require.Contains(t, w.frr.Running(vtysh.BGPD), "router bgp 64500\n")
	w.up(1, 2, 3, 4)
	w.over()
	w.confirmed()
	w.services(3)
	w.runs(3)
	require.Contains(t, w.frr.Running(vtysh.BGPD), "router bgp 64500\n", "a Service is not another change of it")
	w.over()
	w.own(64778)
	require.Contains(t, w.frr.Running(vtysh.BGPD), "router bgp 64778\n")
	w.up(2, 3, 4)
	w.over()
	require.Contains(t, w.frr.Running(vtysh.BGPD), "router bgp 64778\n", "three sessions are well")
	w.over()
	w.over()
	w.confirmed()
}

// What a person changes at a neighbor that is spared is another change, that may be rolled back too.
func TestASparedNeighborThatIsChangedIsWatchedOver(t *testing.T) {
	w := newWatched(t, false)
	w.asn(other, "tor1")
	w.up(2, 3, 4)
	w.over()
	w.runs(2, old)
	w.up(1, 2, 3, 4)
	w.asn(64888, "tor1")
	w.runs(2, 64888)
	w.up(2, 3, 4)
	w.over()
	w.runs(2, old)
	w.up(1, 2, 3, 4)
	w.over()
	digest := allowing(w.problem())
	w.annotate(digest)
	w.runs(2, 64888)
	w.up(2, 3, 4)
	w.over()
	w.runs(2, old)
	require.Contains(t, w.problem(), "the annotation, which counts once, is removed")
	w.annotate("")
	w.up(1, 2, 3, 4)
	w.over()
	w.annotate(digest)
	w.runs(2, 64888)
}

func TestARunThatIsStartedAnewGoesOnToWatch(t *testing.T) {
	w := newWatched(t, false)
	w.services(3)
	w.up(2, 3, 4)
	w.over()
	w.runs(2)
	w.start()
	w.turn()
	w.runs(2)
	w.over()
	w.runs(3)
	w.start()
	w.turn()
	w.over()
	w.confirmed()

	w.up(1, 2, 3, 4)
	w.asn(other, "tor1", "tor2")
	w.up(2, 3, 4)
	w.over()
	w.runs(3, old, other)
	w.start()
	w.turn()
	w.runs(3, old, other)
	w.over()
	w.runs(3, other, other)
}

// What is held does not run, and is nothing to come back to; frr.conf has what runs.
func TestWhatIsHeldIsNotComeBackTo(t *testing.T) {
	w := newWatched(t, true)
	w.asn(other, "tor1")
	held := w.agent.status.Report().Held
	require.NotNil(t, held)
	require.NotContains(t, w.conf(), "64999")
	w.services(3)
	w.over()
	w.confirmed()
	w.turn()
	require.Equal(t, held.Digest, w.agent.status.Report().Held.Digest)
	w.annotate(held.Digest)
	w.runs(3, other)
	w.up(2, 3, 4)
	w.over()
	w.runs(3, old)
}

// What is held and let through may be rolled back, and be let through once more.
func TestTheAnnotationCountsOnce(t *testing.T) {
	w := newWatched(t, true)
	w.asn(other, "tor1")
	digest := w.agent.status.Report().Held.Digest
	w.annotate(digest)
	w.runs(2, other)
	w.up(2, 3, 4)
	w.over()
	w.runs(2, old)
	require.Contains(t, w.problem(), "the annotation, which counts once, is removed and the node annotated again with "+AllowResets+"="+digest)
	w.up(1, 2, 3, 4)
	w.over()
	w.runs(2, old)
	w.annotate("")
	require.Contains(t, w.problem(), "or the node is annotated with")
	w.runs(2, old)
	w.annotate(digest)
	w.runs(2, other)
}

func TestServicesGoOnWhileAnInstanceIsHeld(t *testing.T) {
	w := newWatched(t, true)
	w.own(64777)
	require.NotNil(t, w.agent.status.Report().Held)
	w.services(3)
	w.runs(3)
	require.Contains(t, w.frr.Running(vtysh.BGPD), "router bgp 64500\n")
}

// A line that is refused, and a daemon that is away, are tried again and again; somebody types into vtysh.
func TestWhatIsTriedAgainIsConfirmed(t *testing.T) {
	for what, trouble := range map[string]func(*vtyshtest.FRR){
		"a refused line": func(frr *vtyshtest.FRR) {
			frr.Inject(func(_ vtysh.Daemon, line string) vtyshtest.Fault {
				if strings.Contains(line, "coalesce-time") {
					return vtyshtest.Fault{Refuse: "% no"}
				}
				return vtyshtest.Fault{}
			})
			frr.Type(vtysh.BGPD, "router bgp 64500", "no coalesce-time")
		},
		"bfdd is away": func(frr *vtyshtest.FRR) { frr.Kill(vtysh.BFDD) },
	} {
		t.Run(what, func(t *testing.T) {
			w := newWatched(t, false)
			trouble(w.frr)
			w.services(3)
			w.over()
			w.confirmed()
			w.turn()
			w.confirmed()
			w.frr.Type(vtysh.BGPD, "router bgp 64500", "neighbor 10.0.0.1 remote-as 64888")
			w.up(2, 3, 4)
			w.turn()
			w.runs(3, old)
			w.confirmed()
		})
	}
}

// FRR stops to answer within an apply, and all is well at the end of the time: what follows then is watched over.
func TestAPartOfAChangeConfirmsNothing(t *testing.T) {
	w := newWatched(t, false)
	w.services(3)
	w.frr.Inject(func(_ vtysh.Daemon, line string) vtyshtest.Fault {
		return vtyshtest.Fault{Crash: strings.Contains(line, "remote-as 64999")}
	})
	w.asn(other, "tor1")
	w.frr.Inject(nil)
	w.frr.Start(vtysh.BGPD)
	w.agent.confirm(t.Context())
	require.Nil(t, w.agent.guard.timer)
	w.turn()
	require.NotNil(t, w.agent.guard.timer)
}

// Only Established sessions that are reset prolong the time to confirm.
func TestTheTimeToConfirmEnds(t *testing.T) {
	w := newWatched(t, false)
	w.services(3)
	first := w.agent.guard.timer
	w.services(4)
	w.up(2, 3, 4)
	w.asn(other, "tor1")
	require.Same(t, first, w.agent.guard.timer, "nobody was disturbed")
	w.asn(other, "tor2")
	require.NotSame(t, first, w.agent.guard.timer, "a session has all of the time to come back")
}

// The time is over when FRR was restarted a moment ago, and no session is back yet.
func TestARestartOfFRRProlongsTheTimeToConfirm(t *testing.T) {
	w := newWatched(t, false)
	var now atomic.Value
	now.Store("one")
	w.agent.Fingerprint = func() string { return now.Load().(string) }
	objects := make(chan source.Result)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	w.agent.Confirm = 300 * time.Millisecond
	w.services(3)
	go func() { defer close(ended); w.agent.Run(ctx, objects, nil) }()
	objects <- w.read
	now.Store("two")
	w.up()
	eventually(t, func() bool { return strings.Contains(w.log.String(), "FRR was restarted") }, w.log)
	w.up(1, 2, 3, 4)
	eventually(t, func() bool { return strings.Count(w.log.String(), "the change is confirmed") == 2 }, w.log)
	cancel()
	<-ended
	require.NotContains(t, w.log.String(), "sessions are lost")
}

func TestWhatCanNotBeWrittenIsNotForgotten(t *testing.T) {
	w := newWatched(t, false)
	w.services(3)
	require.NoError(t, os.Remove(w.agent.FRRConf))
	require.NoError(t, os.Mkdir(w.agent.FRRConf, 0o700))
	w.over()
	require.FileExists(t, w.agent.unconfirmedFile())
	require.NoError(t, os.Remove(w.agent.FRRConf))
	w.turn()
	w.confirmed()
	require.NoFileExists(t, w.agent.unconfirmedFile())
}

// A dynamic neighbor comes and goes as it likes, but for a change that resets its range.
func TestLostAreNoNeighborsThatLeftByThemselves(t *testing.T) {
	document := render.Document{Text: "router bgp 64500\n neighbor g peer-group\n neighbor g remote-as 64501\n neighbor 10.0.0.1 remote-as 64501\n" +
		" bgp listen range 10.1.0.0/24 peer-group g\n"}
	session := func(neighbor string) observe.Session {
		return observe.Session{Neighbor: neighbor, VRF: "default", State: "Established"}
	}
	before := observe.State{Sessions: []observe.Session{session("10.0.0.1"), session("10.1.0.7"), session("10.9.0.1")}}
	require.Equal(t, []string{"10.0.0.1"}, names(Lost(before, observe.State{}, document, nil)))
	require.Equal(t, []string{"10.0.0.1", "10.1.0.7"}, names(Lost(before, observe.State{}, document, []string{"10.1.0.0/24"})))
}

// Turns with nothing new cost nothing.
func TestWhatIsSparedIsPlannedOnce(t *testing.T) {
	w := newWatched(t, false)
	w.asn(other, "tor1")
	w.up(2, 3, 4)
	w.over()
	w.runs(2, old)
	asked := 0
	w.frr.Inject(func(vtysh.Daemon, string) vtyshtest.Fault { asked++; return vtyshtest.Fault{} })
	for range 3 {
		require.NoError(t, w.agent.turn(t.Context(), false, false))
	}
	require.Zero(t, asked, "FRR is not even asked for its version")
}
