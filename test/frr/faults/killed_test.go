package faults

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

func TestBGPDKilledAtAnyPointAndStartedByHand(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.atPoints(1, func() { l.kill("bgpd") }, func() { l.start("bgpd") })
	})
}

// What watchfrr does: the daemon is started, and "vtysh -b" gives it frr.conf while the product does its own work.
func TestBGPDKilledAtAnyPointAndStartedByWatchfrr(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.atPoints(2, func() { l.kill("bgpd") }, func() {
			l.start("bgpd")
			loaded := make(chan error)
			go func() { loaded <- l.boot() }()
			l.release()
			require.NoError(t, <-loaded)
		})
	})
}

func TestBFDDKilledAtAnyPoint(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.atPoints(3, func() { l.kill("bfdd") }, func() { l.start("bfdd") })
	})
}

func TestZebraKilledAtAnyPoint(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.atPoints(4, func() { l.kill("zebra") }, func() { l.start("zebra") })
	})
}

// Routes don't wait for a bfdd that is away.
func TestBFDDStaysAway(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		a, b := l.learn()
		l.step()
		l.kill("bfdd")
		l.put(b.objects)
		l.hear(b.hears)
		l.says("lines differ after the apply")
		require.Contains(t, l.said(), "bfdd.vty")
		l.safe("without bfdd")
		l.eventually("frr.conf has the new configuration", seconds(5), func() bool { return l.kept() == "after" })
		good, err := os.ReadFile(filepath.Join(l.node.ConfDir(), "frr-renderer.last-good.json"))
		require.NoError(t, err)
		require.Contains(t, string(good), `"tor9"`)
		l.put(a.objects)
		l.hear(a.hears)
		l.put(b.objects)
		l.hear(b.hears)
		l.start("bfdd")
		l.comesTo(b.runs, seconds(15))
	})
}

// What bgpd runs does not wait for mgmtd, which has static routes on 10.3: those follow when it is back.
func TestMgmtdStaysAway(t *testing.T) {
	t.Parallel()
	fabric.Require(t, fabric.V103)
	l := newLab(t, fabric.V103)
	_, b := l.learn()
	l.step()
	l.kill("mgmtd")
	l.put(b.objects + object("ConfigMap", "bgpextras", "data: {extras: \"ip route 203.0.114.0/24 Null0\"}"))
	l.comesTo(b.runs, seconds(10))
	l.hear(b.hears)
	l.says("lines differ after the apply")
	l.safe("without mgmtd")
	require.Equal(t, "before", l.kept(), "FRR does not run all of the new one")
	l.start("mgmtd")
	l.eventually("the static route is there, and all is kept", seconds(60), func() bool {
		text, err := l.node.RunningConfig(t.Context())
		return err == nil && strings.Contains(text, "ip route 203.0.114.0/24 Null0") && l.kept() == "after"
	})
}

func TestMgmtdKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	fabric.Require(t, fabric.V103)
	l := newLab(t, fabric.V103)
	_, b := l.learn()
	l.step()
	fired := l.armAfter("ip route 203.0.114.0/24 Null0", func() { l.kill("mgmtd") })
	l.put(b.objects + object("ConfigMap", "bgpextras", "data: {extras: \"ip route 203.0.114.0/24 Null0\\nip route 203.0.115.0/24 Null0\"}"))
	l.await(fired)
	l.release()
	l.comesTo(b.runs, seconds(10))
	l.hear(b.hears)
	l.start("mgmtd")
	l.eventually("the static routes are there, and all is kept", seconds(60), func() bool {
		text, err := l.node.RunningConfig(t.Context())
		return err == nil && strings.Contains(text, "203.0.114.0/24") && strings.Contains(text, "203.0.115.0/24") && l.kept() == "after"
	})
}

// The connection breaks, and bgpd lives on with what it has got.
func TestConnectionsCutAtAnyPoint(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.atPoints(5, l.cut, l.settleDown)
	})
}

// The real watchfrr watches, starts what died, and loads frr.conf.
func TestDaemonsKilledAtAnyPointUnderWatchfrr(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newLab(t, v)
		l.watchfrr()
		turn := 0
		l.atPoints(11, func() {
			victim := []string{"bgpd", "zebra", "bfdd"}[turn%3]
			turn++
			require.NoError(t, unix.Kill(l.node.PID(victim), unix.SIGKILL))
		}, func() {})
	})
}

// watchfrr runs the distribution's watchfrr over bgpd, bfdd and zebra, and ends it with the test. What dies is started anew, and with zebra all,
// and "vtysh -b" loads frr.conf: as FRR's watchfrr.sh does, which needs more of a system than a node has.
func (l *lab) watchfrr() {
	vtysh, err := os.ReadFile(l.node.VtyshPath()) // nsenter ... -- chroot ROOT /usr/bin/vtysh "$@"
	require.NoError(l.t, err)
	enter, root, found := strings.Cut(strings.TrimPrefix(string(vtysh), "#!/bin/sh\nexec "), " -- ")
	require.True(l.t, found, "%s", vtysh)
	root = strings.Fields(root)[1]
	script := filepath.Join(l.node.ConfDir(), "restart.sh")
	text := fmt.Sprintf(`[ "$1" = all ] && set zebra bfdd bgpd
for d in "$@"; do
	%[1]s -p -- kill -9 $(cat %[2]s/$d.pid)
done
for d in "$@"; do
	%[1]s -p -- chroot %[3]s /usr/lib/frr/$d -d -A 127.0.0.1 -P 0 --log file:/var/log/frr/$d.log
done
sleep 0.1
%[4]s -b
exit 0
`, enter, l.node.VtyDir(), root, l.node.VtyshPath())
	require.NoError(l.t, os.WriteFile(script, []byte(text), 0o755))
	out, err := os.Create(filepath.Join(l.node.LogDir(), "watchfrr.out"))
	require.NoError(l.t, err)
	defer out.Close()
	restart := "/bin/sh " + script + " %s"
	watchfrr := l.launch(l.node.Command(context.Background(), "/usr/lib/frr/watchfrr", "-S", l.node.VtyDir(), "-i", "1", "--min-restart-interval", "1",
		"--max-restart-interval", "2", "-p", filepath.Join(l.node.VtyDir(), "watchfrr.pid"), "-r", restart, "-s", restart, "-k", "true %s", "bgpd", "bfdd", "zebra"), out)
	select {
	case <-watchfrr.Ended:
		said, _ := os.ReadFile(out.Name())
		l.t.Fatalf("watchfrr has ended: %s", said)
	case <-time.After(300 * time.Millisecond):
	}
}
