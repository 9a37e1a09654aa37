package faults

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// No room for a new frr.conf: FRR runs the new configuration, the old file stays whole, and it is told until there is room.
func TestDiskFullUnderFRRConf(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		disk := filepath.Join(l.node.ConfDir(), "small")
		_, err := l.exec("sh", "-c", "mkdir "+disk+" && mount -t tmpfs -o size=64k small "+disk)
		require.NoError(t, err)
		l.conf = filepath.Join(disk, "frr.conf")
		_, b := l.learn()
		l.eventually("frr.conf is kept", seconds(5), func() bool { return l.kept() == "before" })
		_, err = l.exec("sh", "-c", "cat /dev/zero >"+disk+"/full 2>/dev/null; true")
		require.NoError(t, err)
		l.step()
		l.put(b.objects)
		l.comesTo(b.runs, seconds(10))
		l.hear(b.hears)
		l.says("no space left on device")
		require.Contains(t, l.said(), l.conf)
		require.Equal(t, "before", l.kept(), "the last good one")
		left, err := l.exec("sh", "-c", "ls -A "+disk)
		require.NoError(t, err)
		require.Equal(t, "frr-renderer.last-good.json\nfrr.conf\nfull\n", left, "nothing of what did not fit")

		_, err = l.exec("rm", disk+"/full")
		require.NoError(t, err)
		l.eventually("frr.conf is the new one", seconds(15), func() bool { return l.kept() == "after" })
		l.safe("in the end")
	})
}
