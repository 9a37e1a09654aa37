package agent

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/api/v1beta2"
	"github.com/frr-renderer/frr-renderer/internal/observe"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/reload"
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
	read    source.Result

	confirm time.Duration
	refuse  bool
}

func newLateLab(t *testing.T) *lateLab {
	l := emptyLateLab(t)
	l.start()
	return l
}

// emptyLateLab is one whose first run is not started yet.
func emptyLateLab(t *testing.T) *lateLab {
	l := &lateLab{T: t, frr: vtyshtest.New(t, "10.3", vtysh.BGPD, vtysh.BFDD), dir: t.TempDir(), now: time.Now()}
	l.is("")
	var err error
	l.read, err = source.Read([]string{manifests(t, 1)}, source.Options{})
	require.NoError(t, err)
	for _, p := range l.read.Objects.Peers {
		p.Spec.EnableGracefulRestart = p.Name == "tor1"
		if p.Name != "tor3" {
			p.Spec.BFDProfile = "fast"
		}
	}
	l.read.Objects.BFDProfiles = []*v1beta1.BFDProfile{{ObjectMeta: metav1.ObjectMeta{Name: "fast", Namespace: "metallb-system"}}}
	return l
}

func (l *lateLab) peer(name string) *v1beta2.BGPPeerSpec {
	i := slices.IndexFunc(l.read.Objects.Peers, func(p *v1beta2.BGPPeer) bool { return p.Name == name })
	return &l.read.Objects.Peers[i].Spec
}

// start starts a run, again.
func (l *lateLab) start() {
	l.Helper()
	var err error
	l.agent, err = New(Config{
		Node: "node1", Client: l.frr.Client(), Now: func() time.Time { return l.now }, Log: slog.New(slog.DiscardHandler),
		FRRConf: filepath.Join(l.dir, "frr.conf"), StateFile: filepath.Join(l.dir, "lastgood.json"),
		Fingerprint: func() string { return fmt.Sprint(l.started) }, Confirm: l.confirm, RefuseResets: l.refuse,
	}, NewBoard(time.Now, status.NewMetrics()))
	require.NoError(l, err)
	l.agent.objects = &l.read
}

// is what FRR says of its sessions.
func (l *lateLab) is(sessions ...string) {
	l.frr.Answer("show bgp vrf all neighbors json", `{"default":{`+strings.Join(sessions, ",")+`}}`)
}

const (
	connecting  = `"10.0.0.1":{"bgpState":"Active"}`
	upWithout   = `"10.0.0.1":{"bgpState":"Established"}`
	downWithBFD = `"10.0.0.1":{"bgpState":"Idle","peerBfdInfo":{"status":"Down"}}`
	upWithBFD   = `"10.0.0.1":{"bgpState":"Established","peerBfdInfo":{"status":"Up"}}`
)

func (l *lateLab) turn() {
	l.Helper()
	require.NoError(l, l.agent.turn(l.Context(), true, false), l.agent.status.Report().Problems)
	require.Empty(l, l.agent.status.Report().Problems)
}

// restart is one of FRR.
func (l *lateLab) restart() {
	l.frr.Kill(vtysh.BGPD)
	l.frr.Start(vtysh.BGPD)
	l.started++
}

