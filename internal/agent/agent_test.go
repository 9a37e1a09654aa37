package agent

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/internal/vtysh/vtyshtest"
	"github.com/frr-renderer/frr-renderer/test/logtest"
)

// start runs an agent on a fake FRR until the test ends.
func start(t *testing.T, frr *vtyshtest.FRR) (*Board, *logtest.Log) {
	t.Helper()
	board := NewBoard(time.Now, status.NewMetrics())
	log := &logtest.Log{}
	dir := t.TempDir()
	a, err := New(Config{
		Node: "node1", Client: frr.Client(), Now: time.Now, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		FRRConf: filepath.Join(dir, "frr.conf"), StateFile: filepath.Join(dir, "lastgood.json"),
	}, board)
	require.NoError(t, err)
	read, err := source.Read([]string{manifests(t, 3)}, source.Options{})
	require.NoError(t, err)
	objects := make(chan source.Result, 1)
	objects <- read
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); a.Run(ctx, objects, nil) }()
	t.Cleanup(func() { cancel(); <-ended })
	return board, log
}

func eventually(t *testing.T, ok func() bool, log *logtest.Log) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		require.True(t, time.Now().Before(end), log.String())
	}
}

func TestAFailureIsToldOnceUntilItEnds(t *testing.T) {
	frr := vtyshtest.New(t, "10.3")
	board, log := start(t, frr)
	eventually(t, func() bool { return strings.Count(log.String(), "can't be brought") == 3 }, log)
	require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"), log.String())
	require.Contains(t, board.Report().Failure, "FRR is not running")
	frr.Start(vtysh.BGPD)
	frr.Start(vtysh.BFDD)
	eventually(t, func() bool { return board.Report().Ready() }, log)
	require.Contains(t, frr.Running(vtysh.BGPD), " network 20.0.0.2/32 route-map class-")
	require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"), log.String())
}
