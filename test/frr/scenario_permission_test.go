package frr

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// someone is the number of a user and group that FRR has nothing to do with.
const someone = 12345

// unprivilegedLab is node1 whose frr.conf belongs to someone, and a way to be that user, within FRR's root and with these groups.
func unprivilegedLab(t *testing.T, v, other fabric.Version) (l *lab, become func(groups ...int)) {
	l = prepare(t, rack(v, tor(other, 64501)), nil)
	dir, err := os.MkdirTemp("", "manifests-") // readable by everybody, unlike t.TempDir
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	l.dir = dir
	l.put("base", basics+toTor1)
	require.NoError(t, os.WriteFile(filepath.Join(l.node.ConfDir(), "wanted.conf"), []byte(byHand("right", "192.0.2.1/32")), 0o644))
	for _, path := range []string{"", "frr.conf"} { // the container's volume
		require.NoError(t, os.Chown(filepath.Join(l.node.ConfDir(), path), someone, someone))
	}
	root, err := fabric.FindRoot(v)
	require.NoError(t, err)
	// The user has a name in this node only.
	passwd, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	require.NoError(t, err)
	named := filepath.Join(dir, "passwd")
	require.NoError(t, os.WriteFile(named, append(passwd, "someone:x:12345:12345::/nonexistent:/usr/sbin/nologin\n"...), 0o644))
	_, err = l.node.Exec(t.Context(), "mount", "--bind", named, filepath.Join(root, "etc/passwd"))
	require.NoError(t, err)
	return l, func(groups ...int) {
		list := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(groups)), ","), "[]")
		l.as = []string{"chroot", fmt.Sprintf("--userspec=%d:%d", someone, someone), "--groups=" + list, root}
	}
}

func frrvty(t *testing.T) int {
	t.Helper()
	group, err := user.LookupGroup("frrvty")
	require.NoError(t, err)
	gid, err := strconv.Atoi(group.Gid)
	require.NoError(t, err)
	return gid
}

// TestScenarioUnprivileged runs the product as the sidecar's container does: no user of FRR's, but in the group that may open its sockets.
func TestScenarioUnprivileged(t *testing.T) {
	scenario(t, func(t *testing.T, v, other fabric.Version) {
		l, become := unprivilegedLab(t, v, other)
		const wanted = "/etc/frr/wanted.conf"
		missing := "no permission to open /run/frr/bgpd.vty as someone: add it to group frrvty (the socket is frr:frrvty 0770)\n"

		become(someone)
		for _, transport := range []string{"auto", "exec"} {
			for _, args := range [][]string{{"reload", wanted}, {"reload", wanted, "--dry-run"}, {"reload", wanted, "--confirm", "1s"}} {
				out, code := l.cli(append(args, "--vtysh", transport)...)
				require.Equal(t, 1, code, out)
				require.True(t, strings.HasSuffix(out, missing), "%s, %v: %s", transport, args, out)
				require.Equal(t, 1, strings.Count(out, "\n"), out)
			}
		}
		l.run("--health-addr", "")
		l.said("add it to group frrvty")
		require.Equal(t, 1, strings.Count(l.read(), "level=ERROR"), l.read())
		l.stop()

		become(someone, frrvty(t))
		// Where frr.conf can't be kept FRR is not changed either.
		before, err := l.node.RunningConfig(t.Context())
		require.NoError(t, err)
		for _, dir := range []string{"/run/frr", "/nonexistent"} {
			out, code := l.cli("reload", wanted, "--frr-conf", dir+"/frr.conf")
			require.Equal(t, 1, code, out)
			require.Contains(t, out, "could not be kept for FRR's next start: write "+dir+"/frr.conf: ")
		}
		after, err := l.node.RunningConfig(t.Context())
		require.NoError(t, err)
		require.Equal(t, before, after)
		// The lock is root's as well as ours.
		dir, err := os.Open(l.node.VtyDir())
		require.NoError(t, err)
		require.NoError(t, unix.Flock(int(dir.Fd()), unix.LOCK_EX))
		out, code := l.cli("reload", wanted)
		require.Equal(t, 1, code, out)
		require.Contains(t, out, fmt.Sprintf("another reload runs (pid %d); ", os.Getpid()))
		require.NoError(t, dir.Close())
		for _, transport := range []string{"auto", "exec"} {
			// On a busy machine the "vtysh -b" of FRR's start may still have the configuration locked.
			l.eventually("reload by "+transport, 20*time.Second, func() bool {
				out, code = l.cli("reload", wanted, "--vtysh", transport)
				return code == 0
			})
			kept, err := os.ReadFile(filepath.Join(l.node.ConfDir(), "frr.conf"))
			require.NoError(t, err)
			require.Equal(t, byHand("right", "192.0.2.1/32"), string(kept), "FRR's next start")
			require.NoError(t, l.node.Restart(t.Context()))
			require.NoError(t, os.Remove(filepath.Join(l.node.ConfDir(), "frr.conf")))
		}
		// A user without a name can do without vtysh.
		_, err = l.node.Exec(t.Context(), "umount", filepath.Join(l.as[3], "etc/passwd"))
		require.NoError(t, err)
		out, code = l.cli("reload", wanted, "--vtysh", "exec")
		require.Equal(t, 1, code, out)
		require.Equal(t, "frr-renderer: no permission for vtysh to run as user 12345: it wants one that has a name in /etc/passwd\n", out)
		l.run()
		l.up("tor1")
		l.arrives("tor1", "192.0.2.10/32", nil)
		l.put("api", service("api", "", "192.0.2.20"))
		l.arrives("tor1", "192.0.2.20/32", nil)
		out, code = l.cli("status")
		require.Zero(t, code, out)
		require.Contains(t, out, "Established")
		info, err := os.Stat(filepath.Join(l.node.ConfDir(), "frr.conf"))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o640), info.Mode().Perm())

		// Taken from us while we run, and given back.
		found, err := vtysh.NewSocket(l.node.VtyDir()).Daemons(t.Context())
		require.NoError(t, err)
		for _, d := range found {
			require.NoError(t, os.Chmod(filepath.Join(l.node.VtyDir(), string(d)+".vty"), 0o700))
		}
		l.step()
		require.NoError(t, l.node.Restart(t.Context(), "bfdd"))
		require.NoError(t, os.Chmod(filepath.Join(l.node.VtyDir(), "bfdd.vty"), 0o700))
		l.put("api", service("api", "", "192.0.2.21"))
		l.said("run as frr")
		for _, d := range found {
			require.NoError(t, os.Chmod(filepath.Join(l.node.VtyDir(), string(d)+".vty"), 0o770))
		}
		l.arrives("tor1", "192.0.2.21/32", nil)
	})
}
