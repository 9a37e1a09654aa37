package agent

import (
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/gateway"
	"github.com/frr-renderer/frr-renderer/internal/problem"
	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/role"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/internal/vtysh/vtyshtest"
	"github.com/frr-renderer/frr-renderer/test/logtest"
)

// played is a part that a test writes.
type played struct {
	changed chan struct{}

	mutex sync.Mutex
	ready bool
	part  role.Part
	runs  []string
}

func (p *played) Ready() bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.ready
}

func (p *played) Turn(*source.Result) role.Part {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.part
}

func (p *played) Runs(config string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.runs = append(p.runs, config)
}

func (p *played) Changed() <-chan struct{} { return p.changed }

func (p *played) set(f func()) {
	p.mutex.Lock()
	f()
	p.mutex.Unlock()
	p.changed <- struct{}{}
}

func (p *played) last() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if len(p.runs) == 0 {
		return ""
	}
	return p.runs[len(p.runs)-1]
}

var floatingIP = netip.MustParseAddr("10.0.1.100")

func TestThePartInGDCModeIsAppliedOnceItIsKnownAndWheneverItChanges(t *testing.T) {
	frr := vtyshtest.New(t, "10.3")
	frr.Start(vtysh.BGPD)
	frr.Start(vtysh.BFDD)
	part := &played{changed: make(chan struct{}, 1)}
	log, dir, board := &logtest.Log{}, t.TempDir(), NewBoard(time.Now, status.NewMetrics())
	a, err := New(Config{
		Node: "node1", Client: frr.Client(), Now: time.Now, Log: slog.New(slog.NewTextHandler(log, nil)), Gateway: part, DriftInterval: 10 * time.Millisecond,
		FRRConf: filepath.Join(dir, "frr.conf"), StateFile: filepath.Join(dir, "lastgood.json"),
	}, board)
	require.NoError(t, err)
	read, err := source.Read([]string{manifests(t, 1)}, source.Options{})
	require.NoError(t, err)
	objects := make(chan source.Result)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); a.Run(ctx, objects, nil) }()
	t.Cleanup(func() { cancel(); <-ended })

	objects <- read
	objects <- read // so the first was taken in
	require.NotContains(t, frr.Running(vtysh.BGPD), "router bgp", "nothing is applied before it is known what the node holds")
	part.set(func() { part.ready = true })
	eventually(t, func() bool { return board.Report().Ready() }, log)
	require.NotContains(t, part.last(), "view gw-")

	part.set(func() {
		part.part = role.Part{
			Node: "node1", Floating: []netip.Addr{floatingIP}, Problems: []problem.Problem{{Reason: problem.NotHealthy, Message: "it is not well"}},
			Assignment: &gateway.Assignment{
				ASN: 64500, FloatingIPs: []gateway.FloatingIP{{Address: floatingIP, Group: "default", Node: "node1"}},
				Sessions: []gateway.Session{{Name: "s", PeerIP: netip.MustParseAddr("10.8.0.10"), PeerASN: 65002, LocalASN: 64500, FloatingIP: floatingIP, Node: "node1"}},
			},
		}
	})
	eventually(t, func() bool { return len(board.Report().Problems) > 0 && board.Report().Ready() }, log)
	for _, applied := range board.Report().Applies {
		require.Empty(t, applied.Refused, "an FRR of tests that refuses what FRR takes shows nothing")
	}
	require.Contains(t, frr.Running(vtysh.BGPD), "router bgp 64500 view gw-10.0.1.100")
	require.Contains(t, part.last(), "router bgp 64500 view gw-10.0.1.100")
	require.Contains(t, board.Report().Problems[0].Message, "it is not well")

	part.set(func() {
		part.part = role.Part{Node: "node1", Problems: part.part.Problems, Unknown: "the Cluster can't be read"}
	})
	eventually(t, func() bool { return board.Report().Failure == "the Cluster can't be read" }, log)
	require.Contains(t, frr.Running(vtysh.BGPD), "router bgp 64500 view gw-10.0.1.100", "what is done stays as it is")
	require.False(t, board.Report().Ready())

	part.set(func() { part.part = role.Part{Node: "node1"} })
	eventually(t, func() bool { return len(board.Report().Problems) == 0 }, log)
	require.NotContains(t, part.last(), "view gw-")
}

