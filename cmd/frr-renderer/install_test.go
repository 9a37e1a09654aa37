package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// mounted is a ConfigMap as kubelet mounts it: links into a hidden folder, which a link names.
func mounted(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "..2026"), 0o755))
	require.NoError(t, os.Symlink("..2026", filepath.Join(dir, "..data")))
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "..2026", name), []byte(text), 0o644))
		require.NoError(t, os.Symlink("..data/"+name, filepath.Join(dir, name)))
	}
	return dir
}

func TestInstallCopiesTheProgramAndWhatFRRStartsWith(t *testing.T) {
	bin, frr := t.TempDir(), t.TempDir()
	startup := mounted(t, map[string]string{"daemons": "bgpd=yes\n", "frr.conf": "! stub\n"})
	code, _, stderr := do(t, "install", "--bin", bin, "--startup", startup, "--frr-dir", frr)
	require.Zero(t, code, stderr)

	info, err := os.Stat(filepath.Join(bin, "frr-renderer"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o755), info.Mode().Perm())
	require.Equal(t, map[string]string{"daemons": "bgpd=yes\n", "frr.conf": "! stub\n"}, texts(t, frr))

	// The pod's containers are started anew: what was applied stays, what FRR is started with is new.
	require.NoError(t, os.WriteFile(filepath.Join(frr, "frr.conf"), []byte("! applied\n"), 0o640))
	startup = mounted(t, map[string]string{"daemons": "bgpd=yes\nbfdd=yes\n", "frr.conf": "! stub\n"})
	code, _, stderr = do(t, "install", "--bin", bin, "--startup", startup, "--frr-dir", frr)
	require.Zero(t, code, stderr)
	require.Equal(t, map[string]string{"daemons": "bgpd=yes\nbfdd=yes\n", "frr.conf": "! applied\n"}, texts(t, frr))
}

func TestInstallNamesWhatItCanNotWrite(t *testing.T) {
	code, _, stderr := do(t, "install", "--bin", "/nonexistent")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "write /nonexistent/frr-renderer: ")
	code, _, stderr = do(t, "install", "--bin", t.TempDir(), "--startup", t.TempDir())
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "frr-dir")
}

func texts(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	out := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		out[e.Name()] = string(text)
	}
	return out
}
