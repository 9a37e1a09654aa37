package rights

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryRightHasAReasonAndIsNarrow(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range All() {
		key := string(r.Scope) + " " + r.Group + "/" + r.Resource
		require.Contains(t, []Scope{Cluster, Namespace, Reports}, r.Scope, key)
		require.NotEmpty(t, r.Why, key)
		require.NotEmpty(t, r.Verbs, key)
		for _, word := range slices.Concat(r.Verbs, []string{r.Resource, r.Group}) {
			require.NotContains(t, word, "*", key)
		}
		require.False(t, seen[key+r.If] && len(r.Names) == 0, "%s is in the list twice: make one of both", key)
		seen[key+r.If] = true
	}
}

func TestSecretsAndConfigMapsAreReadInOneNamespaceOnly(t *testing.T) {
	for _, r := range All() {
		if r.Group == "" && (r.Resource == "secrets" || r.Resource == "configmaps") {
			require.Equal(t, Namespace, r.Scope, r.Resource)
		}
	}
}

// Who has no floating IPs gives nobody a right that is for them.
func TestWithoutGDCNothingOfItIsAskedFor(t *testing.T) {
	plain := Without(All(), GDC)
	require.NotEmpty(t, plain)
	require.Less(t, len(plain), len(All()))
	for _, r := range plain {
		require.NotEqual(t, Reports, r.Scope, r.Resource)
		require.NotContains(t, r.Group, "gke.io", r.Resource)
		require.NotEqual(t, "leases", r.Resource)
		for _, name := range r.Names {
			require.NotContains(t, name, "gke.io")
		}
	}
}
