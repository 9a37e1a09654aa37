package status

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/validation"
)

// The API server refuses an object whose name, or the value of whose label, is too long or ends wrongly where it was cut.
func TestNamesOfAnyLengthAreTaken(t *testing.T) {
	for n := 1; n < nameLimit; n++ { // so that each limit falls before, on and behind a dot and a hyphen
		name := strings.Repeat("a", n) + ".b-" + strings.Repeat("c", nameLimit+10-n)
		require.Empty(t, validation.IsValidLabelValue(labelValue(name)), name)
		require.Empty(t, validation.IsDNS1123Subdomain(objectName(name)), name)
	}
	for _, name := range []string{"", "node-1", strings.Repeat("a", labelLimit)} {
		require.Equal(t, name, labelValue(name), "what fits stays as it is")
	}
	require.Equal(t, strings.Repeat("a", nameLimit), objectName(strings.Repeat("a", nameLimit)))
	long := strings.Repeat("a", nameLimit)
	require.NotEqual(t, objectName(long+"1"), objectName(long+"2"), "names that differ stay different")
	require.NotEqual(t, labelValue(long+"1"), labelValue(long+"2"), "names that differ stay different")
}
