package source

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/test/skip"
)

// examples are the documents that our users start from; they lie beside the repository, not in it.
const examples = "../../../shared/examples"

func TestExamplesAreReadWithoutErrors(t *testing.T) {
	if _, err := os.Stat(examples); err != nil {
		skip.Test(t, "", fmt.Errorf("the examples are not on this machine: %w", err))
	}
	r := read(t, examples+"/openshift")
	require.Empty(t, r.Problems)
	require.Len(t, r.Objects.Peers, 8)
	require.Len(t, r.Objects.Pools, 3)
	require.Len(t, r.Objects.Services, 1)
	for _, a := range r.Objects.Advertisements {
		if a.Name == "bgpadvertisement-1" {
			require.Equal(t, []string{"65535:65282"}, a.Spec.Communities)
		}
	}
}
