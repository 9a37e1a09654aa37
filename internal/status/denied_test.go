package status

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answers are what an API server says: a code and a text.
type answers func(r *http.Request) (int, string)

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) {
	code, text := f(r)
	return &http.Response{StatusCode: code, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

func TestDenialsAreFoundInAnswers(t *testing.T) {
	now := time.Now()
	var log strings.Builder
	d := NewDenials(func() time.Time { return now }, slog.New(slog.NewTextHandler(&log, nil)))
	code, text := 0, ""
	client := http.Client{Transport: d.Watch(answers(func(*http.Request) (int, string) { return code, text }))}
	ask := func(method, path string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, "http://api"+path, http.NoBody)
		require.NoError(t, err)
		response, err := client.Do(request)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, text, string(body), "others read the answer, too")
	}
	no := func(verb, resource string) string {
		return fmt.Sprintf(`{"message":"... User \"x\" cannot %s resource \"%s\" in API group \"metallb.io\" in the namespace \"m\""}`, verb, resource)
	}
	const states = "/apis/metallb.io/v1beta1/namespaces/m/configurationstates"

	code, text = 403, `exceeded quota: full`
	ask(http.MethodPost, states)
	require.Empty(t, d.Problems(), "a quota is no right")

	code, text = 403, no("list", "configurationstates")
	ask(http.MethodGet, states)
	ask(http.MethodGet, states)
	require.Len(t, d.Problems(), 1)
	require.Contains(t, d.Problems()[0].String(), "warning ConfigurationState.metallb.io m/- -: the API server forbids to list it; "+
		"let this program's account list configurationstates.metallb.io in namespace m; it is for: ")
	require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
	code, text = 200, ""
	ask(http.MethodGet, states+"?watch=1&sendInitialEvents=true")
	require.Empty(t, d.Problems(), "a stream brings what was to be listed")
	require.Equal(t, 2, strings.Count(log.String(), "\n"), log.String())

	code, text = 403, "cannot set an ownerRef on a resource you can't delete: , <nil>"
	ask(http.MethodPatch, states+"/speaker-a")
	require.Contains(t, d.Problems()[0].Message, "let this program's account delete configurationstates.metallb.io")
	code, text = 200, ""
	ask(http.MethodPatch, states+"/speaker-a")
	require.Empty(t, d.Problems())

	code, text = 403, no("delete", "configurationstates")
	ask(http.MethodDelete, states+"/speaker-a")
	code, text = 200, ""
	ask(http.MethodPatch, states+"/speaker-a")
	require.Len(t, d.Problems(), 1, "who may patch need not be who may delete")
	now = now.Add(patience + time.Second)
	require.Empty(t, d.Problems(), "nobody has needed it for an hour")
}
