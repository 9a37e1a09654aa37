package rights

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Scope says where a right holds.
type Scope string

// The scopes. Objects of MetalLB's, Secrets among them, are read in one namespace only.
const (
	Cluster   Scope = "cluster"
	Namespace Scope = "namespace"
)

// Right is what may be done with one kind of object, and why.
type Right struct {
	Scope    Scope
	Group    string // "" is the core group
	Resource string
	Verbs    []string
	// Names are the only objects that it is about; none: all.
	Names []string
	// NamesFrom is the path of the chart's value that may name the only objects, too.
	NamesFrom string
	// If is the path of the chart's value without which it is not needed; empty: it always is.
	If string
	// Why is a clause: what the program does with it.
	Why string
}

// watched is what a cache of objects asks for: all at first, then each change. It never gets one object.
var watched = []string{"list", "watch"}

// All returns every right, in the order in which the roles have them.
func All() []Right {
	return slices.Concat(objects(), metallb(), gateways(), written(), metrics())
}

// Without are those of the rights that are needed without a value of the chart.
func Without(all []Right, value string) []Right {
	return slices.DeleteFunc(slices.Clone(all), func(r Right) bool { return r.If == value })
}

// objects are those of Kubernetes that decide what is announced.
func objects() []Right {
	return []Right{
		{Scope: Cluster, Resource: "services", Verbs: watched, Why: "addresses to announce, and under which policy"},
		{Scope: Cluster, Group: "discovery.k8s.io", Resource: "endpointslices", Verbs: watched, Why: "whether a Service has endpoints, and on which nodes"},
		{Scope: Cluster, Resource: "nodes", Verbs: watched,
			Why: "labels, conditions and annotations of the node; one role serves all nodes, so it can't name one"},
	}
}

// metallb are MetalLB's objects and what they refer to, in its namespace.
func metallb() []Right {
	const group = "metallb.io"
	return []Right{
		{Scope: Namespace, Group: group, Resource: "bgppeers", Verbs: watched, Why: "sessions"},
		{Scope: Namespace, Group: group, Resource: "ipaddresspools", Verbs: watched, Why: "which addresses are MetalLB's"},
		{Scope: Namespace, Group: group, Resource: "bgpadvertisements", Verbs: watched, Why: "what is announced to whom, and how"},
		{Scope: Namespace, Group: group, Resource: "bfdprofiles", Verbs: watched, Why: "BFD of the sessions"},
		{Scope: Namespace, Group: group, Resource: "communities", Verbs: watched, Why: "names of communities"},
		{Scope: Cluster, Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions", Verbs: []string{"get"}, Names: []string{
			"bfdprofiles." + group, "bgpadvertisements." + group, "bgppeers." + group, "communities." + group, "ipaddresspools." + group,
		}, Why: "whether a kind that is not served was deleted with its objects, or only can't be read now"},
		{Scope: Namespace, Resource: "secrets", Verbs: watched, NamesFrom: "rbac.secretNames",
			Why: "passwords of sessions (passwordSecret); their names are people's to choose"},
		{Scope: Namespace, Resource: "configmaps", Verbs: watched, Names: []string{"bgpextras"}, Why: "bgpextras, by name"},
	}
}

// GDC is the value of the chart that turns floating IPs on.
const GDC = "gdc.enabled"

// gateways are GDC's objects, and what a node tells of itself as one that may hold floating IPs.
func gateways() []Right {
	const group, metal = "networking.gke.io", "baremetal.cluster.gke.io"
	all := []Right{
		{Scope: Cluster, Group: metal, Resource: "clusters", Verbs: watched, Why: "AS number, routers and pools of the cluster; GDC has it in a namespace of its own"},
		{Scope: Cluster, Group: group, Resource: "networkgatewaygroups", Verbs: watched, Why: "floating IPs, and where the manager has placed them"},
		{Scope: Cluster, Group: group, Resource: "bgploadbalancers", Verbs: watched, Why: "which routers Services are announced to"},
		{Scope: Cluster, Group: group, Resource: "bgppeers", Verbs: watched, Why: "routers"},
		{Scope: Cluster, Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions", Verbs: []string{"get"}, Names: []string{
			"bgploadbalancers." + group, "bgppeers." + group, "bgpsessions." + group, "clusters." + metal, "networkgatewaygroups." + group,
		}, Why: "whether a kind that is not served was deleted with its objects, or only can't be read now"},
		{Scope: Reports, Group: group, Resource: "bgpsessions", Verbs: watched, Why: "which sessions there are, so that they stay where they are"},
		{Scope: Reports, Group: group, Resource: "bgpsessions/status", Verbs: []string{"patch"}, Why: "whether the node's own sessions are established, and what the routers receive"},
		{Scope: Reports, Group: group, Resource: "networkgatewaynodes", Verbs: []string{"get", "create", "delete"},
			Why: "the node's own report, named as the node, which owns it; some clusters let only those give an owner who may delete"},
		{Scope: Reports, Group: group, Resource: "networkgatewaynodes/status", Verbs: []string{"patch"}, Why: "subnets and floating IPs of the node, in its own report"},
		{Scope: Namespace, Group: "coordination.k8s.io", Resource: "leases", Verbs: []string{"get", "create", "update"},
			Why: "the node's sign of life, gateway-NODE; one role serves all nodes, so it can't name one, and the manager's own Lease is there, too"},
	}
	for i := range all {
		all[i].If = GDC
	}
	return all
}

