package manager

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestASilenceIsToldOnce(t *testing.T) {
	since := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		silence  silence
		after    time.Duration
		believed bool
		told     bool
		again    time.Duration
	}{
		"an expired lease that is believed":              {silence{since: since}, 4 * time.Second, true, true, never},
		"what was told":                                  {silence{since, since}, time.Hour, true, false, never},
		"another one, of the same node":                  {silence{since, since.Add(-time.Hour)}, 4 * time.Second, true, true, never},
		"a lease that is not believed, for a while":      {silence{since: since}, 4 * time.Second, false, false, 56 * time.Second},
		"a lease that is not believed, for long":         {silence{since: since}, time.Minute, false, true, never},
		"a node of which nobody knows since when it was": {silence{}, time.Hour, true, false, never},
	} {
		t.Run(name, func(t *testing.T) {
			told, again := c.silence.news(since.Add(c.after), c.believed)
			require.Equal(t, c.told, told)
			require.Equal(t, c.again, again)
		})
	}
}
