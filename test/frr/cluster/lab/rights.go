package lab

import (
	rbacv1 "k8s.io/api/rbac/v1"
)

var (
	reads = []string{"get", "list", "watch"}
	// everywhere is what a sidecar may do in the whole cluster, inMetalLBsNamespace what it may do there besides.
	everywhere = []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"services", "nodes", "namespaces"}, Verbs: reads},
		{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: reads},
		{APIGroups: []string{"", "events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
	}
	inMetalLBsNamespace = []rbacv1.PolicyRule{
		{APIGroups: []string{"metallb.io"}, Resources: []string{"bgppeers", "ipaddresspools", "bgpadvertisements", "bfdprofiles", "communities"}, Verbs: reads},
		{APIGroups: []string{""}, Resources: []string{"secrets", "configmaps"}, Verbs: reads},
	}
)