// bfdSent are the lines of BFD that were sent to bgpd from a number on.
func (l *lateLab) bfdSent(from int) []string {
	return slices.DeleteFunc(slices.Clone(l.frr.Lines(vtysh.BGPD)[from:]), func(line string) bool { return !strings.Contains(line, " bfd") })
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
		if strings.Contains(text, fmt.Sprintf("\n neighbor 10.0.0.%d bfd profile fast\n", i+1)) {
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
	l.restart()
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
	l.restart()
	l.is(connecting)
	l.turn()
	l.now = l.now.Add(bfdPatience + time.Second)
	l.turn()
	require.Equal(t, "tor1 tor2 tor4", l.runs())
	require.Equal(t, "tor1 tor2 tor4", l.starts())
}

// What bgpd remembers of a BFD session that is not up and no session of BGP depends on does not count: the neighbor was deleted and made anew in one turn.
func TestGracefulRestartThatComesWhileBFDIsDownBeginsWithoutBFD(t *testing.T) {
	l := newLateLab(t)
	l.peer("tor1").EnableGracefulRestart = false
	l.turn()
	require.Equal(t, "tor1 tor2 tor4", l.runs())
	l.is(downWithBFD)
	l.peer("tor1").EnableGracefulRestart = true
	l.turn()
	require.Equal(t, "tor2 tor4", l.runs())
	l.is(upWithout)
	l.turn()
	require.Equal(t, "tor1 tor2 tor4", l.runs())
	require.Equal(t, "tor2 tor4", l.starts())

	// BFD that goes down later, with BGP, stays: so it does when a run is started anew meanwhile.
	l.is(downWithBFD)
	sent := len(l.frr.Lines(vtysh.BGPD))
	l.turn()
	l.start()
	l.turn()
	require.Empty(t, l.bfdSent(sent))
}

func TestGracefulRestartThatComesWhileBFDIsUpTakesNothingAway(t *testing.T) {
	l := newLateLab(t)
	l.peer("tor1").EnableGracefulRestart = false
	l.turn()
	l.is(upWithBFD)
	sent := len(l.frr.Lines(vtysh.BGPD))
	l.peer("tor1").EnableGracefulRestart = true
	l.turn()
	require.Empty(t, l.bfdSent(sent))
	require.Equal(t, "tor1 tor2 tor4", l.runs())
	require.Equal(t, "tor1 tor2 tor4", l.starts(), "it was never seen to begin without")
}

func TestAnotherAddressWaitsForItsOwnSession(t *testing.T) {
	l := newLateLab(t)
	l.turn()
	l.is(upWithout)
	l.turn()
	require.Contains(t, l.runs(), "tor1")
	l.peer("tor1").Address = "10.0.0.9"
	l.is(upWithBFD)
	l.turn()
	running := l.frr.Running(vtysh.BGPD)
	require.Contains(t, running, "neighbor 10.0.0.9 graceful-restart")
	require.NotContains(t, running, "neighbor 10.0.0.9 bfd")
	l.is(`"10.0.0.9":{"bgpState":"Established"}`)
	l.turn()
	require.Contains(t, l.frr.Running(vtysh.BGPD), "neighbor 10.0.0.9 bfd")
}

func TestAProfileThatComesBackWaitsForNothingWhileTheSessionIsUp(t *testing.T) {
	l := newLateLab(t)
	l.turn()
	l.is(upWithout)
	l.turn()
	l.is(upWithBFD)
	l.peer("tor1").BFDProfile = ""
	l.turn()
	require.Equal(t, "tor2 tor4", l.runs())
	l.is(upWithout)
	l.peer("tor1").BFDProfile = "fast"
	l.turn()
	require.Equal(t, "tor1 tor2 tor4", l.runs())
	require.Equal(t, "tor2 tor4", l.starts())

	// Away and back while it is not up, as with a router that has ended it for that.
	l.peer("tor1").BFDProfile = ""
	l.turn()
	l.is(connecting)
	l.peer("tor1").BFDProfile = "fast"
	l.turn()
	require.Equal(t, "tor2 tor4", l.runs())
	l.now = l.now.Add(bfdPatience + time.Second)
	l.turn()
	require.Equal(t, "tor1 tor2 tor4", l.runs())
}

func TestTwoNeighborsWaitEachForItself(t *testing.T) {
	l := newLateLab(t)
	l.peer("tor2").EnableGracefulRestart = true
	l.turn()
	require.Equal(t, "tor4", l.runs())
	l.is(upWithout, `"10.0.0.2":{"bgpState":"Connect"}`)
	require.True(t, l.agent.late.due(t.Context(), l.agent))
	l.turn()
	require.Equal(t, "tor1 tor4", l.runs())
	require.NotNil(t, l.agent.late.ticks(), "tor2 is waited for")
	l.is(upWithBFD, `"10.0.0.2":{"bgpState":"Connect"}`)
	l.now = l.now.Add(bfdPatience + time.Second)
	require.True(t, l.agent.late.due(t.Context(), l.agent))
	l.turn()
	require.Equal(t, "tor1 tor2 tor4", l.runs())
	require.Equal(t, "tor2 tor4", l.starts(), "tor2 was not seen to begin without")
}

func TestFRRThatIsRestartedMeanwhileIsWaitedForAnew(t *testing.T) {
	l := newLateLab(t)
	l.turn()
	l.is(connecting)
	l.now = l.now.Add(bfdPatience)
	l.restart()
	require.False(t, l.agent.late.due(t.Context(), l.agent), "that was another FRR")
	l.turn()
	l.now = l.now.Add(time.Second)
	require.False(t, l.agent.late.due(t.Context(), l.agent))
	require.Equal(t, "tor2 tor4", l.runs())
	l.is(upWithout)
	require.True(t, l.agent.late.due(t.Context(), l.agent))
}

func TestWhatWaitsIsNoDrift(t *testing.T) {
	l := newLateLab(t)
	l.turn()
	l.is(connecting)
	require.NoError(t, l.agent.turn(t.Context(), true, true))
	require.Empty(t, l.agent.status.Report().Problems)
	require.True(t, l.agent.quiet(t.Context()))

	// Nor for those who compare with FRR, or with frr.conf.
	state, err := observe.Read(t.Context(), l.agent.Client)
	require.NoError(t, err)
	require.Equal(t, "tor2 tor4", withLine(Waiting(*l.agent.ran, state).Text))
	l.is(upWithout)
	l.turn()
	data, err := os.ReadFile(filepath.Join(l.dir, "frr.conf"))
	require.NoError(t, err)
	require.Equal(t, "tor1 tor2 tor4", withLine(Whole(string(data))))
	plan := reload.Diff(reload.Running{BGPD: Whole(string(data)), BFDD: string(data), Previous: string(data)}, *l.agent.ran)
	require.NotContains(t, plan.String(), "neighbor")
}

// Time begins when FRR has the neighbor.
func TestANeighborThatIsHeldDoesNotWaitYet(t *testing.T) {
	l := emptyLateLab(t)
	l.refuse = true
	peers := l.read.Objects.Peers
	l.read.Objects.Peers = slices.DeleteFunc(slices.Clone(peers), func(p *v1beta2.BGPPeer) bool { return p.Name == "tor1" })
	l.start()
	l.turn()
	l.is(`"10.0.0.2":{"bgpState":"Established"}`)
	l.read.Objects.Peers = peers
	for _, p := range peers {
		p.Spec.MyASN = 64999
	}
	for range 2 {
		require.NoError(t, l.agent.turn(t.Context(), true, false))
		require.Contains(t, l.frr.Running(vtysh.BGPD), "router bgp 64500")
		require.NotContains(t, l.frr.Running(vtysh.BGPD), "10.0.0.1 ")
		require.Nil(t, l.agent.late.ticks())
		l.now = l.now.Add(time.Hour)
	}
	held := l.agent.status.Report().Problems
	require.Len(t, held, 1)
	_, digest, _ := strings.Cut(held[0].Message, AllowResets+"=")
	l.read.Objects.Nodes = []*corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "node1", Annotations: map[string]string{AllowResets: digest}}}}
	l.turn()
	require.Contains(t, l.frr.Running(vtysh.BGPD), "router bgp 64999")
	require.Equal(t, "tor2 tor4", l.runs())
	l.is(upWithout)
	l.turn()
	require.Equal(t, "tor1 tor2 tor4", l.runs())
}

