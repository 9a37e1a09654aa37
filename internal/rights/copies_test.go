package rights

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCopyingTakesOneNamespaceAndReadsAtTheSourceOnly(t *testing.T) {
	require.Len(t, Copies(), 4)
	for _, r := range Copies() {
		require.Equal(t, Copied, r.Scope, r.Resource)
		require.Equal(t, CopySource, r.If, "who copies nothing gives nobody the right")
		require.NotContains(t, r.Resource, "/", "a status is never copied")
	}
	for i, r := range Source() {
		require.Equal(t, Copies()[i].Resource, r.Resource)
		require.Equal(t, watched, r.Verbs, r.Resource)
	}
}
