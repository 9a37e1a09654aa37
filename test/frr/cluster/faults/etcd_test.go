package faults

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// etcd, or the API server, is killed, stays away, and comes back with its data.
func TestControlPlaneRestarted(t *testing.T) {
	alone(t, func(t *testing.T, v fabric.Version) {
		l := newFaultLab(t, v)
		n := 20
		for _, program := range []string{"etcd", "kube-apiserver"} {
			n++
			l.Apply(service(n))
			l.hears(address(n))
			w := l.listen()
			start := l.API().Kill(t, program)
			mark := len(l.side.Log())
			if program == "kube-apiserver" {
				l.says(mark, "the API server can't be read")
			}
			l.restart()
			w.heardNothing()
			start()
			l.Delete("Service", name(n))
			l.loses(address(n))
			n++
			l.working(n)
			w.heardOnly(addresses(n, n+1), addresses(n-1, n+1))
			require.Equal(t, w.sessions, l.tor.Sessions())
		}
		l.tooOld()
	})
}

// tooOld has watches go on from a resource version that the API server has forgotten since it was restarted: it says so, itself, and everything is
// read again.
func (l *faultLab) tooOld() {
	l.t.Helper()
	l.Apply(service(42))
	l.hears(address(42))
	w := l.listen()
	l.gate.Shut()
	l.Apply(service(43))
	l.Delete("Service", name(42))
	var old atomic.Int64
	l.proxy.Break(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		shorten(r)
		if apiserver.Watches(r) {
			old.Add(1)
			set(r, "resourceVersion", "1")
		}
		return false
	})
	l.gate.Open()
	l.hears(address(43))
	l.loses(address(42))
	l.eventually("the API server was asked for what it has forgotten", func() bool { return old.Load() >= attempts })
	w.heardOnly(addresses(43, 44), addresses(42, 43))
	l.proxy.Break(nil)
	l.working(44)
}
