package nodereport_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/frr-renderer/frr-renderer/internal/rights"
)

// agentRights are those that a Writer needs.
func agentRights() []rights.Right {
	const group = "networking.gke.io"
	return []rights.Right{
		{Scope: rights.Cluster, Resource: "nodes", Verbs: []string{"list"}},
		{Scope: rights.Cluster, Group: group, Resource: "networkgatewaygroups", Verbs: []string{"list"}},
		{Scope: rights.Reports, Group: group, Resource: "networkgatewaynodes", Verbs: []string{"get", "create", "delete"}},
		{Scope: rights.Reports, Group: group, Resource: "networkgatewaynodes/status", Verbs: []string{"patch"}},
		{Scope: rights.Reports, Group: group, Resource: "bgpsessions", Verbs: []string{"list", "watch"}},
		{Scope: rights.Reports, Group: group, Resource: "bgpsessions/status", Verbs: []string{"patch"}},
		{Scope: rights.Namespace, Group: "coordination.k8s.io", Resource: "leases", Verbs: []string{"get", "create", "update"}},
	}
}

// agent is a user with these rights.
func (l *lab) agent(t *testing.T, name string, all ...rights.Right) *rest.Config {
	t.Helper()
	user := l.User(t, name, rights.Rules(all, rights.Cluster)...)
	l.Grant(t, name, ownSpace, rights.Rules(all, rights.Namespace)...)
	l.Grant(t, name, reports, rights.Rules(all, rights.Reports)...)
	return user
}

type rightOf = rights.Right

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
