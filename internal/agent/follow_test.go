package agent

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/source"
	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/internal/vtysh/vtyshtest"
	"github.com/frr-renderer/frr-renderer/test/frr/manifest"
)

// An object can be deleted while nothing that FRR runs comes of it. Made anew, and broken, it has no form that worked: not that of the deleted one.
func TestADeletedObjectDoesNotComeBackWithItsLastGoodForm(t *testing.T) {
	frr := vtyshtest.New(t, "10.3", vtysh.BGPD, vtysh.BFDD)
	dir, state := manifests(t, 1), filepath.Join(t.TempDir(), "last-good.json")
	board := NewBoard(time.Now, status.NewMetrics())
	a, err := New(Config{
		Node: "node1", Client: frr.Client(), Log: slog.New(slog.DiscardHandler), FRRConf: filepath.Join(t.TempDir(), "frr.conf"), StateFile: state, Now: time.Now,
	}, board)
	require.NoError(t, err)
	file := filepath.Join(dir, "later.yaml")
	turn := func() {
		t.Helper()
		read, err := source.Read([]string{dir}, source.Options{})
		require.NoError(t, err)
		a.objects = &read
		require.NoError(t, a.turn(t.Context(), false, false))
	}
	advert := func(communities string) string {
		return manifest.Spec("BGPAdvertisement", "later", "ipAddressPools: [later], communities: ['"+communities+"']")
	}
	kept := func() string {
		text, err := os.ReadFile(state)
		require.NoError(t, err)
		return string(text)
	}
	turn()
	digest := board.Report().Digest

	// It is remembered though there is no pool yet, and nothing comes of it.
	require.NoError(t, os.WriteFile(file, []byte(advert("65000:77")), 0o644))
	turn()
	require.Equal(t, digest, board.Report().Digest)
	require.Contains(t, kept(), "65000:77")
	require.NoError(t, os.WriteFile(file, []byte(advert("not:one")), 0o644))
	turn()
	require.Contains(t, problemsOf(board), "its last good form stays in use")

	require.NoError(t, os.Remove(file))
	turn()
	require.Equal(t, digest, board.Report().Digest)
	require.NotContains(t, kept(), "65000:77")
	require.NoError(t, os.WriteFile(file, []byte(advert("not:one")), 0o644))
	turn()
	require.Contains(t, problemsOf(board), "left out")
	require.NotContains(t, problemsOf(board), "last good form")
}

func problemsOf(board *Board) string {
	out := ""
	for _, p := range board.Report().Problems {
		out += p.String() + "\n"
	}
	return out
}