// written is what the program tells.
func written() []Right {
	return []Right{
		{Scope: Cluster, Group: "events.k8s.io", Resource: "events", Verbs: []string{"create", "patch"},
			Why: "Events about Services and nodes, which are in all namespaces; patch counts one up that comes again"},
		{Scope: Namespace, Group: "metallb.io", Resource: "configurationstates", Verbs: kept,
			Why: "whether the node can use the objects, made anew when somebody deletes it; some clusters let only those change an owner who may delete"},
		{Scope: Namespace, Group: "metallb.io", Resource: "configurationstates/status", Verbs: []string{"patch"}, Why: "its text"},
		{Scope: Namespace, Group: "metallb.io", Resource: "servicebgpstatuses", Verbs: kept, If: serviceStatus, Why: "what the node announces to whom"},
		{Scope: Namespace, Group: "metallb.io", Resource: "servicebgpstatuses/status", Verbs: []string{"patch"}, If: serviceStatus, Why: "its text"},
		{Scope: Namespace, Resource: "pods", Verbs: []string{"get"}, Why: "the UID of the speaker's own pod, which owns the two; their names are not known beforehand"},
	}
}

// kept is what objects of our own take.
var kept = []string{"list", "watch", "create", "patch", "delete"}

const serviceStatus = "speaker.serviceStatus"

// metrics are questions about who reads /metrics.
func metrics() []Right {
	return []Right{
		{Scope: Cluster, Group: "authentication.k8s.io", Resource: "tokenreviews", Verbs: []string{"create"}, Why: "who asks for /metrics"},
		{Scope: Cluster, Group: "authorization.k8s.io", Resource: "subjectaccessreviews", Verbs: []string{"create"}, Why: "whether they may have it"},
	}
}

// Rules are the rights of one scope as rules of a role, one a right. The namespace of the Namespace scope is that of the role.
func Rules(all []Right, scope Scope) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for _, r := range all {
		if r.Scope == scope {
			rules = append(rules, r.Rule())
		}
	}
	return rules
}

// Rule is the right as a rule of a role.
func (r Right) Rule() rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{r.Group}, Resources: []string{r.Resource}, Verbs: slices.Clone(r.Verbs), ResourceNames: slices.Clone(r.Names)}
}

// Reports is the scope of what GDC's manager tells: namespace kube-system.
const Reports Scope = "kube-system"

// Manager returns the rights of GDC's manager. Where GDC's objects are in one namespace that is known, those of the cluster scope may be given
// there alone, but for nodes, Services, their endpoints and definitions.
func Manager() []Right {
	const group, metal = "networking.gke.io", "baremetal.cluster.gke.io"
	told := "who holds which floating IP, and what is wrong with the object"
	return append([]Right{
		{Scope: Cluster, Resource: "nodes", Verbs: watched, Why: "which can hold floating IPs, and take traffic"},
		{Scope: Cluster, Resource: "services", Verbs: watched, Why: "addresses to announce, and under which policy"},
		{Scope: Cluster, Group: "discovery.k8s.io", Resource: "endpointslices", Verbs: watched, Why: "whether a Service has endpoints, and on which nodes"},
		{Scope: Cluster, Group: metal, Resource: "clusters", Verbs: watched, Why: "AS number, routers and pools of the cluster"},
		{Scope: Cluster, Group: group, Resource: "networkgatewaygroups", Verbs: watched, Why: "floating IPs"},
		{Scope: Cluster, Group: group, Resource: "bgploadbalancers", Verbs: watched, Why: "which routers Services are announced to"},
		{Scope: Cluster, Group: group, Resource: "bgppeers", Verbs: watched, Why: "routers"},
		{Scope: Cluster, Group: group, Resource: "networkgatewaygroups/status", Verbs: []string{"update"}, Why: told},
		{Scope: Cluster, Group: group, Resource: "bgploadbalancers/status", Verbs: []string{"update"}, Why: "what is wrong with the object"},
		{Scope: Cluster, Group: group, Resource: "bgppeers/status", Verbs: []string{"update"}, Why: "what is wrong with the object"},
		{Scope: Cluster, Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions", Verbs: []string{"get"}, Names: []string{
			"bgpadvertisedroutes." + group, "bgploadbalancers." + group, "bgppeers." + group, "bgpsessions." + group, "clusters." + metal,
			"ipaddresspools.metallb.io", "networkgatewaygroups." + group, "networkgatewaynodes." + group,
		}, Why: "whether a kind that is not served was deleted with its objects, or only can't be read now"},
		{Scope: Reports, Group: group, Resource: "networkgatewaynodes", Verbs: watched, Why: "what nodes tell of their subnets and floating IPs"},
		{Scope: Reports, Group: group, Resource: "bgpsessions", Verbs: kept, Why: "the sessions that there shall be"},
		{Scope: Reports, Group: group, Resource: "bgpsessions/status", Verbs: []string{"update"}, Why: "that a session is NotEstablished, until its agent tells"},
		{Scope: Reports, Group: group, Resource: "bgpadvertisedroutes", Verbs: kept, Why: "the routes that are announced"},
		{Scope: Namespace, Group: "metallb.io", Resource: "ipaddresspools", Verbs: watched, Why: "which addresses are Services'"},
		{Scope: Namespace, Group: "coordination.k8s.io", Resource: "leases", Verbs: []string{"list", "watch", "create"},
			Why: "which nodes' agents live; create makes the Lease of the one manager that works"},
		{Scope: Namespace, Group: "coordination.k8s.io", Resource: "leases", Verbs: []string{"get", "update"}, Names: []string{"frr-renderer-manager"},
			Why: "the election of the one manager that works"},
		{Scope: Cluster, Group: "events.k8s.io", Resource: "events", Verbs: []string{"create"},
			Why: "Events about objects with problems that no condition tells, in all namespaces"},
	}, metrics()...)
}
