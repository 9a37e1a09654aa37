package rights

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheManagerMayReadNoSecretsAndChangeNoObjectsOfPeople(t *testing.T) {
	for _, r := range Manager() {
		require.Contains(t, []Scope{Cluster, Namespace, Reports}, r.Scope, r.Resource)
		require.NotEmpty(t, r.Why, r.Resource)
		require.NotContains(t, []string{"secrets", "configmaps", "pods"}, r.Resource)
		for _, verb := range r.Verbs {
			require.NotEqual(t, "*", verb)
			switch r.Resource {
			case "nodes", "services", "clusters", "networkgatewaygroups", "bgploadbalancers", "bgppeers", "ipaddresspools":
				require.Contains(t, watched, verb, r.Resource)
			}
		}
	}
}
