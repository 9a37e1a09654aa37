package reload

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASymbolicLinkStays(t *testing.T) {
	top := t.TempDir()
	real, etc := filepath.Join(top, "srv", "deep"), filepath.Join(top, "etc")
	require.NoError(t, os.MkdirAll(real, 0o755))
	require.NoError(t, os.Symlink(real, etc)) // ".." of a link is that of the directory it names
	conf := filepath.Join(etc, "frr.conf")
	require.NoError(t, os.Symlink("second", conf))
	require.NoError(t, os.Symlink("../target", filepath.Join(real, "second")))
	for _, text := range []string{"created", "replaced"} {
		require.NoError(t, WriteFile(conf, []byte(text), 0o640))
		to, err := os.Readlink(conf)
		require.NoError(t, err)
		require.Equal(t, "second", to)
		info, err := os.Lstat(filepath.Join(top, "srv", "target"))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o640), info.Mode())
		kept, err := os.ReadFile(conf)
		require.NoError(t, err)
		require.Equal(t, text, string(kept))
	}
	left := filepath.Join(top, "srv", ".target.123")
	require.NoError(t, os.WriteFile(left, nil, 0o600))
	Sweep(conf)
	require.NoFileExists(t, left)
}
