package v1

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnASNIsANumberOrAText(t *testing.T) {
	for written, want := range map[string]ASN{
		`65001`: 65001, `"65001"`: 65001, `4294967295`: 4294967295, `"4294967295"`: 4294967295, `"1.10"`: 65546, `"0.1"`: 1, `"65535.65535"`: 4294967295, `null`: 0,
	} {
		var a ASN
		require.NoError(t, json.Unmarshal([]byte(written), &a), written)
		require.Equal(t, want, a, written)
	}
	for written, message := range map[string]string{
		`0`: "no AS number", `"0.0"`: "no AS number", `4294967296`: "no AS number", `-1`: "no AS number", `1.10`: "needs quotes", `"AS65001"`: "no AS number",
		`"65536.1"`: "no AS number", `"1.2.3"`: "no AS number", `""`: "no AS number", `true`: "no AS number", `"+1"`: "no AS number",
	} {
		var a ASN
		require.ErrorContains(t, json.Unmarshal([]byte(written), &a), message, written)
	}
}

func TestANodeIsReachedAtItsKubernetesAddress(t *testing.T) {
	require.Equal(t, "10.0.1.10", PoolNode{Address: "10.0.1.10"}.NodeIP())
	require.Equal(t, "10.1.1.10", PoolNode{Address: "10.0.1.10", K8sIP: "10.1.1.10"}.NodeIP())
}
