package agent

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/internal/vtysh/vtyshtest"
)

// logged is a log that can be read while it is written.
type logged struct {
	sync.Mutex
	bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.Buffer.Write(p)
}

func (l *logged) text() string {
	l.Lock()
	defer l.Unlock()
	return l.String()
}

// start runs an agent on a fake FRR until the test ends.
func start(t *testing.T, frr *vtyshtest.FRR) (*Board, *logged) {
	t.Helper()
	board := NewBoard(time.Now, status.NewMetrics())
	log := &logged{}
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

func eventually(t *testing.T, ok func() bool, log *logged) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		require.True(t, time.Now().Before(end), log.text())
	}
}

func TestAFailureIsToldOnceUntilItEnds(t *testing.T) {
	frr := vtyshtest.New(t, "10.3")
	board, log := start(t, frr)
	eventually(t, func() bool { return strings.Count(log.text(), "can't be brought") == 3 }, log)
	require.Equal(t, 1, strings.Count(log.text(), "level=ERROR"), log.text())
	require.Contains(t, board.Report().Failure, "FRR is not running")
	frr.Start(vtysh.BGPD)
	frr.Start(vtysh.BFDD)
	eventually(t, func() bool { return board.Report().Ready() }, log)
	require.Contains(t, frr.Running(vtysh.BGPD), " network 20.0.0.2/32 route-map class-")
	require.Equal(t, 1, strings.Count(log.text(), "level=ERROR"), log.text())
}