const (
	fourUp   = `"10.0.0.4":{"bgpState":"Established","peerBfdInfo":{"status":"Up"}}`
	fourDown = `"10.0.0.4":{"bgpState":"Active","peerBfdInfo":{"status":"Down"}}`
)

// A change is rolled back as a whole while BFD waits.
func TestWhatIsRolledBackKeepsTheBFDThatWaits(t *testing.T) {
	l := emptyLateLab(t)
	l.confirm = time.Hour
	l.start()
	l.is(connecting, fourUp)
	l.turn()
	l.agent.confirm(t.Context())
	l.turn()
	require.True(t, l.agent.guard.settled())

	asn := l.peer("tor2").PeerASN
	l.peer("tor2").PeerASN = 64999
	l.turn()
	l.is(connecting, fourDown)
	l.rollsBack()
	require.Contains(t, l.frr.Running(vtysh.BGPD), fmt.Sprint("neighbor 10.0.0.2 remote-as ", asn))
	l.is(upWithout, fourDown)
	require.NoError(t, l.agent.turn(t.Context(), true, false))
	require.Equal(t, "tor1 tor2 tor4", l.runs())
}

// rollsBack has the time to confirm be over.
func (l *lateLab) rollsBack() {
	l.Helper()
	l.agent.confirm(l.Context())
	require.NoError(l, l.agent.turn(l.Context(), true, false))
	require.Equal(l, problem.RolledBack, l.agent.status.Report().Problems[0].Reason)
	require.NotNil(l, l.agent.guard.Rejected)
}

