package gateway

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	networking "github.com/frr-renderer/frr-renderer/api/gdc/networking/v1"
)

// The API server refuses a status with a longer one, and sessions are told only once it has who holds what: one group would keep all of them.
func TestAConditionFitsWhateverSomebodyWrote(t *testing.T) {
	for _, shape := range []any{map[string]any{strings.Repeat("é", 40_000): "a"}, []any{strings.Repeat("é", 40_000) + "=a"}} {
		text, err := json.Marshal(shape)
		require.NoError(t, err)
		selector := &networking.NodeSelector{}
		require.NoError(t, selector.UnmarshalJSON(text))
		g := &networking.NetworkGatewayGroup{ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: "cluster-bm"}}
		g.Spec.FloatingIPs, g.Spec.NodeSelector = []string{"10.0.1.100"}, selector
		out := Assign(Input{Groups: []*networking.NetworkGatewayGroup{g}})
		long := 0
		for _, c := range out.Conditions {
			require.LessOrEqual(t, len(c.Message), 32768)
			require.True(t, utf8.ValidString(c.Message))
			long = max(long, len(c.Message))
		}
		require.Greater(t, long, 4000, "what it says is told as far as it goes")
	}
}
