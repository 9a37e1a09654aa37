package snapshot

import (
	"testing"

	"github.com/stretchr/testify/require"

	baremetalv1 "github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1"
	"github.com/frr-renderer/frr-renderer/api/gdc/baremetal/v1alpha1"
)

func TestRangesOfPodsAreCheckedBesideACluster(t *testing.T) {
	gdc := GDC{CIDRConfigs: []*v1alpha1.ClusterCIDRConfig{{}}}
	_, ok := GatewayInput(Objects{GDC: gdc}, Options{})
	require.False(t, ok, "they ask for nothing by themselves")
	gdc.Clusters = []*baremetalv1.Cluster{{}}
	in, ok := GatewayInput(Objects{GDC: gdc}, Options{})
	require.True(t, ok)
	require.Equal(t, gdc.CIDRConfigs, in.CIDRConfigs)
}
