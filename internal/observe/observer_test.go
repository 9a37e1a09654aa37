package observe

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// daemons answer questions from a table, as one client at a time may ask them.
type daemons struct {
	t       *testing.T
	answers map[string]string
	asking  atomic.Int32
	asked   atomic.Int32
	last    []string // what bgpd was asked since somebody looked
	closed  chan struct{}
}

func (d *daemons) Run(ctx context.Context, daemon vtysh.Daemon, command string) (string, error) {
	require.EqualValues(d.t, 1, d.asking.Add(1), "one question at a time")
	defer d.asking.Add(-1)
	d.asked.Add(1)
	d.last = append(d.last, command)
	answer, known := d.answers[string(daemon)+" "+command]
	if !known {
		<-ctx.Done() // it hangs
		return "", context.Cause(ctx)
	}
	return answer, nil
}

func (d *daemons) Configure(context.Context, vtysh.Daemon, []vtysh.Block) ([]vtysh.Reply, error) {
	return nil, errors.New("who observes configures nothing")
}

func (d *daemons) Daemons(context.Context) ([]vtysh.Daemon, error) { return nil, nil }

func (d *daemons) Close() error {
	close(d.closed)
	return nil
}

const (
	neighbors = "bgpd show bgp vrf all neighbors json"
	bfdPeers  = "bfdd show bfd peers json"
	bfdCounts = "bfdd show bfd peers counters json"
)

func newDaemons(t *testing.T) *daemons {
	return &daemons{t: t, closed: make(chan struct{}), answers: map[string]string{
		neighbors: `{"default":{"vrfId":0,"vrfName":"default","eth0":{"bgpState":"Established","messageStats":{"opensSent":2}}}}`,
		bfdPeers:  `[{"peer":"fe80::1","interface":"eth0","vrf":"default","status":"up"},{"peer":"10.0.0.9","vrf":"default","status":"down"}]`,
		bfdCounts: `[{"peer":"fe80::1","interface":"eth0","vrf":"default","control-packet-input":7}]`,
	}}
}

func TestHoweverManyAskFRRIsAskedOnce(t *testing.T) {
	d, now := newDaemons(t), time.Now()
	o := NewObserver(t.Context(), d, func() time.Time { return now })
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { o.View() })
	}
	all.Wait()
	require.EqualValues(t, 3, d.asked.Load())
	view := o.View()
	require.Len(t, view.Sessions, 1)
	require.EqualValues(t, 2, view.Sessions[0].Messages.OpensSent)
	require.Len(t, view.BFD, 1, "one that came or went between two answers is left out")
	require.EqualValues(t, 7, view.BFD[0].ControlIn)
	now = now.Add(freshTime)
	o.View()
	require.EqualValues(t, 6, d.asked.Load())
	now = now.Add(-time.Hour) // the clock jumps back
	o.View()
	require.EqualValues(t, 9, d.asked.Load())
}

func TestADaemonThatHangsCostsTheOtherNothing(t *testing.T) {
	d := newDaemons(t)
	delete(d.answers, neighbors)
	o := NewObserver(t.Context(), d, time.Now)
	view := o.View()
	require.ErrorContains(t, view.Asked[0].Err, "are over")
	require.Equal(t, 1, view.Asked[0].Failures)
	require.Empty(t, view.Sessions)
	require.NoError(t, view.Asked[1].Err)
	require.Len(t, view.BFD, 1)
}

func TestANeighborThatCantBeReadCostsNoOther(t *testing.T) {
	d := newDaemons(t)
	d.answers[neighbors] = strings.Replace(d.answers[neighbors], `"eth0"`, `"10.0.0.1":{"bgpState":7},"eth0"`, 1)
	view := NewObserver(t.Context(), d, time.Now).View()
	require.ErrorContains(t, view.Asked[0].Err, "10.0.0.1")
	require.Len(t, view.Sessions, 1)
	require.Equal(t, "eth0", view.Sessions[0].Neighbor)
}

func TestAnObserverEndsWithItsContext(t *testing.T) {
	d := newDaemons(t)
	delete(d.answers, bfdPeers)
	ctx, cancel := context.WithCancel(t.Context())
	o := NewObserver(ctx, d, time.Now)
	cancel()
	require.Error(t, o.View().Asked[1].Err)
	<-d.closed
}