// The configuration to come back to is frr.conf, also what of it FRR is not to be started with: taking BFD away would end the session.
func TestARunThatGoesOnToWatchComesBackToAllOfFRRConf(t *testing.T) {
	l := emptyLateLab(t)
	l.confirm = time.Hour
	l.start()
	l.is(upWithout, fourUp)
	l.turn()
	l.is(upWithBFD, fourUp)
	l.agent.confirm(t.Context())
	l.turn()
	require.Equal(t, "tor2 tor4", l.starts())
	l.peer("tor2").PeerASN = 64999
	l.turn()
	l.start()
	sent := len(l.frr.Lines(vtysh.BGPD))
	l.turn()
	l.is(downWithBFD, fourDown) // one that is up would keep it anyway
	l.rollsBack()
	require.NotContains(t, strings.Join(l.bfdSent(sent), "\n"), "10.0.0.1")
	require.Equal(t, "tor1 tor2 tor4", l.runs())
}

// So it is where FRR was started from frr.conf before this run, and changed before its BFD came.
func TestARunComesBackToAllOfFRRConf(t *testing.T) {
	l := emptyLateLab(t)
	l.is(upWithout, fourUp)
	l.start()
	l.turn()
	l.restart()
	l.frr.Type(vtysh.BGPD, "router bgp 64500", "neighbor 10.0.0.1 remote-as 64501", "neighbor 10.0.0.1 graceful-restart", "exit")
	l.confirm = time.Hour
	l.start()
	l.peer("tor2").PeerASN = 64999
	l.is(upWithout, fourUp)
	l.turn()
	require.Equal(t, "tor1 tor2 tor4", l.runs())
	l.is(downWithBFD, fourDown) // one that is up would keep it anyway
	l.rollsBack()
	require.Equal(t, "tor1", l.runs())
}

// A bgpd that tells nothing of its sessions holds up no route, and no session loses the BFD that it may have.
func TestBGPDThatTellsNothingHoldsNothingUp(t *testing.T) {
	l := newLateLab(t)
	l.frr.Answer("show bgp vrf all neighbors json", `{"default":{"10.0.0.3":{"bgpState":7}}}`)
	l.turn()
	require.Equal(t, "tor1 tor2 tor4", l.runs())
	require.Contains(t, l.frr.Running(vtysh.BGPD), "network 20.0.0.0/32")

	l = newLateLab(t)
	l.turn()
	l.frr.Answer("show bgp vrf all neighbors json", `{"default":{"10.0.0.3":{"bgpState":7}}}`)
	require.False(t, l.agent.late.due(t.Context(), l.agent))
	require.NotNil(t, l.agent.late.ticks())
	l.turn()
	require.Equal(t, "tor2 tor4", l.runs(), "it waits already")
	l.now = l.now.Add(bfdPatience + time.Second)
	l.turn()
	require.Equal(t, "tor1 tor2 tor4", l.runs())
}

// bfdd that is away, or hangs, is not asked.
func TestBFDDThatIsAwayHoldsNothingUp(t *testing.T) {
	l := newLateLab(t)
	l.turn()
	l.frr.Kill(vtysh.BFDD)
	l.is(upWithout)
	require.True(t, l.agent.late.due(t.Context(), l.agent))
	_ = l.agent.turn(t.Context(), true, false)
	require.Equal(t, "tor1 tor2 tor4", l.runs())
}

