package rights

// CopySource is the value of the chart with which objects are copied from an admin cluster.
const CopySource = "gdc.manager.source.kubeconfigSecret"

// Copied is the scope of what GDC's manager copies: the namespace of the cluster's objects, gdc.manager.source.namespace of the chart.
const Copied Scope = "copied namespace"

// Copies are the rights that "frr-renderer manager --source-kubeconfig" needs beside those of Manager, at the API server that it writes.
func Copies() []Right {
	change := []string{"create", "patch", "delete"}
	return onCopied(change, CopySource, "they are made as the source has them; changed and deleted is only what was copied")
}

// Source are the rights that it needs at the API server that it reads, in that namespace.
func Source() []Right { return onCopied(watched, "", "they are copied from there") }

// onCopied are these verbs on all kinds that are copied.
func onCopied(verbs []string, value, why string) []Right {
	const group, metal = "networking.gke.io", "baremetal.cluster.gke.io"
	return []Right{
		{Scope: Copied, Group: metal, Resource: "clusters", Verbs: verbs, If: value, Why: "AS number, routers and pools of the cluster: " + why},
		{Scope: Copied, Group: group, Resource: "networkgatewaygroups", Verbs: verbs, If: value, Why: "floating IPs: " + why},
		{Scope: Copied, Group: group, Resource: "bgploadbalancers", Verbs: verbs, If: value, Why: "which routers Services are announced to: " + why},
		{Scope: Copied, Group: group, Resource: "bgppeers", Verbs: verbs, If: value, Why: "routers: " + why},
	}
}
