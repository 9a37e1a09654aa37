package faults

import (
	"testing"

	"github.com/stretchr/testify/require"

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
	})
}