// FRR was started from frr.conf, and nobody tells what the objects ask for.
func TestBFDOfFRRConfComesWithoutTheAPIServer(t *testing.T) {
	l := newLateLab(t)
	l.turn()
	l.is(upWithout)
	l.turn()
	l.restart()
	l.start()
	l.agent.objects = nil
	l.frr.Type(vtysh.BGPD, "router bgp 64500", "neighbor 10.0.0.1 remote-as 64501", "neighbor 10.0.0.1 graceful-restart", "exit")
	l.is(connecting)
	require.NotNil(t, l.agent.late.ticks())
	require.False(t, l.agent.late.due(t.Context(), l.agent))
	require.Empty(t, l.runs())
	l.is(upWithout)
	require.False(t, l.agent.late.due(t.Context(), l.agent))
	require.Equal(t, "tor1", l.runs())
	require.NotContains(t, l.frr.Running(vtysh.BGPD), "10.0.0.2", "and nothing else")
	l.is(upWithBFD)
	sent := len(l.frr.Lines(vtysh.BGPD))
	require.False(t, l.agent.late.due(t.Context(), l.agent))
	require.Empty(t, l.bfdSent(sent))

	l.agent.objects = &l.read
	l.turn()
	require.Equal(t, "tor1 tor2 tor4", l.runs())
	require.Equal(t, "tor2 tor4", l.starts())
	require.Nil(t, l.agent.late.ticks())
}

func TestNeighborsOfVRFsAndInterfacesWaitForTheirOwnSessions(t *testing.T) {
	l := newLateLab(t)
	l.peer("tor1").VRFName = "red"
	l.turn()
	require.Equal(t, "tor2 tor4", l.runs())
	l.is(upWithout)
	l.turn()
	require.Equal(t, "tor2 tor4", l.runs(), "that is another one")
	l.frr.Answer("show bgp vrf all neighbors json", `{"default":{},"red":{`+upWithout+`}}`)
	l.turn()
	require.Equal(t, "tor1 tor2 tor4", l.runs())
	require.Equal(t, "tor2 tor4", l.starts())

	text := "router bgp 65000\n neighbor eth1 interface remote-as external\n neighbor eth1 bfd\n neighbor eth1 graceful-restart\n" +
		" neighbor eth2 interface remote-as external\n neighbor eth2 bfd\n neighbor eth3 interface remote-as external\n neighbor 10.0.0.1 bfd\nexit\n"
	document := render.Document{Text: text}
	require.Equal(t, []string{"eth1", "eth2"}, concerned(document))
	again := withBFD(withoutBFD(document, []string{"eth1", "eth2"}), withBFDLines(document)).Text
	for _, n := range []string{"eth1", "eth2"} {
		require.Equal(t, 1, strings.Count(again, " neighbor "+n+" bfd\n"))
	}
}

const (
	eth0Connecting = `"eth0":{"bgpState":"Active"}`
	eth0Unknown    = `"eth0":{"bgpState":"Active","peerBfdInfo":{"status":"Unknown"}}`
	eth0Waits      = `"eth0":{"bgpState":"Active","peerBfdInfo":{"status":"Down"}}`
	eth0Without    = `"eth0":{"bgpState":"Established"}`
	eth0BFD        = "neighbor eth0 bfd profile fast"
)

// newInterfaceLab is a lab whose tor2 is an interface. It has no graceful restart.
func newInterfaceLab(t *testing.T) *lateLab {
	l := emptyLateLab(t)
	l.peer("tor1").BFDProfile, l.peer("tor1").EnableGracefulRestart = "", false
	l.peer("tor2").Address, l.peer("tor2").Interface = "", "eth0"
	l.start()
	return l
}

func (l *lateLab) conf() string {
	data, err := os.ReadFile(filepath.Join(l.dir, "frr.conf"))
	require.NoError(l, err)
	return string(data)
}

// Its BFD in frr.conf would be there before its address.
func TestAnInterfaceGetsBFDWhenItHasAnAddressAndNeverFromFRRConf(t *testing.T) {
	l := newInterfaceLab(t)
	l.turn()
	require.NotContains(t, l.frr.Running(vtysh.BGPD), eth0BFD)
	l.is(eth0Connecting)
	l.now = l.now.Add(bfdPatience + time.Second)
	require.True(t, l.agent.late.due(t.Context(), l.agent), "the router waits for BFD")
	l.turn()
	require.Contains(t, l.frr.Running(vtysh.BGPD), eth0BFD)
	require.Contains(t, l.conf(), later+eth0BFD)

	// It is known now that the router waits.
	l.restart()
	l.is(eth0Connecting)
	l.turn()
	require.NotContains(t, l.frr.Running(vtysh.BGPD), eth0BFD)
	l.now = l.now.Add(knownPatience)
	require.False(t, l.agent.late.due(t.Context(), l.agent), "bgpd needs a second to try")
	l.now = l.now.Add(time.Millisecond)
	require.True(t, l.agent.late.due(t.Context(), l.agent))
	l.turn()
	require.Contains(t, l.frr.Running(vtysh.BGPD), eth0BFD)
}

