package hostnet

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkPutToFirstReply is how long it takes from Put until a neighbor that keeps asking has its first reply. The neighbor asks again as
// soon as a question has had a millisecond without an answer.
func BenchmarkPutToFirstReply(b *testing.B) {
	places := newLAN(b, Config{}, Config{})
	host, neighbor := places[0], places[1]
	lan := neighbor.lan(floating)
	m := measure{b: b}
	for b.Loop() {
		require.NoError(b, neighbor.withARP(b.Context(), lan, floating, func(w *wire) error {
			start := time.Now()
			require.NoError(b, host.Put(b.Context(), floating))
			for answered := false; !answered; {
				require.NoError(b, w.tell(question(lan, floating)))
				var err error
				_, answered, err = neighbor.hear(b.Context(), w, floating, time.Now().Add(time.Millisecond))
				require.NoError(b, err)
			}
			m.took(time.Since(start))
			return nil
		}))
		require.NoError(b, host.Take(b.Context(), floating))
	}
	m.report()
}

// BenchmarkAnnouncementToNeighbor is how long it takes from the call of Announce until a neighbor's socket has it.
func BenchmarkAnnouncementToNeighbor(b *testing.B) {
	places := newLAN(b, Config{}, Config{})
	host, neighbor := places[0], places[1]
	lan, there := host.lan(floating), neighbor.lan(floating)
	m := measure{b: b}
	for b.Loop() {
		require.NoError(b, neighbor.withARP(b.Context(), there, floating, func(w *wire) error {
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan error, 1)
			start := time.Now()
			go func() { done <- host.Announce(ctx, lan, floating) }()
			_, _, err := neighbor.hear(ctx, w, floating, time.Time{})
			m.took(time.Since(start))
			cancel()
			<-done
			return err
		}))
	}
	m.report()
}

// BenchmarkConflictNoticed is how long it takes from another host's Put, which tells nobody, until the holder's Watch reports it.
func BenchmarkConflictNoticed(b *testing.B) {
	places := newLAN(b, Config{}, Config{})
	host, other := places[0], places[1]
	require.NoError(b, host.Put(b.Context(), floating))
	m := measure{b: b}
	for b.Loop() {
		ctx, cancel := context.WithCancel(b.Context())
		conflicts, done := make(chan Conflict, 1000), make(chan error, 1)
		lan := host.lan(floating)
		go func() { done <- host.Watch(ctx, lan, floating, func(c Conflict) { conflicts <- c }) }()
		host.ready()
		// At another moment of the watcher's rhythm each time.
		time.Sleep(time.Duration(len(m.times)*37%100) * host.config.WatchEvery / 100)
		start := time.Now()
		require.NoError(b, other.Put(b.Context(), floating))
		<-conflicts
		m.took(time.Since(start))
		cancel()
		<-done
		require.NoError(b, other.Take(b.Context(), floating))
	}
	m.report()
}

// BenchmarkProbe is what a floating IP waits for before it is put on, when nobody answers.
func BenchmarkProbe(b *testing.B) {
	places := newLAN(b, Config{}, Config{})
	lan := places[0].lan(floating)
	m := measure{b: b}
	for b.Loop() {
		start := time.Now()
		_, taken, err := places[0].Probe(b.Context(), lan, floating)
		require.NoError(b, err)
		require.False(b, taken)
		m.took(time.Since(start))
	}
	m.report()
}

// BenchmarkSubnets is one look at a node with 500 pods.
func BenchmarkSubnets(b *testing.B) {
	places := newLAN(b, Config{}, Config{})
	pods := newPlace(b, Config{})
	for i := range 500 {
		plug(places[0], pod(i), pods, pod(i))
	}
	for b.Loop() {
		_, err := places[0].Subnets(b.Context())
		require.NoError(b, err)
	}
}

func pod(i int) string { return fmt.Sprintf("veth%d", i) }

// measure keeps single times, since the worst one counts as much as the median.
type measure struct {
	b     *testing.B
	times []time.Duration
}

func (m *measure) took(d time.Duration) { m.times = append(m.times, d) }

func (m *measure) report() {
	slices.Sort(m.times)
	n := len(m.times)
	m.b.ReportMetric(float64(m.times[n/2].Microseconds())/1000, "median-ms")
	m.b.ReportMetric(float64(m.times[n*95/100].Microseconds())/1000, "p95-ms")
	m.b.ReportMetric(float64(m.times[n-1].Microseconds())/1000, "worst-ms")
}
