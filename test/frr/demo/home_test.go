package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEachWorkTreeHasADemoOfItsOwn(t *testing.T) {
	binaries := []string{filepath.Join(t.TempDir(), "frr-renderer"), filepath.Join(t.TempDir(), "frr-renderer")}
	var homes []home
	for _, b := range binaries {
		h, err := claim(b)
		require.NoError(t, err)
		t.Cleanup(func() { _ = os.RemoveAll(h.dir) })
		require.NoError(t, os.Mkdir(h.fabric(), 0o755))
		homes = append(homes, h)
	}
	require.NotEqual(t, homes[0].dir, homes[1].dir)
	_, err := claim(binaries[0])
	require.ErrorContains(t, err, "the demo is being built, in "+homes[0].dir)

	require.NoError(t, homes[0].lock.Close()) // as the kernel does when it was killed
	again, err := claim(binaries[0])
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(again.dir) })
	require.NoDirExists(t, homes[0].dir)
	require.DirExists(t, again.dir)

	require.NoError(t, down(binaries[0]))
	require.NoDirExists(t, again.dir)
	require.NoError(t, down(binaries[0]), "there is none")
	require.DirExists(t, homes[1].dir, "another's stays")
	require.NoError(t, os.RemoveAll(homes[1].dir)) // as a reboot does
	require.NoError(t, down(binaries[1]))
	require.NoFileExists(t, homes[1].note)
}
