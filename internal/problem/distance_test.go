package problem

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDistance(t *testing.T) {
	for _, one := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "med", 3}, {"med", "", 3}, {"med", "med", 0}, {"mad", "med", 1}, {"kitten", "sitting", 3}} {
		require.Equal(t, one.want, Distance(one.a, one.b), "%q %q", one.a, one.b)
	}
}
