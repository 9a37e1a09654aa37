package status

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/frr-renderer/frr-renderer/internal/problem"
)

func TestAnEventIsAboutTheObjectOfItsGroup(t *testing.T) {
	for object, want := range map[problem.Object]string{
		{Group: "metallb.io", Kind: "BGPPeer"}:               "metallb.io/v1beta2",
		{Group: "metallb.io", Kind: "IPAddressPool"}:         "metallb.io/v1beta1",
		{Group: "networking.gke.io", Kind: "BGPPeer"}:        "networking.gke.io/v1",
		{Group: "baremetal.cluster.gke.io", Kind: "Cluster"}: "baremetal.cluster.gke.io/v1",
		{Kind: "ConfigMap"}:                                  "v1",
	} {
		require.Equal(t, want, objectReference(object, "").APIVersion, object)
	}
}