// A frr.conf of an administrator's, or of an earlier version of ours, has BFD in it.
func TestBFDThatAnInterfaceHadBeforeItsAddressComesAnew(t *testing.T) {
	l := newInterfaceLab(t)
	l.turn()
	l.is(eth0Without)
	l.turn()
	require.Contains(t, l.frr.Running(vtysh.BGPD), eth0BFD)
	require.NoError(t, os.WriteFile(filepath.Join(l.dir, "frr.conf"), []byte(Whole(l.conf())), 0o640))
	l.is(eth0Unknown)
	l.start()
	l.turn()
	require.NotContains(t, l.frr.Running(vtysh.BGPD), eth0BFD)
	l.is(eth0Connecting)
	l.now = l.now.Add(bfdPatience + time.Second)
	l.turn()
	require.Contains(t, l.frr.Running(vtysh.BGPD), eth0BFD)

	l.is(eth0Waits)
	sent := len(l.frr.Lines(vtysh.BGPD))
	l.start()
	l.turn()
	require.Empty(t, l.bfdSent(sent), "BFD that has begun stays")
}

func TestARouterThatWaitsForBFDGetsItWithoutTheAPIServer(t *testing.T) {
	l := newInterfaceLab(t)
	l.turn()
	l.restart()
	l.start()
	l.agent.objects = nil
	l.frr.Type(vtysh.BGPD, "router bgp 64500", "neighbor eth0 interface remote-as 64501", "exit")
	l.is(eth0Connecting)
	require.False(t, l.agent.late.due(t.Context(), l.agent))
	l.now = l.now.Add(bfdPatience)
	require.False(t, l.agent.late.due(t.Context(), l.agent))
	require.NotContains(t, l.frr.Running(vtysh.BGPD), eth0BFD)
	l.now = l.now.Add(time.Second)
	require.False(t, l.agent.late.due(t.Context(), l.agent))
	require.Contains(t, l.frr.Running(vtysh.BGPD), eth0BFD)
}

// Groups and what comes from their ranges are an administrator's.
func TestGroupsDoNotWait(t *testing.T) {
	text := "router bgp 65000\n neighbor leaf peer-group\n neighbor leaf bfd\n bgp listen range 10.0.0.0/24 peer-group leaf\nexit\n"
	require.Empty(t, concerned(render.Document{Text: text}))
}

func TestSessionsAreNamedByTheirInstance(t *testing.T) {
	require.Equal(t, "10.0.0.1", session("router bgp 65000", "10.0.0.1"))
	require.Equal(t, "10.0.0.1", session("router bgp 65000 as-notation dot", "10.0.0.1"))
	require.Equal(t, "10.0.0.1 of red", session("router bgp 65000 vrf red", "10.0.0.1"))
	require.Equal(t, "10.0.0.1 of red", session("router bgp 65000 vrf red as-notation dot", "10.0.0.1"))
	text := "router bgp 65000\n neighbor 10.0.0.1 bfd\n neighbor 10.0.0.1 bfd profile x\n neighbor 10.0.0.11 bfd\nexit\n" +
		"router bgp 65000 vrf red\n neighbor 10.0.0.1 bfd\nexit\nbfd\n profile x\n exit\nexit\n"
	require.Equal(t, "10.0.0.1,10.0.0.11", strings.Join(haveBFD(text, "10.0.0.1 of red"), ","))
	require.Equal(t, "10.0.0.11,10.0.0.1 of red", strings.Join(haveBFD(text, "10.0.0.1"), ","))
}

// haveBFD are the sessions with BFD once others are without.
func haveBFD(text string, without ...string) []string {
	var out []string
	withoutBFD(render.Document{Text: text}, without).Edit(func(block, line string) []string {
		if name, _ := neighborLine(block, line); strings.HasSuffix(line, " bfd") {
			out = append(out, name)
		}
		return []string{line}
	})
	return out
}
