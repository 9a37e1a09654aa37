package nodereport_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/frr-renderer/frr-renderer/internal/rights"
)

// agentRights are those of an agent that a Writer needs.
func agentRights() []rights.Right {
	needs := []string{"nodes", "networkgatewaygroups", "networkgatewaynodes", "networkgatewaynodes/status", "bgpsessions", "bgpsessions/status", "leases"}
	return slices.DeleteFunc(rights.All(), func(r rights.Right) bool { return !slices.Contains(needs, r.Resource) })
}

// agent is a user with these rights.
func (l *lab) agent(t *testing.T, name string, all ...rights.Right) *rest.Config {
	t.Helper()
	user := l.User(t, name, rights.Rules(all, rights.Cluster)...)
	l.Grant(t, name, ownSpace, rights.Rules(all, rights.Namespace)...)
	l.Grant(t, name, reports, rights.Rules(all, rights.Reports)...)
	return user
}

// grant gives a user all these rights, in place of those before.
func (l *lab) grant(t *testing.T, name string, all ...rights.Right) {
	t.Helper()
	for namespace, scope := range map[string]rights.Scope{ownSpace: rights.Namespace, reports: rights.Reports} {
		roles := l.Client.RbacV1().Roles(namespace)
		role, err := roles.Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err)
		role.Rules = rights.Rules(all, scope)
		_, err = roles.Update(t.Context(), role, metav1.UpdateOptions{})
		require.NoError(t, err)
	}
}
