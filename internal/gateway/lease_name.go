package gateway

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// LeasePrefix begins the names of the Leases that agents of gateway nodes renew, in the manager's namespace; the node's name follows. The
// holder is the node's name. They are not in kube-node-lease: who may renew Leases there could keep any dead node Ready, and the watch would
// bring the heartbeat of every kubelet.
const LeasePrefix = "gateway-"

// Each renewal of a Lease that has the annotation SessionsNote with the value NoSessions says once more that no session of the node's floating IPs is up: what
// BGPSessions say may be old, where an API server takes renewals and nothing else.
const (
	SessionsNote = "frr-renderer.io/sessions"
	NoSessions   = "none"
)

// LeaseName is the name of a gateway node's Lease.
func LeaseName(node string) string {
	name := LeasePrefix + node
	if len(name) <= maxName {
		return name
	}
	h := fnv.New32a()
	fmt.Fprint(h, node)
	return fmt.Sprintf("%s-%08x", strings.TrimRight(name[:maxName-9], "-."), h.Sum32())
}
