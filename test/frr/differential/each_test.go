package differential

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

func TestEachAfterEach(t *testing.T) {
	const n = 7
	order := eachAfterEach(n)
	steps := map[[2]int]int{}
	for i := range len(order) - 1 {
		steps[[2]int{order[i], order[i+1]}]++
	}
	assert.Len(t, steps, n*(n-1))
	assert.Len(t, order, n*(n-1)+1)
	assert.Equal(t, 0, order[0])
	assert.Equal(t, 0, order[len(order)-1])
}

// TestEachFindsItsPlaces sees that every line stands in the configuration, and where its pairs begin.
func TestEachFindsItsPlaces(t *testing.T) {
	for _, v := range fabric.Versions() {
		pair := 0
		for _, f := range families(v) {
			t.Logf("%s, from pair %d: %s: %q", v, pair, f.place, f.lines)
			pair += len(f.lines) * (len(f.lines) + 1)
			for _, l := range f.lines {
				assert.NotEqual(t, f.text(""), f.text(l), "%s: %s", f.place, l)
			}
		}
		t.Logf("%s: %d pairs", v, Each{}.Pairs(v))
	}
}

// sample is of how many lines one is read, the seed telling which.
const sample = 16

// TestEachIsTaken has empty FRRs read lines of the walk: they take them all.
func TestEachIsTaken(t *testing.T) {
	for _, v := range versions(t) {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			bare := fabric.NewBare(t, v)
			number := *seed
			for _, f := range families(v) {
				for _, l := range f.lines {
					if number++; number%sample != 0 {
						continue
					}
					said, _, err := bare.Check(t.Context(), f.text(l))
					require.NoError(t, err)
					assert.Empty(t, unremarked(said), "%s: %s", f.place, l)
				}
			}
		})
	}
}
