package differential

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/reload"
	"github.com/frr-renderer/frr-renderer/internal/render"
	"github.com/frr-renderer/frr-renderer/internal/vtysh"
	"github.com/frr-renderer/frr-renderer/test/frr/fabric"
)

// An FRR that starts with what a change became without a neighbor that is spared takes every line of it.
func TestFRRTakesWhatIsSpared(t *testing.T) {
	for _, v := range versions(t) {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			bare := fabric.NewBare(t, v)
			client := vtysh.NewAuto(vtysh.NewSocket(bare.VtyDir()), vtysh.NewExec("", bare.VtyshPath()))
			t.Cleanup(func() { _ = client.Close() })
			engine := reload.New(client, reload.Options{Now: time.Now})
			loads := 0
			for _, dir := range keptPairs(t, v) {
				p := keptPair(t, dir)
				elsewhere := strings.NewReplacer(" netns /run/netns/"+vrf+"\n", "") // no VRF is here
				a, b := render.Document{Text: elsewhere.Replace(p.A)}, render.Document{Text: elsewhere.Replace(p.B)}
				plan, err := engine.Between(t.Context(), a, b)
				require.NoError(t, err)
				resets := plan.Resets()
				if len(resets) == 0 {
					continue
				}
				for _, keep := range [][]string{resets[:1], resets} {
					document, _, err := engine.Spare(t.Context(), a, b, keep)
					require.NoError(t, err)
					said, _, err := bare.Check(t.Context(), document.Text)
					require.NoError(t, err)
					require.Empty(t, unremarked(said), "%s without the change of %v:\n%s", dir, keep, document.Text)
					loads++
					if len(resets) == 1 {
						break
					}
				}
			}
			require.NotZero(t, loads)
		})
	}
}
