package gateway

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/validation"
)

func TestALeaseNameFitsWhateverTheNode(t *testing.T) {
	long := make([]byte, 253)
	for i := range long {
		long[i] = 'a'
	}
	require.Equal(t, "gateway-n1", LeaseName("n1"))
	require.Len(t, LeaseName(string(long)), 253)
	require.NotEqual(t, LeaseName(string(long)), LeaseName(string(long[:252])))
	require.Empty(t, validation.IsDNS1123Subdomain(LeaseName(strings.Repeat("a.", 125)+"a")))
	require.Empty(t, validation.IsDNS1123Subdomain(LeaseName(strings.Repeat(".a", 125)[1:])))
}
