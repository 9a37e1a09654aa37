package faults

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/frr-renderer/frr-renderer/test/apiserver"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// says answers lists with a text.
func says(code int, contentType, text string) apiserver.Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if apiserver.Resource(r) == "" {
			return false
		}
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		_, _ = w.Write([]byte(text))
		return true
	}
}

func status(code int, reason, message string) apiserver.Fault {
	return says(code, "application/json", fmt.Sprintf(
		`{"kind":"Status","apiVersion":"v1","status":"Failure","message":%q,"reason":%q,"code":%d}`, message, reason, code))
}

// half answers with the first half of what the API server says, and hangs up. Watches are refused, so that the objects are listed.
func half(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
	if apiserver.Watches(r) {
		return status(http.StatusGone, "Expired", "too old resource version")(w, r, next)
	}
	if !apiserver.Lists(r) {
		return false
	}
	if r.URL.Query().Get("watch") != "" {
		return status(http.StatusUnprocessableEntity, "Invalid", "sendInitialEvents is forbidden")(w, r, next)
	}
	r = r.Clone(r.Context())
	r.Header.Del("Accept-Encoding")
	recorded := httptest.NewRecorder()
	next.ServeHTTP(recorded, r)
	for name, values := range recorded.Header() {
		w.Header()[name] = values
	}
	body := recorded.Body.Bytes()
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(body[:len(body)/2])
	panic(http.ErrAbortHandler)
}

// unknown has the API server answer somebody whom it does not know: a token that has expired.
func unknown(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
	return status(http.StatusUnauthorized, "Unauthorized", "Unauthorized")(w, r, nil)
}

// Whatever is answered in place of the objects changes nothing, also not for a product that starts meanwhile.
func TestBadAnswers(t *testing.T) {
	faults := map[string]apiserver.Fault{
		"error 500":       status(http.StatusInternalServerError, "InternalError", "etcdserver: request timed out"),
		"error 429":       status(http.StatusTooManyRequests, "TooManyRequests", "too many requests"),
		"error 401":       unknown,
		"error 403":       status(http.StatusForbidden, "Forbidden", "forbidden"),
		"error 404":       status(http.StatusNotFound, "NotFound", "the server could not find the requested resource"),
		"error 410":       status(http.StatusGone, "Expired", "too old resource version"),
		"garbage":         says(http.StatusOK, "application/json", `{"kind":"List","items":[{"a`),
		"binary garbage":  says(http.StatusOK, "application/vnd.kubernetes.protobuf", "k8s\x00\x0a\xff\xff\xff"),
		"a login page":    says(http.StatusOK, "text/html", "<html><body>Sign in</body></html>"),
		"nothing":         says(http.StatusOK, "application/json", ""),
		"half the answer": half,
	}
	each(t, func(t *testing.T, v fabric.Version) {
		l := newFaultLab(t, v)
		l.ready()
		n := 20
		for what, fault := range faults {
			n++
			w := l.listen()
			l.proxy.Break(fault)
			l.proxy.Cut()
			l.Apply(service(n))
			l.eventually(what+" was answered", func() bool { return l.proxy.Faulted() >= 10 })
			w.heardNothing()
			l.restart()
			before := l.proxy.Faulted()
			l.eventually(what+" was answered to the next product, again and again", func() bool { return l.proxy.Faulted() >= before+20 })
			w.heardNothing()
			l.proxy.Break(nil)
			l.hears(address(n))
			w.heardOnly([]netip.Prefix{address(n)}, nil)
			t.Logf("%s: nothing was lost", what)
		}
	})
}

// shorten has watches end after a second, as the API server ends them after minutes: they go on from a resource version then.
func shorten(r *http.Request) {
	if r.URL.Query().Get("watch") != "" {
		set(r, "timeoutSeconds", "1")
	}
}

func set(r *http.Request, parameter, value string) {
	query := r.URL.Query()
	query.Set(parameter, value)
	r.URL.RawQuery = query.Encode()
}

// Every watch ends with "too old resource version" after its first event, as those do that can't keep up.
func TestWatchExpires(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newFaultLab(t, v)
		w := l.listen()
		l.proxy.Break(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
			if !apiserver.Watches(r) {
				shorten(r)
				return false
			}
			if strings.Contains(r.Header.Get("Accept"), "protobuf") {
				return status(http.StatusGone, "Expired", "too old resource version")(w, r, nil)
			}
			return says(http.StatusOK, "application/json",
				`{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too old resource version","reason":"Expired","code":410}}`+"\n")(w, r, nil)
		})
		l.proxy.Cut()
		l.eventually("watches have expired", func() bool { return l.proxy.Faulted() >= attempts })
		l.Apply(service(12))
		l.hears(address(12))
		w.heardOnly([]netip.Prefix{address(12)}, nil)
		l.proxy.Break(nil)
		l.working(13)
	})
}

// The right to watch is taken away, that to list stays: changes come later, and nothing is lost.
func TestListWithoutWatch(t *testing.T) {
	each(t, func(t *testing.T, v fabric.Version) {
		l := newFaultLab(t, v)
		client, err := kubernetes.NewForConfig(l.Server())
		require.NoError(t, err)
		roles := client.RbacV1().ClusterRoles()
		role, err := roles.Get(t.Context(), "frr-renderer-"+l.side.Node, metav1.GetOptions{})
		require.NoError(t, err)
		w, mark := l.listen(), len(l.side.Log())
		given := role.Rules
		role.Rules = nil
		for _, r := range given {
			kept := rbacv1.PolicyRule{APIGroups: r.APIGroups, Resources: r.Resources}
			for _, verb := range r.Verbs {
				if verb != "watch" {
					kept.Verbs = append(kept.Verbs, verb)
				}
			}
			role.Rules = append(role.Rules, kept)
		}
		role, err = roles.Update(t.Context(), role, metav1.UpdateOptions{})
		require.NoError(t, err)
		l.proxy.Cut()
		l.Apply(service(12))
		l.hears(address(12))
		l.Delete("Service", name(12))
		l.loses(address(12))
		l.says(mark, "(Forbidden)")
		w.heardOnly([]netip.Prefix{address(12)}, []netip.Prefix{address(12)})
		role.Rules = given
		_, err = roles.Update(t.Context(), role, metav1.UpdateOptions{})
		require.NoError(t, err)
		l.NoProblem("node1", "Forbidden")
		l.working(13)
	})
}
