package agent

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/internal/vtysh/vtyshtest"
)

// What FRR has refused may work later, as when an address of the node is another: it is tried again after ten minutes, and not before.
func TestARefusedObjectIsTriedAgainAfterTenMinutes(t *testing.T) {
	frr := vtyshtest.New(t, "10.3", vtysh.BGPD, vtysh.BFDD)
	const line = "neighbor 10.0.0.2 remote-as 64501"
	var tried atomic.Int64
	frr.Inject(func(_ vtysh.Daemon, l string) vtyshtest.Fault {
		if l != line {
			return vtyshtest.Fault{}
		}
		tried.Add(1)
		return vtyshtest.Fault{Refuse: "% Can not configure the local system as neighbor"}
	})
	var later atomic.Int64
	started := time.Now()
	board := NewBoard(time.Now, status.NewMetrics())
	a, err := New(Config{
		Node: "node1", Client: frr.Client(), Log: slog.New(slog.DiscardHandler), FRRConf: reload.NoFile, StateFile: reload.NoFile,
		DriftInterval: 10 * time.Millisecond, Now: func() time.Time { return started.Add(time.Duration(later.Load())) },
	}, board)
	require.NoError(t, err)
	read, err := source.Read([]string{manifests(t, 1)}, source.Options{})
	require.NoError(t, err)
	objects := make(chan source.Result, 1)
	objects <- read
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.Run(ctx, objects, nil)
	}()
	runs := func() string { return frr.Running(vtysh.BGPD) }
	require.Eventually(t, func() bool { return board.Report().Ready() && len(board.Report().Problems) == 1 }, 5*time.Second, 5*time.Millisecond)
	require.Contains(t, runs(), "neighbor 10.0.0.3 remote-as", "the others are applied")
	before := tried.Load()
	later.Store(int64(forgiveAfter - time.Minute))
	time.Sleep(200 * time.Millisecond) // many looks
	require.Equal(t, before, tried.Load(), "it is not tried before")
	frr.Inject(nil)
	later.Store(int64(forgiveAfter + time.Minute))
	require.Eventually(t, func() bool { return strings.Contains(runs(), line) && len(board.Report().Problems) == 0 }, 5*time.Second, 5*time.Millisecond)
	cancel()
	<-ended
}
