package differential

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// TestWideIsTaken has empty FRRs read what Wide makes: they take every line.
func TestWideIsTaken(t *testing.T) {
	for _, v := range versions(t) {
		t.Run(string(v), func(t *testing.T) {
			bare := fabric.NewBare(t, v)
			for number := range uint64(4) {
				for i, text := range (Wide{}).Chain(rand.New(rand.NewPCG(*seed, number)), v, chain) {
					said, _, err := bare.Check(t.Context(), text)
					require.NoError(t, err)
					assert.Empty(t, unremarked(said), "text %d of chain %d:\n%s", i, number, text)
				}
			}
		})
	}
}
