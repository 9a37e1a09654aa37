package faults

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
	"github.com/frr-renderer/frr-renderer/test/frr/manifest"
)

func secret(name, password string) string {
	return manifest.Object("Secret", name, fmt.Sprintf("type: kubernetes.io/basic-auth\nstringData: {password: %q}", password))
}

// newSecretLab has a session whose password is in a Secret, beside that of the base.
func newSecretLab(t *testing.T, v fabric.Version) (*faultLab, func(password string)) {
	l := newFaultLab(t, v)
	require.NoError(t, l.Node("tor1").AddAddress("", "eth0", "10.0.0.7/24"))
	other := l.peer("10.0.0.7", "before")
	l.Apply(secret("md5", "before"), manifest.Peer("tor7", "10.0.0.7", 64501, "passwordSecret: {name: md5}"))
	require.NoError(t, other.WaitEstablished(l.within()))
	l.ready()
	return l, func(password string) {
		other.Close()
		other = l.peer("10.0.0.7", password)
		require.NoError(t, other.WaitEstablished(l.within()))
	}
}

// A Secret is rotated: the session that uses it is made anew, and no other.
func TestSecretRotated(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l, with := newSecretLab(t, v)
		w := l.listen()
		for _, password := range []string{"after", "later"} {
			l.Apply(secret("md5", password))
			with(password)
		}
		w.heardNothing()
		require.NotContains(t, l.side.Log(), "later", "a password in the log")
	})
}

// The API server can't read a Secret, or forbids it: its session stays, also when the product is restarted, and all else goes on.
func TestSecretThatCantBeRead(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l, with := newSecretLab(t, v)
		n := 20
		for what, answer := range map[string]apiserver.Fault{
			"error 500": status(http.StatusInternalServerError, "InternalError", "unable to transform key: no matching key was found for the provided AES transformer"),
			"forbidden": status(http.StatusForbidden, "Forbidden", `secrets is forbidden`),
		} {
			w := l.listen()
			sessions, err := l.node.Sessions(t.Context())
			require.NoError(t, err)
			l.proxy.Break(func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
				return apiserver.Resource(r) == "secrets" && answer(w, r, next)
			})
			l.proxy.Cut()
			l.eventually(what, func() bool { return l.proxy.Faulted() >= 3 })
			l.working(n)
			l.restart()
			before := l.proxy.Faulted()
			l.eventually(what+" to the next product", func() bool { return l.proxy.Faulted() >= before+3 })
			l.working(n)
			after, err := l.node.Sessions(t.Context())
			require.NoError(t, err)
			require.Empty(t, fabric.Disturbed(sessions, after), what)
			w.heardOnly([]netip.Prefix{address(n)}, []netip.Prefix{address(n)})
			if what == "error 500" {
				l.Problem("node1", "InvalidSecret", "no matching key was found")
			}
			l.proxy.Break(nil)
			l.NoProblem("node1", "Secret")
			n++
		}
		l.Apply(secret("md5", "after"))
		with("after")
	})
}
