package reload

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
)

// printed is an FRR that prints these texts, and takes no line.
type printed map[vtysh.Daemon]string

func (p printed) Run(_ context.Context, d vtysh.Daemon, command string) (string, error) {
	if command == "show version" {
		return "FRRouting 10.3 (node)", nil
	}
	text, ok := p[d]
	if !ok {
		return "", fmt.Errorf("%w: no %s", vtysh.ErrNotRunning, d)
	}
	return text, nil
}

func (p printed) Configure(context.Context, vtysh.Daemon, []vtysh.Block) ([]vtysh.Reply, error) {
	return nil, vtysh.ErrNotRunning
}

func (p printed) Daemons(context.Context) ([]vtysh.Daemon, error) { return nil, nil }

func (p printed) Close() error { return nil }

func TestUnchangedIsWhatEveryDaemonPrints(t *testing.T) {
	frr := printed{vtysh.BGPD: base, vtysh.BFDD: base, vtysh.Mgmtd: "ip nht resolve-via-default\n"}
	e := New(frr, Options{Now: time.Now})
	unchanged := func() bool {
		same, err := e.Unchanged(t.Context())
		require.NoError(t, err)
		return same
	}
	require.False(t, unchanged(), "nothing was seen running yet")
	result, err := e.Apply(t.Context(), render.Document{Text: base})
	require.NoError(t, err)
	require.True(t, result.Verified())
	require.True(t, unchanged())
	for _, d := range []vtysh.Daemon{vtysh.BGPD, vtysh.BFDD, vtysh.Mgmtd} {
		before := frr[d]
		frr[d] += "ip prefix-list typed seq 5 permit any\n"
		require.False(t, unchanged(), d)
		frr[d] = before
		require.True(t, unchanged(), d)
	}
	delete(frr, vtysh.BFDD)
	require.False(t, unchanged(), "bfdd has ended")
	delete(frr, vtysh.BGPD)
	_, err = e.Unchanged(t.Context())
	require.ErrorIs(t, err, vtysh.ErrNotRunning)
}

func TestWhatWasReadIsNotChanged(t *testing.T) {
	var texts reader
	text := strings.Replace(base, "  network 192.0.2.1/32", "  network 192.0.2.0/32 route-map class-1\n  network 192.0.2.1/32", 1)
	running := Running{BGPD: text, BFDD: base, Previous: base, Version: frr103, texts: &texts}
	wanted := strings.NewReplacer("64501", "64502", "out-all permit 10", "out-all permit 20", "192.0.2.1/32", "192.0.2.2/32").Replace(base)
	for range 2 {
		held := hold(running, texts.read(wanted), []string{"10.0.0.1"})
		require.Empty(t, diff(running, held).Resets())
		require.Equal(t, []string{"10.0.0.1"}, diff(running, texts.read(wanted)).Resets())
		texts.turn()
	}
	for _, s := range []string{text, base, wanted} {
		require.Equal(t, read(s), texts.read(s))
	}
}
