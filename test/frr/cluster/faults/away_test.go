package faults

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// outage waits until the product has tried in vain for some time.
func (l *faultLab) outage() {
	l.t.Helper()
	l.eventually("it was tried again and again", func() bool { return l.gate.Turned() >= attempts })
	if *long {
		time.Sleep(3 * time.Minute) // the fault itself
	}
}

// The API server goes away; what changes meanwhile is found when it is back, and until then nothing changes.
func TestAPIServerAway(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newFaultLab(t, v)
		l.Apply(service(12))
		l.hears(address(12))
		w := l.listen()
		l.gate.Shut()
		l.Apply(service(13))
		l.Delete("Service", name(12))
		l.outage()
		w.heardNothing()
		l.gate.Open()
		l.hears(address(13))
		l.loses(address(12))
		w.heardOnly([]netip.Prefix{address(13)}, []netip.Prefix{address(12)})
		l.working(14)
	})
}

// FRR and the product start while the API server is away, as after a power cut: FRR has what frr.conf gave it, and the product leaves that alone.
func TestAPIServerAwayAtOurStart(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newFaultLab(t, v)
		l.Apply(service(12))
		l.hears(address(12))
		l.ready()
		l.keeps(address(12))
		l.side.Kill()
		l.gate.Shut()
		l.Delete("Service", name(12))
		l.Apply(service(13))
		before := l.tor.Sessions()
		require.NoError(t, l.node.Restart(l.within()))
		l.Forget()
		_, err := l.node.Boot(l.within())
		require.NoError(t, err)
		l.eventually("FRR has called", func() bool { return l.tor.Sessions() > before && l.tor.Established() })
		l.hears(address(10), address(11), address(12))
		w := l.listen()
		l.Forget()
		l.run()
		l.outage()
		require.Error(t, l.readiness(), "not ready before everything is known")
		w.heardNothing()
		l.gate.Open()
		l.hears(address(13))
		l.loses(address(12))
		w.heardOnly([]netip.Prefix{address(13)}, []netip.Prefix{address(12)})
		l.ready()
	})
}

// The product is killed and started again while the API server is away.
func TestKilledWhileTheAPIServerIsAway(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newFaultLab(t, v)
		l.ready()
		w := l.listen()
		l.gate.Shut()
		l.restart()
		l.outage()
		l.restart()
		w.heardNothing()
		l.gate.Open()
		l.working(14)
		w.heardOnly([]netip.Prefix{address(14)}, []netip.Prefix{address(14)})
	})
}

// FRR is restarted while the API server is away: the product gives it what it had asked for last.
func TestFRRRestartedWhileTheAPIServerIsAway(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newFaultLab(t, v)
		l.ready()
		l.gate.Shut()
		before := l.tor.Sessions()
		require.NoError(t, l.node.Kill(l.within(), unix.SIGKILL))
		require.NoError(t, l.node.Restart(l.within())) // without frr.conf
		l.Forget()
		l.eventually("FRR has called", func() bool { return l.tor.Sessions() > before && l.tor.Established() })
		l.hears(address(10), address(11))
		l.gate.Open()
		l.Forget()
		l.working(12)
	})
}