func TestResetsThatFollowFromGDCModeAreNotHeld(t *testing.T) {
	in := func(lines ...string) (out []vtysh.Line) {
		for _, l := range lines {
			out = append(out, vtysh.Line(l))
		}
		return out
	}
	view, family := "router bgp 65001 view gw-10.0.1.100", "address-family ipv4 unicast"
	const router = "10.8.0.10 view gw-10.0.1.100"
	several := reload.Command{Context: in(view, family), Line: "neighbor 10.8.0.10 addpath-tx-all-paths", Effect: reload.Reset, Neighbors: []string{router}}
	asn := reload.Command{Context: in(view), Line: "neighbor 10.8.0.10 remote-as 65003", Effect: reload.Reset, Neighbors: []string{router}}
	gone := reload.Command{Context: in(view), Line: "no neighbor 10.8.0.10", Effect: reload.Reset, Neighbors: []string{router}}
	waits := reload.Command{Context: in("router bgp 65001"), Line: "no neighbor 10.0.1.100", Effect: reload.Reset, Neighbors: []string{"10.0.1.100"}}
	other := reload.Command{Context: in("router bgp 65001"), Line: "no neighbor 10.0.0.1", Effect: reload.Reset, Neighbors: []string{"10.0.0.1"}}
	inVRF := reload.Command{Line: "no router bgp 65001 vrf gw-10.0.1.100", Effect: reload.Reset, Neighbors: []string{"10.8.0.10 vrf gw-10.0.1.100"}}
	mine := reload.Command{Context: in("router bgp 65001 vrf blue", family), Line: several.Line, Effect: reload.Reset, Neighbors: []string{"10.8.0.10 vrf blue"}}

	held := role.Part{Node: "n1", Floating: []netip.Addr{floatingIP}, Assignment: &gateway.Assignment{FloatingIPs: []gateway.FloatingIP{{Address: floatingIP, Node: "n1"}}}}
	leaves := role.Part{Node: "n1", Floating: []netip.Addr{floatingIP}, Assignment: &gateway.Assignment{FloatingIPs: []gateway.FloatingIP{{Address: floatingIP}}}}
	elsewhere := role.Part{Node: "n1", Assignment: &gateway.Assignment{FloatingIPs: []gateway.FloatingIP{{Address: floatingIP, Node: "n2"}}}}
	for name, test := range map[string]struct {
		part role.Part
		plan []reload.Command
		want bool
	}{
		"several paths":                              {held, []reload.Command{several}, true},
		"several paths, and another AS number":       {held, []reload.Command{several, asn}, false},
		"another AS number":                          {held, []reload.Command{asn}, false},
		"a router that is taken out":                 {held, []reload.Command{gone}, false},
		"a floating IP that leaves":                  {leaves, []reload.Command{gone}, true},
		"one that has left":                          {elsewhere, []reload.Command{gone}, true},
		"a node that waited for what it holds now":   {leaves, []reload.Command{waits}, true},
		"a node that waits for somebody else":        {elsewhere, []reload.Command{waits}, false},
		"a neighbor of MetalLB's":                    {held, []reload.Command{other}, false},
		"a VRF of that name":                         {elsewhere, []reload.Command{inVRF}, false},
		"several paths to a neighbor of somebody's":  {held, []reload.Command{mine}, false},
		"a view of that name, in no GDC mode at all": {role.Part{}, []reload.Command{gone}, false},
	} {
		plan := reload.Plan{Commands: test.plan}
		require.Equal(t, test.want, follows(plan, test.part)(plan.Resets()[0]), name)
	}
}
