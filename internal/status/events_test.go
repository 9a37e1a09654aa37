package status_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	eventsclient "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/rest"

	"github.com/frr-renderer/frr-renderer/internal/status"
	"github.com/frr-renderer/frr-renderer/test/apiserver"
)

func plan(digest string, neighbors ...string) status.Held {
	return status.Held{Digest: digest, Neighbors: neighbors, Allow: "frr-renderer.io/allow-resets=" + digest}
}

// about waits until a node has so many Events.
func about(t *testing.T, server *apiserver.Server, node string, n int) []eventsv1.Event {
	t.Helper()
	var out []eventsv1.Event
	for end := time.Now().Add(20 * time.Second); len(out) < n; time.Sleep(50 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "%d Events about %s: %v", n, node, out)
		list, err := server.Client.EventsV1().Events(metav1.NamespaceDefault).List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		out = nil
		for _, e := range list.Items {
			if e.Regarding.Name == node {
				out = append(out, e)
			}
		}
	}
	require.Len(t, out, n)
	return out
}

// What a real API server takes, and what kubectl finds.
func TestAnAPIServerTakesTheEvents(t *testing.T) {
	server := apiserver.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	announcer := func(node string) *status.Announcer {
		a, err := status.NewAnnouncer(ctx, node, server.Client.EventsV1(), slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		return a
	}

	t.Run("each plan has its own, and one that comes back counts up", func(t *testing.T) {
		a := announcer("node1")
		one, two := plan(strings.Repeat("1", 24), "10.0.0.1"), plan(strings.Repeat("2", 24), "10.0.0.1", "10.0.0.2 vrf red")
		a.Held(one)
		a.Held(two)
		a.Gone(two)
		for _, e := range about(t, server, "node1", 3) {
			require.Equal(t, "Node", e.Regarding.Kind)
			require.Contains(t, e.Note, e.Related.Name, "the plan")
			require.Equal(t, e.Reason == "ResetsHeld", e.Type == "Warning")
		}
		a.Held(one)
		require.Eventually(t, func() bool {
			for _, e := range about(t, server, "node1", 3) {
				if e.Reason == "ResetsHeld" && e.Related.Name == one.Digest {
					return e.Series != nil && e.Series.Count == 2
				}
			}
			return false
		}, 20*time.Second, 50*time.Millisecond)
	})

	t.Run("however long names are", func(t *testing.T) {
		node := strings.Repeat("n", 253)
		var neighbors []string
		for i := range 300 {
			neighbors = append(neighbors, fmt.Sprintf("%03d%s", i, strings.Repeat("x", 97)))
		}
		long := plan(strings.Repeat("f", 24), neighbors...)
		a := announcer(node)
		a.Held(long)
		a.LetThrough(long)
		a.Gone(long)
		for _, e := range about(t, server, node, 3) {
			if e.Reason == "ResetsHeld" {
				require.Contains(t, e.Note, " more. Everything else is applied.")
				require.Contains(t, e.Note, long.Allow, "the end of it")
			}
		}
	})
}

// An API server that takes connections and says nothing.
func TestAnAPIServerThatHangsDelaysNobody(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	reached := make(chan net.Conn, 100)
	go func() {
		for c, err := listener.Accept(); err == nil; c, err = listener.Accept() {
			reached <- c
		}
	}()
	client, err := eventsclient.NewForConfig(&rest.Config{Host: "http://" + listener.Addr().String(), Timeout: time.Minute})
	require.NoError(t, err)
	a, err := status.NewAnnouncer(t.Context(), "node1", client, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	begun := time.Now()
	for i := range 2000 { // more than any queue holds
		a.Held(plan(fmt.Sprintf("%024x", i), "10.0.0.1"))
	}
	require.Less(t, time.Since(begun), 30*time.Second, "a request takes a minute")
	select {
	case c := <-reached:
		c.Close()
	case <-time.After(10 * time.Second):
		t.Fatal("nobody asked the API server")
	}
}
