package nodereport

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// within requires a duration between two.
func within(t *testing.T, least, most, is time.Duration) {
	t.Helper()
	require.GreaterOrEqual(t, is, least)
	require.LessOrEqual(t, is, most)
}

func TestWithoutAChangeThereIsAHeartbeatNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(time.Minute, time.Second)
		within(t, 0, time.Minute, p.left(time.Now(), same))
		for range 100 {
			p.wrote(time.Now(), same)
			within(t, 45*time.Second, 75*time.Second, p.left(time.Now(), same))
		}
	})
}

func TestADetailWaitsItsTurnAndNoLongerThanTheHeartbeat(t *testing.T) {
	p := newPace(time.Hour, time.Minute)
	require.Zero(t, p.left(time.Now(), detail))
	p.wrote(time.Now(), detail)
	within(t, 44*time.Second, 75*time.Second, p.left(time.Now(), detail))
	p = newPace(time.Second, time.Hour)
	p.wrote(time.Now(), detail)
	within(t, 0, 1250*time.Millisecond, p.left(time.Now(), detail))
}

func TestSomeChangesComeAtOnceAndManyNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(time.Hour, time.Hour)
		for range burst {
			require.Zero(t, p.left(time.Now(), matters))
			p.wrote(time.Now(), matters)
		}
		require.Equal(t, period, p.left(time.Now(), matters))
		for range 10 {
			time.Sleep(p.left(time.Now(), matters))
			p.wrote(time.Now(), matters)
			require.Equal(t, period, p.left(time.Now(), matters))
		}
		time.Sleep(burst * period)
		for range burst {
			require.Zero(t, p.left(time.Now(), matters))
			p.wrote(time.Now(), matters)
		}
	})
}

func TestAfterFailuresPausesGrowAndWhatMattersComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(time.Nanosecond, time.Nanosecond)
		for _, most := range []time.Duration{pauseFirst, 2 * pauseFirst, 4 * pauseFirst, 8 * pauseFirst} {
			p.failed(time.Now())
			for _, d := range []difference{same, detail, matters} {
				within(t, most/2, most, p.left(time.Now(), d))
			}
			time.Sleep(most)
			require.Zero(t, p.left(time.Now(), matters))
		}
		for range 10 {
			p.failed(time.Now())
		}
		within(t, restMost/2, restMost, p.left(time.Now(), same))
		within(t, pauseMost/2, pauseMost, p.left(time.Now(), matters))
		p.wrote(time.Now(), matters)
		p.failed(time.Now())
		within(t, pauseFirst/2, pauseFirst, p.left(time.Now(), matters))
	})
}

// A try that hangs leaves time for another before the lease runs out.
func TestATryOfARenewalLeavesTimeForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &renewer{}
		require.Equal(t, Term*2/3, r.patience(time.Now()), "it never was renewed")
		r.until = time.Now().Add(Term)
		time.Sleep(renewEvery)
		tries := 0
		for time.Now().Before(r.until) {
			tries++
			time.Sleep(r.patience(time.Now()) + tryAgain)
		}
		require.GreaterOrEqual(t, tries, 2)
	})
}
