package manager

import (
	"fmt"
	"hash/fnv"
)

// maxName is how long the name of an object may be (Kubernetes, DNS subdomain names).
const maxName = 253

// LeaseName is the name of a gateway node's Lease.
func LeaseName(node string) string {
	name := LeasePrefix + node
	if len(name) <= maxName {
		return name
	}
	h := fnv.New32a()
	fmt.Fprint(h, node)
	return fmt.Sprintf("%s-%08x", name[:maxName-9], h.Sum32())
}
